//! Bezala's company from outside: whatever happens between two requests, no call is made in a company that it is not for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "support/lock.rs"]
mod lock;
#[path = "support/stage.rs"]
mod stage;
mod support;

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ledgerkey::bezala::{self, Bezala, InCompany};
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{ClientInfo as _, Gate, Lease, Settings};
use ledgerkey::session::grant::Pending;
use ledgerkey::{Error, Secret};
use ledgerkey_sandbox::{Fault, Sandbox};
use lock::Table;
use serde_json::{Value, json};
use stage::Stage;
use support::{Received, RecordingClock, Reply, Vendor, settings, success};

/// Bezala as a test tells it, with a company that is selected.
struct Scripted {
    vendor: Vendor,
    selected: Arc<AtomicI64>,
    /// The companies that calls were made in, one after the other.
    served: Arc<Mutex<Vec<(String, i64)>>>,
}

impl Scripted {
    /// Answers as told: `None` is a call that goes well. `told` gets the request, how many of its kind came before, and the company that is
    /// selected.
    fn start(told: impl Fn(&Received, usize, &AtomicI64) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let (selected, served) = (Arc::new(AtomicI64::new(8)), Arc::new(Mutex::new(Vec::new())));
        let (at, log) = (selected.clone(), served.clone());
        let vendor = Vendor::granting("token", move |request| {
            let call = format!("{} {}", request.method, request.path());
            let before = {
                let mut log = log.lock().unwrap();
                log.push((call.clone(), at.load(Ordering::SeqCst)));
                log.iter().filter(|(served, _)| *served == call).count() - 1
            };
            if let Some(reply) = told(request, before, &at) {
                return reply;
            }
            match call.as_str() {
                "GET /api/company" => Reply::json(200, json!({"id": at.load(Ordering::SeqCst)}).to_string()),
                "GET /api/home" => Reply::json(200, "{}"),
                _ => {
                    if let Some((_, company)) = request.path().split_once("/change_company/") {
                        at.store(company.parse().unwrap(), Ordering::SeqCst);
                    }
                    success(request.path())
                }
            }
        });
        Self { vendor, selected, served }
    }

    fn user(&self, settings: Settings) -> bezala::Access {
        let password = bezala::Password { email: "a@b.invalid".into(), password: "example".into() };
        Bezala::at(&self.vendor.url(), settings).unwrap().session(password).unwrap()
    }

    /// In which companies this call was served.
    fn served(&self, call: &str) -> Vec<i64> {
        let served = self.served.lock().unwrap();
        served.iter().filter(|(found, _)| found == call).map(|(_, company)| *company).collect()
    }
}

const WRITE: &str = "POST /api/accounts";
const READ: &str = "GET /api/accounts";
const ASK: &str = "GET /api/company";

async fn write(company: &InCompany) -> Result<(), Error> {
    let account = json!({"account": {"name": "Example", "code": "4000", "accountable_type": "ExpenseAccount"}});
    call(company, &bezala::api::operations::CREATE_ACCOUNT, Some(account)).await
}

async fn read(company: &InCompany) -> Result<(), Error> {
    call(company, &bezala::api::operations::LIST_ACCOUNTS, None).await
}

async fn call(
    company: &InCompany,
    operation: &'static ledgerkey::table::Operation,
    body: Option<Value>,
) -> Result<(), Error> {
    let arguments = body.into_iter().fold(Arguments::default(), Arguments::body);
    company.api().inner().call(operation, &arguments).await.map(drop)
}

fn kind(outcome: Result<(), Error>) -> &'static str {
    outcome.map_or_else(|error| error.kind(), |()| "ok")
}

/// Nobody is signed in, and no company selected, for a call that cannot be made.
#[tokio::test]
async fn what_cannot_be_built_is_told_before_the_company_is_waited_for() {
    let bezala = Scripted::start(|_, _, _| None);
    let api = bezala.user(settings(&RecordingClock::new())).company(7);
    let errors = [
        api.api().list_time_balances().send().await.unwrap_err(),
        api.api().get_vendor().send().await.unwrap_err(),
        api.api().update_vendor().id(1).send().await.unwrap_err(),
        api.api()
            .inner()
            .call(&bezala::api::operations::GET_VENDOR, &Arguments::default().param("id", ""))
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), "config", "{error}");
    }
    assert_eq!(bezala.vendor.connections(), 0);
}

/// Counts who enters and who is within.
#[derive(Default)]
struct Counting {
    entered: AtomicUsize,
    within: Arc<AtomicUsize>,
}

struct Within(Arc<AtomicUsize>);

impl Drop for Within {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate for Counting {
    fn enter(&self, _: &'static ledgerkey::table::Operation) -> Pending<'_, Lease> {
        self.entered.fetch_add(1, Ordering::SeqCst);
        self.within.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(Lease::new(Within(self.within.clone())))))
    }
}

#[tokio::test]
async fn a_call_that_is_tried_again_enters_once_and_stays_until_it_is_over() {
    let gate = Arc::new(Counting::default());
    let (within, seen) = (gate.within.clone(), Arc::new(Mutex::new(Vec::new())));
    let log = seen.clone();
    let bezala = Scripted::start(move |request, before, _| {
        log.lock().unwrap().push((request.path().to_owned(), within.load(Ordering::SeqCst)));
        (before == 0).then(|| Reply::json(503, "{}"))
    });
    let connection = bezala.user(settings(&RecordingClock::new())).api().inner().with_gate(gate.clone());
    connection.call(&bezala::api::operations::LIST_ACCOUNTS, &Arguments::default()).await.unwrap();
    let accounts = || ("/api/accounts".to_owned(), 1);
    assert_eq!(*seen.lock().unwrap(), [accounts(), accounts()]);
    assert_eq!((gate.entered.load(Ordering::SeqCst), gate.within.load(Ordering::SeqCst)), (1, 0));
}

/// Whoever is within finds its session ended, and waits for a sign-in.
struct Lapsing {
    session: ledgerkey::session::Session,
    lapses: AtomicUsize,
    asked: Mutex<Vec<bool>>,
}

impl Gate for Lapsing {
    fn enter(&self, _: &'static ledgerkey::table::Operation) -> Pending<'_, Lease> {
        Box::pin(async move {
            if self.lapses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                self.session.sign_out().await?;
            }
            Ok(Lease::new(()))
        })
    }

    fn check<'a>(&'a self, _: &'static ledgerkey::table::Operation, again: bool) -> Pending<'a, ()> {
        self.asked.lock().unwrap().push(again);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What was true on entering may have passed while it waited.
#[tokio::test]
async fn a_call_that_waits_for_a_sign_in_within_is_asked_about_again() {
    let bezala = Scripted::start(|_, _, _| None);
    let connection = bezala.user(settings(&RecordingClock::new())).api().inner().clone();
    let session = connection.session().cloned().unwrap();
    session.acquire().await.unwrap();
    let gate = Arc::new(Lapsing { session, lapses: 1.into(), asked: Mutex::default() });
    let connection = connection.with_gate(gate.clone());
    for _ in 0..2 {
        connection.call(&bezala::api::operations::LIST_ACCOUNTS, &Arguments::default()).await.unwrap();
    }
    assert_eq!(*gate.asked.lock().unwrap(), [true, false]);
    assert_eq!(bezala.vendor.sign_ins(), 2);
}

/// What a switch needs of the sign-in is missed under the name of the call that signed in.
#[tokio::test]
async fn a_sign_in_that_tells_no_user_is_named() {
    let vendor = Vendor::start(|_| Reply::json(200, json!({"token": "example"}).to_string()));
    let bezala = Bezala::at(&vendor.url(), Settings::default()).unwrap();
    let google = bezala::Google { email: "a@b.invalid".into(), access_token: "example".into() };
    let Err(Error::Decode { operation, path, .. }) = read(&bezala.session(google).unwrap().company(7)).await else {
        panic!("without the user's id nothing is switched");
    };
    assert_eq!((operation, path.as_str()), ("createGoogleToken", "user_id"));
}

/// Somebody selects another company after the client has made sure of its own.
#[tokio::test]
async fn a_checked_read_gives_no_rows_of_another_company() {
    let bezala = Scripted::start(|request, before, selected| {
        // The second read finds another company selected, and is answered from that.
        if request.path() == "/api/accounts" && before == 1 {
            selected.store(9, Ordering::SeqCst);
        }
        None
    });
    let company = bezala.user(settings(&RecordingClock::new())).company(8).checked();
    company.api().list_accounts().send().await.unwrap();
    let error = company.api().list_accounts().send().await.unwrap_err();
    assert!(matches!(error, Error::WrongCompany { expected: 8, found: Some(9), .. }), "{error}");
    // The next one selects its company again.
    company.api().list_accounts().send().await.unwrap();
    assert_eq!(bezala.served(READ), [8, 8, 8]);
}

#[tokio::test]
async fn before_a_write_is_sent_again_it_is_asked_which_company_is_selected() {
    let dead = Reply::json(401, r#"{"error":"no"}"#);
    let limited = Reply::bytes(429, &[("retry-after", "30")], b"{}".to_vec());
    for (name, refusal) in [("dead session", dead), ("limit", limited)] {
        for switched in [true, false] {
            let refusal = refusal.clone();
            let bezala = Scripted::start(move |request, before, selected| {
                let first = before == 0 && request.method == "POST";
                if first && switched {
                    selected.store(8, Ordering::SeqCst);
                }
                first.then(|| refusal.clone())
            });
            let company = bezala.user(settings(&RecordingClock::new())).company(7);
            let (expected, companies): (_, &[i64]) = if switched { ("wrong-company", &[7]) } else { ("ok", &[7, 7]) };
            assert_eq!(kind(write(&company).await), expected, "{name}");
            assert_eq!(bezala.served(WRITE), companies, "{name}");
            // Before the switch it was not asked, after it and before the second try it was.
            assert_eq!(bezala.served(ASK).len(), 2, "{name}");
            // The next one switches back and is well.
            assert_eq!(kind(write(&company).await), "ok", "{name}");
            assert_eq!(bezala.served(WRITE).last(), Some(&7), "{name}");
        }
    }
}

#[tokio::test]
async fn nothing_is_written_where_bezala_does_not_say_which_company_is_selected() {
    let nonsense = [
        ("<html>maintenance</html>", "decode"),
        ("", "decode"),
        (r#"{"id":"#, "decode"),
        ("{}", "wrong-company"),
        (r#"{"id":"7"}"#, "wrong-company"),
        (r#"{"id":7.5}"#, "wrong-company"),
        ("null", "wrong-company"),
    ];
    for (answer, expected) in nonsense {
        let told = Arc::new(Mutex::new(None));
        let says = told.clone();
        let bezala = Scripted::start(move |request, _, _| {
            let answer = (request.path() == "/api/company").then(|| *says.lock().unwrap())?;
            answer.map(|answer: &str| Reply::text(200, "text/html", answer))
        });
        let company = bezala.user(settings(&RecordingClock::new())).company(7);
        write(&company).await.unwrap();
        *told.lock().unwrap() = Some(answer);
        assert_eq!(kind(write(&company).await), expected, "{answer:?}");
        assert_eq!(bezala.served(WRITE).len(), 1, "{answer:?}");
        *told.lock().unwrap() = None;
        assert_eq!(kind(write(&company).await), "ok", "{answer:?}");
    }
}

#[tokio::test]
async fn a_switch_by_the_generated_call_is_one_that_the_guard_knows_of() {
    let bezala = Scripted::start(|_, _, _| None);
    let user = bezala.user(settings(&RecordingClock::new()));
    let company = user.company(7);
    read(&company).await.unwrap();
    let switch = async |client: bezala::api::Client| {
        let arguments = Arguments::default().param("id", "2").param("company_id", "8");
        client.inner().call(&bezala::api::operations::CHANGE_COMPANY, &arguments).await.map(drop)
    };
    switch(user.api()).await.unwrap();
    assert_eq!(bezala.selected.load(Ordering::SeqCst), 8);
    read(&company).await.unwrap();
    assert_eq!(bezala.served(READ), [7, 7]);
    // What tells the company runs in it, too.
    switch(user.api()).await.unwrap();
    call(&company, &bezala::api::operations::GET_HOME, None).await.unwrap();
    assert_eq!(bezala.served("GET /api/home"), [7]);
    // A client of one company does not leave it, and where processes share a lock nobody switches past it.
    let requests = bezala.vendor.received().len();
    assert_eq!(kind(switch(company.api()).await), "config");
    assert_eq!(kind(switch(user.companies().company(7).api()).await), "config");
    assert_eq!(bezala.vendor.received().len(), requests);
    let mut sharing = settings(&RecordingClock::new());
    sharing.companies = Some(Arc::new(Table::default()));
    assert_eq!(kind(switch(bezala.user(sharing).api()).await), "config");
    assert_eq!(bezala.selected.load(Ordering::SeqCst), 7);
}

#[tokio::test]
async fn a_read_whose_lease_is_lost_goes_on_only_where_it_belongs() {
    for (switched, expected, served) in [(true, "wrong-company", &[7][..]), (false, "ok", &[7, 7])] {
        let table = Table::default();
        let lost = table.clone();
        let bezala = Scripted::start(move |request, before, selected| {
            let first = before == 0 && request.path() == "/api/accounts";
            if first {
                lost.lose();
                selected.store(if switched { 8 } else { 7 }, Ordering::SeqCst);
            }
            first.then(|| Reply::bytes(429, &[("retry-after", "60")], b"{}".to_vec()))
        });
        let mut settings = settings(&RecordingClock::new());
        settings.companies = Some(Arc::new(table));
        let company = bezala.user(settings).company(7);
        assert_eq!(kind(read(&company).await), expected);
        assert_eq!(bezala.served(READ), served);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_values_of_one_user_keep_out_of_each_others_company() {
    let stage = Stage::set(Sandbox::builder());
    let bezala = Bezala::at(stage.sandbox.url(), stage.settings.clone()).unwrap();
    let (email, sso) = (stage.get("BEZALA_EMAIL"), Secret::from(stage.get("BEZALA_SSO_TOKEN")));
    let password = Secret::from(stage.get("BEZALA_PASSWORD"));
    let ids = ["BEZALA_COMPANY_ID", "BEZALA_OTHER_COMPANY_ID"].map(|name| stage.get(name).parse::<i64>().unwrap());
    // By two ways to sign in, and a clone.
    let one = bezala.session(bezala::Password { email: email.clone(), password }).unwrap().company(ids[0]);
    let two = bezala.clone().session(bezala::Google { email, access_token: sso }).unwrap().company(ids[1]);
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let (one, two) = (one.clone(), two.clone());
            tokio::spawn(async move {
                match number % 4 {
                    0 => write(&one).await,
                    1 => cost_center(&two, number).await,
                    2 => read(&one).await,
                    _ => call(&two, &bezala::api::operations::LIST_COST_CENTERS, None).await,
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    for (operations, company) in
        [(["createAccount", "listAccounts"], ids[0]), (["createCostCenter", "listCostCenters"], ids[1])]
    {
        for operation in operations {
            let log = stage.log(operation);
            assert_eq!(log.len(), 25, "{operation}");
            assert!(log.iter().all(|served| served.company == Some(company)), "{operation}: {log:?}");
        }
    }
}

/// Two processes at a Bezala whose every answer takes longer than it takes to learn that another company is wanted.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_at_a_slow_bezala_both_get_on() {
    let stage = Stage::set(Sandbox::builder().real_clock());
    stage.sandbox.order(Fault::delay("*", Duration::from_millis(150)).of_api("bezala").always());
    let table = Table::default();
    let waited = AtomicUsize::new(0);
    let process = async |name: &str| {
        let mut settings = Settings::default();
        settings.companies = Some(Arc::new(table.clone()));
        settings.policy.call = Duration::from_secs(30);
        let bezala = Bezala::at(stage.sandbox.url(), settings).unwrap();
        let password =
            bezala::Password { email: stage.get("BEZALA_EMAIL"), password: stage.get("BEZALA_PASSWORD").into() };
        let id = stage.get(name).parse().unwrap();
        let company = bezala.session(password).unwrap().company(id);
        for round in 0..2 {
            let calls = (0..20).map(|number| cost_center(&company, id * 100 + round * 20 + number));
            for outcome in futures_util::future::join_all(calls).await {
                outcome.unwrap();
                waited.fetch_add(1, Ordering::SeqCst);
            }
        }
        let log = stage.log("createCostCenter");
        assert_eq!(log.iter().filter(|served| served.acted && served.company == Some(id)).count(), 40);
    };
    futures_util::join!(process("BEZALA_COMPANY_ID"), process("BEZALA_OTHER_COMPANY_ID"));
    assert_eq!(waited.load(Ordering::SeqCst), 80);
    // Those who have waited for a company go together.
    let switches = stage.sandbox.acted("changeCompany");
    assert!(switches <= 12, "{switches} switches");
}

async fn cost_center(company: &InCompany, number: i64) -> Result<(), Error> {
    let body =
        json!({"cost_center": {"name": "Example", "dimension_name": "Department", "external_id": number.to_string()}});
    call(company, &bezala::api::operations::CREATE_COST_CENTER, Some(body)).await
}
