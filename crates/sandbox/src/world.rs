//! Everything the sandbox knows, behind one lock that is held for the length of one operation and never while waiting.

use std::collections::BTreeMap;

use crate::bezala::Bezala;
use crate::bill::Bill;
use crate::faults::Faults;
use crate::log::{Served, Under};
use crate::spec::Api;
use crate::wire::{Call, Reply};
use crate::{Options, secrets::Secrets};

#[derive(Debug)]
pub(crate) struct World {
    pub bill: Bill,
    pub bezala: Bezala,
    pub faults: Faults,
    pub log: Vec<Served>,
    pub sign_ins: u64,
    pub arrived: u64,
    pub credentials: BTreeMap<String, String>,
}

impl World {
    pub(crate) fn new(options: &Options, now: i64) -> Self {
        let mut secrets = Secrets::default();
        let mut credentials = BTreeMap::new();
        let bill = Bill::new(options, &mut secrets, &mut credentials, now);
        let bezala = Bezala::new(secrets, &mut credentials, now);
        let (faults, log) = (Faults::default(), Vec::new());
        Self { bill, bezala, faults, log, sign_ins: 0, arrived: 0, credentials }
    }

    /// Carries out one operation.
    pub(crate) fn act(&mut self, call: &Call) -> (Reply, Under) {
        if call.api == Api::Bezala {
            self.bezala.under = Under::default();
            (self.bezala.act(call), std::mem::take(&mut self.bezala.under))
        } else {
            self.bill.under = Under::default();
            (self.bill.act(call), std::mem::take(&mut self.bill.under))
        }
    }
}

/// Whether an operation is a sign-in: the requests that `sign_ins` counts.
pub(crate) fn signs_in(api: Api, operation: &str) -> bool {
    match api {
        Api::Bill | Api::BillV2 => operation == "login",
        Api::BillPartner => matches!(operation, "login" | "loginAsUser"),
        Api::BillSpend | Api::BillEvents => false,
        Api::Bezala => operation.starts_with("create") && operation.ends_with("Token"),
    }
}

/// A refusal that nobody decided on but a fault: in the dialect of the API, with a code that fits the status.
pub(crate) fn refusal(call: &Call, status: u16, code: Option<&str>, retry_after: Option<u64>) -> Reply {
    let reply = if call.api == Api::Bezala {
        crate::bezala::refuse(status, crate::bezala::words(status, &call.op))
    } else if let (Api::BillSpend, None, Some(own)) = (call.api, code, crate::bill::Refusal::spend(status)) {
        own.v3(call.now)
    } else {
        let code = code.unwrap_or(match status {
            401 if signs_in(call.api, &call.op) => "BDC_1101",
            401 => "BDC_1109",
            403 => "BDC_1361",
            404 => "BDC_1205",
            423 => "BDC_1107",
            429 => "BDC_1144",
            400 | 422 => "BDC_1129",
            _ => "BDC_1001",
        });
        let refusal = crate::bill::Refusal::new(status, code, crate::bill::message(code));
        if call.api == Api::BillV2 { refusal.v2() } else { refusal.v3(call.now) }
    };
    match retry_after {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}
