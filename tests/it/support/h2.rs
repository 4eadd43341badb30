//! Both ends of HTTP/2 without TLS: a client that sees streams as they are, and a backend that does what a test says.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::select;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking, spawn_local};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::PATIENCE;

/// Runs a test's client on a thread of its own that is given up when nothing comes of it.
pub fn block_on<T>(test: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
    runtime.block_on(async { timeout(PATIENCE, test).await.expect("an end in time") })
}

/// A connection to the sidecar.
pub struct Client {
    /// The way to new streams.
    pub sender: SendRequest<Bytes>,
    /// The connection's end: how it ended.
    pub ended: JoinHandle<Result<(), h2::Error>>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Answered {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// What followed.
    pub trailers: Option<HeaderMap>,
}

impl Client {
    /// Connects by prior knowledge. Call it inside [`block_on`].
    pub async fn connect(address: SocketAddr) -> Client {
        Client::over(TcpStream::connect(address).await.unwrap()).await
    }

    /// The same on a connection that stands.
    pub async fn over(stream: TcpStream) -> Client {
        let (sender, connection) = h2::client::handshake(stream).await.unwrap();
        Client { sender, ended: spawn_local(connection) }
    }

    /// Opens a stream.
    pub async fn open(&self, request: Request<()>, ends: bool) -> (ResponseFuture, SendStream<Bytes>) {
        let mut sender = self.sender.clone().ready().await.unwrap();
        sender.send_request(request, ends).unwrap()
    }

    /// A whole exchange without a request body.
    pub async fn exchange(&self, request: Request<()>) -> Answered {
        let (answer, _) = self.open(request, true).await;
        Answered::read(answer).await.unwrap()
    }
}

impl Answered {
    /// Reads an answer to its end.
    pub async fn read(answer: ResponseFuture) -> Result<Answered, h2::Error> {
        let (head, mut stream) = answer.await?.into_parts();
        let (body, trailers) = read(&mut stream).await?;
        Ok(Answered { status: head.status, headers: head.headers, body, trailers })
    }

    /// The value of a header, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// Reads a body and what follows it.
pub async fn read(stream: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk?;
        stream.flow_control().release_capacity(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok((body, stream.trailers().await?))
}

/// Why a body ends of which the client takes no more than it has granted.
pub async fn given_up(stream: &mut RecvStream) -> Option<Reason> {
    loop {
        if let Err(error) = stream.data().await.expect("more than is taken") {
            return error.reason();
        }
    }
}

/// A request to `http://sidecar.test` and this path.
pub fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://sidecar.test{path}")).body(()).unwrap()
}

/// A backend that speaks HTTP/2. It is there until the test's process ends.
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    received: Mutex<Receiver<(usize, Parts)>>,
}

/// What a script does with the connection once a stream has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// More streams may come.
    KeepOpen,
    /// No more streams, said by GOAWAY.
    GoAway,
}

impl Upstream {
    /// A backend that runs the script for every stream.
    pub fn scripted<F>(
        script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + 'static,
    ) -> Upstream
    where
        F: Future<Output = After> + 'static,
    {
        Upstream::within(None, script)
    }

    /// The same, within TLS if there is any.
    pub fn within<F>(
        tls: Option<TlsAcceptor>,
        script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + 'static,
    ) -> Upstream
    where
        F: Future<Output = After> + 'static,
    {
        Upstream::start(tls, h2::server::Builder::new(), script)
    }

    /// A backend that grants what this says, and runs the script for every stream.
    pub fn granting<F>(
        grants: h2::server::Builder,
        script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + 'static,
    ) -> Upstream
    where
        F: Future<Output = After> + 'static,
    {
        Upstream::start(None, grants, script)
    }

    fn start<F>(
        tls: Option<TlsAcceptor>,
        grants: h2::server::Builder,
        script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + 'static,
    ) -> Upstream
    where
        F: Future<Output = After> + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = channel();
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                for number in 0.. {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (script, sender) = (script.clone(), sender.clone());
                    let (tls, grants) = (tls.clone(), grants.clone());
                    spawn_local(async move {
                        match tls {
                            Some(tls) => {
                                let stream = tls.accept(stream).await.unwrap();
                                serve(number, stream, grants, script, sender).await
                            }
                            None => serve(number, stream, grants, script, sender).await,
                        }
                    });
                }
            });
        });
        Upstream { address, received: Mutex::new(received) }
    }

    /// A backend that answers every request with this body and these headers.
    pub fn answering(headers: &'static [(&'static str, &'static str)], body: &'static str) -> Upstream {
        Upstream::scripted(move |request, mut answer| async move {
            drop(request);
            let mut response = Response::builder();
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            let mut stream = answer.send_response(response.body(()).unwrap(), false).unwrap();
            stream.send_data(body.into(), true).unwrap();
            After::KeepOpen
        })
    }

    /// The next request and the number of its connection, in the order they came.
    pub fn received(&self) -> (usize, Parts) {
        self.received.lock().unwrap().recv_timeout(PATIENCE).expect("a request in time")
    }
}

async fn serve<F>(
    number: usize,
    stream: impl AsyncRead + AsyncWrite + Unpin,
    grants: h2::server::Builder,
    script: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F,
    sender: Sender<(usize, Parts)>,
) where
    F: Future<Output = After> + 'static,
{
    // A connection that fails is the sidecar's to tell about.
    let Ok(mut connection) = grants.handshake::<_, Bytes>(stream).await else { return };
    let mut running = JoinSet::new();
    loop {
        select! {
            accepted = connection.accept() => {
                let Some(Ok((request, answer))) = accepted else { return };
                let (head, body) = request.into_parts();
                let _ = sender.send((number, head.clone()));
                running.spawn_local(script(Request::from_parts(head, body), answer));
            }
            Some(Ok(After::GoAway)) = running.join_next() => connection.graceful_shutdown(),
        }
    }
}

/// Waits for something that blocks, without holding the runtime up.
pub async fn elsewhere<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(wait).await.unwrap()
}
