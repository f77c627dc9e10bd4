//! The counts of calls, for all processes together.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use ::redis::Script;

use super::holds::{Holds, Kind, PLACE_HOLDS};
use super::key;
use super::link::Link;
use crate::client::{Claim, SharedBudget, Taken};
use crate::session::store::{Lease, Storing, random_id};
use crate::table::Quota;
use crate::transport::budget::counts_for;

pub(super) struct RedisBudget {
    link: Arc<Link>,
    holds: Arc<Holds>,
}

impl RedisBudget {
    pub(super) fn new(link: Arc<Link>, holds: Arc<Holds>) -> Self {
        Self { link, holds }
    }
}

impl SharedBudget for RedisBudget {
    fn take<'a>(&'a self, claims: &'a [Claim]) -> Storing<'a, Taken> {
        Box::pin(async move {
            let (mut keys, mut places) = (Vec::new(), Vec::new());
            let pause: u64 = rand::random_range(10..=40);
            let mut arguments = vec![random_id(), PLACE_HOLDS.as_millis().to_string(), pause.to_string()];
            for claim in claims {
                let count = key("budget", &claim.key);
                let (kind, most, per) = match claim.quota {
                    Quota::AtOnce(most) => ("places", most, Duration::ZERO),
                    Quota::Within { most, per, clock: true } => ("clock", most, per),
                    Quota::Within { most, per, clock: false } => ("slide", most, counts_for(per)),
                };
                arguments.extend([kind.to_owned(), most.to_string(), per.as_millis().max(1).to_string()]);
                keys.extend([count.clone(), format!("{count}:closed")]);
                if kind == "places" {
                    places.push(count);
                }
            }
            let hold = self.holds.hold(arguments[0].clone(), Kind::Places(places));
            let (wait, claim): (u64, usize) = self.link.run(&TAKE, &keys, &arguments).await?;
            if wait > 0 {
                // The hold is given back all the same: the script may have run twice, and have given a place the first time.
                return Ok(Taken::Wait { claim: claim.saturating_sub(1), wait: Duration::from_millis(wait) });
            }
            hold.keep();
            Ok(Taken::Granted(Lease::new(hold)))
        })
    }

    fn close<'a>(&'a self, claim: &'a Claim, wait: Duration) -> Storing<'a, ()> {
        Box::pin(async move {
            let longest = match claim.quota {
                Quota::AtOnce(_) => PLACE_HOLDS,
                Quota::Within { per, .. } => per,
            };
            let wait = wait.min(longest).as_millis().max(1).to_string();
            let closed = format!("{}:closed", key("budget", &claim.key));
            self.link.run::<i64>(&CLOSE, &[closed], &[wait]).await.map(drop)
        })
    }
}

impl fmt::Debug for RedisBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBudget").field("at", &self.link.place()).finish_non_exhaustive()
    }
}

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/budget_take.lua")));
static CLOSE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/budget_close.lua")));
