//! From credentials by name to the typed value that they open.

use ledgerkey::bezala::{self, Bezala};
use ledgerkey::bill::{self, Bill};
use ledgerkey::client::{ClientInfo as _, Connection, Settings};
use ledgerkey::session::Session;
use ledgerkey::{Error, Secret};

/// Where credentials and addresses are looked up: the environment, or a sandbox's own list.
pub type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// What a way to sign in opens. Nothing is sent before the first call.
#[derive(Debug, Clone)]
pub enum Door {
    /// An organization's AP/AR.
    Organization(bill::Organization),
    /// The same, of a user whom a partner acts as.
    PartnerUser {
        /// The partner, whose session signs the user in.
        partner: bill::Partner,
        /// The user's organization.
        organization: bill::Organization,
    },
    /// Partner operations.
    Partner(bill::Partner),
    /// Spend & Expense.
    Spend(bill::Spend),
    /// A Bezala user, whatever the company.
    Bezala(bezala::Access),
}

impl Door {
    /// The connection that calls of this API go over.
    ///
    /// # Errors
    /// `config` if it does not lead there.
    pub fn connection(&self, api: &str) -> Result<Connection, Error> {
        Ok(match (self, api) {
            (Self::Organization(organization) | Self::PartnerUser { organization, .. }, "bill") => {
                organization.api().inner().clone()
            }
            (Self::Organization(organization) | Self::PartnerUser { organization, .. }, "bill-v2") => {
                organization.v2().inner().clone()
            }
            (Self::Organization(organization) | Self::PartnerUser { organization, .. }, "bill-events") => {
                organization.events().inner().clone()
            }
            (Self::Partner(partner), "bill-events") => partner.events().inner().clone(),
            (Self::Spend(spend), "bill-events") => spend.events().inner().clone(),
            (Self::Partner(partner), "bill-partner") => partner.api().inner().clone(),
            (Self::Spend(spend), "bill-spend") => spend.api().inner().clone(),
            (Self::Bezala(access), "bezala") => access.api().inner().clone(),
            _ => return Err(Error::Config(format!("this way to sign in does not lead to {api}"))),
        })
    }

    /// The sessions behind it: the one that calls run under first, then the one that it was made by.
    pub fn sessions(&self) -> Vec<Session> {
        match self {
            Self::Organization(organization) => vec![organization.session().clone()],
            Self::PartnerUser { partner, organization } => {
                vec![organization.session().clone(), partner.session().clone()]
            }
            Self::Partner(partner) => vec![partner.session().clone()],
            Self::Spend(spend) => vec![spend.session().clone()],
            Self::Bezala(access) => vec![access.session().clone()],
        }
    }

    /// Ends its sessions at the vendor's; see [`Session::sign_out`].
    ///
    /// # Errors
    /// The first call's that failed. The others are made all the same.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let mut outcome = Ok(());
        for session in self.sessions() {
            outcome = outcome.and(session.sign_out().await);
        }
        outcome
    }
}

/// Opens an API by a way to sign in.
///
/// # Errors
/// `config` if there is no such way, or if a credential is missing or empty, with the name of its variable.
pub fn open(api: &str, way: &str, look_up: Lookup<'_>, settings: Settings) -> Result<Door, Error> {
    match api {
        "bezala" => bezala_access(way, look_up, settings).map(Door::Bezala),
        _ => open_bill(api, way, look_up, settings),
    }
}

/// A Bezala user's access by this way, whatever the company.
///
/// # Errors
/// As [`open`].
pub fn bezala_access(way: &str, look_up: Lookup<'_>, settings: Settings) -> Result<bezala::Access, Error> {
    let bezala = bezala(look_up, settings)?;
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
        "password" => bezala.session(bezala::Password { email, password: get("BEZALA_PASSWORD")?.into() }),
        _ => Err(no_way(way, "bezala")),
    }
}

fn open_bill(api: &str, way: &str, look_up: Lookup<'_>, settings: Settings) -> Result<Door, Error> {
    let bill = bill(look_up, settings)?;
    let get = |name: &str| required(look_up, name);
    let secret = |name: &str| get(name).map(Secret::from);
    match way {
        "api-token" => return Ok(Door::Spend(bill.session(bill::SpendToken(secret("BILL_SPEND_TOKEN")?))?)),
        "partner-key" => return partner(&bill, look_up).map(Door::Partner),
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
        "partner-user" => {
            let user_id = get("BILL_PARTNER_USER_ID")?;
            let partner = partner(&bill, look_up)?;
            let organization = partner.act_as(bill::PartnerUser { user_id, organization_id, dev_key })?;
            return Ok(Door::PartnerUser { partner, organization });
        }
        "developer-key" => {
            let (username, password) = (get("BILL_USERNAME")?, secret("BILL_PASSWORD")?);
            sign_in(&bill, by_v2, bill::DeveloperKey { username, password, organization_id, dev_key })?
        }
        _ => return Err(no_way(way, api)),
    };
    Ok(Door::Organization(organization))
}

/// A way that the specs have and this has not, or neither. Never another one instead: that would send another credential.
fn no_way(way: &str, api: &str) -> Error {
    Error::Config(format!("nothing here signs in to {api} by {way}"))
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

/// Bezala at the address that is looked up.
pub(crate) fn bezala(look_up: Lookup<'_>, settings: Settings) -> Result<Bezala, Error> {
    let address = look_up("LEDGERKEY_BEZALA_URL").unwrap_or_else(|| bezala::PRODUCTION.to_owned());
    Bezala::at(&address, settings).map_err(|error| under("LEDGERKEY_BEZALA_URL", error))
}

/// BILL at the addresses that are looked up.
pub(crate) fn bill(look_up: Lookup<'_>, settings: Settings) -> Result<Bill, Error> {
    let v3 = look_up("LEDGERKEY_BILL_URL").unwrap_or_else(|| bill::SANDBOX_V3.to_owned());
    let v2 = look_up("LEDGERKEY_BILL_V2_URL").unwrap_or_else(|| bill::SANDBOX_V2.to_owned());
    Bill::at(&v3, &v2, settings).map_err(|error| {
        let of_v2 = matches!(&error, Error::Config(words) if words.starts_with("the v2 address"));
        under(if of_v2 { "LEDGERKEY_BILL_V2_URL" } else { "LEDGERKEY_BILL_URL" }, error)
    })
}

/// Says of an error in an address where the address came from.
fn under(variable: &str, error: Error) -> Error {
    match error {
        Error::Config(words) => Error::Config(format!("{variable}: {words}")),
        other => other,
    }
}

fn required(look_up: Lookup<'_>, name: &str) -> Result<String, Error> {
    let value = look_up(name).ok_or_else(|| {
        Error::Config(format!("{name} is not set; `ledgerkey call --help` lists what each way to sign in needs"))
    })?;
    if value.trim().is_empty() {
        return Err(Error::Config(format!("{name} is set but empty")));
    }
    // What stands in for bytes that are no text. A wrong password is not sent: it could lock the login.
    if value.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Error::Config(format!("{name} is not UTF-8 text")));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_that_nobody_knows_is_no_password() {
        for api in ["bezala", "bill", "bill-v2"] {
            let look_up = |name: &str| (!name.starts_with("LEDGERKEY")).then(|| "example".to_owned());
            let told = open(api, "nope", &look_up, Settings::default()).unwrap_err();
            assert_eq!(told.kind(), "config");
            assert!(told.to_string().contains(&format!("signs in to {api} by nope")), "{told}");
        }
    }
}
