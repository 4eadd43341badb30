//! What changes while the sidecar serves, as everyone sees it at the same moment.
//! [`Readiness`] is the phase of its life. [`Snapshot`] is the configuration, one and the same for an exchange from
//! its first byte to its last.

mod captures;
mod deployment;
mod holds;
mod probing;
mod readiness;

use std::sync::Arc;

use crate::engine::Limits;
use crate::engine::probe::Probe;
use crate::engine::route::Routes;
use crate::engine::selection::Selection;
use crate::settings::Settings;

pub use captures::capture_files;
pub use deployment::{Callee, Deployment};
pub use holds::{Holds, Share};
pub use probing::{Finding, Prober, Question};
pub use readiness::{Phase, Readiness};

/// A configuration in force, whole and immutable.
#[derive(Debug)]
pub struct Snapshot {
    /// Listeners, upstreams, bounds.
    pub settings: Settings,
    /// What the engine may look at: the settings' `hold` and `inspect`.
    pub limits: Limits,
    /// Where exchanges go, and the rules their answers meet.
    pub routes: Routes,
    /// How a header chooses other rules.
    pub selection: Option<Selection>,
    /// Questions of health that may be asked.
    pub probes: Vec<Probe>,
    /// The API that takes the requests no route is for.
    pub deployment: Option<Box<Deployment>>,
    /// What all exchanges hold together.
    pub holds: Arc<Holds>,
}

impl Snapshot {
    /// A configuration of these parts. Routes name upstreams by their index in the settings.
    pub fn new(settings: Settings, routes: Routes, selection: Option<Selection>) -> Snapshot {
        let limits = Limits { hold: settings.hold, inspect: settings.inspect.clone() };
        let holds = Holds::new(settings.hold_total_bytes);
        Snapshot { settings, limits, routes, selection, probes: Vec::new(), deployment: None, holds }
    }

    /// The same with an API.
    pub fn with(self, deployment: Option<Deployment>) -> Snapshot {
        Snapshot { deployment: deployment.map(Box::new), ..self }
    }

    /// The same with these questions of health.
    pub fn asking(self, probes: Vec<Probe>) -> Snapshot {
        Snapshot { probes, ..self }
    }
}
