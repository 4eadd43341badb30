//! The answers to what a client asked on a stream.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use h2::server::SendResponse;
use http::header::{self, HeaderMap};
use http::{HeaderValue, Response, StatusCode};
use http_body::Body;

use super::super::interims::INTERIMS_MAX;
use super::outgoing::Outgoing;

/// Where they go.
#[derive(Clone)]
pub(crate) struct Responder(Rc<RefCell<Answers>>);

struct Answers {
    stream: SendResponse<Bytes>,
    /// How many interim ones may still be sent.
    interims_left: u32,
}

impl Responder {
    pub(super) fn new(stream: SendResponse<Bytes>) -> Responder {
        Responder(Rc::new(RefCell::new(Answers { stream, interims_left: INTERIMS_MAX })))
    }

    /// Sends an interim answer (RFC 9110, section 15.2), unless there were enough of them.
    pub fn interim(&self, status: StatusCode, headers: HeaderMap) {
        let Answers { stream, interims_left } = &mut *self.0.borrow_mut();
        let Some(left) = interims_left.checked_sub(1) else { return };
        *interims_left = left;
        // A client that is gone is noticed by who answers it.
        let _ = stream.send_informational(head(status, headers));
    }

    /// Waits until the client wants no answer any more.
    pub fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.borrow_mut().stream.poll_reset(context).map(drop)
    }

    /// Sends the answer that counts to its end, unless the client leaves before, or takes nothing of it for longer than
    /// `patience`. Its headers are none of the connection's.
    pub async fn answer<B>(
        self,
        status: StatusCode,
        mut headers: HeaderMap,
        body: B,
        patience: Option<Duration>,
    ) where
        B: Body<Data = Bytes> + Unpin,
    {
        let is_whole = body.is_end_stream();
        if let Some(length) = body.size_hint().exact().filter(|_| !is_whole) {
            headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
        }
        let sent = {
            let Answers { stream, interims_left } = &mut *self.0.borrow_mut();
            // A body that is first asked for now is not expected any more.
            *interims_left = 0;
            let sent = stream.send_response(head(status, headers), is_whole);
            if sent.is_err() {
                stream.send_reset(Reason::INTERNAL_ERROR);
            }
            sent
        };
        if let Ok(stream) = sent
            && !is_whole
        {
            // How it ended is on record with the body.
            let _ = Outgoing::new(body, stream, patience).send().await;
        }
    }
}

fn head(status: StatusCode, headers: HeaderMap) -> Response<()> {
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = headers;
    head
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responder")
    }
}
