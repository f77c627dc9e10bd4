//! Where sessions are kept, by `LEDGERKEY_STORE`: for this run alone, or for the runs that follow as well.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

use ledgerkey::session::file::FileStore;
use ledgerkey::session::store::Store;

use crate::failure::Failure;

/// The store that the environment names; none where sessions are kept in memory.
///
/// # Errors
/// `config` if the value names none, or a file in a directory that is not there.
pub(crate) fn from_environment() -> Result<Option<Arc<dyn Store>>, Failure> {
    std::env::var_os("LEDGERKEY_STORE").map_or(Ok(None), |value| named(&value))
}

fn named(value: &OsStr) -> Result<Option<Arc<dyn Store>>, Failure> {
    // The value is not repeated: an address may hold a password.
    let text = value.to_str().ok_or_else(|| Failure::config("LEDGERKEY_STORE is not UTF-8 text"))?;
    match text.split_once(':') {
        None if text == "memory" => Ok(None),
        Some(("file", path)) => file(Path::new(path)).map(Some),
        Some(("redis" | "rediss", _)) => redis(),
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

/// The one place for the feature `redis`: with it, a store on the server of the address.
fn redis() -> Result<Option<Arc<dyn Store>>, Failure> {
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
        assert!(named(OsStr::new("memory")).unwrap().is_none());
        assert!(named(OsStr::new("file:sessions")).unwrap().is_some());
        assert!(named(OsStr::new("file:./sessions")).unwrap().is_some());
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
            ("redis://:CANARY@127.0.0.1:6379/0", "no redis support"),
            ("rediss://:CANARY@127.0.0.1:6379/0", "no redis support"),
        ] {
            let words = refused(value);
            assert!(words.contains(word) && !words.contains("CANARY"), "{value}: {words}");
        }
    }
}
