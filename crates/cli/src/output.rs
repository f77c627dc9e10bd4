//! Standard output and standard error, without a panic where nobody reads them.

use std::io::{self, Write as _};

/// Writes to standard output at once.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Writes to standard output, and ends the line if it is not ended.
///
/// # Errors
/// Where it cannot be written.
pub(crate) fn line(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    if !bytes.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Tells the person in front of it one thing, on standard error. The words may be a vendor's in part: what could drive a
/// terminal is taken out of them.
pub(crate) fn tell(words: &str) {
    let words: String = words.chars().map(|char| if char.is_control() { ' ' } else { char }).collect();
    // There is no other place to tell it.
    let _ = writeln!(io::stderr().lock(), "ledgerkey: {words}");
}

/// Columns, aligned by their widest cell.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
