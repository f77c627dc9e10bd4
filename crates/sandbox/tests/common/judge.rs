//! Judges answers by the schemas of a description, translated from OpenAPI 3.0 to JSON Schema.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs of it")]
#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use std::collections::BTreeMap;

use jsonschema::Validator;
use serde_json::{Value, json};

/// Validators of one description, each made when it is first asked for.
#[derive(Debug)]
pub struct Judge {
    schemas: Value,
    made: BTreeMap<String, Validator>,
}

impl Judge {
    pub fn new(document: &Value) -> Self {
        Self { schemas: translated(&document["components"]["schemas"]), made: BTreeMap::new() }
    }

    /// Where a value does not fit, and why.
    pub fn misfits(&mut self, schema: &Value, value: &Value) -> Vec<String> {
        let validator = self.made.entry(schema.to_string()).or_insert_with(|| {
            let whole = json!({"allOf": [translated(schema)], "components": {"schemas": self.schemas}});
            jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
        });
        let all = validator.iter_errors(value);
        all.map(|misfit| format!("{}: {misfit}", misfit.instance_path())).collect()
    }
}

/// `nullable` is OpenAPI's word; the rest of what the descriptions use means the same in both.
fn translated(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(translated).collect(),
        Value::Object(row) => {
            let mut row: serde_json::Map<String, Value> = row
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "nullable" | "example" | "deprecated"))
                .map(|(name, value)| (name.clone(), if name == "enum" { value.clone() } else { translated(value) }))
                .collect();
            // A property may have the name `nullable`: there it is a schema, not a flag.
            if schema["nullable"].is_object() {
                row.insert("nullable".to_owned(), translated(&schema["nullable"]));
            }
            if schema["nullable"] == json!(true) { json!({"anyOf": [{"type": "null"}, row]}) } else { row.into() }
        }
        other => other.clone(),
    }
}
