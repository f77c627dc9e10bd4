//! Calls an operation by its id, with arguments as text: what a command line and a test runner need.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Connection, Contents, Error, Pages, Read, RequestBuilderExt as _, Response, encode_path};
use crate::table::{Answer, Body, Operation, PagingStyle, Param, ParamPlace};
use crate::transport::classify::{path_of, scalar};

/// Arguments for one call.
///
/// ```
/// use ledgerkey::client::dynamic::Arguments;
///
/// let arguments = Arguments::default().param("max", "5").param("vendorId", "009x");
/// assert_eq!(arguments.get("max"), Some("5"));
/// ```
#[derive(Clone, Default)]
pub struct Arguments {
    params: Vec<(String, String)>,
    body: Option<Value>,
    text: Option<String>,
    contents: Option<Contents>,
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names alone: what goes into a sign-in's body is a secret.
        let names = self.params.iter().map(|(name, _)| name.as_str());
        let body = self.body.iter().map(|_| "a body").chain(self.contents.iter().map(|_| "a file"));
        f.debug_set().entries(names.chain(body)).finish()
    }
}

impl Arguments {
    /// Adds a parameter of the path, the query or the headers, or a field of a form.
    #[must_use]
    pub fn param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.params.push((name.into(), value.into()));
        self
    }

    /// Sets the body: JSON as it is, a form as an object of scalars.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        (self.body, self.text) = (Some(body), None);
        self
    }

    /// Sets the body to this JSON text, which is sent as it is: a number keeps its digits. It takes the place of [`body`](Self::body).
    ///
    /// # Errors
    /// `config` if it is not JSON.
    pub fn body_text(mut self, text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let body = serde_json::from_str(&text).map_err(|error| {
            Error::config(format!("the body is not JSON (line {}, column {})", error.line(), error.column()))
        })?;
        (self.body, self.text) = (Some(body), Some(text));
        Ok(self)
    }

    /// Sets the body to a file, for an operation that takes one as it is.
    #[must_use]
    pub fn contents(mut self, contents: impl Into<Contents>) -> Self {
        self.contents = Some(contents.into());
        self
    }

    /// The first parameter of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(param, _)| param == name).map(|(_, value)| value.as_str())
    }

    /// Moves what tells the page into the JSON text of the form field that takes it there, for whoever gave it as a parameter.
    fn move_into_page(&mut self, operation: &Operation) -> Result<(), Error> {
        let Some(paging) = &operation.paging else { return Ok(()) };
        let PagingStyle::Offset(Some(field)) = paging.style else { return Ok(()) };
        let names: Vec<&str> = paging.size.into_iter().chain([paging.into]).collect();
        let moved: Vec<(String, u64)> =
            names.into_iter().filter_map(|name| Some((name.to_owned(), self.get(name)?.parse().ok()?))).collect();
        if moved.is_empty() {
            return Ok(());
        }
        let given = self.text_of(field);
        let object = given.as_deref().map(serde_json::from_str::<serde_json::Map<String, Value>>);
        let mut object = object
            .unwrap_or_else(|| Ok(serde_json::Map::new()))
            .map_err(|_| Error::config(format!("{field} must be a JSON object, as text")))?;
        for (name, number) in moved {
            self.params.retain(|(param, _)| *param != name);
            object.insert(name, number.into());
        }
        if let Some(body) = self.body.as_mut().and_then(Value::as_object_mut) {
            body.remove(field);
        }
        self.params.retain(|(param, _)| param != field);
        self.params.push((field.to_owned(), Value::Object(object).to_string()));
        Ok(())
    }

    /// Whether a parameter was given: one of a form by itself or in the body, which is the form; any other by itself alone.
    fn has(&self, param: &Param) -> bool {
        match param.place {
            ParamPlace::Form => self.text_of(param.name).is_some(),
            ParamPlace::Path | ParamPlace::Query | ParamPlace::Header => self.get(param.name).is_some(),
        }
    }

    /// A field of the form, whether it was given as a parameter or in the body.
    fn text_of(&self, field: &str) -> Option<String> {
        let in_body = || self.body.as_ref().and_then(|body| body.get(field)).map(|value| scalar(value).into_owned());
        self.get(field).map(str::to_owned).or_else(in_body)
    }
}

impl Connection {
    /// Calls an operation and gives the answer's body as the vendor sent it.
    ///
    /// # Errors
    /// `config` if a required argument is missing or one is unknown, before anything is sent; else as [`Connection::exec`].
    pub async fn call(&self, operation: &'static Operation, arguments: &Arguments) -> Result<Bytes, Error> {
        self.answer(operation, arguments).await?.bytes().await
    }

    /// As [`call`](Self::call), with the answer not yet read.
    pub(super) async fn answer(&self, operation: &'static Operation, arguments: &Arguments) -> Result<Response, Error> {
        let request = self.request(operation, arguments)?;
        match &arguments.contents {
            Some(contents) => self.exec_with(operation, request, contents).await,
            None => self.exec(operation, request).await,
        }
    }

    fn request(&self, operation: &'static Operation, arguments: &Arguments) -> Result<reqwest::Request, Error> {
        let mut path = operation.path.to_owned();
        let mut query = Vec::new();
        let mut headers = Vec::new();
        let mut form = Vec::new();
        for (name, value) in &arguments.params {
            match operation.params.iter().find(|param| param.name == name).map(|param| param.place) {
                Some(ParamPlace::Path) => {
                    let place = format!("{{{name}}}");
                    if !path.contains(&place) {
                        return Err(Error::config(format!("{} takes one {name}, and got two", operation.id)));
                    }
                    path = path.replace(&place, &encode_path(value));
                }
                Some(ParamPlace::Query) => query.push((name, value)),
                Some(ParamPlace::Header) => headers.push((name, value)),
                Some(ParamPlace::Form) => form.push((name.as_str(), value.clone())),
                None => return Err(unknown(operation, name)),
            }
        }
        let missing: Vec<&str> = operation
            .params
            .iter()
            .filter(|param| param.required && !arguments.has(param))
            .map(|param| param.name)
            .collect();
        if !missing.is_empty() {
            let parameters = if missing.len() == 1 { "parameter" } else { "parameters" };
            return Err(Error::config(format!("{} needs the {parameters} {}", operation.id, missing.join(", "))));
        }
        let method = Method::from_bytes(operation.method.as_bytes())
            .map_err(|_| Error::config("the method is not one of HTTP's"))?;
        let mut request = self.http().request(method, self.url(&format!("{}{path}", self.base_path())));
        if !query.is_empty() {
            request = request.query(&query);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        // A server that goes by this header would refuse to answer with a file.
        if !matches!(operation.answer, Answer::Bytes) {
            request = request.header(http::header::ACCEPT, "application/json");
        }
        if operation.body != Body::Binary && arguments.contents.is_some() {
            return Err(Error::config(format!("{} takes no file as its body", operation.id)));
        }
        match (operation.body, &arguments.body) {
            (Body::Binary, None) if arguments.contents.is_none() => {
                return Err(Error::config(format!("{} needs a file", operation.id)));
            }
            (Body::Binary, None) => request = request.header(CONTENT_TYPE, "application/octet-stream"),
            (Body::Binary, Some(_)) => {
                return Err(Error::config(format!("{} takes a file, and no JSON", operation.id)));
            }
            (Body::Json, Some(body)) => {
                request = match &arguments.text {
                    Some(text) => request.header(CONTENT_TYPE, "application/json").body(text.clone()),
                    None => request.json(body),
                };
            }
            (Body::Form, body) => {
                for (name, value) in body.iter().filter_map(|body| body.as_object()).flatten() {
                    if !operation.params.iter().any(|param| param.name == name && param.place == ParamPlace::Form) {
                        return Err(unknown(operation, name));
                    }
                    form.push((name.as_str(), scalar(value).into_owned()));
                }
                request = request.form_urlencoded(&form)?;
            }
            (Body::None, Some(_)) => {
                return Err(Error::config(format!("{} takes no body", operation.id)));
            }
            (Body::Multipart, _) => {
                return Err(Error::config(format!("{} takes a file: use its method in the library", operation.id)));
            }
            (Body::Json, None) => return Err(Error::config(format!("{} needs a body", operation.id))),
            (Body::None, None) => {}
        }
        Ok(request.build()?)
    }

    /// The pages of a list, one after the other.
    ///
    /// # Errors
    /// `config` if the operation does not list, or if a required argument is missing or one is unknown.
    pub fn pages(&self, operation: &'static Operation, arguments: &Arguments) -> Result<Pages<Rows>, Error> {
        if operation.paging.is_none() {
            return Err(Error::config(format!("{} has no pages", operation.id)));
        }
        let mut arguments = arguments.clone();
        arguments.move_into_page(operation)?;
        Ok(self.list_by(operation, self.request(operation, &arguments)?, |response| {
            Box::pin(async move {
                let (operation, body) = (response.operation, response.bytes().await?);
                read(operation, body)
            })
        }))
    }
}

fn unknown(operation: &Operation, name: &str) -> Error {
    let known: Vec<&str> = operation.params.iter().map(|param| param.name).collect();
    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    Error::config(format!("{} has no parameter {name}: {known}", operation.id))
}

/// What a page of a list holds.
#[derive(Debug, Clone)]
pub struct Rows {
    /// The whole answer, as the vendor sent it.
    pub body: Bytes,
    /// Its rows as they are on the wire: a number keeps its digits.
    pub rows: Vec<Arc<RawValue>>,
}

fn read(operation: &'static Operation, body: Bytes) -> Result<Read<Rows>, Error> {
    let Some(paging) = &operation.paging else { return Err(Error::config(format!("{} has no pages", operation.id))) };
    let rows = rows(&body, paging.items).ok_or_else(|| Error::Decode {
        operation: operation.id,
        path: path_of(paging.items),
        detail: "no rows there".into(),
    })?;
    let at = match paging.style {
        PagingStyle::Token(next) => Some(next),
        PagingStyle::Page(total) => total,
        PagingStyle::Offset(_) => None,
    };
    let told: Value = at.and_then(|_| serde_json::from_slice(&body).ok()).unwrap_or_default();
    let next = at.and_then(|at| told.pointer(at)).filter(|next| !next.is_null()).map(|next| scalar(next).into_owned());
    Ok(Read { rows: rows.len(), next, value: Rows { body, rows } })
}

fn rows(body: &[u8], pointer: &str) -> Option<Vec<Arc<RawValue>>> {
    let mut raw: Box<RawValue> = serde_json::from_slice(body).ok()?;
    for key in pointer.split('/').skip(1) {
        let mut object: HashMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).ok()?;
        raw = object.remove(key)?;
    }
    let rows: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).ok()?;
    Some(rows.into_iter().map(Arc::from).collect())
}
