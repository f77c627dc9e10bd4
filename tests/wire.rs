//! What goes over the wire, exactly: each sign-in as the vendors document it, what later calls carry and that they carry nothing else, and what
//! is sent again, when, and how often.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ledgerkey::bezala::{Password, Upload};
use ledgerkey::bill;
use ledgerkey::bill::mfa::Remembered;
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{ClientInfo, Settings};
use serde_json::{Value, json};
use support::{
    ROWS, Received, RecordingClock, Reply, Vendor, Vendors, call, calls_of, is_sign_in, plain, read_call, settings,
};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn vendor() -> Vendor {
    Vendor::granting("example-session", |request| support::success(request.path()))
}

fn at(vendor: &Vendor) -> Vendors {
    Vendors::at(&vendor.url(), &settings(&RecordingClock::new()))
}

fn form(pairs: &Value) -> Vec<(String, String)> {
    let pairs = pairs.as_object().unwrap().iter();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// The call that signs in, and its whole body.
fn documented((api, way): (&str, &str)) -> (&'static str, Value) {
    let email = "example-email";
    match (api, way) {
        ("bill", "developer-key") => (
            "/connect/v3/login",
            json!({"username": "example-username", "password": "example-password", "organizationId": "example-organization",
                "devKey": "example-dev-key"}),
        ),
        ("bill", "sync-token") => (
            "/connect/v3/login",
            json!({"username": "example-token-name", "password": "example-token-value", "organizationId": "example-organization",
                "devKey": "example-dev-key"}),
        ),
        ("bill", "console-token") => (
            "/connect/v3/login",
            json!({"username": "example-console-email", "consoleApiToken": "example-console-token",
                "organizationId": "example-organization", "devKey": "example-dev-key"}),
        ),
        ("bill-v2", way) => {
            let (name, password) = match way {
                "sync-token" => ("example-token-name", "example-token-value"),
                "console-token" => ("example-console-email", "example-console-token"),
                _ => ("example-username", "example-password"),
            };
            (
                "/api/v2/Login.json",
                json!({"userName": name, "password": password, "orgId": "example-organization", "devKey": "example-dev-key"}),
            )
        }
        (_, "partner-key") => (
            "/connect/v3/partner/login",
            json!({"username": "example-username", "password": "example-partner-password", "appKey": "example-app-key"}),
        ),
        (_, "partner-user") => (
            "/connect/v3/partner/login-as-user",
            json!({"userId": "example-user-id", "organizationId": "example-organization"}),
        ),
        (_, "password") => ("/api/auth/token", json!({"email": email, "password": "example-bezala-password"})),
        (_, "google") => {
            ("/api/auth/google/token", json!({"email": email, "google_access_token": "example-sso-token"}))
        }
        (_, "microsoft") => {
            ("/api/auth/microsoft/token", json!({"email": email, "microsoft_access_token": "example-sso-token"}))
        }
        _ => (
            "/api/auth/okta/token",
            json!({"email": email, "company_name": "example-company-name", "okta_url": "https://example.okta.invalid",
                "okta_access_token": "example-sso-token"}),
        ),
    }
}

/// Where the row's first read goes, and what it carries of the session: headers, and fields of its form.
fn carried((api, way): (&str, &str)) -> (&'static str, &'static str, Value, Option<Value>) {
    let session = if way == "partner-user" { "example-session-2" } else { "example-session-1" };
    let v3 = json!({"devkey": "example-dev-key", "sessionid": session});
    match api {
        "bill" => ("GET", "/connect/v3/vendors", v3, None),
        "bill-v2" => (
            "POST",
            "/api/v2/List/Vendor.json",
            json!({FORM.0: FORM.1}),
            Some(json!({"devKey": "example-dev-key", "sessionId": session})),
        ),
        "bill-spend" => ("GET", "/connect/v3/spend/budgets", json!({"apitoken": "example-spend-token"}), None),
        "bill-partner" => (
            "GET",
            "/connect/v3/partner/organizations",
            json!({"appkey": "example-app-key", "sessionid": session}),
            None,
        ),
        _ => ("GET", "/api/accounts", json!({"authorization": format!("Bearer {session}")}), None),
    }
}

fn assert_headers(request: &Received, expected: &Value) {
    let own: Vec<(String, String)> =
        request.own_headers().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(own, form(expected), "{} {}", request.method, request.target);
}

#[tokio::test]
async fn each_way_signs_in_as_documented_and_later_calls_carry_the_session_and_no_more() {
    for row in ROWS {
        let vendor = vendor();
        read_call(&at(&vendor).open(row, &plain).unwrap(), row.0).await.unwrap();
        let mut received = vendor.received();
        let read = received.pop().unwrap();
        let (method, path, headers, fields) = carried(row);
        assert_eq!((read.method.as_str(), read.target.as_str()), (method, path), "{row:?}");
        assert_headers(&read, &headers);
        assert_eq!(read.header("accept"), Some("application/json"), "{row:?}");
        match fields {
            Some(fields) => {
                let mut found = read.form();
                found.sort();
                assert_eq!(found, form(&fields), "{row:?}");
            }
            None => assert!(read.body.is_empty(), "{row:?}: {}", read.text()),
        }
        if row.1 == "api-token" {
            assert!(received.is_empty(), "{row:?}: {received:?}");
            continue;
        }
        let sign_in = received.pop().unwrap();
        let (path, body) = documented(row);
        assert_eq!((sign_in.method.as_str(), sign_in.target.as_str()), ("POST", path), "{row:?}");
        if row.0 == "bill-v2" {
            assert_headers(&sign_in, &json!({FORM.0: FORM.1}));
            let mut found = sign_in.form();
            found.sort();
            assert_eq!(found, form(&body), "{row:?}");
        } else {
            let as_partner = json!({"appkey": "example-app-key", JSON.0: JSON.1, "sessionid": "example-session-1"});
            assert_headers(&sign_in, &if row.1 == "partner-user" { as_partner } else { json!({JSON.0: JSON.1}) });
            assert_eq!(sign_in.json(), body, "{row:?}");
        }
        if row.1 == "partner-user" {
            let partner = received.pop().unwrap();
            assert_eq!((partner.target.as_str(), partner.json()), documented(ROWS[6]), "{row:?}");
        }
        assert!(received.is_empty(), "{row:?}: {received:?}");
    }
}

#[tokio::test]
async fn a_session_of_either_sign_in_is_good_for_both_apis() {
    for row in [("bill-v2", "sync-token"), ("bill-v2", "console-token"), ("bill", "developer-key")] {
        let vendor = vendor();
        let organization = at(&vendor).organization(row, &plain).unwrap();
        organization.api().list_vendors().send().await.unwrap();
        call(organization.v2().inner(), "bill-v2", "listVendors").await.unwrap();
        assert_headers(
            &vendor.only("GET", "/connect/v3/vendors"),
            &json!({"devkey": "example-dev-key", "sessionid": "example-session-1"}),
        );
        let listed = vendor.only("POST", "/List/Vendor.json").form();
        assert!(listed.contains(&("sessionId".into(), "example-session-1".into())), "{row:?}: {listed:?}");
        organization.sign_out().await.unwrap();
        let out = vendor.calls().pop().unwrap();
        assert!(["/connect/v3/logout", "/api/v2/Logout.json"].contains(&out.path()), "{}", out.target);
        assert_eq!(vendor.sign_ins(), 1, "{row:?}");
    }
}

#[tokio::test]
async fn a_partners_call_on_users_names_the_organization_in_a_header() {
    let vendor = vendor();
    let partner = at(&vendor).partner(&plain).unwrap();
    let list = bill::partner::API.operation("listPartnerUsers").unwrap();
    let arguments = Arguments::default().param("organizationId", "008example");
    partner.api().inner().call(list, &arguments).await.unwrap();
    assert_headers(
        &vendor.only("GET", "/connect/v3/partner/users"),
        &json!({"appkey": "example-app-key", "organizationid": "008example", "sessionid": "example-session-1"}),
    );
}

#[tokio::test]
async fn mfa_trust_is_asked_for_and_presented_as_documented() {
    let vendor = Vendor::granting("example-session", |request| match request.path() {
        "/connect/v3/mfa/challenge" => Reply::json(200, r#"{"challengeId":"example-challenge"}"#),
        path if path.starts_with("/connect/v3/mfa/") => Reply::json(200, r#"{"rememberMeId":"example-remembered"}"#),
        path if path.ends_with("/logout") || path.ends_with("/Logout.json") => {
            Reply::json(200, r#"{"response_status":0,"response_data":{}}"#)
        }
        path => support::success(path),
    });
    let vendors = at(&vendor);
    let organization = vendors.organization(ROWS[0], &plain).unwrap();
    let challenge = organization.mfa().challenge().await.unwrap();
    let remembered = organization.mfa().validate(&challenge, "123456".into(), Some("example-device")).await.unwrap();
    let remembered: Remembered = remembered.unwrap();
    assert!(organization.session().status().trusted);
    assert_eq!(
        vendor.only("POST", "/mfa/challenge/validate").json(),
        json!({"challengeId": "example-challenge", "token": "123456", "device": "example-device", "rememberMe": true})
    );
    organization.mfa().step_up(remembered.clone()).await.unwrap();
    assert_eq!(
        vendor.only("POST", "/mfa/step-up").json(),
        json!({"rememberMeId": "example-remembered", "device": "example-device"})
    );
    for row in [ROWS[0], ROWS[4], ROWS[7], ("bill-v2", "developer-key")] {
        let organization = vendors.organization(row, &plain).unwrap();
        organization.remember(remembered.clone());
        organization.api().list_vendors().send().await.unwrap();
        let sign_in = vendor.received().into_iter().rfind(|request| is_sign_in(request.path())).unwrap();
        let (path, mut body) = documented(row);
        assert_eq!(sign_in.path(), path);
        if row.0 == "bill-v2" {
            body["mfaId"] = json!("example-remembered");
            body["deviceId"] = json!("example-device");
            let mut found = sign_in.form();
            found.sort();
            assert_eq!(found, form(&body));
        } else {
            body["rememberMeId"] = json!("example-remembered");
            body["device"] = json!("example-device");
            assert_eq!(sign_in.json(), body);
        }
    }
}

#[tokio::test]
async fn a_company_is_selected_on_the_users_record_and_nothing_of_it_goes_with_a_call() {
    let vendor = Vendor::granting("example-session", |request| match request.path() {
        "/api/company" => Reply::json(200, r#"{"id":7}"#),
        "/api/accounts" => Reply::json(200, "[]"),
        _ => Reply::json(200, "{}"),
    });
    let access = at(&vendor).bezala.session(Password { email: plain("email"), password: "example".into() }).unwrap();
    access.company(7).api().list_accounts().send().await.unwrap();
    let bearer = json!({"authorization": "Bearer example-session-1"});
    let sent: Vec<(String, String)> =
        vendor.calls().into_iter().map(|request| (request.method, request.target)).collect();
    let expected = [("PUT", "/api/users/2/change_company/7"), ("GET", "/api/company"), ("GET", "/api/accounts")];
    assert_eq!(sent, expected.map(|(method, target)| (method.to_owned(), target.to_owned())));
    vendor.calls().iter().for_each(|request| assert_headers(request, &bearer));
    assert!(vendor.calls().iter().all(|request| request.body.is_empty()));
}

#[tokio::test]
async fn an_upload_has_its_file_at_the_top_level() {
    for (transaction, field, value) in [(Some(41), "transaction_id", "41"), (None, "draft", "1")] {
        let vendor = Vendor::granting("example-session", |_| {
            Reply::json(200, r#"{"id":5,"file":"/uploads/tmp/a.pdf","transaction_id":41}"#)
        });
        let access =
            at(&vendor).bezala.session(Password { email: plain("email"), password: "example".into() }).unwrap();
        let upload = Upload {
            file_name: "receipt.pdf".into(),
            contents: b"%PDF-1.4 example".to_vec(),
            media_type: "application/pdf".into(),
            transaction_id: transaction.map(Into::into),
        };
        access.api().upload_attachment(upload).await.unwrap();
        let request = vendor.only("POST", "/api/attachments");
        let media_type = request.header("content-type").unwrap();
        let boundary = media_type.strip_prefix("multipart/form-data; boundary=").expect(media_type);
        let body = request.text();
        let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
        assert_eq!((parts.len(), parts[0], parts[3]), (4, "", "--\r\n"), "{body}");
        let head = "\r\nContent-Disposition: form-data; name=";
        assert_eq!(
            parts[1],
            format!(
                "{head}\"file\"; filename=\"receipt.pdf\"\r\nContent-Type: application/pdf\r\n\r\n%PDF-1.4 example\r\n"
            )
        );
        assert_eq!(parts[2], format!("{head}\"{field}\"\r\n\r\n{value}\r\n"));
        assert_eq!(request.header("authorization"), Some("Bearer example-session-1"));
    }
}

#[tokio::test]
async fn after_a_dead_session_the_same_body_goes_again_once_under_the_new_one() {
    for row in ROWS.into_iter().filter(|(_, way)| *way != "api-token") {
        let (_, read, create) = calls_of(row.0);
        for operation in [Some(read), create].into_iter().flatten() {
            let left = AtomicUsize::new(1);
            let vendor = Vendor::granting("example-session", move |request| {
                let dead = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
                match request.path() {
                    _ if !dead => Reply::json(200, r#"{"response_status":0,"results":[]}"#),
                    path if path.starts_with("/api/v2/") => {
                        Reply::json(200, r#"{"response_status":1,"response_data":{"error_code":"BDC_1109"}}"#)
                    }
                    path if path.starts_with("/api/") => Reply::json(401, r#"{"error":"unauthorized"}"#),
                    _ => Reply::json(401, r#"[{"code":"BDC_1109","message":"Session is invalid."}]"#),
                }
            });
            let connection = at(&vendor).open(row, &plain).unwrap();
            call(&connection, row.0, operation).await.unwrap();
            let [first, second] = <[Received; 2]>::try_from(vendor.calls()).expect("two sends");
            // The partner's own session stays, so a session as a user is the second, then the third, that is granted.
            let (before, after) = match row.1 {
                "partner-user" => ("example-session-2", "example-session-3"),
                _ => ("example-session-1", "example-session-2"),
            };
            let whole = |request: &Received| format!("{:?} {}", request.headers, request.text());
            assert!(whole(&first).contains(before) && !whole(&first).contains(after), "{row:?}");
            assert!(whole(&second).contains(after) && !whole(&second).contains(before), "{row:?}");
            assert_eq!((&second.method, &second.target), (&first.method, &first.target), "{row:?}");
            assert_eq!(second.text(), first.text().replace(before, after), "{row:?}");
            let (mut waited, expected) = (first.headers, second.headers);
            waited.iter_mut().for_each(|(_, value)| *value = value.replace(before, after));
            assert_eq!(waited, expected, "{row:?}");
        }
    }
}

#[tokio::test]
async fn retry_after_is_honoured_in_both_forms_and_capped() {
    for (asked, waited) in [
        ("7", 7),
        ("0007", 7),
        ("Sun, 06 Nov 1994 08:50:07 GMT", 30),
        ("60", 60),
        ("61", 60),
        ("999999999999", 60),
        ("Fri, 06 Nov 2099 08:49:37 GMT", 60),
    ] {
        for status in [429, 503] {
            let clock = RecordingClock::new();
            let first = AtomicUsize::new(0);
            let vendor =
                Vendor::granting("example-session", move |request| match first.fetch_add(1, Ordering::SeqCst) {
                    0 => Reply::bytes(status, &[("retry-after", asked)], Vec::new()),
                    _ => support::success(request.path()),
                });
            let connection = Vendors::at(&vendor.url(), &settings(&clock)).open(ROWS[0], &plain).unwrap();
            read_call(&connection, "bill").await.unwrap();
            assert_eq!(clock.sleeps(), [Duration::from_secs(waited)], "{status} {asked}");
            assert_eq!(vendor.calls().len(), 2, "{status} {asked}");
        }
    }
}

#[tokio::test]
async fn a_call_is_tried_as_often_as_the_policy_says_and_the_waits_keep_their_bounds() {
    for tries in [1, 2, 4, 6] {
        for (row, reply) in
            [(ROWS[0], Reply::json(503, "")), (ROWS[9], Reply::json(429, "")), (ROWS[2], Reply::json(502, ""))]
        {
            let clock = RecordingClock::new();
            let vendor = Vendor::granting("example-session", move |_| reply.clone());
            let mut settings = settings(&clock);
            settings.policy.tries = tries;
            settings.policy.longest_back_off = Duration::from_secs(5);
            let connection = Vendors::at(&vendor.url(), &settings).open(row, &plain).unwrap();
            let error = read_call(&connection, row.0).await.unwrap_err();
            assert!(["vendor", "rate-limited"].contains(&error.kind()), "{error}");
            assert_eq!(vendor.calls().len(), tries as usize, "{row:?}");
            let sleeps = clock.sleeps();
            assert_eq!(sleeps.len(), tries as usize - 1, "{row:?}");
            for (sleep, bound) in sleeps.iter().zip([1, 2, 4, 5, 5]) {
                assert!(*sleep <= Duration::from_secs(bound), "{row:?}: {sleeps:?}");
            }
        }
    }
}

/// The vendor takes a request, lets its time pass, and never answers.
fn silent(clock: &Arc<RecordingClock>) -> Vendor {
    let clock = clock.clone();
    Vendor::granting("example-session", move |_| {
        clock.advance(Duration::from_secs(61));
        Reply::Silence
    })
}

#[tokio::test]
async fn what_may_not_be_sent_twice_is_sent_once_when_no_answer_comes() {
    for row in ROWS {
        let Some(create) = calls_of(row.0).2 else { continue };
        for cut in [None, Some(Vec::new()), Some(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{".to_vec())] {
            let clock = RecordingClock::new();
            let vendor = match cut {
                None => silent(&clock),
                Some(cut) => Vendor::granting("example-session", move |_| Reply::Cut(cut.clone())),
            };
            let connection = Vendors::at(&vendor.url(), &settings(&clock)).open(row, &plain).unwrap();
            let error = call(&connection, row.0, create).await.unwrap_err();
            assert_eq!(error.kind(), "ambiguous", "{row:?}: {error}");
            assert!(error.to_string().contains(create), "{row:?}: {error}");
            assert_eq!(vendor.calls().len(), 1, "{row:?}");
            assert!(clock.sleeps().is_empty(), "{row:?}");
        }
    }
}

#[tokio::test]
async fn a_read_without_an_answer_is_sent_again() {
    let clock = RecordingClock::new();
    let vendor = silent(&clock);
    let connection = Vendors::at(&vendor.url(), &settings(&clock)).open(ROWS[0], &plain).unwrap();
    assert_eq!(read_call(&connection, "bill").await.unwrap_err().kind(), "timeout");
    assert_eq!(vendor.calls().len(), 4);
}

/// How many calls of each session are under way at the vendor's, and how many were at most. None is answered before the doors open.
#[derive(Default)]
struct House {
    inside: Mutex<(std::collections::BTreeMap<String, (usize, usize)>, bool)>,
    changed: Condvar,
}

impl House {
    fn visit(&self, session: String) {
        let mut inside = self.inside.lock().unwrap();
        let counts = inside.0.entry(session.clone()).or_default();
        counts.0 += 1;
        counts.1 = counts.1.max(counts.0);
        self.changed.notify_all();
        inside = self.changed.wait_while(inside, |inside| !inside.1).unwrap();
        inside.0.get_mut(&session).unwrap().0 -= 1;
    }

    /// Waits until so many calls are under way.
    fn wait_for(&self, calls: usize) {
        let few = |inside: &mut (std::collections::BTreeMap<String, (usize, usize)>, bool)| {
            inside.0.values().map(|counts| counts.0).sum::<usize>() < calls
        };
        let inside = self.inside.lock().unwrap();
        let waited = self.changed.wait_timeout_while(inside, Duration::from_secs(20), few).unwrap();
        assert!(!waited.1.timed_out(), "there are never {calls} calls under way");
    }

    fn open(&self) -> Vec<usize> {
        let mut inside = self.inside.lock().unwrap();
        inside.1 = true;
        self.changed.notify_all();
        inside.0.values().map(|counts| counts.1).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_calls_at_once_for_each_organization_and_no_more() {
    let house = Arc::new(House::default());
    let inside = house.clone();
    let vendor = Vendor::granting("example-session", move |request| {
        let form = request.path().ends_with(".json").then(|| request.form());
        let in_form = form.iter().flatten().find(|(name, _)| name == "sessionId").map(|(_, value)| value.clone());
        inside.visit(in_form.unwrap_or_else(|| request.header("sessionid").unwrap().to_owned()));
        support::success(request.path())
    });
    let vendors = Vendors::at(&vendor.url(), &Settings::default());
    let mut callers = Vec::new();
    for organization in ["008a", "008b"] {
        let keys = |name| if name == "organization" { organization.to_owned() } else { plain(name) };
        let organization = vendors.organization(ROWS[0], &keys).unwrap();
        organization.session().acquire().await.unwrap();
        // Both APIs of an organization take their places from the same three.
        for (connection, api) in
            [(organization.api().inner().clone(), "bill"), (organization.v2().inner().clone(), "bill-v2")]
        {
            for _ in 0..5 {
                let connection = connection.clone();
                callers.push(tokio::spawn(async move { read_call(&connection, api).await.map(drop) }));
            }
        }
    }
    let waiting = house.clone();
    tokio::task::spawn_blocking(move || waiting.wait_for(6)).await.unwrap();
    // A moment for a seventh to come, if one could. None that is late makes the test fail that should not.
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(house.open(), [3, 3]);
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
    assert_eq!(house.open(), [3, 3]);
    assert_eq!(vendor.calls().len(), 20);
}
