//! What goes over the wire, exactly: each sign-in as the vendors document it, what later calls carry and that they carry nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "support/documented.rs"]
mod documented;
mod support;

use documented::{FORM, JSON, carried, documented};
use ledgerkey::bezala::{Password, Upload};
use ledgerkey::bill;
use ledgerkey::bill::mfa::Remembered;
use ledgerkey::client::ClientInfo;
use ledgerkey::client::dynamic::Arguments;
use serde_json::{Value, json};
use support::{ROWS, Received, RecordingClock, Reply, Vendor, Vendors, call, is_sign_in, plain, read_call, settings};

fn vendor() -> Vendor {
    Vendor::granting("example-session", |request| support::success(request.path()))
}

fn at(vendor: &Vendor) -> Vendors {
    Vendors::at(&vendor.url(), &settings(&RecordingClock::new()))
}

fn form(pairs: &Value) -> Vec<(String, String)> {
    let pairs = pairs.as_object().unwrap().iter();
    let mut pairs: Vec<_> = pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    // serde_json keeps the order or sorts, as the features that others ask for decide.
    pairs.sort();
    pairs
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
            contents: b"%PDF-1.4 example"[..].into(),
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
