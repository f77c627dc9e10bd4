//! A vendor adds values to an enum without notice, so those that can stand in an answer keep what they do not know: each becomes `Known`
//! or `Other`, and its known values an enum of their own.

use std::collections::BTreeSet;

use heck::ToPascalCase;
use serde_json::{Map, Value, json};

use crate::prepare::entries;

/// Opens the enums of every schema that an answer can hold, which is what `answered` refers to, and those that stand in an answer itself.
pub(crate) fn open_enums_of_answers(spec: &mut Value, answered: &BTreeSet<String>) {
    let taken = spec.pointer("/components/schemas").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let mut hoist = Hoist { taken: taken.map(|name| name.to_pascal_case()).collect(), known: Map::new() };
    // In the order of the spec, so that what is generated does not depend on the order of a set.
    for (name, schema) in entries(spec, "/components/schemas") {
        if answered.contains(&format!("#/components/schemas/{name}")) {
            hoist.open(schema, name);
        }
    }
    for (name, response) in entries(spec, "/components/responses") {
        hoist.open_answer(response, name);
    }
    for (_, item) in entries(spec, "/paths") {
        for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
            let name = operation.get("operationId").and_then(Value::as_str).map(str::to_pascal_case);
            let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
            if let (Some(name), Some(responses)) = (name, responses) {
                responses.values_mut().for_each(|response| hoist.open_answer(response, &name));
            }
        }
    }
    if !hoist.known.is_empty() {
        match spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
            Some(schemas) => schemas.extend(hoist.known),
            None => spec["components"]["schemas"] = Value::Object(hoist.known),
        }
    }
}

/// Where the known values go.
struct Hoist {
    /// The names of types that there are already.
    taken: BTreeSet<String>,
    known: Map<String, Value>,
}

impl Hoist {
    fn open_answer(&mut self, response: &mut Value, name: &str) {
        for media in response.get_mut("content").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut) {
            if let Some(schema) = media.get_mut("schema") {
                self.open(schema, &format!("{name}Answer"));
            }
        }
    }

    /// `name` is what the schema at `node` would be called.
    fn open(&mut self, node: &mut Value, name: &str) {
        match node {
            Value::Object(map) if map.get("enum").is_some_and(Value::is_array) => {
                let values = map.remove("enum").unwrap_or_default();
                map.remove("type");
                let known = self.free_name(name);
                let description = format!("The values of `{name}` that the spec knows.");
                map.insert(
                    "oneOf".into(),
                    json!([
                        {"title": "Known", "allOf": [{"$ref": format!("#/components/schemas/{known}")}]},
                        {"title": "Other", "type": "string"},
                    ]),
                );
                self.known.insert(known, json!({"type": "string", "description": description, "enum": values}));
            }
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get_mut("properties") {
                    for (property, schema) in properties {
                        self.open(schema, &format!("{name}{}", property.to_pascal_case()));
                    }
                }
                for key in ["items", "additionalProperties"] {
                    if let Some(schema) = map.get_mut(key) {
                        self.open(schema, &format!("{name}Item"));
                    }
                }
                for key in ["allOf", "oneOf"] {
                    let parts = map.get_mut(key).and_then(Value::as_array_mut);
                    parts.into_iter().flatten().for_each(|schema| self.open(schema, name));
                }
            }
            _ => {}
        }
    }

    fn free_name(&mut self, name: &str) -> String {
        let known = format!("{name}Known");
        let mut free = known.clone();
        let mut count = 2;
        while !self.taken.insert(free.to_pascal_case()) {
            free = format!("{known}{count}");
            count += 1;
        }
        free
    }
}
