//! Where sessions are kept, so that callers who cannot see each other share them: the runs of a command, the machines of a fleet.
//!
//! A session is found again by whose it is, never by a secret. What is kept of it is in [`Record`], and that is all: the session itself,
//! never a password, a token of the user's or a developer key.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clock::{FAR, time_of};
use crate::secret::Secret;

/// What a store does takes time and may fail.
pub type Storing<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A place where sessions are kept. Without one they live in memory, as long as the value that made them.
pub trait Store: fmt::Debug + Send + Sync {
    /// The record of this session, if there is one.
    fn load<'a>(&'a self, identity: &'a Identity) -> Storing<'a, Option<Record>>;

    /// Waits for the sole right to sign in as this identity. It is given back when the lease is dropped, and lost when its holder dies. It is asked
    /// for identities too that no record is ever kept of: those of whoever waited for it too long.
    fn lease<'a>(&'a self, identity: &'a Identity) -> Storing<'a, Lease>;

    /// Keeps a record, in the place of any other but one of a newer format. Called by the holder of a lease, and by whoever could not ask for it
    /// because the store failed.
    fn save<'a>(&'a self, identity: &'a Identity, record: &'a Record) -> Storing<'a, ()>;

    /// Notes that the session has been used, if the record is still that of `id`. The time never goes back.
    fn touch<'a>(&'a self, identity: &'a Identity, id: &'a str, last_used: SystemTime) -> Storing<'a, ()>;

    /// Forgets the record, if it is still that of `id`.
    fn remove<'a>(&'a self, identity: &'a Identity, id: &'a str) -> Storing<'a, ()>;
}

/// The right to sign in, given back when it is dropped.
pub struct Lease(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send>);

impl Lease {
    /// A lease that is given back when `held` is dropped.
    pub fn new(held: impl Send + 'static) -> Self {
        Self(Box::new(held))
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}

/// Why a store could not do it. The words hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store is not there for now. Sessions at hand are used on, and a new one is made without asking it, and shared if it takes it.
    #[error("{0}")]
    Unavailable(String),
    /// What is there must not be used, and somebody has to look at it. Nothing is overwritten.
    #[error("{0}")]
    Unusable(String),
}

/// Whose session it is: what BILL and Bezala bind a session to. It names people and places, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The vendor's address.
    pub address: String,
    /// The way to sign in.
    pub way: String,
    /// The user, as the credentials name it.
    pub user: String,
    /// The organization, where the credentials name one.
    pub organization: Option<String>,
    /// A [`fingerprint`] of the developer or app key that the vendor binds the session to.
    pub key: Option<String>,
}

impl Identity {
    /// A name for it that is the same in every process, and that tells nothing: 32 hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let parts =
            [Some(&self.address), Some(&self.way), Some(&self.user), self.organization.as_ref(), self.key.as_ref()];
        for part in parts {
            // Each part with its length, so that no two identities run together into one text.
            let part = part.map_or("-", String::as_str);
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hex(&hash.finalize(), 16)
    }
}

/// Tells one key from another without telling either: 16 hexadecimal digits of its SHA-256. Only for keys that the vendor makes, which nobody
/// can guess; a password has none.
pub fn fingerprint(key: &Secret) -> String {
    hex(&Sha256::digest(key.expose()), 8)
}

/// The first `most` of these bytes, as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8], most: usize) -> String {
    bytes.iter().take(most).map(|byte| format!("{byte:02x}")).collect()
}

/// A text that nobody else has: 32 hexadecimal digits.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// The version of [`Record`]'s form. A record of a newer one is not touched.
pub const FORMAT: u32 = 1;

/// What is kept of a session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// Whose session it is; compared on reading, so that a record that was put in the wrong place is not used.
    pub identity: Identity,
    /// Names this session, and no other; a random text.
    pub id: String,
    /// The session.
    pub session: Secret,
    /// Whether the vendor said that it is MFA-trusted.
    pub trusted: Option<bool>,
    /// The user's id, where the vendor told it.
    pub user: Option<String>,
    /// When it was granted, in milliseconds since 1970.
    pub since: u64,
    /// When a call was last completed, in milliseconds since 1970, to within a minute or so.
    pub last_used: u64,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// `Unusable` if a newer version wrote it. What is not a record of this identity at all is as if it were not there.
    pub fn read(identity: &Identity, text: &str) -> Result<Option<Self>, StoreError> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        match serde_json::from_str::<Form>(text) {
            Ok(Form { format }) if format > FORMAT => {
                let words = format!(
                    "the stored session is of format {format}, and this version knows {FORMAT}: update, or use another store"
                );
                return Err(StoreError::Unusable(words));
            }
            Ok(_) => {}
            Err(_) => {
                tracing::warn!("a stored session is damaged and is not used");
                return Ok(None);
            }
        }
        match serde_json::from_str::<Self>(text) {
            Ok(record) if record.identity == *identity && record.is_sound() => Ok(Some(record)),
            _ => {
                tracing::warn!("a stored session is damaged or another's, and is not used");
                Ok(None)
            }
        }
    }

    fn is_sound(&self) -> bool {
        !self.id.is_empty() && !self.session.expose().is_empty() && self.since <= self.last_used && self.last_used < FAR
    }

    /// Writes it down.
    ///
    /// # Errors
    /// None in practice.
    pub fn write(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(|_| StoreError::Unavailable("the session cannot be written down".into()))
    }

    /// When it was granted.
    pub fn since(&self) -> SystemTime {
        time_of(self.since)
    }

    /// The time of the last completed call.
    pub fn last_used(&self) -> SystemTime {
        time_of(self.last_used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(user: &str, organization: Option<&str>) -> Identity {
        Identity {
            address: "https://vendor.example".into(),
            way: "developer-key".into(),
            user: user.into(),
            organization: organization.map(Into::into),
            key: None,
        }
    }

    fn record() -> Record {
        Record {
            format: FORMAT,
            identity: identity("a", None),
            id: "1".into(),
            session: "CANARY".into(),
            trusted: None,
            user: None,
            since: 1,
            last_used: 2,
        }
    }

    #[test]
    fn identities_do_not_run_together() {
        assert_ne!(identity("ab", Some("c")).digest(), identity("a", Some("bc")).digest());
        assert_ne!(identity("a", None).digest(), identity("a", Some("-x")).digest());
        assert_eq!(identity("a", None).digest(), identity("a", None).digest());
    }

    #[test]
    fn only_a_sound_record_of_this_identity_is_used() {
        let text = record().write().unwrap();
        assert_eq!(Record::read(&identity("a", None), &text).unwrap().unwrap().id, "1");
        assert!(Record::read(&identity("b", None), &text).unwrap().is_none());
        assert!(Record::read(&identity("a", None), &text[..text.len() - 9]).unwrap().is_none());
        assert!(Record::read(&identity("a", None), "").unwrap().is_none());
        let newer = text.replace("\"format\":1", "\"format\":2");
        let error = Record::read(&identity("a", None), &newer).unwrap_err();
        assert!(matches!(error, StoreError::Unusable(_)));
        assert!(!format!("{error:?} {error} {:?}", record()).contains("CANARY"));
    }
}
