//! What a task does: calls, one after the other, as its own dice say.

use std::sync::Arc;

use ledgerkey::Error;
use ledgerkey::bezala::api::types as books;
use ledgerkey::bill::api::types;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::Options;
use crate::stage::Stage;
use crate::verdict::{Made, Tally, lock};

pub(crate) async fn run(stage: Arc<Stage>, tally: Arc<Tally>, options: Options, task: u64) {
    let mut dice = StdRng::seed_from_u64(options.seed.wrapping_mul(1_000_003).wrapping_add(task));
    while tally.begin(&options) {
        let organization = &stage.organizations[dice.random_range(0..stage.organizations.len())];
        let outcome = match dice.random_range(0..100) {
            0..50 => organization.api().list_vendors().max(2).send().await.map(drop),
            50..60 => organization.api().list_bills().max(2).send().await.map(drop),
            60..75 => {
                let body = serde_json::from_value(serde_json::json!({"data": r#"{"start":0,"max":2}"#}));
                match body {
                    Ok(body) => {
                        let body: ledgerkey::bill::v2::types::ListRequest = body;
                        organization.v2().list_vendors().body(body).send().await.map(drop)
                    }
                    Err(error) => Err(Error::Config(error.to_string())),
                }
            }
            75..84 if !options.reads_only => create_vendor(&stage, &tally, &mut dice).await,
            75..87 => stage.spend.api().list_budgets().max(2).send().await.map(drop),
            87..90 => stage.partner.api().list_organizations().max(2).send().await.map(drop),
            90..97 => read_books(&stage, &tally, &mut dice).await,
            _ if options.reads_only => read_books(&stage, &tally, &mut dice).await,
            _ => write_books(&stage, &tally, &mut dice).await,
        };
        tally.ended(&outcome);
        if outcome.is_err() {
            // A refusal that is remembered comes at once; a task that only ran into it again would use up the calls of those who have work to do.
            tokio::task::yield_now().await;
        }
    }
}

async fn create_vendor(stage: &Stage, tally: &Tally, dice: &mut StdRng) -> Result<(), Error> {
    let which = dice.random_range(0..stage.organizations.len());
    let name = tally.name();
    let body = serde_json::json!({
        "name": name,
        "address": {"line1": "1 Example Street", "city": "Exampleton", "zipOrPostalCode": "00000", "country": "US"},
    });
    let body: types::VendorCreate = serde_json::from_value(body).map_err(|error| Error::Config(error.to_string()))?;
    let outcome = stage.organizations[which].api().create_vendor().body(body).send().await.map(drop);
    tally.made(name, Made::Vendor(which), &outcome);
    outcome
}

/// Each company is read by an operation of its own, so that the sandbox's log shows whether it was read in its place. Rows of another company are
/// not to be given to the caller, whoever has switched.
async fn read_books(stage: &Stage, tally: &Tally, dice: &mut StdRng) -> Result<(), Error> {
    let which = dice.random_range(0..2);
    let before = lock(&stage.switches).len();
    let api = stage.user.company(stage.companies[which]).checked().api();
    let mark = stage.marks[which];
    let is_here = match which {
        0 => api.list_accounts().send().await?.iter().any(|row| row.id.0 == mark),
        _ => api.list_cost_centers().per_page(2).send().await?.iter().any(|row| row.id.0 == mark),
    };
    // Where the right company was selected from outside between the read and the question after it, nobody can tell that another was before.
    let is_told = !lock(&stage.switches)[before..].contains(&stage.companies[which]);
    if is_told && !is_here {
        tally.misread();
    }
    Ok(())
}

async fn write_books(stage: &Stage, tally: &Tally, dice: &mut StdRng) -> Result<(), Error> {
    let which = dice.random_range(0..2);
    let name = tally.name();
    let api = stage.user.company(stage.companies[which]).api();
    let _inside = stage.outside.read().await;
    let json = |error: serde_json::Error| Error::Config(error.to_string());
    let outcome = if which == 0 {
        let body = serde_json::json!({"account": {"name": name, "code": name, "accountable_type": "ExpenseAccount"}});
        let body: books::CreateAccountRequest = serde_json::from_value(body).map_err(json)?;
        api.create_account().body(body).send().await.map(drop)
    } else {
        let body = serde_json::json!({"cost_center": {"name": name, "dimension_name": "Project"}});
        let body: books::CreateCostCenterRequest = serde_json::from_value(body).map_err(json)?;
        api.create_cost_center().body(body).send().await.map(drop)
    };
    tally.made(name, Made::Book(which), &outcome);
    outcome
}
