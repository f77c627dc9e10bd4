//! Spend & Expense: budgets and lists under one token, and refusals that know of no session.

mod common;

use common::{answer, code, credential, request};
use ledgerkey_sandbox::{Fault, Sandbox};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

fn spend(sandbox: &Sandbox, method: Method, path: &str) -> RequestBuilder {
    let token = credential(sandbox, "BILL_SPEND_TOKEN");
    request(sandbox, method, &format!("/connect/v3/spend{path}")).header("apiToken", token)
}

#[tokio::test]
async fn a_limit_is_the_periods_whether_it_is_created_or_changed() {
    let sandbox = Sandbox::start().unwrap();
    let new = json!({"name": "B", "owners": ["o"], "recurringInterval": "MONTHLY", "limit": 10.5});
    let (_, made) = answer(spend(&sandbox, Method::POST, "/budgets").json(&new)).await;
    assert_eq!((&made["currentPeriod"]["limit"], made.get("limit")), (&json!(10.5), None));
    let path = format!("/budgets/{}", made["uuid"].as_str().unwrap());
    let (_, changed) = answer(spend(&sandbox, Method::PATCH, &path).json(&json!({"limit": 5}))).await;
    assert_eq!((&changed["currentPeriod"]["limit"], changed.get("limit")), (&json!(5), None));
    assert_eq!(changed["currentPeriod"]["spent"], made["currentPeriod"]["spent"]);
    assert_eq!(answer(spend(&sandbox, Method::GET, &path)).await.1, changed);
}

#[tokio::test]
async fn lists() {
    let sandbox = Sandbox::start().unwrap();
    let list = async |path: &str| {
        let (status, body) = answer(spend(&sandbox, Method::GET, path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body["results"].as_array().unwrap().clone()
    };
    let limits = async |by: &str| -> Vec<Value> {
        list(&format!("/budgets?sort={by}")).await.iter().map(|row| row["currentPeriod"]["limit"].clone()).collect()
    };
    assert_eq!(limits("limit:desc").await, [4000, 3000, 2000, 1000].map(Value::from));
    assert_eq!(limits("limit:asc").await, [1000, 2000, 3000, 4000].map(Value::from));
    for by in ["assigned:asc", "spent:asc", "name:asc"] {
        let rows = list(&format!("/budgets?sort={by}")).await;
        assert!(rows.len() == 4 && rows.iter().all(|row| row.get("spent").is_none()), "{by}");
    }
    assert_eq!(answer(spend(&sandbox, Method::GET, "/budgets?sort=retired:asc")).await.0, 400);
    for (path, some) in [
        ("/transactions?filters=customFieldIds:eq:x", false),
        ("/transactions?filters=customFieldIds:in:x", false),
        ("/transactions?filters=syncStatus:eq:SYNCED", true),
        ("/reimbursements?filters=customFieldValueIds:eq:x", false),
        ("/reimbursements?filters=type:eq:PURCHASE", true),
    ] {
        assert_eq!(!list(path).await.is_empty(), some, "{path}");
    }
}

#[tokio::test]
async fn a_refusal_speaks_of_the_token() {
    let sandbox = Sandbox::start().unwrap();
    let missing = answer(request(&sandbox, Method::GET, "/connect/v3/spend/budgets")).await;
    sandbox.order(Fault::status("listBudgets", 401));
    let faulted = answer(spend(&sandbox, Method::GET, "/budgets")).await;
    assert_eq!((faulted.0, code(&faulted)), (401, "BDC_1101"));
    assert_eq!(faulted.1[0]["message"], missing.1[0]["message"]);
    for (status, word) in [(403, "Forbidden"), (429, "per minute")] {
        sandbox.order(Fault::status("listBudgets", status));
        let (answered, body) = answer(spend(&sandbox, Method::GET, "/budgets")).await;
        assert!(answered == status && body[0]["message"].as_str().unwrap().contains(word), "{body}");
    }
    sandbox.order(Fault::status("listBudgets", 401).with_code("BDC_1361"));
    assert_eq!(code(&answer(spend(&sandbox, Method::GET, "/budgets")).await), "BDC_1361", "as ordered");
}
