//! The bodies of requests: the descriptions' examples, where they name rows by the ids of rows that are there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::Caller;
use crate::requests::entity;

impl Caller {
    /// A JSON body.
    pub(crate) async fn body(&self, path: &str, operation: &Value, example: &Value) -> Value {
        if let Some(own) = self.own(operation["operationId"].as_str().unwrap()).await {
            return own;
        }
        let mut body = example.clone();
        if let Some((above, _)) = path.split_once("/bulk").filter(|_| body[0].get("id").is_some()) {
            body[0]["id"] = json!(self.first(above, "id").await);
        }
        self.renamed(&mut body).await;
        body
    }

    /// What the examples cannot say: credentials, and rows that have to be in a certain state.
    async fn own(&self, id: &str) -> Option<Value> {
        let c = |name: &str| self.c(name);
        let first = async |list: &str| self.first(list, "id").await.unwrap();
        let sso = |field: &str| json!({"email": c("BEZALA_EMAIL"), field: c("BEZALA_SSO_TOKEN")});
        Some(match (self.api, id) {
            ("bill", "login") => crate::common::bill_login(&self.sandbox),
            ("bill-partner", "login") => {
                json!({"username": c("BILL_PARTNER_USERNAME"), "password": c("BILL_PARTNER_PASSWORD"), "appKey": c("BILL_APP_KEY")})
            }
            ("bill-partner", "loginAsUser") => {
                json!({"userId": c("BILL_PARTNER_USER_ID"), "organizationId": c("BILL_ORGANIZATION_ID")})
            }
            ("bill", "validateMfaSetup") => {
                let body = json!({"phone": "+10000000001", "type": "TEXT"});
                let setup = self.post("/v3/mfa/setup", &body).await;
                json!({"setupId": setup["setupId"], "type": "TEXT", "token": self.token()})
            }
            ("bill", "validateMfaChallenge" | "stepUpSession") => {
                let challenge = self.post("/v3/mfa/challenge", &json!({})).await;
                let proof = json!({"challengeId": challenge["challengeId"], "token": self.token(), "rememberMe": true, "device": "d"});
                if id == "validateMfaChallenge" {
                    return Some(proof);
                }
                let trusted = self.post("/v3/mfa/challenge/validate", &proof).await;
                json!({"rememberMeId": trusted["rememberMeId"], "device": "d"})
            }
            ("bill", "challengeMfa") => json!({}),
            ("bill", "createPayment" | "createBulkPayment") => {
                let (bank, bill) = (first("/v3/funding-accounts/banks").await, first("/v3/bills").await);
                let account = json!({"type": "BANK_ACCOUNT", "id": bank});
                if id == "createPayment" {
                    json!({"billId": bill, "amount": 1.5, "processingOptions": {}, "fundingAccount": account})
                } else {
                    json!({"payments": [{"billId": bill, "amount": 1.5}], "fundingAccount": account})
                }
            }
            ("bill-spend", "createBudget") => {
                json!({"name": "B", "owners": [first("/v3/spend/users").await], "recurringInterval": "MONTHLY"})
            }
            ("bill-spend", "deleteCustomFieldValue") => {
                json!({"values": [first("/v3/spend/custom-fields/{customFieldId}/values").await]})
            }
            ("bezala", "createToken") => json!({"email": c("BEZALA_EMAIL"), "password": c("BEZALA_PASSWORD")}),
            ("bezala", "createGoogleToken") => sso("google_access_token"),
            ("bezala", "createMicrosoftToken") => sso("microsoft_access_token"),
            ("bezala", "createOktaToken") => {
                let mut body = sso("okta_access_token");
                body["company_name"] = json!(c("BEZALA_OKTA_COMPANY"));
                body["okta_url"] = json!(c("BEZALA_OKTA_URL"));
                body
            }
            ("bezala", "createTransaction") => {
                let line =
                    json!({"taxable": "1.50", "tax_percentage": "0.14", "currency": "EUR", "expense_account_id": 1003});
                let account: i64 = first("/api/accounts").await.parse().unwrap();
                json!({"transaction": {"description": "d", "date": "2026-01-31", "credit_account_id": account, "vat_lines_attributes": [line]}})
            }
            ("bezala", "createTrip") => {
                json!({"date": "2026-01-31", "description": "t", "entries_attributes": [{"number_of_people": "1", "distance": "3.5"}]})
            }
            ("bezala", "updateBillLine") => json!({"line": {"receipt_id": 0}}),
            _ => return None,
        })
    }

    /// v2's fields.
    pub(crate) async fn form(&self, path: &str, operation: &Value, example: &Value) -> BTreeMap<String, String> {
        let id = operation["operationId"].as_str().unwrap();
        let mut fields = BTreeMap::new();
        if matches!(id, "login" | "listOrgs") {
            let (name, secret) = (self.c("BILL_USERNAME"), self.c("BILL_PASSWORD"));
            fields.extend([("userName".to_owned(), name), ("password".to_owned(), secret)]);
            fields.extend([
                ("orgId".to_owned(), self.c("BILL_ORGANIZATION_ID")),
                ("devKey".to_owned(), self.c("BILL_DEV_KEY")),
            ]);
            return fields;
        }
        let Some(data) = example["data"].as_str() else { return fields };
        let mut data: Value = serde_json::from_str(data).unwrap();
        if id == "mfaAuthenticate" {
            let challenge = self.v2("/v2/MFAChallenge.json", &json!({})).await;
            data = json!({"challengeId": challenge["challengeId"], "token": self.token(), "deviceId": "d"});
        }
        if let Some(entity) = entity(path).filter(|_| !path.contains("/Create/")) {
            let known = self.entity_row(entity).await.unwrap_or_else(|| data["id"].clone());
            for place in ["/id", "/obj/id", "/bulk/0/id", "/bulk/0/obj/id"] {
                if let Some(id) = data.pointer_mut(place) {
                    *id = known.clone();
                }
            }
        }
        self.renamed(&mut data).await;
        fields.insert("data".to_owned(), data.to_string());
        fields
    }

    /// The id of a row of an entity: from its list, else of one that is made for it.
    async fn entity_row(&self, entity: &str) -> Option<Value> {
        let list = format!("/v2/List/{entity}.json");
        if self.document["paths"].get(&list).is_some() {
            return Some(self.v2(&list, &json!({})).await[0]["id"].clone());
        }
        let create = format!("/v2/Crud/Create/{entity}.json");
        let operation = self.document["paths"].get(&create)?;
        let example = operation.pointer("/post/requestBody/content/application~1x-www-form-urlencoded/example/data")?;
        let made = self.v2(&create, &serde_json::from_str(example.as_str()?).ok()?).await;
        Some(made["id"].clone())
    }

    /// Puts the ids of rows that are there in the place of the examples': BILL's tell of their kind by how they begin.
    async fn renamed(&self, body: &mut Value) {
        match body {
            Value::Array(items) => {
                for item in items {
                    Box::pin(self.renamed(item)).await;
                }
            }
            Value::Object(row) => {
                for (_, item) in row.iter_mut() {
                    Box::pin(self.renamed(item)).await;
                }
            }
            Value::String(text) if text.len() == 20 && text.get(3..19) == Some("0000000000000000") => {
                let v2 = self.api == "bill-v2";
                let id = match &text[..3] {
                    "008" => Some(json!(self.c("BILL_ORGANIZATION_ID"))),
                    "009" if v2 => self.entity_row("Vendor").await,
                    "00n" if v2 => self.entity_row("Bill").await,
                    "009" if self.api == "bill" => self.first("/v3/vendors", "id").await.map(Value::from),
                    "00n" if self.api == "bill" => self.first("/v3/bills", "id").await.map(Value::from),
                    "0cu" if self.api == "bill" => self.first("/v3/customers", "id").await.map(Value::from),
                    _ => None,
                };
                if let Some(id) = id.as_ref().and_then(Value::as_str) {
                    *text = id.to_owned();
                }
            }
            _ => {}
        }
    }

    /// A file of Bezala's, sent for the call that asks for it.
    pub(crate) async fn attachment(&self) -> String {
        let file = reqwest::multipart::Part::bytes(&b"f"[..]).file_name("f.pdf");
        let form = reqwest::multipart::Form::new().part("file", file).text("draft", "1");
        let request = self.client.post(format!("{}/api/attachments", self.sandbox.url())).multipart(form);
        let request = self.shown.iter().fold(request, |request, (name, value)| request.header(*name, value));
        self.send(request).await.json()["id"].to_string()
    }

    fn token(&self) -> String {
        self.sandbox.phone().pop().unwrap().token
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{}{path}", self.sandbox.url(), self.base)).json(body);
        let request = self.shown.iter().fold(request, |request, (name, value)| request.header(*name, value));
        self.send(request).await.json()
    }

    async fn v2(&self, path: &str, data: &Value) -> Value {
        let fields: Vec<_> = self.shown.iter().cloned().chain([("data", data.to_string())]).collect();
        let request = self.client.post(format!("{}{}{path}", self.sandbox.url(), self.base)).form(&fields);
        self.send(request).await.json()["response_data"].clone()
    }
}
