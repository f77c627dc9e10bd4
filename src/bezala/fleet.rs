//! This process among others that share a lock on the company: one lease for all its calls, kept while it is of use and nobody else waits.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::RwLock;

use crate::error::Error;
use crate::session::clock::Clock;
use crate::session::company::{CompanyLease, CompanyLock, Standing};
use crate::session::store::StoreError;
use crate::table::Operation;

pub(super) struct Fleet {
    lock: Arc<dyn CompanyLock>,
    clock: Arc<dyn Clock>,
    /// The guard's: held for reading by every call under way.
    running: Arc<RwLock<()>>,
    shared: Arc<Shared>,
    /// The lock failed the last time; said once, not at each call.
    away: AtomicBool,
    /// When it is asked again, in milliseconds of the monotonic clock.
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
        Self { lock, clock, running, shared: Arc::default(), away: AtomicBool::new(false), again: AtomicU64::new(0) }
    }

    /// Whether one more call may start under the lease at hand.
    pub(super) fn is_open(&self) -> bool {
        self.shared.calls.fetch_add(1, Ordering::Relaxed);
        self.standing() == Standing::Held
    }

    /// Whether a write that is about to leave may leave.
    pub(super) fn check(&self, operation: &'static Operation) -> Result<(), Error> {
        if self.standing() == Standing::Lost { self.read_only(operation) } else { Ok(()) }
    }

    /// What may be done without the lease.
    pub(super) fn read_only(&self, operation: &'static Operation) -> Result<(), Error> {
        if operation.method == "GET" {
            return Ok(());
        }
        let words = "the lock on the company is lost, so another process may be switching it; nothing was sent";
        Err(Error::Store(format!("{}: {words}", operation.id)))
    }

    /// Whether the lock failed a moment ago.
    pub(super) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed) && self.now() < self.again.load(Ordering::Relaxed)
    }

    /// Takes the turn in a company, while no call is under way. `false` if the lock is away.
    pub(super) async fn enter(&self, user: &str, company: i64) -> Result<bool, Error> {
        if let Some(lease) = self.shared.lease().take() {
            lease.leave();
        }
        match self.lock.enter(user, company).await {
            Ok(lease) => {
                if self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the lock on the company is back");
                }
                *self.shared.lease() = Some(lease.clone());
                self.watch(lease);
                Ok(true)
            }
            Err(error @ StoreError::Unusable(_)) => Err(Error::Store(error.to_string())),
            Err(error @ StoreError::Unavailable(_)) => {
                self.again.store(self.now().saturating_add(ASKED_AGAIN), Ordering::Relaxed);
                if !self.away.swap(true, Ordering::Relaxed) {
                    tracing::warn!(%error, "the lock on the company failed; nothing is written without it");
                }
                Ok(false)
            }
        }
    }

    /// Gives the lease back once nobody here uses it, or when somebody else waits and the calls under way are done.
    fn watch(&self, lease: Arc<dyn CompanyLease>) {
        let (shared, running, clock) = (Arc::downgrade(&self.shared), self.running.clone(), self.clock.clone());
        tokio::spawn(async move {
            let mut seen = None;
            loop {
                let changed = matches!(select(lease.changed(), clock.limit(KEPT_UNUSED)).await, Either::Left(_));
                let Some(shared) = shared.upgrade() else { break };
                let calls = shared.calls.load(Ordering::Relaxed);
                let alone = match (changed, seen == Some(calls)) {
                    (true, _) => Some(running.write().await),
                    (false, true) => running.try_write().ok(),
                    (false, false) => None,
                };
                if alone.is_some() {
                    break;
                }
                seen = Some(calls);
            }
            lease.leave();
        });
    }

    fn standing(&self) -> Standing {
        self.shared.lease().as_ref().map_or(Standing::Lost, |lease| lease.standing())
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Shared {
    fn lease(&self) -> MutexGuard<'_, Option<Arc<dyn CompanyLease>>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("lock", &self.lock).finish_non_exhaustive()
    }
}

/// For so long a lease without calls is kept, so that a job that pauses between two calls does not ask Bezala anew.
const KEPT_UNUSED: Duration = Duration::from_secs(5);

/// Milliseconds between two tries of a lock that is away.
const ASKED_AGAIN: u64 = 1000;
