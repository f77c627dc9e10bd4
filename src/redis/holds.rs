//! What this process holds in Redis: one task keeps it up, and gives back what was dropped, so that dropping never waits.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::Duration;

use ::redis::Script;
use futures_util::future::{Either, select};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Interval;

use super::company::Standings;
use super::link::Link;
use crate::session::store::StoreError;

pub(super) struct Holds {
    link: Arc<Link>,
    task: Mutex<Option<mpsc::UnboundedSender<Note>>>,
    /// The leases on companies, which have to be known as lost before another process can have them.
    companies: Mutex<Vec<Weak<Standings>>>,
}

/// What can be given back.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Places among the calls under way, by their keys.
    Places(Vec<String>),
    /// The turn to sign in.
    Turn(String),
    /// A lease on a company, or the place in the line for one.
    Company([String; 4], i64),
}

enum Note {
    Kept(Arc<Held>),
    Freed(Arc<Held>),
    FreeAll(oneshot::Sender<()>),
}

struct Held {
    token: String,
    kind: Kind,
}

/// Something that is held until it is dropped. If the runtime is gone by then, it runs out.
pub(super) struct Hold {
    held: Arc<Held>,
    task: mpsc::UnboundedSender<Note>,
}

impl Holds {
    pub(super) fn new(link: Arc<Link>) -> Self {
        Self { link, task: Mutex::default(), companies: Mutex::default() }
    }

    /// Made before it is asked for: what Redis gives to a caller who has gone away is given back like the rest.
    pub(super) fn hold(&self, token: String, kind: Kind) -> Hold {
        Hold { held: Arc::new(Held { token, kind }), task: self.task() }
    }

    pub(super) fn tell_before_freeing(&self, company: &Arc<Standings>) {
        let mut companies = self.companies.lock().unwrap_or_else(PoisonError::into_inner);
        companies.retain(|company| company.strong_count() > 0);
        companies.push(Arc::downgrade(company));
    }

    pub(super) async fn free_all(&self) {
        let companies = std::mem::take(&mut *self.companies.lock().unwrap_or_else(PoisonError::into_inner));
        companies.iter().filter_map(Weak::upgrade).for_each(|company| company.lose());
        let (done, told) = oneshot::channel();
        if self.task().send(Note::FreeAll(done)).is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(2), told).await;
        }
    }

    /// The task, which is started anew if the runtime that it ran on is gone.
    fn task(&self) -> mpsc::UnboundedSender<Note> {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &*task {
            Some(sender) if !sender.is_closed() => sender.clone(),
            _ => {
                let (sender, notes) = mpsc::unbounded_channel();
                tokio::spawn(keep(self.link.clone(), notes));
                *task = Some(sender.clone());
                sender
            }
        }
    }
}

impl Hold {
    pub(super) fn token(&self) -> &str {
        &self.held.token
    }

    /// It was given: it is kept up from now on.
    pub(super) fn keep(&self) {
        let _ = self.task.send(Note::Kept(self.held.clone()));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = self.task.send(Note::Freed(self.held.clone()));
    }
}

async fn keep(link: Arc<Link>, mut notes: mpsc::UnboundedReceiver<Note>) {
    let mut held: HashMap<String, Arc<Held>> = HashMap::new();
    let mut tick = tokio::time::interval(PLACES_KEPT_UP);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut batch = Vec::new();
    loop {
        match next(&mut tick, &mut notes, &mut batch).await {
            // Nobody is left who could hold anything.
            Some(0) => return,
            Some(_) => {
                let mut freed = Vec::new();
                let mut waiting = Vec::new();
                for note in batch.drain(..) {
                    match note {
                        Note::Kept(hold) => {
                            held.insert(hold.token.clone(), hold);
                        }
                        Note::Freed(hold) => {
                            held.remove(&hold.token);
                            freed.push(hold);
                        }
                        Note::FreeAll(done) => {
                            freed.extend(held.drain().map(|(_, hold)| hold));
                            waiting.push(done);
                        }
                    }
                }
                if let Err(error) = free(&link, &freed).await {
                    tracing::debug!(%error, "what was held could not be given back; it runs out by itself");
                }
                waiting.into_iter().for_each(|done| {
                    let _ = done.send(());
                });
            }
            None => {
                let places = held.values().filter_map(|hold| match &hold.kind {
                    Kind::Places(keys) => Some(keys.iter().map(|key| (key.as_str(), hold.token.as_str()))),
                    _ => None,
                });
                let (keys, tokens): (Vec<&str>, Vec<&str>) = places.flatten().unzip();
                if !keys.is_empty() {
                    let hold = PLACE_HOLDS.as_millis().to_string();
                    let arguments: Vec<&str> = std::iter::once(hold.as_str()).chain(tokens).collect();
                    let _: Result<i64, _> = link.run(&PLACES_KEEP, &keys, &arguments).await;
                }
            }
        }
    }
}

/// How many notes were received, or `None` where it is time to keep up what is held. That goes first: a process that is always busy has notes
/// at all times.
async fn next(tick: &mut Interval, notes: &mut mpsc::UnboundedReceiver<Note>, batch: &mut Vec<Note>) -> Option<usize> {
    match select(pin!(tick.tick()), pin!(notes.recv_many(batch, MOST_AT_ONCE))).await {
        Either::Left(_) => None,
        Either::Right((received, _)) => Some(received),
    }
}

async fn free(link: &Link, freed: &[Arc<Held>]) -> Result<(), StoreError> {
    let (mut keys, mut tokens) = (Vec::new(), Vec::new());
    for hold in freed {
        let token = hold.token.as_str();
        match &hold.kind {
            Kind::Places(places) => {
                keys.extend(places.iter().map(String::as_str));
                tokens.extend(std::iter::repeat_n(token, places.len()));
            }
            Kind::Turn(key) => link.run::<i64>(&TURN_FREE, &[key], &[token]).await.map(drop)?,
            Kind::Company(keys, company) => {
                link.run::<i64>(&COMPANY_LEAVE, keys, &[token, &company.to_string()]).await.map(drop)?;
            }
        }
    }
    if keys.is_empty() { Ok(()) } else { link.run::<i64>(&PLACES_FREE, &keys, &tokens).await.map(drop) }
}

/// How long a dead process keeps a place.
pub(super) const PLACE_HOLDS: Duration = Duration::from_secs(20);
const PLACES_KEPT_UP: Duration = Duration::from_secs(6);
const MOST_AT_ONCE: usize = 256;

static PLACES_KEEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/places_keep.lua")));
static PLACES_FREE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/places_free.lua")));
static TURN_FREE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/turn_free.lua")));
static COMPANY_LEAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/company_leave.lua")));

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_of_notes_does_not_keep_what_is_held_from_being_kept_up() {
        let (sender, mut notes) = mpsc::unbounded_channel();
        let mut tick = tokio::time::interval(Duration::from_millis(1));
        let mut kept_up = 0;
        for _ in 0..50 {
            let held = Arc::new(Held { token: String::new(), kind: Kind::Places(Vec::new()) });
            assert!(sender.send(Note::Freed(held)).is_ok());
            kept_up += u32::from(next(&mut tick, &mut notes, &mut Vec::new()).await.is_none());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(kept_up > 10, "{kept_up}");
    }
}
