//! Successful answers, decoded as what the specs say: what does not fit is told by its place, never by its value.
#![no_main]

use ledgerkey::fuzzing::decode;
use ledgerkey::table::{Answer, Api, Operation};
use ledgerkey::{Error, Secret, bezala, bill};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stage::Case;

/// Every secret begins so, and no word of the library's does.
const MARK: &str = "zq~";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some(case) = Case::read(data, MARK) else { return };
    // Every operation's own check.
    let apis: [&Api; 5] = [&bezala::api::API, &bill::api::API, &bill::v2::API, &bill::spend::API, &bill::partner::API];
    let operations = apis.iter().map(|api| api.operations.len()).sum::<usize>();
    let operation = apis.iter().flat_map(|api| api.operations).nth(usize::from(case.choose[0]) % operations);
    if let Some(Answer::Json(check)) = operation.map(|operation| operation.answer)
        && let Err(mismatch) = check(&case.body)
    {
        assert_tells_no_value(&mismatch.detail);
    }
    // The way of a call, for a type of each kind.
    let (operation, decode) = DECODED[usize::from(case.choose[1]) % DECODED.len()];
    match decode(operation, &case.body, &case.told()) {
        Ok(()) => {}
        Err(Error::Decode { path, detail, .. }) => {
            case.assert_hidden(&path);
            assert_tells_no_value(&detail);
        }
        Err(error @ (Error::Vendor { .. } | Error::LockedOut { .. })) => {
            for problem in error.refusal().map(|refusal| &refusal.problems[..]).unwrap_or_default() {
                case.assert_hidden(&problem.message);
                case.assert_hidden(problem.code.as_deref().unwrap_or_default());
            }
        }
        Err(other) => panic!("{other:?}"),
    }
});

type Decode = fn(&'static Operation, &[u8], &[Secret]) -> Result<(), Error>;

/// Types with what is hard to read: amounts, dates, ids, maps, lists of objects, enumerations.
const DECODED: &[(&Operation, Decode)] = &[
    (&bezala::api::operations::LIST_TRIPS, run::<Vec<bezala::api::types::Trip>>),
    (&bezala::api::operations::LIST_BILLS, run::<Vec<bezala::api::types::Bill>>),
    (&bezala::api::operations::GET_HOME, run::<bezala::api::types::Home>),
    (&bezala::api::operations::LIST_COST_CENTERS, run::<Vec<bezala::api::types::CostCenter>>),
    (&bill::api::operations::LIST_BILLS, run::<bill::api::types::BillList>),
    (&bill::api::operations::LIST_INVOICES, run::<bill::api::types::InvoiceList>),
    (&bill::api::operations::GET_VENDOR, run::<bill::api::types::Vendor>),
    (&bill::api::operations::LIST_PAYMENTS, run::<bill::api::types::PaymentList>),
    (&bill::v2::operations::LIST_BILLS, run::<bill::v2::types::BillsEnvelope>),
    (&bill::v2::operations::LIST_VENDORS, run::<bill::v2::types::VendorsEnvelope>),
    (&bill::spend::operations::LIST_BUDGETS, run::<bill::spend::types::BudgetList>),
    (&bill::spend::operations::LIST_TRANSACTIONS, run::<bill::spend::types::TransactionList>),
    (&bill::partner::operations::LIST_ORGANIZATIONS, run::<bill::partner::types::OrganizationList>),
];

/// Decodes, and what was read can be written and read again as the same.
fn run<T: DeserializeOwned + Serialize>(
    operation: &'static Operation,
    body: &[u8],
    told: &[Secret],
) -> Result<(), Error> {
    let value: T = decode(operation, body, told)?;
    let written = serde_json::to_vec(&value).expect("what was read can be written");
    let again: T = decode(operation, &written, told).expect("what was written can be read");
    assert_eq!(serde_json::to_vec(&again).expect("and written again"), written);
    Ok(())
}

#[track_caller]
fn assert_tells_no_value(detail: &str) {
    assert!(!detail.to_ascii_lowercase().contains(MARK), "{detail}");
}
