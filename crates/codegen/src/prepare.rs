//! Turns a linted spec into the one that the generator is given: the same calls, in the forms that it can do.

use std::collections::BTreeSet;

use heck::ToPascalCase;
use serde_json::{Map, Value, json};

use crate::model::{BodyKind, Model, Operation};

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
    keep_reachable_schemas(&mut spec, kept);
    open_enums_of_answers(&mut spec);
    strip(&mut spec);
    spec
}

/// Whether the generator can do it. A multipart form it cannot: such an operation has its row in the tables, and its call is
/// written by hand.
pub(crate) fn is_generated(operation: &Operation) -> bool {
    operation.body.is_none_or(|body| body.kind != BodyKind::Multipart)
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
    line("Source", &operation.source);
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
fn collect_refs(node: &Value, spec: &Value, found: &mut BTreeSet<String>) {
    match node {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref")
                && found.insert(reference.clone())
                && let Some(target) = reference.strip_prefix('#').and_then(|pointer| spec.pointer(pointer))
            {
                collect_refs(target, spec, found);
            }
            map.iter().filter(|(key, _)| *key != "example").for_each(|(_, value)| collect_refs(value, spec, found));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_refs(value, spec, found)),
        _ => {}
    }
}

/// A vendor adds values to an enum without notice, so those that can stand in an answer keep what they do not know: each becomes
/// `Known` or `Other`, and its known values an enum of their own.
fn open_enums_of_answers(spec: &mut Value) {
    let mut in_answers = BTreeSet::new();
    let mut hoisted = Map::new();
    for operation in operations(spec) {
        if let Some(responses) = operation.get("responses") {
            collect_refs(responses, spec, &mut in_answers);
        }
    }
    // In the order of the spec, so that what is generated does not depend on the order of a set.
    let schemas = spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut);
    for (name, schema) in schemas.into_iter().flatten() {
        if in_answers.contains(&format!("#/components/schemas/{name}")) {
            open_enums(schema, name, &mut hoisted);
        }
    }
    if let Some(schemas) = spec.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        schemas.extend(hoisted);
    }
}

fn operations(spec: &Value) -> impl Iterator<Item = &Value> {
    let paths = spec.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::values);
    paths.flat_map(|item| item.as_object().into_iter().flat_map(Map::values))
}

/// `name` is what the schema at `node` would be called.
fn open_enums(node: &mut Value, name: &str, hoisted: &mut Map<String, Value>) {
    match node {
        Value::Object(map) if map.get("enum").is_some_and(Value::is_array) => {
            let values = map.remove("enum").unwrap_or_default();
            map.remove("type");
            let known = format!("{name}Known");
            map.insert(
                "oneOf".into(),
                json!([
                    {"title": "Known", "allOf": [{"$ref": format!("#/components/schemas/{known}")}]},
                    {"title": "Other", "type": "string"},
                ]),
            );
            let description = format!("The values of `{name}` that the spec knows.");
            hoisted.insert(known, json!({"type": "string", "description": description, "enum": values}));
        }
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get_mut("properties") {
                for (property, schema) in properties {
                    open_enums(schema, &format!("{name}{}", property.to_pascal_case()), hoisted);
                }
            }
            for key in ["items", "additionalProperties"] {
                if let Some(schema) = map.get_mut(key) {
                    open_enums(schema, &format!("{name}Item"), hoisted);
                }
            }
            for key in ["allOf", "oneOf"] {
                let parts = map.get_mut(key).and_then(Value::as_array_mut);
                parts.into_iter().flatten().for_each(|schema| open_enums(schema, name, hoisted));
            }
        }
        _ => {}
    }
}

/// Drops what the generator has no use for, and what would keep a schema from being recognized: examples, extensions, and the
/// bounds of numbers (the vendor checks those; a client that refuses to read a value outside them would be of no help).
fn strip(node: &mut Value) {
    match node {
        Value::Object(map) => {
            map.retain(|key, value| !key.starts_with("x-") && (key != "example" || value.get("type").is_some()));
            if map.get("type").is_some_and(|kind| kind == "number" || kind == "integer" || kind == "string") {
                for bound in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"] {
                    map.remove(bound);
                }
                for bound in ["minLength", "maxLength", "pattern"] {
                    map.remove(bound);
                }
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

fn remove(spec: &mut Value, pointer: &str) {
    if let Some((parent, key)) = pointer.rsplit_once('/')
        && let Some(parent) = spec.pointer_mut(parent).and_then(Value::as_object_mut)
    {
        parent.remove(&key.replace("~1", "/").replace("~0", "~"));
    }
}
