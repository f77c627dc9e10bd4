//! BILL: the five sign-ins of the vendor's page on keys and tokens, the life of a session, MFA, and rows.

mod common;

use std::time::Duration;

use common::{answer, bill, bill_login, code, credential, form, login, request, session, sync_login, vendors};
use ledgerkey_sandbox::{Lock, Revoke, Sandbox};
use reqwest::Method;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn developer_key() {
    let sandbox = Sandbox::start().unwrap();
    let (status, body) = login(&sandbox, &bill_login(&sandbox)).await;
    assert_eq!((status, &body["trusted"]), (200, &json!(false)));
    assert!(
        body["organizationId"].as_str().unwrap().starts_with("008")
            && body["userId"].as_str().unwrap().starts_with("006")
    );
    assert_eq!(vendors(&sandbox, body["sessionId"].as_str().unwrap()).await.0, 200);

    let mut wrong = bill_login(&sandbox);
    wrong["password"] = json!("wrong");
    let refused = login(&sandbox, &wrong).await;
    assert_eq!((refused.0, code(&refused)), (401, "BDC_1101"));
    let mut wrong = bill_login(&sandbox);
    wrong["devKey"] = json!("wrong");
    assert_eq!(code(&login(&sandbox, &wrong).await), "BDC_1102");
    let mut wrong = bill_login(&sandbox);
    wrong["organizationId"] = json!("00899");
    assert_eq!(login(&sandbox, &wrong).await.0, 401);

    let mut as_header = bill_login(&sandbox);
    as_header.as_object_mut().unwrap().remove("devKey");
    let (status, body) =
        answer(request(&sandbox, Method::POST, "/connect/v3/login").header("devKey", "x").json(&as_header)).await;
    assert_eq!((status, &body[0]["message"], body[0].get("code")), (400, &json!("devKey: must not be null"), None));
    let (status, body) = answer(request(&sandbox, Method::POST, "/connect/v3/login").body("{half")).await;
    assert_eq!((status, &body[0]["code"]), (400, &json!("BDC_1122")));
}

#[tokio::test]
async fn sync_token() {
    let sandbox = Sandbox::start().unwrap();
    let (status, body) = login(&sandbox, &sync_login(&sandbox)).await;
    assert_eq!(status, 200);
    let session = body["sessionId"].as_str().unwrap().to_owned();
    sandbox.clock().advance(MINUTE * (48 * 60 - 1));
    assert_eq!(vendors(&sandbox, &session).await.0, 200);
    let refused = answer(bill(&sandbox, &session, Method::POST, "/connect/v3/payments").json(&json!({}))).await;
    assert_eq!(refused.0, 403);
    assert_ne!(code(&refused), "BDC_1361");
    assert_eq!(
        answer(bill(&sandbox, &session, Method::POST, "/connect/v3/mfa/challenge").json(&json!({}))).await.0,
        403
    );
    sandbox.clock().advance(MINUTE * 48 * 60);
    assert_eq!(code(&vendors(&sandbox, &session).await), "BDC_1109");

    let mut wrong = sync_login(&sandbox);
    wrong["password"] = json!("wrong");
    assert_eq!(code(&login(&sandbox, &wrong).await), "BDC_1101");
}

#[tokio::test]
async fn console_token_by_both_calls() {
    let sandbox = Sandbox::start().unwrap();
    let c = |name: &str| credential(&sandbox, name);
    let (email, token, organization, key) =
        (c("BILL_CONSOLE_EMAIL"), c("BILL_CONSOLE_TOKEN"), c("BILL_ORGANIZATION_ID"), c("BILL_DEV_KEY"));
    let fields = [("userName", email.as_str()), ("password", &token), ("orgId", &organization), ("devKey", &key)];
    let (status, body) = form(&sandbox, "/api/v2/Login.json", &fields).await;
    assert_eq!((status, &body["response_status"]), (200, &json!(0)));
    let session = body["response_data"]["sessionId"].as_str().unwrap().to_owned();
    // A v2 session goes with v3's headers.
    assert_eq!(vendors(&sandbox, &session).await.0, 200);
    sandbox.clock().advance(MINUTE * 35);
    let dead = form(&sandbox, "/api/v2/List/Vendor.json", &[("sessionId", &session), ("devKey", &key)]).await;
    assert_eq!((dead.0, code(&dead)), (200, "BDC_1109"));

    let wrong = [("userName", email.as_str()), ("password", "wrong"), ("orgId", &organization), ("devKey", &key)];
    let refused = form(&sandbox, "/api/v2/Login.json", &wrong).await;
    assert_eq!((refused.0, code(&refused)), (200, "BDC_1101"));

    let v3 = json!({"username": email, "consoleApiToken": token, "organizationId": organization, "devKey": key});
    assert_eq!(login(&sandbox, &v3).await.0, 200);
    let as_password = json!({"username": email, "password": token, "organizationId": organization, "devKey": key});
    assert_eq!(code(&login(&sandbox, &as_password).await), "BDC_1101");

    let orgs =
        form(&sandbox, "/api/v2/ListOrgs.json", &[("userName", &email), ("password", &token), ("devKey", &key)]).await;
    assert_eq!(orgs.1["response_data"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn spend_token() {
    let sandbox = Sandbox::start().unwrap();
    let budgets = |token: String| request(&sandbox, Method::GET, "/connect/v3/spend/budgets").header("apiToken", token);
    let (status, body) = answer(budgets(credential(&sandbox, "BILL_SPEND_TOKEN"))).await;
    assert_eq!(status, 200);
    assert!(!body["results"].as_array().unwrap().is_empty());
    let (status, body) = answer(budgets("wrong".to_owned())).await;
    assert_eq!(status, 401);
    assert!(body.is_array());

    let spend = |method: Method, path: &str| {
        request(&sandbox, method, &format!("/connect/v3/spend{path}"))
            .header("apiToken", credential(&sandbox, "BILL_SPEND_TOKEN"))
    };
    let mut seen = 0;
    let mut path = "/transactions?max=25".to_owned();
    loop {
        let (_, page) = answer(spend(Method::GET, &path)).await;
        seen += page["results"].as_array().unwrap().len();
        match page["nextPage"].as_str() {
            Some(next) => path = format!("/transactions?max=25&nextPage={next}"),
            None => break,
        }
    }
    assert_eq!(seen, 60);
    assert_eq!(answer(spend(Method::GET, "/transactions?max=51")).await.0, 400);
    assert_eq!(answer(spend(Method::GET, "/transactions?filters=status:eq:COMPLETE")).await.0, 400);
    let (status, made) = answer(
        spend(Method::POST, "/budgets").json(&json!({"name": "B", "owners": ["x"], "recurringInterval": "NONE"})),
    )
    .await;
    assert_eq!(status, 201);
    let (_, got) = answer(spend(Method::GET, &format!("/budgets/{}", made["uuid"].as_str().unwrap()))).await;
    assert_eq!(got["id"], made["id"]);
    let (_, problems) = answer(spend(Method::POST, "/budgets").json(&json!({}))).await;
    assert_eq!(problems.as_array().unwrap().len(), 3);
    assert_eq!(answer(spend(Method::GET, "/users/current")).await.1["role"], json!("ADMIN"));
    assert_eq!(sandbox.sign_ins(), 0);
}

#[tokio::test]
async fn partner_and_acting_as_a_user() {
    let sandbox = Sandbox::start().unwrap();
    let c = |name: &str| credential(&sandbox, name);
    let body = json!({"username": c("BILL_PARTNER_USERNAME"), "password": c("BILL_PARTNER_PASSWORD"), "appKey": c("BILL_APP_KEY")});
    let (status, signed) = answer(request(&sandbox, Method::POST, "/connect/v3/partner/login").json(&body)).await;
    assert_eq!(status, 200);
    let session = signed["sessionId"].as_str().unwrap().to_owned();
    let mut wrong = body.clone();
    wrong["appKey"] = json!("wrong");
    assert_eq!(
        code(&answer(request(&sandbox, Method::POST, "/connect/v3/partner/login").json(&wrong)).await),
        "BDC_1102"
    );

    let partner = |method: Method, path: &str| {
        request(&sandbox, method, &format!("/connect/v3/partner{path}"))
            .header("sessionId", &session)
            .header("appKey", c("BILL_APP_KEY"))
    };
    let (_, organizations) = answer(partner(Method::GET, "/organizations")).await;
    assert_eq!(organizations["results"].as_array().unwrap().len(), 3);
    assert_eq!(answer(partner(Method::GET, "/users")).await.0, 400, "the organization is a header");
    let organization = c("BILL_ORGANIZATION_ID");
    let (_, users) = answer(partner(Method::GET, "/users").header("organizationId", &organization)).await;
    assert_eq!(users["results"][0]["id"], json!(c("BILL_PARTNER_USER_ID")));
    let new = json!({"name": "New", "address": {"line1": "1", "city": "C", "zipOrPostalCode": "0", "country": "US"}});
    let (status, made) = answer(partner(Method::POST, "/organizations").json(&new)).await;
    assert_eq!(status, 201);
    let user = json!({"firstName": "A", "email": "a@example.com", "username": "alpha1", "acceptTermsOfService": true});
    let made = made["id"].as_str().unwrap();
    assert_eq!(answer(partner(Method::POST, "/users").header("organizationId", made).json(&user)).await.0, 201);
    assert_eq!(answer(partner(Method::GET, "/roles")).await.0, 200);

    let acting = json!({"userId": c("BILL_PARTNER_USER_ID"), "organizationId": organization});
    let (status, acting) = answer(partner(Method::POST, "/login-as-user").json(&acting)).await;
    assert_eq!(status, 200);
    assert_eq!(acting.as_object().unwrap().len(), 1, "only the session is documented: {acting}");
    let acting = acting["sessionId"].as_str().unwrap();
    assert_eq!(vendors(&sandbox, acting).await.0, 200);
    // Neither kind of session does the other's work.
    assert_eq!(code(&vendors(&sandbox, &session).await), "BDC_1109");
    assert_eq!(answer(bill(&sandbox, acting, Method::GET, "/connect/v3/partner/organizations")).await.0, 400);

    let out = request(&sandbox, Method::POST, "/connect/v3/logout")
        .header("sessionId", &session)
        .header("appKey", c("BILL_APP_KEY"));
    assert_eq!(answer(out).await.0, 200);
    assert_eq!(answer(bill(&sandbox, acting, Method::POST, "/connect/v3/logout")).await.0, 200);
    assert_eq!((sandbox.acted("bill-partner/logout"), sandbox.acted("bill/logout")), (1, 1));
    assert_eq!(code(&answer(partner(Method::GET, "/organizations")).await), "BDC_1109");
    assert_eq!(sandbox.sign_ins(), 3);
}

#[tokio::test]
async fn a_session_idles_out_at_35_minutes_and_every_call_starts_them_again() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    for _ in 0..3 {
        sandbox.clock().advance(MINUTE * 35 - Duration::from_millis(1));
        assert_eq!(vendors(&sandbox, &id).await.0, 200);
    }
    sandbox.clock().advance(MINUTE * 35);
    let dead = vendors(&sandbox, &id).await;
    assert_eq!((dead.0, code(&dead)), (401, "BDC_1109"));
    assert_eq!(dead.1[0]["message"], json!("Session is invalid.  Please log in."));
    assert_eq!(dead.1[0]["category"], json!("DOWNSTREAM"));
    let last = sandbox.log().pop().unwrap();
    assert_eq!((last.acted, last.status, last.code.as_deref()), (false, Some(401), Some("BDC_1109")));
}

#[tokio::test]
async fn a_session_goes_with_its_developer_key_alone() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    let with = |key: String| {
        request(&sandbox, Method::GET, "/connect/v3/vendors").header("sessionId", &id).header("devKey", key)
    };
    assert_eq!(code(&answer(with(credential(&sandbox, "BILL_SECOND_DEV_KEY"))).await), "BDC_1109");
    assert_eq!(code(&answer(with("unknown".to_owned())).await), "BDC_1102");
    assert_eq!(vendors(&sandbox, &id).await.0, 200);
    assert_eq!(answer(request(&sandbox, Method::GET, "/connect/v3/vendors")).await.0, 400);
    assert_eq!(sandbox.revoke(Revoke::All), 1);
    assert_eq!(code(&vendors(&sandbox, &id).await), "BDC_1109");
}

#[tokio::test]
async fn locks() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    let mut wrong = bill_login(&sandbox);
    wrong["password"] = json!("wrong");
    for _ in 0..11 {
        assert_eq!(code(&login(&sandbox, &wrong).await), "BDC_1101");
    }
    assert_eq!(code(&login(&sandbox, &bill_login(&sandbox)).await), "BDC_1110");
    assert!(sandbox.unlock(&Lock::Login(credential(&sandbox, "BILL_USERNAME"))));
    assert_eq!(login(&sandbox, &bill_login(&sandbox)).await.0, 200);
    assert!(sandbox.lock(&Lock::Organization(credential(&sandbox, "BILL_ORGANIZATION_ID"))));
    assert_eq!(code(&login(&sandbox, &bill_login(&sandbox)).await), "BDC_1107");
    assert_eq!(code(&vendors(&sandbox, &id).await), "BDC_1107");
    assert!(!sandbox.lock(&Lock::Login("nobody".to_owned())));
}

#[tokio::test]
async fn rows() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    let get = |path: String| answer(bill(&sandbox, &id, Method::GET, &format!("/connect/v3{path}")));
    let send = |method: Method, path: String, body: Value| {
        answer(bill(&sandbox, &id, method, &format!("/connect/v3{path}")).json(&body))
    };

    let (mut seen, mut page) = (Vec::new(), String::new());
    loop {
        let (_, list) = get(format!("/vendors?max=10&sort=name:desc{page}")).await;
        seen.extend(list["results"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        match list["nextPage"].as_str() {
            Some(next) => page = format!("&page={next}"),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen[0].as_str()), (27, "Example Vendor 27"));
    for refused in [
        "max=0",
        "max=101",
        "page=2",
        "filters=colour:eq:red",
        "filters=name:like:x",
        "filters=name:=:x",
        "sort=email:asc",
    ] {
        assert_eq!(get(format!("/vendors?{refused}")).await.0, 400, "{refused}");
    }
    let (_, people) = get("/vendors?filters=accountType:nin:%22BUSINESS,NONE%22,archived:eq:false".to_owned()).await;
    assert_eq!(people["results"].as_array().unwrap().len(), 3);

    let (status, problems) = send(Method::POST, "/vendors".to_owned(), json!({})).await;
    assert_eq!((status, problems.as_array().unwrap().len()), (400, 2));
    assert!(
        problems.as_array().unwrap().iter().any(|problem| problem["message"] == json!("address: must not be null"))
    );
    let vendor = json!({"name": "New", "address": {"line1": "1"}, "phone": null, "paymentInformation": {"bankAccount": {"accountNumber": "1"}}});
    let (status, made) = send(Method::POST, "/vendors".to_owned(), vendor).await;
    assert_eq!((status, made.get("phone")), (201, None));
    assert!(!made.to_string().contains("accountNumber"));
    let own = format!("/vendors/{}", made["id"].as_str().unwrap());
    assert!(own.starts_with("/vendors/009"));
    let (_, changed) =
        send(Method::PATCH, own.clone(), json!({"email": "a@example.com", "address": {"city": "C"}, "id": "x"})).await;
    assert_eq!(
        (&changed["address"]["line1"], &changed["address"]["city"], &changed["id"]),
        (&json!("1"), &json!("C"), &made["id"])
    );
    let (_, cleared) = send(Method::PATCH, own.clone(), json!({"email": null})).await;
    assert_eq!(cleared.get("email"), None);
    assert_eq!(send(Method::PATCH, own.clone(), json!({"name": null})).await.0, 400);
    for _ in 0..2 {
        assert_eq!(send(Method::POST, format!("{own}/archive"), json!({})).await.1["archived"], json!(true));
    }
    assert_eq!(send(Method::POST, format!("{own}/restore"), json!({})).await.1["archived"], json!(false));
    let unknown = get("/vendors/00900".to_owned()).await;
    assert_eq!((unknown.0, code(&unknown)), (404, "BDC_1205"));
    let wrong_path = get("/vendor".to_owned()).await;
    assert_eq!((wrong_path.0, code(&wrong_path)), (404, "BDC_1121"));

    let bill_body = json!({"vendorId": made["id"], "dueDate": "2027-01-31", "invoice": {"invoiceNumber": "1"}, "billLineItems": [{"amount": 0.1}, {"amount": 0.2}]});
    let (status, owed) = send(Method::POST, "/bills".to_owned(), bill_body).await;
    assert_eq!((status, &owed["amount"], &owed["vendorName"]), (201, &json!(0.3), &json!("New")));
    let (status, _) =
        send(Method::POST, "/invoices".to_owned(), json!({"customerId": "0cu", "invoiceLineItems": [{"price": 1}]}))
            .await;
    assert_eq!(status, 400);
    assert_eq!(
        send(Method::POST, "/invoices".to_owned(), json!({"customer": "0cu", "invoiceLineItems": [{"price": 1}]}))
            .await
            .0,
        400
    );
    let new = json!({"customer": {"name": "C", "email": "c@example.com"}, "invoiceLineItems": [{"quantity": 3, "price": 1.1}]});
    let (status, invoice) = send(Method::POST, "/invoices".to_owned(), new).await;
    assert_eq!((status, &invoice["totalAmount"], invoice.get("customer")), (201, &json!(3.3), None));
    assert_eq!(get(format!("/customers/{}", invoice["customerId"].as_str().unwrap())).await.1["name"], json!("C"));
    assert_eq!(get(format!("/payments/options?vendorId={}&amount=12.5", made["id"].as_str().unwrap())).await.0, 200);
    assert_eq!(get("/payments/options".to_owned()).await.0, 400);

    let (key, data) = (
        credential(&sandbox, "BILL_DEV_KEY"),
        json!({"start": 20, "max": 5, "filters": [{"field": "isActive", "op": "=", "value": "1"}]}).to_string(),
    );
    let (_, v2) =
        form(&sandbox, "/api/v2/List/Vendor.json", &[("sessionId", &id), ("devKey", &key), ("data", &data)]).await;
    let rows = v2["response_data"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["isActive"]), (5, &json!("1")));
    assert!(rows[0]["createdTime"].as_str().unwrap().ends_with("+0000"));
    let (_, v2) = form(&sandbox, "/api/v2/List/Bill.json", &[("sessionId", &id), ("devKey", &key)]).await;
    assert_eq!(v2["response_data"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn organizations_have_books_of_their_own() {
    let sandbox = Sandbox::builder().organizations(5).start().unwrap();
    let first = session(&sandbox).await;
    let mut other = bill_login(&sandbox);
    other["organizationId"] = json!("00801000000000000005");
    let second = login(&sandbox, &other).await.1["sessionId"].as_str().unwrap().to_owned();
    let (_, row) = vendors(&sandbox, &first).await;
    let path = format!("/connect/v3/vendors/{}", row["results"][0]["id"].as_str().unwrap());
    assert_eq!(answer(bill(&sandbox, &first, Method::GET, &path)).await.0, 200);
    assert_eq!(answer(bill(&sandbox, &second, Method::GET, &path)).await.0, 404);
    let last = sandbox.log().pop().unwrap();
    assert_eq!(last.organization.as_deref(), Some("00801000000000000005"));
}
