//! One session for many who cannot see each other and have the same store, on tokio's paused clock: whoever waits, waits in no time.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use futures_util::future::join_all;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::clock::SystemClock;
use super::grant::Pending;
use super::store::{Identity, Lease, Record, Storing};
use super::tests::{WAY, granted};
use super::*;
use crate::secret::Secret;

pub(super) fn identity() -> Identity {
    Identity {
        address: "https://vendor.example".into(),
        way: "example".into(),
        user: "user@example.com".into(),
        organization: Some("008example".into()),
        key: Some("CANARY".into()),
    }
}

/// The vendor, for whom each sign-in is another session.
#[derive(Debug, Default)]
struct Vendor {
    sign_ins: AtomicUsize,
    sign_outs: AtomicUsize,
}

/// Somebody who signs in at the vendor, and takes so long for it.
#[derive(Debug, Default)]
pub(super) struct Member {
    vendor: Arc<Vendor>,
    takes: Duration,
}

impl SignIn for Member {
    fn way(&self) -> &'static Way {
        &WAY
    }

    fn identity(&self) -> Option<Identity> {
        Some(identity())
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        let number = self.vendor.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            if !self.takes.is_zero() {
                tokio::time::sleep(self.takes).await;
            }
            granted(number).map(|grant| grant.given("session"))
        })
    }

    fn restore(&self, session: Secret) -> Result<Grant, Error> {
        Grant::new([("session", session)]).map(|grant| grant.given("session"))
    }

    fn sign_out(&self, _: Grant) -> Pending<'_, ()> {
        self.vendor.sign_outs.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A store in memory.
#[derive(Debug, Default)]
struct Kept {
    turns: Mutex<HashMap<String, Arc<Semaphore>>>,
    record: Mutex<Option<Record>>,
    /// Whatever is given to it never arrives.
    takes_nothing: bool,
}

impl Kept {
    fn turn(&self, of: &Identity) -> Arc<Semaphore> {
        let one = || Arc::new(Semaphore::new(1));
        self.turns.lock().unwrap().entry(of.digest()).or_insert_with(one).clone()
    }

    /// The turn of somebody who stands still, and never gives it back.
    async fn stand_still(&self) {
        self.turn(&identity()).acquire().await.unwrap().forget();
    }
}

impl Store for Kept {
    fn load<'a>(&'a self, _: &'a Identity) -> Storing<'a, Option<Record>> {
        Box::pin(std::future::ready(Ok(self.record.lock().unwrap().clone())))
    }

    fn lease<'a>(&'a self, of: &'a Identity) -> Storing<'a, Lease> {
        let turn = self.turn(of);
        Box::pin(async move { Ok(Lease::new(turn.acquire_owned().await.unwrap())) })
    }

    fn save<'a>(&'a self, _: &'a Identity, record: &'a Record) -> Storing<'a, ()> {
        if self.takes_nothing {
            return Box::pin(std::future::pending());
        }
        *self.record.lock().unwrap() = Some(record.clone());
        Box::pin(std::future::ready(Ok(())))
    }

    fn touch<'a>(&'a self, _: &'a Identity, _: &'a str, _: SystemTime) -> Storing<'a, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove<'a>(&'a self, _: &'a Identity, id: &'a str) -> Storing<'a, ()> {
        self.record.lock().unwrap().take_if(|record| record.id == id);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Processes of a fleet, each with a session value of its own.
#[derive(Default)]
struct Fleet {
    vendor: Arc<Vendor>,
    store: Arc<Kept>,
}

impl Fleet {
    fn member(&self, takes: Duration) -> Session {
        let member = Member { vendor: self.vendor.clone(), takes };
        Session::new(Arc::new(member), Arc::new(SystemClock), SessionPolicy::default(), Some(self.store.clone()))
    }

    fn signed(&self) -> (usize, usize) {
        (self.vendor.sign_ins.load(Ordering::SeqCst), self.vendor.sign_outs.load(Ordering::SeqCst))
    }
}

/// How long somebody who stands still is waited for, and how long at most until a session is seen that somebody else has made.
const PATIENCE: Duration = Duration::from_secs(150);
const LOOK: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_one_that_stands_still_choose_one_among_them() {
    let fleet = Fleet::default();
    fleet.store.stand_still().await;
    let began = Instant::now();
    let members: Vec<_> = (0..12).map(|_| fleet.member(Duration::from_secs(2))).collect();
    let served = join_all(members.iter().map(Session::acquire)).await;
    let ids: Vec<_> = served.into_iter().map(|live| live.unwrap().id.clone().unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(fleet.signed(), (1, 0));
    let took = began.elapsed();
    assert!((PATIENCE..=PATIENCE + Duration::from_secs(2) + LOOK).contains(&took), "{took:?}");
    // Whoever comes next has nobody to wait for.
    let began = Instant::now();
    assert!(fleet.member(Duration::ZERO).acquire().await.unwrap().stored);
    assert_eq!(began.elapsed(), Duration::ZERO);
    // And when that one has died, those who know who stands still do not wait for it as long again.
    let generation = members[0].at_hand().unwrap().generation;
    members.iter().for_each(|member| member.reject(generation));
    let served = join_all(members.iter().map(Session::acquire)).await;
    let ids: Vec<_> = served.into_iter().map(|live| live.unwrap().id.clone().unwrap()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(fleet.signed(), (2, 0));
    assert!(began.elapsed() <= Duration::from_secs(10 + 2) + LOOK, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_one_they_chose_may_stand_still_too() {
    let fleet = Fleet::default();
    fleet.store.stand_still().await;
    let began = Instant::now();
    // Whoever asks first has the further turn.
    let stands_still = fleet.member(Duration::from_secs(24 * 60 * 60));
    let waits = tokio::spawn(async move { stands_still.acquire().await.map(|live| live.id.clone()) });
    tokio::task::yield_now().await;
    let members: Vec<_> = (0..11).map(|_| fleet.member(Duration::ZERO)).collect();
    let served = join_all(members.iter().map(Session::acquire)).await;
    let ids: Vec<_> = served.into_iter().map(|live| live.unwrap().id.clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(fleet.signed(), (2, 0));
    let took = began.elapsed();
    assert!((2 * PATIENCE..=2 * PATIENCE + LOOK).contains(&took), "{took:?}");
    // It comes to at last, takes what the others use, and ends its own.
    assert_eq!(waits.await.unwrap().unwrap(), ids[0]);
    tokio::task::yield_now().await;
    assert_eq!(fleet.signed(), (2, 1));
    assert_eq!(fleet.store.record.lock().unwrap().as_ref().map(|record| record.id.clone()), ids[0]);
}

#[tokio::test(start_paused = true)]
async fn who_waits_sees_within_a_second_that_somebody_has_made_one() {
    let fleet = Fleet::default();
    fleet.store.stand_still().await;
    let waiting = fleet.member(Duration::ZERO);
    let waits = tokio::spawn(async move { waiting.acquire().await.map(|live| live.stored) });
    tokio::time::sleep(Duration::from_secs(30)).await;
    let elsewhere = Fleet { vendor: fleet.vendor.clone(), ..Fleet::default() };
    elsewhere.member(Duration::ZERO).acquire().await.unwrap();
    *fleet.store.record.lock().unwrap() = elsewhere.store.record.lock().unwrap().clone();
    let began = Instant::now();
    assert!(waits.await.unwrap().unwrap());
    assert!(began.elapsed() <= LOOK, "{:?}", began.elapsed());
    assert_eq!(fleet.signed(), (1, 0));
}

#[tokio::test]
async fn signing_out_ends_what_the_others_use_whatever_has_become_of_ones_own() {
    let fleet = Fleet::default();
    let [first, second] = [(); 2].map(|()| fleet.member(Duration::ZERO));
    let dead = first.acquire().await.unwrap();
    assert_eq!(second.acquire().await.unwrap().id, dead.id);
    second.reject(dead.generation);
    second.acquire().await.unwrap();
    assert_eq!(fleet.signed(), (2, 0));
    // It does not know yet, and says of its own as well that it is over.
    first.sign_out().await.unwrap();
    assert_eq!(fleet.signed(), (2, 2));
    assert!(fleet.store.record.lock().unwrap().is_none());

    let third = fleet.member(Duration::ZERO);
    let dead = third.acquire().await.unwrap();
    third.reject(dead.generation);
    fleet.member(Duration::ZERO).acquire().await.unwrap();
    // What it knows to be refused is not the session that is there, and is not told again.
    *fleet.store.record.lock().unwrap() = None;
    fleet.member(Duration::ZERO).acquire().await.unwrap();
    assert_eq!(fleet.signed(), (4, 2));
    third.sign_out().await.unwrap();
    assert_eq!(fleet.signed(), (4, 3));
    assert!(fleet.store.record.lock().unwrap().is_none());
}

/// Those who want the session wait for that.
#[tokio::test(start_paused = true)]
async fn a_store_that_takes_no_session_holds_it_up_for_five_seconds() {
    let store = Arc::new(Kept { takes_nothing: true, ..Kept::default() });
    let fleet = Fleet { store, ..Fleet::default() };
    let (member, began) = (fleet.member(Duration::ZERO), Instant::now());
    assert!(!member.acquire().await.unwrap().stored);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert!(member.status().live && !member.status().kept);
    assert_eq!(fleet.signed(), (1, 0));
    // It is ended alone: what the others have there by now is not its own.
    let others = Fleet { vendor: fleet.vendor.clone(), ..Fleet::default() };
    others.member(Duration::ZERO).acquire().await.unwrap();
    *fleet.store.record.lock().unwrap() = others.store.record.lock().unwrap().clone();
    member.sign_out().await.unwrap();
    assert_eq!(fleet.signed(), (2, 1));
    assert!(fleet.store.record.lock().unwrap().is_some());
}
