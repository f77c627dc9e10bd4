//! The connection: made when it is needed, made again when it breaks, and waited for no more than briefly.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisError, Script};
use url::Url;

use crate::error::Error;
use crate::session::store::StoreError;

pub(super) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    /// Host and port, for words.
    place: String,
    state: tokio::sync::Mutex<State>,
    /// When Redis failed the last time, and how.
    failed: Mutex<Option<(Instant, StoreError)>>,
}

#[derive(Default)]
struct State {
    /// Counts the connections, so that a late failure of an old one does not end the new one.
    number: u64,
    connection: Option<MultiplexedConnection>,
}

impl Link {
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        // The address is not quoted: it may hold a password.
        let parsed = Url::parse(url.trim()).map_err(|_| Error::config(FORM))?;
        match parsed.scheme() {
            "redis" => {}
            "rediss" => {
                return Err(Error::config(
                    "TLS to Redis is not supported: use redis:// within a network that is yours",
                ));
            }
            _ => return Err(Error::config(FORM)),
        }
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or_else(|| Error::config(FORM))?;
        let database = parsed.path().trim_start_matches('/');
        if parsed.query().is_some()
            || parsed.fragment().is_some()
            || !(database.is_empty() || database.parse::<u16>().is_ok())
        {
            return Err(Error::config(FORM));
        }
        let place = format!("{host}:{}", parsed.port().unwrap_or(6379));
        let client = Client::open(parsed.as_str()).map_err(|_| Error::config(FORM))?;
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
        Ok(Self { client, config, place, state: tokio::sync::Mutex::default(), failed: Mutex::default() })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Runs a script. Where its first answer is lost it may run twice: ours give the same the second time, but for a window of the budget,
    /// which then counts one call more than was made.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[impl AsRef<str>],
        arguments: &[impl AsRef<str>],
    ) -> Result<T, StoreError> {
        let mut call = script.prepare_invoke();
        keys.iter().for_each(|key| {
            call.key(key.as_ref());
        });
        arguments.iter().for_each(|argument| {
            call.arg(argument.as_ref());
        });
        let mut again = true;
        loop {
            let (number, mut connection) = self.connection().await?;
            let error = match call.invoke_async(&mut connection).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if !is_broken(&error) {
                return Err(self.told(&error));
            }
            let mut state = self.state.lock().await;
            if state.number == number {
                state.connection = None;
            }
            drop(state);
            // A connection that had been left lying may be found broken: that is no word on Redis yet.
            if !again || error.is_timeout() {
                return Err(self.failed(self.told(&error)));
            }
            again = false;
        }
    }

    async fn connection(&self) -> Result<(u64, MultiplexedConnection), StoreError> {
        self.check_pause()?;
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            return Ok((state.number, connection.clone()));
        }
        // Whoever waited here for another's attempt has its outcome.
        self.check_pause()?;
        match self.client.get_multiplexed_async_connection_with_config(&self.config).await {
            Ok(connection) => {
                state.number += 1;
                state.connection = Some(connection.clone());
                Ok((state.number, connection))
            }
            Err(error) => Err(self.failed(self.told(&error))),
        }
    }

    fn check_pause(&self) -> Result<(), StoreError> {
        match &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((at, error)) if at.elapsed() < PAUSE => Err(error.clone()),
            _ => Ok(()),
        }
    }

    fn failed(&self, error: StoreError) -> StoreError {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), error.clone()));
        error
    }

    /// Redis's own words are left out but for their code: they may quote what was sent.
    fn told(&self, error: &RedisError) -> StoreError {
        let place = &self.place;
        let code = error.code().filter(|code| code.bytes().all(|byte| byte.is_ascii_uppercase()));
        let wrong_type = code == Some("WRONGTYPE") || error.detail().is_some_and(|words| words.contains("WRONGTYPE"));
        match (error.kind(), code) {
            _ if wrong_type => StoreError::Unusable(format!(
                "Redis at {place} holds something else under a key that begins with ledgerkey: look at it, or name another database"
            )),
            // Or takes no more clients: the client library tells no difference. That may pass.
            (ErrorKind::AuthenticationFailed, _) => {
                StoreError::Unavailable(format!("Redis at {place} does not accept this user and password"))
            }
            (_, Some("NOAUTH")) => StoreError::Unusable(format!(
                "Redis at {place} wants a password: give it as redis://USER:PASSWORD@HOST:PORT/DB"
            )),
            (_, Some("WRONGPASS")) => {
                StoreError::Unusable(format!("Redis at {place} does not accept this user and password"))
            }
            (_, Some("NOPERM")) => StoreError::Unusable(format!(
                "Redis at {place} does not let this user do what it takes: all of what the scripts do, on the keys that begin with ledgerkey:"
            )),
            _ if error.is_timeout() => StoreError::Unavailable(format!("Redis at {place} did not answer in time")),
            (ErrorKind::UnexpectedReturnType | ErrorKind::Parse, _) => {
                StoreError::Unavailable(format!("Redis at {place} answered something unknown"))
            }
            _ if is_broken(error) => StoreError::Unavailable(format!("Redis at {place} cannot be reached")),
            (_, code) => StoreError::Unavailable(format!("Redis at {place} refused: {}", code.unwrap_or("no code"))),
        }
    }
}

fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_connection_dropped() || error.is_unrecoverable_error()
}

/// For a connection, and again for an answer. A script takes Redis well under a millisecond.
const PATIENCE: Duration = Duration::from_secs(1);

/// Pause after a failure, in which nothing is asked: a Redis that is away must not slow every call down.
const PAUSE: Duration = Duration::from_millis(500);

const FORM: &str = "the address of Redis must be redis://HOST:PORT/DB, or redis://USER:PASSWORD@HOST:PORT/DB";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_checked_and_never_repeated() {
        for good in
            ["redis://127.0.0.1:6379/0", "redis://localhost", "redis://u:p@redis.example:1/15", "redis://[::1]:7/"]
        {
            assert!(Link::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "127.0.0.1:6379",
            "http://:CANARY@127.0.0.1",
            "rediss://:CANARY@127.0.0.1",
            "redis://:CANARY@/0",
            "redis://:CANARY@host:99999/0",
            "redis://:CANARY@host/x",
            "redis://host/0?password=CANARY",
        ] {
            let error = Link::new(bad).err().unwrap();
            assert_eq!(error.kind(), "config", "{bad}");
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{bad}: {error}");
        }
    }
}
