//! The body of an answer as it comes from the upstream's connection, which is free again when the body is over.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::super::intake::IntakeError;
use super::super::request_body::BodyError;
use super::buffers::{Expected, split};
use super::call::Call;
use super::chunks::{Chunks, Decoded, NoChunk};
use super::framing::Framing;

/// What the upstream sends after its answer's head. Dropped before its end it closes the connection.
#[derive(Debug)]
pub(in crate::proxy) struct AnswerBody {
    /// `None` when it is over.
    call: Option<Call>,
    coming: Coming,
}

#[derive(Debug)]
enum Coming {
    Length(u64),
    Chunked(Box<Chunks>),
    Close,
}

/// Why a body has no end.
#[derive(Debug)]
pub(in crate::proxy) enum AnswerBodyError {
    /// The connection failed, or ended early.
    Connection(io::Error),
    /// It is not framed rightly.
    NoChunk,
    /// The client broke off its own body, which was still on its way.
    Request(BodyError<IntakeError>),
}

impl AnswerBody {
    /// The body that ends like this.
    pub(super) fn of(call: Call, framing: Framing) -> AnswerBody {
        let coming = match framing {
            Framing::Length(length) => Coming::Length(length),
            Framing::Chunked => Coming::Chunked(Box::default()),
            Framing::Close => Coming::Close,
        };
        let mut body = AnswerBody { call: Some(call), coming };
        if framing == Framing::Length(0) {
            body.end();
        }
        body
    }

    fn end(&mut self) {
        if let Some(call) = self.call.take() {
            call.release();
        }
    }

    /// What of it has come.
    fn decoded(&mut self) -> Result<Decoded, NoChunk> {
        let Some(call) = &mut self.call else { return Ok(Decoded::End(None)) };
        let inbound = &mut call.line.inbound;
        match &mut self.coming {
            Coming::Chunked(chunks) => chunks.decode(inbound),
            Coming::Length(_) | Coming::Close if inbound.is_empty() => Ok(Decoded::More),
            Coming::Length(left) => {
                let data = split(inbound, *left);
                *left -= data.len() as u64;
                if *left == 0 {
                    self.end();
                }
                Ok(Decoded::Data(data))
            }
            Coming::Close => Ok(Decoded::Data(split(inbound, u64::MAX))),
        }
    }

    fn expected(&self) -> Expected {
        match self.coming {
            Coming::Length(left) => Expected::Bytes(left),
            Coming::Chunked(_) | Coming::Close => Expected::Bytes(u64::MAX),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerBodyError>>> {
        loop {
            match self.decoded() {
                Ok(Decoded::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Decoded::End(trailers)) => {
                    self.end();
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Ok(Decoded::More) => {}
                Err(NoChunk) => return Poll::Ready(Some(Err(AnswerBodyError::NoChunk))),
            }
            let expected = self.expected();
            let Some(call) = &mut self.call else { return Poll::Ready(None) };
            if let Err(error) = call.poll_meanwhile(context) {
                return Poll::Ready(Some(Err(AnswerBodyError::Request(error))));
            }
            let error = match ready!(call.line.poll_read(expected, context)) {
                Ok(0) if matches!(self.coming, Coming::Close) => {
                    self.call = None;
                    return Poll::Ready(None);
                }
                Ok(0) => io::ErrorKind::UnexpectedEof.into(),
                Ok(_) => continue,
                Err(error) => error,
            };
            return Poll::Ready(Some(Err(AnswerBodyError::Connection(error))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.call.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.coming {
            _ if self.call.is_none() => SizeHint::with_exact(0),
            Coming::Length(left) => SizeHint::with_exact(left),
            Coming::Chunked(_) | Coming::Close => SizeHint::default(),
        }
    }
}

impl fmt::Display for AnswerBodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AnswerBodyError::Connection(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the connection ended before the body")
            }
            AnswerBodyError::Connection(error) => write!(f, "{error}"),
            AnswerBodyError::NoChunk => f.write_str("it is not framed rightly"),
            AnswerBodyError::Request(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for AnswerBodyError {}
