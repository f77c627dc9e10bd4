//! The session's behaviour as data: runs the stories of `tests/scenarios/`, or of the directory that `LEDGERKEY_SCENARIOS` names, each against a
//! sandbox of its own whose clock the client shares, so that nothing waits for real.
//!
//! A story is one file; its steps are those of [`Step`](story::Step). Each story is a test of its own.

#![allow(clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "support/story.rs"]
mod story;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{ClientInfo, Connection, Settings};
use ledgerkey_cli::access::{self, Opened};
use ledgerkey_cli::sandbox_clock::SandboxClock;
use ledgerkey_sandbox::{Lock, Revoke, Sandbox};
use libtest_mimic::{Arguments as TestArguments, Failed, Trial};
use story::{Call, InCompany, Interleave, LockStep, Step, Story};
use tokio::sync::Barrier;

fn main() {
    let directory =
        std::env::var_os("LEDGERKEY_SCENARIOS").map_or_else(|| PathBuf::from("tests/scenarios"), PathBuf::from);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}: no stories there", directory.display());
    let trials = files.into_iter().map(|file| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Trial::test(name, move || run(&file).map_err(Failed::from))
    });
    let own = Trial::test("mistakes_are_named", || story::mistakes_are_named().map_err(Failed::from));
    libtest_mimic::run(&TestArguments::from_args(), trials.chain([own]).collect()).exit();
}

fn run(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let story: Story = serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let steps = story.steps().map_err(|words| format!("{}: {words}", file.display()))?;
    // On one thread, calls that start together have all started before the first of them gets an answer, however busy the machine is.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let stage = Stage::set(&story)?;
        for (number, step) in steps.iter().enumerate() {
            stage.play(step).await.map_err(|words| format!("{}: step {}: {words}", story.name, number + 1))?;
        }
        Ok(())
    })
}

struct Stage {
    sandbox: Sandbox,
    opened: Opened,
    settings: Settings,
}

impl Stage {
    fn set(story: &Story) -> Result<Self, String> {
        let sandbox = Sandbox::start().map_err(|error| error.to_string())?;
        let mut settings = Settings::default();
        settings.clock = Arc::new(SandboxClock::new(sandbox.clock()));
        let look_up = access::of_sandbox(&sandbox);
        let opened = access::open(&story.api, story.way.as_deref(), &look_up, settings.clone())
            .map_err(|error| error.to_string())?;
        Ok(Self { sandbox, opened, settings })
    }

    async fn play(&self, step: &Step) -> Result<(), String> {
        match step {
            Step::Call(call) => self.call(call).await,
            Step::Interleave(interleave) => self.interleave(interleave).await,
            Step::Advance(step) => {
                self.sandbox.clock().advance(duration(&step.advance)?);
                Ok(())
            }
            Step::SetBack(step) => {
                self.sandbox.clock().set_back(duration(&step.set_back)?);
                Ok(())
            }
            Step::Revoke(step) => {
                self.sandbox.revoke(match step.revoke.as_str() {
                    "all" => Revoke::All,
                    "bill" => Revoke::Bill,
                    "bezala" => Revoke::Bezala,
                    other => return Err(format!("cannot revoke {other:?}")),
                });
                Ok(())
            }
            Step::Fault(step) => {
                self.sandbox.order(step.fault.clone());
                Ok(())
            }
            Step::ClearFaults(step) => {
                if step.clear_faults {
                    self.sandbox.clear_faults();
                }
                Ok(())
            }
            Step::Acted(step) => same("performed", step.count, self.sandbox.acted(&step.acted)),
            Step::Lock(step) => self.lock(step),
            Step::Password(step) => self
                .sandbox
                .set_bezala_password(None, &step.password)
                .then_some(())
                .ok_or_else(|| "no such user".into()),
            Step::Outside(step) => {
                let company = self.company(&step.switch_outside)?;
                self.sandbox.switch_bezala_company(None, company).then_some(()).ok_or_else(|| "no such company".into())
            }
            Step::SignOut(step) if step.sign_out => {
                self.opened.session.sign_out().await.map_err(|error| error.to_string())
            }
            Step::SignOut(_) => Ok(()),
        }
    }

    async fn call(&self, step: &Call) -> Result<(), String> {
        let operation = self.opened.api.operation(&step.call).ok_or_else(|| format!("no operation {}", step.call))?;
        let mut arguments = Arguments::default();
        for (name, value) in &step.params {
            arguments = arguments.param(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        if let Some(body) = &step.body {
            arguments = arguments.body(body.clone());
        }
        let before = self.sandbox.sign_ins();
        let start = Arc::new(Barrier::new(step.times));
        let mut callers = Vec::new();
        for _ in 0..step.times {
            let (connection, arguments, start) = (self.opened.connection.clone(), arguments.clone(), start.clone());
            callers.push(tokio::spawn(async move {
                start.wait().await;
                connection.call(operation, &arguments).await
            }));
        }
        let (gone, staying) = callers.split_at(step.cancel);
        while !gone.is_empty()
            && self.sandbox.sign_ins() == before
            && !staying.iter().all(|caller| caller.is_finished())
        {
            tokio::task::yield_now().await;
        }
        gone.iter().for_each(|caller| caller.abort());
        for caller in callers.into_iter().skip(step.cancel) {
            let outcome = caller.await.map_err(|error| error.to_string())?;
            expect(&step.expect, step.code.as_deref(), outcome.map(drop))?;
        }
        self.check_sign_ins(step.sign_ins)
    }

    async fn interleave(&self, step: &Interleave) -> Result<(), String> {
        let look_up = access::of_sandbox(&self.sandbox);
        let user = access::bezala_access(self.opened.way.name, &look_up, self.settings.clone())
            .map_err(|error| error.to_string())?;
        let mut parts: Vec<(Connection, _, i64, &InCompany)> = Vec::new();
        for part in &step.interleave {
            let company = self.company(&part.company)?;
            let operation =
                self.opened.api.operation(&part.call).ok_or_else(|| format!("no operation {}", part.call))?;
            parts.push((user.company(company).api().inner().clone(), operation, company, part));
        }
        let served_before = self.sandbox.log().len();
        let mut callers = Vec::new();
        for (connection, operation, _, part) in parts.iter().cycle().take(step.times) {
            let (connection, operation) = (connection.clone(), *operation);
            let arguments = part.body.iter().fold(Arguments::default(), |arguments, body| arguments.body(body.clone()));
            callers.push(tokio::spawn(async move { connection.call(operation, &arguments).await }));
        }
        for caller in callers {
            expect(&step.expect, None, caller.await.map_err(|error| error.to_string())?.map(drop))?;
        }
        let mut served = 0;
        for entry in self.sandbox.log().into_iter().skip(served_before) {
            if let Some((_, _, company, part)) = parts.iter().find(|(_, operation, ..)| operation.id == entry.operation)
            {
                served += 1;
                if entry.acted && entry.company != Some(*company) {
                    return Err(format!("{} for company {company} was served in {:?}", part.call, entry.company));
                }
            }
        }
        if served < step.times {
            return Err(format!("the log has {served} of {} calls", step.times));
        }
        self.check_sign_ins(step.sign_ins)
    }

    fn lock(&self, step: &LockStep) -> Result<(), String> {
        let name = self.credential(&step.lock)?;
        let what = if step.lock == "BILL_ORGANIZATION_ID" { Lock::Organization(name) } else { Lock::Login(name) };
        let done = if step.locked { self.sandbox.lock(&what) } else { self.sandbox.unlock(&what) };
        if !step.locked {
            self.opened.session.forget_refusal();
        }
        done.then_some(()).ok_or_else(|| format!("there is nothing to lock by {}", step.lock))
    }

    fn credential(&self, name: &str) -> Result<String, String> {
        self.sandbox.credentials().get(name).cloned().ok_or_else(|| format!("no credential {name}"))
    }

    fn company(&self, name: &str) -> Result<i64, String> {
        self.credential(name)?.parse().map_err(|_| format!("{name} is not a company's id"))
    }

    fn check_sign_ins(&self, expected: Option<u64>) -> Result<(), String> {
        expected.map_or(Ok(()), |expected| same("sign-ins", expected, self.sandbox.sign_ins()))
    }
}

fn expect(expected: &str, code: Option<&str>, outcome: Result<(), ledgerkey::Error>) -> Result<(), String> {
    let (found, words) = match &outcome {
        Ok(()) => ("ok", String::new()),
        Err(error) => (error.kind(), format!(": {error}")),
    };
    if found != expected {
        return Err(format!("expected {expected}, got {found}{words}"));
    }
    let codes: Vec<&str> =
        outcome.as_ref().err().and_then(|error| error.refusal()).iter().flat_map(|r| r.codes()).collect();
    match code {
        Some(code) if !codes.contains(&code) => Err(format!("expected the code {code}, got {codes:?}")),
        _ => Ok(()),
    }
}

fn same(what: &str, expected: u64, found: u64) -> Result<(), String> {
    if expected == found { Ok(()) } else { Err(format!("{what}: expected {expected}, got {found}")) }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::Span = text.parse().map_err(|error| format!("{text}: {error}"))?;
    let signed =
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|error| format!("{text}: {error}"))?;
    Duration::try_from(signed).map_err(|error| format!("{text}: {error}"))
}
