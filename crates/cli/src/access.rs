//! From names to a connection: an API and a way to sign in, with the credentials out of the environment.

use ledgerkey::bezala::{self, Bezala};
use ledgerkey::bill::{self, Bill};
use ledgerkey::client::{ClientInfo, Connection, Settings};
use ledgerkey::session::Session;
use ledgerkey::table::{Api, Way};
use ledgerkey::{Error, Secret};

/// Every API, in the order in which it is listed.
pub fn apis() -> [&'static Api; 5] {
    [&bezala::api::API, &bill::api::API, &bill::v2::API, &bill::spend::API, &bill::partner::API]
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

/// The ways to sign in that lead to an API, the default first: its own, and for BILL's v3 also the one through a partner.
pub fn ways(api: &'static Api) -> Vec<&'static Way> {
    let mut ways: Vec<&Way> = api.ways.iter().filter(|way| reaches(api, way)).collect();
    if api.name == "bill" {
        ways.extend(bill::partner::API.way(PARTNER_USER));
    }
    ways
}

/// Acting as a partner's user leads out of the partner API into the organization's.
const PARTNER_USER: &str = "partner-user";

fn reaches(api: &Api, way: &Way) -> bool {
    !(api.name == "bill-partner" && way.name == PARTNER_USER)
}

/// Where credentials and addresses are looked up: the environment, or a sandbox's own list.
pub type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// An API opened by a way to sign in.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The API.
    pub api: &'static Api,
    /// The way.
    pub way: &'static Way,
    /// The connection, under its session.
    pub connection: Connection,
}

impl Opened {
    /// The session.
    ///
    /// # Errors
    /// Never: what [`open`] gives has a session. The type of a connection does not say so.
    pub fn session(&self) -> Result<&Session, Error> {
        self.connection.session().ok_or_else(|| Error::Config("the connection has no session".into()))
    }
}

/// Opens an API by a way to sign in; by its first way without one. Nothing is sent yet.
///
/// # Errors
/// `config` if the API or the way does not exist, or a credential is missing, with the name of its variable.
pub fn open(api_name: &str, way: Option<&str>, look_up: Lookup<'_>, settings: Settings) -> Result<Opened, Error> {
    let api = api(api_name)?;
    let ways = ways(api);
    let way = match way {
        None => ways.first().copied(),
        Some(name) => ways.iter().find(|way| way.name == name).copied(),
    };
    let way = way.ok_or_else(|| {
        let names: Vec<&str> = ways.iter().map(|way| way.name).collect();
        Error::Config(format!("{api_name} has no such way to sign in: it has {}", names.join(", ")))
    })?;
    let connection = match api.name {
        "bezala" => open_bezala(way.name, look_up, settings)?,
        _ => open_bill(api.name, way.name, look_up, settings)?,
    };
    Ok(Opened { api, way, connection })
}

fn open_bezala(way: &str, look_up: Lookup<'_>, settings: Settings) -> Result<Connection, Error> {
    let access = bezala_access(way, look_up, settings)?;
    let client = match look_up("BEZALA_COMPANY_ID") {
        None => access.api(),
        Some(company) => {
            let company: i64 =
                company.parse().map_err(|_| Error::Config("BEZALA_COMPANY_ID must be a whole number".into()))?;
            access.company(company).api()
        }
    };
    Ok(client.inner().clone())
}

/// A Bezala user's access by this way, whatever the company.
///
/// # Errors
/// As [`open`].
pub fn bezala_access(way: &str, look_up: Lookup<'_>, settings: Settings) -> Result<bezala::Access, Error> {
    let address = look_up("LEDGERKEY_BEZALA_URL").unwrap_or_else(|| bezala::PRODUCTION.to_owned());
    let bezala = Bezala::at(&address, settings)?;
    let get = |name: &str| required(look_up, name);
    let email = get("BEZALA_EMAIL")?;
    match way {
        "google" => bezala.session(bezala::Google { email, access_token: get("BEZALA_SSO_TOKEN")?.into() }),
        "microsoft" => bezala.session(bezala::Microsoft { email, access_token: get("BEZALA_SSO_TOKEN")?.into() }),
        "okta" => bezala.session(bezala::Okta {
            email,
            company_name: get("BEZALA_OKTA_COMPANY")?,
            okta_url: get("BEZALA_OKTA_URL")?,
            access_token: get("BEZALA_SSO_TOKEN")?.into(),
        }),
        _ => bezala.session(bezala::Password { email, password: get("BEZALA_PASSWORD")?.into() }),
    }
}

fn open_bill(api: &str, way: &str, look_up: Lookup<'_>, settings: Settings) -> Result<Connection, Error> {
    let v3 = look_up("LEDGERKEY_BILL_URL").unwrap_or_else(|| bill::SANDBOX_V3.to_owned());
    let v2 = look_up("LEDGERKEY_BILL_V2_URL").unwrap_or_else(|| bill::SANDBOX_V2.to_owned());
    let bill = Bill::at(&v3, &v2, settings)?;
    let get = |name: &str| required(look_up, name);
    let secret = |name: &str| get(name).map(Secret::from);
    match api {
        "bill-spend" => {
            return Ok(bill.session(bill::SpendToken(secret("BILL_SPEND_TOKEN")?))?.api().inner().clone());
        }
        "bill-partner" => return Ok(partner(&bill, look_up)?.api().inner().clone()),
        _ => {}
    }
    let by_v2 = api == "bill-v2";
    let organization_id = get("BILL_ORGANIZATION_ID")?;
    let dev_key = secret("BILL_DEV_KEY")?;
    let organization = match way {
        "sync-token" => {
            let (name, value) = (get("BILL_SYNC_TOKEN_NAME")?, secret("BILL_SYNC_TOKEN")?);
            sign_in(&bill, by_v2, bill::SyncToken { name, value, organization_id, dev_key })?
        }
        "console-token" => {
            let (email, token) = (get("BILL_CONSOLE_EMAIL")?, secret("BILL_CONSOLE_TOKEN")?);
            sign_in(&bill, by_v2, bill::ConsoleToken { email, token, organization_id, dev_key })?
        }
        PARTNER_USER => {
            let user_id = get("BILL_PARTNER_USER_ID")?;
            partner(&bill, look_up)?.act_as(bill::PartnerUser { user_id, organization_id, dev_key })?
        }
        _ => {
            let (username, password) = (get("BILL_USERNAME")?, secret("BILL_PASSWORD")?);
            sign_in(&bill, by_v2, bill::DeveloperKey { username, password, organization_id, dev_key })?
        }
    };
    Ok(if by_v2 { organization.v2().inner().clone() } else { organization.api().inner().clone() })
}

fn sign_in<C: bill::Credential>(bill: &Bill, by_v2: bool, credential: C) -> Result<C::Access, Error> {
    if by_v2 { bill.session_by_v2(credential) } else { bill.session(credential) }
}

fn partner(bill: &Bill, look_up: Lookup<'_>) -> Result<bill::Partner, Error> {
    let get = |name: &str| required(look_up, name);
    bill.session(bill::PartnerKey {
        username: get("BILL_PARTNER_USERNAME")?,
        password: get("BILL_PARTNER_PASSWORD")?.into(),
        app_key: get("BILL_APP_KEY")?.into(),
    })
}

fn required(look_up: Lookup<'_>, name: &str) -> Result<String, Error> {
    look_up(name).ok_or_else(|| Error::Config(format!("{name} is not set")))
}

/// Looks names up as a client of this sandbox would have them in its environment.
pub fn of_sandbox(sandbox: &ledgerkey_sandbox::Sandbox) -> impl Fn(&str) -> Option<String> + Sync + use<> {
    let mut names = sandbox.credentials().clone();
    names.insert("LEDGERKEY_BILL_URL".into(), format!("{}/connect", sandbox.url()));
    names.insert("LEDGERKEY_BILL_V2_URL".into(), format!("{}/api/v2", sandbox.url()));
    names.insert("LEDGERKEY_BEZALA_URL".into(), sandbox.url().to_owned());
    move |name| names.get(name).cloned()
}
