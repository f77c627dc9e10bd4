//! Standard output: the vendor's bytes, and no fuss where nobody reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::process::{Command, Output, Stdio};

use ledgerkey_sandbox::Fault;
use support::{Vendors, ledgerkey};

/// Runs a command whose output has been closed before it starts.
fn unread(mut command: Command) -> Output {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap()
}

#[test]
fn nobody_reads() {
    let vendors = Vendors::start();
    for arguments in [
        &["call", "bill", "listVendors"][..],
        &["call", "bill", "listVendors", "--all", "--param", "max=5"],
        &["operations"],
        &["operations", "--json"],
        &["sandbox"],
        &["tour", "--json"],
        &["--help"],
    ] {
        let done = unread(vendors.command(arguments));
        assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
    // The session was ended all the same, and no further page was asked for but the one that is fetched ahead.
    assert_eq!(vendors.sandbox.acted("logout"), 2);
    assert!((2..=3).contains(&vendors.sandbox.acted("listVendors")));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let done = ledgerkey(&["operations"]).stdout(full()).stderr(Stdio::piped()).output().unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!((done.status.code(), told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.contains("cannot be written"), "{told}");
}

#[test]
fn exact_bytes() {
    let vendors = Vendors::start();
    for sent in [
        r#"{ "results" : [], "total": 1.10, "z": 1e2, "a": "\u00e4\/" }"#,
        "{\"results\":[],\n  \"nextPage\": null}\n",
        "{\"results\":[],\"name\":\"\u{e4}\u{20ac}\"}",
        "\t{\"results\":[]}\r\n",
    ] {
        vendors.sandbox.order(Fault::body("listVendors", 200, "application/json", sent));
        let end = if sent.ends_with('\n') { "" } else { "\n" };
        assert_eq!(vendors.run(&["call", "bill", "listVendors"]).answered(), format!("{sent}{end}"));
    }
}

#[test]
fn what_fails_prints_nothing() {
    let vendors = Vendors::start();
    for arguments in [
        &["call", "bill", "getVendor", "--param", "vendorId=nope"][..],
        &["call", "bill", "createPayment", "--body", "{}"],
        &["call", "bill", "nope"],
        &["operations", "nope"],
        &["nope"],
    ] {
        let run = vendors.run(arguments);
        assert!(run.code != 0 && run.out.is_empty() && !run.err.is_empty(), "{run:?}");
    }
}
