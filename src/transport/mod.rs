//! What happens to one request: permit, session, pace, attach, send, classify, replay or return. It knows no vendor: what it goes
//! by are the tables of the operation.

mod attach;
pub(crate) mod classify;
pub(crate) mod hide;
pub(crate) mod pace;
pub(crate) mod policy;
pub(crate) mod response;
pub(crate) mod wire;

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use reqwest::Request;
use tokio::sync::OwnedSemaphorePermit;
use tracing::Instrument as _;

use self::classify::{Class, Verdict, classify};
use self::hide::Hide;
use self::pace::{Account, Slots};
use self::policy::{Fate, Next, next};
use self::response::{Payload, Response};
use self::wire::Wire;
use crate::error::{Error, Mismatch, Refusal};
use crate::secret::Secret;
use crate::session::Session;
use crate::session::clock::Clock;
use crate::session::grant::{Pending, SignIn};
use crate::session::state::Live;
use crate::table::{Answer, Api, Operation, Scheme};

/// The way from a generated client to one API of a vendor: an address, and the session that calls go out under. Clones share it.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

#[derive(Clone)]
struct Shared {
    wire: Arc<Wire>,
    session: Option<Session>,
    slots: Vec<Slots>,
    gate: Option<Arc<dyn Gate>>,
    /// What the vendor is told beside the session.
    hide: Hide,
}

/// Has to be passed before a call of an operation that runs in a company.
pub trait Gate: Send + Sync {
    /// Waits until the call may be sent. What it yields is held until the call is over.
    fn enter(&self, operation: &'static Operation) -> Pending<'_, Lease>;
}

/// What a [`Gate`] gives out, and gets back when it is dropped.
pub type Lease = Box<dyn Send>;

/// Why a try failed.
enum Failure {
    Refused { class: Class, refusal: Refusal, retry_after: Option<Duration> },
    Unreadable(Mismatch),
    Broken { error: reqwest::Error, fate: Fate },
    TimedOut(Duration),
}

impl Connection {
    /// A connection to an API without a session: enough for the calls that need none, such as signing in.
    ///
    /// `account` says whose calls these are, for the limits that the vendor counts; `secrets` are what it may quote in a refusal.
    pub fn new(wire: Arc<Wire>, api: &'static Api, account: &Account, secrets: Vec<Secret>) -> Self {
        let slots = wire.pacer().slots(api, account);
        Self(Arc::new(Shared { wire, session: None, slots, gate: None, hide: Hide::new(secrets) }))
    }

    /// The same connection under a session.
    pub fn with_session(&self, session: Session) -> Self {
        Self(Arc::new(Shared { session: Some(session), ..(*self.0).clone() }))
    }

    /// The same connection behind a gate.
    pub fn with_gate(&self, gate: Arc<dyn Gate>) -> Self {
        Self(Arc::new(Shared { gate: Some(gate), ..(*self.0).clone() }))
    }

    /// The same connection, which takes these too out of the vendor's words.
    pub fn hiding(&self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        Self(Arc::new(Shared { hide: self.0.hide.and(secrets), ..(*self.0).clone() }))
    }

    /// Takes this too out of the vendor's words from now on, on every clone.
    pub(crate) fn learn(&self, secret: &Secret) {
        self.0.hide.learn(secret);
    }

    /// The base address, without a slash at the end.
    pub fn base(&self) -> &str {
        self.0.wire.base()
    }

    /// The HTTP client, for building requests. Sent through it directly they would go out without a session.
    pub fn http(&self) -> &reqwest::Client {
        self.0.wire.http()
    }

    /// Where time comes from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.0.wire.clock()
    }

    /// A session for this connection's way of signing in, by the policy of its settings.
    pub fn open(&self, sign_in: Arc<dyn SignIn>) -> Session {
        let policy = self.0.wire.policy();
        Session::new(sign_in, self.clock().clone(), policy.idle_margin, policy.hold_off, self.0.wire.store())
    }

    /// The session that calls go out under.
    pub fn session(&self) -> Option<&Session> {
        self.0.session.as_ref()
    }

    /// Takes a request through its whole life.
    ///
    /// # Errors
    /// Every kind that [`Error`] has. `not-permitted` and `config` come before a byte has left.
    ///
    /// # Cancelling
    /// Dropping the future gives up the call; whether the vendor acted on it is then unknown. No slot and no sign-in is lost.
    pub async fn exec(&self, operation: &'static Operation, request: Request) -> Result<Response, Error> {
        let span = tracing::info_span!(
            "call",
            api = operation.api,
            operation = operation.id,
            method = operation.method,
            path = operation.path
        );
        self.run(operation, request).instrument(span).await
    }

    async fn run(&self, operation: &'static Operation, request: Request) -> Result<Response, Error> {
        let shared = &*self.0;
        let schemes = attach::permit(operation, shared.session.as_ref().map(Session::way))?;
        shared.wire.check_target(request.url())?;
        let clock = shared.wire.clock();
        let policy = shared.wire.policy();
        let deadline = Deadline { wire: &shared.wire, operation, end: clock.monotonic().saturating_add(policy.call) };

        let _lease = match &shared.gate {
            Some(gate) if operation.in_company => {
                Some(deadline.bound("waiting for the company", gate.enter(operation)).await??)
            }
            _ => None,
        };
        let mut tries = 0;
        let mut replayed = false;
        loop {
            let live = match (&shared.session, schemes) {
                (_, []) | (None, _) => None,
                (Some(session), _) => Some(match session.at_hand() {
                    Some(live) => live,
                    None => deadline.bound("waiting for the sign-in", session.acquire()).await??,
                }),
            };
            let permits = self.take_slots(operation, &deadline).await?;
            tries += 1;
            let again = request
                .try_clone()
                .ok_or_else(|| Error::config(format!("{}: its body cannot be sent twice", operation.id)))?;
            let failure = match self.attempt(operation, again, live.as_deref(), schemes, permits, &deadline).await {
                Ok(mut response) => {
                    if let (Some(session), Some(live)) = (&shared.session, &live) {
                        session.completed(live);
                    }
                    response.hide = self.0.hide.with(live);
                    return Ok(response);
                }
                Err(failure) => failure,
            };
            if let (Failure::Refused { class, .. }, Some(session), Some(live)) = (&failure, &shared.session, &live) {
                match class {
                    // Refused before acting, so it is safe to send again; once, for a session that is refused fresh will not get better.
                    Class::DeadSession if !replayed => {
                        session.reject(live.generation);
                        replayed = true;
                        tries -= 1;
                        continue;
                    }
                    Class::DeadSession => {}
                    Class::Untrusted => {
                        live.set_trusted(false);
                        session.completed(live);
                    }
                    _ => session.completed(live),
                }
            }
            let (fate, retry_after) = match &failure {
                Failure::Refused { class: Class::RateLimited, retry_after, .. } => (Fate::NotActed, *retry_after),
                Failure::Refused { class: Class::Passing, retry_after, .. } => (Fate::Unknown, *retry_after),
                Failure::Broken { fate, .. } => (*fate, None),
                Failure::TimedOut(_) => (Fate::Unknown, None),
                Failure::Refused { .. } | Failure::Unreadable(_) => {
                    return Err(self.error(operation, failure, live.as_ref()));
                }
            };
            let decision = next(operation, fate, tries, policy);
            let wait = policy.back_off(tries + 1, retry_after, rand::random());
            let error = self.error(operation, failure, live.as_ref());
            match decision {
                Next::Ambiguous => {
                    return Err(Error::Ambiguous { operation: operation.id, source: Box::new(error) });
                }
                Next::Again if deadline.left() > wait => {
                    tracing::debug!(
                        tries,
                        wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                        kind = error.kind(),
                        "backing off"
                    );
                    clock.sleep(wait).await;
                }
                Next::Again | Next::GiveUp => return Err(error),
            }
        }
    }

    async fn take_slots(
        &self,
        operation: &'static Operation,
        deadline: &Deadline<'_>,
    ) -> Result<Vec<OwnedSemaphorePermit>, Error> {
        let mut permits = Vec::new();
        for slots in &self.0.slots {
            let permit = match slots.try_take(operation.id) {
                Some(permit) => permit,
                None => deadline.bound("waiting for a slot", slots.take(operation.id)).await?,
            };
            permits.extend(permit);
        }
        Ok(permits)
    }

    async fn attempt(
        &self,
        operation: &'static Operation,
        mut request: Request,
        live: Option<&Live>,
        schemes: &[Scheme],
        permits: Vec<OwnedSemaphorePermit>,
        deadline: &Deadline<'_>,
    ) -> Result<Response, Failure> {
        if let Some(live) = live
            && let Err(error) = attach::attach(&mut request, schemes, &live.grant)
        {
            // `permit` has made sure that the session has what the operation asks for.
            return Err(Failure::Unreadable(Mismatch { path: ".".into(), detail: error.to_string() }));
        }
        let wire = &self.0.wire;
        let limit = wire.policy().attempt.min(deadline.left());
        let answer = async {
            let answer = wire.http().execute(request).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let payload = match operation.answer {
                Answer::Bytes if status.is_success() && operation.facts.answers.success.is_none() => {
                    Payload::Stream(answer, permits)
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
        tracing::debug!(status = response.status.as_u16(), "answered");
        let Payload::Whole(body) = &response.payload else {
            return Ok(response);
        };
        match classify(&operation.facts.answers, response.status.as_u16(), body) {
            Verdict::Success => Ok(response),
            Verdict::Unreadable(mismatch) => Err(Failure::Unreadable(mismatch)),
            Verdict::Refused(class, mut refusal) => {
                if refusal.status == 403 {
                    refusal.needs_role = operation.role;
                }
                Err(Failure::Refused {
                    class,
                    refusal,
                    retry_after: wire::retry_after(&response.headers, wire.clock().now()),
                })
            }
        }
    }

    fn error(&self, operation: &'static Operation, failure: Failure, live: Option<&Arc<Live>>) -> Error {
        let id = operation.id;
        match failure {
            Failure::Refused { class, mut refusal, retry_after } => {
                self.0.hide.with(live.cloned()).in_refusal(&mut refusal);
                let refusal = Box::new(refusal);
                let way = self.0.session.as_ref().map(Session::way);
                match class {
                    // Where the credential itself goes with each call, a refusal of it is one of signing in.
                    Class::Other
                        if let Some(way) = way.filter(|way| way.operation.is_none() && refusal.status == 401) =>
                    {
                        Error::SignInRejected { way: way.name, refusal }
                    }
                    Class::Untrusted => Error::MfaRequired { operation: id, refusal },
                    Class::LockedOut => Error::LockedOut { operation: id, refusal },
                    Class::RateLimited => Error::RateLimited { operation: id, retry_after, refusal },
                    Class::DeadSession | Class::Passing | Class::Other => Error::Vendor { operation: id, refusal },
                }
            }
            Failure::Unreadable(Mismatch { path, detail }) => Error::Decode { operation: id, path, detail },
            Failure::TimedOut(limit) => Error::Timeout { operation: id, what: "the answer", limit },
            Failure::Broken { error, .. } => Error::Network { operation: id, source: Arc::new(error.without_url()) },
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("base", &self.base())
            .field("session", &self.0.session)
            .finish_non_exhaustive()
    }
}

/// The time by which a call has to be over.
struct Deadline<'w> {
    wire: &'w Wire,
    operation: &'static Operation,
    end: Duration,
}

impl Deadline<'_> {
    fn left(&self) -> Duration {
        self.end.saturating_sub(self.wire.clock().monotonic())
    }

    /// What `future` yields, or `timeout` when the call's time is over first.
    async fn bound<T>(&self, what: &'static str, future: impl Future<Output = T>) -> Result<T, Error> {
        match select(self.wire.clock().limit(self.left()), pin!(future)).await {
            Either::Left(_) => {
                Err(Error::Timeout { operation: self.operation.id, what, limit: self.wire.policy().call })
            }
            Either::Right((value, _)) => Ok(value),
        }
    }
}
