//! `POST /-/drain`: new exchanges belong elsewhere from now on, and every connection ends with its exchange; the
//! process goes on. `GET /-/drain` says how far that is. Both answer with the phase and the exchanges under way.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tracing::info;

use super::Admin;

/// What became of it.
#[derive(Debug, Serialize)]
struct Progress {
    /// Whether new exchanges belong elsewhere.
    draining: bool,
    /// Exchanges under way, those that Envoy carries among them.
    in_flight: usize,
}

pub(super) fn router(admin: Admin) -> Router {
    Router::new().route("/-/drain", get(progress).post(drain)).with_state(admin)
}

async fn drain(State(admin): State<Admin>) -> Json<Progress> {
    if admin.readiness.drain() {
        info!("draining: not ready, as was asked for; every connection ends with its exchange");
    }
    progress(State(admin)).await
}

async fn progress(State(admin): State<Admin>) -> Json<Progress> {
    Json(Progress { draining: admin.readiness.is_draining(), in_flight: admin.meters.under_way() })
}
