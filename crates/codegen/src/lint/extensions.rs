//! The extensions at the root: ways to sign in, limits, and the company.

use std::time::Duration;

use crate::model::{Allows, Answer, Company, CurrentCompany, Limit, Model, Operation, Scheme, Way, Window};
use crate::source::Node;

use super::forms::{count, counted_by, list, map, operation, operations, pointer, schemes, text, time, word};
use super::paging::target;
use super::refs::resolve;
use super::words::{is_kebab, shown};
use super::{Lint, refusals};

pub(super) fn read(lint: &mut Lint<'_>, root: &Node<'_>, schemes: Vec<Scheme>, operations: Vec<Operation>) -> Model {
    let ways = ways(lint, root, &operations);
    Model {
        name: lint.source.api().to_owned(),
        title: root.at(&["info"]).and_then(|info| info.text("title")).unwrap_or_default().to_owned(),
        ways,
        answers: refusals::read(lint, root, &operations),
        limits: limits(lint, root),
        company: company(lint, root, &operations),
        schemes,
        operations,
    }
}

fn ways(lint: &mut Lint<'_>, root: &Node<'_>, all: &[Operation]) -> Vec<Way> {
    let Some(node) = root.get("x-sign-in") else {
        return Vec::new();
    };
    if node.entries().is_empty() {
        lint.fault(
            &node,
            format!("`x-sign-in` is {} without a way in it", shown(node.value)),
            "write a map from the way's name, or leave it out",
        );
    }
    node.entries().into_iter().map(|(name, node)| way(lint, name, &node, root, all)).collect()
}

fn way(lint: &mut Lint<'_>, name: &str, node: &Node<'_>, root: &Node<'_>, all: &[Operation]) -> Way {
    const KEYS: &[&str] =
        &["summary", "operation", "session", "trusted", "user", "provides", "idle", "sign-out", "denies", "source"];
    if !is_kebab(name) {
        lint.key_fault(node, format!("the way \"{name}\" is not kebab-case"), "write it like developer-key");
    }
    if !map(lint, node, "a way to sign in", KEYS, &["summary", "provides", "source"]) {
        return Way::default();
    }
    if node.has("operation") && !node.has("session") {
        lint.fault(node, "the way has an `operation` but no `session`", "say where the answer carries the session");
    }
    for key in ["session", "trusted", "user", "sign-out"] {
        if let Some(child) = node.get(key)
            && !node.has("operation")
        {
            lint.key_fault(
                &child,
                format!("the way has `{key}` but no `operation`"),
                "name the call that signs in, or leave it out",
            );
        }
    }
    let operation_id = operation(lint, node, "operation");
    let schema = operation_id.as_deref().and_then(|id| success(lint, node, "operation", id, root, all));
    target(lint, node, "session", schema.as_ref(), None);
    target(lint, node, "trusted", schema.as_ref(), None);
    target(lint, node, "user", schema.as_ref(), None);
    let denies = operations(lint, node, "denies").unwrap_or_default();
    if let Some(id) = &operation_id
        && let Some(index) = denies.iter().position(|denied| denied == id)
        && let Some(item) = node.at(&["denies"]).and_then(|list| list.items().into_iter().nth(index))
    {
        lint.fault(&item, "the way denies its own `operation`", "leave it out");
    }
    Way {
        name: name.to_owned(),
        summary: text(lint, node, "summary").unwrap_or_default(),
        session: pointer(lint, node, "session"),
        operation: operation_id,
        trusted: pointer(lint, node, "trusted"),
        user: pointer(lint, node, "user"),
        provides: schemes(lint, node, "provides"),
        idle: time(lint, node, "idle"),
        sign_out: operation(lint, node, "sign-out"),
        denies,
        source: text(lint, node, "source").unwrap_or_default(),
    }
}

/// The schema of an operation's success; a fault of the key that names it if it has none.
fn success<'a>(
    lint: &mut Lint<'_>,
    node: &Node<'_>,
    key: &str,
    id: &str,
    root: &Node<'a>,
    all: &[Operation],
) -> Option<Node<'a>> {
    let found = all.iter().find(|operation| operation.id == id)?;
    let schema = json(found, root);
    if found.answer != Answer::Json
        && let Some(child) = node.get(key)
    {
        lint.fault(
            &child,
            format!("the answer of \"{id}\" is not JSON"),
            "name an operation whose answer can be looked into",
        );
    }
    schema
}

/// The schema of an operation's success, if that is JSON.
fn json<'a>(operation: &Operation, root: &Node<'a>) -> Option<Node<'a>> {
    if operation.answer != Answer::Json {
        return None;
    }
    let answers = at(root, &operation.pointer)?.get("responses")?;
    schemas(&answers, '2').into_iter().next()
}

/// The schemas of the answers whose status begins with a digit.
pub(super) fn schemas<'a>(answers: &Node<'a>, digit: char) -> Vec<Node<'a>> {
    let entries = answers.entries().into_iter().filter(|(status, _)| status.starts_with(digit));
    entries.filter_map(|(_, answer)| resolve(&answer)?.get("content")?.entries().first()?.1.get("schema")).collect()
}

pub(super) fn at<'a>(root: &Node<'a>, pointer: &str) -> Option<Node<'a>> {
    pointer
        .split('/')
        .skip(1)
        .try_fold(root.clone(), |node, token| node.get(&token.replace("~1", "/").replace("~0", "~")))
}

fn limits(lint: &mut Lint<'_>, root: &Node<'_>) -> Vec<Limit> {
    const KEYS: &[&str] = &["name", "by", "at-once", "most", "per", "window", "operations", "refused-with", "source"];
    let Some(node) = root.get("x-limits") else {
        return Vec::new();
    };
    let mut limits: Vec<Limit> = Vec::new();
    for item in list(lint, &node, "`x-limits`") {
        if !map(lint, &item, "a limit", KEYS, &["name", "by", "source"]) {
            continue;
        }
        let name = text(lint, &item, "name").unwrap_or_default();
        if limits.iter().any(|limit| limit.name == name) {
            lint.fault(&item, format!("the limit \"{name}\" is there twice"), "rename one of them");
        }
        limits.push(Limit {
            name,
            by: counted_by(lint, &item, "by"),
            allows: allows(lint, &item),
            operations: operations(lint, &item, "operations"),
            refused_with: text(lint, &item, "refused-with"),
            source: text(lint, &item, "source").unwrap_or_default(),
        });
    }
    limits
}

fn allows(lint: &mut Lint<'_>, node: &Node<'_>) -> Allows {
    let rate = node.has("most") || node.has("per");
    if node.has("at-once") == rate || node.has("most") != node.has("per") {
        lint.fault(
            node,
            "a limit is either `at-once`, or `most` with `per`",
            "write one of the two; write two limits where both hold",
        );
    }
    if let Some(window) = node.get("window")
        && !node.has("per")
    {
        lint.key_fault(&window, "`window` says how `per` is counted", "leave it out");
    }
    let at_once = count(lint, node, "at-once");
    let most = count(lint, node, "most").unwrap_or(1);
    let per = time(lint, node, "per").unwrap_or(Duration::from_secs(1));
    let window = match word(lint, node, "window", &["clock", "sliding"]) {
        Some("clock") => Window::Clock,
        _ => Window::Sliding,
    };
    at_once.map_or(Allows::Rate { most, per, window }, Allows::AtOnce)
}

fn company(lint: &mut Lint<'_>, root: &Node<'_>, all: &[Operation]) -> Option<Company> {
    let node = root.get("x-company")?;
    if !map(lint, &node, "`x-company`", &["switch", "current"], &["switch", "current"]) {
        return None;
    }
    let switch = operation(lint, &node, "switch")?;
    let mut current = Vec::new();
    for item in list(lint, &node.get("current")?, "`current`") {
        let keys = &["operation", "at"];
        if !map(lint, &item, "an entry of `current`", keys, keys) {
            continue;
        }
        let id = operation(lint, &item, "operation");
        let schema = id.as_deref().and_then(|id| success(lint, &item, "operation", id, root, all));
        target(lint, &item, "at", schema.as_ref(), None);
        if let (Some(operation), Some(at)) = (id, pointer(lint, &item, "at")) {
            current.push(CurrentCompany { operation, at });
        }
    }
    Some(Company { switch, current })
}
