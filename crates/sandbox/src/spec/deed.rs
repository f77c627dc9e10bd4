//! What an operation does to a collection, told from its method, its path and the form of its answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::operation::Operation;
use super::schema::Schema;

/// What an operation does. `shelf` is the path of a collection, or of the one thing that a path has, with the placeholders of the
/// path in it; in v2 the name of the entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    List {
        shelf: String,
    },
    /// A list of the rows of another collection.
    View {
        shelf: String,
    },
    Create {
        shelf: String,
    },
    Get {
        shelf: String,
        slot: String,
    },
    Change {
        shelf: String,
        slot: String,
    },
    Remove {
        shelf: String,
        slot: String,
    },
    /// Something that is done to a row, by its name: `archive`, `restore`, `verify`.
    Act {
        shelf: String,
        slot: String,
        word: String,
    },
    /// What there is one of.
    Look {
        shelf: String,
    },
    Write {
        shelf: String,
    },
    Clear {
        shelf: String,
    },
    /// Several rows at once.
    Many {
        shelf: String,
        manner: Manner,
    },
    /// Nothing that is kept: the answer is the description's example.
    Show,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    Create,
    Change,
    Remove,
    Act(String),
}

/// The collections of a description.
pub(crate) struct Map<'a> {
    document: &'a Value,
    /// Answers of rows, by path.
    lists: BTreeMap<&'a str, &'a Operation>,
    /// Answers of one thing, by path.
    things: BTreeMap<&'a str, &'a Operation>,
    created: BTreeSet<&'a str>,
    collections: BTreeSet<&'a str>,
}

impl<'a> Map<'a> {
    pub(crate) fn new(document: &'a Value, operations: &'a [Operation]) -> Self {
        let reads = operations.iter().filter(|operation| operation.method == "GET");
        let (lists, things): (Vec<_>, Vec<_>) = reads
            .filter(|operation| operation.answer.is_some())
            .partition(|operation| operation.items(document).is_some());
        let by_path = |all: Vec<&'a Operation>| all.into_iter().map(|one| (one.path.as_str(), one)).collect();
        let (lists, things): (BTreeMap<&str, &Operation>, BTreeMap<&str, &Operation>) =
            (by_path(lists), by_path(things));
        let posts = || operations.iter().filter(|one| one.method == "POST");
        let created = posts().map(|one| one.path.as_str()).collect();
        // A row that no answer shows cannot be named later: without one there is no collection.
        let told: BTreeSet<&str> = posts().filter(|one| one.answer.is_some()).map(|one| one.path.as_str()).collect();
        let mut map = Self { document, collections: lists.keys().copied().collect(), lists, things, created };
        for operation in operations {
            let Some((above, _)) = item(&operation.path) else { continue };
            let identified = map.things.get(operation.path.as_str()).is_some_and(|thing| map.has_id(thing));
            if identified || (told.contains(above) && operation.method != "POST") {
                map.collections.insert(above);
            }
        }
        map
    }

    fn has_id(&self, operation: &Operation) -> bool {
        let answer = operation.answer.as_ref().map(|answer| Schema::new(self.document, &answer.schema));
        answer.is_some_and(|answer| answer.property("id").is_some() || answer.property("uuid").is_some())
    }

    pub(crate) fn deed(&self, operation: &Operation) -> Deed {
        let path = operation.path.as_str();
        if path.ends_with(".json") {
            return v2(operation);
        }
        let method = operation.method.as_str();
        let shelf = || path.to_owned();
        if method == "GET" && self.lists.contains_key(path) {
            // Bezala shows the rows of a collection with more in them under this name.
            return match path.strip_suffix("/extended_index") {
                Some(above) => Deed::View { shelf: above.to_owned() },
                None => Deed::List { shelf: shelf() },
            };
        }
        if let Some((above, word)) = path.rsplit_once("/bulk")
            && self.collections.contains(above)
            && (word.is_empty() || word.starts_with('/'))
        {
            let manner = match (method, word.trim_start_matches('/')) {
                ("POST", "") => Manner::Create,
                ("DELETE", "") => Manner::Remove,
                (_, "") => Manner::Change,
                (_, word) => Manner::Act(word.to_owned()),
            };
            return Deed::Many { shelf: above.to_owned(), manner };
        }
        if let Some((above, slot)) = item(path).filter(|(above, _)| self.collections.contains(above)) {
            let (shelf, slot) = (above.to_owned(), slot.to_owned());
            return match method {
                "GET" => Deed::Get { shelf, slot },
                "DELETE" => Deed::Remove { shelf, slot },
                _ => Deed::Change { shelf, slot },
            };
        }
        if self.collections.contains(path) {
            return match method {
                "POST" => Deed::Create { shelf: shelf() },
                // Values are taken out by a body that names them.
                "DELETE" => Deed::Many { shelf: shelf(), manner: Manner::Remove },
                _ => Deed::Show,
            };
        }
        if self.things.contains_key(path) {
            let written = self.created.contains(path);
            return match method {
                "GET" if written => Deed::Look { shelf: shelf() },
                "GET" => Deed::Show,
                "DELETE" => Deed::Clear { shelf: shelf() },
                _ => Deed::Write { shelf: shelf() },
            };
        }
        if method == "GET" {
            return Deed::Show;
        }
        if let Some((above, word)) = path.rsplit_once('/')
            && let Some((shelf, slot)) = item(above).filter(|(shelf, _)| self.collections.contains(shelf))
        {
            return Deed::Act { shelf: shelf.to_owned(), slot: slot.to_owned(), word: word.to_owned() };
        }
        match self.creates_beside(operation) {
            Some(shelf) if method == "POST" => Deed::Create { shelf },
            _ => Deed::Show,
        }
    }

    /// Some rows are listed one step below the path that creates them, or created one step below the path that lists them: the
    /// answer names the same schema.
    fn creates_beside(&self, operation: &Operation) -> Option<String> {
        let named = operation.answer.as_ref()?.schema.get("$ref")?;
        let above = operation.path.rsplit_once('/').map_or("", |(above, _)| above);
        let near = |path: &str| {
            path == above || path.strip_prefix(&operation.path).is_some_and(|rest| rest.matches('/').count() == 1)
        };
        let same = |list: &Operation| {
            let at = list.items(self.document).unwrap_or_default();
            let answer = list.answer.as_ref().map(|answer| &answer.schema)?;
            let mut schema = resolved(self.document, answer);
            for name in at.split('/').filter(|name| !name.is_empty()) {
                schema = resolved(self.document, schema.get("properties")?.get(name)?);
            }
            (schema.get("items")?.get("$ref")? == named).then_some(())
        };
        // Of a list whose form is open, there is nothing to compare.
        let open = |list: &Operation| {
            let answer = list.answer.as_ref().map(|answer| Schema::new(self.document, &answer.schema));
            answer.is_some_and(Schema::open)
        };
        let mut fits = self.lists.iter().filter(|(path, list)| near(path) && (same(list).is_some() || open(list)));
        match (fits.next(), fits.next()) {
            (Some((path, _)), None) => Some((*path).to_owned()),
            _ => None,
        }
    }
}

/// A path that ends in a placeholder: what is above, and the placeholder's name.
pub(crate) fn item(path: &str) -> Option<(&str, &str)> {
    let (above, last) = path.rsplit_once('/')?;
    Some((above, last.strip_prefix('{')?.strip_suffix('}')?))
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let path = schema.get("$ref").and_then(Value::as_str);
    path.and_then(|path| document.pointer(path.trim_start_matches('#'))).unwrap_or(schema)
}

/// v2 says in the path what it does: `List/Vendor`, `Crud/Create/Vendor`, `Bulk/Crud/Create/Vendor`.
fn v2(operation: &Operation) -> Deed {
    let path = operation.path.trim_start_matches("/v2/").trim_end_matches(".json");
    let words: Vec<&str> = path.split('/').collect();
    let slot = || "id".to_owned();
    match words[..] {
        ["List", entity] => Deed::List { shelf: entity.to_owned() },
        ["Crud", verb, entity] => {
            let shelf = entity.to_owned();
            match verb {
                "Create" => Deed::Create { shelf },
                "Read" => Deed::Get { shelf, slot: slot() },
                "Update" => Deed::Change { shelf, slot: slot() },
                // A row that is deleted is there still, and not active.
                verb => Deed::Act { shelf, slot: slot(), word: verb.to_owned() },
            }
        }
        ["Bulk", "Crud", verb, entity] => {
            let manner = match verb {
                "Create" => Manner::Create,
                "Update" => Manner::Change,
                verb => Manner::Act(verb.to_owned()),
            };
            Deed::Many { shelf: entity.to_owned(), manner }
        }
        [name] if operation.paging.is_some() => Deed::List { shelf: name.to_owned() },
        _ => Deed::Show,
    }
}
