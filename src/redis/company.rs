//! The lock on a user's company, for all processes together.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::redis::Script;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::holds::{Hold, Holds, Kind};
use super::link::Link;
use super::key;
use crate::session::company::{CompanyLease, CompanyLock, Standing};
use crate::session::store::{Storing, random_id};

pub(super) struct RedisCompanies {
    link: Arc<Link>,
    holds: Arc<Holds>,
}

impl RedisCompanies {
    pub(super) fn new(link: Arc<Link>, holds: Arc<Holds>) -> Self {
        Self { link, holds }
    }
}

impl CompanyLock for RedisCompanies {
    fn enter<'a>(&'a self, user: &'a str, company: i64) -> Storing<'a, Arc<dyn CompanyLease>> {
        Box::pin(async move {
            let running = key("company", user);
            let keys = [running.clone(), format!("{running}:at"), format!("{running}:line"), format!("{running}:seen")];
            let hold = self.holds.hold(random_id(), Kind::Company(keys.clone(), company));
            let (company, lasts, seen) =
                (company.to_string(), HOLDS.as_millis().to_string(), BELIEVED.as_millis().to_string());
            let arguments = [hold.token(), &company, &lasts, &seen];
            let asked = loop {
                let asked = Instant::now();
                if self.link.run::<i64>(&ENTER, &keys, &arguments).await? == 1 {
                    break asked;
                }
                tokio::time::sleep(Duration::from_millis(rand::random_range(20..=120))).await;
            };
            hold.keep();
            let standing =
                Arc::new(Standings { good_until: Mutex::new(asked + GOOD), told: watch::channel(Standing::Held).0 });
            let kept_up = tokio::spawn(keep_up(self.link.clone(), keys, hold.token().to_owned(), standing.clone()));
            let lease = RedisLease { standing, kept_up: kept_up.abort_handle(), hold: Mutex::new(Some(hold)) };
            Ok(Arc::new(lease) as Arc<dyn CompanyLease>)
        })
    }
}

impl fmt::Debug for RedisCompanies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCompanies").field("at", &self.link.place()).finish_non_exhaustive()
    }
}

struct RedisLease {
    standing: Arc<Standings>,
    kept_up: AbortHandle,
    hold: Mutex<Option<Hold>>,
}

struct Standings {
    /// Counted from before the script was sent: Redis counts from later on.
    good_until: Mutex<Instant>,
    told: watch::Sender<Standing>,
}

async fn keep_up(link: Arc<Link>, keys: [String; 4], token: String, standing: Arc<Standings>) {
    let lasts = HOLDS.as_millis().to_string();
    loop {
        tokio::time::sleep(KEPT_UP).await;
        let asked = Instant::now();
        match link.run::<i64>(&KEEP, &keys, &[&token, &lasts]).await {
            Ok(0) => {
                standing.told.send_replace(Standing::Lost);
                return;
            }
            Ok(found) => {
                *standing.good_until.lock().unwrap_or_else(PoisonError::into_inner) = asked + GOOD;
                if found == 2 {
                    standing.told.send_replace(Standing::Wanted);
                }
            }
            Err(_) => {
                // What this process can no longer keep up, it has to take for lost before Redis does.
                if *standing.good_until.lock().unwrap_or_else(PoisonError::into_inner) <= Instant::now() {
                    standing.told.send_replace(Standing::Lost);
                    return;
                }
            }
        }
    }
}

impl CompanyLease for RedisLease {
    fn standing(&self) -> Standing {
        let good = *self.standing.good_until.lock().unwrap_or_else(PoisonError::into_inner) > Instant::now();
        if good { *self.standing.told.borrow() } else { Standing::Lost }
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut told = self.standing.told.subscribe();
        Box::pin(async move {
            let _ = told.wait_for(|standing| *standing != Standing::Held).await;
        })
    }

    fn leave(&self) {
        self.kept_up.abort();
        self.standing.told.send_replace(Standing::Lost);
        self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for RedisLease {
    fn drop(&mut self) {
        self.leave();
    }
}

/// If a process dies, others may enter another company after so long.
const HOLDS: Duration = Duration::from_secs(10);

/// For so long after it was last kept up a write may leave: four seconds before Redis would give the company to others, which is the time
/// that a request has to arrive.
const GOOD: Duration = Duration::from_secs(6);

/// So long it takes at most until a process learns that another company is waited for.
const KEPT_UP: Duration = Duration::from_millis(250);

/// Whoever waits asks every 120 ms at most; one who has not asked for so long is gone.
const BELIEVED: Duration = Duration::from_secs(2);

static ENTER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/company_enter.lua")));
static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/company_keep.lua")));
