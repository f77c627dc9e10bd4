//! A lock that processes share: in which company a user's calls run, where the vendor keeps that on the user's record.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::store::Storing;

/// Keeps the processes that share it in one company of a user's at a time.
pub trait CompanyLock: fmt::Debug + Send + Sync {
    /// Waits until calls of `user` may run in `company`. Leases on one company are held together, those on two never; whoever waits for another
    /// company is not overtaken by newcomers for the current one. `user` names the vendor's address and the user.
    fn enter<'a>(&'a self, user: &'a str, company: i64) -> Storing<'a, Arc<dyn CompanyLease>>;
}

/// The right of this process to run calls in a company. Given back when it is dropped.
pub trait CompanyLease: Send + Sync {
    /// How it stands, without waiting.
    fn standing(&self) -> Standing;

    /// Ends when it does not stand as [`Standing::Held`] any more.
    fn changed(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Gives it back now.
    fn leave(&self);
}

/// How a [`CompanyLease`] stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is held.
    Held,
    /// It is held, and somebody waits for another company: calls under way go on, new ones queue behind.
    Wanted,
    /// It may be somebody else's by now: nothing may be written.
    Lost,
}
