//! A lock on companies in memory. It goes by the rules of Redis's, but a lease knows at once that another company is waited for.
#![allow(unreachable_pub, reason = "each test takes a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ledgerkey::session::company::{CompanyLease, CompanyLock, Standing};
use ledgerkey::session::store::Storing;
use tokio::sync::watch;

/// Clones are the same lock, one for each process.
#[derive(Debug, Clone, Default)]
pub struct Table(Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    running: Vec<(u64, i64)>,
    waiting: Vec<(u64, i64)>,
}

impl Table {
    /// Every lease is lost.
    pub fn lose(&self) {
        self.0.send_modify(|state| state.running.clear());
    }
}

impl CompanyLock for Table {
    fn enter<'a>(&'a self, _: &'a str, company: i64) -> Storing<'a, Arc<dyn CompanyLease>> {
        Box::pin(async move {
            let mut me = 0;
            self.0.send_modify(|state| {
                state.last += 1;
                me = state.last;
                state.waiting.push((me, company));
            });
            let mut told = self.0.subscribe();
            while !self.0.send_if_modified(|state| state.admit(me, company)) {
                told.changed().await.unwrap();
            }
            Ok(Arc::new(Lease { me, company, table: self.clone() }) as Arc<dyn CompanyLease>)
        })
    }
}

impl State {
    fn admit(&mut self, me: u64, company: i64) -> bool {
        let overtakes = self.waiting.iter().any(|(other, wanted)| *other < me && *wanted != company);
        if overtakes || self.running.iter().any(|(_, running)| *running != company) {
            return false;
        }
        self.waiting.retain(|(other, _)| *other != me);
        self.running.push((me, company));
        true
    }
}

struct Lease {
    me: u64,
    company: i64,
    table: Table,
}

impl Lease {
    fn stands(&self, state: &State) -> Standing {
        if state.running.iter().all(|(other, _)| *other != self.me) {
            Standing::Lost
        } else if state.waiting.iter().any(|(_, wanted)| *wanted != self.company) {
            Standing::Wanted
        } else {
            Standing::Held
        }
    }
}

impl CompanyLease for Lease {
    fn standing(&self) -> Standing {
        self.stands(&self.table.0.borrow())
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut told = self.table.0.subscribe();
        Box::pin(async move {
            told.wait_for(|state| self.stands(state) != Standing::Held).await.unwrap();
        })
    }

    fn leave(&self) {
        self.table.0.send_modify(|state| state.running.retain(|(other, _)| *other != self.me));
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leave();
    }
}
