//! A connection to an upstream that remembers where the conversation stands: how many requests went out on it, and
//! whether anything has come back since the last one. That tells a kept-alive connection that the upstream closed
//! just as the next request set out, which is nobody's fault, from one that broke in the middle of an answer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use http::Extensions;
use hyper_util::client::legacy::Error as ClientError;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::util::MapResponse;

use super::pace::Paced;

/// Makes [`Wire`]s.
pub(super) type Connector = MapResponse<HttpConnector, fn(TokioIo<TcpStream>) -> TokioIo<Wire>>;

/// A connector whose connections are watched.
pub(super) fn connector(connector: HttpConnector) -> Connector {
    MapResponse::new(connector, |stream| TokioIo::new(Wire::new(Paced::new(stream.into_inner()))))
}

/// Whether the error is that of a connection which had carried an exchange before, and on which nothing at all
/// came back for this request.
pub(super) fn was_lost(error: &ClientError) -> bool {
    let mut extras = Extensions::new();
    if let Some(connected) = error.connect_info() {
        connected.get_extras(&mut extras);
    }
    extras.get::<Conversation>().is_some_and(Conversation::broke_off_between_turns)
}

/// The connection.
pub(super) struct Wire {
    stream: Paced,
    conversation: Conversation,
}

/// Whose turn it is, seen from both ends of the connection pool. Shared between the tasks of one thread, so that
/// its parts need no order among each other.
#[derive(Debug, Clone, Default)]
struct Conversation(Arc<Turns>);

#[derive(Debug, Default)]
struct Turns {
    requests: AtomicU32,
    unanswered: AtomicBool,
}

impl Wire {
    fn new(stream: Paced) -> Wire {
        Wire { stream, conversation: Conversation::default() }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut Paced> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Conversation {
    /// Bytes go out. They begin a request when something has come back since the last ones.
    fn asked(&self) {
        if !self.0.unanswered.load(Relaxed) {
            self.0.unanswered.store(true, Relaxed);
            self.0.requests.store(self.0.requests.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Bytes have come back.
    fn answered(&self) {
        self.0.unanswered.store(false, Relaxed);
    }

    fn broke_off_between_turns(&self) -> bool {
        self.0.unanswered.load(Relaxed) && self.0.requests.load(Relaxed) > 1
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new().extra(self.conversation.clone())
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.as_mut().stream().poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.conversation.answered();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.conversation.asked();
        self.stream().poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.conversation.asked();
        self.stream().poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_silence_after_an_earlier_exchange_is_a_break_between_turns() {
        let check = |turns: &str, expected: bool| {
            let conversation = Conversation::default();
            for turn in turns.chars() {
                match turn {
                    '>' => conversation.asked(),
                    _ => conversation.answered(),
                }
            }
            assert_eq!(conversation.broke_off_between_turns(), expected, "{turns}");
        };
        check("", false);
        check(">", false);
        check(">>", false);
        check("><", false);
        check("><<>", true);
        check("><>>", true);
        check("><><", false);
    }
}
