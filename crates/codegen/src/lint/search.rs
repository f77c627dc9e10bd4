//! `x-search`: what a list can be filtered and sorted by.

use std::collections::HashMap;

use crate::model::{FILTER_OPS, Search};
use crate::source::Node;

use super::Lint;
use super::forms::{count, list, map, string};
use super::params::in_query;
use super::words::{did_you_mean, is_camel, shown, type_name};

pub(super) fn read(lint: &mut Lint<'_>, root: &Node<'_>, path: &str, operation: &Node<'_>) -> Option<Search> {
    let node = operation.get("x-search")?;
    if !map(lint, &node, "`x-search`", &["filter", "sort", "sort-most"], &[]) {
        return None;
    }
    let mut search = Search::default();
    if let Some(filter) = node.get("filter") {
        takes(lint, &filter, "filters", in_query(root, path, operation, "filters"));
        if filter.entries().is_empty() {
            lint.fault(
                &filter,
                "`filter` is no map with something in it",
                "write the fields, each with its comparisons",
            );
        }
        let mut names = HashMap::new();
        for (field, ops) in filter.entries() {
            name(lint, &ops, field, &mut names);
            search.filter.push((field.to_owned(), comparisons(lint, &ops)));
        }
    }
    if let Some(sort) = node.get("sort") {
        takes(lint, &sort, "sort", in_query(root, path, operation, "sort"));
        let mut names = HashMap::new();
        for item in list(lint, &sort, "`sort`") {
            if let Some(field) = string(lint, &item, "a field") {
                name(lint, &item, &field, &mut names);
                search.sort.push(field);
            }
        }
    }
    search.sort_most = count(lint, &node, "sort-most");
    Some(search)
}

/// `any`, or a list of the words.
fn comparisons(lint: &mut Lint<'_>, node: &Node<'_>) -> Vec<String> {
    if node.value.as_str() == Some("any") {
        return Vec::new();
    }
    let mut ops = Vec::new();
    for item in list(lint, node, "the comparisons of a field") {
        match item.value.as_str().filter(|op| FILTER_OPS.iter().any(|(known, _)| known == op)) {
            Some(op) => ops.push(op.to_owned()),
            None => {
                let known = FILTER_OPS.iter().map(|(known, _)| *known);
                let help = did_you_mean(item.value.as_str().unwrap_or_default(), known);
                lint.fault(&item, format!("there is no comparison {}", shown(item.value)), help);
            }
        }
    }
    ops
}

/// A field becomes a variant of an enum: a name of Rust's, and of no other field's.
fn name(lint: &mut Lint<'_>, node: &Node<'_>, field: &str, names: &mut HashMap<String, String>) {
    let variant = type_name(field);
    if !field.split('.').all(is_camel) || variant == "Self" {
        lint.fault(
            node,
            format!("\"{field}\" is no name of a field"),
            "write it as the vendor does, such as createdTime; `self` cannot be one",
        );
    }
    match names.insert(variant, field.to_owned()) {
        Some(first) if first == field => {
            lint.fault(node, format!("the field \"{field}\" is there twice"), "keep one of the two")
        }
        Some(first) => lint.fault(
            node,
            format!("the fields \"{field}\" and \"{first}\" make the same name"),
            "leave one of them out: the builder takes it as text",
        ),
        None => {}
    }
}

/// That the query has this parameter, and in the form that the generated methods write it in: text, or nothing.
fn takes(lint: &mut Lint<'_>, node: &Node<'_>, name: &str, param: Option<Node<'_>>) {
    let Some(param) = param else {
        lint.key_fault(node, format!("the operation has no query parameter \"{name}\""), "add it, or leave this out");
        return;
    };
    if param.value.get("required").and_then(serde_json::Value::as_bool) == Some(true) {
        lint.fault(
            &param,
            format!("the parameter \"{name}\" is required, but the list is called without it too"),
            "leave `required` out",
        );
    }
    if let Some(schema) = param.get("schema")
        && (schema.text("type") != Some("string") || schema.entries().iter().any(|(key, _)| !PLAIN.contains(key)))
    {
        lint.fault(
            &schema,
            format!("the parameter \"{name}\" is not plain text, which `x-search` writes into it"),
            "write `type: string` alone",
        );
    }
}

/// What leaves a schema of text a `String` in Rust.
const PLAIN: &[&str] = &["type", "description", "example", "minLength", "maxLength", "pattern"];
