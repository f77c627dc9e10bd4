//! Time, injected: the session asks this and nothing else what time it is and waits for nothing else.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A future that ends when its time has come.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where time comes from.
///
/// The system's by default; a test gives its own, so that no test waits for real.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time of day. Idle limits go by it, so that a machine that slept knows that its sessions did not; a step backward makes a
    /// session look younger than it is, which costs one refused call and nothing else.
    fn now(&self) -> SystemTime;

    /// The same time of day in whole milliseconds since 1970, as idle times and limits are counted; a time before that is told as 1970.
    ///
    /// A clock that has them at hand gives them without the detour by [`now`](Self::now), which must tell the same.
    fn now_millis(&self) -> u64 {
        millis(self.now())
    }

    /// Time that never goes back, from a start that means nothing: deadlines go by it.
    fn monotonic(&self) -> Duration;

    /// Ends after `duration`: a wait that is wanted, such as a back-off.
    fn sleep(&self, duration: Duration) -> Wait;

    /// Ends after `duration`: a time limit on something else. A test clock may move itself on for [`sleep`](Self::sleep), never for this.
    fn limit(&self, duration: Duration) -> Wait;
}

/// The system's clock, waiting by tokio's timer.
///
/// On Linux it is as fine as the kernel's tick, 10 ms or less: nothing here is decided by less than a second, and a finer look takes six times
/// as long. A call looks several times.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        system::now()
    }

    fn now_millis(&self) -> u64 {
        system::millis()
    }

    fn monotonic(&self) -> Duration {
        system::monotonic()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        Box::pin(tokio::time::sleep(duration))
    }

    fn limit(&self, duration: Duration) -> Wait {
        self.sleep(duration)
    }
}

/// A time of day in whole milliseconds since 1970.
pub(crate) fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, whole_millis)
}

/// The time of day that is so many milliseconds after the start of 1970.
pub(crate) fn time_of(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis.min(FAR))
}

/// The year 10000, in milliseconds since 1970: no time of a record is later, and not every system can tell one that is much later.
pub(crate) const FAR: u64 = 253_402_300_800_000;

/// The whole milliseconds of a duration; what is more than all of them can tell, as the most.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1000).saturating_add(u64::from(duration.subsec_millis()))
}

#[cfg(target_os = "linux")]
mod system {
    use std::time::{Duration, SystemTime};

    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + since(ClockId::RealtimeCoarse)
    }

    pub(super) fn millis() -> u64 {
        super::whole_millis(since(ClockId::RealtimeCoarse))
    }

    pub(super) fn monotonic() -> Duration {
        since(ClockId::MonotonicCoarse)
    }

    fn since(clock: ClockId) -> Duration {
        // A clock that was set before 1970 is told as 1970.
        Duration::try_from(clock_gettime(clock)).unwrap_or_default()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::sync::LazyLock;
    use std::time::{Duration, Instant, SystemTime};

    pub(super) fn now() -> SystemTime {
        SystemTime::now()
    }

    pub(super) fn millis() -> u64 {
        super::millis(now())
    }

    pub(super) fn monotonic() -> Duration {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_tells_the_systems_time() {
        let (clock, before) = (SystemClock, SystemTime::now());
        // Between two finer looks, but for a tick.
        let tick = Duration::from_millis(20);
        let told = clock.now();
        assert!(told + tick >= before && told <= SystemTime::now());
        let in_millis = clock.now_millis();
        assert!((millis(told)..=millis(SystemTime::now())).contains(&in_millis), "{in_millis}");
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
    }
}
