//! Which operation a method and a path stand for, and what the operation is: read from the project's API descriptions, and from
//! nothing else.

mod deed;
mod operation;
mod schema;
mod search;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use percent_encoding::percent_decode_str;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

pub(crate) use deed::{Deed, Manner};
pub(crate) use operation::{Body, Description, Operation};
pub(crate) use schema::{Problem, Schema, What};

/// An API: one description, one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Api {
    Bill,
    BillV2,
    BillSpend,
    BillPartner,
    BillEvents,
    Bezala,
}

impl Api {
    pub(crate) const ALL: [Self; 6] =
        [Self::Bill, Self::BillV2, Self::BillSpend, Self::BillPartner, Self::BillEvents, Self::Bezala];

    /// The description's name, as the command line spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bill => "bill",
            Self::BillV2 => "bill-v2",
            Self::BillSpend => "bill-spend",
            Self::BillPartner => "bill-partner",
            Self::BillEvents => "bill-events",
            Self::Bezala => "bezala",
        }
    }

    /// Whose API a path belongs to that no description knows.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let starts = |with: &str| path.starts_with(with);
        Some(match () {
            () if starts("/connect/v3/spend/") => Self::BillSpend,
            () if starts("/connect/v3/partner/") => Self::BillPartner,
            () if starts("/connect-events/") => Self::BillEvents,
            () if starts("/connect/") => Self::Bill,
            () if starts("/api/v2/") => Self::BillV2,
            () if starts("/api/") => Self::Bezala,
            () => return None,
        })
    }

    fn description(self) -> &'static str {
        match self {
            Self::Bill => include_str!("../../specs/bill.yaml"),
            Self::BillV2 => include_str!("../../specs/bill-v2.yaml"),
            Self::BillSpend => include_str!("../../specs/bill-spend.yaml"),
            Self::BillPartner => include_str!("../../specs/bill-partner.yaml"),
            Self::BillEvents => include_str!("../../specs/bill-events.yaml"),
            Self::Bezala => include_str!("../../specs/bezala.yaml"),
        }
    }

    /// Where the vendor's own address has this path: descriptions write paths after the base address.
    fn served_at(self, path: &str) -> String {
        match self {
            Self::Bill | Self::BillSpend | Self::BillPartner => format!("/connect{path}"),
            Self::BillEvents => format!("/connect-events{path}"),
            Self::BillV2 if path.starts_with("/v2/") => format!("/api{path}"),
            Self::BillV2 => format!("/api/v2{path}"),
            Self::Bezala if path.starts_with("/api/") => path.to_owned(),
            Self::Bezala => format!("/api{path}"),
        }
    }
}

/// An operation that a path was found to stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub api: Api,
    pub op: String,
    pub slots: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Route {
    api: Api,
    op: String,
    method: String,
    pieces: Vec<Piece>,
}

#[derive(Debug)]
pub(crate) enum Piece {
    Fixed(String),
    Slot(String),
}

/// All operations of all descriptions.
#[derive(Debug)]
pub(crate) struct Routes {
    all: Vec<Route>,
    descriptions: Vec<Description>,
}

impl Routes {
    /// Reads the descriptions. They are part of the program, so they are read once; a description that cannot be read
    /// is an error of the build, told by the name of its API.
    pub(crate) fn load() -> Result<&'static Self, String> {
        static ROUTES: OnceLock<Result<Routes, String>> = OnceLock::new();
        ROUTES
            .get_or_init(|| {
                let (mut all, mut descriptions) = (Vec::new(), Vec::new());
                for api in Api::ALL {
                    let description = read(api, api.description())?;
                    all.extend(description.operations.iter().map(|operation| Route {
                        api,
                        op: operation.id.clone(),
                        method: operation.method.clone(),
                        pieces: operation.pieces(api),
                    }));
                    descriptions.push(description);
                }
                // A fixed path wins over one with a placeholder in the same place.
                all.sort_by_key(|route| route.pieces.iter().filter(|p| matches!(p, Piece::Slot(_))).count());
                Ok(Self { all, descriptions })
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// What an API's description says of an operation.
    pub(crate) fn operation(api: Api, id: &str) -> Option<(&'static Description, &'static Operation)> {
        let description = Self::load().ok()?.descriptions.iter().find(|description| description.api == api)?;
        Some((description, description.operation(id)?))
    }

    /// What is wrong with the JSON body of an operation, by its description.
    pub(crate) fn problems(api: Api, id: &str, body: &Value) -> Vec<Problem> {
        let found = Self::operation(api, id);
        let taken = found.and_then(|(description, operation)| Some((description, operation.body.as_ref()?)));
        taken.map(|(description, taken)| description.schema(&taken.schema).problems(body, "")).unwrap_or_default()
    }

    /// `POST /v3/logout` stands in two descriptions; the header tells which is meant.
    pub(crate) fn find(&self, method: &str, path: &str, partner: bool) -> Option<Found> {
        let pieces: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let fits = self.all.iter().filter(|route| route.method == method).filter_map(|route| {
            Some(Found { api: route.api, op: route.op.clone(), slots: fit(&route.pieces, &pieces)? })
        });
        let mut fits: Vec<Found> = fits.collect();
        let first = fits.first()?;
        if let Some(same) = fits.iter().position(|other| {
            other.op == first.op && other.api != first.api && (other.api == Api::BillPartner) == partner
        }) && (first.api == Api::BillPartner) != partner
        {
            return Some(fits.swap_remove(same));
        }
        Some(fits.swap_remove(0))
    }

    /// Every operation as (api, id).
    pub(crate) fn operations(&self) -> impl Iterator<Item = (Api, &str)> {
        self.all.iter().map(|route| (route.api, route.op.as_str()))
    }
}

/// A description of an API. One without operations is none: what git writes in place of a link on Windows, one line with the path
/// of the file that was meant, is good YAML.
fn read(api: Api, text: &str) -> Result<Description, String> {
    let named = |why: &str| format!("the description of {}: {why}", api.name());
    let description = Description::read(api, document(text).map_err(|why| named(&why))?);
    if description.operations.is_empty() {
        let start: String = text.chars().take(60).collect();
        return Err(named(&format!("has no operations; it begins with {start:?}")));
    }
    Ok(description)
}

/// A YAML document as JSON.
fn document(text: &str) -> Result<Value, String> {
    let all = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    all.first().map(json).ok_or_else(|| "is empty".to_owned())
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(it)) => Value::from(*it),
        Yaml::Value(Scalar::Integer(it)) => Value::from(*it),
        Yaml::Value(Scalar::FloatingPoint(it)) => Value::from(it.into_inner()),
        Yaml::Value(Scalar::String(it)) => Value::from(it.as_ref()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(json).collect()),
        Yaml::Mapping(map) => {
            let mut object = Map::new();
            for (key, value) in map {
                let key = match json(key) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                object.insert(key, json(value));
            }
            Value::Object(object)
        }
        Yaml::Tagged(_, inner) => json(inner),
        _ => Value::Null,
    }
}

fn piece(text: &str) -> Piece {
    match text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
        Some(name) => Piece::Slot(name.to_owned()),
        None => Piece::Fixed(text.to_owned()),
    }
}

fn fit(pieces: &[Piece], path: &[&str]) -> Option<BTreeMap<String, String>> {
    if pieces.len() != path.len() {
        return None;
    }
    let mut slots = BTreeMap::new();
    for (piece, given) in pieces.iter().zip(path) {
        match piece {
            Piece::Fixed(text) if text == given => {}
            Piece::Slot(name) if !given.is_empty() => {
                slots.insert(name.clone(), percent_decode_str(given).decode_utf8_lossy().into_owned());
            }
            _ => return None,
        }
    }
    Some(slots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_became_a_line_of_text_is_no_description() {
        for text in ["../../../specs/bill-v2.yaml", "", "openapi: 3.0.3\npaths: {}\n", "a: [b"] {
            let why = read(Api::BillV2, text).unwrap_err();
            assert!(why.starts_with("the description of bill-v2: "), "{why}");
        }
        let why = read(Api::BillV2, "../../../specs/bill-v2.yaml").unwrap_err();
        assert!(why.ends_with("has no operations; it begins with \"../../../specs/bill-v2.yaml\""), "{why}");
    }

    #[test]
    fn every_description_is_read_and_paths_are_found() {
        let routes = Routes::load().unwrap();
        for api in Api::ALL {
            assert!(routes.operations().any(|(of, _)| of == api), "{}", api.name());
        }
        let find = |method: &str, path: &str, partner: bool| {
            routes.find(method, path, partner).map(|found| (found.api, found.op))
        };
        assert_eq!(find("POST", "/connect/v3/logout", false), Some((Api::Bill, "logout".to_owned())));
        assert_eq!(find("POST", "/connect/v3/logout", true), Some((Api::BillPartner, "logout".to_owned())));
        assert_eq!(
            find("GET", "/connect/v3/payments/options", false),
            Some((Api::Bill, "getPaymentOptions".to_owned()))
        );
        assert_eq!(find("POST", "/api/v2/Login.json", false), Some((Api::BillV2, "login".to_owned())));
        assert_eq!(find("DELETE", "/connect/v3/vendors", false), None);
        let found = routes.find("PUT", "/api/users/7/change_company/8", false).unwrap();
        assert_eq!(found.slots["company_id"], "8");
    }
}
