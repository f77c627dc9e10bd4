//! BILL's webhooks, received: whether a notification is BILL's, and what it tells.
//!
//! A subscription is made by [`events`](super::events), whose answer carries a `securityKey`, once. BILL signs each notification with it, and
//! [`Notification::read`] is the one door for them: it verifies over the body as it came, and only then decodes.
//!
//! ```
//! use ledgerkey::Secret;
//! use ledgerkey::bill::webhook::{Event, Notification};
//!
//! // The body as it came over the wire, before anything has parsed it, and the header `x-bill-sha-signature`.
//! let body = br#"{"metadata":{"eventId":"evt_1","eventType":"vendor.created","version":"1"},"vendor":{"id":"009example","name":"Example Supplies"}}"#;
//! let signature = "2QRqal2L9yKYfxSC/oG+TrMA+dKOgS8NPkG1eXMnsqc=";
//!
//! let notification = Notification::read(body, signature, &Secret::from("example-security-key"))?;
//! // BILL tells of an event more than once, and in no promised order: remember the ids that were handled.
//! assert_eq!(notification.event_id(), "evt_1");
//! match notification.event() {
//!     Event::Vendor(vendor) => assert_eq!(vendor.name.as_deref(), Some("Example Supplies")),
//!     _ => println!("not for us: {}", notification.event_type()),
//! }
//!
//! let forged = Notification::read(br#"{"metadata":{}}"#, signature, &Secret::from("example-security-key"));
//! assert_eq!(forged.unwrap_err().kind(), "not-authentic");
//! # Ok::<(), ledgerkey::Error>(())
//! ```
//!
//! Answer 200, soon, and do the work afterwards: any other answer is a failure to BILL, which sends again after 2, 4, 8 and 16 seconds and then
//! switches the subscription off (source: developer.bill.com/docs/bill-webhook-api-notification-rules; an older copy has it that the answer must
//! come within 10 seconds). `examples/webhooks.rs` is such a receiver.

mod event;
mod signature;

pub use self::event::{Event, Notification};
pub use self::signature::{SIGNATURE_HEADER, Signature, verify};

generated!(
    /// What notifications carry, as `specs/events/bill-events.json` describes it.
    payload,
    "bill-events-payloads.rs"
);
