//! The tour: twelve rows, each of them well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use serde_json::Value;
use support::ledgerkey;

#[test]
fn every_row_goes_well() {
    let done = ledgerkey(&["tour", "--json"]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(done.stderr.is_empty(), "{done:?}");
    let text = String::from_utf8(done.stdout).unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = rows.iter().map(|row| row["row"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    for row in &rows {
        assert_eq!((&row["ok"], &row["recovered"]), (&Value::Bool(true), &Value::Bool(true)), "{row}");
        assert!(row.get("error").is_none(), "{row}");
        assert!(row["calls"].as_u64().unwrap() >= 2, "{row}");
    }
    let sign_ins: Vec<u64> = rows.iter().map(|row| row["sign_ins"].as_u64().unwrap()).collect();
    // The user of row 8 is signed in by the partner's own session, which is one more; row 11 is three ways.
    assert_eq!(sign_ins, [2, 2, 2, 2, 2, 0, 2, 3, 2, 2, 6, 2]);
    // Bezala has no call that ends a session, and the Spend & Expense token is none.
    let signed_out: Vec<Option<bool>> = rows.iter().map(|row| row["signed_out"].as_bool()).collect();
    let yes = Some(true);
    assert_eq!(signed_out, [yes, yes, yes, yes, yes, None, yes, yes, yes, None, None, None]);
    assert_eq!((rows[5]["vendor"].as_str(), rows[10]["way"].as_str()), (Some("BILL"), Some("google/microsoft/okta")));
}

#[test]
fn the_table_is_for_people() {
    let done = ledgerkey(&["tour"]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(text.lines().count(), 13, "{text}");
    assert!(text.lines().skip(1).all(|row| row.ends_with("  ok")), "{text}");
}
