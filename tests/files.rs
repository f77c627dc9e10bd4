//! Files: up from disk and from a stream, and down to disk as a whole or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;
use ledgerkey::client::Contents;
use ledgerkey::{bezala, bill};
use support::{ROWS, Received, RecordingClock, Reply, Vendor, Vendors, plain, settings};

const UPLOADED: &str = r#"{"uploadId":"0du00000000000000001"}"#;

/// A vendor whose session is dead at the first call, and that takes every upload after it.
fn losing_its_session() -> Vendor {
    let calls = AtomicUsize::new(0);
    Vendor::granting("example-session", move |_| match calls.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(401, r#"[{"code":"BDC_1109","message":"Session is invalid."}]"#),
        _ => Reply::json(201, UPLOADED),
    })
}

fn organization(vendor: &Vendor) -> bill::Organization {
    Vendors::at(&vendor.url(), &settings(&RecordingClock::new())).organization(ROWS[0], &plain).unwrap()
}

async fn upload(organization: &bill::Organization, contents: Contents) -> Result<(), ledgerkey::Error> {
    let api = organization.api();
    api.create_bill_document().bill_id("00nexample").name("example.pdf").body(contents).send().await.map(drop)
}

fn calls(vendor: &Vendor) -> Vec<Received> {
    vendor.calls().into_iter().filter(|call| call.path().ends_with("/documents/bills/00nexample")).collect()
}

/// Larger than any buffer on its way.
fn large() -> Vec<u8> {
    (0..3_000_000_u32).map(|number| (number % 251) as u8).collect()
}

#[tokio::test]
async fn a_file_on_disk_tells_its_length_and_is_sent_again_after_a_dead_session() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("example.pdf");
    std::fs::write(&path, large()).unwrap();
    let vendor = losing_its_session();
    let organization = organization(&vendor);
    let contents = Contents::open(&path).await.unwrap();
    assert_eq!(contents.length(), Some(3_000_000));
    upload(&organization, contents).await.unwrap();
    assert_eq!((calls(&vendor).len(), vendor.sign_ins()), (2, 2));
    for call in calls(&vendor) {
        assert_eq!(call.header("content-length"), Some("3000000"));
        assert!(call.body == large(), "the bytes come as they are");
    }
}

#[tokio::test]
async fn an_upload_in_a_form_is_read_anew_for_each_try() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("receipt.pdf");
    std::fs::write(&path, large()).unwrap();
    let tries = AtomicUsize::new(0);
    let vendor = Vendor::granting("example-session", move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::json(401, r#"{"error":"not signed in"}"#),
        _ => Reply::json(200, r#"{"id":5,"file":"/uploads/tmp/a.pdf","transaction_id":41}"#),
    });
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let user = vendors.bezala.session(bezala::Password { email: plain("email"), password: "example".into() }).unwrap();
    let upload = bezala::Upload {
        file_name: "receipt.pdf".into(),
        contents: Contents::open(&path).await.unwrap(),
        media_type: "application/pdf".into(),
        transaction_id: None,
    };
    user.api().upload_attachment(upload).await.unwrap();
    let calls = vendor.calls();
    assert_eq!((calls.len(), vendor.sign_ins()), (2, 2));
    let (whole, begin) = (large(), &large()[..64]);
    let holds = |call: &Received| {
        let at = call.body.windows(64).position(|bytes| bytes == begin).expect("its beginning");
        call.body[at..].starts_with(&whole)
    };
    assert!(calls.iter().all(|call| call.header("content-length").is_some() && holds(call)));
}

#[tokio::test]
async fn a_stream_has_no_length_and_is_sent_once() {
    let vendor = losing_its_session();
    let organization = organization(&vendor);
    let pieces =
        || stream::iter(["exam", "ple"].map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece.as_bytes()))));
    assert_eq!(upload(&organization, Contents::stream(pieces())).await.unwrap_err().kind(), "vendor");
    let contents = Contents::stream(pieces());
    upload(&organization, contents.clone()).await.unwrap();
    let call = calls(&vendor).pop().unwrap();
    assert_eq!((call.header("content-length"), call.text().as_str()), (None, "example"));
    assert_eq!(upload(&organization, contents).await.unwrap_err().kind(), "config", "it has been sent already");
}

#[tokio::test]
async fn a_stream_in_a_form_is_sent_once_and_its_first_failure_stands() {
    for (reply, kind) in [
        (Reply::json(401, r#"{"error":"not signed in"}"#), "vendor"),
        (Reply::json(429, r#"{"error":"too many"}"#), "rate-limited"),
    ] {
        let vendor = Vendor::granting("example-session", move |_| reply.clone());
        let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
        let user = vendors.bezala.session(bezala::Password { email: plain("email"), password: "example".into() });
        let upload = bezala::Upload {
            file_name: "receipt.pdf".into(),
            contents: Contents::stream(stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"example"))])),
            media_type: "application/pdf".into(),
            transaction_id: None,
        };
        let error = user.unwrap().api().upload_attachment(upload).await.unwrap_err();
        assert_eq!((error.kind(), vendor.calls().len()), (kind, 1), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_another_by_the_time_it_is_sent_is_never_taken_for_the_one_that_was_meant() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("example.pdf");
    for now in [&b"short"[..], b"longer than it was"] {
        std::fs::write(&path, "ten bytes.").unwrap();
        let contents = Contents::open(&path).await.unwrap();
        std::fs::write(&path, now).unwrap();
        let vendor = Vendor::granting("example-session", |_| Reply::json(201, UPLOADED));
        let error = upload(&organization(&vendor), contents).await.unwrap_err();
        assert!(matches!(error.kind(), "ambiguous" | "network"), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_told_before_anything_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    for (path, kind) in [(directory.path().to_owned(), "config"), (directory.path().join("nothing.pdf"), "file")] {
        let error = Contents::open(&path).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

/// A vendor whose batch documents are this answer.
async fn download(reply: Reply, path: &std::path::Path) -> Result<u64, ledgerkey::Error> {
    let vendor = Vendor::granting("example-session", move |_| reply.clone());
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let user = vendors.bezala.session(bezala::Password { email: plain("email"), password: "example".into() }).unwrap();
    user.api().export_batch_documents().send().await?.into_inner().save(path).await
}

#[tokio::test]
async fn a_download_is_there_as_a_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("export.pdf");
    let pdf = |body: Vec<u8>| Reply::bytes(200, &[("content-type", "application/pdf")], body);
    assert_eq!(download(pdf(large()), &path).await.unwrap(), 3_000_000);
    assert!(std::fs::read(&path).unwrap() == large());

    // The connection breaks in the midst of it: what was there before is what is there.
    let mut cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/pdf\r\ncontent-length: 1000000\r\n\r\n".to_vec();
    cut.extend(vec![7; 400_000]);
    assert_eq!(download(Reply::Cut(cut), &path).await.unwrap_err().kind(), "network");
    assert!(std::fs::read(&path).unwrap() == large());

    let nowhere = directory.path().join("no folder").join("export.pdf");
    let error = download(pdf(Vec::new()), &nowhere).await.unwrap_err();
    assert!(error.kind() == "file" && error.to_string().contains("no folder"), "{error}");
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing else is left behind");
}
