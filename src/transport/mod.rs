//! What happens to one request: permit, session, pace, attach, send, classify, replay or return. It knows no vendor: what it goes
//! by are the tables of the operation.

mod admit;
mod attach;
mod attempt;
pub(crate) mod budget;
mod call;
pub(crate) mod classify;
pub(crate) mod decode;
pub(crate) mod hide;
#[cfg(all(test, ledgerkey_model))]
mod model;
pub(crate) mod observe;
pub(crate) mod pace;
pub(crate) mod policy;
pub(crate) mod response;
mod sending;
pub(crate) mod stream;
pub(crate) mod window;
pub(crate) mod wire;

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use reqwest::{Request, Url};
use tracing::Instrument as _;

use self::call::Call;
use self::hide::Told;
use self::pace::{Account, Meter};
use self::response::Response;
use self::sending::Sending;
use self::wire::Wire;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Session;
use crate::session::clock::Clock;
use crate::session::grant::{Pending, SignIn};
use crate::session::store::Lease;
use crate::table::{Api, Operation};

/// The way from a generated client to one API of a vendor: an address, and the session that calls go out under. Clones share it.
#[derive(Clone)]
pub struct Connection {
    shared: Arc<Shared>,
    session: Option<Session>,
}

#[derive(Clone)]
struct Shared {
    wire: Arc<Wire>,
    meters: Arc<[Meter]>,
    gate: Option<Arc<dyn Gate>>,
    /// What the vendor is told beside the session.
    told: Told,
}

/// Must admit a call of an operation that runs in a company before it is sent.
pub trait Gate: Send + Sync {
    /// Waits until the call may be sent: asked once a call, when its request has been built. What it yields is held until the call is over.
    fn enter(&self, operation: &'static Operation) -> Pending<'_, Lease>;

    /// Whether the call may still be sent: asked before each try, for what was true on entering may have passed. `again`: time has gone by since it
    /// entered, for it has been tried, or had to wait for something, such as a session.
    ///
    /// # Errors
    /// Why not; nothing is sent then.
    fn check<'a>(&'a self, operation: &'static Operation, again: bool) -> Pending<'a, ()> {
        let _ = (operation, again);
        Box::pin(std::future::ready(Ok(())))
    }

    /// Whether the answer is one to give: asked once it is there.
    ///
    /// # Errors
    /// Why not; the answer is dropped then.
    fn confirm<'a>(&'a self, operation: &'static Operation) -> Pending<'a, ()> {
        let _ = operation;
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Connection {
    /// A connection to an API without a session: enough for the calls that need none, such as signing in.
    ///
    /// `account` says whose calls these are, for the limits that the vendor counts; `secrets` are what it may quote in a refusal.
    pub fn new(wire: Arc<Wire>, api: &'static Api, account: &Account, secrets: Vec<Secret>) -> Self {
        Self::telling(wire, api, account, Told::new(secrets))
    }

    /// A connection to another API of the same vendor, which takes the same out of the vendor's words, and later what either learns.
    #[cfg(feature = "bill-v2")]
    pub(crate) fn beside(&self, wire: Arc<Wire>, api: &'static Api, account: &Account) -> Self {
        Self::telling(wire, api, account, self.shared.told.clone())
    }

    fn telling(wire: Arc<Wire>, api: &'static Api, account: &Account, told: Told) -> Self {
        let meters = wire.pacer().meters(api, account, wire.budget().is_some()).into();
        Self { shared: Arc::new(Shared { wire, meters, gate: None, told }), session: None }
    }

    /// The same connection under a session.
    pub fn with_session(&self, session: Session) -> Self {
        Self { shared: self.shared.clone(), session: Some(session) }
    }

    /// The same connection behind a gate.
    pub fn with_gate(&self, gate: Arc<dyn Gate>) -> Self {
        self.sharing(Shared { gate: Some(gate), ..(*self.shared).clone() })
    }

    /// The same connection, which takes these too out of the vendor's words.
    pub fn hiding(&self, secrets: impl IntoIterator<Item = Secret>) -> Self {
        self.sharing(Shared { told: self.shared.told.and(secrets), ..(*self.shared).clone() })
    }

    fn sharing(&self, shared: Shared) -> Self {
        Self { shared: Arc::new(shared), session: self.session.clone() }
    }

    /// What is taken out of the vendor's words.
    #[cfg(feature = "_bill")]
    pub(crate) fn told(&self) -> &Told {
        &self.shared.told
    }

    /// The base address, without a slash at the end.
    pub fn base(&self) -> &str {
        self.shared.wire.base()
    }

    /// The path of the base address, without a slash at the end: nothing where it has none.
    #[doc(hidden)]
    pub fn base_path(&self) -> &str {
        self.shared.wire.base_path()
    }

    /// The URL of a whole path at this address, percent-encoded as it has to be: `base_path` and what comes after it.
    #[doc(hidden)]
    pub fn url(&self, path: &str) -> Url {
        self.shared.wire.url(path)
    }

    /// The HTTP client, for building requests. Sent through it directly they would go out without a session.
    pub fn http(&self) -> &reqwest::Client {
        self.shared.wire.http()
    }

    /// Where time comes from.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.shared.wire.clock()
    }

    /// A session for this connection's way of signing in, by the policy of its settings.
    pub fn open(&self, sign_in: Arc<dyn SignIn>) -> Session {
        let wire = &self.shared.wire;
        Session::with_policy(sign_in, wire.clock().clone(), wire.session_policy().clone(), wire.store())
    }

    /// The session that calls go out under.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Takes a request through its whole life. It has to be for the operation, by whose facts it is sent again: of its method, and to its path at
    /// this connection's address. One whose body is a stream is sent once: where it would be sent again, the failure of the first try is the
    /// outcome. [`exec_with`](Self::exec_with) and [`exec_built`](Self::exec_built) send those again too.
    ///
    /// # Errors
    /// Every kind that [`Error`] has. `not-permitted` and `config` come before a byte has left.
    ///
    /// # Panics
    /// When polled outside of a tokio runtime with I/O and time drivers, as every call.
    ///
    /// # Cancelling
    /// Dropping the future gives up the call; whether the vendor acted on it is then unknown. No slot and no sign-in is lost.
    pub fn exec(
        &self,
        operation: &'static Operation,
        request: Request,
    ) -> impl Future<Output = Result<Response, Error>> + Send {
        self.send(operation, Sending::Given(Box::new(request)))
    }

    /// As [`exec`](Self::exec), for a request that can be built anew for another try, unless it can be had only `once`: nothing of it has to be
    /// kept for that, and its body can be a stream. It is built when its turn comes: where others wait for the session and a place, an error of
    /// `build` is told only after them.
    ///
    /// # Errors
    /// As [`exec`](Self::exec), and those of `build`.
    pub fn exec_built<'s>(
        &'s self,
        operation: &'static Operation,
        once: bool,
        build: &'s (dyn Fn() -> Result<Request, Error> + Sync),
    ) -> impl Future<Output = Result<Response, Error>> + Send + 's {
        self.send(operation, Sending::Built { build, once, built: None })
    }

    async fn send(&self, operation: &'static Operation, mut sending: Sending<'_>) -> Result<Response, Error> {
        let schemes = attach::permit(operation, self.session().map(Session::way))?;
        let span = tracing::info_span!("call", otel.name = operation.id, api = operation.api);
        let mut call = Call::new(self, operation, schemes);
        // Pinned where it stands: it is most of a call, and would else be moved into its span.
        let call = pin!(call.run(&mut sending));
        call.instrument(span).await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("base", &self.base()).field("session", &self.session).finish_non_exhaustive()
    }
}
