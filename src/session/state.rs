//! The session's state, and the one decision about it: a pure function of the state and the time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::SessionPolicy;
use super::clock::{FAR, millis, whole_millis};
use super::grant::Grant;
use crate::error::Error;
use crate::table::Way;

/// A session that the vendor granted.
#[derive(Debug)]
pub struct Live {
    /// Counts the sign-ins of this session value; a refusal names the generation that it met.
    pub generation: u64,
    /// What calls present.
    pub grant: Grant,
    /// What a store knows it by; `None` where there is no store.
    pub id: Option<String>,
    /// When it was granted.
    pub since: SystemTime,
    /// It came out of a store: somebody else signed in for it, and it may be dead already.
    pub stored: bool,
    trusted: AtomicBool,
    /// Of the last completed call: twice the milliseconds since 1970, and one more if it was only made to keep the session warm.
    last_used: AtomicU64,
    /// The operations that refused it when it was fresh, and when, by the monotonic clock.
    refused_to: Mutex<Vec<(&'static str, Duration)>>,
}

/// For how long an operation that refused a fresh session is believed to mean something else than the session. A loop over an operation that
/// the user has no right to would else cost one of the vendor's 200 sign-ins an hour at each call.
const REFUSAL_HOLDS: Duration = Duration::from_secs(60);

impl Live {
    pub(super) fn new(
        generation: u64,
        grant: Grant,
        id: Option<String>,
        since: SystemTime,
        last_used: SystemTime,
        stored: bool,
    ) -> Self {
        let trusted = AtomicBool::new(grant.trusted.unwrap_or(false));
        let last_used = AtomicU64::new(millis(last_used).min(FAR) << 1);
        Self { generation, grant, id, since, stored, trusted, last_used, refused_to: Mutex::default() }
    }

    /// Notes a completed call: the idle time counts from here.
    pub(super) fn touch(&self, now: u64) {
        self.last_used.store(now << 1, Ordering::Relaxed);
    }

    /// The same of one that was only made to keep the session warm.
    pub(super) fn touch_to_warm(&self, now: u64) {
        self.last_used.store(now << 1 | 1, Ordering::Relaxed);
    }

    /// When the last call completed, in milliseconds since 1970.
    pub(super) fn last_used(&self) -> u64 {
        self.last_used.load(Ordering::Relaxed) >> 1
    }

    /// The same, if that call was made for its own sake.
    pub(super) fn last_real_use(&self) -> Option<u64> {
        let used = self.last_used.load(Ordering::Relaxed);
        (used & 1 == 0).then_some(used >> 1)
    }

    /// How long no call has completed. Zero if the clock has gone back.
    pub fn idle(&self, now: SystemTime) -> Duration {
        Duration::from_millis(self.idle_millis(millis(now)))
    }

    pub(super) fn idle_millis(&self, now: u64) -> u64 {
        now.saturating_sub(self.last_used())
    }

    /// Whether the session is MFA-trusted, as far as the vendor has said.
    pub fn trusted(&self) -> bool {
        self.trusted.load(Ordering::Relaxed)
    }

    pub(crate) fn set_trusted(&self, trusted: bool) {
        self.trusted.store(trusted, Ordering::Relaxed);
    }

    /// Notes that an operation refused this session as dead when it was fresh.
    pub(crate) fn note_refused_to(&self, operation: &'static str, monotonic: Duration) {
        let mut refused = self.refused_to.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|(other, _)| *other != operation);
        refused.push((operation, monotonic));
    }

    /// Whether it did so less than a minute ago: a refusal of this operation says nothing about the session then.
    pub(crate) fn is_refused_to(&self, operation: &str, monotonic: Duration) -> bool {
        let refused = self.refused_to.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().any(|(other, at)| *other == operation && monotonic.saturating_sub(*at) < REFUSAL_HOLDS)
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Default)]
pub(crate) enum Phase {
    /// No session: never signed in, or signed out.
    #[default]
    Cold,
    /// No session: the vendor refused the last one as dead.
    Dead,
    /// A session that was alive when last heard of.
    Live(Arc<Live>),
    /// The vendor refused the credentials or locked the login. Trying again would lock it or keep it locked.
    Refused {
        /// What every caller gets.
        error: Box<Error>,
        /// When it was refused, by the monotonic clock.
        at: Duration,
    },
}

/// How long things hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    /// How many milliseconds a session may idle and still count as alive: the vendor's limit less the margin, or less half of it if that is less.
    lasts: Option<u64>,
    /// One for all sessions at an address.
    pub(crate) policy: Arc<SessionPolicy>,
}

/// What to do for a caller who wants the session.
#[derive(Debug, Clone)]
pub(crate) enum Decision {
    /// Go with this one.
    Use(Arc<Live>),
    /// Sign in.
    SignIn(Cause),
    /// Tell the caller what was remembered.
    Fail(Error),
}

/// Why a sign-in was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There was none.
    Cold,
    /// The vendor refused the last one as dead.
    Dead,
    /// It had idled for as long as the vendor allows.
    Idle,
    /// The hold-off after a refusal has passed.
    HoldOffPassed,
}

impl Cause {
    /// The word for logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Dead => "dead",
            Self::Idle => "idle",
            Self::HoldOffPassed => "hold-off-passed",
        }
    }
}

/// Decides, from the state and the two clocks alone; `now` is in milliseconds since 1970.
pub(crate) fn decide(phase: &Phase, terms: &Terms, now: u64, monotonic: Duration) -> Decision {
    match phase {
        Phase::Cold => Decision::SignIn(Cause::Cold),
        Phase::Dead => Decision::SignIn(Cause::Dead),
        Phase::Live(live) if terms.is_over(live.idle_millis(now)) => Decision::SignIn(Cause::Idle),
        Phase::Live(live) => Decision::Use(live.clone()),
        Phase::Refused { at, .. } if monotonic.saturating_sub(*at) >= terms.policy.hold_off => {
            Decision::SignIn(Cause::HoldOffPassed)
        }
        Phase::Refused { error, .. } => Decision::Fail((**error).clone()),
    }
}

impl Terms {
    /// `idle` is the vendor's limit.
    pub(super) fn new(idle: Option<Duration>, policy: Arc<SessionPolicy>) -> Self {
        let lasts = idle.map(|limit| whole_millis(limit.saturating_sub(policy.margin.min(limit / 2))));
        Self { lasts, policy }
    }

    /// Whether a session that has been idle for so many milliseconds counts as gone: the vendor has ended it, or is about to.
    pub(super) fn is_over(&self, idle: u64) -> bool {
        self.lasts.is_some_and(|lasts| idle >= lasts)
    }

    /// For how much longer it counts as alive; `None` where it may idle for ever.
    pub(super) fn left(&self, idle: Duration) -> Option<Duration> {
        self.lasts.map(|lasts| Duration::from_millis(lasts).saturating_sub(idle))
    }
}

/// What a failed sign-in leaves behind: a refusal of the credentials is remembered, everything else may pass. That of another session, under
/// which this one signs in, is remembered there, and for no longer.
pub(crate) fn after_failure(error: &Error, way: &Way, monotonic: Duration) -> Phase {
    let is_own = match error {
        Error::SignInRejected { way: refused, .. } => *refused == way.name,
        Error::LockedOut { operation, .. } => way.operation == Some(operation),
        _ => false,
    };
    if is_own { Phase::Refused { error: Box::new(error.clone()), at: monotonic } } else { Phase::Cold }
}

/// The pauses between sign-ins that fail by something that may pass: an outage must not use up the vendor's sign-ins.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pauses {
    failures: u32,
    until: Duration,
}

impl Pauses {
    /// One more has failed. The first is followed by no pause: it has made several tries itself.
    pub(crate) fn failed(&mut self, policy: &SessionPolicy, monotonic: Duration) {
        let pause = match self.failures {
            0 => Duration::ZERO,
            earlier => policy.pause.saturating_mul(1 << (earlier - 1).min(16)).min(policy.longest_pause),
        };
        self.failures = self.failures.saturating_add(1);
        self.until = monotonic.saturating_add(pause);
    }

    /// How long the next one has to wait.
    pub(crate) fn left(&self, monotonic: Duration) -> Duration {
        self.until.saturating_sub(monotonic)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::clock::time_of;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(35 * 60);
    fn terms() -> Terms {
        Terms::new(Some(LIMIT), Arc::default())
    }

    fn at(seconds: u64) -> u64 {
        (1_000_000 + seconds) * 1000
    }

    fn live() -> Arc<Live> {
        let (grant, granted) = (Grant::new([("session", "example".into())]).unwrap(), time_of(at(0)));
        Arc::new(Live::new(1, grant, None, granted, granted, false))
    }

    static WAY: Way = Way {
        name: "developer-key",
        summary: "",
        operation: Some("login"),
        session: "",
        trusted: None,
        user: None,
        provides: &[],
        idle: None,
        sign_out: None,
        source: "",
    };

    fn rejected() -> Error {
        Error::SignInRejected { way: WAY.name, refusal: Box::default() }
    }

    #[test]
    fn without_a_session_one_signs_in() {
        assert!(matches!(decide(&Phase::Cold, &terms(), at(0), Duration::ZERO), Decision::SignIn(Cause::Cold)));
    }

    #[test]
    fn the_idle_limit_counts_from_the_last_completed_call() {
        let live = live();
        live.touch(at(1000));
        let phase = Phase::Live(live);
        assert!(matches!(decide(&phase, &terms(), at(1000 + 35 * 60 - 11), Duration::ZERO), Decision::Use(_)));
        assert!(matches!(
            decide(&phase, &terms(), at(1000 + 35 * 60 - 10), Duration::ZERO),
            Decision::SignIn(Cause::Idle)
        ));
    }

    #[test]
    fn a_clock_that_went_back_does_not_end_a_session() {
        let phase = Phase::Live(live());
        assert!(matches!(decide(&phase, &terms(), 0, Duration::ZERO), Decision::Use(_)));
    }

    #[test]
    fn a_refusal_is_remembered_until_the_hold_off_has_passed() {
        let phase = after_failure(&rejected(), &WAY, Duration::from_secs(5));
        assert!(matches!(decide(&phase, &terms(), at(0), Duration::from_secs(3604)), Decision::Fail(_)));
        assert!(matches!(
            decide(&phase, &terms(), at(0), Duration::from_secs(3605)),
            Decision::SignIn(Cause::HoldOffPassed)
        ));
    }

    #[test]
    fn a_fault_that_may_pass_is_not_remembered() {
        let timeout = Error::Timeout { operation: "login", what: "the answer", limit: Duration::ZERO };
        assert!(matches!(after_failure(&timeout, &WAY, Duration::ZERO), Phase::Cold));
    }

    #[test]
    fn a_refusal_of_the_session_that_this_one_signs_in_under_is_remembered_there() {
        let (locked, user) = (
            |operation| Error::LockedOut { operation, refusal: Box::default() },
            Way { name: "partner-user", operation: Some("loginAsUser"), ..WAY },
        );
        for (error, way, is_remembered) in [
            (rejected(), &WAY, true),
            (rejected(), &user, false),
            (locked("login"), &WAY, true),
            (locked("login"), &user, false),
            (locked("loginAsUser"), &user, true),
        ] {
            let phase = after_failure(&error, way, Duration::ZERO);
            assert_eq!(matches!(phase, Phase::Refused { .. }), is_remembered, "{error} under {}", way.name);
        }
    }

    #[test]
    fn an_outage_of_an_hour_costs_a_part_of_the_sign_ins() {
        let (mut pauses, mut now, mut failures) = (Pauses::default(), Duration::ZERO, 0);
        while now < Duration::from_secs(3600) {
            pauses.failed(&SessionPolicy::default(), now);
            failures += 1;
            now += pauses.left(now);
        }
        assert!(failures * 4 < 200, "at four tries each, of the 200 that BILL allows: {failures}");
    }

    #[test]
    fn an_operation_that_refused_a_fresh_session_is_not_believed_for_a_minute() {
        let live = live();
        live.note_refused_to("listVendors", Duration::from_secs(5));
        assert!(live.is_refused_to("listVendors", Duration::from_secs(64)));
        assert!(!live.is_refused_to("listVendors", Duration::from_secs(65)));
        assert!(!live.is_refused_to("listBills", Duration::from_secs(5)));
    }

    proptest! {
        /// A session is used exactly while the vendor still holds it, less the margin; and for ever where there is no limit.
        #[test]
        fn used_exactly_within_the_limit(limit in proptest::option::of(1_u64..200_000), margin in 0_u64..100, idle in 0_u64..400_000) {
            let policy = SessionPolicy { margin: Duration::from_secs(margin), ..SessionPolicy::default() };
            let terms = Terms::new(limit.map(Duration::from_secs), Arc::new(policy));
            let decision = decide(&Phase::Live(live()), &terms, at(idle), Duration::ZERO);
            let within = limit.is_none_or(|limit| idle * 2 < limit * 2 - (margin * 2).min(limit));
            prop_assert_eq!(matches!(decision, Decision::Use(_)), within);
        }
    }
}
