//! One try: attach, send, read, classify.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use reqwest::Request;
use tracing::Instrument as _;

use super::call::Admitted;
use super::classify::{Class, Verdict, classify};
use super::hide::Hide;
use super::policy::Fate;
use super::response::{Payload, Response};
use super::wire::{Wire, retry_after};
use super::{Shared, attach};
use crate::error::{Mismatch, Refusal};
use crate::table::{Answer, Operation, Scheme};

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

/// Sends the request once, within the limit.
pub(super) async fn attempt(
    shared: &Shared,
    operation: &'static Operation,
    schemes: &[Scheme],
    request: Request,
    admitted: Admitted,
    limit: Duration,
    number: u32,
) -> Result<Response, Failure> {
    let wire = &shared.wire;
    // The names are OpenTelemetry's for an HTTP client. The path is the spec's template: a path itself can hold an id.
    let span = tracing::debug_span!(
        "attempt",
        otel.kind = "client",
        http.request.method = operation.method,
        url.template = operation.path,
        server.address = wire.host(),
        http.request.resend_count = number.saturating_sub(1),
        http.response.status_code = tracing::field::Empty,
        error.r#type = tracing::field::Empty,
    );
    let began = wire.observer().map(|_| wire.clock().monotonic());
    let outcome = exchange(wire, operation, schemes, request, admitted, limit).instrument(span.clone()).await;
    let (status, kind) = match &outcome {
        Ok(response) => (Some(response.status.as_u16()), None),
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

async fn exchange(
    wire: &Wire,
    operation: &'static Operation,
    schemes: &[Scheme],
    mut request: Request,
    admitted: Admitted,
    limit: Duration,
) -> Result<Response, Failure> {
    if let Some(live) = admitted.live()
        && let Err(error) = attach::attach(&mut request, schemes, &live.grant)
    {
        // `permit` has made sure that the session has what the operation asks for.
        return Err(Failure::Unreadable(Mismatch { path: ".".into(), detail: error.to_string() }));
    }
    let answer = async {
        let answer = wire.http().execute(request).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let payload = match operation.answer {
            Answer::Bytes if status.is_success() && operation.facts.answers.success.is_none() => {
                Payload::Stream(answer, admitted.into_held())
            }
            _ => Payload::Whole(answer.bytes().await?),
        };
        Ok(Response { operation, status, headers, payload, hide: Hide::default() })
    };
    // The limit is polled first: when both are there at once, the time is over.
    let response = match select(wire.clock().limit(limit), pin!(answer)).await {
        Either::Left(_) => return Err(Failure::TimedOut(limit)),
        Either::Right((answer, _)) => answer.map_err(|error: reqwest::Error| {
            // Nothing was sent on a connection that was never made.
            let fate = if error.is_connect() || error.is_builder() { Fate::NotActed } else { Fate::Unknown };
            Failure::Broken { error, fate }
        })?,
    };
    let Payload::Whole(body) = &response.payload else { return Ok(response) };
    match classify(&operation.facts.answers, response.status.as_u16(), body) {
        Verdict::Success => Ok(response),
        Verdict::Unreadable(mismatch) => Err(Failure::Unreadable(mismatch)),
        Verdict::Refused(class, mut refusal) => {
            if refusal.status == 403 {
                refusal.needs_role = operation.role;
            }
            let retry_after = retry_after(&response.headers, wire.clock().now());
            Err(Failure::Refused { class, refusal, retry_after })
        }
    }
}
