//! The inside, as the targets in `fuzz/` see it. It is there only in what cargo-fuzz builds, and takes no decision of its own.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;

use crate::client::Account;
use crate::error::{Error, Mismatch, Refusal};
use crate::secret::Secret;
use crate::session::clock::millis;
use crate::table::{Answer, Answers, Api, Limit, Operation};
use crate::transport::classify::{Verdict, classify};
use crate::transport::hide::Told;
use crate::transport::pace::Pacer;
use crate::transport::response::{Payload, Response};
use crate::transport::wire;

/// What an answer is, and what of it a caller gets to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// The call was done.
    Success,
    /// It was refused: the word for the kind, and the refusal without these secrets.
    Refused(&'static str, Refusal),
    /// Neither.
    Unreadable(Mismatch),
}

/// Reads an answer by an API's tables, and takes what the vendor was told out of its words.
pub fn judge(answers: &Answers, status: u16, body: &[u8], told: &[Secret]) -> Judged {
    match classify(answers, Answer::None, status, body) {
        Verdict::Success => Judged::Success,
        Verdict::Refused(class, mut refusal) => {
            Told::new(told.iter().cloned()).with(None).in_refusal(&mut refusal);
            Judged::Refused(class.as_str(), refusal)
        }
        Verdict::Unreadable(mismatch) => Judged::Unreadable(mismatch),
    }
}

/// Decodes a successful answer.
///
/// # Errors
/// As `Response::decode`.
pub fn decode<T: DeserializeOwned>(operation: &'static Operation, body: &[u8], told: &[Secret]) -> Result<T, Error> {
    let payload = Payload::Whole(Bytes::copy_from_slice(body));
    let hide = Told::new(told.iter().cloned()).with(None);
    Response { operation, status: StatusCode::OK, headers: HeaderMap::new(), payload, hide, sent_at: 0 }.decode()
}

/// What a `Retry-After` of these bytes asks for; `None` too where they cannot be a header's value.
pub fn retry_after(value: &[u8], now: SystemTime) -> Option<Duration> {
    let value = HeaderValue::from_bytes(value).ok()?;
    wire::retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), now)
}

/// Each limit of this API, and how long it is closed after a refusal that asked for so long.
pub fn closed(
    api: &'static Api,
    account: &Account,
    now: SystemTime,
    asked: Option<Duration>,
) -> Vec<(&'static Limit, Duration)> {
    let meters = Pacer::new("fuzz").meters(api, account, false);
    let closed = meters.iter().map(|meter| {
        meter.gauge().refused(millis(now), asked, true);
        (meter.limit, meter.gauge().wait(millis(now)))
    });
    closed.collect()
}
