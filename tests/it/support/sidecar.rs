//! A sidecar that serves real sockets inside the test's process.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use candor::cli::load;
use candor::diagnostic::{Diagnostics, Source};
use candor::document;
use candor::live::{Readiness, Snapshot};
use candor::proxy::{Drained, Listener, bind, control, run};
use candor::rules::{self, Quick};
use candor::settings::{Admin, Drain, Flag, Layers, Listen, Log, Server, Settings, Upstream, UpstreamUrl};
use candor::telemetry::meters::Meters;
use candor::telemetry::metrics::{Format, gather};
use candor::telemetry::traces::Traces;
use tokio::sync::oneshot;

use super::client::{Answered, Client};
use super::log;

/// A running sidecar; stops when told, or with the process.
pub struct Sidecar {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its admin API would tell probes.
    pub readiness: Readiness,
    meters: Meters,
    stop: oneshot::Sender<()>,
    drained: JoinHandle<Drained>,
}

impl Sidecar {
    /// A sidecar in front of the upstream, with these rules: a configuration's `rule_sets`, `routes`, `selector`.
    pub fn start(upstream: SocketAddr, rules: &str) -> Sidecar {
        Sidecar::with(upstream, rules, |_| {})
    }

    /// The same, with other settings than a test's usual ones.
    pub fn with(upstream: SocketAddr, rules: &str, change: impl FnOnce(&mut Settings)) -> Sidecar {
        Sidecar::serving(configured(upstream, rules, change))
    }

    /// A sidecar that carries out a definition, with a configuration that says what it leaves open: `api`,
    /// `upstreams`, `server`.
    pub fn carrying_out(definition: &str, configuration: &str) -> Sidecar {
        Sidecar::carrying_out_with(definition, configuration, |_| {})
    }

    /// The same, with other settings than the configuration's.
    pub fn carrying_out_with(
        definition: &str,
        configuration: &str,
        change: impl FnOnce(&mut Settings),
    ) -> Sidecar {
        log::keep();
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        file.write_all(definition.as_bytes()).unwrap();
        let layers = Layers {
            files: vec![Source::new("test.yaml", format!("version: 1\n{configuration}"))],
            flags: vec![(Flag::Openapi, file.path().to_str().unwrap().to_owned())],
            ..Layers::default()
        };
        let mut loaded = load::compile(&layers, None);
        if let Some(configuration) = &mut loaded.configuration {
            change(&mut configuration.settings);
        }
        let problems: String = loaded.diagnostics.iter().map(ToString::to_string).collect();
        Sidecar::serving(loaded.snapshot().unwrap_or_else(|| panic!("{problems}")))
    }

    /// A sidecar with a configuration file in this folder, which names others there.
    pub fn configured_in(folder: &Path, configuration: &str) -> Sidecar {
        log::keep();
        let name = folder.join("candor.yaml").to_str().unwrap().to_owned();
        let source = Source::new(name, format!("version: 1\nadmin: {{ listen: off }}\n{configuration}"));
        let loaded = load::compile(&Layers { files: vec![source], ..Layers::default() }, None);
        let problems: String = loaded.diagnostics.iter().map(ToString::to_string).collect();
        Sidecar::serving(loaded.snapshot().unwrap_or_else(|| panic!("{problems}")))
    }

    /// A sidecar with this configuration, at a port of its own unless it says a socket in the file system.
    pub fn serving(snapshot: Arc<Snapshot>) -> Sidecar {
        let server = &snapshot.settings.server;
        let (listener, address) = match &server.listen {
            Listen::Tcp(_) => {
                let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let address = listener.local_addr().unwrap();
                (Listener::from(listener), address)
            }
            // Nobody asks for its address.
            listen => (Listener::bind(listen, server.socket_mode).unwrap(), "127.0.0.1:0".parse().unwrap()),
        };
        let readiness = Readiness::new();
        let (stop, stopped) = oneshot::channel::<()>();
        let meters = Meters::start();
        let traces = Traces::start(snapshot.settings.traces.as_ref(), &meters).unwrap();
        let drained = {
            let (readiness, meters) = (readiness.clone(), meters.clone());
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let shutdown = async {
                    // A test that ends drops its end of the channel, which is no wish to stop.
                    if stopped.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                };
                let drained = runtime
                    .block_on(run(listener, snapshot, meters, readiness, control().1, shutdown))
                    .unwrap();
                traces.iter().for_each(Traces::finish);
                drained
            })
        };
        Sidecar { address, readiness, meters, stop, drained }
    }

    /// The value of a metric, with its labels as they are written; nothing where it was never said.
    pub fn metric(&self, sample: &str) -> Option<f64> {
        let text = Format::Prometheus.write(&gather(&self.meters));
        let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
        line.map(|value| value.parse().unwrap())
    }

    /// A new connection to it.
    pub fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// One exchange on a connection of its own.
    pub fn exchange(&self, request: &str, headers: &[&str]) -> Answered {
        self.client().exchange(request, headers)
    }

    /// Asks it to stop; the way to its end.
    pub fn stop(self) -> Stopping {
        self.stop.send(()).unwrap();
        Stopping(self.drained)
    }
}

/// A sidecar that was asked to stop.
pub struct Stopping(JoinHandle<Drained>);

impl Stopping {
    /// Waits for its end.
    pub fn drained(self) -> Drained {
        self.0.join().unwrap()
    }
}

/// A test's usual configuration for this upstream, with these rules and other settings.
pub fn configured(upstream: SocketAddr, rules: &str, change: impl FnOnce(&mut Settings)) -> Arc<Snapshot> {
    log::keep();
    let mut settings = settings(upstream);
    change(&mut settings);
    snapshot(settings, rules)
}

fn settings(upstream: SocketAddr) -> Settings {
    let url = UpstreamUrl::parse(&format!("http://{upstream}")).unwrap();
    Settings {
        server: Server { workers: Some(1), ..Server::default() },
        admin: Admin { listen: None, ..Admin::default() },
        ext_proc: None,
        upstreams: vec![Upstream::new("legacy", url)],
        api: None,
        hold: Default::default(),
        hold_total_bytes: Settings::HOLD_TOTAL_BYTES,
        inspect: Default::default(),
        drain: Drain::default(),
        reload: Default::default(),
        log: Log::default(),
        capture: None,
        traces: None,
    }
}

fn snapshot(settings: Settings, text: &str) -> Arc<Snapshot> {
    let mut diagnostics = Diagnostics::default();
    let document = document::parse(&Source::new("test.yaml", text), &mut diagnostics);
    let names: Vec<_> = settings.upstreams.iter().map(|upstream| Arc::clone(&upstream.name)).collect();
    let rules = rules::read(document.as_ref(), Quick::default(), &names, &mut diagnostics);
    assert!(
        !diagnostics.has_errors(),
        "{}",
        diagnostics.into_sorted().iter().map(|d| d.to_string()).collect::<String>()
    );
    Arc::new(Snapshot::new(settings, rules.routes, rules.selection))
}
