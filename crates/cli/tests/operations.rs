//! The list of operations.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod support;

use serde_json::{Value, json};
use support::ledgerkey;

fn list(arguments: &[&str]) -> Vec<Value> {
    let done = ledgerkey(&[&["operations", "--json"], arguments].concat()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn all_apis_with_what_each_operation_needs() {
    let all = list(&[]);
    let find = |api: &str, id: &str| {
        let found = all.iter().find(|row| row["api"] == api && row["operation_id"] == id);
        found.unwrap_or_else(|| panic!("no {api} {id}"))
    };
    assert_eq!(find("bill", "getVendor")["path"], "/v3/vendors/{vendorId}");
    assert_eq!(find("bill-v2", "listVendors")["path"], "/v2/List/Vendor.json");
    assert_eq!(find("bill-spend", "listBudgets")["path"], "/v3/spend/budgets");
    assert_eq!(find("bezala", "listAccounts")["path"], "/api/accounts");

    let payment = find("bill", "createPayment");
    assert_eq!((&payment["method"], &payment["trust"]), (&json!("POST"), &json!(true)));
    assert_eq!((&payment["replay_safe"], &payment["pages"]), (&json!(false), &json!(false)));
    assert_eq!(payment["needs"], json!([["session", "devKey"]]));
    assert_eq!(payment["ways"], json!(["developer-key", "console-token", "partner-user"]));
    let vendors = find("bill", "listVendors");
    assert_eq!(
        (&vendors["replay_safe"], &vendors["pages"], &vendors["role"]),
        (&json!(true), &json!(true), &Value::Null)
    );
    assert_eq!(find("bill", "login")["needs"], json!([]));
    assert_eq!(find("bezala", "listBillLines")["role"], "accountant");
}

#[test]
fn one_api() {
    let partner = list(&["bill-partner"]);
    assert!(!partner.is_empty() && partner.iter().all(|row| row["api"] == "bill-partner"));
    let done = ledgerkey(&["operations", "bill-v2"]).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.lines().skip(1).all(|row| row.starts_with("bill-v2  ")), "{text}");
    assert_eq!(ledgerkey(&["operations", "nope"]).output().unwrap().status.code(), Some(2));
}
