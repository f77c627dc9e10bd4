//! Text that is never printed.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A password, a key, a token, a session.
///
/// `Debug` prints `[secret]`, there is no `Display`, and the memory is wiped when the last copy goes. It is serialized as
/// the text itself, since that is what a vendor has to be told: do not serialize it to anyone else.
///
/// ```
/// let password = ledgerkey::Secret::from("correct horse");
/// assert_eq!(format!("{password:?}"), "[secret]");
/// assert_eq!(password.expose(), "correct horse");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// The text itself. Every use of this is a place where the secret could get out.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.into())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// Replaces known secrets in words that came from outside, before they are kept or shown: a vendor's error text may quote what it
/// was sent.
pub(crate) fn scrub<'s>(mut text: String, secrets: impl IntoIterator<Item = &'s Secret>) -> String {
    for secret in secrets {
        let secret = secret.expose();
        // A text of one or two characters is in everything; it also hides nothing.
        if secret.len() > 2 && text.contains(secret) {
            text = text.replace(secret, "[secret]");
        }
    }
    text
}
