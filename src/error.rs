//! The one error of this crate.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::session::store::StoreError;

/// What went wrong, typed, and without a secret in any of its texts.
///
/// It is cheap to clone: when many callers wait for one sign-in and it fails, each gets the same error.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The vendor does not accept the credentials. Where there is a call that signs in, it is remembered: until they are replaced or the
    /// hold-off has passed, later calls get this error without another try. A credential that goes with each call is tried each time.
    #[error("the {way} sign-in was refused: {refusal}")]
    SignInRejected {
        /// The way to sign in.
        way: &'static str,
        /// What the vendor said.
        refusal: Box<Refusal>,
    },
    /// The login or the organization is locked at the vendor. Remembered like a refused sign-in if it was the sign-in that met it.
    #[error("{operation}: the login or the organization is locked: {refusal}")]
    LockedOut {
        /// The operation that met it.
        operation: &'static str,
        /// What the vendor said.
        refusal: Box<Refusal>,
    },
    /// The session lives but is not MFA-trusted, and a new sign-in would not be either.
    #[error("{operation} needs an MFA-trusted session: {refusal}")]
    MfaRequired {
        /// The operation.
        operation: &'static str,
        /// What the vendor said.
        refusal: Box<Refusal>,
    },
    /// This way to sign in may not call this operation; nothing was sent.
    #[error("{operation} is not open to a {way} session: {reason}")]
    NotPermitted {
        /// The operation.
        operation: &'static str,
        /// The way to sign in.
        way: &'static str,
        /// Why.
        reason: String,
    },
    /// Too many calls, and the vendor was still saying so when the tries or the time ran out.
    #[error("{operation} is rate-limited{}", limit_words(*limit, *until, refusal.as_deref()))]
    RateLimited {
        /// The operation.
        operation: &'static str,
        /// The limit that is spent, by our own count; `None` where only the vendor says so.
        limit: Option<&'static str>,
        /// How long until a call may go, where that is known.
        retry_after: Option<Duration>,
        /// When a call may go, where that is known.
        until: Option<SystemTime>,
        /// What the vendor said; `None` where nothing was sent, since the limit was known to be spent.
        refusal: Option<Box<Refusal>>,
    },
    /// The vendor refused the call, or failed at it.
    #[error("{operation} {}: {refusal}", refused_words(refusal))]
    Vendor {
        /// The operation.
        operation: &'static str,
        /// What the vendor said.
        refusal: Box<Refusal>,
    },
    /// The vendor answered something that the spec does not describe. If the answer is a JSON body of a 2xx, the call *was* done, and only its
    /// outcome is not known here: a call that must not be sent twice must not be sent again for this.
    #[error("{operation}: the answer does not fit at `{path}`: {detail}")]
    Decode {
        /// The operation.
        operation: &'static str,
        /// The place in the answer, such as `results[3].amount`; `.` is the whole of it.
        path: String,
        /// What did not fit; never the value itself.
        detail: String,
    },
    /// The call was sent and nobody knows whether the vendor acted on it. Find out before you send it
    /// again. A call with an idempotent key may be sent again with that very key.
    #[error("{operation} was sent{} and its fate is unknown; look before sending it again", sent_words(*sent_at))]
    Ambiguous {
        /// The operation.
        operation: &'static str,
        /// When it was first sent, by our clock, which can be a few milliseconds behind: look at the vendor for what was made from then on.
        sent_at: SystemTime,
        /// What hid the answer.
        #[source]
        source: Box<Error>,
    },
    /// The user's record at the vendor names another company than the call does. Nothing was written.
    #[error("{operation} was for company {expected}, but {}", found_words(*found))]
    WrongCompany {
        /// The operation.
        operation: &'static str,
        /// The company that the call names.
        expected: i64,
        /// The company that the vendor has on record, if it said.
        found: Option<i64>,
    },
    /// What came by itself, such as a webhook's notification, is not proved to be the vendor's. Nothing of it was read.
    #[error("{what} is not authentic: {reason}")]
    NotAuthentic {
        /// What came.
        what: &'static str,
        /// Why it is not believed.
        reason: &'static str,
    },
    /// The vendor could not be reached, or the connection broke.
    #[error("{operation}: no answer from the vendor")]
    Network {
        /// The operation.
        operation: &'static str,
        /// The cause, without the address's query.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// A time limit ran out.
    #[error("{operation}: {what} took longer than {limit:?}")]
    Timeout {
        /// The operation.
        operation: &'static str,
        /// What took too long.
        what: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// The place where sessions are kept failed.
    #[error("the session store failed: {0}")]
    Store(StoreError),
    /// A file on this machine cannot be read, or an answer cannot be written to it: what was asked of the vendor may have been done.
    #[error("{} {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What cannot be done with it.
        what: &'static str,
        /// The cause.
        source: Arc<io::Error>,
    },
    /// A credential, an address or an argument cannot be used as it is; nothing was sent.
    #[error("{0}")]
    Config(String),
}

/// A server's error is no refusal: whether the vendor acted is another question.
fn refused_words(refusal: &Refusal) -> &'static str {
    if refusal.status < 500 { "was refused" } else { "failed at the vendor" }
}

fn limit_words(limit: Option<&str>, until: Option<SystemTime>, refusal: Option<&Refusal>) -> String {
    let mut words = String::new();
    if let Some(limit) = limit {
        words.push_str(&format!(": the limit of {limit} is spent"));
    }
    if let Some(until) = until {
        let until = date(until).unwrap_or_else(|| "further notice".into());
        words.push_str(&format!(", until {until}"));
    }
    if let Some(refusal) = refusal {
        words.push_str(&format!(": {refusal}"));
    }
    words
}

fn sent_words(sent_at: SystemTime) -> String {
    date(sent_at).map_or_else(String::new, |date| format!(" on {date}"))
}

/// In HTTP's form, which ends with the year 9999.
fn date(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (since < Duration::from_secs(253_402_300_800)).then(|| httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since))
}

fn found_words(found: Option<i64>) -> String {
    match found {
        Some(found) => format!("company {found} is selected"),
        None => "the vendor does not say which is selected".to_owned(),
    }
}

impl Error {
    /// A stable word for the kind of error: `sign-in-rejected`, `locked-out`, `mfa-required`, `not-permitted`, `rate-limited`,
    /// `vendor`, `decode`, `ambiguous`, `wrong-company`, `not-authentic`, `network`, `timeout`, `store`, `file` or `config`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::SignInRejected { .. } => "sign-in-rejected",
            Self::LockedOut { .. } => "locked-out",
            Self::MfaRequired { .. } => "mfa-required",
            Self::NotPermitted { .. } => "not-permitted",
            Self::RateLimited { .. } => "rate-limited",
            Self::Vendor { .. } => "vendor",
            Self::Decode { .. } => "decode",
            Self::Ambiguous { .. } => "ambiguous",
            Self::WrongCompany { .. } => "wrong-company",
            Self::NotAuthentic { .. } => "not-authentic",
            Self::Network { .. } => "network",
            Self::Timeout { .. } => "timeout",
            Self::Store(_) => "store",
            Self::File { .. } => "file",
            Self::Config(_) => "config",
        }
    }

    /// What the vendor said, where it said something.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::SignInRejected { refusal, .. }
            | Self::LockedOut { refusal, .. }
            | Self::MfaRequired { refusal, .. }
            | Self::Vendor { refusal, .. } => Some(refusal),
            Self::RateLimited { refusal, .. } => refusal.as_deref(),
            Self::Ambiguous { source, .. } => source.refusal(),
            _ => None,
        }
    }

    pub(crate) fn config(words: impl Into<String>) -> Self {
        Self::Config(words.into())
    }
}

/// A vendor's refusal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status. BILL's v2 refuses inside a 200.
    pub status: u16,
    /// What the vendor said, one entry a problem; empty where the body said nothing that could be read.
    pub problems: Vec<Problem>,
    /// The role that the call needs, where the spec says and the vendor refused for want of rights.
    pub needs_role: Option<&'static str>,
    /// Whether a page was in the answer's place, as proxies and gateways have it: then the vendor has perhaps not been asked.
    pub page: bool,
}

impl Refusal {
    /// The vendor's codes, such as `BDC_1109`.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().filter_map(|problem| problem.code.as_deref())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        if self.page {
            f.write_str("; a page, as of a proxy, and not the vendor's words")?;
        }
        for problem in &self.problems {
            write!(f, "; {problem}")?;
        }
        if let Some(role) = self.needs_role {
            write!(f, "; the call needs the role {role}")?;
        }
        Ok(())
    }
}

/// One problem of a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Problem {
    /// The vendor's code.
    pub code: Option<String>,
    /// The vendor's words, cut to 300 characters and with known secrets taken out.
    pub message: String,
    /// The field of the request that it is about, where the vendor says so in a form that is known.
    pub field: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Many vendors' words begin with it.
        let field = self.field.as_deref().filter(|field| !self.message.starts_with(field));
        let parts = [self.code.as_deref(), Some(self.message.as_str()).filter(|message| !message.is_empty())];
        let mut parts = parts.into_iter().flatten();
        if let Some(field) = field {
            write!(f, "{field}: ")?;
        }
        if let Some(first) = parts.next() {
            f.write_str(first)?;
        }
        parts.try_for_each(|part| write!(f, " {part}"))
    }
}

/// Where an answer does not fit the type that the spec gives it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at `{path}`: {detail}")]
#[non_exhaustive]
pub struct Mismatch {
    /// The place, such as `results[3].amount`; `.` is the whole.
    pub path: String,
    /// What did not fit; never the value itself.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_a_date_cannot_tell_is_no_reason_to_panic() {
        let limited = |until| {
            let (operation, limit, retry_after, refusal) = ("list", None, None, None);
            Error::RateLimited { operation, limit, retry_after, until, refusal }.to_string()
        };
        let day = Duration::from_secs(24 * 60 * 60);
        assert!(limited(SystemTime::UNIX_EPOCH.checked_sub(day)).ends_with("until Thu, 01 Jan 1970 00:00:00 GMT"));
        assert!(limited(SystemTime::UNIX_EPOCH.checked_add(day * 3_000_000)).ends_with("until further notice"));
    }
}
