//! MFA in v3's names and in v2's, and the payments that need the trust it gives.

mod common;

use std::time::Duration;

use common::{answer, bill, bill_login, code, credential, form, login, session};
use ledgerkey_sandbox::Sandbox;
use reqwest::Method;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn trust() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    let call = |id: &str, path: &str, body: Value| {
        answer(bill(&sandbox, id, Method::POST, &format!("/connect/v3{path}")).json(&body))
    };
    let (_, bills) = answer(bill(&sandbox, &id, Method::GET, "/connect/v3/bills?max=1")).await;
    let (_, banks) =
        answer(bill(&sandbox, &id, Method::GET, "/connect/v3/funding-accounts/banks?filters=status:eq:VERIFIED")).await;
    let payment = json!({
        "billId": bills["results"][0]["id"], "vendorId": bills["results"][0]["vendorId"], "amount": 10.1, "processingOptions": {},
        "fundingAccount": {"type": "BANK_ACCOUNT", "id": banks["results"][0]["id"]},
    });
    let refused = call(&id, "/payments", payment.clone()).await;
    assert_eq!((refused.0, code(&refused), &refused.1[0]["message"]), (403, "BDC_1361", &json!("Untrusted session.")));
    assert_eq!(sandbox.acted("createPayment"), 0);

    let (_, challenge) = call(&id, "/mfa/challenge", json!({})).await;
    let text = sandbox.phone().pop().unwrap();
    assert_eq!(json!(text.answers), challenge["challengeId"]);
    let proof = |token: &str| json!({"challengeId": challenge["challengeId"], "token": token, "rememberMe": true, "device": "test device"});
    assert_eq!(call(&id, "/mfa/challenge/validate", proof("12345")).await.0, 400);
    let (status, trusted) = call(&id, "/mfa/challenge/validate", proof(&text.token)).await;
    assert_eq!(status, 200);
    let remembered = trusted["rememberMeId"].clone();
    let (_, info) = answer(bill(&sandbox, &id, Method::GET, "/connect/v3/login/session")).await;
    assert_eq!(info["mfaStatus"], json!("COMPLETE"));
    let (status, paid) = call(&id, "/payments", payment.clone()).await;
    assert_eq!((status, &paid["status"]), (201, &json!("SCHEDULED")));
    let (_, bill_now) =
        answer(bill(&sandbox, &id, Method::GET, &format!("/connect/v3/bills/{}", paid["billId"].as_str().unwrap())))
            .await;
    assert_eq!((&bill_now["paymentStatus"], &bill_now["scheduledAmount"]), (&json!("SCHEDULED"), &json!(10.1)));
    let mut too_much = payment;
    too_much["amount"] = json!(100_000);
    assert_eq!(code(&call(&id, "/payments", too_much).await), "BDC_1159");

    let mut again = bill_login(&sandbox);
    again["rememberMeId"] = remembered.clone();
    again["device"] = json!("another device");
    let (_, other) = login(&sandbox, &again).await;
    assert_eq!(other["trusted"], json!(false));
    let id = other["sessionId"].as_str().unwrap().to_owned();
    assert_eq!(call(&id, "/mfa/step-up", json!({"rememberMeId": remembered, "device": "test device"})).await.0, 200);
    again["device"] = json!("test device");
    assert_eq!(login(&sandbox, &again).await.1["trusted"], json!(true));
    sandbox.clock().advance(MINUTE * 60 * 24 * 30);
    assert_eq!(login(&sandbox, &again).await.1["trusted"], json!(false));

    let id = session(&sandbox).await;
    let (_, challenge) = call(&id, "/mfa/challenge", json!({})).await;
    sandbox.clock().advance(MINUTE * 11);
    let late = json!({"challengeId": challenge["challengeId"], "token": sandbox.phone().pop().unwrap().token});
    assert_eq!(code(&call(&id, "/mfa/challenge/validate", late).await), "BDC_1356");
    assert_eq!(call(&id, "/mfa/challenge", json!({"useBackup": true})).await.0, 400);
    let (_, setup) = call(&id, "/mfa/setup", json!({"phone": "+10000000001", "type": "TEXT"})).await;
    let done = json!({"setupId": setup["setupId"], "type": "TEXT", "token": sandbox.phone().pop().unwrap().token});
    assert_eq!(call(&id, "/mfa/setup/validate", done).await.0, 200);
}

#[tokio::test]
async fn five_messages_a_minute() {
    let sandbox = Sandbox::start().unwrap();
    let id = session(&sandbox).await;
    let challenge = || answer(bill(&sandbox, &id, Method::POST, "/connect/v3/mfa/challenge").json(&json!({})));
    // The beginning of a minute of the clock.
    let into = sandbox.clock().now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() % 60;
    sandbox.clock().advance(Duration::from_secs(60 - into));
    for _ in 0..5 {
        assert_eq!(challenge().await.0, 200);
    }
    assert_eq!(code(&challenge().await), "BDC_1144");
    assert_eq!(sandbox.phone().len(), 5);
    sandbox.clock().advance(MINUTE);
    assert_eq!(challenge().await.0, 200);
}

#[tokio::test]
async fn trust_by_v2() {
    let sandbox = Sandbox::start().unwrap();
    let (id, key) = (session(&sandbox).await, credential(&sandbox, "BILL_DEV_KEY"));
    let call = async |path: &str, data: Value| {
        form(&sandbox, path, &[("sessionId", &id), ("devKey", &key), ("data", &data.to_string())]).await.1
    };
    let challenge = call("/api/v2/MFAChallenge.json", json!({"useBackup": false})).await;
    let token = sandbox.phone().pop().unwrap().token;
    let data = json!({"challengeId": challenge["response_data"]["challengeId"], "token": token, "deviceId": "d", "machineName": "m", "rememberMe": true});
    let trusted = call("/api/v2/MFAAuthenticate.json", data).await;
    let remembered = trusted["response_data"]["mfaId"].clone();
    let status = call("/api/v2/MFAStatus.json", json!({"mfaId": remembered, "deviceId": "d"})).await;
    assert_eq!(status["response_data"]["isTrusted"], json!(true));
}

#[tokio::test]
async fn a_payment_names_its_bill_or_asks_for_one() {
    let sandbox = Sandbox::builder().mfa_for_payments(false).start().unwrap();
    let id = session(&sandbox).await;
    let get = |path: &str| answer(bill(&sandbox, &id, Method::GET, &format!("/connect/v3{path}")));
    let pay = |body: &Value| answer(bill(&sandbox, &id, Method::POST, "/connect/v3/payments").json(body));
    let (_, vendors) = get("/vendors?max=1").await;
    let (_, banks) = get("/funding-accounts/banks?filters=status:eq:VERIFIED").await;
    let (_, before) = get("/bills?max=100").await;
    let mut body = json!({
        "vendorId": vendors["results"][0]["id"], "amount": 10.1, "processingOptions": {},
        "fundingAccount": {"type": "BANK_ACCOUNT", "id": banks["results"][0]["id"]},
    });
    let (status, refused) = pay(&body).await;
    assert_eq!((status, &refused[0]["message"]), (400, &json!("billId: must not be null")));
    assert_eq!(get("/bills?max=100").await.1, before, "no bill was made");

    body["processingOptions"] = json!({"createBill": true});
    for date in ["soon, then", "2099-13-01", "2020-01-01"] {
        body["processDate"] = json!(date);
        assert_eq!(code(&pay(&body).await), "BDC_1152", "{date}");
    }
    body["processDate"] = json!("2099-12-01");
    let (status, paid) = pay(&body).await;
    assert_eq!((status, paid["billId"].is_string()), (201, true), "{paid}");

    let vendor = vendors["results"][0]["id"].as_str().unwrap();
    let (_, options) = get(&format!("/payments/options?vendorId={vendor}&amount=12.5")).await;
    assert_eq!(options["amount"], json!("12.50"), "text, as in the vendor's guide");
}
