//! What came out, held against what must never be.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ledgerkey::Error;
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{ClientInfo as _, Connection};
use ledgerkey::session::Session;
use ledgerkey::table::Operation;
use ledgerkey::{bezala, bill};

use crate::Options;
use crate::chaos::{Events, LASTS};
use crate::stage::Stage;

/// Where something was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Made {
    /// A vendor, in this organization.
    Vendor(usize),
    /// An account or a cost center, in this company.
    Book(usize),
}

/// What the callers were told.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    begun: AtomicU64,
    /// Calls that ended with a refusal of the credentials. For most of them, where one was remembered, nothing was sent: they are not what was asked for.
    turned_away: AtomicU64,
    names: AtomicU64,
    outcomes: Mutex<BTreeMap<&'static str, u64>>,
    creates: Mutex<HashMap<String, (Made, &'static str)>>,
    /// Resident memory at each quarter of the run, in KiB, and how many things had been made by then.
    memory: Mutex<Vec<(u64, u64)>>,
    reads_elsewhere: AtomicU64,
    writes_elsewhere: AtomicU64,
    misreads: AtomicU64,
}

impl Tally {
    /// Whether another call is to be made; it counts as begun then.
    pub(crate) fn begin(&self, options: &Options) -> bool {
        let may = self.begun.fetch_add(1, Ordering::SeqCst) < options.calls + self.turned_away.load(Ordering::SeqCst);
        if !may {
            self.begun.fetch_sub(1, Ordering::SeqCst);
        }
        may
    }

    /// How many calls have been begun, those that were turned away among them.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// The same without those.
    pub(crate) fn counted(&self) -> u64 {
        self.begun().saturating_sub(self.turned_away.load(Ordering::SeqCst))
    }

    /// A name that nothing else has.
    pub(crate) fn name(&self) -> String {
        format!("soak-{}", self.names.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn ended(&self, outcome: &Result<(), Error>) {
        let kind = kind(outcome);
        if matches!(kind, "locked-out" | "sign-in-rejected") {
            self.turned_away.fetch_add(1, Ordering::SeqCst);
        }
        *lock(&self.outcomes).entry(kind).or_default() += 1;
    }

    pub(crate) fn made(&self, name: String, what: Made, outcome: &Result<(), Error>) {
        lock(&self.creates).insert(name, (what, kind(outcome)));
    }

    /// A caller was given rows of another company.
    pub(crate) fn misread(&self) {
        self.misreads.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads and forgets the sandbox's log, and notes the memory at each quarter.
    pub(crate) fn look(&self, calls: u64, stage: &Stage) {
        for served in stage.sandbox.take_log() {
            let company = match served.operation.as_str() {
                "listAccounts" | "createAccount" => stage.companies[0],
                "listCostCenters" | "createCostCenter" => stage.companies[1],
                _ => continue,
            };
            if served.acted && served.company != Some(company) {
                let counter = if served.method == "GET" { &self.reads_elsewhere } else { &self.writes_elsewhere };
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
        let mut memory = lock(&self.memory);
        if self.counted() >= calls / 4 * (memory.len() as u64 + 1) {
            memory.push((resident(), lock(&self.creates).len() as u64));
        }
    }

    pub(crate) fn report(&self, stage: &Stage, events: &Events, options: &Options, took: Duration) -> String {
        let mut text = String::new();
        let Options { seed, calls, tasks, threads, organizations, reads_only } = options;
        let _ = writeln!(
            text,
            "seed {seed}, {calls} {}calls, {tasks} tasks, {threads} thread(s), {organizations} organizations",
            if *reads_only { "reading " } else { "" }
        );
        let requests = stage.counts.requests.load(Ordering::Relaxed);
        let _ = writeln!(
            text,
            "took {:.0} s; {requests} requests; {} virtual hours",
            took.as_secs_f64(),
            passed(stage).as_secs() / 3600
        );
        let _ = writeln!(text, "chaos: {events:?}");
        for (outcome, count) in &*lock(&self.outcomes) {
            let _ = writeln!(text, "  {outcome:<18}{count:>9}");
        }
        let creates = lock(&self.creates);
        let ambiguous = creates.values().filter(|(_, outcome)| *outcome == "ambiguous").count();
        let _ = writeln!(text, "creates: {}, of which ambiguous: {ambiguous}", creates.len());
        let _ = writeln!(text, "sign-ins: {} (the model allows {})", stage.sandbox.sign_ins(), allowed(stage, events));
        let _ = writeln!(
            text,
            "reads that a switch from outside had run in another company: {}, of which given to a caller: {}",
            self.reads_elsewhere.load(Ordering::Relaxed),
            self.misreads.load(Ordering::Relaxed)
        );
        let _ = writeln!(text, "memory at the quarters, KiB (and creates by then): {:?}", lock(&self.memory));
        text
    }
}

/// Everything that must not be and was.
pub(crate) async fn judge(
    stage: &Stage,
    tally: &Tally,
    events: &Events,
    options: &Options,
) -> Result<Vec<String>, String> {
    let mut findings = Vec::new();
    tally.look(options.calls, stage);
    // The last calls may have met the last faults.
    stage.sessions().for_each(Session::forget_refusal);
    let mut there: HashMap<(Made, String), u64> = HashMap::new();
    for (number, organization) in stage.organizations.iter().enumerate() {
        let connection = organization.api().inner().clone();
        for name in names(&connection, &bill::api::operations::LIST_VENDORS, "name").await? {
            *there.entry((Made::Vendor(number), name)).or_default() += 1;
        }
    }
    for (which, operation) in
        [&bezala::api::operations::LIST_ACCOUNTS, &bezala::api::operations::LIST_COST_CENTERS].into_iter().enumerate()
    {
        let connection = stage.user.company(stage.companies[which]).api().inner().clone();
        for name in names(&connection, operation, "name").await? {
            *there.entry((Made::Book(which), name)).or_default() += 1;
        }
    }
    for (name, (what, outcome)) in &*lock(&tally.creates) {
        let times = there.remove(&(*what, name.clone())).unwrap_or(0);
        let right = match *outcome {
            "ok" => times == 1,
            // Nobody knows, or the vendor's answer could not be read: once or not at all.
            "ambiguous" | "decode" => times <= 1,
            _ => times == 0,
        };
        if !right {
            findings.push(format!("{name} ({what:?}) was reported {outcome} and is there {times} times"));
        }
    }
    findings.extend(
        there
            .keys()
            .filter(|(_, name)| name.starts_with("soak-"))
            .map(|(made, name)| format!("{name} is at {made:?}, where nobody made it")),
    );
    let writes = tally.writes_elsewhere.load(Ordering::Relaxed);
    let reads = tally.reads_elsewhere.load(Ordering::Relaxed);
    if writes > 0 || (reads > 0 && events.outside_switches == 0) {
        findings.push(format!("{writes} writes and {reads} reads ran in another company"));
    }
    let misreads = tally.misreads.load(Ordering::Relaxed);
    if misreads > 0 {
        findings.push(format!("{misreads} reads gave rows of another company"));
    }
    let allowed = allowed(stage, events);
    if stage.sandbox.sign_ins() > allowed {
        findings.push(format!("{} sign-ins, and the model allows {allowed}", stage.sandbox.sign_ins()));
    }
    let memory = lock(&tally.memory).clone();
    if let [_, (second, made_by_second), .., (last, made_by_last)] = memory[..] {
        // What the sandbox keeps of each thing that was made, and we of its name, is no leak.
        let slack = if options.reads_only { 8 } else { 32 };
        let explained = (made_by_last - made_by_second) * 4 + slack * 1024;
        if last > second + explained {
            findings.push(format!("memory grew from {second} to {last} KiB, and {explained} KiB are explained"));
        }
    }
    Ok(findings)
}

/// The names of all rows of a list.
async fn names(connection: &Connection, operation: &'static Operation, key: &str) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut read = |row: &str| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap_or_default();
        names.extend(row[key].as_str().map(str::to_owned));
    };
    if operation.paging.is_none() {
        let all = connection.call(operation, &Arguments::default()).await.map_err(|error| error.to_string())?;
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&all).map_err(|error| error.to_string())?;
        rows.iter().for_each(|row| read(&row.to_string()));
        return Ok(names);
    }
    let mut pages = connection.pages(operation, &Arguments::default()).map_err(|error| error.to_string())?;
    while let Some(page) = pages.try_next().await.map_err(|error| error.to_string())? {
        page.value.rows.iter().for_each(|row| read(row.get()));
    }
    Ok(names)
}

/// How many sign-in requests there may be: one for each session; one for each time that it can have idled out, which takes a long jump of the clock
/// or as much time by smaller ones; one for each session that was revoked; one for each request that was refused as if its session were dead; one for each
/// sign-in that failed, since it may be tried again.
fn allowed(stage: &Stage, events: &Events) -> u64 {
    let by_smaller = (passed(stage) + events.back).saturating_sub(events.long);
    let idle_outs = events.long_jumps + by_smaller.as_secs().div_ceil(LASTS.as_secs());
    let sessions = stage.sessions().count() as u64;
    let idling = stage.sessions().filter(|session| session.way().idle.is_some()).count() as u64;
    let failed = stage.counts.failed_sign_ins.load(Ordering::Relaxed);
    sessions + events.revoked + idling * idle_outs + events.refusals + failed
}

fn passed(stage: &Stage) -> Duration {
    stage.sandbox.clock().now().duration_since(stage.began).unwrap_or_default()
}

/// The process's resident memory in KiB, where the system tells; 0 elsewhere.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or(0)
}

fn kind(outcome: &Result<(), Error>) -> &'static str {
    outcome.as_ref().map_or_else(Error::kind, |()| "ok")
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
