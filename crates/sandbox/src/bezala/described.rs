//! What Bezala's modules do not say of an operation, its description does: the roles, the operations that nobody wrote by hand,
//! and how their answers and refusals read.

use serde_json::{Value, json};

use super::company::{Company, Ids, visible};
use super::pages::Pages;
use super::{Caller, invalid, refuse};
use crate::collection::Table;
use crate::generic::{Shelves, Store, Work, Wrong};
use crate::secrets::Secrets;
use crate::spec::{Description, Operation, Problem, Routes, What};
use crate::wire::{Call, Reply, Row, text};

/// Query parameters that say how a list is cut and sorted, not what is in it.
const OF_THE_PAGE: [&str; 7] = ["page", "per_page", "skip_pagination", "sort_by", "sort", "order", "q"];

impl Company {
    pub(super) fn described(
        &mut self,
        call: &Call,
        caller: &Caller,
        ids: &mut Ids,
        secrets: &mut Secrets,
    ) -> Result<Reply, Reply> {
        let (description, operation) = Routes::operation(call.api, &call.op).ok_or_else(|| refuse(404, "Not found"))?;
        // Accountants do what managers do.
        let permitted = operation.role.as_deref().is_none_or(|role| caller.is(role) || caller.is("accountant"));
        if !permitted {
            return Err(refuse(403, "You are not authorized to perform this action."));
        }
        let given = match &operation.body {
            Some(_) if !call.body.is_empty() => {
                let read = serde_json::from_slice(&call.body);
                Some(read.map_err(|why| refuse(400, &format!("the body is not JSON: {why}")))?)
            }
            _ => None,
        };
        let mut shelves = OfCompany { company: self, ids, secrets, caller };
        let work = Work { description, operation, call, given, window: None, shelves: &mut shelves };
        let (done, _) = work.perform().map_err(refused)?;
        done.reply(operation, |rows| listed(call, description, operation, rows))
    }
}

/// A list: the rows that the parameters ask for, in the envelope that the description has.
fn listed(call: &Call, description: &Description, operation: &Operation, mut rows: Vec<Row>) -> Result<Reply, Reply> {
    for (name, wanted) in call
        .query
        .iter()
        .filter(|(name, wanted)| !wanted.is_empty() && operation.takes(name) && !OF_THE_PAGE.contains(&name.as_str()))
    {
        // A parameter that is no field of the rows says something of dates or times, which the examples are not sorted out by.
        if rows.iter().any(|row| row.contains_key(name)) {
            rows.retain(|row| row.get(name).is_some_and(|value| text(value) == *wanted));
        }
    }
    if let Some(part) = call.filled("q").filter(|_| operation.takes("q")) {
        let part = part.to_lowercase();
        rows.retain(|row| row.values().any(|value| text(value).to_lowercase().contains(&part)));
    }
    if let Some(by) = call.filled("sort_by").or(call.filled("sort")) {
        rows.sort_by_key(|row| row.get(by).map(text).unwrap_or_default());
        if call.filled("order") == Some("desc") {
            rows.reverse();
        }
    }
    let most = operation.paging.as_ref().map(|paging| paging.most.unwrap_or(1000));
    let pages = Pages {
        size: most.map_or(usize::MAX, |most| most.min(50)),
        most: most.unwrap_or(usize::MAX),
        on_request: false,
        skips: operation.takes("skip_pagination"),
    };
    let schema = description.answers(operation);
    let named = |name: &str| schema.is_some_and(|schema| schema.property(name).is_some());
    match operation.items(&description.document).as_deref() {
        Some("/collection") if named("total_records") => {
            let sums = rows
                .iter()
                .filter_map(|row| ["total_cost", "taxable", "amount"].iter().find_map(|name| row.get(*name)));
            let total = sums.filter_map(crate::wire::cents).fold(0, i64::saturating_add);
            pages.export(call, rows, total)
        }
        Some("/collection") => pages.collection(call, rows),
        _ => pages.array(call, rows),
    }
}

pub(super) fn refused(wrong: Wrong) -> Reply {
    match wrong {
        Wrong::Unknown(_) => refuse(404, "Not found"),
        Wrong::Absent(name) => refuse(400, &format!("param is missing or the value is empty: {name}")),
        Wrong::Value(why) | Wrong::Unreadable(why) => refuse(400, &why),
        Wrong::Reused => refuse(400, "Bad request"),
        Wrong::Invalid(problems) => {
            // Of a body without its root key, the vendor says that a parameter is missing.
            let root = problems.iter().find(|it| it.what == What::Missing && !it.at.contains(['.', '[']));
            match root {
                Some(Problem { at, .. }) => refuse(400, &format!("param is missing or the value is empty: {at}")),
                None => invalid(&problems.iter().map(sentence).collect::<Vec<_>>()),
            }
        }
    }
}

fn sentence(problem: &Problem) -> String {
    let at = problem.at.rsplit('.').next().unwrap_or_default();
    match problem.what {
        What::Missing => format!("{at} can't be blank"),
        What::Kind(kind) => format!("{at} is not {kind}"),
        What::Long(most) => format!("{at} is too long (maximum is {most} characters)"),
    }
}

struct OfCompany<'a> {
    company: &'a mut Company,
    ids: &'a mut Ids,
    secrets: &'a mut Secrets,
    caller: &'a Caller,
}

impl Shelves for OfCompany<'_> {
    fn store(&mut self) -> &mut Store {
        &mut self.company.store
    }

    fn keeps(&self, key: &str) -> bool {
        KEPT.contains(&key)
    }

    fn table(&mut self, key: &str) -> &mut Table {
        let company = &mut *self.company;
        match key {
            "/api/users" => &mut company.people,
            "/api/accounts" => &mut company.accounts,
            "/api/cost_centers" => &mut company.cost_centers,
            "/api/transactions" => &mut company.transactions,
            "/api/trips" => &mut company.trips,
            "/api/absences" => &mut company.absences,
            "/api/time_entries" => &mut company.time_entries,
            "/api/bills" => &mut company.bills,
            "/api/attachments" => &mut company.attachments,
            "/api/batch_documents" => &mut company.batch_documents,
            _ => company.store.tables.entry(key.to_owned()).or_default(),
        }
    }

    fn fresh(&mut self, like: &Value) -> Value {
        match like {
            Value::Number(_) => json!(self.ids.next()),
            like => {
                json!(crate::generic::fresh_like(like.as_str().unwrap_or_default(), 0, self.ids.next().unsigned_abs()))
            }
        }
    }

    fn secret(&mut self) -> String {
        self.secrets.text(20)
    }

    /// Approved, a claim waits for the next batch; sent back, it is its user's again (the descriptions of these calls). There is
    /// one approver in every chain here.
    fn acted(&self, word: &str, row: &Row) -> Result<Row, Wrong> {
        let state = match word {
            "approve" => "queue",
            "disapprove" => "unapproved",
            _ => return Ok(Row::new()),
        };
        if matches!(row.get("state").and_then(Value::as_str), Some("draft" | "accounting" | "accounted")) {
            let what = What::Kind("one that allows this");
            return Err(Wrong::Invalid(vec![Problem { at: "state".to_owned(), what }]));
        }
        Ok(Row::from_iter([("state".to_owned(), json!(state))]))
    }

    fn settle(&self, row: &mut Row, first: bool) {
        let person = |name: &str| self.company.people.rows.first().and_then(|row| row.get(name)).cloned();
        let (id, name) = if first {
            (person("id").unwrap_or_default(), person("name").unwrap_or_default())
        } else {
            (json!(self.caller.user), json!(self.caller.name))
        };
        // Something for an approver to do, and for everybody to see.
        if let Some(Value::String(state)) = row.get_mut("state").filter(|_| first)
            && matches!(state.as_str(), "draft" | "accounted")
        {
            "reviewing".clone_into(state);
        }
        for (field, value) in [("user_id", id), ("user_name", name), ("company_id", json!(self.company.id))] {
            if let Some(place) = row.get_mut(field) {
                *place = value;
            }
        }
    }

    fn sees(&self, row: &Row) -> bool {
        // What has an owner and a state is a claim; the rest is for all of the company.
        !row.contains_key("user_id") || !row.contains_key("state") || visible(row, self.caller)
    }
}

const KEPT: [&str; 10] = [
    "/api/users",
    "/api/accounts",
    "/api/cost_centers",
    "/api/transactions",
    "/api/trips",
    "/api/absences",
    "/api/time_entries",
    "/api/bills",
    "/api/attachments",
    "/api/batch_documents",
];
