//! Turns a linted spec into the one that the generator is given: the same calls, in the forms that it can do.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::empty_lists::tell_empty_lists_of_requests;
use crate::markdown::{escaped, link};
use crate::model::{BodyKind, Model, Operation};
use crate::open_enums::open_enums_of_answers;

/// The spec for the generator, as JSON.
pub(crate) fn prepare(spec: &Value, model: &Model) -> Value {
    let mut spec = spec.clone();
    let mut kept = BTreeSet::new();
    for operation in &model.operations {
        if is_generated(operation) {
            if let Some(node) = spec.pointer_mut(&operation.pointer) {
                simplify_operation(node, operation, model);
            }
        } else {
            // Its call is written by hand, but the type of its answer is generated like the others.
            let answers =
                spec.pointer(&operation.pointer).and_then(|node| node.get("responses")).and_then(Value::as_object);
            for (_, answer) in answers.into_iter().flatten().filter(|(status, _)| status.starts_with('2')) {
                collect_refs(answer, &spec, &mut kept);
            }
            remove(&mut spec, &operation.pointer);
        }
    }
    keep_reachable_schemas(&mut spec, kept.clone());
    let mut answered = referred(&spec, "responses");
    answered.extend(kept);
    open_enums_of_answers(&mut spec, &answered);
    tell_empty_lists_of_requests(&mut spec, &answered);
    strip(&mut spec, false);
    spec
}

/// The prepared spec with this operation alone, and the schemas that it uses.
pub(crate) fn alone(prepared: &Value, operation: &Operation) -> Value {
    let mut spec = prepared.clone();
    let item = operation.pointer.rsplit_once('/').and_then(|(item, _)| prepared.pointer(item)?.as_object());
    let method = operation.method.as_str().to_ascii_lowercase();
    let item: Map<String, Value> = item
        .into_iter()
        .flatten()
        .filter(|(key, _)| **key == method || *key == "parameters")
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    spec["paths"] = json!({ &operation.path: item });
    keep_reachable_schemas(&mut spec, BTreeSet::new());
    spec
}

/// Whether the generator can do it. A multipart form it cannot: such an operation has its row in the tables, and its call is
/// written by hand.
pub(crate) fn is_generated(operation: &Operation) -> bool {
    operation.body != Some(BodyKind::Multipart)
}

/// Leaves one success, whatever its 2xx status, and no error: the runtime reads every refusal itself, by status and code, and
/// hands the generated code nothing but successes.
fn simplify_operation(node: &mut Value, operation: &Operation, model: &Model) {
    let Some(node) = node.as_object_mut() else {
        return;
    };
    if let Some(responses) = node.get_mut("responses").and_then(Value::as_object_mut) {
        let success = responses.iter().find(|(status, _)| status.starts_with('2')).map(|(_, success)| success.clone());
        *responses = Map::new();
        responses.insert("2XX".into(), success.unwrap_or_else(|| json!({"description": "done"})));
    }
    node.insert("description".into(), Value::String(describe(operation, model)));
    node.remove("security");
}

/// The description, and below it what the tables know: a reader of the generated call sees its conditions there.
fn describe(operation: &Operation, model: &Model) -> String {
    let mut text = operation.description.clone().unwrap_or_default();
    let mut line = |label: &str, words: &str| {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&format!("{label}: {words}"));
    };
    let code = |words: &[String]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" and ");
    let presents = operation.security.iter().map(|set| code(set)).collect::<Vec<_>>().join(", or ");
    line("Presents", if presents.is_empty() { "no session" } else { &presents });
    let denied: Vec<String> = denied_ways(operation, model).into_iter().map(str::to_owned).collect();
    if !denied.is_empty() {
        line("Refused before sending to sessions of", &code(&denied));
    }
    if operation.trust {
        line("Needs", "an MFA-trusted session");
    }
    if let Some(role) = &operation.role {
        line("Least role of the user", role);
    }
    line("Source", &link(&operation.source));
    text
}

/// The ways whose sessions may not call it.
pub(crate) fn denied_ways<'m>(operation: &Operation, model: &'m Model) -> Vec<&'m str> {
    model.ways.iter().filter(|way| way.denies.contains(&operation.id)).map(|way| way.name.as_str()).collect()
}

/// Drops the schemas that only error answers used.
fn keep_reachable_schemas(spec: &mut Value, mut reachable: BTreeSet<String>) {
    collect_refs(spec.get("paths").unwrap_or(&Value::Null), spec, &mut reachable);
    if let Some(components) = spec.get_mut("components").and_then(Value::as_object_mut) {
        for kind in ["schemas", "responses", "parameters", "requestBodies"] {
            if let Some(entries) = components.get_mut(kind).and_then(Value::as_object_mut) {
                entries.retain(|name, _| reachable.contains(&format!("#/components/{kind}/{name}")));
            }
        }
        components.remove("examples");
    }
}

/// Everything that `node` refers to, directly or not.
pub(crate) fn collect_refs(node: &Value, spec: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref")
                && found.insert(reference.clone())
                && let Some(target) = reference.strip_prefix('#').and_then(|pointer| spec.pointer(pointer))
            {
                collect_refs(target, spec, found);
            }
            map.values().for_each(|value| collect_refs(value, spec, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_refs(value, spec, found)),
        _ => {}
    }
}

/// Everything that this part of the operations refers to, directly or not.
pub(crate) fn referred(spec: &Value, part: &str) -> BTreeSet<String> {
    let paths = spec.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    let operations = paths.flat_map(|item| item.as_object().into_iter().flat_map(Map::values));
    let mut found = BTreeSet::new();
    for part in operations.filter_map(|operation| operation.get(part)) {
        collect_refs(part, spec, &mut found);
    }
    found
}

/// The entries of the map at this pointer.
pub(crate) fn entries<'v>(spec: &'v mut Value, pointer: &str) -> impl Iterator<Item = (&'v String, &'v mut Value)> {
    spec.pointer_mut(pointer).and_then(Value::as_object_mut).into_iter().flatten()
}

/// Drops what the generator has no use for, and what would keep a schema from being recognized: examples, extensions, the bounds of
/// numbers and texts (the vendor checks those; a client that refuses to read a value outside them would be of no help), and the formats
/// that it has a type for in a crate which a consumer may not have. Descriptions become what rustdoc reads as they were meant.
///
/// `names`: the keys of the node are the author's own, such as those of `properties`.
fn strip(node: &mut Value, names: bool) {
    match node {
        Value::Object(map) if names => map.values_mut().for_each(|value| strip(value, false)),
        Value::Object(map) => {
            map.retain(|key, _| !key.starts_with("x-") && !DROPPED.contains(&key.as_str()));
            if map.get("format").and_then(Value::as_str).is_some_and(|format| FOREIGN_FORMATS.contains(&format)) {
                map.remove("format");
            }
            for (key, value) in map {
                match value {
                    Value::String(text) if PROSE.contains(&key.as_str()) => *text = escaped(text),
                    _ if DATA.contains(&key.as_str()) => {}
                    _ => strip(value, NAMED.contains(&key.as_str())),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| strip(value, false)),
        _ => {}
    }
}

const DROPPED: [&str; 11] = [
    "example",
    "examples",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "externalDocs",
];

/// progenitor makes `uuid::Uuid` and types of `std::net` of these; to everyone else they are text.
const FOREIGN_FORMATS: [&str; 4] = ["uuid", "ip", "ipv4", "ipv6"];

/// What stands in the documentation of the generated code.
const PROSE: [&str; 2] = ["description", "summary"];

/// What is no part of the description, but a value.
const DATA: [&str; 3] = ["default", "enum", "discriminator"];

/// The maps whose keys are names.
const NAMED: [&str; 9] = [
    "properties",
    "paths",
    "responses",
    "content",
    "headers",
    "schemas",
    "parameters",
    "requestBodies",
    "securitySchemes",
];

fn remove(spec: &mut Value, pointer: &str) {
    if let Some((parent, key)) = pointer.rsplit_once('/')
        && let Some(parent) = spec.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        parent.remove(&key.replace("~1", "/").replace("~0", "~"));
    }
}
