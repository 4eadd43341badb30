//! `GET /probe/NAME`: 200 where a probe finds its upstream healthy, 503 where not, each with one line that says why. For
//! whoever checks health and cannot read bodies; so it asks for no token, and nobody can hammer an upstream with it: a
//! probe is asked by one at a time, and all who wait meanwhile get that answer, as do those who come soon after.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{Admin, problem};
use crate::engine::probe::Probe;
use crate::live::{Finding, Snapshot};

#[derive(Debug, Clone)]
struct Shared {
    admin: Admin,
    kept: Arc<Mutex<HashMap<Arc<str>, Arc<Place>>>>,
}

/// Where the last answer of one probe is kept, by the one who has asked.
type Place = tokio::sync::Mutex<Option<Kept>>;

#[derive(Debug)]
struct Kept {
    finding: Finding,
    at: Instant,
    /// The configuration that was asked by.
    of: Weak<Snapshot>,
}

pub(super) fn router(admin: Admin) -> Router {
    let shared = Shared { admin, kept: Arc::default() };
    Router::new().route("/probe/{name}", get(move |name| probe(shared, name)))
}

async fn probe(shared: Shared, Path(name): Path<String>) -> Response {
    let snapshot = Arc::clone(shared.admin.playground.now().snapshot());
    let known = snapshot.probes.iter().enumerate().find(|(_, probe)| *probe.name == *name);
    let Some((index, probe)) = known else {
        return problem(StatusCode::NOT_FOUND, &format!("there is no probe `{name}`"));
    };
    let Finding { is_healthy, text } = shared.found(&snapshot, index, probe).await;
    match is_healthy {
        true => (StatusCode::OK, format!("ok: {text}\n")),
        false => (StatusCode::SERVICE_UNAVAILABLE, format!("failed: {text}\n")),
    }
    .into_response()
}

impl Shared {
    async fn found(&self, snapshot: &Arc<Snapshot>, index: usize, probe: &Probe) -> Finding {
        let place = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(kept.entry(Arc::clone(&probe.name)).or_default())
        };
        let came = Instant::now();
        let mut kept = place.lock().await;
        let of = Arc::downgrade(snapshot);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.of.ptr_eq(&of)) {
            // An answer that came while this one waited was asked for by another who wanted to know the same.
            if kept.at >= came || kept.at + probe.fresh_for > Instant::now() {
                return kept.finding.clone();
            }
        }
        let finding = self.admin.prober.ask(Arc::clone(snapshot), index).await;
        let was_healthy = kept.as_ref().is_none_or(|kept| kept.finding.is_healthy);
        tell(&probe.name, was_healthy, &finding);
        *kept = Some(Kept { finding: finding.clone(), at: Instant::now(), of });
        finding
    }
}

/// Logs what has changed.
fn tell(probe: &str, was_healthy: bool, finding: &Finding) {
    match (was_healthy, finding.is_healthy) {
        (true, false) => warn!(probe, why = finding.text, "a probe fails"),
        (false, true) => info!(probe, "a probe is well again"),
        _ => {}
    }
}
