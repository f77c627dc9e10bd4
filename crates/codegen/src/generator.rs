//! Runs progenitor, and typify by itself. They fail by panic as often as by error, and on a whole spec without a word on which part: here
//! either comes back as a fault that names the operation and its place.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use heck::ToPascalCase;
use proc_macro2::TokenStream;
use progenitor::{GenerationSettings, Generator, InterfaceStyle, TypeImpl, TypePatch};
use quote::quote;
use schemars::schema::{InstanceType, RootSchema, SchemaObject};
use serde_json::Value;
use typify::{TypeSpace, TypeSpaceSettings};

use crate::fault::{Fault, Faults};
use crate::model::Model;
use crate::prepare::{alone, is_generated};
use crate::source::Source;

/// progenitor's code for a prepared spec, or its words where it fails.
pub(crate) fn run(spec: &Value) -> Result<TokenStream, String> {
    let settings = settings(spec);
    let spec: openapiv3::OpenAPI = serde_json::from_value(spec.clone()).map_err(|error| error.to_string())?;
    quietly(|| Generator::new(&settings).generate_tokens(&spec))?.map_err(|error| error.to_string())
}

/// Finds the operations that the generator fails on when it is given each alone, with the schemas that it uses.
pub(crate) fn blame(source: &Source, model: &Model, prepared: &Value, words: &str) -> Faults {
    let culprits: Vec<Fault> = model
        .operations
        .iter()
        .filter(|operation| is_generated(operation))
        .filter_map(|operation| {
            let words = run(&alone(prepared, operation)).err()?;
            let message = format!("the generator cannot do `{}`: {}", operation.id, first_line(&words));
            Some(source.fault(&operation.pointer, message, HELP))
        })
        .collect();
    if culprits.is_empty() { whole(source, words) } else { culprits.into() }
}

/// The fault of a spec that the generator fails on for no one operation's sake.
pub(crate) fn whole(source: &Source, words: &str) -> Faults {
    vec![source.fault("", format!("the generator cannot do this spec: {}", first_line(words)), HELP)].into()
}

/// The types of a JSON Schema's definitions, or typify's words where it fails.
pub(crate) fn run_schema(schema: &Value) -> Result<TokenStream, String> {
    let mut settings = TypeSpaceSettings::default();
    for (schema, path, impls) in wire_types() {
        settings.with_conversion(schema, path, impls);
    }
    let schema: RootSchema = serde_json::from_value(schema.clone()).map_err(|error| error.to_string())?;
    quietly(|| {
        let mut types = TypeSpace::new(&settings);
        types.add_root_schema(schema).map(|_| types.to_stream())
    })?
    .map_err(|error| error.to_string())
}

pub(crate) const HELP: &str = "write it with simpler schemas: one success type, flat forms, no anyOf";

/// A fault is one line; where a panic prints what it stumbled over, that can be pages.
pub(crate) fn first_line(words: &str) -> &str {
    words.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gave no reason")
}

fn settings(spec: &Value) -> GenerationSettings {
    let mut settings = GenerationSettings::default();
    settings.with_interface(InterfaceStyle::Builder).with_inner_type(quote!(::ledgerkey::client::Connection));
    for (schema, path, impls) in wire_types() {
        settings.with_conversion(schema, path, impls);
    }
    // An id that is text can be compared and be a key as it comes; one that is a number is made so.
    let schemas = spec.pointer("/components/schemas").and_then(Value::as_object);
    for (name, _) in schemas.into_iter().flatten().filter(|(_, schema)| is_plain_integer(schema)) {
        let mut patch = TypePatch::default();
        for derive in ["Copy", "PartialEq", "Eq", "Hash", "PartialOrd", "Ord"] {
            patch.with_derive(derive);
        }
        settings.with_patch(name.to_pascal_case(), &patch);
    }
    settings
}

fn is_plain_integer(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| kind == "integer")
        && schema.get("format").is_none_or(|format| format != "unix-time")
}

fn wire_types() -> impl Iterator<Item = (SchemaObject, &'static str, impl Iterator<Item = TypeImpl>)> {
    WIRE_TYPES.iter().map(|(kind, format, path, impls)| {
        let schema = SchemaObject {
            instance_type: Some((*kind).into()),
            format: format.map(str::to_owned),
            ..SchemaObject::default()
        };
        (schema, *path, impls.iter().copied())
    })
}

type WireType = (InstanceType, Option<&'static str>, &'static str, &'static [TypeImpl]);

/// The schemas that stand for a type of ledgerkey's: the kind and format in the spec, the type, and what can be done with it. A
/// secret has no `Display`, so neither has a type of the spec's that is nothing but a secret.
const WIRE_TYPES: &[WireType] = &[
    (InstanceType::String, Some("password"), "::ledgerkey::Secret", &[TypeImpl::FromStr]),
    (InstanceType::String, Some("decimal"), "::ledgerkey::wire::DecimalString", PRINTED),
    (InstanceType::String, Some("date-time-offset"), "::ledgerkey::wire::OffsetDateTime", PRINTED),
    (InstanceType::String, Some("date-compact"), "::ledgerkey::wire::CompactDate", PRINTED),
    (InstanceType::String, Some("date-dmy"), "::ledgerkey::wire::DmyDate", PRINTED),
    (InstanceType::String, Some("date-range"), "::ledgerkey::wire::DateRange", PRINTED),
    (InstanceType::Integer, Some("unix-time"), "::ledgerkey::wire::UnixTime", PRINTED),
    (InstanceType::Number, None, "::ledgerkey::wire::Decimal", PRINTED),
];

const PRINTED: &[TypeImpl] = &[TypeImpl::Display, TypeImpl::FromStr];

thread_local! {
    /// A panic of this thread is caught and told as a fault.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What `work` yields, or the words that it panicked with. Nothing of the panic is printed.
///
/// The hook that prints panics is the whole process's. It is wrapped once and for good, in one that leaves out what a thread catches
/// here and hands on everything else: to swap it around each run would silence other threads meanwhile, and race with those that do
/// the same.
fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static WRAPPED: Once = Once::new();
    WRAPPED.call_once(|| {
        let printing = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CAUGHT.get() {
                printing(info);
            }
        }));
    });
    let before = CAUGHT.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(before);
    outcome.map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default().to_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::prepare::prepare;

    const ACME: &str = include_str!("../tests/specs/acme.yaml");

    /// Two types of success: nothing that the lints let through, and what progenitor panics at.
    fn with_two_successes(pointer: &str) -> (Source, Model, Value) {
        let source = Source::parse("specs/acme.yaml", ACME).unwrap();
        let model = Model::read(&source).unwrap();
        let mut prepared = prepare(source.value(), &model);
        let responses = prepared.pointer_mut(pointer).and_then(|node| node.get_mut("responses")).unwrap();
        responses["200"] = json!({
            "description": "Another",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}},
        });
        (source, model, prepared)
    }

    #[test]
    fn a_panic_is_told_as_a_fault_of_its_operation() {
        let (source, model, prepared) = with_two_successes("/paths/~1user/get");
        let words = run(&prepared).unwrap_err();
        assert!(words.contains("response_types.len() <= 1"), "{words}");
        let faults = blame(&source, &model, &prepared, &words);
        let told = faults.to_string();
        let line = ACME.lines().position(|line| line.contains("operationId: getUser")).unwrap() + 1;
        assert!(told.starts_with(&format!("specs/acme.yaml:{line}:")), "{told}");
        assert!(told.contains("/paths/~1user/get: the generator cannot do `getUser`: assertion failed"), "{told}");
        assert!(told.ends_with(HELP), "{told}");
        assert_eq!(faults.iter().count(), 1, "the other operations are not blamed: {told}");
    }

    #[test]
    fn what_no_operation_is_to_blame_for_is_told_of_the_whole_spec() {
        let (source, model, prepared) = with_two_successes("/paths/~1user/get");
        let mut prepared = prepared;
        prepared["paths"] = json!({});
        let told = blame(&source, &model, &prepared, "a\nb").to_string();
        assert_eq!(told, format!("specs/acme.yaml:1:1: the generator cannot do this spec: a; {HELP}"));
    }

    #[test]
    fn a_panic_leaves_the_hook_as_it_was() {
        static HEARD: AtomicUsize = AtomicUsize::new(0);
        // Under this one, which is asked first, stands whatever the other tests have installed by now.
        quietly(|| ()).unwrap();
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() == Some(&"aloud") {
                HEARD.fetch_add(1, Ordering::SeqCst);
            } else {
                before(info);
            }
        }));
        assert_eq!(quietly(|| panic!("in silence")), Err::<(), _>("in silence".to_owned()));
        assert!(!CAUGHT.get());
        assert!(catch_unwind(|| panic!("aloud")).is_err());
        assert_eq!(HEARD.load(Ordering::SeqCst), 1);
        // Another thread is heard while this one is silenced.
        quietly(|| std::thread::spawn(|| panic!("aloud")).join().unwrap_err()).unwrap();
        assert_eq!(HEARD.load(Ordering::SeqCst), 2);
        assert_eq!(quietly(|| -> () { panic::panic_any(7) }), Err(String::new()));
    }
}
