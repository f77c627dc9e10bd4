//! Many sessions under one bound: which of them are live, and which one has to go when they are too many.
//!
//! A session that has a seat tells its pool of each sign-in. That is the only time at which there can be one too many, so nothing is
//! looked through at a call.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, Weak};

use super::state::{self, Decision, Live, Phase};
use super::{Session, Shared, Status};
use crate::sync::Mutex;

/// Where a session has its pool, if it is of one.
pub(super) type Seat = OnceLock<Weak<Seats>>;

/// A bound on how many of a number of sessions are live. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Pool(Arc<Seats>);

#[derive(Debug)]
pub(super) struct Seats {
    capacity: AtomicUsize,
    /// The sessions that have signed in and may still be live.
    live: Mutex<Vec<Weak<Shared>>>,
}

impl Pool {
    /// At most so many live sessions; those with a call under way, and those that are kept warm, are not ended for it.
    pub(crate) fn new(capacity: usize) -> Self {
        Self(Arc::new(Seats { capacity: capacity.into(), live: Mutex::default() }))
    }

    /// Another bound, from the next sign-in on.
    pub(crate) fn set_capacity(&self, capacity: usize) {
        self.0.capacity.store(capacity, Ordering::Relaxed);
    }

    /// Gives a session a seat, for good.
    pub(crate) fn seat(&self, session: &Session) {
        let _ = session.0.seat.set(Arc::downgrade(&self.0));
    }
}

impl Seats {
    /// A session has signed in: whoever was used longest ago goes, if there is one too many now.
    fn taken(&self, newcomer: &Arc<Shared>) {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sessions: Vec<Session> = live.iter().filter_map(Weak::upgrade).map(Session).collect();
        sessions.retain(|session| !Arc::ptr_eq(&session.0, newcomer) && session.at_hand().is_some());
        let mut over = (sessions.len() + 1).saturating_sub(self.capacity.load(Ordering::Relaxed).max(1));
        if over > 0 {
            let now = newcomer.clock.now();
            let idle = |session: &Session| session.at_hand().map(|live| live.idle(now)).unwrap_or_default();
            sessions.sort_by_cached_key(|session| std::cmp::Reverse(idle(session)));
            sessions.retain(|session| {
                let goes = over > 0 && session.retire();
                over -= usize::from(goes);
                !goes
            });
        }
        *live = sessions.iter().map(|session| Arc::downgrade(&session.0)).collect();
        live.push(Arc::downgrade(newcomer));
    }
}

impl Session {
    /// Tells the pool, if there is one, that this session has signed in.
    pub(super) fn take_seat(&self) {
        if let Some(seats) = self.0.seat.get().and_then(Weak::upgrade) {
            seats.taken(&self.0);
        }
    }

    /// Ends the live session if nobody is using it, in the background. Whether it did.
    ///
    /// A session that is kept in a store is only let go: others may be using it.
    fn retire(&self) -> bool {
        let Some(live) = self.take_unused() else { return false };
        let way = self.way();
        tracing::debug!(way = way.name, generation = live.generation, "a session had to make room");
        if live.id.is_none() {
            self.0.clone().end_in_background(live.grant.clone(), None);
        }
        true
    }

    /// Takes the live session away if no call holds it.
    fn take_unused(&self) -> Option<Arc<Live>> {
        let mut state = self.lock();
        let Phase::Live(live) = &state.phase else { return None };
        // Those in line hold nothing yet, and are about to.
        if self.0.line.is_in_use() {
            return None;
        }
        // Nobody can take it up while it is away from here and the lock is held, and whoever has it already is counted: a swap settles
        // what readers without the lock still owe to the count.
        self.0.live.store(None);
        if Arc::strong_count(live) > 1 {
            self.0.live.store(Some(live.clone()));
            return None;
        }
        match std::mem::take(&mut state.phase) {
            Phase::Live(live) => Some(live),
            Phase::Cold | Phase::Dead | Phase::Refused { .. } => None,
        }
    }

    /// Whether forgetting this value would lose something: a session, a sign-in under way, a refusal that still holds.
    pub(crate) fn has_something_to_lose(&self) -> bool {
        let state = self.lock();
        let next = state::decide(&state.phase, &self.0.terms, self.0.clock.now_millis(), self.0.clock.monotonic());
        state.flight.is_some() || !matches!(next, Decision::SignIn(_))
    }

    /// How many values share this session.
    pub(crate) fn shares(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

/// How the members of a pool stand, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// The members that are remembered: those with a live session, those that were refused, those that somebody holds.
    pub members: usize,
    /// Those of them that have a live session.
    pub live: usize,
    /// Those of them whose sign-in was refused.
    pub refused: usize,
}

impl Census {
    pub(crate) fn count(&mut self, status: &Status) {
        self.members += 1;
        self.live += usize::from(status.live);
        self.refused += usize::from(status.refused);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{OnDemand, granted, session};
    use super::*;

    #[tokio::test]
    async fn the_one_used_longest_ago_makes_room_and_who_is_in_use_stays() {
        let vendor = OnDemand::new(9, granted);
        let pool = Pool::new(2);
        let sessions: Vec<Session> = (0..4).map(|_| session(&vendor)).collect();
        sessions.iter().for_each(|session| pool.seat(session));
        let live = || sessions.iter().map(|session| session.status().live).collect::<Vec<_>>();

        let held = sessions[0].acquire().await.unwrap();
        sessions[1].acquire().await.unwrap();
        sessions[2].acquire().await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(live(), [true, false, true, false]);
        assert_eq!(vendor.sign_outs(), 1);

        drop(held);
        let held = sessions[2].at_hand().unwrap();
        sessions[3].acquire().await.unwrap();
        tokio::task::yield_now().await;
        assert_eq!(live(), [false, false, true, true]);
        assert_eq!((vendor.sign_ins(), vendor.sign_outs()), (4, 2));
        assert_eq!(sessions[2].at_hand().unwrap().generation, held.generation);
    }

    #[tokio::test]
    async fn where_all_are_in_use_none_is_ended() {
        let vendor = OnDemand::new(9, granted);
        let pool = Pool::new(1);
        let (one, two) = (session(&vendor), session(&vendor));
        pool.seat(&one);
        pool.seat(&two);
        let _held = one.acquire().await.unwrap();
        two.acquire().await.unwrap();
        assert!(one.status().live && two.status().live);
        assert_eq!(vendor.sign_outs(), 0);
    }

    #[tokio::test]
    async fn who_holds_it_on_another_thread_keeps_it() {
        let vendor = OnDemand::new(9, granted);
        let pool = Pool::new(1);
        let (one, two, three) = (session(&vendor), session(&vendor), session(&vendor));
        [&one, &two, &three].into_iter().for_each(|session| pool.seat(session));
        one.acquire().await.unwrap();
        // More than a thread holds without being counted.
        for hands in [1, 12] {
            let (taken, has_taken) = std::sync::mpsc::channel();
            let (let_go, may_go) = std::sync::mpsc::channel::<()>();
            let holder = {
                let one = one.clone();
                std::thread::spawn(move || {
                    let hands: Vec<_> = (0..hands).map(|_| one.at_hand().unwrap()).collect();
                    taken.send(()).unwrap();
                    may_go.recv().unwrap();
                    drop(hands);
                })
            };
            has_taken.recv().unwrap();
            two.acquire().await.unwrap();
            assert!(one.status().live && two.status().live, "{hands} in hand");
            two.sign_out().await.unwrap();
            let_go.send(()).unwrap();
            holder.join().unwrap();
        }
        three.acquire().await.unwrap();
        assert!(!one.status().live, "nobody holds it any more");
    }

    #[tokio::test]
    async fn a_session_that_somebody_stands_in_line_for_is_not_ended() {
        let vendor = OnDemand::new(9, granted);
        let pool = Pool::new(1);
        let (one, two) = (session(&vendor), session(&vendor));
        pool.seat(&one);
        pool.seat(&two);
        one.acquire().await.unwrap();
        let turn = one.turn(3).await;
        two.acquire().await.unwrap();
        assert!(one.status().live);
        drop(turn);
        two.sign_out().await.unwrap();
        two.acquire().await.unwrap();
        assert!(!one.status().live, "nobody wants it any more");
    }

    #[tokio::test]
    async fn a_session_outlives_its_pool() {
        let vendor = OnDemand::new(9, granted);
        let one = session(&vendor);
        Pool::new(1).seat(&one);
        assert!(one.acquire().await.is_ok());
    }
}
