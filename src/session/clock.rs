//! Time, injected: the session asks this and nothing else what time it is and waits for nothing else.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

/// A future that ends when its time has come.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where time comes from.
///
/// The system's by default; a test gives its own, so that no test waits for real.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time of day. Idle limits go by it, so that a machine that slept knows that its sessions did not; a step backward makes a
    /// session look younger than it is, which costs one refused call and nothing else.
    fn now(&self) -> SystemTime;

    /// Time that never goes back, from a start that means nothing: deadlines go by it.
    fn monotonic(&self) -> Duration;

    /// Ends after `duration`: a wait that is wanted, such as a back-off.
    fn sleep(&self, duration: Duration) -> Wait;

    /// Ends after `duration`: a time limit on something else. A test clock may move itself on for [`sleep`](Self::sleep), never for this.
    fn limit(&self, duration: Duration) -> Wait;
}

/// The system's clock, waiting by tokio's timer.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        Box::pin(tokio::time::sleep(duration))
    }

    fn limit(&self, duration: Duration) -> Wait {
        self.sleep(duration)
    }
}
