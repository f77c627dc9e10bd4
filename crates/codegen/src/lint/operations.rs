//! The operations of a spec, and the schemes that they need.

use std::collections::HashMap;

use crate::model::{BodyKind, Method, Operation, ParamPlace, Replay, Scheme, SchemePlace};
use crate::source::Node;

use super::forms::{text, word};
use super::targets::properties;
use super::words::{did_you_mean, field, is_camel, is_header, shown};
use super::{Lint, bodies, paging, params, search};

/// The methods of a generated client that are no operations, and those that its operations call on it.
const TAKEN: &[&str] = &["new", "new_with_client", "api_version", "baseurl", "client", "inner", "pre", "post", "exec"];

/// Every operation of a spec: its path, its method, and the operation.
pub(super) fn all<'a>(root: &Node<'a>) -> Vec<(&'a str, Method, Node<'a>)> {
    let paths = root.get("paths").map(|paths| paths.entries());
    let mut all = Vec::new();
    for (path, item) in paths.unwrap_or_default() {
        for (key, node) in item.entries() {
            if let Some((_, method)) = Method::ALL.iter().find(|(name, _)| *name == key) {
                all.push((path, *method, node));
            }
        }
    }
    all
}

pub(super) fn read(lint: &mut Lint<'_>, root: &Node<'_>) -> (Vec<Scheme>, Vec<Operation>) {
    let schemes = schemes(lint, root);
    params::templates(lint, root);
    let tags = tags(lint, root);
    let mut seen = HashMap::new();
    let mut operations = Vec::new();
    for (path, method, node) in all(root) {
        id(lint, &node, &mut seen);
        let tag = tag(lint, &node, &tags);
        summary(lint, &node);
        let params = params::read(lint, root, path, &node);
        let (body, fields) = bodies::request(lint, &node, method);
        let (answer, success) = bodies::answers(lint, &node);
        let security = security(lint, &node);
        let operation = Operation {
            id: owned(&node, "operationId"),
            method,
            path: path.to_owned(),
            summary: owned(&node, "summary"),
            description: node.text("description").map(str::to_owned),
            tag,
            source: text(lint, &node, "x-source").unwrap_or_default(),
            security,
            replay: replay(lint, &node, method),
            trust: trust(lint, &node),
            role: text(lint, &node, "x-role"),
            paging: paging::read(lint, &node, &params, fields.as_ref(), success.as_ref()),
            search: search::read(lint, root, path, &node),
            params,
            body,
            answer,
            pointer: node.pointer.clone(),
        };
        attached(lint, &node, &operation, fields.as_ref(), &schemes);
        operations.push(operation);
    }
    (schemes, operations)
}

fn schemes(lint: &mut Lint<'_>, root: &Node<'_>) -> Vec<Scheme> {
    let schemes = root.at(&["components", "securitySchemes"]);
    let mut read = Vec::new();
    for (name, node) in schemes.map(|node| node.entries()).unwrap_or_default() {
        let field = text(lint, &node, "x-form-field");
        let place = match (node.text("type"), node.text("in"), node.text("scheme")) {
            (Some("apiKey"), Some("header" | "query"), _) if field.is_some() => field.map(SchemePlace::Form),
            (Some("apiKey"), Some("header"), _) => {
                let header = node.text("name").unwrap_or_default();
                if !is_header(header) {
                    lint.fault(&node, format!("\"{header}\" is no name of a header"), "write the header as `name`");
                }
                Some(SchemePlace::Header(header.to_owned()))
            }
            (Some("http"), _, Some("bearer")) if field.is_none() => Some(SchemePlace::Bearer),
            _ => None,
        };
        match place {
            Some(place) => read.push(Scheme { name: name.to_owned(), place }),
            None => lint.fault(
                &node,
                "this kind of security scheme is not understood",
                "write `type: apiKey` with `in: header`, and `x-form-field` if it is a field of the form; \
                 or `type: http` with `scheme: bearer`",
            ),
        }
    }
    read
}

fn tags<'a>(lint: &mut Lint<'_>, root: &Node<'a>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for tag in root.get("tags").map(|tags| tags.items()).unwrap_or_default() {
        let Some(name) = tag.text("name") else {
            continue;
        };
        if names.contains(&name) {
            lint.fault(&tag, format!("the tag \"{name}\" is there twice"), "keep one");
        }
        names.push(name);
    }
    names
}

fn id<'a>(lint: &mut Lint<'_>, node: &Node<'a>, seen: &mut HashMap<String, &'a str>) {
    let (Some(at), Some(id)) = (node.get("operationId"), node.text("operationId")) else {
        return;
    };
    if !is_camel(id) {
        lint.fault(&at, format!("the operationId {} is not camelCase", shown(at.value)), "write it like `listVendors`");
    }
    if TAKEN.contains(&field(id).as_str()) {
        lint.fault(
            &at,
            format!("the operationId \"{id}\" is a method that every client has"),
            "add to it what it is about",
        );
    }
    match seen.insert(field(id), id) {
        Some(first) if first == id => {
            lint.fault(&at, format!("the operationId \"{id}\" is there twice"), "give each operation its own")
        }
        Some(first) => lint.fault(
            &at,
            format!("the operationIds \"{id}\" and \"{first}\" make the same name"),
            "rename one of them",
        ),
        None => {}
    }
}

fn tag(lint: &mut Lint<'_>, node: &Node<'_>, declared: &[&str]) -> String {
    let Some(tags) = node.get("tags") else {
        return String::new();
    };
    let items = tags.items();
    let [tag] = items.as_slice() else {
        if tags.value.is_array() {
            lint.fault(&tags, format!("the operation has {} tags", items.len()), "give it exactly one");
        }
        return String::new();
    };
    let name = tag.value.as_str().unwrap_or_default();
    if !declared.is_empty() && !declared.contains(&name) {
        lint.fault(
            tag,
            format!("the tag \"{name}\" is not declared in `tags` at the root"),
            did_you_mean(name, declared.iter().copied()),
        );
    }
    name.to_owned()
}

fn summary(lint: &mut Lint<'_>, node: &Node<'_>) {
    let (Some(at), Some(text)) = (node.get("summary"), node.text("summary")) else {
        return;
    };
    if text.trim().is_empty() || text.trim_end().contains('\n') {
        lint.fault(&at, "the summary is not one line", "write one line, and the rest as `description`");
    }
}

fn replay(lint: &mut Lint<'_>, node: &Node<'_>, method: Method) -> Replay {
    match word(lint, node, "x-replay", &["safe", "keyed", "never"]) {
        Some("safe") => Replay::Safe,
        Some("keyed") => Replay::Keyed,
        Some(_) => Replay::Never,
        None if matches!(method, Method::Get | Method::Head) => Replay::Safe,
        None => Replay::Never,
    }
}

fn trust(lint: &mut Lint<'_>, node: &Node<'_>) -> bool {
    let Some(trust) = node.get("x-trust") else {
        return false;
    };
    if trust.value.as_bool() != Some(true) {
        lint.fault(&trust, format!("`x-trust` is {}", shown(trust.value)), "write `true`, or leave it out");
    }
    true
}

fn security(lint: &mut Lint<'_>, node: &Node<'_>) -> Vec<Vec<String>> {
    let Some(security) = node.get("security") else {
        return Vec::new();
    };
    if !security.value.is_array() {
        lint.fault(
            &security,
            format!("`security` is {}", shown(security.value)),
            "write a list of maps such as `- session: []`, or `[]` where none is needed",
        );
    }
    let mut alternatives = Vec::new();
    for alternative in security.items() {
        let entries = alternative.entries();
        if entries.is_empty() {
            lint.fault(
                &alternative,
                "an alternative of `security` names no scheme",
                "write a map such as `session: []`; write `security: []` where none is needed",
            );
        }
        for (name, scopes) in &entries {
            if !lint.schemes.contains(name) {
                let help = did_you_mean(name, lint.schemes.iter().copied());
                lint.key_fault(scopes, format!("there is no security scheme \"{name}\""), help);
            }
            if scopes.value.as_array().is_none_or(|list| !list.is_empty()) {
                lint.fault(
                    scopes,
                    format!("the scopes of \"{name}\" are {}", shown(scopes.value)),
                    "write `[]`: these schemes have no scopes",
                );
            }
        }
        alternatives.push(entries.iter().map(|(name, _)| (*name).to_owned()).collect());
    }
    alternatives
}

/// That what the session attaches is not asked of the caller too, and has a place to go.
fn attached(
    lint: &mut Lint<'_>,
    node: &Node<'_>,
    operation: &Operation,
    fields: Option<&Node<'_>>,
    schemes: &[Scheme],
) {
    let needed = |scheme: &&Scheme| {
        let mut names = operation.security.iter().flatten();
        names.any(|name| *name == scheme.name)
    };
    for Scheme { name, place } in schemes.iter().filter(needed) {
        let twice = match place {
            SchemePlace::Header(header) => operation
                .params
                .iter()
                .any(|param| param.place == ParamPlace::Header && param.name.eq_ignore_ascii_case(header)),
            SchemePlace::Bearer => false,
            SchemePlace::Form(field) => {
                if operation.body.is_some_and(|kind| kind != BodyKind::Form) {
                    lint.fault(
                        node,
                        format!("the scheme \"{name}\" goes into a form, but the body is none"),
                        "write the body as `application/x-www-form-urlencoded`",
                    );
                }
                fields.is_some_and(|fields| properties(fields).iter().any(|(name, _)| name == field))
            }
        };
        if twice {
            lint.fault(
                node,
                format!("what the scheme \"{name}\" carries is asked of the caller too"),
                "leave the parameter or the field out: the session attaches it",
            );
        }
    }
}

fn owned(node: &Node<'_>, key: &str) -> String {
    node.text(key).unwrap_or_default().to_owned()
}
