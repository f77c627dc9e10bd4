//! What threads meet at in a session and in its pacing: the standard library's and tokio's.
//!
//! Built with `--cfg ledgerkey_model` they are shuttle's, whose scheduler takes the tests named `model` through the orders in which threads
//! can get there: `just model`. What is done for a store or a shared budget on a task of its own goes past it: the model has neither.

#[cfg(not(ledgerkey_model))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(not(ledgerkey_model))]
pub(crate) use arc_swap::ArcSwapOption as Slot;
/// What was loaded from a [`Slot`]. It counts among those that hold the value, but is counted only when the slot gets another. A thread has
/// eight of them to give; beyond those each is counted at once.
#[cfg(not(ledgerkey_model))]
pub(crate) type Held<T> = arc_swap::Guard<Option<std::sync::Arc<T>>>;
#[cfg(ledgerkey_model)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
#[cfg(not(ledgerkey_model))]
pub(crate) use tokio::spawn;

#[cfg(ledgerkey_model)]
pub(crate) use self::model::{Held, Slot, spawn};

#[cfg(ledgerkey_model)]
mod model {
    use std::ops::Deref;
    use std::sync::{Arc, PoisonError};

    use shuttle::sync::Mutex;

    /// As `ArcSwapOption`: to everybody else a load or a store happens at one moment.
    pub(crate) struct Slot<T>(Mutex<Option<Arc<T>>>);

    impl<T> Slot<T> {
        pub(crate) fn empty() -> Self {
            Self(Mutex::new(None))
        }

        pub(crate) fn load(&self) -> Held<T> {
            Held(self.load_full())
        }

        pub(crate) fn load_full(&self) -> Option<Arc<T>> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub(crate) fn store(&self, value: Option<Arc<T>>) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
        }
    }

    /// As arc-swap's `Guard`.
    pub(crate) struct Held<T>(Option<Arc<T>>);

    impl<T> Held<T> {
        pub(crate) fn from_inner(value: Option<Arc<T>>) -> Self {
            Self(value)
        }

        pub(crate) fn into_inner(held: Self) -> Option<Arc<T>> {
            held.0
        }
    }

    impl<T> Deref for Held<T> {
        type Target = Option<Arc<T>>;

        fn deref(&self) -> &Option<Arc<T>> {
            &self.0
        }
    }

    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        drop(shuttle::future::spawn(future));
    }
}
