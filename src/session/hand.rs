//! A live session in somebody's hand.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::state::Live;
use crate::sync::Held;

/// A live session in somebody's hand; it derefs to the session. While it is held, the session counts as in use: no pool ends it to make room.
///
/// Taking it touches nothing that other threads write to, so that they do not slow each other down.
pub struct InHand(Held<Live>);

impl InHand {
    /// `None` if nothing is held.
    pub(super) fn of(held: Held<Live>) -> Option<Self> {
        held.is_some().then_some(Self(held))
    }
}

impl Deref for InHand {
    type Target = Live;

    fn deref(&self) -> &Live {
        match &*self.0 {
            Some(live) => live,
            None => unreachable!("made of a session"),
        }
    }
}

impl From<Arc<Live>> for InHand {
    fn from(live: Arc<Live>) -> Self {
        Self(Held::from_inner(Some(live)))
    }
}

impl Clone for InHand {
    fn clone(&self) -> Self {
        Self(Held::from_inner(Option::clone(&self.0)))
    }
}

impl fmt::Debug for InHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
