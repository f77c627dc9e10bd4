//! The part of JSON Schema that the descriptions use, with one rule more: what a description does not name is not answered.

use serde_json::{Value, json};

/// Answers of which the descriptions name the fields that are sure, and leave the rest open: Bezala shows no answer of a creation,
/// no whole company and no line of an export, and BILL nothing of a v2 sign-out.
const OPEN: [&str; 7] = [
    "bezala/createAccount.",
    "bezala/createCostCenter.",
    "bezala/createTransaction.",
    "bezala/createBillLine.",
    "bezala/getCompany.",
    "bezala/exportReceipts.collection[",
    "bill-v2/logout.response_data",
];

/// Fields that the vendors' pages show, and that a description leaves out for want of a name or a form that is sure.
const BEYOND: [&str; 8] = [
    // On every expense of Bezala's samples.
    "._id",
    // Common to BILL's records, by its guide; the samples of payments, bank accounts and partners do not show them.
    ".archived",
    ".createdTime",
    ".updatedTime",
    // Of payment options: the name of the list is not documented, and the amount is text where all others are numbers.
    ".fundingOptions.bankAccounts",
    "getPaymentOptions.amount",
    // Of reimbursements: named by integrators, without what is in them.
    ".statusHistory",
    ".receipts",
];

/// Every place where a value does not fit.
pub(crate) fn misfits(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
        return match document.pointer(path.trim_start_matches('#')) {
            Some(schema) => misfits(document, schema, value, at),
            None => vec![format!("{at}: no {path} in the description")],
        };
    }
    let nullable = schema.get("nullable") == Some(&json!(true));
    if value.is_null() && (nullable || schema.as_object().is_some_and(|schema| !schema.contains_key("type"))) {
        return Vec::new();
    }
    let parts = |of: &str| schema.get(of).and_then(Value::as_array).into_iter().flatten();
    let mut found: Vec<String> = parts("allOf").flat_map(|part| misfits(document, part, value, at)).collect();
    let fitting = parts("oneOf").filter(|part| misfits(document, part, value, at).is_empty()).count();
    if schema.get("oneOf").is_some() && fitting != 1 {
        found.push(format!("{at}: fits {fitting} of its alternatives: {value}"));
    }
    let wrong = |what: &str| vec![format!("{at}: no {what}: {value}")];
    found.extend(match (schema.get("type").and_then(Value::as_str), value) {
        (Some("object"), Value::Object(_)) => object(document, schema, value, at),
        (Some("array"), Value::Array(items)) => {
            let each = items.iter().enumerate();
            each.flat_map(|(i, one)| misfits(document, &schema["items"], one, &format!("{at}[{i}]"))).collect()
        }
        (Some("string"), Value::String(text)) => misspelt(schema, text).map(|what| wrong(&what)).unwrap_or_default(),
        (Some("integer"), Value::Number(number)) if number.is_f64() => wrong("integer"),
        (Some("integer" | "number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) | (None, _) => Vec::new(),
        (Some(kind), _) => wrong(kind),
    });
    found
}

fn object(document: &Value, schema: &Value, row: &Value, at: &str) -> Vec<String> {
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let missing = required.filter(|name| row.get(name).is_none());
    let mut found: Vec<String> = missing.map(|name| format!("{at}: {name} is missing")).collect();
    let open = schema.get("additionalProperties") == Some(&json!(true));
    let beyond = |at: &str| OPEN.iter().any(|of| at.starts_with(of)) || BEYOND.iter().any(|field| at.ends_with(field));
    for (name, value) in row.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match schema.get("properties").and_then(|properties| properties.get(name)) {
            Some(property) => found.extend(misfits(document, property, value, &at)),
            None if open || beyond(&at) => {}
            None => found.push(format!("{at}: not in the description")),
        }
    }
    found
}

/// What a text is not, and should be.
fn misspelt(schema: &Value, text: &str) -> Option<String> {
    let right = match schema.get("format").and_then(Value::as_str) {
        Some("date") => text.len() == 10 && text.as_bytes()[4] == b'-',
        Some("date-time") => text.contains('T') && (text.ends_with('Z') || text.ends_with("+00:00")),
        Some("date-time-offset") => text.ends_with("+0000"),
        Some("decimal") => text.parse::<f64>().is_ok(),
        _ => true,
    };
    let words = schema.get("enum").and_then(Value::as_array);
    match words.filter(|words| !words.contains(&json!(text))) {
        _ if !right => Some(schema["format"].to_string()),
        Some(words) => Some(format!("word of {words:?}")),
        None => None,
    }
}
