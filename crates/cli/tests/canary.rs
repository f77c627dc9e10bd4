//! No secret of the environment is told, whatever a vendor says back, with a log of everything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use ledgerkey_sandbox::Fault;
use serde_json::{Value, json};
use support::Vendors;

const RUNS: [(&str, &str, &str); 13] = [
    ("bill", "listVendors", "developer-key"),
    ("bill", "listVendors", "sync-token"),
    ("bill", "listVendors", "console-token"),
    ("bill", "listVendors", "partner-user"),
    ("bill-v2", "listVendors", "developer-key"),
    ("bill-v2", "listVendors", "sync-token"),
    ("bill-v2", "listVendors", "console-token"),
    ("bill-spend", "listBudgets", "api-token"),
    ("bill-partner", "listOrganizations", "partner-key"),
    ("bezala", "listAccounts", "password"),
    ("bezala", "listAccounts", "google"),
    ("bezala", "listAccounts", "microsoft"),
    ("bezala", "listAccounts", "okta"),
];

/// `Vendors::run` looks for the secrets in all that was told; here the vendor repeats all of them.
#[test]
fn a_vendor_that_repeats_what_it_was_told() {
    let vendors = Vendors::start().with("LEDGERKEY_LOG", "trace");
    for (api, operation, way) in RUNS {
        let secrets = of(&vendors, way);
        let faults = repeating(&secrets);
        // The first request signs in, where there is a sign-in; else it is the call.
        let mut ordered: Vec<Fault> = faults
            .iter()
            .filter(|(status, _)| *status != 200 || api == "bill-v2")
            .map(|(status, body)| Fault::body("*", *status, "application/json", &body.to_string()))
            .collect();
        ordered.push(Fault::redirect("*", 302, &format!("http://127.0.0.1:1/?{}", secrets.join("&"))));
        for fault in ordered {
            vendors.sandbox.clear_faults();
            vendors.sandbox.order(fault.times(2));
            let run = vendors.run(&["call", api, operation, "--way", way]);
            assert!(run.code > 2 && run.out.is_empty(), "{api} {way}: {run:?}");
        }
        // And the call itself, under a good session.
        vendors.sandbox.clear_faults();
        let presented = if way == "partner-user" { vec![vendors.env["BILL_DEV_KEY"].clone()] } else { secrets };
        for (status, body) in &repeating(&presented)[..2] {
            vendors.sandbox.order(Fault::body(operation, *status, "application/json", &body.to_string()));
            let run = vendors.run(&["call", api, operation, "--way", way]);
            assert!(run.code > 2 && run.out.is_empty(), "{api} {way}: {run:?}");
        }
    }
}

/// Refusals in the vendors' dialects whose words are these.
fn repeating(secrets: &[String]) -> [(u16, Value); 4] {
    let words = format!("you sent {}", secrets.join(" and "));
    let within = json!({"error_code": "BDC_9999", "error_message": words});
    [
        (400, json!([{"code": "BDC_9999", "message": words}])),
        (422, json!({"error": words, "errors": [words]})),
        (401, json!([{"code": "BDC_1101", "message": words}])),
        (200, json!({"response_status": 1, "response_message": "Error", "response_data": within})),
    ]
}

/// A secret on the command line whose `=` became a blank.
#[test]
fn a_value_that_is_parted_from_its_name() {
    let vendors = Vendors::start();
    for arguments in [
        &["call", "bill", "login", "--param", "password", "hunter2"][..],
        &["call", "bill", "--param", "password", "hunter2", "login"],
        &["call", "--param", "password", "hunter2", "bill"],
        &["call", "bill", "--param", "password", "hunter2"],
        &["operations", "bill", "hunter2"],
    ] {
        let run = vendors.run(arguments);
        run.failed(2, if arguments[0] == "call" { &["NAME=VALUE"] } else { &["too many"] });
        assert!(!run.err.contains("hunter2"), "{run:?}");
    }
    vendors.run(&["call", "bill", "login", "--pasword"]).failed(2, &["--pasword"]);
}

#[test]
fn an_answer_that_does_not_fit() {
    let vendors = Vendors::start().with("LEDGERKEY_LOG", "trace");
    for (api, operation, way) in RUNS {
        let secrets = of(&vendors, way);
        let body = json!({"results": secrets, "response_data": secrets, "response_status": 0});
        vendors.sandbox.order(Fault::body(operation, 200, "application/json", &body.to_string()));
        // What the vendor sent is printed; what is said about it is not to repeat it.
        let done = vendors.command(&["call", api, operation, "--way", way, "--strict"]).output().unwrap();
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(6), "{api} {way}: {told}");
        for secret in &secrets {
            assert!(!told.contains(secret), "{api} {way}: {told}");
        }
    }
}

#[test]
fn nobody_answers() {
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut vendors = Vendors::start().with("LEDGERKEY_LOG", "trace");
    for name in ["LEDGERKEY_BILL_URL", "LEDGERKEY_BILL_V2_URL", "LEDGERKEY_BEZALA_URL"] {
        vendors = vendors.with(name, &format!("http://{dead}"));
    }
    // At once: each backs off for a few seconds before it gives up.
    std::thread::scope(|scope| {
        for (api, operation, way) in RUNS {
            let vendors = &vendors;
            scope.spawn(move || {
                let run = vendors.run(&["call", api, operation, "--way", way]);
                assert!(run.code == 5 && run.err.contains("refused"), "{api} {way}: {run:?}");
            });
        }
    });
    assert_eq!(vendors.sandbox.log().len(), 0);
}

/// The secrets that a way's sign-in presents: a vendor can repeat no others.
fn of(vendors: &Vendors, way: &str) -> Vec<String> {
    let names: &[&str] = match way {
        "developer-key" => &["BILL_PASSWORD", "BILL_DEV_KEY"],
        "sync-token" => &["BILL_SYNC_TOKEN", "BILL_DEV_KEY"],
        "console-token" => &["BILL_CONSOLE_TOKEN", "BILL_DEV_KEY"],
        // The developer key goes with the calls that follow.
        "partner-user" | "partner-key" => &["BILL_PARTNER_PASSWORD", "BILL_APP_KEY"],
        "api-token" => &["BILL_SPEND_TOKEN"],
        "password" => &["BEZALA_PASSWORD"],
        _ => &["BEZALA_SSO_TOKEN"],
    };
    names.iter().map(|name| vendors.env[*name].clone()).collect()
}
