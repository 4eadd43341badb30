//! A connection to an upstream over HTTP/2, shared by all exchanges of a worker.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use tokio::select;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use super::super::error::ProxyError;
use super::super::http1::{CallError, Wire, ends_with_head};
use super::super::interims::Interims;
use super::super::lease::Lease;
use super::super::preface::Begun;
use super::super::request_body::RequestBody;
use super::incoming::Incoming;
use super::outgoing::{Outgoing, Stopped};

/// Bytes of an answer that may come before they are read.
const STREAM_WINDOW: u32 = 512 * 1024;
/// The same of all answers together: without a bound, so that none that is read slowly stands in the way of others.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The connection.
#[derive(Clone)]
pub(in crate::proxy) struct Trunk(SendRequest<Bytes>);

/// Why there is no answer.
pub(in crate::proxy) enum NoAnswer {
    /// The connection was closing, and the request's body is untouched.
    Unsent(RequestBody, ProxyError),
    /// Something of the request may have arrived.
    Failed(ProxyError),
}

impl Trunk {
    /// Begins HTTP/2 on a new connection, for answers with heads of so many bytes at most.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub async fn begin(wire: Wire, lease: Lease, head_bytes_max: usize) -> Result<Trunk, ProxyError> {
        let mut http = Builder::new();
        http.enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(head_bytes_max).unwrap_or(u32::MAX));
        let (sender, carried) = http.handshake(Begun::unread(wire)).await?;
        spawn_local(async move {
            // Every exchange on it is told why it ended.
            let _ = carried.await;
            drop(lease);
        });
        Ok(Trunk(sender))
    }

    /// Whether nobody knows that it has ended, or takes no more requests.
    pub fn is_open(&mut self) -> bool {
        // Nobody waits: a sender that has sent nothing is ready, or will not be.
        matches!(self.0.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(())))
    }

    /// Sends a request, whose URI names the host that the upstream is told, and waits for the head of the answer.
    /// Interim ones go to the client. When the answer is over, what is left of the request goes on for as long as the
    /// upstream takes some of it within `patience`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn send(
        self,
        request: Request<RequestBody>,
        client: Option<Interims<'_>>,
        patience: Duration,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let (mut head, body) = request.into_parts();
        let method = head.method.clone();
        let is_whole = body.is_end_stream();
        let says_length = !matches!(method, Method::GET | Method::HEAD | Method::DELETE | Method::CONNECT);
        if let Some(length) = body.size_hint().exact().filter(|length| *length > 0 || says_length) {
            head.headers.entry(header::CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
        }
        let mut sender = match self.0.ready().await {
            Ok(sender) => sender,
            Err(error) => return Err(NoAnswer::Unsent(body, error.into())),
        };
        let (mut answer, stream) = match sender.send_request(Request::from_parts(head, ()), is_whole) {
            Ok(sent) => sent,
            Err(error) => return Err(NoAnswer::Unsent(body, error.into())),
        };
        drop(sender);
        let mut upload = (!is_whole).then(|| Outgoing::new(body, stream, None));
        let answer = poll_fn(|context| {
            if let Some(sending) = &mut upload
                && let Poll::Ready(sent) = sending.poll(context)
            {
                // An upstream that wants no more of it may have answered.
                upload = None;
                if let Err(Stopped::Body(error)) = sent {
                    return Poll::Ready(Err(CallError::Body(error).into()));
                }
            }
            while let Poll::Ready(Some(Ok(interim))) = answer.poll_informational(context) {
                let (interim, ()) = interim.into_parts();
                // The body is sent as it comes, and HTTP/2 knows no other protocols.
                let is_for_us =
                    matches!(interim.status, StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS);
                if let Some(client) = client.filter(|_| !is_for_us) {
                    client.pass_on(interim.status, interim.headers);
                }
            }
            Pin::new(&mut answer).poll(context).map_err(ProxyError::from)
        });
        let (head, body) = answer.await.map_err(NoAnswer::Failed)?.into_parts();
        let mut body = Incoming::new(body, &head.headers);
        if ends_with_head(&method, head.status) {
            body = body.without_bytes();
        }
        if let Some(rest) = upload {
            let (end, ended) = oneshot::channel();
            body = body.telling(end);
            spawn_local(go_on(rest, ended, patience));
        }
        Ok(Response::from_parts(head, body))
    }
}

/// Sends the rest of a request while its answer comes, and behind it. An answer that nobody reads to its end needs no
/// more of the request.
async fn go_on(mut rest: Outgoing<RequestBody>, ended: oneshot::Receiver<()>, patience: Duration) {
    let ended = select! {
        _ = rest.send() => return,
        ended = ended => ended,
    };
    if ended.is_ok() {
        rest.be_patient(patience);
        // Why it stopped is of no use to anybody any more.
        let _ = rest.send().await;
    }
}
