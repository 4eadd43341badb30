//! The body of an answer on its way to the client: the upstream's as it comes, one that was held and is now let
//! go, or one of our own. Knows its exact length wherever there is one, so that `Content-Length` can be true.

use std::collections::VecDeque;
use std::mem::take;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::download::{Download, DownloadError};
use super::record::Record;
use crate::live::Share;

/// What is read of a body that nobody wants, to save its connection.
const DISCARD_BYTES_MAX: usize = 64 * 1024;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(1);

/// What is sent.
#[derive(Debug, Default)]
pub(super) enum Content {
    /// No bytes.
    #[default]
    Empty,
    /// These bytes, whole.
    Full(Bytes),
    /// The upstream's body, frame by frame.
    Streaming(Download),
    /// What was held of the upstream's body, then the rest of it.
    Held(Held),
}

/// The part of a body that came while the answer was held, and what is still to come.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// What came, in order.
    pub chunks: VecDeque<Bytes>,
    /// The trailers, when the body has ended with some.
    pub trailers: Option<Box<HeaderMap>>,
    /// The rest of the body, when it has not ended.
    pub rest: Option<Download>,
    /// What the chunks count for among all that is held.
    pub share: Share,
}

/// A [`Content`], and the record of the exchange, which is written when the body is finished or dropped.
#[derive(Debug)]
pub(super) struct Body {
    content: Content,
    /// Why the content has no end, when what came before may go out first.
    broken: Option<DownloadError>,
    record: Record,
}

impl Body {
    pub fn new(content: Content, record: Record) -> Body {
        Body { content, broken: None, record }
    }

    /// The record, of an exchange that does not end with the body.
    pub fn take_record(&mut self) -> Record {
        take(&mut self.record)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = self.content.poll(context);
        match polled {
            Poll::Ready(Some(Ok(ref frame))) => self.record.sent(frame.data_ref().map_or(0, Bytes::len)),
            // An error ends the connection at once, with all that waits to be written, be it the head. Pending,
            // the body has it written first.
            Poll::Ready(Some(Err(error))) => {
                self.record.broken_off(&error);
                self.broken = Some(error);
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.content.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if self.content.is_end() {
            self.record.complete();
        }
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Content {
        if bytes.is_empty() { Content::Empty } else { Content::Full(bytes) }
    }
}

impl Content {
    /// Lets the content go unsent. Where little of the upstream's body is left it is read to its end, so that the
    /// connection can be used again; otherwise the connection is closed.
    pub fn discard(self) {
        let rest = match self {
            Content::Streaming(rest) | Content::Held(Held { rest: Some(rest), .. }) => rest,
            Content::Empty | Content::Full(_) | Content::Held(_) => return,
        };
        if !rest.is_end_stream() {
            spawn_local(timeout(DISCARD_TIME_MAX, read_to_end(rest)));
        }
    }

    /// The next frame. A content that has ended is [`Content::Empty`] from then on.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        let polled = match self {
            Content::Empty => Poll::Ready(None),
            Content::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(take(bytes))))),
            Content::Streaming(incoming) => Pin::new(incoming).poll_frame(context),
            Content::Held(held) => held.poll(context),
        };
        if matches!(polled, Poll::Ready(None)) || matches!(self, Content::Full(_)) {
            *self = Content::Empty;
        }
        polled
    }

    fn is_end(&self) -> bool {
        match self {
            Content::Empty => true,
            Content::Full(bytes) => bytes.is_empty(),
            Content::Streaming(incoming) => incoming.is_end_stream(),
            Content::Held(held) => held.is_end(),
        }
    }

    pub fn size_hint(&self) -> SizeHint {
        match self {
            Content::Empty => SizeHint::with_exact(0),
            Content::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Streaming(incoming) => incoming.size_hint(),
            Content::Held(held) => held.size_hint(),
        }
    }
}

/// Reads and forgets, as long as it is less work than a new connection.
async fn read_to_end(mut rest: Download) {
    let mut left = DISCARD_BYTES_MAX;
    while let Some(Ok(frame)) = rest.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let Some(remaining) = left.checked_sub(bytes) else { return };
        left = remaining;
    }
}

impl Held {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        if let Some(chunk) = self.chunks.pop_front() {
            self.share.release(chunk.len());
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(context),
            None => Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(*trailers)))),
        }
    }

    fn is_end(&self) -> bool {
        self.chunks.is_empty()
            && self.trailers.is_none()
            && self.rest.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    /// Exact unless the rest is not, or trailers are to follow, which need the chunked coding.
    fn size_hint(&self) -> SizeHint {
        let held: u64 = self.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let rest = self.rest.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint);
        match rest.exact() {
            Some(rest) if self.trailers.is_none() => SizeHint::with_exact(held.saturating_add(rest)),
            _ => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn held(chunks: &[&'static str], trailers: bool) -> Content {
        let chunks = chunks.iter().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect();
        Content::Held(Held { chunks, trailers: trailers.then(Box::default), ..Held::default() })
    }

    /// Frames as text, trailers as `-`.
    #[track_caller]
    fn check(content: Content, length: Option<u64>, expected: &[&str]) {
        assert_eq!(content.size_hint().exact(), length);
        let mut body = Body::new(content, Record::default());
        let mut context = Context::from_waker(Waker::noop());
        let mut frames = Vec::new();
        while !body.is_end_stream() {
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else { break };
            let text =
                frame.into_data().map_or("-".to_owned(), |data| String::from_utf8(data.to_vec()).unwrap());
            frames.push(text);
        }
        assert_eq!(frames, expected);
        assert!(body.is_end_stream() && body.size_hint().exact() == Some(0));
        assert!(matches!(Pin::new(&mut body).poll_frame(&mut context), Poll::Ready(None)));
    }

    #[test]
    fn bodies_know_their_length_and_end() {
        check(Content::Empty, Some(0), &[]);
        check(Content::from(Bytes::new()), Some(0), &[]);
        check(Content::Full(Bytes::from_static(b"abc")), Some(3), &["abc"]);
        check(held(&[], false), Some(0), &[]);
        check(held(&["ab", "cde"], false), Some(5), &["ab", "cde"]);
    }

    #[test]
    fn trailers_need_the_chunked_coding() {
        check(held(&["ab"], true), None, &["ab", "-"]);
    }
}
