//! What a vendor may do wrong, and how it may quote what it was told while it does.

#![allow(unreachable_pub, reason = "as the rest of what tests share")]
#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::support::{Received, RecordingClock, Reply};

/// What the sessions are called.
pub const SESSION: &str = "CANARY-session-\"&<%/+7q3z";

/// A secret, in every form in which a vendor may quote it.
pub fn quotations(request: &Received) -> Vec<String> {
    let mut secrets: Vec<String> = request.headers.iter().map(|(_, value)| value.clone()).collect();
    secrets.push(request.text());
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&request.body) {
        secrets
            .extend(json.as_object().into_iter().flatten().filter_map(|(_, value)| Some(value.as_str()?.to_owned())));
    } else {
        secrets.extend(
            serde_urlencoded::from_bytes::<Vec<(String, String)>>(&request.body)
                .unwrap_or_default()
                .into_iter()
                .map(|(_, value)| value),
        );
    }
    let told = secrets.join(" | ");
    vec![
        told.clone(),
        told.to_uppercase(),
        secrets.iter().map(|secret| serde_json::Value::from(secret.as_str()).to_string()).collect(),
        secrets
            .iter()
            .map(|secret| url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>())
            .collect(),
        secrets
            .iter()
            .map(|secret| percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string())
            .collect(),
        told.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
        // So that the limit on a message's length falls within the secret.
        format!(
            "{}{}",
            "x".repeat(290),
            secrets.iter().filter(|secret| secret.contains("CANARY")).min_by_key(|secret| secret.len()).unwrap()
        ),
    ]
}

/// One refusal in the words of every API.
pub fn refusal(code: &str, message: &str) -> String {
    json!([{"code": code, "message": message, "error": message, "severity": "ERROR"}]).to_string()
}

pub fn envelope(code: &str, message: &str) -> String {
    json!({"response_status": 1, "response_data": {"error_code": code, "error_message": message}, "error": message})
        .to_string()
}

pub type Misbehaviour = Box<dyn Fn(&Received) -> Reply + Send + Sync>;

/// Everything that a vendor may do wrong, with the secrets that it was told.
pub fn misbehaviours(clock: &Arc<RecordingClock>, elsewhere: &str) -> Vec<(String, Misbehaviour)> {
    let mut all: Vec<(String, Misbehaviour)> = Vec::new();
    for (status, code) in [
        (400, "BDC_1101"),
        (401, "BDC_1102"),
        (401, "BDC_1109"),
        (403, "BDC_1361"),
        (423, "BDC_1107"),
        (403, "BDC_1110"),
        (422, "BDC_1144"),
        (429, "BDC_1322"),
        (500, "BDC_1001"),
        (200, "BDC_1234"),
    ] {
        // Every way to quote is tried with a refusal of each outcome for the caller; the other codes differ in no more than that.
        let quotations_tried = if [400, 401, 500].contains(&status) && code != "BDC_1109" { 0..7 } else { 0..1 };
        for quotation in quotations_tried {
            let say = move |request: &Received| match request.path() {
                path if path.starts_with("/api/v2/") => envelope(code, &quotations(request)[quotation]),
                path if path.starts_with("/api/") => json!({"error": quotations(request)[quotation]}).to_string(),
                _ => refusal(code, &quotations(request)[quotation]),
            };
            all.push((
                format!("{status} {code} {quotation}"),
                Box::new(move |request| Reply::json(status, say(request))),
            ));
        }
        let code_quotes = move |request: &Received| {
            let told = quotations(request).concat();
            Reply::json(
                status,
                if request.path().starts_with("/api/v2/") { envelope(&told, "") } else { refusal(&told, "") },
            )
        };
        all.push((format!("{status} in the code"), Box::new(code_quotes)));
    }
    let mut add = |name: &str, misbehaviour: Misbehaviour| all.push((name.to_owned(), misbehaviour));
    for status in [200, 401, 503] {
        let html =
            move |request: &Received| Reply::text(status, "text/html", format!("<p>{}", quotations(request).concat()));
        add("html", Box::new(html));
        add("empty", Box::new(move |_| Reply::json(status, "")));
        add("half", Box::new(move |request| Reply::json(status, format!(r#"{{"results":["{}"#, request.text()))));
        let in_headers = move |_: &Received| {
            let told = ["x-echo", "set-cookie", "www-authenticate", "retry-after"].map(|name| (name, SESSION));
            Reply::bytes(status, &told, Vec::new())
        };
        add("headers", Box::new(in_headers));
    }
    let wrong = |told: &str| {
        json!({"results": told, "sessionId": {(told): told}, "token": [told], "id": told, "error": {(told): 1},
            "response_status": told, "response_data": {"sessionId": [told]}})
    };
    add("wrong types", Box::new(move |request| Reply::json(200, wrong(&quotations(request)[0]).to_string())));
    add("a map's key", Box::new(|request| Reply::json(200, json!({(quotations(request)[0].clone()): 7}).to_string())));
    add("text", Box::new(|request| Reply::json(200, json!(quotations(request)[0]).to_string())));
    add("dropped", Box::new(|_| Reply::Cut(Vec::new())));
    add("not HTTP", Box::new(|request| Reply::Cut(quotations(request).concat().into_bytes())));
    add(
        "bad header",
        Box::new(|request| {
            Reply::Cut(format!("HTTP/1.1 200 {}\r\n{}\r\n\r\n", request.text(), quotations(request)[0]).into_bytes())
        }),
    );
    add(
        "broken off",
        Box::new(|request| {
            Reply::Cut(format!("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n{}", request.text()).into_bytes())
        }),
    );
    let clock = clock.clone();
    add(
        "silence",
        Box::new(move |_| {
            clock.advance(Duration::from_secs(61));
            Reply::Silence
        }),
    );
    for status in [301, 307, 308] {
        let location = format!("{elsewhere}/?secret=CANARY-location-7q3z");
        add("redirect", Box::new(move |_| Reply::bytes(status, &[("location", location.as_str())], Vec::new())));
    }
    all
}
