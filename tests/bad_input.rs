//! What goes in wrong is refused before a byte is sent, and what is odd but legal arrives as it was meant.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::future::ready;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use ledgerkey::bezala::Bezala;
use ledgerkey::bill::{self, Bill};
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{Claim, ClientInfo as _, Settings, SharedBudget, Taken};
use ledgerkey::session::store::{Lease, Storing};
use percent_encoding::percent_decode_str;
use reqwest::{Method, Request, Url};
use support::{ROWS, RecordingClock, Vendor, Vendors, grant, is_sign_in, plain, read_call, settings, success};

/// The fields of a way, what an error calls each, and whether it goes as a header.
fn fields((api, way): (&str, &str)) -> Vec<(&'static str, &'static str, bool)> {
    let organization = [("organization", "organization id", false), ("dev-key", "devKey", true)];
    let partner =
        [("username", "user name", false), ("partner-password", "password", false), ("app-key", "appKey", true)];
    let sso = [("email", "e-mail address", false), ("sso-token", "access token", false)];
    match (api, way) {
        (_, "api-token") => vec![("spend-token", "apiToken", true)],
        (_, "partner-key") => partner.to_vec(),
        (_, "partner-user") => [&partner[..], &organization, &[("user-id", "user id", false)]].concat(),
        (_, "sync-token") => {
            [&organization[..], &[("token-name", "user name", false), ("token-value", "token", false)]].concat()
        }
        (_, "console-token") => {
            [&organization[..], &[("console-email", "user name", false), ("console-token", "token", false)]].concat()
        }
        ("bezala", "password") => {
            vec![("email", "e-mail address", false), ("bezala-password", "password", false)]
        }
        (_, "okta") => [&sso[..], &[("company-name", "company name", false), ("okta-url", "Okta URL", false)]].concat(),
        ("bezala", _) => sso.to_vec(),
        _ => [&organization[..], &[("username", "user name", false), ("password", "password", false)]].concat(),
    }
}

#[tokio::test]
async fn a_field_that_cannot_be_is_named_before_anything_is_sent() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    for row in ROWS {
        for (field, words, is_header) in fields(row) {
            let never = ["", " ", "\t", "\u{a0}", "line\nend", "line\r\nend", "nul\0", "del\u{7f}"];
            let no_header = ["schl\u{fc}ssel", "\u{5bc6}\u{94a5}", "two words", "zero\u{200b}width", " leading"];
            let bad = never.iter().chain(no_header.iter().filter(|_| is_header));
            for bad in bad {
                let keys = |name| if name == field { (*bad).to_owned() } else { plain(name) };
                let case = format!("{row:?} {field} {bad:?}");
                let Err(error) = vendors.open(row, &keys) else { panic!("{case}: accepted") };
                assert_eq!(error.kind(), "config", "{case}: {error}");
                assert!(error.to_string().contains(words), "{case}: {error}");
                assert!(bad.trim().is_empty() || !error.to_string().contains(bad.trim()), "{case}: {error}");
            }
        }
    }
    assert_eq!(vendor.connections(), 0);
}

/// By the operation's facts a call is permitted, counted and sent again.
#[tokio::test]
async fn a_request_for_something_else_than_its_operation_is_not_sent() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
    let api = organization.api();
    let connection = api.inner();
    let (list, get) = (&bill::api::operations::LIST_VENDORS, &bill::api::operations::GET_VENDOR);
    let (base, url) = (connection.base().to_owned(), vendor.url());
    let with_path = |path: &str| base.replace(&url, &format!("{url}{path}"));
    let (host, port) = url.strip_prefix("http://").unwrap().split_once(':').unwrap();
    for (operation, method, target, words) in [
        (list, Method::POST, format!("{base}/v3/vendors"), "listVendors is a GET, and the request a POST"),
        (list, Method::GET, format!("{base}/v3/bills"), "listVendors is at /v3/vendors"),
        (list, Method::GET, format!("{base}/v3/vendors/1"), "another path"),
        (list, Method::GET, with_path("/elsewhere") + "/v3/vendors", "another address"),
        (list, Method::GET, format!("{base}.example/v3/vendors"), "another address"),
        (list, Method::GET, format!("https://{host}:{port}/v3/vendors"), "another address"),
        (list, Method::GET, format!("http://{host}:1/v3/vendors"), "another address"),
        (list, Method::GET, format!("http://{host}@vendor.example/v3/vendors"), "another address"),
        (get, Method::GET, format!("{base}/v3/vendors"), "another path"),
        (get, Method::GET, format!("{base}/v3/bills/1"), "another path"),
        (get, Method::GET, format!("{base}/v3/vendors/"), "getVendor: the parameter vendorId is empty"),
        (get, Method::GET, format!("{base}/v3/vendors/%20%0A"), "getVendor: the parameter vendorId is empty"),
        (get, Method::GET, format!("{base}/v3/vendors/%C2%A0?a=b"), "getVendor: the parameter vendorId is empty"),
    ] {
        let error = connection.exec(operation, Request::new(method, target.parse().unwrap())).await.unwrap_err();
        assert_eq!(error.kind(), "config", "{target}: {error}");
        assert!(error.to_string().contains(words), "{target}: {error}");
    }
    assert_eq!(vendor.connections(), 0);
    for (operation, target) in [(list, "/v3/vendors?max=1#x"), (get, "/v3/vendors/a%2Fb?c=d")] {
        let request = Request::new(Method::GET, format!("{base}{target}").parse().unwrap());
        connection.exec(operation, request).await.unwrap();
    }
    assert_eq!(vendor.calls().len(), 2);
}

#[tokio::test]
async fn a_text_that_is_legal_arrives_as_it_is() {
    let odd = " p\u{e4}ss&w\"\\=\u{f6}+%rd\u{1f511}/\u{5bc6} ";
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    for row in ROWS {
        for (field, ..) in fields(row).into_iter().filter(|(_, _, is_header)| !is_header) {
            let before = vendor.received().len();
            let keys = |name| if name == field { odd.to_owned() } else { plain(name) };
            read_call(&vendors.open(row, &keys).unwrap(), row.0).await.unwrap();
            let received = vendor.received().split_off(before);
            let arrived = received.iter().any(|request| match request.header("content-type") {
                Some("application/x-www-form-urlencoded") => {
                    assert!(request.body.is_ascii(), "{}", request.text());
                    request.form().iter().any(|(_, value)| value == odd)
                }
                Some(_) => request.json().as_object().unwrap().values().any(|value| value == odd),
                None => false,
            });
            assert!(arrived, "{row:?} {field}: {received:?}");
        }
    }
}

#[tokio::test]
async fn v2_has_no_sign_in_for_a_partner_or_for_spend() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let bill = Vendors::at(&vendor.url(), &settings(&RecordingClock::new())).bill;
    let spend = bill.session_by_v2(bill::SpendToken("example".into())).unwrap_err();
    let key = bill::PartnerKey { username: "example".into(), password: "example".into(), app_key: "example".into() };
    let partner = bill.session_by_v2(key).unwrap_err();
    assert_eq!((spend.kind(), partner.kind(), vendor.connections()), ("config", "config", 0));
}

#[test]
fn an_address_is_https_or_loopback_and_nothing_but_an_address() {
    let good = "https://gateway.example.invalid/connect";
    for (bad, words) in [
        ("http://gateway.example.invalid", "plain http"),
        ("http://10.0.0.1/", "plain http"),
        ("http://127.0.0.1.example.invalid", "plain http"),
        ("http://localhost.example.invalid", "plain http"),
        ("https://user:example-secret@gateway.example.invalid", "password"),
        ("https://example-secret@gateway.example.invalid", "user name"),
        ("https://gateway.example.invalid/?token=example-secret", "`?`"),
        ("https://gateway.example.invalid/#example-secret", "`#`"),
        ("ftp://gateway.example.invalid", "https"),
        ("file:///example-secret", "https"),
        ("data:example-secret", "https"),
        ("gateway.example.invalid", "not a URL"),
        ("//gateway.example.invalid", "not a URL"),
        ("https://", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://example-secret:99999", "not a URL"),
        ("", "not a URL"),
        ("\u{0}", "not a URL"),
    ] {
        let results = [
            Bill::at(bad, good, Settings::default()).err(),
            Bill::at(good, bad, Settings::default()).err(),
            Bezala::at(bad, Settings::default()).err(),
        ];
        for error in results {
            let error = error.unwrap_or_else(|| panic!("{bad:?} is accepted"));
            let text = format!("{error} {error:?}");
            assert_eq!(error.kind(), "config", "{bad:?}");
            assert!(text.contains(words) && !text.contains("example-secret"), "{bad:?}: {text}");
        }
    }
    for good in [good, "https://gateway.example.invalid/connect/v3/", "http://[::1]:1", "http://localhost:1/x "] {
        assert!(Bill::at(good, good, Settings::default()).is_ok() && Bezala::at(good, Settings::default()).is_ok());
    }
}

const SEGMENTS: [&str; 14] = [
    "..",
    ".",
    "a/b",
    "/",
    "%2e%2e",
    "..%2f..",
    "?x",
    "#",
    "\\..\\",
    "a b",
    "\t..",
    "\u{e4}\u{5bc6}",
    ";a=1",
    "//evil.invalid",
];

#[tokio::test]
async fn a_path_parameter_stays_in_its_segment() {
    let vendor = Vendor::granting("example-session", |_| support::Reply::json(200, r#"{"id":"1","name":"example"}"#));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
    let api = organization.api();
    for id in SEGMENTS {
        let before = vendor.calls().len();
        let operation = bill::api::API.operation("getVendor").unwrap();
        api.inner().call(operation, &Arguments::default().param("vendorId", id)).await.unwrap();
        let _ = api.get_vendor().vendor_id(id.to_owned()).send().await;
        let operation = bill::api::API.operation("archiveVendor").unwrap();
        let _ = api.inner().call(operation, &Arguments::default().param("vendorId", id)).await;
        let calls = vendor.calls().split_off(before);
        assert_eq!(calls.len(), 3, "{id:?}: {calls:?}");
        for (call, end) in calls.iter().zip(["", "", "/archive"]) {
            let segment = call.target.strip_prefix("/connect/v3/vendors/").and_then(|rest| rest.strip_suffix(end));
            let segment = segment.unwrap_or_else(|| panic!("{id:?} left its place: {}", call.target));
            assert!(!segment.is_empty() && !segment.contains(['/', '?', '#', '\\']), "{id:?}: {}", call.target);
            let decoded = percent_decode_str(segment).decode_utf8().unwrap();
            match id {
                // A segment of dots has no form that stays where it is. What is sent is no vendor's id, so it is not found.
                "." | ".." => assert_eq!(decoded, id.replace('.', "%2E")),
                id => assert_eq!(decoded, id),
            }
        }
    }
}

/// An id that is empty would make a call for one record a call for all of them.
#[tokio::test]
async fn a_path_parameter_of_nothing_is_refused_before_anything_is_sent() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
    let api = organization.api();
    let mut outcomes = Vec::new();
    for nothing in ["", " ", "   "] {
        outcomes.push(api.get_vendor().vendor_id(nothing).send().await.map(drop));
        for id in ["getVendor", "archiveVendor"] {
            let operation = bill::api::API.operation(id).unwrap();
            let arguments = Arguments::default().param("vendorId", nothing);
            outcomes.push(api.inner().call(operation, &arguments).await.map(drop));
        }
    }
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(error.kind() == "config" && error.to_string().contains("vendorId"), "{error}");
    }
    assert_eq!(vendor.connections(), 0);
}

#[tokio::test]
async fn what_was_left_out_is_named_before_anything_is_sent() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
    let api = organization.api();
    let parameter = api.get_vendor().send().await.unwrap_err();
    let field = api.create_vendor().body_map(|vendor| vendor.name("Example")).send().await.unwrap_err();
    for (error, words) in [(parameter, "the parameter vendor_id is missing"), (field, "the field address is missing")] {
        assert!(error.kind() == "config" && error.to_string().contains(words), "{error}");
    }
    assert_eq!(vendor.connections(), 0);
}

/// Grants every share of the limits, and counts them.
#[derive(Debug, Default)]
struct Granting(AtomicUsize);

impl SharedBudget for Granting {
    fn take<'a>(&'a self, _: &'a [Claim]) -> Storing<'a, Taken> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(ready(Ok(Taken::Granted(Lease::new(())))))
    }

    fn close<'a>(&'a self, _: &'a Claim, _: Duration) -> Storing<'a, ()> {
        Box::pin(ready(Ok(())))
    }
}

/// Whoever is in line has no request yet. Of one that cannot be sent that is told at its turn: it takes nothing of the limits, and nobody's turn.
#[tokio::test]
async fn what_cannot_be_sent_by_one_in_line_is_told_and_takes_nothing_from_the_others() {
    for budget in [None, Some(Arc::new(Granting::default()))] {
        let shut = Arc::new((Mutex::new(true), Condvar::new()));
        let door = shut.clone();
        let vendor = Vendor::start(move |request| {
            if !is_sign_in(request.path()) {
                return success(request.path());
            }
            drop(door.1.wait_while(door.0.lock().unwrap(), |shut| *shut).unwrap());
            grant(request.path(), "example-session")
        });
        let mut settings = settings(&RecordingClock::new());
        settings.budget = budget.clone().map(|budget| budget as Arc<dyn SharedBudget>);
        let vendors = Vendors::at(&vendor.url(), &settings);
        let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
        let (api, built) = (organization.api(), AtomicUsize::new(0));
        let connection = api.inner();
        let url: Url = format!("{}/v3/vendors", connection.base()).parse().unwrap();
        let build = || {
            built.fetch_add(1, Ordering::Relaxed);
            Ok(Request::new(Method::GET, url.clone()))
        };
        let list = async || connection.exec_built(&bill::api::operations::LIST_VENDORS, false, &build).await.map(drop);
        let elsewhere = || Ok(Request::new(Method::GET, format!("{url}/1").parse().unwrap()));
        let wrong =
            async || connection.exec_built(&bill::api::operations::LIST_VENDORS, false, &elsewhere).await.map(drop);
        // Nobody is signed in: the first three wait for that, all others in line.
        let is_wrong = |number| (3..6).contains(&number);
        let calls = (0..12).map(|number| if is_wrong(number) { wrong().boxed_local() } else { list().boxed_local() });
        let mut outcomes = pin!(join_all(calls));
        tokio::select! {
            _ = &mut outcomes => unreachable!("nobody is signed in"),
            () = vendor.arrived(1) => {}
        }
        assert_eq!(built.load(Ordering::Relaxed), 3);
        // What has been left out is told at once.
        let error = api.get_vendor().send().now_or_never().unwrap().unwrap_err();
        assert!(error.kind() == "config" && error.to_string().contains("vendor_id is missing"), "{error}");
        *shut.0.lock().unwrap() = false;
        shut.1.notify_all();
        for (number, outcome) in outcomes.await.into_iter().enumerate() {
            match outcome {
                Ok(()) => assert!(!is_wrong(number)),
                Err(error) => {
                    assert!(is_wrong(number), "{error}");
                    assert!(error.kind() == "config" && error.to_string().contains("another path"), "{error}");
                }
            }
        }
        assert_eq!((vendor.sign_ins(), vendor.calls().len(), built.load(Ordering::Relaxed)), (1, 9, 9));
        if let Some(budget) = budget {
            assert_eq!(budget.0.load(Ordering::Relaxed), 10);
        }
    }
}

#[tokio::test]
async fn a_query_is_encoded_and_arrives_as_it_was_meant() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
    let api = organization.api();
    for text in
        ["name:eq:\"M\u{fc}ller & S\u{f6}hne\"", "a=b&max=1#x?y", "100% + 1", "\u{5bc6}\u{94a5}\u{1f511}", "a\r\nb: c"]
    {
        let before = vendor.calls().len();
        let operation = bill::api::API.operation("listVendors").unwrap();
        api.inner().call(operation, &Arguments::default().param("filters", text)).await.unwrap();
        api.list_vendors().filters(text.to_owned()).send().await.unwrap();
        let calls = vendor.calls().split_off(before);
        assert_eq!(calls.len(), 2);
        for call in calls {
            let query = call.target.strip_prefix("/connect/v3/vendors?").unwrap();
            assert!(query.is_ascii(), "{query}");
            let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
            assert_eq!(pairs, [("filters".to_owned(), text.to_owned())]);
        }
    }
}

#[tokio::test]
async fn a_form_is_encoded_and_arrives_as_it_was_meant() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill-v2", "developer-key"), &plain).unwrap();
    let operation = bill::v2::API.operation("listVendors").unwrap();
    for text in ["a&devKey=other", "x=y&sessionId=other", "1 + 1 = 100%", "M\u{fc}ller \u{1f511}", "a\r\nb", ""] {
        let before = vendor.calls().len();
        organization.v2().inner().call(operation, &Arguments::default().param("data", text)).await.unwrap();
        let call = vendor.calls().split_off(before).remove(0);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = [pair("data", text), pair("devKey", "example-dev-key"), pair("sessionId", "example-session-1")];
        let mut form = call.form();
        form.sort_unstable();
        assert_eq!(form, expected, "{}", call.text());
        assert!(call.body.is_ascii(), "{}", call.text());
    }
}

/// What a vendor grants goes into v2's forms as it is, whatever signs are in it.
#[tokio::test]
async fn a_session_with_the_signs_of_a_form_stays_one_field() {
    let session = "a&devKey=other+%2B=&sessionId=b";
    let vendor = Vendor::start(move |request| match support::is_sign_in(request.path()) {
        true => support::grant(request.path(), session),
        false => success(request.path()),
    });
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    read_call(&vendors.open(("bill-v2", "sync-token"), &plain).unwrap(), "bill-v2").await.unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut form = vendor.calls().remove(0).form();
    form.sort_unstable();
    assert_eq!(form, [pair("devKey", "example-dev-key"), pair("sessionId", session)]);
}

#[tokio::test]
async fn a_policy_of_nothing_still_ends() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let mut settings = settings(&RecordingClock::new());
    let policy = &mut settings.policy;
    (policy.attempt, policy.call, policy.tries) = Default::default();
    (policy.back_off, policy.longest_back_off, policy.idle_margin, policy.hold_off) = Default::default();
    let vendors = Vendors::at(&vendor.url(), &settings);
    for row in ROWS {
        let error = read_call(&vendors.open(row, &plain).unwrap(), row.0).await.unwrap_err();
        assert_eq!(error.kind(), "timeout", "{row:?}: {error}");
    }
}

#[tokio::test]
async fn an_argument_that_no_header_can_hold_is_refused_before_anything_is_sent() {
    let vendor = Vendor::granting("example-session", |request| success(request.path()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let partner = vendors.partner(&plain).unwrap();
    let operation = bill::partner::API.operation("listPartnerUsers").unwrap();
    for bad in ["a\nb", "a\r\nsessionId: other", "\0"] {
        let arguments = Arguments::default().param("organizationId", bad);
        let dynamic = partner.api().inner().call(operation, &arguments).await.map(drop).unwrap_err();
        let typed =
            partner.api().list_partner_users().organization_id(bad.to_owned()).send().await.map(drop).unwrap_err();
        assert_eq!((dynamic.kind(), typed.kind()), ("config", "config"), "{bad:?}: {dynamic} {typed}");
    }
    assert_eq!(vendor.connections(), 0);
}
