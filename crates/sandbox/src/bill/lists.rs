//! How BILL's two list dialects write pages: accounts payable and receivable by an opaque `page`, Spend & Expense by
//! cursors in `nextPage` and `prevPage`.

use serde_json::{Map, Value};

use super::described::described;
use super::{Refusal, looks};
use crate::collection::{self, Filter, Table, Wrong};
use crate::wire::{Call, Row};

/// `max`, `page`, `filters`, `sort`; the answer has `results`, and `nextPage` as long as there is more.
pub(super) fn accounts(call: &Call, table: &Table) -> Result<Value, Refusal> {
    // The pages disagree on the default (20 or 100).
    let max = max(call, 20, 100)?;
    let start = match call.filled("page") {
        None => 0,
        Some(token) => read_token(token).ok_or_else(|| Refusal::value("page is not a token of this list."))?,
    };
    let rows = selected(call, table)?;
    let (mut answer, end) = page(&rows, start, max);
    if end < rows.len() {
        answer.insert("nextPage".to_owned(), Value::from(token(end)));
    }
    if start > 0 {
        answer.insert("prevPage".to_owned(), Value::from(token(start.saturating_sub(max))));
    }
    Ok(Value::Object(answer))
}

/// `max`, `nextPage`, `prevPage`, `filters`, `sort`. Cursors look like `arrayconnection:0` (observed by integrators).
pub(super) fn spend(call: &Call, table: &Table) -> Result<Value, Refusal> {
    let (_, operation) = described(call)?;
    let most = operation.paging.as_ref().and_then(|paging| paging.most);
    let max = max(call, 20, most.unwrap_or(100))?;
    let cursor = |name: &str| match call.filled(name) {
        None => Ok(None),
        Some(text) => {
            let index = text.strip_prefix("arrayconnection:").and_then(|index| index.parse::<usize>().ok());
            index.map(Some).ok_or_else(|| Refusal::value(&format!("{name} is not a cursor of this list.")))
        }
    };
    let rows = selected(call, table)?;
    let (start, max) = match (cursor("nextPage")?, cursor("prevPage")?) {
        (Some(_), Some(_)) => return Err(Refusal::value("Send either nextPage or prevPage.")),
        (Some(last), None) => (last.saturating_add(1), max),
        (None, Some(first)) => (first.saturating_sub(max), max.min(first)),
        (None, None) => (0, max),
    };
    let (mut answer, end) = page(&rows, start, max);
    if end < rows.len() {
        answer.insert("nextPage".to_owned(), Value::from(format!("arrayconnection:{}", end.saturating_sub(1))));
    }
    if start > 0 {
        answer.insert("prevPage".to_owned(), Value::from(format!("arrayconnection:{start}")));
    }
    Ok(Value::Object(answer))
}

/// The rows that `filters` and `sort` ask for. What a list takes of both, its description says; where it does not, what the rows
/// carry.
fn selected<'a>(call: &Call, table: &'a Table) -> Result<Vec<&'a Row>, Refusal> {
    let (description, operation) = described(call)?;
    let search = operation.search.as_ref();
    let carried = |field: &str| {
        let named = description.row(operation).is_some_and(|(schema, _)| schema.names().contains(&field));
        named || table.rows.iter().any(|row| row.contains_key(field))
    };
    let filters = match call.filled("filters") {
        Some(text) => collection::filters(text).map_err(refusal)?,
        None => Vec::new(),
    };
    for Filter { field, op, .. } in &filters {
        let known = search.map_or_else(|| carried(field), |search| search.filter.contains_key(field));
        if !known {
            return Err(Refusal::new(400, "BDC_1130", &format!("{field} is not a field to filter by.")));
        }
        let documented = search.and_then(|search| search.filter.get(field)?.as_ref());
        if documented.is_some_and(|ops| !ops.contains(op)) {
            return Err(Refusal::new(400, "BDC_1131", &format!("{field} cannot be compared in this way.")));
        }
    }
    let sort = match call.filled("sort") {
        Some(text) => collection::sort(text).map_err(refusal)?,
        None => Vec::new(),
    };
    for (field, _) in &sort {
        let documented = search.and_then(|search| search.sort.as_ref());
        let known = documented.map_or_else(|| operation.takes("sort") && carried(field), |sorts| sorts.contains(field));
        if !known {
            return Err(Refusal::value(&format!("{field} is not a field to sort by.")));
        }
    }
    if let Some(most) = search.and_then(|search| search.sort_most).filter(|most| sort.len() > *most) {
        return Err(Refusal::value(&format!("sort takes no more fields than {most}.")));
    }
    Ok(table.select(&filters, &sort, |row, field| looks::at(&call.op, row, field)))
}

fn refusal(wrong: Wrong) -> Refusal {
    match wrong {
        Wrong::Form(text) => Refusal::value(&format!("`{text}` is not of the form field:op:value, or field:asc.")),
        Wrong::Op(op) => Refusal::new(400, "BDC_1131", &format!("{op} is not an operator.")),
    }
}

/// Out of its range it is refused, not cut down: 0 and 101 gave 400 (observed by integrators).
fn max(call: &Call, default: usize, most: usize) -> Result<usize, Refusal> {
    match call.filled("max") {
        None => Ok(default),
        Some(text) => match text.parse() {
            Ok(max) if (1..=most).contains(&max) => Ok(max),
            _ => Err(Refusal::value(&format!("max must be between 1 and {most}."))),
        },
    }
}

fn page(rows: &[&Row], start: usize, max: usize) -> (Map<String, Value>, usize) {
    let start = start.min(rows.len());
    let end = start.saturating_add(max).min(rows.len());
    let results = rows[start..end].iter().map(|row| Value::Object((*row).clone())).collect();
    (Map::from_iter([("results".to_owned(), Value::Array(results))]), end)
}

/// Opaque enough that a client which counts pages is found out.
fn token(start: usize) -> String {
    format!("pt{:x}z", start * 7919 + 104_729)
}

fn read_token(token: &str) -> Option<usize> {
    let inner = token.strip_prefix("pt")?.strip_suffix('z')?;
    let number = usize::from_str_radix(inner, 16).ok()?.checked_sub(104_729)?;
    (number % 7919 == 0).then_some(number / 7919)
}
