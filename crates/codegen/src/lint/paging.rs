//! `x-paging`: how the pages of a list follow each other.

use crate::model::{Paging, PagingStyle, Param, ParamPlace};
use crate::source::Node;

use super::Lint;
use super::forms::{count, map, pointer, text, word};
use super::targets::{Reach, properties, reach};
use super::words::{did_you_mean, is_pointer, shown};

const KEYS: &[&str] = &["style", "items", "into", "next", "total-pages", "size", "most", "inside"];

pub(super) fn read(
    lint: &mut Lint<'_>,
    operation: &Node<'_>,
    params: &[Param],
    fields: Option<&Node<'_>>,
    success: Option<&Node<'_>>,
) -> Option<Paging> {
    let node = operation.get("x-paging")?;
    let required = &["style", "items", "into", "most"];
    if !map(lint, &node, "`x-paging`", KEYS, required) {
        return None;
    }
    let style = match word(lint, &node, "style", &["token", "page", "offset"])? {
        "token" => PagingStyle::Token,
        "page" => PagingStyle::Page,
        _ => PagingStyle::Offset,
    };
    styles(lint, &node, style);
    if success.is_none() {
        lint.fault(
            &node,
            "the operation pages, but its answer has no schema",
            "give the answer one, or leave `x-paging` out",
        );
    }
    target(lint, &node, "items", success, Some("array"));
    target(lint, &node, "next", success, None);
    target(lint, &node, "total-pages", success, None);
    if let Some(inside) = node.get("inside") {
        let fields: Vec<_> = fields.map(properties).unwrap_or_default();
        if !fields.iter().any(|(name, _)| inside.value.as_str() == Some(*name)) {
            let help = did_you_mean(inside.value.as_str().unwrap_or_default(), fields.iter().map(|(name, _)| *name));
            lint.fault(&inside, format!("there is no form field {} in the body", shown(inside.value)), help);
        }
    } else {
        query(lint, &node, "into", params);
        query(lint, &node, "size", params);
    }
    Some(Paging {
        style,
        items: pointer(lint, &node, "items").unwrap_or_default(),
        into: text(lint, &node, "into").unwrap_or_default(),
        next: pointer(lint, &node, "next"),
        total_pages: pointer(lint, &node, "total-pages"),
        size: text(lint, &node, "size"),
        most: count(lint, &node, "most").unwrap_or(1),
        inside: text(lint, &node, "inside"),
    })
}

/// That the keys fit the style.
fn styles(lint: &mut Lint<'_>, node: &Node<'_>, style: PagingStyle) {
    for (key, of, name) in [
        ("next", PagingStyle::Token, "token"),
        ("total-pages", PagingStyle::Page, "page"),
        ("inside", PagingStyle::Offset, "offset"),
    ] {
        if let Some(child) = node.get(key)
            && style != of
        {
            lint.key_fault(
                &child,
                format!("`{key}` belongs to the style {name}"),
                format!("leave it out, or write `style: {name}`"),
            );
        }
    }
    if style == PagingStyle::Token && !node.has("next") {
        lint.fault(node, "the style token needs `next`", "say where the answer carries the next token");
    }
}

/// That a pointer leads to something in a schema and, if `kind` is given, to something of that type.
pub(super) fn target(lint: &mut Lint<'_>, node: &Node<'_>, key: &str, schema: Option<&Node<'_>>, kind: Option<&str>) {
    let (Some(child), Some(text), Some(schema)) = (node.get(key), node.text(key), schema) else {
        return;
    };
    // What is no pointer was told where it was read.
    if !is_pointer(text) {
        return;
    }
    let reached = reach(schema, text);
    if matches!(reached, Reach::Nothing) {
        lint.fault(
            &child,
            format!("{} leads to nothing in the answer's schema", shown(child.value)),
            "write where the answer carries it, or add it to the schema",
        );
    } else if let Some(kind) = kind
        && !reached.may_be(kind)
    {
        lint.fault(
            &child,
            format!("what {} leads to is no {kind}", shown(child.value)),
            format!("write where the {kind} stands"),
        );
    }
}

fn query(lint: &mut Lint<'_>, node: &Node<'_>, key: &str, params: &[Param]) {
    let (Some(child), Some(name)) = (node.get(key), node.text(key)) else {
        return;
    };
    let known = params.iter().filter(|param| param.place == ParamPlace::Query);
    if !known.clone().any(|param| param.name == name) {
        lint.fault(
            &child,
            format!("the operation has no query parameter \"{name}\""),
            did_you_mean(name, known.map(|param| param.name.as_str())),
        );
    }
}
