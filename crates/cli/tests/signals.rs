//! A command that is stopped while its call is under way says what that means.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use ledgerkey_sandbox::Fault;
use support::Vendors;

const VENDOR: &str = r#"{"name":"Example","address":{"line1":"1 Example Street","city":"Example","zipOrPostalCode":"00000","country":"US"}}"#;

#[test]
fn a_write_that_is_interrupted_may_have_been_carried_out() {
    for (signal, arguments, words) in [
        ("INT", &["call", "bill", "createVendor", "--body", VENDOR][..], "createVendor may have been carried out"),
        ("TERM", &["call", "bill", "listVendors"], "interrupted"),
    ] {
        let vendors = Vendors::start();
        let operation = arguments[2];
        vendors.sandbox.order(Fault::delay(operation, Duration::from_secs(60)));
        let child = vendors
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while vendors.sandbox.served(operation) == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let done = child.wait_with_output().unwrap();
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(130), "{told}");
        assert!(told.contains(words) && told.lines().count() == 1, "{told}");
        assert_eq!(vendors.sandbox.served("logout"), 1, "the session in memory is ended all the same");
    }
}
