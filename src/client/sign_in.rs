//! The ways to sign in that there are: by one call, or by none. What is left for a vendor module is which call and what goes into it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::dynamic::Arguments;
use crate::error::{Error, Refusal};
use crate::secret::Secret;
use crate::session::Session;
use crate::session::clock::Clock;
use crate::session::grant::{Grant, NotRenewed, Pending, SignIn};
use crate::session::store::{Identity, fingerprint};
use crate::table::{Api, Operation, Way};
use crate::transport::Connection;
use crate::transport::classify::{path_of, scalar};

/// Signs in by one call, whose answer carries the session where the spec says.
pub struct OneCall {
    way: &'static Way,
    user: Arc<str>,
    organization: Option<Arc<str>>,
    connection: Connection,
    api: &'static Api,
    presents: Box<[(&'static str, Secret)]>,
    body: Box<dyn Fn() -> Result<Value, Error> + Send + Sync>,
}

impl OneCall {
    /// A way of `api` to sign in, over `connection`.
    ///
    /// `user` and `organization` say whose session it leads to; `presents` is what later calls present beside the session, by scheme, such as
    /// a developer key; `body` writes the call's body, and is asked anew at each sign-in.
    ///
    /// # Errors
    /// `config` if the spec has no such way.
    pub fn new(
        connection: &Connection,
        api: &'static Api,
        way: &str,
        user: impl Into<Arc<str>>,
        organization: Option<Arc<str>>,
        presents: Vec<(&'static str, Secret)>,
        body: impl Fn() -> Result<Value, Error> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let user = user.into();
        let way = api.way(way).ok_or_else(|| Error::config(format!("the spec of {} has no way {way}", api.name)))?;
        let (connection, presents, body) = (connection.clone(), presents.into(), Box::new(body));
        Ok(Self { way, user, organization, connection, api, presents, body })
    }

    fn operation(&self, id: Option<&'static str>) -> Result<&'static Operation, Error> {
        let found = self.api.operations.iter().find(|operation| Some(operation.id) == id).copied();
        found.ok_or_else(|| Error::config(format!("the way {} has no such call", self.way.name)))
    }

    async fn call(&self) -> Result<Grant, Error> {
        let operation = self.operation(self.way.operation)?;
        let arguments = Arguments::default().body((self.body)()?);
        let response =
            self.connection.answer(operation, &arguments).await.map_err(|error| rejected(self.way, error))?;
        let absent = |path: &str, detail: &str| Error::Decode {
            operation: operation.id,
            path: path_of(path),
            detail: detail.into(),
        };
        let answer: Value = response.decode()?;
        let session = answer.pointer(self.way.session).and_then(Value::as_str).filter(|session| !session.is_empty());
        let Some(session) = session else {
            let refused = response.refusal_inside().map(|error| rejected(self.way, error));
            return Err(refused.unwrap_or_else(|| absent(self.way.session, "the answer carries no session")));
        };
        let mut grant = self
            .grant(session.into())
            .map_err(|_| absent(self.way.session, "the session cannot be sent as a header"))?;
        grant.trusted = self.way.trusted.and_then(|at| answer.pointer(at)).and_then(Value::as_bool);
        grant.user = self.way.user.and_then(|at| answer.pointer(at)).map(|user| scalar(user).into_owned());
        Ok(grant)
    }

    fn grant(&self, session: Secret) -> Result<Grant, Error> {
        // The way provides what the caller brought, and one thing more: what the vendor gives.
        let given = self.way.provides.iter().find(|scheme| self.presents.iter().all(|(brought, _)| brought != *scheme));
        let given = given.ok_or_else(|| Error::config(format!("the way {} provides no session", self.way.name)))?;
        let presents = self.presents.iter().cloned().chain([(*given, session)]);
        Ok(Grant::new(presents)?.given(given))
    }
}

/// What a failure of the call that signs in by this way means. A refusal is one of the credentials, wherever the vendor says why; BILL's v2 says
/// so inside a 200. Without a word it has to be a status that means the credentials: a redirect, a wrong path or a fault of the server does not, and neither does
/// a page.
pub fn rejected(way: &'static Way, error: Error) -> Error {
    match error {
        Error::Vendor { refusal, .. } if is_of_credentials(&refusal) => {
            Error::SignInRejected { way: way.name, refusal }
        }
        other => other,
    }
}

fn is_of_credentials(refusal: &Refusal) -> bool {
    match refusal.status {
        // A proxy's page is not the vendor's word on them.
        400 | 401 | 403 | 422 => !refusal.page,
        200..300 | 402..500 => refusal.codes().next().is_some(),
        _ => false,
    }
}

impl SignIn for OneCall {
    fn way(&self) -> &'static Way {
        self.way
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity {
            address: self.connection.base().to_owned(),
            way: self.way.name.to_owned(),
            user: self.user.to_string(),
            organization: self.organization.as_ref().map(ToString::to_string),
            key: self.presents.first().map(|(_, key)| fingerprint(key)),
        })
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        Box::pin(self.call())
    }

    fn restore(&self, session: Secret) -> Result<Grant, Error> {
        self.grant(session)
    }

    fn sign_out(&self, grant: Grant) -> Pending<'_, ()> {
        Box::pin(async move {
            let operation = self.operation(self.way.sign_out)?;
            let session = Session::granted(self.way, grant, self.connection.clock().clone());
            let outcome = self.connection.with_session(session.clone()).call(operation, &Arguments::default()).await;
            // A session that had ended already is what was wanted.
            if session.status().live { outcome.map(drop) } else { Ok(()) }
        })
    }
}

/// A credential that goes with each call: there is nothing to sign in to.
pub struct NoCall {
    /// The way; it has no operation.
    pub way: &'static Way,
    /// What calls present.
    pub grant: Grant,
}

impl SignIn for NoCall {
    fn way(&self) -> &'static Way {
        self.way
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        Box::pin(std::future::ready(Ok(self.grant.clone())))
    }

    fn sign_out(&self, _: Grant) -> Pending<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Session {
    /// A session that is already there and cannot be renewed.
    fn granted(way: &'static Way, grant: Grant, clock: Arc<dyn Clock>) -> Self {
        Self::live(Arc::new(NotRenewed { way, why: "the session had ended already" }), grant, clock)
    }
}

/// The body of a sign-in.
pub(crate) fn json<T: Serialize>(body: &T) -> Result<Value, Error> {
    serde_json::to_value(body).map_err(|_| Error::config("the sign-in's body cannot be written"))
}

/// Refuses a credential that cannot be one, by its name and before anything is sent.
///
/// # Errors
/// `config` if it is empty, blank, or holds a control character.
pub fn check_credential(name: &str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Error::config(format!("the {name} is empty")));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::config(format!("the {name} holds a control character, such as a line end")));
    }
    Ok(())
}
