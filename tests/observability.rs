//! What whoever runs it sees of its calls: spans under OpenTelemetry's names, and what an observer is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "support/capture.rs"]
#[expect(dead_code, reason = "the rest is for canaries")]
mod capture;
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledgerkey::client::{Observer, Waited};
use ledgerkey::table::Operation;
use support::{ROWS, RecordingClock, Reply, Vendor, Vendors, plain, settings, success};

#[derive(Debug, Default)]
struct Noting(Mutex<Vec<String>>);

impl Observer for Noting {
    fn attempted(&self, operation: &'static Operation, status: Option<u16>, failed: Option<&'static str>, _: Duration) {
        let status = status.map_or_else(|| "no answer".into(), |status| status.to_string());
        let how = failed.unwrap_or("good");
        self.0.lock().unwrap().push(format!("{} {status} {how}", operation.id));
    }

    fn waited(&self, operation: &'static Operation, what: Waited, _: Duration) {
        self.0.lock().unwrap().push(format!("{} waits: {what:?}", operation.id));
    }
}

#[tokio::test]
async fn every_sign_in_call_try_and_wait_is_seen() {
    let capture = capture::Capture::start();
    let first = std::sync::atomic::AtomicBool::new(true);
    let vendor =
        Vendor::granting("example", move |request| match first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            true => Reply::json(503, "[]"),
            false => success(request.path()),
        });
    let observer = Arc::new(Noting::default());
    let mut settings = settings(&RecordingClock::new());
    settings.observer = Some(observer.clone());
    let organization = Vendors::at(&vendor.url(), &settings).organization(ROWS[0], &plain).unwrap();
    organization.api().list_vendors().send().await.unwrap();
    assert_eq!(
        *observer.0.lock().unwrap(),
        ["login 200 good", "listVendors 503 passing", "listVendors waits: BackOff", "listVendors 200 good"]
    );

    let text = capture.text();
    let spans: Vec<&str> = text.lines().filter(|line| line.ends_with("close") || line.contains(": close ")).collect();
    let port = vendor.url().rsplit(':').next().unwrap().to_owned();
    let call = r#"call{otel.name="listVendors" api="bill"}"#;
    let attempt = format!(
        r#"attempt{{otel.kind="client" http.request.method="GET" url.template="/v3/vendors" server.address="127.0.0.1" server.port={port}"#
    );
    for seen in [
        format!(r#"{call}:sign_in{{way="developer-key" cause="cold"}}: "#),
        format!(r#"{call}:wait{{reason="waiting for the sign-in"}}"#),
        format!(r#"{call}:{attempt} http.request.resend_count=0 http.response.status_code=503 error.type="passing"}}"#),
        format!(r#"{call}:wait{{reason="backing off" wait_ms="#),
        format!(r#"{call}:{attempt} http.request.resend_count=1 http.response.status_code=200}}"#),
    ] {
        assert_eq!(spans.iter().filter(|line| line.contains(&seen)).count(), 1, "{seen} of {spans:#?}");
    }
}
