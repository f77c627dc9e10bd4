//! Whether a notification is BILL's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::Error;
use crate::secret::Secret;

/// The header that carries a notification's signature; source: developer.bill.com/docs/test-with-webhook-security.
pub const SIGNATURE_HEADER: &str = "x-bill-sha-signature";

/// What the header may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Signature {
    /// The base64 of the HMAC-SHA256 of the body under the subscription's `securityKey`; source:
    /// developer.bill.com/docs/test-with-webhook-security.
    ///
    /// Doubts: the hash is taken of the bytes of the body, with the text of the key as it is. Integrators read BILL's page as "of the minified
    /// JSON", which is the same as long as BILL sends it minified.
    #[default]
    Hash,
    /// That, or the `securityKey` itself.
    ///
    /// Doubt: developer.bill.com/docs/bill-webhook-api-general-rules and a changelog of 2024-05-20 say that "the key is sent as the header";
    /// the page that [`Signature::Hash`] goes by says that it is the hash. A key that is sent says nothing of the body that comes with it, and
    /// whoever has seen one notification can make others: take this only if BILL is seen to send it.
    HashOrKey,
}

impl Signature {
    /// Whether the body is what the owner of the key has signed. Nothing that is compared tells by the time it takes how much of it fits.
    ///
    /// `signature` is the header's value; an empty one for a header that is not there. The key is BILL's text as it is.
    ///
    /// # Errors
    /// `not-authentic` if it is not. `config` if the key is empty, for anyone can sign with that.
    pub fn verify(self, body: &[u8], signature: impl AsRef<[u8]>, key: &Secret) -> Result<(), Error> {
        let signature = signature.as_ref();
        let mac = mac(key)?;
        if signature.is_empty() {
            return Err(refused("it has no signature"));
        }
        if self == Self::HashOrKey && is_the_key(signature, key, &mac) {
            return Ok(());
        }
        // Of a fixed length, so that nothing long is decoded.
        let mut hash = [0; HASH];
        let decoded = (signature.len() == HASH_IN_BASE64).then(|| STANDARD.decode_slice(signature, &mut hash));
        if decoded != Some(Ok(HASH)) {
            return Err(refused("its signature is not the base64 of an SHA-256 hash"));
        }
        mac.chain_update(body).verify_slice(&hash).map_err(|_| refused("its signature is not of this body and key"))
    }
}

/// Whether the body is what the owner of the key has signed, by [`Signature::Hash`]; [`Notification::read`](super::Notification::read) does this
/// itself.
///
/// # Errors
/// As [`Signature::verify`].
pub fn verify(body: &[u8], signature: impl AsRef<[u8]>, key: &Secret) -> Result<(), Error> {
    Signature::default().verify(body, signature, key)
}

const HASH: usize = 32;
const HASH_IN_BASE64: usize = 44;

fn mac(key: &Secret) -> Result<Hmac<Sha256>, Error> {
    let key = key.expose().as_bytes();
    if key.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::config("the security key of the webhook is empty"));
    }
    Hmac::new_from_slice(key).map_err(|_| Error::config("the security key of the webhook cannot be used"))
}

/// The hashes of the two are compared: they are of one length, whatever the length of what was sent.
fn is_the_key(signature: &[u8], key: &Secret, mac: &Hmac<Sha256>) -> bool {
    let wanted = mac.clone().chain_update(key.expose()).finalize().into_bytes();
    mac.clone().chain_update(signature).verify_slice(&wanted).is_ok()
}

/// A kind of its own: nothing was refused by a vendor, nothing is wrong with what the caller gave (`config`), and nothing was read that could
/// fail to fit (`decode`). Whoever receives has to tell this from those, for it is answered with 401 and looked into.
fn refused(reason: &'static str) -> Error {
    Error::NotAuthentic { what: "the notification", reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computed once, apart from this code, by Python's `hmac` and `base64`.
    const BODY: &[u8] = br#"{"metadata":{"eventId":"evt_1","subscriptionId":"sub_1","organizationId":"008example","eventType":"vendor.created","version":"1"},"vendor":{"id":"009example","name":"Example Supplies","archived":false}}"#;
    const KEY: &str = "example-security-key";
    const SIGNATURE: &str = "HVvUcZ7aNHTal4SAVtu/NZNEuHOd6zWVzm1ZOnHEMtk=";

    fn kind(body: &[u8], signature: impl AsRef<[u8]>, key: &str) -> &'static str {
        verify(body, signature, &Secret::from(key)).map_or_else(|error| error.kind(), |()| "good")
    }

    #[test]
    fn known_signatures_are_good() {
        assert_eq!(kind(BODY, SIGNATURE, KEY), "good");
        // RFC 4231, case 2.
        let known = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
        assert_eq!(kind(b"what do ya want for nothing?", known, "Jefe"), "good");
    }

    #[test]
    fn one_bit_in_anything_is_refused() {
        for at in 0..BODY.len() * 8 {
            let mut body = BODY.to_vec();
            body[at / 8] ^= 1 << (at % 8);
            assert_eq!(kind(&body, SIGNATURE, KEY), "not-authentic", "bit {at} of the body");
        }
        for at in 0..SIGNATURE.len() * 8 {
            let mut signature = SIGNATURE.as_bytes().to_vec();
            signature[at / 8] ^= 1 << (at % 8);
            assert_eq!(kind(BODY, &signature, KEY), "not-authentic", "bit {at} of the signature");
        }
        for at in 0..KEY.len() * 8 {
            let mut key = KEY.as_bytes().to_vec();
            key[at / 8] ^= 1 << (at % 8);
            let Ok(key) = String::from_utf8(key) else { continue };
            assert_eq!(kind(BODY, SIGNATURE, &key), "not-authentic", "bit {at} of the key");
        }
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        let url_safe = SIGNATURE.replace('/', "_");
        let long = SIGNATURE.repeat(100_000);
        let hex = "1d5bd4719eda3474da97848056dbbf359344b8739deb3595ce6d593a71c432d9";
        for signature in ["", " ", "=", SIGNATURE.trim_end_matches('='), &url_safe, &long, hex, KEY, "€€€€"] {
            assert_eq!(kind(BODY, signature, KEY), "not-authentic", "{:.50}", signature);
        }
        assert_eq!(kind(BODY, [0xff; 44], KEY), "not-authentic");
    }

    #[test]
    fn with_an_empty_key_nothing_is_good() {
        // What anyone can compute.
        let hmac = "thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0=";
        for key in ["", " \n"] {
            assert_eq!(kind(b"", hmac, key), "config");
            assert_eq!(Signature::HashOrKey.verify(b"", key, &key.into()).unwrap_err().kind(), "config");
        }
    }

    #[test]
    fn the_key_itself_is_good_only_where_that_was_asked_for() {
        let key = Secret::from(KEY);
        assert_eq!(kind(BODY, KEY, KEY), "not-authentic");
        let verify = |signature: &str| Signature::HashOrKey.verify(BODY, signature, &key);
        assert!(verify(KEY).is_ok() && verify(SIGNATURE).is_ok());
        for signature in ["", "example-security-kez", "example-security-key ", "example-security-ke"] {
            assert_eq!(verify(signature).unwrap_err().kind(), "not-authentic", "{signature:?}");
        }
    }

    #[test]
    fn no_error_holds_the_key_the_signature_or_the_body() {
        for (body, signature, key) in [
            (&b"{\"canary-body\":1}"[..], "canary-signature", "canary-key"),
            (b"canary-body", SIGNATURE, "canary-key"),
            (b"canary-body", "", "canary-key"),
        ] {
            let error = verify(body, signature, &Secret::from(key)).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("canary") && !told.contains(SIGNATURE), "{told}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_comes_makes_it_panic_or_is_taken(
            body in proptest::collection::vec(any::<u8>(), 0..200),
            signature in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            prop_assert_eq!(kind(&body, &signature, KEY), "not-authentic");
            prop_assert!(Signature::HashOrKey.verify(&body, &signature, &KEY.into()).is_err());
        }
    }
}
