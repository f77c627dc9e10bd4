//! v2: forms in, envelopes out, always inside HTTP 200. The rows are v3's, in v2's names.

use serde_json::{Value, json};

use super::books::Shelf;
use super::sessions::{success, v2_form};
use super::{Bill, Refusal};
use crate::collection::{Filter, Op, Table};
use crate::time;
use crate::wire::{Call, Reply, Row, filled, text};

/// The most rows of one list, and how many come unasked.
const MOST: u64 = 999;

impl Bill {
    pub(super) fn v2(&mut self, call: &Call) -> Result<Reply, Refusal> {
        match call.op.as_str() {
            "login" => return self.login_v2(call),
            "listOrgs" => return self.list_orgs(call),
            "-" => return Err(Refusal::coded(200, "BDC_1121")),
            _ => {}
        }
        let form = v2_form(call)?;
        let field = |name: &str| filled(&form, name).ok_or_else(|| Refusal::missing(name));
        let who = self.recognize(field("sessionId")?, field("devKey")?, call.now)?;
        let data = match filled(&form, "data") {
            None => Row::new(),
            Some(text) => {
                serde_json::from_str(text).map_err(|_| Refusal::new(400, "BDC_1122", "data is not a JSON object."))?
            }
        };
        match call.op.as_str() {
            "logout" => {
                self.end(&who);
                Ok(success(&json!({})))
            }
            // The names in this answer are not documented; an older client of BILL's reads these.
            "getSessionInfo" => Ok(success(&json!({"organizationId": who.organization, "userId": who.user}))),
            "mfaChallenge" | "mfaAuthenticate" | "mfaStatus" => self.mfa_v2(call, &who, &data),
            "listVendors" => {
                let books = self.books(&who.organization)?;
                let rows = books.table(Shelf::Vendors).rows.iter().map(vendor).collect();
                list(&data, &Table { rows })
            }
            "listBills" => {
                let books = self.books(&who.organization)?;
                let rows = books.table(Shelf::Bills).rows.iter().map(bill).collect();
                list(&data, &Table { rows })
            }
            _ => Err(Refusal::coded(200, "BDC_1121")),
        }
    }
}

/// `{"start", "max", "filters": [{"field", "op", "value"}], "sort": [{"field", "asc"}]}`.
fn list(data: &Row, table: &Table) -> Result<Reply, Refusal> {
    let number = |field: &str, default: u64| match data.get(field) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => text(value).parse::<u64>().map_err(|_| Refusal::value(&format!("{field} must be a number."))),
    };
    let (start, max) = (number("start", 0)?, number("max", MOST)?);
    if !(1..=MOST).contains(&max) {
        return Err(Refusal::value(&format!("max must be between 1 and {MOST}.")));
    }
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
    let rows = table.select(&filters, &sort);
    let page = rows
        .into_iter()
        .skip(usize::try_from(start).unwrap_or(usize::MAX))
        .take(usize::try_from(max).unwrap_or(usize::MAX));
    Ok(success(&Value::Array(page.map(|row| Value::Object(row.clone())).collect())))
}

/// A vendor under v2's names (example payloads of integrators): `isActive` is "1" or "2", as text.
fn vendor(row: &Row) -> Row {
    let mut out = common("Vendor", row);
    for (to, from) in [
        ("name", "/name"),
        ("shortName", "/shortName"),
        ("accNumber", "/accountNumber"),
        ("email", "/email"),
        ("phone", "/phone"),
        ("address1", "/address/line1"),
        ("address2", "/address/line2"),
        ("addressCity", "/address/city"),
        ("addressState", "/address/stateOrProvince"),
        ("addressZip", "/address/zipOrPostalCode"),
        ("addressCountry", "/address/country"),
        ("billCurrency", "/billCurrency"),
        ("balance", "/balance/amount"),
        ("companyName", "/additionalInfo/companyName"),
    ] {
        take(&mut out, to, row, from);
    }
    let kind = match filled(row, "accountType") {
        Some("BUSINESS") => "1",
        Some("PERSON") => "2",
        _ => "0",
    };
    out.insert("accountType".to_owned(), json!(kind));
    out
}

/// A bill under v2's names.
fn bill(row: &Row) -> Row {
    let mut out = common("Bill", row);
    for (to, from) in [
        ("vendorId", "/vendorId"),
        ("invoiceNumber", "/invoice/invoiceNumber"),
        ("invoiceDate", "/invoice/invoiceDate"),
        ("dueDate", "/dueDate"),
        ("amount", "/amount"),
        ("dueAmount", "/dueAmount"),
        ("paidAmount", "/paidAmount"),
        ("scheduledAmount", "/scheduledAmount"),
        ("creditAmount", "/creditAmount"),
        ("description", "/description"),
        ("payFromChartOfAccountId", "/payFromChartOfAccountId"),
    ] {
        take(&mut out, to, row, from);
    }
    // Number-strings; which number means what is a guess at most of them: no page read lists them.
    let paid = match filled(row, "paymentStatus") {
        Some("PAID") => "0",
        Some("PARTIAL") => "2",
        Some("SCHEDULED") => "4",
        _ => "1",
    };
    let approved = match filled(row, "approvalStatus") {
        Some("ASSIGNED") => "1",
        Some("APPROVING") => "4",
        Some("APPROVED") => "3",
        Some("DENIED") => "5",
        _ => "0",
    };
    out.insert("paymentStatus".to_owned(), json!(paid));
    out.insert("approvalStatus".to_owned(), json!(approved));
    let lines = row.get("billLineItems").and_then(Value::as_array).cloned().unwrap_or_default();
    let lines: Vec<Value> = lines
        .iter()
        .enumerate()
        .filter_map(|(at, line)| {
            let line = line.as_object()?;
            let mut item = Row::new();
            item.insert("entity".to_owned(), json!("BillLineItem"));
            item.insert("billId".to_owned(), row.get("id").cloned().unwrap_or_default());
            item.insert("lineOrder".to_owned(), json!(at + 1));
            for (to, from) in [
                ("id", "/id"),
                ("amount", "/amount"),
                ("quantity", "/quantity"),
                ("unitPrice", "/price"),
                ("description", "/description"),
            ] {
                take(&mut item, to, line, from);
            }
            Some(Value::Object(item))
        })
        .collect();
    out.insert("billLineItems".to_owned(), Value::Array(lines));
    out
}

fn common(entity: &str, row: &Row) -> Row {
    let mut out = Row::new();
    let active = if row.get("archived") == Some(&Value::Bool(true)) { "2" } else { "1" };
    out.insert("entity".to_owned(), json!(entity));
    out.insert("id".to_owned(), row.get("id").cloned().unwrap_or_default());
    out.insert("isActive".to_owned(), json!(active));
    for field in ["createdTime", "updatedTime"] {
        // v2 writes the offset without a colon (BILL's page on the v2 answer format).
        if let Some(at) = filled(row, field).and_then(time::parse) {
            out.insert(field.to_owned(), json!(time::bill_v2(at)));
        }
    }
    out
}

fn take(out: &mut Row, to: &str, row: &Row, from: &str) {
    let mut pieces = from.trim_start_matches('/').split('/');
    let first = pieces.next().and_then(|piece| row.get(piece));
    let value = pieces.fold(first, |value, piece| value.and_then(|value| value.get(piece)));
    if let Some(value) = value {
        out.insert(to.to_owned(), value.clone());
    }
}
