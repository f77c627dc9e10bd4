//! One request as the vendors' behaviour sees it, and one answer as it leaves.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use rust_decimal::prelude::ToPrimitive as _;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value};

use crate::spec::Api;
use crate::time::Millis;

/// A JSON object.
pub(crate) type Row = Map<String, Value>;

/// A request, read whole, with the operation that its method and path stand for.
#[derive(Debug)]
pub(crate) struct Call {
    pub api: Api,
    pub op: String,
    pub method: Method,
    pub path: String,
    /// The values of the path's placeholders.
    pub slots: BTreeMap<String, String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub now: Millis,
}

impl Call {
    /// A header that is there, is text and is not empty.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty())
    }

    /// A query parameter's value, none where it is empty.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The value of the path's only placeholder: the id of the object itself.
    pub(crate) fn id(&self) -> &str {
        self.slots.values().next().map_or("", String::as_str)
    }

    /// The body as a JSON object.
    pub(crate) fn object(&self) -> Result<Row, String> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(row)) => Ok(row),
            Ok(_) => Err("the body is not a JSON object".to_owned()),
            Err(error) => Err(format!("the body is not JSON: {error}")),
        }
    }

    /// The body as form fields.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub status: u16,
    pub content_type: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    /// Whether the vendor did what was asked.
    pub acted: bool,
}

impl Reply {
    /// JSON of something done.
    pub(crate) fn done(status: u16, body: &Value) -> Self {
        Self { acted: true, ..Self::refused(status, body) }
    }

    /// JSON of something refused.
    pub(crate) fn refused(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json".to_owned(),
            headers: Vec::new(),
            body: Bytes::from(body.to_string()),
            acted: false,
        }
    }

    /// Something done, with nothing to say about it.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, content_type: String::new(), headers: Vec::new(), body: Bytes::new(), acted: true }
    }

    pub(crate) fn with(mut self, header: &'static str, value: String) -> Self {
        self.headers.push((header, value));
        self
    }
}

/// A part of a `multipart/form-data` body.
#[derive(Debug)]
pub(crate) struct Part {
    pub name: String,
    pub file: Option<String>,
    pub content: Bytes,
}

/// Takes a `multipart/form-data` body apart; `None` where it is none.
pub(crate) fn multipart(call: &Call) -> Option<Vec<Part>> {
    let kind = call.header("content-type")?;
    if !kind.starts_with("multipart/form-data") {
        return None;
    }
    let boundary = kind.split(';').find_map(|piece| piece.trim().strip_prefix("boundary="))?.trim_matches('"');
    let line = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut rest = find(&call.body, &line)? + line.len();
    loop {
        if call.body.get(rest..rest + 2) == Some(b"--") {
            return Some(parts);
        }
        let start = rest + 2;
        let head_end = start + find(call.body.get(start..)?, b"\r\n\r\n")?;
        let content = head_end + 4;
        let end = content + find(call.body.get(content..)?, &line)?;
        let head = String::from_utf8_lossy(call.body.get(start..head_end)?).into_owned();
        parts.push(Part {
            name: parameter(&head, "name")?,
            file: parameter(&head, "filename"),
            content: call.body.slice(content..end.saturating_sub(2).max(content)),
        });
        rest = end + line.len();
    }
}

/// The text of a scalar, as forms and filters write it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// A value as a string that is not empty.
pub(crate) fn filled<'a>(row: &'a Row, key: &str) -> Option<&'a str> {
    row.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// A decimal amount, whether it came as a number or as text. A JSON number is read by its digits: binary floats show, when
/// they are added up or multiplied, digits that nobody sent.
pub(crate) fn amount_of(value: &Value) -> Option<Decimal> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    text.parse().or_else(|_| Decimal::from_scientific(&text)).ok()
}

/// Hundredths of a decimal amount; half a cent goes up.
pub(crate) fn cents(value: &Value) -> Option<i64> {
    amount_of(value).and_then(whole_cents)
}

/// The same of an amount that was worked out.
pub(crate) fn whole_cents(amount: Decimal) -> Option<i64> {
    let cents = amount.checked_mul(Decimal::ONE_HUNDRED)?;
    let cents = cents.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64();
    // Far more than anybody owes, and far enough from the end of i64 for a few of them to be added up.
    cents.filter(|cents| cents.unsigned_abs() < 10_u64.pow(16))
}

/// Cents as a JSON number.
pub(crate) fn amount(cents: i64) -> Value {
    // Digits and a point are JSON.
    serde_json::from_str(&Decimal::new(cents, 2).normalize().to_string()).unwrap_or_default()
}

/// Cents as decimal text with two places.
pub(crate) fn decimal(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.unsigned_abs() / 100, cents.unsigned_abs() % 100)
}

/// Lays `change` over `row`: objects are merged, null clears, the rest replaces.
pub(crate) fn merge(row: &mut Row, change: Row) {
    for (key, value) in change {
        match (value, row.get_mut(&key)) {
            (Value::Null, _) => {
                row.remove(&key);
            }
            (Value::Object(inner), Some(Value::Object(old))) => merge(old, inner),
            (value, _) => {
                row.insert(key, value);
            }
        }
    }
}

/// Takes nulls out, at every depth: BILL leaves unset fields out of its answers (observed by integrators).
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(row) => {
            Value::Object(row.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn parameter(head: &str, name: &str) -> Option<String> {
    let mark = format!("{name}=\"");
    let at = head
        .match_indices(&mark)
        .map(|(at, _)| at)
        .find(|at| *at == 0 || !head.as_bytes()[at - 1].is_ascii_alphanumeric())?;
    let rest = &head[at + mark.len()..];
    rest.split('"').next().map(str::to_owned)
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn amounts_keep_their_digits() {
        for (value, expected) in [
            (json!(0.29), Some(29)),
            (json!("1.005"), Some(101)),
            (json!(12_345_678_901.23), Some(1_234_567_890_123)),
            (json!(1e3), Some(100_000)),
            (json!(-2), Some(-200)),
            (json!("ten"), None),
            (json!(1e300), None),
        ] {
            assert_eq!(cents(&value), expected, "{value}");
        }
        assert_eq!([amount(1000), amount(1010), amount(-5)].map(|it| it.to_string()), ["10", "10.1", "-0.05"]);
    }
}
