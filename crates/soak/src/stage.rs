//! Both sides of the soak: the sandbox, and the sessions that call it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ledgerkey::bezala::{self, Bezala};
use ledgerkey::bill::{self, Bill, Organization};
use ledgerkey::client::{Observer, Settings};
use ledgerkey::session::Session;
use ledgerkey::table::Operation;
use ledgerkey_cli::sandbox_clock::SandboxClock;
use ledgerkey_sandbox::Sandbox;
use tokio::sync::RwLock;

use crate::Options;

/// What the tasks call, and what they call it with.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) spend: bill::Spend,
    pub(crate) partner: bill::Partner,
    pub(crate) user: bezala::Access,
    pub(crate) companies: [i64; 2],
    pub(crate) counts: Arc<Counts>,
    pub(crate) began: SystemTime,
    /// Writes at Bezala hold it for reading, who switches from outside for writing: the moment between the guard's question and the write
    /// cannot be guarded by anyone, so nothing is switched there.
    pub(crate) outside: RwLock<()>,
    /// The companies that were selected from outside, one after the other.
    pub(crate) switches: Mutex<Vec<i64>>,
    /// A row of each company's books that no other company has.
    pub(crate) marks: [i64; 2],
}

/// What the observer saw.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: AtomicU64,
    pub(crate) failed_sign_ins: AtomicU64,
}

impl Observer for Counts {
    fn attempted(&self, operation: &'static Operation, _: Option<u16>, failed: Option<&'static str>, _: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let signs_in = operation.facts.ways.iter().any(|way| way.operation == Some(operation.id));
        if failed.is_some() && signs_in {
            self.failed_sign_ins.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Stage {
    pub(crate) async fn set(options: &Options) -> Result<Self, String> {
        let sandbox = Sandbox::builder().organizations(options.organizations).latency(Duration::ZERO).start();
        let sandbox = sandbox.map_err(|error| error.to_string())?;
        let counts = Arc::new(Counts::default());
        let mut settings = Settings::default();
        settings.clock = Arc::new(SandboxClock::new(sandbox.clock()));
        settings.observer = Some(counts.clone());
        // The clock jumps by hours, and a call that waits for the next hour's budget is not to be given up for that.
        settings.policy.call = Duration::from_secs(24 * 3600);
        let credentials = sandbox.credentials().clone();
        let get = |name: &str| credentials.get(name).cloned().unwrap_or_default();
        let url = sandbox.url().to_owned();
        let words = |error: ledgerkey::Error| error.to_string();
        let bill = Bill::at(&format!("{url}/connect"), &format!("{url}/api/v2"), settings.clone()).map_err(words)?;
        let key = |organization_id: String| bill::DeveloperKey {
            username: get("BILL_USERNAME"),
            password: get("BILL_PASSWORD").into(),
            organization_id,
            dev_key: get("BILL_DEV_KEY").into(),
        };
        let first = bill.session(key(get("BILL_ORGANIZATION_ID"))).map_err(words)?;
        let body = serde_json::json!({
            "userName": get("BILL_USERNAME"), "password": get("BILL_PASSWORD"), "devKey": get("BILL_DEV_KEY"),
        });
        let body: bill::v2::types::ListOrgsRequest = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let listed = first.v2().list_orgs().body(body).send().await.map_err(words)?;
        let ids: Vec<String> = listed
            .response_data
            .iter()
            .filter_map(|organization| organization.org_id.as_ref().map(|id| id.to_string()))
            .collect();
        let mut organizations = Vec::new();
        for (number, id) in ids.into_iter().enumerate() {
            // Every third signs in by the v2 call.
            let opened = if number % 3 == 2 { bill.session_by_v2(key(id)) } else { bill.session(key(id)) };
            organizations.push(opened.map_err(words)?);
        }
        let partner = bill::PartnerKey {
            username: get("BILL_PARTNER_USERNAME"),
            password: get("BILL_PARTNER_PASSWORD").into(),
            app_key: get("BILL_APP_KEY").into(),
        };
        let password = bezala::Password { email: get("BEZALA_EMAIL"), password: get("BEZALA_PASSWORD").into() };
        let company = |name: &str| get(name).parse::<i64>().map_err(|error| error.to_string());
        let companies = [company("BEZALA_COMPANY_ID")?, company("BEZALA_OTHER_COMPANY_ID")?];
        let user = Bezala::at(&url, settings).and_then(|bezala| bezala.session(password)).map_err(words)?;
        let accounts = user.company(companies[0]).api().list_accounts().send().await.map_err(words)?;
        let centers = user.company(companies[1]).api().list_cost_centers().send().await.map_err(words)?;
        let marks = (accounts.first().map(|row| row.id.0)).zip(centers.first().map(|row| row.id.0));
        let marks = marks.ok_or("the sandbox has no books")?;
        Ok(Self {
            organizations,
            spend: bill.session(bill::SpendToken(get("BILL_SPEND_TOKEN").into())).map_err(words)?,
            partner: bill.session(partner).map_err(words)?,
            user,
            companies,
            marks: marks.into(),
            began: sandbox.clock().now(),
            sandbox,
            counts,
            outside: RwLock::default(),
            switches: Mutex::default(),
        })
    }

    /// Every session value there is, by whether it idles out, for the model of how many sign-ins there may be.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Session> {
        let organizations = self.organizations.iter().map(Organization::session);
        organizations.chain([self.partner.session(), self.user.session()])
    }
}
