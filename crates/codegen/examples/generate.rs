//! Prints what a spec is generated into: `cargo run -p ledgerkey-codegen --example generate specs/bill.yaml`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let Some(spec) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: generate SPEC");
        return ExitCode::from(2);
    };
    match ledgerkey_codegen::generate_file(&spec) {
        Ok(code) => print!("{code}"),
        Err(words) => {
            eprintln!("{words}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
