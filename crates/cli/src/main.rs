//! The `ledgerkey` command: reads the arguments, runs one subcommand, and turns what came of it into words and an exit code.

mod arguments;
mod call;
mod drift;
mod failure;
mod logging;
mod operations;
mod output;
mod serve;
mod store;
mod tour;
mod upload;

use std::process::ExitCode;

use clap::Parser as _;

use self::arguments::{Arguments, Command};
use self::failure::Failure;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) => {
            // Nobody reads it any more: then there is nobody to tell.
            let _ = told.print();
            return ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(failure::USAGE));
        }
    };
    match run(arguments.command) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    logging::start()?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::config(format!("the asynchronous runtime cannot be started: {error}")))?;
    match command {
        Command::Tour { json } => runtime.block_on(tour::run(json)),
        Command::Sandbox { listen } => runtime.block_on(serve::run(listen)),
        Command::Operations { api, json } => operations::run(api.as_deref(), json),
        Command::Call(arguments) => runtime.block_on(call::run(&arguments)),
    }
}
