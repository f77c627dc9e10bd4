//! Acme's client. The calls are generated; what is written by hand is how one signs in.

use std::sync::Arc;

use ledgerkey::client::sign_in::OneCall;
use ledgerkey::client::{Account, Connection, Settings, Wire};
use ledgerkey::{Error, Secret};
use serde_json::json;

/// The API, generated from its spec.
#[allow(missing_docs, clippy::all, reason = "generated")]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/acme.rs"));
}

/// Opens a user's session with Acme: a client, and the connection below it for calls by name. Nothing is sent yet; the first call
/// signs in.
///
/// # Errors
/// `config` if the address is no https URL (or http to loopback).
pub fn open(
    address: &str,
    settings: Settings,
    email: &str,
    password: Secret,
) -> Result<(api::Client, Connection), Error> {
    let wire = Arc::new(Wire::new(address, settings)?);
    // Acme counts its limit by organization, and a user is of one.
    let account = Account::new([("organization", email.to_owned())]);
    let connection = Connection::new(wire, &api::API, &account, vec![password.clone()]);
    let user = email.to_owned();
    let body = move || Ok(json!({"email": user, "password": password.expose()}));
    let sign_in = OneCall::new(&connection, &api::API, "password", email, None, Vec::new(), body)?;
    let session = connection.open(Arc::new(sign_in));
    let connection = connection.with_session(session);
    Ok((api::Client::new(connection.clone()), connection))
}
