//! What the rows have in common: sign in, lose the session, come back, sign out.

use ledgerkey::table::Way;
use ledgerkey_cli::doors::Door;
use ledgerkey_sandbox::Revoke;

use super::calls::Typed;
use super::report::Report;
use super::rows::{Loss, Row};
use super::{Outcome, Tour};

impl Tour {
    /// A row without peculiarities.
    pub(super) async fn walk(
        &self,
        row: &Row,
        way: &Way,
        door: &Door,
        calls: &[Typed],
        report: &mut Report,
    ) -> Outcome<()> {
        let before = self.sandbox.sign_ins();
        let first = self.call_all(door, calls).await?;
        // A session for each that the door keeps; none where the credential goes with each call.
        let sessions = door.sessions().iter().filter(|session| session.way().operation.is_some()).count();
        self.expect_sign_ins(before, sessions as u64, "at first")?;

        self.lose(row.loss, door).await?;
        let before = self.sandbox.sign_ins();
        let again = self.call_all(door, calls).await?;
        self.expect_sign_ins(before, u64::from(way.operation.is_some()), "after the session was lost")?;
        if first != again {
            return Err(format!("the calls answered with {again:?} rows after the loss, and with {first:?} before"));
        }
        report.recovered = true;
        self.sign_out(way, door, report).await
    }

    async fn call_all(&self, door: &Door, calls: &[Typed]) -> Outcome<Vec<usize>> {
        let mut answers = Vec::with_capacity(calls.len());
        for call in calls {
            match self.call(door, *call).await? {
                0 => return Err(format!("{call:?} answered with no rows")),
                rows => answers.push(rows),
            }
        }
        Ok(answers)
    }

    /// Loses the session that calls run under.
    pub(super) async fn lose(&self, loss: Loss, door: &Door) -> Outcome<()> {
        match (loss, door) {
            // The partner goes on working meanwhile: its own session lives, and the user's alone is lost.
            (Loss::Idle(time), Door::PartnerUser { .. }) => {
                self.sandbox.clock().advance(time / 2);
                self.call(door, Typed::Organizations).await?;
                self.sandbox.clock().advance(time / 2);
            }
            (Loss::Idle(time), _) => self.sandbox.clock().advance(time),
            (Loss::Revoked, _) => {
                if self.sandbox.revoke(Revoke::Bezala) == 0 {
                    return Err("there was no session to revoke".to_owned());
                }
            }
        }
        Ok(())
    }

    /// Signs out where the vendor has a call for it, and checks that the vendor did it.
    pub(super) async fn sign_out(&self, way: &Way, door: &Door, report: &mut Report) -> Outcome<()> {
        let Some(operation) = way.sign_out else { return Ok(()) };
        let (before, open) = (self.sandbox.acted(operation), door.sessions().len() as u64);
        report.signed_out = Some(false);
        door.sign_out().await.map_err(|error| crate::failure::words(&error))?;
        match self.sandbox.acted(operation) - before {
            ended if ended == open => {
                report.signed_out = Some(true);
                Ok(())
            }
            ended => Err(format!("{ended} sessions of {open} were ended by {operation}")),
        }
    }
}
