//! Getting a session: out of the store if somebody has made one, else from the vendor, and then into the store.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::{Either, select};

use super::Shared;
use super::away::Away;
use super::clock::{millis, time_of, whole_millis};
use super::grant::Grant;
use super::store::{FORMAT, Identity, Lease, Record, Store, StoreError, random_id};
use crate::error::Error;
use crate::secret::Secret;

/// A session as it comes from the vendor or the store.
pub(super) struct Renewed {
    pub(super) grant: Grant,
    pub(super) id: Option<String>,
    pub(super) since: SystemTime,
    pub(super) last_used: SystemTime,
    /// It was in the store already: nobody signed in.
    pub(super) stored: bool,
}

/// A session's place in a store.
#[derive(Clone)]
pub(super) struct Keeper(Arc<Kept>);

struct Kept {
    store: Arc<dyn Store>,
    identity: Identity,
    /// The ids that the vendor refused as dead, latest last: they are not taken out of the store again.
    refused: Mutex<VecDeque<String>>,
    /// When the store was last told of the use, in milliseconds since 1970.
    told: AtomicU64,
    /// The store failed the last time; said once, not at each failure.
    away: Away,
    /// The id of the last session that could not be put there, as far as is known.
    lost: Mutex<Option<String>>,
    /// When whoever has the first turn was last found to stand still, in milliseconds of the monotonic clock, and one more; 0 is never.
    stood_still: AtomicU64,
    /// When a session was last made without the store, in milliseconds of the monotonic clock, and one more; 0 is never.
    alone: AtomicU64,
}

/// While the store is away, a session is made alone at most this often. Without a bound every process of a fleet would sign in at each
/// refusal, and the vendor's 200 sign-ins an hour would be gone at once.
const BETWEEN_LONE_SIGN_INS: Duration = Duration::from_secs(60);

/// How often whoever waits for the right to sign in looks whether there is a session.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// How long to wait for one that stood still within the last hour: longer than a sign-in takes as a rule.
const FOR_ONE_THAT_STOOD_STILL: Duration = Duration::from_secs(10);

const AN_HOUR: Duration = Duration::from_secs(60 * 60);

/// To put a session into the store takes some milliseconds, and those who want it wait for that.
const LONGEST_SAVE: Duration = Duration::from_secs(5);

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A few are enough: an id comes back only while somebody else has not yet seen the refusal.
const REFUSED_KEPT: usize = 8;

/// A new session: whoever else has made one shares it; else this makes it, alone, while the others wait.
pub(super) async fn renew(shared: &Arc<Shared>) -> Result<Renewed, Error> {
    let Some(keeper) = &shared.keeper else { return sign_in(shared).await };
    let kept = &keeper.0;
    match share(shared, kept).await {
        Ok(renewed) => {
            if let Ok(renewed) = &renewed {
                kept.told.store(millis(renewed.last_used), Ordering::Relaxed);
            }
            renewed
        }
        Err(error @ StoreError::Unusable(_)) => Err(Error::Store(error)),
        Err(error @ StoreError::Unavailable(_)) => {
            kept.away.note_failed(&error);
            sign_in_alone(shared, kept, &error).await
        }
    }
}

/// Without the store, which failed. For the others all the same, if it takes the session.
async fn sign_in_alone(shared: &Arc<Shared>, kept: &Kept, why: &StoreError) -> Result<Renewed, Error> {
    let now = whole_millis(shared.clock.monotonic()) + 1;
    let last = kept.alone.load(Ordering::Relaxed);
    if last != 0 && Duration::from_millis(now.saturating_sub(last)) < BETWEEN_LONE_SIGN_INS {
        let words = format!("{why}; a sign-in was made without it less than a minute ago");
        return Err(Error::Store(StoreError::Unavailable(words)));
    }
    kept.alone.store(now, Ordering::Relaxed);
    // What may be there is not known: nothing to yield to.
    let renewed = sign_in(shared).await?;
    Ok(kept.put(shared, renewed, false).await)
}

/// The session in the store, if there is a store, and one in it that is alive as far as anyone here knows.
pub(super) async fn stored(shared: &Shared) -> Result<Option<Renewed>, StoreError> {
    match &shared.keeper {
        Some(keeper) => keeper.0.find(shared).await,
        None => Ok(None),
    }
}

/// The outer error is the store's, the inner one the sign-in's.
async fn share(shared: &Arc<Shared>, kept: &Kept) -> Result<Result<Renewed, Error>, StoreError> {
    if let Some(renewed) = kept.find(shared).await? {
        return Ok(Ok(renewed));
    }
    let mut turn = 1;
    let _lease = loop {
        let now = whole_millis(shared.clock.monotonic()) + 1;
        let waited = kept.turn(shared, &kept.of_turn(turn), kept.patience(shared, turn, now)).await?;
        if turn == 1 {
            let stands_still = matches!(waited, Turn::TooLong);
            kept.stood_still.store(if stands_still { now } else { 0 }, Ordering::Relaxed);
        }
        match waited {
            Turn::Mine(lease) => break lease,
            Turn::Made(renewed) => return Ok(Ok(renewed)),
            // Those who have waited so long have most likely waited together, and are not to make a session each.
            Turn::TooLong => turn += 1,
        }
    };
    // Who held the lease before has made one, most likely.
    if let Some(renewed) = kept.find(shared).await? {
        return Ok(Ok(renewed));
    }
    let renewed = match sign_in(shared).await {
        Ok(renewed) => renewed,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(kept.put(shared, renewed, true).await))
}

/// A session from the vendor.
async fn sign_in(shared: &Shared) -> Result<Renewed, Error> {
    let grant = shared.sign_in.sign_in().await?;
    let now = shared.clock.now();
    Ok(Renewed { grant, id: None, since: now, last_used: now, stored: false })
}

/// What waiting for the right to sign in ends with.
enum Turn {
    Mine(Lease),
    /// Somebody has made a session meanwhile.
    Made(Renewed),
    /// Whoever has it may stand still, and never give it back.
    TooLong,
}

impl Kept {
    /// What the right to sign in goes by; that of a further turn for those who have waited too long for the one before.
    fn of_turn(&self, number: u32) -> Identity {
        let mut identity = self.identity.clone();
        if number > 1 {
            identity.way = format!("{}, turn {number}", identity.way);
        }
        identity
    }

    /// How long to wait for a turn; `now` as `stood_still` has it.
    fn patience(&self, shared: &Shared, turn: u32, now: u64) -> Duration {
        let longest = shared.terms.policy.longest_lease;
        let stood_still = self.stood_still.load(Ordering::Relaxed);
        let is_known = stood_still != 0 && Duration::from_millis(now.saturating_sub(stood_still)) < AN_HOUR;
        if turn == 1 && is_known { longest.min(FOR_ONE_THAT_STOOD_STILL) } else { longest }
    }

    /// Waits for the right to sign in, or for the session of whoever has signed in.
    async fn turn(&self, shared: &Shared, identity: &Identity, longest: Duration) -> Result<Turn, StoreError> {
        let (mut over, mut lease) = (shared.clock.limit(longest), self.store.lease(identity));
        let mut looks = 0;
        loop {
            let mut look = pin!(async {
                shared.clock.limit(BETWEEN_LOOKS).await;
                self.find(shared).await
            });
            match select(&mut lease, select(&mut over, &mut look)).await {
                Either::Left((lease, _)) => return lease.map(Turn::Mine),
                Either::Right((Either::Right((Ok(Some(renewed)), _)), _)) => return Ok(Turn::Made(renewed)),
                // Where the store is away, waiting for the lease comes to an end too.
                Either::Right((Either::Right(_), _)) => {
                    looks += 1;
                    if looks == 1 {
                        tracing::info!(way = self.identity.way, "waiting for somebody else who is signing in");
                    }
                }
                Either::Right((Either::Left(_), _)) => {
                    tracing::warn!(
                        way = self.identity.way,
                        "whoever is signing in takes too long; not waiting any longer"
                    );
                    return Ok(Turn::TooLong);
                }
            }
        }
    }

    /// Puts a session into the store: it is good whether or not that can be done. Where one has been made meanwhile, and `yields` to it, that one
    /// is the session: who stood still comes too late, and the others use it by then, and have perhaps made it trusted.
    async fn put(&self, shared: &Arc<Shared>, mut renewed: Renewed, yields: bool) -> Renewed {
        // Another process may find it even where nobody knows whether it is there.
        renewed.id = Some(random_id());
        let Some(record) = self.record(&renewed) else { return Renewed { id: None, ..renewed } };
        let put = async {
            match if yields { self.find(shared).await } else { Ok(None) } {
                Ok(None) => self.store.save(&self.identity, &record).await.map(|()| None),
                found => found,
            }
        };
        let failed = match select(pin!(put), shared.clock.limit(LONGEST_SAVE)).await {
            Either::Left((Ok(None), _)) => {
                self.away.note_back();
                return renewed;
            }
            Either::Left((Ok(Some(found)), _)) => {
                // The vendor may have given the same again.
                if found.grant.session().map(Secret::expose) != renewed.grant.session().map(Secret::expose) {
                    shared.clone().end_in_background(renewed.grant, None);
                }
                return found;
            }
            Either::Left((Err(error), _)) => error,
            Either::Right(_) => StoreError::Unavailable("a session could not be put into it in time".into()),
        };
        self.away.note_failed(&failed);
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&renewed.id);
        renewed
    }

    /// The stored session, if it is alive as far as anyone here knows.
    async fn find(&self, shared: &Shared) -> Result<Option<Renewed>, StoreError> {
        let Some(record) = self.store.load(&self.identity).await? else { return Ok(None) };
        if self.refused.lock().unwrap_or_else(PoisonError::into_inner).contains(&record.id) {
            return Ok(None);
        }
        if shared.terms.is_over(shared.clock.now_millis().saturating_sub(record.last_used)) {
            return Ok(None);
        }
        let Ok(mut grant) = shared.sign_in.restore(record.session.clone()) else { return Ok(None) };
        grant.trusted = record.trusted;
        grant.user = record.user.clone();
        self.away.note_back();
        Ok(Some(Renewed {
            grant,
            last_used: record.last_used(),
            since: record.since(),
            id: Some(record.id),
            stored: true,
        }))
    }

    fn record(&self, renewed: &Renewed) -> Option<Record> {
        Some(Record {
            format: FORMAT,
            identity: self.identity.clone(),
            id: renewed.id.clone()?,
            session: renewed.grant.session()?.clone(),
            trusted: renewed.grant.trusted,
            user: renewed.grant.user.clone(),
            since: millis(renewed.since),
            last_used: millis(renewed.last_used),
        })
    }
}

impl Keeper {
    pub(super) fn new(store: Arc<dyn Store>, identity: Identity) -> Self {
        Self(Arc::new(Kept {
            store,
            identity,
            refused: Mutex::default(),
            told: AtomicU64::new(0),
            away: Away::new("the session store failed; going on without it", "the session store is back"),
            lost: Mutex::default(),
            stood_still: AtomicU64::new(0),
            alone: AtomicU64::new(0),
        }))
    }

    /// Whether the store has this session, as far as is known.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.lost.lock().unwrap_or_else(PoisonError::into_inner).as_deref() != Some(id)
    }

    /// The vendor refused this session as dead.
    pub(super) fn refused(&self, id: &str) {
        let mut refused = self.0.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.push_back(id.to_owned());
        if refused.len() > REFUSED_KEPT {
            refused.pop_front();
        }
    }

    /// Tells the store that the session was used, but not more often than a fortieth of the idle limit: somebody else's view of it
    /// may be that much too old, and no more. A store may forget what is not used, so it is told of a session without a limit too.
    pub(super) fn used(&self, id: &str, now: u64, idle: Option<Duration>) {
        let last = self.0.told.load(Ordering::Relaxed);
        let apart = whole_millis(idle.unwrap_or(A_DAY) / 40);
        if now.abs_diff(last) < apart
            || self.0.told.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        let (keeper, id, now) = (self.clone(), id.to_owned(), time_of(now));
        tokio::spawn(async move {
            if let Err(error) = keeper.0.store.touch(&keeper.0.identity, &id, now).await {
                keeper.0.away.note_failed(&error);
            }
        });
    }

    /// Tells the store of the last use, now.
    pub(super) async fn settle(&self, id: &str, last_used: SystemTime) {
        if let Err(error) = self.0.store.touch(&self.0.identity, id, last_used).await {
            self.0.away.note_failed(&error);
        }
    }

    pub(super) async fn forget(&self, id: &str) {
        if let Err(error) = self.0.store.remove(&self.0.identity, id).await {
            self.0.away.note_failed(&error);
        }
    }
}
