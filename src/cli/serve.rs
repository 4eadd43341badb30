//! `candor serve`: the sidecar, from its configuration to its orderly end.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio::try_join;
use tracing::{info, warn};

use crate::admin::{self, Admin, History};
use crate::case::Playground;
use crate::ext_proc;
use crate::live::{Holds, Prober, Readiness, Snapshot};
use crate::proxy::{self, Drained, StopSignal};
use crate::telemetry;
use crate::telemetry::meters::{Meters, Source};

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
    traffic: Option<TcpListener>,
    ext_proc: Option<ext_proc::Listener>,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Takes the addresses that the settings name.
    pub fn bind(snapshot: &Snapshot) -> io::Result<Listeners> {
        let settings = &snapshot.settings;
        let is_alone = settings.ext_proc.as_ref().is_some_and(|ext_proc| ext_proc.is_alone);
        let traffic = (!is_alone).then(|| proxy::bind(settings.server.listen)).transpose()?;
        let ext_proc = settings.ext_proc.as_ref();
        let ext_proc = ext_proc.map(|ext_proc| ext_proc::Listener::bind(&ext_proc.listen)).transpose()?;
        let admin = settings.admin.listen.map(proxy::bind).transpose()?;
        Ok(Listeners { traffic, ext_proc, admin })
    }

    /// Where the admin API is, if anywhere.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|admin| admin.local_addr().ok())
    }

    /// Where traffic comes in.
    pub fn address(&self) -> io::Result<SocketAddr> {
        let nowhere = || io::Error::other("there is no listener for traffic");
        self.traffic.as_ref().ok_or_else(nowhere)?.local_addr()
    }

    fn log(&self) {
        let text = |listener: &Option<TcpListener>| {
            listener
                .as_ref()
                .and_then(|listener| listener.local_addr().ok())
                .map(|address| address.to_string())
        };
        info!(
            listen = text(&self.traffic),
            ext_proc = self.ext_proc.as_ref().map(ext_proc::Listener::address),
            admin = text(&self.admin).unwrap_or_default(),
            version = env!("CARGO_PKG_VERSION"),
            "listening"
        );
    }
}

/// Serves until SIGTERM or SIGINT, then lets exchanges in flight finish; a second signal ends at once.
///
/// SIGTERM comes while others still believe that this instance takes requests, so those are waited for, for
/// `drain.delay` since they could know better. A person at a terminal is not kept waiting.
pub async fn serve(listeners: Listeners, playground: Playground) -> io::Result<()> {
    let mut signals = proxy::StopSignals::listen()?;
    let readiness = Readiness::new();
    let meters = Meters::start();
    let snapshot = Arc::clone(playground.snapshot());
    let holds: Weak<dyn Source> = Arc::<Holds>::downgrade(&snapshot.holds);
    meters.listen_while_it_lives(holds);
    let Listeners { traffic, ext_proc, admin } = listeners;
    if let Some(listener) = admin {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let (readiness, meters, history) = (readiness.clone(), meters.clone(), History::default());
        tokio::spawn(history.clone().keep(meters.clone()));
        let (prober, questions) = Prober::new();
        tokio::spawn(proxy::answer_probes(questions));
        let admin = Admin { readiness, meters, history, prober, playground: Arc::new(playground) };
        let router = admin::router(admin, listener.local_addr()?.ip());
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    let (stop, stopped) = watch::channel(());
    let shutdown = || {
        let mut stopped = stopped.clone();
        async move {
            // A sender that is gone means that there is nothing more to wait for.
            let _ = stopped.changed().await;
        }
    };
    let running = async {
        let traffic = async {
            match traffic {
                Some(listener) => {
                    proxy::run(listener, Arc::clone(&snapshot), meters.clone(), readiness.clone(), shutdown())
                        .await
                }
                None => {
                    readiness.listening();
                    shutdown().await;
                    Ok(Drained { cut: 0 })
                }
            }
        };
        let envoy = async {
            match ext_proc {
                Some(listener) => {
                    ext_proc::run(
                        listener,
                        Arc::clone(&snapshot),
                        meters.clone(),
                        readiness.clone(),
                        shutdown(),
                    )
                    .await
                }
                None => Ok(()),
            }
        };
        try_join!(traffic, envoy).map(|(drained, ())| drained)
    };
    tokio::pin!(running);
    let delayed = tokio::spawn(delay(readiness.clone(), snapshot.settings.drain.delay));
    let signal = tokio::select! {
        ended = &mut running => return ended.map(|_| ()),
        signal = signals.next() => signal,
    };
    readiness.drain();
    if signal == StopSignal::Terminate {
        info!("stopping: not ready; every connection ends with its exchange");
        tokio::select! {
            ended = &mut running => return ended.map(|_| ()),
            _ = signals.next() => return at_once(),
            _ = delayed => {}
        }
    }
    info!("no more connections are taken; exchanges in flight are finished");
    drop(stop);
    tokio::select! {
        drained = running => {
            match drained?.cut {
                0 => info!("stopped"),
                cut => warn!(cut, "stopped; connections still busy after `drain.timeout` were closed"),
            }
        }
        _ = signals.next() => return at_once(),
    }
    Ok(())
}

/// Waits until probes have had `time` to see that the sidecar is draining, whoever asked for that.
async fn delay(readiness: Readiness, time: Duration) {
    readiness.draining().await;
    sleep(time).await;
}

fn at_once() -> io::Result<()> {
    warn!("stopped at once by a second signal");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_delay_counts_from_the_first_word_of_the_end() {
        let (readiness, second) = (Readiness::new(), Duration::from_secs(1));
        let delayed = tokio::spawn(delay(readiness.clone(), 5 * second));
        sleep(3600 * second).await;
        assert!(!delayed.is_finished(), "nobody has asked for it");
        readiness.drain();
        sleep(4 * second).await;
        readiness.drain();
        assert!(!delayed.is_finished());
        sleep(2 * second).await;
        assert!(delayed.is_finished(), "who asks again does not begin it again");
    }
}
