//! What changes while the sidecar serves, as everyone sees it at the same moment.
//! [`Readiness`] is the phase of its life: set by `serve`, read by the admin API. [`Snapshot`] is the
//! configuration, one and the same for an exchange from its first byte to its last; [`InForce`] is the one that new
//! exchanges get, and [`Reloads`] tells of its replacements.

mod credentials;
mod deployment;
mod holds;
mod in_force;
mod reloads;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::engine::Limits;
use crate::engine::route::Routes;
use crate::engine::selection::Selection;
use crate::settings::Settings;

pub use credentials::{Credential, Credentials, ForUpstream, Refresh, Refreshed};
pub use deployment::{Callee, Deployment};
pub use holds::{Holds, Share};
pub use in_force::InForce;
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
    /// The API that takes the requests no route is for.
    pub deployment: Option<Box<Deployment>>,
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
        let credentials = Arc::new(Credentials::new(&settings));
        Snapshot { settings, limits, routes, selection, deployment: None, holds, credentials }
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
}

/// Where the sidecar is in its life. It only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not yet listening.
    Starting,
    /// Listening; new exchanges are welcome.
    Ready,
    /// Asked to stop: exchanges in flight are finished, new ones belong elsewhere.
    Draining,
}

/// A shared view of the [`Phase`]; clones see the same one.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    flags: Arc<Flags>,
}

#[derive(Debug, Default)]
struct Flags {
    listening: AtomicBool,
    draining: AtomicBool,
}

impl Readiness {
    /// A sidecar that is [`Phase::Starting`].
    pub fn new() -> Readiness {
        Readiness::default()
    }

    /// The listeners are bound.
    pub fn listening(&self) {
        self.flags.listening.store(true, Ordering::Release);
    }

    /// No new exchanges from now on. Final, even when it comes before [`listening`](Self::listening).
    pub fn drain(&self) {
        self.flags.draining.store(true, Ordering::Release);
    }

    /// The phase at this moment.
    pub fn phase(&self) -> Phase {
        if self.flags.draining.load(Ordering::Acquire) {
            Phase::Draining
        } else if self.flags.listening.load(Ordering::Acquire) {
            Phase::Ready
        } else {
            Phase::Starting
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[fn(&Readiness)], expected: Phase) {
        let readiness = Readiness::new();
        let seen_elsewhere = readiness.clone();
        for step in steps {
            step(&readiness);
        }
        assert_eq!(seen_elsewhere.phase(), expected);
    }

    #[test]
    fn phases_only_move_forward() {
        check(&[], Phase::Starting);
        check(&[Readiness::listening], Phase::Ready);
        check(&[Readiness::listening, Readiness::drain], Phase::Draining);
        check(&[Readiness::drain, Readiness::listening], Phase::Draining);
    }
}
