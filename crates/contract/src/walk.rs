//! Every operation of an API, called once.

use ledgerkey::bezala::{Upload, api::Client};
use ledgerkey::client::dynamic::Arguments;
use ledgerkey::client::{Connection, Settings};
use ledgerkey::table::{Answer, Api, Body, Operation};
use ledgerkey::{Error, Secret};
use ledgerkey_cli::access;
use ledgerkey_contract::{CALLS, Call};
use serde_json::{Value, json};

/// What came of a call.
enum Outcome {
    /// The answer is JSON that fits its type.
    Decoded,
    /// There was an answer, with nothing in it that is decoded.
    Answered,
    NotCalled(&'static str),
}

/// Calls all of them, and says what came of it.
pub(crate) async fn walk(api: &'static Api) -> Value {
    let (mut decoded, mut answered, mut not_called) = (0, 0, Vec::new());
    let mut faults = Vec::new();
    for (number, operation) in api.operations.iter().enumerate() {
        let Some(call) = CALLS.iter().find(|call| (call.api, call.operation) == (api.name, operation.id)) else {
            not_called.push(json!({"operation": operation.id, "why": "it has no example"}));
            continue;
        };
        match make(number, operation, call).await {
            Ok(Outcome::Decoded) => decoded += 1,
            Ok(Outcome::Answered) => answered += 1,
            Ok(Outcome::NotCalled(why)) => not_called.push(json!({"operation": operation.id, "why": why})),
            Err(words) => faults.push(json!({"operation": operation.id, "fault": words})),
        }
    }
    json!({
        "api": api.name,
        "operations": api.operations.len(),
        "called": decoded + answered + faults.len(),
        "decoded": decoded,
        "nothing_to_decode": answered,
        "not_called": not_called,
        "faults": faults,
    })
}

async fn make(number: usize, operation: &'static Operation, call: &Call) -> Result<Outcome, String> {
    let connection = match open(number, operation) {
        Ok(Some(connection)) => connection,
        Ok(None) => return Ok(Outcome::NotCalled("no way to sign in leads there")),
        Err(error) => return Err(told(&error)),
    };
    let answer = match operation.body {
        Body::Multipart => upload(connection).await,
        _ => dynamic(&connection, operation, call).await,
    };
    let answer = answer.map_err(|error| told(&error))?;
    match operation.answer {
        Answer::Json(check) => {
            check(&answer).map(|()| Outcome::Decoded).map_err(|misfit| format!("the answer: {misfit}"))
        }
        Answer::Bytes | Answer::None => Ok(Outcome::Answered),
    }
}

/// An access of its own for each call: what the vendor allows in an hour is counted by credential, and 600 calls would wait for it.
fn open(number: usize, operation: &'static Operation) -> Result<Option<Connection>, Error> {
    let look_up = move |name: &str| match name {
        "BEZALA_COMPANY_ID" => None,
        "BEZALA_EMAIL" => Some(format!("user{number}@example.com")),
        _ if name.starts_with("LEDGERKEY_") => std::env::var(name).ok(),
        _ => Some(format!("example-{number}")),
    };
    let api = operation.facts;
    if operation.security.is_empty() {
        let settings = Settings::default();
        return access::open_bare(api, &look_up, settings, vec![Secret::from("example")]).map(Some);
    }
    // The webhooks' server knows no other sign-in than the token that goes with each call.
    let mut ways = access::ways(api).into_iter().filter(|way| access::may_call(way, operation));
    let way = if api.name == "bill-events" { ways.find(|way| way.operation.is_none()) } else { ways.next() };
    let Some(way) = way else { return Ok(None) };
    access::open(api.name, Some(way.name), &look_up, Settings::default()).map(|opened| Some(opened.connection))
}

async fn dynamic(connection: &Connection, operation: &'static Operation, call: &Call) -> Result<Vec<u8>, Error> {
    let mut arguments = Arguments::default();
    for (name, value) in call.params {
        arguments = arguments.param(*name, *value);
    }
    if operation.body == Body::Binary {
        arguments = arguments.contents(&b"%PDF-1.4 example"[..]);
    } else if let Some(body) = call.body {
        arguments = arguments.body_text(body)?;
    }
    Ok(connection.call(operation, &arguments).await?.to_vec())
}

async fn upload(connection: Connection) -> Result<Vec<u8>, Error> {
    let upload = Upload {
        file_name: "receipt.pdf".into(),
        contents: b"%PDF-1.4 example"[..].into(),
        media_type: "application/pdf".into(),
        transaction_id: None,
    };
    Ok(Client::new(connection).upload_attachment_undecoded(upload).await?.bytes().await?.to_vec())
}

/// An error with all that led to it.
fn told(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    words
}
