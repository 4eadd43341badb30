//! The connection of one worker to an upstream that speaks HTTP/2: opened when first needed, shared by
//! all exchanges, replaced when it has ended.

use http::{Request, Response};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Mutex;
use tokio::task::spawn_local;

use super::connect::Dialer;
use super::error::ProxyError;
use super::local::Local;
use super::request_body::RequestBody;
use crate::telemetry::meters::Links;

/// An upstream that speaks HTTP/2.
pub(super) struct H2c {
    dialer: Dialer,
    links: Arc<Links>,
    /// Held while a connection is opened, so that exchanges that come meanwhile wait for it.
    connection: Mutex<Option<Connection>>,
}

#[derive(Clone)]
struct Connection {
    sender: SendRequest<RequestBody>,
    /// Why it ended, for the first who asks.
    failure: Rc<Cell<Option<hyper::Error>>>,
}

impl H2c {
    /// The upstream that this leads to, without a connection yet.
    pub fn new(dialer: Dialer, links: Arc<Links>) -> H2c {
        H2c { dialer, links, connection: Mutex::new(None) }
    }

    /// Sends a request, made when there is a connection, whose URI names the host that the upstream is told, and waits for the head of the answer.
    /// A request that a closing connection gave back unsent goes on a new one.
    ///
    /// # Errors
    /// When there is no connection, or no answer on it.
    pub async fn send(
        &self,
        request: impl FnOnce() -> Result<Request<RequestBody>, ProxyError>,
    ) -> Result<Response<Incoming>, ProxyError> {
        let mut connection = self.connection().await?;
        let unsent = match connection.sender.try_send_request(request()?).await {
            Ok(answer) => return Ok(answer),
            Err(mut failure) => match failure.take_message() {
                Some(request) => request,
                None => return Err(failure.into_error().into()),
            },
        };
        let mut connection = self.connection().await?;
        let answer = connection.sender.send_request(unsent).await;
        // What ended the connection says more than that it has ended.
        answer.map_err(|error| {
            connection.failure.take().filter(|_| error.is_canceled()).unwrap_or(error).into()
        })
    }

    async fn connection(&self) -> Result<Connection, ProxyError> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = connection.as_ref().filter(|open| !open.sender.is_closed()) {
            return Ok(open.clone());
        }
        let stream = TokioIo::new(self.dialer.connect().await?);
        let (sender, carried) = Builder::new(Local).timer(TokioTimer::new()).handshake(stream).await?;
        let failure = Rc::default();
        let opened = Connection { sender, failure: Rc::clone(&failure) };
        let link = self.links.open();
        spawn_local(async move {
            failure.set(carried.await.err());
            drop(link);
        });
        *connection = Some(opened.clone());
        Ok(opened)
    }
}
