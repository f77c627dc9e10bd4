//! `ledgerkey call`, as it goes well: every API, every way, every kind of argument.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::io::Read as _;
use std::process::Stdio;

use ledgerkey_sandbox::Fault;
use serde_json::Value;
use support::Vendors;

#[test]
fn every_api_by_every_way() {
    let vendors = Vendors::start();
    for (api, operation, ways) in [
        ("bill", "listVendors", &["developer-key", "sync-token", "console-token", "partner-user"][..]),
        ("bill-v2", "listVendors", &["developer-key", "sync-token", "console-token", "partner-user"]),
        ("bill-spend", "listBudgets", &["api-token"]),
        ("bill-partner", "listOrganizations", &["partner-key"]),
        ("bezala", "listAccounts", &["password", "google", "microsoft", "okta"]),
    ] {
        for way in ways {
            vendors.run(&["call", api, operation, "--way", way, "--strict"]).json();
        }
        // The first is the default.
        vendors.run(&["call", api, operation]).json();
    }
    // Of these runs with a session of BILL's, the two of a partner's user had two; Bezala and the token have no call that ends one.
    assert_eq!(vendors.sandbox.acted("logout"), (4 + 1 + 1) + (4 + 1 + 1) + (1 + 1));
}

#[test]
fn the_answer_is_what_the_vendor_sent() {
    let vendors = Vendors::start();
    let sent = "{\"results\": [],\n \"nextPage\" : null, \"total\": 1.50}";
    vendors.sandbox.order(Fault::body("listVendors", 200, "application/json", sent));
    assert_eq!(vendors.run(&["call", "bill", "listVendors"]).out, format!("{sent}\n"));
}

#[test]
fn all_pages_are_one_row_a_line() {
    let vendors = Vendors::start();
    for (api, operation, size) in [
        ("bill", "listVendors", Some("max=2")),
        ("bill-v2", "listVendors", None),
        ("bill-spend", "listBudgets", Some("max=1")),
        ("bezala", "listTransactions", Some("per_page=1")),
    ] {
        let mut arguments = vec!["call", api, operation, "--all"];
        arguments.extend(size.iter().flat_map(|size| ["--param", size]));
        let run = vendors.run(&arguments);
        let rows: Vec<Value> = run.answered().lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        let served = vendors.sandbox.served(&format!("{api}/{operation}"));
        assert!(rows.len() >= 2 && rows.iter().all(|row| row["id"] != Value::Null), "{api}: {rows:?}");
        assert!(size.is_none() || served >= 2, "{api}: {served} pages");
    }
}

#[test]
fn a_row_stays_on_its_line() {
    let vendors = Vendors::start();
    let row = "{\"id\": \"1\",\n  \"name\": \"two\\nlines\"}";
    let sent = format!("{{\"results\": [\n  {row}\n]}}");
    vendors.sandbox.order(Fault::body("listVendors", 200, "application/json", &sent));
    let run = vendors.run(&["call", "bill", "listVendors", "--all"]);
    assert_eq!(run.out, "{\"id\": \"1\",   \"name\": \"two\\nlines\"}\n");
}

#[test]
fn parameters_and_bodies() {
    let vendors = Vendors::start();
    let body = r#"{"name": "Example", "address": {"line1": "1"}}"#;
    let made = vendors.run(&["call", "bill", "createVendor", "--body", body]).json();
    let id = format!("vendorId={}", made["id"].as_str().unwrap());
    let found = vendors.run(&["call", "bill", "getVendor", "--param", &id]).json();
    assert_eq!(found["name"], "Example");

    let made = vendors.run_with_input(&["call", "bill", "createVendor", "--body", "@-"], body).json();
    assert_eq!(made["name"], "Example");
    let file = std::env::temp_dir().join(format!("ledgerkey-body-{}.json", std::process::id()));
    std::fs::write(&file, body).unwrap();
    let made = vendors.run(&["call", "bill", "createVendor", "--body", &format!("@{}", file.display())]).json();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(made["name"], "Example");

    for form in [["--param", r#"data={"start":0,"max":1}"#], ["--body", r#"{"data": {"start": 0, "max": 1}}"#]] {
        let listed = vendors.run(&["call", "bill-v2", "listVendors", form[0], form[1]]).json();
        assert_eq!(listed["response_data"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn calls_that_need_no_session_take_no_credentials() {
    let vendors = Vendors::start();
    let fields = [("userName", "BILL_USERNAME"), ("password", "BILL_PASSWORD"), ("devKey", "BILL_DEV_KEY")];
    let fields = fields.map(|(field, name)| format!("{field}={}", vendors.env[name]));
    let bare = ["BILL_USERNAME", "BILL_PASSWORD", "BILL_DEV_KEY", "BILL_ORGANIZATION_ID"];
    let vendors = bare.into_iter().fold(vendors, Vendors::without);
    let mut arguments = vec!["call", "bill-v2", "listOrgs"];
    arguments.extend(fields.iter().flat_map(|field| ["--param", field]));
    vendors.run(&arguments).json();
    assert_eq!(vendors.sandbox.sign_ins(), 0);
}

#[test]
fn the_company_is_switched_by_hand_whichever_the_environment_names() {
    let vendors = Vendors::start();
    let (named, other) = (vendors.env["BEZALA_COMPANY_ID"].clone(), vendors.env["BEZALA_OTHER_COMPANY_ID"].clone());
    let token = vendors.run(&["call", "bezala", "createToken", "--body", &bezala_credentials(&vendors)]).json();
    let (id, company) = (format!("id={}", token["user_id"]), format!("company_id={other}"));
    let run = vendors.run(&["call", "bezala", "changeCompany", "--param", &id, "--param", &company]);
    assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
    // Any other call runs in the company that is named, and switches back for it.
    assert_eq!(vendors.run(&["call", "bezala", "getCompany"]).json()["id"].to_string(), named);
    vendors.run(&["call", "bezala", "changeCompany", "--param", &id, "--param", &company]);
    let vendors = vendors.without("BEZALA_COMPANY_ID");
    assert_eq!(vendors.run(&["call", "bezala", "getCompany"]).json()["id"].to_string(), other);
}

fn bezala_credentials(vendors: &Vendors) -> String {
    serde_json::json!({"email": vendors.env["BEZALA_EMAIL"], "password": vendors.env["BEZALA_PASSWORD"]}).to_string()
}

#[test]
fn signing_in_by_hand() {
    let vendors = Vendors::start();
    let body = |password: &str| {
        serde_json::json!({
            "username": vendors.env["BILL_USERNAME"], "password": password,
            "organizationId": vendors.env["BILL_ORGANIZATION_ID"], "devKey": vendors.env["BILL_DEV_KEY"],
        })
        .to_string()
    };
    let granted = vendors.run(&["call", "bill", "login", "--body", &body(&vendors.env["BILL_PASSWORD"])]).json();
    assert!(granted["sessionId"].is_string());
    vendors.run(&["call", "bill", "login", "--body", &body("wrong")]).failed(3, &["BDC_1101", "lock"]);
}

#[test]
fn a_file_is_uploaded() {
    let vendors = Vendors::start();
    let file = std::env::temp_dir().join(format!("ledgerkey-receipt-{}.pdf", std::process::id()));
    std::fs::write(&file, "%PDF-1.4 example").unwrap();
    let run = vendors.run(&["call", "bezala", "uploadAttachment", "--param", &format!("file=@{}", file.display())]);
    std::fs::remove_file(&file).unwrap();
    assert!(run.json()["id"].is_i64(), "{run:?}");
    vendors.run(&["call", "bezala", "uploadAttachment", "--body", "{}"]).failed(2, &["file=@PATH"]);
}

#[test]
fn a_file_is_the_body() {
    let vendors = Vendors::start();
    let vendor =
        vendors.run(&["call", "bill", "createVendor", "--body", r#"{"name": "Example", "address": {"line1": "1"}}"#]);
    let id = format!("vendorId={}", vendor.json()["id"].as_str().unwrap());
    let file = std::env::temp_dir().join(format!("ledgerkey-contract-{}.pdf", std::process::id()));
    // No text: it is sent as it is.
    std::fs::write(&file, b"%PDF-1.4 \xff\x00").unwrap();
    let body = format!("@{}", file.display());
    let call = ["call", "bill", "createVendorAttachment", "--param", &id, "--param", "name=contract.pdf"];
    let run = vendors.run(&[&call[..], &["--body", &body, "--strict"]].concat());
    assert!(run.json()["id"].is_string(), "{run:?}");
    let sent = vendors.run_with_input(&[&call[..], &["--body", "@-", "--strict"]].concat(), "%PDF-1.4 example");
    assert!(sent.json()["id"].is_string(), "{sent:?}");
    vendors.run(&call).failed(2, &["createVendorAttachment needs a file"]);
    vendors.run(&[&call[..], &["--body", "{}"]].concat()).failed(2, &["@FILE"]);
    vendors.run(&["call", "bill", "createVendor", "--body", &body]).failed(2, &["not UTF-8"]);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn drift_from_the_spec_is_told() {
    let vendors = Vendors::start();
    let sent = r#"{"results": [{"id": "1", "name": 7}]}"#;
    let order = || vendors.sandbox.order(Fault::body("listVendors", 200, "application/json", sent));
    for (arguments, code) in [(&[][..], 0), (&["--strict"], 6), (&["--all"], 0), (&["--all", "--strict"], 6)] {
        order();
        let run = vendors.run(&[&["call", "bill", "listVendors"], arguments].concat());
        run.failed(code, &["listVendors", "`results[0].name`"]);
        assert!(run.out.contains(r#""name": 7"#), "{run:?}");
    }
}

#[test]
fn nobody_reads_on() {
    let vendors = Vendors::start();
    let arguments = ["call", "bill", "listVendors", "--all", "--param", "max=1"];
    let mut child = vendors.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
}
