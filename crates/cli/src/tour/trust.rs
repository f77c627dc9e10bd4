//! The row of MFA: a payment is refused, the session is made trusted, and the session that follows it is trusted from its start.

use ledgerkey::bill::Organization;
use ledgerkey::bill::api::types::{
    BankAccountStatus, BankAccountStatusKnown, FundingAccountTypeKnown, Payment, PaymentFundingAccount, VendorId,
    builder,
};
use ledgerkey::client::ResponseValue;
use ledgerkey::table::Way;
use ledgerkey::wire::Decimal;
use ledgerkey::{Error, Secret};
use ledgerkey_cli::doors::Door;

use super::calls::organization;
use super::report::Report;
use super::rows::Row;
use super::{Outcome, Tour};
use crate::failure::words;

/// The name that BILL remembers this device under.
const DEVICE: &str = "ledgerkey tour";

/// What each payment moves, in the currency of the account.
const AMOUNT: &str = "10.01";

impl Tour {
    pub(super) async fn trust(&self, row: &Row, way: &Way, door: &Door, report: &mut Report) -> Outcome<()> {
        let organization = organization(door)?;
        let (before, paid) = (self.sandbox.sign_ins(), self.sandbox.acted("createPayment"));
        let order = self.order(organization).await?;
        self.expect_sign_ins(before, 1, "at first")?;
        match self.count(pay(organization, &order)).await {
            Ok(_) => return Err("a payment was made without trust".to_owned()),
            Err(told) if told.contains("MFA") => {}
            Err(told) => return Err(told),
        }

        let challenge = organization.mfa().challenge().await.map_err(|error| words(&error))?;
        let text = self.sandbox.phone().pop().ok_or("no token came to the phone")?;
        let trusted = organization.mfa().validate(&challenge, Secret::from(text.token), Some(DEVICE)).await;
        trusted.map_err(|error| words(&error))?.ok_or("the device is not remembered")?;
        self.count(pay(organization, &order)).await?;
        self.expect_sign_ins(before, 1, "until the first payment")?;

        let texts = self.sandbox.phone().len();
        self.lose(row.loss, door).await?;
        let before = self.sandbox.sign_ins();
        self.count(pay(organization, &order)).await?;
        self.expect_sign_ins(before, 1, "after the session was lost")?;
        if self.sandbox.phone().len() != texts {
            return Err("a new challenge was needed".to_owned());
        }
        match self.sandbox.acted("createPayment") - paid {
            2 => {}
            made => return Err(format!("{made} payments were made, not 2")),
        }
        report.recovered = true;
        self.sign_out(way, door, report).await
    }

    /// Whom to pay, and from which account: what the calls before a payment find out.
    async fn order(&self, organization: &Organization) -> Outcome<Order> {
        let api = organization.api();
        let vendors = self.count(api.list_vendors().max(1).send()).await?.results;
        let vendor = vendors.into_iter().map(|vendor| vendor.id).next().ok_or("there is no vendor to pay")?;
        let banks = self.count(api.list_bank_accounts().send()).await?.results;
        let verified =
            |status: &BankAccountStatus| matches!(status, BankAccountStatus::Known(BankAccountStatusKnown::Verified));
        let mut banks = banks.into_iter().filter(|bank| bank.status.as_ref().is_some_and(verified));
        let bank = banks.find_map(|bank| bank.id);
        let amount = AMOUNT.parse().map_err(|error| format!("{AMOUNT} is no amount: {error}"))?;
        Ok(Order { amount, vendor, bank: bank.ok_or("there is no verified bank account")?.to_string() })
    }
}

struct Order {
    amount: Decimal,
    vendor: VendorId,
    bank: String,
}

async fn pay(organization: &Organization, order: &Order) -> Result<ResponseValue<Payment>, Error> {
    let from =
        PaymentFundingAccount { type_: FundingAccountTypeKnown::BankAccount.into(), id: Some(order.bank.clone()) };
    let payment = |payment: builder::PaymentCreate| {
        payment
            .vendor_id(order.vendor.clone())
            .amount(order.amount)
            .funding_account(from)
            .processing_options(builder::PaymentProcessingOptions::default().create_bill(true))
    };
    organization.api().create_payment().body_map(payment).send().await
}
