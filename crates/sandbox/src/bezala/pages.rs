//! Bezala's pages: numbered, of a size that differs by endpoint, in bare arrays or in one of two envelopes.

use serde_json::{Value, json};

use super::refuse;
use crate::time::{self, Millis};
use crate::wire::{Call, Reply, Row, decimal};

/// How an endpoint pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pages {
    /// Rows where `per_page` is not sent.
    pub size: usize,
    pub most: usize,
    /// Only where `page` is sent.
    pub on_request: bool,
    /// `skip_pagination` is understood.
    pub skips: bool,
}

impl Pages {
    /// The rows of the page asked for, and its number.
    pub(super) fn cut(self, call: &Call, rows: Vec<Row>) -> Result<(Vec<Value>, Cut), Reply> {
        let number = |name: &str| match call.filled(name) {
            None => Ok(None),
            Some(text) => match text.parse::<usize>() {
                Ok(number) if number > 0 => Ok(Some(number)),
                _ => Err(refuse(400, &format!("{name} is not valid"))),
            },
        };
        let (page, size) = (number("page")?, number("per_page")?.unwrap_or(self.size).min(self.most));
        let skip = self.skips && call.filled("skip_pagination").is_some_and(|word| matches!(word, "true" | "1"));
        let count = rows.len();
        if skip || (self.on_request && page.is_none()) {
            return Ok((rows.into_iter().map(Value::Object).collect(), Cut { page: 1, pages: 1, count }));
        }
        let page = page.unwrap_or(1);
        let cut = rows.into_iter().skip((page - 1).saturating_mul(size)).take(size).map(Value::Object).collect();
        Ok((cut, Cut { page, pages: count.div_ceil(size).max(1), count }))
    }

    pub(super) fn array(self, call: &Call, rows: Vec<Row>) -> Result<Reply, Reply> {
        let (rows, _) = self.cut(call, rows)?;
        Ok(Reply::done(200, &Value::Array(rows)))
    }

    pub(super) fn collection(self, call: &Call, rows: Vec<Row>) -> Result<Reply, Reply> {
        let (rows, cut) = self.cut(call, rows)?;
        let pagination = json!({"current_page": cut.page, "total_pages": cut.pages, "total_count": cut.count});
        Ok(Reply::done(200, &json!({"collection": rows, "pagination": pagination})))
    }

    /// Exports: both totals are text.
    pub(super) fn export(self, call: &Call, rows: Vec<Row>, total_cents: i64) -> Result<Reply, Reply> {
        let (rows, cut) = self.cut(call, rows)?;
        let answer =
            json!({"total_amount": decimal(total_cents), "total_records": cut.count.to_string(), "collection": rows});
        Ok(Reply::done(200, &answer))
    }
}

/// Where a page stands among the rest.
#[derive(Debug)]
pub(super) struct Cut {
    page: usize,
    pages: usize,
    count: usize,
}

/// `date_range`: `DD/MM/YYYY - DD/MM/YYYY`; both ends count.
pub(super) fn date_range(call: &Call, name: &str) -> Result<Option<(Millis, Millis)>, Reply> {
    let Some(text) = call.filled(name) else { return Ok(None) };
    let ends =
        text.split_once(" - ").and_then(|(from, to)| Some((time::parse_slashed(from)?, time::parse_slashed(to)?)));
    ends.map(Some).ok_or_else(|| refuse(400, &format!("{name} is not valid")))
}

/// `YYYYMMDD`, which bills and their lines take.
pub(super) fn day(call: &Call, name: &str) -> Result<Option<Millis>, Reply> {
    let Some(text) = call.filled(name) else { return Ok(None) };
    time::parse_compact(text).map(Some).ok_or_else(|| refuse(400, &format!("{name} is not valid")))
}

/// Seconds since 1970, which absences and time entries take.
pub(super) fn unix(call: &Call, name: &str) -> Result<Option<Millis>, Reply> {
    let Some(text) = call.filled(name) else { return Ok(None) };
    text.parse::<i64>()
        .map(|seconds| Some(seconds.saturating_mul(1000)))
        .map_err(|_| refuse(400, &format!("{name} is not valid")))
}

/// A plain `YYYY-MM-DD`.
pub(super) fn date(call: &Call, name: &str) -> Result<Option<Millis>, Reply> {
    let Some(text) = call.filled(name) else { return Ok(None) };
    time::parse(text).map(Some).ok_or_else(|| refuse(400, &format!("{name} is not valid")))
}

/// The point in time of a row's field, whichever way it is written.
pub(super) fn at(row: &Row, field: &str) -> Option<Millis> {
    match row.get(field)? {
        Value::Number(seconds) => seconds.as_i64().map(|seconds| seconds.saturating_mul(1000)),
        Value::String(text) => time::parse(text),
        _ => None,
    }
}
