//! How long to wait, how often to try: the numbers, and the decision whether to try again.

use std::time::Duration;

use crate::session::SessionPolicy;
use crate::table::Operation;

/// Time limits and tries. Every time is in the caller's hands: [`Policy::default`] fits a batch job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// For a connection to be made. Default 10 s.
    pub connect: Duration,
    /// For one request and its whole answer. Default 60 s: BILL's slowest documented lists take several seconds.
    pub attempt: Duration,
    /// For a whole call with its sign-in, waits and tries. Default 5 min.
    pub call: Duration,
    /// How often a call is tried at most, the first try included; the one replay after a dead session is not counted. Default 4.
    pub tries: u32,
    /// The first back-off is up to this long, and each further one up to twice the last. Default 1 s: BILL suggests 2^retries seconds.
    pub back_off: Duration,
    /// No back-off is longer, whatever `Retry-After` says. Default 60 s.
    pub longest_back_off: Duration,
    /// An answer of more bytes than this is refused as `decode`, unless it is one that is streamed. Default 64 MiB: BILL's longest page has
    /// 999 rows, of some kilobytes each.
    pub longest_answer: usize,
    /// How much before the vendor's idle limit a session counts as gone. Default 10 s. A session that ends earlier all the same
    /// costs one refused call and is replaced.
    pub idle_margin: Duration,
    /// How long a refusal of the credentials is remembered, so that a loop cannot lock the login. Default 1 h.
    pub hold_off: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            attempt: Duration::from_secs(60),
            call: Duration::from_secs(300),
            tries: 4,
            back_off: Duration::from_secs(1),
            longest_back_off: Duration::from_secs(60),
            longest_answer: 64 << 20,
            idle_margin: Duration::from_secs(10),
            hold_off: Duration::from_secs(3600),
        }
    }
}

/// Longer than a sign-in takes, and than a dead process keeps its turn in Redis: however little time a call has, not all sign in for want of it.
const LEAST_LEASE: Duration = Duration::from_secs(40);

impl Policy {
    /// What of it is the sessions'.
    pub(super) fn of_sessions(&self) -> SessionPolicy {
        SessionPolicy {
            margin: self.idle_margin,
            hold_off: self.hold_off,
            pause: self.back_off,
            longest_pause: self.longest_back_off.saturating_mul(2),
            longest_lease: (self.call / 2).max(LEAST_LEASE),
        }
    }

    /// The back-off before try `next` (2 is the first one that has one): full jitter, that is anything from nothing to the bound, so
    /// that many clients do not come back at once. What the vendor asked for is a lower bound.
    pub(super) fn back_off(&self, next: u32, retry_after: Option<Duration>, random: f64) -> Duration {
        let bound = self.back_off.saturating_mul(1 << next.saturating_sub(2).min(16)).min(self.longest_back_off);
        bound.mul_f64(random.clamp(0.0, 1.0)).max(retry_after.unwrap_or_default()).min(self.longest_back_off)
    }
}

/// What is known of a failed try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The vendor did not act: it refused, or was never reached.
    NotActed,
    /// Nobody knows.
    Unknown,
}

/// What to do after a failed try that may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Back off and send it again.
    Again,
    /// Give the error to the caller.
    GiveUp,
    /// Give it to the caller as `ambiguous`.
    Ambiguous,
}

/// Decides whether a failed try is followed by another. A call that must not be sent twice is not, unless the vendor did not act.
pub(super) fn next(operation: &Operation, fate: Fate, tries: u32, policy: &Policy) -> Next {
    match fate {
        Fate::Unknown if !operation.replay_safe => Next::Ambiguous,
        _ if tries >= policy.tries => Next::GiveUp,
        _ => Next::Again,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn back_off_keeps_its_bounds(next in 2_u32..40, asked in proptest::option::of(0_u64..500), random in 0.0..1.0_f64) {
            let policy = Policy::default();
            let asked = asked.map(Duration::from_secs);
            let wait = policy.back_off(next, asked, random);
            prop_assert!(wait <= policy.longest_back_off);
            prop_assert!(wait >= asked.unwrap_or_default().min(policy.longest_back_off));
            if asked.is_none() {
                prop_assert!(wait <= policy.back_off * (1 << (next - 2).min(16)));
            }
        }
    }
}
