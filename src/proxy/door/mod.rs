//! The client's side of a connection. Every request passes the door before the HTTP library sees a byte of it:
//! heads are checked strictly and as a whole ([`head`]), bodies followed to their end ([`chunks`]), and slow
//! clients are not waited for. Answers pass unread.
//!
//! A request that is refused is not simply dropped: its client is to be told why, after the answers to what it
//! sent before. The door passes a head of its own in place of the bad one, and the exchange that this begins
//! finds the [`Refusal`] in its [`Turn`]. Nothing passes after that.

mod chunks;
mod head;
mod latch;

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
use crate::settings::{Server, ServerLimits, ServerTimeouts};
use chunks::{Chunks, Followed};
use head::{Framing, Lines};

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
    limits: ServerLimits,
    timeouts: ServerTimeouts,
    stage: Stage,
    /// Heads that passed.
    heads: u64,
    /// What came and could not pass yet.
    held: Vec<u8>,
    reading: Alarm,
    writing: Alarm,
    /// Since when the client takes nothing of what is to be written, or of the connection's end.
    stalled: Option<Instant>,
}

/// What the next bytes from the client are.
#[derive(Debug)]
enum Stage {
    /// A head that is not yet whole, and when its first byte came.
    Head(Lines, Option<Instant>),
    /// So many bytes of a head that was checked.
    Checked(usize, Next),
    /// So many bytes of a body.
    Length(u64, Next),
    /// A chunked body.
    Chunked(Chunks, Next),
    /// Not known until the request has its answer.
    Answer,
    /// No longer ours to look at.
    Open,
    /// A body that is not framed rightly.
    Broken,
    /// Nothing anybody reads.
    Refused,
}

/// What comes after a message, or a part of it.
#[derive(Debug, Clone, Copy)]
enum Next {
    Body(Framing, bool),
    Head,
    Answer,
    Refused,
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
            limits: server.limits,
            timeouts: server.timeouts,
            stage: Stage::head(),
            heads: 0,
            held: Vec::new(),
            reading: Alarm::default(),
            writing: Alarm::default(),
            stalled: None,
        }
    }

    /// Lets nothing in: the client is told why without being asked what it wants.
    pub fn refuse(&mut self, refusal: Refusal) {
        self.latch.refuse(refusal);
        self.held = REFUSED.to_vec();
        self.stage = Stage::Checked(REFUSED.len(), Next::Refused);
    }

    /// Passes what may pass of the bytes that come next; says how much that was. Never passes the end of one
    /// message and the beginning of another at once, so that a refusal finds its exchange.
    fn pass(&mut self, bytes: &[u8], out: &mut ReadBufCursor<'_>) -> Result<usize, Refusal> {
        let mut used = 0;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            if used == 0 && matches!(self.stage, Stage::Head(..)) && !self.is_whole(rest)? {
                return Ok(0);
            }
            let room = rest.get(..rest.len().min(out.remaining())).unwrap_or_default();
            let passed = match &mut self.stage {
                Stage::Head(..) | Stage::Answer | Stage::Broken | Stage::Refused => 0,
                Stage::Checked(left, _) => {
                    let passed = room.len().min(*left);
                    *left -= passed;
                    passed
                }
                Stage::Length(left, _) => {
                    let passed = usize::try_from(*left).map_or(room.len(), |left| left.min(room.len()));
                    *left -= passed as u64;
                    passed
                }
                Stage::Chunked(chunks, next) => match chunks.follow(room) {
                    Followed::On => room.len(),
                    Followed::End(passed) => {
                        self.stage = Stage::after(*next);
                        passed
                    }
                    Followed::Broken(passed) => {
                        self.stage = Stage::Broken;
                        passed
                    }
                },
                Stage::Open => room.len(),
            };
            if let Stage::Checked(0, next) | Stage::Length(0, next) = self.stage {
                self.stage = Stage::after(next);
            }
            if passed == 0 {
                return Ok(used);
            }
            out.put_slice(room.get(..passed).unwrap_or_default());
            used += passed;
        }
    }

    /// Whether a whole head has come, which then may pass.
    fn is_whole(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let Stage::Head(lines, began) = &mut self.stage else { return Ok(false) };
        let Some(length) = lines.find(bytes, &self.limits)? else {
            if lines.begun() {
                began.get_or_insert_with(Instant::now);
            }
            return Ok(false);
        };
        let head = bytes.get(..length).unwrap_or_default();
        let head = head::check(head, &self.limits)?;
        self.heads += 1;
        self.stage = Stage::Checked(length, Next::Body(head.framing, head.may_switch));
        Ok(true)
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
        let bytes_max = match self.stage {
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
        match &self.stage {
            Stage::Head(_, Some(began)) => {
                ready!(self.reading.poll(context, *began + self.timeouts.request_head));
                Poll::Ready(Waited::Late)
            }
            Stage::Head(_, None) => {
                let mut due = self.latch.quiet_since() + self.timeouts.keep_alive;
                loop {
                    ready!(self.reading.poll(context, due));
                    if !self.latch.is_busy() {
                        return Poll::Ready(Waited::Idle);
                    }
                    due = Instant::now() + self.timeouts.keep_alive;
                }
            }
            Stage::Answer => {
                let switched = ready!(self.latch.poll_switched(context, self.heads));
                self.stage = if switched { Stage::Open } else { Stage::head() };
                Poll::Ready(Waited::Moved)
            }
            _ => Poll::Pending,
        }
    }

    /// Whether reading more from the client can lead to anything now.
    fn reads(&self) -> bool {
        match self.stage {
            Stage::Refused | Stage::Broken => false,
            // Up to a bound, to learn of the client's leaving.
            Stage::Answer => self.held.len() < SCRATCH_BYTES,
            _ => true,
        }
    }

    /// Whether the client may still be sending what nobody reads.
    fn is_unread(&self) -> bool {
        !matches!(self.stage, Stage::Head(..) | Stage::Answer | Stage::Open) || !self.held.is_empty()
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

impl Stage {
    fn head() -> Stage {
        Stage::Head(Lines::default(), None)
    }

    fn after(next: Next) -> Stage {
        match next {
            Next::Body(Framing::Length(0), may_switch) => Stage::after(Next::message(may_switch)),
            Next::Body(Framing::Length(length), may_switch) => {
                Stage::Length(length, Next::message(may_switch))
            }
            Next::Body(Framing::Chunked, may_switch) => {
                Stage::Chunked(Chunks::default(), Next::message(may_switch))
            }
            Next::Head => Stage::head(),
            Next::Answer => Stage::Answer,
            Next::Refused => Stage::Refused,
        }
    }
}

impl Next {
    /// What comes after a message.
    fn message(may_switch: bool) -> Next {
        if may_switch { Next::Answer } else { Next::Head }
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
            if matches!(door.stage, Stage::Open) && door.held.is_empty() {
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
            if matches!(door.stage, Stage::Broken) {
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
