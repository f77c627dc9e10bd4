//! Examples name other rows by the ids of other examples: here they get the ids of rows that are there, so that a caller can follow
//! them.

use serde_json::{Value, json};

use super::Work;
use super::rows::id_field;
use crate::spec::{Deed, Description};
use crate::wire::text;

impl Work<'_> {
    /// Replaces ids that the examples of other collections bear, in fields that name a row.
    pub(super) fn relink(&mut self, template: &str, value: &mut Value) {
        self.walk(template, "", value);
    }

    fn walk(&mut self, template: &str, field: &str, value: &mut Value) {
        match value {
            Value::Object(row) => {
                for (name, value) in row.iter_mut() {
                    self.walk(template, name, value);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(template, field, item)),
            Value::String(id) if field == "organizationId" => {
                if let Some(own) = self.shelves.own("/v3/organizations") {
                    *id = own.id;
                }
            }
            Value::String(_) | Value::Number(_) if names_a_row(field) => {
                if let Some(id) = self.row_named(template, value) {
                    *value = id;
                }
            }
            _ => {}
        }
    }

    fn row_named(&mut self, template: &str, example: &Value) -> Option<Value> {
        let (other, field) = self.description.named.get(&text(example))?.clone();
        if let Some(own) = self.shelves.own(&other) {
            return Some(json!(own.id));
        }
        if other == template {
            return None;
        }
        self.seeded(&other, &other);
        let row = self.shelves.table(&other).rows.first()?;
        let id = row.get(&field)?;
        (id.is_number() == example.is_number()).then(|| id.clone())
    }
}

/// `vendorId`, `cost_center_ids`, `userUuid`; a row's own `id` names no other.
fn names_a_row(field: &str) -> bool {
    ["Id", "Ids", "Uuid", "_id", "_ids"].iter().any(|end| field.ends_with(end))
}

/// The ids of the examples, with the collection and the field that they are of.
pub(crate) fn named(description: &Description) -> impl Iterator<Item = (String, (String, String))> + '_ {
    description.operations.iter().flat_map(|operation| {
        let (shelf, row) = match &operation.deed {
            Deed::List { shelf } => (shelf, description.row(operation).and_then(|(_, rows)| rows.first().cloned())),
            Deed::Get { shelf, .. } => {
                let example = operation.answer.as_ref().map(|answer| &answer.example);
                (shelf, example.map(|example| example.get("response_data").unwrap_or(example).clone()))
            }
            _ => return Vec::new(),
        };
        let Some(row) = row.as_ref().and_then(Value::as_object).filter(|_| !shelf.contains('{')) else {
            return Vec::new();
        };
        let fields = id_field(row, None).into_iter().chain(["uuid".to_owned()]);
        let ids = fields.filter_map(|field| Some((text(row.get(&field)?), (shelf.clone(), field))));
        ids.filter(|(id, _)| !id.is_empty()).collect()
    })
}
