//! Whatever a vendor answers, a caller gets one clear error that names the call: nothing panics, nothing hangs, and nothing that is not an
//! answer passes for one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledgerkey::client::Connection;
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::session::clock::Clock as _;
use ledgerkey::{Error, bezala, bill};
use serde_json::json;
use support::{ROWS, RecordingClock, Reply, Vendor, Vendors, calls_of, plain, read_call, refused, settings, success};

/// BILL's two ways to say no, here inside a 200.
const V3_ARRAY: &str = r#"[{"code":"BDC_1205","message":"no such thing","severity":"ERROR"}]"#;
const V2_ENVELOPE: &str = r#"{"response_status":1,"response_message":"Error","response_data":{"error_code":"BDC_1205","error_message":"no"}}"#;

/// Answers that are none, all with the status of one, under a name each.
fn answers() -> Vec<(&'static str, Reply)> {
    let nested = |open: &str, close: &str| format!("{}{}", open.repeat(200), close.repeat(200));
    let mut all = vec![
        ("html", Reply::text(200, "text/html", "<html><body>Sign in</body></html>")),
        ("empty", Reply::json(200, "")),
        ("blank", Reply::json(200, " \r\n")),
        ("half", Reply::json(200, r#"{"results":[{"id":"#)),
        ("two", Reply::json(200, r#"{"results":[]}{"results":[]}"#)),
        ("null", Reply::json(200, "null")),
        ("number", Reply::json(200, "7")),
        ("wrong types", Reply::json(200, wrong_types())),
        (
            "huge number",
            Reply::json(200, r#"{"results":1e999,"sessionId":1e999,"token":1e999,"response_status":1e999}"#),
        ),
        ("deep arrays", Reply::json(200, nested("[", "]"))),
        ("deep objects", Reply::json(200, nested(r#"{"results":"#, "}").replace("{\"results\":}", "{}"))),
        ("megabytes", Reply::json(200, json!({"results": "x".repeat(3 << 20)}).to_string())),
        (
            "not UTF-8",
            Reply::bytes(200, &[("content-type", "application/json")], b"{\"results\":[\"\xff\xfe\"]}".to_vec()),
        ),
        ("byte order mark", Reply::json(200, "\u{feff}{\"results\":[]}")),
        ("gzip", Reply::bytes(200, &[("content-encoding", "gzip")], b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xab".to_vec())),
        ("no content", Reply::bytes(204, &[], Vec::new())),
        ("v3 array", Reply::json(200, V3_ARRAY)),
        ("v2 envelope", Reply::json(200, V2_ENVELOPE)),
    ];
    for status in [400, 404, 418, 499] {
        all.push(("refused by html", Reply::text(status, "text/html", "<html>".repeat(100_000))));
        all.push(("refused by nothing", Reply::json(status, "")));
        all.push(("refused by anything", Reply::json(status, nested("[", "]"))));
    }
    all
}

fn wrong_types() -> String {
    json!({"results": {"a": 1}, "sessionId": 7, "token": ["x"], "response_status": {"a": 0}, "response_data": 7})
        .to_string()
}

/// What is made of such an answer, by the API that it came from.
fn kind_of(api: &str, name: &str) -> &'static str {
    match (api, name) {
        ("bill" | "bill-spend" | "bill-partner", "v3 array") | ("bill-v2", "v2 envelope") => "vendor",
        (_, name) if name.starts_with("refused") => "vendor",
        _ => "decode",
    }
}

/// Reads a list as the types that the spec gives it.
async fn read_typed(connection: &Connection, api: &str) -> Result<(), Error> {
    let connection = connection.clone();
    match api {
        "bill" => bill::api::Client::new(connection).list_vendors().send().await.map(drop),
        "bill-v2" => {
            let request = bill::v2::types::ListRequest { data: None };
            bill::v2::Client::new(connection).list_vendors().body(request).send().await.map(drop)
        }
        "bill-spend" => bill::spend::Client::new(connection).list_budgets().send().await.map(drop),
        "bill-partner" => bill::partner::Client::new(connection).list_organizations().send().await.map(drop),
        _ => bezala::api::Client::new(connection).list_accounts().send().await.map(drop),
    }
}

/// A vendor that answers what `answer` holds at the time; calls only, or sign-ins too.
fn answering(answer: &Arc<Mutex<Reply>>, sign_ins_too: bool) -> Vendor {
    let answer = answer.clone();
    Vendor::granting_unless("example-session", move |_| sign_ins_too, move |_| answer.lock().unwrap().clone())
}

#[tokio::test]
async fn a_call_that_gets_no_answer_of_the_api_s_says_so() {
    let answer = Arc::new(Mutex::new(success("/")));
    let vendor = answering(&answer, false);
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    for row in ROWS {
        let connection = vendors.open(row, &plain).unwrap();
        for (name, reply) in answers() {
            *answer.lock().unwrap() = reply;
            let case = format!("{row:?} {name}");
            let sent = vendor.calls().len();
            let Err(error) = read_typed(&connection, row.0).await else { panic!("{case}: taken for an answer") };
            let words = error.to_string();
            assert_eq!(error.kind(), kind_of(row.0, name), "{case}: {words}");
            assert!(words.contains(calls_of(row.0).1), "{case}: {words}");
            assert!(words.chars().count() < 600 && !words.contains("xxxx"), "{case}: {words}");
            assert_eq!(vendor.calls().len(), sent + 1, "{case}: sent again");
            if error.kind() == "vendor" && !name.starts_with("refused") {
                assert_eq!(error.refusal().unwrap().codes().collect::<Vec<_>>(), ["BDC_1205"], "{case}");
            }
        }
        // The session has been through all that and is good still.
        *answer.lock().unwrap() = match row.0 {
            "bill-v2" => success("/api/v2/"),
            "bezala" => success("/api/"),
            _ => success("/"),
        };
        read_typed(&connection, row.0).await.unwrap_or_else(|error| panic!("{row:?}: {error}"));
    }
}

#[tokio::test]
async fn a_sign_in_that_gets_no_session_says_so_and_nothing_is_called() {
    let answer = Arc::new(Mutex::new(success("/")));
    let vendor = answering(&answer, true);
    let clock = RecordingClock::new();
    let mut settings = settings(&clock);
    settings.policy.tries = 1;
    let vendors = Vendors::at(&vendor.url(), &settings);
    let mut all = answers();
    all.extend([
        ("no session", Reply::json(200, r#"{"response_status":0,"response_data":{},"trusted":true}"#)),
        ("empty session", Reply::json(200, sessions(""))),
        ("session of spaces", Reply::json(200, sessions(" "))),
        ("session of two lines", Reply::json(200, sessions("a\r\nx-evil: 1"))),
        ("session of letters beyond ASCII", Reply::json(200, sessions("s\u{e9}ssion"))),
    ]);
    for row in ROWS.into_iter().filter(|(_, way)| *way != "api-token") {
        // A partner's user cannot sign in before the partner has: it is the partner's sign-in that fails here.
        let operation = match row {
            ("bezala", "password") => "createToken",
            ("bezala", "google") => "createGoogleToken",
            ("bezala", "microsoft") => "createMicrosoftToken",
            ("bezala", _) => "createOktaToken",
            _ => "login",
        };
        for (name, reply) in &all {
            *answer.lock().unwrap() = reply.clone();
            let case = format!("{row:?} {name}");
            // BILL allows so many sign-ins an hour.
            clock.advance(Duration::from_secs(3600));
            let connection = vendors.open(row, &plain).unwrap();
            let sent = vendor.received().len();
            let Err(error) = read_call(&connection, row.0).await else { panic!("{case}: signed in") };
            let words = error.to_string();
            let status = error.refusal().map(|refusal| refusal.status);
            let expected = match (row.0, *name, status) {
                ("bill-v2", "v2 envelope", _) | ("bill" | "bill-partner", "v3 array", _) => "sign-in-rejected",
                // A page is somebody else's, and says nothing of the credentials.
                (_, "refused by html", _) => "vendor",
                (_, _, Some(400)) => "sign-in-rejected",
                (_, _, Some(_)) => "vendor",
                _ => "decode",
            };
            assert_eq!(error.kind(), expected, "{case}: {words}");
            // A refusal of the credentials is remembered, and nothing else is: the partner's by the partner, for as long as it holds there.
            let is_remembered = expected == "sign-in-rejected";
            assert_eq!(refused(&connection), is_remembered && row.1 != "partner-user", "{case}");
            for _ in 0..if is_remembered { 3 } else { 0 } {
                let again = read_call(&connection, row.0).await.unwrap_err();
                assert_eq!((again.kind(), vendor.received().len()), (expected, sent + 1), "{case}");
            }
            let named = if expected == "sign-in-rejected" { "sign-in" } else { operation };
            assert!(words.contains(named), "{case}: {words}");
            assert!(words.chars().count() < 600 && !words.contains("evil"), "{case}: {words}");
            assert_eq!(vendor.received().len(), sent + 1, "{case}: more than one sign-in was sent");
            assert!(!connection.session().unwrap().status().live, "{case}");
        }
    }
    assert!(vendor.calls().is_empty(), "{:?}", vendor.calls());
}

/// A session where each vendor has it.
fn sessions(text: &str) -> String {
    json!({"sessionId": text, "token": text, "user_id": 2, "response_status": 0, "response_data": {"sessionId": text}})
        .to_string()
}

/// A limit is not a wrong password, wherever BILL says it.
#[tokio::test]
async fn a_sign_in_that_meets_a_limit_inside_a_success_is_not_remembered_as_refused() {
    for (code, kind) in [("BDC_1322", "rate-limited"), ("BDC_1361", "mfa-required"), ("BDC_1107", "locked-out")] {
        let body = json!([{"code": code, "message": "example"}]).to_string();
        let vendor = Vendor::granting_unless("example-session", |_| true, move |_| Reply::json(200, body.clone()));
        let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
        let connection = vendors.open(ROWS[0], &plain).unwrap();
        let error = read_call(&connection, "bill").await.unwrap_err();
        assert_eq!((error.kind(), refused(&connection)), (kind, kind == "locked-out"), "{error}");
    }
}

/// Whether a call of v2 was done stands in its answer: one that cannot be read leaves that open.
#[tokio::test]
async fn a_write_whose_answer_cannot_be_read_is_ambiguous_where_the_answer_tells() {
    let vendor = Vendor::granting("example-session", |_| Reply::text(200, "text/html", "<html>"));
    let clock = RecordingClock::new();
    let connection = Vendors::at(&vendor.url(), &settings(&clock)).open(("bill-v2", "developer-key"), &plain).unwrap();
    let error = connection.call(&bill::v2::operations::MFA_CHALLENGE, &Arguments::default()).await.unwrap_err();
    let Error::Ambiguous { source, sent_at, .. } = &error else { panic!("{error}: {error:?}") };
    assert_eq!((source.kind(), *sent_at, vendor.calls().len()), ("decode", clock.now(), 1));
}

#[tokio::test]
async fn an_answer_without_end_is_not_taken_into_memory() {
    let body = format!("[{}0]", "0,".repeat(600_000));
    let of_unknown_length = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{body}").into_bytes();
    for reply in [Reply::json(200, body), Reply::Cut(of_unknown_length)] {
        let vendor = Vendor::granting("example-session", move |_| reply.clone());
        let mut settings = settings(&RecordingClock::new());
        settings.policy.longest_answer = 1 << 20;
        let vendors = Vendors::at(&vendor.url(), &settings);
        let error = read_call(&vendors.open(ROWS[0], &plain).unwrap(), "bill").await.unwrap_err();
        assert_eq!(error.kind(), "decode");
        assert!(error.to_string().contains("longer than 1048576 bytes"), "{error}");
    }
}

/// A list that leads back to itself, and one that does not say how long it is.
#[tokio::test]
async fn pages_that_cannot_end_or_be_counted_are_an_error() {
    let vendor = Vendor::granting("example-session", |request| match request.path().starts_with("/api/") {
        true => Reply::json(200, r#"{"collection":[{"id":1}],"pagination":{"total_pages":"two"}}"#),
        false => Reply::json(200, r#"{"results":[{"id":"009x"}],"nextPage":"the same"}"#),
    });
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    for (row, operation, pages, place) in [
        (ROWS[0], "listVendors", 1, "nextPage"),
        (("bezala", "password"), "listTimeEntries", 0, "pagination.total_pages"),
    ] {
        let connection = vendors.open(row, &plain).unwrap();
        let operation = calls_of(row.0).0.operation(operation).unwrap();
        let mut list = connection.pages(operation, &Arguments::default()).unwrap();
        for _ in 0..pages {
            list.try_next().await.unwrap().unwrap();
        }
        let error = list.try_next().await.unwrap_err();
        assert_eq!(error.kind(), "decode");
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[tokio::test]
async fn an_answer_of_megabytes_is_read_as_it_is() {
    let rows: Vec<_> =
        (0..20_000).map(|number| json!({"id": format!("009{number:0>60}"), "name": "x".repeat(80)})).collect();
    let body = json!({"results": rows}).to_string();
    assert!(body.len() > 3 << 20, "{}", body.len());
    let vendor = Vendor::granting("example-session", move |_| Reply::json(200, body.clone()));
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(ROWS[0], &plain).unwrap();
    assert_eq!(organization.api().list_vendors().send().await.unwrap().results.len(), 20_000);
}

/// What a vendor says of a limit is kept while the call waits for it, and is shown if the wait is too long. A secret in it is not.
#[tokio::test]
async fn a_limit_that_is_not_waited_for_tells_the_vendors_words_without_a_secret() {
    let vendor = Vendor::granting("example-session", |request| {
        let told = format!("example-dev-key {}", request.header("sessionid").unwrap_or_default());
        Reply::json(422, json!([{"code": "BDC_1144", "message": told}]).to_string())
    });
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let connection = vendors.open(ROWS[0], &plain).unwrap();
    let error = read_call(&connection, "bill").await.unwrap_err();
    let Error::RateLimited { limit: Some(_), refusal: Some(refusal), .. } = &error else {
        panic!("{error}: {error:?}")
    };
    assert_eq!(refusal.codes().collect::<Vec<_>>(), ["BDC_1144"]);
    assert_eq!(refusal.problems[0].message, "[secret] [secret]");
}
