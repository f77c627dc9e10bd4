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
use clap::error::{ContextKind, ContextValue, ErrorKind};

use self::arguments::{Arguments, Command};
use self::failure::Failure;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(told) if told.use_stderr() => return usage(&told).report(),
        Err(asked_for) => {
            // Nobody reads it any more: then there is nobody to tell.
            let _ = asked_for.print();
            return ExitCode::SUCCESS;
        }
    };
    match run(arguments.command) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

/// A mistake in the arguments in one sentence, where clap has several lines: what is wrong is its first paragraph.
fn usage(told: &clap::Error) -> Failure {
    let text = told.render().to_string();
    let wrong: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let wrong = match told.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "there is no command".to_owned(),
        // What is no option may be a secret that a blank has parted from its name.
        ErrorKind::UnknownArgument if !is_option(told) => {
            "there is an argument too many (--param takes NAME=VALUE as one, in quotes if there is a blank in it)"
                .to_owned()
        }
        _ => wrong.join(" "),
    };
    Failure::config(format!("{}; see --help", wrong.trim_start_matches("error: ")))
}

/// Whether the argument that is wrong is one of those that begin with a dash.
fn is_option(told: &clap::Error) -> bool {
    matches!(told.get(ContextKind::InvalidArg), Some(ContextValue::String(argument)) if argument.starts_with('-'))
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
