//! Reads the model of a spec, and finds everything that is wrong with it on the way.
//!
//! The generator behind this panics, or silently does something else, on much of OpenAPI; what it is not known to
//! get right is refused here by name, at its line. Every lint runs on whatever the others left standing: a place
//! that has the wrong form is told once, by [`shape`], and passed over by the rest.

use crate::fault::{Fault, Faults};
use crate::model::Model;
use crate::source::{Node, Source};

mod bodies;
mod extensions;
mod forms;
mod objects;
mod operations;
mod paging;
mod params;
mod refs;
mod refusals;
mod schemas;
mod search;
mod shape;
mod targets;
pub(crate) mod words;

/// Lints a spec and reads its model.
pub(crate) fn read(source: &Source) -> Result<Model, Faults> {
    let mut lint = Lint::new(source);
    let root = Node::root(source);
    // Another version means another set of keys: whatever else could be said would be noise.
    if !version(&mut lint, &root) {
        return Err(Faults::new(lint.faults));
    }
    shape::walk(&mut lint, &root);
    refs::loops(&mut lint, &root);
    let (schemes, operations) = operations::read(&mut lint, &root);
    let model = extensions::read(&mut lint, &root, schemes, operations);
    if lint.faults.is_empty() { Ok(model) } else { Err(Faults::new(lint.faults)) }
}

/// What the lints share: the names of the spec, and the faults found so far.
pub(crate) struct Lint<'a> {
    source: &'a Source,
    faults: Vec<Fault>,
    /// Every `operationId`.
    operations: Vec<&'a str>,
    /// Every key of `components.securitySchemes`.
    schemes: Vec<&'a str>,
}

impl<'a> Lint<'a> {
    fn new(source: &'a Source) -> Self {
        let root = Node::root(source);
        Self {
            source,
            faults: Vec::new(),
            operations: operations::all(&root)
                .iter()
                .filter_map(|(_, _, operation)| operation.text("operationId"))
                .collect(),
            schemes: root
                .at(&["components", "securitySchemes"])
                .map(|schemes| schemes.entries().into_iter().map(|(key, _)| key).collect())
                .unwrap_or_default(),
        }
    }

    /// A fault of a value.
    fn fault(&mut self, node: &Node<'_>, message: impl Into<String>, help: impl Into<String>) {
        let fault = self.source.fault(&node.pointer, message, help);
        self.faults.push(fault);
    }

    /// A fault of the key rather than of its value.
    fn key_fault(&mut self, node: &Node<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.faults.push(self.source.key_fault(&node.pointer, message, help));
    }
}

fn version(lint: &mut Lint<'_>, root: &Node<'_>) -> bool {
    let Some(version) = root.get("openapi") else {
        lint.fault(root, "`openapi` is missing: this is no OpenAPI document", "write `openapi: 3.0.3` at its top");
        return false;
    };
    let text = version.value.as_str().unwrap_or_default();
    if text == "3.0.3" {
        return true;
    }
    if text.starts_with("3.1") || text.starts_with("3.2") {
        lint.fault(
            &version,
            format!("OpenAPI {text} is not understood"),
            "write 3.0.3: `nullable: true` for a null type, `enum` of one for `const`, `example` for `examples`",
        );
    } else {
        lint.fault(&version, format!("the version of OpenAPI is {}", words::shown(version.value)), "write 3.0.3");
    }
    false
}
