//! Lists: their pages one after the other, as a stream of pages or of rows.
//!
//! How the pages of a list follow each other is told by its row of the tables; `Cursor` is that, as a pure function of one page and the
//! next. A generated call of a list has `pages()` and `items()`, which go through here, as do the lists of [`dynamic`](super::dynamic).

mod cursor;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use reqwest::Request;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use self::cursor::Cursor;
use super::{Connection, Error};
use crate::table::Operation;
use crate::transport::classify::scalar;
use crate::transport::response::Response;

/// Stands for a page of a list: what the vendor calls it, a token or a number. Kept as text, it leads to the same page in a later run, for as
/// long as the vendor knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PageToken(String);

impl PageToken {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for PageToken {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for PageToken {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An answer that is a page of a list. Written by the generator for each list whose rows have a type.
pub trait Paged: DeserializeOwned + Send + 'static {
    /// A row.
    type Row: Send + 'static;

    /// What the answer tells of the pages after it: the next one's token, or how many there are.
    fn next(&self) -> Option<String>;

    /// How many rows it has.
    fn rows(&self) -> usize;

    /// Its rows.
    fn into_rows(self) -> Vec<Self::Row>;
}

impl<T: DeserializeOwned + Send + 'static> Paged for Vec<T> {
    type Row = T;

    fn next(&self) -> Option<String> {
        None
    }

    fn rows(&self) -> usize {
        self.len()
    }

    fn into_rows(self) -> Self {
        self
    }
}

/// The text that stands in `value` at `pointer`, for the generated [`Paged::next`].
#[doc(hidden)]
pub fn told<T: Serialize>(value: &T, pointer: &str) -> Option<String> {
    match serde_json::to_value(value).ok()?.pointer(pointer)? {
        Value::Null => None,
        told => Some(scalar(told).into_owned()),
    }
}

/// A page as it was read.
pub(super) struct Read<T> {
    pub(super) value: T,
    pub(super) rows: usize,
    pub(super) next: Option<String>,
}

/// How a page is read. It may take the answer apart.
pub(super) type Reader<T> = fn(Response) -> Pin<Box<dyn Future<Output = Result<Read<T>, Error>> + Send>>;

/// The pages of a list, as a stream.
///
/// While a page is in use the next one is fetched, and no more than that: [`one_by_one`](Self::one_by_one) goes without. The stream ends after
/// the last page, by the vendor's own rule for this list: an empty page that others follow does not end it. It ends after an error too;
/// [`token`](Self::token) tells then which page is missing, and a list asked for from that token goes on where this one ended. A
/// session that dies between two pages is replaced as in any call.
///
/// It sends nothing until it is polled, and that must be in a tokio runtime.
///
/// # Cancelling
/// Dropping it gives up the page that is being fetched.
#[must_use = "a stream does nothing until it is polled"]
pub struct Pages<T> {
    operation: &'static Operation,
    read: Reader<T>,
    state: State<T>,
    ahead: bool,
    token: Option<PageToken>,
}

enum State<T> {
    /// The next page is still to be asked for.
    Idle(Box<List>),
    /// It is under way. The one task of the set is given up when the set is dropped.
    Fetching(JoinSet<Fetched<T>>),
    /// The list could not be asked for at all.
    Failed(Error),
    Ended,
}

type Fetched<T> = (Box<List>, Result<(Read<T>, Option<PageToken>), Error>);

/// What is asked, and for which page.
struct List {
    connection: Connection,
    operation: &'static Operation,
    template: Request,
    cursor: Cursor,
}

/// One page of a list.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Page<T> {
    /// The answer.
    pub value: T,
    /// The page after it; `None` after the last.
    pub next: Option<PageToken>,
}

impl Connection {
    /// The pages of a list that is asked for by this request.
    #[doc(hidden)]
    pub fn list<T: Paged>(&self, operation: &'static Operation, request: Request) -> Pages<T> {
        self.list_by(operation, request, |response| {
            Box::pin(async move {
                let value: T = response.decode()?;
                Ok(Read { rows: value.rows(), next: value.next(), value })
            })
        })
    }

    pub(super) fn list_by<T: Send + 'static>(
        &self,
        operation: &'static Operation,
        template: Request,
        read: Reader<T>,
    ) -> Pages<T> {
        match Cursor::start(operation, &template) {
            Ok(cursor) => {
                let token = cursor.token().cloned();
                let list = Box::new(List { connection: self.clone(), operation, template, cursor });
                Pages { operation, read, state: State::Idle(list), ahead: true, token }
            }
            Err(error) => Pages::failed_by(operation, error, read),
        }
    }
}

impl<T: Paged> Pages<T> {
    /// A list that could not be asked for.
    #[doc(hidden)]
    pub fn failed(operation: &'static Operation, error: Error) -> Self {
        let lost: Reader<T> = |response| Box::pin(async move { Err(Error::UnexpectedResponse(response)) });
        Self::failed_by(operation, error, lost)
    }

    /// The rows of all these pages, one after the other.
    pub fn items(self) -> Items<T> {
        Items { pages: self, rows: Vec::new().into_iter() }
    }
}

impl<T> Pages<T> {
    fn failed_by(operation: &'static Operation, error: Error, read: Reader<T>) -> Self {
        Self { operation, read, state: State::Failed(error), ahead: true, token: None }
    }

    /// Without fetching a page while the one before it is in use: for whoever may stop after a few rows, and counts each call.
    pub fn one_by_one(mut self) -> Self {
        self.ahead = false;
        self
    }

    /// From this page on.
    ///
    /// A token that is not of this list is refused by the vendor, or here where it cannot be one; the stream tells that, and also where it has
    /// begun already: make the list anew.
    pub fn from(mut self, token: PageToken) -> Self {
        let gone_to = match &mut self.state {
            State::Idle(list) => list.cursor.go_to(token.clone()),
            State::Failed(_) => return self,
            State::Fetching(_) | State::Ended => {
                Err(Error::config("the list has begun: make it anew for another page"))
            }
        };
        self.token = Some(token);
        if let Err(error) = gone_to {
            self.state = State::Failed(error);
        }
        self
    }

    /// The page that comes next: after an error, the one that could not be had. `None` for the first page, where it has no name, and after
    /// the last.
    pub fn token(&self) -> Option<&PageToken> {
        self.token.as_ref()
    }
}

impl<T: Send + 'static> Pages<T> {
    /// The next page; `None` after the last. As the method of `futures`' `TryStreamExt`, for whoever has no need of that crate.
    ///
    /// # Errors
    /// Those of the call, and `decode` if there are no rows where the spec says. The stream has ended then.
    ///
    /// # Cancelling
    /// Dropping the future loses nothing: the next one goes on waiting for the same page.
    pub async fn try_next(&mut self) -> Result<Option<Page<T>>, Error> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await.transpose()
    }

    /// Starts to fetch, on a task of its own: it goes on while the page before it is in use.
    fn fetch(&self, list: Box<List>) -> JoinSet<Fetched<T>> {
        let mut fetching = JoinSet::new();
        fetching.spawn(list.fetch(self.read).in_current_span());
        fetching
    }
}

impl List {
    async fn fetch<T>(self: Box<Self>, read: Reader<T>) -> Fetched<T> {
        let page = self.page(read).await;
        (self, page)
    }

    async fn page<T>(&self, read: Reader<T>) -> Result<(Read<T>, Option<PageToken>), Error> {
        let mut request =
            self.template.try_clone().ok_or_else(|| Error::config("the list's body cannot be sent twice"))?;
        self.cursor.write_to(&mut request)?;
        let response = self.connection.exec(self.operation, request).await?;
        let page = read(response).await?;
        let next = self.cursor.after(page.next.as_deref(), page.rows)?;
        Ok((page, next))
    }
}

impl<T: Send + 'static> Stream for Pages<T> {
    type Item = Result<Page<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.state {
                State::Fetching(fetching) => {
                    let Some(done) = ready!(fetching.poll_join_next(context)) else {
                        self.state = State::Ended;
                        continue;
                    };
                    let (mut list, page) = match done {
                        Ok(fetched) => fetched,
                        Err(lost) if lost.is_panic() => std::panic::resume_unwind(lost.into_panic()),
                        Err(_) => {
                            self.state = State::Ended;
                            let source = Arc::new(std::io::Error::other("the runtime is shutting down"));
                            return Poll::Ready(Some(Err(Error::Network { operation: self.operation.id, source })));
                        }
                    };
                    let (page, next) = match page {
                        Ok(page) => page,
                        Err(error) => {
                            self.state = State::Ended;
                            return Poll::Ready(Some(Err(error)));
                        }
                    };
                    self.token.clone_from(&next);
                    self.state = match &next {
                        None => State::Ended,
                        Some(token) => {
                            list.cursor.go_to(token.clone())?;
                            if self.ahead { State::Fetching(self.fetch(list)) } else { State::Idle(list) }
                        }
                    };
                    return Poll::Ready(Some(Ok(Page { value: page.value, next })));
                }
                State::Ended => return Poll::Ready(None),
                State::Idle(_) | State::Failed(_) => match std::mem::replace(&mut self.state, State::Ended) {
                    State::Idle(list) => self.state = State::Fetching(self.fetch(list)),
                    State::Failed(error) => return Poll::Ready(Some(Err(error))),
                    State::Fetching(_) | State::Ended => {}
                },
            }
        }
    }
}

impl<T: Send + 'static> FusedStream for Pages<T> {
    fn is_terminated(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

// The stream is never pinned to its insides.
impl<T> Unpin for Pages<T> {}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("operation", &self.operation.id)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// The rows of a list, as a stream: those of [`Pages`], which it is made by and whose rules hold.
#[must_use = "a stream does nothing until it is polled"]
pub struct Items<T: Paged> {
    pages: Pages<T>,
    rows: std::vec::IntoIter<T::Row>,
}

impl<T: Paged> Items<T> {
    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// As [`Pages::try_next`]. The stream has ended then.
    ///
    /// # Cancelling
    /// Dropping the future loses nothing.
    pub async fn try_next(&mut self) -> Result<Option<T::Row>, Error> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await.transpose()
    }

    /// As [`Pages::one_by_one`].
    pub fn one_by_one(mut self) -> Self {
        self.pages = self.pages.one_by_one();
        self
    }

    /// As [`Pages::from`].
    pub fn from(mut self, token: PageToken) -> Self {
        self.pages = self.pages.from(token);
        self
    }

    /// The page after the rows that are here already: after an error, the one that could not be had. See [`Pages::token`].
    pub fn token(&self) -> Option<&PageToken> {
        self.pages.token()
    }
}

impl<T: Paged> Stream for Items<T> {
    type Item = Result<T::Row, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(row) = self.rows.next() {
                return Poll::Ready(Some(Ok(row)));
            }
            match ready!(Pin::new(&mut self.pages).poll_next(context)) {
                Some(Ok(page)) => self.rows = page.value.into_rows().into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rows.len(), None)
    }
}

impl<T: Paged> FusedStream for Items<T> {
    fn is_terminated(&self) -> bool {
        self.rows.len() == 0 && self.pages.is_terminated()
    }
}

impl<T: Paged> Unpin for Items<T> {}

impl<T: Paged> fmt::Debug for Items<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Items").field(&self.pages).finish()
    }
}
