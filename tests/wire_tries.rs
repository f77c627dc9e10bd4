//! How often a call goes onto the wire: once more under a new session, again after a wait that the vendor may name, never twice where that
//! could act twice, and never too many at a time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ledgerkey::Error;
use ledgerkey::bill::Organization;
use ledgerkey::client::ClientInfo as _;
use ledgerkey::session::clock::Clock as _;
use support::{
    ROWS, Received, RecordingClock, Reply, Vendor, Vendors, call, calls_of, grant, is_sign_in, plain, read_call,
    settings, success,
};

/// Refuses a session as dead, in the words of the vendor that is asked.
fn dead(path: &str) -> Reply {
    match path {
        path if path.starts_with("/api/v2/") => {
            Reply::json(200, r#"{"response_status":1,"response_data":{"error_code":"BDC_1109","error_message":"x"}}"#)
        }
        path if path.starts_with("/api/") => Reply::json(401, r#"{"error":"x"}"#),
        _ => Reply::json(401, r#"[{"code":"BDC_1109","message":"x"}]"#),
    }
}

fn shows(request: &Received, session: &str) -> bool {
    let headers = request.headers.iter().any(|(_, value)| value == session || value == &format!("Bearer {session}"));
    headers || request.text().ends_with(&format!("={session}")) || request.text().contains(&format!("={session}&"))
}

#[tokio::test]
async fn the_replay_carries_the_new_session_and_the_same_call() {
    for row in ROWS.into_iter().filter(|(_, way)| *way != "api-token") {
        let (_, read, create) = calls_of(row.0);
        for operation in [Some(read), create].into_iter().flatten() {
            // Whoever acts as a partner's user has the second session, and the third after that.
            let (old, new) = match row.1 {
                "partner-user" => ("example-2", "example-3"),
                _ => ("example-1", "example-2"),
            };
            let vendor = Vendor::granting("example", move |request| match shows(request, old) {
                true => dead(request.path()),
                false => success(request.path()),
            });
            let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
            let connection = vendors.open(row, &plain).unwrap();
            call(&connection, row.0, operation).await.unwrap_or_else(|error| panic!("{row:?} {operation}: {error}"));
            let calls = vendor.calls();
            assert_eq!(calls.len(), 2, "{row:?} {operation}: {calls:?}");
            assert!(shows(&calls[0], old) && !shows(&calls[0], new), "{row:?} {operation}: {calls:?}");
            assert!(shows(&calls[1], new) && !shows(&calls[1], old), "{row:?} {operation}: {calls:?}");
            // But for the session the two are one and the same.
            assert_eq!(but_for(old, &calls[0]), but_for(new, &calls[1]), "{row:?} {operation}");
        }
    }
}

/// All of a request in which the session does not stand.
fn but_for(session: &str, call: &Received) -> (String, String, Vec<(String, String)>, String) {
    let other = |value: &str| value.replace(session, "session");
    let headers = call.own_headers().into_iter().map(|(name, value)| (name.to_owned(), other(value))).collect();
    (call.method.clone(), call.target.clone(), headers, other(&call.text()))
}

#[tokio::test]
async fn a_typed_call_is_built_again_as_it_was() {
    let vendor = Vendor::granting("example", move |request| match shows(request, "example-1") {
        true => dead(request.path()),
        false => success(request.path()),
    });
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
    organization.api().list_vendors().max(7).page("a&b c").send().await.unwrap();
    let calls = vendor.calls();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert!(calls[0].target.ends_with("/v3/vendors?max=7&page=a%26b+c"), "{}", calls[0].target);
    assert_eq!(but_for("example-1", &calls[0]), but_for("example-2", &calls[1]));
}

#[tokio::test]
async fn a_session_that_is_refused_fresh_is_not_tried_a_third_time() {
    for row in ROWS.into_iter().filter(|(_, way)| *way != "api-token") {
        let vendor = Vendor::granting("example", |request| dead(request.path()));
        let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
        let connection = vendors.open(row, &plain).unwrap();
        let error = read_call(&connection, row.0).await.unwrap_err();
        assert_eq!((error.kind(), vendor.calls().len()), ("vendor", 2), "{row:?}: {error}");
    }
}

/// Refuses every other call, with these statuses in turn and this header, and lets the others pass.
fn busy(statuses: &'static [u16], retry_after: &'static str) -> Vendor {
    let calls = AtomicUsize::new(0);
    Vendor::granting("example", move |request| match calls.fetch_add(1, Ordering::SeqCst) {
        call if call % 2 == 0 => {
            Reply::bytes(statuses[call / 2 % statuses.len()], &[("retry-after", retry_after)], Vec::new())
        }
        _ => success(request.path()),
    })
}

/// A row for each API.
const ONE_EACH: [(&str, &str); 5] = [ROWS[0], ROWS[2], ROWS[5], ROWS[6], ROWS[9]];

#[tokio::test]
async fn retry_after_is_honoured_and_capped() {
    let longest = settings(&RecordingClock::new()).policy.longest_back_off;
    for (said, expected) in [("7", Duration::from_secs(7)), ("86400", longest), ("18446744073709551615", longest)] {
        // A 503 tells nothing of a call that is not known to be safe to send again; all of these read.
        let (vendor, clock) = (busy(&[429, 503], said), RecordingClock::new());
        let vendors = Vendors::at(&vendor.url(), &settings(&clock));
        for row in ROWS {
            for _ in 0..2 {
                let (slept, sent) = (clock.sleeps().len(), vendor.calls().len());
                read_call(&vendors.open(row, &plain).unwrap(), row.0).await.unwrap();
                assert_eq!(clock.sleeps()[slept..], [expected], "{row:?} {said}");
                assert_eq!(vendor.calls().len() - sent, 2, "{row:?} {said}");
            }
        }
    }
}

#[tokio::test]
async fn retry_after_may_be_a_date() {
    let longest = settings(&RecordingClock::new()).policy.longest_back_off;
    for row in ONE_EACH {
        // The recording clock stands at 08:49:37.
        for (said, expected) in
            [("Sun, 06 Nov 1994 08:50:07 GMT", Duration::from_secs(30)), ("Mon, 07 Nov 1994 08:49:37 GMT", longest)]
        {
            let (vendor, clock) = (busy(&[429], said), RecordingClock::new());
            let connection = Vendors::at(&vendor.url(), &settings(&clock)).open(row, &plain).unwrap();
            read_call(&connection, row.0).await.unwrap();
            assert_eq!((clock.sleeps(), vendor.calls().len()), (vec![expected], 2), "{row:?} {said}");
        }
    }
    // What cannot be read, or has passed, is as if it were not there: the wait is our own, of up to a second.
    for said in ["soon", "-3", "Sun, 06 Nov 1994 08:00:00 GMT", ""] {
        let (vendor, clock) = (busy(&[429], said), RecordingClock::new());
        let connection = Vendors::at(&vendor.url(), &settings(&clock)).open(ROWS[0], &plain).unwrap();
        read_call(&connection, ROWS[0].0).await.unwrap();
        assert!(matches!(clock.sleeps()[..], [wait] if wait <= Duration::from_secs(1)), "{said}: {:?}", clock.sleeps());
    }
}

/// What the vendor does with every call, and how the call ends for one that reads and for one that creates.
#[tokio::test]
async fn a_call_is_sent_so_many_times_and_one_that_creates_only_if_the_vendor_did_not_act() {
    let cases = [
        (Reply::json(429, "[]"), ("rate-limited", 3), ("rate-limited", 3)),
        (Reply::json(503, ""), ("vendor", 3), ("ambiguous", 1)),
        (Reply::json(500, "[]"), ("vendor", 3), ("ambiguous", 1)),
        (Reply::Cut(Vec::new()), ("network", 3), ("ambiguous", 1)),
        (Reply::Cut(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()), ("network", 3), ("ambiguous", 1)),
        (Reply::Cut(b"HTTP/1.1 2".to_vec()), ("network", 3), ("ambiguous", 1)),
        // What a gateway says, whether or not the vendor documents it.
        (Reply::text(524, "text/html", "<html>"), ("vendor", 3), ("ambiguous", 1)),
        (Reply::json(408, ""), ("vendor", 3), ("ambiguous", 1)),
        (Reply::text(200, "text/html", "<html>"), ("decode", 1), ("ambiguous", 1)),
        (Reply::json(400, "[]"), ("vendor", 1), ("vendor", 1)),
    ];
    for (reply, reads, creates) in cases {
        let answer = reply.clone();
        let vendor = Vendor::granting("example", move |_| answer.clone());
        let clock = RecordingClock::new();
        let mut settings = settings(&clock);
        settings.policy.tries = 3;
        let vendors = Vendors::at(&vendor.url(), &settings);
        for row in ROWS {
            let (_, read, create) = calls_of(row.0);
            for (operation, (kind, sends)) in [(Some(read), reads), (create, creates)] {
                let Some(operation) = operation else { continue };
                let (slept, sent) = (clock.sleeps().len(), vendor.calls().len());
                let connection = vendors.open(row, &plain).unwrap();
                let error = call(&connection, row.0, operation).await.unwrap_err();
                let case = format!("{row:?} {operation} {reply:?}: {error}");
                assert_eq!((error.kind(), vendor.calls().len() - sent), (kind, sends), "{case}");
                let waits = clock.sleeps().split_off(slept);
                assert_eq!(waits.len(), sends - 1, "{case}");
                // Anything up to a second, and up to twice that before the next.
                let bounds = [1, 2].map(Duration::from_secs);
                assert!(waits.iter().zip(bounds).all(|(wait, bound)| *wait <= bound), "{case}: {waits:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_is_tried_as_often_as_the_policy_says_and_the_waits_keep_their_bounds() {
    let replies = [(ROWS[0], Reply::json(503, "")), (ROWS[9], Reply::json(429, "")), (ROWS[2], Reply::json(502, ""))];
    for (row, reply) in replies {
        for tries in [0, 1, 2, 6] {
            let (answer, clock) = (reply.clone(), RecordingClock::new());
            let vendor = Vendor::granting("example", move |_| answer.clone());
            let mut settings = settings(&clock);
            settings.policy.tries = tries;
            settings.policy.longest_back_off = Duration::from_secs(5);
            let connection = Vendors::at(&vendor.url(), &settings).open(row, &plain).unwrap();
            read_call(&connection, row.0).await.unwrap_err();
            assert_eq!(vendor.calls().len(), tries.max(1) as usize, "{row:?} {tries}");
            let waits = clock.sleeps();
            assert_eq!(waits.len() + 1, vendor.calls().len(), "{row:?} {tries}");
            let bounds = [1, 2, 4, 5, 5].map(Duration::from_secs);
            assert!(waits.iter().zip(bounds).all(|(wait, bound)| *wait <= bound), "{row:?}: {waits:?}");
        }
    }
}

/// Tried with next to no time left, it would be given up before its answer is there, and nobody would know its fate.
#[tokio::test]
async fn a_call_that_creates_is_not_sent_with_next_to_no_time_left() {
    for row in ONE_EACH {
        let (_, read, create) = calls_of(row.0);
        for (operation, sends) in [(Some(read), 2), (create, 1)] {
            let Some(operation) = operation else { continue };
            let vendor = busy(&[429], "59");
            let mut settings = settings(&RecordingClock::new());
            settings.policy.call = Duration::from_secs(60);
            let connection = Vendors::at(&vendor.url(), &settings).open(row, &plain).unwrap();
            let outcome = call(&connection, row.0, operation).await;
            assert_eq!(vendor.calls().len(), sends, "{row:?} {operation}");
            assert_eq!(outcome.err().map(|error| error.kind()), (sends == 1).then_some("rate-limited"), "{row:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_inside_a_200_is_one_for_a_call_without_an_answer_too() {
    // The first call meets a dead session, the second is refused for its own sake.
    let calls = AtomicUsize::new(0);
    let vendor = Vendor::granting("example", move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(200, r#"[{"code":"BDC_1109","message":"x"}]"#),
        1 => Reply::bytes(204, &[], Vec::new()),
        _ => Reply::json(200, r#"[{"code":"BDC_1205","message":"x"}]"#),
    });
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let api = vendors.organization(ROWS[0], &plain).unwrap().api();
    api.delete_vendor_bank_account().vendor_id("009x").send().await.unwrap();
    assert_eq!((vendor.calls().len(), vendor.sign_ins()), (2, 2));
    let error = api.delete_vendor_bank_account().vendor_id("009x").send().await.unwrap_err();
    assert_eq!((error.kind(), vendor.calls().len()), ("vendor", 3), "{error}");
}

#[tokio::test]
async fn on_a_timeout_a_call_that_creates_is_not_sent_again() {
    for row in ROWS {
        let (_, read, create) = calls_of(row.0);
        for (operation, kind, sends) in [(Some(read), "timeout", 3), (create, "ambiguous", 1)] {
            let Some(operation) = operation else { continue };
            let vendor = Vendor::granting("example", |_| Reply::Silence);
            let clock = RecordingClock::new();
            let mut settings = settings(&clock);
            settings.policy.tries = 3;
            let connection = Vendors::at(&vendor.url(), &settings).open(row, &plain).unwrap();
            let sign_ins = match row.1 {
                "api-token" => 0,
                "partner-user" => 2,
                _ => 1,
            };
            let attempt = settings.policy.attempt;
            let out_of_patience = async {
                for sent in 1..=sends {
                    vendor.arrived(sign_ins + sent).await;
                    clock.advance(attempt);
                }
            };
            let (outcome, ()) = futures_util::join!(call(&connection, row.0, operation), out_of_patience);
            let error = outcome.unwrap_err();
            assert_eq!((error.kind(), vendor.calls().len()), (kind, sends), "{row:?} {operation}: {error}");
        }
    }
}

/// A call that was refused at first may have been sent long before the try whose fate is unknown: what to look for was made after the first.
#[tokio::test]
async fn an_ambiguous_call_tells_when_it_was_first_sent() {
    let calls = AtomicUsize::new(0);
    let vendor = Vendor::granting("example", move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(429, "[]"),
        _ => Reply::Cut(Vec::new()),
    });
    let clock = RecordingClock::new();
    let began = clock.now();
    let mut settings = settings(&clock);
    (settings.policy.back_off, settings.policy.longest_back_off) = (Duration::from_secs(9), Duration::from_secs(9));
    let connection = Vendors::at(&vendor.url(), &settings).open(ROWS[0], &plain).unwrap();
    let error = call(&connection, "bill", "createVendor").await.unwrap_err();
    let Error::Ambiguous { sent_at, .. } = &error else { panic!("{error}: {error:?}") };
    assert_eq!((vendor.calls().len(), *sent_at), (2, began));
    assert!(clock.now() > began);
    assert!(error.to_string().starts_with("createVendor was sent on Sun, 06 Nov 1994 08:49:37 GMT and"), "{error}");
}

/// A vendor that answers calls only once it has been told to, and counts how many of each session are there at a time.
struct Crowd {
    vendor: Vendor,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    open: bool,
    here: HashMap<String, usize>,
    most: HashMap<String, usize>,
}

impl Crowd {
    /// Its sessions bear the name of the organization that they are for.
    fn gather() -> Self {
        let state = Arc::<(Mutex<State>, Condvar)>::default();
        let lock = state.clone();
        let vendor = Vendor::start(move |request| {
            if is_sign_in(request.path()) {
                return grant(request.path(), request.json()["organizationId"].as_str().unwrap());
            }
            let in_form =
                || request.form().into_iter().find(|(name, _)| name == "sessionId").map(|(_, session)| session);
            let session = request.header("sessionid").map(str::to_owned).or_else(in_form).unwrap();
            let (state, opened) = &*lock;
            let mut held = state.lock().unwrap();
            let here = held.here.entry(session.clone()).or_default();
            *here += 1;
            let here = *here;
            let most = held.most.entry(session.clone()).or_default();
            *most = here.max(*most);
            let mut held = opened.wait_while(held, |state| !state.open && session != "fence").unwrap();
            *held.here.get_mut(&session).unwrap() -= 1;
            success(request.path())
        });
        Self { vendor, state }
    }

    fn open(&self) {
        self.state.0.lock().unwrap().open = true;
        self.state.1.notify_all();
    }

    fn most(&self, session: &str) -> usize {
        self.state.0.lock().unwrap().most[session]
    }
}

#[tokio::test]
async fn three_at_a_time_for_each_organization_of_a_key() {
    let crowd = Crowd::gather();
    let vendors = Vendors::at(&crowd.vendor.url(), &settings(&RecordingClock::new()));
    let open = |organization: &'static str| {
        let keys = move |name| if name == "organization" { organization.to_owned() } else { plain(name) };
        vendors.organization(("bill", "developer-key"), &keys).unwrap()
    };
    // Two values for the one organization: they share its places.
    let callers = [open("one"), open("one"), open("two")];
    for organization in &callers {
        organization.session().acquire().await.unwrap();
    }
    let signed_in = crowd.vendor.received().len();
    let mut calls = Vec::new();
    // Both APIs of an organization take their places from the same three.
    for organization in callers.iter().cycle().take(12) {
        let (v3, v2) = (organization.api().inner().clone(), organization.v2().inner().clone());
        for (connection, api) in [(v3, "bill"), (v2, "bill-v2")] {
            calls.push(tokio::spawn(async move { read_call(&connection, api).await }));
        }
    }
    crowd.vendor.arrived(signed_in + 6).await;
    // A third organization's calls pass meanwhile: all that was ready to be sent before them has been sent.
    let fence = open("fence");
    for _ in 0..3 {
        read_call(fence.api().inner(), "bill").await.unwrap();
    }
    assert_eq!(crowd.vendor.received().len(), signed_in + 6 + 1 + 3);
    assert_eq!((crowd.most("one"), crowd.most("two")), (3, 3));
    crowd.open();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!((crowd.most("one"), crowd.most("two")), (3, 3));
    assert_eq!(crowd.vendor.received().len(), signed_in + 24 + 1 + 3);
}

/// A vendor whose second sign-in and whose calls wait until they may be answered.
struct Reluctant {
    vendor: Vendor,
    /// Whether the second sign-in may be answered, and whether the calls may.
    may: Arc<(Mutex<(bool, bool)>, Condvar)>,
}

impl Reluctant {
    fn start() -> Self {
        let may = Arc::<(Mutex<(bool, bool)>, Condvar)>::default();
        let (asked, sign_ins) = (may.clone(), AtomicUsize::new(0));
        let vendor = Vendor::start(move |request| {
            let ((state, changed), is_sign_in) = (&*asked, is_sign_in(request.path()));
            let waits = !is_sign_in || sign_ins.fetch_add(1, Ordering::SeqCst) == 1;
            let is_shut = |may: &mut (bool, bool)| waits && !(if is_sign_in { may.0 } else { may.1 });
            drop(changed.wait_while(state.lock().unwrap(), is_shut).unwrap());
            if is_sign_in { grant(request.path(), "session") } else { success(request.path()) }
        });
        Self { vendor, may }
    }

    fn allow(&self, sign_in: bool, calls: bool) {
        *self.may.0.lock().unwrap() = (sign_in, calls);
        self.may.1.notify_all();
    }
}

/// A call on a task of its own.
fn begin(organization: &Organization) -> tokio::task::JoinHandle<Result<bytes::Bytes, Error>> {
    let connection = organization.api().inner().clone();
    tokio::spawn(async move { read_call(&connection, "bill").await })
}

#[tokio::test]
async fn who_waits_for_the_sign_in_and_then_for_a_place_waits_no_longer_than_a_call_may() {
    let reluctant = Reluctant::start();
    let (vendor, clock) = (&reluctant.vendor, RecordingClock::new());
    let mut settings = settings(&clock);
    settings.policy.attempt = settings.policy.call;
    let vendors = Vendors::at(&vendor.url(), &settings);
    let open = || vendors.organization(("bill", "developer-key"), &plain).unwrap();
    let (signed_in, cold) = (open(), open());
    signed_in.session().acquire().await.unwrap();
    // The last of them is in line behind those who wait for the sign-in.
    let callers: Vec<_> = (0..4).map(|_| begin(&cold)).collect();
    vendor.arrived(1 + 1).await;
    // Four minutes on, others come who hold the places until long after: two now, and the third when the sign-in has given back its own.
    clock.advance(settings.policy.call * 4 / 5);
    let others: Vec<_> = (0..3).map(|_| begin(&signed_in)).collect();
    vendor.arrived(2 + 2).await;
    reluctant.allow(true, false);
    vendor.arrived(2 + 3).await;
    clock.advance(settings.policy.call / 5);
    for caller in callers {
        match caller.await.unwrap() {
            Err(Error::Timeout { what, .. }) => assert_eq!(what, "waiting for a place"),
            other => panic!("{other:?}"),
        }
    }
    reluctant.allow(true, true);
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert_eq!(vendor.received().len(), 2 + 3, "whose time was over has sent nothing");
}

#[tokio::test]
async fn a_sign_in_that_hangs_keeps_nobody_whose_session_is_live() {
    let reluctant = Reluctant::start();
    reluctant.allow(false, true);
    let (vendor, clock) = (&reluctant.vendor, RecordingClock::new());
    let settings = settings(&clock);
    let vendors = Vendors::at(&vendor.url(), &settings);
    // Two sessions of one organization, which share its places.
    let open = || vendors.organization(("bill", "developer-key"), &plain).unwrap();
    let (signed_in, cold) = (open(), open());
    signed_in.session().acquire().await.unwrap();
    let waiting: Vec<_> = (0..10).map(|_| begin(&cold)).collect();
    vendor.arrived(1 + 1).await;
    // They come to their end, however long that is on this machine; where they are kept, they never would.
    let end_of = async |calls: Vec<tokio::task::JoinHandle<Result<bytes::Bytes, Error>>>| {
        let outcomes = tokio::time::timeout(Duration::from_secs(60), futures_util::future::join_all(calls)).await;
        for outcome in outcomes.expect("they are kept") {
            outcome.unwrap().unwrap();
        }
    };
    end_of((0..5).map(|_| begin(&signed_in)).collect()).await;
    assert_eq!(vendor.received().len(), 2 + 5);
    reluctant.allow(true, true);
    end_of(waiting).await;
    assert_eq!((vendor.received().len(), vendor.sign_ins()), (2 + 15, 2));
}

#[tokio::test]
async fn a_sign_in_that_fails_fails_all_that_wait_for_it_and_is_not_made_again_for_each() {
    let vendor = Vendor::start(|request| match is_sign_in(request.path()) {
        true => Reply::text(200, "text/html", "<html>"),
        false => success(request.path()),
    });
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
    let callers: Vec<_> = (0..50).map(|_| begin(&organization)).collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap_err().kind(), "decode");
    }
    assert_eq!((vendor.sign_ins(), vendor.received().len()), (1, 1));
}
