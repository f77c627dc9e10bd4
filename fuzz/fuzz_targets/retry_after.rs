//! `Retry-After`, in any bytes: what it asks for is read, shown and waited for.
#![no_main]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ledgerkey::Error;
use ledgerkey::bill::api::API;
use ledgerkey::client::Account;
use ledgerkey::fuzzing::{closed, retry_after};
use ledgerkey::table::Quota;

/// What a vendor asks for is believed up to here.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choose, value)) = data.split_first() else { return };
    // 1970, 1994, 2026, 2100.
    let now = UNIX_EPOCH + Duration::from_secs([0, 784_111_777, 1_795_516_800, 4_102_444_800][usize::from(choose % 4)]);
    let asked = retry_after(value, now);
    if let Some(seconds) = digits(value) {
        assert_eq!(asked, Some(seconds.min(LONGEST)));
    }
    assert!(asked.is_none_or(|asked| asked <= LONGEST), "{asked:?}");
    shown(now, asked);

    let account = Account::new([("devKey", "1".to_owned()), ("organization", "1".to_owned())]);
    for (limit, wait) in closed(&API, &account, now, asked) {
        if let Quota::Within { per, .. } = limit.quota {
            assert!(wait <= per, "{}: {wait:?}", limit.name);
        }
    }
});

/// Seconds that fit, as the vendors write them.
fn digits(value: &[u8]) -> Option<Duration> {
    let value = std::str::from_utf8(value).ok().filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))?;
    value.parse().map(Duration::from_secs).ok()
}

/// The error that a caller gets has the time in its words.
fn shown(now: SystemTime, retry_after: Option<Duration>) {
    let until = retry_after.and_then(|wait| now.checked_add(wait));
    let error = Error::RateLimited { operation: "listBills", limit: None, retry_after, until, refusal: None };
    let shown = error.to_string();
    assert_eq!(shown.contains("until"), until.is_some(), "{shown}");
}
