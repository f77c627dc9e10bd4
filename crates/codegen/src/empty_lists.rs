//! A list of a request that need not be there can be left out, which leaves it as it is, and can be empty, which clears it. The generator
//! makes a `Vec` of it, which goes out in neither case; of one that is nullable it makes an `Option`, which tells the two apart.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::prepare::{entries, referred};

/// Tells them apart in all that goes out with a request and does not come with an answer: there, a list that is missing reads as an empty
/// one. `answered` is what comes with answers.
pub(crate) fn tell_empty_lists_of_requests(spec: &mut Value, answered: &BTreeSet<String>) {
    let sent = referred(spec, "requestBody");
    let mut required = required_of_parts(spec);
    for (name, schema) in entries(spec, "/components/schemas") {
        let reference = format!("#/components/schemas/{name}");
        if sent.contains(&reference) && !answered.contains(&reference) {
            mark(schema, required.remove(&reference).unwrap_or_default());
        }
    }
}

/// What a whole requires can stand in a part that it refers to.
fn required_of_parts(spec: &mut Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, schema) in entries(spec, "/components/schemas") {
        for reference in parts(schema, "allOf").filter_map(|part| part.get("$ref")?.as_str()) {
            found.entry(reference.to_owned()).or_default().extend(required(schema));
        }
    }
    found
}

fn parts<'s>(schema: &'s Value, key: &str) -> impl Iterator<Item = &'s Value> {
    schema.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// What the schema requires, itself or in its parts.
fn required(schema: &Value) -> BTreeSet<String> {
    let own = parts(schema, "required").filter_map(Value::as_str).map(str::to_owned);
    own.chain(parts(schema, "allOf").flat_map(required)).collect()
}

/// `whole`: what is required of it beside what it requires itself.
fn mark(schema: &mut Value, mut whole: BTreeSet<String>) {
    whole.extend(required(schema));
    for (name, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        if property.get("type") == Some(&json!("array")) && !whole.contains(name) {
            property["nullable"] = Value::Bool(true);
        }
    }
    for key in ["allOf", "oneOf"] {
        for part in schema.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            mark(part, whole.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_sent_alone_and_need_not_be_there() {
        let list = || json!({"type": "array", "items": {"type": "string"}});
        let of = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
        let body = |name: &str| json!({"content": {"application/json": {"schema": of(name)}}});
        let lists = || json!({"type": "object", "required": ["all"], "properties": {"all": list(), "some": list()}});
        let mut spec = json!({
            "paths": {"/things": {
                "post": {"requestBody": {"$ref": "#/components/requestBodies/Thing"}, "responses": {"200": body("Both")}},
                "put": {"requestBody": body("Both"), "responses": {}},
            }},
            "components": {
                "requestBodies": {"Thing": body("Sent")},
                "schemas": {
                    "Sent": {"type": "object", "properties": {"whole": of("Whole"), "uploaded": of("Uploaded")}},
                    "Whole": {"required": ["some"], "allOf": [of("Part"), {"properties": {"own": list()}}, {"required": ["own"]}]},
                    "Part": {"type": "object", "properties": {"some": list(), "others": list()}},
                    "Both": lists(),
                    "Uploaded": lists(),
                },
            },
        });
        let before = spec.clone();
        let mut answered = referred(&spec, "responses");
        answered.insert("#/components/schemas/Uploaded".into());
        tell_empty_lists_of_requests(&mut spec, &answered);

        let mut expected = before;
        expected["components"]["schemas"]["Part"]["properties"]["others"]["nullable"] = true.into();
        assert_eq!(spec, expected);

        tell_empty_lists_of_requests(&mut spec, &BTreeSet::new());
        for name in ["Both", "Uploaded"] {
            let marked = expected.pointer_mut(&format!("/components/schemas/{name}/properties/some")).unwrap();
            marked["nullable"] = true.into();
        }
        assert_eq!(spec, expected);
    }
}
