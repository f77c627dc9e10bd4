//! The descriptions as the tests read them, with a reader of their own.

#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs of it")]
#![allow(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// API, what stands before its paths in the sandbox, and the description.
pub const DESCRIPTIONS: [(&str, &str, &str); 6] = [
    ("bill", "/connect", include_str!("../../specs/bill.yaml")),
    ("bill-v2", "/api", include_str!("../../specs/bill-v2.yaml")),
    ("bill-spend", "/connect", include_str!("../../specs/bill-spend.yaml")),
    ("bill-partner", "/connect", include_str!("../../specs/bill-partner.yaml")),
    ("bill-events", "/connect-events", include_str!("../../specs/bill-events.yaml")),
    ("bezala", "", include_str!("../../specs/bezala.yaml")),
];

pub fn document(text: &str) -> Value {
    json_of(&Yaml::load_from_str(text).unwrap()[0])
}

/// Path, method, and what is said of the operation.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter().filter(|(_, operation)| operation.get("operationId").is_some());
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// What a reference points to, else the value itself.
pub fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let path = value.get("$ref").and_then(Value::as_str);
    path.map_or(value, |path| document.pointer(path.trim_start_matches('#')).unwrap())
}

fn json_of(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Boolean(it)) => json!(it),
        Yaml::Value(Scalar::Integer(it)) => json!(it),
        Yaml::Value(Scalar::FloatingPoint(it)) => json!(it.into_inner()),
        Yaml::Value(Scalar::String(it)) => json!(it),
        Yaml::Sequence(items) => items.iter().map(json_of).collect(),
        Yaml::Mapping(map) => {
            let key = |key: &Yaml<'_>| json_of(key).as_str().map_or_else(|| json_of(key).to_string(), str::to_owned);
            Value::Object(map.iter().map(|(name, value)| (key(name), json_of(value))).collect::<Map<_, _>>())
        }
        Yaml::Tagged(_, inner) => json_of(inner),
        _ => Value::Null,
    }
}
