//! `ledgerkey sandbox`: both vendors on a loopback port, until stopped.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use ledgerkey_cli::access;
use ledgerkey_sandbox::Sandbox;
use serde_json::json;

use crate::failure::Failure;
use crate::output;

pub(crate) async fn run(listen: SocketAddr) -> Result<ExitCode, Failure> {
    // Before the first line, for whoever reads it may stop this at once.
    let stopped = stop_signal().map_err(|error| Failure::config(format!("signals cannot be heard: {error}")))?;
    // Clients in other processes cannot follow a clock that stands.
    let sandbox = Sandbox::builder().listen(listen).real_clock().start().map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Failure::config(error.to_string()),
        _ => Failure::config(format!("the sandbox cannot listen on {listen}: {error}")),
    })?;
    let url = sandbox.url();
    let first =
        json!({"url": url, "credentials": sandbox.credentials(), "addresses": access::addresses(url)}).to_string();
    output::line(first.as_bytes())?;
    output::tell(&format!("the sandbox serves at {url}, its controls below {url}/_sandbox; Ctrl-C stops it"));
    stopped.await;
    output::tell("the sandbox stops");
    sandbox.shut_down().await;
    Ok(ExitCode::SUCCESS)
}

/// Ends at SIGINT or SIGTERM. They are heard from when this returns.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends at Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
