//! What a credential opens.

use std::sync::Arc;
use std::time::Duration;

use super::credentials::{Memory, PartnerUser};
use super::mfa::{Mfa, Remembered};
use super::{Bill, Organizations, api, partner, spend, v2};
use crate::client::Connection;
use crate::client::dynamic::Arguments;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::grant::SignIn;
use crate::session::warm::{self, KeepWarm, Touch};
use crate::table::Operation;

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

    /// Keeps the session from idling out while the guard is held, for at most [`warm::LONGEST`] without a call of yours. Shortly before the idle
    /// limit it asks BILL whose session this is, unless somebody made a call meanwhile; that counts into the 20,000 calls an hour. It never
    /// signs in. Must be called in a tokio runtime.
    ///
    /// Doubt: that this call starts the idle time again is not said of it, only of calls in general.
    ///
    /// ```no_run
    /// # async fn run(organization: ledgerkey::bill::Organization) -> Result<(), ledgerkey::Error> {
    /// let warm = organization.keep_warm();
    /// organization.api().list_vendors().send().await?;
    /// // An hour later, and still in the same session:
    /// organization.api().list_bills().send().await?;
    /// drop(warm);
    /// # Ok(())
    /// # }
    /// ```
    pub fn keep_warm(&self) -> KeepWarm {
        self.keep_warm_for(warm::LONGEST)
    }

    /// As [`keep_warm`](Self::keep_warm), for at most so long without a call of yours.
    pub fn keep_warm_for(&self, longest: Duration) -> KeepWarm {
        let touch = touch(&self.v3, &api::operations::GET_SESSION_INFO, Arguments::default());
        self.session.keep_warm(touch, longest)
    }

    /// Ends the session at BILL; see [`Session::sign_out`].
    ///
    /// # Errors
    /// Those of the call.
    pub async fn sign_out(&self) -> Result<(), Error> {
        self.session.sign_out().await
    }

    /// Whether somebody beside the asker holds it, or a part of it.
    pub(super) fn is_held(&self) -> bool {
        // Its own: the session, and that of each connection.
        self.session.shares() > 3 || self.v3.is_shared() || self.v2.is_shared()
    }
}

/// The call that keeps a session warm.
fn touch(connection: &Connection, operation: &'static Operation, arguments: Arguments) -> Touch {
    let (connection, arguments) = (connection.clone(), Arc::new(arguments));
    Box::new(move |session| {
        let (connection, arguments) = (connection.with_session(session), arguments.clone());
        Box::pin(async move { connection.call(operation, &arguments).await.map(drop) })
    })
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

    /// Many organizations, each as the user that `user` names for its id, as one value. All of them are signed in to by this partner's session.
    ///
    /// ```no_run
    /// # fn run(partner: ledgerkey::bill::Partner) -> Result<(), ledgerkey::Error> {
    /// use ledgerkey::bill::PartnerUser;
    ///
    /// let dev_key = ledgerkey::Secret::from("example");
    /// let pool = partner.organizations(move |id| PartnerUser {
    ///     user_id: "006example".into(), // looked up by `id`
    ///     organization_id: id.into(),
    ///     dev_key: dev_key.clone(),
    /// });
    /// let organization = pool.organization("008example")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn organizations(&self, user: impl Fn(&str) -> PartnerUser + Send + Sync + 'static) -> Organizations {
        let partner = self.clone();
        Organizations::new(move |id| partner.act_as(user(id)))
    }

    /// Keeps the partner's own session from idling out while the guard is held; see [`Organization::keep_warm`]. The call is a list of one
    /// organization, for BILL documents none that tells of a partner's session.
    pub fn keep_warm(&self) -> KeepWarm {
        self.keep_warm_for(warm::LONGEST)
    }

    /// As [`keep_warm`](Self::keep_warm), for at most so long without a call of yours.
    pub fn keep_warm_for(&self, longest: Duration) -> KeepWarm {
        let one = Arguments::default().param("max", "1");
        self.session.keep_warm(touch(&self.connection, &partner::operations::LIST_ORGANIZATIONS, one), longest)
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
