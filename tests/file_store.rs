//! Sessions in a file: shared by processes, and trusted only as far as they can be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "support/sign_ins.rs"]
mod sign_ins;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use ledgerkey::bill::{Bill, DeveloperKey, Organization};
use ledgerkey::client::Settings;
use ledgerkey::session::file::FileStore;
use ledgerkey_cli::sandbox_clock::SandboxClock;
use ledgerkey_sandbox::{Revoke, Sandbox};
use tempfile::TempDir;

use self::sign_ins::SignIns;

fn file(directory: &TempDir) -> PathBuf {
    directory.path().join("sessions.json")
}

/// What a process of its own would open, in this one: nothing in it is shared but the file. Real ones are in `crates/cli/tests/store.rs`.
fn like_a_process(sandbox: &Sandbox, file: &Path) -> Organization {
    let mut settings = Settings::default();
    settings.clock = Arc::new(SandboxClock::new(sandbox.clock()));
    settings.store = Some(Arc::new(FileStore::new(file)));
    open(sandbox.url(), settings, |name| sandbox.credentials()[name].clone())
}

fn open(url: &str, settings: Settings, get: impl Fn(&str) -> String) -> Organization {
    let bill = Bill::at(&format!("{url}/connect"), &format!("{url}/api/v2"), settings).unwrap();
    let credential = DeveloperKey {
        username: get("BILL_USERNAME"),
        password: get("BILL_PASSWORD").into(),
        organization_id: get("BILL_ORGANIZATION_ID"),
        dev_key: get("BILL_DEV_KEY").into(),
    };
    bill.session(credential).unwrap()
}

async fn list(organization: &Organization) -> Result<(), ledgerkey::Error> {
    organization.api().list_vendors().max(1).send().await.map(drop)
}

async fn all_list(organizations: &[Organization]) {
    let calls =
        organizations.iter().cloned().map(|organization| tokio::spawn(async move { list(&organization).await }));
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_processes_make_one_sign_in() {
    let directory = tempfile::tempdir().unwrap();
    // Ten processes know nothing of each other's calls: only a shared budget could keep them within the vendor's three at once.
    let sandbox = Sandbox::builder().concurrency_limit(false).start().unwrap();
    let processes: Vec<_> = (0..10).map(|_| like_a_process(&sandbox, &file(&directory))).collect();
    all_list(&processes).await;
    assert_eq!(sandbox.sign_ins(), 1);
    sandbox.revoke(Revoke::All);
    all_list(&processes).await;
    assert_eq!(sandbox.sign_ins(), 2);
    sandbox.clock().advance(Duration::from_secs(36 * 60));
    all_list(&processes).await;
    assert_eq!(sandbox.sign_ins(), 3);
    let mode = std::fs::metadata(file(&directory)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn use_by_one_process_keeps_the_session_for_another() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    let [one, two] = [like_a_process(&sandbox, &file(&directory)), like_a_process(&sandbox, &file(&directory))];
    all_list(&[one.clone(), two.clone()]).await;
    for _ in 0..3 {
        sandbox.clock().advance(Duration::from_secs(20 * 60));
        list(&one).await.unwrap();
        // The store is told on a task of its own.
        until(|| record(&file(&directory))["last_used"].as_u64() >= millis(&sandbox)).await;
    }
    list(&two).await.unwrap();
    assert_eq!(sandbox.sign_ins(), 1);
}

async fn until(done: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it never came");
}

fn millis(sandbox: &Sandbox) -> Option<u64> {
    let since = sandbox.clock().now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).ok()
}

fn record(file: &Path) -> serde_json::Value {
    let profile: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    profile["sessions"].as_object().unwrap().values().next().unwrap().clone()
}

#[tokio::test]
async fn what_is_kept_is_the_session_and_nothing_else_that_is_secret() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    list(&like_a_process(&sandbox, &file(&directory))).await.unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for name in ["BILL_PASSWORD", "BILL_DEV_KEY"] {
            assert!(!text.contains(&sandbox.credentials()[name]), "{name}");
        }
    }
}

#[tokio::test]
async fn a_sign_out_is_one_for_every_process() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    list(&like_a_process(&sandbox, &file(&directory))).await.unwrap();
    let other = like_a_process(&sandbox, &file(&directory));
    list(&other).await.unwrap();
    other.sign_out().await.unwrap();
    list(&like_a_process(&sandbox, &file(&directory))).await.unwrap();
    assert_eq!((sandbox.sign_ins(), sandbox.served("logout")), (2, 1));
}

#[tokio::test]
async fn a_sign_out_by_a_call_of_ones_own_is_one_for_every_process() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    let one = like_a_process(&sandbox, &file(&directory));
    one.api().logout().send().await.unwrap();
    all_list(&[like_a_process(&sandbox, &file(&directory)), one]).await;
    assert_eq!((sandbox.sign_ins(), sandbox.served("logout")), (2, 1));
    assert!(sandbox.log().iter().all(|served| served.code.is_none()), "nobody tries the dead session");
}

#[tokio::test]
async fn a_process_that_has_made_no_call_signs_out_what_is_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    like_a_process(&sandbox, &file(&directory)).sign_out().await.unwrap();
    assert_eq!((sandbox.sign_ins(), sandbox.served("logout")), (0, 0), "there is none");
    let other = like_a_process(&sandbox, &file(&directory));
    list(&other).await.unwrap();
    like_a_process(&sandbox, &file(&directory)).sign_out().await.unwrap();
    assert_eq!(sandbox.served("logout"), 1);
    list(&other).await.unwrap();
    assert_eq!(sandbox.sign_ins(), 2);
}

#[tokio::test]
async fn a_dead_session_out_of_the_file_is_not_taken_for_one_that_was_refused_fresh() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    let [one, two] = [like_a_process(&sandbox, &file(&directory)), like_a_process(&sandbox, &file(&directory))];
    all_list(&[one.clone(), two.clone()]).await;
    sandbox.revoke(Revoke::All);
    list(&two).await.unwrap();
    sandbox.revoke(Revoke::All);
    // Its own is dead, and so is the one that the other has put into the file since.
    list(&one).await.unwrap();
    list(&two).await.unwrap();
    assert_eq!(sandbox.sign_ins(), 3);
}

#[tokio::test]
async fn a_damaged_file_is_as_if_it_were_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    list(&like_a_process(&sandbox, &file(&directory))).await.unwrap();
    let whole = std::fs::read(file(&directory)).unwrap();
    let foreign = String::from_utf8(whole.clone()).unwrap().replace("developer-key", "another-way").into_bytes();
    for (number, bytes) in
        [Vec::new(), b"{".to_vec(), whole[..whole.len() / 2].to_vec(), foreign].into_iter().enumerate()
    {
        std::fs::write(file(&directory), bytes).unwrap();
        list(&like_a_process(&sandbox, &file(&directory))).await.unwrap();
        list(&like_a_process(&sandbox, &file(&directory))).await.unwrap();
        assert_eq!(sandbox.sign_ins(), number as u64 + 2);
    }
}

#[tokio::test]
async fn a_file_that_must_not_be_used_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    list(&like_a_process(&sandbox, &file(&directory))).await.unwrap();
    let text = std::fs::read_to_string(file(&directory)).unwrap();

    let newer = text.replacen("\"format\":1", "\"format\":99", 1);
    std::fs::write(file(&directory), &newer).unwrap();
    refused(&sandbox, &file(&directory), "format 99").await;
    assert_eq!(std::fs::read_to_string(file(&directory)).unwrap(), newer);

    // Something else altogether, which was named by mistake.
    for other in [&b"\xff\xfe"[..], b"{}", b"-----BEGIN EXAMPLE-----", b"[1]"] {
        std::fs::write(file(&directory), other).unwrap();
        refused(&sandbox, &file(&directory), "something else").await;
        assert_eq!(std::fs::read(file(&directory)).unwrap(), other);
    }

    std::fs::write(file(&directory), &text).unwrap();
    std::fs::set_permissions(file(&directory), std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&sandbox, &file(&directory), "chmod 600").await;

    refused(&sandbox, directory.path(), "not a regular file").await;
    assert_eq!(sandbox.sign_ins(), 1);
}

async fn refused(sandbox: &Sandbox, file: &Path, words: &str) {
    let error = list(&like_a_process(sandbox, file)).await.unwrap_err();
    assert_eq!(error.kind(), "store");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn when_nothing_can_be_written_the_session_is_used_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start().unwrap();
    // What would be moved into place cannot be made.
    std::fs::create_dir_all(directory.path().join(".sessions.json.new/x")).unwrap();
    let organization = like_a_process(&sandbox, &file(&directory));
    list(&organization).await.unwrap();
    list(&organization).await.unwrap();
    assert_eq!(sandbox.sign_ins(), 1);

    // A place that is not there at all: one sign-in a minute at most, however often the session is lost.
    let lost = like_a_process(&sandbox, &directory.path().join("nowhere/sessions.json"));
    list(&lost).await.unwrap();
    assert_eq!(sandbox.sign_ins(), 2);
    sandbox.revoke(Revoke::All);
    for _ in 0..5 {
        assert_eq!(list(&lost).await.unwrap_err().kind(), "store");
    }
    assert_eq!(sandbox.sign_ins(), 2);
    sandbox.clock().advance(Duration::from_secs(61));
    list(&lost).await.unwrap();
    assert_eq!(sandbox.sign_ins(), 3);
}

#[test]
fn processes_killed_at_any_point_leave_one_usable_session() {
    let directory = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::builder().real_clock().concurrency_limit(false).rate_limits(false).start().unwrap();
    // Each counts its own: the sandbox may still come to a request that one of the killed left in a socket.
    let sign_ins = || child(&sandbox, &file(&directory)).wait().unwrap().code().unwrap();
    assert_eq!([sign_ins(), sign_ins()], [1, 0]);
    for round in 0..12_u64 {
        sandbox.revoke(Revoke::All);
        let mut children: Vec<Child> = (0..5).map(|_| child(&sandbox, &file(&directory))).collect();
        // At points that differ from round to round and from child to child, from before the first system call to after the last.
        for (number, child) in children.iter_mut().enumerate() {
            std::thread::sleep(Duration::from_millis((round * 7 + number as u64 * 3) % 29));
            let _ = child.kill();
        }
        children.iter_mut().for_each(|child| drop(child.wait()));
        assert!(sign_ins() <= 1, "round {round}");
        assert_eq!(sign_ins(), 0, "round {round}: the session that is left is shared");
    }
}

/// A process of its own that makes one call, and exits with how many times it signed in for it.
fn child(sandbox: &Sandbox, file: &Path) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "one_call_of_a_child", "--quiet"]).stdout(std::process::Stdio::null());
    command.env("LEDGERKEY_CHILD_URL", sandbox.url()).env("LEDGERKEY_CHILD_FILE", file).envs(sandbox.credentials());
    command.spawn().unwrap()
}

#[tokio::test]
async fn one_call_of_a_child() {
    let (Ok(url), Some(file)) = (std::env::var("LEDGERKEY_CHILD_URL"), std::env::var_os("LEDGERKEY_CHILD_FILE")) else {
        return; // not started as a child
    };
    let mut settings = Settings::default();
    settings.store = Some(Arc::new(FileStore::new(file)));
    let sign_ins = Arc::new(SignIns::default());
    settings.observer = Some(sign_ins.clone());
    list(&open(&url, settings, |name| std::env::var(name).unwrap())).await.unwrap();
    std::process::exit(sign_ins.take().try_into().unwrap());
}
