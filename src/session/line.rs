//! The line of those who want the session, and then a place of which there are few: so many of them are served at a time.
//!
//! A sign-in that lands wakes everybody who waits for it. Of thousands, all but a few would wake for nothing more than to wait for a place; in
//! the line each is woken once, when it can go.

use std::sync::{OnceLock, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{InHand, Session, State};
use crate::error::Error;
use crate::sync::Mutex;

/// Made by the first who asks for a turn: of many sessions, most are never used.
#[derive(Default)]
pub(super) struct Line(OnceLock<Box<Queue>>);

struct Queue {
    at_once: usize,
    /// Those who wait for their turn, in the order of asking.
    turns: Semaphore,
    /// The number of the last sign-in, and how it failed, if it did. Written and read under the session's lock.
    failed: Mutex<Option<Box<(u32, Error)>>>,
}

impl Line {
    /// So many at a time as the first who asks says; whoever asks for a session's turn keeps to the same limit.
    fn of(&self, at_once: usize) -> &Queue {
        let new = || Queue { at_once, turns: Semaphore::new(at_once), failed: Mutex::default() };
        self.0.get_or_init(|| Box::new(new()))
    }

    /// Whether somebody has a turn, or waits for one.
    pub(super) fn is_in_use(&self) -> bool {
        self.0.get().is_some_and(|queue| queue.turns.available_permits() != queue.at_once)
    }

    fn turns(&self) -> Option<&Semaphore> {
        self.0.get().map(|queue| &queue.turns)
    }

    /// Puts down what those in line have to know of a sign-in that has come to its end: how it failed, if it did.
    pub(super) fn landed(&self, number: u32, failed: Option<&Error>) {
        if let Some(queue) = self.0.get() {
            *queue.failed.lock().unwrap_or_else(PoisonError::into_inner) =
                failed.map(|error| Box::new((number, error.clone())));
        }
    }

    /// Whoever is in line shall not be told any more how the last sign-in failed.
    pub(super) fn forget_failure(&self) {
        self.landed(0, None);
    }

    /// How the last sign-in failed, if it did, for whoever has waited `since` that one or one before it.
    pub(super) fn failed_since(&self, since: u32) -> Option<Error> {
        let failed = self.0.get()?.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_deref().filter(|(number, _)| since <= *number).map(|(_, error)| error.clone())
    }
}

/// One's turn; the next one's has come when it is dropped.
pub(crate) struct Turn {
    session: Session,
    /// The first sign-in whose outcome is one's own: the one under way on joining the line, or the next.
    since: u32,
}

impl Session {
    /// Whether somebody may be in the line: who comes now comes after them.
    pub(crate) fn has_a_line(&self) -> bool {
        self.0.line.turns().is_some_and(|turns| turns.available_permits() == 0)
    }

    /// Whether somebody has a turn, or waits for one.
    #[cfg(all(test, ledgerkey_model))]
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.line.is_in_use()
    }

    /// Waits in line until fewer than `at_once` of those that came before have their turn. Dropping the future leaves the line.
    pub(crate) async fn turn(&self, at_once: usize) -> Turn {
        // First of all, for a sign-in tells its outcome only where there is a line.
        let turns = &self.0.line.of(at_once).turns;
        let since = self.lock().next_outcome();
        // It is never closed.
        if let Ok(permit) = turns.acquire().await {
            SemaphorePermit::forget(permit);
        }
        Turn { session: self.clone(), since }
    }
}

impl Turn {
    /// As [`Session::acquire`]. Everybody who was in line gets the outcome of a sign-in that failed meanwhile, as if they had all waited for it:
    /// else each would make another.
    pub(crate) async fn acquire(&self) -> Result<InHand, Error> {
        self.session.acquire_since(Some(self.since)).await
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.session.0.line.turns() {
            turns.add_permits(1);
        }
    }
}

impl State {
    /// The number of the sign-in that whoever asks now would wait for.
    fn next_outcome(&self) -> u32 {
        self.flights + u32::from(self.flight.is_none())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use futures_util::poll;
    use tokio::task::{JoinSet, yield_now};

    use super::super::grant::Grant;
    use super::super::tests::{OnDemand, broken, granted, rejected, session};
    use super::*;

    const AT_ONCE: usize = 3;

    fn first_fails(number: usize) -> Result<Grant, Error> {
        if number == 1 { broken(number) } else { granted(number) }
    }

    fn second_fails(number: usize) -> Result<Grant, Error> {
        if number == 2 { broken(number) } else { granted(number) }
    }

    /// Lets every task go as far as it can: they are on this thread, and wait for nothing but each other.
    async fn settled() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_sign_in_that_lands_wakes_only_those_whose_turn_it_is() {
        let vendor = OnDemand::new(0, granted);
        let session = session(&vendor);
        let (polls, places) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let (session, polls, places) = (session.clone(), polls.clone(), places.clone());
            callers.spawn(async move {
                let mut in_line = pin!(async {
                    let turn = session.turn(AT_ONCE).await;
                    let live = turn.acquire().await.unwrap();
                    (turn, live)
                });
                let (_turn, live) = std::future::poll_fn(|context| {
                    polls.fetch_add(1, Ordering::Relaxed);
                    in_line.as_mut().poll(context)
                })
                .await;
                places.acquire().await.unwrap().forget();
                live.generation
            });
        }
        settled().await;
        assert_eq!((polls.load(Ordering::Relaxed), vendor.sign_ins()), (100, 1));
        vendor.allow(1);
        settled().await;
        assert_eq!(polls.load(Ordering::Relaxed), 100 + AT_ONCE);
        // And each further one as soon as there is something for it to do.
        places.add_permits(10);
        settled().await;
        assert_eq!(polls.load(Ordering::Relaxed), 100 + AT_ONCE + 10);
        places.add_permits(90);
        assert_eq!(callers.join_all().await, [1; 100]);
        assert_eq!((session.0.line.is_in_use(), vendor.sign_ins()), (false, 1));
    }

    #[tokio::test]
    async fn all_that_are_in_line_get_the_outcome_of_a_sign_in_that_fails() {
        // A second sign-in would be answered, and be seen by that.
        let vendor = OnDemand::new(9, first_fails);
        let session = session(&vendor);
        let mut callers = JoinSet::new();
        for _ in 0..100 {
            let session = session.clone();
            callers.spawn(async move { session.turn(AT_ONCE).await.acquire().await.map(|live| live.generation) });
        }
        for outcome in callers.join_all().await {
            assert_eq!(outcome.unwrap_err().kind(), "timeout");
        }
        assert_eq!((session.0.line.is_in_use(), vendor.sign_ins()), (false, 1));
        // Who comes later does not.
        let late = session.turn(AT_ONCE).await;
        assert!(late.acquire().await.is_ok());
        assert_eq!(vendor.sign_ins(), 2);
    }

    #[tokio::test]
    async fn who_waits_for_a_place_and_loses_the_session_gets_the_outcome_of_the_sign_in_that_follows() {
        let vendor = OnDemand::new(9, second_fails);
        let session = session(&vendor);
        let first = session.turn(1).await;
        let live = first.acquire().await.unwrap();
        let mut second = pin!(session.turn(1));
        assert!(poll!(&mut second).is_pending());
        session.reject(live.generation);
        assert!(first.acquire().await.is_err());
        drop(first);
        let Poll::Ready(second) = poll!(&mut second) else { panic!("its turn has come") };
        assert_eq!(second.acquire().await.unwrap_err().kind(), "timeout");
        assert_eq!(vendor.sign_ins(), 2);
    }

    #[tokio::test]
    async fn a_refusal_that_was_forgotten_is_told_to_nobody_who_is_still_in_line() {
        fn first_is_refused(number: usize) -> Result<Grant, Error> {
            if number == 1 { rejected(number) } else { granted(number) }
        }
        for forget_by_signing_out in [false, true] {
            let vendor = OnDemand::new(9, first_is_refused);
            let session = session(&vendor);
            let first = session.turn(1).await;
            let mut second = pin!(session.turn(1));
            assert!(poll!(&mut second).is_pending());
            assert_eq!(first.acquire().await.unwrap_err().kind(), "sign-in-rejected");
            match forget_by_signing_out {
                true => session.sign_out().await.unwrap(),
                false => session.forget_refusal(),
            }
            drop(first);
            let Poll::Ready(second) = poll!(&mut second) else { panic!("its turn has come") };
            assert!(second.acquire().await.is_ok());
            assert_eq!(vendor.sign_ins(), 2);
        }
    }

    #[tokio::test]
    async fn who_gives_up_leaves_the_line() {
        let vendor = OnDemand::new(9, granted);
        let session = session(&vendor);
        assert!(!session.has_a_line());
        let first = session.turn(1).await;
        let (mut second, mut third) = (Box::pin(session.turn(1)), Box::pin(session.turn(1)));
        assert!(poll!(&mut second).is_pending() && poll!(&mut third).is_pending());
        assert!(session.has_a_line());
        drop(first);
        // Its turn has come, and it never took it up.
        drop(second);
        let Poll::Ready(third) = poll!(&mut third) else { panic!("its turn has come") };
        assert!(session.has_a_line());
        drop(third);
        assert!(!session.0.line.is_in_use());
    }
}
