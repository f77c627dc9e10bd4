//! Bezala: expenses, trips, time, bills.
//!
//! Every call acts as one user, in the company that is selected *on the user's record at Bezala*: state that all sessions of that user share, the
//! web interface's among them. So calls name their company, and [`Access::company`] sees to it that they run there:
//!
//! ```no_run
//! # async fn run() -> Result<(), ledgerkey::Error> {
//! use ledgerkey::bezala::{Bezala, Password};
//!
//! let user = Bezala::production()?
//!     .session(Password { email: "service.user@example.com".into(), password: "example".into() })?;
//! let accounts = user.company(7).api().list_accounts().send().await?;
//! println!("{} accounts", accounts.len());
//! # Ok(())
//! # }
//! ```

mod attachment;
mod companies;
mod company;
mod credentials;
mod fleet;
mod users;

use std::sync::Arc;

pub use self::attachment::Upload;
pub use self::companies::Companies;
pub use self::company::InCompany;
use self::company::{AnyCompany, Guard};
pub use self::credentials::{Credential, Google, Microsoft, Okta, Password};
use self::users::Users;
use crate::client::{Account, Connection, Settings, Wire};
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;

generated!(
    /// The API, generated from its spec.
    api,
    "bezala.rs"
);

/// The address of Bezala. No other environment is documented; a free company is the vendor's advice for testing.
pub const PRODUCTION: &str = "https://app.bezala.com";

/// Bezala at one address. Clones share the guards of their users' companies.
///
/// However many [`Access`] values one user has, by whichever ways to sign in, those of one `Bezala` keep out of each other's company. Two
/// `Bezala` values do not know of each other: make one in a process, or let them share a lock as processes do, by [`Settings::companies`].
#[derive(Debug, Clone)]
pub struct Bezala {
    wire: Arc<Wire>,
    users: Arc<Users>,
}

impl Bezala {
    /// Bezala itself.
    ///
    /// # Errors
    /// `config` if the HTTP client cannot be made.
    pub fn production() -> Result<Self, Error> {
        Self::at(PRODUCTION, Settings::default())
    }

    /// Bezala at another address.
    ///
    /// # Errors
    /// `config` if it is not an https URL (or http to loopback).
    pub fn at(address: &str, settings: Settings) -> Result<Self, Error> {
        // The specs' paths begin with `/api`, which some write as a part of the address.
        let address = address.trim().trim_end_matches('/');
        let address = address.strip_suffix("/api").unwrap_or(address);
        Ok(Self { wire: Arc::new(Wire::new(address, settings)?), users: Arc::default() })
    }

    /// A connection without a session, for calls that need none; `secrets` are what Bezala may quote in a refusal.
    #[doc(hidden)]
    pub fn bare(&self, secrets: Vec<Secret>) -> Connection {
        Connection::new(self.wire.clone(), &api::API, &Account::default(), secrets)
    }

    /// Opens what a user may do. Nothing is sent yet: the first call signs in.
    ///
    /// # Errors
    /// `config`, naming the field, if a credential is empty or cannot be sent.
    pub fn session<C: Credential>(&self, credential: C) -> Result<Access, Error> {
        credential.open(self)
    }
}

/// A user's access. Clones share the session; all that one [`Bezala`] has opened for the user share the guard of the company.
#[derive(Debug, Clone)]
pub struct Access {
    connection: Connection,
    session: Session,
    guard: Arc<Guard>,
}

impl Access {
    fn new(bezala: &Bezala, connection: &Connection, session: Session) -> Self {
        let connection = connection.with_session(session.clone());
        let guard = Arc::new(Guard::new(connection.clone(), bezala));
        Self { connection, session, guard }
    }

    /// Calls that run in this company. Calls of one company run together; those of another wait until they are done. Before each
    /// write Bezala is asked which company is selected, and a write for another one comes back as `wrong-company`.
    ///
    /// What another process or a person in the web interface selects between that question and the write cannot be seen from here:
    /// give an integration a user of its own. Reads are not asked about: [`InCompany::checked`] does that too. Processes that share [`Settings::companies`] keep out of each other's way; without the
    /// lock, writes come back as `store`, and reads go on in the company that is selected.
    pub fn company(&self, id: impl Into<i64>) -> InCompany {
        InCompany::new(&self.connection, &self.guard, id.into())
    }

    /// The user's many companies as one value, whose calls are put in an order in which there are few switches.
    pub fn companies(&self) -> Companies {
        Companies::new(&self.connection, &self.guard)
    }

    /// Calls that run in whichever company is selected: for a user who is a member of one only. They never run beside a switch of
    /// this process, and they do not ask before they write. To call `changeCompany` is a switch like any other: it waits for the calls under
    /// way, and those after it find out what is selected. Where processes share [`Settings::companies`] it is refused as `config`.
    pub fn api(&self) -> api::Client {
        api::Client::new(self.connection.with_gate(Arc::new(AnyCompany(self.guard.clone()))))
    }

    /// The session, to see how it stands. Bezala has no call that ends it; [`Session::sign_out`] forgets it.
    pub fn session(&self) -> &Session {
        &self.session
    }
}
