//! Whatever a spec holds, the lint comes back with faults and never with a panic.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use ledgerkey_codegen::{Model, Source};
use proptest::prelude::*;
use serde_json::Value;

const ACME: &str = include_str!("specs/acme.yaml");

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_text(text in "\\PC*") {
        lint(&text);
    }

    #[test]
    fn text_of_the_letters_of_yaml(text in "[-a-c:?,\\[\\]{}#&*!|>'\"%@`~/ \n\t0-9.]{0,80}") {
        lint(&text);
        lint(&format!("openapi: 3.0.3\ninfo: {text}"));
    }

    #[test]
    fn a_spec_that_breaks_off(end in 0..ACME.len()) {
        lint(&ACME[..end]);
    }

    #[test]
    fn a_spec_with_a_character_changed(at in 0..ACME.len(), with in "[-\\PC\n]") {
        let mut text = ACME.to_owned();
        text.replace_range(at..=at, &with);
        lint(&text);
    }

    #[test]
    fn a_spec_with_nodes_missing_or_replaced(
        picks in prop::collection::vec((any::<prop::sample::Index>(), replacement()), 1..6),
    ) {
        let mut spec = Source::parse("acme.yaml", ACME).unwrap().value().clone();
        for (pick, with) in picks {
            let mut pointers: Vec<String> = Vec::new();
            collect(&spec, "", &mut pointers);
            if !pointers.is_empty() {
                replace(&mut spec, pick.get::<String>(&pointers), with);
            }
        }
        lint(&spec.to_string());
    }
}

fn lint(text: &str) {
    if let Err(faults) = Source::parse("a.yaml", text).and_then(|source| Model::read(&source)) {
        assert!(faults.iter().next().is_some(), "an error without a fault");
        assert!(faults.iter().all(|fault| fault.line > 0 && fault.column > 0), "{faults}");
    }
}

/// `None` takes the node away.
fn replacement() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        4 => Just(None),
        1 => prop_oneof![
            Just(Value::Null),
            Just(Value::from(-1)),
            Just(Value::from("")),
            Just(Value::from("/a~1b/0")),
            Just(Value::from("#/components/schemas/Note")),
            Just(serde_json::json!([])),
            Just(serde_json::json!({})),
            Just(serde_json::json!([[{"$ref": "#/components/schemas/Note"}]])),
            Just(serde_json::json!({"$ref": "#/components/schemas/Note"})),
            Just(serde_json::json!({"allOf": [{"$ref": "#/components/schemas/Note"}]})),
        ].prop_map(Some),
    ]
}

fn collect(value: &Value, pointer: &str, into: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(list) => list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => return,
    };
    for (token, child) in children {
        let pointer = format!("{pointer}/{token}");
        collect(child, &pointer, into);
        into.push(pointer);
    }
}

fn replace(spec: &mut Value, pointer: &str, with: Option<Value>) {
    if let Some(value) = with {
        if let Some(place) = spec.pointer_mut(pointer) {
            *place = value;
        }
        return;
    }
    let Some((parent, token)) = pointer.rsplit_once('/') else {
        return;
    };
    match spec.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&token.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(list)) => {
            list.remove(token.parse().unwrap());
        }
        _ => {}
    }
}
