//! Where a row has what a filter or a sort names.

use serde_json::{Value, json};

use crate::wire::Row;

/// Operation, name, and the place in the row: where that is not the field of the same name.
const PLACES: [(&str, &str, &str); 17] = [
    ("listBudgets", "isBudgetGroup", "budgetGroup"),
    ("listBudgets", "budgetIds", "id"),
    ("listBudgets", "limit", "currentPeriod.limit"),
    ("listBudgets", "assigned", "currentPeriod.assigned"),
    ("listBudgets", "spent", "currentPeriod.spent.total"),
    ("listCards", "budgetIds", "budgetId"),
    ("listCards", "cardIds", "id"),
    ("listCards", "userIds", "userId"),
    ("listCards", "types", "type"),
    ("listCustomFieldValues", "name", "value"),
    ("listTransactions", "transactionIds", "id"),
    ("listTransactions", "customFieldIds", "customFields.id"),
    ("listTransactions", "customFieldValueIds", "customFields.selectedValues.id"),
    ("listTransactions", "type", "transactionType"),
    ("listReimbursements", "reimbursementIds", "id"),
    ("listReimbursements", "budgetIds", "budgetId"),
    ("listReimbursements", "userIds", "userId"),
];

/// What a row has of a name, of all elements where a list stands on the way; null where it has nothing.
pub(super) fn at(op: &str, row: &Row, name: &str) -> Value {
    match (op, name) {
        // In lower case in the rows, and there only where something has been synced; upper case in the filter (observed by
        // integrators).
        ("listTransactions", "syncStatus") => match within(row, "accountingIntegrationTransactions.syncStatus") {
            Value::Null => json!("NOT_SYNCED"),
            Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_uppercase).collect(),
            other => other,
        },
        // When a transaction is reviewed is not documented: here, once nobody is left who has to.
        ("listTransactions", "isReviewed") => {
            let states = within(row, "reviewers.status");
            json!(states.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(|state| state == "APPROVED")))
        }
        _ => {
            let place = PLACES.iter().find(|(of, known, _)| (*of, *known) == (op, name));
            within(row, place.map_or(name, |(.., place)| place))
        }
    }
}

fn within(row: &Row, place: &str) -> Value {
    let (first, rest) = place.split_once('.').unwrap_or((place, ""));
    row.get(first).map(|value| further(value, rest)).unwrap_or_default()
}

fn further(value: &Value, place: &str) -> Value {
    match value {
        Value::Array(items) => {
            let each = items.iter().flat_map(|item| match further(item, place) {
                Value::Array(deeper) => deeper,
                Value::Null => Vec::new(),
                one => vec![one],
            });
            each.collect()
        }
        value if place.is_empty() => value.clone(),
        Value::Object(row) => within(row, place),
        _ => Value::Null,
    }
}
