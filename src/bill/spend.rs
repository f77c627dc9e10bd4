//! Spend & Expense: a token that goes with each call.

use std::sync::Arc;

#[cfg(feature = "bill-events")]
use super::events;
use super::private::{self, SignInCall};
use super::{Bill, Credential, spend, v3_only};
use crate::client::sign_in::NoCall;
use crate::client::{Account, Connection};
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::grant::Grant;
use crate::session::store::fingerprint;

/// A Spend & Expense API token. It goes with each call; there is no session.
#[derive(Debug, Clone)]
pub struct SpendToken(
    /// The token.
    pub Secret,
);

impl private::Sealed for SpendToken {}
impl Credential for SpendToken {
    type Access = Spend;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Spend, Error> {
        v3_only(call)?;
        let grant = Grant::new([("apiToken", self.0.clone())])?;
        let account = Account::new([("apiToken", fingerprint(&self.0))]);
        let connection = Connection::new(bill.0.v3.clone(), &spend::API, &account, vec![self.0]);
        let way =
            spend::API.way("api-token").ok_or_else(|| Error::config("the spec of bill-spend has no way api-token"))?;
        let session = connection.open(Arc::new(NoCall { way, grant }));
        Ok(Spend {
            connection: connection.with_session(session.clone()),
            session,
            #[cfg(feature = "bill-events")]
            bill: bill.clone(),
        })
    }
}

/// Spend & Expense, by its token.
#[derive(Debug, Clone)]
pub struct Spend {
    session: Session,
    connection: Connection,
    #[cfg(feature = "bill-events")]
    bill: Bill,
}

impl Spend {
    /// The API.
    pub fn api(&self) -> spend::Client {
        spend::Client::new(self.connection.clone())
    }

    /// The webhooks API, by the same token.
    #[cfg(feature = "bill-events")]
    pub fn events(&self) -> events::Client {
        self.bill.events(&self.session, self.connection.told().secrets())
    }

    /// The token as a session, to see how it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }
}
