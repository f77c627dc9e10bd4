//! Plain scalars, read by the core schema of YAML 1.2 (section 10.3.2).

use serde_json::{Number, Value};

/// A scalar that JSON has no value for.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) message: String,
    pub(super) help: &'static str,
}

/// The value of an unquoted scalar.
pub(super) fn plain(text: &str) -> Result<Value, Unreadable> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Value::Null),
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        _ => {}
    }
    if let Some(number) = integer(text) {
        // An integer beyond 64 bits would silently lose its last digits.
        return number.map(Value::Number).ok_or_else(|| Unreadable {
            message: format!("{text} does not fit into 64 bits"),
            help: "quote it if it is text",
        });
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if is_float(unsigned) || matches!(unsigned, ".inf" | ".Inf" | ".INF") || is_nan(text) {
        let number = text.parse().ok().and_then(Number::from_f64);
        return number.map(Value::Number).ok_or_else(|| Unreadable {
            message: format!("{text} is not a number of JSON"),
            help: "quote it if it is text",
        });
    }
    Ok(Value::String(text.to_owned()))
}

/// `None`: not an integer. `Some(None)`: an integer that does not fit.
fn integer(text: &str) -> Option<Option<Number>> {
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
            return all.then(|| u64::from_str_radix(digits, radix).ok().map(Number::from));
        }
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if text.starts_with('-') {
        text.parse::<i64>().ok().map(Number::from)
    } else {
        unsigned.parse::<u64>().ok().map(Number::from)
    })
}

/// `( "." [0-9]+ | [0-9]+ ( "." [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa = digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa && exponent
}

fn is_nan(text: &str) -> bool {
    matches!(text, ".nan" | ".NaN" | ".NAN")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::plain;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, value) in [
            ("", json!(null)),
            ("~", json!(null)),
            ("NULL", json!(null)),
            ("nULL", json!("nULL")),
            ("true", json!(true)),
            ("False", json!(false)),
            ("yes", json!("yes")),
            ("no", json!("no")),
            ("0", json!(0)),
            ("007", json!(7)),
            ("+12", json!(12)),
            ("-12", json!(-12)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0xZZ", json!("0xZZ")),
            ("0b11", json!("0b11")),
            ("1_000", json!("1_000")),
            ("18446744073709551615", json!(u64::MAX)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("1.5", json!(1.5)),
            ("-.5", json!(-0.5)),
            ("1.", json!(1.0)),
            ("1e3", json!(1000.0)),
            ("12e-1", json!(1.2)),
            (".", json!(".")),
            ("-", json!("-")),
            ("e3", json!("e3")),
            ("1e", json!("1e")),
            ("3.0.3", json!("3.0.3")),
            ("2026-12-30", json!("2026-12-30")),
            ("PT35M", json!("PT35M")),
            ("nan", json!("nan")),
            ("infinity", json!("infinity")),
        ] {
            assert_eq!(plain(text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_refused() {
        for text in
            ["18446744073709551616", "-9223372036854775809", "0xFFFFFFFFFFFFFFFFF", "1e999", ".inf", "-.Inf", ".nan"]
        {
            assert!(plain(text).is_err(), "{text}");
        }
    }
}
