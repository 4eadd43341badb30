//! The listener for traffic: accepts connections, hands each to the least busy worker, and stops in order.
//!
//! A sidecar often has few connections, some of them far busier than others, so the kernel's spreading by hash
//! over several listeners would leave workers idle beside busy ones.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::select;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tracing::{debug, error, warn};

use super::Shared;
use super::capture::{Captures, Recordings};
use super::changes::{Change, Changes};
use super::connections::{Connections, Unserved};
use super::listener::{Acceptor, Listener};
use super::refusal::Refusal;
use super::socket::Loose;
use super::tls::Files;
use super::upkeep::Upkeep;
use super::worker::{self, Arrival, Load, Message, Successor};
use crate::live::{Readiness, Snapshot};
use crate::telemetry::meters::Meters;

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

/// Serves and counts what it serves in `meters`, under this configuration and those of `changes`, until `shutdown`
/// completes; then refuses new connections, finishes the exchanges in flight within `drain.timeout`, and says how many
/// connections had to be cut. While `readiness` says draining, connections are taken and end with their exchange.
///
/// # Errors
/// When the listener, a worker or the capture of exchanges cannot be started.
pub async fn run(
    listener: impl Into<Listener>,
    snapshot: Arc<Snapshot>,
    meters: Meters,
    readiness: Readiness,
    mut changes: Changes,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Drained> {
    let mut listener = listener.into().start()?;
    let mut recordings = Recordings::start(&snapshot, &meters)?;
    let files = Files::watch(&snapshot.credentials, &meters);
    let shared = Shared::new(snapshot, meters, recordings.captures(), readiness.clone());
    let mut workers = Workers::start(shared).await?;
    let mut upkeep = Upkeep::start(&workers.shared.snapshot, &workers.shared.meters)?;
    let mut shutdown = pin!(shutdown);
    readiness.listening();
    loop {
        select! {
            biased;
            () = &mut shutdown => break,
            Some(Change { snapshot, listener: next, done }) = changes.next() => {
                let changed = async {
                    let next = next.map(Listener::start).transpose()?;
                    let captures = recordings.follow(&workers.shared, &snapshot)?;
                    upkeep.follow(&snapshot)?;
                    let moves = next.is_some();
                    if let Some(next) = next {
                        workers.take_waiting(std::mem::replace(&mut listener, next));
                    }
                    files.follow(&snapshot.credentials);
                    Ok(workers.succeed(snapshot, captures, moves))
                };
                // Who asked may be gone; it was done all the same.
                let _ = done.send(changed.await);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => workers.take(stream, peer),
                Err(error) => pause(error, &workers.connections).await,
            },
        }
    }
    readiness.drain();
    drop(upkeep);
    drop(listener);
    let drained = workers.drain().await;
    recordings.finish();
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
    /// What they work under.
    shared: Shared,
}

/// The way to one worker.
struct Lane {
    messages: mpsc::UnboundedSender<Message>,
    cut: oneshot::Receiver<usize>,
}

impl Workers {
    async fn start(shared: Shared) -> io::Result<Workers> {
        // The standard library's count follows the cgroup's quota and the affinity mask.
        let available = || available_parallelism().map_or(1, Into::into);
        let count = shared.snapshot.settings.server.workers.unwrap_or_else(available);
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            let (messages, receiver) = mpsc::unbounded_channel();
            let (cut_sender, cut) = oneshot::channel();
            worker::start(format!("worker-{index}"), shared.clone(), receiver, cut_sender).await?;
            all.push(Lane { messages, cut });
        }
        let connections = Connections::of(count, &shared.meters);
        Ok(Workers { all, turn: 0, connections, shared })
    }

    fn take(&mut self, stream: Loose, peer: SocketAddr) {
        let connections_max = self.shared.snapshot.settings.server.limits.connections;
        let connections: usize = self.connections.loads().sum();
        if connections >= connections_max.saturating_add(REFUSED_MAX) {
            self.connections.unserved(Unserved::FarOverLimit);
            return debug!(%peer, "a connection was closed: there are too many");
        }
        let refusal = (connections >= connections_max).then_some(Refusal::NoRoom);
        match refusal {
            Some(_) => self.connections.unserved(Unserved::OverLimit),
            None => self.connections.taken(),
        }
        let chosen = least_busy(self.connections.loads(), self.turn);
        self.turn = chosen + 1;
        let (Some(lane), Some(load)) = (self.all.get(chosen), self.connections.load(chosen)) else { return };
        let load = Load::on(load);
        let arrival = Message::Arrival(Arrival { stream, peer, refusal, load });
        if lane.messages.send(arrival).is_err() {
            error!(worker = chosen, "a worker is gone; its connection was closed");
        }
    }

    /// Takes the connections that wait at a listener, and closes it: nobody who could connect is turned away.
    fn take_waiting(&mut self, listener: Acceptor) {
        match listener.close() {
            Ok(waiting) => waiting.into_iter().for_each(|(stream, peer)| self.take(stream, peer)),
            Err(error) => warn!(%error, "connections that waited at the listener from before were closed"),
        }
    }

    /// Tells the workers of another configuration. The end of what is returned is when all have it.
    fn succeed(
        &mut self,
        snapshot: Arc<Snapshot>,
        captures: Option<Arc<Captures>>,
        closes: bool,
    ) -> mpsc::Receiver<()> {
        self.shared = self.shared.after(snapshot, captures);
        let (taken, all_taken) = mpsc::channel(1);
        for (index, lane) in self.all.iter().enumerate() {
            let successor = Successor { shared: self.shared.clone(), closes, taken: taken.clone() };
            if lane.messages.send(Message::Successor(Box::new(successor))).is_err() {
                error!(worker = index, "a worker is gone; it was not told of a new configuration");
            }
        }
        all_taken
    }

    /// Tells the workers that nothing more will arrive, and waits for them.
    async fn drain(self) -> Drained {
        let (messages, ends): (Vec<_>, Vec<_>) =
            self.all.into_iter().map(|lane| (lane.messages, lane.cut)).unzip();
        drop(messages);
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
}
