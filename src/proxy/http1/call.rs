//! One exchange on a connection to an upstream. The request goes out while the answer is waited for, and goes on
//! while the answer comes: an upstream may answer before it has heard all.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{Method, StatusCode, Version};
use http_body::Body as _;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::super::alarm::Alarm;
use super::super::headers;
use super::super::intake::IntakeError;
use super::super::interims::Interims;
use super::super::request_body::{BodyError, RequestBody};
use super::super::upstream::RequestHead;
use super::answer::{self, End, Head, NoHead};
use super::answer_body::AnswerBody;
use super::buffers::Expected;
use super::framing::{Framing, ends_with_head};
use super::line::Line;
use super::pool::Pool;
use super::wire::Wire;
use crate::proxy::error::UpstreamFault;
use crate::proxy::lease::Lease;

/// How long an upstream may be silent before the body is sent unasked: many have never heard of `Expect`.
const SILENCE_TIME_MAX: Duration = Duration::from_secs(1);

/// The exchange.
#[derive(Debug)]
pub(in crate::proxy) struct Call {
    pub(super) line: Box<Line>,
    pool: Rc<Pool>,
}

/// Where a line's exchange stands.
#[derive(Debug, Default)]
pub(super) struct Errand {
    method: Method,
    /// What is left of the request's body; `None` when there is nothing more to send.
    upload: Option<RequestBody>,
    /// While the upstream has not asked for the body: when it is sent unasked.
    unasked: Option<Box<Unasked>>,
    end: End,
    head_bytes_max: usize,
    /// Whether anything has come back.
    heard: bool,
    /// Whether the connection can be used again.
    keep_alive: bool,
    /// Why nothing more can be sent.
    deaf: Option<io::Error>,
}

#[derive(Debug)]
struct Unasked {
    due: Instant,
    alarm: Alarm,
}

/// An upstream's answer.
#[derive(Debug)]
pub(in crate::proxy) struct Answer<B> {
    pub status: StatusCode,
    pub version: Version,
    /// The reason phrase, where it is not the status's usual one.
    pub phrase: Option<Bytes>,
    pub headers: HeaderMap,
    pub body: B,
}

/// A connection that speaks HTTP no longer, and what came on it already.
#[derive(Debug)]
pub(in crate::proxy) struct Switched {
    pub stream: Wire,
    pub lease: Lease,
    pub first: Bytes,
}

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::proxy) enum CallError {
    /// The request's own body broke off.
    Body(BodyError<IntakeError>),
    /// What the upstream did, and what the system says about it.
    Upstream(UpstreamFault, Option<io::Error>),
}

impl From<NoHead> for UpstreamFault {
    fn from(no_head: NoHead) -> UpstreamFault {
        match no_head {
            NoHead::NotHttp => UpstreamFault::NotHttp,
            NoHead::TooLarge => UpstreamFault::HeadTooLarge,
        }
    }
}

impl<B> Answer<B> {
    /// The same with another body.
    pub fn map<C>(self, change: impl FnOnce(B) -> C) -> Answer<C> {
        let Answer { status, version, phrase, headers, body } = self;
        Answer { status, version, phrase, headers, body: change(body) }
    }
}

impl From<UpstreamFault> for CallError {
    fn from(fault: UpstreamFault) -> CallError {
        CallError::Upstream(fault, None)
    }
}

impl Call {
    /// Begins to send the request, whose path goes under the base path.
    pub fn begin(
        mut line: Box<Line>,
        pool: &Rc<Pool>,
        head: RequestHead<'_>,
        body: RequestBody,
        base_path: &str,
        head_bytes_max: usize,
    ) -> Call {
        let framing = match body.size_hint().exact() {
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        };
        let upload = Some(body).filter(|body| !body.is_end_stream());
        let asks = |expect: &http::HeaderValue| expect.as_bytes().eq_ignore_ascii_case(b"100-continue");
        let waits = upload.is_some()
            && head.version >= Version::HTTP_11
            && head.headers.get(header::EXPECT).is_some_and(asks);
        let unasked = || Unasked { due: Instant::now() + SILENCE_TIME_MAX, alarm: Alarm::default() };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        line.out.request(head.method, [base_path, path], head.headers, head.trace, framing);
        line.errand = Errand {
            method: head.method.clone(),
            upload,
            unasked: waits.then(|| Box::new(unasked())),
            head_bytes_max,
            keep_alive: true,
            ..Errand::default()
        };
        Call { line, pool: Rc::clone(pool) }
    }

    /// Waits for the head of the answer. Interim ones go to the client. An upstream that agrees to speak another
    /// protocol gives up its connection in place of a body.
    ///
    /// # Errors
    /// When there is none.
    pub async fn answer(
        mut self,
        client: Option<Interims<'_>>,
    ) -> Result<Result<Answer<AnswerBody>, Answer<Switched>>, CallError> {
        let head = poll_fn(|context| self.poll_head(client, context)).await?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            let Head { status, version, phrase, headers, .. } = head;
            let Line { wire, lease, inbound, .. } = *self.line;
            let body = Switched { stream: wire, lease, first: inbound.freeze() };
            return Ok(Err(Answer { status, version, phrase, headers, body }));
        }
        Ok(Ok(self.answered(head)?))
    }

    fn poll_head(
        &mut self,
        client: Option<Interims<'_>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Head, CallError>> {
        loop {
            self.poll_upload(context).map_err(CallError::Body)?;
            while let Some(head) = self.head()? {
                match head.status {
                    StatusCode::CONTINUE => self.line.errand.unasked = None,
                    StatusCode::SWITCHING_PROTOCOLS => return Poll::Ready(Ok(head)),
                    status if status.is_informational() => {
                        client.inspect(|client| client.pass_on(status, head.headers));
                    }
                    _ => return Poll::Ready(Ok(head)),
                }
                // The body may be wanted now.
                self.poll_upload(context).map_err(CallError::Body)?;
            }
            match ready!(self.line.poll_read(Expected::Some, context)) {
                Ok(0) => return Poll::Ready(Err(self.broken(None))),
                Ok(_) => self.line.errand.heard = true,
                Err(error) => return Poll::Ready(Err(self.broken(Some(error)))),
            }
        }
    }

    fn head(&mut self) -> Result<Option<Head>, CallError> {
        if self.line.inbound.is_empty() {
            return Ok(None);
        }
        let Line { inbound, errand, buffers, .. } = &mut *self.line;
        answer::take(inbound, &mut errand.end, errand.head_bytes_max, || buffers.take_headers())
            .map_err(|no_head| UpstreamFault::from(no_head).into())
    }

    /// The connection ended before the head did.
    fn broken(&mut self, error: Option<io::Error>) -> CallError {
        let fault = match answer::begins(&self.line.inbound) {
            _ if self.line.used && !self.line.errand.heard => UpstreamFault::Lost,
            Err(no_head) => no_head.into(),
            Ok(()) => UpstreamFault::Closed,
        };
        CallError::Upstream(fault, error.or(self.line.errand.deaf.take()))
    }

    /// Sends what can be sent now. An upstream that takes no more may still have answered.
    fn poll_upload(&mut self, context: &mut Context<'_>) -> Result<(), BodyError<IntakeError>> {
        loop {
            let waits = self.gather(context)?;
            match self.line.poll_write(context) {
                Poll::Ready(Ok(())) if !waits && self.line.errand.upload.is_some() => {}
                Poll::Ready(Ok(())) | Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => {
                    self.line.errand.deaf = Some(error);
                    self.line.errand.upload = None;
                    self.line.errand.keep_alive = false;
                    self.line.out.clear();
                    return Ok(());
                }
            }
        }
    }

    /// Takes as much of the request's body as there is room for; says whether more has to be waited for.
    fn gather(&mut self, context: &mut Context<'_>) -> Result<bool, BodyError<IntakeError>> {
        if let Some(unasked) = &mut self.line.errand.unasked {
            if unasked.alarm.poll(context, unasked.due).is_pending() {
                return Ok(true);
            }
            self.line.errand.unasked = None;
        }
        while let Some(body) = &mut self.line.errand.upload
            && self.line.out.has_room()
        {
            let fits = match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(Some(frame)) => self.line.out.frame_of_body(frame?),
                Poll::Ready(None) => {
                    self.line.errand.upload = None;
                    self.line.out.end_of_body()
                }
                Poll::Pending => return Ok(true),
            };
            // It cannot be otherwise: the client's own framing was followed to its end.
            self.line.errand.keep_alive &= fits.is_ok();
            if self.line.errand.upload.as_ref().is_some_and(RequestBody::is_end_stream) {
                self.line.errand.upload = None;
                self.line.errand.keep_alive &= self.line.out.end_of_body().is_ok();
            }
        }
        Ok(false)
    }

    /// Goes on sending while the answer comes.
    ///
    /// # Errors
    /// When the request's body breaks off.
    pub(super) fn poll_meanwhile(&mut self, context: &mut Context<'_>) -> Result<(), BodyError<IntakeError>> {
        if self.line.errand.upload.is_some() || !self.line.out.is_empty() {
            self.poll_upload(context)
        } else {
            Ok(())
        }
    }

    /// The answer, whose body is still to come on this connection. A body that the upstream did not ask for is not
    /// sent any more.
    fn answered(mut self, head: Head) -> Result<Answer<AnswerBody>, UpstreamFault> {
        let Head { version, status, phrase, mut headers, keep_alive } = head;
        let framing = headers::framing(&mut headers)?;
        if framing == Framing::Chunked && version == Version::HTTP_10 {
            return Err(UpstreamFault::NotHttp);
        }
        if self.line.errand.unasked.take().is_some() {
            self.line.errand.upload = None;
            self.line.errand.keep_alive = false;
        }
        self.line.errand.keep_alive &= keep_alive;
        let framing =
            if ends_with_head(&self.line.errand.method, status) { Framing::Length(0) } else { framing };
        Ok(Answer { status, version, phrase, headers, body: AnswerBody::of(self, framing) })
    }

    /// The answer is over. Its connection is kept where nothing stands against it, when all of the request is sent.
    pub(super) fn release(self) {
        if !self.line.errand.keep_alive || !self.line.inbound.is_empty() {
            return;
        }
        if self.line.errand.upload.is_some() || !self.line.out.is_empty() {
            spawn_local(self.finish());
            return;
        }
        let Call { mut line, pool } = self;
        line.used = true;
        pool.put(line);
    }

    /// Sends what is left of the request.
    async fn finish(mut self) {
        let sent = poll_fn(|context| match self.poll_upload(context) {
            Ok(()) if self.line.errand.upload.is_some() || !self.line.out.is_empty() => Poll::Pending,
            result => Poll::Ready(result),
        });
        if sent.await.is_ok() {
            self.release();
        }
    }
}
