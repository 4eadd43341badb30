//! One thread that carries connections: a current-thread runtime, an HTTP server on each connection, and an
//! orderly end. A panic in one connection's task closes that connection and nothing else.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use tokio::runtime::{Builder, LocalOptions};
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tracing::{debug, error};

use super::aside::aside;
use super::entrance::{self, Entered};
use super::headers::Peer;
use super::http1::{Session, Wire, serve as serve_http1};
use super::http2::serve as serve_http2;
use super::preface::{Begun, Spoken, recognize};
use super::refusal::Refusal;
use super::socket::Loose;
use super::{Downstream, Shared, Worker};

/// A connection that was accepted, on its way to a worker.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Non-blocking.
    pub stream: Loose,
    /// The client's address.
    pub peer: SocketAddr,
    /// Why it gets no more than an answer that says so.
    pub refusal: Option<Refusal>,
    /// Counts the connection for as long as it lives.
    pub load: Load,
}

/// Another configuration for a worker.
#[derive(Debug)]
pub(super) struct Successor {
    /// It, with what belongs to it.
    pub shared: Shared,
    /// Whether connections that are open by now are to be closed when their exchanges are over.
    pub closes: bool,
    /// Let go of when the worker has taken it over.
    pub taken: mpsc::Sender<()>,
}

/// What a worker is told.
#[derive(Debug)]
pub(super) enum Message {
    Arrival(Arrival),
    Successor(Box<Successor>),
}

/// The worker of a thread under the configuration in force.
pub(super) struct Current(RefCell<Rc<Worker>>);

impl Current {
    /// It, for an exchange to keep until it is over.
    pub fn worker(&self) -> Rc<Worker> {
        Rc::clone(&self.0.borrow())
    }

    fn succeed(&self, shared: Shared) {
        let next = self.worker().after(shared);
        self.0.replace(Rc::new(next));
    }
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
    shared: Shared,
    messages: mpsc::UnboundedReceiver<Message>,
    cut: oneshot::Sender<usize>,
) -> io::Result<()> {
    let (started, result) = oneshot::channel();
    thread::Builder::new().name(name).spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                // Nobody waits for these when the server itself was dropped.
                let _ = started.send(Ok(()));
                let _ = cut.send(runtime.block_on(serve(shared, messages)));
            }
            Err(error) => {
                let _ = started.send(Err(error));
            }
        }
    })?;
    result.await.unwrap_or_else(|_| Err(io::Error::other("the worker ended before it began")))
}

async fn serve(shared: Shared, mut messages: mpsc::UnboundedReceiver<Message>) -> usize {
    let current = Rc::new(Current(RefCell::new(Rc::new(Worker::new(shared)))));
    let (mut stop, mut stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        select! {
            message = messages.recv() => match message {
                Some(Message::Arrival(arrival)) => {
                    drop(connections.spawn_local(connection(Rc::clone(&current), arrival, stopping.clone())));
                }
                Some(Message::Successor(successor)) => {
                    let Successor { shared, closes, taken } = *successor;
                    if closes {
                        // The old end is dropped, which is what connections wait for.
                        (stop, stopping) = watch::channel(());
                    }
                    current.succeed(shared);
                    drop(taken);
                }
                None => break,
            },
            Some(ended) = connections.join_next() => note(ended),
        }
    }
    let drain_time_max = current.worker().snapshot.settings.drain.timeout;
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

/// Serves one connection to its end. While the sidecar is draining it carries no exchange beside those under way, or
/// its first; when `stopping` says so, it waits for none. A tunnel goes on until it ends or is cut.
async fn connection(current: Rc<Current>, arrival: Arrival, mut stopping: watch::Receiver<()>) {
    let Arrival { stream, peer, refusal, load: _load } = arrival;
    let socket = match stream.bound() {
        Ok(socket) => socket,
        Err(error) => return debug!(%error, "a connection could not be taken over"),
    };
    let worker = current.worker();
    let Entered { mut wire, peer, spoken, refusal } = if entrance::is_needed(&worker.snapshot.settings.server)
    {
        let entered = aside(entrance::enter(&worker, socket, peer.ip(), refusal, &mut stopping));
        let Some(entered) = entered.await else { return };
        entered
    } else {
        Entered { wire: socket.into(), peer: Peer::new(peer.ip()), spoken: None, refusal }
    };
    let idle_time_max = worker.snapshot.settings.server.timeouts.keep_alive;
    let buffers = Rc::clone(&worker.own.buffers);
    drop(worker);
    let mut inbound = BytesMut::new();
    let spoken = match (refusal, spoken) {
        // It is told so, whatever it speaks.
        (Some(_), _) => Spoken::Http1,
        (None, Some(spoken)) => spoken,
        (None, None) => {
            let recognized = recognize(&mut wire, &mut inbound, &buffers);
            let recognized = select! {
                recognized = timeout(idle_time_max, recognized) => recognized,
                _ = stopping.changed() => return,
            };
            let Ok(Ok(spoken)) = recognized else { return };
            spoken
        }
    };
    match spoken {
        Spoken::Http1 => http1(&current, wire, inbound, peer, refusal, stopping).await,
        Spoken::Http2 => {
            aside(serve_http2(current, Begun::new(inbound.freeze(), wire), peer, stopping)).await
        }
    }
}

async fn http1(
    current: &Current,
    wire: Wire,
    inbound: BytesMut,
    peer: Peer,
    refusal: Option<Refusal>,
    stopping: watch::Receiver<()>,
) {
    let session = {
        let worker = current.worker();
        let buffers = Rc::clone(&worker.own.buffers);
        Rc::new(RefCell::new(Session::new(wire, inbound, buffers, Rc::clone(&worker.terms))))
    };
    let downstream = Downstream::new(peer, stopping.clone());
    let Some(tunnel) = serve_http1(current, &downstream, &session, refusal, stopping).await else { return };
    drop(downstream);
    // Nobody else has it unless the request's body is still on its way, and then it is no tunnel.
    if let Some(session) = Rc::into_inner(session) {
        let (client, first) = session.into_inner().into_parts();
        aside(tunnel.run(client, first)).await;
    }
}
