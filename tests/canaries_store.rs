//! What is kept in a file is the session and nothing else that is secret; and what is said of the file, whole or damaged, holds none of it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "support/capture.rs"]
mod capture;
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use capture::{Capture, assert_clean};
use ledgerkey::client::Settings;
use ledgerkey::session::file::FileStore;
use support::{ROWS, RecordingClock, Vendor, Vendors, plain, read_call, settings, success};
use tempfile::TempDir;

const SESSION: &str = "CANARY-session-7q3z";

/// What names somebody is plain; everything else is a secret.
fn canary(name: &'static str) -> String {
    match name {
        "dev-key" | "app-key" | "spend-token" | "password" | "token-value" | "console-token" | "partner-password"
        | "sso-token" | "bezala-password" => format!("CANARY-{name}-7q3z"),
        name => plain(name),
    }
}

/// A directory of its own for a test, gone with it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("sessions")
    }

    fn names(&self) -> String {
        fs::read_dir(self.0.path()).unwrap().map(|entry| format!("{:?} ", entry.unwrap().file_name())).collect()
    }
}

fn kept_in(file: &Path) -> Settings {
    let mut settings = settings(&RecordingClock::new());
    settings.store = Some(Arc::new(FileStore::new(file)));
    settings
}

#[tokio::test]
async fn the_file_holds_sessions_and_no_other_secret() {
    let capture = Capture::start();
    let place = Place::new();
    let vendor = Vendor::granting(SESSION, |request| success(request.path()));
    let settings = kept_in(&place.file());
    for run in 1..=2 {
        // A second run finds the sessions of the first.
        let vendors = Vendors::at(&vendor.url(), &settings);
        for row in ROWS {
            let connection = vendors.open(row, &canary).unwrap();
            read_call(&connection, row.0).await.unwrap();
            assert_clean("connection", &format!("{connection:?} {:#?}", connection.session()));
        }
        assert_clean("vendors and settings", &format!("{vendors:?} {settings:#?} run {run}"));
    }
    let text = fs::read_to_string(place.file()).unwrap();
    let of_sessions = text.matches(SESSION).count();
    assert!(of_sessions >= 5, "{of_sessions} sessions were kept");
    assert_clean("the file, but for its sessions", &text.replace(SESSION, ""));
    assert_clean("the names of the files", &place.names());
    capture.assert_clean();
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_spoken_of_without_what_is_in_it() {
    let capture = Capture::start();
    let place = Place::new();
    let vendor = Vendor::granting(SESSION, |request| success(request.path()));
    let file = place.file();
    let sign_in = async || {
        let connection = Vendors::at(&vendor.url(), &kept_in(&file)).open(ROWS[0], &canary).unwrap();
        let outcome = read_call(&connection, ROWS[0].0).await.map(drop);
        if let Err(error) = &outcome {
            assert_clean("the error", &format!("{error} {error:?} {error:#?}"));
        }
        outcome.map_err(|error| error.kind())
    };
    sign_in().await.unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    let wrong_record = |text: &str| whole.replace(r#""session":"#, text);
    let rewritten = [
        whole[..whole.len() / 2].to_owned(),
        whole.replace(r#""sessions":{"#, r#""sessions":["CANARY-7q3z"],"x":{"#),
        wrong_record(r#""session":7,"CANARY-7q3z":"#),
        wrong_record(r#""session":{"CANARY-7q3z":1},"x":"#),
        whole.replace(SESSION, "CANARY 7q3z\\n"),
        r#"{"format":"CANARY-7q3z","sessions":{}}"#.to_owned(),
    ];
    for damaged in rewritten {
        fs::write(&file, &damaged).unwrap();
        assert_eq!(sign_in().await, Ok(()), "{damaged}");
    }
    // These somebody has to look at.
    fs::write(&file, "CANARY-7q3z").unwrap();
    assert_eq!(sign_in().await, Err("store"));
    fs::write(&file, r#"{"format":99,"sessions":{"CANARY-7q3z":"CANARY-7q3z"}}"#).unwrap();
    assert_eq!(sign_in().await, Err("store"));
    fs::write(&file, &whole).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(sign_in().await, Err("store"));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    assert_eq!(sign_in().await, Err("store"));
    capture.assert_clean();
    assert!(capture.text().contains("damaged"), "no word of the damage was caught");
}
