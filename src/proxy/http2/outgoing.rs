//! The body that goes on a stream, as fast as the other side takes it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body;
use tokio::time::Instant;

use super::super::alarm::Alarm;
use super::super::headers::strip_answer;

/// A body and the stream it goes on.
pub(super) struct Outgoing<B> {
    body: B,
    stream: SendStream<Bytes>,
    /// What has come of the body and has no room yet.
    waiting: Bytes,
    /// For how long the other side may take nothing.
    patience: Option<Duration>,
    stalled: Option<Instant>,
    alarm: Alarm,
}

/// Why a body was not sent to its end.
#[derive(Debug)]
pub(super) enum Stopped<E> {
    /// It has none.
    Body(E),
    /// The other side takes no more of it.
    Stream,
}

impl<B: Body<Data = Bytes> + Unpin> Outgoing<B> {
    pub fn new(body: B, stream: SendStream<Bytes>, patience: Option<Duration>) -> Outgoing<B> {
        let (waiting, alarm) = (Bytes::new(), Alarm::default());
        Outgoing { body, stream, waiting, patience, stalled: None, alarm }
    }

    /// From now on the other side may take nothing for so long.
    pub fn be_patient(&mut self, patience: Duration) {
        (self.patience, self.stalled) = (Some(patience), None);
    }

    /// Sends it to its end.
    ///
    /// # Errors
    /// As [`poll`](Outgoing::poll).
    pub async fn send(&mut self) -> Result<(), Stopped<B::Error>> {
        poll_fn(|context| self.poll(context)).await
    }

    /// Sends what there is of the body, as long as there is room for it. What has no room stays here: handed over to
    /// the connection it would be out of reach of patience.
    ///
    /// # Errors
    /// When it has no end, which resets the stream, or nobody wants it.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Stopped<B::Error>>> {
        loop {
            if self.stream.poll_reset(context).is_ready() {
                return Poll::Ready(Err(Stopped::Stream));
            }
            let room = ready!(self.poll_room(context))?;
            let is_last = if self.waiting.is_empty() {
                ready!(self.poll_body(context))?
            } else {
                self.hand_over(room)?
            };
            if is_last {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Hands over what there is room for; says whether it was the last of the body.
    fn hand_over(&mut self, room: usize) -> Result<bool, Stopped<B::Error>> {
        let data = self.waiting.split_to(room.min(self.waiting.len()));
        let is_last = self.waiting.is_empty() && self.body.is_end_stream();
        self.stream.send_data(data, is_last).map_err(|_| Stopped::Stream)?;
        Ok(is_last)
    }

    /// Takes the next piece of the body; says whether the stream has ended with it.
    fn poll_body(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, Stopped<B::Error>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
            let ended = self.stream.send_data(Bytes::new(), true);
            return Poll::Ready(ended.map(|()| true).map_err(|_| Stopped::Stream));
        };
        let frame = frame.map_err(|error| {
            self.stream.send_reset(Reason::INTERNAL_ERROR);
            Stopped::Body(error)
        })?;
        let ended = match frame.into_data() {
            Ok(data) => {
                self.waiting = data;
                return Poll::Ready(Ok(false));
            }
            Err(frame) => {
                let Ok(mut trailers) = frame.into_trailers() else { return Poll::Ready(Ok(false)) };
                // HTTP/1.1 lets fields of the connection stand there, too.
                strip_answer(&mut trailers);
                self.stream.send_trailers(trailers)
            }
        };
        Poll::Ready(ended.map(|()| true).map_err(|_| Stopped::Stream))
    }

    /// Waits until the other side takes a byte at least; says how many it takes.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<usize, Stopped<B::Error>>> {
        self.stream.reserve_capacity(self.waiting.len().max(1));
        while self.stream.capacity() == 0 {
            match self.stream.poll_capacity(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Stopped::Stream)),
                Poll::Pending => return self.poll_stalled(context).map(Err),
            }
        }
        self.stalled = None;
        Poll::Ready(Ok(self.stream.capacity()))
    }

    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<Stopped<B::Error>> {
        let Some(patience) = self.patience else { return Poll::Pending };
        let since = *self.stalled.get_or_insert_with(Instant::now);
        ready!(self.alarm.poll(context, since + patience));
        self.stream.send_reset(Reason::CANCEL);
        Poll::Ready(Stopped::Stream)
    }
}
