//! The log: off, unless the environment asks for it, and never on standard output.

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Starts logging to standard error, by `LEDGERKEY_LOG`, else `RUST_LOG`.
///
/// # Errors
/// `config` if the filter cannot be read.
pub(crate) fn start() -> Result<(), Failure> {
    let asked = ["LEDGERKEY_LOG", "RUST_LOG"].into_iter().find_map(|name| Some((name, std::env::var(name).ok()?)));
    let Some((name, asked)) = asked else { return Ok(()) };
    let filter = EnvFilter::builder()
        .parse(asked)
        .map_err(|error| Failure::config(format!("{name} cannot be read as a log filter: {error}")))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .log_internal_errors(false);
    // It is the first and only one of this process.
    let _ = log.try_init();
    Ok(())
}
