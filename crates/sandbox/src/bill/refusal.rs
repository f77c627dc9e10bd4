//! A refusal of BILL's, and its two dialects: an array of errors on v3, an envelope on v2.

use serde_json::{Value, json};

use crate::time::{self, Millis};
use crate::wire::Reply;

/// Why a request is refused, in one or more sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    problems: Vec<(Option<String>, String)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &str, message: &str) -> Self {
        Self { status, problems: vec![(Some(code.to_owned()), message.to_owned())] }
    }

    /// With the usual words of this code.
    pub(crate) fn coded(status: u16, code: &str) -> Self {
        Self::new(status, code, message(code))
    }

    /// A body that fails validation: one error a field, without a code (observed by integrators).
    pub(crate) fn invalid(problems: Vec<String>) -> Self {
        Self { status: 400, problems: problems.into_iter().map(|problem| (None, problem)).collect() }
    }

    /// A parameter that is not there.
    pub(crate) fn missing(what: &str) -> Self {
        Self::new(400, "BDC_1108", &format!("{what} is required."))
    }

    /// A parameter whose value does not do.
    pub(crate) fn value(message: &str) -> Self {
        Self::new(400, "BDC_1129", message)
    }

    /// An id that names nothing here. BDC_1205 with 404 was observed by integrators.
    pub(crate) fn unknown(what: &str) -> Self {
        Self::new(404, "BDC_1205", &format!("No {what} exists with this id."))
    }

    /// Spend & Expense without a good token. That a missing one is refused is documented for a sibling API, as an array with 401;
    /// "Unauthorized" was seen in the body; the code is assumed.
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "BDC_1101", "Unauthorized: apiToken is missing or not valid.")
    }

    /// Spend & Expense has no session and no trust, and so refusals of its own; `None` where it has none for this status. Those of
    /// 403 and 429 are assumed.
    pub(crate) fn spend(status: u16) -> Option<Self> {
        Some(match status {
            401 => Self::unauthorized(),
            403 => Self { status, problems: vec![(None, "Forbidden".to_owned())] },
            429 => Self::new(429, "BDC_1144", "Maximum number of allowed API calls per minute reached: 60"),
            _ => return None,
        })
    }

    /// v3: an array of `{timestamp, code, severity, category, message}`.
    pub(crate) fn v3(self, now: Millis) -> Reply {
        let errors: Vec<Value> = self
            .problems
            .iter()
            .map(|(code, message)| match code {
                Some(code) => json!({
                    "timestamp": time::bill_v3(now),
                    "code": code,
                    "severity": "ERROR",
                    "category": category(code, self.status),
                    "message": message,
                }),
                None => json!({"timestamp": time::bill_v3(now), "severity": "ERROR", "category": "REQUEST", "message": message}),
            })
            .collect();
        Reply::refused(self.status, &Value::Array(errors))
    }

    /// v2: an envelope inside HTTP 200 (observed by integrators; no page says so). Faults of the server keep their status.
    pub(crate) fn v2(self) -> Reply {
        let (code, message) = self.problems.into_iter().next().unwrap_or_default();
        let body = json!({
            "response_status": 1,
            "response_message": "Error",
            "response_data": {"error_code": code.unwrap_or_else(|| "BDC_1118".to_owned()), "error_message": message},
        });
        Reply::refused(if self.status >= 500 { self.status } else { 200 }, &body)
    }
}

/// The usual words of a code.
pub(crate) fn message(code: &str) -> &'static str {
    match code {
        "BDC_1101" => "Invalid username or password.",
        "BDC_1102" => "Invalid developer key.",
        "BDC_1107" => "Organization is locked out.",
        // Two spaces, as the newest copy of the vendor's page has it.
        "BDC_1109" => "Session is invalid.  Please log in.",
        "BDC_1110" => "Login is locked.",
        "BDC_1111" => "No active user for this login and organization.",
        "BDC_1121" => "API is not supported.",
        "BDC_1123" => "Invalid organization id.",
        "BDC_1129" => "Invalid parameter value.",
        "BDC_1144" => "Maximum number of allowed API calls per hour reached: 20000",
        "BDC_1205" => "No object exists with this id.",
        "BDC_1302" => "Operation is not available to a token-based sign in.",
        "BDC_1322" => "Too many concurrent requests for this organization.",
        "BDC_1356" => "The token has expired.",
        "BDC_1358" => "Too many attempts.",
        "BDC_1361" => "Untrusted session.",
        _ => "The request could not be processed.",
    }
}

/// DOWNSTREAM was observed for sessions and trust; of the others only the list of categories is documented.
fn category(code: &str, status: u16) -> &'static str {
    match (code, status) {
        ("BDC_1101" | "BDC_1102" | "BDC_1107" | "BDC_1109" | "BDC_1110" | "BDC_1361", _) => "DOWNSTREAM",
        (_, 500..) => "SERVER",
        (_, 422) => "APPLICATION",
        _ => "REQUEST",
    }
}
