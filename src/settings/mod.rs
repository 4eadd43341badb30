//! How Candor is set up: listeners, upstreams, bounds, log. [`Layers::merge`] makes one document of files,
//! environment and flags; [`Settings::read`] decodes it, with every problem at once.
//! Knows the names of the keys that hold rules, and nothing more of them; opens no file, reads no environment.

mod api;
mod bounds;
mod capture;
mod environment;
mod ext_proc;
mod hold;
mod layers;
mod log;
mod overlay;
mod quick;
mod retry;
mod section;
mod server;
mod tls;
mod upstream;
mod variables;

use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;
use crate::engine::hold::{Hold, Inspect};

pub use api::{Api, Definition, Lambda, api_keys};
pub use bounds::{Limits, ServerLimits, ServerTimeouts, Timeouts};
pub use capture::{Capture, Kind, Redact};
pub use ext_proc::{ExtProc, ExtProcListen};
pub use layers::Layers;
pub use log::{Log, LogFormat};
pub use quick::{Flag, Quick};
pub use retry::RetryBudget;
pub use server::{Admin, Connect, ProxyStatus, Server, Token};
pub use tls::{Identity, Tls, fill_in as fill_in_tls};
pub use upstream::{AcceptEncoding, HostHeader, Protocol, Upstream, UpstreamUrl};

use section::{Section, time};

/// The top-level keys. The last five are decoded where rules and cases are.
const KEYS: [&str; 16] = [
    "version",
    "server",
    "admin",
    "ext_proc",
    "upstreams",
    "hold",
    "inspect",
    "drain",
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
    /// What is logged.
    pub log: Log,
    /// What is recorded, if anything.
    pub capture: Option<Capture>,
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
    pub fn read(document: &Node, quick: &Quick, diagnostics: &mut Diagnostics) -> Option<Settings> {
        let top = Section::of(document, "the configuration", &KEYS, diagnostics);
        check_version(document, top, diagnostics);
        let server = Server::read(top, diagnostics);
        let settings = Settings {
            admin: Admin::read(top, &server, diagnostics),
            server,
            ext_proc: ExtProc::read(document, top, diagnostics),
            upstreams: Upstream::read_all(top, quick, diagnostics),
            api: Api::read(top, quick, diagnostics),
            hold: hold::read_hold(top, diagnostics),
            hold_total_bytes: hold::read_total(top, diagnostics),
            inspect: hold::read_inspect(top, diagnostics),
            drain: Drain::read(top, diagnostics),
            log: Log::read(top, diagnostics),
            capture: Capture::read(top, diagnostics),
        };
        (!diagnostics.has_errors()).then_some(settings)
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
