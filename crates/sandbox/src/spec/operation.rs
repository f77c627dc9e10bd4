//! An operation, in what its description says of the call and of the answer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::deed::{self, Deed};
use super::schema::Schema;
use super::search::Search;
use super::{Api, Piece, piece};

/// A description: its operations, and the rules that stand above them.
#[derive(Debug)]
pub(crate) struct Description {
    pub api: Api,
    pub document: Value,
    pub operations: Vec<Operation>,
    /// The collections, by the path or the name that deeds call them by.
    pub shelves: BTreeMap<String, Shelf>,
    /// Which collection's row an example's id is of, and by which field.
    pub named: BTreeMap<String, (String, String)>,
    /// What a sync token's session may not do.
    pub denied: BTreeSet<String>,
    /// What sends a message to a person, and is counted by the minute for it.
    pub messages: BTreeSet<String>,
}

/// What is done to a collection, over all operations.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    /// The placeholders that name one of its rows.
    pub slots: BTreeSet<String>,
    pub listed: bool,
    pub made: bool,
}

#[derive(Debug)]
pub(crate) struct Operation {
    pub id: String,
    pub method: String,
    /// As the description writes it.
    pub path: String,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub status: u16,
    pub answer: Option<Answer>,
    pub paging: Option<Paging>,
    pub search: Option<Search>,
    pub role: Option<String>,
    pub trust: bool,
    /// Whether it is served to anybody.
    pub open: bool,
    pub deed: Deed,
}

#[derive(Debug)]
pub(crate) struct Parameter {
    pub name: String,
    pub place: String,
    pub required: bool,
    pub number: bool,
}

#[derive(Debug)]
pub(crate) struct Body {
    pub media: String,
    pub schema: Value,
    pub required: bool,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub media: String,
    pub schema: Value,
    pub example: Value,
}

impl Body {
    pub(crate) fn json(&self) -> bool {
        self.media == "application/json"
    }
}

/// Where the rows of a list stand in its answer, and how many there are at most.
#[derive(Debug)]
pub(crate) struct Paging {
    pub items: String,
    pub most: Option<usize>,
}

impl Description {
    pub(crate) fn read(api: Api, document: Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                if let Some(id) = operation.get("operationId").and_then(Value::as_str) {
                    operations.push(read(&document, id, method, path, item, operation));
                }
            }
        }
        let deeds: Vec<Deed> = {
            let map = deed::Map::new(&document, &operations);
            operations.iter().map(|operation| map.deed(operation)).collect()
        };
        for (operation, deed) in operations.iter_mut().zip(deeds) {
            operation.deed = deed;
        }
        let denied = words(document.pointer("/x-sign-in/sync-token/denies"));
        let limits = document.get("x-limits").and_then(Value::as_array).into_iter().flatten();
        let messages = limits.filter(|limit| limit["name"].as_str().is_some_and(|name| name.starts_with("messages")));
        let messages = messages.flat_map(|limit| words(limit.get("operations"))).collect();
        let shelves = shelves(&operations);
        let mut it = Self { api, document, operations, shelves, named: BTreeMap::new(), denied, messages };
        it.named = crate::generic::named(&it).collect();
        it
    }

    pub(crate) fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == id)
    }

    pub(crate) fn schema<'a>(&'a self, schema: &'a Value) -> Schema<'a> {
        Schema::new(&self.document, schema)
    }

    /// The schema of what an operation answers.
    pub(crate) fn answers<'a>(&'a self, operation: &'a Operation) -> Option<Schema<'a>> {
        operation.answer.as_ref().map(|answer| self.schema(&answer.schema))
    }

    /// Of an operation that lists: the schema of a row, and the rows of the example.
    pub(crate) fn row<'a>(&'a self, operation: &'a Operation) -> Option<(Schema<'a>, &'a [Value])> {
        let answer = operation.answer.as_ref()?;
        let at = operation.items(&self.document)?;
        let mut schema = self.schema(&answer.schema);
        for name in at.split('/').filter(|name| !name.is_empty()) {
            schema = schema.property(name).unwrap_or(Schema::OPEN);
        }
        let rows = answer.example.pointer(&at).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Some((schema.items().unwrap_or(Schema::OPEN), rows))
    }
}

impl Operation {
    pub(crate) fn pieces(&self, api: Api) -> Vec<Piece> {
        api.served_at(&self.path).trim_start_matches('/').split('/').map(piece).collect()
    }

    /// The media type of an answer that is a file.
    pub(crate) fn file(&self) -> Option<&str> {
        self.answer.as_ref().map(|answer| answer.media.as_str()).filter(|media| *media != "application/json")
    }

    pub(crate) fn takes_header(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.place == "header" && parameter.name == name)
    }

    pub(crate) fn takes(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == name)
    }

    /// Where the rows stand in the answer, where it is one of rows.
    pub(crate) fn items(&self, document: &Value) -> Option<String> {
        if let Some(paging) = &self.paging {
            return Some(paging.items.clone());
        }
        let answer = self.answer.as_ref()?;
        let schema = Schema::new(document, &answer.schema);
        let of_rows = |schema: Schema<'_>| schema.kind() == Some("array");
        if of_rows(schema) {
            return Some(String::new());
        }
        // Of an answer whose form is open, the example shows where the rows are.
        let shown = |name: &str| schema.open() && answer.example.get(name).is_some_and(Value::is_array);
        let named = ["results", "collection"].into_iter();
        let named = named.into_iter().find(|name| schema.property(name).is_some_and(of_rows) || shown(name));
        named.map(|name| format!("/{name}"))
    }
}

fn shelves(operations: &[Operation]) -> BTreeMap<String, Shelf> {
    let mut shelves: BTreeMap<String, Shelf> = BTreeMap::new();
    for operation in operations {
        match &operation.deed {
            Deed::List { shelf } => shelves.entry(shelf.clone()).or_default().listed = true,
            Deed::Create { shelf } => shelves.entry(shelf.clone()).or_default().made = true,
            Deed::Get { shelf, slot } | Deed::Change { shelf, slot } | Deed::Remove { shelf, slot } => {
                shelves.entry(shelf.clone()).or_default().slots.insert(slot.clone());
            }
            _ => {}
        }
    }
    // Some rows are named only on the way to something else.
    for operation in operations {
        let mut above = String::new();
        for piece in operation.path.split('/').skip(1) {
            if let Some(name) = piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}'))
                && let Some(shelf) = shelves.get_mut(&above)
                && shelf.slots.is_empty()
            {
                shelf.slots.insert(name.to_owned());
            }
            above.push('/');
            above.push_str(piece);
        }
    }
    shelves
}

fn read(document: &Value, id: &str, method: &str, path: &str, item: &Value, operation: &Value) -> Operation {
    let parameters = [item.get("parameters"), operation.get("parameters")];
    let parameters = parameters.into_iter().flatten().filter_map(Value::as_array).flatten();
    let content = |of: Option<&Value>| {
        let (media, content) = of?.get("content")?.as_object()?.iter().next()?;
        Some((media.clone(), content.clone()))
    };
    let responses = operation.get("responses").and_then(Value::as_object);
    let success = responses.into_iter().flatten().find(|(status, _)| status.starts_with('2'));
    let of = |content: &Value, key: &str| content.get(key).cloned().unwrap_or_default();
    Operation {
        id: id.to_owned(),
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        parameters: parameters.map(|parameter| read_parameter(document, parameter)).collect(),
        body: content(operation.get("requestBody")).map(|(media, content)| Body {
            media,
            schema: of(&content, "schema"),
            required: operation.pointer("/requestBody/required") == Some(&Value::Bool(true)),
        }),
        status: success.and_then(|(status, _)| status.parse().ok()).unwrap_or(200),
        answer: content(success.map(|(_, response)| response)).map(|(media, content)| Answer {
            media,
            schema: of(&content, "schema"),
            example: of(&content, "example"),
        }),
        paging: operation.get("x-paging").map(|paging| Paging {
            items: paging["items"].as_str().unwrap_or_default().to_owned(),
            most: paging["most"].as_u64().and_then(|most| usize::try_from(most).ok()),
        }),
        search: operation.get("x-search").map(Search::read),
        role: operation.get("x-role").and_then(Value::as_str).map(str::to_owned),
        trust: operation.get("x-trust") == Some(&Value::Bool(true)),
        open: operation.get("security").and_then(Value::as_array).is_some_and(Vec::is_empty),
        deed: Deed::Show,
    }
}

fn read_parameter(document: &Value, parameter: &Value) -> Parameter {
    let named = parameter.get("$ref").and_then(Value::as_str);
    let parameter = named.and_then(|path| document.pointer(path.trim_start_matches('#'))).unwrap_or(parameter);
    let text = |key: &str| parameter[key].as_str().unwrap_or_default().to_owned();
    let kind = parameter.get("schema").and_then(|schema| Schema::new(document, schema).kind());
    Parameter {
        name: text("name"),
        place: text("in"),
        required: parameter["required"] == Value::Bool(true),
        number: matches!(kind, Some("integer" | "number")),
    }
}

fn words(list: Option<&Value>) -> BTreeSet<String> {
    let words = list.and_then(Value::as_array).into_iter().flatten();
    words.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}
