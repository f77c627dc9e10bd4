//! No secret gets out. Every field that holds one is given a text that is found again wherever it turns up: in a log line of any crate, in
//! the `Debug` or `Display` of anything public, in an error or its sources, in a panic, at another host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by panicking")]

#[path = "support/capture.rs"]
mod capture;
#[path = "support/misbehaviour.rs"]
mod misbehaviour;
mod support;

use std::collections::BTreeSet;
use std::error::Error as _;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capture::{Capture, assert_clean};
use ledgerkey::bezala::{self, Bezala, Upload, api as bezala_api};
use ledgerkey::bill::mfa::Remembered;
use ledgerkey::bill::{self, Bill, api, partner, v2};
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{Account, ClientInfo, Connection, ResponseValue, Settings, Wire};
use ledgerkey::session::grant::Grant;
use ledgerkey::session::store::{Identity, Record};
use ledgerkey::{Error, Secret};
use misbehaviour::{SESSION, envelope, misbehaviours, quotations, refusal};
use serde_json::json;
use support::{ROWS, Received, RecordingClock, Reply, Vendor, Vendors, call, calls_of, is_sign_in, plain, settings};

/// A canary for each field that holds a secret, with signs that JSON, forms, URLs and HTML write in other ways.
fn canary(name: &'static str) -> String {
    match name {
        // These travel as headers, where only visible ASCII can.
        "dev-key" | "app-key" | "spend-token" => format!("CANARY-{name}-\"&<%/+7q3z"),
        "password" | "token-value" | "console-token" | "partner-password" | "sso-token" | "bezala-password" => {
            format!(" CANARY-{name}-\"&<%/+ö 7q3z ")
        }
        name => plain(name),
    }
}

/// Everything that shows itself of an error.
fn show(what: &str, error: &Error) {
    show_any(what, error);
    assert_clean(what, &error.to_string());
    let mut source = error.source();
    while let Some(cause) = source {
        assert_clean(what, &format!("{cause} {cause:?} {cause:#?}"));
        source = cause.source();
    }
    if let Some(refusal) = error.refusal() {
        assert_clean(what, &format!("{refusal} {refusal:?} {:?}", refusal.problems));
    }
}

fn show_any(what: &str, value: &impl Debug) {
    assert_clean(what, &format!("{value:?}\n{value:#?}"));
}

/// What a success holds is the caller's: if the vendor puts a secret into it as data, there it is.
fn show_failure<T>(what: &str, outcome: Result<T, Error>) {
    if let Err(error) = outcome {
        show(what, &error);
    }
}

/// Every way to sign in, every misbehaviour, at the sign-in and at calls that read and create.
#[tokio::test]
async fn no_error_and_no_log_line_holds_a_secret() {
    let capture = Capture::start();
    let elsewhere = Vendor::start(|request| support::success(request.path()));
    let clock = RecordingClock::new();
    let now: Arc<Mutex<(bool, usize)>> = Arc::default();
    let (all, told) = (misbehaviours(&clock, &elsewhere.url()), now.clone());
    let names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    let vendor = Vendor::granting_unless(
        SESSION,
        {
            let now = now.clone();
            move |_| now.lock().unwrap().0
        },
        move |request| {
            let (_, index) = *told.lock().unwrap();
            all[index].1(request)
        },
    );
    let mut settings = settings(&clock);
    settings.policy.tries = 2;
    let mut kinds = BTreeSet::new();
    for row in ROWS {
        let vendors = Vendors::at(&vendor.url(), &settings);
        let (_, read, create) = calls_of(row.0);
        for (index, name) in names.iter().enumerate() {
            for (at_sign_in, operation) in [(true, Some(read)), (false, Some(read)), (false, create)] {
                let Some(operation) = operation else { continue };
                // The limits on sign-ins are by the hour of a clock that stands.
                clock.advance(Duration::from_secs(3600));
                *now.lock().unwrap() = (at_sign_in, index);
                let connection = vendors.open(row, &canary).unwrap();
                let what = format!("{row:?} {name} {operation} at_sign_in={at_sign_in}");
                match call(&connection, row.0, operation).await {
                    Ok(_) => {}
                    Err(error) => {
                        kinds.insert(error.kind());
                        show(&what, &error);
                        if at_sign_in {
                            // Remembered or not, the next caller gets no more of it.
                            show(&what, &call(&connection, row.0, operation).await.unwrap_err());
                        }
                    }
                }
                show_any(&what, &connection);
                show_any(&what, connection.session().unwrap());
                show_any(&what, &connection.session().unwrap().status());
            }
        }
        show_any("vendors", &vendors);
    }
    show_any("settings", &settings);
    capture.assert_clean();
    assert_eq!(elsewhere.connections(), 0, "another host was called");
    let every = [
        "ambiguous",
        "decode",
        "locked-out",
        "mfa-required",
        "network",
        "rate-limited",
        "sign-in-rejected",
        "timeout",
        "vendor",
    ];
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), every, "not every kind of error was met");
    let received: String =
        vendor.received().iter().map(|request| format!("{:?}{}", request.headers, request.text())).collect();
    assert!(
        received.contains("CANARY-password") && received.contains("CANARY-session"),
        "the vendor was told no secret"
    );
}

/// A typed answer that does not fit says where, and no more; a refusal inside a success is scrubbed like any other.
#[tokio::test]
async fn a_typed_answer_that_does_not_fit_tells_no_secret() {
    let capture = Capture::start();
    let clock = RecordingClock::new();
    let all = misbehaviours(&clock, "https://elsewhere.invalid");
    for (name, misbehave) in all.into_iter().filter(|(name, _)| !name.starts_with("silence")) {
        let vendor = Vendor::granting(SESSION, move |request| misbehave(request));
        let mut settings = settings(&clock);
        settings.policy.tries = 1;
        let vendors = Vendors::at(&vendor.url(), &settings);
        let organization = vendors.organization(ROWS[0], &canary).unwrap();
        let outcome = organization.api().list_vendors().send().await;
        show_failure(&name, outcome);
        let outcome = organization.api().get_vendor().vendor_id("009".to_owned()).send().await;
        show_failure(&name, outcome);
        let outcome = vendors.organization(ROWS[3], &canary).unwrap();
        let outcome = outcome.v2().list_vendors().body(v2::types::ListRequest { data: None }).send().await;
        show_failure(&name, outcome);
        let access = vendors
            .bezala
            .session(bezala::Password { email: plain("email"), password: canary("bezala-password").into() });
        let outcome = access.unwrap().api().get_company().send().await;
        show_failure(&name, outcome);
    }
    capture.assert_clean();
}

#[tokio::test]
async fn the_steps_of_mfa_tell_no_secret() {
    let capture = Capture::start();
    let remembered = || Remembered { id: "CANARY-remembered-\"&<7q3z".into(), device: "example".into() };
    for quotation in 0..7 {
        let echo = move |request: &Received| match request.path() {
            path if path.starts_with("/api/v2/") => {
                Reply::json(200, envelope("BDC_1234", &quotations(request)[quotation]))
            }
            "/connect/v3/mfa/challenge" => Reply::json(200, r#"{"challengeId":"example"}"#),
            _ => Reply::json(422, refusal("BDC_1234", &quotations(request)[quotation])),
        };
        let clock = RecordingClock::new();
        let vendor = Vendor::granting(SESSION, echo);
        let organization = Vendors::at(&vendor.url(), &settings(&clock)).organization(ROWS[0], &canary).unwrap();
        let challenge = organization.mfa().challenge().await.unwrap();
        show_any("challenge", &(&challenge, organization.mfa()));
        let token = Secret::from("CANARY-token-\"&<7q3z");
        show("validate", &organization.mfa().validate(&challenge, token, Some("example")).await.unwrap_err());
        show("step up", &organization.mfa().step_up(remembered()).await.unwrap_err());
        // At a sign-in that presents it, by each of the calls that can.
        for row in [ROWS[0], ROWS[7], ROWS[8]] {
            let only_users = move |path: &str| row.1 != "partner-user" || path.ends_with("-as-user");
            let vendor = Vendor::granting_unless(SESSION, only_users, echo);
            let organization = Vendors::at(&vendor.url(), &settings(&clock)).organization(row, &canary).unwrap();
            organization.remember(remembered());
            let error = organization.api().list_vendors().send().await.unwrap_err();
            assert_eq!(error.kind(), "sign-in-rejected", "{row:?} {error}");
            show("sign-in that remembers", &error);
            show_any("organization", &(&organization, organization.remembered()));
            assert!(
                vendor
                    .received()
                    .iter()
                    .any(|request| is_sign_in(request.path()) && request.text().contains("CANARY-remembered"))
            );
        }
    }
    capture.assert_clean();
}

#[tokio::test]
async fn what_is_refused_before_it_is_sent_is_not_quoted() {
    let capture = Capture::start();
    let vendor = Vendor::granting(SESSION, |request| match request.path() {
        "/api/company" => Reply::json(200, r#"{"id":5}"#),
        path => support::success(path),
    });
    let settings = settings(&RecordingClock::new());
    let vendors = Vendors::at(&vendor.url(), &settings);
    let secrets = [
        "password",
        "token-value",
        "console-token",
        "dev-key",
        "spend-token",
        "partner-password",
        "app-key",
        "sso-token",
        "bezala-password",
    ];
    let mut refused = BTreeSet::new();
    for row in ROWS {
        for secret in secrets {
            let keys = |name| if name == secret { "CANARY\n7q3z".to_owned() } else { canary(name) };
            if let Err(error) = vendors.open(row, &keys) {
                assert_eq!(error.kind(), "config");
                refused.insert(secret);
                show(secret, &error);
            }
        }
    }
    assert_eq!(refused.len(), secrets.len(), "{refused:?}");
    let sync = vendors.organization(ROWS[1], &canary).unwrap();
    let error = call(sync.api().inner(), "bill", "createPayment").await.unwrap_err();
    assert_eq!(error.kind(), "not-permitted");
    show("not permitted", &error);
    assert_eq!(vendor.connections(), 0);
    let user = vendors
        .bezala
        .session(bezala::Password { email: plain("email"), password: canary("bezala-password").into() })
        .unwrap();
    let error = call(user.company(7).api().inner(), "bezala", "createAccount").await.unwrap_err();
    assert_eq!(error.kind(), "wrong-company");
    show("wrong company", &error);
    show_any("access", &(&user, user.company(7)));
    for address in [
        "https://u:CANARY-7q3z@x.invalid",
        "https://x.invalid?k=CANARY7q3z",
        "http://CANARY-7q3z@127.0.0.1",
        "CANARY 7q3z",
        "https://CANARY 7q3z",
    ] {
        show(address, &Bill::at(address, address, Settings::default()).unwrap_err());
        show(address, &Bezala::at(address, Settings::default()).unwrap_err());
    }
    capture.assert_clean();
}

#[test]
fn nothing_public_shows_the_secret_that_it_holds() {
    let secret = || Secret::from("CANARY-\"7q3z");
    let text = String::new;
    show_any("secret", &secret());
    show_any(
        "developer key",
        &bill::DeveloperKey { username: text(), password: secret(), organization_id: text(), dev_key: secret() },
    );
    show_any(
        "sync token",
        &bill::SyncToken { name: text(), value: secret(), organization_id: text(), dev_key: secret() },
    );
    show_any(
        "console token",
        &bill::ConsoleToken { email: text(), token: secret(), organization_id: text(), dev_key: secret() },
    );
    show_any("spend token", &bill::SpendToken(secret()));
    show_any("partner key", &bill::PartnerKey { username: text(), password: secret(), app_key: secret() });
    show_any("partner user", &bill::PartnerUser { user_id: text(), organization_id: text(), dev_key: secret() });
    show_any("password", &bezala::Password { email: text(), password: secret() });
    show_any("google", &bezala::Google { email: text(), access_token: secret() });
    show_any("microsoft", &bezala::Microsoft { email: text(), access_token: secret() });
    show_any("okta", &bezala::Okta { email: text(), company_name: text(), okta_url: text(), access_token: secret() });
    show_any("remembered", &Remembered { id: secret(), device: text() });
    let grant = Grant::new([("devKey", secret()), ("session", secret())]).unwrap();
    show_any("grant", &(&grant, grant.get("devKey")));
    show_any("account", &Account::new([("devKey", secret().expose().to_owned())]));
    show_any("arguments", &Arguments::default().param("token", "CANARY-7q3z").body(json!({"password": "CANARY-7q3z"})));
    let identity = Identity { address: text(), way: text(), user: text(), organization: None, key: None };
    let record = Record {
        format: 1,
        identity,
        id: text(),
        session: secret(),
        trusted: None,
        user: None,
        since: 0,
        last_used: 0,
    };
    show_any("record", &record);

    // What is generated: the bodies of the calls that take a secret, and their builders with the secret set.
    let login = || {
        api::types::LoginRequest::builder().username("u".to_owned()).organization_id("008".to_owned()).dev_key(secret())
    };
    let login = || login().password(Some(secret())).console_api_token(Some(secret())).remember_me_id(Some(secret()));
    show_any("login", &(login(), api::types::LoginRequest::try_from(login()).unwrap()));
    let answer = serde_json::json!({"sessionId": "CANARY-7q3z", "organizationId": "008", "userId": "006"});
    show_any("login's answer", &serde_json::from_value::<api::types::LoginResponse>(answer).unwrap());
    show_any("MFA", &api::types::MfaChallengeValidateRequest::builder().token(secret()).challenge_id("c".to_owned()));
    show_any("step-up", &api::types::MfaStepUpRequest::builder().remember_me_id(Some(secret())));
    let v2_login = v2::types::LoginRequest::builder().password(secret()).dev_key(secret()).mfa_id(Some(secret()));
    show_any("v2", &(v2_login, v2::types::ListOrgsRequest::builder().password(secret()).dev_key(secret())));
    show_any("partner", &partner::types::PartnerLoginRequest::builder().password(secret()).app_key(secret()));
    show_any("Bezala", &bezala_api::types::PasswordSignIn::builder().password(secret()).email("e".to_owned()));
    show_any("Bezala, by Google", &bezala_api::types::GoogleSignIn::builder().google_access_token(secret()));
    show_any("Bezala, by Microsoft", &bezala_api::types::MicrosoftSignIn::builder().microsoft_access_token(secret()));
    show_any("Bezala, by Okta", &bezala_api::types::OktaSignIn::builder().okta_access_token(secret()));
}

#[tokio::test]
async fn a_sign_in_by_hand_and_its_answer_show_no_secret() {
    let capture = Capture::start();
    let vendor = Vendor::start(|request| {
        let Reply::Answer { status, mut headers, body } = support::grant(request.path(), SESSION) else {
            panic!("a grant")
        };
        headers.push(("set-cookie".to_owned(), format!("session={SESSION}")));
        Reply::Answer { status, headers, body }
    });
    let wire = Arc::new(Wire::new(&format!("{}/connect", vendor.url()), Settings::default()).unwrap());
    let connection = Connection::new(wire, &api::API, &Account::default(), vec![canary("password").into()]);
    let client = api::Client::new(connection.clone());
    let login = api::types::LoginRequest::builder().username("u".to_owned()).organization_id("008".to_owned());
    let login = login.password(Some(Secret::from(canary("password")))).dev_key(Secret::from(canary("dev-key")));
    let call = client.login().body(login);
    show_any("the call", &(&call, &client));
    let answer: ResponseValue<api::types::LoginResponse> = call.send().await.unwrap();
    assert_eq!(answer.session_id.expose(), SESSION);
    show_any("the answer", &answer);
    let request = connection.http().post(format!("{}/v3/login", connection.base())).build().unwrap();
    show_any("the response", &connection.exec(api::API.operation("login").unwrap(), request).await.unwrap());
    let upload = Upload {
        file_name: "a".into(),
        contents: bytes::Bytes::new().into(),
        media_type: "\r\nCANARY-7q3z".into(),
        transaction_id: None,
    };
    let access = Vendors::at(&vendor.url(), &Settings::default()).bezala;
    let access =
        access.session(bezala::Password { email: plain("email"), password: canary("bezala-password").into() }).unwrap();
    show("upload", &access.api().upload_attachment(upload).await.unwrap_err());
    capture.assert_clean();
}

/// Each of the nets catches what is thrown into it.
#[tokio::test]
async fn a_planted_secret_is_caught() {
    let capture = Capture::start();
    for plant in ["tracing", "field", "span", "log", "panic"] {
        let planted = format!("PLANTED-{plant}-{}", std::process::id());
        match plant {
            "tracing" => tracing::trace!(target: "any::target", "a line with {planted}"),
            "field" => tracing::trace!(target: "hyper", secret = planted.as_str()),
            "span" => drop(tracing::trace_span!("span", secret = planted.as_str())),
            "log" => log::trace!(target: "reqwest", "{planted}"),
            _ => std::panic::catch_unwind(|| panic!("{planted}"))
                .unwrap_err()
                .downcast_ref::<String>()
                .map_or((), |_| ()),
        }
        assert!(capture.text().contains(&planted), "{planted} was not caught");
    }
    for text in ["CANARY", "a canary-x", "..7Q3Z"] {
        assert!(std::panic::catch_unwind(|| assert_clean("planted", text)).is_err(), "{text}");
    }
    // The HTTP client's own words are among what is caught.
    let vendor = Vendor::granting("example-session", |request| support::success(request.path()));
    let connection = Vendors::at(&vendor.url(), &Settings::default()).open(ROWS[0], &plain).unwrap();
    support::read_call(&connection, "bill").await.unwrap();
    for of in ["reqwest", "hyper_util", "ledgerkey"] {
        assert!(capture.text().contains(of), "no word of {of}'s was caught");
    }
}
