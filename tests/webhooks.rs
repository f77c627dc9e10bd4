//! The receiver of `examples/webhooks.rs` over loopback, as BILL would meet it.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

#[expect(dead_code, reason = "its `main` is the example's")]
#[path = "../examples/webhooks.rs"]
mod receiver;

use ledgerkey::bill::webhook::{Event, SIGNATURE_HEADER};
use ledgerkey::client::reqwest;
use receiver::{Handed, PATH, REMEMBERED, router};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const KEY: &str = "example-security-key";

/// A body and its signature, which Python's `hmac` computed once.
type Signed = (&'static str, &'static str);

const PAYMENT: Signed = (
    r#"{"metadata":{"eventId":"evt_1","eventType":"payment.updated"},"payment":{"id":"stpexample","status":"PROCESSED"}}"#,
    "JNdTp+rcXQyu8GQUT6NKM2flUs6O0RWVZZjjtIS61X8=",
);
const USER: Signed = (
    r#"{"metadata":{"eventId":"evt_2","eventType":"user.created"},"user":{"id":"006example"}}"#,
    "icqD7wrsCLWyw2wL6+QwuOfVHXm4LueFdSRm7pEk7BE=",
);
/// As BILL's page has it: an object within a text.
const TEXT: Signed = (
    r#""{\"metadata\":{\"eventId\":\"evt_3\",\"eventType\":\"user.created\"},\"user\":{\"id\":\"006example\"}}""#,
    "uCWbnyFOUbUJwK0/IhMiRRJZLDdSM/KU8XRIoJkYeV8=",
);
const NO_TYPE: Signed = (r#"{"metadata":{"eventId":"evt_4"}}"#, "P1jnbvNkXArXC2iLW5BjjJM2K4vRB/P/4HWOUlcODCE=");

struct House {
    url: String,
    client: reqwest::Client,
    events: mpsc::Receiver<Handed>,
}

impl House {
    async fn new(room: usize, key: &str) -> Self {
        let (sender, events) = mpsc::channel(room);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
        let router = router(key.into(), sender);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, client: reqwest::Client::new(), events }
    }

    async fn post(&self, (body, signature): (&str, &str)) -> u16 {
        let request = self.client.post(&self.url).header("content-type", "application/json");
        let request = if signature.is_empty() { request } else { request.header(SIGNATURE_HEADER, signature) };
        request.body(body.to_owned()).send().await.unwrap().status().as_u16()
    }

    /// The id of the next event that was handed on, if there is one.
    fn next(&mut self) -> Option<String> {
        self.events
            .try_recv()
            .ok()
            .map(|event| event.map_or_else(|error| error.kind().into(), |event| event.event_id().into()))
    }
}

#[tokio::test]
async fn an_event_is_handed_on_once_however_often_it_comes() {
    let mut house = House::new(10, KEY).await;
    for _ in 0..3 {
        assert_eq!(house.post(PAYMENT).await, 200);
    }
    assert_eq!([house.post(USER).await, house.post(TEXT).await], [200, 200]);
    let Ok(Ok(payment)) = house.events.try_recv() else { panic!("nothing was handed on") };
    assert_eq!((payment.event_id(), payment.event_type()), ("evt_1", "payment.updated"));
    assert!(matches!(payment.event(), Event::Payment(payment) if payment.status.as_deref() == Some("PROCESSED")));
    assert_eq!([house.next(), house.next(), house.next()], [Some("evt_2".into()), Some("evt_3".into()), None]);
}

#[tokio::test]
async fn what_is_not_signed_by_the_key_is_answered_with_401_and_goes_nowhere() {
    let mut house = House::new(10, KEY).await;
    for signature in ["", "x", USER.1, KEY] {
        assert_eq!(house.post((PAYMENT.0, signature)).await, 401, "{signature}");
    }
    // The same JSON is not the same body.
    assert_eq!(house.post((&format!("{} ", PAYMENT.0), PAYMENT.1)).await, 401);
    let huge = " ".repeat(300 * 1024);
    assert_eq!(house.post((&huge, PAYMENT.1)).await, 413);
    assert_eq!(house.next(), None);
    assert_eq!(house.post(PAYMENT).await, 200, "a forgery does not use up the id");
    assert_eq!(house.next(), Some("evt_1".into()));
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_not_sent_again() {
    let mut house = House::new(10, KEY).await;
    assert_eq!(house.post(NO_TYPE).await, 200);
    assert_eq!([house.next(), house.next()], [Some("decode".into()), None]);
}

#[tokio::test]
async fn an_event_that_finds_no_room_is_taken_when_it_comes_again() {
    let mut house = House::new(1, KEY).await;
    assert_eq!([house.post(PAYMENT).await, house.post(USER).await, house.post(PAYMENT).await], [200, 503, 200]);
    assert_eq!(house.next(), Some("evt_1".into()));
    assert_eq!(house.post(USER).await, 200);
    assert_eq!([house.next(), house.next()], [Some("evt_2".into()), None]);
}

#[tokio::test]
async fn a_receiver_without_a_key_takes_nothing() {
    let mut house = House::new(1, "").await;
    assert_eq!(house.post(PAYMENT).await, 500);
    assert_eq!(house.next(), None);
}

#[test]
fn the_oldest_ids_are_forgotten() {
    let mut seen = receiver::Seen::default();
    for id in 0..REMEMBERED + 5 {
        seen.add(id.to_string());
    }
    assert!(!seen.has("4") && seen.has("5"));
}
