//! Where sessions are kept, by `LEDGERKEY_STORE`: for this run alone, or for others as well.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use ledgerkey::client::Settings;
use ledgerkey::session::file::FileStore;
use ledgerkey::session::store::Store;

use crate::failure::Failure;

/// A place for sessions.
#[derive(Debug)]
pub(crate) enum Place {
    /// This run alone.
    Memory,
    /// What the runs that share it hold in common.
    Shared(Arc<dyn Store>),
    /// The same for runs on other machines, with the vendors' limits and the company beside it.
    #[cfg(feature = "redis")]
    Redis(ledgerkey::redis::Redis),
}

/// The place that the environment names.
///
/// # Errors
/// `config` if the value names none, or a file in a directory that is not there.
pub(crate) fn from_environment() -> Result<Place, Failure> {
    std::env::var_os("LEDGERKEY_STORE").map_or(Ok(Place::Memory), |value| named(&value))
}

impl Place {
    /// Keeps there what is made with these settings.
    ///
    /// # Errors
    /// `store` if nobody answers at the address: the library would go on alone, and every run would leave a session behind.
    pub(crate) async fn join(&self, settings: &mut Settings) -> Result<(), Failure> {
        match self {
            Self::Memory => {}
            Self::Shared(store) => settings.store = Some(store.clone()),
            #[cfg(feature = "redis")]
            Self::Redis(redis) => {
                redis.ping().await?;
                redis.join(settings);
            }
        }
        Ok(())
    }

    /// Gives back what the run held: the next one need not wait until it runs out.
    pub(crate) async fn leave(&self) {
        #[cfg(feature = "redis")]
        if let Self::Redis(redis) = self {
            redis.close().await;
        }
    }
}

fn named(value: &OsStr) -> Result<Place, Failure> {
    // The value is not repeated: an address may hold a password.
    let text = value.to_str().ok_or_else(|| Failure::config("LEDGERKEY_STORE is not UTF-8 text"))?;
    match text.split_once(':') {
        None if text == "memory" => Ok(Place::Memory),
        Some(("file", path)) => file(Path::new(path)).map(Place::Shared),
        Some(("redis" | "rediss", _)) => redis(text),
        _ => Err(Failure::config("LEDGERKEY_STORE must be `memory`, `file:PATH` or `redis://HOST:PORT/DB`")),
    }
}

fn file(path: &Path) -> Result<Arc<dyn Store>, Failure> {
    if path.file_name().is_none() {
        return Err(Failure::config("LEDGERKEY_STORE: `file:` needs the path of a file"));
    }
    // The library would go on without a store, which is right for a job that runs for days; here every run would leave a session
    // behind that no other run finds.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        let words = format!("LEDGERKEY_STORE: there is no directory {}; make it, or name another", directory.display());
        return Err(Failure::config(words));
    }
    Ok(Arc::new(FileStore::new(path)))
}

#[cfg(feature = "redis")]
fn redis(address: &str) -> Result<Place, Failure> {
    let redis = ledgerkey::redis::Redis::connect(address);
    redis.map(Place::Redis).map_err(|error| Failure::config(format!("LEDGERKEY_STORE: {error}")))
}

#[cfg(not(feature = "redis"))]
fn redis(_: &str) -> Result<Place, Failure> {
    Err(Failure::config("LEDGERKEY_STORE: this build has no redis support; use `file:PATH` or `memory`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(value: &str) -> String {
        match named(OsStr::new(value)) {
            Err(Failure::Told { code: 2, words }) => words,
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn what_names_a_store() {
        assert!(matches!(named(OsStr::new("memory")), Ok(Place::Memory)));
        assert!(matches!(named(OsStr::new("file:sessions")), Ok(Place::Shared(_))));
        assert!(matches!(named(OsStr::new("file:./sessions")), Ok(Place::Shared(_))));
        if cfg!(feature = "redis") {
            assert!(named(OsStr::new("redis://127.0.0.1:6379/0")).is_ok());
        }
    }

    #[test]
    fn what_does_not_is_refused_without_repeating_it() {
        for (value, word) in [
            ("", "must be"),
            ("disk", "must be"),
            ("memory:CANARY", "must be"),
            ("file:", "path of a file"),
            ("file:/", "path of a file"),
            ("file:/nowhere/at/all", "no directory /nowhere/at"),
            ("redis://:CANARY@127.0.0.1:6379/zero", "redis"),
            ("rediss://:CANARY@127.0.0.1:6379/0", "redis"),
        ] {
            let words = refused(value);
            assert!(words.contains(word) && !words.contains("CANARY"), "{value}: {words}");
        }
    }
}
