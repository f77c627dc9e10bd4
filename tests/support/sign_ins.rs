//! How many sign-ins a process made itself, whoever else makes some.
#![allow(unreachable_pub, reason = "each test takes a part of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ledgerkey::client::Observer;
use ledgerkey::table::Operation;

#[derive(Debug, Default)]
pub struct SignIns(AtomicUsize);

impl SignIns {
    /// Those since the last time.
    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Observer for SignIns {
    fn attempted(&self, operation: &'static Operation, _: Option<u16>, _: Option<&'static str>, _: Duration) {
        let signs_in = operation.facts.ways.iter().any(|way| way.operation == Some(operation.id));
        self.0.fetch_add(usize::from(signs_in), Ordering::Relaxed);
    }
}
