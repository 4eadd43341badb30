//! `POST /-/drain`: new exchanges belong elsewhere from now on, and every connection ends with its exchange; the
//! process goes on. `GET /-/drain` says how far that is. Both answer with the phase and the exchanges under way.

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
    let asked = admin.clone();
    let asked = async move || progress(&asked);
    Router::new().route("/-/drain", get(asked).post(async move || drain(&admin)))
}

fn drain(admin: &Admin) -> Json<Progress> {
    if admin.readiness.drain() {
        info!("draining: not ready, as was asked for; every connection ends with its exchange");
    }
    progress(admin)
}

fn progress(admin: &Admin) -> Json<Progress> {
    Json(Progress { draining: admin.readiness.is_draining(), in_flight: admin.meters.under_way() })
}
