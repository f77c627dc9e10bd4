//! The session where tasks and threads meet, over a vendor that answers when it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use tokio::sync::Semaphore;

use super::clock::Wait;
use super::grant::Pending;
use super::sharing::Member;
use super::*;
use crate::error::Refusal;

pub(super) static WAY: Way = Way {
    name: "example",
    summary: "",
    operation: Some("login"),
    session: "/session",
    trusted: None,
    user: None,
    provides: &["session"],
    idle: Some(Duration::from_secs(2100)),
    sign_out: Some("logout"),
    source: "",
};

/// Answers a sign-in each time a permit is given, by what `answer` says.
pub(super) struct OnDemand {
    permits: Semaphore,
    sign_ins: AtomicUsize,
    sign_outs: AtomicUsize,
    answer: fn(usize) -> Result<Grant, Error>,
}

impl OnDemand {
    pub(super) fn new(permits: usize, answer: fn(usize) -> Result<Grant, Error>) -> Arc<Self> {
        Arc::new(Self { permits: Semaphore::new(permits), sign_ins: 0.into(), sign_outs: 0.into(), answer })
    }

    /// Lets so many more sign-ins be answered.
    pub(super) fn allow(&self, sign_ins: usize) {
        self.permits.add_permits(sign_ins);
    }

    pub(super) fn sign_ins(&self) -> usize {
        self.sign_ins.load(Ordering::SeqCst)
    }

    pub(super) fn sign_outs(&self) -> usize {
        self.sign_outs.load(Ordering::SeqCst)
    }
}

impl SignIn for OnDemand {
    fn way(&self) -> &'static Way {
        &WAY
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        let number = self.sign_ins.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            self.permits.acquire().await.expect("open").forget();
            (self.answer)(number)
        })
    }

    fn sign_out(&self, _: Grant) -> Pending<'_, ()> {
        self.sign_outs.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Stands still.
#[derive(Debug)]
pub(super) struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    fn sleep(&self, _: Duration) -> Wait {
        Box::pin(std::future::pending())
    }
    fn limit(&self, _: Duration) -> Wait {
        Box::pin(std::future::pending())
    }
}

pub(super) fn granted(number: usize) -> Result<Grant, Error> {
    Grant::new([("session", format!("session-{number}").into())])
}

pub(super) fn rejected(_: usize) -> Result<Grant, Error> {
    Err(Error::SignInRejected { way: "example", refusal: Box::new(Refusal::default()) })
}

/// By something that may pass.
pub(super) fn broken(_: usize) -> Result<Grant, Error> {
    Err(Error::Timeout { operation: "login", what: "the answer", limit: Duration::ZERO })
}

pub(super) fn session(vendor: &Arc<OnDemand>) -> Session {
    Session::new(vendor.clone(), Arc::new(Stopped), SessionPolicy::default(), None)
}

/// Starts callers, and waits until each of them waits for the sign-in.
async fn waiting(session: &Session, callers: usize) -> Vec<tokio::task::JoinHandle<Result<InHand, Error>>> {
    let started = Arc::new(Semaphore::new(0));
    let tasks = (0..callers).map(|_| {
        let (session, started) = (session.clone(), started.clone());
        tokio::spawn(async move {
            let mut acquiring = Box::pin(session.acquire());
            let first = futures_util::poll!(&mut acquiring);
            started.add_permits(1);
            match first {
                std::task::Poll::Ready(outcome) => outcome,
                std::task::Poll::Pending => acquiring.await,
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    started.acquire_many(u32::try_from(callers).unwrap()).await.unwrap().forget();
    tasks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_callers_make_one_sign_in() {
    let vendor = OnDemand::new(0, granted);
    let session = session(&vendor);
    let callers = waiting(&session, 1000).await;
    vendor.allow(1);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().generation, 1);
    }
    assert_eq!(vendor.sign_ins(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_sign_in_fails_once_for_all_and_is_remembered() {
    let vendor = OnDemand::new(0, rejected);
    let session = session(&vendor);
    let callers = waiting(&session, 200).await;
    vendor.allow(1);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap_err().kind(), "sign-in-rejected");
    }
    assert!(session.acquire().await.is_err());
    assert!(session.status().refused);
    assert_eq!(vendor.sign_ins(), 1);
    session.forget_refusal();
    vendor.allow(1);
    assert!(session.acquire().await.is_err());
    assert_eq!(vendor.sign_ins(), 2);
}

#[tokio::test]
async fn a_leader_who_goes_away_strands_nobody() {
    let vendor = OnDemand::new(0, granted);
    let session = session(&vendor);
    let mut callers = waiting(&session, 1).await;
    callers.extend(waiting(&session, 2).await);
    callers.remove(0).abort();
    vendor.allow(1);
    for caller in callers {
        assert!(caller.await.unwrap().is_ok());
    }
    assert_eq!(vendor.sign_ins(), 1);
}

#[tokio::test]
async fn a_sign_in_that_nobody_waits_for_any_more_is_there_for_the_next() {
    let vendor = OnDemand::new(0, granted);
    let session = session(&vendor);
    waiting(&session, 3).await.iter().for_each(|caller| caller.abort());
    vendor.allow(1);
    assert_eq!(session.acquire().await.unwrap().generation, 1);
    assert_eq!(vendor.sign_ins(), 1);
}

#[tokio::test]
async fn a_late_refusal_of_an_old_session_does_not_end_the_new_one() {
    let vendor = OnDemand::new(9, granted);
    let session = session(&vendor);
    let old = session.acquire().await.unwrap();
    session.reject(old.generation);
    let new = session.acquire().await.unwrap();
    session.reject(old.generation);
    assert_eq!(session.acquire().await.unwrap().generation, new.generation);
    assert_eq!(vendor.sign_ins(), 2);
}

#[tokio::test]
async fn signing_out_during_a_sign_in_ends_what_it_gets_and_who_waits_gets_another() {
    let vendor = OnDemand::new(0, granted);
    let session = session(&vendor);
    let callers = waiting(&session, 1).await;
    session.sign_out().await.unwrap();
    vendor.allow(2);
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().grant.get("session").unwrap().secret.expose(), "session-2");
    }
    tokio::task::yield_now().await;
    assert_eq!((vendor.sign_ins(), vendor.sign_outs()), (2, 1));
}

#[tokio::test]
async fn signing_out_ends_the_session_once_and_the_next_call_makes_another() {
    let vendor = OnDemand::new(9, granted);
    let session = session(&vendor);
    session.acquire().await.unwrap();
    session.sign_out().await.unwrap();
    session.sign_out().await.unwrap();
    assert_eq!(vendor.sign_outs.load(Ordering::SeqCst), 1);
    assert_eq!(session.acquire().await.unwrap().generation, 2);
}

#[tokio::test]
async fn a_sign_in_that_panics_is_an_error_and_not_the_end() {
    fn first_panics(number: usize) -> Result<Grant, Error> {
        assert!(number > 1, "a vendor module that fails");
        granted(number)
    }
    let vendor = OnDemand::new(9, first_panics);
    let session = session(&vendor);
    assert_eq!(session.acquire().await.unwrap_err().kind(), "network");
    assert!(session.acquire().await.is_ok());
}

#[test]
fn what_is_shown_of_a_session_holds_no_secret() {
    let session = Session::live(OnDemand::new(0, granted), granted(7).unwrap(), Arc::new(Stopped));
    assert!(session.status().live);
    let shown = format!("{session:?} {:?} {:?}", session.status(), session.at_hand());
    assert!(!shown.contains("session-7"), "{shown}");
}

#[derive(Debug)]
struct At(std::sync::atomic::AtomicU64);

impl Clock for At {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.monotonic()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
    fn sleep(&self, _: Duration) -> Wait {
        Box::pin(std::future::pending())
    }
    fn limit(&self, _: Duration) -> Wait {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn the_status_tells_whose_session_it_is_and_how_long_it_lasts() {
    let clock = Arc::new(At(1000.into()));
    let session = Session::new(Arc::new(Member::default()), clock.clone(), SessionPolicy::default(), None);
    let cold = session.status();
    assert_eq!((cold.live, cold.age, cold.idle, cold.expires_in), (false, None, None, None));
    assert_eq!((cold.user.as_deref(), cold.organization.as_deref()), (Some("user@example.com"), Some("008example")));
    assert_eq!(cold.address.as_deref(), Some("https://vendor.example"));

    let live = session.acquire().await.unwrap();
    clock.0.store(1500, Ordering::SeqCst);
    session.completed(&live);
    clock.0.store(1600, Ordering::SeqCst);
    let status = session.status();
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs());
    assert_eq!((seconds(status.age), seconds(status.idle)), (Some(600), Some(100)));
    assert_eq!((seconds(status.expires_in), status.generation), (Some(2100 - 10 - 100), 1));

    clock.0.store(1500 + 2090, Ordering::SeqCst);
    let status = session.status();
    assert_eq!((status.live, status.expires_in, status.generation), (false, None, 1));
    assert!(!format!("{session:?}").contains("CANARY"));
}
