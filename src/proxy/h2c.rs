//! The connection of one worker to an upstream that speaks HTTP/2 without TLS: opened when first needed, shared by
//! all exchanges, replaced when it has ended.

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use tokio::sync::Mutex;
use tokio::task::spawn_local;
use tracing::debug;

use super::connect::connect;
use super::error::ProxyError;
use super::local::Local;
use super::upload::Upload;

/// An upstream that speaks HTTP/2.
pub(super) struct H2c {
    connector: HttpConnector,
    /// Its scheme and authority.
    place: Uri,
    /// Held while a connection is opened, so that exchanges that come meanwhile wait for it.
    connection: Mutex<Option<SendRequest<Upload>>>,
}

impl H2c {
    /// The upstream at this place, without a connection yet.
    pub fn new(connector: HttpConnector, place: Uri) -> H2c {
        H2c { connector, place, connection: Mutex::new(None) }
    }

    /// Sends the request, whose URI names the host that the upstream is told, and waits for the head of the answer.
    /// A request that a closing connection gave back unsent goes on a new one.
    ///
    /// # Errors
    /// When there is no connection, or no answer on it.
    pub async fn send(&self, request: Request<Upload>) -> Result<Response<Incoming>, ProxyError> {
        let unsent = match self.connection().await?.try_send_request(request).await {
            Ok(answer) => return Ok(answer),
            Err(mut failure) => match failure.take_message() {
                Some(request) => request,
                None => return Err(failure.into_error().into()),
            },
        };
        Ok(self.connection().await?.send_request(unsent).await?)
    }

    async fn connection(&self) -> Result<SendRequest<Upload>, ProxyError> {
        let mut connection = self.connection.lock().await;
        if let Some(open) = connection.as_ref().filter(|open| !open.is_closed()) {
            return Ok(open.clone());
        }
        let stream = connect(&self.connector, &self.place).await?;
        let (sender, carried) = Builder::new(Local).timer(TokioTimer::new()).handshake(stream).await?;
        spawn_local(async {
            if let Err(error) = carried.await {
                debug!(%error, "an HTTP/2 connection to an upstream ended");
            }
        });
        *connection = Some(sender.clone());
        Ok(sender)
    }
}
