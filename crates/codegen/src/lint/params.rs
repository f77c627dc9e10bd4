//! The parameters of an operation, and the templates of paths.

use std::collections::HashMap;

use crate::model::{Param, ParamPlace};
use crate::source::Node;

use super::Lint;
use super::refs::resolve;
use super::targets::expand;
use super::words::{did_you_mean, field, is_header, shown};

/// That paths are well formed, and no two of them the same but for the names in them.
pub(super) fn templates(lint: &mut Lint<'_>, root: &Node<'_>) {
    let mut seen = HashMap::new();
    for (path, node) in root.get("paths").map(|node| node.entries()).unwrap_or_default() {
        let Some((names, shape)) = template(path) else {
            lint.key_fault(
                &node,
                format!("\"{path}\" is no path"),
                "begin with \"/\", and write parameters as `{name}`",
            );
            continue;
        };
        if let Some(twice) =
            names.iter().enumerate().find_map(|(index, name)| names[..index].contains(name).then_some(name))
        {
            lint.key_fault(&node, format!("the parameter \"{twice}\" is in the path twice"), "give each its own name");
        }
        if let Some(first) = seen.insert(shape, path) {
            lint.key_fault(
                &node,
                format!("the path \"{path}\" is \"{first}\" by another name"),
                "put their operations together",
            );
        }
    }
}

/// The names in a path, and the path without them.
fn template(path: &str) -> Option<(Vec<&str>, String)> {
    if !path.starts_with('/') || path.contains(['?', '#', ' ']) {
        return None;
    }
    let (mut names, mut shape, mut left) = (Vec::new(), String::new(), path);
    while let Some((before, rest)) = left.split_once('{') {
        let (name, after) = rest.split_once('}')?;
        if name.is_empty() || name.contains(['{', '/']) || before.contains('}') {
            return None;
        }
        names.push(name);
        shape.push_str(before);
        shape.push_str("{}");
        left = after;
    }
    shape.push_str(left);
    (!left.contains('}')).then_some((names, shape))
}

/// The parameters of an operation: those of its path, then its own, which take the place of the path's.
pub(super) fn read(lint: &mut Lint<'_>, root: &Node<'_>, path: &str, operation: &Node<'_>) -> Vec<Param> {
    let shared = root.at(&["paths", path, "parameters"]);
    let own = operation.get("parameters");
    let mut params: Vec<Param> = Vec::new();
    let mut names: HashMap<String, String> = HashMap::new();
    let methods = methods(operation);
    for (list, of_path) in [(shared, true), (own, false)] {
        let already = params.len();
        for place in list.map(|list| list.items()).unwrap_or_default() {
            let Some(param) = param(lint, &place) else {
                continue;
            };
            let same = |other: &Param| (&other.name, other.place) == (&param.name, param.place);
            if let Some(index) = params.iter().position(same) {
                if of_path || index >= already {
                    lint.fault(
                        &place,
                        format!("the parameter \"{}\" is there twice", param.name),
                        "keep one of the two",
                    );
                } else {
                    params[index] = param;
                }
                continue;
            }
            if let Some(first) = names.insert(field(&param.name), param.name.clone()) {
                lint.fault(
                    &place,
                    format!("the parameters \"{}\" and \"{first}\" make the same name", param.name),
                    "leave one of them out",
                );
            }
            if methods.contains(&field(&param.name).as_str()) {
                lint.fault(
                    &place,
                    format!("the parameter \"{}\" has the name of another method of its call's builder", param.name),
                    "such a call cannot be generated: leave the parameter out, if the vendor does not require it",
                );
            }
            params.push(param);
        }
    }
    in_path(lint, path, operation, &params);
    params
}

/// The methods of an operation's builder that set no parameter. (`__request` is none that a parameter could have.)
fn methods(operation: &Node<'_>) -> Vec<&'static str> {
    let searched = |key| operation.at(&["x-search", key]).is_some();
    [
        (true, &["new", "send"][..]),
        (operation.has("requestBody"), &["body", "body_map"]),
        (operation.has("x-paging"), &["pages", "items"]),
        (searched("filter"), &["filter"]),
        (searched("sort"), &["sort_by"]),
    ]
    .into_iter()
    .filter(|(has, _)| *has)
    .flat_map(|(_, names)| names.iter().copied())
    .collect()
}

/// The parameter of the query that has this name.
pub(super) fn in_query<'a>(root: &Node<'a>, path: &str, operation: &Node<'a>, name: &str) -> Option<Node<'a>> {
    let lists = [operation.get("parameters"), root.at(&["paths", path, "parameters"])];
    let all = lists.into_iter().flatten().flat_map(|list| list.items()).filter_map(|place| resolve(&place));
    all.into_iter().find(|param| param.text("name") == Some(name) && param.text("in") == Some("query"))
}

/// That the path and the parameters name the same.
fn in_path(lint: &mut Lint<'_>, path: &str, operation: &Node<'_>, params: &[Param]) {
    let Some((names, _)) = template(path) else {
        return;
    };
    let declared: Vec<_> =
        params.iter().filter(|param| param.place == ParamPlace::Path).map(|param| param.name.as_str()).collect();
    for name in names.iter().filter(|name| !declared.contains(name)) {
        lint.fault(
            operation,
            format!("the path has `{{{name}}}`, but no parameter of that name is `in: path`"),
            "declare it",
        );
    }
    for name in declared.iter().filter(|name| !names.contains(name)) {
        lint.fault(
            operation,
            format!("the parameter \"{name}\" is not in the path"),
            did_you_mean(name, names.iter().copied()),
        );
    }
}

fn param(lint: &mut Lint<'_>, place: &Node<'_>) -> Option<Param> {
    let node = resolve(place)?;
    let name = node.text("name")?;
    let at = node.get("in")?;
    let (kind, style, flat) = match at.value.as_str() {
        Some("path") => (ParamPlace::Path, "simple", true),
        Some("query") => (ParamPlace::Query, "form", false),
        Some("header") => (ParamPlace::Header, "simple", true),
        other => {
            let message = if other == Some("cookie") {
                "parameters in cookies are not generated".to_owned()
            } else {
                format!("`in` is {}", shown(at.value))
            };
            lint.fault(&at, message, "write path, query or header");
            return None;
        }
    };
    let required = node.value.get("required").and_then(serde_json::Value::as_bool) == Some(true);
    if kind == ParamPlace::Path && !required {
        lint.fault(&node, format!("the path parameter \"{name}\" is not required"), "write `required: true`");
    }
    if let Some(found) = node.get("style")
        && found.value.as_str() != Some(style)
    {
        lint.fault(
            &found,
            format!("the style {} is not generated", shown(found.value)),
            format!("leave it out: {style} is what is sent"),
        );
    }
    if let Some(explode) = node.get("explode")
        && explode.value.as_bool() == Some(flat)
    {
        lint.fault(
            &explode,
            format!("`explode: {flat}` would be ignored"),
            "leave it out: an array in the query is sent as `k=a&k=b`",
        );
    }
    if kind == ParamPlace::Header {
        header(lint, &node, name);
    }
    scalar(lint, &node, name, flat);
    Some(Param {
        name: name.to_owned(),
        place: kind,
        required,
        description: node.text("description").map(str::to_owned),
    })
}

fn header(lint: &mut Lint<'_>, node: &Node<'_>, name: &str) {
    let owned = ["accept", "content-type", "authorization"];
    if owned.contains(&name.to_lowercase().as_str()) {
        lint.fault(
            node,
            format!("OpenAPI ignores a parameter for the header \"{name}\""),
            "leave it out: media types and security schemes say it",
        );
    } else if !is_header(name) {
        lint.fault(node, format!("\"{name}\" is no name of a header"), "write letters, digits and dashes");
    }
}

/// That a parameter is a scalar or, in the query, a list of scalars.
fn scalar(lint: &mut Lint<'_>, node: &Node<'_>, name: &str, flat: bool) {
    let Some(schema) = node.get("schema") else {
        return;
    };
    let whole = expand([schema.clone()]);
    let kinds = |nodes: &[Node<'_>], kind: &str| nodes.iter().any(|node| node.text("type") == Some(kind));
    let items = expand(whole.iter().filter_map(|node| node.get("items")));
    if kinds(&whole, "object") || kinds(&items, "object") {
        lint.fault(
            &schema,
            format!("the parameter \"{name}\" is an object"),
            "write one parameter for each of its keys, or text that holds JSON",
        );
    } else if kinds(&items, "array") || (flat && kinds(&whole, "array")) {
        lint.fault(
            &schema,
            format!("the parameter \"{name}\" is an array in a place that takes one value"),
            "write text",
        );
    } else if flat && whole.iter().any(|node| node.text("format") == Some("password")) {
        lint.fault(
            &schema,
            format!("the parameter \"{name}\" is a secret, and those do not print themselves into a path or a header"),
            "make it a security scheme, which the session presents",
        );
    }
}
