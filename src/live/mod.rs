//! What changes while the sidecar serves, as everyone sees it at the same moment.
//! [`Readiness`] is the phase of its life. [`Snapshot`] is the configuration, one and the same for an exchange from its
//! first byte to its last; [`InForce`] is the one that new exchanges get, and [`Reloads`] tells of its replacements.

mod captures;
mod credentials;
mod deployment;
pub mod endpoints;
mod holds;
mod in_force;
mod probing;
mod readiness;
mod reloads;
mod resolver;

use std::sync::Arc;

use crate::engine::probe::Probe;
use crate::engine::route::Routes;
use crate::engine::selection::Selection;
use crate::engine::{Limits, RuleSet};
use crate::settings::{Settings, Upstream};

pub use captures::capture_files;
pub use credentials::{Credential, Credentials, Refresh, Refreshed};
pub use deployment::{Callee, Deployment};
pub use endpoints::Endpoints;
pub use holds::{Holds, Share};
pub use in_force::InForce;
pub use probing::{Finding, Prober, Question};
pub use readiness::{Phase, Readiness};
pub use reloads::{Attempt, Reloads, Told, Trigger};
pub use resolver::Resolver;

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
    /// Who answers for each of the settings' upstreams.
    pub endpoints: Vec<Arc<Endpoints>>,
    /// The rule set that reads health checks of each of the settings' upstreams, where they have one.
    pub checks: Vec<Option<Arc<RuleSet>>>,
    /// Finds the addresses of names that are looked up again and again.
    pub resolver: Resolver,
    /// What all exchanges hold together, those under earlier configurations among them.
    pub holds: Arc<Holds>,
    /// What TLS is spoken with. Files that change are taken in while the rest stays as it is.
    pub credentials: Arc<Credentials>,
}

impl Snapshot {
    /// A configuration of these parts. Routes name upstreams by their index in the settings.
    pub fn new(settings: Settings, routes: Routes, selection: Option<Selection>) -> Snapshot {
        let limits = Limits { hold: settings.hold, inspect: settings.inspect.clone() };
        let holds = Holds::new(settings.hold_total_bytes);
        let endpoints = settings.upstreams.iter().map(|upstream| Endpoints::new(upstream, None)).collect();
        let (probes, deployment, checks, resolver) = (Vec::new(), None, Vec::new(), Resolver::system());
        let credentials = Arc::new(Credentials::new(&settings));
        Snapshot {
            settings,
            limits,
            routes,
            selection,
            probes,
            deployment,
            endpoints,
            checks,
            resolver,
            holds,
            credentials,
        }
    }

    /// The same with rule sets for health checks, by the names of their upstreams.
    pub fn checked_by(self, named: &[(Arc<str>, Arc<RuleSet>)]) -> Snapshot {
        let of =
            |name: &Arc<str>| named.iter().find(|(known, _)| known == name).map(|(_, set)| Arc::clone(set));
        let checks = self.settings.upstreams.iter().map(|upstream| of(&upstream.name)).collect();
        Snapshot { checks, ..self }
    }

    /// The same with an API.
    pub fn with(self, deployment: Option<Deployment>) -> Snapshot {
        Snapshot { deployment: deployment.map(Box::new), ..self }
    }

    /// The same, to take the place of another. What is held is counted on; the bound on it is the other's until
    /// [`takes_over`](Snapshot::takes_over). What is known of endpoints is known on.
    pub fn after(self, previous: &Snapshot) -> Snapshot {
        let before = |name: &Arc<str>| previous.endpoints.iter().find(|before| before.settings.name == *name);
        let after = |upstream: &Upstream| match before(&upstream.name) {
            Some(before) if before.settings == *upstream => Arc::clone(before),
            before => Endpoints::new(upstream, before.map(|before| &**before)),
        };
        let endpoints = self.settings.upstreams.iter().map(after).collect();
        Snapshot {
            holds: Arc::clone(&previous.holds),
            endpoints,
            resolver: previous.resolver.clone(),
            ..self
        }
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
