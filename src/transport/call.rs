//! One call from its beginning to its end: how often it is tried, and what is between the tries.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, FutureExt as _, select};
use smallvec::SmallVec;
use tokio::sync::OwnedSemaphorePermit;

use super::attempt::{Failure, attempt};
use super::budget::{Claim, Taken};
use super::classify::Class;
use super::observe::Waited;
use super::pace::{Gauge, Meter};
use super::policy::{Fate, Next, next};
use super::response::Response;
use super::{Connection, Sending, Shared};
use crate::error::{Error, Mismatch, Refusal};
use crate::session::Session;
use crate::session::state::Live;
use crate::session::store::Lease;
use crate::table::{Operation, Quota, Scheme};

/// A call under way.
pub(super) struct Call<'c> {
    connection: &'c Connection,
    shared: &'c Shared,
    operation: &'static Operation,
    schemes: &'static [Scheme],
    /// The time by which it has to be over, by the monotonic clock.
    end: Duration,
    sent_at: Option<SystemTime>,
    /// The last refusal by a limit, without secrets, for the error if waiting for the limit takes too long.
    limited: Option<Box<Refusal>>,
}

/// What a call holds while it is under way.
pub(super) struct Admitted {
    live: Option<Arc<Live>>,
    #[expect(dead_code, reason = "held for its drop")]
    places: Places,
    #[expect(dead_code, reason = "held for its drop")]
    shared: Option<Lease>,
}

/// No vendor counts more than one kind of calls at once.
type Places = SmallVec<[OwnedSemaphorePermit; 1]>;

impl<'c> Call<'c> {
    pub(super) fn new(connection: &'c Connection, operation: &'static Operation, schemes: &'static [Scheme]) -> Self {
        let shared = &*connection.0;
        let end = shared.wire.clock().monotonic().saturating_add(shared.wire.policy().call);
        Self { connection, shared, operation, schemes, end, sent_at: None, limited: None }
    }

    /// Tries until there is an answer, an error that will not pass, or no time left.
    pub(super) async fn run(mut self, mut sending: Sending<'_>) -> Result<Response, Error> {
        let gate = self.shared.gate.as_ref().filter(|_| self.operation.in_company);
        let _lease = match gate {
            Some(gate) => Some(self.bound("waiting for the company", gate.enter(self.operation)).await??),
            None => None,
        };
        let policy = self.shared.wire.policy();
        let mut tries = 0;
        let mut replayed = false;
        loop {
            let (request, can_repeat) = sending.next(self.operation)?;
            self.shared.wire.check_target(self.operation, request.url())?;
            let admitted = self.admit().await?;
            if let Some(gate) = gate {
                let again = tries > 0 || replayed;
                self.bound("asking for the company", gate.check(self.operation, again)).await??;
            }
            tries += 1;
            self.sent_at.get_or_insert_with(|| self.shared.wire.clock().now());
            let live = admitted.live.clone();
            let limit = policy.attempt.min(self.left());
            let attempt = attempt(self.shared, self.operation, self.schemes, request, admitted, limit, tries);
            let failure = match attempt.await {
                Ok(mut response) => {
                    if let (Some(session), Some(live)) = (&self.shared.session, &live) {
                        session.completed(live);
                    }
                    self.shared.wire.retries().earn();
                    if let Some(gate) = gate {
                        self.bound("asking for the company", gate.confirm(self.operation)).await??;
                    }
                    response.hide = self.shared.hide.with(live);
                    return Ok(response);
                }
                Err(failure) => failure,
            };
            if self.note(&failure, live.as_ref())
                && let (Some(session), Some(live)) = (&self.shared.session, &live)
            {
                let now = self.shared.wire.clock().monotonic();
                if replayed {
                    live.note_refused_to(self.operation.id, now);
                } else if !live.is_refused_to(self.operation.id, now) {
                    // Refused before acting, so it is safe to send again; once, for a session that is refused fresh will not get better.
                    session.reject(live.generation);
                    if can_repeat {
                        replayed = true;
                        tries -= 1;
                        continue;
                    }
                }
            }
            Box::pin(self.back_off(failure, live.as_ref(), tries, can_repeat)).await?;
        }
    }

    /// What a failed try tells about the session and the limits. Whether it met a dead session.
    fn note(&mut self, failure: &Failure, live: Option<&Arc<Live>>) -> bool {
        let Failure::Refused { class, refusal, retry_after } = failure else { return false };
        if *class == Class::RateLimited {
            let mut said = Box::new(refusal.clone());
            self.shared.hide.with(live.cloned()).in_refusal(&mut said);
            let again = self.limited.replace(said).is_some();
            self.correct(refusal, *retry_after, again);
        }
        let (Some(session), Some(live)) = (&self.shared.session, live) else { return false };
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
            let now = self.shared.wire.clock().now();
            meter.gauge.refused(now, retry_after, again);
            let wait = meter.gauge.wait(now);
            if let (Some(budget), Some(claim)) = (self.shared.wire.budget().filter(|_| !wait.is_zero()), &meter.claim) {
                let (budget, claim) = (budget.clone(), claim.clone());
                tokio::spawn(async move { budget.close(&claim, wait).await });
            }
        }
    }

    /// Waits before the next try, or ends the call with its error.
    async fn back_off(
        &self,
        failure: Failure,
        live: Option<&Arc<Live>>,
        tries: u32,
        can_repeat: bool,
    ) -> Result<(), Error> {
        let (fate, retry_after) = match &failure {
            Failure::Refused { class: Class::RateLimited, retry_after, .. } => (Fate::NotActed, *retry_after),
            Failure::Refused { class: Class::Passing, retry_after, .. } => (Fate::Unknown, *retry_after),
            Failure::Broken { fate, .. } => (*fate, None),
            Failure::TimedOut(_) => (Fate::Unknown, None),
            // Whether it was done stands in an answer that cannot be read. Another try would most likely get the same.
            Failure::Unreadable(_) if !self.operation.replay_safe => (Fate::Unknown, None),
            Failure::Refused { .. } | Failure::Unreadable(_) | Failure::Unsent(_) => {
                return Err(self.error(failure, live));
            }
        };
        // The vendor's limits are what they are; only what may be an outage is paid for.
        let is_limit = matches!(failure, Failure::Refused { class: Class::RateLimited, .. });
        let policy = self.shared.wire.policy();
        let mut decision = next(self.operation, fate, tries, policy);
        let wait = policy.back_off(tries + 1, retry_after, rand::random());
        let error = self.error(failure, live);
        if decision == Next::Again
            && (!can_repeat || self.left() <= wait || !(is_limit || self.shared.wire.retries().pay()))
        {
            decision = Next::GiveUp;
        }
        match decision {
            Next::Ambiguous => Err(Error::Ambiguous {
                operation: self.operation.id,
                sent_at: self.sent_at.unwrap_or(SystemTime::UNIX_EPOCH),
                source: Box::new(error),
            }),
            Next::GiveUp => Err(error),
            Next::Again => {
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                tracing::debug!(tries, wait_ms, kind = error.kind(), "backing off");
                self.waited(Waited::BackOff, wait);
                self.shared.wire.clock().sleep(wait).await;
                Ok(())
            }
        }
    }

    /// Gets everything that a try needs: a session, a place, a share of each budget.
    pub(super) async fn admit(&self) -> Result<Admitted, Error> {
        match self.admit_at_once(self.shared.wire.clock().now()) {
            Some(admitted) => Ok(admitted),
            // Boxed, as whatever few calls come to: else every call would carry the room for it about.
            None => Box::pin(self.admit_in_line()).await,
        }
    }

    /// The same, if none of it has to be waited for. That is how it mostly is, and takes one look at the clock.
    fn admit_at_once(&self, now: SystemTime) -> Option<Admitted> {
        if self.shared.wire.budget().is_some() {
            return None;
        }
        let live = match &self.shared.session {
            Some(session) if !self.schemes.is_empty() => Some(session.at_hand_at(now)?),
            _ => None,
        };
        let mut places = Places::new();
        for meter in self.meters() {
            places.extend(meter.gauge.try_place()?);
        }
        let mut counted = self.spend(now)?;
        counted.is_final = true;
        Some(Admitted { live, places, shared: None })
    }

    /// The same, waiting for what is not there. In the order of session, place, budget, and again from the start when waiting for one has
    /// cost the other: a session must not be waited for with a place in hand, which the sign-in may need.
    async fn admit_in_line(&self) -> Result<Admitted, Error> {
        loop {
            let live = self.session().await?;
            self.wait_for_windows().await?;
            let places = self.places().await?;
            if let (Some(session), Some(live)) = (&self.shared.session, &live)
                && session.at_hand().is_none_or(|now| now.generation != live.generation)
            {
                continue;
            }
            let Some(mut counted) = self.spend(self.shared.wire.clock().now()) else { continue };
            match self.share().await? {
                Share::Taken(shared) => {
                    counted.is_final = true;
                    return Ok(Admitted { live, places, shared });
                }
                Share::Wait(wait) => {
                    // With nothing in hand: it can take long, and others may have something else to do.
                    drop((counted, places));
                    self.wait_for_share(wait).await?;
                }
            }
        }
    }

    async fn session(&self) -> Result<Option<Arc<Live>>, Error> {
        let session = match &self.shared.session {
            Some(session) if !self.schemes.is_empty() => session,
            _ => return Ok(None),
        };
        match session.at_hand() {
            Some(live) => Ok(Some(live)),
            None => self.bound("waiting for the sign-in", session.acquire()).await?.map(Some),
        }
    }

    /// Waits until no window is spent, in line with the others who wait for it.
    async fn wait_for_windows(&self) -> Result<(), Error> {
        for meter in self.meters() {
            let Gauge::Window(window) = &*meter.gauge else { continue };
            if meter.gauge.wait(self.shared.wire.clock().now()).is_zero() {
                continue;
            }
            let _turn = self.bound("waiting for a limit", window.line.lock()).await?;
            self.wait_out(meter.gauge.wait(self.shared.wire.clock().now()), meter).await?;
        }
        Ok(())
    }

    async fn wait_out(&self, wait: Duration, meter: &Meter) -> Result<(), Error> {
        if wait.is_zero() {
            return Ok(());
        }
        if wait > self.left() {
            return Err(Error::RateLimited {
                operation: self.operation.id,
                limit: Some(meter.limit.name),
                retry_after: Some(wait),
                until: self.shared.wire.clock().now().checked_add(wait),
                refusal: self.limited.clone(),
            });
        }
        self.waited(Waited::Limit, wait);
        self.shared.wire.clock().sleep(wait).await;
        Ok(())
    }

    async fn places(&self) -> Result<Places, Error> {
        let mut places = Places::new();
        for meter in self.meters() {
            let place = match meter.gauge.try_place() {
                Some(place) => place,
                None => self.bound("waiting for a place", meter.gauge.place()).await?,
            };
            places.extend(place);
        }
        Ok(places)
    }

    /// Counts the call into every window, or into none.
    fn spend(&self, now: SystemTime) -> Option<Counted<'_>> {
        let mut counted = Counted { call: self, windows: 0, is_final: false };
        for meter in self.meters() {
            if !meter.gauge.spend(now) {
                return None;
            }
            counted.windows += 1;
        }
        Some(counted)
    }

    /// Takes the call's share of what all processes may do together.
    async fn share(&self) -> Result<Share, Error> {
        let Some(budget) = self.shared.wire.budget() else { return Ok(Share::Taken(None)) };
        let claims: Vec<Claim> = self.meters().filter_map(|meter| meter.claim.as_deref().cloned()).collect();
        if claims.is_empty() {
            return Ok(Share::Taken(None));
        }
        match self.bound("asking for a share of the limits", budget.take(&claims)).await? {
            Ok(Taken::Granted(lease)) => {
                self.shared.wire.budget_away().note_back();
                Ok(Share::Taken(Some(lease)))
            }
            Ok(Taken::Wait(wait)) => Ok(Share::Wait(wait)),
            Err(error) => {
                // Our own count goes on, and the vendor's refusals correct it.
                self.shared.wire.budget_away().note_failed(&error);
                Ok(Share::Taken(None))
            }
        }
    }

    /// Waits until there may be a share. What is long to wait for is a window, so the error names that if there is no time for it.
    async fn wait_for_share(&self, wait: Duration) -> Result<(), Error> {
        let window = self.meters().find(|meter| matches!(meter.limit.quota, Quota::Within { .. }));
        match window.or_else(|| self.meters().next()) {
            Some(meter) => self.wait_out(wait, meter).await,
            None => Ok(()),
        }
    }

    fn meters(&self) -> impl Iterator<Item = &'c Meter> + use<'c> {
        let operation = self.operation.id;
        self.shared.meters.iter().filter(move |meter| meter.counts(operation))
    }

    fn left(&self) -> Duration {
        self.end.saturating_sub(self.shared.wire.clock().monotonic())
    }

    /// What `future` yields, or `timeout` when the call's time is over first.
    async fn bound<T>(&self, what: &'static str, future: impl Future<Output = T>) -> Result<T, Error> {
        let (left, mut future) = (self.left(), pin!(future));
        // What is there at once needs no timer.
        if !left.is_zero()
            && let Some(value) = future.as_mut().now_or_never()
        {
            return Ok(value);
        }
        match select(self.shared.wire.clock().limit(left), future).await {
            Either::Left(_) => {
                Err(Error::Timeout { operation: self.operation.id, what, limit: self.shared.wire.policy().call })
            }
            Either::Right((value, _)) => Ok(value),
        }
    }

    fn waited(&self, what: Waited, wait: Duration) {
        if let Some(observer) = self.shared.wire.observer() {
            observer.waited(self.operation, what, wait);
        }
    }

    fn error(&self, failure: Failure, live: Option<&Arc<Live>>) -> Error {
        let operation = self.operation.id;
        match failure {
            Failure::Refused { class, mut refusal, retry_after } => {
                self.shared.hide.with(live.cloned()).in_refusal(&mut refusal);
                let refusal = Box::new(refusal);
                let way = self.connection.session().map(Session::way);
                match class {
                    // Where the credential itself goes with each call, a refusal of it is one of signing in.
                    Class::Other | Class::DeadSession
                        if let Some(way) = way.filter(|way| way.operation.is_none() && refusal.status == 401) =>
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
            Failure::Unsent(error) => error,
            Failure::Unreadable(Mismatch { path, detail }) => Error::Decode { operation, path, detail },
            Failure::TimedOut(limit) => Error::Timeout { operation, what: "the answer", limit },
            Failure::Broken { error, .. } => Error::Network { operation, source: Arc::new(error.without_url()) },
        }
    }
}

/// What came of asking for a share of the budget.
enum Share {
    /// It is there; without a budget nothing has to be held.
    Taken(Option<Lease>),
    /// It is not there for as long.
    Wait(Duration),
}

/// A call that has been counted and not yet sent: counted out again if it is dropped, unless the count is final.
struct Counted<'c> {
    call: &'c Call<'c>,
    windows: usize,
    is_final: bool,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.is_final {
            self.call.meters().take(self.windows).for_each(|meter| meter.gauge.refund());
        }
    }
}

impl Admitted {
    pub(super) fn live(&self) -> Option<&Live> {
        self.live.as_deref()
    }
}
