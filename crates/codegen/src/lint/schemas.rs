//! What a schema must be for the generator to make of it what it says.

use std::collections::HashMap;

use serde_json::Value;

use crate::source::Node;

use super::Lint;
use super::words::{did_you_mean, field, shown, type_name};

const TYPES: &[&str] = &["string", "integer", "number", "boolean", "array", "object"];

/// The formats of each type.
const FORMATS: &[(&str, &[&str])] = &[
    (
        "string",
        &[
            "date",
            "date-time",
            "uuid",
            "uri",
            "email",
            "hostname",
            "ip",
            "ipv4",
            "ipv6",
            "byte",
            "binary",
            "password",
            "decimal",
            "date-time-offset",
            "date-compact",
            "date-dmy",
            "date-range",
        ],
    ),
    ("integer", &["int32", "int64", "unix-time"]),
    ("number", &["float", "double"]),
];

/// The keys that mean something on some types only.
const KEYS: &[(&str, &[&str])] = &[
    ("multipleOf", &["integer", "number"]),
    ("maximum", &["integer", "number"]),
    ("exclusiveMaximum", &["integer", "number"]),
    ("minimum", &["integer", "number"]),
    ("exclusiveMinimum", &["integer", "number"]),
    ("maxLength", &["string"]),
    ("minLength", &["string"]),
    ("pattern", &["string"]),
    ("format", &["string", "integer", "number"]),
    ("enum", &["string"]),
    ("items", &["array"]),
    ("maxItems", &["array"]),
    ("minItems", &["array"]),
    ("uniqueItems", &["array"]),
    ("properties", &["object"]),
    ("required", &["object"]),
    ("additionalProperties", &["object"]),
    ("maxProperties", &["object"]),
    ("minProperties", &["object"]),
    ("default", &["string", "integer", "number", "boolean"]),
];

/// Checks one schema; those within it are visited on their own.
pub(super) fn check(lint: &mut Lint<'_>, schema: &Node<'_>) {
    let kind = kind(lint, schema);
    keys(lint, schema, kind);
    for key in ["allOf", "oneOf"] {
        if let Some(parts) = schema.get(key)
            && parts.value.as_array().is_some_and(Vec::is_empty)
        {
            lint.fault(&parts, format!("`{key}` is empty"), "write a schema");
        }
    }
    match kind {
        Some("string") => values(lint, schema),
        Some("array") if !schema.has("items") => {
            lint.fault(schema, "the array has no `items`", "say what it holds");
        }
        Some("object") => object(lint, schema),
        _ => {}
    }
    if let Some(kind) = kind {
        format(lint, schema, kind);
        default(lint, schema, kind);
    }
}

fn kind<'a>(lint: &mut Lint<'_>, schema: &Node<'a>) -> Option<&'a str> {
    let node = schema.get("type")?;
    match node.value.as_str() {
        Some(kind) if TYPES.contains(&kind) => return Some(kind),
        Some(kind) => lint.fault(
            &node,
            format!("\"{kind}\" is no type"),
            if kind == "null" {
                "write the type and `nullable: true`".to_owned()
            } else {
                did_you_mean(kind, TYPES.iter().copied())
            },
        ),
        None if node.value.is_array() => lint.fault(
            &node,
            "a list of types is OpenAPI 3.1",
            "write one type, and `nullable: true` if null is one of them",
        ),
        None => lint.fault(&node, format!("{} is no type", shown(node.value)), did_you_mean("", TYPES.iter().copied())),
    }
    None
}

/// A key on a type that it says nothing about, or on no type at all, passes as nothing.
fn keys(lint: &mut Lint<'_>, schema: &Node<'_>, kind: Option<&str>) {
    // A type that is there but wrong was told already; a whole made of parts may add to them.
    let broken = kind.is_none() && schema.has("type");
    let part = schema.has("allOf") || schema.pointer.contains("/allOf/");
    if broken || (kind.is_none() && part) {
        return;
    }
    for (key, kinds) in KEYS {
        let Some(child) = schema.get(key) else {
            continue;
        };
        match kind {
            Some(kind) if kinds.contains(&kind) => {}
            Some(kind) => lint.key_fault(
                &child,
                format!("`{key}` on a schema of type {kind} is not understood"),
                format!("leave it out, or write `type: {}`", kinds[0]),
            ),
            None => lint.key_fault(
                &child,
                format!("`{key}` stands in a schema without `type`"),
                format!("write `type: {}`", kinds[0]),
            ),
        }
    }
}

fn format(lint: &mut Lint<'_>, schema: &Node<'_>, kind: &str) {
    let Some(known) = FORMATS.iter().find(|(of, _)| *of == kind) else {
        return;
    };
    if let Some(node) = schema.get("format")
        && let Some(text) = node.value.as_str()
        && !known.1.contains(&text)
    {
        lint.fault(
            &node,
            format!("\"{text}\" is no known format of type {kind}"),
            did_you_mean(text, known.1.iter().copied()),
        );
    }
}

fn values(lint: &mut Lint<'_>, schema: &Node<'_>) {
    let Some(node) = schema.get("enum") else {
        return;
    };
    if node.value.as_array().is_none_or(Vec::is_empty) {
        lint.fault(&node, "`enum` is not a list of values", "write one, or leave it out");
        return;
    }
    let mut seen = HashMap::new();
    for item in node.items() {
        let Some(text) = item.value.as_str() else {
            lint.fault(
                &item,
                format!("{} in an `enum` is not text", shown(item.value)),
                "quote it; `nullable: true` says that there may be null",
            );
            continue;
        };
        let variant = type_name(text);
        if variant.is_empty() {
            lint.fault(
                &item,
                format!("\"{text}\" in an `enum` has no letter or digit to make a name of"),
                "leave `enum` out and list the values in the description",
            );
        } else if let Some(first) = seen.insert(variant, text) {
            lint.fault(
                &item,
                format!("\"{text}\" and \"{first}\" in an `enum` make the same name"),
                "leave one of them out",
            );
        }
    }
}

fn object(lint: &mut Lint<'_>, schema: &Node<'_>) {
    let properties = schema.get("properties");
    if properties.is_some() && !stands_alone(&schema.pointer) {
        lint.fault(
            schema,
            "an object schema stands inside another place",
            "move it to `components.schemas` and use `$ref`",
        );
    }
    if let Some(node) = schema.get("additionalProperties")
        && node.value == &Value::Bool(false)
    {
        lint.fault(
            &node,
            "with `additionalProperties: false` a new field of the vendor's would break every answer",
            "leave it out",
        );
    }
    let mut seen = HashMap::new();
    let names: Vec<_> = properties.iter().flat_map(|node| node.entries()).collect();
    for (name, node) in &names {
        let field = field(name);
        if field.is_empty() {
            lint.key_fault(
                node,
                format!("the property \"{name}\" has no letter or digit to make a name of"),
                "leave it out",
            );
        } else if let Some(first) = seen.insert(field, name) {
            lint.key_fault(
                node,
                format!("the properties \"{name}\" and \"{first}\" make the same name"),
                "leave one of them out",
            );
        }
    }
    // What is required may stand in another part of the whole.
    if schema.has("allOf") || schema.pointer.contains("/allOf/") {
        return;
    }
    let required = schema.get("required").map(|node| node.items());
    for item in required.unwrap_or_default() {
        if let Some(text) = item.value.as_str()
            && !names.iter().any(|(name, _)| *name == text)
        {
            lint.fault(
                &item,
                format!("\"{text}\" is required but is no property"),
                did_you_mean(text, names.iter().map(|(name, _)| *name)),
            );
        }
    }
}

/// Whether this is a component, or one of the parts of one: only these get the name that the spec gives them.
fn stands_alone(pointer: &str) -> bool {
    let mut tokens: Vec<_> = pointer.split('/').skip(1).collect();
    while tokens.len() > 3 && matches!(tokens[tokens.len() - 2], "allOf" | "oneOf") {
        tokens.truncate(tokens.len() - 2);
    }
    tokens.len() == 3 && tokens[..2] == ["components", "schemas"]
}

/// The generator checks a default against its schema, and panics where it does not fit.
fn default(lint: &mut Lint<'_>, schema: &Node<'_>, kind: &str) {
    let Some(node) = schema.get("default") else {
        return;
    };
    let fits = match kind {
        "string" => node.value.is_string(),
        "integer" => node.value.is_i64() || node.value.is_u64(),
        "number" => node.value.is_number(),
        "boolean" => node.value.is_boolean(),
        _ => return,
    };
    let listed = schema.value.get("enum").and_then(Value::as_array).is_none_or(|values| values.contains(node.value));
    if !fits {
        lint.fault(
            &node,
            format!("the default {} is not of type {kind}", shown(node.value)),
            format!("write a {kind}"),
        );
    } else if !listed {
        lint.fault(&node, format!("the default {} is not in the `enum`", shown(node.value)), "write one of its values");
    }
}
