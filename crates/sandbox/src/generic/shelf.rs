//! Where rows are kept: in the tables that the vendors' modules have, and in one of the engine's own for each other collection;
//! and how a row is found by the placeholders of a path.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::rows::id_field;
use super::{Done, Work, Wrong};
use crate::collection::Table;
use crate::time::Millis;
use crate::wire::{Row, text};

/// The rows that no vendor's module keeps, of one organization, company or token.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub tables: BTreeMap<String, Table>,
    /// Answers by idempotent key: since when, to which path and body, and what was said.
    pub answers: BTreeMap<String, (Millis, (String, Bytes), Done)>,
}

/// A row that is there because of who calls: the organization itself, the user.
pub(crate) struct Own {
    pub id: String,
    /// Whether it is the only one of its collection.
    pub alone: bool,
}

/// What a vendor's module gives the engine.
pub(crate) trait Shelves {
    fn store(&mut self) -> &mut Store;

    /// Whether the vendor's module keeps this table.
    fn keeps(&self, key: &str) -> bool;

    /// The vendor's table, else the store's.
    fn table(&mut self, key: &str) -> &mut Table;

    /// A new id in the form of this one.
    fn fresh(&mut self, like: &Value) -> Value;

    /// A new secret.
    fn secret(&mut self) -> String;

    /// Makes a row the caller's; one of the first rows, somebody's who is always there.
    fn settle(&self, _row: &mut Row, _first: bool) {}

    /// After these fields of a row were set by a body: what follows from them.
    fn laid(&mut self, _row: &mut Row, _given: &[String]) {}

    /// What an action does that its description tells in prose alone.
    fn acted(&self, _word: &str, _row: &Row) -> Result<Row, Wrong> {
        Ok(Row::new())
    }

    fn own(&self, _template: &str) -> Option<Own> {
        None
    }

    /// Whether the caller may see a row.
    fn sees(&self, _row: &Row) -> bool {
        true
    }
}

impl Work<'_> {
    /// The placeholders of the path, each under the id that the row itself has; all but the last are looked up here.
    pub(super) fn known_slots(&mut self, last: Option<&str>) -> Result<BTreeMap<String, String>, Wrong> {
        let path = self.operation.path.as_str();
        let mut known = BTreeMap::new();
        let mut above = String::new();
        for piece in path.split('/').skip(1) {
            let name = piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}'));
            if let Some((name, given)) = name.and_then(|name| Some((name, self.call.slots.get(name)?.clone()))) {
                let id = match self.template_of(name, &above) {
                    Some(template) if last != Some(name) => {
                        let key = filled(&template, &known);
                        let row = self.row(&template, &key, &given)?;
                        id_field(row, Some(name)).map_or(given, |field| text(&row[&field]))
                    }
                    _ => given,
                };
                known.insert(name.to_owned(), id);
            }
            above.push('/');
            above.push_str(piece);
        }
        Ok(known)
    }

    /// Which collection a placeholder is of: the one that it stands behind, or the one whose rows are named so elsewhere.
    fn template_of(&self, slot: &str, above: &str) -> Option<String> {
        let shelves = &self.description.shelves;
        let own = |template: &str| shelves.get(template).is_some_and(|shelf| shelf.slots.contains(slot));
        if own(above) {
            return Some(above.to_owned());
        }
        self.elsewhere(slot).or_else(|| shelves.contains_key(above).then(|| above.to_owned()))
    }

    fn elsewhere(&self, slot: &str) -> Option<String> {
        // `id` alone says nothing of whose id it is.
        let mut named = self
            .description
            .shelves
            .iter()
            .filter(|(template, shelf)| slot != "id" && !template.contains('{') && shelf.slots.contains(slot));
        match (named.next(), named.next()) {
            (Some((template, _)), None) => Some(template.clone()),
            _ => None,
        }
    }

    /// Where a row is: the key of its table, and its place there.
    fn find(&mut self, template: &str, key: &str, id: &str) -> Option<(String, usize)> {
        self.seeded(template, key);
        let shelf = self.description.shelves.get(template);
        let mut keys = vec![key.to_owned()];
        // Rows that are listed and made deeper, and read by the shorter path.
        if shelf.is_none_or(|shelf| !shelf.listed && !shelf.made) {
            let within = format!("{key}/");
            keys.extend(self.shelves.store().tables.keys().filter(|key| key.starts_with(&within)).cloned());
        }
        let slot = shelf.and_then(|shelf| shelf.slots.iter().next().cloned());
        for key in keys {
            let named = |row: &Row| {
                let field = id_field(row, slot.as_deref());
                let own = |name: &str| row.get(name).is_some_and(|own| text(own) == id);
                own("id") || own("uuid") || field.is_some_and(|field| own(&field))
            };
            if let Some(at) = self.shelves.table(&key).rows.iter().position(named) {
                let row = self.shelves.table(&key).rows[at].clone();
                return self.shelves.sees(&row).then_some((key, at));
            }
        }
        None
    }

    pub(super) fn row(&mut self, template: &str, key: &str, id: &str) -> Result<&Row, Wrong> {
        let unknown = || Wrong::Unknown(noun(template));
        let (key, at) = self.find(template, key, id).ok_or_else(unknown)?;
        self.shelves.table(&key).rows.get(at).ok_or_else(unknown)
    }

    pub(super) fn change(&mut self, template: &str, key: &str, id: &str, given: Row) -> Result<Row, Wrong> {
        let unknown = || Wrong::Unknown(noun(template));
        let (key, at) = self.find(template, key, id).ok_or_else(unknown)?;
        let mut row = self.shelves.table(&key).rows.get(at).cloned().ok_or_else(unknown)?;
        self.lay(template, &mut row, given);
        if let Some(place) = self.shelves.table(&key).rows.get_mut(at) {
            *place = row.clone();
        }
        Ok(row)
    }

    pub(super) fn remove(&mut self, template: &str, key: &str, id: &str) {
        if let Some((key, at)) = self.find(template, key, id) {
            self.shelves.table(&key).rows.remove(at);
        }
    }

    /// A row that nothing else can make: `PUT` under the id of a row of another collection, as a member of a budget under the
    /// user's.
    pub(super) fn add_known(&mut self, template: &str, key: &str, slot: &str, id: &str) -> Result<(), Wrong> {
        let unknown = || Wrong::Unknown(noun(template));
        let made = self.description.shelves.get(template).is_some_and(|shelf| shelf.made);
        if self.operation.method != "PUT" || made {
            return Err(unknown());
        }
        let other = self.elsewhere(slot).filter(|other| other != template).ok_or_else(unknown)?;
        self.row(&other, &other, id)?;
        let mut row = self.base(template);
        if let Some(field) = id_field(&row, Some(slot)) {
            row.insert(field, Value::from(id));
        }
        self.shelves.table(key).push(row);
        Ok(())
    }
}

/// A template with its placeholders filled in.
pub(super) fn filled(template: &str, slots: &BTreeMap<String, String>) -> String {
    let one = |piece: &str| {
        let name = piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}'));
        name.and_then(|name| slots.get(name)).map_or(piece, String::as_str).to_owned()
    };
    template.split('/').map(one).collect::<Vec<_>>().join("/")
}

/// What a row of a collection is called, for people.
pub(super) fn noun(template: &str) -> String {
    let word = template.rsplit('/').find(|piece| !piece.starts_with('{')).unwrap_or(template);
    let one = match word.strip_suffix("ies") {
        Some(start) => format!("{start}y"),
        None => word.strip_suffix('s').unwrap_or(word).to_owned(),
    };
    one.replace(['-', '_'], " ")
}
