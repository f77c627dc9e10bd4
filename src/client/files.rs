//! Files: sent from memory, from disk or from a stream, and written to disk as they come.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use http_body::{Frame, SizeHint};
use reqwest::{Body, Request};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;

use super::{ByteStream, Connection, Error, Response};
use crate::table::Operation;

/// What a file that is sent holds. Clones share it.
///
/// ```no_run
/// # async fn run(api: ledgerkey::bill::api::Client) -> Result<(), ledgerkey::Error> {
/// use ledgerkey::client::Contents;
///
/// let contents = Contents::open("invoice.pdf").await?;
/// api.create_bill_document().bill_id("00nexample").name("invoice.pdf").body(contents).send().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Contents(Held);

#[derive(Clone)]
enum Held {
    Bytes(Bytes),
    /// Read from its beginning for each try.
    File {
        path: Arc<Path>,
        length: u64,
    },
    /// Can be had once.
    Stream(Arc<Mutex<Option<Body>>>),
}

impl Contents {
    /// A file on disk. It is read while it is sent, and never whole into memory; its length is told to the vendor. If it is another by then, longer
    /// or shorter, the call fails.
    ///
    /// # Errors
    /// `file` if there is no such file or it cannot be read; `config`, with the path, if it is a directory or the like.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let unreadable = |error| at(path, "cannot be read", error);
        let facts = File::open(path).await.map_err(unreadable)?.metadata().await.map_err(unreadable)?;
        if !facts.is_file() {
            return Err(Error::config(format!("{} is no file", path.display())));
        }
        Ok(Self(Held::File { path: path.into(), length: facts.len() }))
    }

    /// What comes in pieces, of a length that is not known. It is sent once: where a call would be tried again, its first failure stands.
    pub fn stream<S, E>(pieces: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
    {
        Self(Held::Stream(Arc::new(Mutex::new(Some(Body::wrap_stream(pieces))))))
    }

    /// The length in bytes, where it is known.
    pub fn length(&self) -> Option<u64> {
        match &self.0 {
            Held::Bytes(bytes) => Some(bytes.len() as u64),
            Held::File { length, .. } => Some(*length),
            Held::Stream(_) => None,
        }
    }

    /// Whether there is no second time.
    pub(crate) fn can_be_had_once(&self) -> bool {
        matches!(self.0, Held::Stream(_))
    }

    /// As the body of one try.
    pub(crate) fn body(&self) -> Result<Body, Error> {
        match &self.0 {
            Held::Bytes(bytes) => Ok(bytes.clone().into()),
            Held::File { path, length } => {
                let file = std::fs::File::open(path).map_err(|error| at(path, "cannot be read", error))?;
                Ok(Body::wrap(Measured { inner: File::from_std(file).into(), left: *length }))
            }
            Held::Stream(body) => {
                let body = body.lock().unwrap_or_else(PoisonError::into_inner).take();
                body.ok_or_else(|| Error::config("the contents are a stream, which has been sent already"))
            }
        }
    }
}

impl From<Bytes> for Contents {
    fn from(bytes: Bytes) -> Self {
        Self(Held::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Contents {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<&'static [u8]> for Contents {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

impl From<String> for Contents {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Contents {
    fn from(text: &'static str) -> Self {
        Bytes::from(text).into()
    }
}

impl Connection {
    /// As [`exec`](Self::exec), for a request whose body holds these contents: they are read from their beginning for each try, unless they
    /// are a stream.
    ///
    /// # Errors
    /// As [`exec`](Self::exec), and `file` if they cannot be read.
    pub async fn exec_with(
        &self,
        operation: &'static Operation,
        request: Request,
        contents: &Contents,
    ) -> Result<Response, Error> {
        let build = || {
            let mut request = request.try_clone().ok_or_else(|| Error::config("the request has a body already"))?;
            *request.body_mut() = Some(contents.body()?);
            Ok(request)
        };
        self.exec_built(operation, contents.can_be_had_once(), &build).await
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without what it holds: a receipt says where somebody was and what they bought.
        f.debug_struct("Contents").field("length", &self.length()).finish_non_exhaustive()
    }
}

/// A body of a length that is known beforehand.
struct Measured {
    inner: Body,
    left: u64,
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(piece) = frame.data_ref()
        {
            let Some(left) = self.left.checked_sub(piece.len() as u64) else {
                return Poll::Ready(Some(Err("the file has grown since it was opened".into())));
            };
            self.left = left;
        }
        match polled {
            Poll::Ready(None) if self.left > 0 => {
                self.left = 0;
                Poll::Ready(Some(Err("the file has shrunk since it was opened".into())))
            }
            other => other.map_err(Into::into),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl ByteStream {
    /// Writes the answer to a file, as it comes: to one beside it first, which takes its name when all is there. Whoever looks finds what was there
    /// before, or the whole. Yields the length in bytes.
    ///
    /// # Errors
    /// Those of the stream; `file` if the file cannot be written. What was there before is left as it was.
    ///
    /// # Cancelling
    /// As for an error.
    pub async fn save(mut self, path: impl AsRef<Path>) -> Result<u64, Error> {
        let path = path.as_ref();
        let unwritable = |error: io::Error| at(path, "cannot be written", error);
        let mut beside = Beside::of(path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).open(&beside.path).await.map_err(unwritable)?;
        beside.is_there = true;
        let mut length = 0;
        while let Some(piece) = self.next().await {
            let piece = piece?;
            file.write_all(&piece).await.map_err(unwritable)?;
            length += piece.len() as u64;
        }
        file.flush().await.map_err(unwritable)?;
        file.sync_all().await.map_err(unwritable)?;
        drop(file);
        tokio::fs::rename(&beside.path, path).await.map_err(unwritable)?;
        beside.is_there = false;
        Ok(length)
    }
}

/// The file that is written to before it takes its name; removed if it comes to nothing.
struct Beside {
    path: PathBuf,
    is_there: bool,
}

impl Beside {
    fn of(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().ok_or_else(|| Error::config(format!("{} names no file", path.display())))?;
        let mut name = name.to_owned();
        name.push(format!(".part-{:08x}", rand::random::<u32>()));
        Ok(Self { path: path.with_file_name(name), is_there: false })
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        if self.is_there {
            // Nobody is there to be told; a file with this name harms nothing.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn at(path: &Path, what: &'static str, error: io::Error) -> Error {
    Error::File { path: path.to_owned(), what, source: Arc::new(error) }
}
