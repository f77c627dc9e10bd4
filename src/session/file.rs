//! Sessions in a file: ten runs of a command, at once or one after the other, share one.
//!
//! One file is one profile, with a record for each identity. It is the owner's alone (mode 0600) and is replaced as a whole, so
//! that a reader, or a run after a crash, finds the old one or the new one. Locks are the operating system's, on files beside it:
//! they go with the process that held them, however it ended.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::clock::millis;
use super::store::{FORMAT, Identity, Lease, Record, Store, StoreError, Storing};

/// Keeps sessions in a file.
///
/// It is not encrypted: whoever can read the file can use the sessions in it until they idle out.
#[derive(Debug, Clone)]
pub struct FileStore {
    path: Arc<Path>,
}

/// The whole file. Records are kept as text, so that one that this version does not understand is kept as it is.
#[derive(Default, Serialize, Deserialize)]
struct Profile {
    format: u32,
    sessions: BTreeMap<String, Box<RawValue>>,
}

impl FileStore {
    /// Keeps sessions in the file at `path`, which is made when it is needed; lock files stand beside it. Its directory has to be there. Where
    /// `path` is a symbolic link, it is the file that it leads to.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { path: led_to(path).into() }
    }

    /// Reads the profile; an empty one if there is none or it is damaged.
    fn read(&self) -> Result<Profile, StoreError> {
        // Looked at before it is opened: to open a pipe can take for ever.
        let opened =
            fs::metadata(&self.path).and_then(|found| found.is_file().then(|| File::open(&self.path)).transpose());
        let mut file = match opened {
            Ok(Some(file)) => file,
            Ok(None) => {
                let words = format!("{} is not a regular file: name one", self.path.display());
                return Err(StoreError::Unusable(words));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Profile::default()),
            Err(error) => return Err(self.failed("cannot be opened", &error)),
        };
        #[cfg(unix)]
        self.check_owner(&file)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| self.failed("cannot be read", &error))?;
        let text = String::from_utf8_lossy(&bytes);
        let profile = serde_json::from_str::<Profile>(&text);
        #[cfg(unix)]
        if profile.is_ok() || text.trim().is_empty() || is_of_ours(&text) {
            self.check_mode(&file)?;
        }
        match profile {
            Ok(profile) if profile.format > FORMAT => Err(StoreError::Unusable(format!(
                "{} is of format {}, and this version knows {FORMAT}: update, or name another file",
                self.path.display(),
                profile.format
            ))),
            Ok(profile) => Ok(profile),
            Err(_) if text.trim().is_empty() => Ok(Profile::default()),
            Err(_) if is_of_ours(&text) => {
                tracing::warn!(path = %self.path.display(), "the file of sessions is damaged; its sessions are not used");
                Ok(Profile::default())
            }
            // Somebody's key, say, that was named by mistake: it must not be replaced.
            Err(_) => {
                let words =
                    format!("{} is something else than a store of sessions: name another file", self.path.display());
                Err(StoreError::Unusable(words))
            }
        }
    }

    /// Refuses a file that somebody else could have written.
    #[cfg(unix)]
    fn check_owner(&self, file: &File) -> Result<(), StoreError> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.metadata().map_err(|error| self.failed("cannot be looked at", &error))?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            let words = format!("{} belongs to another user: its sessions are not used", self.path.display());
            return Err(StoreError::Unusable(words));
        }
        Ok(())
    }

    /// Refuses a store that others could have written or could have read. What is no store is refused for that, and is not ours to protect.
    #[cfg(unix)]
    fn check_mode(&self, file: &File) -> Result<(), StoreError> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = file.metadata().map_err(|error| self.failed("cannot be looked at", &error))?;
        if metadata.mode() & 0o077 != 0 {
            let words = "can be read or written by others: run `chmod 600` on it, and sign out what it holds";
            return Err(StoreError::Unusable(format!("{} {words}", self.path.display())));
        }
        Ok(())
    }

    /// Changes the profile, alone.
    fn change(&self, change: impl FnOnce(&mut Profile) -> Result<bool, StoreError>) -> Result<(), StoreError> {
        let lock = self.lock_file("write")?;
        self.wait_for(&lock)?;
        let mut profile = self.read()?;
        if change(&mut profile)? {
            profile.format = FORMAT;
            self.replace(&profile)?;
        }
        Ok(())
    }

    /// Others hold the lock while they write the file, and no longer; but one of them may have been stopped in the middle. A thread must not be
    /// kept by that.
    fn wait_for(&self, lock: &File) -> Result<(), StoreError> {
        let began = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::Error(error)) => return Err(self.failed("cannot be locked", &error)),
                Err(TryLockError::WouldBlock) if began.elapsed() >= LONGEST_WRITE => {
                    let words = format!("{} has been locked by another process for too long", self.path.display());
                    return Err(StoreError::Unavailable(words));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
            }
        }
    }

    /// Writes the whole file beside its place and moves it there: at no time is there half of one.
    fn replace(&self, profile: &Profile) -> Result<(), StoreError> {
        let text = serde_json::to_vec(profile)
            .map_err(|_| StoreError::Unavailable("the sessions cannot be written".into()))?;
        let beside = self.beside("new");
        let write = || {
            let _ = fs::remove_file(&beside);
            let mut file = private(OpenOptions::new().write(true).create_new(true)).open(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&beside);
            self.failed("cannot be written", &error)
        })
    }

    fn lock_file(&self, what: &str) -> Result<File, StoreError> {
        let path = self.beside(what);
        private(OpenOptions::new().read(true).write(true).create(true).truncate(false))
            .open(&path)
            .map_err(|error| self.failed(&format!("needs {} beside it", path.display()), &error))
    }

    /// A hidden name beside the file's own.
    fn beside(&self, what: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!(".{name}.{what}"))
    }

    fn failed(&self, what: &str, error: &io::Error) -> StoreError {
        let words = format!("{} {what}: {error}", self.path.display());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory => StoreError::Unusable(words),
            _ => StoreError::Unavailable(words),
        }
    }

    /// Runs on a thread that may block.
    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Storing<'a, T> {
        let store = self.clone();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&store)).await;
            done.unwrap_or_else(|_| Err(StoreError::Unavailable("the file store was torn down".into())))
        })
    }
}

/// Whether it begins as a store does, or is the beginning of one.
fn is_of_ours(text: &str) -> bool {
    BEGINNING.starts_with(text) || text.starts_with(BEGINNING)
}

/// The file that this leads to, by symbolic links; also where there is none yet.
fn led_to(path: PathBuf) -> PathBuf {
    if let Ok(path) = fs::canonicalize(&path) {
        return path;
    }
    let mut end = path.clone();
    // As many as Linux follows.
    for _ in 0..40 {
        match fs::read_link(&end) {
            Ok(next) => end = end.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return end,
        }
    }
    path
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

impl Store for FileStore {
    fn load<'a>(&'a self, identity: &'a Identity) -> Storing<'a, Option<Record>> {
        let identity = identity.clone();
        self.run(move |store| match store.read()?.sessions.get(&identity.digest()) {
            Some(text) => Record::read(&identity, text.get()),
            None => Ok(None),
        })
    }

    fn lease<'a>(&'a self, identity: &'a Identity) -> Storing<'a, Lease> {
        let name = format!("{}.lock", identity.digest());
        Box::pin(async move {
            loop {
                let name = name.clone();
                let lock = self.run(move |store| {
                    let lock = store.lock_file(&name)?;
                    match lock.try_lock() {
                        Ok(()) => Ok(Some(lock)),
                        Err(TryLockError::WouldBlock) => Ok(None),
                        Err(TryLockError::Error(error)) => Err(store.failed("cannot be locked", &error)),
                    }
                });
                if let Some(lock) = lock.await? {
                    return Ok(Lease::new(lock));
                }
                // Asked again and again, not waited for on a thread: of those there are not enough for a thousand who wait, and a program could
                // not end while one of them does.
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
        })
    }

    fn save<'a>(&'a self, identity: &'a Identity, record: &'a Record) -> Storing<'a, ()> {
        let (digest, record) = (identity.digest(), record.clone());
        self.run(move |store| {
            let text = RawValue::from_string(record.write()?)
                .map_err(|_| StoreError::Unavailable("the session cannot be written".into()))?;
            store.change(|profile| {
                if let Some(there) = profile.sessions.get(&digest) {
                    Record::read(&record.identity, there.get())?;
                }
                profile.sessions.insert(digest, text);
                Ok(true)
            })
        })
    }

    fn touch<'a>(&'a self, identity: &'a Identity, id: &'a str, last_used: SystemTime) -> Storing<'a, ()> {
        let (identity, id) = (identity.clone(), id.to_owned());
        self.run(move |store| {
            store.change(|profile| {
                let Some(mut record) = stored(profile, &identity, &id)? else { return Ok(false) };
                record.last_used = record.last_used.max(millis(last_used));
                let text = RawValue::from_string(record.write()?)
                    .map_err(|_| StoreError::Unavailable("the session cannot be written".into()))?;
                profile.sessions.insert(identity.digest(), text);
                Ok(true)
            })
        })
    }

    fn remove<'a>(&'a self, identity: &'a Identity, id: &'a str) -> Storing<'a, ()> {
        let (identity, id) = (identity.clone(), id.to_owned());
        self.run(move |store| {
            store.change(|profile| {
                let there = stored(profile, &identity, &id)?.is_some();
                if there {
                    profile.sessions.remove(&identity.digest());
                }
                Ok(there)
            })
        })
    }
}

/// What a profile begins with, whichever version wrote it.
const BEGINNING: &str = "{\"format\":";

/// A sign-in takes some tenths of a second.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// To write the file takes some milliseconds, even where many do one after the other.
const LONGEST_WRITE: Duration = Duration::from_secs(3);

/// The record of this identity, if it is that of `id`.
fn stored(profile: &Profile, identity: &Identity, id: &str) -> Result<Option<Record>, StoreError> {
    let Some(text) = profile.sessions.get(&identity.digest()) else { return Ok(None) };
    Ok(Record::read(identity, text.get())?.filter(|record| record.id == id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> Identity {
        Identity {
            address: "https://vendor.example".into(),
            way: "example".into(),
            user: "user".into(),
            organization: None,
            key: None,
        }
    }

    /// More wait for the right to sign in than there are threads: whoever has it can still work.
    #[test]
    fn those_who_wait_for_a_lease_take_no_thread() {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::new(directory.path().join("sessions"));
        let identity = identity();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(2).build().unwrap();
        runtime.block_on(async {
            let held = store.lease(&identity).await.unwrap();
            let waiting: Vec<_> = (0..8)
                .map(|_| {
                    let (store, identity) = (store.clone(), identity.clone());
                    tokio::spawn(async move { store.lease(&identity).await.map(drop) })
                })
                .collect();
            tokio::task::yield_now().await;
            assert!(store.load(&identity).await.unwrap().is_none());
            assert!(waiting.iter().all(|waiting| !waiting.is_finished()));
            drop(held);
            for waiting in waiting {
                waiting.await.unwrap().unwrap();
            }
        });
    }

    #[tokio::test]
    async fn a_record_of_a_newer_version_is_not_overwritten() {
        let (directory, identity) = (tempfile::tempdir().unwrap(), identity());
        let path = directory.path().join("sessions");
        let store = FileStore::new(&path);
        let record = Record {
            format: FORMAT,
            identity: identity.clone(),
            id: "example".into(),
            session: "example".into(),
            trusted: None,
            user: None,
            since: 0,
            last_used: 0,
        };
        store.save(&identity, &record).await.unwrap();
        store.save(&identity, &record).await.unwrap();
        // The profile's own comes first.
        let text = std::fs::read_to_string(&path).unwrap();
        let at = text.rfind("\"format\":1").unwrap();
        assert_ne!(at, 1);
        let newer = format!("{}\"format\":99{}", &text[..at], &text[at + "\"format\":1".len()..]);
        std::fs::write(&path, &newer).unwrap();
        assert!(matches!(store.save(&identity, &record).await, Err(StoreError::Unusable(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), newer);
    }
}
