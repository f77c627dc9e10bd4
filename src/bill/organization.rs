//! An organization's AP/AR: what signs in to it, and its APIs under one session.

#[cfg(all(feature = "bill-v3", feature = "bill-v2"))]
use std::sync::OnceLock;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

#[cfg(feature = "bill-v3")]
use super::api;
use super::calls::touch;
#[cfg(feature = "bill-events")]
use super::events;
#[cfg(feature = "bill-v3")]
use super::mfa::Mfa;
use super::mfa::Remembered;
use super::private::{self, SignInCall};
#[cfg(feature = "bill-v2")]
use super::v2;
use super::{Bill, Credential};
use crate::client::dynamic::Arguments;
use crate::client::sign_in::{OneCall, check_credential, json};
use crate::client::{Account, Connection};
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::grant::{Grant, SignIn};
use crate::session::store::fingerprint;
use crate::session::warm::{self, KeepWarm};
use crate::transport::hide::Told;

/// A user's name and password with a developer key. The session has all the rights of the user, and dies after 35 idle minutes.
#[derive(Debug, Clone)]
pub struct DeveloperKey {
    /// The user's name: an e-mail address.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// The organization; its id begins with `008`.
    pub organization_id: String,
    /// The developer key. The session is good with this one only.
    pub dev_key: Secret,
}

/// An AP/AR sync token. The session cannot pay and cannot do MFA; it dies after 48 idle hours.
#[derive(Debug, Clone)]
pub struct SyncToken {
    /// The token's name, which goes as the user's name.
    pub name: String,
    /// The token's value, which goes as the password.
    pub value: Secret,
    /// The organization; its id begins with `008`.
    pub organization_id: String,
    /// The developer key.
    pub dev_key: Secret,
}

/// An Accountant Console API token, for one of the accountant's client organizations. The session dies after 35 idle minutes.
#[derive(Debug, Clone)]
pub struct ConsoleToken {
    /// The console administrator's e-mail address.
    pub email: String,
    /// The token.
    pub token: Secret,
    /// The client organization; its id begins with `008`.
    pub organization_id: String,
    /// The client's developer key.
    pub dev_key: Secret,
}

/// Where the MFA id of a remembered device is kept between sign-ins.
pub(super) type Memory = Arc<Mutex<Option<Box<Remembered>>>>;

impl private::Sealed for DeveloperKey {}
impl Credential for DeveloperKey {
    type Access = Organization;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Organization, Error> {
        let who = ApAr { name: self.username.into(), secret: self.password, is_token: false };
        who.open(bill, call, "developer-key", self.organization_id, self.dev_key)
    }
}

impl private::Sealed for SyncToken {}
impl Credential for SyncToken {
    type Access = Organization;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Organization, Error> {
        let who = ApAr { name: self.name.into(), secret: self.value, is_token: false };
        who.open(bill, call, "sync-token", self.organization_id, self.dev_key)
    }
}

impl private::Sealed for ConsoleToken {}
impl Credential for ConsoleToken {
    type Access = Organization;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Organization, Error> {
        let who = ApAr { name: self.email.into(), secret: self.token, is_token: true };
        who.open(bill, call, "console-token", self.organization_id, self.dev_key)
    }
}

/// What the three AP/AR credentials have in common.
#[derive(Clone)]
struct ApAr {
    name: Arc<str>,
    secret: Secret,
    /// v3 takes a console token in a field of its own; v2 as the password.
    #[cfg_attr(not(feature = "bill-v3"), expect(dead_code))]
    is_token: bool,
}

impl ApAr {
    fn open(
        self,
        bill: &Bill,
        call: SignInCall,
        way: &str,
        organization: String,
        dev_key: Secret,
    ) -> Result<Organization, Error> {
        check_credential("user name", &self.name)?;
        check_credential("password or token", self.secret.expose())?;
        check_credential("organization id", &organization)?;
        let (account, secrets) = (account(&dev_key, &organization)?, vec![self.secret.clone(), dev_key.clone()]);
        let first = first(bill, &account, secrets);
        let memory = Memory::default();
        let (user, organization) = (self.name.clone(), Arc::<str>::from(organization));
        let of = organization.clone();
        let presents = vec![("devKey", dev_key.clone())];
        let remembered = memory.clone();
        #[cfg(feature = "bill-v3")]
        if call == SignInCall::Usual {
            let body = move || self.v3(organization.to_string(), dev_key.clone(), recall(&remembered));
            let sign_in = OneCall::new(&first, &api::API, way, user, Some(of), presents, body)?;
            return Ok(Organization::new(bill, &first, &first, Arc::new(sign_in), memory));
        }
        // The only one that is left.
        let _ = call;
        #[cfg(feature = "bill-v2")]
        {
            #[cfg(feature = "bill-v3")]
            let entrance = first.beside(bill.0.v2.clone(), &v2::API, &account);
            #[cfg(not(feature = "bill-v3"))]
            let entrance = first.clone();
            let body = move || self.v2(organization.to_string(), dev_key.clone(), recall(&remembered));
            let sign_in = OneCall::new(&entrance, &v2::API, way, user, Some(of), presents, body)?;
            Ok(Organization::new(bill, &first, &entrance, Arc::new(sign_in), memory))
        }
        #[cfg(not(feature = "bill-v2"))]
        Err(Error::config("the v2 API is not built"))
    }

    #[cfg(feature = "bill-v3")]
    fn v3(&self, organization: String, dev_key: Secret, remembered: Recalled) -> Result<Value, Error> {
        let (remember_me_id, device) = remembered;
        let secret = self.secret.clone();
        json(&api::types::LoginRequest {
            username: self.name.to_string(),
            password: (!self.is_token).then(|| secret.clone()),
            console_api_token: self.is_token.then_some(secret),
            organization_id: organization.into(),
            dev_key,
            remember_me_id,
            device,
        })
    }

    #[cfg(feature = "bill-v2")]
    fn v2(&self, organization: String, dev_key: Secret, remembered: Recalled) -> Result<Value, Error> {
        let (mfa_id, device_id) = remembered;
        json(&v2::types::LoginRequest {
            user_name: self.name.to_string(),
            password: self.secret.clone(),
            org_id: organization.into(),
            dev_key,
            mfa_id,
            device_id,
        })
    }
}

/// A connection without a session to the API that calls are made over which either would do for: v3, or v2 where it is the only one.
pub(super) fn first(bill: &Bill, account: &Account, secrets: Vec<Secret>) -> Connection {
    #[cfg(feature = "bill-v3")]
    return Connection::new(bill.0.v3.clone(), &api::API, account, secrets);
    #[cfg(not(feature = "bill-v3"))]
    return Connection::new(bill.0.v2.clone(), &v2::API, account, secrets);
}

/// What BILL remembers of the device: `rememberMeId` and its name.
type Recalled = (Option<Secret>, Option<String>);

pub(super) fn recall(memory: &Memory) -> Recalled {
    let remembered = memory.lock().ok().and_then(|memory| memory.clone());
    remembered.map(|remembered| (remembered.id, remembered.device)).unzip()
}

/// The developer key as a header is checked here, before a sign-in is spent on it.
pub(super) fn account(dev_key: &Secret, organization: &str) -> Result<Account, Error> {
    Grant::new([("devKey", dev_key.clone())])?;
    Ok(account_of(fingerprint(dev_key), organization.to_owned()))
}

fn account_of(dev_key: String, organization: String) -> Account {
    Account::new([("devKey", dev_key), ("organization", organization)])
}

/// An organization's AP/AR: its v3 and its v2 API under one session. Clones share the session.
#[derive(Debug, Clone)]
pub struct Organization(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Where the APIs are that are opened when they are asked for.
    #[cfg(any(feature = "bill-events", all(feature = "bill-v3", feature = "bill-v2")))]
    bill: Bill,
    session: Session,
    first: Connection,
    /// Made when it is first asked for: there may be thousands who never do.
    #[cfg(all(feature = "bill-v3", feature = "bill-v2"))]
    v2: OnceLock<Box<Connection>>,
    /// What the sign-in tells BILL, and hides: a partner's is not that of `first`.
    told: Told,
    memory: Memory,
}

impl Organization {
    /// `entrance` is the connection that the sign-in goes over. Neither is in the session that this opens.
    pub(super) fn new(
        bill: &Bill,
        first: &Connection,
        entrance: &Connection,
        sign_in: Arc<dyn SignIn>,
        memory: Memory,
    ) -> Self {
        #[cfg(not(any(feature = "bill-events", all(feature = "bill-v3", feature = "bill-v2"))))]
        let _ = bill;
        let session = first.open(sign_in);
        Self(Arc::new(Shared {
            #[cfg(any(feature = "bill-events", all(feature = "bill-v3", feature = "bill-v2")))]
            bill: bill.clone(),
            first: first.with_session(session.clone()),
            #[cfg(all(feature = "bill-v3", feature = "bill-v2"))]
            v2: OnceLock::new(),
            session,
            told: entrance.told().clone(),
            memory,
        }))
    }

    /// The v3 API.
    #[cfg(feature = "bill-v3")]
    pub fn api(&self) -> api::Client {
        api::Client::new(self.0.first.clone())
    }

    /// The v2 API. The session is shown as form fields there.
    #[cfg(feature = "bill-v2")]
    pub fn v2(&self) -> v2::Client {
        #[cfg(feature = "bill-v3")]
        let connection = self.0.v2.get_or_init(|| Box::new(self.0.beside_v3()));
        #[cfg(not(feature = "bill-v3"))]
        let connection = &self.0.first;
        v2::Client::new(Connection::clone(connection))
    }

    /// The webhooks API, in the same session.
    #[cfg(feature = "bill-events")]
    pub fn events(&self) -> events::Client {
        self.0.bill.events(&self.0.session, self.0.first.told().secrets())
    }

    /// The v3 API, for a call that tells BILL this secret.
    #[cfg(feature = "bill-v3")]
    pub(super) fn api_telling(&self, secret: &Secret) -> api::Client {
        api::Client::new(self.0.first.hiding([secret.clone()]))
    }

    /// Makes the session MFA-trusted, and keeps it so.
    #[cfg(feature = "bill-v3")]
    pub fn mfa(&self) -> Mfa<'_> {
        Mfa::new(self)
    }

    /// The session, to see how it stands.
    pub fn session(&self) -> &Session {
        &self.0.session
    }

    /// Presents a remembered MFA id at each sign-in from now on, so that the session is trusted from its start.
    pub fn remember(&self, remembered: Remembered) {
        // The v2 API's connection hides what the first is told.
        for told in [self.0.first.told(), &self.0.told] {
            told.learn(&remembered.id);
        }
        if let Ok(mut memory) = self.0.memory.lock() {
            *memory = Some(Box::new(remembered));
        }
    }

    /// The MFA id that is presented at sign-in, to be kept for the next run.
    pub fn remembered(&self) -> Option<Remembered> {
        self.0.memory.lock().ok().and_then(|memory| memory.as_deref().cloned())
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
        #[cfg(feature = "bill-v3")]
        let cheapest = &api::operations::GET_SESSION_INFO;
        #[cfg(not(feature = "bill-v3"))]
        let cheapest = &v2::operations::GET_SESSION_INFO;
        let touch = touch(&self.0.first, cheapest, Arguments::default());
        self.0.session.keep_warm(touch, longest)
    }

    /// Ends the session at BILL, for all who share it; a later call signs in again. See [`Session::sign_out`].
    ///
    /// # Errors
    /// Those of the call.
    pub async fn sign_out(&self) -> Result<(), Error> {
        self.0.session.sign_out().await
    }

    /// Whether somebody beside the asker holds it, or a part of it.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.0) > 1 || self.0.session.shares() > self.0.own_shares()
    }
}

impl Shared {
    /// The shares of the session that are its own; what is beyond them is a client's, and so a call's under way.
    fn own_shares(&self) -> usize {
        let connections = 1;
        #[cfg(all(feature = "bill-v3", feature = "bill-v2"))]
        let connections = connections + usize::from(self.v2.get().is_some());
        1 + connections
    }

    #[cfg(all(feature = "bill-v3", feature = "bill-v2"))]
    fn beside_v3(&self) -> Connection {
        // The one that `first` was made for.
        let account =
            self.session.identity().and_then(|identity| Some(account_of(identity.key?, identity.organization?)));
        let account = account.unwrap_or_default();
        self.first.beside(self.bill.0.v2.clone(), &v2::API, &account).with_session(self.session.clone())
    }
}

#[cfg(all(test, feature = "bill-v3", feature = "bill-v2"))]
mod tests {
    use super::*;
    use crate::client::ClientInfo as _;

    #[test]
    fn the_v2_api_hides_what_is_told_before_it_is_opened_and_after() {
        let organization = Bill::sandbox().unwrap().session(DeveloperKey {
            username: "user@example.com".into(),
            password: "example-password".into(),
            organization_id: "008example".into(),
            dev_key: "example-key".into(),
        });
        let organization = organization.unwrap();
        let remember = |id: &str| organization.remember(Remembered { id: id.into(), device: "example".into() });
        remember("example-before");
        let v2 = organization.v2();
        remember("example-after");
        let hidden = v2.inner().told().secrets();
        for told in ["example-password", "example-key", "example-before", "example-after"] {
            assert!(hidden.iter().any(|secret| secret.expose() == told), "{told}");
        }
    }
}
