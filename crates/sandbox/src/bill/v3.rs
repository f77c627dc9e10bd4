//! v3's accounts payable and receivable: which operation does what to which rows.

use serde_json::{Value, json};

use super::books::Shelf;
use super::sessions::{Who, body};
use super::{Bill, Refusal, lists, mfa};
use crate::time;
use crate::wire::{Call, Reply, Row, merge, without_nulls};

/// What an operation does to a shelf of rows.
enum Verb {
    List,
    Create,
    Get,
    Update,
    Archive(bool),
}

impl Bill {
    pub(super) fn v3(&mut self, call: &Call) -> Result<Reply, Refusal> {
        match call.op.as_str() {
            "login" => return self.login_v3(call),
            "-" => return Err(Refusal::coded(404, "BDC_1121")),
            _ => {}
        }
        let who = self.recognize_v3(call)?;
        self.permit(call, &who)?;
        match call.op.as_str() {
            "logout" => {
                self.end(&who);
                // The answer is not documented: a 200 that says nothing.
                Ok(Reply::empty(200))
            }
            "getSessionInfo" => Ok(Reply::done(
                200,
                &json!({
                    "organizationId": who.organization,
                    "userId": who.user,
                    "mfaStatus": mfa::status(&who),
                    "mfaBypass": !self.options.mfa_for_payments,
                }),
            )),
            "setupMfa" => self.setup_mfa(call, &who),
            "validateMfaSetup" => self.validate_mfa_setup(call, &who),
            "challengeMfa" => self.challenge_mfa(call, &who),
            "validateMfaChallenge" => self.validate_mfa_challenge(call, &who),
            "stepUpSession" => self.step_up(call, &who),
            "listMfaPhones" => self.list_phones(&who),
            "createPayment" => self.create_payment(call, &who),
            "cancelPayment" | "voidPayment" => self.undo_payment(call, &who),
            "createBulkVendor" => self.create_bulk(call, &who, Shelf::Vendors),
            "createBulkBills" => self.create_bulk(call, &who, Shelf::Bills),
            "createBulkPayment" => self.create_bulk_payment(call, &who),
            "getPaymentOptions" => self.payment_options(call, &who),
            op => match verb(op) {
                Some((verb, shelf)) => self.perform(call, &who, &verb, shelf),
                None => self.of_organization(call, &who),
            },
        }
    }

    /// Several rows by one call: all or none. Whether BILL makes some where others fail is not documented.
    fn create_bulk(&mut self, call: &Call, who: &Who, shelf: Shelf) -> Result<Reply, Refusal> {
        let unreadable = || Refusal::new(400, "BDC_1122", "JSON is unreadable: it is not an array of objects.");
        let given: Vec<Row> = serde_json::from_slice(&call.body).map_err(|_| unreadable())?;
        let problems = given
            .iter()
            .enumerate()
            .flat_map(|(at, row)| shelf.problems(row).into_iter().map(move |problem| format!("[{at}].{problem}")));
        let problems: Vec<String> = problems.collect();
        if !problems.is_empty() {
            return Err(Refusal::invalid(problems));
        }
        let books = self.books(&who.organization)?;
        let before = books.table(shelf).clone();
        let made: Result<Vec<Row>, Refusal> = given.into_iter().map(|row| books.create(shelf, row, call.now)).collect();
        let rows = made.inspect_err(|_| *books.table_mut(shelf) = before)?;
        // What the answer for vendors looks like is not documented, but that it is an object.
        Ok(Reply::done(201, &if shelf == Shelf::Vendors { json!({"results": rows}) } else { json!(rows) }))
    }

    fn perform(&mut self, call: &Call, who: &Who, verb: &Verb, shelf: Shelf) -> Result<Reply, Refusal> {
        let now = call.now;
        let books = self.books(&who.organization)?;
        match verb {
            Verb::List => Ok(Reply::done(200, &lists::accounts(call, books.table(shelf))?)),
            Verb::Create => {
                let given = body(call)?;
                let problems = shelf.problems(&given);
                if !problems.is_empty() {
                    return Err(Refusal::invalid(problems));
                }
                let row = books.create(shelf, given, now)?;
                Ok(Reply::done(201, &Value::Object(row)))
            }
            Verb::Get => {
                let row = books.table(shelf).get(call.id()).ok_or_else(|| Refusal::unknown(shelf.name()))?;
                Ok(Reply::done(200, &Value::Object(row.clone())))
            }
            Verb::Update => {
                let mut change = body(call)?;
                // Bank data cannot be patched, only deleted and made anew (BILL's pages, since 2024-09-03).
                if let Some(paid) = change.get_mut("paymentInformation").and_then(Value::as_object_mut) {
                    paid.remove("bankAccount");
                }
                let row = books.table_mut(shelf).get_mut(call.id()).ok_or_else(|| Refusal::unknown(shelf.name()))?;
                let mut changed = row.clone();
                merge(&mut changed, change);
                let problems = shelf.problems(&changed);
                if !problems.is_empty() {
                    return Err(Refusal::invalid(problems));
                }
                for own in ["id", "archived", "createdTime"] {
                    restore(&mut changed, row, own);
                }
                changed.insert("updatedTime".to_owned(), Value::from(time::bill_v3(now)));
                if let Value::Object(clean) = without_nulls(Value::Object(changed)) {
                    *row = clean;
                }
                Ok(Reply::done(200, &Value::Object(row.clone())))
            }
            // Repeatable without an error (observed by integrators).
            Verb::Archive(archived) => {
                let id = call.id();
                let row = books.table_mut(shelf).get_mut(id).ok_or_else(|| Refusal::unknown(shelf.name()))?;
                if row.get("archived") != Some(&Value::Bool(*archived)) {
                    row.insert("archived".to_owned(), Value::Bool(*archived));
                    row.insert("updatedTime".to_owned(), Value::from(time::bill_v3(now)));
                }
                Ok(Reply::done(200, &Value::Object(row.clone())))
            }
        }
    }
}

fn verb(op: &str) -> Option<(Verb, Shelf)> {
    Some(match op {
        "listVendors" => (Verb::List, Shelf::Vendors),
        "createVendor" => (Verb::Create, Shelf::Vendors),
        "getVendor" => (Verb::Get, Shelf::Vendors),
        "updateVendor" => (Verb::Update, Shelf::Vendors),
        "archiveVendor" => (Verb::Archive(true), Shelf::Vendors),
        "restoreVendor" => (Verb::Archive(false), Shelf::Vendors),
        "listBills" => (Verb::List, Shelf::Bills),
        "createBill" => (Verb::Create, Shelf::Bills),
        "getBill" => (Verb::Get, Shelf::Bills),
        "listCustomers" => (Verb::List, Shelf::Customers),
        "createCustomer" => (Verb::Create, Shelf::Customers),
        "getCustomer" => (Verb::Get, Shelf::Customers),
        "listInvoices" => (Verb::List, Shelf::Invoices),
        "createInvoice" => (Verb::Create, Shelf::Invoices),
        "getInvoice" => (Verb::Get, Shelf::Invoices),
        "listPayments" => (Verb::List, Shelf::Payments),
        "getPayment" => (Verb::Get, Shelf::Payments),
        "listBankAccounts" => (Verb::List, Shelf::BankAccounts),
        _ => return None,
    })
}

/// Puts back what a client cannot change.
fn restore(changed: &mut Row, old: &Row, field: &str) {
    match old.get(field) {
        Some(value) => changed.insert(field.to_owned(), value.clone()),
        None => changed.remove(field),
    };
}
