//! Calls of Candor's own, over HTTP/1.1: those of its tools to a sidecar, and of the thread that sends spans to a
//! collector. They are few, so one connection at a time is kept. What exchanges are carried over is in `proxy/`.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::Service as _;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// How long a connection without a request is worth a try: beyond that, what is between may have forgotten it.
const IDLE_TIME_MAX: Duration = Duration::from_secs(90);

/// Why there is no answer, or no more of it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Who calls.
#[derive(Default)]
pub struct Client {
    tls: Option<TlsConnector>,
    /// The last connection.
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    whom: Uri,
    sender: SendRequest<Full<Bytes>>,
    asked: Instant,
}

/// What comes back.
#[derive(Debug)]
pub struct Answer(Response<Incoming>);

/// A connection, as it is or within TLS.
trait Wire: AsyncRead + AsyncWrite + Send {}

impl<W: AsyncRead + AsyncWrite + Send> Wire for W {}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// One that speaks TLS where a URL says `https`.
    pub fn with_tls(config: Arc<ClientConfig>) -> Client {
        Client { tls: Some(config.into()), kept: Mutex::default() }
    }

    /// The answer to a request with a whole URL, as soon as its head is there. No redirect is followed. The next
    /// request to the same place waits until this answer has been read, or let go of.
    ///
    /// # Errors
    /// When none comes.
    pub async fn ask(&self, request: Request<Bytes>) -> Result<Answer, Failure> {
        let (mut head, body) = request.into_parts();
        let host = head.uri.authority().ok_or("the URL has no host")?;
        let host = host.as_str().rsplit_once('@').map_or(host.as_str(), |(_, host)| host);
        head.headers.insert(HOST, HeaderValue::from_str(host)?);
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        let whom = std::mem::replace(&mut head.uri, path);
        let mut request = Request::from_parts(head, Full::new(body));

        if let Some(mut sender) = self.kept(&whom).await {
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok(self.answered(whom, sender, answer)),
                // It has ended in the meantime, and nothing has been sent.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(failed.into_error().into()),
                },
            }
        }
        let mut sender = self.connected(&whom).await?;
        let answer = sender.send_request(request).await?;
        Ok(self.answered(whom, sender, answer))
    }

    /// The connection that is kept, if it leads there and can be used.
    async fn kept(&self, whom: &Uri) -> Option<SendRequest<Full<Bytes>>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut kept = kept.filter(|kept| kept.asked.elapsed() < IDLE_TIME_MAX)?;
        let leads_there = (kept.whom.scheme(), kept.whom.authority()) == (whom.scheme(), whom.authority());
        (leads_there && kept.sender.ready().await.is_ok()).then_some(kept.sender)
    }

    fn answered(&self, whom: Uri, sender: SendRequest<Full<Bytes>>, answer: Response<Incoming>) -> Answer {
        let kept = Kept { whom, sender, asked: Instant::now() };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Answer(answer)
    }

    async fn connected(&self, whom: &Uri) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let stream = TowerToHyperService::new(connector).call(whom.clone()).await?.into_inner();
        let wire: Box<dyn Wire + Unpin> = if whom.scheme() == Some(&Scheme::HTTPS) {
            let tls = self.tls.as_ref().ok_or("TLS is not spoken here")?;
            let host = whom.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            Box::new(tls.connect(ServerName::try_from(host.to_owned())?, stream).await?)
        } else {
            Box::new(stream)
        };
        let (sender, connection) = handshake(TokioIo::new(wire)).await?;
        // How it ends is told to who waits for an answer on it.
        tokio::spawn(async { _ = connection.await });
        Ok(sender)
    }
}

impl Answer {
    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Its head and its body.
    pub fn into_inner(self) -> Response<Incoming> {
        self.0
    }

    /// What comes next of its body.
    ///
    /// # Errors
    /// When it broke off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.0.body_mut().frame().await {
            if let Ok(piece) = frame?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Its whole body.
    ///
    /// # Errors
    /// When it broke off.
    pub async fn bytes(self) -> Result<Bytes, Failure> {
        Ok(self.0.into_body().collect().await?.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn answer(stream: &mut TcpStream) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        String::from_utf8(head).unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_kept_and_replaced_when_it_has_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut first, _) = listener.accept().await.unwrap();
            let heads = [answer(&mut first).await, answer(&mut first).await];
            drop(first);
            answer(&mut listener.accept().await.unwrap().0).await;
            heads
        });
        let client = Client::default();
        for _ in 0..3 {
            let request = Request::get(format!("http://user@{address}/a?b=c")).body(Bytes::new()).unwrap();
            assert_eq!(client.ask(request).await.unwrap().bytes().await.unwrap(), "ok");
        }
        let head = format!("GET /a?b=c HTTP/1.1\r\nhost: {address}\r\n\r\n");
        assert_eq!(server.await.unwrap(), [head.clone(), head]);
    }
}
