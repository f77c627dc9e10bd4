//! The client's clock on the sandbox's: both sides see one time, and nobody waits for real.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledgerkey::session::clock::{Clock, Wait};

/// A sandbox's clock, as a client's.
#[derive(Debug)]
pub struct SandboxClock {
    clock: ledgerkey_sandbox::Clock,
    /// The latest time seen, in milliseconds: what never goes back when the clock is set back.
    latest: AtomicU64,
}

impl SandboxClock {
    /// Follows this clock.
    pub fn new(clock: ledgerkey_sandbox::Clock) -> Self {
        Self { clock, latest: AtomicU64::new(0) }
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> SystemTime {
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        let now = self.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        Duration::from_millis(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }

    fn sleep(&self, duration: Duration) -> Wait {
        if self.clock.is_real() {
            return Box::pin(tokio::time::sleep(duration));
        }
        let (clock, until) = (self.clock.clone(), self.now() + duration);
        Box::pin(async move {
            // Whoever sleeps on a clock that stands moves it. Of many sleepers the first does, the others find it moved.
            if let Ok(left) = until.duration_since(clock.now()) {
                clock.advance(left);
            }
            tokio::task::yield_now().await;
        })
    }

    fn limit(&self, duration: Duration) -> Wait {
        if self.clock.is_real() {
            return Box::pin(tokio::time::sleep(duration));
        }
        let (mut told, until) = (self.clock.subscribe(), self.now() + duration);
        Box::pin(async move {
            // The sandbox holds the other end for as long as anyone could be waiting for it.
            if told.wait_for(|now| *now >= until).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}
