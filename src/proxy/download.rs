//! The body of an upstream's answer, as it comes, within the bounds on what the upstream may send and how long it
//! may take. An answer that comes in time costs no timer.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::capture::Sample;
use super::http1::AnswerBody;
use super::http2::Incoming;
use super::several::Choice;
use crate::live::endpoints::Room;

/// Why an origin broke off.
type Cause = Box<dyn StdError + Send + Sync>;

/// Where an answer's body comes from.
#[derive(Debug)]
pub(super) enum Origin {
    /// The upstream's connection.
    Http1(AnswerBody),
    /// A stream of it.
    Http2(Incoming),
}

/// An answer's body.
#[derive(Debug)]
pub(super) struct Download {
    origin: Origin,
    bounds: Bounds,
    waiting_since: Option<Instant>,
    alarm: Alarm,
    /// A body that was given up has nothing more to say.
    over: bool,
    /// Where it is recorded.
    sample: Option<Sample>,
    /// The endpoint that is busy with it.
    choice: Option<Rc<Choice>>,
    /// Its place among the requests that may be under way.
    room: Option<Room>,
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
    CutShort(Cause),
    /// Nothing came for `timeouts.body_idle`.
    Idle,
    /// The exchange took longer than `timeouts.total`.
    Late,
    /// It is over `limits.response_body_bytes`.
    TooLarge,
}

impl Download {
    /// A body without bounds.
    pub fn new(origin: Origin) -> Download {
        let bounds = Bounds { bytes_left: u64::MAX, idle_time_max: None, end: None };
        Download {
            origin,
            bounds,
            waiting_since: None,
            alarm: Alarm::default(),
            over: false,
            sample: None,
            choice: None,
            room: None,
        }
    }

    /// Holds the body to these bounds.
    ///
    /// # Errors
    /// When it says itself that it is too large.
    pub fn hold_to(&mut self, bounds: Bounds) -> Result<(), DownloadError> {
        self.bounds = bounds;
        let is_too_large = self.origin.size_hint().lower() > bounds.bytes_left;
        if is_too_large { Err(DownloadError::TooLarge) } else { Ok(()) }
    }

    /// Until its last byte has come, or it is dropped, it is a request under way: at this endpoint, and where those are bounded.
    pub fn occupy(&mut self, choice: Option<Rc<Choice>>, room: Option<Room>) {
        if !self.origin.is_end_stream() {
            (self.choice, self.room) = (choice, room);
        }
    }

    /// The upstream has no more to do with it.
    fn leave(&mut self) {
        (self.choice, self.room) = (None, None);
    }

    /// Records the body as it goes by.
    pub fn recorded_in(&mut self, sample: Sample) {
        if self.is_end_stream() {
            sample.ended();
        }
        self.sample = Some(sample);
    }

    fn record(&self, frame: Option<&Frame<Bytes>>) {
        let Some(sample) = &self.sample else { return };
        if let Some(chunk) = frame.and_then(Frame::data_ref) {
            sample.fed(chunk);
        }
        if frame.is_none() || self.origin.is_end_stream() {
            sample.ended();
        }
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

impl Origin {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        match self {
            Origin::Http1(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Origin::Http2(incoming) => Pin::new(incoming).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Origin::Http1(body) => body.is_end_stream(),
            Origin::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Origin::Http1(body) => body.size_hint(),
            Origin::Http2(incoming) => incoming.size_hint(),
        }
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
        let frame = match self.origin.poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => self.within(frame),
            Poll::Ready(Some(Err(error))) => Err(DownloadError::CutShort(error)),
            Poll::Ready(None) => {
                self.leave();
                self.record(None);
                return Poll::Ready(None);
            }
            Poll::Pending => Err(ready!(self.poll_late(context))),
        };
        if let Ok(frame) = &frame {
            self.record(Some(frame));
            if (self.choice.is_some() || self.room.is_some()) && self.origin.is_end_stream() {
                self.leave();
            }
        }
        self.over = frame.is_err();
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.over || self.origin.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.origin.size_hint()
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
            DownloadError::CutShort(error) => Some(error.as_ref()),
            DownloadError::Idle | DownloadError::Late | DownloadError::TooLarge => None,
        }
    }
}
