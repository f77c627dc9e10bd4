//! Slots: how many calls may be under way at one time, by what the vendor counts by.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::table::{Api, Quota};

/// Whose calls these are, in the words of the specs' limits: the developer key's, the organization's. The values tell one from
/// another and are never shown.
#[derive(Clone, Default)]
pub struct Account(Vec<(&'static str, String)>);

impl Account {
    /// An account of these parts, such as `[("devKey", ...), ("organization", ...)]`.
    pub fn new(parts: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(parts.into_iter().collect())
    }

    fn part(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(part, _)| *part == name).map(|(_, value)| value.as_str())
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(part, _)| part)).finish()
    }
}

/// The slots of all accounts at one vendor's address.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    slots: Mutex<HashMap<(&'static str, Vec<String>), Arc<Semaphore>>>,
}

impl Pacer {
    /// The slots that a call of this account has to take, one of each. Looked up once a connection, not once a call.
    pub(crate) fn slots(&self, api: &Api, account: &Account) -> Vec<Slots> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        api.limits
            .iter()
            .filter_map(|limit| {
                let Quota::AtOnce(at_once) = limit.quota else {
                    return None;
                };
                let key: Option<Vec<String>> =
                    limit.by.iter().map(|part| account.part(part).map(str::to_owned)).collect();
                // Specs of one vendor share a limit by giving it one name.
                let semaphore =
                    slots.entry((limit.name, key?)).or_insert_with(|| Arc::new(Semaphore::new(at_once as usize)));
                Some(Slots { semaphore: semaphore.clone(), operations: limit.operations })
            })
            .collect()
    }
}

/// The slots of one limit for one account.
#[derive(Debug, Clone)]
pub(crate) struct Slots {
    semaphore: Arc<Semaphore>,
    operations: &'static [&'static str],
}

impl Slots {
    /// Whether this operation needs no slot, or one is free: what there is to hold, if there is something. `None` if one has to wait.
    pub(crate) fn try_take(&self, operation: &str) -> Option<Option<OwnedSemaphorePermit>> {
        if !self.counts(operation) {
            return Some(None);
        }
        self.semaphore.clone().try_acquire_owned().ok().map(Some)
    }

    /// Waits in line for a slot; `None` if this operation does not count. Dropping the future gives up the place in the line,
    /// dropping the permit gives back the slot.
    pub(crate) async fn take(&self, operation: &str) -> Option<OwnedSemaphorePermit> {
        if !self.counts(operation) {
            return None;
        }
        self.semaphore.clone().acquire_owned().await.ok()
    }

    fn counts(&self, operation: &str) -> bool {
        self.operations.is_empty() || self.operations.contains(&operation)
    }
}
