//! Words: how they must be spelled, which was meant, and how long a duration is.

use std::collections::HashSet;
use std::time::Duration;

use heck::{ToSnakeCase, ToUpperCamelCase};
use serde_json::Value;

/// Longer words are no misspellings, and comparing them would take its time.
const LONGEST: usize = 64;

/// What to do about a word that is none of `known`.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    let mut seen = HashSet::new();
    known.retain(|word| seen.insert(*word));
    if let Some(near) = nearest(word, &known) {
        return format!("did you mean \"{near}\"?");
    }
    match known.len() {
        0 => "leave it out: there is none".to_owned(),
        1..=12 => format!("write one of {}", known.join(", ")),
        _ => "write one that the spec has".to_owned(),
    }
}

fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&lower, &candidate.to_lowercase());
            (distance, *candidate)
        })
        // A third of the letters wrong is still a misspelling; more is another word.
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A value in a message: short, on one line.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "a map".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(text) => {
            let text = text.replace(['\n', '\r'], " ");
            match text.char_indices().nth(60) {
                Some((end, _)) => format!("\"{}...\"", &text[..end]),
                None => format!("\"{text}\""),
            }
        }
        scalar => scalar.to_string(),
    }
}

/// `developer-key`
pub(super) fn is_kebab(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !word.ends_with('-')
        && !word.contains("--")
}

/// `listVendors`
pub(super) fn is_camel(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A key of `components`, by OpenAPI's own rule, that also begins with a letter.
pub(super) fn is_component(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// A header's name: a token of RFC 9110.
pub(super) fn is_header(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// The field that the generator makes of a name on the wire; empty if there is nothing to make one of. Two names with
/// the same field do not compile.
pub(super) fn field(name: &str) -> String {
    prefixed(name.replace('\'', "").to_snake_case(), "x")
}

/// The type or variant that the generator makes of a name; empty if there is nothing to make one of.
pub(crate) fn type_name(name: &str) -> String {
    prefixed(name.replace('\'', "").to_upper_camel_case(), "X")
}

/// No name in Rust begins with a digit.
fn prefixed(name: String, prefix: &str) -> String {
    if name.starts_with(|c: char| c.is_numeric()) { format!("{prefix}{name}") } else { name }
}

/// A JSON pointer of RFC 6901.
pub(super) fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1);
    (text.is_empty() || text.starts_with('/'))
        && escapes.into_iter().all(|rest| rest.starts_with('0') || rest.starts_with('1'))
}

/// A duration of ISO 8601 in whole days, hours, minutes and seconds, each at most once and in this order. Months and
/// years are no durations: they have no fixed length.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let rest = text.strip_prefix('P')?;
    let (days, time) = match rest.split_once('T') {
        Some((days, time)) => (days, Some(time)),
        None => (rest, None),
    };
    let mut seconds = 0;
    let mut left = days;
    take(&mut left, 'D', 86_400, &mut seconds)?;
    if !left.is_empty() || (days.is_empty() && time.is_none()) {
        return None;
    }
    if let Some(mut left) = time {
        if left.is_empty() {
            return None;
        }
        take(&mut left, 'H', 3_600, &mut seconds)?;
        take(&mut left, 'M', 60, &mut seconds)?;
        take(&mut left, 'S', 1, &mut seconds)?;
        if !left.is_empty() {
            return None;
        }
    }
    Some(Duration::from_secs(seconds))
}

/// Adds the number before `unit`, if `left` goes on with one. `None`: a number that does not fit.
fn take(left: &mut &str, unit: char, worth: u64, seconds: &mut u64) -> Option<()> {
    let Some((number, rest)) = left.split_once(unit) else {
        return Some(());
    };
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let more = number.parse::<u64>().ok()?.checked_mul(worth)?;
    *seconds = seconds.checked_add(more)?;
    *left = rest;
    Some(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [
            ("PT35M", 35 * 60),
            ("PT48H", 48 * 3600),
            ("P30D", 30 * 86_400),
            ("P1DT2H3M4S", 86_400 + 7200 + 180 + 4),
            ("PT1S", 1),
            ("PT0S", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "PT35",
            "35M",
            "P35M",
            "P1Y",
            "P1W",
            "PT1.5S",
            "PT-1S",
            "pt35m",
            "PT1M1H",
            "PT1H1H",
            "P1D ",
            "P99999999999999999999D",
            "P999999999999999999D",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn spellings() {
        assert!(is_kebab("developer-key") && is_kebab("okta2"));
        assert!(!is_kebab("Developer") && !is_kebab("a--b") && !is_kebab("a-") && !is_kebab("-a"));
        assert!(is_camel("listVendors") && !is_camel("ListVendors") && !is_camel("list_vendors"));
        assert!(is_pointer("") && is_pointer("/a~1b~0/0"));
        assert!(!is_pointer("a") && !is_pointer("/a~2") && !is_pointer("/a~"));
        assert!(is_component("Vendor.List_1") && !is_component("1st") && !is_component("a b"));
        assert_eq!((field("vendorId"), field("2nd")), ("vendor_id".to_owned(), "x2nd".to_owned()));
        assert_eq!(type_name("it's-1"), type_name("Its1"));
        assert_eq!((type_name("1"), type_name("=")), (type_name("X1"), String::new()));
        assert!(is_header("X-Api-Key") && !is_header("a b") && !is_header(""));
    }

    #[test]
    fn the_nearest_word_is_offered() {
        assert_eq!(did_you_mean("listVendor", ["login", "listVendors"]), "did you mean \"listVendors\"?");
        assert_eq!(did_you_mean("zebra", ["login", "logout"]), "write one of login, logout");
        assert_eq!(did_you_mean("zebra", []), "leave it out: there is none");
    }
}
