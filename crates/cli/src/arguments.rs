//! The arguments, as clap reads them.

use std::convert::Infallible;
use std::net::SocketAddr;

use clap::{Parser, Subcommand};

/// Typed clients for BILL and Bezala that look after their sessions: a tour of them, a sandbox of both vendors, and any operation.
#[derive(Debug, Parser)]
#[command(name = "ledgerkey", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take every way to sign in through sign-in, loss of the session, recovery and sign-out, against a sandbox in this process
    Tour {
        /// One JSON object a row instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Serve both vendors on a loopback port until stopped
    ///
    /// The first line on stdout is one JSON object: `url`; `credentials`, sign-in data under the names of the variables that `call`
    /// reads; and `addresses`, the variables that lead `call` here. Its clock is this machine's, and can be moved by
    /// `POST URL/_sandbox/clock {"advance": "PT36M"}`.
    Sandbox {
        /// A loopback address and a port; port 0 is a free one
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// List every operation: what it is called, where it goes, and what it needs
    Operations {
        /// Only those of bezala, bill, bill-v2, bill-spend, bill-partner or bill-events
        api: Option<String>,
        /// One JSON array instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Make one call, and print the answer as the vendor sent it
    #[command(after_help = ENVIRONMENT)]
    Call(Call),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Call {
    /// bezala, bill, bill-v2, bill-spend, bill-partner or bill-events
    pub(crate) api: String,
    /// The operation's id, as `ledgerkey operations` lists it
    #[arg(value_name = "OPERATION_ID")]
    pub(crate) operation: String,
    /// How to sign in; the API's first way by default
    ///
    /// developer-key, sync-token, console-token, partner-user, api-token, partner-key, password, google, microsoft or okta
    #[arg(long)]
    pub(crate) way: Option<String>,
    /// A parameter of the path, the query or the headers, or a field of a form; `file=@PATH` for an upload
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) params: Vec<(String, String)>,
    /// The body: JSON, `@FILE`, or `@-` for standard input; a file as it is where the operation takes one
    #[arg(long, value_name = "JSON|@FILE")]
    pub(crate) body: Option<String>,
    /// Fetch all pages of a list, and print one row a line
    #[arg(long)]
    pub(crate) all: bool,
    /// Exit with 6 if the answer does not fit the type that the spec gives it
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Without a name if it is no pair: clap would repeat what was given, which may be a secret without its name.
fn pair(text: &str) -> Result<(String, String), Infallible> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    Ok((name.to_owned(), value.to_owned()))
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 a row of the tour failed, or the output could not be written; 2 usage or configuration; 3 sign-in refused or MFA needed; \
4 the vendor refused the call, or its answer cannot be used; 5 network or timeout; 6 the answer does not fit the spec (--strict); \
7 sent, and nobody knows whether it was done: look before you send it again; 130 interrupted.";

const ENVIRONMENT: &str = "\
Credentials, by environment:
  BILL        BILL_ORGANIZATION_ID BILL_DEV_KEY, and
    developer-key  BILL_USERNAME BILL_PASSWORD
    sync-token     BILL_SYNC_TOKEN_NAME BILL_SYNC_TOKEN
    console-token  BILL_CONSOLE_EMAIL BILL_CONSOLE_TOKEN
    partner-user   BILL_PARTNER_USER_ID and those of partner-key
  Spend       BILL_SPEND_TOKEN
  Partner     BILL_PARTNER_USERNAME BILL_PARTNER_PASSWORD BILL_APP_KEY
  Bezala      BEZALA_EMAIL, BEZALA_COMPANY_ID (the company to run in; else the selected one), and
    password           BEZALA_PASSWORD
    google, microsoft  BEZALA_SSO_TOKEN
    okta               BEZALA_SSO_TOKEN BEZALA_OKTA_COMPANY BEZALA_OKTA_URL
Addresses: LEDGERKEY_BILL_URL and LEDGERKEY_BILL_V2_URL (BILL's sandbox by default), LEDGERKEY_BEZALA_URL.
LEDGERKEY_LOG or RUST_LOG: what is logged to stderr, such as `ledgerkey=debug`; nothing by default.
LEDGERKEY_STORE: where sessions are kept. `memory`, the default: for one run, and ended with it. `file:PATH`: for the runs that follow and
those beside them, which share it; the file is this user's alone (mode 0600), and nothing in it is encrypted. `redis://HOST:PORT/DB`: for runs on other machines too, with
the vendors' limits counted together.";
