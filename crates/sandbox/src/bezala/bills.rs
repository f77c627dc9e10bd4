//! Bills (card statements) and their lines.

use serde_json::{Value, json};

use super::company::{Company, Ids, equal, since};
use super::pages::{self, Pages};
use super::{Caller, body, invalid, refuse, require, rooted};
use crate::time::{self, DAY};
use crate::wire::{Call, Reply, Row, decimal, text};

/// No paging parameters are listed for bill lines; a help article says that `skip_pagination` works, so all come at once.
const ALL: Pages = Pages { size: usize::MAX, most: usize::MAX, on_request: true, skips: true };

impl Company {
    pub(super) fn filtered_bills(&self, call: &Call) -> Result<Vec<Row>, Reply> {
        let mut rows = self.bills.rows.clone();
        // Rows of bills carry no time of change: their date stands in for it.
        since(pages::day(call, "updated_after")?, &mut rows, "date");
        if let Some((from, to)) = pages::date_range(call, "date_range")? {
            rows.retain(|row| pages::at(row, "date").is_some_and(|at| (from..to + DAY).contains(&at)));
        }
        equal(call, &mut rows, &[("asset_account_id", "asset_account_id"), ("credit_card_id", "credit_card_id")]);
        Ok(rows)
    }

    pub(super) fn list_bill_lines(&self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        accountants(caller)?;
        let mut rows = self.bill_lines.rows.clone();
        since(pages::day(call, "updated_after")?, &mut rows, "updated_at");
        for row in &mut rows {
            row.remove("updated_at");
        }
        ALL.array(call, rows)
    }

    pub(super) fn create_bill_line(&mut self, call: &Call, caller: &Caller, ids: &mut Ids) -> Result<Reply, Reply> {
        accountants(caller)?;
        let bill = self.bill_of(call)?;
        let fields = rooted(&body(call)?, "line")?;
        let mut problems = require(&fields, &["name", "date"]);
        if fields.get("amount_cents").is_some_and(|sum| !sum.is_null() && sum.as_i64().is_none()) {
            problems.push("amount_cents is not a whole number".to_owned());
        }
        if !problems.is_empty() {
            return Err(invalid(&problems));
        }
        let row = line(ids.next(), bill, &fields, call.now);
        self.bill_lines.push(row.clone());
        Ok(Reply::done(201, &shown(&row)))
    }

    /// Only `receipt_id` can be changed; 0 says that no receipt is needed.
    pub(super) fn update_bill_line(&mut self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        accountants(caller)?;
        let bill = self.bill_of(call)?;
        let fields = rooted(&body(call)?, "line")?;
        let row = self.bill_lines.get_mut(slot(call, "id")).filter(|row| row.get("bill_id") == Some(&json!(bill)));
        let row = row.ok_or_else(|| refuse(404, "Not found"))?;
        if let Some(receipt) = fields.get("receipt_id") {
            let known = receipt.is_null() || receipt == &json!(0) || self.transactions.get(&text(receipt)).is_some();
            if !known {
                return Err(invalid(&["receipt_id does not exist".to_owned()]));
            }
            row.insert("receipt_id".to_owned(), receipt.clone());
            row.insert("updated_at".to_owned(), json!(time::zulu(call.now)));
        }
        Ok(Reply::done(200, &shown(row)))
    }

    pub(super) fn delete_bill_line(&mut self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        accountants(caller)?;
        let bill = self.bill_of(call)?;
        let id = slot(call, "id");
        let before = self.bill_lines.rows.len();
        self.bill_lines.rows.retain(|row| text(&row["id"]) != id || row.get("bill_id") != Some(&json!(bill)));
        if self.bill_lines.rows.len() == before { Err(refuse(404, "Not found")) } else { Ok(Reply::empty(204)) }
    }

    fn bill_of(&self, call: &Call) -> Result<i64, Reply> {
        let bill = self.bills.get(slot(call, "bill_id"));
        bill.and_then(|row| row["id"].as_i64()).ok_or_else(|| refuse(404, "Not found"))
    }
}

pub(super) fn line(id: i64, bill: i64, fields: &Row, now: time::Millis) -> Row {
    let get = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let sum = fields.get("amount_cents").and_then(Value::as_i64).unwrap_or_default();
    let currency = fields.get("amount_currency").filter(|it| it.is_string()).cloned().unwrap_or_else(|| json!("EUR"));
    let row = json!({
        "id": id, "bill_id": bill, "name": get("name"), "date": get("date"), "amount": decimal(sum), "amount_currency": currency,
        "receipt_id": get("receipt_id"), "exchange_rate": null, "taxable_amount": decimal(sum), "taxable_amount_currency": currency,
        "updated_at": time::zulu(now),
    });
    row.as_object().cloned().unwrap_or_default()
}

/// Bill lines are the accountants' (the vendor's reference).
fn accountants(caller: &Caller) -> Result<(), Reply> {
    if caller.is("accountant") { Ok(()) } else { Err(refuse(403, "You are not authorized to perform this action.")) }
}

fn shown(row: &Row) -> Value {
    let mut row = row.clone();
    row.remove("updated_at");
    Value::Object(row)
}

fn slot<'a>(call: &'a Call, name: &str) -> &'a str {
    call.slots.get(name).map_or("", String::as_str)
}
