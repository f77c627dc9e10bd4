//! What the descriptions say that lists can be filtered and sorted by, asked of every list; and what comes of it.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod common;
#[path = "common/description.rs"]
mod description;

use common::{Answer, answer, bill, code, credential, request, session};
use description::{DESCRIPTIONS, document, operations};
use ledgerkey_sandbox::Sandbox;
use reqwest::Method;
use serde_json::{Value, json};

const COMPARISONS: [&str; 9] = ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "sw"];

/// A session of the organization, with the token of Spend & Expense beside it.
struct Caller {
    sandbox: Sandbox,
    session: String,
}

impl Caller {
    async fn new() -> Self {
        let sandbox = Sandbox::builder().rate_limits(false).start().unwrap();
        let session = session(&sandbox).await;
        Self { sandbox, session }
    }

    async fn get(&self, path: &str) -> Answer {
        let path = format!("/connect{path}");
        answer(if path.starts_with("/connect/v3/spend/") {
            let token = credential(&self.sandbox, "BILL_SPEND_TOKEN");
            request(&self.sandbox, Method::GET, &path).header("apiToken", token)
        } else {
            bill(&self.sandbox, &self.session, Method::GET, &path)
        })
        .await
    }

    /// The ids of the rows that a filter finds.
    async fn found(&self, path: &str, filter: &str) -> Vec<Value> {
        let (status, body) = self.get(&format!("{path}?filters={filter}")).await;
        assert_eq!(status, 200, "{path} {filter}: {body}");
        body["results"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect()
    }
}

#[tokio::test]
async fn what_a_description_offers_is_served_and_the_rest_is_refused() {
    let caller = Caller::new().await;
    let mut searched = 0;
    for (api, _, text) in DESCRIPTIONS {
        let document = document(text);
        for (path, _, operation) in operations(&document) {
            let Some(search) = operation.get("x-search") else { continue };
            searched += 1;
            let id = &operation["operationId"];
            let path = match path.split_once("/{") {
                Some((above, _)) => {
                    let row = caller.get(above).await.1["results"][0]["id"].clone();
                    path.replace("{customFieldId}", row.as_str().unwrap())
                }
                None => path.to_owned(),
            };
            let expect = async |query: String, status: u16, known: &str| {
                let answered = caller.get(&format!("{path}?{query}")).await;
                assert_eq!((answered.0, code(&answered)), (status, known), "{api}/{id} {query}");
            };
            for (field, documented) in search["filter"].as_object().unwrap() {
                for op in COMPARISONS {
                    let open = documented == &json!("any");
                    let good = open || documented.as_array().is_some_and(|all| all.contains(&json!(op)));
                    let (status, code) = if good { (200, "") } else { (400, "BDC_1131") };
                    expect(format!("filters={field}:{op}:1"), status, code).await;
                }
            }
            expect("filters=noSuchField:eq:1".to_owned(), 400, "BDC_1130").await;
            let sorts = search["sort"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let sorts: Vec<&str> = sorts.collect();
            for field in &sorts {
                expect(format!("sort={field}:asc"), 200, "").await;
                expect(format!("sort={field}:desc"), 200, "").await;
            }
            expect("sort=noSuchField:asc".to_owned(), 400, "BDC_1129").await;
            if let [first, second, ..] = sorts[..] {
                let one = search["sort-most"] == json!(1);
                let (status, code) = if one { (400, "BDC_1129") } else { (200, "") };
                expect(format!("sort={first}:asc,{second}:asc"), status, code).await;
            }
        }
    }
    assert!(searched > 10, "{searched}");
}

#[tokio::test]
async fn filters_of_transactions_find_what_they_name() {
    let caller = Caller::new().await;
    let path = "/v3/spend/transactions";
    for (filter, some) in [
        ("type:eq:CLEAR", true),
        ("type:ne:CLEAR", false),
        ("receiptStatus:in:NOT_REQUIRED", true),
        ("receiptStatus:nin:NOT_REQUIRED", false),
        ("isLocked:eq:false", true),
        ("isLocked:eq:true", false),
        ("complete:eq:true", true),
        ("isReviewed:eq:false", true),
        ("isReviewed:eq:true", false),
        ("amount:gte:60.25", true),
        ("amount:gte:60.26", false),
        ("amount:lte:1.24", false),
        ("customFieldValueIds:in:x", false),
        ("syncStatus:eq:SYNCED", true),
        ("syncStatus:eq:NOT_SYNCED", true),
        ("syncStatus:nin:\"SYNCED,NOT_SYNCED\"", false),
    ] {
        assert_eq!(!caller.found(path, filter).await.is_empty(), some, "{filter}");
    }
    let by = |filter: &str| format!("{path}?filters={filter}");
    let refused = caller.get(&by("status:eq:COMPLETE")).await;
    assert_eq!((refused.0, code(&refused)), (400, "BDC_1130"), "by no status (observed by integrators)");
    let refused = caller.get(&by("occurredTime:eq:2026-12-30")).await;
    assert_eq!((refused.0, code(&refused)), (400, "BDC_1131"), "only gte and lte (observed by integrators)");
}

#[tokio::test]
async fn invoices_are_found_by_their_classification() {
    let caller = Caller::new().await;
    let (_, customers) = caller.get("/v3/customers?max=1").await;
    let mut made = Vec::new();
    for department in ["d-1", "d-2"] {
        let new = json!({
            "customer": {"id": customers["results"][0]["id"]},
            "invoiceLineItems": [{"quantity": 1, "price": 2.5}],
            "classifications": {"departmentId": department}, "payToChartOfAccountId": "a-1",
        });
        let request = bill(&caller.sandbox, &caller.session, Method::POST, "/connect/v3/invoices").json(&new);
        let (status, row) = answer(request).await;
        assert_eq!(status, 201, "{row}");
        made.push(row["id"].clone());
    }
    let path = "/v3/invoices";
    assert_eq!(caller.found(path, "classifications.departmentId:eq:d-2").await, made[1..]);
    assert_eq!(caller.found(path, "classifications.departmentId:in:\"d-1,d-2\"").await, made);
    assert_eq!(caller.found(path, "payToChartOfAccountId:eq:a-1,classifications.departmentId:ne:d-1").await, made[1..]);
}

#[tokio::test]
async fn a_list_without_documented_filters_takes_what_its_rows_carry() {
    let caller = Caller::new().await;
    for query in ["filters=status:eq:VERIFIED", "filters=createdTime:gte:2020-01-01", "sort=bankName:asc"] {
        let (status, body) = caller.get(&format!("/v3/funding-accounts/banks?{query}")).await;
        assert!(status == 200 && body["results"][0].is_object(), "{query}: {body}");
    }
    let refused = caller.get("/v3/funding-accounts/banks?filters=noSuchField:eq:1").await;
    assert_eq!((refused.0, code(&refused)), (400, "BDC_1130"));
}
