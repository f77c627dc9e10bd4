//! What the vendors document of each way to sign in: its call, and what later calls carry.

#![allow(unreachable_pub, reason = "as the rest of what tests share")]

use serde_json::{Value, json};

pub const JSON: (&str, &str) = ("content-type", "application/json");
pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The call that signs in, and its whole body.
pub fn documented((api, way): (&str, &str)) -> (&'static str, Value) {
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
pub fn carried((api, way): (&str, &str)) -> (&'static str, &'static str, Value, Option<Value>) {
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
