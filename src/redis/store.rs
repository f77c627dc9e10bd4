//! Sessions in Redis, and the turn to sign in.

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use ::redis::Script;
use tokio::task::AbortHandle;

use super::holds::{Hold, Holds, Kind};
use super::link::Link;
use super::{NOTHING, PREFIX};
use crate::session::clock::{FAR, millis};
use crate::session::store::{FORMAT, Identity, Lease, Record, Store, StoreError, Storing, random_id};

pub(super) struct RedisStore {
    link: Arc<Link>,
    holds: Arc<Holds>,
}

impl RedisStore {
    pub(super) fn new(link: Arc<Link>, holds: Arc<Holds>) -> Self {
        Self { link, holds }
    }
}

impl Store for RedisStore {
    fn load<'a>(&'a self, identity: &'a Identity) -> Storing<'a, Option<Record>> {
        Box::pin(async move {
            let (record, used): (Option<Vec<u8>>, Option<Vec<u8>>) =
                self.link.run(&LOAD, &[session(identity)], NOTHING).await?;
            let Some(record) = record else { return Ok(None) };
            let Some(mut record) = Record::read(identity, &String::from_utf8_lossy(&record))? else { return Ok(None) };
            // A time that is none is as if nobody had told it.
            let used = used.and_then(|used| std::str::from_utf8(&used).ok()?.parse().ok());
            record.last_used = record.last_used.max(used.filter(|used| *used < FAR).unwrap_or(0));
            Ok(Some(record))
        })
    }

    fn lease<'a>(&'a self, identity: &'a Identity) -> Storing<'a, Lease> {
        Box::pin(async move {
            let key = format!("{PREFIX}turn:{}", identity.digest());
            let hold = self.holds.hold(random_id(), Kind::Turn(key.clone()));
            let lasts = TURN_HOLDS.as_millis().to_string();
            while self.link.run::<i64>(&TAKE, &[&key], &[hold.token(), &lasts]).await? == 0 {
                // By the machine's clock, not the settings': one that a test moves would not let the other process get on.
                tokio::time::sleep(Duration::from_millis(rand::random_range(20..=120))).await;
            }
            hold.keep();
            let (link, token) = (self.link.clone(), hold.token().to_owned());
            let kept_up = tokio::spawn(async move {
                loop {
                    tokio::time::sleep(TURN_KEPT_UP).await;
                    if let Ok(0) = link.run::<i64>(&KEEP, &[&key], &[&token, &lasts]).await {
                        return;
                    }
                }
            });
            Ok(Lease::new(Turn { kept_up: kept_up.abort_handle(), _hold: hold }))
        })
    }

    fn save<'a>(&'a self, identity: &'a Identity, record: &'a Record) -> Storing<'a, ()> {
        Box::pin(async move {
            let (format, used, keep) = (FORMAT.to_string(), record.last_used.to_string(), KEPT.as_millis().to_string());
            let arguments = [format.as_str(), &record.id, &record.write()?, &used, &keep];
            match self.link.run::<i64>(&SAVE, &[session(identity)], &arguments).await? {
                0 => Err(StoreError::Unusable("the stored session is of a newer version and is left as it is".into())),
                _ => Ok(()),
            }
        })
    }

    fn touch<'a>(&'a self, identity: &'a Identity, id: &'a str, last_used: SystemTime) -> Storing<'a, ()> {
        Box::pin(async move {
            let (used, keep) = (millis(last_used).to_string(), KEPT.as_millis().to_string());
            self.link.run::<i64>(&TOUCH, &[session(identity)], &[id, &used, &keep]).await.map(drop)
        })
    }

    fn remove<'a>(&'a self, identity: &'a Identity, id: &'a str) -> Storing<'a, ()> {
        Box::pin(async move { self.link.run::<i64>(&REMOVE, &[session(identity)], &[id]).await.map(drop) })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("at", &self.link.place()).finish_non_exhaustive()
    }
}

fn session(identity: &Identity) -> String {
    format!("{PREFIX}session:{}", identity.digest())
}

/// The turn to sign in, kept up until it is dropped.
struct Turn {
    kept_up: AbortHandle,
    _hold: Hold,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.kept_up.abort();
    }
}

/// How long a record is kept after its last use. A store is not told a session's idle limit, and Bezala's sessions have none: long enough to
/// last over a weekend, short enough that a secret nobody uses any more does not lie about.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a dead process keeps others from signing in.
const TURN_HOLDS: Duration = Duration::from_secs(30);
const TURN_KEPT_UP: Duration = Duration::from_secs(10);

static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/session_load.lua")));
static SAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/session_save.lua")));
static TOUCH: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/session_touch.lua")));
static REMOVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/session_remove.lua")));
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/turn_take.lua")));
static KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/turn_keep.lua")));
