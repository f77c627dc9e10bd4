//! What a JSON pointer into an answer leads to, by the answer's schema.

use std::collections::HashSet;

use serde_json::Value;

use crate::source::Node;

use super::refs::resolve;

/// What a pointer leads to.
pub(super) enum Reach<'a> {
    /// To these schemas: more than one where `allOf` and `oneOf` say so.
    To(Vec<Node<'a>>),
    /// Past what the schema tells: nobody can say.
    Untold,
    /// To nothing that the schema knows.
    Nothing,
}

impl Reach<'_> {
    /// Whether this can be of a type.
    pub(super) fn may_be(&self, kind: &str) -> bool {
        match self {
            Self::To(schemas) => {
                let fits = |schema| is_untold(schema) || schema.text("type") == Some(kind);
                schemas.is_empty() || schemas.iter().any(fits)
            }
            Self::Untold => true,
            Self::Nothing => false,
        }
    }
}

/// Follows a JSON pointer through a schema.
pub(super) fn reach<'a>(schema: &Node<'a>, pointer: &str) -> Reach<'a> {
    let mut schemas = expand([schema.clone()]);
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        // No schema at all: a `$ref` that leads nowhere, which was told where it stands.
        let untold = schemas.is_empty() || schemas.iter().any(is_untold);
        let next: Vec<_> = schemas.iter().filter_map(|schema| step(schema, &token)).collect();
        if next.is_empty() {
            return if untold { Reach::Untold } else { Reach::Nothing };
        }
        schemas = expand(next);
    }
    Reach::To(schemas)
}

/// Every property of a schema, those of its parts included.
pub(super) fn properties<'a>(schema: &Node<'a>) -> Vec<(&'a str, Node<'a>)> {
    expand([schema.clone()])
        .iter()
        .filter_map(|schema| schema.get("properties"))
        .flat_map(|properties| properties.entries())
        .collect()
}

/// Schemas, what their `$ref` lead to, and the parts of each.
pub(super) fn expand<'a>(schemas: impl IntoIterator<Item = Node<'a>>) -> Vec<Node<'a>> {
    let mut left: Vec<_> = schemas.into_iter().collect();
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    while let Some(schema) = left.pop() {
        let Some(schema) = resolve(&schema) else {
            continue;
        };
        if seen.insert(schema.pointer.clone()) {
            for key in ["allOf", "oneOf"] {
                left.extend(schema.get(key).map(|parts| parts.items()).unwrap_or_default());
            }
            all.push(schema);
        }
    }
    all
}

fn step<'a>(schema: &Node<'a>, token: &str) -> Option<Node<'a>> {
    if let Some(property) = schema.at(&["properties", token]) {
        return Some(property);
    }
    if token.bytes().all(|byte| byte.is_ascii_digit())
        && let Some(items) = schema.get("items")
    {
        return Some(items);
    }
    schema.get("additionalProperties").filter(|schema| schema.value.is_object())
}

/// Whether a schema leaves open what is in a value.
fn is_untold(schema: &Node<'_>) -> bool {
    let told = ["properties", "items", "allOf", "oneOf", "enum"];
    matches!(schema.text("type"), None | Some("object"))
        && !told.iter().any(|key| schema.has(key))
        && schema.value.get("additionalProperties") != Some(&Value::Bool(false))
}
