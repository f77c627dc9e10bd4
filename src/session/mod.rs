//! The session: getting it, knowing when it dies, replacing it once, ending it. It knows no vendor and no HTTP client.
//!
//! The rules are in [`state`], a pure function; this file carries its decisions out. Callers take the live session without a lock;
//! whoever finds none starts one sign-in for all, on a task of its own: a caller who gives up strands nobody, and a sign-in that was
//! sent is never sent a second time because its first caller went away.

pub(crate) mod away;
pub mod clock;
pub mod company;
pub mod file;
pub mod grant;
#[cfg_attr(not(feature = "bill"), allow(dead_code, reason = "only BILL's sessions idle out"))]
pub mod pool;
mod renewal;
pub mod state;
pub mod store;
#[cfg_attr(not(feature = "bill"), allow(dead_code, reason = "only BILL's sessions idle out"))]
pub mod warm;

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tracing::Instrument as _;

use self::clock::Clock;
use self::grant::{Grant, SignIn};
use self::pool::Seat;
use self::renewal::{Keeper, Renewed};
use self::state::{Cause, Decision, Live, Phase, Terms};
use self::store::Store;
use crate::error::Error;
use crate::sync::{Mutex, MutexGuard, Slot, spawn};
use crate::table::Way;

/// One way to sign in with one set of credentials, and the session that it leads to. Clones share it.
#[derive(Clone)]
pub struct Session(Arc<Shared>);

struct Shared {
    sign_in: Arc<dyn SignIn>,
    clock: Arc<dyn Clock>,
    terms: Terms,
    keeper: Option<Keeper>,
    /// The live session again, readable without the lock. Written only under the lock.
    live: Slot<Live>,
    state: Mutex<State>,
    /// Its place in a pool, if it is of one.
    seat: Seat,
}

#[derive(Default)]
struct State {
    phase: Phase,
    generation: u64,
    /// The sign-in under way, if there is one.
    flight: Option<Flight>,
    /// Rises when someone ends the session or replaces what it stands on: a sign-in that began before does not count any more.
    epoch: u64,
}

type Outcome = Result<Arc<Live>, Error>;
type Flight = watch::Receiver<Option<Outcome>>;

/// How a session stands, for whoever watches over it. It names people and places, and holds no secret.
///
/// ```
/// # fn watch(session: &ledgerkey::session::Session) {
/// let status = session.status();
/// match status.expires_in {
///     Some(left) => println!("{}: {} s left", status.way, left.as_secs()),
///     None if status.refused => println!("{}: the credentials were refused", status.way),
///     None => println!("{}: the next call signs in", status.way),
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The name of the way to sign in.
    pub way: &'static str,
    /// The vendor's address; `None`, as the two after it, where the credential goes with each call.
    pub address: Option<String>,
    /// The user, as the credentials name it.
    pub user: Option<String>,
    /// The organization, where the credentials name one.
    pub organization: Option<String>,
    /// How many sign-ins have succeeded.
    pub generation: u64,
    /// Whether a session is at hand, as far as is known here.
    pub live: bool,
    /// Whether that session is MFA-trusted, as far as the vendor has said.
    pub trusted: bool,
    /// How long ago that session was granted.
    pub age: Option<Duration>,
    /// For how long no call of that session has completed.
    pub idle: Option<Duration>,
    /// After how long without a call that session counts as gone: the vendor's idle limit less the margin. `None` where there is no
    /// session, or no limit.
    pub expires_in: Option<Duration>,
    /// Whether the vendor refused the credentials, so that no sign-in is tried for now.
    pub refused: bool,
}

impl Session {
    /// A session that has not signed in yet; the first call does. With a store it is shared with whoever has the same one.
    pub fn new(
        sign_in: Arc<dyn SignIn>,
        clock: Arc<dyn Clock>,
        margin: Duration,
        hold_off: Duration,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        let terms = Terms { idle: sign_in.way().idle, margin, hold_off };
        let keeper = store.zip(sign_in.identity().cloned()).map(|(store, identity)| Keeper::new(store, identity));
        let live = Slot::empty();
        Self(Arc::new(Shared { sign_in, clock, terms, keeper, live, state: Mutex::default(), seat: Seat::default() }))
    }

    /// A session that is live already.
    pub(crate) fn live(sign_in: Arc<dyn SignIn>, grant: Grant, clock: Arc<dyn Clock>) -> Self {
        let session = Self::new(sign_in, clock, Duration::ZERO, Duration::MAX, None);
        let live = Arc::new(Live::new(1, grant, None, session.0.clock.now(), session.0.clock.now()));
        session.0.live.store(Some(live.clone()));
        *session.lock() = State { phase: Phase::Live(live), generation: 1, ..State::default() };
        session
    }

    /// The way to sign in.
    pub fn way(&self) -> &'static Way {
        self.0.sign_in.way()
    }

    /// The live session if there is one, without waiting.
    pub fn at_hand(&self) -> Option<Arc<Live>> {
        let live = self.0.live.load_full()?;
        (!state::is_idle(&live, &self.0.terms, self.0.clock.now())).then_some(live)
    }

    /// The live session, or a new one. However many callers find none, one sign-in is made, and all of them get its outcome.
    ///
    /// # Errors
    /// The sign-in's error, or the remembered one of an earlier sign-in.
    ///
    /// # Cancelling
    /// Dropping the future leaves the sign-in running: its outcome is there for the next caller.
    pub async fn acquire(&self) -> Result<Arc<Live>, Error> {
        if let Some(live) = self.at_hand() {
            return Ok(live);
        }
        let mut flight = match self.board() {
            Boarding::Decided(outcome) => return outcome,
            Boarding::Flight(flight) => flight,
        };
        let outcome = flight.wait_for(Option::is_some).await;
        match outcome {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(vanished(self.way()))),
            Err(_) => Err(vanished(self.way())),
        }
    }

    /// Joins the sign-in under way, or starts one if the decision is to sign in.
    fn board(&self) -> Boarding {
        let mut state = self.lock();
        if let Some(flight) = &state.flight {
            return Boarding::Flight(flight.clone());
        }
        match state::decide(&state.phase, &self.0.terms, self.0.clock.now(), self.0.clock.monotonic()) {
            Decision::Use(live) => Boarding::Decided(Ok(live)),
            Decision::Fail(error) => Boarding::Decided(Err(error)),
            Decision::SignIn(cause) => {
                let (sender, receiver) = watch::channel(None);
                state.flight = Some(receiver.clone());
                self.0.live.store(None);
                let flight = Landing { session: self.clone(), epoch: state.epoch, sender, landed: false };
                drop(state);
                self.take_off(flight, cause);
                Boarding::Flight(receiver)
            }
        }
    }

    fn take_off(&self, mut landing: Landing, cause: Cause) {
        let way = self.way();
        let shared = self.0.clone();
        let span = tracing::info_span!("sign_in", way = way.name, cause = cause.as_str());
        let flight = async move {
            let outcome = renewal::renew(&shared).await;
            landing.land(outcome);
        };
        spawn(flight.instrument(span));
    }

    /// Reports that the vendor refused this generation as dead. A late report about an older one changes nothing.
    pub(crate) fn reject(&self, generation: u64) {
        let mut state = self.lock();
        if let Phase::Live(live) = &state.phase
            && live.generation == generation
        {
            if let (Some(keeper), Some(id)) = (&self.0.keeper, &live.id) {
                keeper.refused(id);
            }
            state.phase = Phase::Cold;
            self.0.live.store(None);
            tracing::info!(way = self.way().name, generation, "the vendor ended the session");
        }
    }

    /// Notes that a call was completed: the idle time counts from now. A store is told of it now and then, on a task of its own.
    pub(crate) fn completed(&self, live: &Live) {
        let now = self.0.clock.now();
        live.touch(now);
        if let (Some(keeper), Some(id), Some(idle)) = (&self.0.keeper, &live.id, self.0.terms.idle) {
            keeper.used(id, now, idle);
        }
    }

    /// Tells the store when the session was last used. A store is told of that now and then on its own; a program that ends soon calls this
    /// before it does, so that the next one knows. Does nothing without a store.
    pub async fn settle(&self) {
        let live = self.0.live.load_full();
        if let (Some(keeper), Some(live)) = (&self.0.keeper, live)
            && let Some(id) = &live.id
        {
            keeper.settle(id, std::time::UNIX_EPOCH + Duration::from_millis(live.last_used())).await;
        }
    }

    /// Ends the session at the vendor's, if there is one. The value stays usable: the next call signs in again, and a remembered
    /// refusal is forgotten.
    ///
    /// Dropping a session does not sign out: it would have to wait, or to fail unseen.
    ///
    /// # Errors
    /// The sign-out call's error. The session is forgotten here all the same, and idles out at the vendor's.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let ended = {
            let mut state = self.lock();
            state.epoch += 1;
            self.0.live.store(None);
            std::mem::take(&mut state.phase)
        };
        if let (Phase::Live(live), Some(keeper)) = (&ended, &self.0.keeper)
            && let Some(id) = &live.id
        {
            keeper.forget(id).await;
        }
        match ended {
            Phase::Live(live) if self.way().sign_out.is_some() => self.0.sign_in.sign_out(live.grant.clone()).await,
            _ => Ok(()),
        }
    }

    /// Forgets a remembered refusal of the credentials, so that the next call tries to sign in again: after the login was unlocked,
    /// say.
    pub fn forget_refusal(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Refused { .. }) {
            state.phase = Phase::Cold;
        }
    }

    /// How the session stands.
    pub fn status(&self) -> Status {
        let (now, identity) = (self.0.clock.now(), self.0.sign_in.identity());
        let state = self.lock();
        let (live, refused) = match state::decide(&state.phase, &self.0.terms, now, self.0.clock.monotonic()) {
            Decision::Use(live) => (Some(live), false),
            Decision::SignIn(_) => (None, false),
            Decision::Fail(_) => (None, true),
        };
        let live = live.as_ref();
        Status {
            way: self.way().name,
            address: identity.map(|identity| identity.address.clone()),
            user: identity.map(|identity| identity.user.clone()),
            organization: identity.and_then(|identity| identity.organization.clone()),
            generation: state.generation,
            live: live.is_some(),
            trusted: live.is_some_and(|live| live.trusted()),
            age: live.map(|live| now.duration_since(live.since).unwrap_or_default()),
            idle: live.map(|live| live.idle(now)),
            expires_in: live.and_then(|live| self.0.terms.left(live.idle(now))),
            refused,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that panics runs under the lock; were it to, the state would still be whole.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

enum Boarding {
    Decided(Outcome),
    Flight(Flight),
}

/// The duty of a sign-in under way to tell its outcome, even when its task is torn down.
struct Landing {
    session: Session,
    epoch: u64,
    sender: watch::Sender<Option<Outcome>>,
    landed: bool,
}

impl Landing {
    fn land(&mut self, outcome: Result<Renewed, Error>) {
        self.landed = true;
        let shared = &self.session.0;
        let mut state = self.session.lock();
        let outcome = outcome.map(|Renewed { grant, id, since, last_used }| {
            state.generation += 1;
            Arc::new(Live::new(state.generation, grant, id, since, last_used))
        });
        match &outcome {
            Ok(live) => tracing::info!(generation = live.generation, "signed in"),
            Err(error) => tracing::warn!(kind = error.kind(), "could not sign in"),
        }
        state.flight = None;
        // Who waited gets the session either way. It is kept only if nobody signed out meanwhile.
        if state.epoch == self.epoch {
            state.phase = match &outcome {
                Ok(live) => {
                    shared.live.store(Some(live.clone()));
                    Phase::Live(live.clone())
                }
                Err(error) => state::after_failure(error, shared.clock.monotonic()),
            };
        }
        drop(state);
        let signed_in = outcome.is_ok();
        let _ = self.sender.send(Some(outcome));
        if signed_in {
            self.session.take_seat();
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.landed {
            self.land(Err(vanished(self.session.way())));
        }
    }
}

/// The sign-in's task was torn down: the runtime is shutting down, or the vendor module panicked.
fn vanished(way: &'static Way) -> Error {
    Error::Network {
        operation: way.operation.unwrap_or("sign-in"),
        source: Arc::new(std::io::Error::other("the sign-in was torn down before it had an outcome")),
    }
}

#[cfg(all(test, ledgerkey_model))]
mod model;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
