//! Whether an answer fits the type that its operation was generated with: the vendor's drift from the spec, seen the day it happens.

use ledgerkey::table::{Answer, Operation};

use crate::output::tell;

/// Tells where an answer does not fit, on standard error. Whether it fits.
pub(crate) fn check(operation: &Operation, answer: &[u8]) -> bool {
    let Answer::Json(check) = operation.answer else { return true };
    match check(answer) {
        Ok(()) => true,
        Err(misfit) => {
            tell(&format!("{}: the answer does not fit the spec at `{}`: {}", operation.id, misfit.path, misfit.detail));
            false
        }
    }
}
