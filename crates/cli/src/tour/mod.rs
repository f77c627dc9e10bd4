//! `ledgerkey tour`: every way to sign in, from the first call over the loss of the session to its end, against a sandbox in this
//! process whose clock is moved by hand, so that two idle days take no time.

mod calls;
mod companies;
mod report;
mod rows;
mod trust;
mod walk;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ledgerkey::client::{ResponseValue, Settings};
use ledgerkey::{Error, table::Way};
use ledgerkey_cli::sandbox_clock::SandboxClock;
use ledgerkey_cli::{access, doors::Door};
use ledgerkey_sandbox::Sandbox;

use self::report::Report;
use self::rows::{ROWS, Row, Story};
use crate::failure::{FAILED, Failure, words};
use crate::output;

/// Takes every row through its story, and prints what came of it.
///
/// # Errors
/// Where there is no sandbox to be had, or the output cannot be written.
pub(crate) async fn run(json: bool) -> Result<ExitCode, Failure> {
    let sandbox = Sandbox::start()
        .map_err(|error| Failure::config(format!("the sandbox cannot be started in this process: {error}")))?;
    let tour = Tour { sandbox, calls: AtomicU64::new(0) };
    let mut reports = Vec::with_capacity(ROWS.len());
    for row in ROWS {
        let report = tour.take(row).await;
        if json {
            report.print_json()?;
        }
        reports.push(report);
    }
    if !json {
        output::write(report::table(&reports).as_bytes())?;
    }
    tour.sandbox.shut_down().await;
    Ok(if reports.iter().all(|report| report.ok) { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

/// Why a row fails: one sentence.
type Outcome<T> = Result<T, String>;

/// The sandbox, and how many typed calls have been made.
struct Tour {
    sandbox: Sandbox,
    calls: AtomicU64,
}

impl Tour {
    async fn take(&self, row: &'static Row) -> Report {
        let (sign_ins, calls) = (self.sandbox.sign_ins(), self.calls.load(Ordering::Relaxed));
        let mut report = Report::of(row);
        let outcome = self.tell(row, &mut report).await;
        report.ok = outcome.is_ok();
        report.error = outcome.err();
        report.sign_ins = self.sandbox.sign_ins() - sign_ins;
        report.calls = self.calls.load(Ordering::Relaxed) - calls;
        report
    }

    async fn tell(&self, row: &'static Row, report: &mut Report) -> Outcome<()> {
        for name in row.ways {
            let (way, door) = self.open(row.api, name).map_err(|error| words(&error))?;
            report.recovered = false;
            match row.story {
                Story::Calls(calls) => self.walk(row, way, &door, calls, report).await,
                Story::Trust => self.trust(row, way, &door, report).await,
                Story::Companies => self.companies(row, &door, report).await,
            }
            .map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }

    /// Opens a way with the sandbox's credentials, on the sandbox's clock.
    fn open(&self, api: &str, way: &str) -> Result<(&'static Way, Door), Error> {
        let mut settings = Settings::default();
        settings.clock = Arc::new(SandboxClock::new(self.sandbox.clock()));
        let opened = access::open(api, Some(way), &access::of_sandbox(&self.sandbox), settings)?;
        Ok((opened.way, opened.door))
    }

    /// Counts a typed call, and gives its answer.
    async fn count<T>(&self, call: impl Future<Output = Result<ResponseValue<T>, Error>>) -> Outcome<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        call.await.map(ResponseValue::into_inner).map_err(|error| words(&error))
    }

    /// Checks how many sign-ins there were since `before`.
    fn expect_sign_ins(&self, before: u64, expected: u64, when: &str) -> Outcome<()> {
        match self.sandbox.sign_ins() - before {
            made if made == expected => Ok(()),
            made => Err(format!("{made} sign-ins {when}, not {expected}")),
        }
    }
}
