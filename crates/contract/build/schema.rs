//! What the schemas say of the places of an example, and of parameters.

use serde_json::Value;

use crate::json::{Json, join};

/// A spec, as the generator reads it.
#[derive(Clone, Copy)]
pub(crate) struct Spec<'v>(pub(crate) &'v Value);

/// Pointers to places of an example; see the fields of `Row`.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) nulls: Vec<String>,
    pub(crate) objects: Vec<String>,
    pub(crate) enums: Vec<String>,
}

impl<'v> Spec<'v> {
    /// What stands at a pointer; null where nothing does.
    pub(crate) fn at(self, pointer: &str) -> &'v Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The pointer, or where a reference leads that stands there.
    pub(crate) fn followed(self, pointer: &str) -> String {
        match self.at(pointer).get("$ref").and_then(Value::as_str) {
            Some(reference) => self.followed(reference.trim_start_matches('#')),
            None => pointer.to_owned(),
        }
    }

    /// Pointers to the path and to the operation of this id.
    pub(crate) fn operation(self, id: &str) -> Option<(String, String)> {
        let paths = self.at("/paths").as_object()?;
        paths.iter().find_map(|(path, item)| {
            let method = item.as_object()?.iter().find(|(_, operation)| operation["operationId"] == id)?.0;
            let item = join("/paths", path);
            Some((item.clone(), join(&item, method)))
        })
    }

    /// Goes over an example with its schema.
    pub(crate) fn walk(self, schema: &str, example: &Json, at: &str, places: &mut Places) {
        let pointer = self.followed(schema);
        let schema = self.at(&pointer);
        if *example == Json::Null {
            if self.is_nullable(&pointer) {
                places.nulls.push(at.to_owned());
            }
            return;
        }
        for key in ["allOf", "oneOf"] {
            for index in 0..schema[key].as_array().map_or(0, Vec::len) {
                self.walk(&format!("{pointer}/{key}/{index}"), example, at, places);
            }
        }
        match example {
            Json::Text(_) if schema.get("enum").is_some() => places.enums.push(at.to_owned()),
            Json::List(items) if schema.get("items").is_some() => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(&format!("{pointer}/items"), item, &join(at, &index.to_string()), places);
                }
            }
            Json::Object(fields) => {
                // The values of a map have a type, so that a field which nobody knows cannot stand in it.
                let is_map = schema["additionalProperties"].is_object();
                if !is_map && !places.objects.iter().any(|other| other == at) {
                    places.objects.push(at.to_owned());
                }
                for (name, value) in fields {
                    let property = join(&format!("{pointer}/properties"), name);
                    if schema["properties"].get(name).is_some() {
                        self.walk(&property, value, &join(at, name), places);
                    } else if is_map {
                        self.walk(&format!("{pointer}/additionalProperties"), value, &join(at, name), places);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether a schema takes a null: by its word, by that of what it consists of, or because it says nothing at all.
    fn is_nullable(self, pointer: &str) -> bool {
        let schema = self.at(pointer);
        let parts = |key: &'static str| (0..schema[key].as_array().map_or(0, Vec::len)).map(move |index| (key, index));
        let is_part_nullable =
            |(key, index): (&str, usize)| self.is_nullable(&self.followed(&format!("{pointer}/{key}/{index}")));
        let says_nothing = ["type", "allOf", "oneOf", "enum"].iter().all(|key| schema.get(key).is_none());
        schema["nullable"] == true
            || says_nothing
            || (schema.get("allOf").is_some() && parts("allOf").all(is_part_nullable))
            || parts("oneOf").any(is_part_nullable)
    }

    /// Every parameter of an operation, with a value: the spec's example, or the plainest that its schema allows.
    pub(crate) fn params(self, item: &str, operation: &str) -> Vec<(String, String)> {
        let mut params: Vec<(String, String)> = Vec::new();
        for list in [format!("{operation}/parameters"), format!("{item}/parameters")] {
            for index in 0..self.at(&list).as_array().map_or(0, Vec::len) {
                let at = self.followed(&format!("{list}/{index}"));
                let name = self.at(&at)["name"].as_str().unwrap_or_default().to_owned();
                if !params.iter().any(|(other, _)| *other == name) {
                    params.push((name, self.sample(&at)));
                }
            }
        }
        params
    }

    fn sample(self, param: &str) -> String {
        let schema = self.at(&self.followed(&format!("{param}/schema")));
        let given = [&self.at(param)["example"], &schema["example"], &schema["default"], &schema["enum"][0]];
        if let Some(given) = given.into_iter().find(|value| !value.is_null()) {
            return given.as_str().map_or_else(|| given.to_string(), str::to_owned);
        }
        let text = |key: &str| schema[key].as_str().unwrap_or_default();
        let plainest = match (text("type"), text("format")) {
            ("array", _) => return self.sample_of_items(param),
            ("integer" | "number", _) => return schema["minimum"].as_u64().unwrap_or(1).to_string(),
            ("boolean", _) => "true",
            (_, "date") => "2026-12-31",
            (_, "date-time") => "2026-12-31T12:00:00Z",
            (_, "date-time-offset") => "2026-12-31T12:00:00.000+0000",
            (_, "date-compact") => "20261231",
            (_, "date-dmy") => "31-12-2026",
            (_, "date-range") => "01/12/2026 - 31/12/2026",
            (_, "decimal") => "1.50",
            _ => "example",
        };
        plainest.to_owned()
    }

    fn sample_of_items(self, param: &str) -> String {
        let items = self.at(&self.followed(&format!("{}/items", self.followed(&format!("{param}/schema")))));
        let first = items["enum"][0].as_str();
        first.unwrap_or(if items["type"] == "integer" { "1" } else { "example" }).to_owned()
    }
}
