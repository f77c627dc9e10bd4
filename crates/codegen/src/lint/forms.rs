//! The forms that the values of extensions have: each reads one key of a map, and tells what is wrong with it.

use std::time::Duration;

use crate::source::Node;

use super::Lint;
use super::words::{did_you_mean, duration, is_pointer, shown};

/// That a map has these keys only, and the required ones among them. `false`: it is no map.
pub(super) fn map(lint: &mut Lint<'_>, node: &Node<'_>, what: &str, keys: &[&str], required: &[&str]) -> bool {
    if !node.value.is_object() {
        lint.fault(node, format!("{what} is {}", shown(node.value)), format!("write a map with {}", keys.join(", ")));
        return false;
    }
    for (key, child) in node.entries() {
        if !keys.contains(&key) {
            lint.key_fault(&child, format!("{what} has no key `{key}`"), did_you_mean(key, keys.iter().copied()));
        }
    }
    for key in required {
        if !node.has(key) {
            lint.fault(node, format!("{what} has no `{key}`"), "write it");
        }
    }
    true
}

/// The entries of a list; a fault if the value is none, or empty.
pub(super) fn list<'a>(lint: &mut Lint<'_>, node: &Node<'a>, what: &str) -> Vec<Node<'a>> {
    let items = node.items();
    if items.is_empty() {
        lint.fault(node, format!("{what} is no list with something in it"), "write a list, or leave it out");
    }
    items
}

/// Text that says something.
pub(super) fn text(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Option<String> {
    let child = node.get(key)?;
    string(lint, &child, &format!("`{key}`"))
}

/// As [`text`], of a value at hand.
pub(super) fn string(lint: &mut Lint<'_>, node: &Node<'_>, what: &str) -> Option<String> {
    match node.value.as_str() {
        Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
        _ => {
            lint.fault(
                node,
                format!("{what} is {}", shown(node.value)),
                "write text, quoted if it looks like something else",
            );
            None
        }
    }
}

/// One of a few words.
pub(super) fn word<'w>(lint: &mut Lint<'_>, node: &Node<'_>, key: &str, words: &[&'w str]) -> Option<&'w str> {
    let child = node.get(key)?;
    let found = words.iter().find(|word| child.value.as_str() == Some(**word));
    if found.is_none() {
        lint.fault(
            &child,
            format!("`{key}` is {}", shown(child.value)),
            did_you_mean(child.value.as_str().unwrap_or_default(), words.iter().copied()),
        );
    }
    found.copied()
}

/// A JSON pointer.
pub(super) fn pointer(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Option<String> {
    pointer_at(lint, &node.get(key)?)
}

/// As [`pointer`], of a value at hand.
pub(super) fn pointer_at(lint: &mut Lint<'_>, node: &Node<'_>) -> Option<String> {
    match node.value.as_str() {
        Some(text) if is_pointer(text) => Some(text.to_owned()),
        _ => {
            lint.fault(
                node,
                format!("{} is not a JSON pointer", shown(node.value)),
                "begin with \"/\", as in \"/data/0/id\"; \"\" is the whole answer",
            );
            None
        }
    }
}

/// A duration longer than nothing.
pub(super) fn time(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Option<Duration> {
    let child = node.get(key)?;
    let time = child.value.as_str().and_then(duration);
    match time {
        Some(time) if time.is_zero() => {
            lint.fault(&child, format!("`{key}` lasts no time"), "write a longer duration, or leave it out")
        }
        Some(_) => {}
        None => lint.fault(
            &child,
            format!("{} is not a duration", shown(child.value)),
            "write an ISO 8601 duration such as PT35M",
        ),
    }
    time
}

/// A whole number from 1.
pub(super) fn count(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Option<u32> {
    let child = node.get(key)?;
    let count = child.value.as_u64().and_then(|count| count.try_into().ok());
    if count.is_none_or(|count: u32| count == 0) {
        lint.fault(&child, format!("`{key}` is {}", shown(child.value)), "write a whole number from 1 to 4294967295");
    }
    count
}

/// An operation of this spec.
pub(super) fn operation(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Option<String> {
    let child = node.get(key)?;
    known(lint, &child, Named::Operation)
}

/// Operations of this spec, each once.
pub(super) fn operations(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Option<Vec<String>> {
    let child = node.get(key)?;
    Some(each(lint, &child, key, Named::Operation))
}

/// Schemes of this spec, each once.
pub(super) fn schemes(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Vec<String> {
    match node.get(key) {
        Some(child) => each(lint, &child, key, Named::Scheme),
        None => Vec::new(),
    }
}

/// What an entry of `by` names: a scheme, or `organization`.
pub(super) fn counted_by(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Vec<String> {
    match node.get(key) {
        Some(child) => each(lint, &child, key, Named::Counted),
        None => Vec::new(),
    }
}

fn each(lint: &mut Lint<'_>, node: &Node<'_>, key: &str, what: Named) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for item in list(lint, node, &format!("`{key}`")) {
        let Some(name) = known(lint, &item, what) else {
            continue;
        };
        if names.contains(&name) {
            lint.fault(&item, format!("\"{name}\" is in `{key}` twice"), "keep one of the two");
        } else {
            names.push(name);
        }
    }
    names
}

/// What a name is looked up among.
#[derive(Clone, Copy)]
enum Named {
    Operation,
    Scheme,
    /// What calls are counted by: a scheme, or the organization.
    Counted,
}

impl Named {
    fn words(self) -> &'static str {
        match self {
            Self::Operation => "operation",
            Self::Scheme => "security scheme",
            Self::Counted => "scheme, nor `organization`,",
        }
    }

    fn known<'a>(self, lint: &Lint<'a>) -> Vec<&'a str> {
        match self {
            Self::Operation => lint.operations.clone(),
            Self::Scheme => lint.schemes.clone(),
            Self::Counted => lint.schemes.iter().copied().chain(["organization"]).collect(),
        }
    }
}

fn known(lint: &mut Lint<'_>, node: &Node<'_>, what: Named) -> Option<String> {
    let names = what.known(lint);
    match node.value.as_str() {
        Some(name) if names.contains(&name) => Some(name.to_owned()),
        other => {
            let help = did_you_mean(other.unwrap_or_default(), names);
            lint.fault(node, format!("there is no {} {}", what.words(), shown(node.value)), help);
            None
        }
    }
}
