//! What callers may spend together: the calls of a fleet of machines, and the retries of one process.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::session::store::{Lease, Storing};
use crate::table::{Limit, Quota};

/// Counts calls for all processes that share it. Without one, each process counts for itself.
pub trait SharedBudget: fmt::Debug + Send + Sync {
    /// Takes what a call needs of each limit: of all of them, or of none.
    fn take<'a>(&'a self, claims: &'a [Claim]) -> Storing<'a, Taken>;

    /// The vendor says that nothing is left of this limit for so long.
    fn close<'a>(&'a self, claim: &'a Claim, wait: Duration) -> Storing<'a, ()>;
}

/// The outcome of [`SharedBudget::take`].
#[derive(Debug)]
pub enum Taken {
    /// The call may go; its place is given back when the lease is dropped.
    Granted(Lease),
    /// Nothing was taken.
    Wait {
        /// Which of the claims there is nothing left of, by its place in the list; of several, the one that takes longest.
        claim: usize,
        /// When to ask again.
        wait: Duration,
    },
}

/// One limit that a call counts into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Names the limit and the account, the same in every process. It holds fingerprints where it would hold secrets.
    pub key: String,
    /// The limit.
    pub quota: Quota,
}

impl Claim {
    pub(crate) fn new(scope: &str, limit: &Limit, account: &[&str]) -> Self {
        Self { key: format!("{scope}|{}|{}", limit.name, account.join("|")), quota: limit.quota }
    }
}

/// For how long a call counts into a window of `per` that slides. We count it when it leaves, the vendor when it arrives, and the first of a window
/// may be longer on its way than the last: a window of exactly the vendor's length would now and then let one call too many through.
pub(crate) fn counts_for(per: Duration) -> Duration {
    per + ON_THE_WAY
}

/// How much later than the last call of a window its first one may arrive.
const ON_THE_WAY: Duration = Duration::from_millis(250);

/// What tries after a failure may cost all callers together: when most calls fail, few are tried again, so that a client does not
/// make a vendor's outage worse. The sizes are those of the AWS SDKs' retry quota.
#[derive(Debug)]
pub(crate) struct RetryBudget(AtomicI64);

const FULL: i64 = 500;
const A_RETRY_COSTS: i64 = 5;

impl Default for RetryBudget {
    fn default() -> Self {
        Self(AtomicI64::new(FULL))
    }
}

impl RetryBudget {
    /// Pays for one more try; `false` if there is nothing left.
    pub(crate) fn pay(&self) -> bool {
        let pay = |left: i64| (left >= A_RETRY_COSTS).then(|| left - A_RETRY_COSTS);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok()
    }

    /// A call succeeded.
    pub(crate) fn earn(&self) {
        // Full most of the time: then nothing is written, and no two threads fight over the line.
        if self.0.load(Ordering::Relaxed) < FULL {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_run_out_and_successes_bring_them_back() {
        let budget = RetryBudget::default();
        assert_eq!((0..1000).filter(|_| budget.pay()).count(), 100);
        (0..4).for_each(|_| budget.earn());
        assert!(!budget.pay());
        budget.earn();
        assert!(budget.pay() && !budget.pay());
    }
}
