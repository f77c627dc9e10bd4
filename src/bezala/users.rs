//! The users who are signed in at one address: however many [`Access`](super::Access) values one of them has, their company is one.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::RwLock;

use super::fleet::Fleet;
use crate::client::Wire;

/// By the id on the record that Bezala keeps the company on. An e-mail address would not do: one user may be named by several, or in
/// several spellings, and which of those Bezala takes for the same is not documented.
#[derive(Default)]
pub(super) struct Users(Mutex<HashMap<i64, Weak<Selection>>>);

/// Which company a user has selected, as far as this process knows, and who is running in it.
#[derive(Debug)]
pub(super) struct Selection {
    /// Held for reading by every call under way, for writing by a switch. tokio's is fair: who waits to write is not overtaken.
    pub(super) running: Arc<RwLock<()>>,
    /// One switch at a time is prepared, so that a hundred callers for one company switch once.
    pub(super) switching: tokio::sync::Mutex<()>,
    pub(super) current: AtomicI64,
    /// This process among others; `None` where it keeps order for itself alone.
    pub(super) fleet: Option<Fleet>,
}

/// Stands for "not known"; Bezala's ids are positive.
pub(super) const UNKNOWN: i64 = 0;

impl Users {
    /// The user's selection, one for all who hold it.
    pub(super) fn selection(&self, user: i64, wire: &Wire) -> Arc<Selection> {
        let mut users = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(selection) = users.get(&user).and_then(Weak::upgrade) {
            return selection;
        }
        users.retain(|_, selection| selection.strong_count() > 0);
        let selection = Arc::new(Selection::new(wire));
        users.insert(user, Arc::downgrade(&selection));
        selection
    }
}

impl Selection {
    pub(super) fn new(wire: &Wire) -> Self {
        let running = Arc::default();
        let fleet = wire.companies().map(|lock| Fleet::new(lock.clone(), wire.clock().clone(), Arc::clone(&running)));
        Self { running, switching: tokio::sync::Mutex::default(), current: AtomicI64::new(UNKNOWN), fleet }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Users")
    }
}
