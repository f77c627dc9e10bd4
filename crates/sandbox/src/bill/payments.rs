//! Payments: money that moves once. Who may pay, what can be paid, and what becomes of the bill.

use serde_json::{Value, json};

use super::books::{Books, Shelf};
use super::sessions::{Kind, Who, body};
use super::{Bill, Refusal};
use crate::time::{self, Millis};
use crate::wire::{Call, Reply, Row, amount, cents, decimal, filled, text};

impl Bill {
    /// `POST /v3/payments`.
    pub(super) fn create_payment(&mut self, call: &Call, who: &Who) -> Result<Reply, Refusal> {
        // A sync token's session makes no BILL payments (BILL's page on keys and tokens); the code of the refusal is not documented.
        if who.kind == Kind::Sync {
            return Err(Refusal::coded(403, "BDC_1302"));
        }
        if self.options.mfa_for_payments && !who.trusted {
            return Err(Refusal::coded(403, "BDC_1361"));
        }
        let mut given = body(call)?;
        // Ignored without a word (observed by integrators).
        given.remove("billPayments");
        let sum = check(&given, call.now)?;
        let books = self.books(&who.organization)?;
        let mut row = pay(books, given, sum, call.now)?;
        row.insert("createdBy".to_owned(), json!(who.user));
        let row = books.put(Shelf::Payments, row, call.now);
        Ok(Reply::done(201, &Value::Object(row)))
    }

    /// `POST /v3/payments/bulk`: one payment a bill, all or none. Whether BILL makes some where others fail is not documented.
    pub(super) fn create_bulk_payment(&mut self, call: &Call, who: &Who) -> Result<Reply, Refusal> {
        let given = body(call)?;
        let parts = given.get("payments").and_then(Value::as_array).filter(|parts| !parts.is_empty());
        let parts = parts.ok_or_else(|| Refusal::invalid(vec!["payments: must not be null".to_owned()]))?.clone();
        let mut wanted = Vec::new();
        for part in &parts {
            let mut one = given.clone();
            one.remove("payments");
            one.extend(part.as_object().cloned().unwrap_or_default());
            // The bulk call has no such field; of the single one it is required.
            one.entry("processingOptions").or_insert_with(|| json!({}));
            let sum = check(&one, call.now)?;
            wanted.push((one, sum));
        }
        let books = self.books(&who.organization)?;
        let before = books.table(Shelf::Bills).clone();
        let mut made = Vec::new();
        for (one, sum) in wanted {
            match pay(books, one, sum, call.now) {
                Ok(row) => made.push(row),
                Err(refusal) => {
                    *books.table_mut(Shelf::Bills) = before;
                    return Err(refusal);
                }
            }
        }
        let rows: Vec<Row> = made.into_iter().map(|row| books.put(Shelf::Payments, row, call.now)).collect();
        Ok(Reply::done(201, &json!({"payments": rows})))
    }

    /// `POST /v3/payments/{paymentId}/cancel`, and `void`: the payment as the description has it, and the bill is owed again.
    pub(super) fn undo_payment(&mut self, call: &Call, who: &Who) -> Result<Reply, Refusal> {
        let books = self.books(&who.organization)?;
        let payment = books.table(Shelf::Payments).get(call.id()).ok_or_else(|| Refusal::unknown("payment"))?;
        let status = filled(payment, "status") == Some("SCHEDULED");
        // Which code says so is not documented.
        if call.op == "cancelPayment" && !status {
            return Err(Refusal::new(422, "BDC_1159", "The payment cannot be canceled any more."));
        }
        let (bill, sum) = (payment.get("billId").map(text), payment.get("amount").and_then(cents));
        let reply = self.of_organization(call, who)?;
        let owed = bill.and_then(|bill| self.books(&who.organization).ok()?.table_mut(Shelf::Bills).get_mut(&bill));
        if let Some(owed) = owed.filter(|_| status) {
            let left = owed.get("scheduledAmount").and_then(cents).unwrap_or_default() - sum.unwrap_or_default();
            owed.insert("scheduledAmount".to_owned(), amount(left.max(0)));
            owed.insert("paymentStatus".to_owned(), json!(if left > 0 { "SCHEDULED" } else { "UNPAID" }));
            owed.insert("updatedTime".to_owned(), json!(time::bill_v3(call.now)));
        }
        Ok(reply)
    }

    /// `GET /v3/payments/options`.
    pub(super) fn payment_options(&mut self, call: &Call, who: &Who) -> Result<Reply, Refusal> {
        let vendor = call.filled("vendorId").ok_or_else(|| Refusal::missing("vendorId"))?;
        let sum = call.filled("amount").ok_or_else(|| Refusal::missing("amount"))?;
        let sum = cents(&json!(sum)).ok_or_else(|| Refusal::value("amount must be a number."))?;
        let books = self.books(&who.organization)?;
        books.table(Shelf::Vendors).get(vendor).ok_or_else(|| Refusal::unknown("vendor"))?;
        let banks: Vec<Value> = books
            .table(Shelf::BankAccounts)
            .rows
            .iter()
            .map(|bank| json!({"id": bank["id"], "available": true}))
            .collect();
        // The name of the list of bank accounts is not documented.
        let funding = json!({"cards": [{"available": false}], "bankAccounts": banks});
        // The amount is text here, where every other one is a number (BILL's guide to payment options).
        Ok(Reply::done(200, &json!({"vendorId": vendor, "amount": decimal(sum), "fundingOptions": funding})))
    }
}

/// What can be said of the body alone; its amount in cents.
fn check(given: &Row, now: Millis) -> Result<i64, Refusal> {
    let mut problems = Vec::new();
    let account = given.get("fundingAccount").and_then(Value::as_object);
    if account.is_none() {
        problems.push("fundingAccount: must not be null".to_owned());
    }
    let sum = given.get("amount").filter(|sum| sum.is_number()).and_then(cents);
    if sum.is_none() {
        problems.push("amount: must not be null".to_owned());
    }
    if !given.get("processingOptions").is_some_and(Value::is_object) {
        problems.push("processingOptions: must not be null".to_owned());
    }
    let kind = account.and_then(|account| filled(account, "type")).unwrap_or_default();
    if account.is_some() && !matches!(kind, "BANK_ACCOUNT" | "CARD_ACCOUNT" | "WALLET" | "AP_CARD") {
        problems.push("fundingAccount.type: must be BANK_ACCOUNT, CARD_ACCOUNT, WALLET or AP_CARD".to_owned());
    }
    if filled(given, "vendorId").is_none() && filled(given, "billId").is_none() {
        problems.push("vendorId: must not be null".to_owned());
    }
    if matches!(kind, "WALLET" | "AP_CARD") && filled(given, "processDate").is_none() {
        problems.push("processDate: must not be null".to_owned());
    }
    if filled(given, "description").is_some_and(|text| text.chars().count() > 70) {
        problems.push("description: size must be between 0 and 70".to_owned());
    }
    if !problems.is_empty() {
        return Err(Refusal::invalid(problems));
    }
    if let Some(date) = filled(given, "processDate")
        && (date.len() != 10 || time::parse(date).is_none() || date < time::date(now).as_str())
    {
        return Err(Refusal::new(422, "BDC_1152", "The process date is not valid."));
    }
    match sum {
        Some(sum) if sum > 0 => Ok(sum),
        _ => Err(Refusal::value("amount must be greater than zero.")),
    }
}

/// Moves the money: the bill is scheduled, and the payment is what is left to write down.
fn pay(books: &mut Books, mut row: Row, sum: i64, now: Millis) -> Result<Row, Refusal> {
    let account = row.get("fundingAccount").and_then(Value::as_object).cloned().unwrap_or_default();
    if filled(&account, "type") == Some("BANK_ACCOUNT") {
        let bank = filled(&account, "id").and_then(|id| books.table(Shelf::BankAccounts).get(id));
        if bank.and_then(|bank| filled(bank, "status")) != Some("VERIFIED") {
            return Err(Refusal::new(422, "BDC_1151", "The funding account cannot be used for this payment."));
        }
    }
    let creating =
        row.get("processingOptions").and_then(|options| options.get("createBill")) == Some(&Value::Bool(true));
    let bill = match (filled(&row, "billId").map(str::to_owned), creating) {
        (Some(_), true) => return Err(Refusal::value("billId does not go with createBill.")),
        (Some(id), false) => id,
        // How BILL refuses this is not documented; as other fields that are missing, here.
        (None, false) => return Err(Refusal::invalid(vec!["billId: must not be null".to_owned()])),
        (None, true) => {
            let date = time::date(now);
            let made = json!({
                "vendorId": row["vendorId"], "dueDate": date, "invoice": {"invoiceDate": date, "invoiceNumber": format!("PAY-{now}")},
                "billLineItems": [{"amount": amount(sum)}],
            });
            let made = books.create(Shelf::Bills, made.as_object().cloned().unwrap_or_default(), now)?;
            filled(&made, "id").unwrap_or_default().to_owned()
        }
    };
    let owed = books
        .table_mut(Shelf::Bills)
        .get_mut(&bill)
        .ok_or_else(|| Refusal::new(422, "BDC_1205", "No bill exists with this id."))?;
    if filled(&row, "vendorId").is_some_and(|vendor| filled(owed, "vendorId") != Some(vendor)) {
        return Err(Refusal::value("The bill is not of this vendor."));
    }
    let of = |owed: &Row, field: &str| owed.get(field).and_then(cents).unwrap_or_default();
    let open = of(owed, "dueAmount") - of(owed, "scheduledAmount");
    if sum > open {
        return Err(Refusal::new(422, "BDC_1159", "The payment is more than what is owed on the bill."));
    }
    let scheduled = of(owed, "scheduledAmount") + sum;
    owed.insert("scheduledAmount".to_owned(), amount(scheduled));
    owed.insert("paymentStatus".to_owned(), json!("SCHEDULED"));
    owed.insert("updatedTime".to_owned(), json!(time::bill_v3(now)));
    let (vendor, name) = (owed["vendorId"].clone(), owed.get("vendorName").cloned().unwrap_or_default());
    let part = json!([{"id": books.id("blp"), "billId": bill, "amount": amount(sum)}]);
    for (field, value) in [
        ("vendorId", vendor),
        ("vendorName", name),
        ("billId", json!(bill)),
        ("billPayments", part),
        ("status", json!("SCHEDULED")),
        ("singleStatus", json!("SCHEDULED")),
        ("onlinePayment", json!(true)),
        ("disbursementType", json!("ACH")),
        ("confirmationNumber", json!(format!("P{}", books.id("cnf")))),
        ("cancelRequestSubmitted", json!(false)),
    ] {
        row.insert(field.to_owned(), value);
    }
    row.entry("processDate").or_insert_with(|| json!(next_business_day(now)));
    row.entry("transactionNumber").or_insert_with(|| json!(format!("T{now}")));
    Ok(row)
}

/// The default process date: the next day that is not of a weekend. Holidays are not known here.
fn next_business_day(now: Millis) -> String {
    // 1970-01-01 was a Thursday: day 2 and day 3 after it were the weekend.
    let days = (1..=3).map(|step| now.div_euclid(time::DAY) + step);
    let day = days.into_iter().find(|day| !matches!(day.rem_euclid(7), 2 | 3)).unwrap_or_default();
    time::date(day * time::DAY)
}
