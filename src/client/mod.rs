//! The runtime that generated code runs on, in the place of `progenitor-client`: the names that it uses, on sessions, and with errors that
//! are typed and hold no secret.
//!
//! A consumer's generated client takes a [`Connection`]; [`dynamic`] calls an operation by its id, for tools.

pub mod dynamic;
mod files;
mod paging;
mod query;
mod search;
pub mod sign_in;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[doc(hidden)]
pub use reqwest;

pub use self::files::Contents;
use self::paging::Read;
pub use self::paging::{Items, Page, PageToken, Paged, Pages, told};
pub use self::query::add_query;
pub use self::search::{Filter, FilterField, Op, Operand, Sort, SortField, add_filter, add_sort};
pub use crate::error::Error;
use crate::error::Mismatch;
pub use crate::session::store::Lease;
pub use crate::transport::budget::{Claim, SharedBudget, Taken};
use crate::transport::decode::mismatch;
pub use crate::transport::observe::{Observer, Waited};
pub use crate::transport::pace::Account;
pub use crate::transport::policy::Policy;
use crate::transport::response::Payload;
pub use crate::transport::response::Response;
pub use crate::transport::stream::ByteStream;
pub use crate::transport::wire::{Settings, Wire};
pub use crate::transport::{Connection, Gate};

/// A decoded answer, with its status and headers. It derefs to the value.
#[derive(Clone)]
pub struct ResponseValue<T> {
    inner: T,
    status: StatusCode,
    headers: HeaderMap,
}

impl<T: fmt::Debug> fmt::Debug for ResponseValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the headers: a cookie is a session.
        f.debug_struct("ResponseValue")
            .field("status", &self.status)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

impl<T> ResponseValue<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The HTTP status, a 2xx.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn new(inner: T, response: Response) -> Self {
        Self { inner, status: response.status, headers: response.headers }
    }
}

#[doc(hidden)]
impl<T: DeserializeOwned> ResponseValue<T> {
    pub fn from_response(response: Response) -> Result<Self, Error> {
        Ok(Self::new(response.decode()?, response))
    }
}

#[doc(hidden)]
impl ResponseValue<()> {
    pub fn empty(response: Response) -> Self {
        Self::new((), response)
    }
}

#[doc(hidden)]
impl ResponseValue<ByteStream> {
    pub fn stream(response: Response) -> Self {
        let Response { operation, status, headers, payload, .. } = response;
        let inner = match payload {
            Payload::Whole(body) => ByteStream::whole(operation, body),
            Payload::Stream(pieces) => pieces,
        };
        Self { inner, status, headers }
    }
}

impl<T> Deref for ResponseValue<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// The JSON text of a value that is one of several things, for generated types: each is tried on the text itself, so that an amount keeps its
/// digits. What serde keeps of a value while it tries has a float in the amount's place.
#[doc(hidden)]
pub fn text_of<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Box<serde_json::value::RawValue>, D::Error> {
    serde::Deserialize::deserialize(deserializer)
}

/// The value, if the text is one.
#[doc(hidden)]
pub fn value_of<T: DeserializeOwned>(text: &serde_json::value::RawValue) -> Option<T> {
    serde_json::from_str(text.get()).ok()
}

/// What every generated client tells of itself.
pub trait ClientInfo<Inner> {
    /// The spec's `info.version`.
    fn api_version() -> &'static str;
    /// The base address.
    fn baseurl(&self) -> &str;
    /// The HTTP client, for building requests.
    fn client(&self) -> &reqwest::Client;
    /// The connection that calls go over.
    fn inner(&self) -> &Inner;
}

impl<T: ClientInfo<Inner>, Inner> ClientInfo<Inner> for &T {
    fn api_version() -> &'static str {
        T::api_version()
    }

    fn baseurl(&self) -> &str {
        (**self).baseurl()
    }

    fn client(&self) -> &reqwest::Client {
        (**self).client()
    }

    fn inner(&self) -> &Inner {
        (**self).inner()
    }
}

#[doc(hidden)]
#[expect(non_snake_case, reason = "the generated code calls these as variants of progenitor's error")]
impl Error {
    pub fn InvalidRequest(words: impl Into<String>) -> Self {
        Self::config(words)
    }

    pub fn UnexpectedResponse(response: Response) -> Self {
        Self::Decode {
            operation: response.operation.id,
            path: ".".into(),
            detail: format!("HTTP {} is not one of the documented answers", response.status.as_u16()),
        }
    }
}

impl From<reqwest::Error> for Error {
    /// `config` for a request that cannot be built from its arguments, which is all that the generated code meets; `network` for what went wrong
    /// with one that was sent.
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_builder() {
            return Self::config(format!("the request cannot be built: {error}"));
        }
        Self::Network { operation: "a request", source: Arc::new(error) }
    }
}

impl From<http::header::InvalidHeaderValue> for Error {
    fn from(_: http::header::InvalidHeaderValue) -> Self {
        Self::config("an argument cannot be sent as a header: it holds a line end or another control character")
    }
}

/// See <https://url.spec.whatwg.org/#url-path-segment-string>. `.` is left, but a segment of dots alone is refused by its encoding.
const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b'%')
    .add(b'\\');

/// Percent-encodes a path parameter. A parameter cannot leave its segment: not by a slash, and not by being `.` or `..`, which a URL would
/// resolve away and which are therefore sent in a form that no vendor takes for an id.
#[doc(hidden)]
pub fn encode_path(segment: &str) -> String {
    if segment == "." || segment == ".." {
        return segment.replace('.', "%252E");
    }
    percent_encoding::utf8_percent_encode(segment, SEGMENT).to_string()
}

#[doc(hidden)]
pub trait RequestBuilderExt: Sized {
    fn form_urlencoded<T: Serialize + ?Sized>(self, body: &T) -> Result<Self, Error>;
}

impl RequestBuilderExt for reqwest::RequestBuilder {
    fn form_urlencoded<T: Serialize + ?Sized>(self, body: &T) -> Result<Self, Error> {
        let body = serde_urlencoded::to_string(body).map_err(|_| Error::config("the form cannot be written"))?;
        Ok(self.header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body))
    }
}

/// Any JSON: for an answer that the spec leaves open.
pub type Anything = serde_json::Value;

/// Whether `body` decodes as `T`, and where it does not.
///
/// # Errors
/// The place and what did not fit.
pub fn check<T: DeserializeOwned>(body: &[u8]) -> Result<(), Mismatch> {
    mismatch::<T>(body).map_or(Ok(()), Err)
}
