//! What came of a row: for people as a line of a table, for programs as a JSON object.

use serde::Serialize;

use super::rows::Row;
use crate::failure::Failure;
use crate::output;

/// What came of a row.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) row: u8,
    pub(super) vendor: &'static str,
    pub(super) way: &'static str,
    pub(super) api: &'static str,
    pub(super) ok: bool,
    /// Sign-in requests that the sandbox received.
    pub(super) sign_ins: u64,
    /// Typed calls made.
    pub(super) calls: u64,
    /// Whether calls went on by themselves after the session was lost.
    pub(super) recovered: bool,
    /// Whether the vendor ended the session; null where the vendor has no call for it.
    pub(super) signed_out: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl Report {
    pub(super) fn of(row: &Row) -> Self {
        Self {
            row: row.number,
            vendor: row.vendor,
            way: row.label,
            api: row.api,
            ok: false,
            sign_ins: 0,
            calls: 0,
            recovered: false,
            signed_out: None,
            error: None,
        }
    }

    pub(super) fn print_json(&self) -> Result<(), Failure> {
        let line =
            serde_json::to_vec(self).map_err(|error| Failure::config(format!("a row cannot be written: {error}")))?;
        Ok(output::line(&line)?)
    }

    fn cells(&self) -> Vec<String> {
        let signed_out = self.signed_out.map_or("-", yes);
        vec![
            self.row.to_string(),
            self.vendor.to_owned(),
            self.way.to_owned(),
            self.sign_ins.to_string(),
            self.calls.to_string(),
            yes(self.recovered).to_owned(),
            signed_out.to_owned(),
            if self.ok { "ok" } else { "FAILED" }.to_owned(),
        ]
    }
}

/// All rows, and below them why some failed.
pub(super) fn table(reports: &[Report]) -> String {
    let head = ["row", "vendor", "way", "sign-ins", "calls", "recovered", "signed out", "ok"].map(str::to_owned);
    let rows: Vec<Vec<String>> = std::iter::once(head.to_vec()).chain(reports.iter().map(Report::cells)).collect();
    let mut text = output::table(&rows);
    for report in reports {
        if let Some(error) = &report.error {
            text.push_str(&format!("\nrow {}: {error}\n", report.row));
        }
    }
    text
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}
