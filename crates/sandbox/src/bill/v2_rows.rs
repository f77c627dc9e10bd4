//! Vendors and bills under v2's names: the rows are v3's, and what v2 makes or changes is seen by v3.

use std::ops::Range;

use serde_json::{Value, json};

use super::Refusal;
use super::books::{Books, Shelf};
use crate::spec::{Deed, Operation};
use crate::time::{self, Millis};
use crate::wire::{Row, filled, text};

/// v2's name of a field, and where v3 has it; what v2 can change.
const VENDOR: [(&str, &str); 13] = [
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
    ("companyName", "/additionalInfo/companyName"),
];
const BILL: [(&str, &str); 6] = [
    ("vendorId", "/vendorId"),
    ("invoiceNumber", "/invoice/invoiceNumber"),
    ("invoiceDate", "/invoice/invoiceDate"),
    ("dueDate", "/dueDate"),
    ("description", "/description"),
    ("payFromChartOfAccountId", "/payFromChartOfAccountId"),
];

/// Which of v3's rows an operation is about, with their form and their fields.
type Shared = (Shelf, &'static str, fn(&Row) -> Row, &'static [(&'static str, &'static str)]);

fn shared(operation: &Operation) -> Option<Shared> {
    let name = match &operation.deed {
        Deed::List { shelf } | Deed::Create { shelf } | Deed::Many { shelf, .. } => shelf,
        Deed::Get { shelf, .. } | Deed::Change { shelf, .. } | Deed::Act { shelf, .. } => shelf,
        _ => return None,
    };
    match name.as_str() {
        "Vendor" => Some((Shelf::Vendors, "Vendor", vendor, &VENDOR)),
        "Bill" => Some((Shelf::Bills, "Bill", bill, &BILL)),
        _ => None,
    }
}

/// Puts v3's rows where v2's rows will be looked for that name them.
pub(super) fn known(books: &mut Books) {
    for (shelf, name, form) in [(Shelf::Vendors, "Vendor", vendor as fn(&Row) -> Row), (Shelf::Bills, "Bill", bill)] {
        if !books.store.tables.contains_key(name) {
            let rows = books.table(shelf).rows.iter().map(form).collect();
            books.store.tables.entry(name.to_owned()).or_default().rows = rows;
        }
    }
}

/// Puts v3's rows where the operation will look for v2's; fields that v3 does not have are kept there. Of a list that shows a part
/// of them, that part.
pub(super) fn before(operation: &Operation, books: &mut Books, window: Option<&Range<usize>>) {
    let Some((shelf, name, form, _)) = shared(operation) else { return };
    let mut own = books.store.tables.remove(name).unwrap_or_default().rows;
    let rows = &books.table(shelf).rows;
    // Neither loses a row or changes their order: the two stand side by side.
    own.truncate(rows.len());
    let (start, end) = window.map_or((0, rows.len()), |window| (window.start, window.end.min(rows.len())));
    for (at, row) in rows.iter().enumerate().take(end).skip(start.min(own.len())) {
        match own.get_mut(at) {
            Some(one) if one.get("id") == row.get("id") => one.extend(form(row)),
            Some(other) => *other = form(row),
            None => own.push(form(row)),
        }
    }
    books.store.tables.entry(name.to_owned()).or_default().rows = own;
}

/// Tells v3's rows what the operation made and changed.
pub(super) fn after(operation: &Operation, books: &mut Books, now: Millis) -> Result<(), Refusal> {
    let Some((shelf, name, form, fields)) = shared(operation) else { return Ok(()) };
    if matches!(operation.deed, Deed::List { .. } | Deed::Get { .. }) {
        return Ok(());
    }
    let own = books.store.tables.remove(name).unwrap_or_default().rows;
    let mut kept = Vec::with_capacity(own.len());
    let mut refused = Ok(());
    for row in own {
        let Some(old) = books.table_mut(shelf).rows.get_mut(kept.len()) else {
            refused = adopt(books, shelf, &row, fields, now);
            if refused.is_err() {
                break;
            }
            kept.push(row);
            continue;
        };
        let seen = form(old);
        for (from, to) in fields {
            if row.get(*from) != seen.get(*from) {
                put(old, to, row.get(*from));
            }
        }
        if row.get("isActive") != seen.get("isActive") {
            old.insert("archived".to_owned(), json!(row.get("isActive") == Some(&json!("2"))));
        }
        kept.push(row);
    }
    books.store.tables.entry(name.to_owned()).or_default().rows = kept;
    refused
}

/// A row of v3's that v2 made.
fn adopt(books: &mut Books, shelf: Shelf, row: &Row, fields: &[(&str, &str)], now: Millis) -> Result<(), Refusal> {
    let mut new = Row::new();
    for (from, to) in fields {
        put(&mut new, to, row.get(*from));
    }
    if shelf == Shelf::Bills {
        let lines = row.get("billLineItems").and_then(Value::as_array).filter(|lines| !lines.is_empty());
        let one = |line: &Value| json!({"amount": line.get("amount"), "quantity": line.get("quantity"), "price": line.get("unitPrice"), "description": line.get("description")});
        let lines =
            lines.map_or_else(|| vec![json!({"amount": row.get("amount")})], |lines| lines.iter().map(one).collect());
        new.insert("billLineItems".to_owned(), Value::Array(lines));
    }
    books.adopt(shelf, new, &text(&row["id"]), now)
}

fn put(row: &mut Row, to: &str, value: Option<&Value>) {
    let Some(value) = value.filter(|value| !value.is_null()) else { return };
    match to.trim_start_matches('/').split_once('/') {
        Some((outer, inner)) => {
            if let Some(within) = row.entry(outer).or_insert_with(|| json!({})).as_object_mut() {
                put(within, inner, Some(value));
            }
        }
        None => {
            row.insert(to.trim_start_matches('/').to_owned(), value.clone());
        }
    }
}

/// A vendor under v2's names (example payloads of integrators): `isActive` is "1" or "2", as text.
fn vendor(row: &Row) -> Row {
    let mut out = common("Vendor", row);
    for (to, from) in VENDOR.into_iter().chain([("balance", "/balance/amount")]) {
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
    for (to, from) in BILL.into_iter().chain([
        ("amount", "/amount"),
        ("dueAmount", "/dueAmount"),
        ("paidAmount", "/paidAmount"),
        ("scheduledAmount", "/scheduledAmount"),
        ("creditAmount", "/creditAmount"),
    ]) {
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
