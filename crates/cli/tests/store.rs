//! `LEDGERKEY_STORE`: which runs share a session, and what of a store is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use ledgerkey_sandbox::Revoke;
use serde_json::{Value, json};
use support::{Vendors, ledgerkey};
use tempfile::TempDir;

const LIST: [&str; 3] = ["call", "bill", "listVendors"];

/// A directory of a test's own, gone with it.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("sessions")
    }

    /// Vendors whose sessions are kept in its file.
    fn vendors(&self) -> Vendors {
        Vendors::start().with("LEDGERKEY_STORE", &format!("file:{}", self.file().display()))
    }
}

/// The sessions that a file holds.
fn kept(file: &Path) -> Vec<String> {
    let profile: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let records = profile["sessions"].as_object().unwrap().values();
    records.map(|record| record["session"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn memory_ends_its_session_and_a_file_keeps_it() {
    let memory = Vendors::start();
    memory.run(&LIST).answered();
    memory.run(&LIST).answered();
    assert_eq!((memory.sandbox.sign_ins(), memory.sandbox.acted("logout")), (2, 2));
    // After a call that failed, too.
    memory.run(&["call", "bill", "getVendor", "--param", "vendorId=nope"]).failed(4, &[]);
    assert_eq!(memory.sandbox.acted("logout"), 3);

    let directory = Directory::new();
    let file = directory.vendors();
    file.run(&LIST).answered();
    file.run(&LIST).answered();
    file.run(&["call", "bill", "getVendor", "--param", "vendorId=nope"]).failed(4, &[]);
    assert_eq!((file.sandbox.sign_ins(), file.sandbox.acted("logout")), (1, 0));
}

#[test]
fn a_session_that_could_not_be_kept_is_ended_and_that_is_told() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    // What would be moved into place cannot be made.
    fs::create_dir_all(directory.0.path().join(".sessions.new/x")).unwrap();
    let done = vendors.command(&LIST).output().unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success() && told.contains("could not be kept"), "{told}");
    assert_eq!((vendors.sandbox.sign_ins(), vendors.sandbox.acted("logout")), (1, 1));
}

#[test]
fn ten_runs_at_once_share_one_session_and_replace_it_once() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    let ten = || {
        let start = || vendors.command(&LIST).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let runs: Vec<_> = (0..10).map(|_| start()).collect();
        for run in runs {
            let done = run.wait_with_output().unwrap();
            assert!(done.status.success() && done.stderr.is_empty(), "{done:?}");
        }
    };
    ten();
    assert_eq!(vendors.sandbox.sign_ins(), 1);
    assert_eq!(vendors.sandbox.revoke(Revoke::Bill), 1);
    vendors.run(&LIST).answered();
    assert_eq!(vendors.sandbox.sign_ins(), 2);
    vendors.sandbox.revoke(Revoke::Bill);
    ten();
    assert_eq!(vendors.sandbox.sign_ins(), 3);
}

/// Some of the ten at whatever point of their run; those that are left are served, by one session that is then in the file.
#[test]
fn of_ten_runs_some_may_be_killed() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    for round in 0..6 {
        vendors.sandbox.revoke(Revoke::All);
        let dice = RandomState::new();
        let start = || vendors.command(&LIST).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut runs: Vec<_> = (0..10).map(|_| start()).collect();
        let mut after = Vec::new();
        for number in 0..4 {
            let wait = Duration::from_micros(dice.hash_one(number) % 60_000);
            std::thread::sleep(wait);
            let which = usize::try_from(dice.hash_one(wait) % 6).unwrap();
            after.push((wait, which));
            let mut killed = runs.swap_remove(which);
            let _ = killed.kill();
            killed.wait().unwrap();
        }
        for run in runs {
            let done = run.wait_with_output().unwrap();
            assert!(
                done.status.success() && done.stderr.is_empty(),
                "round {round}, killed after and which {after:?}: {done:?}"
            );
        }
        let left = kept(&directory.file());
        vendors.run(&LIST).answered();
        assert_eq!(
            (left.len(), &left),
            (1, &kept(&directory.file())),
            "round {round}, killed after and which {after:?}"
        );
    }
}

/// No file may grow by a byte.
#[test]
fn a_disk_that_takes_no_more_loses_nothing() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    vendors.run(&LIST).answered();
    let before = fs::read(directory.file()).unwrap();
    let on_a_full_disk = |arguments: &[&str]| {
        let command = vendors.command(arguments);
        let mut full = Command::new("sh");
        full.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]).arg(command.get_program());
        full.args(command.get_args()).env_clear();
        full.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        full.output().unwrap()
    };
    // One that needs a session of its own has it, uses it and ends it.
    let done = on_a_full_disk(&["call", "bill", "listVendors", "--way", "sync-token"]);
    let told = String::from_utf8(done.stderr).unwrap();
    assert!(done.status.success() && told.contains("could not be kept"), "{told}");
    assert_eq!((vendors.sandbox.sign_ins(), vendors.sandbox.acted("logout")), (2, 1));
    assert_eq!(fs::read(directory.file()).unwrap(), before);
    let sign_ins = vendors.sandbox.sign_ins();
    let done = on_a_full_disk(&LIST);
    assert!(done.status.success(), "{done:?}");
    vendors.run(&LIST).answered();
    assert_eq!(vendors.sandbox.sign_ins(), sign_ins, "what was there before is used");
    let names: Vec<_> = fs::read_dir(directory.0.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.contains(&".sessions.new".into()), "{names:?}");
}

#[test]
fn one_file_serves_every_way() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    let runs: [(&[&str], u64); 6] = [
        (&["call", "bill", "listVendors", "--way", "sync-token"], 1),
        // The partner's session, and that of the user.
        (&["call", "bill", "listVendors", "--way", "partner-user"], 2),
        (&["call", "bill-partner", "listOrganizations"], 0),
        (&["call", "bill-v2", "listVendors", "--way", "console-token"], 1),
        (&["call", "bill-spend", "listBudgets"], 0),
        (&["call", "bezala", "listAccounts"], 1),
    ];
    for again in [false, true] {
        for (arguments, sign_ins) in runs {
            let before = vendors.sandbox.sign_ins();
            vendors.run(arguments).answered();
            let expected = if again { 0 } else { sign_ins };
            assert_eq!(vendors.sandbox.sign_ins() - before, expected, "{arguments:?}");
        }
    }
    assert_eq!(kept(&directory.file()).len(), 5);
}

/// What the words about a missing trust tell to do.
#[test]
fn a_kept_session_is_made_trusted_and_pays() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    let bills = vendors.run(&["call", "bill", "listBills", "--param", "max=1"]).json();
    let banks = vendors.run(&["call", "bill", "listBankAccounts", "--param", "filters=status:eq:VERIFIED"]).json();
    let payment = json!({
        "billId": bills["results"][0]["id"], "amount": 1.25, "processingOptions": {},
        "fundingAccount": {"type": "BANK_ACCOUNT", "id": banks["results"][0]["id"]},
    })
    .to_string();
    let pay = ["call", "bill", "createPayment", "--body", &payment];
    vendors.run(&pay).failed(3, &["LEDGERKEY_STORE=file:PATH", "challengeMfa --body '{}'", "validateMfaChallenge"]);
    let challenge = vendors.run(&["call", "bill", "challengeMfa", "--body", "{}"]).json();
    let token = vendors.sandbox.phone().pop().unwrap().token;
    let proof = json!({"challengeId": challenge["challengeId"], "token": token}).to_string();
    vendors.run(&["call", "bill", "validateMfaChallenge", "--body", &proof]).answered();
    assert_eq!(vendors.run(&pay).json()["status"], "SCHEDULED");
    assert_eq!(vendors.sandbox.sign_ins(), 1);
}

/// A store that cannot be reached is no reason to keep a misspelling from whoever made it.
#[test]
fn a_mistake_in_the_arguments_is_told_before_the_store_is_looked_at() {
    let vendors = Vendors::start().with("LEDGERKEY_STORE", "file:/does/not/exist/sessions");
    vendors.run(&["call", "bill", "listVendor"]).failed(2, &["did you mean listVendors"]);
    vendors.run(&["call", "bill", "createVendor", "--body", "{"]).failed(2, &["not JSON"]);
}

#[test]
fn other_credentials_get_a_session_of_their_own() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    vendors.run(&LIST).answered();
    let second = vendors.env["BILL_SECOND_DEV_KEY"].clone();
    let vendors = vendors.with("BILL_DEV_KEY", &second);
    vendors.run(&LIST).answered();
    assert_eq!(vendors.sandbox.sign_ins(), 2);
    assert_eq!(kept(&directory.file()).len(), 2);
}

#[test]
fn a_stored_session_is_never_told_and_no_credential_is_stored() {
    let directory = Directory::new();
    let vendors = directory.vendors().with("LEDGERKEY_LOG", "trace");
    let first = vendors.run(&LIST);
    let sessions = kept(&directory.file());
    vendors.sandbox.revoke(Revoke::Bill);
    let second = vendors.run(&LIST);
    assert_eq!((first.code, second.code), (0, 0));
    for session in sessions.into_iter().chain(kept(&directory.file())) {
        assert!(!format!("{first:?}{second:?}").contains(&session));
    }
    let stored = fs::read_to_string(directory.file()).unwrap();
    for (name, secret) in vendors.secrets() {
        assert!(!stored.contains(secret), "{name} is stored");
    }
}

#[cfg(unix)]
#[test]
fn a_store_that_must_not_be_used_is_left_as_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::new();
    let vendors = directory.vendors();
    vendors.run(&LIST).answered();
    let good = fs::read_to_string(directory.file()).unwrap();
    assert_eq!(fs::metadata(directory.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let sign_ins = vendors.sandbox.sign_ins();

    for (mode, text, words) in [
        (0o644, good.clone(), "chmod 600"),
        (0o660, good.clone(), "chmod 600"),
        // However it is written.
        (0o666, format!(" {good}"), "chmod 600"),
        (0o600, good.replace("\"format\":1", "\"format\":99"), "format 99"),
    ] {
        fs::write(directory.file(), &text).unwrap();
        fs::set_permissions(directory.file(), fs::Permissions::from_mode(mode)).unwrap();
        let run = vendors.run(&LIST);
        run.failed(2, &["sessions", words, "LEDGERKEY_STORE names"]);
        assert_eq!(run.out, "");
        assert_eq!(fs::read_to_string(directory.file()).unwrap(), text);
        assert_eq!(fs::metadata(directory.file()).unwrap().permissions().mode() & 0o777, mode);
    }

    // Only the superuser can give a file away.
    fs::write(directory.file(), &good).unwrap();
    fs::set_permissions(directory.file(), fs::Permissions::from_mode(0o600)).unwrap();
    if std::os::unix::fs::chown(directory.file(), Some(65534), None).is_ok() {
        vendors.run(&LIST).failed(2, &["belongs to another user", "LEDGERKEY_STORE names"]);
        assert_eq!(fs::read_to_string(directory.file()).unwrap(), good);
    }

    // Something else is told to be that, and not to be closed to others.
    fs::remove_file(directory.file()).unwrap();
    fs::write(directory.file(), "127.0.0.1 localhost\n").unwrap();
    fs::set_permissions(directory.file(), fs::Permissions::from_mode(0o644)).unwrap();
    vendors.run(&LIST).failed(2, &["is something else than a store of sessions"]);

    fs::remove_file(directory.file()).unwrap();
    fs::create_dir(directory.file()).unwrap();
    vendors.run(&LIST).failed(2, &["is not a regular file"]);
    assert!(directory.file().is_dir());

    fs::remove_dir(directory.file()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(directory.file()).status().unwrap();
    assert!(made.success());
    vendors.run(&LIST).failed(2, &["is not a regular file"]);
    assert_eq!(vendors.sandbox.sign_ins(), sign_ins, "nothing was sent");
}

/// As where a service's state is on a disk of its own, and new.
#[test]
#[cfg(unix)]
fn a_link_to_a_file_that_is_not_there_yet_stays_a_link() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    fs::create_dir(directory.0.path().join("disk")).unwrap();
    std::os::unix::fs::symlink("disk/sessions", directory.file()).unwrap();
    vendors.run(&LIST).answered();
    vendors.run(&LIST).answered();
    assert_eq!(vendors.sandbox.sign_ins(), 1);
    assert!(fs::symlink_metadata(directory.file()).unwrap().is_symlink());
    assert_eq!(kept(&directory.0.path().join("disk/sessions")).len(), 1);
}

#[test]
fn a_damaged_file_is_an_empty_one() {
    let directory = Directory::new();
    let vendors = directory.vendors();
    vendors.run(&LIST).answered();
    let file = fs::OpenOptions::new().write(true).open(directory.file()).unwrap();
    file.set_len(20).unwrap();
    vendors.run(&LIST).answered();
    vendors.run(&LIST).answered();
    assert_eq!(vendors.sandbox.sign_ins(), 2);
}

#[test]
fn what_names_no_store_is_a_mistake() {
    for (value, words) in [
        ("redis://:canary@127.0.0.1:6379/zero", "redis"),
        ("file:", "path of a file"),
        ("file:/does/not/exist/sessions", "no directory /does/not/exist"),
        ("somewhere", "file:PATH"),
        ("", "file:PATH"),
    ] {
        let vendors = Vendors::start().with("LEDGERKEY_STORE", value);
        let run = vendors.run(&LIST);
        run.failed(2, &["LEDGERKEY_STORE", words]);
        assert!(!run.err.contains("canary"), "{run:?}");
        assert_eq!(vendors.sandbox.log().len(), 0, "nothing was sent");
    }
    // Only `call` keeps sessions.
    let done = ledgerkey(&["operations"]).env("LEDGERKEY_STORE", "somewhere").output().unwrap();
    assert!(done.status.success(), "{done:?}");
}
