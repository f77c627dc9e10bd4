//! What a notification tells.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::payload::{self, Metadata, NotificationError};
use super::signature::Signature;
use crate::error::{Error, Mismatch};
use crate::secret::Secret;
use crate::transport::decode::decode;

/// A notification of BILL's, verified and decoded.
#[derive(Clone)]
pub struct Notification {
    metadata: Metadata,
    event: Event,
    errors: Vec<NotificationError>,
    json: Box<str>,
}

/// What happened, by the first part of the event's type: a `vendor.created` and a `vendor.archived` are both a [`Event::Vendor`], and
/// [`Notification::event_type`] tells which.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// `vendor.*`.
    Vendor(Box<payload::Vendor>),
    /// `bill.*`.
    Bill(Box<payload::Bill>),
    /// `payment.*`.
    Payment(Box<payload::Payment>),
    /// `bank-account.*`.
    BankAccount(Box<payload::BankAccount>),
    /// `card-account.*`.
    CardAccount(Box<payload::CardAccount>),
    /// `invoice.*`.
    Invoice(Box<payload::Invoice>),
    /// `risk-verification.*`.
    RiskVerification(Box<payload::RiskVerification>),
    /// `autopay.*`; why it failed is in [`Notification::errors`].
    Autopay(Box<payload::Autopay>),
    /// `mass-payment.*`.
    MassPayment(Box<payload::MassPayment>),
    /// `spend.transaction.*`.
    SpendTransaction(Box<payload::SpendTransaction>),
    /// `spend.reimbursement.*`.
    SpendReimbursement(Box<payload::SpendReimbursement>),
    /// `spend.three-ds-challenge.*`.
    SpendThreeDsChallenge(Box<payload::SpendThreeDsChallenge>),
    /// A type that is not described, or one without what is described for it: [`Notification::json`] has all of it.
    Other,
}

impl Notification {
    /// Verifies a notification, and then reads it: `body` is what came over the wire, byte by byte, `signature` the value of the header
    /// [`SIGNATURE_HEADER`](super::SIGNATURE_HEADER), `key` the subscription's `securityKey`.
    ///
    /// # Errors
    /// `not-authentic` if the signature is not of this body and key; `config` if the key is empty; `decode`, with the JSON path, if the body
    /// does not fit its description. No error holds any of the three.
    pub fn read(body: &[u8], signature: impl AsRef<[u8]>, key: &Secret) -> Result<Self, Error> {
        Self::read_by(Signature::default(), body, signature, key)
    }

    /// As [`Notification::read`], with another idea of what the header may hold.
    ///
    /// # Errors
    /// As [`Notification::read`].
    pub fn read_by(how: Signature, body: &[u8], signature: impl AsRef<[u8]>, key: &Secret) -> Result<Self, Error> {
        how.verify(body, signature, key)?;
        Self::decode(body).map_err(|Mismatch { path, detail }| Error::Decode {
            operation: "the webhook's notification",
            path,
            detail,
        })
    }

    fn decode(body: &[u8]) -> Result<Self, Mismatch> {
        // Doubt: BILL's page says that the payload is "a JSON-escaped string", and integrators read a plain object. Both are taken.
        let is_text = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'"');
        let json = if is_text { Cow::Owned(decode::<String>(body)?.into_bytes()) } else { Cow::Borrowed(body) };
        let mut content: payload::Notification = decode(&json)?;
        let json = std::str::from_utf8(&json).unwrap_or_default();
        let errors = content.errors.take().unwrap_or_default();
        let metadata = content.metadata.clone();
        Ok(Self { event: event(content, json).unwrap_or(Event::Other), metadata, errors, json: json.into() })
    }

    /// BILL's id of the event. An event can be told of more than once, always with the same id: what was handled is not handled again.
    pub fn event_id(&self) -> &str {
        &self.metadata.event_id
    }

    /// What happened, such as `vendor.created`; more types can come than are described.
    pub fn event_type(&self) -> &str {
        &self.metadata.event_type
    }

    /// What the notification is about, and for whom.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// What happened.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// What happened, to keep.
    pub fn into_event(self) -> Event {
        self.event
    }

    /// Why something failed, where BILL says.
    pub fn errors(&self) -> &[NotificationError] {
        &self.errors
    }

    /// The whole notification as JSON text, unescaped: with the fields that are not described, and for [`Event::Other`].
    pub fn json(&self) -> &str {
        &self.json
    }
}

impl fmt::Debug for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the rest: a notification carries accounts and addresses, and this is what ends up in a log.
        f.debug_struct("Notification")
            .field("event_id", &self.event_id())
            .field("event_type", &self.event_type())
            .finish_non_exhaustive()
    }
}

fn event(content: payload::Notification, json: &str) -> Option<Event> {
    let kind = content.metadata.event_type.as_str();
    // What comes before the last point; a new verb of a known kind carries the same.
    let kind = kind.rsplit_once('.').map_or(kind, |(kind, _)| kind);
    match kind {
        "vendor" => content.vendor.map(Box::new).map(Event::Vendor),
        "bill" => content.bill.map(Box::new).map(Event::Bill),
        "payment" => content.payment.map(Box::new).map(Event::Payment),
        "bank-account" => content.bank_account.map(Box::new).map(Event::BankAccount),
        "card-account" => content.card_account.map(Box::new).map(Event::CardAccount),
        "invoice" => content.invoice.map(Box::new).map(Event::Invoice),
        "risk-verification" => content.risk_verification.map(Box::new).map(Event::RiskVerification),
        "autopay" => content.autopay.map(Box::new).map(Event::Autopay),
        "spend.transaction" => content.transaction.map(Box::new).map(Event::SpendTransaction),
        "mass-payment" => only(json).map(Event::MassPayment),
        "spend.reimbursement" => only(json).map(Event::SpendReimbursement),
        "spend.three-ds-challenge" => only(json).map(Event::SpendThreeDsChallenge),
        _ => None,
    }
}

/// What stands in the one field beside the metadata. Doubt: that there is one, and that it holds what is described for the event, is inferred from
/// the other events; no page that was read names the field. What does not fit that is left as it came.
fn only<T: DeserializeOwned>(json: &str) -> Option<Box<T>> {
    let mut fields: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    fields.remove("metadata");
    let (_, content) = fields.pop_first().filter(|_| fields.is_empty())?;
    decode(content.get().as_bytes()).ok().map(Box::new)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::{Hmac, KeyInit as _, Mac as _};
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;

    const KEY: &str = "example-security-key";

    fn signed(body: &[u8]) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap().chain_update(body);
        STANDARD.encode(mac.finalize().into_bytes())
    }

    fn read(body: impl AsRef<[u8]>) -> Result<Notification, Error> {
        let body = body.as_ref();
        Notification::read(body, signed(body), &KEY.into())
    }

    fn notification(kind: &str, rest: &str) -> String {
        format!(r#"{{"metadata":{{"eventId":"evt_1","eventType":"{kind}","version":1,"more":[]}}{rest}}}"#)
    }

    #[test]
    fn an_object_and_a_text_that_holds_it_read_the_same() {
        let object = notification(
            "bill.updated",
            r#","bill":{"id":"00nexample","amount":90071992547409.93,"dueDate":null,"classifications":{"new":{}}},"new":[1]"#,
        );
        let text = serde_json::to_string(&object).unwrap();
        for body in [object.clone(), text.clone(), format!(" \n{object}\n"), format!(" {text} ")] {
            let notification = read(&body).unwrap();
            assert_eq!((notification.event_id(), notification.event_type()), ("evt_1", "bill.updated"));
            assert_eq!(notification.json().trim(), object);
            let Event::Bill(bill) = notification.event() else { panic!("{:?}", notification.event()) };
            assert_eq!(bill.amount.unwrap().to_string(), "90071992547409.93");
            assert!(bill.due_date.is_none());
        }
    }

    #[test]
    fn each_event_has_its_content() {
        for (kind, field, wanted) in [
            ("vendor.merged", "vendor", "Vendor("),
            ("payment.failed", "payment", "Payment("),
            ("bank-account.created", "bank-account", "BankAccount("),
            ("card-account.updated", "card-account", "CardAccount("),
            ("invoice.restored", "invoice", "Invoice("),
            ("risk-verification.updated", "risk-verification", "RiskVerification("),
            ("autopay.failed", "autopay", "Autopay("),
            ("spend.transaction.updated", "transaction", "SpendTransaction("),
            ("mass-payment.updated", "whatever", "MassPayment("),
            ("spend.reimbursement.deleted", "reimbursement", "SpendReimbursement("),
            ("spend.three-ds-challenge.created", "challenge", "SpendThreeDsChallenge("),
            ("vendor.created", "bill", "Other"),
            ("user.created", "user", "Other"),
            ("vendor", "x", "Other"),
            ("", "vendor", "Other"),
        ] {
            let event = read(notification(kind, &format!(r#","{field}":{{"id":"x"}}"#))).unwrap().into_event();
            assert!(format!("{event:?}").starts_with(wanted), "{kind} {event:?}");
        }
        // What is inferred yields to what came.
        for rest in ["", r#","a":{},"b":{}"#, r#","a":[]"#, r#","a":{"count":[]}"#] {
            let event = read(notification("mass-payment.updated", rest)).unwrap().into_event();
            assert!(matches!(event, Event::Other), "{rest} {event:?}");
        }
        let failed = read(notification("autopay.failed", r#","autopay":{},"errors":[{"code":"3"}]"#)).unwrap();
        assert_eq!(failed.errors()[0].code.as_deref(), Some("3"));
    }

    #[test]
    fn what_is_not_described_is_kept_as_it_came() {
        let body = notification("user.created", r#","user":{"id":"006example","limit":0.10}"#);
        let kept = read(&body).unwrap();
        assert!(matches!(kept.event(), Event::Other));
        assert_eq!(kept.json(), body);
    }

    #[test]
    fn a_misfit_names_its_place_and_no_value() {
        for (body, told) in [
            (
                notification("vendor.created", r#","vendor":{"name":{"canary":1}}"#),
                "at `vendor.name`: invalid type: map",
            ),
            (r#"{"metadata":{"eventId":"canary"}}"#.into(), "at `metadata`: missing field `eventType`"),
            (r#""{\"metadata\":{\"eventId\":7}}""#.into(), "at `metadata.eventId`: invalid type: integer"),
            (r#""\"canary\"""#.into(), "at `.`: invalid type: string"),
            (r#"["canary"]"#.into(), "at `.`: invalid type: sequence"),
            ("canary".into(), "at `.`: not JSON"),
            (String::new(), "at `.`: the body is empty"),
            (r#"{"metadata":"#.into(), "the JSON breaks off"),
        ] {
            let error = read(&body).unwrap_err();
            let words = format!("{error} {error:?}");
            assert_eq!(error.kind(), "decode", "{body}");
            assert!(error.to_string().contains(told) && !words.contains("canary"), "{body}: {words}");
        }
    }

    #[test]
    fn nothing_is_read_before_it_is_verified() {
        let error = Notification::read(b"no JSON", signed(b"JSON"), &KEY.into()).unwrap_err();
        assert_eq!(error.kind(), "not-authentic");
        let body = notification("vendor.created", "");
        assert!(Notification::read(body.as_bytes(), KEY, &KEY.into()).is_err());
        assert!(Notification::read_by(Signature::HashOrKey, body.as_bytes(), KEY, &KEY.into()).is_ok());
    }

    #[test]
    fn a_log_gets_no_more_than_which_event_it_is() {
        let body = notification("bank-account.created", r#","bank-account":{"routingNumber":"canary"}"#);
        let shown = format!("{:?}", read(body).unwrap());
        assert_eq!(shown, r#"Notification { event_id: "evt_1", event_type: "bank-account.created", .. }"#);
    }

    proptest! {
        #[test]
        fn nothing_that_is_signed_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(body);
        }

        #[test]
        fn nothing_that_is_nearly_a_notification_makes_it_panic(kind in "[a-z.-]{0,20}", rest in r#"(,"[a-z]{0,8}":[\[\]{}0-9"a]{0,6}){0,3}"#) {
            let _ = read(notification(&kind, &rest));
        }
    }
}
