//! The row of the two companies: calls of both from many tasks at once, none of them in the wrong one.

use std::sync::atomic::Ordering;

use ledgerkey::Error;
use ledgerkey::bezala::Access;
use ledgerkey_cli::doors::Door;

use super::calls::user;
use super::report::Report;
use super::rows::Row;
use super::{Outcome, Tour};
use crate::failure::words;

/// How many tasks there are for each company.
const TASKS: usize = 6;

impl Tour {
    pub(super) async fn companies(&self, row: &Row, door: &Door, report: &mut Report) -> Outcome<()> {
        let access = user(door)?;
        let companies = [self.company("BEZALA_COMPANY_ID")?, self.company("BEZALA_OTHER_COMPANY_ID")?];
        let before = self.sandbox.sign_ins();
        self.interleave(access, companies).await?;
        self.expect_sign_ins(before, 1, "at first")?;

        self.lose(row.loss, door).await?;
        let before = self.sandbox.sign_ins();
        self.interleave(access, companies).await?;
        self.expect_sign_ins(before, 1, "after the token was lost")?;
        report.recovered = true;
        Ok(())
    }

    fn company(&self, name: &str) -> Outcome<i64> {
        let id = self.sandbox.credentials().get(name).and_then(|id| id.parse().ok());
        id.ok_or_else(|| format!("the sandbox has no {name}"))
    }

    /// Tasks of the first company list accounts, those of the second cost centers, all at once: so the log tells which company a
    /// request was meant for and which it ran in.
    async fn interleave(&self, access: &Access, [first, second]: [i64; 2]) -> Outcome<()> {
        let seen = self.sandbox.log().len();
        let mut tasks = Vec::with_capacity(2 * TASKS);
        for _ in 0..TASKS {
            let one = access.company(first).api();
            tasks.push(tokio::spawn(async move { rows(one.list_accounts().send().await.map(|rows| rows.len())) }));
            let other = access.company(second).api();
            tasks
                .push(tokio::spawn(async move { rows(other.list_cost_centers().send().await.map(|rows| rows.len())) }));
        }
        self.calls.fetch_add(tasks.len() as u64, Ordering::Relaxed);
        for task in tasks {
            task.await.map_err(|error| format!("a task broke off: {error}"))??;
        }
        let mut right = 0;
        for served in self.sandbox.log().iter().skip(seen).filter(|served| served.acted) {
            let meant = match served.operation.as_str() {
                "listAccounts" => first,
                "listCostCenters" => second,
                _ => continue,
            };
            if served.company != Some(meant) {
                return Err(format!("{} was served in {:?}, not in company {meant}", served.operation, served.company));
            }
            right += 1;
        }
        if right == 2 * TASKS { Ok(()) } else { Err(format!("{right} calls were served, not {}", 2 * TASKS)) }
    }
}

fn rows(answer: Result<usize, Error>) -> Outcome<()> {
    match answer.map_err(|error| words(&error))? {
        0 => Err("a list came back empty".to_owned()),
        _ => Ok(()),
    }
}
