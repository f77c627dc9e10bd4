//! A body as the type that the spec gives it; or the place where it does not fit, without a word of what stands there.

use serde::de::DeserializeOwned;

use crate::error::Mismatch;

/// `body` as `T`, or where it does not fit.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Mismatch> {
    let misfit =
        || mismatch::<T>(body).unwrap_or_else(|| Mismatch { path: ".".into(), detail: "it does not fit".into() });
    if is_list_for_object::<T>(body) {
        return Err(misfit());
    }
    // The common case pays nothing for the path.
    serde_json::from_slice(body).map_err(|_| misfit())
}

/// Where `body` does not fit `T`, if it does not.
pub(crate) fn mismatch<T: DeserializeOwned>(body: &[u8]) -> Option<Mismatch> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Some(Mismatch { path: ".".into(), detail: "the body is empty".into() });
    }
    if is_list_for_object::<T>(body) {
        return Some(Mismatch { path: ".".into(), detail: "invalid type: sequence, expected an object".into() });
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let error = match serde_path_to_error::deserialize::<_, T>(&mut json) {
        Ok(_) => {
            let error = json.end().err()?;
            return Some(Mismatch { path: ".".into(), detail: describe(&error) });
        }
        Err(error) => error,
    };
    let path = error.path().to_string();
    Some(Mismatch { detail: describe(error.inner()), path })
}

/// Whether the body is a list and `T` an object: serde reads a list into an object field by field, and `[]` would pass as an answer without
/// rows. What `T` is, it tells by what it says of a number; a choice of a list and an object says something else.
fn is_list_for_object<T: DeserializeOwned>(body: &[u8]) -> bool {
    body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
        && serde_json::from_slice::<T>(b"0").is_err_and(|error| error.to_string().contains(", expected struct "))
}

/// serde's words quote the value that did not fit, which may be anything, a session for one. Only the kind of it is kept.
fn describe(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match error.classify() {
        Category::Syntax => format!("not JSON (line {}, column {})", error.line(), error.column()),
        Category::Eof => "the JSON breaks off".to_owned(),
        Category::Io => "the body cannot be read".to_owned(),
        Category::Data => {
            let words = error.to_string();
            if words.starts_with("missing field") {
                return words.split(" at line").next().unwrap_or_default().to_owned();
            }
            let kind = words.split(['"', '`', ',']).next().unwrap_or_default().trim_end();
            let expected = words
                .rsplit_once(", expected ")
                .map(|(_, expected)| expected.split(" at line").next().unwrap_or_default());
            match expected {
                Some(expected) if kind.starts_with("invalid type") || kind.starts_with("invalid value") => {
                    format!("{kind}, expected {expected}")
                }
                _ => "a value of another kind than the spec says".to_owned(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Row {
        rows: Vec<Inner>,
    }
    #[derive(Debug, serde::Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Inner {
        id: u32,
    }

    fn told(body: &str) -> String {
        mismatch::<Row>(body.as_bytes()).unwrap().to_string()
    }

    /// As the generator writes a choice.
    #[derive(Debug)]
    enum Rows {
        Bare(Vec<Inner>),
        Within(BTreeMap<String, Vec<Inner>>),
    }

    impl<'de> serde::Deserialize<'de> for Rows {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = crate::client::text_of(deserializer)?;
            let bare = || crate::client::value_of(&text).map(Self::Bare);
            let within = || crate::client::value_of(&text).map(Self::Within);
            bare().or_else(within).ok_or_else(|| serde::de::Error::custom("none of the choices"))
        }
    }

    #[test]
    fn a_list_is_no_object_unless_the_spec_leaves_the_choice() {
        assert!(matches!(decode(br#"[{"id":1}]"#).unwrap(), Rows::Bare(rows) if rows.len() == 1));
        assert!(matches!(decode(br#"{"rows":[]}"#).unwrap(), Rows::Within(rows) if rows.len() == 1));
        assert!(decode::<Row>(b"[]").is_err() && decode::<Rows>(b"7").is_err());
        assert_eq!(decode::<Vec<u32>>(b"[1]").unwrap(), [1]);
        assert_eq!(decode::<serde_json::Value>(b" [1]").unwrap(), serde_json::json!([1]));
    }

    #[test]
    fn a_mismatch_names_its_place_and_no_value() {
        assert_eq!(
            told(r#"{"rows":[{"id":1},{"id":"CANARY"}]}"#),
            "at `rows[1].id`: invalid type: string, expected u32"
        );
        assert_eq!(
            told(r#"{"rows":[{"id":77777}, {"id":-4}]}"#),
            "at `rows[1].id`: invalid value: integer, expected u32"
        );
        assert_eq!(told(r#"{"rows":[{}]}"#), "at `rows[0]`: missing field `id`");
        assert_eq!(told("<html>"), "at `.`: not JSON (line 1, column 1)");
        assert_eq!(told(r#"{"rows":["#), "at `rows`: the JSON breaks off");
        assert_eq!(told("[]"), "at `.`: invalid type: sequence, expected an object");
        assert!(mismatch::<Vec<u32>>(b"[1]").is_none() && mismatch::<serde_json::Value>(b"[1]").is_none());
        assert_eq!(told(" "), "at `.`: the body is empty");
        assert_eq!(told(r#"{"rows":[]} x"#), "at `.`: not JSON (line 1, column 13)");
    }
}
