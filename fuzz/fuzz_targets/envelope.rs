//! The envelope of BILL's v2, which refuses inside a 200: a success is only what says so.
#![no_main]

use std::collections::HashMap;

use ledgerkey::bill::v2::API;
use ledgerkey::fuzzing::{Judged, judge};
use serde_json::value::RawValue;
use stage::{STATUSES, codes, meaning};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choose, body)) = data.split_first() else { return };
    // Mostly 200: what matters happens there.
    let status = if choose % 4 == 0 { STATUSES[usize::from(choose >> 2) % 16] } else { 200 };
    let ok = (200..300).contains(&status);
    match judge(&API.answers, status, body, &[]) {
        Judged::Success => assert!(ok && word(body) == Word::Zero, "{status}"),
        Judged::Unreadable(mismatch) => {
            assert!(ok && word(body) == Word::None, "{status}");
            assert_eq!(mismatch.path, "response_status");
        }
        Judged::Refused(kind, refusal) => {
            assert!(!ok || word(body) == Word::Other, "{status}");
            let codes = codes(&API.answers, body);
            assert_eq!(kind, meaning(status, &codes, &[], &[429], true), "{status} {codes:?}");
            assert_eq!(refusal.status, status);
        }
    }
});

/// What `response_status` says.
#[derive(Debug, PartialEq)]
enum Word {
    Zero,
    Other,
    None,
}

/// Read off the text of the answer, where `0.0` and `-0` are not 0.
fn word(body: &[u8]) -> Word {
    let told = serde_json::from_slice::<serde_json::Value>(body)
        .and_then(|_| serde_json::from_slice::<HashMap<String, &RawValue>>(body));
    let Some(word) = told.ok().and_then(|told| told.get("response_status").map(|word| word.get())) else {
        return Word::None;
    };
    match (word, word.as_bytes().first()) {
        ("0", _) => Word::Zero,
        (_, Some(b'"')) if serde_json::from_str::<String>(word).is_ok_and(|word| word == "0") => Word::Zero,
        (_, Some(b'"' | b'-' | b'0'..=b'9')) => Word::Other,
        _ => Word::None,
    }
}
