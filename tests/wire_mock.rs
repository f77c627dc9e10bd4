//! The simplest rows against a mock that others wrote: what it counts was read by another HTTP implementation than the tests' own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use httpmock::Method::{GET, POST};
use httpmock::MockServer;
use serde_json::json;
use support::{RecordingClock, Vendors, plain, read_call, settings};

#[tokio::test]
async fn a_developer_key_signs_in_once_and_attaches_two_headers() {
    let server = MockServer::start_async().await;
    let login = server.mock(|when, then| {
        when.method(POST)
            .path("/connect/v3/login")
            .header("content-type", "application/json")
            .header_missing("devKey")
            .header_missing("sessionId")
            .header_missing("api-version")
            .is_true(|request| request.uri().query().is_none())
            .json_body(json!({
                "username": "example-username", "password": "example-password",
                "organizationId": "example-organization", "devKey": "example-dev-key",
            }));
        then.status(200).header("set-cookie", "example=1").json_body(json!({"sessionId": "example-session"}));
    });
    let list = server.mock(|when, then| {
        when.method(GET)
            .path("/connect/v3/vendors")
            .header("sessionId", "example-session")
            .header("devKey", "example-dev-key")
            .header_missing("cookie")
            .header_missing("authorization")
            .header_missing("api-version")
            .is_true(|request| request.uri().query() == Some("max=5"));
        then.status(200).json_body(json!({"results": []}));
    });
    let vendors = Vendors::at(&server.base_url(), &settings(&RecordingClock::new()));
    let organization = vendors.organization(("bill", "developer-key"), &plain).unwrap();
    for _ in 0..2 {
        organization.api().list_vendors().max(5).send().await.unwrap();
    }
    login.assert_calls(1);
    list.assert_calls(2);
}

#[tokio::test]
async fn a_spend_token_goes_with_the_call_and_signs_in_nowhere() {
    let server = MockServer::start_async().await;
    let budgets = server.mock(|when, then| {
        when.method(GET)
            .path("/connect/v3/spend/budgets")
            .header("apiToken", "example-spend-token")
            .header_missing("sessionId")
            .header_missing("devKey")
            .header_missing("authorization")
            .is_true(|request| request.uri().query().is_none());
        then.status(200).json_body(json!({"results": []}));
    });
    let connection =
        Vendors::at(&server.base_url(), &settings(&RecordingClock::new())).open(("bill-spend", "api-token"), &plain);
    read_call(&connection.unwrap(), "bill-spend").await.unwrap();
    budgets.assert_calls(1);
}

#[tokio::test]
async fn a_password_of_bezalas_leads_to_a_bearer_token() {
    let server = MockServer::start_async().await;
    let token = server.mock(|when, then| {
        when.method(POST)
            .path("/api/auth/token")
            .header("content-type", "application/json")
            .header_missing("authorization")
            .json_body(json!({"email": "example-email", "password": "example-bezala-password"}));
        then.status(200).json_body(json!({"token": "example-token", "user_id": 2}));
    });
    let accounts = server.mock(|when, then| {
        when.method(GET)
            .path("/api/accounts")
            .header("authorization", "Bearer example-token")
            .header_missing("cookie")
            .is_true(|request| request.uri().query().is_none());
        then.status(200).json_body(json!([]));
    });
    let connection = Vendors::at(&server.base_url(), &settings(&RecordingClock::new()))
        .open(("bezala", "password"), &plain)
        .unwrap();
    for _ in 0..2 {
        read_call(&connection, "bezala").await.unwrap();
    }
    token.assert_calls(1);
    accounts.assert_calls(2);
}
