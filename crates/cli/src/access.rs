//! From names to a connection: an API and a way to sign in, with the credentials out of the environment.

use std::collections::BTreeMap;

use ledgerkey::bezala;
use ledgerkey::bill;
use ledgerkey::client::{ClientInfo as _, Connection, Settings};
use ledgerkey::session::Session;
use ledgerkey::table::{Api, Operation, Way};
use ledgerkey::{Error, Secret};

use crate::doors::{self, Door};
pub use crate::doors::{Lookup, bezala_access};

/// Every API, in the order in which it is listed.
pub fn apis() -> [&'static Api; 6] {
    [&bezala::api::API, &bill::api::API, &bill::v2::API, &bill::spend::API, &bill::partner::API, &bill::events::API]
}

/// The API of this name.
///
/// # Errors
/// `config`, with the names that there are.
pub fn api(name: &str) -> Result<&'static Api, Error> {
    apis().into_iter().find(|api| api.name == name).ok_or_else(|| {
        let names = apis().map(|api| api.name).join(", ");
        Error::Config(format!("there is no API {name}: there are {names}"))
    })
}

/// The ways to sign in that lead to an API, the default first: its own, and for an organization's also the one through a partner. BILL's webhooks have
/// no sign-in of their own: every session of BILL's leads there.
pub fn ways(api: &'static Api) -> Vec<&'static Way> {
    let own = |api: &'static Api| api.ways.iter().filter(|way| reaches(api, way));
    let mut ways: Vec<&Way> = Vec::new();
    if api.name == bill::events::API.name {
        ways.extend(own(&bill::api::API));
        ways.extend(own(&bill::partner::API));
    }
    ways.extend(own(api));
    if [bill::api::API.name, bill::v2::API.name, bill::events::API.name].contains(&api.name) {
        ways.extend(bill::partner::API.way(PARTNER_USER));
    }
    ways
}

/// Acting as a partner's user leads out of the partner API into the organization's.
const PARTNER_USER: &str = "partner-user";

fn reaches(api: &Api, way: &Way) -> bool {
    !(api.name == "bill-partner" && way.name == PARTNER_USER)
}

/// The way of this name that leads to an API; without a name, the API's first.
///
/// # Errors
/// `config`, with the names that there are.
pub fn way(api: &'static Api, name: Option<&str>) -> Result<&'static Way, Error> {
    let ways = ways(api);
    let found = ways.iter().find(|way| name.is_none_or(|name| name == way.name)).copied();
    found.ok_or_else(|| {
        let names: Vec<&str> = ways.iter().map(|way| way.name).collect();
        Error::Config(format!("{} has no such way to sign in: it has {}", api.name, names.join(", ")))
    })
}

/// Whether a session of this way may call an operation, as far as the spec says.
pub fn may_call(way: &Way, operation: &Operation) -> bool {
    let presents = operation.security.iter().any(|set| set.iter().all(|scheme| way.provides.contains(&scheme.name)));
    operation.security.is_empty() || (presents && !operation.denied.contains(&way.name))
}

/// An API opened by a way to sign in.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The API.
    pub api: &'static Api,
    /// The way.
    pub way: &'static Way,
    /// The connection, under its session.
    pub connection: Connection,
    /// The session that calls run under.
    pub session: Session,
    /// What the way opened.
    pub door: Door,
}

/// Opens an API by a way to sign in; by its first way without one. Nothing is sent yet.
///
/// # Errors
/// `config` if the API or the way does not exist, or a credential is missing, with the name of its variable.
pub fn open(api_name: &str, way_name: Option<&str>, look_up: Lookup<'_>, settings: Settings) -> Result<Opened, Error> {
    let api = api(api_name)?;
    let way = way(api, way_name)?;
    let door = doors::open(api.name, way.name, look_up, settings)?;
    let connection = match (&door, look_up("BEZALA_COMPANY_ID")) {
        (Door::Bezala(access), Some(company)) => {
            let company: i64 =
                company.trim().parse().map_err(|_| Error::Config("BEZALA_COMPANY_ID must be a whole number".into()))?;
            // Other runs may switch it meanwhile, and a run knows nothing of them.
            access.company(company).checked().api().inner().clone()
        }
        _ => door.connection(api.name)?,
    };
    // A connection can be without one; what a door leads to is not.
    let session = connection.session().cloned();
    let session = session.ok_or_else(|| Error::Config(format!("{} was opened without a session", api.name)))?;
    Ok(Opened { api, way, connection, session, door })
}

/// A connection without a session, for calls that need none: signing in by hand, for one. `secrets` are what the vendor may
/// quote in a refusal.
///
/// # Errors
/// `config` if the address cannot be used.
pub fn open_bare(
    api: &'static Api,
    look_up: Lookup<'_>,
    settings: Settings,
    secrets: Vec<Secret>,
) -> Result<Connection, Error> {
    Ok(match api.name {
        "bezala" => doors::bezala(look_up, settings)?.bare(secrets),
        _ => doors::bill(look_up, settings)?.bare(api, secrets),
    })
}

/// The variables that lead a client to a vendor at this address, as a sandbox serves them.
pub fn addresses(url: &str) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("LEDGERKEY_BILL_URL", format!("{url}/connect")),
        ("LEDGERKEY_BILL_V2_URL", format!("{url}/api/v2")),
        ("LEDGERKEY_BEZALA_URL", url.to_owned()),
    ])
}

/// Looks names up as a client of this sandbox would have them in its environment.
pub fn of_sandbox(sandbox: &ledgerkey_sandbox::Sandbox) -> impl Fn(&str) -> Option<String> + Sync + use<> {
    let mut names = sandbox.credentials().clone();
    names.extend(addresses(sandbox.url()).into_iter().map(|(name, value)| (name.to_owned(), value)));
    move |name| names.get(name).cloned()
}
