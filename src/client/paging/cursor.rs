//! Which page comes after which: a pure function of what the spec says of the list, the page, and what its answer told.

use reqwest::Request;
use serde_json::{Map, Value};

use super::PageToken;
use crate::error::Error;
use crate::table::{Operation, Paging, PagingStyle};
use crate::transport::classify::path_of;

/// A place in a list.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    operation: &'static Operation,
    paging: &'static Paging,
    /// How many rows a page has that is full.
    size: u32,
    /// The page; `None` is the first.
    token: Option<PageToken>,
}

impl Cursor {
    /// Where a request stands: at the first page, or at the one that it asks for.
    pub(super) fn start(operation: &'static Operation, request: &Request) -> Result<Self, Error> {
        let paging =
            operation.paging.as_ref().ok_or_else(|| Error::config(format!("{} has no pages", operation.id)))?;
        let given = match inside(paging) {
            Some(field) => Given::Object(object(request, field)?),
            None => Given::Query(request.url().query_pairs().into_owned().collect()),
        };
        // A page larger than the vendor makes would come back short, and pass for the last.
        let size = paging.size.and_then(|size| given.get(size)?.parse().ok());
        let size = size.unwrap_or(paging.most).clamp(1, paging.most);
        let mut cursor = Self { operation, paging, size, token: None };
        if let Some(token) = given.get(paging.into).filter(|token| !token.is_empty()) {
            cursor.go_to(token.into())?;
        }
        Ok(cursor)
    }

    pub(super) fn token(&self) -> Option<&PageToken> {
        self.token.as_ref()
    }

    /// Moves to a page.
    ///
    /// # Errors
    /// `config` if pages are numbers here and this is none.
    pub(super) fn go_to(&mut self, token: PageToken) -> Result<(), Error> {
        if !matches!(self.paging.style, PagingStyle::Token(_)) && token.0.parse::<u64>().is_err() {
            return Err(Error::config(format!(
                "{}: its pages are numbered, and `{token}` is no number",
                self.operation.id
            )));
        }
        self.token = Some(token);
        Ok(())
    }

    /// The page after this one, of which the answer told `next` (the token, or the number of pages) and had so many rows.
    ///
    /// # Errors
    /// `decode` if the answer would lead round in a circle, or tells a number of pages that is none.
    pub(super) fn after(&self, next: Option<&str>, rows: usize) -> Result<Option<PageToken>, Error> {
        let is_full = rows >= self.size as usize;
        let following = |number: u64| PageToken(number.to_string());
        match self.paging.style {
            PagingStyle::Token(at) => {
                let next = next.filter(|next| !next.is_empty()).map(PageToken::from);
                if next.is_some() && next == self.token {
                    return Err(self.wrong(at, "the token of this very page: the list would never end"));
                }
                Ok(next)
            }
            PagingStyle::Page(total) => {
                let page = self.number().unwrap_or(1);
                let is_last = match (total, next) {
                    (Some(at), Some(pages)) => {
                        page >= pages.parse().map_err(|_| self.wrong(at, "not a number of pages"))?
                    }
                    _ => !is_full,
                };
                Ok((!is_last).then(|| following(page.saturating_add(1))))
            }
            PagingStyle::Offset(_) => {
                let offset = self.number().unwrap_or(0);
                Ok(is_full.then(|| following(offset.saturating_add(self.size.into()))))
            }
        }
    }

    /// Asks for this page.
    pub(super) fn write_to(&self, request: &mut Request) -> Result<(), Error> {
        let size = self.paging.size.map(|name| (name, self.size));
        let token = match self.paging.style {
            PagingStyle::Token(_) => self.token.as_ref().map(|token| token.0.clone()),
            PagingStyle::Page(_) => Some(self.number().unwrap_or(1).to_string()),
            PagingStyle::Offset(_) => Some(self.number().unwrap_or(0).to_string()),
        };
        match inside(self.paging) {
            Some(field) => {
                let mut object = object(request, field)?;
                if let Some(token) = token {
                    object.insert(self.paging.into.to_owned(), token.parse().map_or(Value::Null, |it: u64| it.into()));
                }
                if let Some((name, size)) = size {
                    object.insert(name.to_owned(), size.into());
                }
                set_field(request, field, &Value::Object(object).to_string())
            }
            None => {
                if let Some(token) = token {
                    set_query(request, self.paging.into, &token);
                }
                if let Some((name, size)) = size {
                    set_query(request, name, &size.to_string());
                }
                Ok(())
            }
        }
    }

    fn number(&self) -> Option<u64> {
        self.token.as_ref()?.0.parse().ok()
    }

    fn wrong(&self, pointer: &str, detail: &str) -> Error {
        Error::Decode { operation: self.operation.id, path: path_of(pointer), detail: detail.into() }
    }
}

/// The form field whose JSON text the page is told in.
fn inside(paging: &Paging) -> Option<&'static str> {
    match paging.style {
        PagingStyle::Offset(inside) => inside,
        _ => None,
    }
}

/// What the caller gave.
enum Given {
    Query(Vec<(String, String)>),
    Object(Map<String, Value>),
}

impl Given {
    fn get(&self, name: &str) -> Option<String> {
        match self {
            Self::Query(pairs) => pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()),
            Self::Object(object) => match object.get(name)? {
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
        }
    }
}

/// Sets a parameter of the query, in the place of what was given for it.
fn set_query(request: &mut Request, name: &str, value: &str) {
    let kept: Vec<(String, String)> = request.url().query_pairs().into_owned().filter(|(key, _)| key != name).collect();
    request.url_mut().query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
}

fn form(request: &Request) -> Vec<(String, String)> {
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    url::form_urlencoded::parse(body).into_owned().collect()
}

/// The JSON object that a form field holds as text; an empty one if there is no such field.
fn object(request: &Request, field: &str) -> Result<Map<String, Value>, Error> {
    let given = form(request).into_iter().find(|(name, _)| name == field);
    given.map_or(Ok(Map::new()), |(_, text)| {
        serde_json::from_str(&text).map_err(|_| Error::config(format!("{field} must be a JSON object, as text")))
    })
}

fn set_field(request: &mut Request, field: &str, value: &str) -> Result<(), Error> {
    let mut form = form(request);
    form.retain(|(name, _)| name != field);
    form.push((field.to_owned(), value.to_owned()));
    let text = serde_urlencoded::to_string(form).map_err(|_| Error::config("the form cannot be written"))?;
    *request.body_mut() = Some(text.into());
    Ok(())
}
