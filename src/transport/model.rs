//! Places and windows under a scheduler that decides who runs when: what holds in whatever order callers come, wait and give up.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};

use super::call::Call;
use super::policy::Policy;
use super::wire::Settings;
use super::*;
use crate::session::clock::Wait;
use crate::session::grant::Grant;
use crate::table::{Answer, Answers, Body, HeaderName, Limit, Place, Quota, Scheme, Way};

const HOUR: Duration = Duration::from_secs(3600);
const AT_ONCE: usize = 2;
const AN_HOUR: u32 = 3;

static API: Api = Api {
    name: "example",
    title: "",
    ways: &[],
    answers: Answers {
        success: None,
        errors: "",
        code: None,
        message: &[],
        dead_session: &[],
        untrusted: &[],
        locked_out: &[],
        rate_limited: &[],
        passing: &[],
    },
    limits: &[
        Limit {
            name: "hour",
            by: &["key"],
            quota: Quota::Within { most: AN_HOUR, per: HOUR, clock: true },
            ..AT_A_TIME
        },
        AT_A_TIME,
    ],
    company: None,
    operations: &[],
};

const AT_A_TIME: Limit =
    Limit { name: "at once", by: &["key"], quota: Quota::AtOnce(AT_ONCE as u32), operations: &[], refused_with: None };

static SCHEME: Scheme = Scheme { name: "session", place: Place::Header(HeaderName::from_static("session")) };
static SCHEMES: &[&Scheme] = &[&SCHEME];

static LIST: Operation = Operation {
    api: "example",
    id: "list",
    method: "GET",
    path: "/rows",
    summary: "",
    source: "",
    security: &[&[&SCHEME]],
    denied: &[],
    replay_safe: true,
    keyed: false,
    trust: false,
    role: None,
    in_company: false,
    paging: None,
    params: &[],
    body: Body::None,
    answer: Answer::None,
    facts: &API,
};

static WAY: Way = Way {
    name: "example",
    summary: "",
    operation: Some("login"),
    session: "/session",
    trusted: None,
    user: None,
    provides: &["session"],
    idle: None,
    sign_out: None,
    source: "",
};

#[derive(Default)]
struct Vendor(AtomicUsize);

impl SignIn for Vendor {
    fn way(&self) -> &'static Way {
        &WAY
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async {
            yield_now().await;
            Grant::new([("session", "example".into())])
        })
    }

    fn sign_out(&self, _: Grant) -> Pending<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Whoever sleeps has slept at once: it moves itself on. A limit never ends.
#[derive(Debug, Default)]
struct Sleepless(AtomicU64);

impl Clock for Sleepless {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.monotonic()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
    fn sleep(&self, duration: Duration) -> Wait {
        let until = self.monotonic() + duration;
        self.0.fetch_max(u64::try_from(until.as_millis()).unwrap(), Ordering::SeqCst);
        Box::pin(yield_now())
    }
    fn limit(&self, _: Duration) -> Wait {
        Box::pin(std::future::pending())
    }
}

struct Stage {
    connection: Connection,
    session: Session,
    vendor: Arc<Vendor>,
    /// Calls under way, and the most that there were.
    under_way: AtomicUsize,
    most: AtomicUsize,
    /// When each call was let go, in hours.
    hours: std::sync::Mutex<Vec<u64>>,
}

impl Stage {
    fn set(policy: Policy) -> Arc<Self> {
        let settings = Settings { clock: Arc::new(Sleepless::default()), policy, ..Settings::default() };
        static HTTP: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);
        let wire = Arc::new(Wire::over(HTTP.clone(), settings));
        let account = Account::new([("key", "example".to_owned())]);
        let vendor = Arc::new(Vendor::default());
        let connection = Connection::new(wire, &API, &account, Vec::new());
        let session = connection.open(vendor.clone());
        let connection = connection.with_session(session.clone());
        let (under_way, most, hours) = Default::default();
        Arc::new(Self { connection, session, vendor, under_way, most, hours })
    }

    /// A call as far as to where it would be sent, and back.
    async fn call(&self) -> Result<(), Error> {
        let call = Call::new(&self.connection, &LIST, SCHEMES);
        let admitted = match call.admit_at_once(self.connection.clock().now_millis()) {
            Some(admitted) => admitted,
            None => {
                let url = format!("{}{}", self.connection.base(), LIST.path).parse().unwrap();
                let request = Request::new(reqwest::Method::GET, url);
                call.admit(&mut Sending::Given(Box::new(request))).await?.1
            }
        };
        let _under_way = UnderWay::begin(self);
        self.hours.lock().unwrap().push(self.connection.clock().monotonic().as_secs() / HOUR.as_secs());
        yield_now().await;
        drop(admitted);
        Ok(())
    }

    fn callers(self: &Arc<Self>, number: usize) -> Vec<JoinHandle<Result<(), Error>>> {
        (0..number)
            .map(|_| {
                let stage = self.clone();
                spawn(async move { stage.call().await })
            })
            .collect()
    }

    /// Nothing is held, and nothing more than allowed ever was.
    fn check(&self) {
        assert!(self.most.load(Ordering::SeqCst) <= AT_ONCE, "too many at once");
        let hours = self.hours.lock().unwrap();
        for hour in hours.iter() {
            assert!(hours.iter().filter(|other| *other == hour).count() <= AN_HOUR as usize, "too many in an hour");
        }
        let meters = &self.connection.shared.meters;
        let places: Vec<_> = (0..AT_ONCE).map(|_| meters[0].try_place().expect("a place is lost")).collect();
        drop(places);
        assert!(!self.session.is_wanted(), "a turn is lost");
    }
}

/// Counted for as long as it is there, for a caller may give up within.
struct UnderWay<'s>(&'s Stage);

impl<'s> UnderWay<'s> {
    fn begin(stage: &'s Stage) -> Self {
        let now = stage.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        stage.most.fetch_max(now, Ordering::SeqCst);
        Self(stage)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

fn in_many_orders(test: fn()) {
    shuttle::check_random(test, 1_000);
    shuttle::check_pct(test, 1_000, 3);
}

#[test]
fn all_are_let_go_and_never_more_than_the_vendor_allows() {
    in_many_orders(|| {
        block_on(async {
            let stage = Stage::set(Policy { call: 10 * HOUR, ..Policy::default() });
            for caller in stage.callers(5) {
                caller.await.unwrap().unwrap();
            }
            stage.check();
            assert_eq!(stage.hours.lock().unwrap().len(), 5);
            assert_eq!(stage.vendor.0.load(Ordering::SeqCst), 1);
        });
    });
}

/// In line for the session, the place or the window, or with all of them in hand.
#[test]
fn who_gives_up_takes_nothing_along() {
    in_many_orders(|| {
        block_on(async {
            let stage = Stage::set(Policy { call: 10 * HOUR, ..Policy::default() });
            let mut all = stage.callers(5);
            let stay = all.split_off(2);
            for gone in &all {
                yield_now().await;
                gone.abort();
            }
            for caller in stay {
                caller.await.unwrap().unwrap();
            }
            for gone in all {
                let _ = gone.await;
            }
            stage.check();
        });
    });
}

/// A place is not held while the session is waited for: the sign-in may need it.
#[test]
fn a_session_that_dies_while_callers_wait_is_replaced_for_all() {
    in_many_orders(|| {
        block_on(async {
            let stage = Stage::set(Policy { call: 10 * HOUR, ..Policy::default() });
            let all = stage.callers(3);
            let ended = stage.session.acquire().await.unwrap();
            stage.session.reject(ended.generation);
            for caller in all {
                caller.await.unwrap().unwrap();
            }
            stage.check();
            assert!(stage.vendor.0.load(Ordering::SeqCst) <= 2);
        });
    });
}

/// Who cannot wait for the next hour is told so, and the others are not kept by it.
#[test]
fn who_has_no_time_for_the_next_window_leaves_the_line() {
    in_many_orders(|| {
        block_on(async {
            let stage = Stage::set(Policy { call: HOUR / 2, ..Policy::default() });
            let mut limited = 0;
            for caller in stage.callers(5) {
                match caller.await.unwrap() {
                    Ok(()) => {}
                    Err(error) => {
                        assert_eq!(error.kind(), "rate-limited");
                        limited += 1;
                    }
                }
            }
            stage.check();
            assert_eq!(limited, 2);
        });
    });
}
