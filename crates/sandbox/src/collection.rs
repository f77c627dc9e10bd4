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

    /// The rows that pass all filters, in this order. `look` tells what a row has of a field; of several values, any will do.
    pub(crate) fn select(
        &self,
        filters: &[Filter],
        sort: &[(String, bool)],
        look: impl Fn(&Row, &str) -> Value,
    ) -> Vec<&Row> {
        let passes = |row: &&Row| filters.iter().all(|filter| filter.passes(&look(row, &filter.field)));
        let rows = self.rows.iter().filter(passes);
        if sort.is_empty() {
            return rows.collect();
        }
        let keyed = rows.map(|row| (sort.iter().map(|(field, _)| look(row, field)).collect(), row));
        let mut keyed: Vec<(Vec<Value>, &Row)> = keyed.collect();
        keyed.sort_by(|(a, _), (b, _)| {
            let one = |((a, b), (_, ascending)): ((&Value, &Value), &(String, bool))| {
                let order = order(a, b);
                if *ascending { order } else { order.reverse() }
            };
            a.iter().zip(b).zip(sort).map(one).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
        });
        keyed.into_iter().map(|(_, row)| row).collect()
    }
}

/// What a row has of a field by that name.
pub(crate) fn plain(row: &Row, field: &str) -> Value {
    row.get(field).cloned().unwrap_or_default()
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
    pub(crate) fn of_word(word: &str) -> Option<Self> {
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
    fn passes(&self, field: &Value) -> bool {
        let each = match field {
            Value::Null => &[],
            Value::Array(each) => &each[..],
            one => std::slice::from_ref(one),
        };
        let any = |is: fn(Ordering) -> bool| {
            each.iter().any(|own| self.values.iter().any(|value| compare(own, value).is_some_and(is)))
        };
        match self.op {
            Op::Eq | Op::In => any(Ordering::is_eq),
            Op::Ne | Op::Nin => !any(Ordering::is_eq),
            Op::Gt => any(Ordering::is_gt),
            Op::Gte => any(Ordering::is_ge),
            Op::Lt => any(Ordering::is_lt),
            Op::Lte => any(Ordering::is_le),
            Op::Sw => each.iter().any(|own| {
                let own = text(own).to_lowercase();
                self.values.iter().any(|start| own.starts_with(&start.to_lowercase()))
            }),
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
fn order(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        (Value::Number(_), Value::Number(_)) => amount_of(a).cmp(&amount_of(b)),
        (a, b) => text(a).cmp(&text(b)),
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
            let rows = table.select(&filters(written).unwrap(), &sort(by).unwrap(), plain);
            rows.iter().map(|row| text(&row["id"])).collect()
        };
        assert_eq!(ids("at:gte:2026-09-15", ""), ["2"]);
        assert_eq!(ids("amount:lt:10", ""), ["1"]);
        assert_eq!(ids("", "amount:desc"), ["2", "1"]);
        assert_eq!(ids("gone:ne:x", ""), ["1", "2"]);
    }
}
