//! Whether an answer fits the type that its operation was generated with: the vendor's drift from the spec, seen the day it happens.

use ledgerkey::Error;
use ledgerkey::table::{Answer, Operation};
use serde::de::IgnoredAny;

use crate::output::tell;

/// Refuses what is no JSON at all where JSON was to come, such as the page of a proxy: that is no drift, and not for the next program
/// in a pipe. That a vendor says nothing is drift.
///
/// # Errors
/// `decode`.
pub(crate) fn expect_json(operation: &Operation, answer: &[u8]) -> Result<(), Error> {
    if answer.is_empty() || !matches!(operation.answer, Answer::Json(_)) {
        return Ok(());
    }
    serde_json::from_slice::<IgnoredAny>(answer).map(drop).map_err(|error| Error::Decode {
        operation: operation.id,
        path: ".".into(),
        detail: format!("not JSON (line {}, column {})", error.line(), error.column()),
    })
}

/// Tells where an answer does not fit, on standard error. Whether it fits.
pub(crate) fn check(operation: &Operation, answer: &[u8]) -> bool {
    let Answer::Json(check) = operation.answer else { return true };
    match check(answer) {
        Ok(()) => true,
        Err(misfit) => {
            tell(&format!(
                "{}: the answer does not fit the spec at `{}`: {}",
                operation.id, misfit.path, misfit.detail
            ));
            false
        }
    }
}
