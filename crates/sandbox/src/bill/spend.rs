//! Spend & Expense: no session, one token in a header; budgets, users, cards, transactions, reimbursements.

use serde_json::{Value, json};

use super::sessions::body;
use super::{Bill, Refusal, lists};
use crate::collection::Table;
use crate::generic::{Store, Wrong};
use crate::log::Under;
use crate::secrets::Secrets;
use crate::spec::{Api, Routes};
use crate::time::{self, DAY, HOUR, Millis};
use crate::wire::{Call, Reply, Row, amount, filled, merge};

/// The rows of the token's company.
#[derive(Debug)]
pub(crate) struct Spend {
    secrets: Secrets,
    budgets: Table,
    users: Table,
    cards: Table,
    transactions: Table,
    reimbursements: Table,
    pub(super) store: Store,
    pub(super) made: u64,
}

/// How often a budget starts anew.
const INTERVALS: [&str; 6] = ["NONE", "DAILY", "WEEKLY", "MONTHLY", "QUARTERLY", "YEARLY"];

impl Bill {
    pub(super) fn spend(&mut self, call: &Call) -> Result<Reply, Refusal> {
        let token = call.header("apitoken").filter(|token| *token == self.spend_token);
        let token = token.ok_or_else(Refusal::unauthorized)?;
        self.count_spend(token, call.now)?;
        self.under = Under { session: Some("bill-spend-token".to_owned()), ..Under::default() };
        let spend = &mut self.spend;
        match call.op.as_str() {
            "listBudgets" => list(call, &spend.budgets),
            "listUsers" => list(call, &spend.users),
            "listCards" => list(call, &spend.cards),
            "listTransactions" => list(call, &spend.transactions),
            "listReimbursements" => list(call, &spend.reimbursements),
            "getCurrentUser" => match spend.users.rows.first() {
                Some(user) => Ok(Reply::done(200, &Value::Object(user.clone()))),
                None => Err(Refusal::unknown("user")),
            },
            "getBudget" => match either(&mut spend.budgets, call.id()) {
                Some(budget) => Ok(Reply::done(200, &Value::Object(budget.clone()))),
                None => Err(Refusal::unknown("budget")),
            },
            "createBudget" => {
                let given = body(call)?;
                let problems = problems(&given);
                if !problems.is_empty() {
                    return Err(Refusal::invalid(problems));
                }
                fits(call, &given)?;
                let row = spend.budget(given, call.now);
                // The status is not documented for budgets; the accounts API was seen to answer 201.
                Ok(Reply::done(201, &Value::Object(row)))
            }
            "updateBudget" => {
                let mut change = body(call)?;
                let budget = either(&mut spend.budgets, call.id()).ok_or_else(|| Refusal::unknown("budget"))?;
                fits(call, &change)?;
                for own in ["id", "uuid", "currentPeriod"] {
                    change.remove(own);
                }
                // Sent flat, and shown as the current period's.
                if let Some(limit) = change.remove("limit") {
                    change.insert("currentPeriod".to_owned(), json!({"limit": limit}));
                }
                if let Some(Value::String(interval)) = change.get("recurringInterval")
                    && !INTERVALS.contains(&interval.as_str())
                {
                    return Err(Refusal::invalid(vec![format!(
                        "recurringInterval: must be one of {}",
                        INTERVALS.join(", ")
                    )]));
                }
                merge(budget, change);
                Ok(Reply::done(200, &Value::Object(budget.clone())))
            }
            "-" => Err(Refusal::coded(404, "BDC_1121")),
            _ => self.of_spend(call),
        }
    }
}

/// What is kept as it comes is shown as it came: it has to be of the kinds that the description says.
fn fits(call: &Call, given: &Row) -> Result<(), Refusal> {
    let problems = Routes::problems(Api::BillSpend, &call.op, &Value::Object(given.clone()));
    if problems.is_empty() { Ok(()) } else { Err(Wrong::Invalid(problems).into()) }
}

impl Spend {
    pub(super) fn new(now: Millis) -> Self {
        let table = Table::default;
        let mut it = Self {
            secrets: Secrets::default(),
            budgets: table(),
            users: table(),
            cards: table(),
            transactions: table(),
            reimbursements: table(),
            store: Store::default(),
            made: 0,
        };
        it.fill(now);
        it
    }

    fn fill(&mut self, now: Millis) {
        let opened = now - 30 * DAY;
        for (first, role) in [("Alex", "ADMIN"), ("Sam", "MEMBER"), ("Kim", "BOOKKEEPER")] {
            let row = json!({
                "email": format!("{}@example.com", first.to_lowercase()), "firstName": first, "lastName": "Example", "role": role,
                "retired": false, "smsOptIn": false, "hasDateOfBirth": false, "createdTime": time::bill_v3(opened),
            });
            let row = self.named("usr", row);
            self.users.push(row);
        }
        for i in 1..=4 {
            let given = json!({"name": format!("Example Budget {i}"), "owners": [self.users.rows[0]["id"]], "recurringInterval": "MONTHLY", "limit": 1000 * i, "recurringLimit": 1000 * i});
            self.budget(given.as_object().cloned().unwrap_or_default(), opened);
        }
        let (user, budget) = (self.users.rows[1].clone(), self.budgets.rows[0].clone());
        let whose = |row: Value| {
            let mut row = row;
            for (field, value) in [
                ("userId", &user["id"]),
                ("userUuid", &user["uuid"]),
                ("budgetId", &budget["id"]),
                ("budgetUuid", &budget["uuid"]),
            ] {
                row[field] = value.clone();
            }
            row
        };
        for i in 1..=2 {
            let row = whose(json!({
                "name": format!("Example Card {i}"), "lastFour": format!("000{i}"), "validThru": "12/30", "status": "ACTIVATED", "type": "VIRTUAL_VENDOR",
                "shareBudgetFunds": true, "recurring": false, "createdTime": time::bill_v3(opened), "updatedTime": time::bill_v3(opened),
            }));
            let row = self.named("crd", row);
            self.cards.push(row);
        }
        let card = self.cards.rows[0].clone();
        for i in 1..=60_i64 {
            let at = time::bill_v3(opened + i * HOUR);
            let mut row = whose(json!({
                "amount": amount(i * 100 + 25), "fees": 0, "transactionType": "CLEAR", "status": "COMPLETE",
                "merchantName": format!("Example Merchant {:02}", i % 7), "rawMerchantName": "EXAMPLE MERCHANT", "merchantCategoryCode": "5999",
                "budgetName": budget["name"], "userName": "Sam Example", "complete": true, "isLocked": false, "isReconciled": false, "isParent": true,
                "receiptRequired": false, "receiptStatus": "NOT_REQUIRED", "occurredTime": at, "authorizedTime": at, "updatedTime": at,
            }));
            for (field, from) in
                [("cardId", "id"), ("cardUuid", "uuid"), ("cardLastFour", "lastFour"), ("cardType", "type")]
            {
                row[field] = card[from].clone();
            }
            // Present, and in lower case, only where something has been synced; the filter takes the upper case (observed by integrators).
            if i % 4 == 0 {
                row["accountingIntegrationTransactions"] = json!([{"syncStatus": "synced"}]);
            }
            let row = self.named("txn", row);
            self.transactions.push(row);
        }
        for (i, status) in ["AWAITING_APPROVAL", "APPROVED", "DENIED"].into_iter().enumerate() {
            let row = whose(json!({
                "amount": 12.5, "type": "PURCHASE", "status": status, "statusHistory": [], "note": format!("Example {}", i + 1), "merchantName": "Example Merchant",
                "occurredDate": time::date(opened), "submittedTime": time::bill_v3(opened), "receipts": [], "retired": false,
            }));
            let mut row = self.named("rmb", row);
            // Nobody saw these on a reimbursement.
            row.retain(|field, _| !matches!(field.as_str(), "userUuid" | "budgetUuid"));
            self.reimbursements.push(row);
        }
    }

    fn budget(&mut self, mut row: Row, now: Millis) -> Row {
        let limit = row.remove("limit").or_else(|| row.get("recurringLimit").cloned()).unwrap_or(json!(0));
        for (field, default) in [
            ("retired", json!(false)),
            ("default", json!(false)),
            ("budgetGroup", json!(false)),
            ("startDate", json!(time::date(now))),
        ] {
            row.entry(field).or_insert(default);
        }
        // "Never", for an end; BILL leaves unset fields out of its answers.
        row.retain(|_, value| !value.is_null());
        // How the people of a budget stand in its answer is not documented; its members have a call of their own.
        for people in ["owners", "members", "observers"] {
            row.remove(people);
        }
        let spent = json!({"cleared": 0, "pending": 0, "total": 0});
        row.insert(
            "currentPeriod".to_owned(),
            json!({"startDate": time::date(now), "limit": limit, "assigned": 0, "spent": spent}),
        );
        let row = self.named("bdg", Value::Object(row));
        self.budgets.push(row.clone());
        row
    }

    /// Objects carry both an `id` and a `uuid`, and inputs take either.
    fn named(&mut self, prefix: &str, row: Value) -> Row {
        self.made += 1;
        let mut row = row.as_object().cloned().unwrap_or_default();
        row.insert("id".to_owned(), json!(format!("{prefix}_{:06}", self.made)));
        row.insert("uuid".to_owned(), json!(self.secrets.uuid()));
        row
    }
}

impl Spend {
    pub(super) fn keeps(key: &str) -> bool {
        let name = key.strip_prefix("/v3/spend/").unwrap_or_default();
        matches!(name, "budgets" | "users" | "cards" | "transactions" | "reimbursements")
    }

    pub(super) fn table(&mut self, key: &str) -> &mut Table {
        match key {
            "/v3/spend/budgets" => &mut self.budgets,
            "/v3/spend/users" => &mut self.users,
            "/v3/spend/cards" => &mut self.cards,
            "/v3/spend/transactions" => &mut self.transactions,
            "/v3/spend/reimbursements" => &mut self.reimbursements,
            _ => self.store.tables.entry(key.to_owned()).or_default(),
        }
    }
}

fn problems(given: &Row) -> Vec<String> {
    let mut problems = Vec::new();
    if filled(given, "name").is_none() {
        problems.push("name: must not be null".to_owned());
    }
    if given.get("owners").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        problems.push("owners: must not be null".to_owned());
    }
    match filled(given, "recurringInterval") {
        None => problems.push("recurringInterval: must not be null".to_owned()),
        Some(interval) if !INTERVALS.contains(&interval) => {
            problems.push(format!("recurringInterval: must be one of {}", INTERVALS.join(", ")));
        }
        Some(_) => {}
    }
    problems
}

fn list(call: &Call, table: &Table) -> Result<Reply, Refusal> {
    Ok(Reply::done(200, &lists::spend(call, table)?))
}

fn either<'a>(table: &'a mut Table, id: &str) -> Option<&'a mut Row> {
    table.rows.iter_mut().find(|row| filled(row, "id") == Some(id) || filled(row, "uuid") == Some(id))
}
