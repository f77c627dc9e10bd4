//! The operations that nobody wrote by hand: carried out from what the description says of them, on rows that are kept.
//!
//! The vendors' modules know who calls, how a refusal reads and how a list is cut into pages. Here is what a call does to a
//! collection.

mod links;
mod rows;
mod shelf;

use std::ops::Range;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::collection::Table;
use crate::spec::{Deed, Description, Manner, Operation, Problem, Schema, What};
use crate::time::{DAY, Millis};
use crate::wire::{Call, Reply, Row, text};

pub(crate) use links::named;
pub(crate) use rows::fresh_like;
pub(crate) use shelf::{Own, Shelves, Store};

/// What came of a call.
#[derive(Debug, Clone)]
pub(crate) enum Done {
    /// Rows of a list, before it is filtered, sorted and cut.
    Rows(Vec<Row>),
    /// An answer as it is.
    Answer(Value),
    /// Nothing is said.
    Silence,
}

impl Done {
    /// The answer of an operation. A list's rows are for the vendor's module to cut into pages.
    pub(crate) fn reply<E>(
        self,
        operation: &Operation,
        listed: impl FnOnce(Vec<Row>) -> Result<Reply, E>,
    ) -> Result<Reply, E> {
        Ok(match self {
            Self::Rows(rows) => listed(rows)?,
            Self::Answer(answer) => match operation.file() {
                Some(media) => {
                    let body = Bytes::from(file(media));
                    Reply { body, content_type: media.to_owned(), ..Reply::empty(operation.status) }
                }
                None => Reply::done(operation.status, &answer),
            },
            Self::Silence => Reply::empty(operation.status),
        })
    }
}

/// A file of next to nothing.
fn file(media: &str) -> &'static str {
    if media == "application/pdf" { "%PDF-1.4\n%%EOF\n" } else { "example\n" }
}

/// Why a call is refused, in no vendor's words.
#[derive(Debug, Clone)]
pub(crate) enum Wrong {
    /// An id that names nothing here.
    Unknown(String),
    /// A parameter of the query, or a header, that is not there.
    Absent(String),
    /// A parameter whose value does not do.
    Value(String),
    /// A body that is not JSON, or not there.
    Unreadable(String),
    /// A body whose fields do not do.
    Invalid(Vec<Problem>),
    /// The same idempotent key came with another call.
    Reused,
}

/// One call of one operation.
pub(crate) struct Work<'a> {
    pub description: &'static Description,
    pub operation: &'static Operation,
    pub call: &'a Call,
    /// The body, or what stands in v2's `data`.
    pub given: Option<Value>,
    /// The only rows of a list that are wanted, where their places in it say which.
    pub window: Option<Range<usize>>,
    pub shelves: &'a mut dyn Shelves,
}

/// How long an idempotent key keeps its answer (the description of the webhooks).
const IDEMPOTENT_FOR: Millis = DAY;

impl Work<'_> {
    /// Checks the call and carries it out; once for an idempotent key, and `true` where it had been carried out before.
    pub(crate) fn perform(mut self) -> Result<(Done, bool), Wrong> {
        self.check()?;
        let keyed =
            self.operation.parameters.iter().find(|parameter| {
                parameter.place == "header" && parameter.name.eq_ignore_ascii_case("x-idempotent-key")
            });
        let Some(key) = keyed.and_then(|parameter| self.call.header(&parameter.name)) else {
            return self.act().map(|done| (done, false));
        };
        let (key, now) = (format!("{} {key}", self.operation.id), self.call.now);
        let print = (self.call.path.clone(), self.call.body.clone());
        let kept = &mut self.shelves.store().answers;
        kept.retain(|_, (at, ..)| now - *at < IDEMPOTENT_FOR);
        if let Some((_, first, done)) = kept.get(&key) {
            return if *first == print { Ok((done.clone(), true)) } else { Err(Wrong::Reused) };
        }
        let done = self.act()?;
        self.shelves.store().answers.insert(key, (now, print, done.clone()));
        Ok((done, false))
    }

    fn check(&self) -> Result<(), Wrong> {
        for parameter in &self.operation.parameters {
            let value = match parameter.place.as_str() {
                "query" => self.call.filled(&parameter.name),
                "header" => self.call.header(&parameter.name),
                _ => continue,
            };
            match value {
                None if parameter.required => return Err(Wrong::Absent(parameter.name.clone())),
                Some(value) if parameter.number && value.parse::<f64>().is_err() => {
                    return Err(Wrong::Value(format!("{} must be a number.", parameter.name)));
                }
                _ => {}
            }
        }
        let Some(body) = &self.operation.body else { return Ok(()) };
        match &self.given {
            None if body.required && body.json() => Err(Wrong::Unreadable("the body is empty".to_owned())),
            // A file is there or not: what is in it is nobody's affair here.
            None if body.required && self.call.body.is_empty() => {
                Err(Wrong::Invalid(vec![Problem { at: "file".to_owned(), what: What::Missing }]))
            }
            Some(given) if body.json() => {
                let problems = self.description.schema(&body.schema).problems(given, "");
                if problems.is_empty() { Ok(()) } else { Err(Wrong::Invalid(problems)) }
            }
            _ => Ok(()),
        }
    }

    fn act(&mut self) -> Result<Done, Wrong> {
        let deed = self.operation.deed.clone();
        let last = match &deed {
            Deed::Get { slot, .. } | Deed::Change { slot, .. } | Deed::Remove { slot, .. } | Deed::Act { slot, .. } => {
                Some(slot.clone())
            }
            _ => None,
        };
        let slots = self.known_slots(last.as_deref())?;
        let shelf = |template: &str| shelf::filled(template, &slots);
        match deed {
            Deed::List { shelf: template } | Deed::View { shelf: template } => self.list(&template, &shelf(&template)),
            Deed::Create { shelf: template } => self.create(&template, &shelf(&template)),
            Deed::Get { shelf: template, slot } => {
                let (key, id) = (shelf(&template), self.id(&slot)?);
                let row = self.row(&template, &key, &id)?.clone();
                Ok(self.told(&row))
            }
            Deed::Change { shelf: template, slot } => {
                let (key, id) = (shelf(&template), self.id(&slot)?);
                if self.row(&template, &key, &id).is_err() {
                    self.add_known(&template, &key, &slot, &id)?;
                }
                let given = self.fields(&template);
                let row = self.change(&template, &key, &id, given)?;
                Ok(self.told(&row))
            }
            Deed::Remove { shelf: template, slot } => {
                let (key, id) = (shelf(&template), self.id(&slot)?);
                let row = self.row(&template, &key, &id)?.clone();
                self.remove(&template, &key, &id);
                Ok(self.told(&row))
            }
            Deed::Act { shelf: template, slot, word } => {
                let (key, id) = (shelf(&template), self.id(&slot)?);
                let row = self.row(&template, &key, &id)?.clone();
                let own = self.shelves.acted(&word, &row)?;
                let given = self.fields(&template);
                let row = self.change(&template, &key, &id, given)?;
                let mut change = self.acted(&template, &word, &row);
                change.extend(own);
                let row = self.change(&template, &key, &id, change)?;
                Ok(if self.speaks_of(&template) { self.told(&row) } else { self.example() })
            }
            Deed::Look { shelf: template } => {
                let key = shelf(&template);
                let row = self.table(&template, &key).rows.first().cloned();
                row.map(|row| self.told(&row)).ok_or_else(|| Wrong::Unknown(shelf::noun(&template)))
            }
            Deed::Write { shelf: template } => self.write(&template, &shelf(&template)),
            Deed::Clear { shelf: template } => {
                let key = shelf(&template);
                let table = self.table(&template, &key);
                if table.rows.is_empty() {
                    return Err(Wrong::Unknown(shelf::noun(&template)));
                }
                table.rows.clear();
                Ok(self.example())
            }
            Deed::Many { shelf: template, manner } => self.many(&template, &shelf(&template), &manner),
            Deed::Show => Ok(self.example()),
        }
    }

    fn list(&mut self, template: &str, key: &str) -> Result<Done, Wrong> {
        let window = self.window.clone().unwrap_or(0..usize::MAX);
        let rows = &self.table(template, key).rows;
        let rows = rows[window.start.min(rows.len())..window.end.min(rows.len())].to_vec();
        let Some((schema, examples)) = self.description.row(self.operation) else { return Ok(self.example()) };
        let spare = examples.first();
        let seen = rows.into_iter().filter(|row| self.shelves.sees(row));
        let shaped = seen.filter_map(|row| match schema.shape(&Value::Object(row), spare) {
            Some(Value::Object(row)) => Some(row),
            _ => None,
        });
        Ok(Done::Rows(shaped.collect()))
    }

    fn create(&mut self, template: &str, key: &str) -> Result<Done, Wrong> {
        // Several, by a body of nothing but a list of names, as of the values of a custom field.
        let given = self.fields(template);
        if let Some((field, values)) = self.names_only(template, &given) {
            for value in values {
                self.add(template, key, Row::from_iter([(field.clone(), value)]))?;
            }
            return Ok(self.example());
        }
        let row = self.add(template, key, given)?;
        Ok(self.made(&row))
    }

    fn write(&mut self, template: &str, key: &str) -> Result<Done, Wrong> {
        if self.given.as_ref().is_some_and(|given| !given.is_object()) {
            return Ok(self.example());
        }
        let given = self.fields(template);
        let mut row = match self.table(template, key).rows.first().cloned() {
            Some(row) => row,
            None => self.base(template),
        };
        self.lay(template, &mut row, given);
        self.table(template, key).rows = vec![row.clone()];
        Ok(self.made(&row))
    }

    fn many(&mut self, template: &str, key: &str, manner: &Manner) -> Result<Done, Wrong> {
        let mut rows = Vec::new();
        let elements = self.elements();
        // All or none: whether a vendor does some where others are unknown is not documented.
        for id in elements.iter().filter_map(|given| self.id_within(template, given)).collect::<Vec<_>>() {
            if *manner != Manner::Create {
                self.row(template, key, &id)?;
            }
        }
        for given in elements {
            let id = self.id_within(template, &given);
            let row = match (manner, id) {
                (Manner::Create, _) => self.add(template, key, fields_of(&given))?,
                (Manner::Remove, Some(id)) => {
                    let row = self.row(template, key, &id)?.clone();
                    self.remove(template, key, &id);
                    row
                }
                (Manner::Change, Some(id)) => self.change(template, key, &id, fields_of(&given))?,
                (Manner::Act(word), Some(id)) => {
                    let row = self.row(template, key, &id)?.clone();
                    let change = self.acted(template, word, &row);
                    self.change(template, key, &id, change)?
                }
                // A row that is not named is nobody's.
                (_, None) => continue,
            };
            rows.push(row);
        }
        Ok(self.several(rows))
    }

    /// The rows of a bulk call, in the form of its answer.
    fn several(&mut self, rows: Vec<Row>) -> Done {
        let Some(answer) = &self.operation.answer else { return Done::Silence };
        let schema = self.description.schema(&answer.schema);
        if let Some(schema) = schema.property("response_data").filter(|_| self.operation.path.ends_with(".json")) {
            let each = |row| json!({"response_status": 0, "response_message": "Success", "response_data": row});
            let bulk = json!({"bulk": rows.into_iter().map(each).collect::<Vec<_>>()});
            return schema.shape(&bulk, None).map_or_else(|| self.example(), Done::Answer);
        }
        let all = Value::Array(rows.into_iter().map(Value::Object).collect());
        let named =
            schema.names().into_iter().find(|name| schema.property(name).is_some_and(|it| it.items().is_some()));
        let shaped = match (named, answer.example.is_array() || schema.kind() == Some("array")) {
            (Some(name), _) => schema.shape(&json!({name: all}), Some(&answer.example)),
            (None, true) => schema.shape(&all, None),
            (None, false) => None,
        };
        shaped.map_or_else(|| self.example(), Done::Answer)
    }

    /// What a call asks for by its elements: the body, or a list within it, or the ids of the query.
    fn elements(&self) -> Vec<Value> {
        match &self.given {
            Some(Value::Array(items)) => items.clone(),
            Some(Value::Object(row)) => row.values().find_map(Value::as_array).cloned().unwrap_or_default(),
            _ => {
                let ids = self.call.query.iter().filter(|(name, _)| name == "ids");
                ids.flat_map(|(_, ids)| ids.split(',')).map(|id| json!(id.trim())).collect()
            }
        }
    }

    /// The id of the row that the call is about.
    fn id(&self, slot: &str) -> Result<String, Wrong> {
        if let Some(id) = self.call.slots.get(slot) {
            return Ok(id.clone());
        }
        let given = self.given.as_ref();
        let own = given.and_then(|given| given.get(slot).or_else(|| given.get("obj")?.get(slot)));
        own.map(text).filter(|id| !id.is_empty()).ok_or_else(|| Wrong::Absent(slot.to_owned()))
    }

    /// The answer about a row.
    fn told(&mut self, row: &Row) -> Done {
        let Some(answer) = &self.operation.answer else { return Done::Silence };
        let schema = self.description.schema(&answer.schema);
        let (schema, example) = match (schema.property("response_data"), answer.example.get("response_data")) {
            (Some(within), Some(example)) if self.operation.path.ends_with(".json") => (within, example),
            _ => (schema, &answer.example),
        };
        let shaped = schema.shape(&Value::Object(row.clone()), Some(example));
        shaped.map_or_else(|| self.example(), Done::Answer)
    }

    /// The answer about a row that is new: with what is told this once.
    fn made(&mut self, row: &Row) -> Done {
        let (done, example) = (self.told(row), self.example());
        let (Done::Answer(mut answer), Done::Answer(example)) = (done.clone(), example) else { return done };
        let schema = self.description.answers(self.operation);
        for (name, value) in example.as_object().into_iter().flatten() {
            let once = schema.and_then(|schema| schema.property(name)).is_some_and(Schema::secret);
            if once && let Some(answer) = answer.as_object_mut() {
                answer.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        Done::Answer(answer)
    }

    /// The answer as the description shows it, with secrets that are new.
    fn example(&mut self) -> Done {
        let Some(answer) = &self.operation.answer else { return Done::Silence };
        let schema = self.description.schema(&answer.schema);
        let mut example = answer.example.clone();
        for (name, value) in example.as_object_mut().into_iter().flatten() {
            if schema.property(name).is_some_and(Schema::secret)
                && let Some(shown) = value.as_str()
            {
                let secret = self.shelves.secret();
                *value = json!(if shown.starts_with("https://") { format!("{shown}/{secret}") } else { secret });
            }
        }
        self.relink("", &mut example);
        match example.get("response_data") {
            Some(within) if self.operation.path.ends_with(".json") => Done::Answer(within.clone()),
            _ => Done::Answer(example),
        }
    }

    fn table(&mut self, template: &str, key: &str) -> &mut Table {
        self.seeded(template, key);
        self.shelves.table(key)
    }
}

fn fields_of(element: &Value) -> Row {
    element.get("obj").unwrap_or(element).as_object().cloned().unwrap_or_default()
}
