//! Something that may be away for a while: said once when it goes and once when it is back, not at each call in between.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether it is away, and the words for the log.
#[derive(Debug)]
pub(crate) struct Away {
    failed: &'static str,
    back: &'static str,
    away: AtomicBool,
}

impl Away {
    /// There, until it fails.
    pub(crate) const fn new(failed: &'static str, back: &'static str) -> Self {
        Self { failed, back, away: AtomicBool::new(false) }
    }

    pub(crate) fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// It failed.
    pub(crate) fn note_failed(&self, error: &impl fmt::Display) {
        if !self.away.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "{}", self.failed);
        }
    }

    /// It answered.
    pub(crate) fn note_back(&self) {
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("{}", self.back);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<tracing::Level>>>);

    impl<S: tracing::Subscriber> Layer<S> for Heard {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            self.0.lock().unwrap().push(*event.metadata().level());
        }
    }

    #[test]
    fn each_turn_is_said_once() {
        let heard = Heard::default();
        let away = Away::new("failed", "back");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(heard.clone()), || {
            away.note_back();
            for _ in 0..2 {
                (0..3).for_each(|_| away.note_failed(&"why"));
                assert!(away.is_away());
                (0..3).for_each(|_| away.note_back());
                assert!(!away.is_away());
            }
        });
        use tracing::Level;
        assert_eq!(*heard.0.lock().unwrap(), [Level::WARN, Level::INFO, Level::WARN, Level::INFO]);
    }
}
