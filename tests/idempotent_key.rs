//! Calls that BILL performs once for each idempotent key: tried again under the same one, and of unknown fate where no try was answered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod support;

use ledgerkey::Error;
use ledgerkey::bill::events;
use ledgerkey::client::ClientInfo as _;
use ledgerkey::client::dynamic::Arguments;
use serde_json::json;
use support::{ROWS, RecordingClock, Reply, Vendor, Vendors, plain, settings};

const KEY: &str = "00000000-0000-4000-8000-000000000001";

/// Subscribes at a BILL that answers the first try, the second and so on like this, and the rest like the last.
async fn subscribed(replies: Vec<Reply>) -> (Result<(), Error>, usize) {
    let vendor = {
        let tries = std::sync::atomic::AtomicUsize::new(0);
        Vendor::granting("example", move |_| {
            let number = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            replies[number.min(replies.len() - 1)].clone()
        })
    };
    let vendors = Vendors::at(&vendor.url(), &settings(&RecordingClock::new()));
    let api = vendors.organization(ROWS[0], &plain).unwrap().events();
    let subscription = json!({
        "name": "Example", "status": {"enabled": true}, "events": [{"type": "bill.created", "version": "1"}],
        "notificationUrl": "https://example.com/notifications",
    });
    let arguments = Arguments::default().param("X-Idempotent-Key", KEY).body(subscription);
    let outcome = api.inner().call(&events::operations::CREATE_SUBSCRIPTION, &arguments).await;
    let tries = vendor.calls();
    for request in &tries {
        let keys: Vec<_> = request.headers.iter().filter(|(name, _)| name == "x-idempotent-key").collect();
        assert!(matches!(&keys[..], [(_, key)] if key == KEY), "{keys:?}");
        assert_eq!(request.body, tries[0].body);
    }
    (outcome.map(drop), tries.len())
}

fn lost() -> Reply {
    Reply::Cut(Vec::new())
}

fn busy() -> Reply {
    Reply::json(429, "[]")
}

#[tokio::test]
async fn one_key_spans_all_tries() {
    let done = json!({
        "id": "example", "name": "Example", "status": {"enabled": true}, "notificationUrl": "https://example.com/notifications",
        "events": [{"type": "bill.created", "version": "1"}], "securityKey": "example",
    });
    let (outcome, tries) = subscribed(vec![lost(), Reply::json(503, "[]"), Reply::json(200, done.to_string())]).await;
    outcome.unwrap();
    assert_eq!(tries, 3);
}

#[tokio::test]
async fn where_no_try_was_answered_for_good_its_fate_is_unknown() {
    // BILL refuses a second try with 429 while the first is under way.
    for replies in [vec![lost()], vec![lost(), busy()], vec![busy(), lost(), busy()]] {
        let (outcome, tries) = subscribed(replies).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::Ambiguous { operation: "createSubscription", .. }), "{error}");
        assert_eq!(tries, 4);
    }
    // A refusal of the session is no word on the key, and a gateway's page is none either.
    let dead = Reply::json(401, r#"[{"code":"BDC_1109","message":"x"}]"#);
    let page = Reply::text(200, "text/html", "<html>maintenance</html>");
    let barred = Reply::text(403, "text/html", "<html>Forbidden</html>");
    for replies in [vec![lost(), dead], vec![lost(), barred], vec![lost(), page.clone()], vec![page]] {
        let error = subscribed(replies).await.0.unwrap_err();
        assert_eq!(error.kind(), "ambiguous", "{error}");
    }
    // Nothing that was sent can have been performed.
    let (outcome, _) = subscribed(vec![busy()]).await;
    assert_eq!(outcome.unwrap_err().kind(), "rate-limited");
    // BILL's word on the key is the last.
    let (outcome, tries) = subscribed(vec![lost(), Reply::json(400, "[]")]).await;
    assert_eq!((outcome.unwrap_err().kind(), tries), ("vendor", 2));
}
