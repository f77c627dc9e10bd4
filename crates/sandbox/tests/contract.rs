//! Every operation of every description is called with the description's own example, and refused in the ways that a client
//! meets, and every answer is judged by the schema that the description has for its status.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

#[path = "contract/bodies.rs"]
mod bodies;
mod common;
#[path = "common/description.rs"]
mod description;
#[path = "common/judge.rs"]
mod judge;
#[path = "contract/requests.rs"]
mod requests;

use std::collections::BTreeSet;

use common::credential;
use description::{DESCRIPTIONS, document, operations, resolved};
use judge::Judge;
use ledgerkey_sandbox::Sandbox;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// One description, called.
struct Caller {
    api: &'static str,
    base: &'static str,
    document: Value,
    judge: Judge,
    sandbox: Sandbox,
    client: reqwest::Client,
    /// What a call shows of itself, as headers; v2 as form fields.
    shown: Vec<(&'static str, String)>,
    failures: Vec<String>,
}

/// What came back.
struct Answer {
    status: u16,
    media: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// v2 refuses inside HTTP 200.
    fn refused(&self) -> bool {
        self.status >= 400 || self.json()["response_status"] == json!(1)
    }
}

impl Caller {
    async fn new((api, base, text): (&'static str, &'static str, &'static str)) -> Self {
        let document = document(text);
        let sandbox = Sandbox::builder().rate_limits(false).start().unwrap();
        let judge = Judge::new(&document);
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut it = Self { api, base, document, judge, sandbox, client, shown: Vec::new(), failures: Vec::new() };
        it.sign_in().await;
        it
    }

    fn c(&self, name: &str) -> String {
        credential(&self.sandbox, name)
    }

    async fn sign_in(&mut self) {
        self.shown = match self.api {
            "bill-spend" => vec![("apiToken", self.c("BILL_SPEND_TOKEN"))],
            "bill-partner" => {
                let body = json!({"username": self.c("BILL_PARTNER_USERNAME"), "password": self.c("BILL_PARTNER_PASSWORD"), "appKey": self.c("BILL_APP_KEY")});
                let request = self.client.post(format!("{}/connect/v3/partner/login", self.sandbox.url())).json(&body);
                let signed: Value = request.send().await.unwrap().json().await.unwrap();
                vec![
                    ("sessionId", signed["sessionId"].as_str().unwrap().to_owned()),
                    ("appKey", self.c("BILL_APP_KEY")),
                    ("organizationId", self.c("BILL_ORGANIZATION_ID")),
                ]
            }
            "bezala" => vec![("authorization", format!("Bearer {}", common::token(&self.sandbox).await.0))],
            _ => {
                let session = common::session(&self.sandbox).await;
                let shown = vec![("sessionId", session), ("devKey", self.c("BILL_DEV_KEY"))];
                let request = self.client.post(format!("{}/connect/v3/mfa/challenge", self.sandbox.url()));
                let with = |request: RequestBuilder| {
                    shown.iter().fold(request, |request, (name, value)| request.header(*name, value))
                };
                let challenge: Value = with(request.json(&json!({}))).send().await.unwrap().json().await.unwrap();
                let token = self.sandbox.phone().pop().unwrap().token;
                let proof = json!({"challengeId": challenge["challengeId"], "token": token});
                let request = self.client.post(format!("{}/connect/v3/mfa/challenge/validate", self.sandbox.url()));
                assert_eq!(with(request.json(&proof)).send().await.unwrap().status().as_u16(), 200);
                shown
            }
        };
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let media = response.headers().get("content-type").map(|it| it.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        Answer { status, media: media.unwrap_or_default(), body: response.bytes().await.unwrap().to_vec() }
    }

    /// Judges an answer by what the description has for its status.
    fn judge(&mut self, what: &str, operation: &Value, answer: &Answer, to_be_refused: bool) {
        let at = format!("{}/{} {what}", self.api, operation["operationId"].as_str().unwrap());
        let text = || String::from_utf8_lossy(&answer.body).chars().take(300).collect::<String>();
        if answer.refused() != to_be_refused {
            self.failures.push(format!("{at}: answered {}: {}", answer.status, text()));
            return;
        }
        let status = if to_be_refused { "4XX".to_owned() } else { answer.status.to_string() };
        let Some(response) = operation["responses"].get(&status) else {
            self.failures.push(format!("{at}: answered {}, which is not described: {}", answer.status, text()));
            return;
        };
        let response = resolved(&self.document, response).clone();
        let Some((media, content)) = response["content"].as_object().and_then(|content| content.iter().next()) else {
            // What an answer carries is not documented of these.
            return;
        };
        if *media != answer.media {
            self.failures.push(format!("{at}: answered {}, not {media}", answer.media));
        } else if media == "application/json" {
            let misfits = self.judge.misfits(&content["schema"], &answer.json());
            self.failures.extend(misfits.into_iter().map(|misfit| format!("{at}{misfit}")));
        } else if answer.body.is_empty() {
            self.failures.push(format!("{at}: the file is empty"));
        }
    }

    /// Calls all operations; what removes a row comes after what reads it, and what ends the session last.
    async fn run(mut self) -> (usize, Vec<String>) {
        let mut all: Vec<(String, String, Value)> = operations(&self.document)
            .map(|(path, method, operation)| (path.to_owned(), method.to_uppercase(), operation.clone()))
            .collect();
        all.sort_by_key(|(_, method, operation)| (operation["operationId"] == json!("logout"), method == "DELETE"));
        let mut covered = BTreeSet::new();
        for (path, method, operation) in &all {
            let id = operation["operationId"].as_str().unwrap();
            self.refusals(path, method, operation).await;
            let request = self.example(path, method, operation).await;
            let answer = self.send(request).await;
            self.judge("example", operation, &answer, false);
            covered.insert(id.to_owned());
        }
        assert_eq!(covered.len(), all.len(), "{}: ids are unique", self.api);
        (covered.len(), self.failures)
    }

    async fn refusals(&mut self, path: &str, method: &str, operation: &Value) {
        if operation["security"] != json!([]) {
            let request = self.example_but(path, method, operation, requests::But::Anonymous).await;
            let answer = self.send(request).await;
            self.judge("without a session", operation, &answer, true);
        }
        if let Some(request) = self.unknown(path, method, operation).await {
            let answer = self.send(request).await;
            self.judge("with an unknown id", operation, &answer, true);
        }
        let body = operation["requestBody"]["content"].as_object().and_then(|content| content.keys().next().cloned());
        let judged = match body.as_deref() {
            Some("application/json") => true,
            // v2 takes JSON in `data`; sign-ins have none.
            Some("application/x-www-form-urlencoded") => {
                operation.pointer("/requestBody/content/application~1x-www-form-urlencoded/example/data").is_some()
            }
            _ => false,
        };
        if judged {
            let request = self.example_but(path, method, operation, requests::But::Nonsense).await;
            let answer = self.send(request).await;
            self.judge("with a bad body", operation, &answer, true);
        }
    }
}

#[tokio::test]
async fn every_operation_keeps_to_its_description() {
    let (mut covered, mut failures, mut described) = (0, Vec::new(), 0);
    for description in DESCRIPTIONS {
        described += operations(&document(description.2)).count();
        let (number, failed) = Caller::new(description).await.run().await;
        covered += number;
        failures.extend(failed);
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    assert_eq!(covered, described);
}
