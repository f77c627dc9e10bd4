//! Keeping a session from idling out, for whoever asks for it: one small call shortly before the vendor's limit, if nobody made one.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;
use tracing::Instrument as _;

use super::clock::time_of;
use super::grant::{NotRenewed, Pending};
use super::state::Live;
use super::{InHand, Session};

/// For how long without a real call a session is kept warm unless told otherwise: a working day.
pub const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);

/// How soon after a touch that failed the next one is tried.
const AFTER_A_FAILURE: Duration = Duration::from_secs(30);

/// Keeps a session warm while it is held; dropping it stops that, and leaves the session as it is.
///
/// It stops by itself when no real call was made for as long as was said, and when the vendor refused the credentials. It never signs
/// in: a session that has died stays dead until a caller needs it, and is then kept warm again.
#[must_use = "the session is kept warm only while this is held"]
pub struct KeepWarm {
    task: Option<AbortHandle>,
}

impl KeepWarm {
    /// Whether it has stopped by itself.
    pub fn is_over(&self) -> bool {
        self.task.as_ref().is_none_or(AbortHandle::is_finished)
    }
}

impl Drop for KeepWarm {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for KeepWarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepWarm").field("is_over", &self.is_over()).finish()
    }
}

/// The vendor's small call: made over the session that it is given, which cannot be renewed.
pub(crate) type Touch = Box<dyn Fn(Session) -> Pending<'static, ()> + Send + Sync>;

impl Session {
    /// Keeps this session warm by `touch`, for at most `longest` without a real call.
    ///
    /// Must be called in a tokio runtime. Where the vendor has no idle limit there is nothing to do, and it is over at once.
    pub(crate) fn keep_warm(&self, touch: Touch, longest: Duration) -> KeepWarm {
        let Some(limit) = self.way().idle else { return KeepWarm { task: None } };
        let span = tracing::info_span!("keep_warm", way = self.way().name);
        let task = tokio::spawn(keep(self.clone(), touch, at(limit), longest).instrument(span));
        KeepWarm { task: Some(task.abort_handle()) }
    }

    /// This very session on its own: used like it, and never replaced.
    fn lend(&self, live: &Live) -> Self {
        let why = "the session had ended, and is not replaced only to be kept warm";
        Self::live(Arc::new(NotRenewed { way: self.way(), why }), live.grant.clone(), self.0.clock.clone())
    }

    /// Whether it was touched; the idle time does not count from here yet.
    async fn touch(&self, live: &Live, touch: &Touch) -> bool {
        let lent = self.lend(live);
        let outcome = touch(lent.clone()).await;
        if let Err(error) = &outcome {
            if !lent.status().live {
                self.reject(live.generation);
            }
            tracing::debug!(kind = error.kind(), "could not keep the session warm");
        }
        outcome.is_ok()
    }
}

/// After how much idle time the session is touched: at 31.5 of 35 minutes, at 43.2 of 48 hours. What is left is for a call that has to
/// wait for its place, and for clocks that differ.
fn at(limit: Duration) -> Duration {
    limit.saturating_sub((limit / 10).max(Duration::from_secs(120)).min(limit / 2))
}

async fn keep(session: Session, touch: Touch, at: Duration, longest: Duration) {
    let clock = session.0.clock.clone();
    let mut usage = Usage { real: clock.now() };
    // Held between the touches: so a pool sees that the session is in use.
    let mut held: Option<InHand> = None;
    loop {
        // Of one that has died since, too, as when the machine slept.
        usage.note(held.as_deref());
        held = session.at_hand().map(InHand::counted);
        usage.note(held.as_deref());
        let (now, refused) = (clock.now(), session.status().refused);
        let idle = held.as_ref().map(|live| live.idle(now));
        let wait = match next(refused, idle, usage.quiet(now), at, longest) {
            Next::Stop => break,
            Next::Wait(wait) => wait,
            Next::Touch => {
                let Some(live) = &held else { continue };
                if session.touch(live, &touch).await {
                    // Somebody's call may have been completed meanwhile.
                    usage.note(held.as_deref());
                    session.warmed(live);
                    continue;
                }
                AFTER_A_FAILURE
            }
        };
        // Nobody is in a hurry for this: a test clock that moves itself on for those who are must not do it for us.
        clock.limit(wait).await;
    }
    tracing::debug!("no longer kept warm");
}

/// When the session was last used by somebody else than the touches: one's own, and those of whoever else keeps it warm.
struct Usage {
    real: SystemTime,
}

impl Usage {
    fn note(&mut self, live: Option<&Live>) {
        let Some(used) = live.and_then(Live::last_real_use) else { return };
        self.real = self.real.max(time_of(used));
    }

    fn quiet(&self, now: SystemTime) -> Duration {
        now.duration_since(self.real).unwrap_or_default()
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Next {
    Touch,
    Wait(Duration),
    Stop,
}

/// Decides from how the session stands, and from how long no real call has been made.
fn next(refused: bool, idle: Option<Duration>, quiet: Duration, at: Duration, longest: Duration) -> Next {
    if refused || quiet >= longest {
        return Next::Stop;
    }
    let wait = match idle {
        Some(idle) if idle >= at => return Next::Touch,
        Some(idle) => at - idle,
        // Whoever signs in meanwhile is seen before that session needs a touch.
        None => at,
    };
    // At least a millisecond: times are kept to one.
    Next::Wait(wait.min(longest - quiet).max(Duration::from_millis(1)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::watch;

    use super::super::SessionPolicy;
    use super::super::clock::{Clock, Wait};
    use super::super::tests::{OnDemand, granted, rejected};
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3600);

    /// Moved by hand, and by nobody else.
    #[derive(Debug)]
    struct ByHand(watch::Sender<Duration>);

    impl ByHand {
        fn new() -> Arc<Self> {
            Arc::new(Self(watch::channel(1000 * HOUR).0))
        }

        /// Minute by minute, so that whoever waits is woken in time.
        async fn advance(&self, by: Duration) {
            for _ in 0..by.as_secs() / 60 {
                self.0.send_modify(|now| *now += MINUTE);
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    impl Clock for ByHand {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + *self.0.borrow()
        }
        fn monotonic(&self) -> Duration {
            *self.0.borrow()
        }
        fn sleep(&self, duration: Duration) -> Wait {
            self.limit(duration)
        }
        fn limit(&self, duration: Duration) -> Wait {
            let (mut told, until) = (self.0.subscribe(), *self.0.borrow() + duration);
            Box::pin(async move { drop(told.wait_for(|now| *now >= until).await) })
        }
    }

    fn opened(vendor: &Arc<OnDemand>) -> (Arc<ByHand>, Session) {
        let clock = ByHand::new();
        let session = Session::new(vendor.clone(), clock.clone(), SessionPolicy::default(), None);
        (clock, session)
    }

    fn counting() -> (Arc<AtomicUsize>, Touch) {
        let touches = Arc::new(AtomicUsize::new(0));
        let counted = touches.clone();
        let touch: Touch = Box::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Box::pin(std::future::ready(Ok(())))
        });
        (touches, touch)
    }

    #[tokio::test]
    async fn one_session_lasts_as_long_as_it_is_kept_warm_and_that_ends_by_itself() {
        let vendor = OnDemand::new(9, granted);
        let (clock, session) = opened(&vendor);
        let (touches, touch) = counting();
        let warm = session.keep_warm(touch, 8 * HOUR);
        session.acquire().await.unwrap();
        clock.advance(7 * HOUR).await;
        assert!(session.status().live && !warm.is_over());
        // 31.5 minutes apart, seen at whole minutes.
        assert_eq!(touches.load(Ordering::SeqCst), 13);
        clock.advance(2 * HOUR).await;
        assert!(warm.is_over() && !session.status().live);
        assert_eq!(vendor.sign_ins(), 1);
    }

    #[tokio::test]
    async fn two_that_keep_one_session_warm_do_not_take_each_other_for_callers() {
        let vendor = OnDemand::new(9, granted);
        let (clock, session) = opened(&vendor);
        let warm: Vec<_> = (0..2).map(|_| session.keep_warm(counting().1, 8 * HOUR)).collect();
        session.acquire().await.unwrap();
        // Not at the same time.
        clock.advance(7 * MINUTE).await;
        let later = session.clone().keep_warm(counting().1, 8 * HOUR);
        clock.advance(7 * HOUR).await;
        assert!(session.status().live && !later.is_over());
        clock.advance(2 * HOUR).await;
        assert!(warm.iter().all(KeepWarm::is_over) && later.is_over() && !session.status().live);
        assert_eq!(vendor.sign_ins(), 1);
    }

    #[tokio::test]
    async fn a_session_that_others_use_is_not_touched() {
        let vendor = OnDemand::new(9, granted);
        let (clock, session) = opened(&vendor);
        let (touches, touch) = counting();
        let warm = session.keep_warm(touch, HOUR);
        for _ in 0..12 {
            let live = session.acquire().await.unwrap();
            session.completed(&live);
            clock.advance(10 * MINUTE).await;
        }
        assert_eq!((touches.load(Ordering::SeqCst), vendor.sign_ins()), (0, 1));
        assert!(!warm.is_over(), "the hour counts from the last real call");
    }

    #[tokio::test]
    async fn what_has_died_or_was_let_go_is_left_alone() {
        let vendor = OnDemand::new(9, granted);
        let (clock, session) = opened(&vendor);
        let (touches, touch) = counting();
        let warm = session.keep_warm(touch, 8 * HOUR);
        clock.advance(HOUR).await;
        assert_eq!((touches.load(Ordering::SeqCst), vendor.sign_ins()), (0, 0));
        // It comes to life by a caller, and is kept warm from then on; until nobody wants that any more.
        session.acquire().await.unwrap();
        clock.advance(HOUR).await;
        assert!(session.status().live);
        drop(warm);
        clock.advance(HOUR).await;
        assert!(!session.status().live);
        assert_eq!(touches.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_touch_that_finds_the_session_dead_ends_it_and_does_not_sign_in() {
        let vendor = OnDemand::new(9, granted);
        let (clock, session) = opened(&vendor);
        let touch: Touch = Box::new(|lent| {
            Box::pin(async move {
                lent.reject(1);
                lent.acquire().await.map(drop)
            })
        });
        let _warm = session.keep_warm(touch, 8 * HOUR);
        session.acquire().await.unwrap();
        clock.advance(33 * MINUTE).await;
        assert!(!session.status().live);
        assert_eq!(vendor.sign_ins(), 1);
    }

    #[tokio::test]
    async fn a_refusal_of_the_credentials_stops_it() {
        let vendor = OnDemand::new(9, rejected);
        let (clock, session) = opened(&vendor);
        let warm = session.keep_warm(counting().1, 8 * HOUR);
        session.acquire().await.unwrap_err();
        clock.advance(HOUR).await;
        assert!(warm.is_over());
    }

    #[test]
    fn the_touch_comes_in_time_whatever_the_limit() {
        assert_eq!(at(35 * MINUTE), Duration::from_secs(1890));
        assert_eq!(at(48 * HOUR), Duration::from_secs(155_520));
        assert_eq!(at(MINUTE), MINUTE / 2);
        assert_eq!(at(Duration::ZERO), Duration::ZERO);
    }
}
