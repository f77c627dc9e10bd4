//! A company: its master data, and which of its rows a call asks for.

use serde_json::{Value, json};

use super::described::refused;
use super::pages::{self, Pages};
use super::{Bezala, Caller, body, invalid, refuse, require, rooted};
use crate::collection::Table;
use crate::generic::{Store, Wrong};
use crate::secrets::Secrets;
use crate::spec::{Api, Routes};
use crate::time::{self, DAY, Millis};
use crate::wire::{Call, Reply, Row, filled, text};

/// One company's rows.
#[derive(Debug, Default)]
pub(super) struct Company {
    pub id: i64,
    pub name: String,
    pub uuid: String,
    pub okta_url: String,
    pub accounts: Table,
    pub cost_centers: Table,
    pub transactions: Table,
    pub vat_lines: Table,
    pub trips: Table,
    pub absences: Table,
    pub time_entries: Table,
    pub bills: Table,
    pub bill_lines: Table,
    pub attachments: Table,
    pub batch_documents: Table,
    /// Users, in what operations of the description said of them.
    pub people: Table,
    /// The rows that the description alone tells of.
    pub store: Store,
}

/// Gives out ids.
#[derive(Debug)]
pub(super) struct Ids {
    pub last: i64,
}

impl Ids {
    pub(super) fn next(&mut self) -> i64 {
        self.last += 1;
        self.last
    }
}

/// 50 a page, 1000 at most: the usual pages.
pub(super) const USUAL: Pages = Pages { size: 50, most: 1000, on_request: false, skips: false };
const SKIPPABLE: Pages = Pages { skips: true, ..USUAL };
const COST_CENTERS: Pages = Pages { size: 500, skips: true, ..USUAL };
/// Trips and transactions: 10 a page, and pages only for who asks for one.
pub(super) const OF_TEN: Pages = Pages { size: 10, on_request: true, ..USUAL };

impl Company {
    pub(super) fn serve(
        &mut self,
        call: &Call,
        caller: &Caller,
        ids: &mut Ids,
        secrets: &mut Secrets,
    ) -> Result<Reply, Reply> {
        match call.op.as_str() {
            "listAccounts" => Ok(Reply::done(200, &json!(self.accounts.rows))),
            "createAccount" => self.create_account(call, ids),
            "listCostCenters" => {
                let mut rows = self.cost_centers.rows.clone();
                if let Some(part) = call.filled("name") {
                    let part = part.to_lowercase();
                    let has = |row: &Row, field: &str| {
                        row.get(field).is_some_and(|value| text(value).to_lowercase().contains(&part))
                    };
                    rows.retain(|row| has(row, "name") || has(row, "dimension_name"));
                }
                for name in ["deactivated", "required_dimension"] {
                    if let Some(word) = call.filled(name) {
                        let wanted = matches!(word, "true" | "1");
                        rows.retain(|row| row.get(name).is_some_and(truthy) == wanted);
                    }
                }
                COST_CENTERS.array(call, rows)
            }
            "createCostCenter" => self.create_cost_center(call, ids),
            "listTransactions" => self.list_expenses(call, caller, &self.transactions),
            "createTransaction" => self.create_transaction(call, caller, ids),
            "getExpenses" => Ok(self.overview(caller)),
            "listTrips" => self.list_expenses(call, caller, &self.trips),
            "getTrip" => match self.trips.get(call.id()).filter(|row| visible(row, caller)) {
                Some(row) => Ok(Reply::done(200, &Value::Object(row.clone()))),
                None => Err(refuse(404, "Not found")),
            },
            "createTrip" => self.create_trip(call, caller, ids),
            "approveTrip" => self.approve_trip(call, caller),
            "listAbsences" => self.list_absences(call, caller),
            "listTimeEntries" => self.list_time_entries(call, caller),
            "listBills" => {
                let rows = self.filtered_bills(call)?;
                SKIPPABLE.array(call, rows)
            }
            "getBill" => match self.bills.get(call.id()) {
                Some(row) => Ok(Reply::done(200, &Value::Object(row.clone()))),
                None => Err(refuse(404, "Not found")),
            },
            "listBillLines" => self.list_bill_lines(call, caller),
            "createBillLine" => self.create_bill_line(call, caller, ids),
            "updateBillLine" => self.update_bill_line(call, caller),
            "deleteBillLine" => self.delete_bill_line(call, caller),
            "uploadAttachment" => self.upload(call, caller, ids, secrets),
            "listBatchDocuments" => {
                let mut rows = self.batch_documents.rows.clone();
                if let Some((from, to)) = pages::date_range(call, "date_range")? {
                    rows.retain(|row| pages::at(row, "created_at").is_some_and(|at| (from..to + DAY).contains(&at)));
                }
                SKIPPABLE.array(call, rows)
            }
            "exportReceipts" => self.export_receipts(call, caller),
            _ => self.described(call, caller, ids, secrets),
        }
    }

    fn create_account(&mut self, call: &Call, ids: &mut Ids) -> Result<Reply, Reply> {
        let fields = rooted(&body(call)?, "account")?;
        let mut problems = require(&fields, &["name", "code", "accountable_type"]);
        if let Some(kind) = fields.get("accountable_type")
            && !matches!(text(kind).as_str(), "AssetAccount" | "ExpenseAccount")
        {
            problems.push("accountable_type is not included in the list".to_owned());
        }
        if !problems.is_empty() {
            return Err(invalid(&problems));
        }
        let position = self.accounts.rows.len() + 1;
        let row = account(ids.next(), position, &fields);
        self.accounts.push(row.clone());
        Ok(Reply::done(201, &Value::Object(row)))
    }

    fn create_cost_center(&mut self, call: &Call, ids: &mut Ids) -> Result<Reply, Reply> {
        let fields = rooted(&body(call)?, "cost_center")?;
        let problems = require(&fields, &["name", "dimension_name"]);
        if !problems.is_empty() {
            return Err(invalid(&problems));
        }
        let problems = Routes::problems(Api::Bezala, &call.op, &Value::Object(body(call)?));
        if !problems.is_empty() {
            return Err(refused(Wrong::Invalid(problems)));
        }
        let row = cost_center(ids.next(), &fields);
        self.cost_centers.push(row.clone());
        Ok(Reply::done(201, &Value::Object(row)))
    }

    fn list_absences(&self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        let mut rows: Vec<Row> = self.absences.rows.iter().filter(|row| own(row, caller)).cloned().collect();
        if let Some((from, to)) = pages::date_range(call, "date_range")? {
            rows.retain(|row| pages::at(row, "start_date").is_some_and(|at| (from..to + DAY).contains(&at)));
        }
        span(call, &mut rows, "start_date", ("date_range_start", "date_range_end"))?;
        since(pages::unix(call, "updated_after")?, &mut rows, "updated_at");
        equal(call, &mut rows, &[("user_id", "user_id"), ("state", "state"), ("absence_type_name", "type")]);
        order(call, &mut rows, "start_date");
        for row in &mut rows {
            row.remove("updated_at");
        }
        USUAL.array(call, rows)
    }

    fn list_time_entries(&self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        let mut rows: Vec<Row> = self.time_entries.rows.iter().filter(|row| own(row, caller)).cloned().collect();
        if let Some((from, to)) = pages::date_range(call, "date_range")? {
            rows.retain(|row| pages::at(row, "date").is_some_and(|at| (from..to + DAY).contains(&at)));
        }
        span(call, &mut rows, "date", ("start_date", "end_date"))?;
        since(pages::unix(call, "updated_after")?, &mut rows, "updated_at");
        equal(call, &mut rows, &[("user_id", "user_id"), ("cost_center_id", "cost_center_id"), ("task_id", "task_id")]);
        if let Some(part) = call.filled("external_id") {
            rows.retain(|row| row.get("external_id").is_some_and(|value| text(value).contains(part)));
        }
        if let Some(part) = call.filled("q") {
            rows.retain(|row| row.get("description").is_some_and(|value| text(value).contains(part)));
        }
        order(call, &mut rows, "date");
        USUAL.collection(call, rows)
    }
}

impl Bezala {
    pub(super) fn home(&self, caller: &Caller) -> Result<Reply, Reply> {
        let company = self.companies.get(&caller.company).ok_or_else(|| refuse(404, "Not found"))?;
        let answer = json!({
            "user": {"id": caller.user, "name": caller.name, "email": caller.email, "roles": caller.roles},
            "company": company_row(company),
            "accounts": company.accounts.rows,
            "currencies": [{"code": "EUR"}],
            "vats": [{"id": 1, "percentage": "0.255"}, {"id": 2, "percentage": "0.14"}],
            "vehicles": [{"id": 1, "name": "Car"}],
            "vendors": [],
        });
        Ok(Reply::done(200, &answer))
    }

    pub(super) fn show_company(&self, call: &Call, caller: &Caller) -> Result<Reply, Reply> {
        let company = self.companies.get(&caller.company).ok_or_else(|| refuse(404, "Not found"))?;
        // The batch runs every night at midnight here.
        let left = (DAY - call.now.rem_euclid(DAY)) / time::SECOND;
        let mut row = company_row(company);
        row["time_to_scheduled_batch_run"] = json!({"total": left});
        row["format_time_to_scheduled_batch_run"] = json!(format!("{} hours", left / 3600));
        Ok(Reply::done(200, &row))
    }

    pub(super) fn list_users(&self, caller: &Caller) -> Reply {
        let members = self.users.values().filter_map(|user| Some((user, user.memberships.get(&caller.company)?)));
        // That a regular user is shown itself alone is a guess.
        let seen = members.filter(|(user, _)| caller.sees_all() || user.id == caller.user);
        let mut rows: Vec<Row> = seen
            .map(|(user, roles)| {
                json!({
                    "id": user.id, "name": user.name, "email": user.email, "locale": "en", "roles": roles, "state": "accepted", "ssn": null,
                    "email_is_confirmed": true, "sign_in_count": user.sign_ins, "last_sign_in_at": user.last_sign_in.map(time::zulu),
                })
            })
            .filter_map(|row| row.as_object().cloned())
            .collect();
        // Users that were made by a call, and what calls changed of the others: neither can sign in.
        let people = self.companies.get(&caller.company).map(|company| &company.people.rows[..]).unwrap_or_default();
        let names: Vec<String> = rows.iter().take(1).flat_map(|row| row.keys().cloned()).collect();
        for person in people {
            let mut shown = person.clone();
            shown.retain(|name, _| names.contains(name));
            match rows.iter_mut().find(|row| row.get("id") == person.get("id")) {
                Some(row) => row.extend(shown),
                None if caller.sees_all() => rows.push(shown),
                None => {}
            }
        }
        Reply::done(200, &json!(rows))
    }
}

/// Whether the caller may see this expense: of those that [`own`] lets through, a draft is its writer's alone.
pub(super) fn visible(row: &Row, caller: &Caller) -> bool {
    let written = row.get("user_id").and_then(Value::as_i64) == Some(caller.user);
    own(row, caller) && (written || filled(row, "state") != Some("draft"))
}

/// Whether the caller may see this row: the own, or any for managers and accountants.
pub(super) fn own(row: &Row, caller: &Caller) -> bool {
    caller.sees_all() || row.get("user_id").and_then(Value::as_i64) == Some(caller.user)
}

pub(super) fn account(id: i64, position: usize, fields: &Row) -> Row {
    let expense = fields.get("accountable_type").is_some_and(|kind| text(kind) == "ExpenseAccount");
    let mut row = Row::new();
    let get = |name: &str| fields.get(name).cloned().unwrap_or_default();
    row.insert("id".to_owned(), json!(id));
    row.insert("code".to_owned(), json!(text(&get("code"))));
    row.insert("accountable_type".to_owned(), get("accountable_type"));
    row.insert("name".to_owned(), get("name"));
    row.insert("url".to_owned(), json!(format!("/accounts/{id}")));
    row.insert(
        "assignee_ids".to_owned(),
        fields.get("assignee_ids").filter(|ids| ids.is_array()).cloned().unwrap_or_else(|| json!([])),
    );
    row.insert("position".to_owned(), json!(position));
    row.insert("default_vat_id".to_owned(), get("default_vat_id"));
    row.insert("deactivated".to_owned(), json!(fields.get("deactivated").is_some_and(truthy)));
    row.insert("external_id".to_owned(), get("external_id"));
    if expense {
        row.insert("show_on_receipt_form".to_owned(), json!(true));
    }
    row
}

pub(super) fn cost_center(id: i64, fields: &Row) -> Row {
    let flag = |name: &str| fields.get(name).is_some_and(truthy);
    let get = |name: &str| fields.get(name).cloned().unwrap_or_default();
    let row = json!({
        "id": id, "name": get("name"), "dimension_name": get("dimension_name"),
        "assignee_ids": fields.get("assignee_ids").filter(|ids| ids.is_array()).cloned().unwrap_or_else(|| json!([])),
        "deactivated": i32::from(flag("deactivated")), "send_to_accounting": i32::from(flag("send_to_accounting")),
        "external_id": get("external_id"), "required_dimension": flag("required_dimension"),
    });
    row.as_object().cloned().unwrap_or_default()
}

/// `true`, 1, "1" and "true": flags come in all of these.
pub(super) fn truthy(value: &Value) -> bool {
    matches!(text(value).as_str(), "true" | "1")
}

/// Rows whose field is what a query parameter says.
pub(super) fn equal(call: &Call, rows: &mut Vec<Row>, names: &[(&str, &str)]) {
    for (parameter, field) in names {
        if let Some(wanted) = call.filled(parameter) {
            rows.retain(|row| row.get(*field).is_some_and(|value| text(value) == wanted));
        }
    }
}

/// Rows changed at or after this.
pub(super) fn since(after: Option<Millis>, rows: &mut Vec<Row>, field: &str) {
    if let Some(after) = after {
        rows.retain(|row| pages::at(row, field).is_some_and(|at| at >= after));
    }
}

/// Rows between two dates, each of which may be left out.
fn span(call: &Call, rows: &mut Vec<Row>, field: &str, (from, to): (&str, &str)) -> Result<(), Reply> {
    let (from, to) = (
        pages::date(call, from)?.unwrap_or(Millis::MIN),
        pages::date(call, to)?.map_or(Millis::MAX, |day| day + DAY - 1),
    );
    rows.retain(|row| pages::at(row, field).is_some_and(|at| (from..=to).contains(&at)));
    Ok(())
}

/// `sort_by` and `order` (asc by default).
fn order(call: &Call, rows: &mut [Row], default: &str) {
    let by = call.filled("sort_by").unwrap_or(default);
    rows.sort_by_key(|row| row.get(by).map(text).unwrap_or_default());
    if call.filled("order") == Some("desc") {
        rows.reverse();
    }
}

fn company_row(company: &Company) -> Value {
    json!({
        "id": company.id, "name": company.name, "business_id": format!("0000000-{}", company.id % 10), "uuid": company.uuid, "schedule": "daily",
        "locale": "en", "okta_url": company.okta_url, "password_auth_disabled": false, "is_vat_registered": true, "external_id": null,
    })
}
