//! One try: send, read, classify.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use tracing::instrument::{Instrument as _, Instrumented};
use tracing::{Span, field};

use super::admit::Share;
use super::classify::{Class, Verdict, classify};
use super::policy::Fate;
use super::response::Payload;
use super::stream::ByteStream;
use super::wire::{Wire, retry_after};
use crate::error::{Mismatch, Refusal};
use crate::table::{Answer, Operation};

/// Why a try failed.
pub(super) enum Failure {
    Refused { class: Class, refusal: Refusal, retry_after: Option<Duration> },
    Unreadable(Mismatch),
    Broken { error: reqwest::Error, fate: Fate },
    TimedOut(Duration),
}

impl Failure {
    /// The word for logs and observers.
    fn kind(&self) -> &'static str {
        match self {
            Self::Refused { class, .. } => class.as_str(),
            Self::Unreadable(_) => "unreadable",
            Self::Broken { .. } => "broken",
            Self::TimedOut(_) => "timed-out",
        }
    }

    fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { refusal, .. } => Some(refusal.status),
            _ => None,
        }
    }
}

/// What came back of a try that was not refused.
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) payload: Payload,
}

/// A try under way. Boxed: it would else be the largest part of every call, those that wait for their turn too.
pub(super) type Attempt<'s> = Instrumented<Pin<Box<dyn Future<Output = Result<Received, Failure>> + Send + 's>>>;

/// Waits for the answer to what was sent, within the limit; so many `tries` have been made before.
pub(super) fn attempt<'s>(
    wire: &'s Wire,
    operation: &'static Operation,
    sent: impl Future<Output = reqwest::Result<reqwest::Response>> + Send + 's,
    share: Share,
    limit: Duration,
    tries: u32,
) -> Attempt<'s> {
    // The names are OpenTelemetry's for an HTTP client. The path is the spec's template: a path itself can hold an id.
    let span = tracing::debug_span!(
        "attempt",
        otel.kind = "client",
        http.request.method = operation.method,
        url.template = operation.path,
        server.address = wire.host(),
        server.port = wire.port(),
        http.request.resend_count = tries,
        http.response.status_code = field::Empty,
        error.r#type = field::Empty,
    );
    let exchange: Pin<Box<dyn Future<Output = _> + Send + 's>> =
        Box::pin(exchange(wire, operation, span.clone(), sent, share, limit));
    exchange.instrument(span)
}

async fn exchange(
    wire: &Wire,
    operation: &'static Operation,
    span: Span,
    sent: impl Future<Output = reqwest::Result<reqwest::Response>>,
    share: Share,
    limit: Duration,
) -> Result<Received, Failure> {
    let began = wire.observer().map(|_| wire.clock().monotonic());
    let answer = async {
        let mut answer = sent.await?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        let payload = match operation.answer {
            Answer::Bytes if status.is_success() && operation.facts.answers.success.is_none() => {
                Payload::Stream(ByteStream::of(operation, answer, wire.clock().clone(), limit, share))
            }
            _ => match whole(&mut answer, wire.policy().longest_answer).await? {
                Some(body) => Payload::Whole(body),
                None => return Ok(None),
            },
        };
        Ok(Some(Received { status, headers, payload }))
    };
    // What is not waited for any longer is dropped before anybody is told.
    let answer = {
        let (mut answer, mut timer) = (pin!(answer), wire.clock().limit(limit));
        poll_fn(|context| {
            // When both are there at once, the time is over.
            if timer.as_mut().poll(context).is_ready() {
                return Poll::Ready(None);
            }
            answer.as_mut().poll(context).map(Some)
        })
        .await
    };
    let outcome = match answer {
        Some(answer) => judge(wire, operation, answer),
        None => Err(Failure::TimedOut(limit)),
    };
    let (status, kind) = match &outcome {
        Ok(received) => (Some(received.status.as_u16()), None),
        Err(failure) => (failure.status(), Some(failure.kind())),
    };
    if !span.is_disabled() {
        if let Some(status) = status {
            span.record("http.response.status_code", status);
        }
        if let Some(kind) = kind {
            span.record("error.type", kind);
        }
    }
    if let (Some(observer), Some(began)) = (wire.observer(), began) {
        observer.attempted(operation, status, kind, wire.clock().monotonic().saturating_sub(began));
    }
    outcome
}

/// What an answer is, or the want of one.
fn judge(
    wire: &Wire,
    operation: &'static Operation,
    answer: reqwest::Result<Option<Received>>,
) -> Result<Received, Failure> {
    let received = answer.map_err(|error| {
        // Nothing was sent on a connection that was never made.
        let fate = if error.is_connect() || error.is_builder() { Fate::NotActed } else { Fate::Unknown };
        Failure::Broken { error, fate }
    })?;
    let Some(received) = received else {
        let detail = format!("longer than {} bytes", wire.policy().longest_answer);
        return Err(Failure::Unreadable(Mismatch { path: ".".into(), detail }));
    };
    let Payload::Whole(body) = &received.payload else { return Ok(received) };
    match classify(&operation.facts.answers, operation.answer, received.status.as_u16(), body) {
        Verdict::Success => Ok(received),
        Verdict::Unreadable(mismatch) => Err(Failure::Unreadable(mismatch)),
        Verdict::Refused(class, mut refusal) => {
            if refusal.status == 403 {
                refusal.needs_role = operation.role;
            }
            let retry_after = retry_after(&received.headers, wire.clock().now());
            Err(Failure::Refused { class, refusal, retry_after })
        }
    }
}

/// The body, or `None` if it is longer than `most` bytes: what a hostile or broken server sends must not fill the memory.
async fn whole(answer: &mut reqwest::Response, most: usize) -> reqwest::Result<Option<Bytes>> {
    let is_over = |length: usize| length > most;
    if answer.content_length().is_some_and(|length| usize::try_from(length).map_or(true, is_over)) {
        return Ok(None);
    }
    // Most answers come in one piece, which is taken as it is.
    let first = answer.chunk().await?.unwrap_or_default();
    let Some(second) = answer.chunk().await? else { return Ok((!is_over(first.len())).then_some(first)) };
    let mut body = BytesMut::from(first);
    body.extend_from_slice(&second);
    while let Some(piece) = answer.chunk().await? {
        if is_over(body.len() + piece.len()) {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok((!is_over(body.len())).then(|| body.freeze()))
}
