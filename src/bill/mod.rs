//! BILL: AP/AR (v3 and v2), Spend & Expense, and partner operations.
//!
//! Each credential leads to what it can open, and to nothing else: a [`SpendToken`] to [`Spend`], which has no vendors to list; a
//! [`PartnerKey`] to [`Partner`]; every other one to an [`Organization`].
//!
//! ```no_run
//! # async fn run() -> Result<(), ledgerkey::Error> {
//! use ledgerkey::bill::{Bill, DeveloperKey};
//!
//! let organization = Bill::sandbox()?.session(DeveloperKey {
//!     username: "user@example.com".into(),
//!     password: "example".into(),
//!     organization_id: "008example".into(),
//!     dev_key: "example".into(),
//! })?;
//! let vendors = organization.api().list_vendors().max(10).send().await?;
//! println!("{} vendors", vendors.results.len());
//! organization.sign_out().await?;
//! # Ok(())
//! # }
//! ```

#[cfg(any(feature = "_organization", feature = "bill-partner"))]
mod calls;
mod code;
#[cfg(feature = "_organization")]
pub mod mfa;
#[cfg(feature = "_organization")]
mod organization;
#[cfg(feature = "_organization")]
mod organizations;
#[cfg(feature = "bill-partner")]
#[path = "partner.rs"]
mod partner_key;
#[cfg(feature = "bill-spend")]
#[path = "spend.rs"]
mod spend_token;
#[cfg(feature = "bill-events")]
pub mod webhook;

use std::sync::Arc;

pub use self::code::Code;
#[cfg(feature = "_organization")]
pub use self::organization::{ConsoleToken, DeveloperKey, Organization, SyncToken};
#[cfg(feature = "_organization")]
pub use self::organizations::Organizations;
#[cfg(all(feature = "bill-partner", feature = "_organization"))]
pub use self::partner_key::PartnerUser;
#[cfg(feature = "bill-partner")]
pub use self::partner_key::{Partner, PartnerKey};
use self::private::SignInCall;
#[cfg(feature = "bill-spend")]
pub use self::spend_token::{Spend, SpendToken};
use crate::client::{Account, Connection, Settings, Wire};
use crate::error::Error;
use crate::secret::Secret;
use crate::table::Api;

generated!(
    /// The v3 API: AP/AR, sessions and MFA.
    #[cfg(feature = "bill-v3")]
    api,
    "bill.rs"
);
generated!(
    /// The v2 API.
    #[cfg(feature = "bill-v2")]
    v2,
    "bill-v2.rs"
);
generated!(
    /// The Spend & Expense API.
    #[cfg(feature = "bill-spend")]
    spend,
    "bill-spend.rs"
);
generated!(
    /// The partner API.
    #[cfg(feature = "bill-partner")]
    partner,
    "bill-partner.rs"
);
generated!(
    /// The webhooks API: which events are told to whom. What a receiver does with them is in [`webhook`].
    #[cfg(feature = "bill-events")]
    events,
    "bill-events.rs"
);

/// A credential, and what it opens.
pub trait Credential: private::Sealed {
    /// What it opens.
    type Access;

    #[doc(hidden)]
    fn open(self, bill: &Bill, call: SignInCall) -> Result<Self::Access, Error>;
}

mod private {
    /// Which of BILL's two calls signs in. The session is good for both APIs either way.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum SignInCall {
        /// `POST /v3/login`, or the other where the v3 API is not built.
        Usual,
        /// `POST /v2/Login.json`.
        #[cfg(feature = "bill-v2")]
        V2,
    }

    /// Only this crate knows BILL's ways.
    pub trait Sealed {}
}

/// BILL at one pair of addresses: the sandbox's, production's, or others.
#[derive(Debug, Clone)]
pub struct Bill(Arc<Addresses>);

#[derive(Debug)]
struct Addresses {
    v3: Arc<Wire>,
    #[cfg(feature = "bill-v2")]
    v2: Arc<Wire>,
    #[cfg(feature = "bill-events")]
    events: Arc<Wire>,
}

/// The v3 address of BILL's sandbox; source: developer.bill.com/docs/environmental-differences.
pub const SANDBOX_V3: &str = "https://gateway.stage.bill.com/connect";
/// The v2 address of BILL's sandbox; source: developer.bill.com/v2/docs/api-sandbox-sign-in.
pub const SANDBOX_V2: &str = "https://api-stage.bill.com/api/v2";
/// The v3 address of production; source: developer.bill.com/docs/get-started-in-production.
pub const PRODUCTION_V3: &str = "https://gateway.prod.bill.com/connect";
/// The v2 address of production. Doubt: the host was read in integrators' code, not on a newer page of BILL's.
pub const PRODUCTION_V2: &str = "https://api.bill.com/api/v2";

impl Bill {
    /// BILL's sandbox. It shares no account, key or data with production.
    ///
    /// # Errors
    /// `config` if the HTTP client cannot be made.
    pub fn sandbox() -> Result<Self, Error> {
        Self::at(SANDBOX_V3, SANDBOX_V2, Settings::default())
    }

    /// BILL's production, with real money.
    ///
    /// # Errors
    /// `config` if the HTTP client cannot be made.
    pub fn production() -> Result<Self, Error> {
        Self::at(PRODUCTION_V3, PRODUCTION_V2, Settings::default())
    }

    /// BILL at other addresses: v3 as `https://HOST/connect`, v2 as `https://HOST/api/v2`; with or without the version at the end. Webhooks
    /// are at `/connect-events` beside the first.
    ///
    /// # Errors
    /// `config`, with which of the two it is, if an address is not an https URL (or http to loopback).
    pub fn at(v3: &str, v2: &str, settings: Settings) -> Result<Self, Error> {
        // The specs' paths begin with the version.
        let v3_address = without(v3, "/v3");
        let v3 = Wire::new(v3_address, settings).map_err(|error| of("v3", error))?;
        #[cfg(not(feature = "bill-v2"))]
        let _ = v2;
        Ok(Self(Arc::new(Addresses {
            #[cfg(feature = "bill-v2")]
            v2: Arc::new(v3.beside(without(v2, "/v2")).map_err(|error| of("v2", error))?),
            // Source of the path: developer.bill.com/docs/environmental-differences.
            #[cfg(feature = "bill-events")]
            events: Arc::new(v3.beside(&format!("{}/connect-events", without(v3_address, "/connect")))?),
            v3: Arc::new(v3),
        })))
    }

    /// A connection without a session to one of BILL's APIs, for calls that need none; `secrets` are what BILL may quote in a refusal.
    #[doc(hidden)]
    pub fn bare(&self, api: &'static Api, secrets: Vec<Secret>) -> Connection {
        let wire = match api.name {
            #[cfg(feature = "bill-v2")]
            "bill-v2" => &self.0.v2,
            #[cfg(feature = "bill-events")]
            "bill-events" => &self.0.events,
            _ => &self.0.v3,
        };
        Connection::new(wire.clone(), api, &Account::default(), secrets)
    }

    /// Opens what a credential leads to. Nothing is sent yet: the first call signs in.
    ///
    /// # Errors
    /// `config`, naming the field, if a credential is empty or cannot be sent.
    pub fn session<C: Credential>(&self, credential: C) -> Result<C::Access, Error> {
        credential.open(self, SignInCall::Usual)
    }

    /// As [`Bill::session`], but signs in by the v2 call. BILL's pages differ on which call takes a sync token and a console
    /// token; both are served.
    ///
    /// # Errors
    /// As [`Bill::session`]; `config` for a credential that has no v2 call.
    #[cfg(feature = "bill-v2")]
    pub fn session_by_v2<C: Credential>(&self, credential: C) -> Result<C::Access, Error> {
        credential.open(self, SignInCall::V2)
    }

    /// Many organizations by one way of signing in, as one value: an accountant's clients. `credential` makes the credential for an
    /// organization's id; secrets that it clones are shared.
    ///
    /// ```
    /// # fn run() -> Result<(), ledgerkey::Error> {
    /// use ledgerkey::bill::{Bill, ConsoleToken};
    ///
    /// let (token, dev_key) = (ledgerkey::Secret::from("example"), ledgerkey::Secret::from("example"));
    /// let clients = Bill::sandbox()?.organizations(move |id| ConsoleToken {
    ///     email: "console@example.com".into(),
    ///     token: token.clone(),
    ///     organization_id: id.into(),
    ///     dev_key: dev_key.clone(),
    /// });
    /// let one = clients.organization("008example")?;
    /// assert!(!one.session().status().live, "the first call signs in");
    /// # Ok(())
    /// # }
    /// # run().unwrap();
    /// ```
    #[cfg(feature = "_organization")]
    pub fn organizations<C>(&self, credential: impl Fn(&str) -> C + Send + Sync + 'static) -> Organizations
    where
        C: Credential<Access = Organization>,
    {
        let bill = self.clone();
        Organizations::new(move |id| bill.session(credential(id)))
    }
}

/// Says of an error in an address which of them it is.
fn of(version: &str, error: Error) -> Error {
    match error {
        Error::Config(words) => Error::config(format!("the {version} address: {words}")),
        other => other,
    }
}

fn without<'a>(address: &'a str, version: &str) -> &'a str {
    let address = address.trim().trim_end_matches('/');
    address.strip_suffix(version).unwrap_or(address)
}

#[cfg(feature = "bill-events")]
impl Bill {
    /// The webhooks API under a session that another API has signed in to; `told` is what BILL knows and may quote. No limit of calls is
    /// documented for it, so nobody's is counted.
    fn events(&self, session: &crate::session::Session, told: Vec<crate::Secret>) -> events::Client {
        let connection = Connection::new(self.0.events.clone(), &events::API, &crate::client::Account::default(), told);
        events::Client::new(connection.with_session(session.clone()))
    }
}

#[cfg(any(feature = "bill-spend", feature = "bill-partner"))]
fn v3_only(call: SignInCall) -> Result<(), Error> {
    match call {
        SignInCall::Usual => Ok(()),
        #[cfg(feature = "bill-v2")]
        SignInCall::V2 => Err(Error::config("BILL's v2 API has no sign-in for this credential")),
    }
}
