//! What the sandbox remembers of every request it answered, or was ordered not to answer.

use std::time::SystemTime;

use serde::Serialize;

/// One request to a vendor, as the sandbox served it. It carries no secret: a session is named by a short handle.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// Counts from 1, in the order in which the requests arrived.
    pub sequence: u64,
    /// What the sandbox's clock showed when the answer was ready.
    #[serde(serialize_with = "as_text")]
    pub at: SystemTime,
    /// The API: `bill`, `bill-v2`, `bill-spend`, `bill-partner`, `bill-events` or `bezala`.
    pub api: &'static str,
    /// The operation id, or `-` for a path that no description knows.
    pub operation: String,
    /// The method.
    pub method: String,
    /// The path, without its query.
    pub path: String,
    /// The status answered; `None` where the connection was closed without an answer.
    pub status: Option<u16>,
    /// The vendor's first error code, where the answer carried one.
    pub code: Option<String>,
    /// Whether the vendor did what was asked: a refusal, or a fault that came before, is no.
    pub acted: bool,
    /// The kind of the fault that was laid on this request.
    pub fault: Option<&'static str>,
    /// A handle of the session, token or key that it ran under.
    pub session: Option<String>,
    /// The user's id.
    pub user: Option<String>,
    /// BILL: the organization's id.
    pub organization: Option<String>,
    /// Bezala: the id of the company that it ran in.
    pub company: Option<i64>,
}

/// Who a request ran as; filled in while it is served.
#[derive(Clone, Debug, Default)]
pub(crate) struct Under {
    pub session: Option<String>,
    pub user: Option<String>,
    pub organization: Option<String>,
    pub company: Option<i64>,
    /// The id of the BILL session whose idle clock starts again when the request is done.
    pub touch: Option<String>,
}

fn as_text<S: serde::Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    let millis =
        at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0));
    to.serialize_str(&crate::time::zulu(millis))
}
