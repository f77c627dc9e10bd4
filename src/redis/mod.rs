//! One Redis for a fleet: its processes share sessions, sign in once for all, call within one budget, and keep out of each other's
//! Bezala company.
//!
//! ```no_run
//! # fn run() -> Result<(), ledgerkey::Error> {
//! use ledgerkey::client::Settings;
//! use ledgerkey::redis::Redis;
//!
//! let redis = Redis::connect("redis://127.0.0.1:6379/0")?;
//! let mut settings = Settings::default();
//! redis.join(&mut settings); // every client made with these settings belongs to the fleet
//! # Ok(())
//! # }
//! ```
//!
//! # What is stored
//! Every key begins with `ledgerkey:1:` and goes on with a digest, so that no key tells whose it is. Every key runs out.
//!
//! | key | what | for how long |
//! |---|---|---|
//! | `session:…` | **the session itself**, whose it is (address, way, user, organization, a fingerprint of the developer or app key), when it was granted and last used | 7 days after the last use |
//! | `turn:…` | who is signing in: a random token | 30 s, kept up while it goes on |
//! | `budget:…` | counts of calls, and random tokens of those under way | the limit's window; 20 s for those under way, kept up |
//! | `budget:…:closed` | the vendor's word that a limit is spent | as long as it said, a window at most |
//! | `company:…` | the id of the company that a Bezala user's calls run in; random tokens of the processes that run there or wait | 20 s, kept up |
//!
//! No password, no token of the user's, no developer key is ever sent to Redis. Sessions are, and not encrypted: whoever can read this
//! Redis can use them until they idle out. The connection has no TLS; keep it within the machine or a network that is yours.
//!
//! # What is decided, and by which clock
//! Each decision is one script, which Redis carries out alone, by Redis's own clock: no two processes need to agree on the time.
//! The one exception is when a session was last used, which is told by whoever used it and compared by whoever takes it. It takes
//! Redis 6 or newer, one server and not a cluster.
//!
//! A process that dies keeps what it held until that has run out: the others wait for its turn to sign in, and for places that it had among
//! the calls under way. Where one stands still and keeps its turn up, the others choose another after
//! [`SessionPolicy::longest_lease`](crate::session::SessionPolicy::longest_lease).
//!
//! # When Redis is away
//! Whoever asks it waits a second at most for the connection and a second for the answer, and both once more if the connection breaks;
//! for half a second after a failure nothing asks it at all. Sessions at hand are used on; a session that dies is made anew by each
//! process for itself, at most once a minute; calls are counted by each process alone. Each of these is said once in the log. Calls in a
//! Bezala company that only read go on while that company is selected; a write needs the lock on the company and comes back as `store`.
//! What was held when Redis lost its memory is taken anew.
//!
//! A Redis that wants a password and gets none, or that holds something else under our keys, is not away: somebody has to look, and the
//! next sign-in comes back as `store` and says so. One that refuses the password that it gets counts as away, and the log says why.
//!
//! A refusal of the credentials is not shared: it would have to be bound to the password, and a fingerprint of a password can be
//! guessed. Each process is refused once and remembers it, so a fleet of ten with a wrong password makes ten tries, one after the
//! other.
//!
//! # At the end of a process
//! [`Redis::close`] gives everything back that is held. Without it, what a process held runs out by itself.

mod budget;
mod company;
mod holds;
mod link;
mod store;

use std::fmt;
use std::sync::{Arc, LazyLock};

use ::redis::Script;
use sha2::{Digest as _, Sha256};

use self::budget::RedisBudget;
use self::company::RedisCompanies;
use self::holds::Holds;
use self::link::Link;
use self::store::RedisStore;
use crate::client::{Settings, SharedBudget};
use crate::error::Error;
use crate::session::company::CompanyLock;
use crate::session::store::{Store, hex};

/// What a fleet shares: one Redis. Clones are the same connection.
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
    holds: Arc<Holds>,
}

impl Redis {
    /// The Redis at `redis://HOST:PORT/DB`, with `redis://USER:PASSWORD@…` where it asks for them. Nothing is sent yet: the connection is made
    /// by the first call that needs it, and made again whenever it breaks.
    ///
    /// # Errors
    /// `config` if it is no such address; a password in it is not repeated.
    pub fn connect(url: &str) -> Result<Self, Error> {
        let link = Arc::new(Link::new(url)?);
        let holds = Arc::new(Holds::new(link.clone()));
        Ok(Self { link, holds })
    }

    /// Shares sessions and single flight, for [`Settings::store`].
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::new(RedisStore::new(self.link.clone(), self.holds.clone()))
    }

    /// Shares the counts of calls, for [`Settings::budget`].
    pub fn budget(&self) -> Arc<dyn SharedBudget> {
        Arc::new(RedisBudget::new(self.link.clone(), self.holds.clone()))
    }

    /// Shares the guard of Bezala's company, for [`Settings::companies`].
    pub fn companies(&self) -> Arc<dyn CompanyLock> {
        Arc::new(RedisCompanies::new(self.link.clone(), self.holds.clone()))
    }

    /// Puts all three into these settings.
    pub fn join(&self, settings: &mut Settings) {
        settings.store = Some(self.store());
        settings.budget = Some(self.budget());
        settings.companies = Some(self.companies());
    }

    /// Asks whether Redis is there and takes this user and password: for a start that should rather fail than go on alone.
    ///
    /// # Errors
    /// `store`, in words for people.
    pub async fn ping(&self) -> Result<(), Error> {
        self.link.run::<i64>(&PING, NOTHING, NOTHING).await.map(drop).map_err(Error::Store)
    }

    /// Gives back everything that is held, and waits until Redis knows, two seconds at most: for the end of a process whose calls
    /// are over. Calls that still run lose their places. Leases on Bezala's companies are lost before Redis hears of it, so that no write
    /// leaves from then on until the company is entered anew.
    pub async fn close(&self) {
        self.holds.free_all().await;
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("at", &self.link.place()).finish_non_exhaustive()
    }
}

/// A key for what `of` names, which does not tell it: 32 hexadecimal digits of its SHA-256.
fn key(what: &str, of: &str) -> String {
    format!("{PREFIX}{what}:{}", hex(&Sha256::digest(of), 16))
}

/// With the version of what is stored: another one would have other keys.
const PREFIX: &str = "ledgerkey:1:";

const NOTHING: &[&str] = &[];

/// A script like the others, so that whoever may connect but not run scripts is found out.
static PING: LazyLock<Script> = LazyLock::new(|| Script::new("return 1"));
