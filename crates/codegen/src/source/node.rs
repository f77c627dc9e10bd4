//! A value of a spec together with its place.

use serde_json::Value;

use super::{Source, join};

/// A value of a spec that knows where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    source: &'a Source,
    pub(crate) pointer: String,
    pub(crate) value: &'a Value,
}

impl<'a> Node<'a> {
    /// The whole document.
    pub(crate) fn root(source: &'a Source) -> Self {
        Self { source, pointer: String::new(), value: source.value() }
    }

    /// The whole document that this node is in.
    pub(crate) fn root_of(&self) -> Self {
        Self::root(self.source)
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(key)?;
        Some(self.child(key, value))
    }

    /// The value at a path of keys.
    pub(crate) fn at(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |node, key| node.get(key))
    }

    /// Keys and values of a map, in the order of the file; nothing of anything else.
    pub(crate) fn entries(&self) -> Vec<(&'a str, Self)> {
        let mut entries: Vec<_> = self
            .value
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), self.child(key, value)))
            .collect();
        // serde_json keeps the order of a map only with a feature that another crate may or may not turn on.
        entries.sort_by_key(|(_, node)| self.source.key_place(&node.pointer));
        entries
    }

    /// The values of a list; nothing of anything else.
    pub(crate) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| self.child(&index.to_string(), value)).collect()
    }

    /// The text of a key, where there is one.
    pub(crate) fn text(&self, key: &str) -> Option<&'a str> {
        self.value.get(key).and_then(Value::as_str)
    }

    /// Whether a map has this key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some()
    }

    fn child(&self, token: &str, value: &'a Value) -> Self {
        Self { source: self.source, pointer: join(&self.pointer, token), value }
    }
}
