//! An organization's rows: vendors, bills, customers, invoices, payments, bank accounts; and how each is made.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Refusal;
pub(crate) use super::shelf::Shelf;
use crate::collection::Table;
use crate::generic::{Store, fresh_like};
use crate::time::{self, Millis};
use crate::wire::{Row, amount, amount_of, cents, filled, whole_cents, without_nulls};

/// All rows of one organization.
#[derive(Debug)]
pub(crate) struct Books {
    number: usize,
    made: u64,
    vendors: Table,
    bills: Table,
    customers: Table,
    invoices: Table,
    payments: Table,
    bank_accounts: Table,
    /// The rows that the descriptions alone tell of.
    pub(super) store: Store,
}

impl Books {
    /// Empty books of the organization with this number.
    pub(crate) fn new(number: usize) -> Self {
        let none = Table::default;
        Self {
            number,
            made: 0,
            vendors: none(),
            bills: none(),
            customers: none(),
            invoices: none(),
            payments: none(),
            bank_accounts: none(),
            store: Store::default(),
        }
    }

    pub(crate) fn table(&self, shelf: Shelf) -> &Table {
        match shelf {
            Shelf::Vendors => &self.vendors,
            Shelf::Bills => &self.bills,
            Shelf::Customers => &self.customers,
            Shelf::Invoices => &self.invoices,
            Shelf::Payments => &self.payments,
            Shelf::BankAccounts => &self.bank_accounts,
        }
    }

    pub(crate) fn table_mut(&mut self, shelf: Shelf) -> &mut Table {
        match shelf {
            Shelf::Vendors => &mut self.vendors,
            Shelf::Bills => &mut self.bills,
            Shelf::Customers => &mut self.customers,
            Shelf::Invoices => &mut self.invoices,
            Shelf::Payments => &mut self.payments,
            Shelf::BankAccounts => &mut self.bank_accounts,
        }
    }

    /// Makes a row of a body that has been checked for its fields.
    pub(crate) fn create(&mut self, shelf: Shelf, mut row: Row, now: Millis) -> Result<Row, Refusal> {
        match shelf {
            Shelf::Vendors => vendor(&mut row),
            Shelf::Bills => self.bill(&mut row)?,
            Shelf::Invoices => self.invoice(&mut row, now)?,
            Shelf::Customers | Shelf::Payments | Shelf::BankAccounts => {}
        }
        Ok(self.put(shelf, row, now))
    }

    /// Makes a row that has its id already.
    pub(super) fn adopt(&mut self, shelf: Shelf, row: Row, id: &str, now: Millis) -> Result<(), Refusal> {
        self.create(shelf, row, now)?;
        if let Some(row) = self.table_mut(shelf).rows.last_mut() {
            row.insert("id".to_owned(), json!(id));
        }
        Ok(())
    }

    /// Gives a row its id and its times, and keeps it.
    pub(crate) fn put(&mut self, shelf: Shelf, mut row: Row, now: Millis) -> Row {
        row.insert("id".to_owned(), Value::from(self.id(shelf.prefix())));
        row.insert("archived".to_owned(), Value::Bool(false));
        row.insert("createdTime".to_owned(), Value::from(time::bill_v3(now)));
        row.insert("updatedTime".to_owned(), Value::from(time::bill_v3(now)));
        let row = match without_nulls(Value::Object(row)) {
            Value::Object(row) => row,
            _ => Row::new(),
        };
        self.table_mut(shelf).push(row.clone());
        row
    }

    /// A new id of twenty characters that no other organization has.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        self.made += 1;
        format!("{prefix}01{:05}{:010}", self.number, self.made)
    }

    /// A new id in the form of another.
    pub(super) fn fresh(&mut self, like: &Value) -> Value {
        self.made += 1;
        match like {
            Value::Number(_) => json!(self.made),
            like => json!(fresh_like(like.as_str().unwrap_or_default(), self.number, self.made)),
        }
    }

    fn bill(&mut self, row: &mut Row) -> Result<(), Refusal> {
        let vendor = filled(row, "vendorId").unwrap_or_default();
        // How a body's unknown id is refused is not documented; 422 is what business refusals were seen with.
        let vendor =
            self.vendors.get(vendor).ok_or_else(|| Refusal::new(422, "BDC_1205", "No vendor exists with this id."))?;
        let name = vendor.get("name").cloned().unwrap_or_default();
        let total = self.itemize(row, "billLineItems", "bli")?;
        row.insert("vendorName".to_owned(), name);
        for (field, value) in
            [("amount", total), ("dueAmount", total), ("paidAmount", 0), ("scheduledAmount", 0), ("creditAmount", 0)]
        {
            row.insert(field.to_owned(), amount(value));
        }
        row.insert("paymentStatus".to_owned(), json!("UNPAID"));
        row.insert("approvalStatus".to_owned(), json!("UNASSIGNED"));
        Ok(())
    }

    fn invoice(&mut self, row: &mut Row, now: Millis) -> Result<(), Refusal> {
        let customer = match row.remove("customer") {
            Some(Value::Object(customer)) => customer,
            _ => Row::new(),
        };
        let id = match filled(&customer, "id") {
            Some(id) => {
                self.customers
                    .get(id)
                    .ok_or_else(|| Refusal::new(422, "BDC_1205", "No customer exists with this id."))?;
                id.to_owned()
            }
            None => {
                let problems = Shelf::Customers.problems(&customer);
                if !problems.is_empty() {
                    return Err(Refusal::invalid(
                        problems.into_iter().map(|problem| format!("customer.{problem}")).collect(),
                    ));
                }
                let made = self.put(Shelf::Customers, customer, now);
                filled(&made, "id").unwrap_or_default().to_owned()
            }
        };
        let total = self.itemize(row, "invoiceLineItems", "ili")?;
        row.remove("processingOptions");
        row.insert("customerId".to_owned(), Value::from(id));
        let number = format!("INV-{:05}", self.invoices.rows.len() + 1);
        for (field, default) in
            [("invoiceNumber", number), ("invoiceDate", time::date(now)), ("dueDate", time::date(now))]
        {
            if filled(row, field).is_none() {
                row.insert(field.to_owned(), Value::from(default));
            }
        }
        for (field, value) in
            [("totalAmount", total), ("dueAmount", total), ("scheduledAmount", 0), ("creditAmount", 0)]
        {
            row.insert(field.to_owned(), amount(value));
        }
        row.insert("status".to_owned(), json!("OPEN"));
        Ok(())
    }

    /// Where a body brought lines, the row's totals are theirs, and each line has an id.
    pub(super) fn add_up(&mut self, row: &mut Row, given: &[String]) {
        let Some(field) = given.iter().find(|field| field.ends_with("LineItems")) else { return };
        let Some(Value::Array(mut lines)) = row.remove(field) else { return };
        let mut total = 0_i64;
        for line in lines.iter_mut().filter_map(Value::as_object_mut) {
            total = total.saturating_add(sum_of(line).unwrap_or_default());
            if !line.contains_key("id") {
                line.insert("id".to_owned(), Value::from(self.id("lin")));
            }
        }
        row.insert(field.clone(), Value::Array(lines));
        for name in ["amount", "totalAmount", "dueAmount", "amountDue"] {
            if row.get(name).is_some_and(Value::is_number) && !given.iter().any(|given| given == name) {
                row.insert(name.to_owned(), amount(total));
            }
        }
    }

    /// Gives each line an id and adds the lines up, in cents.
    fn itemize(&mut self, row: &mut Row, field: &str, prefix: &str) -> Result<i64, Refusal> {
        let mut total = 0_i64;
        let mut lines = match row.remove(field) {
            Some(Value::Array(lines)) => lines,
            _ => Vec::new(),
        };
        for (at, line) in lines.iter_mut().enumerate() {
            let Value::Object(line) = line else { continue };
            let sum = sum_of(line);
            let sum = sum.ok_or_else(|| Refusal::invalid(vec![format!("{field}[{at}].amount: must not be null")]))?;
            total = total.saturating_add(sum);
            line.insert("id".to_owned(), Value::from(self.id(prefix)));
        }
        row.insert(field.to_owned(), Value::Array(lines));
        Ok(total)
    }
}

/// What a line comes to, where it says so.
fn sum_of(line: &Row) -> Option<i64> {
    let price = line.get("price").or(line.get("unitPrice")).and_then(amount_of);
    match (line.get("amount").and_then(cents), line.get("quantity").and_then(amount_of), price) {
        (Some(amount), _, _) => Some(amount),
        (None, quantity, Some(price)) => quantity.unwrap_or(Decimal::ONE).checked_mul(price).and_then(whole_cents),
        _ => None,
    }
}

fn vendor(row: &mut Row) {
    for (field, default) in [
        ("accountType", json!("BUSINESS")),
        ("billCurrency", json!("USD")),
        ("networkStatus", json!("NOT_CONNECTED")),
        ("balance", json!({"amount": 0})),
    ] {
        row.entry(field).or_insert(default);
    }
    let paid = row.entry("paymentInformation").or_insert_with(|| json!({}));
    // Bank data goes in and does not come out (no page shows it in an answer).
    let banked = paid.as_object_mut().and_then(|paid| paid.remove("bankAccount")).is_some();
    if let Some(paid) = paid.as_object_mut() {
        paid.insert("payByType".to_owned(), json!(if banked { "ACH" } else { "CHECK" }));
    }
    row.insert("bankAccountStatus".to_owned(), json!(if banked { "NET_LINKED_ACCOUNT" } else { "NO_ACCOUNT" }));
}
