//! What happens to calls, told to whoever counts: a metrics library, a test.

use std::fmt;
use std::time::Duration;

use crate::table::Operation;

/// Is told of every request, those that sign in included, and of the waits between them. It is called on the path of the calls: it should
/// count, and return.
///
/// Nothing that it is told holds a secret. Spans for logs are there without it, by `tracing`, with OpenTelemetry's names: `call` (the operation) and in it
/// `attempt` (one request, at the level of debug), `wait` and `sign_in` (why). The `reason` of a `wait` is one of `backing off`, `waiting for a limit`,
/// `waiting for a place`, `waiting for the sign-in`, `waiting for the company`, `asking for the company` and `asking for a share of the limits`.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A request was sent, and this came back: the status if there was one, and why it counts as failed if it does, in one word
    /// (`dead-session`, `rate-limited`, `timed-out`, ...). `took` is from sending to the end of the answer.
    fn attempted(
        &self,
        operation: &'static Operation,
        status: Option<u16>,
        failed: Option<&'static str>,
        took: Duration,
    ) {
        let _ = (operation, status, failed, took);
    }

    /// A call is about to wait.
    fn waited(&self, operation: &'static Operation, what: Waited, wait: Duration) {
        let _ = (operation, what, wait);
    }
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Waited {
    /// The time between two tries.
    BackOff,
    /// The next window of one of the vendor's limits.
    Limit,
}

impl Waited {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::BackOff => "backing off",
            Self::Limit => "waiting for a limit",
        }
    }
}
