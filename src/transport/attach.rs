//! Whether a session may make a call, and how it shows itself.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::Request;

use crate::error::Error;
use crate::session::grant::Grant;
use crate::table::{Operation, Place, Scheme, Way};

/// The set of schemes that a session of this way presents to this operation.
///
/// # Errors
/// `not-permitted` if the vendor refuses sessions of this kind here, or if they have not what it asks for.
pub(super) fn permit(
    operation: &'static Operation,
    way: Option<&'static Way>,
) -> Result<&'static [&'static Scheme], Error> {
    if operation.security.is_empty() {
        return Ok(&[]);
    }
    let Some(way) = way else {
        return Err(refuse(operation, "unauthenticated", "it needs a session".to_owned()));
    };
    if operation.denied.contains(&way.name) {
        return Err(refuse(operation, way.name, "the vendor refuses it to sessions of this kind".to_owned()));
    }
    let fits = |set: &&&[&'static Scheme]| set.iter().all(|scheme| way.provides.contains(&scheme.name));
    operation.security.iter().find(fits).copied().ok_or_else(|| {
        let sets: Vec<String> = operation
            .security
            .iter()
            .map(|set| set.iter().map(|scheme| scheme.name).collect::<Vec<_>>().join(" and "))
            .collect();
        refuse(operation, way.name, format!("it asks for {}", sets.join(", or ")))
    })
}

fn refuse(operation: &Operation, way: &'static str, reason: String) -> Error {
    Error::NotPermitted { operation: operation.id, way, reason }
}

/// Writes the credentials onto a request: headers marked sensitive, or fields at the end of the form.
pub(super) fn attach(request: &mut Request, schemes: &[&Scheme], grant: &Grant) -> Result<(), Error> {
    let mut fields = Vec::new();
    for scheme in schemes {
        let presented =
            grant.get(scheme.name).ok_or_else(|| Error::config(format!("the session has no {}", scheme.name)))?;
        match &scheme.place {
            Place::Header(name) => {
                request.headers_mut().insert(name, presented.header.clone());
            }
            Place::Bearer => {
                request.headers_mut().insert(AUTHORIZATION, presented.bearer().clone());
            }
            Place::Form(name) => fields.push((*name, presented.secret.expose())),
        }
    }
    if fields.is_empty() { Ok(()) } else { append_to_form(request, &fields) }
}

fn append_to_form(request: &mut Request, fields: &[(&str, &str)]) -> Result<(), Error> {
    let form =
        serde_urlencoded::to_string(fields).map_err(|_| Error::config("the session cannot be written into a form"))?;
    let before = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let mut body = Vec::with_capacity(before.len() + 1 + form.len());
    body.extend_from_slice(before);
    if !body.is_empty() {
        body.push(b'&');
    }
    body.extend_from_slice(form.as_bytes());
    *request.body_mut() = Some(body.into());
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    Ok(())
}
