//! The body that comes on a stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::StatusCode;
use http::header::{self, HeaderMap};
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;

use super::responder::Responder;

/// A body. A stream that is reset before the body's end leaves it without one, whatever reason is given: `NO_ERROR` and
/// `CANCEL` say why the other side stopped, and not that it had said all.
#[derive(Debug)]
pub(crate) struct Incoming {
    stream: RecvStream,
    /// Bytes still to come, where they were announced.
    left: Option<u64>,
    stage: Stage,
    /// Whom to tell to go on, when the body is first asked for.
    expecting: Option<Responder>,
    /// Tells who still sends on the same stream that this is over; dropped, that nobody wanted all of it.
    meanwhile: Option<oneshot::Sender<()>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Data,
    Trailers,
    Over,
}

impl Incoming {
    /// The body behind a head with these headers.
    pub fn new(stream: RecvStream, headers: &HeaderMap) -> Incoming {
        let announced = || headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        let left = if stream.is_end_stream() { Some(0) } else { announced() };
        Incoming { stream, left, stage: Stage::Data, expecting: None, meanwhile: None }
    }

    /// The same, of a client that sends nothing before it is told to (RFC 9110, section 10.1.1).
    pub fn expected_by(mut self, responder: Responder) -> Incoming {
        self.expecting = Some(responder).filter(|_| !self.stream.is_end_stream());
        self
    }

    /// The same, behind a head that has no body, whatever it says of its length.
    pub fn without_bytes(mut self) -> Incoming {
        self.left = Some(0);
        self
    }

    /// The same, and this is told when it is over.
    pub fn telling(mut self, end: oneshot::Sender<()>) -> Incoming {
        self.meanwhile = Some(end);
        self
    }

    fn poll_data(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let data = ready!(self.stream.poll_data(context));
        if let Some(Ok(bytes)) = &data {
            // It fails only where more is given back than came.
            let _ = self.stream.flow_control().release_capacity(bytes.len());
            self.left = self.left.map(|left| left.saturating_sub(bytes.len() as u64));
        }
        Poll::Ready(data)
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(responder) = self.expecting.take() {
            responder.interim(StatusCode::CONTINUE, HeaderMap::new());
        }
        if self.stage == Stage::Data {
            match ready!(self.poll_data(context)).transpose() {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(None) => self.stage = Stage::Trailers,
                Err(error) => {
                    self.stage = Stage::Over;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        if self.stage == Stage::Over {
            return Poll::Ready(None);
        }
        let trailers = ready!(self.stream.poll_trailers(context));
        self.stage = Stage::Over;
        Poll::Ready(trailers.map(|trailers| trailers.map(Frame::trailers)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.stage == Stage::Over || self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or(SizeHint::default(), SizeHint::with_exact)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.is_end_stream()
            && let Some(end) = self.meanwhile.take()
        {
            // Who sent may have sent all.
            let _ = end.send(());
        }
    }
}
