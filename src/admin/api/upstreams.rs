//! The upstreams, with what is known now of each of their endpoints.

use std::sync::atomic::Ordering::Relaxed;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Shared;
use crate::live::Endpoints;
use crate::live::endpoints::Seen;

pub(super) async fn upstreams(State(shared): State<Shared>) -> Json<Value> {
    let playground = shared.admin.playground.now();
    let upstreams = playground.snapshot().endpoints.iter().map(|endpoints| told(endpoints));
    Json(json!({ "upstreams": upstreams.collect::<Vec<_>>() }))
}

fn told(endpoints: &Endpoints) -> Value {
    let (settings, counts) = (&endpoints.settings, &endpoints.counts);
    json!({
        "upstream": &*settings.name,
        "is_checked": settings.health.is_some(),
        "ejections": counts.ejections.load(Relaxed),
        "shed": counts.shed_too_many.load(Relaxed) + counts.shed_too_long.load(Relaxed),
        "pending": endpoints.waiting(),
        "endpoints": endpoints.seen().iter().map(|seen| endpoint(endpoints, seen)).collect::<Vec<_>>(),
    })
}

fn endpoint(endpoints: &Endpoints, seen: &Seen) -> Value {
    // With one endpoint there is no choice, and nobody counts.
    let in_flight = endpoints.settings.places.are_several().then_some(seen.in_flight);
    json!({
        "endpoint": seen.name,
        "state": match (seen.is_ejected, seen.is_sick) {
            (true, _) => "ejected",
            (false, true) => "unhealthy",
            (false, false) => "in service",
        },
        "in_flight": in_flight,
    })
}
