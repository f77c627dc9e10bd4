//! What a process of the fleet does: one round of calls for each line that it is told.

use std::io::{BufRead as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledgerkey::Error;
use ledgerkey::bezala::{self, Bezala, Password};
use ledgerkey::bill::{Bill, DeveloperKey, Organization, Spend, SpendToken};
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{ClientInfo as _, Policy, Settings};
use ledgerkey::redis::Redis;
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::{MARK, ORDERS, Orders, Told};
use crate::sign_ins::SignIns;

/// Does as it is told, if this process is one of a fleet.
pub fn run() {
    let Ok(orders) = std::env::var(ORDERS) else { return };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    let warnings = Lines::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_ansi(false)
        .with_writer(warnings.clone())
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let fleet = Fleet::new(&orders);
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let mut told = runtime.block_on(fleet.follow(&words));
        (told.sign_ins, told.warnings) = (fleet.sign_ins.take(), warnings.take());
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{MARK}{}", serde_json::to_string(&told).unwrap()).unwrap();
        out.flush().unwrap();
    }
}

struct Fleet {
    redis: Redis,
    sign_ins: Arc<SignIns>,
    organization: Organization,
    spend: Spend,
    bezala: bezala::Access,
}

impl Fleet {
    fn new(orders: &Orders) -> Self {
        let redis = Redis::connect(&orders.redis).unwrap();
        let mut settings = Settings::default();
        redis.join(&mut settings);
        let mut policy = Policy::default();
        // Whoever waits for the next minute of a limit is told so instead.
        policy.call = Duration::from_secs(45);
        settings.policy = policy;
        let sign_ins = Arc::new(SignIns::default());
        settings.observer = Some(sign_ins.clone());
        let get = |name: &str| orders.names[name].clone();
        let url = &orders.url;
        let bill = Bill::at(&format!("{url}/connect"), &format!("{url}/api/v2"), settings.clone()).unwrap();
        let key = DeveloperKey {
            username: get("BILL_USERNAME"),
            password: get("BILL_PASSWORD").into(),
            organization_id: get("BILL_ORGANIZATION_ID"),
            dev_key: get("BILL_DEV_KEY").into(),
        };
        let password = Password { email: get("BEZALA_EMAIL"), password: get("BEZALA_PASSWORD").into() };
        Self {
            redis,
            sign_ins,
            organization: bill.session(key).unwrap(),
            spend: bill.session(SpendToken(get("BILL_SPEND_TOKEN").into())).unwrap(),
            bezala: Bezala::at(url, settings).unwrap().session(password).unwrap(),
        }
    }

    async fn follow(&self, words: &[&str]) -> Told {
        let number = |at: usize| words[at].parse::<i64>().unwrap();
        match words[0] {
            "list" => {
                let organization = &self.organization;
                together(number(1), |_| {
                    let organization = organization.clone();
                    async move { organization.api().list_vendors().max(1).send().await.map(drop) }
                })
                .await
            }
            "spend" => {
                let spend = &self.spend;
                together(number(1), |_| {
                    let spend = spend.clone();
                    async move { spend.api().list_budgets().send().await.map(drop) }
                })
                .await
            }
            // `write COMPANY HOW_MANY`: reads and writes in turn.
            "write" => {
                let company = number(1);
                together(number(2), |at| {
                    let api = self.bezala.company(company).api();
                    async move {
                        if at % 3 == 2 {
                            return api.list_accounts().send().await.map(drop);
                        }
                        let body = json!({"cost_center": {"name": format!("for {company}"), "dimension_name": "Department",
                            "external_id": format!("{company}-{at}-{}", std::process::id())}});
                        let arguments = Arguments::default().body(body);
                        api.inner().call(&bezala::api::operations::CREATE_COST_CENTER, &arguments).await.map(drop)
                    }
                })
                .await
            }
            "read" => {
                let company = number(1);
                together(number(2), |_| {
                    let api = self.bezala.company(company).api();
                    async move { api.list_accounts().send().await.map(drop) }
                })
                .await
            }
            "close" => {
                self.redis.close().await;
                Told::default()
            }
            other => panic!("no order {other}"),
        }
    }
}

async fn together<F>(how_many: i64, call: impl Fn(i64) -> F) -> Told
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let calls: Vec<_> = (0..how_many).map(|at| tokio::spawn(call(at))).collect();
    let mut told = Told::default();
    for call in calls {
        match call.await.unwrap() {
            Ok(()) => told.ok += 1,
            Err(error) => {
                *told.failed.entry(error.kind().to_owned()).or_default() += 1;
                if std::env::var_os("LEDGERKEY_TEST_VERBOSE").is_some() {
                    let _ = writeln!(std::io::stderr(), "{error}");
                }
            }
        }
    }
    told
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
