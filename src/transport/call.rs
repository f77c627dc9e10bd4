//! One call from its beginning to its end: how often it is tried, and what is between the tries.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, FutureExt as _, select};
use reqwest::Request;
use tracing::Instrument as _;

use super::admit::Admitted;
use super::attach::attach;
use super::attempt::{Attempt, Failure, Received, attempt};
use super::classify::Class;
use super::observe::Waited;
use super::pace::Meter;
use super::policy::{Fate, Next, next};
use super::response::{Payload, Response};
use super::sending::Sending;
use super::{Connection, Gate, Shared};
use crate::error::{Error, Mismatch, Refusal};
use crate::session::clock::{Wait, time_of, whole_millis};
use crate::session::grant::Pending;
use crate::session::{InHand, Session};
use crate::table::{Operation, Scheme};

/// A call under way.
pub(super) struct Call<'c> {
    pub(super) connection: &'c Connection,
    pub(super) shared: &'c Shared,
    pub(super) operation: &'static Operation,
    pub(super) schemes: &'static [&'static Scheme],
    /// The time by which it has to be over, by the monotonic clock.
    end: Duration,
    /// When it was sent for the first time, in milliseconds since 1970.
    sent_at: Option<u64>,
    /// A try may have been acted on.
    unknown: bool,
    /// The last refusal by a limit, without secrets, for the error if waiting for the limit takes too long.
    pub(super) limited: Option<Box<Refusal>>,
}

/// A try to be awaited.
struct Try<'c> {
    live: Option<InHand>,
    attempt: Attempt<'c>,
    /// When the first one was made.
    sent_at: u64,
}

impl<'c> Call<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        operation: &'static Operation,
        schemes: &'static [&'static Scheme],
    ) -> Self {
        let shared = &*connection.shared;
        let end = shared.wire.clock().monotonic().saturating_add(shared.wire.policy().call);
        Self { connection, shared, operation, schemes, end, sent_at: None, unknown: false, limited: None }
    }

    /// Tries until there is an answer, an error that will not pass, or no time left.
    pub(super) async fn run(&mut self, sending: &mut Sending<'_>) -> Result<Response, Error> {
        let (gate, mut lease) = (self.gate(), None);
        let (mut tries, mut replays) = (0, 0);
        loop {
            let Try { live, attempt, sent_at } =
                match self.begin(sending, tries).map_err(|error| self.given_up(error))? {
                    Some(begun) => begun,
                    None => {
                        if let (Some(gate), None) = (gate, &lease) {
                            lease = Some(self.gated("waiting for the company", gate.enter(self.operation)).await?);
                        }
                        let admitted = match gate {
                            Some(gate) => Box::pin(self.admit_behind(gate, tries > 0 || replays > 0, sending)).await,
                            None => self.admit(sending).await,
                        };
                        let (request, admitted) = admitted.map_err(|error| self.given_up(error))?;
                        let now = self.shared.wire.clock().now_millis();
                        self.send(request, admitted, tries, self.left(), now).map_err(|error| self.given_up(error))?
                    }
                };
            tries += 1;
            let can_repeat = sending.can_repeat();
            let failure = match attempt.await {
                Ok(Received { status, headers, mut payload }) => {
                    if let (Some(session), Some(live)) = (self.connection.session(), &live) {
                        if session.way().sign_out == Some(self.operation.id) {
                            Box::pin(session.ended(live)).await;
                        } else {
                            session.completed(live);
                        }
                    }
                    self.shared.wire.retries().earn();
                    if let Some(gate) = gate {
                        self.gated("asking for the company", gate.confirm(self.operation)).await?;
                    }
                    if let (Payload::Stream(pieces), Some(live)) = (&mut payload, &live) {
                        pieces.hold(live.clone());
                    }
                    let (operation, hide) = (self.operation, self.shared.told.with(live));
                    return Ok(Response { operation, status, headers, payload, hide, sent_at });
                }
                Err(failure) => failure,
            };
            if self.note(&failure, live.as_ref())
                && let (Some(session), Some(live)) = (self.connection.session(), &live)
            {
                let now = self.shared.wire.clock().monotonic();
                // One out of a store may have died before this call began, and says nothing of one that is signed in for now.
                if replays == MOST_REPLAYS || (replays > 0 && !live.stored) {
                    live.note_refused_to(self.operation.id, now);
                } else if !live.is_refused_to(self.operation.id, now) {
                    // Refused before acting, so it is safe to send again; once, for a session that is refused fresh will not get better.
                    session.reject(live.generation);
                    if can_repeat {
                        replays += 1;
                        tries -= 1;
                        continue;
                    }
                }
            }
            Box::pin(self.back_off(failure, live.as_ref(), tries, can_repeat)).await?;
        }
    }

    /// The next try, if nothing has to be waited for: that is how it mostly is.
    fn begin(&mut self, sending: &mut Sending<'_>, tries: u32) -> Result<Option<Try<'c>>, Error> {
        // A gate is waited for before the rest, and asked again after it.
        let is_gated = self.gate().is_some();
        // Of the thousands that can be in line, none builds its request before its turn.
        if !is_gated && sending.is_unbuilt() && self.has_a_line() {
            return Ok(None);
        }
        // What cannot be built is told here, before anything else is waited for.
        let request = self.request(sending)?;
        let now = self.shared.wire.clock().now_millis();
        let admitted = if is_gated { None } else { self.admit_at_once(now) };
        let Some(admitted) = admitted else {
            sending.put_back(request);
            return Ok(None);
        };
        // Before the first no time has gone by.
        let left = if self.sent_at.is_none() { self.shared.wire.policy().call } else { self.left() };
        self.send(request, admitted, tries, left, now).map(Some)
    }

    /// As [`Self::admit`], for one that has entered a gate: what was true then may have passed if anything had to be waited for since, such as a
    /// sign-in.
    async fn admit_behind(
        &self,
        gate: &Arc<dyn Gate>,
        again: bool,
        sending: &mut Sending<'_>,
    ) -> Result<(Box<Request>, Admitted), Error> {
        let mut admission = pin!(self.admit(sending));
        let (admitted, waited) = match admission.as_mut().now_or_never() {
            Some(admitted) => (admitted?, false),
            None => (admission.await?, true),
        };
        self.gated("asking for the company", gate.check(self.operation, again || waited)).await?;
        Ok(admitted)
    }

    /// The next try's request, which is for the operation.
    pub(super) fn request(&self, sending: &mut Sending<'_>) -> Result<Box<Request>, Error> {
        let request = sending.next(self.operation.id)?;
        self.shared.wire.check_target(self.operation, &request)?;
        Ok(request)
    }

    fn send(
        &mut self,
        mut request: Box<Request>,
        Admitted { live, share }: Admitted,
        tries: u32,
        left: Duration,
        now: u64,
    ) -> Result<Try<'c>, Error> {
        self.check_time("what comes before it is sent", left)?;
        if let Some(live) = &live {
            attach(&mut request, self.schemes, &live.grant)?;
        }
        let sent_at = *self.sent_at.get_or_insert(now);
        // Handed on outside of any async function, which would have it twice.
        let sent = self.shared.wire.http().execute(*request);
        let attempt =
            attempt(&self.shared.wire, self.operation, sent, share, self.shared.wire.policy().attempt.min(left), tries);
        Ok(Try { live, attempt, sent_at })
    }

    fn gate(&self) -> Option<&'c Arc<dyn Gate>> {
        self.shared.gate.as_ref().filter(|_| self.operation.in_company)
    }

    /// What a failed try tells about the session and the limits. Whether it met a dead session.
    fn note(&mut self, failure: &Failure, live: Option<&InHand>) -> bool {
        let Failure::Refused { class, refusal, retry_after } = failure else { return false };
        if *class == Class::RateLimited {
            let mut said = Box::new(refusal.clone());
            self.shared.told.with(live.cloned()).in_refusal(&mut said);
            let again = self.limited.replace(said).is_some();
            self.correct(refusal, *retry_after, again);
        }
        let (Some(session), Some(live)) = (self.connection.session(), live) else { return false };
        match class {
            // What goes with each call has no session that could be renewed.
            Class::DeadSession => return session.way().operation.is_some(),
            Class::Untrusted => live.set_trusted(false),
            _ => {}
        }
        // A call that was refused for its own sake has been completed all the same.
        session.completed(live);
        false
    }

    /// The vendor counts otherwise than we do: it is right.
    fn correct(&self, refusal: &Refusal, retry_after: Option<Duration>, again: bool) {
        let meters = self
            .meters()
            .filter(|meter| meter.limit.refused_with.is_some_and(|code| refusal.codes().any(|found| found == code)));
        // Of two limits with one code, the one that names the operation is meant.
        if let Some(meter) = meters.max_by_key(|meter| !meter.limit.operations.is_empty()) {
            let now = self.shared.wire.clock().now_millis();
            meter.gauge().refused(now, retry_after, again);
            let wait = meter.gauge().wait(now);
            if let (Some(budget), Some(claim)) = (self.shared.wire.budget().filter(|_| !wait.is_zero()), meter.claim())
            {
                let (budget, claim) = (budget.clone(), claim.clone());
                tokio::spawn(async move { budget.close(&claim, wait).await });
            }
        }
    }

    /// Waits before the next try, or ends the call with its error.
    async fn back_off(
        &mut self,
        failure: Failure,
        live: Option<&InHand>,
        tries: u32,
        can_repeat: bool,
    ) -> Result<(), Error> {
        let (fate, retry_after) = match &failure {
            Failure::Refused { class: Class::RateLimited, retry_after, .. } => (Fate::NotActed, *retry_after),
            Failure::Refused { class: Class::Passing, retry_after, .. } => (Fate::Unknown, *retry_after),
            Failure::Broken { fate, .. } => (*fate, None),
            Failure::TimedOut(_) => (Fate::Unknown, None),
            // Whether it was done stands in an answer that cannot be read. Another try would most likely get the same.
            Failure::Unreadable(_) if !self.operation.replay_safe || self.operation.keyed => (Fate::Unknown, None),
            // The vendor's word on the call, where what comes before it was no hindrance.
            Failure::Refused { class: Class::Other, refusal, .. } if !refusal.page => {
                return Err(self.error(failure, live));
            }
            Failure::Refused { .. } | Failure::Unreadable(_) => return Err(self.given_up(self.error(failure, live))),
        };
        // The vendor's limits are what they are; only what may be an outage is paid for.
        let is_limit = matches!(failure, Failure::Refused { class: Class::RateLimited, .. });
        self.unknown |= fate == Fate::Unknown;
        let policy = self.shared.wire.policy();
        let mut decision = next(self.operation, fate, tries, policy);
        let wait = policy.back_off(tries + 1, retry_after, rand::random());
        let error = self.error(failure, live);
        if decision == Next::Again
            && (!can_repeat || self.left() <= wait + self.shortest() || !(is_limit || self.shared.wire.retries().pay()))
        {
            decision = Next::GiveUp;
        }
        match decision {
            Next::Ambiguous => Err(self.ambiguous(error)),
            Next::GiveUp => Err(self.given_up(error)),
            Next::Again => {
                let wait_ms = whole_millis(wait);
                tracing::debug!(tries, wait_ms, kind = error.kind(), "backing off");
                self.sleep(Waited::BackOff, wait).await;
                Ok(())
            }
        }
    }

    /// What ends the call. With an idempotent key there may have been several tries, and the vendor may have acted on one of them.
    fn given_up(&self, error: Error) -> Error {
        if self.operation.keyed && self.unknown { self.ambiguous(error) } else { error }
    }

    fn ambiguous(&self, error: Error) -> Error {
        let sent_at = time_of(self.sent_at.unwrap_or_default());
        Error::Ambiguous { operation: self.operation.id, sent_at, source: Box::new(error) }
    }

    pub(super) fn meters(&self) -> impl Iterator<Item = &'c Meter> + use<'c> {
        let operation = self.operation.id;
        self.shared.meters.iter().filter(move |meter| meter.counts(operation))
    }

    pub(super) fn left(&self) -> Duration {
        self.end.saturating_sub(self.shared.wire.clock().monotonic())
    }

    /// Whether there is time enough to send it, after `what` has taken its part.
    pub(super) fn check_time(&self, what: &'static str, left: Duration) -> Result<(), Error> {
        if left.is_zero() || left < self.shortest() {
            return Err(self.over(what, self.shared.wire.policy().call));
        }
        Ok(())
    }

    /// With less time than this a call that must not be sent twice is not sent at all: it would hardly be answered, and its fate be unknown.
    pub(super) fn shortest(&self) -> Duration {
        let policy = self.shared.wire.policy();
        if self.operation.replay_safe { Duration::ZERO } else { policy.attempt.min(policy.call) / 60 }
    }

    /// What `future` yields, or `timeout` when the call's time is over first.
    pub(super) async fn bound<T>(
        &self,
        what: &'static str,
        future: impl Future<Output = T> + Unpin,
    ) -> Result<T, Error> {
        self.bound_by(&mut None, what, future).await
    }

    /// The same for a gate's, boxed: most calls have none.
    fn gated<'g, T: 'g>(&'g self, what: &'static str, future: Pending<'g, T>) -> Pending<'g, T> {
        Box::pin(async move { self.bound(what, future).await? })
    }

    /// The same for one of several waits in a row: `timer`, which ends with the call's time, is set at the first.
    pub(super) async fn bound_by<T>(
        &self,
        timer: &mut Option<Wait>,
        what: &'static str,
        mut future: impl Future<Output = T> + Unpin,
    ) -> Result<T, Error> {
        let left = self.left();
        if left.is_zero() {
            return Err(self.over(what, self.shared.wire.policy().call));
        }
        // What is there at once needs no timer. Of the two the timer is polled last: `send` looks at the time once more.
        if let Some(value) = (&mut future).now_or_never() {
            return Ok(value);
        }
        let timer = timer.get_or_insert_with(|| self.shared.wire.clock().limit(left));
        match select(future, timer).instrument(tracing::debug_span!("wait", reason = what)).await {
            Either::Left((value, _)) => Ok(value),
            Either::Right(_) => Err(self.over(what, left)),
        }
    }

    fn over(&self, what: &'static str, limit: Duration) -> Error {
        Error::Timeout { operation: self.operation.id, what, limit }
    }

    /// Waits for as long as was decided.
    pub(super) async fn sleep(&self, what: Waited, wait: Duration) {
        if let Some(observer) = self.shared.wire.observer() {
            observer.waited(self.operation, what, wait);
        }
        let span = tracing::debug_span!("wait", reason = what.as_str(), wait_ms = whole_millis(wait));
        self.shared.wire.clock().sleep(wait).instrument(span).await;
    }

    fn error(&self, failure: Failure, live: Option<&InHand>) -> Error {
        let operation = self.operation.id;
        match failure {
            Failure::Refused { class, mut refusal, retry_after } => {
                self.shared.told.with(live.cloned()).in_refusal(&mut refusal);
                let refusal = Box::new(refusal);
                let way = self.connection.session().map(Session::way);
                match class {
                    // Where the credential itself goes with each call, a refusal of it is one of signing in.
                    Class::Other | Class::DeadSession
                        if let Some(way) =
                            way.filter(|way| way.operation.is_none() && refusal.status == 401 && !refusal.page) =>
                    {
                        Error::SignInRejected { way: way.name, refusal }
                    }
                    Class::RateLimited => {
                        let until = retry_after.and_then(|wait| self.shared.wire.clock().now().checked_add(wait));
                        Error::RateLimited { operation, limit: None, retry_after, until, refusal: Some(refusal) }
                    }
                    _ => class.error(operation, refusal),
                }
            }
            Failure::Unreadable(Mismatch { path, detail }) => Error::Decode { operation, path, detail },
            Failure::TimedOut(limit) => Error::Timeout { operation, what: "the answer", limit },
            Failure::Broken { error, .. } => Error::Network { operation, source: Arc::new(error.without_url()) },
        }
    }
}

/// A call is replayed once on a session that was signed in for, and as often as this in all where sessions come out of a store, one after the
/// other and each of them dead.
const MOST_REPLAYS: u32 = 3;
