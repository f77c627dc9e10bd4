//! Where a `$ref` leads, and that it leads somewhere, once.

use std::collections::HashMap;

use crate::source::Node;

use super::Lint;
use super::words::{did_you_mean, shown};

/// Longer chains are a mistake, and the generator follows each by recursion.
const CHAIN: usize = 60;

/// That the `$ref` of a node leads to a component of its own kind.
pub(super) fn check(lint: &mut Lint<'_>, node: &Node<'_>, section: &str) {
    let Some(reference) = node.get("$ref") else {
        return;
    };
    let Some(text) = reference.value.as_str() else {
        lint.fault(&reference, format!("{} is not text", shown(reference.value)), "write the place of a component");
        return;
    };
    let Some(name) = text.strip_prefix(&format!("#/components/{section}/")) else {
        let message = if text.starts_with("#/components/") {
            format!("{} is another kind of component", shown(reference.value))
        } else {
            format!("{} is not in this file's components", shown(reference.value))
        };
        lint.fault(&reference, message, format!("write `#/components/{section}/` and a name"));
        return;
    };
    let known = Node::root(lint.source).at(&["components", section]);
    if !known.as_ref().is_some_and(|known| known.has(name)) {
        let names = known.map(|known| known.entries()).unwrap_or_default();
        lint.fault(
            &reference,
            format!("there is no {section} component \"{name}\""),
            did_you_mean(name, names.into_iter().map(|(name, _)| name)),
        );
    }
}

/// What a node stands for: itself, or what its `$ref` leads to in the end.
pub(super) fn resolve<'a>(node: &Node<'a>) -> Option<Node<'a>> {
    let mut node = node.clone();
    for _ in 0..CHAIN {
        let Some(reference) = node.text("$ref") else {
            return Some(node);
        };
        let (section, name) = reference.strip_prefix("#/components/")?.split_once('/')?;
        node = node.root_of().at(&["components", section, name])?;
    }
    None
}

/// That no component is made of itself. A property may lead back to the schema that it is in: that is a list or a
/// tree. A schema that is another, which is the first, is nothing at all.
pub(super) fn loops(lint: &mut Lint<'_>, root: &Node<'_>) {
    let Some(components) = root.get("components") else {
        return;
    };
    for (_, section) in components.entries() {
        let mut seen = HashMap::new();
        for (_, component) in section.entries() {
            descend(lint, &component, 0, &mut seen);
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Under,
    Done,
}

fn descend(lint: &mut Lint<'_>, node: &Node<'_>, depth: usize, seen: &mut HashMap<String, Seen>) {
    match seen.get(&node.pointer) {
        Some(Seen::Done) => return,
        Some(Seen::Under) => {
            lint.fault(node, "this component is made of itself", "break the circle of `$ref`, `allOf` and `oneOf`");
            return;
        }
        None => {}
    }
    if depth > CHAIN {
        lint.fault(
            node,
            format!("more than {CHAIN} `$ref`, `allOf` and `oneOf` lead here one after another"),
            "shorten the chain",
        );
        return;
    }
    seen.insert(node.pointer.clone(), Seen::Under);
    if let Some(reference) = node.text("$ref") {
        let target = reference
            .strip_prefix("#/components/")
            .and_then(|rest| rest.split_once('/'))
            .and_then(|(section, name)| node.root_of().at(&["components", section, name]));
        if let Some(target) = target {
            descend(lint, &target, depth + 1, seen);
        }
    }
    for key in ["allOf", "oneOf"] {
        for part in node.get(key).map(|list| list.items()).unwrap_or_default() {
            descend(lint, &part, depth + 1, seen);
        }
    }
    seen.insert(node.pointer.clone(), Seen::Done);
}
