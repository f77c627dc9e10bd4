//! A live session in somebody's hand.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::state::Live;
use crate::sync::Held;

/// A live session in somebody's hand; it derefs to the session. While it is held, the session counts as in use: no pool ends it to make room.
///
/// Taking it touches nothing that other threads write to, so that they do not slow each other down, as long as a thread holds a few at most. What
/// is held for longer than a call is better [counted](Self::counted), as a clone is.
pub struct InHand(Held<Live>);

impl InHand {
    /// `None` if nothing is held.
    pub(super) fn of(held: Held<Live>) -> Option<Self> {
        held.is_some().then_some(Self(held))
    }

    pub(super) fn of_counted(live: Arc<Live>) -> Self {
        Self(Held::from_inner(Some(live)))
    }

    /// The same for whoever holds it for long.
    #[must_use]
    pub fn counted(self) -> Self {
        Self(Held::from_inner(Held::into_inner(self.0)))
    }
}

impl Deref for InHand {
    type Target = Live;

    fn deref(&self) -> &Live {
        match &*self.0 {
            Some(live) => live,
            None => unreachable!("`of` and `of_counted` are the only ways to one"),
        }
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
