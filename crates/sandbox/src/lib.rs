//! BILL and Bezala in one process, on a loopback port: for tests, and for trying a client without an account.
//!
//! The sandbox serves both vendors at their own paths: BILL v3 with Spend & Expense and the partner API under
//! `/connect/v3`, its webhooks under `/connect-events/v3`, BILL v2 under `/api/v2`, Bezala under `/api`. It keeps real
//! state: logins, sessions with idle clocks, MFA, companies, resource collections, budgets of calls. It answers errors in
//! the vendors' own bodies and codes. It shares no code with the client, so that a mistake of the client's is not repeated by its test double: the two have the API
//! descriptions in common. What matters is written by hand here: sign-ins, MFA, money, and the rows that it moves between.
//! All other operations are carried out from what their descriptions say: collections of rows that are created, read,
//! listed, changed and archived, with bodies checked and answers in the form described; what keeps nothing answers with the
//! description's example.
//!
//! ```
//! use std::time::Duration;
//! use ledgerkey_sandbox::{Fault, Revoke, Sandbox};
//!
//! let sandbox = Sandbox::start()?;
//! assert!(sandbox.url().starts_with("http://127.0.0.1:"));
//! assert!(sandbox.credentials().contains_key("BILL_DEV_KEY"));
//!
//! sandbox.clock().advance(Duration::from_secs(36 * 60)); // every 35-minute session is now dead
//! sandbox.order(Fault::status("listVendors", 429).with_code("BDC_1144"));
//! sandbox.revoke(Revoke::All);
//! assert_eq!(sandbox.sign_ins(), 0);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # The controls
//! All that this handle does can be done over HTTP too, below `/_sandbox`; a body that cannot be followed is answered
//! 400 with a sentence.
//!
//! | call | body |
//! |---|---|
//! | `GET /_sandbox/clock`, `POST /_sandbox/clock` | `{"advance": "PT36M"}` or `{"set_back": "PT5M"}` |
//! | `GET`, `POST`, `DELETE /_sandbox/faults` | a [`Fault`], or a list of them |
//! | `POST /_sandbox/revoke` | `{}`, `{"what": "all"}`, `"bill"`, `"bezala"`, or `{"session": HANDLE}` |
//! | `POST /_sandbox/lock` | `{"login": NAME}` or `{"organization": ID}`, and `"locked": false` to undo |
//! | `POST /_sandbox/password` | `{"password": NEW}`, and `"email"` for a user other than the service user |
//! | `POST /_sandbox/company` | `{"company": ID}`, and `"email"` likewise |
//! | `GET /_sandbox/phone` | the six-digit tokens that "went to the phone" |
//! | `GET /_sandbox/log` | `sign_ins`, and every request as [`Served`] |
//! | `GET /_sandbox/credentials` | what [`Sandbox::credentials`] says |

mod bezala;
mod bill;
mod clock;
mod collection;
mod control;
mod faults;
mod generic;
mod log;
mod secrets;
mod server;
mod spec;
mod time;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{oneshot, watch};

pub use bill::TextMessage;
pub use clock::Clock;
pub use faults::{Fault, Moment};
pub use log::Served;

use server::Shared;
use world::World;

/// A running sandbox. Dropping it stops the server.
///
/// The server runs on a thread and a runtime of its own, so it starts from anywhere, and a test that pauses its
/// runtime's timer does not pause the vendors.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    url: String,
    credentials: BTreeMap<String, String>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    stopped: Option<oneshot::Receiver<()>>,
}

/// Which sessions and tokens to end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revoke {
    /// All of both vendors.
    All,
    /// BILL's sessions. The Spend & Expense token is no session: it stays.
    Bill,
    /// Bezala's tokens.
    Bezala,
    /// The one that [`Served::session`] names.
    Session(String),
}

/// What of BILL's to lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lock {
    /// A login, by its user name, token name or console e-mail: `BDC_1110`.
    Login(String),
    /// An organization, by its id: `BDC_1107`.
    Organization(String),
}

impl Sandbox {
    /// Starts on a free port of 127.0.0.1, with a virtual clock that stands at the present.
    ///
    /// # Errors
    /// Where no port can be had, or no thread.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Starts on this address, such as `127.0.0.1:8080`; port 0 is a free one.
    ///
    /// # Errors
    /// As [`start`](Self::start), and where the address is not one of this machine's loopback.
    pub fn listen(address: SocketAddr) -> io::Result<Self> {
        Self::builder().listen(address).start()
    }

    /// A sandbox with other options.
    pub fn builder() -> Builder {
        Builder { address: SocketAddr::from(([127, 0, 0, 1], 0)), clock: None, options: Options::default() }
    }

    /// The address to put in place of a vendor's host: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The port that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sign-in data that the sandbox accepts, under the names of the environment variables that the command line reads.
    ///
    /// Beside those: `BILL_SECOND_DEV_KEY` (a good key too, for sessions used with the wrong one), `BILL_PARTNER_USER_ID`
    /// (whom the partner can sign in as, in `BILL_ORGANIZATION_ID`), `BEZALA_OTHER_COMPANY_ID`, and `BEZALA_REGULAR_EMAIL`
    /// with `BEZALA_REGULAR_PASSWORD` (a user without the accountant role).
    pub fn credentials(&self) -> &BTreeMap<String, String> {
        &self.credentials
    }

    /// The sandbox's clock.
    pub fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// Orders a fault. Of several that fit a request, the one ordered first strikes; one for an operation that there is not
    /// never does, and only a [`Fault`] out of JSON is refused for it.
    pub fn order(&self, fault: Fault) {
        self.shared.world().faults.order(fault);
    }

    /// Forgets all faults ordered.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear();
    }

    /// Ends sessions and tokens, and tells how many.
    pub fn revoke(&self, what: Revoke) -> usize {
        revoke(&mut self.shared.world(), &what)
    }

    /// Locks a login or an organization of BILL's; `false` where there is none such.
    pub fn lock(&self, what: &Lock) -> bool {
        self.shared.world().bill.lock(what, true)
    }

    /// Undoes [`lock`](Self::lock), and forgets the login's failed tries.
    pub fn unlock(&self, what: &Lock) -> bool {
        self.shared.world().bill.lock(what, false)
    }

    /// Changes a Bezala user's password, which invalidates the user's tokens; `None` is the service user of
    /// `BEZALA_EMAIL`. `false` where there is no such user.
    pub fn set_bezala_password(&self, email: Option<&str>, password: &str) -> bool {
        self.shared.world().bezala.set_password(email, password).is_some()
    }

    /// Switches a Bezala user's company, as a person in the web application would; `false` where the user does not
    /// belong to it.
    pub fn switch_bezala_company(&self, email: Option<&str>, company: i64) -> bool {
        self.shared.world().bezala.select_company(email, company)
    }

    /// The six-digit tokens that went to phones, oldest first.
    pub fn phone(&self) -> Vec<TextMessage> {
        self.shared.world().bill.texts.clone()
    }

    /// Every request served so far, in the order in which answers were ready.
    pub fn log(&self) -> Vec<Served> {
        self.shared.world().log.clone()
    }

    /// As [`log`](Self::log), and forgets it: for runs so long that it would fill the memory. [`acted`](Self::acted) and
    /// [`served`](Self::served) count from here again.
    pub fn take_log(&self) -> Vec<Served> {
        std::mem::take(&mut self.shared.world().log)
    }

    /// How many sign-in requests have arrived, of all ways, refused and faulted ones included.
    pub fn sign_ins(&self) -> u64 {
        self.shared.world().sign_ins
    }

    /// How often an operation was really carried out: an id, or `API/id` where two APIs share one.
    pub fn acted(&self, operation: &str) -> u64 {
        self.count(operation, |served| served.acted)
    }

    /// How many requests for an operation have been served, whatever the answer.
    pub fn served(&self, operation: &str) -> u64 {
        self.count(operation, |_| true)
    }

    /// Stops, and waits until the port is closed.
    pub async fn shut_down(mut self) {
        self.stop.send_replace(true);
        if let Some(stopped) = self.stopped.take() {
            let _ = stopped.await;
        }
    }

    fn count(&self, operation: &str, which: impl Fn(&Served) -> bool) -> u64 {
        let (api, id) = match operation.split_once('/') {
            Some((api, id)) => (Some(api), id),
            None => (None, operation),
        };
        let world = self.shared.world();
        let fits =
            |served: &&Served| served.operation == id && api.is_none_or(|api| api == served.api) && which(served);
        world.log.iter().filter(fits).count() as u64
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Options of a sandbox, then [`start`](Self::start).
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    address: SocketAddr,
    clock: Option<Clock>,
    options: Options,
}

impl Builder {
    /// The address; port 0 is a free one. Default: `127.0.0.1:0`.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.address = address;
        self
    }

    /// The machine's clock in place of a virtual one.
    pub fn real_clock(self) -> Self {
        self.clock(Clock::real())
    }

    /// This clock, which may be another sandbox's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Whether BILL refuses a fourth request at one time for a developer key and organization. Default: yes.
    pub fn concurrency_limit(mut self, on: bool) -> Self {
        self.options.concurrency_limit = on;
        self
    }

    /// Whether BILL counts calls and sign-ins by the hour, and Spend & Expense by the minute. Default: yes.
    pub fn rate_limits(mut self, on: bool) -> Self {
        self.options.rate_limits = on;
        self
    }

    /// Whether creating a payment needs a session that MFA made trusted. Default: yes, as observed in the vendor's
    /// sandbox; its pages say so of production.
    pub fn mfa_for_payments(mut self, on: bool) -> Self {
        self.options.mfa_for_payments = on;
        self
    }

    /// How many organizations BILL has, each with books of its own. Default: 3.
    pub fn organizations(mut self, how_many: usize) -> Self {
        self.options.organizations = how_many.max(1);
        self
    }

    /// How long, in real time, a BILL call of a session takes, so that calls can overlap. Default: 1 millisecond.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.options.latency = latency;
        self
    }

    /// Starts.
    ///
    /// # Errors
    /// See [`Sandbox::listen`].
    pub fn start(self) -> io::Result<Sandbox> {
        let Self { address, clock, options } = self;
        if !address.ip().is_loopback() {
            let text =
                format!("the sandbox listens on loopback addresses only, such as 127.0.0.1:0, and {address} is none");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let routes = spec::Routes::load().map_err(io::Error::other)?;
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let clock = clock.unwrap_or_else(|| Clock::standing_at(SystemTime::now()));
        let world = World::new(&options, clock.millis());
        let credentials = world.credentials.clone();
        let shared = Arc::new(Shared::new(clock, options.latency, routes, world));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, told) = watch::channel(false);
        let (done, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        std::thread::Builder::new().name("ledgerkey-sandbox".to_owned()).spawn(move || {
            runtime.block_on(server::run(listener, serving, told));
            drop(runtime);
            let _ = done.send(());
        })?;
        Ok(Sandbox { address, url: format!("http://{address}"), credentials, shared, stop, stopped: Some(stopped) })
    }
}

/// What the vendors' behaviour depends on.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub concurrency_limit: bool,
    pub rate_limits: bool,
    pub mfa_for_payments: bool,
    pub organizations: usize,
    pub latency: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            concurrency_limit: true,
            rate_limits: true,
            mfa_for_payments: true,
            organizations: 3,
            latency: Duration::from_millis(1),
        }
    }
}

pub(crate) fn revoke(world: &mut World, what: &Revoke) -> usize {
    match what {
        Revoke::All => world.bill.revoke(None) + world.bezala.revoke(None),
        Revoke::Bill => world.bill.revoke(None),
        Revoke::Bezala => world.bezala.revoke(None),
        Revoke::Session(handle) => world.bill.revoke(Some(handle)) + world.bezala.revoke(Some(handle)),
    }
}
