//! Calls an operation by its id, with arguments as text: what a command line and a test runner need.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::{Connection, Error, RequestBuilderExt as _, Response, encode_path};
use crate::table::{Body, Operation, Paging, PagingStyle, ParamPlace};
use crate::transport::classify::path_of;

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
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names alone: what goes into a sign-in's body is a secret.
        let names = self.params.iter().map(|(name, _)| name.as_str());
        f.debug_set().entries(names.chain(self.body.iter().map(|_| "a body"))).finish()
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

    /// The first parameter of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(param, _)| param == name).map(|(_, value)| value.as_str())
    }

    /// A field of the form, whether it was given as a parameter or in the body.
    fn text_of(&self, field: &str) -> Option<String> {
        let in_body = || self.body.as_ref().and_then(|body| body.get(field)).map(text);
        self.get(field).map(str::to_owned).or_else(in_body)
    }

    fn set(&mut self, name: &str, value: String) {
        self.params.retain(|(param, _)| param != name);
        self.params.push((name.to_owned(), value));
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
        self.exec(operation, self.request(operation, arguments)?).await
    }

    fn request(&self, operation: &'static Operation, arguments: &Arguments) -> Result<reqwest::Request, Error> {
        let mut path = operation.path.to_owned();
        let mut query = Vec::new();
        let mut headers = Vec::new();
        let mut form = Vec::new();
        for (name, value) in &arguments.params {
            match operation.params.iter().find(|param| param.name == name).map(|param| param.place) {
                Some(ParamPlace::Path) => path = path.replace(&format!("{{{name}}}"), &encode_path(value)),
                Some(ParamPlace::Query) => query.push((name, value)),
                Some(ParamPlace::Header) => headers.push((name, value)),
                Some(ParamPlace::Form) => form.push((name.as_str(), value.clone())),
                None => return Err(unknown(operation, name)),
            }
        }
        let missing: Vec<&str> = operation
            .params
            .iter()
            .filter(|param| param.required && arguments.text_of(param.name).is_none())
            .map(|param| param.name)
            .collect();
        if !missing.is_empty() {
            let parameters = if missing.len() == 1 { "parameter" } else { "parameters" };
            return Err(Error::config(format!("{} needs the {parameters} {}", operation.id, missing.join(", "))));
        }
        let method = Method::from_bytes(operation.method.as_bytes())
            .map_err(|_| Error::config("the method is not one of HTTP's"))?;
        let mut request = self.http().request(method, format!("{}{path}", self.base()));
        if !query.is_empty() {
            request = request.query(&query);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request = request.header(http::header::ACCEPT, "application/json");
        match (operation.body, &arguments.body) {
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
                    form.push((name.as_str(), text(value)));
                }
                request = request.form_urlencoded(&form)?;
            }
            (Body::None, Some(_)) => {
                return Err(Error::config(format!("{} takes no body", operation.id)));
            }
            (Body::Multipart | Body::Binary, _) => {
                return Err(Error::config(format!("{} takes a file: use its method in the library", operation.id)));
            }
            (Body::Json, None) => return Err(Error::config(format!("{} needs a body", operation.id))),
            (Body::None, None) => {}
        }
        Ok(request.build()?)
    }

    /// The pages of a list, one after the other; see [`Pages::next`].
    ///
    /// # Errors
    /// `config` if the operation does not list.
    pub fn pages(&self, operation: &'static Operation, mut arguments: Arguments) -> Result<Pages, Error> {
        let paging =
            operation.paging.as_ref().ok_or_else(|| Error::config(format!("{} has no pages", operation.id)))?;
        let inside = match paging.style {
            PagingStyle::Offset(Some(field)) => arguments.text_of(field),
            _ => None,
        };
        let inside: Value = inside.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let most = paging.size.map_or(paging.most, |size| {
            let asked = arguments.get(size).and_then(|size| size.parse().ok());
            let asked =
                asked.or_else(|| inside.get(size).and_then(Value::as_u64).and_then(|size| u32::try_from(size).ok()));
            // A page larger than the vendor makes would come back short, and pass for the last.
            let asked = asked.unwrap_or(paging.most).clamp(1, paging.most);
            arguments.params.retain(|(name, _)| name != size);
            if !matches!(paging.style, PagingStyle::Offset(Some(_))) {
                arguments.set(size, asked.to_string());
            }
            asked
        });
        Ok(Pages { connection: self.clone(), operation, paging, arguments, size: most, at: Some(0), token: None })
    }
}

fn unknown(operation: &Operation, name: &str) -> Error {
    let known: Vec<&str> = operation.params.iter().map(|param| param.name).collect();
    let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
    Error::config(format!("{} has no parameter {name}: {known}", operation.id))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The pages of a list.
#[derive(Debug)]
pub struct Pages {
    connection: Connection,
    operation: &'static Operation,
    paging: &'static Paging,
    arguments: Arguments,
    size: u32,
    /// How many rows lie before the next page; `None` after the last.
    at: Option<u64>,
    token: Option<String>,
}

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The whole answer, as the vendor sent it.
    pub body: Bytes,
    /// Its rows.
    pub rows: Vec<Arc<serde_json::value::RawValue>>,
}

impl Pages {
    /// The next page; `None` after the last. A page that fails can be asked for again.
    ///
    /// # Errors
    /// As [`Connection::call`]; `decode` if there are no rows where the spec says.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        let Some(at) = self.at else { return Ok(None) };
        let mut arguments = self.arguments.clone();
        match (&self.paging.style, &self.token) {
            (PagingStyle::Token(_), None) => {}
            (PagingStyle::Token(_), Some(token)) => arguments.set(self.paging.into, token.clone()),
            (PagingStyle::Page(_), _) => {
                arguments.set(self.paging.into, (at / u64::from(self.size.max(1)) + 1).to_string())
            }
            (PagingStyle::Offset(inside), _) => self.set_offset(&mut arguments, *inside, at)?,
        }
        let body = self.connection.call(self.operation, &arguments).await?;
        let rows = self.rows(&body)?;
        let told: Value = serde_json::from_slice(&body).unwrap_or_default();
        self.at = match self.paging.style {
            PagingStyle::Token(next) => {
                let token =
                    told.pointer(next).filter(|token| !token.is_null()).map(text).filter(|token| !token.is_empty());
                if token.is_some() && token == self.token {
                    return Err(self.wrong(next, "the token of this very page: the list would never end"));
                }
                self.token = token;
                self.token.as_ref().map(|_| at)
            }
            PagingStyle::Page(Some(total)) if told.pointer(total).is_some() => {
                let told = told.pointer(total).and_then(Value::as_u64);
                let total = told.ok_or_else(|| self.wrong(total, "not a number of pages"))?;
                let next = at + u64::from(self.size.max(1));
                (next / u64::from(self.size.max(1)) < total).then_some(next)
            }
            PagingStyle::Page(_) | PagingStyle::Offset(_) => {
                (rows.len() as u64 >= u64::from(self.size.max(1))).then(|| at + u64::from(self.size.max(1)))
            }
        };
        Ok(Some(Page { body, rows }))
    }

    /// Puts the offset into the JSON text of a form field, beside what the caller put there.
    fn set_offset(&self, arguments: &mut Arguments, inside: Option<&'static str>, at: u64) -> Result<(), Error> {
        let Some(field) = inside else {
            arguments.set(self.paging.into, at.to_string());
            return Ok(());
        };
        let given = arguments.text_of(field);
        let mut object: serde_json::Map<String, Value> = match given {
            Some(given) => serde_json::from_str(&given)
                .map_err(|_| Error::config(format!("{field} must be a JSON object, as text")))?,
            None => serde_json::Map::new(),
        };
        let start = object.get(self.paging.into).and_then(Value::as_u64).unwrap_or(0);
        object.insert(self.paging.into.to_owned(), Value::from(start + at));
        if let Some(size) = self.paging.size {
            object.insert(size.to_owned(), Value::from(self.size));
        }
        if let Some(body) = arguments.body.as_mut().and_then(Value::as_object_mut) {
            body.remove(field);
        }
        arguments.set(field, Value::Object(object).to_string());
        Ok(())
    }

    fn wrong(&self, pointer: &str, detail: &str) -> Error {
        Error::Decode { operation: self.operation.id, path: path_of(pointer), detail: detail.into() }
    }

    /// The rows as they are on the wire: a number keeps its digits.
    fn rows(&self, body: &[u8]) -> Result<Vec<Arc<serde_json::value::RawValue>>, Error> {
        use std::collections::HashMap;

        use serde_json::value::RawValue;
        let wrong = || self.wrong(self.paging.items, "no rows there");
        let mut raw: Box<RawValue> = serde_json::from_slice(body).map_err(|_| wrong())?;
        for key in self.paging.items.split('/').skip(1) {
            let mut object: HashMap<String, Box<RawValue>> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
            raw = object.remove(key).ok_or_else(wrong)?;
        }
        let rows: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).map_err(|_| wrong())?;
        Ok(rows.into_iter().map(Arc::from).collect())
    }
}
