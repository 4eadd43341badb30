//! A client's connection: what came and is not yet used, what waits to be written, and where the conversation
//! stands. Knows HTTP/1.1 and time, and nothing of upstreams or rules.

use std::io;
use std::mem::{replace, take};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use tokio::io::AsyncWrite as _;
use tokio::time::Instant;

use super::super::alarm::Alarm;
use super::super::gateway::Spelling;
use super::super::intake::IntakeError;
use super::super::interims::INTERIMS_MAX;
use super::super::refusal::Refusal;
use super::buffers::{Buffers, Expected, split};
use super::chunks::{Chunks, Decoded, NoChunk};
use super::framing::Framing;
use super::outbound::Outbound;
use super::request::{self, Head, Lines};
use super::wire::Wire;
use crate::live::Snapshot;
use crate::settings::{ServerLimits, ServerTimeouts};

/// What may wait behind a request that has no answer yet. It is read to learn of the client's leaving.
const AHEAD_MAX: usize = 16 << 10;

/// What a connection is held to. A connection that waits for its next request keeps no more of a configuration.
#[derive(Debug)]
pub(in crate::proxy) struct Terms {
    timeouts: ServerTimeouts,
    limits: ServerLimits,
    /// Whether somebody wants to know how the request was spelled.
    keeps_spelling: bool,
}

/// A connection that speaks HTTP/1.1.
pub(in crate::proxy) struct Session {
    wire: Wire,
    buffers: Rc<Buffers>,
    terms: Rc<Terms>,
    /// Came, and is not used yet.
    inbound: BytesMut,
    /// What waits to be written.
    pub(super) out: Outbound,
    lines: Lines,
    /// Room for a head.
    spare: Option<Box<Head>>,
    /// When the first byte of a head came that is not yet whole.
    head_began: Option<Instant>,
    body: Incoming,
    /// Whether the client waits for `100 Continue`.
    expects: bool,
    /// How many interim answers may still be sent.
    interims_left: u32,
    /// Wakes the connection when the request's body is over or left.
    body_over: Option<Waker>,
    /// When nothing has been under way since.
    quiet_since: Instant,
    waiting: Alarm,
    writing: Alarm,
    /// Since when the client takes nothing of what is to be written.
    stalled: Option<Instant>,
}

/// The body of the request under way.
#[derive(Debug)]
enum Incoming {
    /// There is none, or it is over.
    Over,
    /// So many bytes are left.
    Length(u64),
    /// It comes in chunks.
    Chunked(Box<Chunks>),
    /// Nobody reads what is left of it.
    Left,
}

/// What a client does next.
pub(super) enum Next {
    /// It asks for something.
    Request(Box<Head>),
    /// What it sends is not fit to be carried.
    Refused(Refusal),
    /// Nothing: the connection is over.
    End,
}

impl Terms {
    /// Those of a configuration.
    pub fn new(snapshot: &Snapshot) -> Terms {
        let server = &snapshot.settings.server;
        let keeps_spelling = snapshot.deployment.is_some();
        Terms { timeouts: server.timeouts, limits: server.limits, keeps_spelling }
    }
}

impl Session {
    /// A connection of which these bytes were read already. Call it inside a runtime.
    pub fn new(wire: Wire, inbound: BytesMut, buffers: Rc<Buffers>, terms: Rc<Terms>) -> Session {
        Session {
            wire,
            out: Outbound::new(Rc::clone(&buffers)),
            buffers,
            terms,
            inbound,
            lines: Lines::default(),
            spare: None,
            head_began: None,
            body: Incoming::Over,
            expects: false,
            interims_left: 0,
            body_over: None,
            quiet_since: Instant::now(),
            waiting: Alarm::default(),
            writing: Alarm::default(),
            stalled: None,
        }
    }

    /// The connection and what came on it unused, for another protocol.
    pub fn into_parts(self) -> (Wire, Bytes) {
        (self.wire, self.inbound.freeze())
    }

    /// The connection is held to these from now on.
    pub(super) fn agree(&mut self, terms: &Rc<Terms>) {
        if !Rc::ptr_eq(&self.terms, terms) {
            self.terms = Rc::clone(terms);
        }
    }

    fn poll_read(&mut self, expected: Expected, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffers.poll_receive(&mut self.inbound, &mut self.wire, expected, context)
    }

    /// The next request. Its client is waited for as long as the server's timeouts say.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        loop {
            match self.head() {
                Ok(Some(head)) => return Poll::Ready(Next::Request(head)),
                Ok(None) => {}
                Err(refusal) => return Poll::Ready(self.refused(refusal)),
            }
            match self.poll_read(Expected::Some, context) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::End),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return self.poll_late(context),
            }
        }
    }

    /// Whether a request has begun to come.
    pub fn has_begun(&self) -> bool {
        self.head_began.is_some()
    }

    /// The head that stands at the front of what came, if it is whole. Its body has then begun.
    fn head(&mut self) -> Result<Option<Box<Head>>, Refusal> {
        if self.inbound.is_empty() {
            return Ok(None);
        }
        let limits = &self.terms.limits;
        let Some(length) = self.lines.find(&self.inbound, limits)? else {
            if self.lines.begun() {
                self.head_began.get_or_insert_with(Instant::now);
            }
            return Ok(None);
        };
        let bytes = self.inbound.split_to(length).freeze();
        let mut head = self.spare.take().unwrap_or_else(Head::empty);
        *head.request.headers_mut() = self.buffers.take_headers();
        request::read(&bytes, &mut head, limits)?;
        if self.terms.keeps_spelling {
            head.request.extensions_mut().insert(Spelling(bytes));
        }
        self.lines = Lines::default();
        self.head_began = None;
        self.body = match head.framing {
            Framing::Length(0) | Framing::Close => Incoming::Over,
            Framing::Length(length) => Incoming::Length(length),
            Framing::Chunked => Incoming::Chunked(Box::default()),
        };
        self.expects = head.expects && !self.is_body_over();
        self.interims_left = if head.request.version() == http::Version::HTTP_11 { INTERIMS_MAX } else { 0 };
        Ok(Some(head))
    }

    /// Takes back the room of a head that is used up.
    pub(super) fn reuse(&mut self, mut head: Box<Head>) {
        self.buffers.give_headers(take(head.request.headers_mut()));
        self.spare = Some(head);
    }

    /// Nothing comes. Waits for as long as the stage allows.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        let timeouts = &self.terms.timeouts;
        match self.head_began {
            Some(began) => {
                ready!(self.waiting.poll(context, began + timeouts.request_head));
                Poll::Ready(self.refused(Refusal::SlowHead))
            }
            None => {
                ready!(self.waiting.poll(context, self.quiet_since + timeouts.keep_alive));
                Poll::Ready(Next::End)
            }
        }
    }

    /// Nothing behind this is read.
    fn refused(&mut self, refusal: Refusal) -> Next {
        self.body = Incoming::Left;
        Next::Refused(refusal)
    }

    /// The next part of the request's body. The client is told to go on where it waits for that.
    pub fn poll_body(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, IntakeError>>> {
        if replace(&mut self.expects, false) && self.interims_left > 0 {
            self.out.interim(StatusCode::CONTINUE, &HeaderMap::new());
        }
        // What cannot be written now is, before the answer.
        if !self.out.is_empty()
            && let Poll::Ready(Err(error)) = self.poll_write(context)
        {
            return Poll::Ready(Some(Err(IntakeError::Broken(error.into()))));
        }
        loop {
            match self.decoded() {
                Ok(Decoded::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Decoded::End(trailers)) => {
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Ok(Decoded::More) => {}
                Err(NoChunk) => {
                    self.leave_body();
                    let refusal = Refusal::Malformed("the request's body is not framed rightly");
                    return Poll::Ready(Some(Err(IntakeError::Refused(refusal))));
                }
            }
            let error = match ready!(self.poll_read(self.expected(), context)) {
                Ok(0) => io::ErrorKind::UnexpectedEof.into(),
                Ok(_) => continue,
                Err(error) => error,
            };
            self.leave_body();
            return Poll::Ready(Some(Err(IntakeError::Broken(error.into()))));
        }
    }

    /// What of the body has come.
    fn decoded(&mut self) -> Result<Decoded, NoChunk> {
        match &mut self.body {
            Incoming::Over => Ok(Decoded::End(None)),
            Incoming::Left => Err(NoChunk),
            Incoming::Length(_) if self.inbound.is_empty() => Ok(Decoded::More),
            Incoming::Length(left) => {
                let data = split(&mut self.inbound, *left);
                *left -= data.len() as u64;
                if *left == 0 {
                    self.end_body(Incoming::Over);
                }
                Ok(Decoded::Data(data))
            }
            Incoming::Chunked(chunks) => {
                let decoded = chunks.decode(&mut self.inbound)?;
                if matches!(decoded, Decoded::End(_)) {
                    self.end_body(Incoming::Over);
                }
                Ok(decoded)
            }
        }
    }

    fn expected(&self) -> Expected {
        self.body_left().map_or(Expected::Some, Expected::Bytes)
    }

    fn end_body(&mut self, end: Incoming) {
        self.body = end;
        if let Some(waker) = self.body_over.take() {
            waker.wake();
        }
    }

    /// Whether nothing of the request is still to come.
    pub fn is_body_over(&self) -> bool {
        matches!(self.body, Incoming::Over)
    }

    /// Whether what is left of the request will never be read.
    pub fn is_body_left(&self) -> bool {
        matches!(self.body, Incoming::Left)
    }

    /// How much of the body is still to come, where that is known.
    pub fn body_left(&self) -> Option<u64> {
        match self.body {
            Incoming::Over => Some(0),
            Incoming::Length(left) => Some(left),
            Incoming::Chunked(_) | Incoming::Left => None,
        }
    }

    /// Nobody reads on. What has come of the body is skipped, which is often all of it.
    pub fn leave_body(&mut self) {
        while let Ok(Decoded::Data(_)) = self.decoded() {}
        if !self.is_body_over() {
            self.end_body(Incoming::Left);
        }
    }

    /// Waits until the request's body is over or left; says whether it is over.
    pub fn poll_body_over(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        match self.body {
            Incoming::Over => Poll::Ready(true),
            Incoming::Left => Poll::Ready(false),
            Incoming::Length(_) | Incoming::Chunked(_) => {
                self.body_over = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Ready when the client is gone: it has closed the connection, or its half of it, with nothing asked for
    /// besides the request under way.
    pub fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !ready!(self.poll_body_over(context)) {
            // Nothing is read any more, be it of the connection's end.
            return Poll::Pending;
        }
        while self.inbound.len() < AHEAD_MAX {
            match ready!(self.poll_read(Expected::Some, context)) {
                Ok(0) if !self.inbound.is_empty() => return Poll::Pending,
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
        Poll::Pending
    }

    /// Passes on an interim answer, unless the client knows none or has enough of them.
    pub fn interim(&mut self, status: StatusCode, headers: &HeaderMap) {
        if let Some(left) = self.interims_left.checked_sub(1) {
            self.interims_left = left;
            self.out.interim(status, headers);
            // It goes out now or with what follows it; an error is found then, too.
            let _ = self.out.poll_write(&mut self.wire, &mut Context::from_waker(Waker::noop()));
        }
    }

    /// The answer that counts begins.
    pub fn end_interim(&mut self) {
        self.interims_left = 0;
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// Also when the client takes nothing for `server.timeouts.answer_idle`.
    pub fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let before = self.out.waiting();
        let written = self.out.poll_write(&mut self.wire, context);
        if written.is_ready() || self.out.waiting() != before {
            self.stalled = None;
        }
        if written.is_ready() {
            return written;
        }
        let since = *self.stalled.get_or_insert_with(Instant::now);
        ready!(self.writing.poll(context, since + self.terms.timeouts.answer_idle));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// An exchange is over, and its connection waits for the next.
    pub fn rest(&mut self) {
        self.quiet_since = Instant::now();
    }

    /// Closes the way to the client.
    pub fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }

    /// Says within TLS that this is the end, if it can be said at once: a client need not wonder what was cut. Without
    /// TLS the end of the connection says so.
    pub fn part(&mut self) {
        if let Wire::Tls(stream) = &mut self.wire {
            // There may be nobody who hears it.
            let _ = Pin::new(stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
    }

    /// Reads and forgets, until the client has closed its side.
    pub fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            self.inbound.clear();
            match ready!(self.poll_read(Expected::Some, context)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }

    /// Whether the client may still be sending what nobody reads.
    pub fn is_unread(&self) -> bool {
        !self.is_body_over() || !self.inbound.is_empty()
    }
}
