//! Pacing: keeps calls within what the vendor allows, so that it has nothing to refuse.
//!
//! Waiting is in line, for a place among those under way as for the next window; it costs no call, and a caller who gives up leaves
//! nothing behind. What is counted is in [`Window`], without a clock: the time is handed in, in milliseconds since 1970. Who waits, and
//! for how long, is decided in `admit`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::budget::{Claim, RetryBudget, counts_for};
use super::window::Window;
use crate::sync::{Mutex, MutexGuard};
use crate::table::{Api, Limit, Quota};

/// Whose calls these are, in the words of the specs' limits: the developer key's, the organization's. The values tell one from
/// another, and are fingerprints where they would be secrets.
#[derive(Clone, Default)]
pub struct Account(Vec<(&'static str, String)>);

impl Account {
    /// An account of these parts, such as `[("devKey", ...), ("organization", ...)]`.
    pub fn new(parts: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(parts.into_iter().collect())
    }

    fn part(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(part, _)| *part == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(part, _)| part)).finish()
    }
}

/// The gauges of all accounts at one vendor's address.
#[derive(Debug)]
pub(crate) struct Pacer {
    /// The vendor, in a word that is the same in every process.
    scope: String,
    pub(crate) retries: RetryBudget,
    gauges: Mutex<Gauges>,
}

#[derive(Debug, Default)]
struct Gauges {
    /// By the limit's name and the account's parts, in one text.
    by_account: HashMap<Box<str>, Arc<Tally>>,
    /// How many there are when those that nobody needs any more are looked for.
    look_at: usize,
}

impl Pacer {
    pub(crate) fn new(scope: &str) -> Self {
        Self { scope: scope.to_owned(), retries: RetryBudget::default(), gauges: Mutex::default() }
    }

    /// The gauges that a call of this account may have to pass, in the order in which it passes them. Looked up once a connection, not once a
    /// call. `shared`: there is somebody to count with, and so the accounts need names that are the same to all.
    pub(crate) fn meters(&self, api: &'static Api, account: &Account, shared: bool) -> Vec<Meter> {
        let mut gauges = lock(&self.gauges);
        gauges.make_room();
        let meters = api.limits.iter().filter_map(|limit| {
            let parts: Vec<&str> = limit.by.iter().map(|part| account.part(part)).collect::<Option<_>>()?;
            // Specs of one vendor share a limit by giving it one name.
            let key = [&[limit.name], &parts[..]].concat().join("\0").into();
            let tally = gauges.by_account.entry(key).or_insert_with(|| {
                let claim = shared.then(|| Claim::new(&self.scope, limit, &parts));
                Arc::new(Tally { gauge: Gauge::new(limit.quota), claim: claim.map(Box::new) })
            });
            Some(Meter { limit, tally: tally.clone() })
        });
        let mut meters: Vec<Meter> = meters.collect();
        // Whoever finds no place has not been counted yet; and whoever has to wait for what few calls share has taken nothing of what all do.
        meters.sort_by_key(|meter| (meter.at_once().is_none(), meter.limit.operations.is_empty()));
        meters
    }
}

impl Gauges {
    /// Forgets the gauges that nobody holds and that have counted nothing; an account that comes back gets new ones.
    fn make_room(&mut self) {
        if self.by_account.len() < self.look_at.max(64) {
            return;
        }
        self.by_account.retain(|_, tally| Arc::strong_count(tally) > 1 || !tally.gauge.is_blank());
        self.look_at = self.by_account.len() * 2;
    }
}

/// One limit, for one account.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(crate) limit: &'static Limit,
    tally: Arc<Tally>,
}

#[derive(Debug)]
struct Tally {
    gauge: Gauge,
    claim: Option<Box<Claim>>,
}

impl Meter {
    pub(crate) fn gauge(&self) -> &Gauge {
        &self.tally.gauge
    }

    /// A place, if one is free at once.
    pub(crate) fn try_place(&self) -> Option<Option<HeldPlace>> {
        match self.gauge() {
            Gauge::Places(places) => Some(Some(HeldPlace::of(&self.tally, places.try_acquire().ok()?))),
            Gauge::Window(_) => Some(None),
        }
    }

    /// Waits in line for a place. Dropping the future gives up the place in the line.
    pub(crate) async fn place(&self) -> Option<HeldPlace> {
        match self.gauge() {
            Gauge::Places(places) => Some(HeldPlace::of(&self.tally, places.acquire().await.ok()?)),
            Gauge::Window(_) => None,
        }
    }

    /// What it is called where it is counted by many; `None` where it is not.
    pub(crate) fn claim(&self) -> Option<&Claim> {
        self.tally.claim.as_deref()
    }

    /// How many calls it allows at once, if that is what it limits.
    pub(crate) fn at_once(&self) -> Option<usize> {
        match self.limit.quota {
            Quota::AtOnce(places) => Some(places as usize),
            Quota::Within { .. } => None,
        }
    }

    pub(crate) fn counts(&self, operation: &str) -> bool {
        self.limit.operations.is_empty() || self.limit.operations.contains(&operation)
    }
}

/// What is left of a limit.
#[derive(Debug)]
pub(crate) enum Gauge {
    /// Places for calls under way; tokio's semaphore serves in the order of asking.
    Places(Semaphore),
    /// A count within a time. Boxed, for there are as many places as organizations, and one count for them all.
    Window(Box<Counter>),
}

#[derive(Debug)]
pub(crate) struct Counter {
    window: Mutex<Window>,
    /// Whoever waits for the next window waits here, so that the first to ask is the first to go.
    line: tokio::sync::Mutex<()>,
    /// How many are in the line, its head included.
    in_line: AtomicUsize,
}

/// The head of the line for a window. The next one has it when this is dropped.
pub(crate) struct Turn<'c> {
    #[expect(dead_code, reason = "held for its drop")]
    head: tokio::sync::MutexGuard<'c, ()>,
    #[expect(dead_code, reason = "held for its drop")]
    in_line: InLine<'c>,
}

/// Somebody in the line, who can leave it at any time.
struct InLine<'c>(&'c Counter);

impl<'c> InLine<'c> {
    fn join(counter: &'c Counter) -> Self {
        counter.in_line.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.in_line.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gauge {
    fn new(quota: Quota) -> Self {
        match quota {
            Quota::AtOnce(places) => Self::Places(Semaphore::new(places as usize)),
            Quota::Within { most, per, clock } => {
                let window = Window::new(most, per, clock);
                let window = if clock { window } else { window.counting_for(counts_for(per)) };
                Self::Window(Box::new(Counter {
                    window: Mutex::new(window),
                    line: tokio::sync::Mutex::default(),
                    in_line: AtomicUsize::new(0),
                }))
            }
        }
    }

    /// Whether a new one would be the same, where nobody holds it.
    fn is_blank(&self) -> bool {
        matches!(self, Self::Places(_))
    }

    /// How long until a call may go; zero for now. Takes nothing.
    pub(crate) fn wait(&self, now: u64) -> Duration {
        match self {
            Self::Places(_) => Duration::ZERO,
            Self::Window(counter) => lock(&counter.window).wait(now),
        }
    }

    /// Whether somebody waits for the next window: who comes now comes after them.
    pub(crate) fn has_a_line(&self) -> bool {
        match self {
            Self::Places(_) => false,
            Self::Window(counter) => counter.in_line.load(Ordering::Relaxed) > 0,
        }
    }

    /// Whether a call may go now, and nobody waits who came before.
    pub(crate) fn is_open(&self, now: u64) -> bool {
        !self.has_a_line() && self.wait(now).is_zero()
    }

    /// Waits in line until all that came before are gone. Dropping the future leaves the line.
    pub(crate) async fn turn(&self) -> Option<Turn<'_>> {
        let Self::Window(counter) = self else { return None };
        let in_line = InLine::join(counter);
        Some(Turn { head: counter.line.lock().await, in_line })
    }

    /// Counts a call; `false` if none may go now.
    pub(crate) fn spend(&self, now: u64) -> bool {
        match self {
            Self::Places(_) => true,
            Self::Window(counter) => lock(&counter.window).spend(now),
        }
    }

    /// Takes back a call that was counted and not sent.
    pub(crate) fn refund(&self) {
        if let Self::Window(counter) = self {
            lock(&counter.window).refund();
        }
    }

    /// The vendor says that nothing is left: for `retry_after`, or else until the window ends. Without its word on how long, it is
    /// believed only if our own count agrees, or if it says so `again`.
    pub(crate) fn refused(&self, now: u64, retry_after: Option<Duration>, again: bool) {
        if let Self::Window(counter) = self {
            let mut window = lock(&counter.window);
            if retry_after.is_some() || again || window.is_half_spent(now) {
                window.close(now, retry_after);
            }
        }
    }
}

/// A place among the calls under way, given back when it is dropped. It keeps the gauge, so that no new one takes its place meanwhile.
#[derive(Debug)]
pub(crate) struct HeldPlace(Arc<Tally>);

impl HeldPlace {
    /// Of a permit that was had of this gauge.
    fn of(tally: &Arc<Tally>, permit: SemaphorePermit<'_>) -> Self {
        permit.forget();
        Self(tally.clone())
    }
}

impl Drop for HeldPlace {
    fn drop(&mut self) {
        if let Gauge::Places(places) = &self.0.gauge {
            places.add_permits(1);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> u64 {
        seconds * 1000
    }

    const fn unlimited() -> Api {
        Api {
            name: "",
            title: "",
            ways: &[],
            answers: crate::table::Answers {
                success: None,
                errors: "",
                code: None,
                message: &[],
                dead_session: &[],
                untrusted: &[],
                locked_out: &[],
                rate_limited: &[],
                passing: &[],
            },
            limits: &[],
            company: None,
            operations: &[],
        }
    }

    #[test]
    fn the_vendors_word_closes_a_window() {
        let gauge = Gauge::new(Quota::Within { most: 100, per: Duration::from_secs(3600), clock: true });
        gauge.refused(at(3700), None, false);
        assert!(gauge.spend(at(3700)), "one word against our own count is not enough");
        gauge.refused(at(3700), None, true);
        assert_eq!(gauge.wait(at(3700)), Duration::from_secs(3500));
        assert!(gauge.spend(at(7200)));
        gauge.refused(at(7200), Some(Duration::from_secs(5)), false);
        assert!(!gauge.spend(at(7204)) && gauge.spend(at(7205)));
    }

    #[test]
    fn an_account_that_nobody_holds_is_forgotten_unless_a_call_is_under_way() {
        static LIMITS: [Limit; 1] = [Limit {
            name: "at once",
            by: &["organization"],
            quota: Quota::AtOnce(3),
            operations: &[],
            refused_with: None,
        }];
        static API: Api = Api { limits: &LIMITS, ..unlimited() };
        let pacer = Pacer::new("");
        let meters = |number: usize| pacer.meters(&API, &Account::new([("organization", number.to_string())]), false);
        let (held, place) = (meters(0), meters(1)[0].try_place());
        (2..5000).for_each(|number| drop(meters(number)));
        let gauges = lock(&pacer.gauges);
        assert!(gauges.by_account.len() < 200, "{}", gauges.by_account.len());
        for number in ["0", "1"] {
            assert!(gauges.by_account.contains_key(&*format!("at once\0{number}")));
        }
        drop((held, place));
    }

    #[test]
    fn places_come_before_what_few_calls_share_and_that_before_what_all_do() {
        const HOUR: Quota = Quota::Within { most: 9, per: Duration::from_secs(3600), clock: true };
        const fn limit(name: &'static str, quota: Quota, operations: &'static [&'static str]) -> Limit {
            Limit { name, by: &[], quota, operations, refused_with: None }
        }
        static LIMITS: [Limit; 3] =
            [limit("all", HOUR, &[]), limit("few", HOUR, &["login"]), limit("at once", Quota::AtOnce(3), &[])];
        static API: Api = Api { limits: &LIMITS, ..unlimited() };
        let meters = Pacer::new("").meters(&API, &Account::default(), false);
        let names: Vec<_> = meters.iter().map(|meter| meter.limit.name).collect();
        assert_eq!(names, ["at once", "few", "all"]);
    }

    #[tokio::test]
    async fn who_comes_while_others_wait_for_a_window_comes_after_them() {
        let gauge = Gauge::new(Quota::Within { most: 1, per: Duration::from_secs(60), clock: true });
        assert!(!gauge.has_a_line());
        let head = gauge.turn().await;
        let mut second = Box::pin(gauge.turn());
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(head);
        assert!(gauge.has_a_line(), "the second has its turn now");
        let third = gauge.turn();
        drop(second.await);
        drop(third.await);
        let mut given_up = Box::pin(gauge.turn());
        assert!(futures_util::poll!(&mut given_up).is_ready());
        drop(given_up);
        assert!(!gauge.has_a_line(), "nobody is left");
    }
}
