//! The lock on a user's company, for all processes together.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ::redis::Script;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::holds::{Hold, Holds, Kind};
use super::key;
use super::link::Link;
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
            let good = loop {
                let good = Good::from_now();
                if self.link.run::<i64>(&ENTER, &keys, &arguments).await? == 1 {
                    break good;
                }
                tokio::time::sleep(Duration::from_millis(rand::random_range(20..=120))).await;
            };
            let standing = Arc::new(Standings { good: Mutex::new(good), told: watch::channel(Standing::Held).0 });
            // Before it is kept: what is given back from now on is known to be lost first.
            self.holds.tell_before_freeing(&standing);
            hold.keep();
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

pub(super) struct Standings {
    good: Mutex<Good>,
    told: watch::Sender<Standing>,
}

/// The time in which a lease is believed in, by two clocks: the one that nobody can set stands still while the machine sleeps.
#[derive(Clone, Copy)]
struct Good {
    until: Instant,
    until_day: SystemTime,
}

impl Good {
    /// Counted from before the script is sent: Redis counts from later on.
    fn from_now() -> Self {
        Self { until: Instant::now() + GOOD, until_day: SystemTime::now() + GOOD }
    }

    fn holds(self, now: Instant, day: SystemTime) -> bool {
        now < self.until && day < self.until_day
    }
}

impl Standings {
    pub(super) fn lose(&self) {
        self.told.send_replace(Standing::Lost);
    }

    fn want(&self) {
        // Never again after it was lost: this may be the word of a moment before.
        self.told.send_if_modified(|standing| {
            let held = *standing == Standing::Held;
            if held {
                *standing = Standing::Wanted;
            }
            held
        });
    }

    fn renew(&self, good: Good) {
        *self.good.lock().unwrap_or_else(PoisonError::into_inner) = good;
    }

    fn is_good(&self) -> bool {
        self.good.lock().unwrap_or_else(PoisonError::into_inner).holds(Instant::now(), SystemTime::now())
    }
}

async fn keep_up(link: Arc<Link>, keys: [String; 4], token: String, standing: Arc<Standings>) {
    let lasts = HOLDS.as_millis().to_string();
    loop {
        tokio::time::sleep(KEPT_UP).await;
        let good = Good::from_now();
        match link.run::<i64>(&KEEP, &keys, &[&token, &lasts]).await {
            Ok(0) => return standing.lose(),
            Ok(found) => {
                standing.renew(good);
                if found == 2 {
                    standing.want();
                }
            }
            // What this process can no longer keep up, it has to take for lost before Redis does.
            Err(_) if !standing.is_good() => return standing.lose(),
            Err(_) => {}
        }
    }
}

impl CompanyLease for RedisLease {
    fn standing(&self) -> Standing {
        if self.standing.is_good() { *self.standing.told.borrow() } else { Standing::Lost }
    }

    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut told = self.standing.told.subscribe();
        Box::pin(async move {
            let _ = told.wait_for(|standing| *standing != Standing::Held).await;
        })
    }

    fn leave(&self) {
        self.kept_up.abort();
        self.standing.lose();
        self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl Drop for RedisLease {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How long a dead process keeps others out of another company.
const HOLDS: Duration = Duration::from_secs(20);

/// How long after it was last kept up a write may leave. Redis gives the company to others 14 seconds later: time for a connection to be
/// made, which takes 10 at most unless [`Policy::connect`](crate::client::Policy::connect) says otherwise, and for the request to arrive.
const GOOD: Duration = Duration::from_secs(6);

/// Upper bound on how late we learn that another company is wanted.
const KEPT_UP: Duration = Duration::from_millis(250);

/// Whoever waits asks at least every 120 ms, so one who has been silent for this long is gone.
const BELIEVED: Duration = Duration::from_secs(2);

static ENTER: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/company_enter.lua")));
static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/company_keep.lua")));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_slept_has_lost_its_lease() {
        let (good, now, day) = (Good::from_now(), Instant::now(), SystemTime::now());
        let second = Duration::from_secs(1);
        assert!(good.holds(now, day) && good.holds(now + GOOD - second, day + GOOD - second));
        assert!(!good.holds(now + GOOD, day), "the clock was set back");
        assert!(!good.holds(now + second, day + GOOD), "the machine slept");
    }

    #[test]
    fn what_is_lost_stays_lost() {
        let standing = Standings { good: Mutex::new(Good::from_now()), told: watch::channel(Standing::Held).0 };
        standing.want();
        assert_eq!(*standing.told.borrow(), Standing::Wanted);
        standing.lose();
        standing.want();
        assert_eq!(*standing.told.borrow(), Standing::Lost);
    }
}
