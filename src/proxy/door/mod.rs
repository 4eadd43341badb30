//! The client's side of a connection. Every request passes the door before the HTTP library sees a byte of it:
//! heads are checked strictly and as a whole, bodies followed to their end ([`passage`]), and slow clients are not
//! waited for. Answers pass unread.
//!
//! A request that is refused is not simply dropped: its client is to be told why, after the answers to what it
//! sent before. The door passes a head of its own in place of the bad one, and the exchange that this begins
//! finds the [`Refusal`] in its [`Turn`]. Nothing passes after that.

mod chunks;
mod head;
mod latch;
mod passage;

use std::io::{self, IoSlice};
use std::mem::{MaybeUninit, take};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::time::Instant;

pub(super) use latch::{Latch, Turn};

use super::alarm::Alarm;
use super::refusal::Refusal;
use crate::settings::{Server, ServerTimeouts};
use passage::{Passage, Stage};

/// Read at once from the client. On the stack, so that an idle connection holds none of it.
const SCRATCH_BYTES: usize = 16 << 10;

/// Capacity that is kept for a connection's next head.
const KEPT_BYTES: usize = 2 << 10;

/// How long a client whose request was not read to its end may take to read the answer. Closing at once would
/// reset the connection, and the answer could be lost with it (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// What passes in place of a refused head. What it asks for does not matter.
const REFUSED: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\n\r\n";

/// A client's connection as the HTTP library may see it.
#[derive(Debug)]
pub(super) struct Door<I> {
    io: I,
    latch: Arc<Latch>,
    timeouts: ServerTimeouts,
    passage: Passage,
    /// What came and could not pass yet.
    held: Vec<u8>,
    /// When the first byte of a head came that is not yet whole.
    head_began: Option<Instant>,
    reading: Alarm,
    writing: Alarm,
    /// Since when the client takes nothing of what is to be written, or of the connection's end.
    stalled: Option<Instant>,
}

/// What becomes of a read that has nothing to pass.
enum Waited {
    /// Further bytes may pass now.
    Moved,
    /// The connection has been idle for too long.
    Idle,
    /// The head is late.
    Late,
}

impl<I: Read + Write + Unpin> Door<I> {
    /// The door of a connection. Call it inside a runtime.
    pub fn new(io: I, latch: Arc<Latch>, server: &Server) -> Door<I> {
        Door {
            io,
            latch,
            timeouts: server.timeouts,
            passage: Passage::new(server.limits),
            held: Vec::new(),
            head_began: None,
            reading: Alarm::default(),
            writing: Alarm::default(),
            stalled: None,
        }
    }

    /// Lets nothing in: the client is told why without being asked what it wants.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.latch.refuse(refusal);
        self.held = REFUSED.to_vec();
        self.passage.last(REFUSED.len());
    }

    /// Passes what may pass of the bytes that come next; says how much that was.
    fn pass(&mut self, bytes: &[u8], out: &mut ReadBufCursor<'_>) -> Result<usize, Refusal> {
        let passed = self.passage.pass(bytes, out.remaining())?;
        out.put_slice(bytes.get(..passed).unwrap_or_default());
        match self.passage.stage() {
            Stage::Head(lines) if lines.begun() => drop(self.head_began.get_or_insert_with(Instant::now)),
            _ => self.head_began = None,
        }
        Ok(passed)
    }

    /// Passes what was held, if that is anything.
    fn pass_held(&mut self, out: &mut ReadBufCursor<'_>) -> Result<usize, Refusal> {
        if self.held.is_empty() {
            return Ok(0);
        }
        let held = take(&mut self.held);
        let used = self.pass(&held, out)?;
        self.held = held;
        self.held.drain(..used);
        if self.held.is_empty() && self.held.capacity() > KEPT_BYTES {
            self.held = Vec::new();
        }
        Ok(used)
    }

    /// Reads what there is and passes what may pass. `None` at the end of what the client sends.
    fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        out: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<Result<Option<usize>, Refusal>>> {
        let mut scratch = [MaybeUninit::uninit(); SCRATCH_BYTES];
        // In a body, no more is read than can pass.
        let bytes_max = match self.passage.stage() {
            Stage::Length(..) | Stage::Chunked(..) => out.remaining().min(SCRATCH_BYTES),
            _ => SCRATCH_BYTES,
        };
        let mut buffer = ReadBuf::uninit(scratch.get_mut(..bytes_max).unwrap_or_default());
        ready!(Pin::new(&mut self.io).poll_read(context, buffer.unfilled()))?;
        let bytes = buffer.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(Ok(None)));
        }
        if !self.held.is_empty() {
            self.held.extend_from_slice(bytes);
            return Poll::Ready(Ok(self.pass_held(out).map(Some)));
        }
        let passed = self.pass(bytes, out);
        if let Ok(used) = passed {
            self.held.extend_from_slice(bytes.get(used..).unwrap_or_default());
        }
        Poll::Ready(Ok(passed.map(Some)))
    }

    /// Nothing can be read. Waits for as long as the stage allows.
    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<Waited> {
        match (self.passage.stage(), self.head_began) {
            (Stage::Head(_), Some(began)) => {
                ready!(self.reading.poll(context, began + self.timeouts.request_head));
                Poll::Ready(Waited::Late)
            }
            (Stage::Head(_), None) => {
                let mut due = self.latch.quiet_since() + self.timeouts.keep_alive;
                loop {
                    ready!(self.reading.poll(context, due));
                    // An answer that the client is still taking is not over, though its exchange is.
                    if !self.latch.is_busy() && self.stalled.is_none() {
                        return Poll::Ready(Waited::Idle);
                    }
                    due = Instant::now() + self.timeouts.keep_alive;
                }
            }
            (Stage::Answer, _) => {
                let switched = ready!(self.latch.poll_switched(context, self.passage.heads));
                self.passage.answered(switched);
                Poll::Ready(Waited::Moved)
            }
            _ => Poll::Pending,
        }
    }

    /// Whether reading more from the client can lead to anything now.
    fn reads(&self) -> bool {
        match self.passage.stage() {
            Stage::Refused | Stage::Broken => false,
            // Up to a bound, to learn of the client's leaving.
            Stage::Answer => self.held.len() < SCRATCH_BYTES,
            _ => true,
        }
    }

    /// Whether the client may still be sending what nobody reads.
    fn is_unread(&self) -> bool {
        !matches!(self.passage.stage(), Stage::Head(_) | Stage::Answer | Stage::Open) || !self.held.is_empty()
    }

    /// Gives up a write that has been waiting for the client for too long.
    fn stalled<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        ready!(self.writing.poll(context, since + self.timeouts.answer_idle));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<I: Read + Write + Unpin> Read for Door<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let door = &mut *self;
        loop {
            if matches!(door.passage.stage(), Stage::Open) && door.held.is_empty() {
                return Pin::new(&mut door.io).poll_read(context, out);
            }
            match door.pass_held(&mut out) {
                Ok(0) => {}
                Ok(_) => return Poll::Ready(Ok(())),
                Err(refusal) => {
                    door.refuse(refusal);
                    continue;
                }
            }
            if matches!(door.passage.stage(), Stage::Broken) {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            let filled = if door.reads() { door.poll_fill(context, &mut out)? } else { Poll::Pending };
            match filled {
                Poll::Ready(Ok(Some(0))) => {}
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(refusal)) => door.refuse(refusal),
                Poll::Pending => match ready!(door.poll_wait(context)) {
                    Waited::Moved => {}
                    Waited::Idle => return Poll::Ready(Ok(())),
                    Waited::Late => door.refuse(Refusal::SlowHead),
                },
            }
        }
    }
}

impl<I: Read + Write + Unpin> Write for Door<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.stalled(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.stalled(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    /// Closes the way to the client, then reads what it still sends, for a while.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_shutdown(context))?;
        if !self.is_unread() {
            return Poll::Ready(Ok(()));
        }
        let door = &mut *self;
        let since = *door.stalled.get_or_insert_with(Instant::now);
        let mut scratch = [MaybeUninit::uninit(); SCRATCH_BYTES];
        loop {
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut door.io).poll_read(context, buffer.unfilled()) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return door.writing.poll(context, since + LINGER).map(Ok),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::advance;

    use super::*;

    /// A client that neither sends nor takes anything.
    struct Stone;

    impl Read for Stone {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl Write for Stone {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A door that waits five seconds for requests and eight for an answer to be taken.
    fn door() -> Door<Stone> {
        let mut server = Server::default();
        server.timeouts.keep_alive = Duration::from_secs(5);
        server.timeouts.answer_idle = Duration::from_secs(8);
        Door::new(Stone, Latch::new(), &server)
    }

    /// Whether the door says that the client has nothing more to send.
    async fn is_closed(door: &mut Door<Stone>) -> bool {
        let read = poll_fn(|context| {
            let mut room = [0; 64];
            let mut buffer = ReadBuf::new(&mut room);
            Poll::Ready(Pin::new(&mut *door).poll_read(context, buffer.unfilled()))
        });
        matches!(read.await, Poll::Ready(Ok(())))
    }

    async fn write(door: &mut Door<Stone>) -> Poll<io::Result<usize>> {
        poll_fn(|context| Poll::Ready(Pin::new(&mut *door).poll_write(context, b"answer"))).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_door_closes_when_nothing_goes_on() {
        let mut door = door();
        let turn = door.latch.begin();
        advance(Duration::from_secs(6)).await;
        assert!(!is_closed(&mut door).await, "an exchange is under way");
        drop(turn);
        advance(Duration::from_secs(4)).await;
        assert!(!is_closed(&mut door).await, "it is over for less than five seconds");
        advance(Duration::from_secs(2)).await;
        assert!(is_closed(&mut door).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_still_being_taken_keeps_it_open() {
        let mut door = door();
        drop(door.latch.begin());
        assert!(write(&mut door).await.is_pending());
        advance(Duration::from_secs(6)).await;
        assert!(!is_closed(&mut door).await);
        assert!(write(&mut door).await.is_pending());
        advance(Duration::from_secs(3)).await;
        let Poll::Ready(Err(error)) = write(&mut door).await else { panic!("it is not taken") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
