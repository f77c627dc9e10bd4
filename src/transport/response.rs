//! An answer that has passed as a success.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::classify::{class, problems};
use super::decode::decode;
use super::hide::Hide;
use super::stream::ByteStream;
use crate::error::{Error, Mismatch, Refusal};
use crate::session::clock::time_of;
use crate::table::Operation;

/// A vendor's successful answer.
pub struct Response {
    pub(crate) operation: &'static Operation,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    pub(crate) hide: Hide,
    /// When the call was sent for the first time, in milliseconds since 1970.
    pub(crate) sent_at: u64,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A sign-in's body and a cookie are sessions.
        f.debug_struct("Response")
            .field("operation", &self.operation)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// Its body.
pub(crate) enum Payload {
    /// Read to its end.
    Whole(Bytes),
    /// Still coming.
    Stream(ByteStream),
}

impl Response {
    /// The HTTP status, a 2xx.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The body, as the vendor sent it.
    ///
    /// # Errors
    /// `network` or `timeout` if a streamed body breaks off or stalls.
    pub async fn bytes(self) -> Result<Bytes, Error> {
        match self.payload {
            Payload::Whole(bytes) => Ok(bytes),
            Payload::Stream(mut pieces) => {
                let mut body = BytesMut::new();
                while let Some(piece) = pieces.next().await {
                    body.extend_from_slice(&piece?);
                }
                Ok(body.freeze())
            }
        }
    }

    /// The body as `T`.
    ///
    /// # Errors
    /// `decode` with the JSON path; `ambiguous` if it is no JSON and the call must not be sent twice; `vendor` if the body turns out to be a
    /// refusal inside a success.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let body: &[u8] = match &self.payload {
            Payload::Whole(bytes) => bytes,
            Payload::Stream(..) => &[],
        };
        decode(body).map_err(|misfit| self.misfit(misfit))
    }

    fn misfit(&self, Mismatch { path, detail }: Mismatch) -> Error {
        if let Some(refused) = self.refusal_inside() {
            return refused;
        }
        // The keys of a map are the vendor's words.
        let operation = self.operation.id;
        let misfit = Error::Decode { operation, path: self.hide.in_text(path), detail };
        if (self.operation.replay_safe && !self.operation.keyed) || self.is_json() {
            return misfit;
        }
        // What is no JSON at all, such as half of one, is not the vendor's word that the call was done.
        Error::Ambiguous { operation, sent_at: time_of(self.sent_at), source: Box::new(misfit) }
    }

    fn is_json(&self) -> bool {
        let Payload::Whole(body) = &self.payload else { return false };
        serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
    }

    /// The refusal that a body turns out to be, if a code of the vendor's in it says so: BILL has been seen to refuse inside a 200.
    pub(crate) fn refusal_inside(&self) -> Option<Error> {
        let (answers, operation) = (&self.operation.facts.answers, self.operation.id);
        let Payload::Whole(body) = &self.payload else { return None };
        let problems = problems(answers, &serde_json::from_slice(body).ok()?);
        let mut refusal = Refusal { status: self.status.as_u16(), problems, ..Refusal::default() };
        refusal.codes().next()?;
        let class = class(answers, &refusal);
        self.hide.in_refusal(&mut refusal);
        Some(class.error(operation, Box::new(refusal)))
    }
}
