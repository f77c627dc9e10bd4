//! What goes wrong, and when: every so many calls something does, as the dice say.

use std::sync::Arc;
use std::time::Duration;

use ledgerkey::session::Session;
use ledgerkey_sandbox::{Fault, Lock, Moment, Revoke};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::Options;
use crate::stage::Stage;
use crate::verdict::{Tally, lock};

/// What the chaos did.
#[derive(Debug, Default)]
pub(crate) struct Events {
    pub(crate) faults: u64,
    /// How many requests at most were refused as if their session were dead.
    pub(crate) refusals: u64,
    pub(crate) revocations: u64,
    /// How many sessions they ended.
    pub(crate) revoked: u64,
    pub(crate) jumps: u64,
    /// Of the jumps those that no session outlives unused, and how long they were together.
    pub(crate) long_jumps: u64,
    pub(crate) long: Duration,
    pub(crate) jumps_back: u64,
    /// How far the clock was set back, all in all.
    pub(crate) back: Duration,
    pub(crate) locks: u64,
    pub(crate) outside_switches: u64,
}

/// How long a session of BILL's is used without a call, as the library's margin has it.
pub(crate) const LASTS: Duration = Duration::from_secs(35 * 60 - 10);

/// Something happens after so many calls, on the average.
const EVERY: u64 = 150;

const OPERATIONS: [&str; 12] = [
    "listVendors",
    // Twice as often as the others: what a fault does to a create is what the verdict is about.
    "createVendor",
    "createVendor",
    "listBills",
    "login",
    "createToken",
    "listAccounts",
    "createAccount",
    "createCostCenter",
    "changeCompany",
    "getCompany",
    "*",
];

pub(crate) async fn run(stage: Arc<Stage>, tally: Arc<Tally>, options: Options) -> Events {
    let mut dice = StdRng::seed_from_u64(options.seed);
    let mut events = Events::default();
    let mut next = EVERY;
    while tally.counted() < options.calls {
        tally.look(options.calls, &stage);
        if tally.begun() < next {
            tokio::task::yield_now().await;
            continue;
        }
        next += dice.random_range(1..2 * EVERY);
        happen(&stage, &mut dice, &mut events).await;
    }
    stage.sandbox.clear_faults();
    events
}

async fn happen(stage: &Stage, dice: &mut StdRng, events: &mut Events) {
    // Somebody has looked after those that were refused, and tells them to try again: else a call in three would only be told of it.
    stage.sessions().for_each(Session::forget_refusal);
    match dice.random_range(0..100) {
        0..70 => {
            let times = dice.random_range(1..6);
            let fault = fault(dice, &mut events.refusals, u64::from(times));
            stage.sandbox.order(fault.times(times));
            events.faults += 1;
        }
        70..80 => {
            let what = [Revoke::All, Revoke::Bill, Revoke::Bezala][dice.random_range(0..3)].clone();
            events.revoked += u64::try_from(stage.sandbox.revoke(what)).unwrap_or(u64::MAX);
            events.revocations += 1;
        }
        80..90 => {
            let jump = Duration::from_secs(dice.random_range(1..7200));
            stage.sandbox.clock().advance(jump);
            events.jumps += 1;
            if jump >= LASTS {
                events.long_jumps += 1;
                events.long += jump;
            }
        }
        90..94 => {
            let jump = Duration::from_secs(dice.random_range(1..600));
            stage.sandbox.clock().set_back(jump);
            events.jumps_back += 1;
            events.back += jump;
        }
        94..97 => {
            // Locked and unlocked again: whoever signed in meanwhile remembers it, and is told to forget.
            let login = Lock::Login(stage.sandbox.credentials().get("BILL_USERNAME").cloned().unwrap_or_default());
            events.locks += u64::from(stage.sandbox.lock(&login));
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            stage.sandbox.unlock(&login);
        }
        _ => {
            let _alone = stage.outside.write().await;
            let company = stage.companies[dice.random_range(0..2)];
            let mut switches = lock(&stage.switches);
            switches.push(company);
            stage.sandbox.switch_bezala_company(None, company);
            events.outside_switches += 1;
        }
    }
    // A refusal of the credentials that a fault made up would be remembered for an hour; somebody has looked, and it was none.
    stage.sessions().for_each(Session::forget_refusal);
}

fn fault(dice: &mut StdRng, refusals: &mut u64, times: u64) -> Fault {
    let operation = OPERATIONS[dice.random_range(0..OPERATIONS.len())];
    match dice.random_range(0..12) {
        0 => Fault::drop(operation, Moment::Before),
        1 | 2 => Fault::drop(operation, Moment::After),
        3 => Fault::truncate(operation, dice.random_range(0..60)),
        4 => Fault::delay(operation, Duration::from_secs(dice.random_range(1..200))),
        5 => {
            *refusals += times;
            Fault::status(operation, 401)
        }
        6 => Fault::status(operation, 422).with_code("BDC_1322"),
        7 => Fault::status(operation, 429).with_code("BDC_1144").with_retry_after(dice.random_range(1..30)),
        8 => Fault::status(operation, 503),
        9 => Fault::status(operation, 500),
        10 => Fault::status(operation, 422).with_code("BDC_1129"),
        _ => Fault::body(operation, 200, "text/html", "<html>maintenance</html>"),
    }
}
