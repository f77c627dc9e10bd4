//! v2: forms in, envelopes out, always inside HTTP 200. The rows are v3's, in v2's names.

use std::ops::Range;

use serde_json::{Value, json};

use super::sessions::{success, v2_form};
use super::{Bill, Refusal};
use crate::collection::{Filter, Op, Table, plain};
use crate::spec::Routes;
use crate::wire::{Call, Reply, Row, filled, text};

/// The most rows of one list, and how many come unasked.
const MOST: usize = 999;

impl Bill {
    pub(super) fn v2(&mut self, call: &Call) -> Result<Reply, Refusal> {
        match call.op.as_str() {
            "login" => return self.login_v2(call),
            "listOrgs" => return self.list_orgs(call),
            "-" => return Err(Refusal::coded(200, "BDC_1121")),
            _ => {}
        }
        if let Some((_, operation)) = Routes::operation(call.api, &call.op)
            && operation.open
        {
            let example = operation.answer.as_ref().and_then(|answer| answer.example.get("response_data"));
            return Ok(success(example.unwrap_or(&json!({}))));
        }
        let form = v2_form(call)?;
        let field = |name: &str| filled(&form, name).ok_or_else(|| Refusal::missing(name));
        let who = self.recognize(field("sessionId")?, field("devKey")?, call.now)?;
        self.permit(call, &who)?;
        let given: Option<Row> = match filled(&form, "data") {
            None => None,
            Some(text) => {
                let read = serde_json::from_str(text);
                Some(read.map_err(|_| Refusal::new(400, "BDC_1122", "data is not a JSON object."))?)
            }
        };
        let data = given.clone().unwrap_or_default();
        match call.op.as_str() {
            "logout" => {
                self.end(&who);
                Ok(success(&json!({})))
            }
            // The names in this answer are not documented; an older client of BILL's reads these.
            "getSessionInfo" => Ok(success(&json!({"organizationId": who.organization, "userId": who.user}))),
            "mfaChallenge" | "mfaAuthenticate" | "mfaStatus" => self.mfa_v2(call, &who, &data),
            _ => self.of_organization_v2(call, &who, given),
        }
    }
}

/// Which rows of a list are asked for, where they are those of a place in it: nothing is filtered or sorted.
pub(super) fn window(data: &Row) -> Result<Option<Range<usize>>, Refusal> {
    let all = span(data)?;
    let none = |field: &str| data.get(field).and_then(Value::as_array).is_none_or(Vec::is_empty);
    Ok((none("filters") && none("sort")).then_some(all))
}

/// `start` and `max`.
fn span(data: &Row) -> Result<Range<usize>, Refusal> {
    let number = |field: &str, default: usize| match data.get(field) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => text(value).parse::<usize>().map_err(|_| Refusal::value(&format!("{field} must be a number."))),
    };
    let (start, max) = (number("start", 0)?, number("max", MOST)?);
    if !(1..=MOST).contains(&max) {
        return Err(Refusal::value(&format!("max must be between 1 and {MOST}.")));
    }
    Ok(start..start.saturating_add(max))
}

/// The rows that a list asks for: `{"start", "max", "filters": [{"field", "op", "value"}], "sort": [{"field", "asc"}]}`.
pub(super) fn page(data: &Row, table: &Table) -> Result<Vec<Row>, Refusal> {
    let span = span(data)?;
    let each = |field: &str| data.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let known = |field: &str| table.rows.is_empty() || table.rows.iter().any(|row| row.contains_key(field));
    let mut filters = Vec::new();
    for filter in each("filters") {
        let part = |name: &str| filter.get(name).map(text).unwrap_or_default();
        let (field, word, value) = (part("field"), part("op"), part("value"));
        if !known(&field) {
            return Err(Refusal::new(400, "BDC_1130", &format!("{field} is not a field to filter by.")));
        }
        let op =
            Op::of_sign(&word).ok_or_else(|| Refusal::new(400, "BDC_1131", &format!("{word} is not an operator.")))?;
        let values = match op {
            Op::In | Op::Nin => value.split(',').map(|one| one.trim().to_owned()).collect(),
            _ => vec![value],
        };
        filters.push(Filter { field, op, values });
    }
    let mut sort = Vec::new();
    for by in each("sort") {
        let field = by.get("field").map(text).unwrap_or_default();
        if !known(&field) {
            return Err(Refusal::value(&format!("{field} is not a field to sort by.")));
        }
        let descending = by.get("asc").is_some_and(|asc| matches!(text(asc).as_str(), "false" | "0"));
        sort.push((field, !descending));
    }
    let rows = table.select(&filters, &sort, plain);
    Ok(rows.into_iter().skip(span.start).take(span.len()).cloned().collect())
}
