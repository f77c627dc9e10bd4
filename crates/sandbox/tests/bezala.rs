//! Bezala: four sign-ins, the company that is state on the server, roles, pages, files.

#![allow(clippy::panic, reason = "a test says what it expects by panicking")]

mod common;

use common::{Answer, answer, bezala, credential, request, token};
use ledgerkey_sandbox::{Revoke, Sandbox};
use reqwest::Method;
use serde_json::{Value, json};

async fn get(sandbox: &Sandbox, token: &str, path: &str) -> Answer {
    answer(bezala(sandbox, token, Method::GET, path)).await
}

fn rows(answer: &Answer) -> &Vec<Value> {
    answer.1.as_array().unwrap_or_else(|| panic!("no array: {answer:?}"))
}

#[tokio::test]
async fn password() {
    let sandbox = Sandbox::start().unwrap();
    let (first, user) = token(&sandbox).await;
    let (second, _) = token(&sandbox).await;
    assert_ne!(first, second);
    for token in [&first, &second] {
        assert_eq!(get(&sandbox, token, "/api/home").await.1["user"]["id"], json!(user));
    }
    assert_eq!(answer(request(&sandbox, Method::GET, &format!("/api/accounts?token={first}"))).await.0, 200);
    let wrong = json!({"email": credential(&sandbox, "BEZALA_EMAIL"), "password": "wrong"});
    let refused = answer(request(&sandbox, Method::POST, "/api/auth/token").json(&wrong)).await;
    assert_eq!(refused, (401, json!({"error": "Invalid email or password."})));
    assert_eq!(answer(request(&sandbox, Method::GET, "/api/accounts")).await.0, 401);
    sandbox.clock().advance(std::time::Duration::from_secs(86_400 * 300));
    assert_eq!(get(&sandbox, &first, "/api/accounts").await.0, 200, "tokens are long-lived");
    assert!(sandbox.set_bezala_password(None, "new"));
    assert_eq!(get(&sandbox, &first, "/api/accounts").await.0, 401);
    let renewed = json!({"email": credential(&sandbox, "BEZALA_EMAIL"), "password": "new"});
    assert_eq!(answer(request(&sandbox, Method::POST, "/api/auth/token").json(&renewed)).await.0, 200);
    sandbox.revoke(Revoke::Bezala);
    assert_eq!(sandbox.sign_ins(), 4);
}

#[tokio::test]
async fn providers() {
    let sandbox = Sandbox::start().unwrap();
    let c = |name: &str| credential(&sandbox, name);
    for (path, field) in [("google", "google_access_token"), ("microsoft", "microsoft_access_token")] {
        let path = format!("/api/auth/{path}/token");
        let good = json!({"email": c("BEZALA_EMAIL"), field: c("BEZALA_SSO_TOKEN")});
        let (status, body) = answer(request(&sandbox, Method::POST, &path).json(&good)).await;
        assert_eq!(status, 200);
        assert_eq!(get(&sandbox, body["token"].as_str().unwrap(), "/api/company").await.0, 200);
        let other = json!({"email": c("BEZALA_REGULAR_EMAIL"), field: c("BEZALA_SSO_TOKEN")});
        assert_eq!(
            answer(request(&sandbox, Method::POST, &path).json(&other)).await.0,
            401,
            "the email must be the token's"
        );
        let wrong = json!({"email": c("BEZALA_EMAIL"), field: "wrong"});
        assert_eq!(answer(request(&sandbox, Method::POST, &path).json(&wrong)).await.0, 401);
    }
    let mut okta = json!({
        "email": c("BEZALA_EMAIL"), "okta_access_token": c("BEZALA_SSO_TOKEN"), "company_name": c("BEZALA_OKTA_COMPANY"), "okta_url": c("BEZALA_OKTA_URL"),
    });
    assert_eq!(answer(request(&sandbox, Method::POST, "/api/auth/okta/token").json(&okta)).await.0, 200);
    okta["okta_url"] = json!("https://elsewhere.example.com");
    assert_eq!(answer(request(&sandbox, Method::POST, "/api/auth/okta/token").json(&okta)).await.0, 401);
}

#[tokio::test]
async fn the_company_is_the_users_and_not_the_tokens() {
    let sandbox = Sandbox::start().unwrap();
    let (one, user) = token(&sandbox).await;
    let (two, _) = token(&sandbox).await;
    let (home, other) = (credential(&sandbox, "BEZALA_COMPANY_ID"), credential(&sandbox, "BEZALA_OTHER_COMPANY_ID"));
    assert_eq!(get(&sandbox, &two, "/api/company").await.1["id"].to_string(), home);
    let trip = get(&sandbox, &one, "/api/trips").await.1[0]["id"].to_string();
    let switch = |user: i64, company: &str| {
        bezala(&sandbox, &one, Method::PUT, &format!("/api/users/{user}/change_company/{company}"))
    };
    assert_eq!(answer(switch(user, &other)).await.0, 200);
    assert_eq!(
        get(&sandbox, &two, "/api/company").await.1["id"].to_string(),
        other,
        "every token of the user is switched"
    );
    assert_eq!(get(&sandbox, &two, &format!("/api/trips/{trip}")).await.0, 404, "a record of the other company");
    assert_eq!(sandbox.log().pop().unwrap().company.unwrap().to_string(), other);
    assert_eq!(answer(switch(user, "103")).await.0, 404, "no member");
    assert_eq!(answer(switch(user + 1, &home)).await.0, 403, "somebody else");
    assert!(sandbox.switch_bezala_company(None, home.parse().unwrap()));
    assert!(!sandbox.switch_bezala_company(None, 103));
    assert_eq!(get(&sandbox, &one, "/api/company").await.1["id"].to_string(), home);
}

#[tokio::test]
async fn roles() {
    let sandbox = Sandbox::start().unwrap();
    let (accountant, _) = token(&sandbox).await;
    let body = json!({"email": credential(&sandbox, "BEZALA_REGULAR_EMAIL"), "password": credential(&sandbox, "BEZALA_REGULAR_PASSWORD")});
    let (_, body) = answer(request(&sandbox, Method::POST, "/api/auth/token").json(&body)).await;
    let regular = body["token"].as_str().unwrap();
    assert_eq!(rows(&get(&sandbox, &accountant, "/api/bill_lines").await).len(), 6);
    let (status, refused) = get(&sandbox, regular, "/api/bill_lines").await;
    assert_eq!(status, 403);
    assert!(refused["error"].is_string());
    let of = |answer: &Answer| rows(answer).len();
    assert_eq!(of(&get(&sandbox, &accountant, "/api/trips").await), 24);
    assert_eq!(of(&get(&sandbox, regular, "/api/trips").await), 12, "one's own");
    assert_eq!(of(&get(&sandbox, regular, "/api/users").await), 1);
}

#[tokio::test]
async fn a_draft_is_its_writers_alone() {
    let sandbox = Sandbox::start().unwrap();
    let (accountant, _) = token(&sandbox).await;
    let body = json!({"email": credential(&sandbox, "BEZALA_REGULAR_EMAIL"), "password": credential(&sandbox, "BEZALA_REGULAR_PASSWORD")});
    let (_, body) = answer(request(&sandbox, Method::POST, "/api/auth/token").json(&body)).await;
    let regular = body["token"].as_str().unwrap();
    let write = |path: &str, body: Value| answer(bezala(&sandbox, regular, Method::POST, path).json(&body));
    let (_, trip) = write("/api/trips", json!({"draft": 1})).await;
    assert_eq!(trip["state"], json!("draft"));
    let own = format!("/api/trips/{}", trip["id"]);
    assert_eq!(get(&sandbox, regular, &own).await.0, 200);
    assert_eq!(get(&sandbox, &accountant, &own).await.0, 404);
    let approve = bezala(&sandbox, &accountant, Method::PUT, &format!("{own}/approve"));
    assert_eq!(answer(approve).await.0, 404);

    let line = json!({"taxable": "1.00", "tax_percentage": "0.14", "currency": "EUR"});
    let draft = json!({"draft": 1, "transaction": {"date": "2026-01-31", "vat_lines_attributes": [line]}});
    let (_, draft) = write("/api/transactions", draft).await;
    let exports = async |token: &str| {
        let (_, export) = get(&sandbox, token, "/api/export/receipts?per_page=1000").await;
        export["collection"].as_array().unwrap().iter().any(|row| row["id"] == draft["id"])
    };
    assert!(exports(regular).await && !exports(&accountant).await);
}

#[tokio::test]
async fn pages() {
    let sandbox = Sandbox::start().unwrap();
    let (token, _) = token(&sandbox).await;
    let get = |path: &str| answer(bezala(&sandbox, &token, Method::GET, path));
    assert_eq!(rows(&get("/api/trips?page=1").await).len(), 10);
    assert_eq!(rows(&get("/api/trips?page=3").await).len(), 4);
    assert_eq!(rows(&get("/api/trips?page=4").await).len(), 0);
    assert_eq!(rows(&get("/api/bills?per_page=2&page=2").await).len(), 1);
    assert_eq!(rows(&get("/api/bills?per_page=2&skip_pagination=true").await).len(), 3);
    assert_eq!(get("/api/bills?page=zero").await.0, 400);
    assert_eq!(rows(&get("/api/trips?archived_after=20991231").await).len(), 24, "it adds rows, and takes none away");
    assert_eq!(get("/api/trips?archived_after=then").await.0, 400);
    assert_eq!(rows(&get("/api/cost_centers?name=serv").await).len(), 1);
    let (_, entries) = get("/api/time_entries?page=3").await;
    assert_eq!(entries["collection"].as_array().unwrap().len(), 20);
    assert_eq!(entries["pagination"], json!({"current_page": 3, "total_pages": 3, "total_count": 120}));
    let (_, export) = get("/api/export/receipts?per_page=5").await;
    assert_eq!((export["collection"].as_array().unwrap().len(), &export["total_records"]), (5, &json!("24")));
    assert_eq!(export["total_amount"], json!("1562.40"));
    assert_eq!(rows(&get("/api/absences?state=pending").await).len(), 2);
    assert_eq!(rows(&get("/api/batch_documents?date_range=01/01/2000%20-%2001/01/2001").await).len(), 0);
    assert_eq!(get("/api/batch_documents?date_range=yesterday").await.0, 400);
}

#[tokio::test]
async fn writing() {
    let sandbox = Sandbox::start().unwrap();
    let (token, _) = token(&sandbox).await;
    let send = |method: Method, path: &str, body: Value| answer(bezala(&sandbox, &token, method, path).json(&body));
    let account = json!({"account": {"name": "Travel", "code": "7801", "accountable_type": "ExpenseAccount"}});
    let (status, made) = send(Method::POST, "/api/accounts", account).await;
    assert_eq!((status, &made["deactivated"]), (201, &json!(false)));
    assert_eq!(send(Method::POST, "/api/accounts", json!({"name": "bare"})).await.0, 400, "bodies are nested");
    assert_eq!(send(Method::POST, "/api/accounts", json!({"account": {}})).await.0, 422);
    assert_eq!(
        send(Method::POST, "/api/cost_centers", json!({"cost_center": {"name": "N", "dimension_name": "D"}})).await.0,
        201
    );
    let accounts = get(&sandbox, &token, "/api/accounts").await.1;
    let line =
        json!({"taxable": "10.50", "tax_percentage": "0.14", "currency": "EUR", "expense_account_id": made["id"]});
    let receipt = json!({"transaction": {"description": "d", "date": "2026-01-31", "credit_account_id": accounts[0]["id"], "vat_lines_attributes": [line]}});
    let (status, made) = send(Method::POST, "/api/transactions", receipt).await;
    assert_eq!((status, &made["state"]), (201, &json!("reviewing")));
    assert_eq!(
        send(Method::POST, "/api/transactions", json!({"draft": 1, "transaction": {}})).await.1["state"],
        json!("draft")
    );
    assert_eq!(send(Method::POST, "/api/transactions", json!({"transaction": {}})).await.0, 422);
    let (_, expenses) = get(&sandbox, &token, "/api/expenses").await;
    assert_eq!(expenses["transactions_in_draft"].as_array().unwrap().len(), 1);
    let trip = json!({"state": "draft", "date": "2026-01-31", "description": "t", "entries_attributes": [{"number_of_people": "1", "distance": "12.5"}]});
    let (status, made_trip) = send(Method::POST, "/api/trips", trip).await;
    assert_eq!((status, &made_trip["state"]), (201, &json!("queue")));
    let waiting = get(&sandbox, &token, "/api/trips?state=reviewing").await.1[0]["id"].clone();
    assert_eq!(send(Method::PUT, &format!("/api/trips/{waiting}/approve"), json!({})).await.0, 200);
    assert_eq!(send(Method::PUT, &format!("/api/trips/{waiting}/approve"), json!({})).await.0, 422);

    let bill = get(&sandbox, &token, "/api/bills").await.1[0]["id"].clone();
    let line = json!({"line": {"name": "SHOP", "date": "2026-01-31", "amount_cents": 1234}});
    let (status, line) = send(Method::POST, &format!("/api/bills/{bill}/lines"), line).await;
    assert_eq!((status, &line["amount"]), (201, &json!("12.34")));
    let own = format!("/api/bills/{bill}/lines/{}", line["id"]);
    assert_eq!(send(Method::PUT, &own, json!({"line": {"receipt_id": made["id"]}})).await.0, 200);
    assert_eq!(send(Method::DELETE, &own, json!({})).await.0, 204);
    assert_eq!(send(Method::DELETE, &own, json!({})).await.0, 404);

    let file = || reqwest::multipart::Part::bytes(&b"%PDF-1.4 \r\n\r\n--x"[..]).file_name("receipt.pdf");
    let form = reqwest::multipart::Form::new().part("file", file()).text("draft", "1");
    let (status, attachment) = answer(bezala(&sandbox, &token, Method::POST, "/api/attachments").multipart(form)).await;
    assert_eq!(status, 201);
    assert!(attachment["file"].as_str().unwrap().ends_with("receipt.pdf") && attachment["transaction_id"].is_i64());
    let form = reqwest::multipart::Form::new().part("file", file());
    assert_eq!(answer(bezala(&sandbox, &token, Method::POST, "/api/attachments").multipart(form)).await.0, 422);
    assert_eq!(answer(bezala(&sandbox, &token, Method::POST, "/api/attachments").body("no form")).await.0, 400);
}
