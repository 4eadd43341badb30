//! The body of a request as it is taken in: as it comes, within the bounds on what clients may send and how long
//! they may take. A body that comes in time costs no timer.

use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::http1::ClientBody;
use super::http2::Incoming;
use super::refusal::Refusal;
use crate::settings::Server;

/// Where a request's body comes from.
#[derive(Debug, Default)]
pub(super) enum Source {
    /// There is none.
    #[default]
    Empty,
    /// The client's connection.
    Http1(ClientBody),
    /// A stream of it.
    Http2(Incoming),
}

/// A request's body.
#[derive(Debug)]
pub(super) struct Intake {
    source: Source,
    bytes_left: u64,
    idle_time_max: Duration,
    waiting_since: Option<Instant>,
    alarm: Alarm,
}

/// The end of a body before its end.
#[derive(Debug)]
pub(super) enum IntakeError {
    /// The client broke off, or what it sent is no body.
    Broken(Box<dyn StdError + Send + Sync>),
    /// The client may not go on.
    Refused(Refusal),
}

impl Intake {
    /// A body within the server's bounds.
    ///
    /// # Errors
    /// When it says itself that it is too large.
    pub fn new(source: Source, server: &Server) -> Result<Intake, Refusal> {
        let bytes_left = server.limits.request_body_bytes.unwrap_or(u64::MAX);
        if source.size_hint().lower() > bytes_left {
            return Err(Refusal::BodyTooLarge);
        }
        Ok(Intake {
            source,
            bytes_left,
            idle_time_max: server.timeouts.request_body_idle,
            waiting_since: None,
            alarm: Alarm::default(),
        })
    }
}

impl Source {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, IntakeError>>> {
        match self {
            Source::Empty => Poll::Ready(None),
            Source::Http1(body) => Pin::new(body).poll_frame(context),
            Source::Http2(incoming) => {
                Pin::new(incoming).poll_frame(context).map_err(|error| IntakeError::Broken(error.into()))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Source::Empty => true,
            Source::Http1(body) => body.is_end_stream(),
            Source::Http2(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Source::Empty => SizeHint::with_exact(0),
            Source::Http1(body) => body.size_hint(),
            Source::Http2(incoming) => incoming.size_hint(),
        }
    }
}

impl Body for Intake {
    type Data = Bytes;
    type Error = IntakeError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IntakeError>>> {
        let Poll::Ready(polled) = self.source.poll_frame(context) else {
            let due = *self.waiting_since.get_or_insert_with(Instant::now) + self.idle_time_max;
            ready!(self.alarm.poll(context, due));
            return Poll::Ready(Some(Err(IntakeError::Refused(Refusal::SlowBody))));
        };
        self.waiting_since = None;
        let Some(frame) = polled.transpose()? else { return Poll::Ready(None) };
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => return Poll::Ready(Some(Err(IntakeError::Refused(Refusal::BodyTooLarge)))),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

impl fmt::Display for IntakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntakeError::Broken(error) => write!(f, "the request's body broke off: {error}"),
            IntakeError::Refused(refusal) => f.write_str(refusal.detail()),
        }
    }
}

impl StdError for IntakeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            IntakeError::Broken(error) => Some(error.as_ref()),
            IntakeError::Refused(_) => None,
        }
    }
}
