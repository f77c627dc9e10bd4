//! This process among others that share a lock on the company: one lease for all its calls, kept while it is of use and nobody else waits.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::RwLock;
use tokio::time::Instant;

use crate::error::Error;
use crate::session::away::Away;
use crate::session::clock::{Clock, whole_millis};
use crate::session::company::{CompanyLease, CompanyLock, Standing};
use crate::session::store::StoreError;
use crate::table::Operation;

pub(super) struct Fleet {
    lock: Arc<dyn CompanyLock>,
    clock: Arc<dyn Clock>,
    /// The guard's: held for reading by every call under way.
    running: Arc<RwLock<()>>,
    shared: Arc<Shared>,
    away: Away,
    /// When a lock that is away is asked again, in milliseconds of the monotonic clock.
    again: AtomicU64,
}

#[derive(Default)]
struct Shared {
    lease: Mutex<Option<Arc<dyn CompanyLease>>>,
    /// Counts the calls that came, so that a lease that nobody uses is noticed.
    calls: AtomicU64,
}

impl Fleet {
    pub(super) fn new(lock: Arc<dyn CompanyLock>, clock: Arc<dyn Clock>, running: Arc<RwLock<()>>) -> Self {
        let away = Away::new(
            "the lock on the company failed; nothing is written without it",
            "the lock on the company is back",
        );
        Self { lock, clock, running, shared: Arc::default(), away, again: AtomicU64::new(0) }
    }

    /// Whether one more call may start under the lease at hand. Where somebody else waits, whoever keeps the lease sees to it that calls
    /// queue: here it is enough that the company is still this process's.
    pub(super) fn is_open(&self) -> bool {
        self.shared.calls.fetch_add(1, Ordering::Relaxed);
        !self.is_lost()
    }

    /// Whether another process may have switched the company by now.
    pub(super) fn is_lost(&self) -> bool {
        self.shared.lease().as_ref().is_none_or(|lease| lease.standing() == Standing::Lost)
    }

    /// What may be done without the lease.
    pub(super) fn read_only(&self, operation: &'static Operation) -> Result<(), Error> {
        if operation.method == "GET" {
            return Ok(());
        }
        let words = "the lock on the company is lost, so another process may be switching it; nothing was sent";
        Err(Error::Store(StoreError::Unavailable(format!("{}: {words}", operation.id))))
    }

    /// Whether the lock failed a moment ago.
    pub(super) fn is_away(&self) -> bool {
        self.away.is_away() && self.now() < self.again.load(Ordering::Relaxed)
    }

    /// Takes the turn in a company, while no call is under way. `false` if the lock is away.
    pub(super) async fn enter(&self, user: &str, company: i64) -> Result<bool, Error> {
        if let Some(lease) = self.shared.lease().take() {
            lease.leave();
        }
        match self.lock.enter(user, company).await {
            Ok(lease) => {
                self.away.note_back();
                *self.shared.lease() = Some(lease.clone());
                self.watch(lease);
                Ok(true)
            }
            Err(error @ StoreError::Unusable(_)) => Err(Error::Store(error)),
            Err(error @ StoreError::Unavailable(_)) => {
                self.again.store(self.now().saturating_add(ASKED_AGAIN), Ordering::Relaxed);
                self.away.note_failed(&error);
                Ok(false)
            }
        }
    }

    /// Gives the lease back once nobody here uses it, or when somebody else waits and the calls under way are done.
    fn watch(&self, lease: Arc<dyn CompanyLease>) {
        let (shared, running, clock) = (Arc::downgrade(&self.shared), self.running.clone(), self.clock.clone());
        tokio::spawn(async move {
            // Whoever took the lease is alone until the company is found selected: only then does the turn begin.
            drop(running.read().await);
            let turn = Instant::now() + TURN;
            let mut seen = None;
            loop {
                let changed = matches!(select(lease.changed(), clock.limit(KEPT_UNUSED)).await, Either::Left(_));
                if changed && lease.standing() == Standing::Wanted {
                    // By the machine's clock, not the settings': one that a test moves would not let the others get on.
                    tokio::time::sleep_until(turn).await;
                }
                let Some(calls) = shared.upgrade().and_then(|shared| shared.calls_under(&lease)) else { return };
                let alone = match (changed, seen == Some(calls)) {
                    (true, _) => Some(running.write().await),
                    (false, true) => running.try_write().ok(),
                    (false, false) => None,
                };
                // Given back while nobody can start: a call that came between would find the company another process's.
                if alone.is_some() {
                    return lease.leave();
                }
                seen = Some(calls);
            }
        });
    }

    fn now(&self) -> u64 {
        whole_millis(self.clock.monotonic())
    }
}

impl Shared {
    /// How many calls have come, if this is still the lease that they come under.
    fn calls_under(&self, lease: &Arc<dyn CompanyLease>) -> Option<u64> {
        let current = self.lease().as_ref().is_some_and(|current| Arc::ptr_eq(current, lease));
        current.then(|| self.calls.load(Ordering::Relaxed))
    }

    fn lease(&self) -> MutexGuard<'_, Option<Arc<dyn CompanyLease>>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("lock", &self.lock).finish_non_exhaustive()
    }
}

/// A lease that nobody uses is given back after this long; not at once, so that a job that pauses between two calls does not have to
/// ask Bezala anew.
const KEPT_UNUSED: Duration = Duration::from_secs(5);

/// A company that was waited for is kept at least this long, if there are calls for it: a turn costs three requests before its first call,
/// and with a turn for each call a fleet would do little else.
const TURN: Duration = Duration::from_secs(1);

/// Milliseconds between two tries of a lock that is away.
const ASKED_AGAIN: u64 = 1000;

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::session::clock::SystemClock;
    use crate::session::store::Storing;

    /// A lock with one lease, which notes whether calls could have started when it was given back.
    #[derive(Debug)]
    struct OneLease {
        running: Arc<RwLock<()>>,
        standing: watch::Sender<Standing>,
        left_alone: watch::Sender<Option<bool>>,
    }

    #[derive(Debug)]
    struct Lock(Arc<OneLease>);

    impl CompanyLock for Lock {
        fn enter<'a>(&'a self, _: &'a str, _: i64) -> Storing<'a, Arc<dyn CompanyLease>> {
            Box::pin(async { Ok(self.0.clone() as Arc<dyn CompanyLease>) })
        }
    }

    impl CompanyLease for OneLease {
        fn standing(&self) -> Standing {
            *self.standing.borrow()
        }

        fn changed(&self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            let mut told = self.standing.subscribe();
            Box::pin(async move {
                let _ = told.wait_for(|standing| *standing != Standing::Held).await;
            })
        }

        fn leave(&self) {
            self.left_alone.send_replace(Some(self.running.try_read().is_err()));
            self.standing.send_replace(Standing::Lost);
        }
    }

    #[tokio::test]
    async fn a_lease_is_given_back_while_no_call_can_start() {
        for why in [Standing::Wanted, Standing::Lost] {
            let running = Arc::new(RwLock::new(()));
            let (standing, left_alone) = (watch::Sender::new(Standing::Held), watch::Sender::new(None));
            let lease = Arc::new(OneLease { running: running.clone(), standing, left_alone });
            let fleet = Fleet::new(Arc::new(Lock(lease.clone())), Arc::new(SystemClock), running.clone());
            let alone = running.clone().write_owned().await;
            assert!(fleet.enter("user", 7).await.unwrap());
            let call = alone.downgrade();
            lease.standing.send_replace(why);
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert_eq!((fleet.is_open(), *lease.left_alone.borrow()), (why == Standing::Wanted, None));
            drop(call);
            let mut left = lease.left_alone.subscribe();
            assert_eq!(*left.wait_for(Option::is_some).await.unwrap(), Some(true));
            drop(running.read().await);
            assert!(!fleet.is_open());
        }
    }
}
