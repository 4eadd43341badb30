//! The body of an upstream's answer, as it comes, within the bounds on what the upstream may send and how long it
//! may take. An answer that comes in time costs no timer.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::alarm::Alarm;

/// An answer's body.
#[derive(Debug)]
pub(super) struct Download {
    incoming: Incoming,
    bounds: Bounds,
    waiting_since: Option<Instant>,
    alarm: Alarm,
    /// A body that was given up has nothing more to say.
    over: bool,
}

/// What an answer's body is held to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes that may still come.
    pub bytes_left: u64,
    /// Between two pieces.
    pub idle_time_max: Option<Duration>,
    /// When it has to be over.
    pub end: Option<Instant>,
}

/// The end of a body before its end.
#[derive(Debug)]
pub(super) enum DownloadError {
    /// The upstream broke off, or what it sent is no body.
    CutShort(hyper::Error),
    /// Nothing came for `timeouts.body_idle`.
    Idle,
    /// The exchange took longer than `timeouts.total`.
    Late,
    /// It is over `limits.response_body_bytes`.
    TooLarge,
}

impl Download {
    /// A body within these bounds.
    ///
    /// # Errors
    /// When it says itself that it is too large.
    pub fn new(incoming: Incoming, bounds: Bounds) -> Result<Download, DownloadError> {
        if incoming.size_hint().lower() > bounds.bytes_left {
            return Err(DownloadError::TooLarge);
        }
        Ok(Download { incoming, bounds, waiting_since: None, alarm: Alarm::default(), over: false })
    }

    /// Nothing has come. Waits for as long as the bounds allow.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<DownloadError> {
        let idle = self.bounds.idle_time_max.map(|time| {
            let due = *self.waiting_since.get_or_insert_with(Instant::now) + time;
            (due, DownloadError::Idle)
        });
        let end = self.bounds.end.map(|end| (end, DownloadError::Late));
        let first = idle.into_iter().chain(end).min_by_key(|(due, _)| *due);
        let Some((due, error)) = first else { return Poll::Pending };
        ready!(self.alarm.poll(context, due));
        Poll::Ready(error)
    }

    /// Counts what came.
    fn within(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, DownloadError> {
        self.waiting_since = None;
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        self.bounds.bytes_left = self.bounds.bytes_left.checked_sub(bytes).ok_or(DownloadError::TooLarge)?;
        Ok(frame)
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let frame = match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => self.within(frame),
            Poll::Ready(Some(Err(error))) => Err(DownloadError::CutShort(error)),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => Err(ready!(self.poll_late(context))),
        };
        self.over = frame.is_err();
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl fmt::Display for DownloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DownloadError::CutShort(error) => write!(f, "the upstream's answer broke off: {error}"),
            DownloadError::Idle => f.write_str("the upstream's answer stood still for too long"),
            DownloadError::Late => f.write_str("the upstream's answer took too long"),
            DownloadError::TooLarge => f.write_str("the upstream's answer is too large"),
        }
    }
}

impl StdError for DownloadError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            DownloadError::CutShort(error) => Some(error),
            DownloadError::Idle | DownloadError::Late | DownloadError::TooLarge => None,
        }
    }
}
