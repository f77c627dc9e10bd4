//! Transactions (receipts), trips, attachments, and the lists over them.

use serde_json::{Value, json};

use super::company::{Company, Ids, OF_TEN, equal, truthy, visible};
use super::pages::{self, Pages};
use super::{Caller, body, invalid, refuse, require, rooted};
use crate::collection::Table;
use crate::secrets::Secrets;
use crate::time::{self, DAY};
use crate::wire::{Call, Reply, Row, cents, decimal, filled, multipart, text};

const EXPORT: Pages = Pages { size: 25, most: 1000, on_request: false, skips: false };

impl Company {
    pub(super) fn list_expenses(&self, call: &Call, caller: &Caller, table: &Table) -> Result<Reply, Reply> {
        let mut rows: Vec<Row> = table.rows.iter().filter(|row| visible(row, caller)).cloned().collect();
        equal(call, &mut rows, &[("state", "state")]);
        // It adds what was archived since, and nothing is ever archived here: read, so that a day that is none is refused.
        pages::day(call, "archived_after")?;
        OF_TEN.array(call, rows)
    }

    pub(super) fn create_transaction(&mut self, call: &Call, caller: &Caller, ids: &mut Ids) -> Result<Reply, Reply> {
        let body = body(call)?;
        let fields = rooted(&body, "transaction")?;
        // A draft is saved as it is; anything else is validated and goes to review.
        let draft = body.get("draft").is_some_and(truthy);
        if !draft {
            let problems = self.transaction_problems(&fields);
            if !problems.is_empty() {
                return Err(invalid(&problems));
            }
        }
        let row = self.add_transaction(call, caller, ids, &fields, if draft { "draft" } else { "reviewing" });
        Ok(Reply::done(201, &Value::Object(row)))
    }

    fn transaction_problems(&self, fields: &Row) -> Vec<String> {
        let mut problems = require(fields, &["description", "date", "credit_account_id", "vat_lines_attributes"]);
        if filled(fields, "date").is_some_and(|date| date.len() != 10 || time::parse(date).is_none()) {
            problems.push("date is not valid".to_owned());
        }
        if let Some(id) = fields.get("credit_account_id")
            && self.accounts.get(&text(id)).is_none()
        {
            problems.push("credit_account_id does not exist".to_owned());
        }
        let lines = fields.get("vat_lines_attributes").and_then(Value::as_array);
        for (at, line) in lines.into_iter().flatten().enumerate() {
            let line = line.as_object().cloned().unwrap_or_default();
            // The first line names its account; later lines may leave it out.
            let names: &[&str] = if at == 0 {
                &["taxable", "tax_percentage", "currency", "expense_account_id"]
            } else {
                &["taxable", "tax_percentage", "currency"]
            };
            problems.extend(require(&line, names).into_iter().map(|problem| format!("vat_lines.{problem}")));
            if line.get("taxable").is_some_and(|sum| cents(sum).is_none()) {
                problems.push("vat_lines.taxable is not a number".to_owned());
            }
        }
        problems
    }

    pub(super) fn add_transaction(
        &mut self,
        call: &Call,
        caller: &Caller,
        ids: &mut Ids,
        fields: &Row,
        state: &str,
    ) -> Row {
        let id = ids.next();
        let lines = fields.get("vat_lines_attributes").and_then(Value::as_array).cloned().unwrap_or_default();
        let first = |name: &str| lines.first().and_then(|line| line.get(name)).cloned().unwrap_or_default();
        let cost_centers = first("cost_center_ids");
        for line in &lines {
            let row = json!({
                "id": ids.next(), "transaction_id": id, "user_id": caller.user, "date": fields.get("date"),
                "taxable": line.get("taxable").and_then(cents).map(decimal), "tax_percentage": line.get("tax_percentage"), "currency": line.get("currency"),
                "expense_account_id": line.get("expense_account_id").cloned().unwrap_or_else(|| first("expense_account_id")),
                "cost_center_ids": line.get("cost_center_ids").cloned().unwrap_or_else(|| cost_centers.clone()),
            });
            self.vat_lines.push(row.as_object().cloned().unwrap_or_default());
        }
        let row = json!({
            "id": id, "_id": format!("receipt-{id}"), "type": "receipt", "state": state, "description": fields.get("description"), "date": fields.get("date"),
            "user_id": caller.user, "user_name": caller.name, "updated_at": time::zulu(call.now),
            "cost_center_ids": if cost_centers.is_array() { cost_centers } else { json!([]) },
            "approvers": [], "approved_by": null, "approved_by_ids": [], "current_approvers_ids": [],
        });
        let row = row.as_object().cloned().unwrap_or_default();
        self.transactions.push(row.clone());
        row
    }

    /// `GET /api/expenses`: what is not accounted yet, grouped by kind and state.
    pub(super) fn overview(&self, caller: &Caller) -> Reply {
        let mut answer = Row::new();
        // Latest first, as points in time; the batches themselves carry a date.
        let mut dates: Vec<_> =
            self.batch_documents.rows.iter().filter_map(|row| pages::at(row, "created_at")).collect();
        dates.sort_unstable_by(|a, b| b.cmp(a));
        answer.insert("batch_dates".to_owned(), dates.into_iter().map(time::zulu).collect());
        let none = Table::default();
        for (kind, table) in [
            ("transactions", &self.transactions),
            ("trips", &self.trips),
            ("daily_allowances", &none),
            ("rewards", &none),
        ] {
            for state in ["draft", "reviewing", "unapproved", "queue"] {
                let rows: Vec<&Row> = table
                    .rows
                    .iter()
                    .filter(|row| {
                        filled(row, "state") == Some(state) && row.get("user_id") == Some(&json!(caller.user))
                    })
                    .collect();
                answer.insert(format!("{kind}_in_{state}"), json!(rows));
            }
            // "On review" are those that wait for the caller's own approval.
            let rows: Vec<&Row> = table
                .rows
                .iter()
                .filter(|row| caller.sees_all() && filled(row, "state") == Some("reviewing"))
                .collect();
            answer.insert(format!("{kind}_on_review"), json!(rows));
        }
        Reply::done(200, &Value::Object(answer))
    }

    /// The body has no root key: the vendor's sample is the exception among its bodies.
    pub(super) fn create_trip(&mut self, call: &Call, caller: &Caller, ids: &mut Ids) -> Result<Reply, Reply> {
        let fields = body(call)?;
        let draft = fields.get("draft").is_some_and(truthy);
        let problems =
            if draft { Vec::new() } else { require(&fields, &["date", "description", "entries_attributes"]) };
        if !problems.is_empty() {
            return Err(invalid(&problems));
        }
        if let Some(company) = fields.get("company_id").and_then(Value::as_i64)
            && company != self.id
        {
            return Err(refuse(404, "Not found"));
        }
        if fields.get("user_id").and_then(Value::as_i64).is_some_and(|user| user != caller.user) {
            return Err(refuse(403, "You are not authorized to perform this action."));
        }
        // `state` in the body is ignored: the sample sends "draft" and gets "queue".
        let row = self.add_trip(call, caller, ids, &fields, if draft { "draft" } else { "queue" });
        Ok(Reply::done(201, &Value::Object(row)))
    }

    pub(super) fn add_trip(&mut self, call: &Call, caller: &Caller, ids: &mut Ids, fields: &Row, state: &str) -> Row {
        let id = ids.next();
        let currency = filled(fields, "currency").unwrap_or("EUR");
        let mut total = 0;
        let mut entries = Vec::new();
        for entry in fields.get("entries_attributes").and_then(Value::as_array).into_iter().flatten() {
            let hundredths = entry.get("distance").and_then(cents).unwrap_or_default();
            // 0.55 a kilometre, a round figure of the sandbox's own.
            let cost = hundredths * 55 / 100;
            total = i64::saturating_add(total, cost);
            let distance = entry.get("distance").map(text).and_then(|text| text.parse::<f64>().ok());
            entries.push(json!({
                "id": ids.next(), "trip_transaction_id": id, "distance": distance, "number_of_people": entry.get("number_of_people").map(text),
                "cost_cents": cost, "cost_currency": currency, "original_amount_cents": cost, "original_amount_currency": currency, "route": null,
                "emissions": "0.0",
            }));
        }
        let row = json!({
            "id": id, "_id": format!("trip-{id}"), "type": "trip", "state": state, "description": fields.get("description"), "date": fields.get("date"),
            "user_id": caller.user, "user_name": caller.name, "company_id": self.id, "created_at": time::zulu(call.now), "updated_at": time::zulu(call.now),
            "cost_center_ids": fields.get("cost_center_ids").filter(|ids| ids.is_array()).cloned().unwrap_or_else(|| json!([])),
            "approvers": [], "approved_by": null, "approved_by_ids": [], "current_approvers_ids": [], "paid_at": null,
            "taxable": crate::wire::amount(total), "mileage_vehicle_id": fields.get("mileage_vehicle_id"),
            "user": {"id": caller.user, "name": caller.name, "email": caller.email}, "cost_centers": [], "comments": [], "entries": entries, "documents": [],
        });
        let row = row.as_object().cloned().unwrap_or_default();
        self.trips.push(row.clone());
        row
    }

    pub(super) fn approve_trip(&mut self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        let id = call.id();
        let row = self.trips.get_mut(id).filter(|row| visible(row, caller)).ok_or_else(|| refuse(404, "Not found"))?;
        if !caller.sees_all() {
            return Err(refuse(403, "You are not authorized to perform this action."));
        }
        if filled(row, "state") != Some("reviewing") {
            return Err(invalid(&["state does not allow this".to_owned()]));
        }
        row.insert("state".to_owned(), json!("queue"));
        row.insert("approved_by".to_owned(), json!([caller.name]));
        row.insert("approved_by_ids".to_owned(), json!([caller.user.to_string()]));
        row.insert("updated_at".to_owned(), json!(time::zulu(call.now)));
        // The answer is not documented.
        Ok(Reply::done(200, &Value::Object(row.clone())))
    }

    /// `POST /api/attachments`: multipart, the file at the top level under `file`.
    pub(super) fn upload(
        &mut self,
        call: &Call,
        caller: &Caller,
        ids: &mut Ids,
        secrets: &mut Secrets,
    ) -> Result<Reply, Reply> {
        let parts = multipart(call).ok_or_else(|| refuse(400, "the body is not multipart/form-data"))?;
        let value = |name: &str| {
            parts
                .iter()
                .find(|part| part.name == name)
                .map(|part| String::from_utf8_lossy(&part.content).trim().to_owned())
        };
        let file = parts
            .iter()
            .find(|part| part.name == "file" || part.name.starts_with("file["))
            .filter(|part| !part.content.is_empty());
        let file = file.ok_or_else(|| invalid(&["file can't be blank".to_owned()]))?;
        let draft = value("draft").is_some_and(|word| matches!(word.as_str(), "1" | "true"));
        let transaction = match value("transaction_id").filter(|id| !id.is_empty()) {
            Some(id) => {
                let row = self
                    .transactions
                    .get(&id)
                    .filter(|row| visible(row, caller))
                    .ok_or_else(|| refuse(404, "Not found"))?;
                row["id"].clone()
            }
            None if draft => self.add_transaction(call, caller, ids, &Row::new(), "draft")["id"].clone(),
            None => return Err(invalid(&["transaction_id can't be blank".to_owned()])),
        };
        let name = file.file.as_deref().unwrap_or("file").rsplit(['/', '\\']).next().unwrap_or("file");
        let row = json!({"id": ids.next(), "file": format!("/uploads/tmp/{}/{name}", secrets.text(8)), "transaction_id": transaction});
        self.attachments.push(row.as_object().cloned().unwrap_or_default());
        Ok(Reply::done(201, &row))
    }

    /// Flat rows, one a VAT line.
    pub(super) fn export_receipts(&self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        let range = pages::date_range(call, "date_range")?;
        let mut rows = Vec::new();
        let mut total = 0;
        for line in &self.vat_lines.rows {
            let receipt = line.get("transaction_id").and_then(|id| self.transactions.get(&text(id)));
            let Some(receipt) = receipt.filter(|row| visible(row, caller)) else { continue };
            if range
                .is_some_and(|(from, to)| !pages::at(receipt, "date").is_some_and(|at| (from..to + DAY).contains(&at)))
            {
                continue;
            }
            let centers = line.get("cost_center_ids").and_then(Value::as_array).cloned().unwrap_or_default();
            let named: Vec<&Row> = centers.iter().filter_map(|id| self.cost_centers.get(&text(id))).collect();
            let names: Vec<String> = named.iter().filter_map(|row| row.get("name").map(text)).collect();
            let externals: Vec<Value> = named.iter().filter_map(|row| row.get("external_id").cloned()).collect();
            let row = json!({
                "vat_line_id": line["id"], "id": receipt["id"], "description": receipt["description"], "date": receipt["date"], "state": receipt["state"],
                "user_id": receipt["user_id"], "user_name": receipt["user_name"], "approved_by": "", "taxable": line["taxable"], "currency": line["currency"],
                "expense_account_id": line["expense_account_id"], "cost_center_ids": centers, "cost_center_names": names.join(", "),
                "cost_center_external_ids": externals, "updated_at": receipt["updated_at"].as_str().and_then(|at| at.get(..10)),
            });
            let mut one = vec![row.as_object().cloned().unwrap_or_default()];
            equal(
                call,
                &mut one,
                &[("user_id", "user_id"), ("state", "state"), ("expense_account_id", "expense_account_id")],
            );
            if !one.is_empty() {
                total = i64::saturating_add(total, line.get("taxable").and_then(cents).unwrap_or_default());
            }
            rows.extend(one);
        }
        EXPORT.export(call, rows, total)
    }
}
