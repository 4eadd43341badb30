//! The listener for Envoy, and the threads that serve its connections. Envoy opens one for each of its workers, all
//! equally busy, so they are handed out in turn.

use std::cell::Cell;
use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, available_parallelism};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use tokio::runtime::{Builder, LocalOptions};
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::stream::Outbound;
use crate::live::{InForce, Readiness, Snapshot};
use crate::proxy::{Bounds, Ends, Incoming, Listener, Loose, Responder, serve_connection, taken_over};
use crate::telemetry::meters::{Meter, Meters};

const PATH: &str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
/// What Envoy may do on one connection; it opens another for more exchanges. A stream's window is for a head and the
/// pieces of a body that Envoy reads at a time.
const BOUNDS: Bounds = Bounds {
    streams_max: 4096,
    stream_window: 256 * 1024,
    connection_window: 4 * 1024 * 1024,
    head_bytes_max: 16 * 1024,
    ping_interval: None,
};

/// Serves until `shutdown` completes, then takes no more connections, and finishes exchanges within `drain.timeout`. A
/// stream keeps the configuration that was in force when it began. While `readiness` says draining, Envoy is told to
/// open no more streams on a connection that has had one.
///
/// # Errors
/// When the listener or a thread cannot be started.
pub async fn run(
    listener: impl Into<Listener>,
    in_force: InForce<Snapshot>,
    meters: Meters,
    readiness: Readiness,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut workers = Workers::start(&in_force, &meters, &readiness).await?;
    let mut shutdown = pin!(shutdown);
    let listener = listener.into().start()?;
    loop {
        select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => workers.take(accepted.map(|(stream, _)| stream)),
        }
    }
    drop(listener);
    workers.drain().await;
    Ok(())
}

/// What one thread needs to serve exchanges.
#[derive(Clone)]
pub(super) struct Worker {
    in_force: InForce<Snapshot>,
    pub meter: Rc<Meter>,
    readiness: Readiness,
    /// Where the configuration of the last exchange is.
    last: Rc<Cell<usize>>,
}

impl Worker {
    /// The configuration that an exchange is carried under which begins now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.in_force.now();
        let address = Arc::as_ptr(&snapshot).addr();
        if self.last.replace(address) != address {
            self.meter.forget_rules();
        }
        snapshot
    }
}

/// The threads, and whose turn it is.
struct Workers {
    all: Vec<(mpsc::UnboundedSender<Loose>, oneshot::Receiver<()>)>,
    turn: usize,
}

impl Workers {
    async fn start(
        in_force: &InForce<Snapshot>,
        meters: &Meters,
        readiness: &Readiness,
    ) -> io::Result<Workers> {
        let available = || available_parallelism().map_or(1, Into::into);
        let count = in_force.now().settings.server.workers.unwrap_or_else(available);
        let mut all = Vec::with_capacity(count);
        for index in 0..count {
            let (connections, arrivals) = mpsc::unbounded_channel();
            let (name, in_force) = (format!("ext-proc-{index}"), in_force.clone());
            let ended = start(name, in_force, meters.clone(), readiness.clone(), arrivals).await?;
            all.push((connections, ended));
        }
        Ok(Workers { all, turn: 0 })
    }

    fn take(&mut self, accepted: io::Result<Loose>) {
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
    in_force: InForce<Snapshot>,
    meters: Meters,
    readiness: Readiness,
    arrivals: mpsc::UnboundedReceiver<Loose>,
) -> io::Result<oneshot::Receiver<()>> {
    let (started, result) = oneshot::channel();
    let (end, ended) = oneshot::channel();
    thread::Builder::new().name(name).spawn(move || {
        match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => {
                // Nobody waits for it when the server itself was dropped.
                let _ = started.send(Ok(()));
                let meter = Rc::new(meters.meter());
                runtime.block_on(serve(Worker { in_force, meter, readiness, last: Rc::default() }, arrivals));
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

async fn serve(worker: Worker, mut arrivals: mpsc::UnboundedReceiver<Loose>) {
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
    let _ = timeout(worker.in_force.now().settings.drain.timeout, all).await;
}

async fn converse(connection: Loose, worker: Worker, stopping: watch::Receiver<()>) {
    let stream = match taken_over(connection) {
        Ok(stream) => stream,
        Err(error) => return debug!(%error, "a connection of Envoy's could not be taken over"),
    };
    let ends = Ends { stopping, readiness: &worker.readiness, or: pending() };
    let carry = |request, responder| respond(request, responder, worker.clone());
    if let Err(error) = serve_connection(stream, BOUNDS, ends, carry).await {
        debug!(%error, "a connection of Envoy's ended");
    }
}

async fn respond(request: Request<Incoming>, responder: Responder, worker: Worker) {
    let body = match request.uri().path() {
        PATH => Outbound::new(worker, request.into_body()),
        _ => Outbound::unimplemented(),
    };
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))]);
    responder.answer(StatusCode::OK, headers, body, None).await;
}
