//! Catches every log line of every crate, at every level, and every panic.

#![allow(unreachable_pub, reason = "as the rest of what tests share")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by panicking")]

use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::fmt::format::FmtSpan;

static CAUGHT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static START: Once = Once::new();

/// What this process has said since the first of these was made.
pub struct Capture;

impl Capture {
    /// Begins to catch; for the whole process, since a sign-in runs on a task of its own.
    pub fn start() -> Self {
        START.call_once(|| {
            tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_span_events(FmtSpan::FULL)
                .with_ansi(false)
                .with_writer(|| Net)
                .init();
            log::set_logger(&Net).unwrap();
            log::set_max_level(log::LevelFilter::Trace);
            let default = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                // A test that fails says why, and may quote a canary: that is no leak.
                if panic.location().is_none_or(|at| !at.file().contains("tests/support/")) {
                    writeln!(caught(), "panic: {panic}").unwrap();
                }
                default(panic);
            }));
        });
        Self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&caught()).into_owned()
    }

    pub fn assert_clean(&self) {
        for line in self.text().lines() {
            assert_clean("a log line or a panic", line);
        }
    }
}

/// Neither the head nor the tail of a canary, whatever the case.
#[track_caller]
pub fn assert_clean(what: &str, text: &str) {
    let lower = text.to_lowercase();
    if lower.contains("canary") || lower.contains("7q3z") {
        fail(what, text);
    }
}

fn fail(what: &str, text: &str) -> ! {
    panic!("{what} holds a secret: {text}")
}

struct Net;

fn caught() -> MutexGuard<'static, Vec<u8>> {
    CAUGHT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Write for Net {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        caught().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl log::Log for Net {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(caught(), "{} {} {}", record.target(), record.args(), record.level()).unwrap();
    }

    fn flush(&self) {}
}
