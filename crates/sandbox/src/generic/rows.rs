//! How a row looks: as the examples of its collection, with an id of its own, and with what a body says.

use serde_json::{Value, json};

use super::{Work, Wrong};
use crate::spec::{Deed, Operation, Schema};
use crate::time::{self, Millis};
use crate::wire::{Row, merge, text};

/// Rows that a collection begins with.
const SEEDS: usize = 3;
/// How old they are.
const AGE: Millis = 30 * time::DAY;

impl Work<'_> {
    /// Gives a collection that nobody has looked at yet its first rows.
    pub(super) fn seeded(&mut self, template: &str, key: &str) {
        if self.shelves.keeps(key) {
            return;
        }
        let own = self.shelves.own(template);
        if !self.shelves.store().tables.contains_key(key) {
            self.shelves.store().tables.insert(key.to_owned(), Default::default());
            let base = self.linked(template);
            let shelf = self.description.shelves.get(template);
            // One where there is but one, or where nothing tells two rows apart.
            let several = id_field(&base, shelf.and_then(|shelf| shelf.slots.iter().next().map(String::as_str)))
                .is_some()
                && shelf.is_some_and(|shelf| shelf.listed || shelf.made || !shelf.slots.is_empty())
                && !own.as_ref().is_some_and(|own| own.alone);
            for n in 0..if several { SEEDS } else { 1 } {
                let mut row = base.clone();
                // What no list shows can be found by the id of the example alone.
                let shown = shelf.is_some_and(|shelf| shelf.listed);
                self.shelves.settle(&mut row, true);
                self.name(template, key, &mut row, n == 0 && !shown);
                for field in ["createdTime", "updatedTime", "created_at", "updated_at"] {
                    if let Some(Value::String(at)) = row.get_mut(field) {
                        *at = stamp(at, self.call.now - AGE);
                    }
                }
                if n > 0
                    && let Some(Value::String(name)) = row.get_mut("name")
                {
                    name.push_str(&format!(" {}", n + 1));
                }
                self.shelves.store().tables.entry(key.to_owned()).or_default().push(row);
            }
        }
        let Some(own) = own else { return };
        let rows = &mut self.shelves.store().tables.entry(key.to_owned()).or_default().rows;
        if !rows.iter().any(|row| row.get("id").is_some_and(|id| text(id) == own.id)) {
            let mut row = rows.first().cloned().unwrap_or_default();
            row.insert("id".to_owned(), json!(own.id));
            if own.alone {
                rows.clear();
            }
            rows.insert(0, row);
        }
    }

    /// A row that is new.
    pub(super) fn add(&mut self, template: &str, key: &str, given: Row) -> Result<Row, Wrong> {
        self.seeded(template, key);
        let mut row = self.linked(template);
        self.shelves.settle(&mut row, false);
        self.name(template, key, &mut row, false);
        self.lay(template, &mut row, given);
        let now = self.call.now;
        for field in ["createdTime", "created_at"] {
            if let Some(Value::String(at)) = row.get_mut(field) {
                *at = stamp(at, now);
            }
        }
        self.shelves.table(key).push(row.clone());
        Ok(row)
    }

    /// Gives a row its id, and the ids of what it is of.
    fn name(&mut self, template: &str, key: &str, row: &mut Row, keep: bool) {
        let slot = self.description.shelves.get(template).and_then(|shelf| shelf.slots.iter().next().cloned());
        let field = id_field(row, slot.as_deref());
        for field in field.into_iter().chain(["uuid".to_owned()]) {
            if let Some(like) = row.get(&field).filter(|like| !like.is_null() && !keep).cloned() {
                let fresh = self.shelves.fresh(&like);
                row.insert(field, fresh);
            }
        }
        for (name, value) in template.split('/').zip(key.split('/')) {
            let Some(name) = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else { continue };
            let Some(schema) = self.schemas(template).into_iter().find_map(|schema| schema.property(name)) else {
                continue;
            };
            let value = match schema.kind() {
                Some("integer") => value.parse::<i64>().map_or(Value::Null, Value::from),
                _ => json!(value),
            };
            if !value.is_null() && name != "id" {
                row.insert(name.to_owned(), value);
            }
        }
    }

    /// The same, with the ids of other rows that are there.
    pub(super) fn linked(&mut self, template: &str) -> Row {
        let mut base = Value::Object(self.base(template));
        self.relink(template, &mut base);
        base.as_object().cloned().unwrap_or_default()
    }

    /// What the examples show of a row, all put together.
    pub(super) fn base(&self, template: &str) -> Row {
        let mut base = Row::new();
        for operation in self.about(template) {
            let shown = match &operation.deed {
                Deed::List { .. } | Deed::View { .. } => {
                    self.description.row(operation).and_then(|(schema, rows)| schema.shape(rows.first()?, rows.first()))
                }
                _ => {
                    let schema = self.answer_about(operation);
                    let example = operation.answer.as_ref().map(|answer| within(operation, &answer.example));
                    schema.zip(example).and_then(|(schema, example)| schema.shape(example, Some(example)))
                }
            };
            let makes = matches!(operation.deed, Deed::Create { .. } | Deed::Write { .. });
            if let Some(Value::Object(row)) = shown {
                for (name, value) in row {
                    // A secret that only the call shows that makes it is told once.
                    let once = makes && !base.contains_key(&name);
                    let schema = self.answer_about(operation).and_then(|schema| schema.property(&name));
                    if !(once && schema.is_some_and(Schema::secret)) {
                        base.insert(name, value);
                    }
                }
            }
        }
        base
    }

    /// The operations that show a row of this collection; of those that create, the one under way comes last.
    fn about<'b>(&'b self, template: &'b str) -> impl Iterator<Item = &'static Operation> + 'b {
        let operations = &self.description.operations;
        let of = move |rank: usize| {
            operations.iter().filter(move |operation| match &operation.deed {
                Deed::List { shelf } | Deed::View { shelf } => rank == 0 && shelf == template,
                Deed::Get { shelf, .. } | Deed::Look { shelf } => rank == 1 && shelf == template,
                Deed::Create { shelf } | Deed::Write { shelf } => {
                    shelf == template && rank == if operation.id == self.operation.id { 4 } else { 3 }
                }
                Deed::Change { shelf, .. } => rank == 2 && shelf == template && operation.answer.is_some(),
                _ => false,
            })
        };
        // The change is there for its schema where nothing else shows a row; its example is that of a changed row.
        let alone = move |operation: &&Operation| {
            !matches!(operation.deed, Deed::Change { .. })
                || !operations.iter().any(|other| matches!(&other.deed, Deed::Get { shelf, .. } if shelf == template))
        };
        (0..5).flat_map(of).filter(alone)
    }

    fn answer_about(&self, operation: &'static Operation) -> Option<Schema<'static>> {
        let schema = self.description.answers(operation)?;
        if operation.path.ends_with(".json") { schema.property("response_data") } else { Some(schema) }
    }

    /// The schemas that name fields of a row of this collection.
    pub(super) fn schemas(&self, template: &str) -> Vec<Schema<'static>> {
        let one = |operation: &'static Operation| match &operation.deed {
            Deed::List { .. } | Deed::View { .. } => self.description.row(operation).map(|(schema, _)| schema),
            _ => self.answer_about(operation),
        };
        self.about(template).filter_map(one).collect()
    }

    /// Lays the fields of a body over a row, as far as an answer about the row has them.
    pub(super) fn lay(&mut self, template: &str, row: &mut Row, given: Row) {
        let schemas = self.schemas(template);
        let own = id_field(row, None);
        let names: Vec<String> = given.keys().cloned().collect();
        for (name, value) in given {
            if matches!(name.as_str(), "id" | "uuid") || own.as_ref() == Some(&name) {
                continue;
            }
            let value = hidden(&name, value);
            let declared = schemas.iter().filter_map(|schema| schema.property(&name));
            let declared: Vec<Schema<'_>> = declared.collect();
            let old = row.get(&name);
            let value = self.identified(&declared, value, old);
            let Some(shaped) = declared.into_iter().find_map(|schema| schema.shape(&value, old)) else { continue };
            merge_in(row, name, shaped);
        }
        self.shelves.laid(row, &names);
        let now = self.call.now;
        for field in ["updatedTime", "updated_at"] {
            if let Some(Value::String(at)) = row.get_mut(field) {
                *at = stamp(at, now);
            }
        }
    }

    /// Gives the lines of a body the ids that lines need.
    fn identified(&mut self, schemas: &[Schema<'_>], mut value: Value, old: Option<&Value>) -> Value {
        let needed = |schema: &Schema<'_>| schema.items().is_some_and(|item| item.required().contains(&"id"));
        let like = old.and_then(|old| old.get(0)?.get("id")).cloned().unwrap_or_else(|| json!("line-0"));
        for line in value.as_array_mut().filter(|_| schemas.iter().any(needed)).into_iter().flatten() {
            if let Some(line) = line.as_object_mut().filter(|line| !line.contains_key("id")) {
                line.insert("id".to_owned(), self.shelves.fresh(&like));
            }
        }
        value
    }

    /// The fields of the body: without v2's `obj` and Bezala's root key around them; of a file, what its query says.
    pub(super) fn fields(&self, template: &str) -> Row {
        let Some(given) = self.given.as_ref().and_then(Value::as_object) else {
            let query = self.call.query.iter().map(|(name, value)| (name.clone(), json!(value)));
            return if self.given.is_none() && self.operation.body.is_some() { query.collect() } else { Row::new() };
        };
        if let Some(Value::Object(fields)) = given.get("obj") {
            return fields.clone();
        }
        let root = self.operation.body.as_ref().and_then(|body| self.description.schema(&body.schema).root());
        let mut fields = given.clone();
        if let Some(root) = root
            && !self.schemas(template).iter().any(|schema| schema.property(root).is_some())
            && let Some(Value::Object(inner)) = fields.remove(root)
        {
            fields.extend(inner);
        }
        fields
    }

    /// A body of one list of names, where a row has the name in the singular.
    pub(super) fn names_only(&self, template: &str, given: &Row) -> Option<(String, Vec<Value>)> {
        let (name, value) = given.iter().next().filter(|_| given.len() == 1 && self.operation.answer.is_none())?;
        let one = name.strip_suffix('s')?;
        let known = self.schemas(template).iter().any(|schema| schema.property(one).is_some());
        let values = value.as_array().filter(|values| values.iter().all(Value::is_string))?;
        known.then(|| (one.to_owned(), values.clone()))
    }

    /// The id that an element of a bulk call names.
    pub(super) fn id_within(&self, template: &str, element: &Value) -> Option<String> {
        let slots = self.description.shelves.get(template).map(|shelf| &shelf.slots);
        let names = ["id", "uuid"].into_iter().chain(slots.into_iter().flatten().map(String::as_str));
        let element = element.get("obj").unwrap_or(element);
        let own = names.filter_map(|name| element.get(name)).next();
        own.or(Some(element)).filter(|id| id.is_string() || id.is_number()).map(text)
    }

    /// Whether the answer is about a row of this collection.
    pub(super) fn speaks_of(&self, template: &str) -> bool {
        let of =
            |operation: &Operation| operation.answer.as_ref().and_then(|answer| answer.schema.get("$ref")).cloned();
        let named = of(self.operation);
        named.is_some() && self.about(template).any(|operation| of(operation) == named)
    }

    /// What an action does to a row: what its name says, and what its example shows of a state that a row at rest does not.
    pub(super) fn acted(&self, template: &str, word: &str, row: &Row) -> Row {
        let mut change = Row::new();
        if self.speaks_of(template)
            && let Some(Value::Object(example)) =
                self.operation.answer.as_ref().map(|it| within(self.operation, &it.example))
        {
            for (name, value) in example {
                let low = name.to_lowercase();
                if value.is_boolean() || low.ends_with("status") || low.ends_with("state") {
                    change.insert(name.clone(), value.clone());
                }
            }
        }
        match word {
            "archive" | "restore" => {
                change.insert("archived".to_owned(), json!(word == "archive"));
            }
            "Delete" | "Undelete" => {
                change.insert("isActive".to_owned(), json!(if word == "Delete" { "2" } else { "1" }));
            }
            word => {
                if let Some(field) = word.strip_prefix("toggle_") {
                    let on = row.get(field).is_some_and(|value| matches!(text(value).as_str(), "true" | "1"));
                    let number = row.get(field).is_some_and(Value::is_number);
                    change.insert(field.to_owned(), if number { json!(i32::from(!on)) } else { json!(!on) });
                }
            }
        }
        change
    }
}

/// v2's answers stand in an envelope.
fn within<'a>(operation: &Operation, example: &'a Value) -> &'a Value {
    let inside = example.get("response_data").filter(|_| operation.path.ends_with(".json"));
    inside.unwrap_or(example)
}

/// The number of an account comes back as its last digits.
fn hidden(field: &str, value: Value) -> Value {
    match value.as_str() {
        Some(number) if field == "accountNumber" && number.len() > 4 && number.is_ascii() => {
            json!(format!("******{}", &number[number.len() - 4..]))
        }
        _ => value,
    }
}

fn merge_in(row: &mut Row, name: String, value: Value) {
    match (row.get_mut(&name), value) {
        (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
        (_, value) => {
            row.insert(name, value);
        }
    }
}

/// Which field of a row is its id: `id`, else `uuid`, else the one that paths name it by.
pub(crate) fn id_field(row: &Row, slot: Option<&str>) -> Option<String> {
    let has = |name: &str| row.get(name).is_some_and(|id| id.is_string() || id.is_number());
    let by_slot = slot.into_iter().flat_map(|slot| {
        [slot.to_owned(), slot.strip_suffix("Id").map(|start| format!("{start}Uuid")).unwrap_or_default()]
    });
    ["id".to_owned(), "uuid".to_owned()].into_iter().chain(by_slot).find(|name| has(name))
}

/// A new id that looks like another: BILL's keep the letters of their kind, UUIDs their form, other texts get a number at the end.
pub(crate) fn fresh_like(like: &str, organization: usize, made: u64) -> String {
    if like.len() == 20 && like.get(3..).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit())) {
        return format!("{}01{organization:05}{made:010}", &like[..3]);
    }
    let parts: Vec<&str> = like.split('-').collect();
    if parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) {
        return format!("{}-{}-{}-{}-{made:012x}", parts[0], parts[1], parts[2], parts[3]);
    }
    format!("{}-{made}", like.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-'))
}

/// A point in time in the form of another.
fn stamp(like: &str, now: Millis) -> String {
    match like {
        like if !like.contains('T') => time::date(now),
        like if like.ends_with('Z') => time::zulu(now),
        like if like.ends_with("+0000") => time::bill_v2(now),
        _ => time::bill_v3(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_form() {
        assert_eq!(fresh_like("00900000000000000001", 2, 7), "00901000020000000007");
        assert_eq!(fresh_like("00000000-0000-4000-8000-000000000000", 1, 10), "00000000-0000-4000-8000-00000000000a");
        assert_eq!(fresh_like("example-id-1", 1, 3), "example-id-3");
    }
}
