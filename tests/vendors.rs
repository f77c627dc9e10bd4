//! What is particular to a vendor: MFA and its memory, one session on two APIs, roles, uploads.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/stage.rs"]
mod stage;

use std::time::Duration;

use ledgerkey::bezala;
use ledgerkey::bill::mfa::Remembered;
use ledgerkey::bill::{self, Organization, api::types};
use ledgerkey_sandbox::{Fault, Revoke, Sandbox};
use stage::Stage;

/// What a payment needs, out of the sandbox's books.
async fn pay(organization: &Organization) -> Result<types::Payment, ledgerkey::Error> {
    let api = organization.api();
    let bills = api.list_bills().max(1).send().await?;
    let banks = api.list_bank_accounts().max(1).send().await?;
    let (bill, bank) = (&bills.results[0], &banks.results[0]);
    let payment = serde_json::json!({
        "vendorId": bill.vendor_id, "billId": bill.id, "amount": 1.25, "processingOptions": {},
        "fundingAccount": {"type": "BANK_ACCOUNT", "id": bank.id},
    });
    let payment: types::PaymentCreate = serde_json::from_value(payment).unwrap();
    Ok(api.create_payment().body(payment).send().await?.into_inner())
}

#[tokio::test]
async fn trust_is_gained_once_and_kept_over_sign_ins() {
    let stage = Stage::set(Sandbox::builder());
    let organization = stage.bill().session(stage.developer_key()).unwrap();
    assert_eq!(pay(&organization).await.unwrap_err().kind(), "mfa-required");
    assert!(!organization.session().status().trusted);

    let challenge = organization.mfa().challenge().await.unwrap();
    let wrong = organization.mfa().validate(&challenge, "000000x".into(), None).await.unwrap_err();
    assert_eq!(wrong.kind(), "vendor");
    let remembered = organization.mfa().validate(&challenge, stage.token_on_the_phone(), Some("example device")).await;
    let remembered = remembered.unwrap().expect("remembered, as asked for");
    assert!(organization.session().status().trusted);
    pay(&organization).await.unwrap();
    assert_eq!(stage.sandbox.sign_ins(), 1);

    stage.sandbox.clock().advance(Duration::from_secs(36 * 60));
    pay(&organization).await.unwrap();
    assert_eq!(stage.sandbox.sign_ins(), 2);
    assert!(organization.session().status().trusted);

    // Another run, with what the first one kept.
    let later = stage.bill().session(stage.developer_key()).unwrap();
    later.remember(remembered.clone());
    pay(&later).await.unwrap();

    // Under another name the device is not known: the session is there, without trust.
    let other = stage.bill().session(stage.developer_key()).unwrap();
    other.remember(Remembered { device: "another device".into(), ..remembered });
    assert_eq!(pay(&other).await.unwrap_err().kind(), "mfa-required");
}

#[tokio::test]
async fn a_live_session_steps_up() {
    let stage = Stage::set(Sandbox::builder());
    let first = stage.bill().session(stage.developer_key()).unwrap();
    let challenge = first.mfa().challenge().await.unwrap();
    let remembered =
        first.mfa().validate(&challenge, stage.token_on_the_phone(), Some("example")).await.unwrap().unwrap();

    let second = stage.bill().session(stage.developer_key()).unwrap();
    assert_eq!(pay(&second).await.unwrap_err().kind(), "mfa-required");
    second.mfa().step_up(remembered.clone()).await.unwrap();
    pay(&second).await.unwrap();

    let third = stage.bill().session(stage.developer_key()).unwrap();
    let unknown = Remembered { id: "unknown-example".into(), ..remembered };
    assert!(third.mfa().step_up(unknown).await.is_err());
    assert!(third.remembered().is_none(), "what the vendor refused is not presented at sign-in");
}

/// The session dies while BILL's answer is on its way, and another call makes the next one.
#[tokio::test]
async fn trust_of_a_session_that_ended_is_not_that_of_the_next() {
    let stage = Stage::set(Sandbox::builder().real_clock());
    let organization = stage.bill().session(stage.developer_key()).unwrap();
    let challenge = organization.mfa().challenge().await.unwrap();
    stage.sandbox.order(Fault::delay("validateMfaChallenge", Duration::from_secs(2)));
    let (mfa, token) = (organization.mfa(), stage.token_on_the_phone());
    let (validated, listed) = tokio::join!(mfa.validate(&challenge, token, None), async {
        stage.until("validateMfaChallenge", 1).await;
        stage.sandbox.revoke(Revoke::Bill);
        organization.api().list_vendors().send().await
    });
    validated.unwrap();
    listed.unwrap();
    assert_eq!(stage.sandbox.sign_ins(), 2);
    assert!(!organization.session().status().trusted);
    assert_eq!(pay(&organization).await.unwrap_err().kind(), "mfa-required");
}

#[tokio::test]
async fn a_session_serves_both_versions_whichever_call_made_it() {
    let stage = Stage::set(Sandbox::builder());
    let (name, value) = (stage.get("BILL_SYNC_TOKEN_NAME"), stage.get("BILL_SYNC_TOKEN"));
    let sync = || bill::SyncToken {
        name: name.clone(),
        value: value.clone().into(),
        organization_id: stage.get("BILL_ORGANIZATION_ID"),
        dev_key: stage.get("BILL_DEV_KEY").into(),
    };
    for organization in [stage.bill().session(sync()).unwrap(), stage.bill().session_by_v2(sync()).unwrap()] {
        let before = stage.sandbox.sign_ins();
        let v3 = organization.api().list_vendors().max(5).send().await.unwrap();
        let body = serde_json::from_str(r#"{"data": "{\"start\":0,\"max\":5}"}"#).unwrap();
        let body: bill::v2::types::ListRequest = body;
        let v2 = organization.v2().list_vendors().body(body).send().await.unwrap();
        assert_eq!((v3.results.len(), v2.response_data.len()), (5, 5));
        assert_eq!(stage.sandbox.sign_ins(), before + 1);
        organization.sign_out().await.unwrap();
    }
}

#[tokio::test]
async fn a_partner_creates_and_acts() {
    let stage = Stage::set(Sandbox::builder());
    let partner = stage.partner();
    let organizations = partner.api().list_organizations().send().await.unwrap();
    assert!(!organizations.results.is_empty());
    let organization = partner.act_as(bill::PartnerUser {
        user_id: stage.get("BILL_PARTNER_USER_ID"),
        organization_id: stage.get("BILL_ORGANIZATION_ID"),
        dev_key: stage.get("BILL_DEV_KEY").into(),
    });
    let organization = organization.unwrap();
    assert!(!organization.api().list_vendors().send().await.unwrap().results.is_empty());
    assert_eq!(stage.sandbox.sign_ins(), 2);
    organization.sign_out().await.unwrap();
    assert_eq!(stage.sandbox.served("logout"), 1);
}

#[tokio::test]
async fn a_refusal_for_want_of_rights_names_the_role() {
    let stage = Stage::set(Sandbox::builder());
    let regular = stage.bezala("BEZALA_REGULAR_EMAIL", "BEZALA_REGULAR_PASSWORD");
    let error = regular.api().list_bill_lines().send().await.unwrap_err();
    let refusal = error.refusal().expect("a refusal");
    assert_eq!((error.kind(), refusal.status, refusal.needs_role), ("vendor", 403, Some("accountant")));
    assert!(error.to_string().contains("accountant"), "{error}");

    let accountant = stage.bezala("BEZALA_EMAIL", "BEZALA_PASSWORD");
    accountant.api().list_bill_lines().send().await.unwrap();
}

#[tokio::test]
async fn an_upload_goes_through_session_and_guard() {
    let stage = Stage::set(Sandbox::builder());
    let access = stage.bezala("BEZALA_EMAIL", "BEZALA_PASSWORD");
    let company: i64 = stage.get("BEZALA_OTHER_COMPANY_ID").parse().unwrap();
    let upload = bezala::Upload {
        file_name: "receipt.pdf".into(),
        contents: b"%PDF-1.4 example"[..].into(),
        media_type: "application/pdf".into(),
        transaction_id: None,
    };
    let api = access.company(company).api();
    let first = api.upload_attachment(upload.clone()).await.unwrap();
    stage.sandbox.revoke(ledgerkey_sandbox::Revoke::All);
    let second = api.upload_attachment(upload.clone()).await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(stage.sandbox.acted("uploadAttachment"), 2);
    let log = stage.sandbox.log();
    assert!(
        log.iter()
            .filter(|served| served.operation == "uploadAttachment")
            .all(|served| served.company == Some(company) || !served.acted)
    );

    let wrong = bezala::Upload { media_type: "not a type".into(), ..upload };
    assert_eq!(api.upload_attachment(wrong).await.unwrap_err().kind(), "config");
}
