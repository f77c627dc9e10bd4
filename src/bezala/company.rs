//! The guard of the company: state on Bezala's side that every call of the user runs in.
//!
//! Calls of one company run together, calls of two never do. Whoever comes for another company than the current one waits until
//! its calls are done; and from then on newcomers for the current one queue behind it, so that nobody waits for ever. Where the
//! processes of a fleet share a lock, this one's turn there is taken and given back behind the guard, in [`fleet`](super::fleet).

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tokio::sync::OwnedRwLockReadGuard;

use super::fleet::Fleet;
use super::users::{Selection, UNKNOWN};
use super::{Bezala, api};
use crate::client::dynamic::Arguments;
use crate::client::{Connection, Gate, Lease};
use crate::error::Error;
use crate::session::Session;
use crate::session::grant::Pending;
use crate::table::Operation;
use crate::transport::classify::path_of;

/// Calls that run in one company.
#[derive(Clone)]
pub struct InCompany {
    connection: Connection,
    gate: Arc<dyn Gate>,
    guard: Arc<Guard>,
    company: i64,
}

impl InCompany {
    pub(super) fn new(connection: &Connection, guard: &Arc<Guard>, company: i64) -> Self {
        Self::behind(connection, Arc::new(OneCompany { guard: guard.clone(), company }), guard, company)
    }

    /// Behind a gate that sees to it in another way.
    pub(super) fn behind(connection: &Connection, gate: Arc<dyn Gate>, guard: &Arc<Guard>, company: i64) -> Self {
        let guard = guard.clone();
        Self { connection: connection.with_gate(gate.clone()), gate, guard, company }
    }

    /// The same with reads that are checked as well: after each of them Bezala is asked which company is selected, and rows of another one
    /// come back as `wrong-company`. It costs a call for each read; worth it where a person or another program may switch this user's company.
    #[must_use]
    pub fn checked(&self) -> Self {
        let Self { connection, gate, guard, company } = self.clone();
        let checked = Arc::new(Checked { gate, guard: guard.clone(), company });
        Self::behind(&connection, checked, &guard, company)
    }

    /// The API.
    pub fn api(&self) -> api::Client {
        api::Client::new(self.connection.clone())
    }
}

impl fmt::Debug for InCompany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InCompany").field("company", &self.company).field("connection", &self.connection).finish()
    }
}

/// One [`Access`](super::Access)'s view of its user's company: it asks and switches by a session of its own, and goes by what all have
/// in common.
#[derive(Debug)]
pub(super) struct Guard {
    /// The connection without a gate: the guard's own calls must not wait for themselves.
    connection: Connection,
    bezala: Bezala,
    /// Found by the user's id, which the sign-in tells.
    selection: OnceLock<Arc<Selection>>,
}

impl Guard {
    pub(super) fn new(connection: Connection, bezala: &Bezala) -> Self {
        Self { connection, bezala: bezala.clone(), selection: OnceLock::new() }
    }

    /// Waits until calls run in `company`, and keeps it so while the lease is held.
    pub(super) async fn enter(
        &self,
        company: i64,
        operation: &'static Operation,
    ) -> Result<OwnedRwLockReadGuard<()>, Error> {
        if is_switch(operation) {
            let words =
                "this client's calls run in one company: take another's with `company`, which switches where it has to";
            return Err(Error::config(format!("{}: {words}", operation.id)));
        }
        let selection = self.selection().await?;
        loop {
            let lease = selection.running.clone().read_owned().await;
            if selection.is_in(company) {
                if operation.method != "GET" {
                    self.confirm(company, operation).await?;
                }
                return Ok(lease);
            }
            if let Some(fleet) = selection.fleet.as_ref().filter(|fleet| fleet.is_away()) {
                // Without the lock nothing is switched and nothing written. A read may go on where it belongs already.
                fleet.read_only(operation)?;
                self.confirm(company, operation).await?;
                return Ok(lease);
            }
            drop(lease);
            let _turn = selection.switching.lock().await;
            if selection.is_in(company) {
                continue;
            }
            let alone = selection.running.clone().write_owned().await;
            match &selection.fleet {
                None => self.switch(company, operation).await?,
                Some(fleet) => {
                    let user = format!("{}|{}", self.connection.base(), self.user().await?);
                    if !fleet.enter(&user, company).await? {
                        continue;
                    }
                    self.follow(company, operation).await?;
                    if fleet.is_lost() {
                        continue;
                    }
                }
            }
            // Whoever the company was taken for is in, however much others want it by now: if it had to come again, two processes at a
            // slow Bezala would take the company from each other for ever. Bezala has just said that it is selected.
            return Ok(alone.downgrade());
        }
    }

    /// Waits for a call that runs in whichever company is selected.
    async fn enter_any(&self, operation: &'static Operation) -> Result<Lease, Error> {
        let selection = self.selection().await?;
        let running = selection.running.clone();
        if !is_switch(operation) {
            return Ok(Lease::new(running.read_owned().await));
        }
        if selection.fleet.is_some() {
            let words = "processes share a lock on the company, so that it is switched by `company` alone";
            return Err(Error::config(format!("{}: {words}", operation.id)));
        }
        let alone = running.write_owned().await;
        selection.current.store(UNKNOWN, Ordering::Release);
        Ok(Lease::new(alone))
    }

    /// Whether a call that has entered may leave now.
    pub(super) async fn check(&self, company: i64, operation: &'static Operation, again: bool) -> Result<(), Error> {
        let selection = self.selection().await?;
        let lost = selection.fleet.as_ref().filter(|fleet| fleet.is_lost());
        if let Some(fleet) = lost {
            fleet.read_only(operation)?;
        }
        // A read goes on without the lock, as it does where the lock is away: in the company that it is for, or not at all.
        if lost.is_some() || (again && operation.method != "GET") {
            self.confirm(company, operation).await?;
        }
        Ok(())
    }

    /// What is known of the user's company. A vendor that does not tell the user's id leaves each [`Access`](super::Access) to itself.
    async fn selection(&self) -> Result<&Arc<Selection>, Error> {
        if let Some(selection) = self.selection.get() {
            return Ok(selection);
        }
        let user = self.user_if_told().await?;
        let Bezala { wire, users } = &self.bezala;
        Ok(self.selection.get_or_init(|| match user {
            Some(user) => users.selection(user, wire),
            None => Arc::new(Selection::new(wire)),
        }))
    }

    fn note(&self, company: i64) {
        if let Some(selection) = self.selection.get() {
            selection.current.store(company, Ordering::Release);
        }
    }

    /// Finds out what other processes have left selected, and switches if it is another company.
    async fn follow(&self, company: i64, operation: &'static Operation) -> Result<(), Error> {
        self.note(UNKNOWN);
        if self.selected().await? == Some(company) {
            self.note(company);
            return Ok(());
        }
        self.switch(company, operation).await
    }

    async fn switch(&self, company: i64, operation: &'static Operation) -> Result<(), Error> {
        // Until the switch is confirmed nothing is known: it may fail after Bezala acted on it.
        self.note(UNKNOWN);
        let user = self.user().await?;
        let arguments = Arguments::default().param("id", user.to_string()).param("company_id", company.to_string());
        self.connection.call(&api::operations::CHANGE_COMPANY, &arguments).await?;
        let found = self.selected().await?;
        if found != Some(company) {
            return Err(Error::WrongCompany { operation: operation.id, expected: company, found });
        }
        tracing::info!(company, "switched");
        self.note(company);
        Ok(())
    }

    /// Asks Bezala which company is selected.
    async fn confirm(&self, company: i64, operation: &'static Operation) -> Result<(), Error> {
        let found = self.selected().await?;
        if found == Some(company) {
            return Ok(());
        }
        // Somebody else switched. The next call selects its company anew.
        self.note(UNKNOWN);
        Err(Error::WrongCompany { operation: operation.id, expected: company, found })
    }

    /// The company that Bezala has on the user's record, from the first answer that tells.
    async fn selected(&self) -> Result<Option<i64>, Error> {
        for (operation, at) in api::API.company.iter().flat_map(|company| company.current) {
            if let Some(id) = self.ask(operation, at).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn ask(&self, operation: &str, at: &str) -> Result<Option<i64>, Error> {
        let operation =
            api::API.operation(operation).ok_or_else(|| Error::config(format!("no operation {operation}")))?;
        let answer = self.connection.call(operation, &Arguments::default()).await?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| Error::Decode {
            operation: operation.id,
            path: ".".into(),
            detail: "not JSON, where the selected company was asked for".into(),
        })?;
        Ok(answer.pointer(at).and_then(Value::as_i64))
    }

    async fn user(&self) -> Result<i64, Error> {
        let way = self.session()?.way();
        self.user_if_told().await?.ok_or_else(|| Error::Decode {
            operation: way.operation.unwrap_or(way.name),
            path: way.user.map(path_of).unwrap_or_default(),
            detail: "the answer carries no user id, which a switch of company needs".into(),
        })
    }

    /// The user's id, as the sign-in told it.
    async fn user_if_told(&self) -> Result<Option<i64>, Error> {
        Ok(self.session()?.acquire().await?.grant.user.as_deref().and_then(|user| user.parse().ok()))
    }

    fn session(&self) -> Result<&Session, Error> {
        self.connection.session().ok_or_else(|| Error::config("the guard has no session"))
    }
}

impl Selection {
    fn is_in(&self, company: i64) -> bool {
        self.current.load(Ordering::Acquire) == company && self.fleet.as_ref().is_none_or(Fleet::is_open)
    }
}

fn is_switch(operation: &Operation) -> bool {
    api::API.company.as_ref().is_some_and(|company| company.switch == operation.id)
}

/// The gate of calls that name their company.
struct OneCompany {
    guard: Arc<Guard>,
    company: i64,
}

impl Gate for OneCompany {
    fn enter(&self, operation: &'static Operation) -> Pending<'_, Lease> {
        Box::pin(async move { Ok(Lease::new(self.guard.enter(self.company, operation).await?)) })
    }

    fn check<'a>(&'a self, operation: &'static Operation, again: bool) -> Pending<'a, ()> {
        Box::pin(self.guard.check(self.company, operation, again))
    }
}

/// A gate that asks after each read as well.
struct Checked {
    gate: Arc<dyn Gate>,
    guard: Arc<Guard>,
    company: i64,
}

impl Gate for Checked {
    fn enter(&self, operation: &'static Operation) -> Pending<'_, Lease> {
        self.gate.enter(operation)
    }

    fn check<'a>(&'a self, operation: &'static Operation, again: bool) -> Pending<'a, ()> {
        self.gate.check(operation, again)
    }

    fn confirm<'a>(&'a self, operation: &'static Operation) -> Pending<'a, ()> {
        Box::pin(async move {
            match operation.method {
                "GET" => self.guard.confirm(self.company, operation).await,
                _ => Ok(()),
            }
        })
    }
}

/// The gate of calls that run in whichever company is selected.
pub(super) struct AnyCompany(pub(super) Arc<Guard>);

impl Gate for AnyCompany {
    fn enter(&self, operation: &'static Operation) -> Pending<'_, Lease> {
        Box::pin(self.0.enter_any(operation))
    }
}
