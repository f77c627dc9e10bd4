//! Rows of one kind: kept, found, filtered and sorted. How a vendor writes filters and pages is its own module's affair.

use std::cmp::Ordering;

use serde_json::Value;

use crate::time;
use crate::wire::{Row, amount_of, text};

/// Rows in the order in which they were made.
#[derive(Debug, Default, Clone)]
pub(crate) struct Table {
    pub rows: Vec<Row>,
}

impl Table {
    /// The row whose `id` is this, be it text or a number.
    pub(crate) fn get(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.get("id").is_some_and(|own| text(own) == id))
    }

    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.get("id").is_some_and(|own| text(own) == id))
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The rows that pass all filters, in this order.
    pub(crate) fn select(&self, filters: &[Filter], sort: &[(String, bool)]) -> Vec<&Row> {
        let mut rows: Vec<&Row> =
            self.rows.iter().filter(|row| filters.iter().all(|filter| filter.passes(row))).collect();
        rows.sort_by(|a, b| {
            let one = |(field, ascending): &(String, bool)| {
                let order = order(a.get(field), b.get(field));
                if *ascending { order } else { order.reverse() }
            };
            sort.iter().map(one).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        rows
    }
}

/// One condition on one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    pub field: String,
    pub op: Op,
    pub values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Nin,
    Sw,
}

impl Op {
    /// As v3 writes it.
    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Eq,
            "ne" => Self::Ne,
            "gt" => Self::Gt,
            "gte" => Self::Gte,
            "lt" => Self::Lt,
            "lte" => Self::Lte,
            "in" => Self::In,
            "nin" => Self::Nin,
            "sw" => Self::Sw,
            _ => return None,
        })
    }

    /// As v2 writes it.
    pub(crate) fn of_sign(sign: &str) -> Option<Self> {
        Some(match sign {
            "=" => Self::Eq,
            "!=" => Self::Ne,
            ">" => Self::Gt,
            ">=" => Self::Gte,
            "<" => Self::Lt,
            "<=" => Self::Lte,
            "in" => Self::In,
            "nin" => Self::Nin,
            "sw" => Self::Sw,
            _ => return None,
        })
    }
}

impl Filter {
    fn passes(&self, row: &Row) -> bool {
        let field = row.get(&self.field);
        let against = |value: &String| field.and_then(|field| compare(field, value));
        let equal = self.values.iter().any(|value| against(value) == Some(Ordering::Equal));
        let first = || self.values.first().and_then(against);
        match self.op {
            Op::Eq | Op::In => equal,
            Op::Ne | Op::Nin => !equal,
            Op::Gt => first() == Some(Ordering::Greater),
            Op::Gte => matches!(first(), Some(Ordering::Greater | Ordering::Equal)),
            Op::Lt => first() == Some(Ordering::Less),
            Op::Lte => matches!(first(), Some(Ordering::Less | Ordering::Equal)),
            Op::Sw => {
                let field = field.map(|field| text(field).to_lowercase()).unwrap_or_default();
                self.values.first().is_some_and(|start| field.starts_with(&start.to_lowercase()))
            }
        }
    }
}

/// Why a filter cannot be followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// It is not `field:op:value`.
    Form(String),
    /// There is no such operator.
    Op(String),
}

/// BILL v3's form: `field:op:value,field:op:value`; a value with commas stands in double quotes.
pub(crate) fn filters(written: &str) -> Result<Vec<Filter>, Wrong> {
    let mut filters = Vec::new();
    let mut rest = written.trim();
    while !rest.is_empty() {
        let (field, after) = rest.split_once(':').ok_or_else(|| Wrong::Form(rest.to_owned()))?;
        let (word, after) = after.split_once(':').ok_or_else(|| Wrong::Form(rest.to_owned()))?;
        let op = Op::of_word(word.trim()).ok_or_else(|| Wrong::Op(word.trim().to_owned()))?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => {
                let (value, after) = quoted.split_once('"').ok_or_else(|| Wrong::Form(rest.to_owned()))?;
                match after.strip_prefix(',') {
                    Some(after) => (value, after),
                    None if after.is_empty() => (value, after),
                    None => return Err(Wrong::Form(rest.to_owned())),
                }
            }
            None => after.split_once(',').unwrap_or((after, "")),
        };
        let values = match op {
            Op::In | Op::Nin => value.split(',').map(|one| one.trim().to_owned()).collect(),
            _ => vec![value.to_owned()],
        };
        if field.trim().is_empty() || value.is_empty() {
            return Err(Wrong::Form(rest.to_owned()));
        }
        filters.push(Filter { field: field.trim().to_owned(), op, values });
        rest = after;
    }
    Ok(filters)
}

/// `field:asc,field:desc`.
pub(crate) fn sort(written: &str) -> Result<Vec<(String, bool)>, Wrong> {
    let one = |piece: &str| match piece.trim().split_once(':') {
        Some((field, "asc")) if !field.is_empty() => Ok((field.to_owned(), true)),
        Some((field, "desc")) if !field.is_empty() => Ok((field.to_owned(), false)),
        _ => Err(Wrong::Form(piece.to_owned())),
    };
    written.split(',').filter(|piece| !piece.trim().is_empty()).map(one).collect()
}

/// A field against a value that came as text: as numbers, as points in time, or as text.
fn compare(field: &Value, value: &str) -> Option<Ordering> {
    match field {
        Value::Number(_) => Some(amount_of(field)?.cmp(&value.trim().parse().ok()?)),
        Value::Null => None,
        Value::String(own) if looks_dated(own) => match (time::parse(own), time::parse(value)) {
            (Some(own), Some(value)) => Some(own.cmp(&value)),
            _ => Some(own.as_str().cmp(value)),
        },
        other => Some(text(other).as_str().cmp(value)),
    }
}

/// Two fields; what is not there comes last.
fn order(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, _) => Ordering::Greater,
        (_, None) => Ordering::Less,
        (Some(a @ Value::Number(_)), Some(b @ Value::Number(_))) => amount_of(a).cmp(&amount_of(b)),
        (Some(a), Some(b)) => text(a).cmp(&text(b)),
    }
}

fn looks_dated(text: &str) -> bool {
    text.len() >= 10 && text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: Value) -> Row {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn a_quoted_value_keeps_its_commas_and_colons() {
        let read =
            filters(r#"accountType:nin:"NONE,PERSON",createdTime:gte:"2026-09-01T00:00:00.000Z",name:sw:A"#).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].values, ["NONE", "PERSON"]);
        assert_eq!(read[1].values, ["2026-09-01T00:00:00.000Z"]);
        assert_eq!((read[2].op, read[2].field.as_str()), (Op::Sw, "name"));
        assert_eq!(filters("name:like:A"), Err(Wrong::Op("like".to_owned())));
        assert_eq!(filters("name:=:A"), Err(Wrong::Op("=".to_owned())), "v2's sign");
        assert!(matches!(filters("name"), Err(Wrong::Form(_))));
        assert!(matches!(filters("name:eq:\"open"), Err(Wrong::Form(_))));
    }

    #[test]
    fn times_compare_as_times_and_numbers_as_numbers() {
        let table = Table {
            rows: vec![
                row(serde_json::json!({"id": "1", "at": "2026-09-01T00:00:00.000+00:00", "amount": 9.5})),
                row(serde_json::json!({"id": "2", "at": "2026-10-01T00:00:00.000+00:00", "amount": 10})),
            ],
        };
        let ids = |written: &str, by: &str| -> Vec<String> {
            table.select(&filters(written).unwrap(), &sort(by).unwrap()).iter().map(|row| text(&row["id"])).collect()
        };
        assert_eq!(ids("at:gte:2026-09-15", ""), ["2"]);
        assert_eq!(ids("amount:lt:10", ""), ["1"]);
        assert_eq!(ids("", "amount:desc"), ["2", "1"]);
        assert_eq!(ids("gone:ne:x", ""), ["1", "2"]);
    }
}
