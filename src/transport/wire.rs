//! One vendor's address, and the HTTP client that talks to it and to nobody else.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use percent_encoding::percent_decode_str;
use reqwest::Request;
use url::{Host, Url};

use super::budget::{RetryBudget, SharedBudget};
use super::observe::Observer;
use super::pace::Pacer;
use super::policy::Policy;
use crate::error::Error;
use crate::session::SessionPolicy;
use crate::session::away::Away;
use crate::session::clock::{Clock, SystemClock};
use crate::session::company::CompanyLock;
use crate::session::store::Store;
use crate::table::Operation;

/// How calls are made, and what they share with others: time limits, clock, session store, budgets.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Time limits and tries.
    pub policy: Policy,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where sessions are kept; in memory without one.
    ///
    /// Whoever has the same store and names the same user and organization gets the session in it, whatever password they bring: a store
    /// is found by whose the session is, never by a secret. A platform whose tenants enter credentials of their own gives each tenant
    /// a store of its own (a file, a Redis prefix).
    pub store: Option<Arc<dyn Store>>,
    /// Counts calls together with other processes. Without one, each value of `Bill` or `Bezala` counts for itself.
    pub budget: Option<Arc<dyn SharedBudget>>,
    /// Keeps this process and others out of each other's company, where a vendor has one selected for all of a user's calls.
    /// Without one, each value of `Bezala` keeps order within itself.
    pub companies: Option<Arc<dyn CompanyLock>>,
    /// Is told of tries and waits.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            clock: Arc::new(SystemClock),
            store: None,
            budget: None,
            companies: None,
            observer: None,
        }
    }
}

/// A vendor's address.
pub struct Wire {
    base: String,
    url: Url,
    http: reqwest::Client,
    settings: Settings,
    sessions: Arc<SessionPolicy>,
    pacer: Arc<Pacer>,
    /// The shared budget failed the last time; said once, not at each call.
    budget_away: Away,
}

impl Wire {
    /// A client for one address. `https` only; plain `http` goes to loopback and nowhere else. It may carry a path. Redirects are
    /// never followed, cookies are not kept.
    ///
    /// # Errors
    /// `config`, in words that name what is wrong with the address.
    pub fn new(address: &str, settings: Settings) -> Result<Self, Error> {
        let url = check_address(address)?;
        let (http, pacer) = (client(&url, &settings.policy)?, Arc::new(Pacer::new(base(&url))));
        Ok(Self::of(url, http, settings, pacer))
    }

    /// One more address of the same vendor, that counts calls together with `self`.
    ///
    /// # Errors
    /// As [`Wire::new`].
    pub fn beside(&self, address: &str) -> Result<Self, Error> {
        let url = check_address(address)?;
        // One client keeps the connections of all addresses. To make another takes milliseconds, most of them for the system's certificates.
        let same = url.scheme() == self.url.scheme();
        let http = if same { self.http.clone() } else { client(&url, &self.settings.policy)? };
        Ok(Self::of(url, http, self.settings.clone(), self.pacer.clone()))
    }

    fn of(url: Url, http: reqwest::Client, settings: Settings, pacer: Arc<Pacer>) -> Self {
        let sessions = Arc::new(settings.policy.of_sessions());
        Self { base: base(&url).to_owned(), url, http, settings, sessions, pacer, budget_away: budget_away() }
    }

    /// Over a client that is there already: to make one takes longer than all that a model looks at.
    #[cfg(all(test, ledgerkey_model))]
    pub(super) fn over(http: reqwest::Client, settings: Settings) -> Self {
        let url = check_address("https://vendor.example").expect("an address");
        Self::of(url, http, settings, Arc::new(Pacer::new("example")))
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn base_path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// The address with this path. Most of it has been parsed, which takes longer than all that the library does beside.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The clock of its settings.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.settings.clock
    }

    /// The policy of its settings.
    pub fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    pub(super) fn session_policy(&self) -> &Arc<SessionPolicy> {
        &self.sessions
    }

    pub(super) fn store(&self) -> Option<Arc<dyn Store>> {
        self.settings.store.clone()
    }

    /// The lock on companies of its settings.
    pub fn companies(&self) -> Option<&Arc<dyn CompanyLock>> {
        self.settings.companies.as_ref()
    }

    pub(super) fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    pub(super) fn retries(&self) -> &RetryBudget {
        &self.pacer.retries
    }

    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(super) fn port(&self) -> Option<u16> {
        self.url.port_or_known_default()
    }

    pub(super) fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.settings.observer.as_ref()
    }

    pub(super) fn budget(&self) -> Option<&Arc<dyn SharedBudget>> {
        self.settings.budget.as_ref()
    }

    /// Whether the shared budget answers.
    pub(super) fn budget_away(&self) -> &Away {
        &self.budget_away
    }

    /// Credentials go to this address and to no other, whatever a request was built for; and a request is for the operation that it is sent as,
    /// by whose facts it is sent again: a create must not go as a read, nor an empty id turn the path of one thing into that of all.
    pub(super) fn check_target(&self, operation: &Operation, request: &Request) -> Result<(), Error> {
        let Operation { id, method, path, .. } = operation;
        let url = request.url();
        // What follows the address has to be a path: what goes on in another way is another host, port or path.
        let is_here = url.as_str().strip_prefix(&*self.base).is_some_and(|rest| rest.starts_with('/'));
        let target = url.path().strip_prefix(self.base_path());
        let Some(target) = target.filter(|_| is_here) else {
            return Err(Error::config("the request is for another address than this connection's"));
        };
        if request.method() != method {
            return Err(Error::config(format!("{id} is a {method}, and the request a {}", request.method())));
        }
        if target == *path {
            return Ok(());
        }
        let (named, given) = (path.split('/'), target.split('/'));
        if named.clone().count() != given.clone().count() {
            return Err(other_path(operation));
        }
        for (name, segment) in named.zip(given) {
            let is_parameter = name.starts_with('{');
            // Blanks too: they are the same slip, and no vendor's id.
            if is_parameter && percent_decode_str(segment).decode_utf8_lossy().trim().is_empty() {
                let name = name.trim_matches(['{', '}']);
                return Err(Error::config(format!("{id}: the parameter {name} is empty")));
            }
            if !is_parameter && name != segment {
                return Err(other_path(operation));
            }
        }
        Ok(())
    }
}

fn other_path(Operation { id, path, .. }: &Operation) -> Error {
    Error::config(format!("{id} is at {path}, and the request for another path"))
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("base", &self.base).finish_non_exhaustive()
    }
}

fn client(url: &Url, policy: &Policy) -> Result<reqwest::Client, Error> {
    let mut http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .https_only(url.scheme() == "https")
        .connect_timeout(policy.connect)
        .user_agent(concat!("ledgerkey/", env!("CARGO_PKG_VERSION")));
    if url.scheme() == "http" {
        // Plain http is for loopback alone. A proxy from the environment would carry the credentials away from it, unencrypted.
        http = http.no_proxy();
    }
    http.build().map_err(|error| Error::config(format!("the HTTP client cannot be made: {}", error.without_url())))
}

fn base(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

fn check_address(address: &str) -> Result<Url, Error> {
    // The address is not quoted where it may hold a password.
    let url = Url::parse(address.trim()).map_err(|error| {
        Error::config(format!("the base address is not a URL, such as https://vendor.example: {error}"))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::config("the base address must not carry a user name or a password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::config("the base address must end with its path: no `?` and no `#`"));
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Ok(url),
        ("http", Some(host)) if is_loopback(&host) => Ok(url),
        ("http", Some(host)) => {
            Err(Error::config(format!("plain http would show the credentials to the network: use https for {host}")))
        }
        (scheme, _) => {
            Err(Error::config(format!("the base address must be an https URL with a host, not `{scheme}:`")))
        }
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(ip) => IpAddr::V4(*ip).is_loopback(),
        Host::Ipv6(ip) => IpAddr::V6(*ip).is_loopback(),
    }
}

/// `Retry-After`, in seconds or as a date. Anything else is as if it were not there.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

fn budget_away() -> Away {
    Away::new("the shared budget failed; counting for this process alone", "the shared budget is back")
}

/// A vendor that asks for more is asked again after a day: so no date that it makes up leaves the calendar.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::client::encode_path;

    #[test]
    fn only_https_and_loopback() {
        for good in ["https://gateway.example/connect/", "http://127.0.0.1:1/x", "http://localhost", "http://[::1]:8"] {
            assert!(check_address(good).is_ok(), "{good}");
        }
        for (bad, word) in [
            ("http://gateway.example", "plain http"),
            ("http://127.0.0.1.example.com", "plain http"),
            ("ftp://x", "https"),
            ("gateway.example", "not a URL"),
            ("", "not a URL"),
            ("https://user:CANARY@gateway.example", "password"),
            ("https://gateway.example?token=CANARY", "`?`"),
        ] {
            let error = check_address(bad).unwrap_err().to_string();
            assert!(error.contains(word) && !error.contains("CANARY"), "{bad}: {error}");
        }
    }

    /// Where the address has no path of its own, its end is the end of the host.
    #[cfg(feature = "bill-v3")]
    #[test]
    fn an_address_that_begins_alike_is_another() {
        let list = &crate::bill::api::operations::LIST_VENDORS;
        let wire = Wire::new("https://vendor.example", Settings::default()).unwrap();
        let check = |url: &str| wire.check_target(list, &Request::new(reqwest::Method::GET, url.parse().unwrap()));
        check("https://vendor.example/v3/vendors?max=1").unwrap();
        for end in [".net", "-x", ":8443", "@other.example", ".", "%2eexample"] {
            let url = format!("https://vendor.example{end}/v3/vendors");
            assert!(check(&url).is_err_and(|error| error.to_string().contains("another address")), "{url}");
        }
        assert!(check("http://vendor.example/v3/vendors").is_err());
    }

    #[test]
    fn a_url_is_the_one_that_the_whole_address_would_be_parsed_as() {
        let wires = ["http://localhost:8080", "https://[::1]/connect", "https://vendor.example/a/b//"]
            .map(|address| Wire::new(address, Settings::default()).unwrap());
        proptest!(|(id in any::<String>())| {
            for wire in &wires {
                let path = format!("/v3/things/{}/file", encode_path(&id));
                let whole = Url::parse(&format!("{}{path}", wire.base())).unwrap();
                prop_assert_eq!(wire.url(&format!("{}{path}", wire.base_path())), whole);
            }
        });
    }

    #[test]
    fn retry_after_in_its_two_forms() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("Sun, 06 Nov 1994 08:50:07 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(read("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("18446744073709551615"), Some(LONGEST_RETRY_AFTER));
        assert_eq!(read("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST_RETRY_AFTER));
        assert_eq!(read("-3"), None);
        assert_eq!(read("soon"), None);
    }
}
