//! The kinds of rows that an organization's books keep: how each is called, and what a body needs.

use serde_json::Value;

use crate::time;
use crate::wire::{Row, filled};

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
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Vendors => "009",
            Self::Bills => "00n",
            Self::Customers => "0cu",
            Self::Invoices => "00e",
            Self::Payments => "stp",
            Self::BankAccounts => "bac",
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
