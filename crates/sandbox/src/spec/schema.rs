//! What the schemas of a description say of a value: whether a body will do, and what of a row an answer carries.

use serde_json::{Map, Value};

/// One thing that is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The names from the body down to the place, with dots; empty for the body itself.
    pub at: String,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// It is required, and not there.
    Missing,
    /// It is not of this type.
    Kind(&'static str),
    /// It is longer than so many characters.
    Long(u64),
}

/// A schema, with the document that its references point into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schema<'a> {
    document: &'a Value,
    schema: &'a Value,
}

impl<'a> Schema<'a> {
    /// Says nothing, and so takes anything.
    pub(crate) const OPEN: Self = Self { document: &Value::Null, schema: &Value::Null };

    pub(crate) fn new(document: &'a Value, schema: &'a Value) -> Self {
        let mut schema = schema;
        while let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            match document.pointer(path.trim_start_matches('#')) {
                Some(further) => schema = further,
                None => break,
            }
        }
        Self { document, schema }
    }

    fn of(self, schema: &'a Value) -> Self {
        Self::new(self.document, schema)
    }

    fn word(self, key: &str) -> Option<&'a str> {
        self.schema.get(key).and_then(Value::as_str)
    }

    fn parts(self, key: &str) -> impl Iterator<Item = Self> {
        let parts = self.schema.get(key).and_then(Value::as_array).into_iter().flatten();
        parts.map(move |part| self.of(part))
    }

    /// Of a schema in several parts, the type that one of them names.
    pub(crate) fn kind(self) -> Option<&'a str> {
        self.word("type").or_else(|| self.parts("allOf").find_map(Self::kind))
    }

    pub(crate) fn items(self) -> Option<Self> {
        Some(self.of(self.schema.get("items")?))
    }

    /// The schema of a field, wherever among the parts it stands.
    pub(crate) fn property(self, name: &str) -> Option<Self> {
        let own = self.schema.get("properties").and_then(|all| all.get(name));
        own.map(|own| self.of(own))
            .or_else(|| self.parts("allOf").find_map(|part| part.property(name)))
            .or_else(|| self.parts("oneOf").find_map(|part| part.property(name)))
    }

    /// The names of all fields.
    pub(crate) fn names(self) -> Vec<&'a str> {
        let own = self.schema.get("properties").and_then(Value::as_object);
        let mut names: Vec<&str> = own.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        for part in self.parts("allOf").chain(self.parts("oneOf")) {
            names.extend(part.names());
        }
        names
    }

    pub(crate) fn required(self) -> Vec<&'a str> {
        let own = self.schema.get("required").and_then(Value::as_array).into_iter().flatten();
        let mut names: Vec<&str> = own.filter_map(Value::as_str).collect();
        names.extend(self.parts("allOf").flat_map(Self::required));
        names
    }

    fn nullable(self) -> bool {
        self.schema.get("nullable") == Some(&Value::Bool(true)) || self.parts("allOf").any(Self::nullable)
    }

    /// Whether the description leaves the form open.
    pub(crate) fn open(self) -> bool {
        let bounded =
            ["properties", "items", "enum", "allOf", "oneOf"].iter().any(|key| self.schema.get(key).is_some());
        !bounded && matches!(self.kind(), None | Some("object"))
    }

    /// A value that must not be seen by everybody.
    pub(crate) fn secret(self) -> bool {
        self.word("format") == Some("password") || self.parts("allOf").any(Self::secret)
    }

    /// The only required field, where it is an object: bodies of Bezala have such a root key.
    pub(crate) fn root(self) -> Option<&'a str> {
        match self.required()[..] {
            [name] => self.property(name).filter(|root| root.kind() == Some("object")).map(|_| name),
            _ => None,
        }
    }

    /// What a vendor would say of a body. Words that an enum does not name are let through: the lists of the pages are known to
    /// be behind the vendors.
    pub(crate) fn problems(self, value: &Value, at: &str) -> Vec<Problem> {
        let one = |what| vec![Problem { at: at.to_owned(), what }];
        if value.is_null() {
            return if self.nullable() || self.kind().is_none() { Vec::new() } else { one(What::Missing) };
        }
        let mut found: Vec<Problem> = self.parts("allOf").flat_map(|part| part.problems(value, at)).collect();
        let mut either = self.parts("oneOf").peekable();
        if either.peek().is_some() && !either.any(|part| part.problems(value, at).is_empty()) {
            found.extend(one(What::Kind("of another form")));
        }
        found.extend(match (self.word("type"), value) {
            (Some("object"), Value::Object(row)) => self.problems_within(row, at),
            (Some("array"), Value::Array(items)) => {
                let few =
                    self.schema.get("minItems").and_then(Value::as_u64).is_some_and(|few| (items.len() as u64) < few);
                let each = items.iter().enumerate();
                let within = self.items().map(|schema| {
                    each.flat_map(|(n, item)| schema.problems(item, &format!("{at}[{n}]"))).collect::<Vec<_>>()
                });
                if few { one(What::Missing) } else { within.unwrap_or_default() }
            }
            (Some("string"), Value::String(text)) => {
                let most = self.schema.get("maxLength").and_then(Value::as_u64);
                most.filter(|most| text.chars().count() as u64 > *most)
                    .map(|most| one(What::Long(most)))
                    .unwrap_or_default()
            }
            (Some("integer"), Value::Number(number)) if number.is_f64() => one(What::Kind("a whole number")),
            (Some("integer" | "number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) | (None, _) => {
                Vec::new()
            }
            (Some("object"), _) => one(What::Kind("an object")),
            (Some("array"), _) => one(What::Kind("an array")),
            (Some("boolean"), _) => one(What::Kind("true or false")),
            (Some("integer" | "number"), _) => one(What::Kind("a number")),
            (Some(_), _) => one(What::Kind("a string")),
        });
        found
    }

    fn problems_within(self, row: &Map<String, Value>, at: &str) -> Vec<Problem> {
        let within = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
        let own = self.schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let missing = own.filter(|name| row.get(*name).is_none_or(Value::is_null));
        let mut found: Vec<Problem> = missing.map(|name| Problem { at: within(name), what: What::Missing }).collect();
        for (name, value) in row {
            let own = self.schema.get("properties").and_then(|all| all.get(name));
            // A null says the same as a field that is left out; of a required one that has been said above.
            if let Some(own) = own.filter(|_| !value.is_null()) {
                found.extend(self.of(own).problems(value, &within(name)));
            }
        }
        found
    }

    /// What of a value this schema names; required fields that the value lacks come from `spare`. `None` where the value does not
    /// fit.
    pub(crate) fn shape(self, value: &Value, spare: Option<&Value>) -> Option<Value> {
        if value.is_null() {
            return (self.nullable() || self.kind().is_none() && self.open()).then_some(Value::Null);
        }
        if self.open() {
            return (self.kind().is_none() || value.is_object()).then(|| value.clone());
        }
        if self.parts("oneOf").next().is_some() {
            return self.parts("oneOf").find_map(|part| part.shape(value, spare));
        }
        let words = self.schema.get("enum").and_then(Value::as_array);
        if words.is_some_and(|words| !words.contains(value)) {
            return None;
        }
        match (self.kind(), value) {
            (Some("object"), Value::Object(row)) => self.shape_row(row, spare).map(Value::Object),
            (Some("array"), Value::Array(items)) => {
                let Some(schema) = self.items() else { return Some(value.clone()) };
                items.iter().map(|item| schema.shape(item, None)).collect::<Option<Vec<_>>>().map(Value::Array)
            }
            (Some("string"), Value::String(text)) => {
                let dated = match self.word("format") {
                    Some("date") => text.len() == 10 && crate::time::parse(text).is_some(),
                    Some("date-time" | "date-time-offset") => text.contains('T'),
                    _ => true,
                };
                dated.then(|| value.clone())
            }
            (Some("integer"), Value::Number(number)) => (!number.is_f64()).then(|| value.clone()),
            (Some("number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) => Some(value.clone()),
            // Parts that name no type, as of a reference made nullable.
            (None, _) => self.parts("allOf").try_fold(value.clone(), |value, part| part.shape(&value, spare)),
            _ => None,
        }
    }

    fn shape_row(self, row: &Map<String, Value>, spare: Option<&Value>) -> Option<Map<String, Value>> {
        let open = self.schema.get("additionalProperties") == Some(&Value::Bool(true));
        let mut out = Map::new();
        for (name, value) in row {
            let spare = spare.and_then(|spare| spare.get(name));
            let shaped = match self.property(name) {
                Some(schema) => schema.shape(value, spare),
                None if open => Some(value.clone()),
                None => None,
            };
            if let Some(shaped) = shaped {
                out.insert(name.clone(), shaped);
            }
        }
        for name in self.required() {
            if !out.contains_key(name) {
                let lent = spare.and_then(|spare| spare.get(name))?;
                out.insert(name.to_owned(), lent.clone());
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_cut_to_what_is_named() {
        let document = json!({"schemas": {"Name": {"type": "string"}}});
        let schema = json!({
            "type": "object", "required": ["id"], "properties": {
                "id": {"$ref": "#/schemas/Name"}, "count": {"type": "integer", "nullable": true},
                "key": {"type": "string", "format": "password"}, "state": {"type": "string", "enum": ["A"]},
            },
        });
        let schema = Schema::new(&document, &schema);
        let row = json!({"id": "1", "count": null, "key": "k", "state": "B", "more": 1});
        assert_eq!(schema.shape(&row, None), Some(json!({"id": "1", "count": null, "key": "k"})));
        assert_eq!(schema.shape(&json!({"count": 1}), None), None);
        assert_eq!(schema.shape(&json!({"count": 1}), Some(&json!({"id": "2"}))), Some(json!({"id": "2", "count": 1})));
        let problems = schema.problems(&json!({"count": "1", "state": "B"}), "");
        let said: Vec<_> = problems.iter().map(|problem| problem.at.as_str()).collect();
        assert_eq!(said, ["id", "count"]);
    }
}
