//! What went wrong, as an exit code and one sentence that says what to do next.

use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use ledgerkey::Error;

use crate::output::tell;

/// A row of the tour failed, or the output could not be written.
pub(crate) const FAILED: u8 = 1;
/// Usage or configuration.
pub(crate) const USAGE: u8 = 2;
/// The answer does not fit the spec, and `--strict` was given.
pub(crate) const MISFIT: u8 = 6;

/// Why a subcommand did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Nobody reads the output any more, as with `| head -1`: no failure of ours.
    NobodyReads,
    /// Anything else.
    Told {
        /// The exit code.
        code: u8,
        /// One sentence.
        words: String,
    },
}

impl Failure {
    /// A mistake in the arguments or the environment.
    pub(crate) fn config(words: impl Into<String>) -> Self {
        Self::Told { code: USAGE, words: words.into() }
    }

    /// Tells it on standard error.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::NobodyReads => ExitCode::SUCCESS,
            Self::Told { code, words } => {
                tell(&words);
                ExitCode::from(code)
            }
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Told { code: FAILED, words: format!("the output cannot be written: {error}") },
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Told { code: exit_code(&error), words: words(&error) }
    }
}

/// An error and what to do about it, in one sentence.
pub(crate) fn words(error: &Error) -> String {
    let mut words = error.to_string();
    if let Some(cause) = first_cause(error).filter(|cause| !words.contains(cause)) {
        words.push_str(": ");
        words.push_str(&cause);
    }
    match hint(error) {
        "" => words,
        hint => format!("{}; {hint}", words.trim_end_matches('.')),
    }
}

/// What the system said at the bottom of it, such as that a connection was refused.
fn first_cause(error: &Error) -> Option<String> {
    // `Network` shows its source in its own words, and does not name it as one.
    let mut cause = match error {
        Error::Network { source, .. } => source.source()?,
        other => other.source()?,
    };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        "sign-in-rejected" | "locked-out" | "mfa-required" => 3,
        "vendor" | "rate-limited" | "decode" | "wrong-company" => 4,
        "network" | "timeout" | "ambiguous" => 5,
        _ => USAGE,
    }
}

/// What to do next.
fn hint(error: &Error) -> &'static str {
    let code = |wanted: &str| error.refusal().is_some_and(|refusal| refusal.codes().any(|code| code == wanted));
    match error.kind() {
        "sign-in-rejected" if matches!(error, Error::SignInRejected { way: "api-token", .. }) => {
            "check BILL_SPEND_TOKEN, and that it belongs to the environment that LEDGERKEY_BILL_URL leads to"
        }
        "sign-in-rejected" if code("BDC_1102") => {
            "check the developer key, and that it belongs to the environment that LEDGERKEY_BILL_URL leads to: BILL's sandbox and production share no keys"
        }
        "sign-in-rejected" if code("BDC_1101") => {
            "check the user name and the password or token, and that they belong to the environment that LEDGERKEY_BILL_URL leads to; do not repeat it in a loop, BILL locks the login"
        }
        "sign-in-rejected" => {
            "check the credentials in the environment before you try again: repeated refusals can lock a login"
        }
        "locked-out" if code("BDC_1107") => "have BILL unlock the organization; trying again does not help",
        "locked-out" => "have the password reset in the vendor's web application; trying again does not help",
        "mfa-required" => {
            "sign in by hand with the rememberMeId and device of a remembered device, or use the library's `mfa()`, which makes a session trusted; signing in again alone does not help"
        }
        "not-permitted" => "`ledgerkey operations API` lists the ways that may call it, and --way chooses one",
        "rate-limited" => "wait as long as the vendor says (BILL counts by the clock hour), then try again",
        "wrong-company" => {
            "somebody else switched this user's company: try again, and give an integration a user of its own"
        }
        "decode" => {
            "the vendor's answer has drifted from the spec, or something on the way changed it: compare the spec with the answer"
        }
        "network" => {
            "check the address in LEDGERKEY_BILL_URL, LEDGERKEY_BILL_V2_URL or LEDGERKEY_BEZALA_URL, and the network"
        }
        "timeout" => "the vendor is slow or the network is: try again later",
        "store" => "LEDGERKEY_STORE says where sessions are kept",
        "ambiguous" => "it may have been carried out",
        "vendor" if error.refusal().is_some_and(|refusal| refusal.status == 404) => "check the ids in the parameters",
        "vendor" if error.refusal().is_some_and(|refusal| refusal.status == 403) => {
            "check the rights of the user, and whether another way to sign in may make this call"
        }
        "vendor" if error.refusal().is_some_and(|refusal| refusal.status >= 500) => {
            "the fault is the vendor's: try again later"
        }
        "vendor" => {
            "correct the parameters or the body; `ledgerkey operations API --json` names where the operation is described"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_holds_the_error_its_cause_and_what_to_do() {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "refused");
        let error = Error::Network { operation: "login", source: std::sync::Arc::new(io::Error::other(refused)) };
        let words = words(&error);
        assert!(words.starts_with("login: no answer from the vendor"), "{words}");
        assert!(words.contains("refused") && words.contains("LEDGERKEY_BILL_URL"), "{words}");
        assert_eq!(exit_code(&error), 5);
    }

    #[test]
    fn configuration_is_a_mistake_of_the_caller() {
        let Failure::Told { code, words } = Failure::from(Error::Config("BILL_DEV_KEY is not set".into())) else {
            unreachable!("it is told")
        };
        assert_eq!((code, words.as_str()), (USAGE, "BILL_DEV_KEY is not set"));
    }
}
