//! What changes while the sidecar serves, as everyone sees it at the same moment.
//! [`Readiness`] is the phase of its life. [`Snapshot`] is the configuration, one and the same for an exchange from its
//! first byte to its last; [`InForce`] is the one that new exchanges get, and [`Reloads`] tells of its replacements.

mod deployment;
mod holds;
mod in_force;
mod probing;
mod readiness;
mod reloads;

use std::sync::Arc;

use crate::engine::Limits;
use crate::engine::probe::Probe;
use crate::engine::route::Routes;
use crate::engine::selection::Selection;
use crate::settings::Settings;

pub use deployment::{Callee, Deployment};
pub use holds::{Holds, Share};
pub use in_force::InForce;
pub use probing::{Finding, Prober, Question};
pub use readiness::{Phase, Readiness};
pub use reloads::{Attempt, Reloads, Told, Trigger};

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
    /// What all exchanges hold together, those under earlier configurations among them.
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

    /// The same, to take the place of another. What is held is counted on; the bound on it is the other's until
    /// [`takes_over`](Snapshot::takes_over).
    pub fn after(self, previous: &Snapshot) -> Snapshot {
        Snapshot { holds: Arc::clone(&previous.holds), ..self }
    }

    /// It is in force from now on, and so is its bound on what all exchanges hold.
    pub fn takes_over(&self) {
        self.holds.bound(self.settings.hold_total_bytes);
    }

    /// The same with these questions of health.
    pub fn asking(self, probes: Vec<Probe>) -> Snapshot {
        Snapshot { probes, ..self }
    }
}
