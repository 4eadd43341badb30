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
use crate::live::{Holds, InForce, Prober, Readiness, Reloads, Snapshot};
use crate::proxy::{self, Drained, StopSignal};
use crate::telemetry;
use crate::telemetry::meters::{Meters, Source};
use crate::telemetry::traces::Traces;

use super::Exit;
use super::load::{self, Files, Held, Options};
use super::reload::{self, Changeable, Doors, Reloader};

/// Runs the command until the process is asked to stop.
pub fn run(options: &Options) -> Exit {
    let files = Files::default();
    let loaded = match load::load_from(options, &files) {
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
        serve(listeners, playground, Some((options.clone(), files.held()))).await
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
    traffic: Option<proxy::Listener>,
    ext_proc: Option<proxy::Listener>,
    admin: Option<TcpListener>,
}

impl Listeners {
    /// Takes the addresses that the settings name.
    pub fn bind(snapshot: &Snapshot) -> io::Result<Listeners> {
        let settings = &snapshot.settings;
        let is_alone = settings.ext_proc.as_ref().is_some_and(|ext_proc| ext_proc.is_alone);
        let server = &settings.server;
        let traffic = (!is_alone).then(|| proxy::Listener::bind(&server.listen, server.socket_mode));
        let traffic = traffic.transpose()?;
        let ext_proc = settings.ext_proc.as_ref();
        let ext_proc = ext_proc.map(|ext_proc| proxy::Listener::bind(&ext_proc.listen, None)).transpose()?;
        let admin = settings.admin.listen.map(proxy::bind).transpose()?;
        Ok(Listeners { traffic, ext_proc, admin })
    }

    /// Where the admin API is, if anywhere.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|admin| admin.local_addr().ok())
    }

    /// Where traffic comes in.
    pub fn address(&self) -> io::Result<SocketAddr> {
        match &self.traffic {
            Some(proxy::Listener::Tcp(listener)) => listener.local_addr(),
            _ => Err(io::Error::other("there is no address for traffic")),
        }
    }

    fn log(&self) {
        info!(
            listen = self.traffic.as_ref().map(proxy::Listener::address),
            ext_proc = self.ext_proc.as_ref().map(proxy::Listener::address),
            admin = self.admin_address().map(|address| address.to_string()).unwrap_or_default(),
            version = env!("CARGO_PKG_VERSION"),
            "listening"
        );
    }
}

/// Serves until SIGTERM or SIGINT, then lets exchanges in flight finish; a second signal ends at once. The configuration
/// is read again where it was `read` from something.
///
/// SIGTERM comes while others still believe that this instance takes requests, so those are waited for, for
/// `drain.delay` since they could know better. A person at a terminal is not kept waiting.
pub async fn serve(
    listeners: Listeners,
    playground: Playground,
    read: Option<(Options, Held)>,
) -> io::Result<()> {
    let mut signals = proxy::StopSignals::listen()?;
    let readiness = Readiness::new();
    let meters = Meters::start();
    let snapshot = Arc::clone(playground.snapshot());
    let holds: Weak<dyn Source> = Arc::<Holds>::downgrade(&snapshot.holds);
    meters.listen_while_it_lives(holds);
    meters.listen_to(Arc::new(telemetry::LogLosses));
    let traces = Traces::start(snapshot.settings.traces.as_ref(), &meters).map_err(io::Error::other)?;
    let Listeners { traffic, ext_proc, admin } = listeners;
    let (playground, in_force) = (InForce::new(Arc::new(playground)), InForce::new(Arc::clone(&snapshot)));
    let reloads = Reloads::new(reload::now());
    meters.listen_to(Arc::new(reloads.clone()));
    let (reloader, asked) = admin::Reloader::new();
    let (prober, questions) = Prober::new();
    tokio::spawn(proxy::answer_probes(questions));
    let console = Admin {
        readiness: readiness.clone(),
        meters: meters.clone(),
        history: History::default(),
        prober,
        playground: playground.clone(),
        reloads: reloads.clone(),
        reloader: read.is_some().then_some(reloader),
    };
    tokio::spawn(console.history.clone().keep(meters.clone()));
    let configured = in_force.clone();
    let delayed = tokio::spawn(delay(readiness.clone(), move || configured.now().settings.drain.delay));
    let mut doors = Doors::new(console, in_force.clone());
    doors.open(&snapshot.settings, admin, ext_proc)?;
    let (control, changes) = proxy::control();
    let control = traffic.is_some().then_some(control);
    let sidecar = Changeable { playground, snapshot: in_force, reloads, control, doors };
    let mut reloader = Reloader::new(sidecar, read, asked);
    let (stop, mut stopped) = watch::channel(());
    let shutdown = async move {
        // A sender that is gone means that there is nothing more to wait for.
        let _ = stopped.changed().await;
    };
    let carrying = async {
        match traffic {
            Some(listener) => {
                proxy::run(listener, snapshot, meters.clone(), readiness.clone(), changes, shutdown).await
            }
            None => {
                readiness.listening();
                shutdown.await;
                Ok(Drained { cut: 0 })
            }
        }
    };
    tokio::pin!(carrying);
    let signal = tokio::select! {
        ended = &mut carrying => return ended.map(|_| ()),
        failed = reloader.run() => return failed.map(|_| ()),
        signal = signals.next() => signal,
    };
    readiness.drain();
    reloader.stop();
    if signal == StopSignal::Terminate {
        info!("stopping: not ready; every connection ends with its exchange");
        tokio::select! {
            ended = &mut carrying => return ended.map(|_| ()),
            _ = signals.next() => return at_once(),
            _ = delayed => {}
        }
    }
    info!("no more connections are taken; exchanges in flight are finished");
    drop(stop);
    let finished = async { try_join!(carrying, reloader.close()).map(|(drained, ())| drained) };
    tokio::select! {
        drained = finished => {
            match drained?.cut {
                0 => info!("stopped"),
                cut => warn!(cut, "stopped; connections still busy after `drain.timeout` were closed"),
            }
        }
        _ = signals.next() => return at_once(),
    }
    if let Some(traces) = traces {
        traces.finish();
    }
    Ok(())
}

/// Waits until probes have had `time` to see that the sidecar is draining, whoever asked for that. The time is the one
/// of the configuration that is in force then.
async fn delay(readiness: Readiness, time: impl FnOnce() -> Duration) {
    readiness.draining().await;
    sleep(time()).await;
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
        let delayed = tokio::spawn(delay(readiness.clone(), move || 5 * second));
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
