//! A list of a request that need not be there can be left out, which leaves it as it is, and can be empty, which clears it. The generator
//! makes a `Vec` of it, which goes out in neither case; of one that is nullable it makes an `Option`, which tells the two apart.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::prepare::{collect_refs, entries, operations};

/// Tells them apart in all that goes out with a request and does not come with an answer: there, a list that is missing reads as an empty one.
pub(crate) fn tell_empty_lists_of_requests(spec: &mut Value) {
    let (sent, answered) = (referred(spec, "requestBody"), referred(spec, "responses"));
    for (name, schema) in entries(spec, "/components/schemas") {
        let reference = format!("#/components/schemas/{name}");
        if sent.contains(&reference) && !answered.contains(&reference) {
            mark(schema);
        }
    }
    for (_, body) in entries(spec, "/components/requestBodies") {
        mark_body(body);
    }
    for (_, item) in entries(spec, "/paths") {
        let operations = item.as_object_mut().into_iter().flat_map(Map::values_mut);
        operations.filter_map(|operation| operation.get_mut("requestBody")).for_each(mark_body);
    }
}

fn referred(spec: &Value, part: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in operations(spec).filter_map(|operation| operation.get(part)) {
        collect_refs(part, spec, &mut found);
    }
    found
}

fn mark_body(body: &mut Value) {
    let content = body.get_mut("content").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut);
    content.filter_map(|media| media.get_mut("schema")).for_each(mark);
}

fn mark(schema: &mut Value) {
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if property.get("type") == Some(&json!("array")) && !required.iter().any(|required| required == name) {
            property["nullable"] = Value::Bool(true);
        }
        mark(property);
    }
    for key in ["items", "additionalProperties"] {
        schema.get_mut(key).into_iter().for_each(mark);
    }
    for key in ["allOf", "oneOf"] {
        schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_sent_alone_and_need_not_be_there() {
        let list = || json!({"type": "array", "items": {"type": "string"}});
        let parts = || json!({"type": "object", "required": ["all"], "properties": {"all": list(), "some": list()}});
        let body = |schema: Value| json!({"content": {"application/json": {"schema": schema}}});
        let mut spec = json!({
            "paths": {"/things": {"post": {
                "requestBody": body(json!({"type": "object", "properties": {
                    "own": list(), "sent": {"$ref": "#/components/schemas/Sent"}, "both": {"$ref": "#/components/schemas/Both"},
                }})),
                "responses": {"200": body(json!({"$ref": "#/components/schemas/Both"}))},
            }}},
            "components": {"schemas": {
                "Sent": {"type": "object", "properties": {"rows": {"type": "array", "items": parts()}}},
                "Both": parts(),
            }},
        });
        let both = spec["components"]["schemas"]["Both"].clone();
        tell_empty_lists_of_requests(&mut spec);

        let nullable = |pointer: &str| spec.pointer(pointer).unwrap().get("nullable").is_some();
        let body = "/paths/~1things/post/requestBody/content/application~1json/schema/properties";
        assert!(nullable(&format!("{body}/own")));
        let rows = "/components/schemas/Sent/properties/rows";
        assert!(nullable(rows));
        assert!(nullable(&format!("{rows}/items/properties/some")));
        assert!(!nullable(&format!("{rows}/items/properties/all")));
        assert_eq!(spec["components"]["schemas"]["Both"], both);
    }
}
