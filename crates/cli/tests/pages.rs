//! `ledgerkey call --all`: every row once, one a line, as the vendor wrote it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::collections::BTreeSet;

use ledgerkey_sandbox::Fault;
use serde_json::Value;
use support::{Run, Vendors};

/// What tells the rows of a list apart.
fn ids(run: &Run, name: &str) -> Vec<String> {
    let row = |line: &str| serde_json::from_str::<Value>(line).unwrap()[name].to_string();
    run.answered().lines().map(row).collect()
}

#[test]
fn every_row_exactly_once() {
    let vendors = Vendors::start();
    for (api, operation, id, size, rows, pages) in [
        ("bill", "listVendors", "id", "max=5", 27, 6),
        ("bill-v2", "listVendors", "id", "max=5", 27, 6),
        // A last page that is full is followed by an empty one, for nothing says that it was the last.
        ("bill-v2", "listVendors", "id", "max=9", 27, 4),
        ("bill-spend", "listTransactions", "id", "max=7", 60, 9),
        ("bezala", "listTransactions", "id", "per_page=5", 24, 5),
        ("bezala", "listTimeEntries", "id", "per_page=50", 120, 3),
    ] {
        let path = format!("{api}/{operation}");
        let before = vendors.sandbox.served(&path);
        let run = vendors.run(&["call", api, operation, "--all", "--param", size, "--strict"]);
        let seen = ids(&run, id);
        assert_eq!(seen.len(), rows, "{path}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), rows, "{path}: a row came twice");
        assert_eq!(vendors.sandbox.served(&path) - before, pages, "{path}");
        // In the vendor's order, and the same rows without a size of the caller's.
        assert_eq!(ids(&vendors.run(&["call", api, operation, "--all"]), id), seen, "{path}");
    }
}

#[test]
fn other_parameters_go_with_every_page() {
    let vendors = Vendors::start();
    let filters = "filters=accountType:eq:\"PERSON\"";
    let run = vendors.run(&["call", "bill", "listVendors", "--all", "--param", "max=2", "--param", filters]);
    assert_eq!(ids(&run, "id").len(), 3, "{run:?}");
}

#[test]
fn numbers_keep_their_digits() {
    let vendors = Vendors::start();
    let rows = [
        r#"{"id":"1","amount":10.10,"large":12345678901234567890123.4567890}"#,
        r#"{"z":1e2,"a":{"b":[1.0,-0]},"id":"2"}"#,
    ];
    for row in rows {
        let next = if row == rows[0] { "\"next\"" } else { "null" };
        let page = format!("{{\"results\":[{row}],\"nextPage\":{next}}}");
        vendors.sandbox.order(Fault::body("listVendors", 200, "application/json", &page));
    }
    let run = vendors.run(&["call", "bill", "listVendors", "--all"]);
    assert_eq!(run.out, format!("{}\n{}\n", rows[0], rows[1]));
}

#[test]
fn a_page_that_fails_ends_it_after_the_pages_before() {
    let vendors = Vendors::start();
    let first = r#"{"results":[{"id":"1"}],"nextPage":"next"}"#;
    vendors.sandbox.order(Fault::body("listVendors", 200, "application/json", first));
    vendors.sandbox.order(Fault::status("listVendors", 422).with_code("BDC_9999"));
    let run = vendors.run(&["call", "bill", "listVendors", "--all"]);
    run.failed(4, &["BDC_9999"]);
    assert_eq!(run.out, "{\"id\":\"1\"}\n");
}

#[test]
fn an_empty_list_is_no_line() {
    let vendors = Vendors::start();
    vendors.sandbox.order(Fault::body("listVendors", 200, "application/json", r#"{"results":[]}"#));
    let run = vendors.run(&["call", "bill", "listVendors", "--all"]);
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", ""));
}
