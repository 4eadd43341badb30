//! The listener for traffic: accepts connections, hands each to the least busy worker, and stops in order.
//!
//! A sidecar often has few connections, some of them far busier than others, so the kernel's spreading by hash
//! over several listeners would leave workers idle beside busy ones.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{debug, error, warn};

use super::Shared;
use super::capture::Captures;
use super::connections::{Connections, Unserved};
use super::refusal::Refusal;
use super::worker::{self, Arrival, Load};
use crate::live::{Readiness, Snapshot};
use crate::telemetry::meters::Meters;

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// How long to wait when a connection cannot be accepted, which is usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections beyond `server.limits.connections` that may be waiting for the answer that says so. Any more are
/// closed without one.
const REFUSED_MAX: usize = 256;

/// How the server stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy after `drain.timeout`, and were closed.
    pub cut: usize,
}

/// Takes the address for traffic. Clients can connect from now on; they are served once [`run`] runs.
///
/// # Errors
/// When the address cannot be had; the message says which and what to do about it.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    listen(address).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "it is in use: stop what listens there, or give another with `--listen`"
            }
            io::ErrorKind::AddrNotAvailable => "it is no address of this machine",
            io::ErrorKind::PermissionDenied => "this user may not: ports below 1024 need a privilege",
            _ => return io::Error::new(error.kind(), format!("cannot listen on `{address}`: {error}")),
        };
        io::Error::new(error.kind(), format!("cannot listen on `{address}`: {why}"))
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the last run's connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves and counts what it serves in `meters`, until `shutdown` completes; then refuses new connections, finishes the
/// exchanges in flight within `drain.timeout`, and says how many connections had to be cut. While `readiness` says
/// draining, connections are taken and end with their exchange.
///
/// # Errors
/// When the listener, a worker or the capture of exchanges cannot be started.
pub async fn run(
    listener: TcpListener,
    snapshot: Arc<Snapshot>,
    meters: Meters,
    readiness: Readiness,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Drained> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let captures = Captures::start(&snapshot, &meters)?;
    let mut workers = Workers::start(&snapshot, &meters, captures.clone(), &readiness).await?;
    let mut shutdown = pin!(shutdown);
    readiness.listening();
    loop {
        select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted.and_then(|(stream, peer)| {
                stream.set_nodelay(true)?;
                Ok((stream.into_std()?, peer))
            }) {
                Ok((stream, peer)) => workers.take(stream, peer),
                Err(error) => pause(error, &workers.connections).await,
            },
        }
    }
    readiness.drain();
    drop(listener);
    let drained = workers.drain().await;
    if let Some(captures) = captures {
        captures.finish();
    }
    Ok(drained)
}

/// A client that is gone before it was accepted is none of our trouble; running out of descriptors is.
async fn pause(error: io::Error, connections: &Connections) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::InvalidInput => {
            debug!(%error, "a connection was gone before it was accepted");
        }
        _ => {
            connections.unserved(Unserved::NotAccepted);
            warn!(%error, "a connection could not be accepted");
            sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// The workers, and whose turn it is among equally busy ones.
struct Workers {
    all: Vec<Lane>,
    turn: usize,
    connections: Arc<Connections>,
    connections_max: usize,
}

/// The way to one worker.
struct Lane {
    arrivals: mpsc::UnboundedSender<Arrival>,
    cut: oneshot::Receiver<usize>,
}

impl Workers {
    async fn start(
        snapshot: &Arc<Snapshot>,
        meters: &Meters,
        captures: Option<Arc<Captures>>,
        readiness: &Readiness,
    ) -> io::Result<Workers> {
        // The standard library's count follows the cgroup's quota and the affinity mask.
        let available = || available_parallelism().map_or(1, Into::into);
        let count = snapshot.settings.server.workers.unwrap_or_else(available);
        let shared = Shared::new(Arc::clone(snapshot), meters.clone(), captures, readiness.clone());
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            let (arrivals, receiver) = mpsc::unbounded_channel();
            let (cut_sender, cut) = oneshot::channel();
            worker::start(format!("worker-{index}"), shared.clone(), receiver, cut_sender).await?;
            all.push(Lane { arrivals, cut });
        }
        let connections = Connections::of(count, meters);
        let connections_max = snapshot.settings.server.limits.connections;
        Ok(Workers { all, turn: 0, connections, connections_max })
    }

    fn take(&mut self, stream: std::net::TcpStream, peer: SocketAddr) {
        let connections: usize = self.connections.loads().sum();
        if connections >= self.connections_max.saturating_add(REFUSED_MAX) {
            self.connections.unserved(Unserved::FarOverLimit);
            return debug!(%peer, "a connection was closed: there are too many");
        }
        let refusal = (connections >= self.connections_max).then_some(Refusal::NoRoom);
        match refusal {
            Some(_) => self.connections.unserved(Unserved::OverLimit),
            None => self.connections.taken(),
        }
        let chosen = least_busy(self.connections.loads(), self.turn);
        self.turn = chosen + 1;
        let (Some(lane), Some(load)) = (self.all.get(chosen), self.connections.load(chosen)) else { return };
        let load = Load::on(load);
        if lane.arrivals.send(Arrival { stream, peer, refusal, load }).is_err() {
            error!(worker = chosen, "a worker is gone; its connection was closed");
        }
    }

    /// Tells the workers that nothing more will arrive, and waits for them.
    async fn drain(self) -> Drained {
        let (arrivals, ends): (Vec<_>, Vec<_>) =
            self.all.into_iter().map(|lane| (lane.arrivals, lane.cut)).unzip();
        drop(arrivals);
        let mut cut = 0;
        for end in ends {
            cut += end.await.unwrap_or(0);
        }
        Drained { cut }
    }
}

/// The index of the smallest load; of equal ones the first from `turn` on, around the end.
fn least_busy(loads: impl ExactSizeIterator<Item = usize>, turn: usize) -> usize {
    let count = loads.len().max(1);
    let distance = |index: usize| (index + count - turn % count) % count;
    loads.enumerate().min_by_key(|&(index, load)| (load, distance(index))).map_or(0, |(index, _)| index)
}

/// How a process is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM, by which an orchestrator stops a container.
    Terminate,
    /// SIGINT, by which a person at a terminal does.
    Interrupt,
}

/// The signals that ask a process to stop: SIGTERM and SIGINT. Listening to them is also what makes them work
/// for process 1 of a container, which the kernel spares their default effect.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Listens from now on. Call it inside a runtime.
    ///
    /// # Errors
    /// When the process may not listen to signals.
    pub fn listen() -> io::Result<StopSignals> {
        Ok(StopSignals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one. The first asks for an orderly stop, a second for one at once.
    pub async fn next(&mut self) -> StopSignal {
        select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = self.interrupt.recv() => StopSignal::Interrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_go_to_the_least_busy_worker_in_turn() {
        let check = |loads: &[usize], turn: usize, expected: usize| {
            assert_eq!(least_busy(loads.iter().copied(), turn), expected, "{loads:?} at {turn}");
        };
        check(&[0], 5, 0);
        check(&[2, 1, 3], 0, 1);
        check(&[0, 0, 0], 0, 0);
        check(&[0, 0, 0], 1, 1);
        check(&[0, 0, 0], 3, 0);
        check(&[1, 0, 0], 0, 1);
        check(&[0, 1, 0], 1, 2);
        check(&[], 3, 0);
    }

    #[test]
    fn an_address_in_use_is_named_with_advice() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).unwrap().local_addr().unwrap();
        let listener = bind(taken).unwrap();
        let error = bind(taken).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let advice = "it is in use: stop what listens there, or give another with `--listen`";
        assert_eq!(error.to_string(), format!("cannot listen on `{taken}`: {advice}"));
        drop(listener);
    }
}
