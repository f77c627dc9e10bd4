//! A redirect is never followed, wherever it leads: with the credentials it would carry them there, and a call that was sent on is a call
//! sent twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::sync::Arc;

use support::{ROWS, RecordingClock, Reply, Vendor, Vendors, call, calls_of, is_sign_in, plain, read_call, refused};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

/// Where a redirect leads: to the same origin, or to another one.
fn targets(elsewhere: &str) -> Vec<String> {
    ["/elsewhere", "//localhost/elsewhere", "?again"]
        .map(str::to_owned)
        .into_iter()
        .chain([elsewhere.to_owned()])
        .collect()
}

fn redirect(status: u16, location: &str) -> Reply {
    Reply::bytes(status, &[("location", location), ("content-type", "application/json")], b"{}".to_vec())
}

/// A vendor that answers `which` paths with a redirect.
fn redirecting(status: u16, location: String, which: fn(&str) -> bool) -> Vendor {
    Vendor::granting_unless("example-session", which, move |request| match which(request.path()) {
        true => redirect(status, &location),
        false => support::success(request.path()),
    })
}

#[tokio::test]
async fn a_redirected_sign_in_goes_nowhere_and_is_no_refusal_of_the_credentials() {
    let elsewhere = Arc::new(Vendor::start(|request| support::grant(request.path(), "example-stolen")));
    for status in STATUSES {
        for target in targets(&elsewhere.url()) {
            let vendor = redirecting(status, target.clone(), is_sign_in);
            let vendors = Vendors::at(&vendor.url(), &support::settings(&RecordingClock::new()));
            for row in ROWS.into_iter().filter(|(_, way)| *way != "api-token") {
                let before = vendor.received().len();
                let connection = vendors.open(row, &plain).unwrap();
                let case = format!("{row:?} {status} {target}");
                let error = read_call(&connection, row.0).await.unwrap_err();
                // BILL's v2 tells by the body whether a call was done; a redirect's body does not.
                assert_eq!(
                    (error.kind(), error.refusal().map(|refusal| refusal.status)),
                    ("vendor", Some(status)),
                    "{case}"
                );
                assert!(!refused(&connection), "{case}: remembered as a refusal of the credentials");
                let _ = read_call(&connection, row.0).await.unwrap_err();
                let received = vendor.received().split_off(before);
                assert_eq!(received.len(), 2, "{case}: {received:?}");
                assert!(received.iter().all(|request| is_sign_in(request.path())), "{case}: {received:?}");
            }
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn a_redirected_call_goes_nowhere() {
    let elsewhere = Arc::new(Vendor::start(|request| support::success(request.path())));
    for status in STATUSES {
        for target in targets(&elsewhere.url()) {
            let vendor = redirecting(status, target.clone(), |path| !is_sign_in(path));
            let vendors = Vendors::at(&vendor.url(), &support::settings(&RecordingClock::new()));
            for row in ROWS {
                let (_, read, create) = calls_of(row.0);
                for operation in [Some(read), create].into_iter().flatten() {
                    let before = vendor.calls().len();
                    let connection = vendors.open(row, &plain).unwrap();
                    let case = format!("{row:?} {operation} {status} {target}");
                    let error = call(&connection, row.0, operation).await.unwrap_err();
                    assert_eq!(
                        (error.kind(), error.refusal().map(|refusal| refusal.status)),
                        ("vendor", Some(status)),
                        "{case}"
                    );
                    assert!(error.to_string().contains(operation), "{case}: {error}");
                    let sent = vendor.calls().split_off(before);
                    assert_eq!(sent.len(), 1, "{case}: {sent:?}");
                    assert!(!sent[0].target.contains("elsewhere") && !sent[0].target.contains("again"), "{case}");
                }
            }
        }
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// The count is one that can rise.
#[tokio::test]
async fn the_other_host_counts_who_comes() {
    let elsewhere = Vendor::start(|request| support::success(request.path()));
    let connection =
        Vendors::at(&elsewhere.url(), &support::settings(&RecordingClock::new())).open(ROWS[5], &plain).unwrap();
    read_call(&connection, ROWS[5].0).await.unwrap();
    assert_eq!(elsewhere.connections(), 1);
}
