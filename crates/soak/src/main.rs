//! A million calls by a thousand tasks under faults of every kind, on a clock that jumps: what must never happen, did it happen?
//!
//! `cargo run --release -p ledgerkey-soak -- --seed 7 --calls 1000000`. The seed decides every choice of the tasks and of the chaos;
//! on one thread (the default) it decides the interleaving too, as far as the operating system's sockets do not.

mod chaos;
mod stage;
mod verdict;
mod work;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;

use crate::stage::Stage;
use crate::verdict::Tally;

/// The soak's size and its seed.
#[derive(Debug, Clone, Parser)]
struct Options {
    /// Decides every choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many calls to make, not counting those that end with a refusal of the credentials.
    #[arg(long, default_value_t = 1_000_000)]
    calls: u64,
    /// How many tasks make them.
    #[arg(long, default_value_t = 1000)]
    tasks: u64,
    /// How many threads run the tasks.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// How many of BILL's organizations are called.
    #[arg(long, default_value_t = 20)]
    organizations: usize,
    /// Creates nothing, so that nothing is kept of a call by anyone: for what memory does.
    #[arg(long)]
    reads_only: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let mut builder = match options.threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(threads);
            builder
        }
    };
    let findings = match builder.enable_all().build() {
        Ok(runtime) => runtime.block_on(soak(&options)),
        Err(error) => Err(error.to_string()),
    };
    match findings {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            say(&format!("FAILED with seed {}:", options.seed));
            findings.iter().for_each(|finding| say(&format!("  {finding}")));
            ExitCode::FAILURE
        }
        Err(words) => {
            say(&words);
            ExitCode::from(2)
        }
    }
}

async fn soak(options: &Options) -> Result<Vec<String>, String> {
    let began = Instant::now();
    let stage = Arc::new(Stage::set(options).await?);
    let tally = Arc::new(Tally::default());
    let chaos = tokio::spawn(chaos::run(stage.clone(), tally.clone(), options.clone()));
    let mut number = 0;
    // Of those that were under way when the last was begun, some may have been turned away.
    while tally.counted() < options.calls {
        let numbers = number..number + options.tasks;
        number = numbers.end;
        let tasks: Vec<_> =
            numbers.map(|task| tokio::spawn(work::run(stage.clone(), tally.clone(), options.clone(), task))).collect();
        for task in tasks {
            task.await.map_err(|error| error.to_string())?;
        }
    }
    let events = chaos.await.map_err(|error| error.to_string())?;
    let findings = verdict::judge(&stage, &tally, &events, options).await?;
    say(&tally.report(&stage, &events, options, began.elapsed()));
    Ok(findings)
}

#[expect(clippy::print_stdout, reason = "a program for the terminal")]
fn say(words: &str) {
    println!("{words}");
}
