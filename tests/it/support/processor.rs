//! Candor as Envoy's external processor, inside the test's process. The address stays the same while configurations
//! change, as Envoy knows but one.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use candor::ext_proc::run;
use candor::live::{InForce, Readiness, Snapshot};
use candor::proxy::Listener;
use candor::settings::Listen;
use candor::telemetry::meters::Meters;
use candor::telemetry::traces::Traces;
use tokio::sync::oneshot;

/// Where Envoy connects to.
pub struct Seat(TcpListener);

/// A running processor; stops when told, or with the process.
pub struct Processor {
    /// The configuration of streams that begin.
    pub in_force: InForce<Snapshot>,
    /// What its admin API would tell probes.
    pub readiness: Readiness,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Seat {
    /// Takes a free port.
    pub fn take() -> Seat {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Seat(listener)
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// A processor with this configuration. There may be one at a time.
    pub fn serve(&self, snapshot: Arc<Snapshot>) -> Processor {
        Processor::start(Listener::Tcp(self.0.try_clone().unwrap()), snapshot)
    }
}

impl Processor {
    /// A processor at this socket in the file system.
    pub fn at(path: PathBuf, snapshot: Arc<Snapshot>) -> Processor {
        Processor::start(Listener::bind(&Listen::Unix(path), None).unwrap(), snapshot)
    }

    fn start(listener: Listener, snapshot: Arc<Snapshot>) -> Processor {
        let (stop, stopped) = oneshot::channel::<()>();
        let (in_force, readiness) = (InForce::new(snapshot), Readiness::new());
        let (followed, ready) = (in_force.clone(), readiness.clone());
        let ended = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let shutdown = async {
                // A test that ends drops its end of the channel, which is no wish to stop.
                if stopped.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let meters = Meters::start();
            let traces = Traces::start(followed.now().settings.traces.as_ref(), &meters).unwrap();
            runtime.block_on(run(listener, followed, meters, ready, shutdown)).unwrap();
            traces.iter().for_each(Traces::finish);
        });
        Processor { in_force, readiness, stop, ended }
    }

    /// Stops it, with its connections.
    pub fn stop(self) {
        self.stop.send(()).unwrap();
        self.ended.join().unwrap();
    }
}
