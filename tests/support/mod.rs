//! What the tests of safety share: a vendor that answers what a test tells it and keeps what it received, a clock that records every
//! wait and never waits, and every way to sign in.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test takes a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

mod vendor;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ledgerkey::Error;
use ledgerkey::bezala::{self, Bezala};
use ledgerkey::bill::{self, Bill};
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{ClientInfo, Connection, Settings};
use ledgerkey::session::clock::{Clock, Wait};
use ledgerkey::table::Api;
use serde_json::json;
use tokio::sync::watch;

pub use self::vendor::{Received, Reply, Vendor, grant, is_sign_in, success};

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
