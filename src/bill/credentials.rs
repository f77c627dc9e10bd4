//! What BILL lets one sign in with: a type for each way, and what goes into its call.

use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde_json::Value;

use self::private::SignInCall;
use super::access::{Organization, Partner, Spend};
use super::mfa::Remembered;
use super::{Bill, api, partner, spend, v2};
use crate::client::sign_in::{NoCall, OneCall, check_credential};
use crate::client::{Account, Connection};
use crate::error::Error;
use crate::secret::Secret;
use crate::session::grant::Grant;
use crate::session::store::fingerprint;
use crate::table::{Api, Way};

/// A credential, and what it opens.
pub trait Credential: private::Sealed {
    /// What it opens.
    type Access;

    #[doc(hidden)]
    fn open(self, bill: &Bill, call: SignInCall) -> Result<Self::Access, Error>;
}

pub(super) mod private {
    /// Which of BILL's two calls signs in. The session is good for both APIs either way.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum SignInCall {
        /// `POST /v3/login`.
        V3,
        /// `POST /v2/Login.json`.
        V2,
    }

    /// Only this crate knows BILL's ways.
    pub trait Sealed {}
}

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

/// A Spend & Expense API token. It goes with each call; there is no session.
#[derive(Debug, Clone)]
pub struct SpendToken(
    /// The token.
    pub Secret,
);

/// A partner's user with the partner's app key. The session dies after 35 idle minutes.
#[derive(Debug, Clone)]
pub struct PartnerKey {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
    /// The partner's app key.
    pub app_key: Secret,
}

/// The user of an organization that a partner acts as; see [`Partner::act_as`]. That the session dies after 35 idle minutes is assumed.
#[derive(Debug, Clone)]
pub struct PartnerUser {
    /// The user; the id begins with `006`.
    pub user_id: String,
    /// The organization; its id begins with `008`.
    pub organization_id: String,
    /// The developer key that calls of the session present.
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
struct ApAr {
    way: &'static str,
    name: String,
    secret: Secret,
    /// v3 takes a console token in a field of its own; v2 as the password.
    is_token: bool,
}

impl ApAr {
    fn open(self, bill: &Bill, call: SignInCall, organization: String, dev_key: Secret) -> Result<Organization, Error> {
        check_credential("user name", &self.name)?;
        check_credential("password or token", self.secret.expose())?;
        check_credential("organization id", &organization)?;
        let account = account(&dev_key, &organization)?;
        let secrets = vec![self.secret.clone(), dev_key.clone()];
        let connections = connections(bill, &account, secrets);
        let memory = Memory::default();
        let (facts, connection): (&'static Api, _) = match call {
            SignInCall::V3 => (&api::API, &connections[0]),
            SignInCall::V2 => (&v2::API, &connections[1]),
        };
        let (way, user, of) = (self.way, self.name.clone(), organization.clone());
        let presents = vec![("devKey", dev_key.clone())];
        let body = {
            let memory = memory.clone();
            move || {
                let (remember_me_id, device) = recall(&memory);
                let (name, secret, organization, dev_key) =
                    (self.name.clone(), self.secret.clone(), &organization, dev_key.clone());
                match call {
                    SignInCall::V3 => json(&api::types::LoginRequest {
                        username: name,
                        password: (!self.is_token).then(|| secret.clone()),
                        console_api_token: self.is_token.then_some(secret),
                        organization_id: organization.clone().into(),
                        dev_key,
                        remember_me_id,
                        device,
                    }),
                    SignInCall::V2 => json(&v2::types::LoginRequest {
                        user_name: name,
                        password: secret,
                        org_id: organization.clone().into(),
                        dev_key,
                        mfa_id: remember_me_id,
                        device_id: device,
                    }),
                }
            }
        };
        let entrance = connection.clone();
        let sign_in = OneCall::new(&entrance, facts, way, &user, Some(&of), presents, body)?;
        Ok(Organization::new(connections, entrance, Arc::new(sign_in), memory))
    }
}

impl private::Sealed for SpendToken {}
impl Credential for SpendToken {
    type Access = Spend;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Spend, Error> {
        v3_only(call)?;
        let grant = Grant::new([("apiToken", self.0.clone())])?;
        let account = Account::new([("apiToken", fingerprint(&self.0))]);
        let connection = Connection::new(bill.v3.clone(), &spend::API, &account, vec![self.0]);
        Ok(Spend::new(&connection, Arc::new(NoCall { way: way(&spend::API, "api-token")?, grant })))
    }
}

impl private::Sealed for PartnerKey {}
impl Credential for PartnerKey {
    type Access = Partner;

    fn open(self, bill: &Bill, call: SignInCall) -> Result<Partner, Error> {
        v3_only(call)?;
        check_credential("user name", &self.username)?;
        check_credential("password", self.password.expose())?;
        Grant::new([("appKey", self.app_key.clone())])?;
        let account = Account::new([("appKey", fingerprint(&self.app_key))]);
        let secrets = vec![self.password.clone(), self.app_key.clone()];
        let connection = Connection::new(bill.v3.clone(), &partner::API, &account, secrets);
        let user = self.username.clone();
        let presents = vec![("appKey", self.app_key.clone())];
        let body = move || {
            json(&partner::types::PartnerLoginRequest {
                username: self.username.clone(),
                password: self.password.clone(),
                app_key: self.app_key.clone(),
            })
        };
        let sign_in = OneCall::new(&connection, &partner::API, "partner-key", &user, None, presents, body)?;
        Ok(Partner::new(bill.clone(), connection, Arc::new(sign_in)))
    }
}

impl PartnerUser {
    /// `partner` is the connection under the partner's own session, which the sign-in presents.
    pub(super) fn open(self, bill: &Bill, partner: &Connection) -> Result<Organization, Error> {
        check_credential("user id", &self.user_id)?;
        check_credential("organization id", &self.organization_id)?;
        let account = account(&self.dev_key, &self.organization_id)?;
        let dev_key = self.dev_key.clone();
        // The partner's too: whoever signs in as a user is known by both.
        let secrets = partner.told().into_iter().chain([dev_key.clone()]).collect();
        let connections = connections(bill, &account, secrets);
        let memory = Memory::default();
        let (user, of) = (self.user_id.clone(), self.organization_id.clone());
        let presents = vec![("devKey", self.dev_key.clone())];
        let body = {
            let memory = memory.clone();
            move || {
                let (remember_me_id, device) = recall(&memory);
                json(&partner::types::LoginAsUserRequest {
                    user_id: self.user_id.clone().into(),
                    organization_id: self.organization_id.clone().into(),
                    remember_me_id,
                    device,
                })
            }
        };
        let entrance = partner.hiding([dev_key]);
        let sign_in = OneCall::new(&entrance, &partner::API, "partner-user", &user, Some(&of), presents, body)?;
        Ok(Organization::new(connections, entrance, Arc::new(sign_in), memory))
    }
}

/// An organization's two APIs.
fn connections(bill: &Bill, account: &Account, secrets: Vec<Secret>) -> [Connection; 2] {
    [
        Connection::new(bill.v3.clone(), &api::API, account, secrets.clone()),
        Connection::new(bill.v2.clone(), &v2::API, account, secrets),
    ]
}

/// What BILL remembers of the device: `rememberMeId` and its name.
fn recall(memory: &Memory) -> (Option<Secret>, Option<String>) {
    let remembered = memory.lock().ok().and_then(|memory| memory.clone());
    remembered.map(|remembered| (remembered.id, remembered.device)).unzip()
}

/// The developer key as a header is checked here, before a sign-in is spent on it.
fn account(dev_key: &Secret, organization: &str) -> Result<Account, Error> {
    Grant::new([("devKey", dev_key.clone())])?;
    Ok(Account::new([("devKey", fingerprint(dev_key)), ("organization", organization.to_owned())]))
}

fn way(api: &'static Api, name: &str) -> Result<&'static Way, Error> {
    api.way(name).ok_or_else(|| Error::config(format!("the spec of {} has no way {name}", api.name)))
}

fn v3_only(call: SignInCall) -> Result<(), Error> {
    match call {
        SignInCall::V3 => Ok(()),
        SignInCall::V2 => Err(Error::config("BILL's v2 API has no sign-in for this credential")),
    }
}

fn json<T: Serialize>(body: &T) -> Result<Value, Error> {
    serde_json::to_value(body).map_err(|_| Error::config("the sign-in's body cannot be written"))
}
