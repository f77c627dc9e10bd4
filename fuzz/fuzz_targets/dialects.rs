//! The answers of the APIs that refuse by status: BILL's array of codes, Bezala's one sentence.
#![no_main]

use ledgerkey::fuzzing::{Judged, judge};
use ledgerkey::table::Api;
use ledgerkey::{bezala, bill};
use stage::{Case, STATUSES, codes, meaning};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(case) = Case::read(data, "") else { return };
    let (api, dead, knows_sessions): (&Api, &[u16], bool) = match case.choose[0] % 4 {
        0 => (&bill::api::API, &[401], true),
        1 => (&bezala::api::API, &[401], false),
        2 => (&bill::partner::API, &[401], true),
        _ => (&bill::spend::API, &[], false),
    };
    let status = STATUSES[usize::from(case.choose[1] % 16)];
    match judge(&api.answers, status, &case.body, &case.told()) {
        Judged::Success => assert!((200..300).contains(&status), "{status} is no success"),
        Judged::Unreadable(mismatch) => {
            let first = case.body.iter().find(|byte| !byte.is_ascii_whitespace());
            assert!((200..300).contains(&status) && first == Some(&b'<'), "{status}: {mismatch}");
        }
        Judged::Refused(kind, refusal) => {
            let codes = codes(&api.answers, &case.body);
            assert_eq!(kind, meaning(status, &codes, dead, &[429], knows_sessions), "{status} {codes:?}");
            assert_eq!(refusal.status, status);
            assert!(refusal.problems.len() <= 20);
            for problem in &refusal.problems {
                for words in [&problem.message, problem.code.as_ref().unwrap_or(&problem.message)] {
                    case.assert_hidden(words);
                    assert!(words.chars().count() <= 300 && !words.contains(char::is_control), "{words:?}");
                }
            }
            let told = refusal.to_string();
            // What is not a word of the display's own, and cannot be put together out of two problems by it.
            let own = format!("http {status}").contains(&case.secret.trim().to_ascii_lowercase());
            if !own && !case.secret.contains([' ', ';']) {
                case.assert_hidden(&told);
            }
        }
    }
});
