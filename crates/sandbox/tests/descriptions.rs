//! The operations that were written by hand answer what the descriptions say, and name no field beyond them. That every operation
//! answers is the contract's affair.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod common;
#[path = "common/description.rs"]
mod description;
#[path = "common/schema.rs"]
mod schema;

use std::collections::BTreeSet;

use common::{credential, request};
use description::{DESCRIPTIONS, document, operations};
use ledgerkey_sandbox::Sandbox;
use reqwest::{Method, RequestBuilder};
use schema::misfits;
use serde_json::{Value, json};

/// Calls operations by their ids, and holds each answer against its schema.
struct Caller {
    sandbox: Sandbox,
    documents: Vec<(&'static str, &'static str, Value)>,
    misfits: BTreeSet<String>,
    headers: Vec<(&'static str, String)>,
}

impl Caller {
    fn new() -> Self {
        let documents = DESCRIPTIONS.map(|(api, base, text)| (api, base, document(text))).to_vec();
        Self { sandbox: Sandbox::start().unwrap(), documents, misfits: BTreeSet::new(), headers: Vec::new() }
    }

    fn c(&self, name: &str) -> String {
        credential(&self.sandbox, name)
    }

    /// JSON in, or nothing.
    async fn call(&mut self, what: &str, slots: &[&str], query: &str, body: Option<Value>) -> Value {
        self.send(what, slots, query, |request| body.iter().fold(request, RequestBuilder::json)).await
    }

    /// The same, of what is to be refused.
    async fn refused(&mut self, what: &str, slots: &[&str], query: &str, body: Option<Value>) -> Value {
        let with = |request| body.iter().fold(request, RequestBuilder::json);
        self.exchange(what, slots, query, with, true).await
    }

    /// A v2 form, with the session's fields where there are any.
    async fn form(&mut self, what: &str, fields: &[(&str, &str)]) -> Value {
        self.send(what, &[], "", |request| request.form(fields)).await
    }

    async fn send(
        &mut self,
        what: &str,
        slots: &[&str],
        query: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Value {
        self.exchange(what, slots, query, with, false).await
    }

    async fn exchange(
        &mut self,
        what: &str,
        slots: &[&str],
        query: &str,
        with: impl FnOnce(RequestBuilder) -> RequestBuilder,
        to_be_refused: bool,
    ) -> Value {
        let (api, op) = what.split_once('/').unwrap();
        let (_, base, document) = self.documents.iter().find(|(name, ..)| *name == api).unwrap();
        let (path, method, operation) =
            operations(document).find(|(_, _, operation)| operation["operationId"] == json!(op)).unwrap();
        let mut slots = slots.iter();
        let pieces: Vec<&str> =
            path.split('/').map(|piece| if piece.starts_with('{') { slots.next().unwrap() } else { piece }).collect();
        let mut request = request(
            &self.sandbox,
            Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
            &format!("{base}{}{query}", pieces.join("/")),
        );
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let response = with(request).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        // v2 refuses inside HTTP 200.
        let refused = (400..500).contains(&status) || body["response_status"] == json!(1);
        assert_eq!(refused, to_be_refused, "{what} answered {status}: {text}");
        let mut documented = &operation["responses"][if refused { "4XX".to_owned() } else { status.to_string() }];
        if let Some(path) = documented["$ref"].as_str() {
            documented = document.pointer(path.trim_start_matches('#')).unwrap();
        }
        assert!(documented.is_object(), "{what} answered {status}, which is not documented: {text}");
        if let Some(schema) = documented.pointer("/content/application~1json/schema") {
            self.misfits.extend(misfits(document, schema, &body, what));
        }
        body
    }
}

#[tokio::test]
async fn all_of_them() {
    let mut it = Caller::new();
    bill(&mut it).await;
    v2(&mut it).await;
    spend(&mut it).await;
    partner(&mut it).await;
    bezala(&mut it).await;
    assert!(it.misfits.is_empty(), "{:#?}", it.misfits);
}

async fn bill(it: &mut Caller) {
    let signed = it.call("bill/login", &[], "", Some(common::bill_login(&it.sandbox))).await;
    it.headers =
        vec![("sessionId", signed["sessionId"].as_str().unwrap().to_owned()), ("devKey", it.c("BILL_DEV_KEY"))];
    it.call("bill/getSessionInfo", &[], "", None).await;
    let challenge = it.call("bill/challengeMfa", &[], "", Some(json!({}))).await;
    let token = it.sandbox.phone().pop().unwrap().token;
    let proof = json!({"challengeId": challenge["challengeId"], "token": token, "rememberMe": true, "device": "d"});
    let trusted = it.call("bill/validateMfaChallenge", &[], "", Some(proof)).await;
    it.call("bill/stepUpSession", &[], "", Some(json!({"rememberMeId": trusted["rememberMeId"], "device": "d"}))).await;
    let setup = it.call("bill/setupMfa", &[], "", Some(json!({"phone": "+10000000001", "type": "TEXT"}))).await;
    let token = it.sandbox.phone().pop().unwrap().token;
    it.call(
        "bill/validateMfaSetup",
        &[],
        "",
        Some(json!({"setupId": setup["setupId"], "type": "TEXT", "token": token})),
    )
    .await;
    it.call("bill/listMfaPhones", &[], "", None).await;
    it.refused("bill/createVendor", &[], "", Some(json!({}))).await;
    it.refused("bill/getVendor", &["nope"], "", None).await;
    let vendor = it.call("bill/createVendor", &[], "", Some(json!({"name": "N", "address": {"line1": "1"}}))).await;
    let vendor = vendor["id"].as_str().unwrap();
    it.call("bill/listVendors", &[], "?max=100", None).await;
    it.call("bill/getVendor", &[vendor], "", None).await;
    it.call("bill/updateVendor", &[vendor], "", Some(json!({"email": "a@example.com"}))).await;
    it.call("bill/archiveVendor", &[vendor], "", None).await;
    it.call("bill/restoreVendor", &[vendor], "", None).await;
    let body = json!({"vendorId": vendor, "dueDate": "2099-01-31", "invoice": {"invoiceNumber": "1", "invoiceDate": "2026-01-01"}, "billLineItems": [{"amount": 50.5}]});
    let owed = it.call("bill/createBill", &[], "", Some(body)).await;
    it.call("bill/listBills", &[], "?max=3", None).await;
    it.call("bill/getBill", &[owed["id"].as_str().unwrap()], "", None).await;
    let customer = it.call("bill/createCustomer", &[], "", Some(json!({"name": "C", "email": "c@example.com"}))).await;
    it.call("bill/listCustomers", &[], "", None).await;
    it.call("bill/getCustomer", &[customer["id"].as_str().unwrap()], "", None).await;
    let body = json!({"customer": {"id": customer["id"]}, "invoiceLineItems": [{"quantity": 2, "price": 1.5}]});
    let invoice = it.call("bill/createInvoice", &[], "", Some(body)).await;
    it.call("bill/listInvoices", &[], "", None).await;
    it.call("bill/getInvoice", &[invoice["id"].as_str().unwrap()], "", None).await;
    let banks = it.call("bill/listBankAccounts", &[], "", None).await;
    it.call("bill/getPaymentOptions", &[], &format!("?vendorId={vendor}&amount=10"), None).await;
    let body = json!({"billId": owed["id"], "amount": 50.5, "processingOptions": {}, "fundingAccount": {"type": "BANK_ACCOUNT", "id": banks["results"][0]["id"]}});
    let paid = it.call("bill/createPayment", &[], "", Some(body)).await;
    it.call("bill/listPayments", &[], "", None).await;
    it.call("bill/getPayment", &[paid["id"].as_str().unwrap()], "", None).await;
    it.call("bill/logout", &[], "", None).await;
    it.headers.clear();
}

async fn v2(it: &mut Caller) {
    let (name, password, org, key) =
        (it.c("BILL_USERNAME"), it.c("BILL_PASSWORD"), it.c("BILL_ORGANIZATION_ID"), it.c("BILL_DEV_KEY"));
    let signed = it
        .form("bill-v2/login", &[("userName", &name), ("password", &password), ("orgId", &org), ("devKey", &key)])
        .await;
    let wrong = [("userName", name.as_str()), ("password", "wrong"), ("orgId", &org), ("devKey", &key)];
    it.exchange("bill-v2/login", &[], "", |request| request.form(&wrong), true).await;
    it.form("bill-v2/listOrgs", &[("userName", &name), ("password", &password), ("devKey", &key)]).await;
    let session = signed["response_data"]["sessionId"].as_str().unwrap();
    let own = [("sessionId", session), ("devKey", key.as_str())];
    for plain in ["getSessionInfo", "listVendors", "listBills"] {
        it.form(&format!("bill-v2/{plain}"), &own).await;
    }
    let challenge = it.form("bill-v2/mfaChallenge", &own).await;
    let token = it.sandbox.phone().pop().unwrap().token;
    let data = json!({"challengeId": challenge["response_data"]["challengeId"], "token": token, "rememberMe": true, "deviceId": "d"}).to_string();
    let trusted = it.form("bill-v2/mfaAuthenticate", &[own[0], own[1], ("data", &data)]).await;
    let data = json!({"mfaId": trusted["response_data"]["mfaId"], "deviceId": "d"}).to_string();
    it.form("bill-v2/mfaStatus", &[own[0], own[1], ("data", &data)]).await;
    it.form("bill-v2/logout", &own).await;
}

async fn spend(it: &mut Caller) {
    it.refused("bill-spend/listBudgets", &[], "", None).await;
    it.headers = vec![("apiToken", it.c("BILL_SPEND_TOKEN"))];
    let body = json!({"name": "B", "owners": ["o"], "recurringInterval": "MONTHLY", "recurringLimit": 10.5});
    let made = it.call("bill-spend/createBudget", &[], "", Some(body)).await;
    let id = made["id"].as_str().unwrap();
    it.call("bill-spend/getBudget", &[id], "", None).await;
    it.call("bill-spend/updateBudget", &[id], "", Some(json!({"name": "C"}))).await;
    for list in ["listBudgets", "listUsers", "getCurrentUser", "listCards", "listTransactions", "listReimbursements"] {
        it.call(&format!("bill-spend/{list}"), &[], "", None).await;
    }
    it.headers.clear();
}

async fn partner(it: &mut Caller) {
    let body = json!({"username": it.c("BILL_PARTNER_USERNAME"), "password": it.c("BILL_PARTNER_PASSWORD"), "appKey": it.c("BILL_APP_KEY")});
    let signed = it.call("bill-partner/login", &[], "", Some(body)).await;
    it.headers =
        vec![("sessionId", signed["sessionId"].as_str().unwrap().to_owned()), ("appKey", it.c("BILL_APP_KEY"))];
    it.refused("bill-partner/createOrganization", &[], "", Some(json!({}))).await;
    it.headers.push(("organizationId", it.c("BILL_ORGANIZATION_ID")));
    let body = json!({"userId": it.c("BILL_PARTNER_USER_ID"), "organizationId": it.c("BILL_ORGANIZATION_ID")});
    it.call("bill-partner/loginAsUser", &[], "", Some(body)).await;
    let body = json!({"name": "N", "address": {"line1": "1", "city": "C", "zipOrPostalCode": "0", "country": "US"}});
    it.call("bill-partner/createOrganization", &[], "", Some(body)).await;
    let body = json!({"firstName": "A", "email": "a@example.com", "username": "a1", "acceptTermsOfService": true});
    let user = it.call("bill-partner/createPartnerUser", &[], "", Some(body)).await;
    let user = user["id"].as_str().unwrap();
    for list in ["listOrganizations", "listPartnerUsers", "listPartnerRoles"] {
        it.call(&format!("bill-partner/{list}"), &[], "", None).await;
    }
    it.call("bill-partner/getPartnerUser", &[user], "", None).await;
    it.call("bill-partner/updatePartnerUser", &[user], "", Some(json!({"lastName": "B"}))).await;
    it.call("bill-partner/archivePartnerUser", &[user], "", None).await;
    it.call("bill-partner/restorePartnerUser", &[user], "", None).await;
    it.call("bill-partner/logout", &[], "", None).await;
    it.headers.clear();
}

async fn bezala(it: &mut Caller) {
    let (email, sso) = (it.c("BEZALA_EMAIL"), it.c("BEZALA_SSO_TOKEN"));
    it.call("bezala/createGoogleToken", &[], "", Some(json!({"email": email, "google_access_token": sso}))).await;
    it.call("bezala/createMicrosoftToken", &[], "", Some(json!({"email": email, "microsoft_access_token": sso}))).await;
    let okta = json!({"email": email, "okta_access_token": sso, "company_name": it.c("BEZALA_OKTA_COMPANY"), "okta_url": it.c("BEZALA_OKTA_URL")});
    it.call("bezala/createOktaToken", &[], "", Some(okta)).await;
    let signed = it
        .call("bezala/createToken", &[], "", Some(json!({"email": email, "password": it.c("BEZALA_PASSWORD")})))
        .await;
    it.headers = vec![("authorization", format!("Bearer {}", signed["token"].as_str().unwrap()))];
    it.call("bezala/changeCompany", &[&signed["user_id"].to_string(), &it.c("BEZALA_OTHER_COMPANY_ID")], "", None)
        .await;
    for plain in [
        "getHome",
        "getCompany",
        "listUsers",
        "listCostCenters",
        "listAbsences",
        "listTimeEntries",
        "getExpenses",
        "listBillLines",
        "listBatchDocuments",
        "exportReceipts",
    ] {
        it.call(&format!("bezala/{plain}"), &[], "", None).await;
    }
    it.refused("bezala/getTrip", &["0"], "", None).await;
    it.refused("bezala/createAccount", &[], "", Some(json!({"account": {}}))).await;
    let accounts = it.call("bezala/listAccounts", &[], "", None).await;
    it.call(
        "bezala/createAccount",
        &[],
        "",
        Some(json!({"account": {"name": "N", "code": "1", "accountable_type": "AssetAccount"}})),
    )
    .await;
    it.call("bezala/createCostCenter", &[], "", Some(json!({"cost_center": {"name": "N", "dimension_name": "D"}})))
        .await;
    let line = json!({"taxable": "1.50", "tax_percentage": "0.14", "currency": "EUR", "expense_account_id": accounts[2]["id"]});
    let body = json!({"transaction": {"description": "d", "date": "2026-01-31", "credit_account_id": accounts[0]["id"], "vat_lines_attributes": [line]}});
    it.call("bezala/createTransaction", &[], "", Some(body)).await;
    it.call("bezala/listTransactions", &[], "?page=1", None).await;
    let body = json!({"date": "2026-01-31", "description": "t", "entries_attributes": [{"number_of_people": "1", "distance": "3.5"}]});
    let trip = it.call("bezala/createTrip", &[], "", Some(body)).await;
    it.call("bezala/getTrip", &[&trip["id"].to_string()], "", None).await;
    let trips = it.call("bezala/listTrips", &[], "?state=reviewing", None).await;
    it.call("bezala/approveTrip", &[&trips[0]["id"].to_string()], "", None).await;
    let bills = it.call("bezala/listBills", &[], "", None).await;
    let bill = bills[0]["id"].to_string();
    it.call("bezala/getBill", &[&bill], "", None).await;
    let line = it
        .call(
            "bezala/createBillLine",
            &[&bill],
            "",
            Some(json!({"line": {"name": "n", "date": "2026-01-31", "amount_cents": 100}})),
        )
        .await;
    let line = line["id"].to_string();
    it.call("bezala/updateBillLine", &[&bill, &line], "", Some(json!({"line": {"receipt_id": 0}}))).await;
    it.call("bezala/deleteBillLine", &[&bill, &line], "", None).await;
    let form = reqwest::multipart::Form::new()
        .part("file", reqwest::multipart::Part::bytes(&b"f"[..]).file_name("f.pdf"))
        .text("draft", "1");
    it.send("bezala/uploadAttachment", &[], "", |request| request.multipart(form)).await;
}
