//! What went wrong, as an exit code and one sentence that says what to do next.

use std::borrow::Cow;
use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use ledgerkey::Error;
use ledgerkey::bill::Code;
use ledgerkey_cli::access;

use crate::output::tell;

/// A row of the tour failed, or the output could not be written.
pub(crate) const FAILED: u8 = 1;
/// Usage or configuration.
pub(crate) const USAGE: u8 = 2;
/// The answer does not fit the spec, and `--strict` was given.
pub(crate) const MISFIT: u8 = 6;
/// Sent, and nobody knows whether it was done. Not that of the network: a script that tries again on that must not send this twice.
pub(crate) const AMBIGUOUS: u8 = 7;
/// Stopped by a signal, as shells tell it of ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

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

    /// The same with the API that it is about named where the words have a place for it.
    pub(crate) fn about(self, api: &str) -> Self {
        match self {
            Self::Told { code, words } => Self::Told {
                code,
                words: words.replace("`ledgerkey operations API", &format!("`ledgerkey operations {api}")),
            },
            other => other,
        }
    }

    /// The same with more to say.
    pub(crate) fn and(self, more: &str) -> Self {
        match self {
            Self::Told { code, words } => Self::Told { code, words: format!("{words}; {more}") },
            other => other,
        }
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
        hint if hint.is_empty() => words,
        hint => format!("{}; {hint}", words.trim_end_matches('.')),
    }
}

/// What the system said at the bottom of it, such as that a connection was refused.
fn first_cause(error: &Error) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    Some(cause.to_string())
}

fn exit_code(error: &Error) -> u8 {
    match error.kind() {
        "sign-in-rejected" | "locked-out" | "mfa-required" => 3,
        "vendor" | "rate-limited" | "decode" | "wrong-company" => 4,
        "network" | "timeout" => 5,
        "ambiguous" => AMBIGUOUS,
        _ => USAGE,
    }
}

/// What to do next.
fn hint(error: &Error) -> Cow<'static, str> {
    let code = |wanted: &str| error.refusal().is_some_and(|refusal| refusal.codes().any(|code| code == wanted));
    let status = error.refusal().map_or(0, |refusal| refusal.status);
    let advice = advice(error);
    let words = match error.kind() {
        "sign-in-rejected" => return rejected_hint(error, code, advice),
        "locked-out" if code("BDC_1107") => "have BILL unlock the organization; trying again does not help",
        "locked-out" => "have the password reset in the vendor's web application; trying again does not help",
        "mfa-required" => {
            "keep the session with LEDGERKEY_STORE=file:PATH, make it trusted by `ledgerkey call bill challengeMfa --body '{}'` and then validateMfaChallenge with the challengeId and the token that was sent to the phone, and make this call again; signing in again alone does not help"
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
        "store" => "mend the store that LEDGERKEY_STORE names, or name another",
        "ambiguous" => {
            "list what is there at the vendor, and send it again only if it is not; or, where it has one, with the same idempotent key"
        }
        "vendor" if (300..400).contains(&status) => {
            "the address answers with a redirect, which is never followed: check LEDGERKEY_BILL_URL, LEDGERKEY_BILL_V2_URL or LEDGERKEY_BEZALA_URL"
        }
        "vendor" if status == 404 && is_sign_in(error) => {
            "no vendor is served at this address: check LEDGERKEY_BILL_URL, LEDGERKEY_BILL_V2_URL or LEDGERKEY_BEZALA_URL, which carry a path where the default does"
        }
        "vendor" if status == 413 => "send less at once",
        // What BILL's pages advise at BDC_1109, to sign in again, was done already.
        "vendor" if status == 401 || code("BDC_1109") => {
            "signing in again does not help: check the rights of the user, and that the address and the keys are of one environment"
        }
        "vendor" if advice.is_some() => return advice.unwrap_or_default().into(),
        "vendor" if status == 404 && is_switch(error) => {
            "check the id of the company, in BEZALA_COMPANY_ID or in the parameters"
        }
        "vendor" if status == 404 => "check the ids in the parameters",
        "vendor" if status == 403 => {
            "check the rights of the user, and whether another way to sign in may make this call"
        }
        "vendor" if status >= 500 => "the fault is the vendor's: try again later",
        "vendor" => {
            "correct the parameters or the body; `ledgerkey operations API --json` names where the operation is described"
        }
        _ => "",
    };
    words.into()
}

/// Whether it is about a call that signs in.
fn is_sign_in(error: &Error) -> bool {
    let Error::Vendor { operation, .. } = error else { return false };
    access::apis().iter().any(|api| api.ways.iter().any(|way| way.operation == Some(*operation)))
}

/// Whether it is about the call that selects a company, which nobody has to ask for.
fn is_switch(error: &Error) -> bool {
    let Error::Vendor { operation, .. } = error else { return false };
    access::apis().iter().filter_map(|api| api.company.as_ref()).any(|company| company.switch == *operation)
}

/// What BILL's pages, or integrators, advise at the first code that they say something of.
fn advice(error: &Error) -> Option<String> {
    Code::of(error).iter().find_map(Code::advice).map(as_clause)
}

/// A sentence as a part of another. A word in capitals is a name.
fn as_clause(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut letters = sentence.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(letters).collect(),
        _ => sentence.to_owned(),
    }
}

/// What to do about a sign-in that was refused.
fn rejected_hint(error: &Error, code: impl Fn(&str) -> bool, advice: Option<String>) -> Cow<'static, str> {
    let Error::SignInRejected { way, refusal } = error else { return "".into() };
    // Only the v2 call is refused inside HTTP 200.
    let address = if refusal.status == 200 { "LEDGERKEY_BILL_V2_URL" } else { "LEDGERKEY_BILL_URL" };
    let environment = format!("the environment that {address} leads to");
    if *way == "api-token" {
        format!("check BILL_SPEND_TOKEN, and that it belongs to {environment}").into()
    } else if code("BDC_1102") {
        let key =
            if *way == "partner-key" { "the app key in BILL_APP_KEY" } else { "the developer key in BILL_DEV_KEY" };
        format!("check {key}, and that it belongs to {environment}: BILL's sandbox and production share no keys").into()
    } else if code("BDC_1101") {
        format!(
            "check the user name and the password or token, and that they belong to {environment}; do not repeat it in a loop, BILL locks the login"
        )
        .into()
    } else if let Some(advice) = advice {
        format!("{advice}; repeated refusals can lock a login").into()
    } else {
        "check the credentials in the environment before you try again: repeated refusals can lock a login".into()
    }
}

#[cfg(test)]
mod tests {
    use ledgerkey::{Problem, Refusal};

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
    fn a_code_that_is_known_says_what_to_do_where_nothing_better_is_known() {
        let refused = |status, code: &str| {
            let mut problem = Problem::default();
            problem.code = Some(code.to_owned());
            let mut refusal = Refusal::default();
            (refusal.status, refusal.problems) = (status, vec![problem]);
            Box::new(refusal)
        };
        let vendor = |status, code| words(&Error::Vendor { operation: "createBill", refusal: refused(status, code) });
        assert_eq!(
            vendor(422, "BDC_1108"),
            "createBill was refused: HTTP 422; BDC_1108; send the parameter that the message names"
        );
        assert!(vendor(503, "BDC_9999").starts_with("createBill failed at the vendor: HTTP 503"));
        assert!(vendor(404, "BDC_9999").ends_with("; check the ids in the parameters"));
        assert!(vendor(401, "BDC_1109").contains("signing in again does not help"));
        let rejected = words(&Error::SignInRejected { way: "developer-key", refusal: refused(401, "BDC_1103") });
        assert!(
            rejected.ends_with("; have it switched on, or make another; repeated refusals can lock a login"),
            "{rejected}"
        );
    }

    #[test]
    fn a_sentence_becomes_a_clause() {
        assert_eq!(as_clause("Use v2 or v3."), "use v2 or v3");
        assert_eq!(as_clause("BILL knows. Ask."), "BILL knows. Ask");
        assert_eq!((as_clause("A"), as_clause("")), ("A".into(), String::new()));
    }

    #[test]
    fn configuration_is_a_mistake_of_the_caller() {
        let Failure::Told { code, words } = Failure::from(Error::Config("BILL_DEV_KEY is not set".into())) else {
            unreachable!("it is told")
        };
        assert_eq!((code, words.as_str()), (USAGE, "BILL_DEV_KEY is not set"));
    }
}
