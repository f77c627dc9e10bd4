//! The session under a scheduler that decides who runs when: what holds in whatever order threads get there.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures_util::poll;
use shuttle::future::{JoinHandle, block_on, spawn, yield_now};

use super::grant::Pending;
use super::pool::Pool;
use super::tests::{Stopped, WAY, granted};
use super::*;

/// Runs `test` in many orders: at random, and by few preemptions at places chosen at random, which finds what needs a rare one.
fn in_many_orders(test: fn()) {
    shuttle::check_random(test, 3_000);
    shuttle::check_pct(test, 3_000, 3);
}

/// Takes its time with each sign-in, and knows which sessions have been ended.
#[derive(Default)]
struct Vendor {
    sign_ins: AtomicUsize,
    ended: Mutex<HashSet<String>>,
    refuses: bool,
    /// How many of the first sign-ins fail by something that may pass.
    fails: usize,
    /// How many sign-ins have been answered.
    answered: AtomicUsize,
}

impl Vendor {
    fn sign_ins(&self) -> usize {
        self.sign_ins.load(Ordering::SeqCst)
    }

    fn has_ended_number(&self, number: usize) -> bool {
        self.ended.lock().unwrap().contains(&format!("session-{number}"))
    }

    fn has_ended(&self, live: &Live) -> bool {
        self.ended.lock().unwrap().contains(text(&live.grant))
    }
}

fn text(grant: &Grant) -> &str {
    grant.get("session").expect("a session").secret.expose()
}

impl SignIn for Vendor {
    fn way(&self) -> &'static Way {
        &WAY
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        let number = self.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            yield_now().await;
            yield_now().await;
            self.answered.fetch_add(1, Ordering::SeqCst);
            match number {
                _ if self.refuses => super::tests::rejected(number),
                number if number <= self.fails => super::tests::broken(number),
                _ => granted(number),
            }
        })
    }

    fn sign_out(&self, grant: Grant) -> Pending<'_, ()> {
        Box::pin(async move {
            yield_now().await;
            self.ended.lock().unwrap().insert(text(&grant).to_owned());
            Ok(())
        })
    }
}

fn session(vendor: &Arc<Vendor>) -> Session {
    Session::new(vendor.clone(), Arc::new(Stopped), SessionPolicy::default(), None)
}

fn callers(session: &Session, number: usize) -> Vec<JoinHandle<Result<InHand, Error>>> {
    (0..number)
        .map(|_| {
            let session = session.clone();
            spawn(async move { session.acquire().await })
        })
        .collect()
}

/// What is readable without the lock is what stands under it.
fn is_consistent(session: &Session) -> bool {
    let state = session.lock();
    let phase = match &state.phase {
        Phase::Live(live) => Some(live.generation),
        Phase::Cold | Phase::Dead | Phase::Refused { .. } => None,
    };
    state.flight.is_none() && session.0.live.load_full().map(|live| live.generation) == phase
}

#[test]
fn callers_on_a_cold_session_make_one_sign_in() {
    in_many_orders(|| {
        block_on(async {
            let vendor = Arc::new(Vendor::default());
            let session = session(&vendor);
            for caller in callers(&session, 4) {
                assert_eq!(caller.await.unwrap().unwrap().generation, 1);
            }
            assert_eq!(vendor.sign_ins(), 1);
            assert!(is_consistent(&session));
        });
    });
}

#[test]
fn callers_on_refused_credentials_make_one_sign_in_and_all_are_told() {
    in_many_orders(|| {
        block_on(async {
            let vendor = Arc::new(Vendor { refuses: true, ..Vendor::default() });
            let session = session(&vendor);
            for caller in callers(&session, 4) {
                assert_eq!(caller.await.unwrap().unwrap_err().kind(), "sign-in-rejected");
            }
            assert_eq!(vendor.sign_ins(), 1);
            assert!(is_consistent(&session));
        });
    });
}

/// Two have their turn at a time. Those who were in line before the sign-in failed are told so, or find the session that one who came later has
/// signed in for; none of them makes another.
#[test]
fn callers_in_line_get_the_outcome_of_the_sign_in_that_they_waited_for() {
    in_many_orders(|| {
        block_on(async {
            let vendor = Arc::new(Vendor { fails: 1, ..Vendor::default() });
            let session = session(&vendor);
            let all: Vec<_> = (0..4)
                .map(|_| {
                    let (session, vendor) = (session.clone(), vendor.clone());
                    spawn(async move {
                        let mut turn = pin!(session.turn(2));
                        let first = poll!(&mut turn);
                        let was_in_line = vendor.answered.load(Ordering::SeqCst) == 0;
                        let turn = match first {
                            Poll::Ready(turn) => turn,
                            Poll::Pending => turn.await,
                        };
                        (was_in_line, turn.acquire().await.is_ok())
                    })
                })
                .collect();
            let (mut late, mut served) = (0, 0);
            for caller in all {
                let (was_in_line, is_served) = caller.await.unwrap();
                late += usize::from(!was_in_line);
                served += usize::from(is_served);
            }
            assert_eq!(vendor.sign_ins(), 1 + usize::from(served > 0));
            assert!(served == 0 || late > 0, "made by one who was in line");
            assert!(is_consistent(&session) && !session.is_wanted());
        });
    });
}

/// In line, with the turn in hand, or while the sign-in is under way.
#[test]
fn who_gives_up_in_line_keeps_nobody_from_having_a_turn() {
    in_many_orders(|| {
        block_on(async {
            let vendor = Arc::new(Vendor::default());
            let session = session(&vendor);
            let mut all: Vec<_> = (0..4)
                .map(|_| {
                    let session = session.clone();
                    spawn(async move { session.turn(1).await.acquire().await.map(|live| live.generation) })
                })
                .collect();
            let stay = all.split_off(2);
            for gone in &all {
                yield_now().await;
                gone.abort();
            }
            for caller in stay {
                assert_eq!(caller.await.unwrap().unwrap(), 1);
            }
            for gone in all {
                let _ = gone.await;
            }
            assert_eq!(vendor.sign_ins(), 1);
            assert!(is_consistent(&session) && !session.is_wanted());
        });
    });
}

/// Whoever of them leads, and wherever they are when they give up.
#[test]
fn callers_who_give_up_strand_nobody_and_cost_no_sign_in() {
    in_many_orders(|| {
        block_on(async {
            let vendor = Arc::new(Vendor::default());
            let session = session(&vendor);
            let mut all = callers(&session, 4);
            for gone in all.drain(..2) {
                yield_now().await;
                gone.abort();
            }
            for caller in all {
                assert_eq!(caller.await.unwrap().unwrap().generation, 1);
            }
            assert_eq!(vendor.sign_ins(), 1);
            assert!(is_consistent(&session));
        });
    });
}

/// All of them met the same dead session, and each tells so when it gets there.
#[test]
fn a_dead_session_is_replaced_once_however_late_its_refusals_come() {
    in_many_orders(|| {
        block_on(async {
            let vendor = Arc::new(Vendor::default());
            let session = session(&vendor);
            let old = session.acquire().await.unwrap();
            let replaced: Vec<_> = (0..3)
                .map(|_| {
                    let (session, old) = (session.clone(), old.generation);
                    spawn(async move {
                        session.reject(old);
                        session.acquire().await.map(|live| live.generation)
                    })
                })
                .collect();
            for caller in replaced {
                assert_eq!(caller.await.unwrap().unwrap(), 2);
            }
            assert_eq!(vendor.sign_ins(), 2);
            assert!(is_consistent(&session));
        });
    });
}

/// Whether the sign-in has its outcome before, during or after it.
#[test]
fn signing_out_during_a_sign_in_ends_what_it_gets() {
    in_many_orders(|| {
        block_on(async {
            let vendor = Arc::new(Vendor::default());
            let session = session(&vendor);
            let mut all = callers(&session, 1);
            while vendor.sign_ins() == 0 {
                yield_now().await;
            }
            session.sign_out().await.unwrap();
            all.remove(0).await.unwrap().unwrap();
            assert!(is_consistent(&session));
            // Whoever had it before knows that it is ended; nobody gets it from now on.
            let live = session.acquire().await.unwrap();
            while !vendor.has_ended_number(1) {
                yield_now().await;
            }
            assert!(!vendor.has_ended(&live));
            assert_eq!(vendor.sign_ins(), 2);
        });
    });
}

/// Two sessions with room for one: neither is ended while a caller holds it.
#[test]
fn a_pool_ends_no_session_that_is_in_use() {
    in_many_orders(|| {
        block_on(async {
            let vendor = Arc::new(Vendor::default());
            let pool = Pool::new(1);
            let sessions = [session(&vendor), session(&vendor)];
            sessions.iter().for_each(|session| pool.seat(session));
            let users: Vec<_> = (0..4)
                .map(|number| {
                    let (session, vendor) = (sessions[number % 2].clone(), vendor.clone());
                    spawn(async move {
                        let live = session.acquire().await.unwrap();
                        yield_now().await;
                        assert!(!vendor.has_ended(&live), "ended while it was held");
                        session.completed(&live);
                    })
                })
                .collect();
            for user in users {
                user.await.unwrap();
            }
            assert!(sessions.iter().all(is_consistent));
        });
    });
}
