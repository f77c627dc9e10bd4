//! `x-answers`: which answers are successes, and what the others mean.

use crate::model::{Answers, Operation, Rule, Success};
use crate::source::Node;

use super::Lint;
use super::extensions::{at, schemas};
use super::forms::{list, map, pointer, pointer_at, string};
use super::targets::{Reach, reach};
use super::words::{is_pointer, shown};

pub(super) fn read(lint: &mut Lint<'_>, root: &Node<'_>, all: &[Operation]) -> Answers {
    const KEYS: &[&str] =
        &["success", "errors", "code", "message", "dead-session", "untrusted", "locked-out", "rate-limited", "passing"];
    let Some(node) = root.get("x-answers") else {
        return Answers::default();
    };
    if !map(lint, &node, "`x-answers`", KEYS, &[]) {
        return Answers::default();
    }
    let errors = pointer(lint, &node, "errors").unwrap_or_default();
    let code = pointer(lint, &node, "code");
    let message = node.get("message").map(|child| list(lint, &child, "`message`"));
    told(lint, root, &node, all, &errors);
    Answers {
        success: node.get("success").and_then(|child| marker(lint, &child)),
        errors,
        code,
        message: message.unwrap_or_default().iter().filter_map(|item| pointer_at(lint, item)).collect(),
        dead_session: rules(lint, &node, "dead-session"),
        untrusted: rules(lint, &node, "untrusted"),
        locked_out: rules(lint, &node, "locked-out"),
        rate_limited: rules(lint, &node, "rate-limited"),
        passing: rules(lint, &node, "passing"),
    }
}

/// That each pointer leads to something in at least one answer of at least one operation: refusals have their own
/// schema with most vendors, but stand in the success with some.
fn told(lint: &mut Lint<'_>, root: &Node<'_>, node: &Node<'_>, all: &[Operation], errors: &str) {
    let answers: Vec<_> = all
        .iter()
        .filter_map(|operation| at(root, &operation.pointer)?.get("responses"))
        .flat_map(|answers| [schemas(&answers, '2'), schemas(&answers, '4')].concat())
        .collect();
    let somewhere = |pointers: &[String]| {
        let mut reached = answers.iter().flat_map(|schema| pointers.iter().map(move |pointer| reach(schema, pointer)));
        answers.is_empty() || reached.any(|reached| !matches!(reached, Reach::Nothing))
    };
    let within = |pointer: &str| [format!("{errors}{pointer}"), format!("{errors}/0{pointer}")];
    let mut pointers = Vec::new();
    if let Some(child) = node.get("errors") {
        pointers.push((child, vec![errors.to_owned()]));
    }
    if let Some(child) = node.at(&["success", "at"]) {
        let pointer = child.value.as_str().unwrap_or_default().to_owned();
        pointers.push((child, vec![pointer]));
    }
    let messages = node.get("message").map(|list| list.items()).unwrap_or_default();
    for child in node.get("code").into_iter().chain(messages) {
        let inner = within(child.value.as_str().unwrap_or_default()).to_vec();
        pointers.push((child, inner));
    }
    for (child, pointers) in pointers {
        if child.value.as_str().is_some_and(is_pointer) && !somewhere(&pointers) {
            lint.fault(
                &child,
                format!("{} leads to nothing in any answer's schema", shown(child.value)),
                "write where the answers carry it, or add it to their schemas",
            );
        }
    }
}

fn marker(lint: &mut Lint<'_>, node: &Node<'_>) -> Option<Success> {
    if !map(lint, node, "`success`", &["at", "is"], &["at", "is"]) {
        return None;
    }
    let is = node.get("is")?;
    // Nothing else is taken for the vendor's yes or no at run time.
    if !is.value.is_string() && !is.value.is_number() {
        lint.fault(&is, format!("`is` is {}", shown(is.value)), "write text or a number");
    }
    Some(Success { at: pointer(lint, node, "at")?, is: is.value.clone() })
}

fn rules(lint: &mut Lint<'_>, node: &Node<'_>, key: &str) -> Vec<Rule> {
    let Some(child) = node.get(key) else {
        return Vec::new();
    };
    let items = list(lint, &child, &format!("`{key}`"));
    let mut rules = Vec::new();
    for item in items {
        let Some(rule) = rule(lint, &item) else {
            continue;
        };
        if rules.contains(&rule) {
            lint.fault(&item, format!("the rule is in `{key}` twice"), "keep one of the two");
        }
        rules.push(rule);
    }
    rules
}

fn rule(lint: &mut Lint<'_>, node: &Node<'_>) -> Option<Rule> {
    if !map(lint, node, "a rule", &["code", "status"], &[]) {
        return None;
    }
    if !node.has("code") && !node.has("status") {
        lint.fault(node, "the rule says nothing", "write `code`, `status` or both");
    }
    let status = node.get("status").and_then(|child| {
        let status = child.value.as_u64().filter(|status| (100..600).contains(status));
        if status.is_none() {
            lint.fault(&child, format!("{} is no status", shown(child.value)), "write a number from 100 to 599");
        }
        status?.try_into().ok()
    });
    let code = node.get("code");
    Some(Rule { code: code.and_then(|child| string(lint, &child, "`code`")), status })
}
