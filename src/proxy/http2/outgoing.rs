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

/// A body and the stream it goes on.
pub(super) struct Outgoing<B> {
    body: B,
    stream: SendStream<Bytes>,
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
        Outgoing { body, stream, patience, stalled: None, alarm: Alarm::default() }
    }

    /// Sends it to its end.
    ///
    /// # Errors
    /// As [`poll`](Outgoing::poll).
    pub async fn send(mut self) -> Result<(), Stopped<B::Error>> {
        poll_fn(|context| self.poll(context)).await
    }

    /// Sends what there is of the body, as long as there is room for it.
    ///
    /// # Errors
    /// When it has no end, which resets the stream, or nobody wants it.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Stopped<B::Error>>> {
        loop {
            if self.stream.poll_reset(context).is_ready() {
                return Poll::Ready(Err(Stopped::Stream));
            }
            ready!(self.poll_room(context))?;
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
                return Poll::Ready(self.stream.send_data(Bytes::new(), true).map_err(|_| Stopped::Stream));
            };
            let frame = frame.map_err(|error| {
                self.stream.send_reset(Reason::INTERNAL_ERROR);
                Stopped::Body(error)
            })?;
            let is_last = self.body.is_end_stream();
            let (sent, is_last) = match frame.into_data() {
                Ok(data) if data.is_empty() && !is_last => continue,
                Ok(data) => (self.stream.send_data(data, is_last), is_last),
                Err(frame) => match frame.into_trailers() {
                    Ok(trailers) => (self.stream.send_trailers(trailers), true),
                    Err(_) => continue,
                },
            };
            sent.map_err(|_| Stopped::Stream)?;
            if is_last {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Waits until the other side takes a byte at least. What is more than it takes then is kept by the connection.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Stopped<B::Error>>> {
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            match self.stream.poll_capacity(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Stopped::Stream)),
                Poll::Pending => return self.poll_stalled(context),
            }
        }
        self.stalled = None;
        Poll::Ready(Ok(()))
    }

    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Stopped<B::Error>>> {
        let Some(patience) = self.patience else { return Poll::Pending };
        let since = *self.stalled.get_or_insert_with(Instant::now);
        ready!(self.alarm.poll(context, since + patience));
        self.stream.send_reset(Reason::CANCEL);
        Poll::Ready(Err(Stopped::Stream))
    }
}
