//! An organization's AP/AR: what signs in to it, and its APIs under one session.

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
pub(super) type Memory = Arc<Mutex<Option<Remembered>>>;

impl private::Sealed for DeveloperKey {}
impl Credential for DeveloperKey {
    type Access = Organization;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Organization, Error> {
        let who = ApAr { way: "developer-key", name: self.username, secret: self.password, is_token: false };
        who.open(bill, call, self.organization_id, self.dev_key)
    }
}

impl private::Sealed for SyncToken {}
impl Credential for SyncToken {
    type Access = Organization;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Organization, Error> {
        let who = ApAr { way: "sync-token", name: self.name, secret: self.value, is_token: false };
        who.open(bill, call, self.organization_id, self.dev_key)
    }
}

impl private::Sealed for ConsoleToken {}
impl Credential for ConsoleToken {
    type Access = Organization;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Organization, Error> {
        let who = ApAr { way: "console-token", name: self.email, secret: self.token, is_token: true };
        who.open(bill, call, self.organization_id, self.dev_key)
    }
}

/// What the three AP/AR credentials have in common.
#[derive(Clone)]
struct ApAr {
    way: &'static str,
    name: String,
    secret: Secret,
    /// v3 takes a console token in a field of its own; v2 as the password.
    #[cfg_attr(not(feature = "bill-v3"), expect(dead_code))]
    is_token: bool,
}

impl ApAr {
    fn open(self, bill: &Bill, call: SignInCall, organization: String, dev_key: Secret) -> Result<Organization, Error> {
        check_credential("user name", &self.name)?;
        check_credential("password or token", self.secret.expose())?;
        check_credential("organization id", &organization)?;
        let account = account(&dev_key, &organization)?;
        let apis = Apis::new(bill, &account, vec![self.secret.clone(), dev_key.clone()]);
        let memory = Memory::default();
        let (way, user, of) = (self.way, self.name.clone(), organization.clone());
        let presents = vec![("devKey", dev_key.clone())];
        let remembered = memory.clone();
        #[cfg(feature = "bill-v3")]
        if call == SignInCall::Usual {
            let body = move || self.v3(organization.clone(), dev_key.clone(), recall(&remembered));
            let sign_in = OneCall::new(&apis.v3, &api::API, way, &user, Some(&of), presents, body)?;
            return Ok(Organization::new(&apis, apis.v3.clone(), Arc::new(sign_in), memory));
        }
        // The only one that is left.
        let _ = call;
        #[cfg(feature = "bill-v2")]
        {
            let body = move || self.v2(organization.clone(), dev_key.clone(), recall(&remembered));
            let sign_in = OneCall::new(&apis.v2, &v2::API, way, &user, Some(&of), presents, body)?;
            Ok(Organization::new(&apis, apis.v2.clone(), Arc::new(sign_in), memory))
        }
        #[cfg(not(feature = "bill-v2"))]
        Err(Error::config("the v2 API is not built"))
    }

    #[cfg(feature = "bill-v3")]
    fn v3(&self, organization: String, dev_key: Secret, remembered: Recalled) -> Result<Value, Error> {
        let (remember_me_id, device) = remembered;
        let secret = self.secret.clone();
        json(&api::types::LoginRequest {
            username: self.name.clone(),
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
            user_name: self.name.clone(),
            password: self.secret.clone(),
            org_id: organization.into(),
            dev_key,
            mfa_id,
            device_id,
        })
    }
}

/// The connections to an organization's APIs.
#[derive(Debug, Clone)]
pub(super) struct Apis {
    #[cfg(feature = "bill-v3")]
    v3: Connection,
    #[cfg(feature = "bill-v2")]
    v2: Connection,
    #[cfg(feature = "bill-events")]
    bill: Bill,
}

impl Apis {
    pub(super) fn new(bill: &Bill, account: &Account, secrets: Vec<Secret>) -> Self {
        Self {
            #[cfg(feature = "bill-v3")]
            v3: Connection::new(bill.v3.clone(), &api::API, account, secrets.clone()),
            #[cfg(feature = "bill-v2")]
            v2: Connection::new(bill.v2.clone(), &v2::API, account, secrets),
            #[cfg(feature = "bill-events")]
            bill: bill.clone(),
        }
    }

    /// The one that calls are made over which either would do for.
    fn first(&self) -> &Connection {
        #[cfg(feature = "bill-v3")]
        return &self.v3;
        #[cfg(not(feature = "bill-v3"))]
        return &self.v2;
    }

    fn each(&self) -> impl Iterator<Item = &Connection> {
        let each = [
            #[cfg(feature = "bill-v3")]
            &self.v3,
            #[cfg(feature = "bill-v2")]
            &self.v2,
        ];
        each.into_iter()
    }

    fn with_session(&self, session: &Session) -> Self {
        Self {
            #[cfg(feature = "bill-v3")]
            v3: self.v3.with_session(session.clone()),
            #[cfg(feature = "bill-v2")]
            v2: self.v2.with_session(session.clone()),
            #[cfg(feature = "bill-events")]
            bill: self.bill.clone(),
        }
    }
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
    Ok(Account::new([("devKey", fingerprint(dev_key)), ("organization", organization.to_owned())]))
}

/// An organization's AP/AR: its v3 and its v2 API under one session. Clones share the session.
#[derive(Debug, Clone)]
pub struct Organization {
    session: Session,
    apis: Apis,
    /// Over which the sign-in goes.
    entrance: Connection,
    memory: Memory,
}

impl Organization {
    pub(super) fn new(apis: &Apis, entrance: Connection, sign_in: Arc<dyn SignIn>, memory: Memory) -> Self {
        let session = apis.first().open(sign_in);
        Self { apis: apis.with_session(&session), session, entrance, memory }
    }

    /// The v3 API.
    #[cfg(feature = "bill-v3")]
    pub fn api(&self) -> api::Client {
        api::Client::new(self.apis.v3.clone())
    }

    /// The v2 API. The session is shown as form fields there.
    #[cfg(feature = "bill-v2")]
    pub fn v2(&self) -> v2::Client {
        v2::Client::new(self.apis.v2.clone())
    }

    /// The webhooks API, in the same session.
    #[cfg(feature = "bill-events")]
    pub fn events(&self) -> events::Client {
        self.apis.bill.events(&self.session, self.apis.first().told())
    }

    /// The v3 API, for a call that tells BILL this secret.
    #[cfg(feature = "bill-v3")]
    pub(super) fn api_telling(&self, secret: &Secret) -> api::Client {
        api::Client::new(self.apis.v3.hiding([secret.clone()]))
    }

    /// Makes the session MFA-trusted, and keeps it so.
    #[cfg(feature = "bill-v3")]
    pub fn mfa(&self) -> Mfa<'_> {
        Mfa::new(self)
    }

    /// The session, to see how it stands.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Presents a remembered MFA id at each sign-in from now on, so that the session is trusted from its start.
    pub fn remember(&self, remembered: Remembered) {
        for connection in self.apis.each().chain([&self.entrance]) {
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
        #[cfg(feature = "bill-v3")]
        let cheapest = &api::operations::GET_SESSION_INFO;
        #[cfg(not(feature = "bill-v3"))]
        let cheapest = &v2::operations::GET_SESSION_INFO;
        let touch = touch(self.apis.first(), cheapest, Arguments::default());
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
        self.session.shares() > 1 + self.apis.each().count() || self.apis.each().any(Connection::is_shared)
    }
}
