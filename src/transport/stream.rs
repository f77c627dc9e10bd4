//! An answer that comes in pieces.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::future::{Either, select};
use futures_util::stream;

use crate::error::Error;
use crate::session::InHand;
use crate::session::clock::Clock;
use crate::table::Operation;

/// An answer that comes in pieces, such as a PDF. While it is kept, the call counts as under way and its session as in use.
///
/// Each piece may take as long as one try may ([`Policy::attempt`](crate::client::Policy::attempt)); the whole may take longer.
///
/// # Errors
/// `network` if the connection breaks, `timeout` if a piece takes too long; the stream has ended then.
pub struct ByteStream {
    operation: &'static Operation,
    pieces: Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>,
    session: Option<InHand>,
}

impl ByteStream {
    /// The body of an answer whose head is there. `held` is let go when its end has come.
    pub(super) fn of(
        operation: &'static Operation,
        answer: reqwest::Response,
        clock: Arc<dyn Clock>,
        limit: Duration,
        held: impl Send + 'static,
    ) -> Self {
        let pieces = stream::unfold(Some((answer, held)), move |state| {
            let clock = clock.clone();
            async move {
                let (mut answer, held) = state?;
                let piece = match select(clock.limit(limit), pin!(answer.chunk())).await {
                    Either::Left(_) => Err(Error::Timeout { operation: operation.id, what: "the next piece", limit }),
                    Either::Right((piece, _)) => piece.map_err(|error| Error::Network {
                        operation: operation.id,
                        source: Arc::new(error.without_url()),
                    }),
                };
                match piece.transpose()? {
                    Ok(piece) => Some((Ok(piece), Some((answer, held)))),
                    Err(error) => Some((Err(error), None)),
                }
            }
        });
        Self { operation, pieces: Box::pin(pieces), session: None }
    }

    /// Holds the session that it came in, as long as it is kept.
    pub(super) fn hold(&mut self, session: InHand) {
        self.session = Some(session);
    }

    /// A body that is there already.
    pub(crate) fn whole(operation: &'static Operation, body: Bytes) -> Self {
        Self { operation, pieces: Box::pin(stream::iter([Ok(body)])), session: None }
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.as_mut().poll_next(context)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteStream({})", self.operation.id)
    }
}
