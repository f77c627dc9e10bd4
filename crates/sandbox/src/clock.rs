//! The clock that every rule of the sandbox reads: real, or virtual and moved by hand.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// A handle on the sandbox's clock. Clones are the same clock.
///
/// A virtual clock stands still until somebody moves it; a real clock runs, and moving it shifts it
/// against the machine's. A client under test follows the very same clock through [`now`](Self::now)
/// or [`subscribe`](Self::subscribe), so that both sides agree on when a session has been idle for too long.
///
/// ```
/// use std::time::Duration;
/// let clock = ledgerkey_sandbox::Clock::standing_at(std::time::UNIX_EPOCH);
/// clock.advance(Duration::from_secs(36 * 60));
/// assert_eq!(clock.now(), std::time::UNIX_EPOCH + Duration::from_secs(2160));
/// ```
#[derive(Clone, Debug)]
pub struct Clock {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    real: bool,
    /// Virtual: the time itself. Real: the time at the last move, kept for those who subscribe.
    told: watch::Sender<SystemTime>,
    /// Real: by how many milliseconds the clock has been moved.
    shift: std::sync::Mutex<i64>,
}

impl Clock {
    /// A virtual clock that stands at `at`.
    pub fn standing_at(at: SystemTime) -> Self {
        Self::new(false, at)
    }

    /// The machine's clock.
    pub fn real() -> Self {
        Self::new(true, SystemTime::now())
    }

    /// What the clock shows.
    pub fn now(&self) -> SystemTime {
        if self.inner.real {
            let shift = *lock(&self.inner.shift);
            moved(SystemTime::now(), shift)
        } else {
            *self.inner.told.borrow()
        }
    }

    /// Whether the clock runs by itself.
    pub fn is_real(&self) -> bool {
        self.inner.real
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.shift(i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4));
    }

    /// Moves the clock backward, as a step of the machine's clock would.
    pub fn set_back(&self, by: Duration) {
        self.shift(-i64::try_from(by.as_millis()).unwrap_or(i64::MAX / 4));
    }

    /// Tells of every move of the clock. A real clock tells of moves by hand, not of time that passes.
    pub fn subscribe(&self) -> watch::Receiver<SystemTime> {
        self.inner.told.subscribe()
    }

    /// Milliseconds since 1970, the sandbox's own measure of time.
    pub(crate) fn millis(&self) -> i64 {
        match self.now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX / 4),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX / 4),
        }
    }

    fn new(real: bool, at: SystemTime) -> Self {
        let inner = Inner { real, told: watch::channel(at).0, shift: std::sync::Mutex::new(0) };
        Self { inner: Arc::new(inner) }
    }

    fn shift(&self, by: i64) {
        if self.inner.real {
            {
                let mut shift = lock(&self.inner.shift);
                *shift = shift.saturating_add(by);
            }
            let now = self.now();
            self.inner.told.send_replace(now);
        } else {
            self.inner.told.send_modify(|now| *now = moved(*now, by));
        }
    }
}

/// The year 9000: far beyond any test, and within what a calendar date can be written for.
const LAST: Duration = Duration::from_secs(221_845_392_000);

fn moved(at: SystemTime, by: i64) -> SystemTime {
    let step = Duration::from_millis(by.unsigned_abs());
    let to = if by < 0 { at.checked_sub(step) } else { at.checked_add(step) };
    match to {
        Some(to) if to < UNIX_EPOCH => UNIX_EPOCH,
        Some(to) if to > UNIX_EPOCH + LAST => UNIX_EPOCH + LAST,
        Some(to) => to,
        None if by < 0 => UNIX_EPOCH,
        None => UNIX_EPOCH + LAST,
    }
}

fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
