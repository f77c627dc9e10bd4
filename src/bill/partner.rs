//! Partner operations: the app key and what it opens, the organizations of the partner's users among it.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "_organization")]
use super::Organizations;
use super::calls::touch;
#[cfg(feature = "bill-events")]
use super::events;
#[cfg(feature = "_organization")]
use super::organization::{Memory, Organization, account, first, recall};
use super::private::{self, SignInCall};
use super::{Bill, Credential, partner, v3_only};
use crate::client::dynamic::Arguments;
use crate::client::sign_in::{OneCall, check_credential, json};
use crate::client::{Account, Connection};
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::grant::{Grant, SignIn};
use crate::session::store::fingerprint;
use crate::session::warm::{self, KeepWarm};

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
#[cfg(feature = "_organization")]
#[derive(Debug, Clone)]
pub struct PartnerUser {
    /// The user; the id begins with `006`.
    pub user_id: String,
    /// The organization; its id begins with `008`.
    pub organization_id: String,
    /// The developer key that calls of the session present.
    pub dev_key: Secret,
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
        let connection = Connection::new(bill.0.v3.clone(), &partner::API, &account, secrets);
        let user = self.username.clone();
        let presents = vec![("appKey", self.app_key.clone())];
        let body = move || {
            json(&partner::types::PartnerLoginRequest {
                username: self.username.clone(),
                password: self.password.clone(),
                app_key: self.app_key.clone(),
            })
        };
        let sign_in = OneCall::new(&connection, &partner::API, "partner-key", user, None, presents, body)?;
        Ok(Partner::new(bill.clone(), connection, Arc::new(sign_in)))
    }
}

#[cfg(feature = "_organization")]
impl PartnerUser {
    /// `partner` is the connection under the partner's own session, which the sign-in presents.
    pub(super) fn open(self, bill: &Bill, partner: &Connection) -> Result<Organization, Error> {
        check_credential("user id", &self.user_id)?;
        check_credential("organization id", &self.organization_id)?;
        let account = account(&self.dev_key, &self.organization_id)?;
        let dev_key = self.dev_key.clone();
        // The partner's too: whoever signs in as a user is known by both.
        let secrets = partner.told().secrets().into_iter().chain([dev_key.clone()]).collect();
        let first = first(bill, &account, secrets);
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
        let sign_in = OneCall::new(&entrance, &partner::API, "partner-user", user, Some(of.into()), presents, body)?;
        Ok(Organization::new(bill, &first, &entrance, Arc::new(sign_in), memory))
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

    /// The webhooks API, in the same session.
    #[cfg(feature = "bill-events")]
    pub fn events(&self) -> events::Client {
        self.bill.events(&self.session, self.connection.told().secrets())
    }

    /// The organization of one of the partner's users, as that user. Its session is made by the partner's, when it is needed.
    ///
    /// # Errors
    /// `config`, naming the field, if one of them is empty or cannot be sent.
    #[cfg(feature = "_organization")]
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
    #[cfg(feature = "_organization")]
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
