//! The listener for Envoy, and the threads that serve its connections. Envoy opens one for each of its workers, all
//! equally busy, so they are handed out in turn.

use std::convert::Infallible;
use std::fs;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, available_parallelism};

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::rt::{Executor, Read, Write};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::timeout;
use tokio::{join, select};
use tracing::{debug, warn};

use super::stream::Outbound;
use crate::live::{Readiness, Snapshot};
use crate::settings::ExtProcListen;
use crate::telemetry::meters::{Meter, Meters};

const PATH: &str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
/// Exchanges at a time on one connection; Envoy opens another for more.
const STREAMS_MAX: u32 = 4096;
/// What a stream may send before it is read: a head and the pieces of a body that Envoy reads at a time.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// Where Envoy connects to.
#[derive(Debug)]
pub enum Listener {
    /// An address.
    Tcp(std::net::TcpListener),
    /// A socket in the file system, removed in the end.
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

/// A connection of Envoy's.
#[derive(Debug)]
enum Connection {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Listener {
    /// Takes the place that the settings name. A socket that nobody listens on any more is replaced.
    ///
    /// # Errors
    /// When it cannot be had.
    pub fn bind(listen: &ExtProcListen) -> io::Result<Listener> {
        match listen {
            ExtProcListen::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address).map_err(named(address))?;
                listener.set_nonblocking(true)?;
                Ok(Listener::Tcp(listener))
            }
            ExtProcListen::Unix(path) => {
                remove_stale(path)?;
                let listener =
                    std::os::unix::net::UnixListener::bind(path).map_err(named(&path.display()))?;
                listener.set_nonblocking(true)?;
                Ok(Listener::Unix(listener, path.clone()))
            }
        }
    }

    /// Where it listens, for the log.
    pub fn address(&self) -> String {
        match self {
            Listener::Tcp(listener) => {
                listener.local_addr().map(|address: SocketAddr| address.to_string()).unwrap_or_default()
            }
            Listener::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }
}

fn named(what: &impl std::fmt::Display) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("cannot listen on `{what}` for Envoy: {error}"))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Serves until `shutdown` completes, then takes no more connections, and finishes exchanges within `drain.timeout`.
/// While `readiness` says draining, Envoy is told to open no more streams on a connection that has had one.
///
/// # Errors
/// When the listener or a thread cannot be started.
pub async fn run(
    listener: Listener,
    snapshot: Arc<Snapshot>,
    meters: Meters,
    readiness: Readiness,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut workers = Workers::start(&snapshot, &meters, &readiness).await?;
    let mut shutdown = pin!(shutdown);
    match listener {
        Listener::Tcp(listener) => {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            loop {
                select! {
                    () = &mut shutdown => break,
                    accepted = listener.accept() => workers.take(accepted.and_then(|(stream, _)| {
                        stream.set_nodelay(true)?;
                        stream.into_std().map(Connection::Tcp)
                    })),
                }
            }
        }
        Listener::Unix(listener, path) => {
            let listener = tokio::net::UnixListener::from_std(listener)?;
            loop {
                select! {
                    () = &mut shutdown => break,
                    accepted = listener.accept() => {
                        workers.take(accepted.and_then(|(stream, _)| stream.into_std().map(Connection::Unix)));
                    }
                }
            }
            // Somebody may have removed it before.
            let _ = fs::remove_file(path);
        }
    }
    workers.drain().await;
    Ok(())
}

/// What one thread needs to serve exchanges.
#[derive(Clone)]
pub(super) struct Worker {
    pub snapshot: Arc<Snapshot>,
    pub meter: Rc<Meter>,
    readiness: Readiness,
}

/// The threads, and whose turn it is.
struct Workers {
    all: Vec<(mpsc::UnboundedSender<Connection>, oneshot::Receiver<()>)>,
    turn: usize,
}

impl Workers {
    async fn start(snapshot: &Arc<Snapshot>, meters: &Meters, readiness: &Readiness) -> io::Result<Workers> {
        let available = || available_parallelism().map_or(1, Into::into);
        let count = snapshot.settings.server.workers.unwrap_or_else(available);
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            let (connections, arrivals) = mpsc::unbounded_channel();
            let (name, snapshot) = (format!("ext-proc-{index}"), Arc::clone(snapshot));
            let ended = start(name, snapshot, meters.clone(), readiness.clone(), arrivals).await?;
            all.push((connections, ended));
        }
        Ok(Workers { all, turn: 0 })
    }

    fn take(&mut self, accepted: io::Result<Connection>) {
        let connection = match accepted {
            Ok(connection) => connection,
            Err(error) => return warn!(%error, "a connection of Envoy's could not be accepted"),
        };
        self.turn = (self.turn + 1) % self.all.len().max(1);
        if let Some((connections, _)) = self.all.get(self.turn)
            && connections.send(connection).is_err()
        {
            warn!("a worker is gone; a connection of Envoy's was closed");
        }
    }

    async fn drain(self) {
        let (connections, ends): (Vec<_>, Vec<_>) = self.all.into_iter().unzip();
        drop(connections);
        for end in ends {
            // Its sender is dropped with the thread.
            let _ = end.await;
        }
    }
}

/// Starts a thread; what it returns ends with it.
async fn start(
    name: String,
    snapshot: Arc<Snapshot>,
    meters: Meters,
    readiness: Readiness,
    arrivals: mpsc::UnboundedReceiver<Connection>,
) -> io::Result<oneshot::Receiver<()>> {
    let (started, result) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    thread::Builder::new().name(name).spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                // Nobody waits for it when the server itself was dropped.
                let _ = started.send(Ok(()));
                let meter = Rc::new(meters.meter());
                runtime.block_on(serve(Worker { snapshot, meter, readiness }, arrivals));
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
        drop(end);
    })?;
    result.await.unwrap_or_else(|_| Err(io::Error::other("the worker ended before it began")))?;
    Ok(ended)
}

async fn serve(worker: Worker, mut arrivals: mpsc::UnboundedReceiver<Connection>) {
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        select! {
            arrival = arrivals.recv() => match arrival {
                Some(connection) => {
                    connections.spawn_local(converse(connection, worker.clone(), stopping.clone()));
                }
                None => break,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(stop);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(worker.snapshot.settings.drain.timeout, all).await;
}

async fn converse(connection: Connection, worker: Worker, stopping: watch::Receiver<()>) {
    match connection {
        Connection::Tcp(stream) => match tokio::net::TcpStream::from_std(stream) {
            Ok(stream) => http2(TokioIo::new(stream), worker, stopping).await,
            Err(error) => debug!(%error, "a connection of Envoy's could not be taken over"),
        },
        Connection::Unix(stream) => match tokio::net::UnixStream::from_std(stream) {
            Ok(stream) => http2(TokioIo::new(stream), worker, stopping).await,
            Err(error) => debug!(%error, "a connection of Envoy's could not be taken over"),
        },
    }
}

async fn http2(
    stream: impl Read + Write + Unpin + 'static,
    worker: Worker,
    mut stopping: watch::Receiver<()>,
) {
    let carries = Notify::new();
    let service = service_fn(|request: Request<Incoming>| {
        carries.notify_one();
        let response = respond(request, &worker);
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http2::Builder::new(Here);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let mut served = pin!(http.serve_connection(stream, service));
    let ends = async {
        select! {
            _ = stopping.changed() => {}
            () = async { join!(worker.readiness.draining(), carries.notified()); } => {}
        }
    };
    let result = select! {
        biased;
        () = ends => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        result = &mut served => result,
    };
    if let Err(error) = result {
        debug!(%error, "a connection of Envoy's ended");
    }
}

fn respond(request: Request<Incoming>, worker: &Worker) -> Response<Outbound> {
    let is_ours = request.uri().path() == PATH;
    let mut response = Response::new(match is_ours {
        true => Outbound::new(worker.clone(), request.into_body()),
        false => Outbound::unimplemented(),
    });
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// The thread that serves the connection.
#[derive(Debug, Clone, Copy)]
struct Here;

impl<F: Future<Output: 'static> + 'static> Executor<F> for Here {
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}
