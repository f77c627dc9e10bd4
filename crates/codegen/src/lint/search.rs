//! `x-search`: what a list can be filtered and sorted by.

use crate::model::{FILTER_OPS, Param, ParamPlace, Search};
use crate::source::Node;

use super::Lint;
use super::forms::{count, list, map, string};
use super::words::{did_you_mean, is_camel, shown};

pub(super) fn read(lint: &mut Lint<'_>, operation: &Node<'_>, params: &[Param]) -> Option<Search> {
    let node = operation.get("x-search")?;
    if !map(lint, &node, "`x-search`", &["filter", "sort", "sort-most"], &[]) {
        return None;
    }
    let mut search = Search::default();
    if let Some(filter) = node.get("filter") {
        takes(lint, &filter, "filters", params);
        if filter.entries().is_empty() {
            lint.fault(
                &filter,
                "`filter` is no map with something in it",
                "write the fields, each with its comparisons",
            );
        }
        for (field, ops) in filter.entries() {
            name(lint, &ops, field);
            search.filter.push((field.to_owned(), comparisons(lint, &ops)));
        }
    }
    if let Some(sort) = node.get("sort") {
        takes(lint, &sort, "sort", params);
        for item in list(lint, &sort, "`sort`") {
            if let Some(field) = string(lint, &item, "a field") {
                name(lint, &item, &field);
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

/// A field becomes a name of Rust's.
fn name(lint: &mut Lint<'_>, node: &Node<'_>, field: &str) {
    if !field.split('.').all(is_camel) {
        lint.fault(
            node,
            format!("\"{field}\" is no name of a field"),
            "write it as the vendor does, such as createdTime",
        );
    }
}

fn takes(lint: &mut Lint<'_>, node: &Node<'_>, param: &str, params: &[Param]) {
    if !params.iter().any(|it| it.place == ParamPlace::Query && it.name == param) {
        lint.key_fault(node, format!("the operation has no query parameter \"{param}\""), "add it, or leave this out");
    }
}
