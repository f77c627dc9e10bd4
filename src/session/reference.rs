//! The session against a reference: what the rules say, read off the whole history each time, with no state to get wrong.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use proptest::prelude::*;

use super::clock::Wait;
use super::flight::vanished;
use super::grant::Pending;
use super::tests::{WAY, granted, rejected};
use super::*;

const MARGIN: u64 = 10;
const HOLD_OFF: u64 = 3600;
const LONGEST_PAUSE: u64 = 120;
/// That of `WAY`.
const LIMIT: u64 = 2100;

/// What happens to a session, in seconds where it is time.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Somebody wants the session; should that take a sign-in, this is its outcome.
    Acquire(Outcome),
    /// A call under the session at hand is completed.
    Complete,
    /// The vendor refuses the session of so many generations ago as dead.
    Reject(u64),
    SignOut,
    ForgetRefusal,
    /// Time passes.
    Pass(u64),
    /// Somebody sets the time of day.
    Step(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Granted,
    Refused,
    Passing,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let outcome = || prop_oneof![4 => Just(Outcome::Granted), 1 => Just(Outcome::Refused), 4 => Just(Outcome::Passing)];
    // Most of the times that pass are near a limit: there the rules are.
    let near = |limit: u64| (limit - 12..limit + 3).boxed();
    let times = prop_oneof![0_u64..5, near(LIMIT), near(LIMIT / 2), near(HOLD_OFF), 0_u64..10_000];
    let event = prop_oneof![
        6 => outcome().prop_map(Event::Acquire),
        3 => Just(Event::Complete),
        2 => (0_u64..3).prop_map(Event::Reject),
        1 => Just(Event::SignOut),
        1 => Just(Event::ForgetRefusal),
        4 => times.prop_map(Event::Pass),
        1 => (-5000_i64..5000).prop_map(Event::Step),
    ];
    proptest::collection::vec(event, 0..40)
}

/// What was written down of the past, with the time of day and the time that never goes back.
#[derive(Debug, Clone, Copy)]
enum Past {
    Granted,
    Used,
    Refused,
    /// A sign-in failed by something that may pass.
    Failed,
    /// Forgotten, or refused as dead.
    Ended,
    SignedOut,
}

#[derive(Default)]
struct Reference {
    history: Vec<(Past, i64, u64)>,
    wall: i64,
    monotonic: u64,
    sign_ins: usize,
    generation: u64,
}

impl Reference {
    fn note(&mut self, past: Past) {
        self.history.push((past, self.wall, self.monotonic));
    }

    /// The last thing that was not a use, and when the last of all was.
    fn last(&self) -> (Past, (i64, u64)) {
        let rest = self.history.iter().rev().find(|(past, ..)| !matches!(past, Past::Used));
        let past = rest.map_or(Past::SignedOut, |(past, ..)| *past);
        (past, self.history.last().map_or((0, 0), |(_, wall, monotonic)| (*wall, *monotonic)))
    }

    fn is_live(&self) -> bool {
        let (past, (wall, _)) = self.last();
        matches!(past, Past::Granted) && self.wall - wall < i64::try_from(LIMIT - MARGIN).unwrap()
    }

    fn is_refused(&self) -> bool {
        let (past, (_, monotonic)) = self.last();
        matches!(past, Past::Refused) && self.monotonic - monotonic < HOLD_OFF
    }

    /// How long after the last failures the next sign-in has to wait: nothing after one, then a second, two, four.
    fn pause(&self) -> u64 {
        let lately = self.history.iter().rev().take_while(|(past, ..)| matches!(past, Past::Failed | Past::Ended));
        let mut failures = lately.filter(|(past, ..)| matches!(past, Past::Failed));
        let Some((.., last)) = failures.next() else { return 0 };
        let pause = match u32::try_from(failures.count()).unwrap() {
            0 => 0,
            earlier => 2_u64.saturating_pow(earlier - 1).min(LONGEST_PAUSE),
        };
        (last + pause).saturating_sub(self.monotonic)
    }

    /// Whether somebody who wants the session gets it.
    fn acquire(&mut self, outcome: Outcome) -> bool {
        if self.is_live() {
            return true;
        }
        if self.is_refused() {
            return false;
        }
        self.happen(Event::Pass(self.pause()));
        self.sign_ins += 1;
        match outcome {
            Outcome::Granted => {
                self.generation += 1;
                self.note(Past::Granted);
            }
            Outcome::Refused => self.note(Past::Refused),
            Outcome::Passing => self.note(Past::Failed),
        }
        outcome == Outcome::Granted
    }

    fn happen(&mut self, event: Event) -> Option<bool> {
        match event {
            Event::Acquire(outcome) => return Some(self.acquire(outcome)),
            Event::Complete if self.is_live() => self.note(Past::Used),
            Event::Reject(0) if matches!(self.last().0, Past::Granted) => self.note(Past::Ended),
            Event::SignOut => self.note(Past::SignedOut),
            Event::ForgetRefusal if matches!(self.last().0, Past::Refused) => self.note(Past::Ended),
            Event::Complete | Event::Reject(_) | Event::ForgetRefusal => {}
            Event::Pass(seconds) => {
                self.monotonic += seconds;
                self.wall += i64::try_from(seconds).unwrap();
            }
            Event::Step(seconds) => self.wall += seconds,
        }
        None
    }
}

/// The clock and the vendor of the session itself.
#[derive(Debug)]
struct World {
    wall: Mutex<i64>,
    monotonic: Mutex<u64>,
    outcome: Mutex<Outcome>,
    sign_ins: AtomicUsize,
}

/// Late enough for every step back.
const START: i64 = 1_000_000;

impl Clock for World {
    fn now(&self) -> SystemTime {
        let seconds = START + *self.wall.lock().unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap())
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(*self.monotonic.lock().unwrap())
    }
    /// Whoever sleeps moves the time on.
    fn sleep(&self, duration: Duration) -> Wait {
        self.pass(duration.as_secs());
        Box::pin(std::future::ready(()))
    }
    fn limit(&self, _: Duration) -> Wait {
        Box::pin(std::future::pending())
    }
}

impl SignIn for World {
    fn way(&self) -> &'static Way {
        &WAY
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        let number = self.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
        let outcome = match *self.outcome.lock().unwrap() {
            Outcome::Granted => granted(number),
            Outcome::Refused => rejected(number),
            Outcome::Passing => Err(vanished(&WAY)),
        };
        Box::pin(std::future::ready(outcome))
    }

    fn sign_out(&self, _: Grant) -> Pending<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl World {
    fn pass(&self, seconds: u64) {
        *self.monotonic.lock().unwrap() += seconds;
        *self.wall.lock().unwrap() += i64::try_from(seconds).unwrap();
    }

    async fn happen(&self, session: &Session, event: Event) -> Option<bool> {
        match event {
            Event::Acquire(outcome) => {
                *self.outcome.lock().unwrap() = outcome;
                return Some(session.acquire().await.is_ok());
            }
            Event::Complete => session.at_hand().into_iter().for_each(|live| session.completed(&live)),
            Event::Reject(ago) => session.reject(session.status().generation.saturating_sub(ago)),
            Event::SignOut => session.sign_out().await.unwrap(),
            Event::ForgetRefusal => session.forget_refusal(),
            Event::Pass(seconds) => self.pass(seconds),
            Event::Step(seconds) => *self.wall.lock().unwrap() += seconds,
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_session_does_what_the_rules_say_of_its_history(events in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = Arc::new(World {
                wall: Mutex::new(0),
                monotonic: Mutex::new(0),
                outcome: Mutex::new(Outcome::Granted),
                sign_ins: 0.into(),
            });
            let policy = SessionPolicy {
                margin: Duration::from_secs(MARGIN),
                hold_off: Duration::from_secs(HOLD_OFF),
                pause: Duration::from_secs(1),
                longest_pause: Duration::from_secs(LONGEST_PAUSE),
                ..SessionPolicy::default()
            };
            let session = Session::new(world.clone(), world.clone(), policy, None);
            let mut reference = Reference::default();
            for event in events {
                let outcome = world.happen(&session, event).await;
                prop_assert_eq!(outcome, reference.happen(event), "{:?}", event);
                let status = session.status();
                prop_assert_eq!(status.live, reference.is_live(), "{:?}", event);
                prop_assert_eq!(session.at_hand().is_some(), reference.is_live(), "{:?}", event);
                prop_assert_eq!(status.refused, reference.is_refused(), "{:?}", event);
                prop_assert_eq!(status.generation, reference.generation, "{:?}", event);
                prop_assert_eq!(world.sign_ins.load(Ordering::SeqCst), reference.sign_ins, "{:?}", event);
            }
            Ok(())
        })?;
    }
}
