//! `candor serve`: the sidecar, from its configuration to its orderly end.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tracing::{info, warn};

use crate::admin::{self, Admin, History};
use crate::case::Playground;
use crate::live::{Readiness, Snapshot};
use crate::proxy;
use crate::telemetry;
use crate::telemetry::meters::Meters;

use super::Exit;
use super::load::{self, Options};

/// Runs the command until the process is asked to stop.
pub fn run(options: &Options) -> Exit {
    let loaded = match load::load(options) {
        Ok(loaded) => loaded,
        Err(diagnostic) => {
            eprintln!("{diagnostic}");
            return Exit::CouldNot;
        }
    };
    load::tell(&loaded.diagnostics);
    let Some(playground) = loaded.playground() else { return Exit::No };
    let logging = match telemetry::init(&playground.snapshot().settings.log) {
        Ok(logging) => logging,
        Err(error) => return could_not(&error),
    };
    let served = block_on(async {
        let listeners = Listeners::bind(playground.snapshot())?;
        listeners.log();
        serve(listeners, playground).await
    });
    drop(logging);
    match served {
        Ok(()) => Exit::Fine,
        Err(error) => could_not(&error),
    }
}

/// Tells why the command could not run.
pub fn could_not(error: &dyn std::error::Error) -> Exit {
    eprintln!("error: {error}");
    Exit::CouldNot
}

/// Runs a future on this thread, which does nothing but accept connections and wait.
pub fn block_on<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

/// The addresses of a sidecar, taken before anything runs, so that all of it starts or none.
#[derive(Debug)]
pub struct Listeners {
    traffic: TcpListener,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Takes the addresses that the settings name.
    pub fn bind(snapshot: &Snapshot) -> io::Result<Listeners> {
        let traffic = proxy::bind(snapshot.settings.server.listen)?;
        let admin = snapshot.settings.admin.listen.map(proxy::bind).transpose()?;
        Ok(Listeners { traffic, admin })
    }

    /// Where the admin API is, if anywhere.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|admin| admin.local_addr().ok())
    }

    /// Where traffic comes in.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.traffic.local_addr()
    }

    fn log(&self) {
        let text = |listener: &TcpListener| listener.local_addr().map(|address| address.to_string());
        info!(
            listen = text(&self.traffic).unwrap_or_default(),
            admin = self.admin.as_ref().and_then(|admin| text(admin).ok()).unwrap_or_default(),
            version = env!("CARGO_PKG_VERSION"),
            "listening"
        );
    }
}

/// Serves until SIGTERM or SIGINT, then lets exchanges in flight finish; a second signal ends at once.
pub async fn serve(listeners: Listeners, playground: Playground) -> io::Result<()> {
    let mut signals = proxy::StopSignals::listen()?;
    let readiness = Readiness::new();
    let meters = Meters::start();
    let snapshot = Arc::clone(playground.snapshot());
    if let Some(listener) = listeners.admin {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (readiness, meters, history) = (readiness.clone(), meters.clone(), History::default());
        tokio::spawn(history.clone().keep(meters.clone()));
        let admin = Admin { readiness, meters, history, playground: Arc::new(playground) };
        let router = admin::router(admin, listener.local_addr()?.ip());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async {
        // A sender that is gone means the same: there is nothing more to wait for.
        let _ = stopped.await;
    };
    let running = proxy::run(listeners.traffic, snapshot, meters.clone(), readiness, shutdown);
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return ended.map(|_| ()),
        () = signals.next() => info!("stopping: exchanges in flight are finished, new ones refused"),
    }
    drop(stop);
    tokio::select! {
        drained = running => {
            match drained?.cut {
                0 => info!("stopped"),
                cut => warn!(cut, "stopped; connections still busy after `drain.timeout` were closed"),
            }
        }
        () = signals.next() => warn!("stopped at once by a second signal"),
    }
    Ok(())
}
