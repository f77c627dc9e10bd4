//! Amounts and dates: what is read is what was written, to the last digit, or it is refused.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use ledgerkey::wire::{CompactDate, DateRange, Decimal, DecimalString, DmyDate, OffsetDateTime, UnixTime};
use serde::Serialize;
use serde::de::DeserializeOwned;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(amount) = text.parse::<Decimal>() {
        let shown = amount.to_string();
        assert_eq!(value(&shown), value(text), "{text:?} became {shown}");
        if is_plain(text) {
            assert_eq!(shown.trim_start_matches('-'), text.trim_start_matches('-'), "the digits are kept");
        }
        assert_eq!(shown.parse(), Ok(amount));
    }
    // As it comes: a number, or a text.
    for json in [text.to_owned(), serde_json::Value::from(text).to_string()] {
        if let Ok(amount) = serde_json::from_str::<Decimal>(&json) {
            assert_eq!(value(&amount.to_string()), value(json.trim().trim_matches('"')), "{json:?} became {amount}");
        }
        back_and_forth::<Decimal>(&json);
        back_and_forth::<DecimalString>(&json);
        back_and_forth::<CompactDate>(&json);
        back_and_forth::<DmyDate>(&json);
        back_and_forth::<DateRange>(&json);
        back_and_forth::<OffsetDateTime>(&json);
        back_and_forth::<UnixTime>(&json);
    }
    kept::<CompactDate>(text);
    kept::<DmyDate>(text);
    kept::<DateRange>(text);
    if let Ok(time) = text.parse::<OffsetDateTime>() {
        let again: OffsetDateTime = time.to_string().parse().expect("what is shown can be read");
        // It is shown to the millisecond, as the vendors write it.
        assert_eq!(again.0.timestamp_millis(), time.0.timestamp_millis(), "{text:?}");
        assert_eq!(again.0.offset(), time.0.offset(), "{text:?}");
    }
    if let Ok(time) = text.parse::<UnixTime>() {
        assert_eq!(text.parse(), Ok(time.0.timestamp()));
    }
});

/// A date has one form, and that is how it was written.
fn kept<T: FromStr + Display>(text: &str) {
    if let Ok(date) = text.parse::<T>() {
        assert_eq!(date.to_string(), text);
    }
}

/// What is read can be written, and read again as the same.
fn back_and_forth<T: DeserializeOwned + Serialize>(json: &str) {
    if let Ok(value) = serde_json::from_str::<T>(json) {
        let written = serde_json::to_string(&value).expect("what was read can be written");
        let again: T = serde_json::from_str(&written).expect("what was written can be read");
        assert_eq!(serde_json::to_string(&again).expect("and written again"), written, "{json:?}");
    }
}

/// A number as JSON has it, without an exponent.
fn is_plain(text: &str) -> bool {
    serde_json::from_str::<serde_json::Number>(text).is_ok()
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-')
}

/// A number by its text alone: whether it is negative, its digits without the zeros around them, and the power of ten of the last.
fn value(text: &str) -> Option<(bool, String, i64)> {
    let (base, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let power: i64 = power.parse().ok()?;
    let negative = base.starts_with('-');
    let base = base.strip_prefix(['-', '+']).unwrap_or(base);
    let (whole, part) = base.split_once('.').unwrap_or((base, ""));
    let digits = format!("{whole}{part}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let kept = digits.trim_end_matches('0');
    let power = power - part.len() as i64 + (digits.len() - kept.len()) as i64;
    match kept.trim_start_matches('0') {
        "" => Some((false, String::new(), 0)),
        kept => Some((negative, kept.to_owned(), power)),
    }
}
