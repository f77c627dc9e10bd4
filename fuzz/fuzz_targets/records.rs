//! Stored sessions: what is read back from a file or from Redis, where others could have put it.
#![no_main]

use std::fmt;

use ledgerkey::session::store::{FORMAT, Identity, Record, StoreError};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choose, text)) = data.split_first() else { return };
    // As the Redis store reads it.
    let text = String::from_utf8_lossy(text);
    let asked = identity(choose % 4);
    let read = Record::read(&asked, &text);
    match &read {
        Ok(Some(record)) => accepted(&asked, record, *choose),
        Ok(None) => {}
        Err(error) => assert!(matches!(error, StoreError::Unusable(_)), "{error}"),
    }
    if let Ok(record) = serde_json::from_str::<Value>(&text)
        && let Ok(Members(members)) = serde_json::from_str(&text)
        && members.iter().filter(|member| *member == "format").count() == 1
    {
        let format = record.get("format").and_then(Value::as_u64).and_then(|format| u32::try_from(format).ok());
        let newer = format.is_some_and(|format| format > FORMAT);
        assert_eq!(newer, read.is_err(), "a newer record, and no other, is left alone");
    }
});

fn accepted(asked: &Identity, record: &Record, choose: u8) {
    assert_eq!(record.identity, *asked);
    assert!(record.format <= FORMAT && !record.id.is_empty() && !record.session.expose().is_empty());
    let _ = record.last_used();
    let debug = format!("{record:?}");
    assert!(!debug.contains("CANARY") || format!("{asked:?} {} {:?}", record.id, record.user).contains("CANARY"));

    let written = record.write().expect("a record can be written");
    let again = Record::read(asked, &written).expect("of this format").expect("what was accepted is accepted again");
    assert_eq!(again.write().expect("a record can be written"), written);
    assert_eq!(again.session.expose(), record.session.expose());
    assert_eq!(format!("{again:?}"), debug);

    let other = identity((choose % 4 + 1) % 4);
    assert!(Record::read(&other, &written).expect("of this format").is_none(), "another's");
    let half = usize::from(choose) * written.len() / 256;
    let half = written.get(..half).unwrap_or_default();
    assert!(Record::read(asked, half).is_ok_and(|read| read.is_none()), "half of one");
}

/// Identities that differ in one part, or in whether it is there.
fn identity(which: u8) -> Identity {
    let text = |text: &str| text.to_owned();
    let (user, organization, key) = match which {
        0 => ("a", None, None),
        1 => ("b", None, None),
        2 => ("a", Some(text("")), None),
        _ => ("a", None, Some(text("0123456789abcdef"))),
    };
    Identity { address: text("https://vendor.example"), way: text("w"), user: text(user), organization, key }
}

/// The names in an object, those that come twice too.
struct Members(Vec<String>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Members(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}
