//! An organization's rows: vendors, bills, customers, invoices, payments, bank accounts; and how each is made.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::Refusal;
use crate::collection::Table;
use crate::generic::{Store, fresh_like};
use crate::time::{self, Millis};
use crate::wire::{Row, amount, amount_of, cents, filled, whole_cents, without_nulls};

/// One kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shelf {
    Vendors,
    Bills,
    Customers,
    Invoices,
    Payments,
    BankAccounts,
}

impl Shelf {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vendors => "vendor",
            Self::Bills => "bill",
            Self::Customers => "customer",
            Self::Invoices => "invoice",
            Self::Payments => "payment",
            Self::BankAccounts => "bank account",
        }
    }

    /// By the path that v3 serves it at.
    pub(crate) fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/v3/vendors" => Self::Vendors,
            "/v3/bills" => Self::Bills,
            "/v3/customers" => Self::Customers,
            "/v3/invoices" => Self::Invoices,
            "/v3/payments" => Self::Payments,
            "/v3/funding-accounts/banks" => Self::BankAccounts,
            _ => return None,
        })
    }

    /// Ids begin with the kind (BILL's guides; that of a bank account is not documented).
    fn prefix(self) -> &'static str {
        match self {
            Self::Vendors => "009",
            Self::Bills => "00n",
            Self::Customers => "0cu",
            Self::Invoices => "00e",
            Self::Payments => "stp",
            Self::BankAccounts => "bac",
        }
    }

    /// What lists can be filtered by, as integrators read it; where nothing is known, what the rows carry.
    pub(crate) fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Vendors => &[
                "id",
                "archived",
                "name",
                "shortName",
                "accountNumber",
                "accountType",
                "email",
                "createdTime",
                "updatedTime",
            ],
            Self::Bills => &[
                "id",
                "archived",
                "vendorId",
                "amount",
                "dueDate",
                "paymentStatus",
                "approvalStatus",
                "createdTime",
                "updatedTime",
            ],
            Self::Customers => &[
                "id",
                "archived",
                "name",
                "email",
                "companyName",
                "accountType",
                "accountNumber",
                "createdTime",
                "updatedTime",
            ],
            Self::Invoices => &[
                "id",
                "archived",
                "invoiceNumber",
                "customerId",
                "status",
                "dueDate",
                "invoiceDate",
                "totalAmount",
                "createdTime",
                "updatedTime",
            ],
            Self::Payments => {
                &["id", "vendorId", "billId", "amount", "status", "processDate", "createdTime", "updatedTime"]
            }
            Self::BankAccounts => {
                &["id", "archived", "status", "bankName", "nameOnAccount", "createdTime", "updatedTime"]
            }
        }
    }

    pub(crate) fn sorts(self) -> &'static [&'static str] {
        match self {
            Self::Vendors | Self::Customers => &["name", "createdTime", "updatedTime"],
            Self::Bills => &["dueDate", "amount", "createdTime", "updatedTime"],
            Self::Invoices => &["dueDate", "invoiceDate", "totalAmount", "createdTime", "updatedTime"],
            Self::Payments => &["processDate", "amount", "createdTime", "updatedTime"],
            Self::BankAccounts => &["createdTime", "updatedTime"],
        }
    }

    /// What is wrong with a body, one sentence a field, in the words that integrators saw: `address: must not be null`.
    pub(crate) fn problems(self, row: &Row) -> Vec<String> {
        let mut problems = Vec::new();
        let mut text = |field: &str| match row.get(field) {
            None | Some(Value::Null) => problems.push(format!("{field}: must not be null")),
            Some(Value::String(text)) if text.trim().is_empty() => problems.push(format!("{field}: must not be blank")),
            Some(Value::String(_)) => {}
            Some(_) => problems.push(format!("{field}: must be a string")),
        };
        match self {
            Self::Vendors => {
                text("name");
                of(&mut problems, row, "address", "an object", Value::is_object);
                if filled(row, "name").is_some_and(|name| name.chars().count() > 100) {
                    problems.push("name: size must be between 1 and 100".to_owned());
                }
            }
            Self::Customers => {
                text("name");
                text("email");
            }
            Self::Bills => {
                text("vendorId");
                text("dueDate");
                of(&mut problems, row, "invoice", "an object", Value::is_object);
                lines(&mut problems, row, "billLineItems");
                date(&mut problems, row, "dueDate");
            }
            Self::Invoices => {
                // The customer goes in as an object and comes out as a flat id; the other ways round were refused with 400 (observed by
                // integrators).
                of(&mut problems, row, "customer", "an object", Value::is_object);
                if row.contains_key("customerId") {
                    problems.push("customerId: is not a field of the request".to_owned());
                }
                lines(&mut problems, row, "invoiceLineItems");
                date(&mut problems, row, "dueDate");
                date(&mut problems, row, "invoiceDate");
            }
            Self::Payments | Self::BankAccounts => {}
        }
        problems
    }
}

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

fn of(problems: &mut Vec<String>, row: &Row, field: &str, what: &str, is: impl Fn(&Value) -> bool) {
    match row.get(field) {
        None | Some(Value::Null) => problems.push(format!("{field}: must not be null")),
        Some(value) if is(value) => {}
        Some(_) => problems.push(format!("{field}: must be {what}")),
    }
}

fn lines(problems: &mut Vec<String>, row: &Row, field: &str) {
    of(problems, row, field, "an array of objects", |value| {
        value.as_array().is_some_and(|lines| !lines.is_empty() && lines.iter().all(Value::is_object))
    });
}

fn date(problems: &mut Vec<String>, row: &Row, field: &str) {
    if let Some(text) = filled(row, field)
        && (text.len() != 10 || time::parse(text).is_none())
    {
        problems.push(format!("{field}: must be a date in the format yyyy-MM-dd"));
    }
}
