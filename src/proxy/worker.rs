//! One thread that carries connections: a current-thread runtime, an HTTP/1.1 server on each connection, and an
//! orderly end. A panic in one connection's task closes that connection and nothing else.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::runtime::{Builder, LocalOptions};
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{debug, error};

use super::Worker;
use super::door::{Door, Latch};
use super::forwarded::Peer;
use super::hold::Holds;
use super::refusal::Refusal;
use crate::live::Snapshot;
use crate::settings::ServerLimits;

/// A connection that was accepted, on its way to a worker.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Non-blocking.
    pub stream: TcpStream,
    /// The client's address.
    pub peer: SocketAddr,
    /// Why it gets no more than an answer that says so.
    pub refusal: Option<Refusal>,
    /// Counts the connection for as long as it lives.
    pub load: Load,
}

/// One connection in a worker's count of live ones.
#[derive(Debug)]
pub(super) struct Load(Arc<AtomicUsize>);

impl Load {
    /// Counts one more.
    pub fn on(count: &Arc<AtomicUsize>) -> Load {
        count.fetch_add(1, Ordering::Relaxed);
        Load(Arc::clone(count))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a worker's thread. The worker serves what arrives until there can be no more arrivals, then drains;
/// `cut` gets the number of connections that did not finish in `drain.timeout`.
///
/// # Errors
/// When the thread or its runtime cannot be had.
pub(super) async fn start(
    name: String,
    snapshot: Arc<Snapshot>,
    holds: Arc<Holds>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    cut: oneshot::Sender<usize>,
) -> io::Result<()> {
    let (started, result) = oneshot::channel();
    thread::Builder::new().name(name).spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                // Nobody waits for these when the server itself was dropped.
                let _ = started.send(Ok(()));
                let _ = cut.send(runtime.block_on(serve(snapshot, holds, arrivals)));
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    })?;
    result.await.unwrap_or_else(|_| Err(io::Error::other("the worker ended before it began")))
}

async fn serve(
    snapshot: Arc<Snapshot>,
    holds: Arc<Holds>,
    mut arrivals: mpsc::UnboundedReceiver<Arrival>,
) -> usize {
    let drain_time_max = snapshot.settings.drain.timeout;
    let worker = Rc::new(Worker::new(snapshot, holds));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        select! {
            arrival = arrivals.recv() => match arrival {
                Some(arrival) => drop(connections.spawn_local(connection(Rc::clone(&worker), arrival, stopping.clone()))),
                None => break,
            },
            Some(ended) = connections.join_next() => note(ended),
        }
    }
    drop(stop);
    drain(connections, drain_time_max).await
}

/// Waits for the connections to end; says how many had to be cut.
async fn drain(mut connections: JoinSet<()>, time_max: Duration) -> usize {
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            note(ended);
        }
    };
    let _ = timeout(time_max, all_ended).await;
    let cut = connections.len();
    connections.shutdown().await;
    cut
}

fn note(ended: Result<(), JoinError>) {
    if let Err(failure) = ended {
        error!(error = %failure, "a connection was closed by a bug in Candor");
    }
}

/// Serves one connection to its end. When `stopping` says so, the exchange under way is finished and the
/// connection closed.
async fn connection(worker: Rc<Worker>, arrival: Arrival, mut stopping: watch::Receiver<()>) {
    let Arrival { stream, peer, refusal, load: _load } = arrival;
    let stream = match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => return debug!(%error, "a connection could not be taken over"),
    };
    let server = worker.snapshot().settings.server.clone();
    let peer = Rc::new(Peer::new(peer.ip()));
    let latch = Latch::new();
    let mut door = Door::new(TokioIo::new(stream), Arc::clone(&latch), &server);
    if let Some(refusal) = refusal {
        door.refuse(refusal);
    }
    let service = service_fn(|request| {
        // Before the door passes anything more.
        let turn = latch.begin();
        let (worker, peer) = (Rc::clone(&worker), Rc::clone(&peer));
        async move { Ok::<_, Infallible>(worker.handle(&peer, request, turn).await) }
    });
    let mut served = pin!(http(&server.limits).serve_connection(door, service));
    let result = select! {
        biased;
        // First, so that an answer that is ready at the same moment already says `Connection: close`.
        _ = stopping.changed() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        result = &mut served => result,
    };
    if let Err(error) = result {
        debug!(client = %peer.ip, %error, "connection ended");
    }
}

/// The HTTP library behind a door that has the bounds, all but the room for header lines: more than the usual
/// number costs it an allocation a request.
fn http(limits: &ServerLimits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.header_read_timeout(None);
    if limits.headers > ServerLimits::default().headers {
        http.max_headers(limits.headers);
    }
    http
}
