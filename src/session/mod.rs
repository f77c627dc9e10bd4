//! The session: getting it, knowing when it dies, replacing it once, ending it. It knows no vendor and no HTTP client.
//!
//! The rules are in `state`, a pure function; this file and `flight` carry its decisions out. Callers take the live session without a
//! lock; whoever finds none starts one sign-in for all, and `line` has those wait who need a place as well.

pub(crate) mod away;
pub mod clock;
pub mod company;
mod ending;
pub mod file;
mod flight;
pub mod grant;
mod hand;
mod line;
pub mod pool;
mod renewal;
pub(crate) mod state;
pub mod store;
pub mod warm;

use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use self::clock::{Clock, millis, time_of};
use self::flight::Flight;
use self::grant::{Grant, SignIn};
pub use self::hand::InHand;
use self::line::Line;
pub(crate) use self::line::Turn;
use self::pool::Seat;
use self::renewal::Keeper;
pub use self::state::Live;
use self::state::{Decision, Pauses, Phase, Terms};
use self::store::{Identity, Store};
use crate::error::Error;
use crate::sync::{Mutex, MutexGuard, Slot};
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
    line: Line,
    /// Its place in a pool, if it is of one.
    seat: Seat,
}

#[derive(Default)]
struct State {
    phase: Phase,
    generation: u64,
    /// The sign-in under way, if there is one.
    flight: Option<Flight>,
    /// How many there have been, that one included.
    flights: u32,
    /// How soon after failures the next one may be.
    pauses: Pauses,
    /// Rises when someone signs out: a sign-in that began before does not count any more.
    epoch: u32,
}

/// How a session treats its vendor: for how long it waits, and how long before a limit it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionPolicy {
    /// How much before the vendor's idle limit a session counts as gone. Default 10 s.
    pub margin: Duration,
    /// How long a refusal of the credentials is remembered. Default 1 h.
    pub hold_off: Duration,
    /// The pause after the second sign-in in a row that failed by something that may pass; after each further one it is twice as long.
    /// Default 1 s.
    pub pause: Duration,
    /// The longest such pause. Default 2 min: of the 200 sign-ins an hour that BILL allows, an outage then costs 120 at four tries each.
    pub longest_pause: Duration,
    /// How long to wait for somebody else who is signing in and shares the store, before those who wait choose another among them, who signs in all
    /// the same; and again for that one. Whoever stood still is waited for 10 s within the next hour. Default 150 s: half of what a call may take
    /// ([`Policy::call`](crate::client::Policy::call)), so that those who wait for one that stands still are served; but for clients with a shorter
    /// limit no less than 40 s, which is longer than a sign-in takes and than a dead process keeps its turn.
    pub longest_lease: Duration,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self {
            margin: Duration::from_secs(10),
            hold_off: Duration::from_secs(3600),
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(120),
            longest_lease: Duration::from_secs(150),
        }
    }
}

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
    /// Counts the sessions that this value has had: those it signed in for, and those it took out of a store.
    pub generation: u64,
    /// Whether a session is at hand, as far as is known here.
    pub live: bool,
    /// Whether that session is MFA-trusted, as far as the vendor has said.
    pub trusted: bool,
    /// How long ago that session was granted.
    pub age: Option<Duration>,
    /// For how long no call of that session has completed.
    pub idle: Option<Duration>,
    /// How much longer that session may go without a call before it counts as gone: what is left of the vendor's idle limit, less the
    /// margin. `None` where there is no session, or no limit.
    pub expires_in: Option<Duration>,
    /// Whether the vendor refused the credentials, so that no sign-in is tried for now.
    pub refused: bool,
    /// Whether that session was put into a store, for others and for later, or came out of it.
    pub kept: bool,
}

impl Session {
    /// A session that has not signed in yet; the first call does. With a store it is shared with whoever has the same one.
    pub fn new(
        sign_in: Arc<dyn SignIn>,
        clock: Arc<dyn Clock>,
        policy: SessionPolicy,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        Self::with_policy(sign_in, clock, Arc::new(policy), store)
    }

    /// One of many by the same policy.
    pub(crate) fn with_policy(
        sign_in: Arc<dyn SignIn>,
        clock: Arc<dyn Clock>,
        policy: Arc<SessionPolicy>,
        store: Option<Arc<dyn Store>>,
    ) -> Self {
        let terms = Terms::new(sign_in.way().idle, policy);
        let keeper = store.zip(sign_in.identity()).map(|(store, identity)| Keeper::new(store, identity));
        let (live, state, line, seat) = (Slot::empty(), Mutex::default(), Line::default(), Seat::default());
        Self(Arc::new(Shared { sign_in, clock, terms, keeper, live, state, line, seat }))
    }

    /// A session that is live already.
    pub(crate) fn live(sign_in: Arc<dyn SignIn>, grant: Grant, clock: Arc<dyn Clock>) -> Self {
        let policy = SessionPolicy { margin: Duration::ZERO, hold_off: Duration::MAX, ..SessionPolicy::default() };
        let session = Self::new(sign_in, clock, policy, None);
        let live = Arc::new(Live::new(1, grant, None, session.0.clock.now(), session.0.clock.now(), false));
        session.0.live.store(Some(live.clone()));
        *session.lock() = State { phase: Phase::Live(live), generation: 1, ..State::default() };
        session
    }

    /// The way to sign in.
    pub fn way(&self) -> &'static Way {
        self.0.sign_in.way()
    }

    /// Whose session it is, for a store to find it again; `None` where it is never kept.
    pub fn identity(&self) -> Option<Identity> {
        self.0.sign_in.identity()
    }

    /// The live session if there is one, without waiting.
    pub fn at_hand(&self) -> Option<InHand> {
        self.at_hand_at(self.0.clock.now_millis())
    }

    /// The same for somebody who has looked at the clock, for the milliseconds since 1970.
    pub(crate) fn at_hand_at(&self, now: u64) -> Option<InHand> {
        let live = InHand::of(self.0.live.load())?;
        (!self.0.terms.is_over(live.idle_millis(now))).then_some(live)
    }

    /// The live session, or a new one. However many callers find none, one sign-in is made, and all of them get its outcome.
    ///
    /// # Errors
    /// The sign-in's error, or the remembered one of an earlier sign-in.
    ///
    /// # Cancelling
    /// Dropping the future leaves the sign-in running: its outcome is there for the next caller.
    pub async fn acquire(&self) -> Result<InHand, Error> {
        self.acquire_since(None).await
    }

    /// The same for whoever has waited since that sign-in, whose failure it gets if it has failed.
    async fn acquire_since(&self, since: Option<u32>) -> Result<InHand, Error> {
        match self.at_hand() {
            Some(live) => Ok(live),
            None => self.fly(since).await.map(InHand::of_counted),
        }
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
            state.phase = Phase::Dead;
            self.0.live.store(None);
            tracing::info!(way = self.way().name, generation, "the session has ended at the vendor's");
        }
    }

    /// Notes that a call was completed: the idle time counts from now. A store is told of it now and then, on a task of its own.
    pub(crate) fn completed(&self, live: &Live) {
        let now = self.0.clock.now_millis();
        live.touch(now);
        self.used(live, now);
    }

    /// The same for a call that was only made to keep the session warm.
    fn warmed(&self, live: &Live) {
        let now = self.0.clock.now_millis();
        live.touch_to_warm(now);
        self.used(live, now);
    }

    fn used(&self, live: &Live, now: u64) {
        if let (Some(keeper), Some(id)) = (&self.0.keeper, &live.id) {
            keeper.used(id, now, self.way().idle);
        }
    }

    /// Tells the store when the session was last used. A store is told of that now and then on its own; a program that ends soon calls this
    /// before it does, so that the next one knows. Does nothing without a store.
    pub async fn settle(&self) {
        let live = self.0.live.load_full();
        if let (Some(keeper), Some(live)) = (&self.0.keeper, live)
            && let Some(id) = &live.id
        {
            keeper.settle(id, time_of(live.last_used())).await;
        }
    }

    /// Forgets a remembered refusal of the credentials, so that the next call tries to sign in again: after the login was unlocked,
    /// say.
    pub fn forget_refusal(&self) {
        let mut state = self.lock();
        if matches!(state.phase, Phase::Refused { .. }) {
            state.phase = Phase::Cold;
            self.0.line.forget_failure();
        }
    }

    /// How the session stands.
    pub fn status(&self) -> Status {
        let (now, identity) = (self.0.clock.now(), self.0.sign_in.identity());
        let state = self.lock();
        let (live, refused) = match state::decide(&state.phase, &self.0.terms, millis(now), self.0.clock.monotonic()) {
            Decision::Use(live) => (Some(live), false),
            Decision::SignIn(_) => (None, false),
            Decision::Fail(_) => (None, true),
        };
        let live = live.as_ref();
        let (address, user, organization) = identity
            .map_or((None, None, None), |Identity { address, user, organization, .. }| {
                (Some(address), Some(user), organization)
            });
        Status {
            way: self.way().name,
            address,
            user,
            organization,
            generation: state.generation,
            live: live.is_some(),
            trusted: live.is_some_and(|live| live.trusted()),
            age: live.map(|live| now.duration_since(live.since).unwrap_or_default()),
            idle: live.map(|live| live.idle(now)),
            expires_in: live.and_then(|live| self.0.terms.left(live.idle(now))),
            refused,
            kept: match (&self.0.keeper, live.and_then(|live| live.id.as_deref())) {
                (Some(keeper), Some(id)) => keeper.has(id),
                _ => false,
            },
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

#[cfg(all(test, ledgerkey_model))]
mod model;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod sharing;
#[cfg(test)]
mod tests;
