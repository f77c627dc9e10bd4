//! What the tests of safety share: a vendor that answers what a test tells it and keeps what it received, a clock that records every
//! wait and never waits, and every way to sign in.
#![allow(dead_code, unreachable_pub, reason = "each test takes a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ledgerkey::Error;
use ledgerkey::bezala::{self, Bezala};
use ledgerkey::bill::{self, Bill};
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{ClientInfo, Connection, Settings};
use ledgerkey::session::clock::{Clock, Wait};
use ledgerkey::table::Api;
use serde_json::{Value, json};
use tokio::sync::watch;

/// A vendor on a loopback port. It answers what the test's function says.
pub struct Vendor {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Box<dyn Fn(&Received) -> Reply + Send + Sync>,
    received: Mutex<Vec<Received>>,
    arrivals: watch::Sender<usize>,
    connections: AtomicUsize,
    stop: AtomicBool,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Path and query, as they were written.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What the vendor does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// These bytes, then the end of the connection.
    Cut(Vec<u8>),
    /// Nothing, on an open connection.
    Silence,
}

impl Reply {
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::text(status, "application/json", body)
    }

    pub fn text(status: u16, media_type: &str, body: impl Into<String>) -> Self {
        Self::bytes(status, &[("content-type", media_type)], body.into().into_bytes())
    }

    pub fn bytes(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::Answer { status, headers, body }
    }
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    pub fn form(&self) -> Vec<(String, String)> {
        serde_urlencoded::from_bytes(&self.body).unwrap()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The headers that HTTP itself does not need, sorted.
    pub fn own_headers(&self) -> Vec<(&str, &str)> {
        let of_http = ["host", "content-length", "user-agent", "accept"];
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut own: Vec<_> = own.filter(|(name, _)| !of_http.contains(name)).collect();
        own.sort_unstable();
        own
    }
}

impl Vendor {
    pub fn start(answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            received: Mutex::default(),
            arrivals: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let serving = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.stop.load(Ordering::SeqCst) {
                    return;
                }
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let serving = serving.clone();
                // A connection that breaks off is the client's to notice.
                std::thread::spawn(move || serve(stream.unwrap(), &serving));
            }
        });
        Self { address, shared }
    }

    /// A vendor that grants sessions of this name, numbered, and answers the rest as told.
    pub fn granting(session: &'static str, answer: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::granting_unless(session, |_| false, answer)
    }

    /// The same, but the sign-ins at paths that are `not_granted` are answered as told, too.
    pub fn granting_unless(
        session: &'static str,
        not_granted: impl Fn(&str) -> bool + Send + Sync + 'static,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let count = AtomicUsize::new(0);
        Self::start(move |request| match request.path() {
            path if !is_sign_in(path) || not_granted(path) => answer(request),
            path => grant(path, &format!("{session}-{}", count.fetch_add(1, Ordering::SeqCst) + 1)),
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have arrived, in all.
    pub async fn arrived(&self, requests: usize) {
        self.shared.arrivals.subscribe().wait_for(|arrivals| *arrivals >= requests).await.unwrap();
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// The one request of this method to a path with this end.
    pub fn only(&self, method: &str, end: &str) -> Received {
        let mut found: Vec<Received> = self.received();
        found.retain(|request| request.method == method && request.path().ends_with(end));
        assert_eq!(found.len(), 1, "{method} {end}: {:?}", self.received());
        found.remove(0)
    }

    pub fn calls(&self) -> Vec<Received> {
        self.received().into_iter().filter(|request| !is_sign_in(request.path())).collect()
    }

    pub fn sign_ins(&self) -> usize {
        self.received().iter().filter(|request| is_sign_in(request.path())).count()
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let request = read(&mut reader)?;
        shared.received.lock().unwrap().push(request.clone());
        shared.arrivals.send_modify(|arrivals| *arrivals += 1);
        match (shared.answer)(&request) {
            Reply::Answer { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Status\r\n");
                if status != 204 {
                    head += &format!("content-length: {}\r\n", body.len());
                }
                headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
                writer.write_all(&[head.as_bytes(), b"\r\n", &body].concat()).ok()?;
            }
            Reply::Cut(bytes) => {
                writer.write_all(&bytes).ok()?;
                return Some(());
            }
            Reply::Silence => {
                let _ = reader.read(&mut [0]);
                return Some(());
            }
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = |into: &mut String| reader.read_line(into).ok().filter(|read| *read > 0).map(|_| ());
    let mut first = String::new();
    line(&mut first)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        line(&mut header)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, target, headers, body })
}

pub fn is_sign_in(path: &str) -> bool {
    ["/login", "/login-as-user", "/Login.json", "/token"].iter().any(|end| path.ends_with(end))
}

/// The answer to a sign-in, by the call's path.
pub fn grant(path: &str, session: &str) -> Reply {
    let v3 = json!({"sessionId": session, "organizationId": "008o", "userId": "006u", "trusted": false});
    let body = match path {
        "/api/v2/Login.json" => json!({"response_status": 0, "response_message": "Success", "response_data":
            {"sessionId": session, "orgId": "008o", "usersId": "006u", "apiEndPoint": "https://elsewhere.invalid"}}),
        path if path.starts_with("/api/auth/") => {
            json!({"token": session, "user_id": 2, "receipts_email": "r@b.invalid"})
        }
        _ => v3,
    };
    Reply::json(200, body.to_string())
}

/// A call that went well, with no rows.
pub fn success(path: &str) -> Reply {
    let body = match path {
        path if path.starts_with("/api/v2/") => {
            r#"{"response_status":0,"response_message":"Success","response_data":[]}"#
        }
        path if path.starts_with("/api/") => "[]",
        _ => r#"{"results":[]}"#,
    };
    Reply::json(200, body)
}

/// A clock that stands: whoever sleeps is written down and moves it, and a limit ends only when it has been moved past it.
#[derive(Debug)]
pub struct RecordingClock {
    start: SystemTime,
    since: watch::Sender<Duration>,
    sleeps: Mutex<Vec<Duration>>,
}

impl RecordingClock {
    /// Stands at 1994-11-06 08:49:37 GMT, the example of HTTP's own dates.
    pub fn new() -> Arc<Self> {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        Arc::new(Self { start, since: watch::Sender::new(Duration::ZERO), sleeps: Mutex::default() })
    }

    pub fn advance(&self, by: Duration) {
        self.since.send_modify(|since| *since += by);
    }

    pub fn sleeps(&self) -> Vec<Duration> {
        self.sleeps.lock().unwrap().clone()
    }
}

impl Clock for RecordingClock {
    fn now(&self) -> SystemTime {
        self.start + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        *self.since.borrow()
    }

    fn sleep(&self, duration: Duration) -> Wait {
        self.sleeps.lock().unwrap().push(duration);
        self.advance(duration);
        Box::pin(std::future::ready(()))
    }

    fn limit(&self, duration: Duration) -> Wait {
        let (mut told, until) = (self.since.subscribe(), self.monotonic() + duration);
        Box::pin(async move {
            if told.wait_for(|since| *since >= until).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

/// Settings on a clock of the test's.
pub fn settings(clock: &Arc<RecordingClock>) -> Settings {
    let mut settings = Settings::default();
    settings.clock = clock.clone();
    settings
}

/// Every way to sign in and the API that it is tried on.
pub const ROWS: [(&str, &str); 13] = [
    ("bill", "developer-key"),
    ("bill", "sync-token"),
    ("bill-v2", "sync-token"),
    ("bill-v2", "console-token"),
    ("bill", "console-token"),
    ("bill-spend", "api-token"),
    ("bill-partner", "partner-key"),
    ("bill", "partner-user"),
    ("bill-v2", "developer-key"),
    ("bezala", "password"),
    ("bezala", "google"),
    ("bezala", "microsoft"),
    ("bezala", "okta"),
];

/// Gives the text of a field, by its name.
pub type Keys<'k> = &'k dyn Fn(&'static str) -> String;

/// Every vendor at one address.
#[derive(Debug)]
pub struct Vendors {
    pub bill: Bill,
    pub bezala: Bezala,
}

impl Vendors {
    pub fn at(url: &str, settings: &Settings) -> Self {
        let bill = Bill::at(&format!("{url}/connect"), &format!("{url}/api/v2"), settings.clone()).unwrap();
        Self { bill, bezala: Bezala::at(url, settings.clone()).unwrap() }
    }

    pub fn open(&self, (api, way): (&str, &str), keys: Keys<'_>) -> Result<Connection, Error> {
        let secret = |name| ledgerkey::Secret::from(keys(name));
        let email = || keys("email");
        let access = match way {
            "api-token" => {
                return Ok(self.bill.session(bill::SpendToken(secret("spend-token")))?.api().inner().clone());
            }
            "partner-key" => return Ok(self.partner(keys)?.api().inner().clone()),
            _ if api != "bezala" => {
                let organization = self.organization((api, way), keys)?;
                let (v3, v2) = (organization.api(), organization.v2());
                return Ok(if api == "bill" { v3.inner() } else { v2.inner() }.clone());
            }
            "google" => self.bezala.session(bezala::Google { email: email(), access_token: secret("sso-token") })?,
            "microsoft" => {
                self.bezala.session(bezala::Microsoft { email: email(), access_token: secret("sso-token") })?
            }
            "okta" => self.bezala.session(bezala::Okta {
                email: email(),
                company_name: keys("company-name"),
                okta_url: keys("okta-url"),
                access_token: secret("sso-token"),
            })?,
            _ => self.bezala.session(bezala::Password { email: email(), password: secret("bezala-password") })?,
        };
        Ok(access.api().inner().clone())
    }

    pub fn partner(&self, keys: Keys<'_>) -> Result<bill::Partner, Error> {
        self.bill.session(bill::PartnerKey {
            username: keys("username"),
            password: keys("partner-password").into(),
            app_key: keys("app-key").into(),
        })
    }

    pub fn organization(&self, (api, way): (&str, &str), keys: Keys<'_>) -> Result<bill::Organization, Error> {
        let (organization_id, dev_key) = (keys("organization"), keys("dev-key").into());
        let by_v2 = api == "bill-v2";
        match way {
            "sync-token" => {
                let (name, value) = (keys("token-name"), keys("token-value").into());
                self.sign_in(by_v2, bill::SyncToken { name, value, organization_id, dev_key })
            }
            "console-token" => {
                let (email, token) = (keys("console-email"), keys("console-token").into());
                self.sign_in(by_v2, bill::ConsoleToken { email, token, organization_id, dev_key })
            }
            "partner-user" => {
                let user_id = keys("user-id");
                self.partner(keys)?.act_as(bill::PartnerUser { user_id, organization_id, dev_key })
            }
            _ => {
                let (username, password) = (keys("username"), keys("password").into());
                self.sign_in(by_v2, bill::DeveloperKey { username, password, organization_id, dev_key })
            }
        }
    }

    fn sign_in<C: bill::Credential>(&self, by_v2: bool, credential: C) -> Result<C::Access, Error> {
        if by_v2 { self.bill.session_by_v2(credential) } else { self.bill.session(credential) }
    }
}

/// Fields that say what they are and hold no more.
pub fn plain(name: &'static str) -> String {
    match name {
        "okta-url" => "https://example.okta.invalid".to_owned(),
        name => format!("example-{name}"),
    }
}

/// What is called of an API: one call that reads, and one that creates, where it has one.
pub fn calls_of(api: &str) -> (&'static Api, &'static str, Option<&'static str>) {
    match api {
        "bill" => (&bill::api::API, "listVendors", Some("createVendor")),
        "bill-v2" => (&bill::v2::API, "listVendors", None),
        "bill-spend" => (&bill::spend::API, "listBudgets", Some("createBudget")),
        "bill-partner" => (&bill::partner::API, "listOrganizations", Some("createOrganization")),
        _ => (&bezala::api::API, "listAccounts", Some("createAccount")),
    }
}

pub async fn call(connection: &Connection, api: &str, operation: &str) -> Result<bytes::Bytes, Error> {
    let operation = calls_of(api).0.operation(operation).unwrap();
    let arguments = match operation.method {
        "POST" if api != "bill-v2" => Arguments::default().body(json!({"name": "example"})),
        _ => Arguments::default(),
    };
    connection.call(operation, &arguments).await
}

pub async fn read_call(connection: &Connection, api: &str) -> Result<bytes::Bytes, Error> {
    call(connection, api, calls_of(api).1).await
}

pub fn refused(connection: &Connection) -> bool {
    connection.session().unwrap().status().refused
}
