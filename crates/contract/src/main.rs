//! What other people's tools are run against, and with:
//!
//! - `ledgerkey-contract walk API` calls every operation of an API once, with the arguments of the spec's examples and credentials made up for each
//!   call, and prints what came of it as JSON. The addresses come from the environment, as for the `ledgerkey` command.
//! - `ledgerkey-contract sandbox` serves the sandbox, as `ledgerkey sandbox` does, but without the limits on the number of calls: a tool that
//!   calls without end would meet nothing else. Nor do payments want a second factor.

mod walk;

use std::process::ExitCode;

use ledgerkey_cli::access;
use ledgerkey_sandbox::Sandbox;
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let api = match arguments[..] {
        ["sandbox"] => return serve().await,
        ["walk", api] => access::api(api).map_err(|error| error.to_string()),
        _ => Err("usage: ledgerkey-contract walk API | sandbox".to_owned()),
    };
    let report = match api {
        Ok(api) => walk::walk(api).await,
        Err(words) => {
            eprintln!("{words}");
            return ExitCode::from(2);
        }
    };
    let failed = report["faults"].as_array().is_some_and(|faults| !faults.is_empty());
    println!("{report:#}");
    ExitCode::from(u8::from(failed))
}

/// Until the process is ended.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]
async fn serve() -> ExitCode {
    let builder = Sandbox::builder().real_clock().rate_limits(false).concurrency_limit(false).mfa_for_payments(false);
    match builder.start() {
        Ok(sandbox) => {
            println!("{}", json!({"url": sandbox.url(), "credentials": sandbox.credentials()}));
            std::future::pending().await
        }
        Err(error) => {
            eprintln!("the sandbox cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
