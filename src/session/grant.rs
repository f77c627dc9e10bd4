//! What a sign-in yields, and the one thing that a vendor module has to bring: how to get it.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;

use http::HeaderValue;

use super::store::Identity;
use crate::error::Error;
use crate::secret::Secret;
use crate::table::Way;

/// A boxed future, so that a session needs to know nothing of how a vendor signs in.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A way to sign in with the credentials for it: the part of a session that a vendor module writes.
///
/// It makes one request and does not try again: pacing, retries and single flight are around it.
pub trait SignIn: Send + Sync {
    /// The way, with its facts.
    fn way(&self) -> &'static Way;

    /// Whose session it is, for a store to find it again. `None`: it is never kept.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// Signs in. Called by one caller at a time.
    fn sign_in(&self) -> Pending<'_, Grant>;

    /// The grant around a session that the vendor gave earlier, to this process or another.
    ///
    /// # Errors
    /// `config` if the session cannot be sent, or if the way has none to restore.
    fn restore(&self, session: Secret) -> Result<Grant, Error> {
        let _ = session;
        Err(Error::config("this way has no session to restore"))
    }

    /// Ends a session at the vendor. Does nothing where the vendor has no such call.
    fn sign_out(&self, grant: Grant) -> Pending<'_, ()>;
}

/// For a session that is there already and must not be renewed.
pub(crate) struct NotRenewed {
    pub(crate) way: &'static Way,
    /// What somebody is told who needs a new one.
    pub(crate) why: &'static str,
}

impl SignIn for NotRenewed {
    fn way(&self) -> &'static Way {
        self.way
    }

    fn sign_in(&self) -> Pending<'_, Grant> {
        Box::pin(std::future::ready(Err(Error::config(self.why))))
    }

    fn sign_out(&self, _: Grant) -> Pending<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What a sign-in yields: what later calls present, by the name of its security scheme.
#[derive(Debug, Clone)]
pub struct Grant {
    presents: Vec<Presented>,
    session: Option<&'static str>,
    /// Whether the vendor says that the session is MFA-trusted.
    pub trusted: Option<bool>,
    /// The user's id, where the spec says where the answer tells it.
    pub user: Option<String>,
}

/// One credential, ready to be attached.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The name of its security scheme.
    pub scheme: &'static str,
    /// The credential.
    pub secret: Secret,
    /// As a header's value, marked sensitive.
    pub header: HeaderValue,
    /// The same after `Bearer `, once somebody has asked for it.
    bearer: OnceLock<Box<HeaderValue>>,
}

impl Grant {
    /// Pairs the schemes that the way provides with their credentials.
    ///
    /// # Errors
    /// `config` if one of them cannot be a header's value.
    pub fn new(presents: impl IntoIterator<Item = (&'static str, Secret)>) -> Result<Self, Error> {
        let presents =
            presents.into_iter().map(|(scheme, secret)| Presented::new(scheme, secret)).collect::<Result<_, _>>()?;
        Ok(Self { presents, session: None, trusted: None, user: None })
    }

    /// The credential for a scheme.
    pub fn get(&self, scheme: &str) -> Option<&Presented> {
        self.presents.iter().find(|presented| presented.scheme == scheme)
    }

    /// The session itself: what the vendor gave, as opposed to what the caller brought.
    pub fn session(&self) -> Option<&Secret> {
        self.session.and_then(|scheme| self.get(scheme)).map(|presented| &presented.secret)
    }

    /// Names the scheme whose credential the vendor gave.
    #[must_use]
    pub fn given(mut self, scheme: &'static str) -> Self {
        self.session = Some(scheme);
        self
    }

    /// Every secret in it.
    pub fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.presents.iter().map(|presented| &presented.secret)
    }
}

impl Presented {
    fn new(scheme: &'static str, secret: Secret) -> Result<Self, Error> {
        Ok(Self { header: header(scheme, &secret)?, bearer: OnceLock::new(), scheme, secret })
    }

    /// As a header's value after `Bearer `, marked sensitive.
    pub fn bearer(&self) -> &HeaderValue {
        self.bearer.get_or_init(|| {
            let bytes = [b"Bearer ", self.header.as_bytes()].concat();
            // What comes after the word has been a header's value before.
            let mut value = HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
            value.set_sensitive(true);
            Box::new(value)
        })
    }
}

fn header(scheme: &str, secret: &Secret) -> Result<HeaderValue, Error> {
    let text = secret.expose();
    // Visible ASCII only. HTTP would let more through, but no vendor documents a credential with more in it, and a stray line end
    // or an invisible character from a copied secret is refused here by its name rather than there by a riddle.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::config(format!(
            "the {scheme} cannot be sent as a header: it is empty or holds more than visible ASCII"
        )));
    }
    let mut value =
        HeaderValue::from_str(text).map_err(|_| Error::config(format!("the {scheme} cannot be a header")))?;
    value.set_sensitive(true);
    Ok(value)
}
