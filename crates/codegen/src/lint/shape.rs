//! Walks the whole spec by the table of OpenAPI's objects: which keys stand where, and what form each has.

use std::collections::HashMap;

use serde_json::Value;

use crate::source::Node;

use super::objects::{EXTENSIONS, ROOT};
use super::words::{did_you_mean, is_component, shown, type_name};
use super::{Lint, refs, schemas};

/// Deeper schemas than this are a mistake, and the generator behind this recurses through them.
const DEPTH: usize = 60;

/// One of OpenAPI's objects.
pub(super) struct Object {
    /// What a message calls it, with its article.
    pub(super) name: &'static str,
    /// Every key it may have.
    pub(super) keys: &'static [(&'static str, Form)],
    /// The keys that it must have.
    pub(super) required: &'static [&'static str],
    /// The extensions of the vocabulary that stand here.
    pub(super) extensions: &'static [&'static str],
    /// The section of `components` that a `$ref` in its place leads to; none where no `$ref` may stand.
    pub(super) section: Option<&'static str>,
}

/// What form the value of a key has.
pub(super) enum Form {
    Text,
    Flag,
    Count,
    Number,
    Texts,
    /// Any JSON.
    Any,
    /// Checked by a lint of its own.
    Elsewhere,
    One(&'static Object),
    List(&'static Object),
    Map(&'static Object),
    /// A section of `components`: its keys are names.
    Named(&'static Object),
    /// An object, or `true` or `false`.
    FlagOr(&'static Object),
    /// OpenAPI has this key; this project has not.
    Refused(&'static str, &'static str),
}

pub(super) fn walk(lint: &mut Lint<'_>, root: &Node<'_>) {
    object(lint, root, &ROOT, 0);
}

fn object(lint: &mut Lint<'_>, node: &Node<'_>, object: &Object, depth: usize) {
    if depth > DEPTH {
        lint.fault(
            node,
            format!("objects stand within each other beyond {DEPTH} levels"),
            "move the inner ones to components and use `$ref`",
        );
        return;
    }
    if !node.value.is_object() {
        lint.fault(node, format!("{} is not {}", shown(node.value), object.name), "write a map");
        return;
    }
    if let Some(section) = object.section
        && node.has("$ref")
    {
        refs::check(lint, node, section);
        return alone(lint, node);
    }
    for (key, child) in node.entries() {
        if let Some((_, form)) = object.keys.iter().find(|(known, _)| *known == key) {
            value(lint, &child, form, depth);
        } else if !object.extensions.contains(&key) {
            unknown(lint, &child, key, object);
        }
    }
    for key in object.required {
        if !node.has(key) {
            lint.fault(node, format!("{} has no `{key}`", object.name), "write it");
        }
    }
    if object.section == Some("schemas") {
        schemas::check(lint, node);
    }
}

/// OpenAPI 3.0 ignores whatever stands beside a `$ref`, and so would the generator.
fn alone(lint: &mut Lint<'_>, node: &Node<'_>) {
    for (key, child) in node.entries() {
        if key != "$ref" {
            lint.key_fault(
                &child,
                format!("`{key}` stands beside a `$ref` and would be ignored"),
                "move it to what the `$ref` leads to, or put the `$ref` into an `allOf`",
            );
        }
    }
}

fn unknown(lint: &mut Lint<'_>, child: &Node<'_>, key: &str, object: &Object) {
    if let Some((_, place)) = EXTENSIONS.iter().find(|(known, _)| *known == key) {
        lint.key_fault(child, format!("`{key}` does not belong on {}", object.name), format!("move it to {place}"));
    } else if key.starts_with("x-") {
        lint.key_fault(
            child,
            format!("`{key}` is no extension that {} can have", object.name),
            did_you_mean(key, object.extensions.iter().copied()),
        );
    } else if key == "$ref" {
        lint.key_fault(child, format!("{} cannot be a `$ref`", object.name), "write it out here");
    } else {
        let known = object.keys.iter().filter(|(_, form)| !matches!(form, Form::Refused(..)));
        lint.key_fault(
            child,
            format!("{} has no key `{key}` in OpenAPI 3.0.3", object.name),
            did_you_mean(key, known.map(|(key, _)| *key).chain(object.extensions.iter().copied())),
        );
    }
}

fn value(lint: &mut Lint<'_>, node: &Node<'_>, form: &Form, depth: usize) {
    let wanted = match (form, node.value) {
        (Form::Any | Form::Elsewhere, _)
        | (Form::Text, Value::String(_))
        | (Form::Flag | Form::FlagOr(_), Value::Bool(_)) => return,
        (Form::Count, Value::Number(number)) if number.is_u64() => return,
        (Form::Number, Value::Number(_)) => return,
        (Form::Texts, Value::Array(items)) if items.iter().all(Value::is_string) => return,
        (Form::Refused(why, help), _) => return lint.key_fault(node, *why, *help),
        (Form::One(child) | Form::FlagOr(child), _) => {
            return object(lint, node, child, depth + 1);
        }
        (Form::List(child), Value::Array(_)) => {
            for item in node.items() {
                object(lint, &item, child, depth + 1);
            }
            return;
        }
        (Form::Map(child), Value::Object(_)) => {
            for (_, entry) in node.entries() {
                object(lint, &entry, child, depth + 1);
            }
            return;
        }
        (Form::Named(child), Value::Object(_)) => return named(lint, node, child, depth),
        (Form::Text, _) => "text",
        (Form::Flag, _) => "true or false",
        (Form::Count, _) => "a whole number from 0",
        (Form::Number, _) => "a number",
        (Form::Texts, _) => "a list of texts",
        (Form::List(_), _) => "a list",
        (Form::Map(_) | Form::Named(_), _) => "a map",
    };
    lint.fault(
        node,
        format!("{} is not {wanted}", shown(node.value)),
        if wanted == "text" {
            "write text, quoted if it looks like something else".to_owned()
        } else {
            format!("write {wanted}")
        },
    );
}

fn named(lint: &mut Lint<'_>, node: &Node<'_>, child: &'static Object, depth: usize) {
    let mut seen = HashMap::new();
    for (key, entry) in node.entries() {
        if let Some(first) = seen.insert(type_name(key), key) {
            lint.key_fault(
                &entry,
                format!("the components \"{key}\" and \"{first}\" make the same name"),
                "rename one of them",
            );
        }
        if !is_component(key) {
            lint.key_fault(
                &entry,
                format!("\"{key}\" is no name of a component"),
                "begin with a letter and go on with letters, digits, `.`, `-` and `_`",
            );
        }
        object(lint, &entry, child, depth + 1);
    }
}
