//! Receives BILL's webhooks: verifies them, answers at once, and hands each event on once.
//!
//! ```sh
//! BILL_SECURITY_KEY=... cargo run --example webhooks -- 127.0.0.1:8080
//! ```
//!
//! BILL sends to https alone, so that a proxy with a certificate stands before it; the proxy must leave the body as it is.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::collections::{HashSet, VecDeque};
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::post;
use ledgerkey::bill::webhook::{Event, Notification, SIGNATURE_HEADER};
use ledgerkey::{Error, Secret};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let key = std::env::var("BILL_SECURITY_KEY").map_err(|_| "BILL_SECURITY_KEY is not set")?;
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let (sender, mut events) = mpsc::channel(WAITING);
    let listener = TcpListener::bind(&address).await?;
    println!("listening at http://{}{PATH}", listener.local_addr()?);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(key.into(), sender)).await {
            eprintln!("{error}");
        }
    });
    while let Some(event) = events.recv().await {
        match event {
            Ok(notification) => handle(&notification),
            Err(error) => eprintln!("an event was not read, look it up at BILL: {error}"),
        }
    }
    Ok(())
}

/// Where the work is done. Only a store that outlives the process, such as a database with the event's id as a key, makes it once for good.
fn handle(notification: &Notification) {
    match notification.event() {
        Event::Payment(payment) => println!("payment {:?} is {:?}", payment.id, payment.status),
        _ => println!("{} {}", notification.event_type(), notification.event_id()),
    }
}

/// The path of the subscription's `notificationUrl`.
pub(crate) const PATH: &str = "/webhooks/bill";
/// So many events may wait for their work.
const WAITING: usize = 1_000;
/// So many ids of events are remembered. BILL sends again within half a minute.
pub(crate) const REMEMBERED: usize = 10_000;
/// In bytes; those of BILL's samples have two thousand.
const LARGEST: usize = 256 * 1024;

/// What is handed on: an event, or why a notification that is BILL's could not be read.
pub(crate) type Handed = Result<Notification, Error>;

/// The receiver, for one subscription.
pub(crate) fn router(key: Secret, events: mpsc::Sender<Handed>) -> Router {
    let receiver = Receiver { key, events, seen: Mutex::default() };
    Router::new().route(PATH, post(receive)).layer(DefaultBodyLimit::max(LARGEST)).with_state(Arc::new(receiver))
}

struct Receiver {
    key: Secret,
    events: mpsc::Sender<Handed>,
    seen: Mutex<Seen>,
}

/// The body is taken as bytes: read as JSON and written again, it would not be what BILL has signed.
async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get(SIGNATURE_HEADER).map_or(&b""[..], HeaderValue::as_bytes);
    match Notification::read(&body, signature, &receiver.key) {
        Ok(notification) => receiver.hand_on(notification),
        Err(Error::NotAuthentic { .. }) => StatusCode::UNAUTHORIZED,
        // It fits no better when it is sent again, and four failures switch the subscription off. If there is no room for it, it is lost here, but
        // not at BILL.
        Err(error @ Error::Decode { .. }) => {
            let _ = receiver.events.try_send(Err(error));
            StatusCode::OK
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Receiver {
    /// Never waits: BILL does not wait long for its answer.
    fn hand_on(&self, notification: Notification) -> StatusCode {
        let id = notification.event_id().to_owned();
        // Held until the event is handed on, so that of two that come at once one is.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.has(&id) {
            return StatusCode::OK;
        }
        match self.events.try_send(Ok(notification)) {
            Ok(()) => {
                seen.add(id);
                StatusCode::OK
            }
            // Not remembered: BILL will send it again.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// The ids of the last events.
#[derive(Default)]
pub(crate) struct Seen {
    ids: HashSet<String>,
    order: VecDeque<String>,
}

impl Seen {
    /// Whether it is remembered.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    /// Remembers one, and forgets the oldest where there is no room.
    pub(crate) fn add(&mut self, id: String) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        if self.ids.insert(id.clone()) {
            self.order.push_back(id);
        }
    }
}
