//! Where what came back differs from what went.

use chrono::DateTime;

use crate::json::{Json, join};
use crate::{Part, Row};

/// Every difference between the example of a row and what came back of it, each with its place.
///
/// The order of keys says nothing. A number is its digits. A time is an instant: RFC 3339 texts with one instant are the same, however they
/// write it. A null that the schema allows may be absent in what came back of an answer, and so may an empty list; never in what came back of a
/// request: there, to send null or an empty list and to send nothing are different orders.
pub fn differences(row: &Row, sent: &Json, back: &Json) -> Vec<String> {
    let mut found = Vec::new();
    compare(row, sent, back, "", &mut found);
    found
}

fn compare(row: &Row, sent: &Json, back: &Json, at: &str, found: &mut Vec<String>) {
    match (sent, back) {
        (Json::Object(fields), Json::Object(returned)) => {
            for (name, value) in fields {
                let at = join(at, name);
                match back.get(name) {
                    Some(back) => compare(row, value, back, &at, found),
                    None if row.part == Part::Answer && says_nothing(row, value, &at) => {}
                    None => found.push(format!("{at}: expected {value}, found nothing")),
                }
            }
            let added = returned.iter().filter(|(name, _)| sent.get(name).is_none());
            found.extend(added.map(|(name, value)| format!("{}: expected nothing, found {value}", join(at, name))));
        }
        (Json::List(items), Json::List(returned)) if items.len() == returned.len() => {
            for (index, (item, back)) in items.iter().zip(returned).enumerate() {
                compare(row, item, back, &join(at, &index.to_string()), found);
            }
        }
        (Json::Text(text), Json::Text(back)) if text == back || is_one_instant(text, back) => {}
        (sent, back) if sent == back => {}
        (sent, back) => found.push(format!("{at}: expected {sent}, found {back}")),
    }
}

/// Whether a reader of the type has the same before him with the field and without it.
fn says_nothing(row: &Row, value: &Json, at: &str) -> bool {
    match value {
        Json::Null => row.nulls.contains(&at),
        Json::List(items) => items.is_empty(),
        _ => false,
    }
}

fn is_one_instant(text: &str, other: &str) -> bool {
    match (DateTime::parse_from_rfc3339(text), DateTime::parse_from_rfc3339(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(part: Part, sent: &str, back: &str) -> Vec<String> {
        let row = Row {
            api: "a",
            operation: "b",
            part,
            example: "",
            round_trip: |json| Ok(json.to_owned()),
            nulls: &["/a"],
            objects: &[],
            enums: &[],
        };
        differences(&row, &Json::parse(sent).unwrap(), &Json::parse(back).unwrap())
    }

    #[test]
    fn what_is_the_same() {
        assert!(of(Part::Answer, r#"{"a":1,"b":[2]}"#, r#"{"b":[2],"a":1}"#).is_empty());
        assert!(of(Part::Answer, r#"{"a":null}"#, "{}").is_empty());
        assert!(of(Part::Answer, r#"{"c":[]}"#, "{}").is_empty());
        assert!(of(Part::Answer, r#"["2026-12-30T23:15:23.127+00:00"]"#, r#"["2026-12-30T23:15:23.127Z"]"#).is_empty());
    }

    #[test]
    fn what_is_not() {
        assert_eq!(of(Part::Request, r#"{"a":null}"#, "{}"), ["/a: expected null, found nothing"]);
        assert_eq!(of(Part::Request, r#"{"c":[]}"#, "{}"), ["/c: expected [], found nothing"]);
        assert_eq!(of(Part::Answer, r#"{"b":null}"#, "{}"), ["/b: expected null, found nothing"]);
        assert_eq!(of(Part::Answer, "{}", r#"{"c":[]}"#), ["/c: expected nothing, found []"]);
        assert_eq!(of(Part::Answer, "[100.00]", "[100.0]"), ["/0: expected 100.00, found 100.0"]);
        assert_eq!(of(Part::Answer, "[1]", r#"["1"]"#), [r#"/0: expected 1, found "1""#]);
        assert_eq!(of(Part::Answer, "[1,2]", "[1]"), [": expected [1,2], found [1]"]);
        let other = of(Part::Answer, r#"["2026-12-30T23:15:23Z"]"#, r#"["2026-12-30T23:15:24Z"]"#);
        assert_eq!(other.len(), 1);
    }
}
