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
/// was sent, as it was sent or as it was written on the wire.
pub(crate) fn scrub<'s>(mut text: String, secrets: impl IntoIterator<Item = &'s Secret>) -> String {
    let mut forms: Vec<Zeroizing<String>> = secrets.into_iter().flat_map(forms).collect();
    // The longest first: were one secret the beginning of another, the rest of the other would be left.
    forms.sort_unstable_by_key(|form| std::cmp::Reverse(form.len()));
    let mut folded = fold(&text);
    for form in forms.iter().map(|form| fold(form)) {
        // A text of one or two characters is in everything; it also hides nothing.
        if form.len() > 2 && folded.contains(form.as_str()) {
            text = hide(&text, &folded, &form);
            folded = fold(&text);
        }
    }
    text
}

/// A secret as a vendor may quote it: as it is, or as a JSON string, a form, a URL or HTML has it; one of these within another too, such
/// as a JSON body in the text of another.
fn forms(secret: &Secret) -> Vec<Zeroizing<String>> {
    let plain = secret.expose();
    let mut forms = vec![Zeroizing::new(plain.to_owned()), Zeroizing::new(plain.trim().to_owned())];
    for _ in 0..2 {
        let written: Vec<_> = forms.iter().flat_map(|form| writings(form)).map(Zeroizing::new).collect();
        forms.extend(written);
        forms.sort_unstable_by(|one, other| one.as_str().cmp(other));
        forms.dedup_by(|one, other| one.as_str() == other.as_str());
    }
    forms
}

/// How else the text is written, where it is.
fn writings(plain: &str) -> Vec<String> {
    if plain.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Vec::new();
    }
    let json = serde_json::Value::from(plain).to_string();
    let json = json.get(1..json.len() - 1).unwrap_or_default();
    let escaped = |also: &[char]| -> String {
        json.chars().map(|c| if c.is_ascii() && !also.contains(&c) { c.to_string() } else { utf16(c) }).collect()
    };
    let ascii = escaped(&[]);
    let form: String = url::form_urlencoded::byte_serialize(plain.as_bytes()).collect();
    let url = |set| percent_encoding::utf8_percent_encode(plain, set).to_string();
    let html = plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    vec![
        json.to_owned(),
        json.replace('/', r"\/"),
        // As PHP, Rails and Gson write it.
        ascii.replace('/', r"\/"),
        escaped(&['&', '<', '>']),
        escaped(&['&', '<', '>', '=', '\'']),
        ascii,
        form.replace('+', "%20"),
        form,
        url(percent_encoding::NON_ALPHANUMERIC),
        url(COMPONENT),
        html.replace('\'', "&#39;"),
        html.replace('\'', "&#x27;"),
        html,
    ]
}

/// What JavaScript's `encodeURIComponent` escapes.
const COMPONENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// As JSON of ASCII alone writes it.
fn utf16(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!(r"\u{unit:04x}")).collect()
}

/// Whatever the case: `%3c` and `%3C` are one, and a vendor may shout. A line end is a space, as it is in what is kept of a vendor's words: a
/// text may have been wrapped within the secret. Character by character, so that places in the two texts agree.
fn fold(text: &str) -> Zeroizing<String> {
    let folded = |c: char| if c.is_control() { ' ' } else { c.to_lowercase().next().unwrap_or(c) };
    Zeroizing::new(text.chars().map(folded).collect())
}

fn hide(text: &str, folded: &str, form: &str) -> String {
    let length = form.chars().count();
    let mut rest = text.chars();
    let mut hidden = String::new();
    for (index, kept) in folded.split(form).enumerate() {
        if index > 0 {
            hidden.push_str("[secret]");
            rest.by_ref().take(length).for_each(drop);
        }
        hidden.extend(rest.by_ref().take(kept.chars().count()));
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_taken_out_in_each_form_that_a_vendor_may_quote_it_in() {
        let secret = Secret::from(r#" pa"ss&w<ö>/d "#);
        for quoted in [
            r#"bad: pa"ss&w<ö>/d!"#,
            r#"bad:  PA"SS&W<Ö>/D !"#,
            r#"{"body":"{\"secret\":\" pa\\\"ss&w<ö>/d \"}"}"#,
            "body=secret%3D%2Bpa%2522ss%2526w%253C%25C3%25B6%253E%252Fd%2B",
            r#"{"secret":" pa\"ss&w<ö>/d "}"#,
            r#"{"secret":" pa\"ss&w<ö>\/d "}"#,
            r#"{"secret":" pa\"ss&w<\u00f6>/d "}"#,
            "secret=+pa%22ss%26w%3C%C3%B6%3E%2Fd+&x",
            "secret=%20pa%22ss%26w%3c%c3%b6%3e%2fd%20&x",
            r#"{"secret":" pa\"ss\u0026w\u003c\u00f6\u003e/d "}"#,
            r#"{"secret":" pa\"ss&w<\u00f6>\/d "}"#,
            "<b> pa&quot;ss&amp;w&lt;ö&gt;/d </b>",
        ] {
            let scrubbed = scrub(quoted.to_owned(), [&secret]);
            assert!(scrubbed.contains("[secret]") && !scrubbed.contains("pa"), "{quoted} {scrubbed}");
        }
    }

    #[test]
    fn a_secret_is_taken_out_as_javascript_writes_it_in_a_url() {
        let secret = Secret::from("pa ss!(w)'~");
        assert_eq!(scrub("?password=pa%20ss!(w)'~&x".to_owned(), [&secret]), "?password=[secret]&x");
    }

    #[test]
    fn a_secret_is_taken_out_of_a_text_that_was_wrapped_within_it() {
        let secret = Secret::from("correct horse");
        assert_eq!(scrub("sent: correct\nhorse.".to_owned(), [&secret]), "sent: [secret].");
    }

    #[test]
    fn where_one_secret_begins_another_nothing_of_the_other_is_left() {
        let secrets = [Secret::from("abc"), Secret::from("abcdef")];
        assert_eq!(scrub("abcdef abc".to_owned(), &secrets), "[secret] [secret]");
    }
}
