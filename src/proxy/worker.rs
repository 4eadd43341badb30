//! One thread that carries connections: a current-thread runtime, an HTTP server on each connection, and an
//! orderly end. A panic in one connection's task closes that connection and nothing else.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::{Builder, LocalOptions};
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{debug, error};

use super::door::{Door, Latch};
use super::hold::Holds;
use super::local::Local;
use super::preface::{Begun, Spoken, recognize};
use super::refusal::Refusal;
use super::{Downstream, Worker};
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
    worker.draining.set(true);
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

/// Serves one connection to its end. When `stopping` says so, the exchanges under way are finished and the
/// connection closed; a tunnel goes on until it ends or is cut.
async fn connection(worker: Rc<Worker>, arrival: Arrival, mut stopping: watch::Receiver<()>) {
    let Arrival { stream, peer, refusal, load: _load } = arrival;
    let stream = match tokio::net::TcpStream::from_std(stream) {
        Ok(stream) => stream,
        Err(error) => return debug!(%error, "a connection could not be taken over"),
    };
    let server = worker.snapshot().settings.server.clone();
    let idle_time_max = server.timeouts.keep_alive;
    let (spoken, stream) = match refusal {
        // It is told so, whatever it speaks.
        Some(_) => (Spoken::Http1, Begun::new(stream)),
        None => {
            let recognized = select! {
                recognized = timeout(idle_time_max, recognize(stream)) => recognized,
                _ = stopping.changed() => return,
            };
            let Ok(Ok(recognized)) = recognized else { return };
            recognized
        }
    };
    let stream = TokioIo::new(stream);
    let downstream = Rc::new(Downstream::new(peer.ip()));
    let latch = Latch::new();
    let handle = |request, turn| {
        let (worker, downstream) = (Rc::clone(&worker), Rc::clone(&downstream));
        async move { Ok::<_, Infallible>(worker.handle(&downstream, request, turn).await) }
    };
    let result = match spoken {
        Spoken::Http1 => {
            let mut door = Door::new(stream, Arc::clone(&latch), &server);
            if let Some(refusal) = refusal {
                door.refuse(refusal);
            }
            // The turn begins before the door passes anything more.
            let service = service_fn(|request| handle(request, Some(latch.begin())));
            let served = pin!(http(&server.limits).serve_connection(door, service).with_upgrades());
            to_the_end(served, http1::UpgradeableConnection::graceful_shutdown, stopping).await
        }
        Spoken::Http2 => {
            let service = service_fn(|request| handle(request, None));
            let mut http = http2::Builder::new(Local);
            http.timer(TokioTimer::new()).keep_alive_interval(idle_time_max);
            http.max_header_list_size(u32::try_from(server.limits.header_bytes).unwrap_or(u32::MAX));
            // On the heap, as is a tunnel, so that the many connections that are neither need no room for them.
            let mut served = Box::pin(http.serve_connection(stream, service));
            to_the_end(served.as_mut(), http2::Connection::graceful_shutdown, stopping).await
        }
    };
    if let Err(error) = result {
        debug!(client = %downstream.peer.ip, %error, "connection ended");
    }
    if let Some(tunnel) = downstream.tunnel.take() {
        Box::pin(tunnel.run()).await;
    }
}

/// Waits for a connection to end, and asks it to when the worker is `stopping`.
async fn to_the_end<C: Future>(
    mut served: Pin<&mut C>,
    end: fn(Pin<&mut C>),
    mut stopping: watch::Receiver<()>,
) -> C::Output {
    select! {
        biased;
        // First, so that an answer that is ready at the same moment already says `Connection: close`.
        _ = stopping.changed() => {
            end(served.as_mut());
            served.await
        }
        result = &mut served => result,
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
