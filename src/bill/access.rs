//! What a credential opens.

use std::sync::Arc;

use super::credentials::{Memory, PartnerUser};
use super::mfa::{Mfa, Remembered};
use super::{Bill, api, partner, spend, v2};
use crate::client::Connection;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::grant::SignIn;

/// An organization's AP/AR: its v3 and its v2 API under one session. Clones share the session.
#[derive(Debug, Clone)]
pub struct Organization {
    session: Session,
    v3: Connection,
    v2: Connection,
    /// Over which the sign-in goes.
    entrance: Connection,
    memory: Memory,
}

impl Organization {
    pub(super) fn new(
        [v3, v2]: [Connection; 2],
        entrance: Connection,
        sign_in: Arc<dyn SignIn>,
        memory: Memory,
    ) -> Self {
        let session = v3.open(sign_in);
        Self { v3: v3.with_session(session.clone()), v2: v2.with_session(session.clone()), session, entrance, memory }
    }

    /// The v3 API.
    pub fn api(&self) -> api::Client {
        api::Client::new(self.v3.clone())
    }

    /// The v2 API. The session is shown as form fields there.
    pub fn v2(&self) -> v2::Client {
        v2::Client::new(self.v2.clone())
    }

    /// The v3 API, for a call that tells BILL this secret.
    pub(super) fn api_telling(&self, secret: &Secret) -> api::Client {
        api::Client::new(self.v3.hiding([secret.clone()]))
    }

    /// Makes the session MFA-trusted, and keeps it so.
    pub fn mfa(&self) -> Mfa<'_> {
        Mfa::new(self)
    }

    /// The session, to see how it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Presents a remembered MFA id at each sign-in from now on, so that the session is trusted from its start.
    pub fn remember(&self, remembered: Remembered) {
        for connection in [&self.v3, &self.v2, &self.entrance] {
            connection.learn(&remembered.id);
        }
        if let Ok(mut memory) = self.memory.lock() {
            *memory = Some(remembered);
        }
    }

    /// The MFA id that is presented at sign-in, to be kept for the next run.
    pub fn remembered(&self) -> Option<Remembered> {
        self.memory.lock().ok().and_then(|memory| memory.clone())
    }

    /// Ends the session at BILL; see [`Session::sign_out`].
    ///
    /// # Errors
    /// Those of the call.
    pub async fn sign_out(&self) -> Result<(), Error> {
        self.session.sign_out().await
    }
}

/// Spend & Expense, by its token.
#[derive(Debug, Clone)]
pub struct Spend {
    connection: Connection,
}

impl Spend {
    pub(super) fn new(connection: &Connection, sign_in: Arc<dyn SignIn>) -> Self {
        Self { connection: connection.with_session(connection.open(sign_in)) }
    }

    /// The API.
    pub fn api(&self) -> spend::Client {
        spend::Client::new(self.connection.clone())
    }
}

/// Partner operations, by an app key. Clones share the session.
#[derive(Debug, Clone)]
pub struct Partner {
    bill: Bill,
    session: Session,
    connection: Connection,
}

impl Partner {
    pub(super) fn new(bill: Bill, connection: Connection, sign_in: Arc<dyn SignIn>) -> Self {
        let session = connection.open(sign_in);
        Self { bill, connection: connection.with_session(session.clone()), session }
    }

    /// The API.
    pub fn api(&self) -> partner::Client {
        partner::Client::new(self.connection.clone())
    }

    /// The organization of one of the partner's users, as that user. Its session is made by the partner's, when it is needed.
    ///
    /// # Errors
    /// `config`, naming the field, if one of them is empty or cannot be sent.
    pub fn act_as(&self, user: PartnerUser) -> Result<Organization, Error> {
        user.open(&self.bill, &self.connection)
    }

    /// The session, to see how it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Ends the session at BILL; see [`Session::sign_out`].
    ///
    /// # Errors
    /// Those of the call.
    pub async fn sign_out(&self) -> Result<(), Error> {
        self.session.sign_out().await
    }
}
