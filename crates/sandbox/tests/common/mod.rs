//! A few words for the tests: sign in, call, look at the answer.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

use ledgerkey_sandbox::Sandbox;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// A status and a body.
pub type Answer = (u16, Value);

pub fn credential(sandbox: &Sandbox, name: &str) -> String {
    sandbox.credentials().get(name).unwrap_or_else(|| panic!("no credential {name}")).clone()
}

pub fn request(sandbox: &Sandbox, method: Method, path: &str) -> RequestBuilder {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    client.request(method, format!("{}{path}", sandbox.url()))
}

pub async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn code(answer: &Answer) -> &str {
    answer
        .1
        .pointer("/0/code")
        .or_else(|| answer.1.pointer("/response_data/error_code"))
        .and_then(Value::as_str)
        .unwrap_or("")
}

/// The body of a v3 sign-in with the developer key.
pub fn bill_login(sandbox: &Sandbox) -> Value {
    json!({
        "username": credential(sandbox, "BILL_USERNAME"), "password": credential(sandbox, "BILL_PASSWORD"),
        "organizationId": credential(sandbox, "BILL_ORGANIZATION_ID"), "devKey": credential(sandbox, "BILL_DEV_KEY"),
    })
}

pub fn sync_login(sandbox: &Sandbox) -> Value {
    let mut body = bill_login(sandbox);
    body["username"] = json!(credential(sandbox, "BILL_SYNC_TOKEN_NAME"));
    body["password"] = json!(credential(sandbox, "BILL_SYNC_TOKEN"));
    body
}

pub async fn login(sandbox: &Sandbox, body: &Value) -> Answer {
    answer(request(sandbox, Method::POST, "/connect/v3/login").json(body)).await
}

/// A BILL session of a person.
pub async fn session(sandbox: &Sandbox) -> String {
    let (status, body) = login(sandbox, &bill_login(sandbox)).await;
    assert_eq!(status, 200, "{body}");
    body["sessionId"].as_str().unwrap().to_owned()
}

pub fn bill(sandbox: &Sandbox, session: &str, method: Method, path: &str) -> RequestBuilder {
    request(sandbox, method, path).header("sessionId", session).header("devKey", credential(sandbox, "BILL_DEV_KEY"))
}

pub async fn vendors(sandbox: &Sandbox, session: &str) -> Answer {
    answer(bill(sandbox, session, Method::GET, "/connect/v3/vendors?max=5")).await
}

pub async fn form(sandbox: &Sandbox, path: &str, fields: &[(&str, &str)]) -> Answer {
    answer(request(sandbox, Method::POST, path).form(&fields)).await
}

/// A Bezala token of the service user.
pub async fn token(sandbox: &Sandbox) -> (String, i64) {
    let body =
        json!({"email": credential(sandbox, "BEZALA_EMAIL"), "password": credential(sandbox, "BEZALA_PASSWORD")});
    let (status, body) = answer(request(sandbox, Method::POST, "/api/auth/token").json(&body)).await;
    assert_eq!(status, 200, "{body}");
    (body["token"].as_str().unwrap().to_owned(), body["user_id"].as_i64().unwrap())
}

pub fn bezala(sandbox: &Sandbox, token: &str, method: Method, path: &str) -> RequestBuilder {
    request(sandbox, method, path).bearer_auth(token)
}
