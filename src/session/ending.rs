//! Ending a session: at the vendor, here, and for all who share it.

use std::sync::Arc;

use tracing::Instrument as _;

use super::grant::Grant;
use super::renewal::{self, Renewed};
use super::state::{Live, Pauses, Phase};
use super::{Session, Shared};
use crate::error::Error;
use crate::sync::spawn;

impl Session {
    /// Ends the session at the vendor, if there is one: that of a store too, for all who share it, whether or not this value has used it.
    /// The value stays usable: the next call signs in again, and a remembered refusal is forgotten. A sign-in under way is let come to its
    /// end, and what it gets is ended in the background.
    ///
    /// Dropping a session does not sign out: it would have to wait, or to fail unseen.
    ///
    /// # Errors
    /// The sign-out call's error; the session is forgotten here all the same, and idles out at the vendor. `store` if there is no session here
    /// and the store does not tell whether it has one.
    ///
    /// # Cancelling
    /// The session is forgotten here by then; whether the vendor was told is not known.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let ended = {
            let mut state = self.lock();
            state.epoch += 1;
            state.pauses = Pauses::default();
            self.0.live.store(None);
            self.0.line.forget_failure();
            std::mem::take(&mut state.phase)
        };
        let own = match ended {
            Phase::Live(live) => Some(live),
            Phase::Cold | Phase::Dead | Phase::Refused { .. } => None,
        };
        let stored = self.stored_beside(own.as_deref()).await;
        let ended = match &own {
            Some(live) => self.0.end(&live.grant, live.id.as_deref()).await,
            None => Ok(()),
        };
        match stored? {
            Some(Renewed { grant, id, .. }) => ended.and(self.0.end(&grant, id.as_deref()).await),
            None => ended,
        }
    }

    /// What the others use by now, where one's own session has died unnoticed or there is none.
    async fn stored_beside(&self, own: Option<&Live>) -> Result<Option<Renewed>, Error> {
        let Some(keeper) = &self.0.keeper else { return Ok(None) };
        let mut is_alive = false;
        if let Some(own) = own {
            match &own.id {
                // Nobody here is to take it up again.
                Some(id) if keeper.has(id) => keeper.refused(id),
                // One that was never kept is nobody else's, and theirs is not ended with it.
                _ => return Ok(None),
            }
            is_alive = !self.0.terms.is_over(own.idle_millis(self.0.clock.now_millis()));
        }
        match renewal::stored(&self.0).await {
            Err(_) if is_alive => Ok(None),
            found => found.map_err(Error::Store),
        }
    }

    /// A sign-out has ended it that was called as any other operation: the next call signs in, and nobody is to find it in the store.
    pub(crate) async fn ended(&self, live: &Live) {
        self.reject(live.generation);
        if let (Some(keeper), Some(id)) = (&self.0.keeper, &live.id) {
            keeper.refused(id);
            keeper.forget(id).await;
        }
    }
}

impl Shared {
    /// Takes a session out of the store and ends it at the vendor.
    async fn end(&self, grant: &Grant, id: Option<&str>) -> Result<(), Error> {
        if let (Some(keeper), Some(id)) = (&self.keeper, id) {
            keeper.refused(id);
            keeper.forget(id).await;
        }
        match self.sign_in.way().sign_out {
            Some(_) => self.sign_in.sign_out(grant.clone()).await,
            None => Ok(()),
        }
    }

    /// The same without anybody to wait for it.
    pub(super) fn end_in_background(self: Arc<Self>, grant: Grant, id: Option<String>) {
        let span = tracing::info_span!("sign_out", way = self.sign_in.way().name);
        let ending = async move {
            // It idles out at the vendor all the same.
            if let Err(error) = self.end(&grant, id.as_deref()).await {
                tracing::debug!(kind = error.kind(), "could not sign out");
            }
        };
        spawn(ending.instrument(span));
    }
}
