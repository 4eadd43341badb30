//! How Candor is set up: listeners, upstreams, bounds, log. [`Layers::merge`] makes one document of files,
//! environment and flags; [`Settings::read`] decodes it, with every problem at once.
//! Knows the names of the keys that hold rules, and nothing more of them; opens no file, reads no environment.

mod api;
mod bounds;
mod capture;
mod endpoints;
mod environment;
mod ext_proc;
mod fixed;
mod health;
mod hold;
mod layers;
mod listen;
mod log;
mod overlay;
mod pem;
mod quick;
mod reload;
mod retry;
mod section;
mod server;
mod server_tls;
mod tls;
mod traces;
mod upstream;
mod variables;

use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;
use crate::engine::hold::{Hold, Inspect};

pub use api::{Api, Definition, Lambda, api_keys};
pub use bounds::{Limits, ServerLimits, ServerTimeouts, Timeouts};
pub use capture::{Capture, Kind, Redact};
pub use endpoints::{Balance, Ejection, Places};
pub use ext_proc::ExtProc;
pub use health::{Health, Statuses};
pub use layers::Layers;
pub use listen::Listen;
pub use log::{Log, LogFormat};
pub use pem::{Identity, IdentityFiles, OfFiles, PemFile, ReadFile};
pub use quick::{Flag, Quick};
pub use reload::Reload;
pub use retry::RetryBudget;
pub use server::{Admin, Connect, ProxyProtocol, ProxyStatus, Server, Token};
pub use server_tls::{ClientCertificate, ServerTls, TlsVersion};
pub use tls::Tls;
pub use traces::{Batches, Sampler, Traces};
pub use upstream::{AcceptEncoding, HostHeader, Protocol, Upstream, UpstreamUrl};

use section::{Section, time};

/// The top-level keys. The last five are decoded where rules and cases are.
const KEYS: [&str; 17] = [
    "version",
    "server",
    "admin",
    "ext_proc",
    "upstreams",
    "hold",
    "inspect",
    "drain",
    "reload",
    "log",
    "capture",
    "api",
    "routes",
    "selector",
    "rule_sets",
    "probes",
    "cases",
];

/// All settings, complete and valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The listener for traffic.
    pub server: Server,
    /// The listener for operators.
    pub admin: Admin,
    /// The listener for Envoy, if there is one.
    pub ext_proc: Option<ExtProc>,
    /// The backends in the order written, at least one unless there is an API.
    pub upstreams: Vec<Upstream>,
    /// The API that takes the requests no route is for.
    pub api: Option<Api>,
    /// The bounds of holding an answer.
    pub hold: Hold,
    /// Bytes of bodies held at most by all exchanges together; 128 MiB unless set.
    pub hold_total_bytes: u64,
    /// Which answers are read.
    pub inspect: Inspect,
    /// How Candor stops.
    pub drain: Drain,
    /// When the configuration is read again.
    pub reload: Reload,
    /// What is logged.
    pub log: Log,
    /// What is recorded, if anything.
    pub capture: Option<Capture>,
    /// Where spans of exchanges go, if anywhere: the [environment](Traces::read) says it.
    pub traces: Option<Traces>,
}

/// How Candor stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// How long connections are still taken once probes are told not to send more; 5 s unless set.
    pub delay: Duration,
    /// How long running exchanges may take to finish after that; 20 s unless set. Both are inside Kubernetes's 30.
    pub timeout: Duration,
}

impl Default for Drain {
    fn default() -> Drain {
        Drain { delay: Duration::from_secs(5), timeout: Duration::from_secs(20) }
    }
}

impl Settings {
    /// [`Settings::hold_total_bytes`] unless set.
    pub const HOLD_TOTAL_BYTES: u64 = 128 << 20;

    /// Decodes the merged document and the upstream given by a short name. What is wrong, all
    /// of it, goes to `diagnostics`. `None` when there is an error in them, of here or of the merging before.
    ///
    /// Files that they name are not read: what is made of them is left empty.
    pub fn read(document: &Node, quick: &Quick, diagnostics: &mut Diagnostics) -> Option<Settings> {
        let settings = Settings::decode(document, quick, diagnostics);
        (!diagnostics.has_errors()).then_some(settings)
    }

    /// The same, with the files.
    pub fn read_with_files(
        document: &Node,
        quick: &Quick,
        read_file: ReadFile<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Settings> {
        let mut settings = Settings::decode(document, quick, diagnostics);
        if let Some(tls) = &mut settings.server.tls {
            tls.fill(read_file, diagnostics);
        }
        for upstream in &mut settings.upstreams {
            upstream.tls.fill(read_file, diagnostics);
        }
        (!diagnostics.has_errors()).then_some(settings)
    }

    fn decode(document: &Node, quick: &Quick, diagnostics: &mut Diagnostics) -> Settings {
        let top = Section::of(document, "the configuration", &KEYS, diagnostics);
        check_version(document, top, diagnostics);
        let server = Server::read(top, diagnostics);
        Settings {
            admin: Admin::read(top, &server, diagnostics),
            server,
            ext_proc: ExtProc::read(document, top, diagnostics),
            upstreams: Upstream::read_all(top, quick, diagnostics),
            api: Api::read(top, quick, diagnostics),
            hold: hold::read_hold(top, diagnostics),
            hold_total_bytes: hold::read_total(top, diagnostics),
            inspect: hold::read_inspect(top, diagnostics),
            drain: Drain::read(top, diagnostics),
            reload: Reload::read(top, diagnostics),
            log: Log::read(top, diagnostics),
            capture: Capture::read(top, diagnostics),
            traces: None,
        }
    }
}

impl Drain {
    fn read(top: Section<'_>, diagnostics: &mut Diagnostics) -> Drain {
        let section = top.section("drain", &["delay", "timeout"], diagnostics);
        let default = Drain::default();
        Drain {
            delay: section.read("delay", time, diagnostics).unwrap_or(default.delay),
            timeout: section.read("timeout", time, diagnostics).unwrap_or(default.timeout),
        }
    }
}

/// The version says how the rest is meant, so a file without one is not guessed at.
fn check_version(document: &Node, top: Section<'_>, diagnostics: &mut Diagnostics) {
    let Some(version) = top.given("version") else {
        diagnostics.push(
            Diagnostic::error("the configuration has no `version`")
                .at(&document.place)
                .help("begin it with `version: 1`"),
        );
        return;
    };
    let text = version.text("a version", diagnostics);
    if let Some(text) = text.filter(|text| *text != "1") {
        let message = format!("version `{text}` is not known");
        diagnostics
            .push(Diagnostic::error(message).at(&version.place).help("this Candor reads `version: 1`"));
    }
}

#[cfg(test)]
mod tests;
