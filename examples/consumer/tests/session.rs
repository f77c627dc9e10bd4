//! What a session of a generated client does, against a server in this process.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use acme::api::operations::LIST_ORDERS;
use acme::api::{Client, types};
use httpmock::prelude::*;
use httpmock::{Mock, MockServer};
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{Connection, Settings};
use ledgerkey::session::clock::{Clock, SystemClock, Wait};
use serde_json::json;

/// The system's clock, that can be moved on.
#[derive(Debug, Default)]
struct TestClock {
    system: SystemClock,
    ahead: Mutex<Duration>,
}

impl TestClock {
    fn advance(&self, minutes: u64) {
        *self.ahead.lock().unwrap() += Duration::from_secs(60 * minutes);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        self.system.now() + *self.ahead.lock().unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic() + *self.ahead.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        self.system.sleep(duration)
    }

    fn limit(&self, duration: Duration) -> Wait {
        self.system.limit(duration)
    }
}

fn open(server: &MockServer) -> (Client, Connection, Arc<TestClock>) {
    let clock = Arc::new(TestClock::default());
    let mut settings = Settings::default();
    settings.clock = clock.clone();
    let (client, connection) =
        acme::open(&server.base_url(), settings, "jane@example.com", "correct horse".into()).unwrap();
    (client, connection, clock)
}

async fn sign_in<'s>(server: &'s MockServer) -> Mock<'s> {
    server
        .mock_async(|when, then| {
            when.method(POST)
                .path("/v1/session")
                .json_body(json!({"email": "jane@example.com", "password": "correct horse"}));
            then.status(200).json_body(json!({"token": "t1", "user": 7}));
        })
        .await
}

async fn orders<'s>(server: &'s MockServer) -> Mock<'s> {
    server
        .mock_async(|when, then| {
            when.method(GET).path("/v1/orders").header("authorization", "Bearer t1");
            then.status(200).json_body(json!({
                "orders": [{"id": 1, "status": "lost", "total": 12.50, "ordered": "2026-11-02"}],
                "next": null,
            }));
        })
        .await
}

#[tokio::test]
async fn the_first_call_signs_in_and_the_next_ones_do_not() {
    let server = MockServer::start_async().await;
    let (sign_in, orders) = (sign_in(&server).await, orders(&server).await);
    let (client, _, _) = open(&server);
    assert_eq!(sign_in.calls_async().await, 0);
    // However many begin at once.
    let calls = [0; 5].map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.list_orders().send().await.unwrap() })
    });
    for call in calls {
        let page = call.await.unwrap();
        let order = &page.orders[0];
        assert_eq!(order.total.to_string(), "12.5");
        // A value that the spec does not know is no reason to fail.
        assert!(matches!(&order.status, types::OrderStatus::Other(status) if status == "lost"), "{order:?}");
    }
    assert_eq!((sign_in.calls_async().await, orders.calls_async().await), (1, 5));
}

#[tokio::test]
async fn the_idle_limit_of_the_spec_slides() {
    let server = MockServer::start_async().await;
    let (sign_in, _orders) = (sign_in(&server).await, orders(&server).await);
    let (client, _, clock) = open(&server);
    for minutes in [0, 15, 15, 15] {
        clock.advance(minutes);
        client.list_orders().send().await.unwrap();
    }
    assert_eq!(sign_in.calls_async().await, 1);
    clock.advance(21);
    client.list_orders().send().await.unwrap();
    assert_eq!(sign_in.calls_async().await, 2);
}

#[tokio::test]
async fn a_dead_session_is_replaced_once_and_an_error_is_typed() {
    let server = MockServer::start_async().await;
    let sign_in = sign_in(&server).await;
    let dead = server
        .mock_async(|when, then| {
            when.method(GET).path("/v1/orders/1");
            then.status(403).json_body(json!({"error": {"code": "SESSION_ENDED", "text": "Sign in again."}}));
        })
        .await;
    let (client, _, _) = open(&server);
    let error = client.get_order().id(1).send().await.unwrap_err();
    assert_eq!(error.kind(), "vendor");
    assert!(format!("{error} {error:?}").contains("SESSION_ENDED"));
    assert!(!format!("{error} {error:?} {client:?}").contains("horse"));
    assert_eq!((sign_in.calls_async().await, dead.calls_async().await), (2, 2));
}

#[tokio::test]
async fn a_wrong_password_is_tried_once() {
    let server = MockServer::start_async().await;
    let refused = server
        .mock_async(|when, then| {
            when.method(POST).path("/v1/session");
            then.status(403).json_body(json!({"error": {"code": "WRONG_PASSWORD", "text": "No."}}));
        })
        .await;
    let (client, _, _) = open(&server);
    for _ in 0..3 {
        assert_eq!(client.list_orders().send().await.unwrap_err().kind(), "sign-in-rejected");
    }
    assert_eq!(refused.calls_async().await, 1);
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_the_session_ended() {
    let server = MockServer::start_async().await;
    let sign_in = sign_in(&server).await;
    let order = |id: u32| json!({"id": id, "status": "open", "total": id});
    let last = server
        .mock_async(|when, then| {
            when.method(GET).path("/v1/orders").query_param("limit", "50").query_param("after", "o2");
            then.status(200).json_body(json!({"orders": [order(3)], "next": null}));
        })
        .await;
    let first = server
        .mock_async(|when, then| {
            when.method(GET).path("/v1/orders").query_param("limit", "50").query_param_missing("after");
            then.status(200).json_body(json!({"orders": [order(1), order(2)], "next": "o2"}));
        })
        .await;
    let sign_out = server
        .mock_async(|when, then| {
            when.method(DELETE).path("/v1/session").header("authorization", "Bearer t1");
            then.status(204);
        })
        .await;
    let (_, connection, _) = open(&server);
    let mut pages = connection.pages(&LIST_ORDERS, &Arguments::default()).unwrap();
    let mut ids = Vec::new();
    while let Some(page) = pages.try_next().await.unwrap() {
        ids.extend(page.value.rows.iter().map(|row| serde_json::from_str::<types::Order>(row.get()).unwrap().id));
    }
    assert_eq!(ids, [1, 2, 3]);
    connection.session().unwrap().sign_out().await.unwrap();
    assert_eq!((sign_in.calls_async().await, sign_out.calls_async().await), (1, 1));
    assert_eq!((first.calls_async().await, last.calls_async().await), (1, 1));
}
