//! The one sign-in under way that everybody waits for, on a task of its own: a caller who gives up strands nobody, and a sign-in that was
//! sent is never sent a second time because its first caller went away.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::Instrument as _;

use super::Session;
use super::renewal::{self, Renewed};
use super::state::{self, Cause, Decision, Live, Pauses, Phase};
use crate::error::Error;
use crate::sync::spawn;
use crate::table::Way;

pub(super) type Outcome = Result<Arc<Live>, Error>;
pub(super) type Flight = watch::Receiver<Option<Landed>>;

/// What became of a sign-in.
#[derive(Clone)]
pub(super) enum Landed {
    With(Outcome),
    /// Somebody signed out meanwhile, and what it got is ended with the rest.
    Overtaken,
}

impl Session {
    /// Waits for the sign-in under way, or for one that this starts. If the last of those `since` has failed, that is the outcome.
    pub(super) async fn fly(&self, since: Option<u32>) -> Outcome {
        loop {
            let mut flight = match self.board(since) {
                Boarding::Decided(outcome) => return outcome,
                Boarding::Flight(flight) => flight,
            };
            let landed = flight.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
            match landed {
                Some(Landed::With(outcome)) => return outcome,
                Some(Landed::Overtaken) => {}
                None => return Err(vanished(self.way())),
            }
        }
    }

    /// Joins the sign-in under way, or starts one if the decision is to sign in.
    fn board(&self, since: Option<u32>) -> Boarding {
        let mut state = self.lock();
        if let Some(flight) = &state.flight {
            return Boarding::Flight(flight.clone());
        }
        match state::decide(&state.phase, &self.0.terms, self.0.clock.now_millis(), self.0.clock.monotonic()) {
            Decision::Use(live) => Boarding::Decided(Ok(live)),
            Decision::Fail(error) => Boarding::Decided(Err(error)),
            Decision::SignIn(cause) => {
                if let Some(error) = since.and_then(|since| self.0.line.failed_since(since)) {
                    return Boarding::Decided(Err(error));
                }
                let (sender, receiver) = watch::channel(None);
                state.flight = Some(receiver.clone());
                state.flights += 1;
                self.0.live.store(None);
                let flight = Landing { session: self.clone(), epoch: state.epoch, sender, landed: false };
                let pause = state.pauses.left(self.0.clock.monotonic());
                drop(state);
                self.take_off(flight, cause, pause);
                Boarding::Flight(receiver)
            }
        }
    }

    fn take_off(&self, mut landing: Landing, cause: Cause, pause: Duration) {
        let way = self.way();
        let shared = self.0.clone();
        let span = tracing::info_span!("sign_in", way = way.name, cause = cause.as_str());
        let flight = async move {
            if !pause.is_zero() {
                tracing::debug!(pause_ms = pause.as_millis(), "the last sign-ins failed: waiting before the next");
                shared.clock.sleep(pause).await;
            }
            let outcome = renewal::renew(&shared).await;
            landing.land(outcome);
        };
        spawn(flight.instrument(span));
    }
}

enum Boarding {
    Decided(Outcome),
    Flight(Flight),
}

/// The duty of a sign-in under way to tell its outcome, even when its task is torn down.
struct Landing {
    session: Session,
    epoch: u32,
    sender: watch::Sender<Option<Landed>>,
    landed: bool,
}

impl Landing {
    fn land(&mut self, outcome: Result<Renewed, Error>) {
        self.landed = true;
        let shared = &self.session.0;
        let mut state = self.session.lock();
        state.flight = None;
        let failed = outcome.as_ref().err().filter(|_| state.epoch == self.epoch);
        shared.line.landed(state.flights, failed);
        let landed = match outcome {
            Ok(Renewed { grant, id, .. }) if state.epoch != self.epoch => {
                shared.clone().end_in_background(grant, id);
                Landed::Overtaken
            }
            Ok(Renewed { grant, id, since, last_used, stored }) => {
                state.generation += 1;
                state.pauses = Pauses::default();
                let live = Arc::new(Live::new(state.generation, grant, id, since, last_used, stored));
                shared.live.store(Some(live.clone()));
                state.phase = Phase::Live(live.clone());
                tracing::info!(generation = live.generation, stored, "the session is there");
                Landed::With(Ok(live))
            }
            Err(error) => {
                tracing::warn!(kind = error.kind(), "could not sign in");
                if state.epoch == self.epoch {
                    let monotonic = shared.clock.monotonic();
                    state.phase = state::after_failure(&error, self.session.way(), monotonic);
                    match (&state.phase, &error) {
                        (Phase::Refused { .. }, _) => state.pauses = Pauses::default(),
                        // Of another session, which remembers it: nothing was sent for this one that could use up sign-ins.
                        (_, Error::SignInRejected { .. } | Error::LockedOut { .. }) => {}
                        _ => state.pauses.failed(&shared.terms.policy, monotonic),
                    }
                }
                Landed::With(Err(error))
            }
        };
        drop(state);
        let is_live = matches!(landed, Landed::With(Ok(_)));
        let _ = self.sender.send(Some(landed));
        if is_live {
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
pub(super) fn vanished(way: &'static Way) -> Error {
    Error::Network {
        operation: way.operation.unwrap_or("sign-in"),
        source: Arc::new(std::io::Error::other("the sign-in was torn down before it had an outcome")),
    }
}
