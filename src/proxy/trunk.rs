//! A connection to an upstream over HTTP/2, shared by all exchanges of a worker.

use std::cell::Cell;
use std::rc::Rc;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::spawn_local;

use super::error::ProxyError;
use super::http1::Wire;
use super::lease::Lease;
use super::local::Local;
use super::preface::Begun;
use super::request_body::RequestBody;

/// The connection.
#[derive(Clone)]
pub(super) struct Trunk {
    sender: SendRequest<RequestBody>,
    /// Why it ended, for the first who asks.
    failure: Rc<Cell<Option<hyper::Error>>>,
}

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// The connection was closing, and gave the request's body back untouched.
    Unsent(RequestBody, ProxyError),
    /// Something of the request may have arrived.
    Failed(ProxyError),
}

impl Trunk {
    /// Begins HTTP/2 on a new connection.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub async fn begin(wire: Wire, lease: Lease) -> Result<Trunk, ProxyError> {
        let mut http = Builder::new(Local);
        let (sender, carried) =
            http.timer(TokioTimer::new()).handshake(TokioIo::new(Begun::unread(wire))).await?;
        let failure = Rc::default();
        let trunk = Trunk { sender, failure: Rc::clone(&failure) };
        spawn_local(async move {
            failure.set(carried.await.err());
            drop(lease);
        });
        Ok(trunk)
    }

    /// Whether nobody knows that it has ended.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request, whose URI names the host that the upstream is told, and waits for the head of the answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn send(&mut self, request: Request<RequestBody>) -> Result<Response<Incoming>, NoAnswer> {
        let mut failure = match self.sender.try_send_request(request).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        let unsent = failure.take_message();
        let error = failure.into_error();
        // What ended the connection says more than that it has ended.
        let error = self.failure.take().filter(|_| error.is_canceled()).unwrap_or(error).into();
        Err(match unsent {
            Some(request) => NoAnswer::Unsent(request.into_body(), error),
            None => NoAnswer::Failed(error),
        })
    }
}
