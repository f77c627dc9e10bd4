//! A count of calls within a time, by the vendor's window: a state and the time, in milliseconds since 1970; no clock of its own.

use std::collections::VecDeque;
use std::time::Duration;

use crate::session::clock::whole_millis;

/// What has been counted, and since when.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    most: u32,
    per: u64,
    /// For how long a call counts: as long as the vendor's window, or longer.
    counts: u64,
    clock: bool,
    /// When each counted call was made, oldest first; for a window of the clock only their number matters, and it is kept as such.
    calls: VecDeque<u64>,
    count: u32,
    /// The start of the clock's window that `count` is of.
    start: u64,
    /// Nothing goes before this time: the vendor said so.
    closed: u64,
}

impl Window {
    pub(crate) fn new(most: u32, per: Duration, clock: bool) -> Self {
        let per = whole_millis(per).max(1);
        Self { most, per, counts: per, clock, calls: VecDeque::new(), count: 0, start: 0, closed: 0 }
    }

    /// The same where a call counts for so long, though the vendor's window is not longer for it.
    pub(crate) fn counting_for(self, counts: Duration) -> Self {
        Self { counts: whole_millis(counts).max(self.per), ..self }
    }

    pub(crate) fn wait(&mut self, now: u64) -> Duration {
        self.roll(now);
        let open = if self.count < self.most {
            now
        } else if self.clock {
            self.start + self.per
        } else {
            self.calls.iter().min().map_or(now, |oldest| oldest + self.counts)
        };
        // A clock that went back must not make anyone wait for longer than a window.
        Duration::from_millis(open.max(self.closed).saturating_sub(now).min(self.counts))
    }

    pub(crate) fn spend(&mut self, now: u64) -> bool {
        if !self.wait(now).is_zero() {
            return false;
        }
        self.count += 1;
        if !self.clock {
            self.calls.push_back(now);
        }
        true
    }

    pub(crate) fn refund(&mut self) {
        self.count = self.count.saturating_sub(1);
        self.calls.pop_back();
    }

    pub(crate) fn is_half_spent(&mut self, now: u64) -> bool {
        self.roll(now);
        self.count >= self.most / 2
    }

    pub(crate) fn close(&mut self, now: u64, retry_after: Option<Duration>) {
        self.roll(now);
        self.closed = match retry_after {
            // No longer than a window, after which the vendor is asked again: one odd answer must not stop everybody for a day.
            Some(wait) => now + whole_millis(wait).min(self.per),
            None if self.clock => self.start + self.per,
            None => now + self.per,
        };
    }

    /// Forgets what no longer counts.
    fn roll(&mut self, now: u64) {
        if !self.clock {
            self.calls.retain(|call| *call + self.counts > now && *call <= now + self.counts);
            self.count = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        } else if now < self.start || now - self.start >= self.per {
            let start = now - now % self.per;
            // A clock that goes back a little finds the window that it was in already counted. One that had been far ahead must not leave
            // a window behind that never ends.
            if start > self.start || start + self.per < self.start {
                (self.start, self.count) = (start, 0);
            }
        }
        self.closed = self.closed.min(now + self.per);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> u64 {
        seconds * 1000
    }

    #[test]
    fn a_clock_window_starts_anew_with_the_hour() {
        let mut window = Window::new(2, Duration::from_secs(3600), true);
        assert!(window.spend(at(7000)) && window.spend(at(7100)) && !window.spend(at(7199)));
        assert_eq!(window.wait(at(7199)), Duration::from_secs(1));
        assert!(window.spend(at(7200)));
    }

    #[test]
    fn a_sliding_window_lets_one_go_when_the_oldest_is_out() {
        let mut window = Window::new(2, Duration::from_secs(60), false);
        assert!(window.spend(at(10)) && window.spend(at(30)) && !window.spend(at(69)));
        assert_eq!(window.wait(at(69)), Duration::from_secs(1));
        assert!(window.spend(at(70)) && !window.spend(at(89)) && window.spend(at(90)));
    }

    #[test]
    fn a_call_that_counts_for_longer_keeps_no_window_closed_for_longer() {
        let mut window = Window::new(1, Duration::from_secs(60), false).counting_for(Duration::from_millis(60_250));
        assert!(window.spend(at(10)) && !window.spend(at(70)));
        assert_eq!(window.wait(at(70)), Duration::from_millis(250));
        window.close(at(100), None);
        assert_eq!(window.wait(at(100)), Duration::from_secs(60));
    }

    #[test]
    fn a_refund_gives_the_call_back() {
        for clock in [true, false] {
            let mut window = Window::new(1, Duration::from_secs(60), clock);
            assert!(window.spend(at(0)) && !window.spend(at(0)));
            window.refund();
            assert!(window.spend(at(0)));
        }
    }

    proptest! {
        /// Against the vendor's own count: no window ever sees more calls than it allows, however the clock is stepped forward.
        #[test]
        fn never_more_than_the_vendor_allows(steps in proptest::collection::vec(0_u64..40, 1..200), clock in any::<bool>()) {
            let (most, per) = (5, 60);
            let mut window = Window::new(most, Duration::from_secs(per), clock);
            let (mut now, mut sent) = (1_000_000, Vec::new());
            for step in steps {
                now += step;
                if window.spend(at(now)) {
                    sent.push(now);
                } else {
                    let wait = window.wait(at(now));
                    prop_assert!(!wait.is_zero() && wait <= Duration::from_secs(per));
                    prop_assert!(window.clone().wait(at(now) + whole_millis(wait)).is_zero(), "after the wait a call may go");
                }
                let counted = sent.iter().filter(|sent| if clock { **sent / per == now / per } else { **sent + per > now });
                prop_assert!(counted.count() <= most as usize);
            }
        }

        #[test]
        fn a_clock_that_jumps_never_makes_anyone_wait_longer_than_a_window(times in proptest::collection::vec(0_u64..100_000, 1..50), clock in any::<bool>()) {
            let mut window = Window::new(2, Duration::from_secs(60), clock);
            let times_end = times.last().copied().unwrap_or_default();
            for time in times {
                let _ = window.spend(at(time));
                prop_assert!(window.wait(at(time)) <= Duration::from_secs(60));
            }
            // And whatever it was, the next window but one is open.
            prop_assert!(window.spend(at(times_end + 120)));
        }
    }
}
