//! What Bezala lets one sign in with: a type for each way. All four lead to a Bezala token; an identity provider's token plays no part after
//! that. There is no separate API password and no API key. Source: help.bezala.com/en/articles/666778-getting-api-access.

use std::sync::Arc;

use serde_json::Value;

use super::api::{API, types};
use super::{Access, Bezala};
use crate::client::sign_in::{OneCall, check_credential, json};
use crate::client::{Account, Connection};
use crate::error::Error;
use crate::secret::Secret;

/// A credential of a Bezala user.
pub trait Credential: private::Sealed {
    #[doc(hidden)]
    fn open(self, bezala: &Bezala) -> Result<Access, Error>;
}

mod private {
    /// Only this crate knows Bezala's ways.
    pub trait Sealed {}
}

/// An e-mail address and a password. A company that enforces SSO must exempt the user.
#[derive(Debug, Clone)]
pub struct Password {
    /// The user's e-mail address.
    pub email: String,
    /// The user's password, the same as in the web interface.
    pub password: Secret,
}

/// Google's OAuth 2 access token for the user. It is exchanged at each sign-in, so it has to be fresh then.
#[derive(Debug, Clone)]
pub struct Google {
    /// The user's e-mail address; the token has to be for the same.
    pub email: String,
    /// Google's access token.
    pub access_token: Secret,
}

/// Microsoft's OAuth 2 access token for the user. It is exchanged at each sign-in, so it has to be fresh then.
#[derive(Debug, Clone)]
pub struct Microsoft {
    /// The user's e-mail address; the token has to be for the same.
    pub email: String,
    /// Microsoft's access token.
    pub access_token: Secret,
}

/// Okta's OAuth 2 access token for the user. It is exchanged at each sign-in, so it has to be fresh then.
#[derive(Debug, Clone)]
pub struct Okta {
    /// The user's e-mail address; the token has to be for the same.
    pub email: String,
    /// The company's name at Bezala.
    pub company_name: String,
    /// The issuer URL that the company's settings at Bezala hold.
    pub okta_url: String,
    /// Okta's access token.
    pub access_token: Secret,
}

impl private::Sealed for Password {}
impl Credential for Password {
    fn open(self, bezala: &Bezala) -> Result<Access, Error> {
        let (email, secret) = (self.email.clone(), self.password.clone());
        open(bezala, "password", &email, secret, move || {
            json(&types::PasswordSignIn { email: self.email.clone(), password: self.password.clone() })
        })
    }
}

impl private::Sealed for Google {}
impl Credential for Google {
    fn open(self, bezala: &Bezala) -> Result<Access, Error> {
        let (email, secret) = (self.email.clone(), self.access_token.clone());
        open(bezala, "google", &email, secret, move || {
            json(&types::GoogleSignIn { email: self.email.clone(), google_access_token: self.access_token.clone() })
        })
    }
}

impl private::Sealed for Microsoft {}
impl Credential for Microsoft {
    fn open(self, bezala: &Bezala) -> Result<Access, Error> {
        let (email, secret) = (self.email.clone(), self.access_token.clone());
        open(bezala, "microsoft", &email, secret, move || {
            json(&types::MicrosoftSignIn {
                email: self.email.clone(),
                microsoft_access_token: self.access_token.clone(),
            })
        })
    }
}

impl private::Sealed for Okta {}
impl Credential for Okta {
    fn open(self, bezala: &Bezala) -> Result<Access, Error> {
        check_credential("company name", &self.company_name)?;
        check_credential("Okta URL", &self.okta_url)?;
        let (email, secret) = (self.email.clone(), self.access_token.clone());
        open(bezala, "okta", &email, secret, move || {
            json(&types::OktaSignIn {
                email: self.email.clone(),
                company_name: self.company_name.clone(),
                okta_url: self.okta_url.clone(),
                okta_access_token: self.access_token.clone(),
            })
        })
    }
}

fn open(
    bezala: &Bezala,
    way: &'static str,
    email: &str,
    secret: Secret,
    body: impl Fn() -> Result<Value, Error> + Send + Sync + 'static,
) -> Result<Access, Error> {
    check_credential("e-mail address", email)?;
    check_credential("password or access token", secret.expose())?;
    let connection = Connection::new(bezala.wire.clone(), &API, &Account::default(), vec![secret]);
    let sign_in = OneCall::new(&connection, &API, way, email, None, Vec::new(), body)?;
    let session = connection.open(Arc::new(sign_in));
    Ok(Access::new(bezala, &connection, session))
}
