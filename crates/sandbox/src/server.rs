//! The connection's side: the accept loop, what a fault does to bytes and connections, and the order in which one
//! request is served.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response};
use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower::ServiceExt;

use crate::clock::Clock;
use crate::faults::{Effect, Moment};
use crate::log::{Served, Under};
use crate::spec::{Api, Routes};
use crate::wire::{Call, Reply};
use crate::world::{World, refusal, signs_in};

/// What the control routes, the vendors and the library handle share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub clock: Clock,
    pub latency: Duration,
    pub routes: &'static Routes,
    world: Mutex<World>,
}

impl Shared {
    pub(crate) fn new(clock: Clock, latency: Duration, routes: &'static Routes, world: World) -> Self {
        Self { clock, latency, routes, world: Mutex::new(world) }
    }

    /// The state. A panic elsewhere must not take the sandbox down with it, so a poisoned lock is taken as it is.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves connections until told to stop.
pub(crate) async fn run(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let vendors = Arc::clone(&shared);
    let app = crate::control::router(Arc::clone(&shared)).fallback(move |request| serve(Arc::clone(&vendors), request));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of file handles, most likely: give connections a moment to close.
                Err(_) => { tokio::time::sleep(Duration::from_millis(10)).await; continue }
            },
            _ = stop.changed() => break,
            Some(_) = connections.join_next() => continue,
        };
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let app = app.clone();
            async move {
                let response: Response<Body> =
                    app.oneshot(request.map(Body::new)).await.unwrap_or_else(|never: Infallible| match never {});
                // An error in place of an answer makes hyper close the connection with nothing said.
                if response.extensions().get::<Hangup>().is_some() { Err(Hangup) } else { Ok(response) }
            }
        });
        connections.spawn(async move {
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Serves one request to a vendor: log, fault, limits, behaviour, fault, in this order.
///
/// A fault that answers in the vendor's place leaves the session as it was: its idle clock does not start again, because
/// whether a refused call counts as activity no page says, and the shorter life is the one that a client must stand.
async fn serve(shared: Arc<Shared>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MOST_BYTES).collect().await else {
        return plain(413, "the body is larger than the sandbox takes");
    };
    let path = parts.uri.path().to_owned();
    let found = shared.routes.find(parts.method.as_str(), &path, parts.headers.contains_key("appkey"));
    let (api, op, slots) = match found {
        Some(found) => (found.api, found.op, found.slots),
        None => match Api::of_path(&path) {
            Some(api) => (api, "-".to_owned(), std::collections::BTreeMap::new()),
            None => {
                return plain(404, "the sandbox serves /connect/v3, /connect-events/v3, /api/v2, /api and /_sandbox");
            }
        },
    };
    let call = Call {
        api,
        op,
        method: parts.method,
        path,
        slots,
        query: form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        headers: parts.headers,
        body: body.to_bytes(),
        now: shared.clock.millis(),
    };
    // On a task of its own: a vendor goes on with what it was asked, whether or not the client is still there.
    match tokio::spawn(async move { answer(&shared, call).await }).await {
        Ok(response) => response,
        Err(_) => plain(500, "the sandbox failed on this request"),
    }
}

async fn answer(shared: &Arc<Shared>, mut call: Call) -> Response<Body> {
    let (sequence, effect) = {
        let mut world = shared.world();
        world.arrived += 1;
        world.sign_ins += u64::from(signs_in(call.api, &call.op));
        (world.arrived, world.faults.take(call.api.name(), &call.op))
    };
    let note = Note { shared, sequence, fault: effect.as_ref().map(Effect::name) };
    match &effect {
        Some(Effect::Drop(Moment::Before)) => {
            note.down(&call, None, &Under::default());
            return hangup();
        }
        Some(Effect::Status { status, code, retry_after }) => {
            let reply = refusal(&call, *status, code.as_deref(), *retry_after);
            return note.down(&call, Some(&reply), &Under::default()).respond();
        }
        Some(Effect::Body { status, content_type, body }) => {
            let reply =
                Reply { content_type: content_type.clone(), body: Bytes::from(body.clone()), ..Reply::empty(*status) };
            return note.down(&call, Some(&Reply { acted: false, ..reply }), &Under::default()).respond();
        }
        Some(Effect::Redirect { status, location }) => {
            let reply = Reply { acted: false, ..Reply::empty(*status) }.with("location", location.clone());
            return note.down(&call, Some(&reply), &Under::default()).respond();
        }
        Some(Effect::Drop(Moment::After) | Effect::Truncate(_) | Effect::Delay(_)) | None => {}
    }
    let (reply, under) = {
        let slot = match Slot::take(shared, &call) {
            Ok(slot) => slot,
            Err(reply) => return note.down(&call, Some(&reply), &Under::default()).respond(),
        };
        if slot.is_some() && !shared.latency.is_zero() {
            tokio::time::sleep(shared.latency).await;
        }
        call.now = shared.clock.millis();
        let done = shared.world().act(&call);
        let touch = |under: &Under| {
            // An idle limit counts from the last completed call, not from its arrival.
            if let Some(session) = &under.touch {
                shared.world().bill.touch(session, shared.clock.millis());
            }
        };
        touch(&done.1);
        if let Some(Effect::Delay(by)) = &effect {
            // Noted before the clock moves: who gives up on the call at that moment finds it in the log.
            let response = note.down(&call, Some(&done.0), &done.1).respond();
            if shared.clock.is_real() {
                tokio::time::sleep(*by).await;
            } else {
                shared.clock.advance(*by);
            }
            touch(&done.1);
            return response;
        }
        done
        // The slot is free before the answer leaves: who has the answer may send the next request.
    };
    match effect {
        Some(Effect::Drop(_)) => {
            note.down(&call, None, &under).acted_in_silence(&reply);
            hangup()
        }
        Some(Effect::Truncate(bytes)) => note.down(&call, Some(&reply), &under).broken_off(bytes),
        _ => note.down(&call, Some(&reply), &under).respond(),
    }
}

/// One of the places that BILL allows at one time for a developer key and an organization; given back when dropped,
/// also where the client hung up in the middle.
struct Slot {
    shared: Arc<Shared>,
    of: (String, String),
}

impl Slot {
    fn take(shared: &Arc<Shared>, call: &Call) -> Result<Option<Self>, Reply> {
        let mut world = shared.world();
        let Some(of) = world.bill.place(call) else { return Ok(None) };
        if world.bill.enter(&of) {
            Ok(Some(Self { shared: Arc::clone(shared), of }))
        } else {
            Err(refusal(call, 429, Some("BDC_1322"), None))
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.shared.world().bill.leave(&self.of);
    }
}

/// Writes the log.
struct Note<'a> {
    shared: &'a Shared,
    sequence: u64,
    fault: Option<&'static str>,
}

/// An answer that stands in the log.
struct Noted<'a> {
    shared: &'a Shared,
    sequence: u64,
    reply: Option<&'a Reply>,
}

impl<'a> Note<'a> {
    fn down<'b>(&'b self, call: &Call, reply: Option<&'b Reply>, under: &Under) -> Noted<'b>
    where
        'a: 'b,
    {
        let served = Served {
            sequence: self.sequence,
            at: self.shared.clock.now(),
            api: call.api.name(),
            operation: call.op.clone(),
            method: call.method.to_string(),
            path: call.path.clone(),
            status: reply.map(|reply| reply.status),
            code: reply.filter(|reply| !reply.acted).and_then(|reply| code_of(&reply.body)),
            acted: reply.is_some_and(|reply| reply.acted),
            fault: self.fault,
            session: under.session.clone(),
            user: under.user.clone(),
            organization: under.organization.clone(),
            company: under.company,
        };
        self.shared.world().log.push(served);
        Noted { shared: self.shared, sequence: self.sequence, reply }
    }
}

impl Noted<'_> {
    fn respond(self) -> Response<Body> {
        let Some(reply) = self.reply else { return hangup() };
        head(reply, Body::from(reply.body.clone()))
    }

    fn broken_off(self, bytes: usize) -> Response<Body> {
        let Some(reply) = self.reply else { return hangup() };
        let promised = reply.body.len();
        let sent = reply.body.slice(..bytes.min(promised.saturating_sub(1)));
        let mut response = head(reply, Body::new(BreakingOff { sent: Some(sent), flushed: false }));
        response.headers_mut().insert("content-length", HeaderValue::from(promised.max(1)));
        response
    }

    /// The answer was lost, but what it would have told of was done.
    fn acted_in_silence(self, lost: &Reply) {
        if let Some(served) = self.shared.world().log.iter_mut().rev().find(|served| served.sequence == self.sequence) {
            served.acted = lost.acted;
        }
    }
}

/// A body that promises more than it gives, then fails, which makes hyper close the connection.
struct BreakingOff {
    sent: Option<Bytes>,
    flushed: bool,
}

impl http_body::Body for BreakingOff {
    type Data = Bytes;
    type Error = Hangup;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Hangup>>> {
        if let Some(sent) = self.sent.take() {
            return Poll::Ready(Some(Ok(Frame::data(sent))));
        }
        if !self.flushed {
            // Hyper writes out what it has when a body has nothing to give yet; without this pause the head would be lost too.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(Hangup)))
    }
}

/// Marks an answer that must not be given.
#[derive(Clone, Copy, Debug)]
struct Hangup;

impl std::fmt::Display for Hangup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is closed by order")
    }
}

impl std::error::Error for Hangup {}

fn hangup() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Hangup);
    response
}

fn head(reply: &Reply, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        axum::http::StatusCode::from_u16(reply.status).unwrap_or(axum::http::StatusCode::INTERNAL_SERVER_ERROR);
    let typed = (!reply.content_type.is_empty()).then_some(("content-type", &reply.content_type));
    for (name, value) in typed.into_iter().chain(reply.headers.iter().map(|(name, value)| (*name, value))) {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn plain(status: u16, text: &str) -> Response<Body> {
    let reply =
        Reply { content_type: "text/plain".to_owned(), body: Bytes::from(format!("{text}\n")), ..Reply::empty(status) };
    head(&reply, Body::from(reply.body.clone()))
}

/// The vendor's code within a refusal, in either of BILL's dialects.
fn code_of(body: &Bytes) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = body.pointer("/0/code").or_else(|| body.pointer("/response_data/error_code"))?;
    code.as_str().map(str::to_owned)
}

/// Far more than any call of the vendors' needs.
const MOST_BYTES: usize = 16 * 1024 * 1024;
