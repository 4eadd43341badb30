//! The several endpoints of an upstream, as one worker reaches them, and the choice of one for each try of a request.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;
use tokio::time::Instant;
use tracing::{info, warn};

use super::error::ProxyError;
use super::place::{Means, Place};
use crate::live::Endpoints;
use crate::live::endpoints::{Change, Claim, Endpoint};
use crate::settings::UpstreamUrl;

/// They.
pub(super) struct Several {
    endpoints: Arc<Endpoints>,
    /// How often they had changed when they were looked at.
    seen: Cell<u64>,
    known: RefCell<Known>,
    means: Means,
}

#[derive(Default)]
struct Known {
    all: Arc<[Arc<Endpoint>]>,
    /// The ways to them, in the same order.
    places: Vec<Rc<Place>>,
}

/// The endpoint that was chosen for one try. It counts as busy for as long as this lives.
pub(super) struct Choice {
    /// The way to it.
    pub place: Rc<Place>,
    claim: Claim,
}

impl Several {
    /// Those, without connections yet. Call it inside the worker's runtime.
    pub fn new(endpoints: &Arc<Endpoints>, means: &Means) -> Several {
        let several = Several {
            endpoints: Arc::clone(endpoints),
            seen: Cell::default(),
            known: RefCell::default(),
            means: means.clone(),
        };
        several.look();
        several
    }

    /// Chooses one, another than before where there is another.
    pub fn choose(&self, before: Option<&Choice>) -> Option<Rc<Choice>> {
        if self.endpoints.changes() != self.seen.get() {
            self.look();
        }
        let known = self.known.borrow();
        let before = before.map(|choice| &choice.claim);
        let (index, claim) = self.endpoints.choose(&known.all, before, now)?;
        let place = known.places.get(index).map(Rc::clone)?;
        Some(Rc::new(Choice { place, claim }))
    }

    /// Looks which there are. The ways to those that stay, and the connections there, are kept.
    fn look(&self) {
        self.seen.set(self.endpoints.changes());
        let all = self.endpoints.all();
        let mut known = self.known.borrow_mut();
        let place = |endpoint: &Arc<Endpoint>| {
            let index = known.all.iter().position(|it| Arc::ptr_eq(it, endpoint));
            index.and_then(|index| known.places.get(index)).map(Rc::clone).unwrap_or_else(|| {
                let settings = self.endpoints.settings.endpoint(&endpoint.url);
                Rc::new(Place::new(&settings, &self.endpoints, &self.means))
            })
        };
        let places = all.iter().map(place).collect();
        *known = Known { all, places };
    }
}

impl Choice {
    /// Where it is.
    pub fn url(&self) -> &UpstreamUrl {
        &self.claim.endpoint().url
    }

    /// The endpoint has answered, with this status when rules have had their say, or not to the end.
    pub fn answered(&self, status: Option<StatusCode>) {
        match status {
            Some(status) if status.is_server_error() => {
                self.failing(&format_args!("status {}", status.as_u16()))
            }
            Some(_) => self.tell(self.claim.succeeded(now), None),
            None => self.failing(&"the answer broke off"),
        }
    }

    /// There was no answer.
    pub fn failed(&self, error: &ProxyError) {
        if error.upstream_fault().is_some_and(|fault| fault.is_of_endpoint()) {
            self.failing(error);
        }
    }

    fn failing(&self, cause: &dyn fmt::Display) {
        self.tell(self.claim.failed(now), Some(cause));
    }

    fn tell(&self, change: Option<Change>, cause: Option<&dyn fmt::Display>) {
        if let Some(change) = change {
            tell(self.claim.upstream(), &self.claim.endpoint().name, change, cause);
        }
    }
}

impl fmt::Debug for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Choice").field(&self.claim.endpoint().name).finish()
    }
}

/// Writes what has become of an endpoint to the log, and what was the last that was heard of it.
pub(super) fn tell(upstream: &str, endpoint: &str, change: Change, cause: Option<&dyn fmt::Display>) {
    let cause = cause.map(tracing::field::display);
    match change {
        Change::Ejected { why, time } => {
            let seconds = time.as_secs_f64();
            warn!(upstream, endpoint, %why, cause, seconds, "an endpoint is left alone");
        }
        Change::Returned => info!(upstream, endpoint, "an endpoint is in service again"),
        Change::Unhealthy => warn!(upstream, endpoint, cause, "an endpoint's health checks fail"),
        Change::Healthy => info!(upstream, endpoint, "an endpoint's health checks succeed again"),
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
