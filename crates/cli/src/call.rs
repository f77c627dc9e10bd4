//! `ledgerkey call`: one operation of any spec, and the answer as the vendor sent it.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{Connection, Settings, sign_in};
use ledgerkey::table::{self, Answer, Api, Operation};
use ledgerkey::{Error, Secret};
use ledgerkey_cli::access;
use ledgerkey_cli::doors::Door;
use serde_json::Value;

use crate::arguments::Call;
use crate::failure::{Failure, INTERRUPTED, MISFIT};
use crate::{drift, operations, output, store, upload};

pub(crate) async fn run(call: &Call) -> Result<ExitCode, Failure> {
    // Before what would repeat the other arguments: one of them may be the value.
    if call.params.iter().any(|(name, _)| name.is_empty()) {
        return Err(Failure::config("--param must be NAME=VALUE; see --help"));
    }
    let api = access::api(&call.api)?;
    let operation = operations::find(api, &call.operation)?;
    let body = call.body.as_deref().map(|body| Body::read(body, operation)).transpose()?;
    // After what needs no store: a misspelt operation is told at once, whether or not the store can be reached.
    let place = store::from_environment()?;
    let mut settings = Settings::default();
    place.join(&mut settings).await?;
    let is_shared = settings.store.is_some();
    let (connection, door) = open(api, operation, call, body.as_ref(), settings)?;
    let outcome = tokio::select! {
        outcome = answer(call, operation, &connection, body) => outcome,
        () = signal() => Err(interrupted(operation)),
    };
    if let Some(session) = connection.session() {
        session.settle().await;
    }
    // A stored session is for the next run. One that could not be stored, or was not to be, is of no use to anybody else.
    for session in door.iter().flat_map(Door::sessions) {
        let (status, way) = (session.status(), session.way());
        if !status.live || status.kept || way.operation.is_none() {
            continue;
        }
        if is_shared {
            output::tell(&format!(
                "the {} session could not be kept in LEDGERKEY_STORE; LEDGERKEY_LOG=warn says why",
                way.name
            ));
        }
        // Whether the vendor hears of its end is not worth a failure, nor a long wait.
        let _ = tokio::time::timeout(SIGN_OUT, session.sign_out()).await;
    }
    place.leave().await;
    let fits = outcome.map_err(|failure| failure.about(api.name))?;
    Ok(if fits || !call.strict { ExitCode::SUCCESS } else { ExitCode::from(MISFIT) })
}

/// Waits for the first signal that would end the program.
async fn signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let (Ok(mut terminate), Ok(mut hang_up)) = (signal(SignalKind::terminate()), signal(SignalKind::hangup())) {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = hang_up.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn interrupted(operation: &Operation) -> Failure {
    let words = if operation.replay_safe {
        "interrupted".to_owned()
    } else {
        format!("interrupted: {} may have been carried out; look at the vendor before you send it again", operation.id)
    };
    Failure::Told { code: INTERRUPTED, words }
}

/// How long the end of a session may take at most.
const SIGN_OUT: Duration = Duration::from_secs(5);

/// What the environment says, as text. What is not text is refused where it is used.
fn look_up(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// The body as it was given.
enum Body {
    /// Its numbers keep their digits in the text.
    Json { text: String, json: Value },
    /// For an operation that takes a file.
    File(Vec<u8>),
}

impl Body {
    fn read(given: &str, operation: &Operation) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| Failure::config(format!("--body: {given} cannot be read: {error}"));
        let is_file = operation.body == table::Body::Binary;
        let bytes = match given.strip_prefix('@') {
            None if is_file => {
                let words = "is sent as a file: --body takes @FILE, or @- for standard input";
                return Err(Failure::config(format!("the body of {} {words}", operation.id)));
            }
            None => given.as_bytes().to_vec(),
            Some("-") => {
                let mut bytes = Vec::new();
                std::io::stdin().read_to_end(&mut bytes).map_err(unreadable)?;
                bytes
            }
            Some(path) => std::fs::read(path).map_err(unreadable)?,
        };
        if is_file {
            return Ok(Self::File(bytes));
        }
        let text = String::from_utf8(bytes).map_err(|_| Failure::config("--body is not UTF-8 text"))?;
        // serde's words could quote the body.
        let json = serde_json::from_str(&text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            Failure::config(format!("--body is not JSON ({place}): give JSON, @FILE, or @- for standard input"))
        })?;
        Ok(Self::Json { text, json })
    }

    fn json(&self) -> Option<&Value> {
        match self {
            Self::Json { json, .. } => Some(json),
            Self::File(_) => None,
        }
    }
}

/// A connection for the operation: under a session, unless it needs none.
fn open(
    api: &'static Api,
    operation: &Operation,
    call: &Call,
    body: Option<&Body>,
    settings: Settings,
) -> Result<(Connection, Option<Door>), Failure> {
    if operation.security.is_empty() {
        access::way(api, call.way.as_deref())?;
        let secrets = given(call, body.and_then(Body::json));
        return Ok((access::open_bare(api, &look_up, settings, secrets)?, None));
    }
    let opened = access::open(api.name, call.way.as_deref(), &look_up, settings)?;
    // The switch of the company says itself to which; any other call runs in the one that the environment names.
    let is_switch = api.company.as_ref().is_some_and(|company| company.switch == operation.id);
    let connection = if is_switch { opened.door.connection(api.name)? } else { opened.connection };
    Ok((connection, Some(opened.door)))
}

/// Every text of a call that carries its credentials itself: none of them is to come back in a refusal.
fn given(call: &Call, body: Option<&Value>) -> Vec<Secret> {
    let fields = body.and_then(Value::as_object).into_iter().flat_map(|fields| fields.values());
    let fields = fields.filter_map(Value::as_str);
    fields.chain(call.params.iter().map(|(_, value)| value.as_str())).map(Secret::from).collect()
}

/// Makes the call and prints the answer. Whether the answer fits the spec.
async fn answer(
    call: &Call,
    operation: &'static Operation,
    connection: &Connection,
    body: Option<Body>,
) -> Result<bool, Failure> {
    if upload::is_upload(operation) {
        return print(operation, &upload::send(call, connection).await?);
    }
    let mut arguments = Arguments::default();
    for (name, value) in &call.params {
        arguments = arguments.param(name, value);
    }
    arguments = match body {
        Some(Body::Json { text, .. }) => arguments.body_text(text)?,
        Some(Body::File(bytes)) => arguments.contents(bytes),
        None => arguments,
    };
    if call.all {
        return all_pages(operation, connection, arguments).await;
    }
    let answer = connection.call(operation, &arguments).await.map_err(|error| rejected(operation, error))?;
    print(operation, &answer)
}

/// Prints an answer as it came. Whether it fits the spec.
fn print(operation: &Operation, answer: &[u8]) -> Result<bool, Failure> {
    drift::expect_json(operation, answer)?;
    let written = match operation.answer {
        Answer::Bytes => output::write(answer),
        Answer::Json(_) | Answer::None if answer.is_empty() => Ok(()),
        Answer::Json(_) | Answer::None => output::line(answer),
    };
    match written {
        Err(failure) if !operation.replay_safe => {
            return Err(Failure::from(failure).and(&format!("{} has been carried out all the same", operation.id)));
        }
        written => written?,
    }
    Ok(drift::check(operation, answer))
}

/// A refusal of a sign-in that is called by hand is one of the credentials, as it is within a session.
fn rejected(operation: &Operation, error: Error) -> Error {
    let way = operation.facts.ways.iter().find(|way| way.operation == Some(operation.id));
    match way.filter(|_| operation.security.is_empty()) {
        Some(way) => sign_in::rejected(way, error),
        None => error,
    }
}

async fn all_pages(
    operation: &'static Operation,
    connection: &Connection,
    arguments: Arguments,
) -> Result<bool, Failure> {
    let mut fits = true;
    let mut pages = connection.pages(operation, &arguments)?;
    while let Some(page) = pages.try_next().await? {
        let mut lines = Vec::new();
        for row in &page.value.rows {
            // A line end within a row is white space: within a text, JSON would not allow it.
            lines.extend(row.get().bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
            lines.push(b'\n');
        }
        output::write(&lines)?;
        fits &= drift::check(operation, &page.value.body);
    }
    Ok(fits)
}
