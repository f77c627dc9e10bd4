//! The operations that nobody wrote by hand: their rows are kept, and the rules above all operations hold for them.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod common;

use common::{answer, bezala, bill, code, credential, form, login, request, session, sync_login, token};
use ledgerkey_sandbox::Sandbox;
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn what_is_created_is_read_listed_changed_and_archived() {
    let sandbox = Sandbox::start().unwrap();
    let session = session(&sandbox).await;
    let call = async |method: Method, path: &str, body: Option<Value>| {
        let request = bill(&sandbox, &session, method, &format!("/connect/v3/{path}"));
        answer(body.iter().fold(request, reqwest::RequestBuilder::json)).await
    };
    let path = "classifications/departments";
    let (status, made) = call(Method::POST, path, Some(json!({"name": "Field work"}))).await;
    assert_eq!((status, &made["name"]), (201, &json!("Field work")));
    let own = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(call(Method::GET, &own, None).await.1["name"], json!("Field work"));
    let (_, listed) = call(Method::GET, &format!("{path}?filters=name:eq:Field work"), None).await;
    assert_eq!(listed["results"].as_array().unwrap().len(), 1, "{listed}");
    let (_, page) = call(Method::GET, &format!("{path}?max=2&sort=name:asc"), None).await;
    assert_eq!(page["results"].as_array().unwrap().len(), 2);
    let (_, rest) =
        call(Method::GET, &format!("{path}?max=2&sort=name:asc&page={}", page["nextPage"].as_str().unwrap()), None)
            .await;
    assert_eq!(rest["results"].as_array().unwrap().len(), 2, "three from the start, and the new one");
    assert!(rest["nextPage"].is_null());
    assert_eq!(call(Method::PATCH, &own, Some(json!({"name": "Other"}))).await.1["name"], json!("Other"));
    assert_eq!(call(Method::POST, &format!("{own}/archive"), None).await.1["archived"], json!(true));
    assert_eq!(call(Method::GET, &own, None).await.1["archived"], json!(true));
    let bulk = json!([{"id": made["id"], "description": "d"}]);
    assert_eq!(call(Method::PATCH, &format!("{path}/bulk"), Some(bulk)).await.0, 200);
    let restored = call(Method::POST, &format!("{path}/bulk/restore?ids={}", made["id"].as_str().unwrap()), None).await;
    assert_eq!(restored.0, 200);
    let (_, read) = call(Method::GET, &own, None).await;
    assert_eq!((&read["archived"], &read["description"]), (&json!(false), &json!("d")));
    let bulk = json!([{"id": made["id"], "description": "e"}, {"id": "nope"}]);
    assert_eq!(call(Method::PATCH, &format!("{path}/bulk"), Some(bulk)).await.0, 404);
    assert_eq!(call(Method::GET, &own, None).await.1["description"], json!("d"), "all or none");
    assert_eq!(code(&call(Method::GET, &format!("{path}/nope"), None).await), "BDC_1205");
    let (status, refused) = call(Method::POST, path, Some(json!({"name": 1}))).await;
    assert_eq!((status, &refused[0]["message"]), (400, &json!("name: must be a string")));
    assert_eq!(code(&call(Method::GET, &format!("{path}?max=0"), None).await), "BDC_1129");
    assert_eq!(code(&call(Method::GET, "network", None).await), "BDC_1108", "name is required");

    // What stands below a row is that row's alone.
    let (_, vendors) = call(Method::GET, "vendors?max=2", None).await;
    let of = |at: usize| format!("vendors/{}/bank-account", vendors["results"][at]["id"].as_str().unwrap());
    let body = json!({"nameOnAccount": "Other Name", "accountNumber": "123456789", "routingNumber": "000000000"});
    let (status, banked) = call(Method::POST, &of(0), Some(body)).await;
    assert_eq!((status, &banked["nameOnAccount"]), (201, &json!("Other Name")));
    assert!(!banked.to_string().contains("123456789"), "{banked}");
    assert_eq!(call(Method::DELETE, &of(0), None).await.0, 200);
    assert_eq!(call(Method::GET, &of(0), None).await.0, 404);
    assert_eq!(call(Method::GET, &of(1), None).await.0, 200);
    assert_eq!(call(Method::GET, "vendors/nope/bank-account", None).await.0, 404);
}

#[tokio::test]
async fn handwritten_rows_are_changed_too() {
    let sandbox = Sandbox::builder().mfa_for_payments(false).start().unwrap();
    let session = session(&sandbox).await;
    let call = async |method: Method, path: &str, body: Option<Value>| {
        let request = bill(&sandbox, &session, method, &format!("/connect/v3/{path}"));
        answer(body.iter().fold(request, reqwest::RequestBuilder::json)).await.1
    };
    let bills = call(Method::GET, "bills", None).await;
    let own = format!("bills/{}", bills["results"][0]["id"].as_str().unwrap());
    assert_eq!(call(Method::PATCH, &own, Some(json!({"description": "x"}))).await["description"], json!("x"));
    assert_eq!(call(Method::GET, &own, None).await["description"], json!("x"));
    assert_eq!(call(Method::POST, &format!("{own}/archive"), None).await["archived"], json!(true));

    let banks = call(Method::GET, "funding-accounts/banks", None).await;
    let account = json!({"type": "BANK_ACCOUNT", "id": banks["results"][0]["id"]});
    let part = |at: usize, amount: f64| json!({"billId": bills["results"][at]["id"], "amount": amount});
    let too_much = json!({"fundingAccount": account, "payments": [part(1, 10.0), part(2, 1e6)]});
    assert_eq!(call(Method::POST, "payments/bulk", Some(too_much)).await[0]["code"], json!("BDC_1159"));
    let second = format!("bills/{}", bills["results"][1]["id"].as_str().unwrap());
    assert_eq!(call(Method::GET, &second, None).await["paymentStatus"], json!("UNPAID"), "all or none");
    let good = json!({"fundingAccount": account, "payments": [part(1, 10.0), part(2, 20.0)]});
    let paid = call(Method::POST, "payments/bulk", Some(good)).await;
    assert_eq!(paid["payments"].as_array().unwrap().len(), 2);
    assert_eq!(call(Method::GET, &second, None).await["paymentStatus"], json!("SCHEDULED"));
    let cancel = format!("payments/{}/cancel", paid["payments"][0]["id"].as_str().unwrap());
    assert_eq!(call(Method::POST, &cancel, None).await["status"], json!("CANCELLED"));
    assert_eq!(call(Method::GET, &second, None).await["paymentStatus"], json!("UNPAID"));
    assert!(call(Method::POST, &cancel, None).await[0]["code"].is_string(), "no second time");
}

#[tokio::test]
async fn trust_tokens_and_roles() {
    let sandbox = Sandbox::start().unwrap();
    let person = session(&sandbox).await;
    let sync = login(&sandbox, &sync_login(&sandbox)).await.1["sessionId"].as_str().unwrap().to_owned();
    let post = async |session: &str, path: &str, body: Value| {
        answer(bill(&sandbox, session, Method::POST, &format!("/connect/v3/{path}")).json(&body)).await
    };
    let bank = json!({"routingNumber": "000000000", "accountNumber": "1", "type": "CHECKING", "ownerType": "BUSINESS", "nameOnAccount": "N"});
    assert_eq!(code(&post(&person, "funding-accounts/banks", bank.clone()).await), "BDC_1361");
    for path in ["funding-accounts/banks", "payments/stp01/cancel", "receivable-payments"] {
        assert_eq!(code(&post(&sync, path, bank.clone()).await), "BDC_1302", "{path}");
    }
    let key = credential(&sandbox, "BILL_DEV_KEY");
    for (session, expected) in [(&person, "BDC_1361"), (&sync, "BDC_1302")] {
        let fields = [("sessionId", session.as_str()), ("devKey", &key), ("data", "{}")];
        assert_eq!(code(&form(&sandbox, "/api/v2/PayBills.json", &fields).await), expected);
    }
    roles_of_a_partners_users(&sandbox).await;
    let body = json!({"email": credential(&sandbox, "BEZALA_REGULAR_EMAIL"), "password": credential(&sandbox, "BEZALA_REGULAR_PASSWORD")});
    let (_, signed) = answer(request(&sandbox, Method::POST, "/api/auth/token").json(&body)).await;
    let regular = signed["token"].as_str().unwrap();
    let (accountant, _) = token(&sandbox).await;
    let get = async |token: &str, path: &str| answer(bezala(&sandbox, token, Method::GET, path)).await;
    assert_eq!(get(regular, "/api/export/trips").await.0, 403);
    assert_eq!(get(&accountant, "/api/export/trips").await.0, 200);
    let (_, rewards) = get(&accountant, "/api/rewards").await;
    let approve = format!("/api/rewards/{}/approve", rewards[0]["id"]);
    assert_eq!(answer(bezala(&sandbox, regular, Method::PUT, &approve)).await.0, 403);
    assert_eq!(answer(bezala(&sandbox, &accountant, Method::PUT, &approve)).await.0, 200);
    assert_eq!(get(&accountant, &format!("/api/rewards/{}", rewards[0]["id"])).await.1["state"], json!("queue"));
}

async fn roles_of_a_partners_users(sandbox: &Sandbox) {
    let c = |name: &str| credential(sandbox, name);
    let body = json!({"username": c("BILL_PARTNER_USERNAME"), "password": c("BILL_PARTNER_PASSWORD"), "appKey": c("BILL_APP_KEY")});
    let (_, signed) = answer(request(sandbox, Method::POST, "/connect/v3/partner/login").json(&body)).await;
    let partner = async |method: Method, path: &str, body: Value| {
        let request = request(sandbox, method, &format!("/connect/v3/partner/{path}"));
        let request =
            request.header("sessionId", signed["sessionId"].as_str().unwrap()).header("appKey", c("BILL_APP_KEY"));
        answer(request.header("organizationId", c("BILL_ORGANIZATION_ID")).json(&body)).await.1
    };
    let user = c("BILL_PARTNER_USER_ID");
    let roles = partner(Method::GET, "roles", json!({})).await;
    let plan = format!("/connect/v3/organizations/{}/price-plan", c("BILL_ORGANIZATION_ID"));
    for (role, expected) in [(0, 200), (4, 403)] {
        partner(Method::PATCH, &format!("users/{user}"), json!({"roleId": roles["results"][role]["id"]})).await;
        let body = json!({"userId": user, "organizationId": c("BILL_ORGANIZATION_ID")});
        let session = partner(Method::POST, "login-as-user", body).await;
        let got = answer(bill(sandbox, session["sessionId"].as_str().unwrap(), Method::GET, &plan)).await;
        assert_eq!(got.0, expected, "{got:?}");
    }
}

#[tokio::test]
async fn examples_name_rows_that_are_there() {
    let sandbox = Sandbox::start().unwrap();
    let session = session(&sandbox).await;
    let call = async |method: Method, path: &str, body: Option<Value>| {
        let request = bill(&sandbox, &session, method, &format!("/connect/v3/{path}"));
        answer(body.iter().fold(request, reqwest::RequestBuilder::json)).await.1
    };
    let credits = call(Method::GET, "vendor-credits", None).await;
    let of = credits["results"][0]["vendorId"].as_str().unwrap();
    assert_eq!(call(Method::GET, &format!("vendors/{of}"), None).await["id"], json!(of));
    assert!(credits["results"][0]["createdTime"].as_str().is_none_or(|at| at < "2099"));
    let lines = json!([{"amount": 3.5}, {"amount": 1.25}]);
    let body =
        json!({"vendorId": of, "referenceNumber": "R", "creditDate": "2026-01-01", "vendorCreditLineItems": lines});
    let made = call(Method::POST, "vendor-credits", Some(body)).await;
    assert_eq!(made["amount"], json!(4.75));
    let invoices = call(Method::GET, "invoices", None).await;
    let email = format!("invoices/{}/email", invoices["results"][0]["id"].as_str().unwrap());
    let body = json!({"replyTo": {"userId": "u"}, "recipient": {"to": ["a@example.com"]}});
    for sent in 1..=6 {
        let (status, answer) =
            answer(bill(&sandbox, &session, Method::POST, &format!("/connect/v3/{email}")).json(&body)).await;
        assert_eq!(status, if sent > 5 { 429 } else { 200 }, "{answer}");
    }
}

#[tokio::test]
async fn an_idempotent_key_acts_once() {
    let sandbox = Sandbox::start().unwrap();
    let session = session(&sandbox).await;
    let body = json!({"name": "N", "status": {"enabled": true}, "events": [{"type": "bill.created", "version": "1"}], "notificationUrl": "https://example.com/n"});
    let path = "/connect-events/v3/subscriptions";
    let subscribe = async |key: Option<&str>, body: &Value| {
        let request = bill(&sandbox, &session, Method::POST, path).json(body);
        answer(key.iter().fold(request, |request, key| request.header("X-Idempotent-Key", *key))).await
    };
    assert_eq!(subscribe(None, &body).await.0, 400);
    let (status, first) = subscribe(Some("k1"), &body).await;
    assert_eq!(status, 200);
    assert!(first["securityKey"].is_string());
    assert_eq!(subscribe(Some("k1"), &body).await.1, first);
    let mut other = body.clone();
    other["name"] = json!("O");
    assert_eq!(subscribe(Some("k1"), &other).await.0, 400, "the key is that of another request");
    let (_, second) = subscribe(Some("k2"), &body).await;
    assert_ne!(second["id"], first["id"]);
    assert_eq!(sandbox.acted("createSubscription"), 2);
    let list = async || answer(bill(&sandbox, &session, Method::GET, path)).await.1;
    let rows = list().await["results"].as_array().unwrap().clone();
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|row| row.get("securityKey").is_none()), "told once");
    let own = format!("{path}/{}", first["id"].as_str().unwrap());
    assert_eq!(answer(bill(&sandbox, &session, Method::DELETE, &own)).await.0, 200);
    assert_eq!(answer(bill(&sandbox, &session, Method::GET, &own)).await.0, 404);

    let spend = request(&sandbox, Method::GET, path).header("apiToken", credential(&sandbox, "BILL_SPEND_TOKEN"));
    assert_eq!(answer(spend).await.1["results"].as_array().unwrap().len(), 3, "subscriptions of its own");
    sandbox.revoke(ledgerkey_sandbox::Revoke::All);
    assert_eq!(code(&answer(bill(&sandbox, &session, Method::GET, path)).await), "BDC_1109");
}

/// BILL's page on the errors of its webhooks' API tells the two apart.
#[tokio::test]
async fn webhooks_answer_400_for_a_header_that_is_missing_and_401_for_one_that_is_wrong() {
    let sandbox = Sandbox::start().unwrap();
    let (session, key) = (session(&sandbox).await, credential(&sandbox, "BILL_DEV_KEY"));
    let app = credential(&sandbox, "BILL_APP_KEY");
    let (session, key, app) = (session.as_str(), key.as_str(), app.as_str());
    for (headers, status, known) in [
        (&[("sessionId", session), ("devKey", key)][..], 200, ""),
        (&[], 400, "BDC_1108"),
        (&[("sessionId", session)], 400, "BDC_1108"),
        (&[("devKey", key)], 400, "BDC_1108"),
        (&[("appKey", app)], 400, "BDC_1108"),
        (&[("sessionId", "x"), ("devKey", key)], 401, "BDC_1109"),
        (&[("sessionId", session), ("devKey", "x")], 401, "BDC_1102"),
        (&[("sessionId", "x"), ("appKey", app)], 401, "BDC_1109"),
        (&[("sessionId", session), ("appKey", "x")], 401, "BDC_1102"),
        (&[("apiToken", "x")], 401, "BDC_1101"),
    ] {
        let catalog = request(&sandbox, Method::GET, "/connect-events/v3/events/catalog");
        let catalog = headers.iter().fold(catalog, |request, (name, value)| request.header(*name, *value));
        let answered = answer(catalog).await;
        assert_eq!((answered.0, code(&answered)), (status, known), "{headers:?}");
    }
}

#[tokio::test]
async fn v2_and_v3_show_the_same_vendors() {
    let sandbox = Sandbox::start().unwrap();
    let session = session(&sandbox).await;
    let key = credential(&sandbox, "BILL_DEV_KEY");
    let v2 = async |path: &str, data: Value| {
        let fields = [("sessionId", session.as_str()), ("devKey", &key), ("data", &data.to_string())];
        form(&sandbox, &format!("/api/v2/{path}.json"), &fields).await.1
    };
    let made =
        v2("Crud/Create/Vendor", json!({"obj": {"entity": "Vendor", "name": "From v2", "addressCity": "C"}})).await;
    let id = made["response_data"]["id"].as_str().unwrap().to_owned();
    let own = format!("/connect/v3/vendors/{id}");
    let read = async || answer(bill(&sandbox, &session, Method::GET, &own)).await.1;
    assert_eq!((&read().await["name"], &read().await["address"]["city"]), (&json!("From v2"), &json!("C")));
    v2("Crud/Update/Vendor", json!({"obj": {"entity": "Vendor", "id": id, "name": "Renamed"}})).await;
    assert_eq!(read().await["name"], json!("Renamed"));
    answer(bill(&sandbox, &session, Method::PATCH, &own).json(&json!({"name": "By v3"}))).await;
    assert_eq!(v2("Crud/Read/Vendor", json!({"id": id})).await["response_data"]["name"], json!("By v3"));
    v2("Crud/Delete/Vendor", json!({"id": id})).await;
    assert_eq!(read().await["archived"], json!(true));
    let filters = json!({"start": 0, "max": 9, "filters": [{"field": "isActive", "op": "=", "value": "2"}]});
    assert_eq!(v2("List/Vendor", filters).await["response_data"].as_array().unwrap().len(), 1);
    let bill_of_nobody = json!({"obj": {"entity": "Bill", "vendorId": "nope", "dueDate": "2026-12-31", "billLineItems": [{"amount": 5}]}});
    assert_eq!(v2("Crud/Create/Bill", bill_of_nobody).await["response_status"], json!(1));
    let owed = v2("Crud/Create/Bill", json!({"obj": {"entity": "Bill", "vendorId": id, "invoiceNumber": "1", "dueDate": "2026-12-31", "billLineItems": [{"amount": 5}]}})).await;
    let path = format!("/connect/v3/bills/{}", owed["response_data"]["id"].as_str().unwrap());
    assert_eq!(answer(bill(&sandbox, &session, Method::GET, &path)).await.1["amount"], json!(5));
    let bulk = json!({"bulk": [{"obj": {"entity": "Item", "name": "A"}}, {"obj": {"entity": "Item", "name": "B"}}]});
    let bulk = v2("Bulk/Crud/Create/Item", bulk).await;
    assert_eq!(bulk["response_data"]["bulk"][1]["response_data"]["name"], json!("B"), "{bulk}");
    let lines = json!([{"entity": "InvoiceLineItem", "quantity": 2, "price": 3}]);
    let invoice =
        json!({"obj": {"entity": "Invoice", "customerId": "c", "invoiceNumber": "9", "invoiceLineItems": lines}});
    let invoice = v2("Crud/Create/Invoice", invoice).await;
    assert_eq!(
        (&invoice["response_data"]["amount"], &invoice["response_data"]["invoiceLineItems"][0]["price"]),
        (&json!(6), &json!(3))
    );
    assert_eq!(v2("Crud/Create/Item", json!({})).await["response_status"], json!(1));
}

/// v2 looks at no more of v3's rows than a page shows, and must miss and undo nothing for it.
#[tokio::test]
async fn v2_pages_over_rows_that_v3_makes_and_changes() {
    let sandbox = Sandbox::start().unwrap();
    let session = session(&sandbox).await;
    let key = credential(&sandbox, "BILL_DEV_KEY");
    let v2 = async |path: &str, data: Value| {
        let fields = [("sessionId", session.as_str()), ("devKey", &key), ("data", &data.to_string())];
        form(&sandbox, &format!("/api/v2/{path}.json"), &fields).await.1
    };
    let v3 = async |method: Method, path: &str, body: Value| {
        answer(bill(&sandbox, &session, method, &format!("/connect/v3/vendors{path}")).json(&body)).await.1
    };
    let page = async |start: usize, max: usize| {
        let page = v2("List/Vendor", json!({"start": start, "max": max})).await;
        page["response_data"].as_array().unwrap().clone()
    };
    let before = page(0, 999).await.len();
    let made =
        v2("Crud/Create/Vendor", json!({"obj": {"entity": "Vendor", "name": "A", "addressCity": "C", "fax": "1"}}))
            .await;
    let id = made["response_data"]["id"].as_str().unwrap().to_owned();
    for name in ["B", "C"] {
        v3(Method::POST, "", json!({"name": name, "address": {"line1": "a"}})).await;
    }
    v3(Method::PATCH, &format!("/{id}"), json!({"name": "D"})).await;
    let names =
        |rows: &[Value]| -> Vec<String> { rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect() };
    assert_eq!(names(&page(before + 1, 1).await), ["B"], "made by v3 since the last look");
    assert_eq!(names(&page(before + 2, 9).await), ["C"]);
    assert!(page(before + 3, 9).await.is_empty());
    // The page did not show the row that v3 changed: a change by v2 of another must not bring its old name back.
    let other = page(0, 1).await[0]["id"].clone();
    v2("Crud/Update/Vendor", json!({"obj": {"entity": "Vendor", "id": other, "name": "E"}})).await;
    assert_eq!(v3(Method::GET, &format!("/{id}"), json!({})).await["name"], json!("D"));
    let rows = page(before, 1).await;
    assert_eq!((&rows[0]["name"], &rows[0]["fax"]), (&json!("D"), &json!("1")), "with what v3 does not have");
    assert_eq!(names(&page(0, 999).await)[before..], ["D", "B", "C"]);
}

#[tokio::test]
async fn a_company_keeps_its_own_rows() {
    let sandbox = Sandbox::start().unwrap();
    let (token, user) = token(&sandbox).await;
    let call = async |method: Method, path: &str, body: Option<Value>| {
        let request = bezala(&sandbox, &token, method, path);
        answer(body.iter().fold(request, reqwest::RequestBuilder::json)).await
    };
    let (status, made) =
        call(Method::POST, "/api/vendors", Some(json!({"vendor": {"name": "V", "external_id": "e"}}))).await;
    assert_eq!(status, 201);
    let own = format!("/api/vendors/{}", made["id"]);
    assert_eq!(call(Method::GET, &own, None).await.1["external_id"], json!("e"));
    assert_eq!(call(Method::PUT, &own, Some(json!({"vendor": {"name": "W", "notes": null}}))).await.0, 200);
    assert_eq!(call(Method::GET, &own, None).await.1["name"], json!("W"));
    let (_, page) = call(Method::GET, "/api/vendors?per_page=2&page=2", None).await;
    assert_eq!((page["collection"].as_array().unwrap().len(), &page["pagination"]["total_count"]), (2, &json!(4)));
    assert_eq!(call(Method::POST, "/api/vendors", Some(json!({}))).await.0, 400, "no root key");
    assert_eq!(call(Method::POST, "/api/vendors", Some(json!({"vendor": {"name": 1}}))).await.0, 422);
    assert_eq!(call(Method::GET, "/api/vendors/0", None).await.0, 404);
    let (_, rule) = call(Method::POST, "/api/transaction_rules", Some(json!({"name": "R"}))).await;
    assert_eq!(rule["name"], json!("R"));
    let rule = format!("/api/transaction_rules/{}", rule["id"]);
    assert_eq!(call(Method::DELETE, &rule, None).await.0, 204);
    assert_eq!(call(Method::DELETE, &rule, None).await.0, 404);
    let (_, colleague) = call(
        Method::POST,
        "/api/users",
        Some(json!({"user": {"name": "C", "email": "c@example.com", "roles": ["employee"]}})),
    )
    .await;
    let (_, users) = call(Method::GET, "/api/users", None).await;
    assert!(
        users.as_array().unwrap().iter().any(|user| user["id"] == colleague["id"] && user["name"] == json!("C")),
        "{users}"
    );
    let balances = format!("/api/users/{user}/time_balances");
    let body = json!({"time_balance": {"balance_type": "flex", "date": "2026-03-31", "value": 2.5}});
    assert_eq!(call(Method::POST, &balances, Some(body)).await.1["user_id"], json!(user));
    assert_eq!(call(Method::GET, "/api/users/0/time_balances", None).await.0, 404);
    assert!(sandbox.switch_bezala_company(None, credential(&sandbox, "BEZALA_OTHER_COMPANY_ID").parse().unwrap()));
    assert_eq!(call(Method::GET, &own, None).await.0, 404, "a row of the other company");
}
