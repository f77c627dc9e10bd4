//! `ledgerkey call`, as it goes wrong: the exit code, one sentence, and no secret.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use ledgerkey_sandbox::{Fault, Lock, Moment};
use support::{Vendors, ledgerkey};

const LIST: [&str; 3] = ["call", "bill", "listVendors"];

#[test]
fn usage() {
    let vendors = Vendors::start();
    let cases: [(&[&str], &[&str]); 7] = [
        (&[], &["no command", "--help"]),
        (&["nope"], &["nope", "--help"]),
        (&["call"], &["<API>", "<OPERATION_ID>", "--help"]),
        (&["call", "bill"], &["<OPERATION_ID>", "--help"]),
        (&["call", "bill", "listVendors", "--param", "max"], &["NAME=VALUE", "--help"]),
        (&["tour", "--nope"], &["--nope", "--help"]),
        (&["sandbox", "--listen", "x"], &["--listen", "--help"]),
    ];
    for (arguments, words) in cases {
        vendors.run(arguments).failed(2, words);
    }
    for asked_for in ["--help", "--version"] {
        assert!(ledgerkey(&[asked_for]).output().unwrap().status.success());
    }
    let cases: &[(&[&str], &[&str])] = &[
        (&["call", "nope", "listVendors"], &["bill-spend"]),
        (&["call", "bill", "listVendor"], &["did you mean listVendors"]),
        (&["call", "bill", "listAccounts"], &["bezala has one"]),
        (&["call", "bill", "listVendors", "--way", "password"], &["console-token"]),
        (&["call", "bill", "getVendor"], &["vendorId"]),
        // What is for the path is not taken from the body, and not twice.
        (&["call", "bill", "updateVendor", "--body", r#"{"vendorId":"x","name":"N"}"#], &["updateVendor", "vendorId"]),
        (&["call", "bill", "getVendor", "--param", "vendorId=a", "--param", "vendorId=b"], &["one vendorId"]),
        (&["call", "bill", "listVendors", "--param", "nope=1"], &["nope", "filters"]),
        (&["call", "bill", "createVendor", "--body", "{"], &["not JSON"]),
        (&["call", "bill-v2", "listVendors", "--param", "nope=1"], &["nope", "data"]),
        (&["call", "bill-v2", "listVendors", "--body", r#"{"start":0}"#], &["start", "data"]),
        (&["call", "bill-v2", "listOrgs"], &["userName"]),
        (&["call", "bill", "createVendor"], &["createVendor needs a body"]),
        (&["call", "bill", "login"], &["login needs a body"]),
        (&["call", "bill", "createVendor", "--body", "@/does/not/exist"], &["/does/not/exist"]),
        (&["call", "bill", "listVendors", "--body", "{}"], &["takes no body"]),
        (&["call", "bill", "getSessionInfo", "--all"], &["no pages"]),
        (&["call", "bill", "createPayment", "--way", "sync-token", "--body", "{}"], &["sync-token", "operations"]),
    ];
    for (arguments, words) in cases {
        vendors.run(arguments).failed(2, words);
    }
    assert_eq!(vendors.sandbox.log().len(), 0, "nothing was sent");
}

#[test]
fn configuration() {
    for (name, value, words) in [
        ("BILL_USERNAME", "", "BILL_USERNAME"),
        ("BILL_DEV_KEY", "two\nlines", "devKey"),
        ("LEDGERKEY_BILL_URL", "http://example.com", "LEDGERKEY_BILL_URL: the v3 address: plain http"),
        ("LEDGERKEY_BILL_V2_URL", "http://example.com", "LEDGERKEY_BILL_V2_URL: the v2 address: plain http"),
        ("LEDGERKEY_BILL_URL", "", "LEDGERKEY_BILL_URL"),
        ("LEDGERKEY_STORE", "nowhere:canary", "memory"),
        ("LEDGERKEY_LOG", "a=b=c", "LEDGERKEY_LOG"),
    ] {
        Vendors::start().with(name, value).run(&LIST).failed(2, &[words]);
    }
    Vendors::start().without("BILL_PASSWORD").run(&LIST).failed(2, &["BILL_PASSWORD is not set"]);
    let company = Vendors::start().with("BEZALA_COMPANY_ID", "first");
    company.run(&["call", "bezala", "listAccounts"]).failed(2, &["BEZALA_COMPANY_ID"]);
    let company = Vendors::start().with("BEZALA_COMPANY_ID", "999999");
    company.run(&["call", "bezala", "listAccounts"]).failed(4, &["changeCompany", "BEZALA_COMPANY_ID"]);
    Vendors::start().with("LEDGERKEY_STORE", "memory").run(&LIST).answered();
}

#[test]
fn sign_in() {
    Vendors::start().with("BILL_PASSWORD", "not-the-password").run(&LIST).failed(3, &["BDC_1101", "lock"]);
    let key = Vendors::start().with("BILL_DEV_KEY", "not-the-key");
    key.run(&LIST).failed(3, &["BDC_1102", "BILL_DEV_KEY", "environment that LEDGERKEY_BILL_URL"]);
    key.run(&["call", "bill-v2", "listVendors"]).failed(3, &["BDC_1102", "environment that LEDGERKEY_BILL_V2_URL"]);
    let app = Vendors::start().with("BILL_APP_KEY", "not-the-key");
    app.run(&["call", "bill-partner", "listOrganizations"]).failed(3, &["BDC_1102", "BILL_APP_KEY"]);
    let v2 = Vendors::start().with("BILL_SYNC_TOKEN", "not-the-token");
    v2.run(&["call", "bill-v2", "listVendors", "--way", "sync-token"]).failed(3, &["sync-token", "BDC_1101"]);
    let spend = Vendors::start().with("BILL_SPEND_TOKEN", "not-the-token");
    spend.run(&["call", "bill-spend", "listBudgets"]).failed(3, &["BILL_SPEND_TOKEN"]);
    let bezala = Vendors::start().with("BEZALA_PASSWORD", "not-the-password");
    bezala.run(&["call", "bezala", "listAccounts"]).failed(3, &["password"]);

    let locked = Vendors::start();
    assert!(locked.sandbox.lock(&Lock::Organization(locked.env["BILL_ORGANIZATION_ID"].clone())));
    locked.run(&LIST).failed(3, &["BDC_1107", "unlock"]);
    let untrusted = Vendors::start();
    untrusted.run(&["call", "bill", "createPayment", "--body", "{}"]).failed(3, &["BDC_1361", "challengeMfa"]);
}

#[test]
fn the_vendor_refuses() {
    let vendors = Vendors::start();
    vendors
        .run(&["call", "bill", "getVendor", "--param", "vendorId=nope"])
        .failed(4, &["BDC_1205", "check the id and the organization"]);
    vendors.run(&["call", "bill", "createVendor", "--body", "{}"]).failed(4, &["createVendor"]);
    vendors.sandbox.order(Fault::status("listVendors", 401).with_code("BDC_1109").times(2));
    vendors.run(&LIST).failed(4, &["BDC_1109", "does not help"]);
    // Words of the vendor's that would drive a terminal do not.
    let refusal = r#"[{"code": "BDC_9999", "message": "two\nlines\u001b[2J"}]"#;
    vendors.sandbox.order(Fault::body("listVendors", 422, "application/json", refusal));
    let run = vendors.run(&LIST);
    run.failed(4, &["BDC_9999", "two lines"]);
    assert!(!run.err.contains('\u{1b}'), "{run:?}");
    vendors.sandbox.order(Fault::body("listVendors", 200, "text/html", "<html>"));
    let run = vendors.run(&LIST);
    run.failed(4, &["listVendors", "not JSON"]);
    assert_eq!(run.out, "");
}

#[test]
fn the_network_fails() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = Vendors::start().with("LEDGERKEY_BILL_URL", &format!("http://{dead}/connect"));
    nowhere.run(&LIST).failed(5, &["refused", "LEDGERKEY_BILL_URL"]);
    // An address without its path is no wrong password.
    let elsewhere = Vendors::start();
    let without_path = elsewhere.sandbox.url().to_owned();
    let elsewhere = elsewhere.with("LEDGERKEY_BILL_URL", &without_path);
    for arguments in [&LIST[..], &["call", "bill", "login", "--body", "{}"]] {
        elsewhere.run(arguments).failed(4, &["404", "no vendor is served at this address", "LEDGERKEY_BILL_URL"]);
    }

    let vendors = Vendors::start();
    vendors.sandbox.order(Fault::drop("createVendor", Moment::After));
    let body = r#"{"name": "Example", "address": {"line1": "1"}}"#;
    vendors
        .run(&["call", "bill", "createVendor", "--body", body])
        .failed(7, &["createVendor was sent on ", " GMT and its fate is unknown", "only if it is not"]);
    assert_eq!(vendors.sandbox.acted("createVendor"), 1);
}

/// Every run of these tests looks for secrets in what was told; here with a log of everything.
#[test]
fn no_secret_in_the_most_talkative_log() {
    let start = || Vendors::start().with("LEDGERKEY_LOG", "trace");
    let apis = [
        ("bill", "listVendors"),
        ("bill-v2", "listVendors"),
        ("bill-spend", "listBudgets"),
        ("bill-partner", "listOrganizations"),
        ("bezala", "listAccounts"),
    ];
    for (api, operation) in apis {
        let vendors = start();
        let run = vendors.run(&["call", api, operation]);
        assert!(run.code == 0 && run.err.contains(operation), "{run:?}");
        for fault in [Fault::status(operation, 401).times(2), Fault::status(operation, 403)] {
            vendors.sandbox.clear_faults();
            vendors.sandbox.order(fault);
            assert_ne!(vendors.run(&["call", api, operation]).code, 0, "{api}");
        }
    }
    let vendors = start();
    vendors.sandbox.order(Fault::drop("listVendors", Moment::After).always());
    assert_eq!(vendors.run(&LIST).code, 5);
    // A vendor that repeats what it was told.
    let vendors = start();
    let echo = |name: &str| format!(r#"[{{"code": "BDC_1101", "message": "not {}"}}]"#, vendors.env[name]);
    for name in ["BILL_PASSWORD", "BILL_DEV_KEY"] {
        vendors.sandbox.order(Fault::body("login", 401, "application/json", &echo(name)));
        assert_eq!(vendors.run(&LIST).code, 3);
    }
    let refused = vendors.env["BILL_PASSWORD"].clone();
    let body = format!(r#"{{"username": "u", "password": "{refused}", "organizationId": "o", "devKey": "k"}}"#);
    vendors.sandbox.order(Fault::body("login", 401, "application/json", &echo("BILL_PASSWORD")));
    assert_eq!(vendors.run(&["call", "bill", "login", "--body", &body]).code, 3);
}
