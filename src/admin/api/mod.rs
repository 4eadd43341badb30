//! The console's API: JSON under `/api/v1/`, described by `/api/v1/openapi.json`. All that the page shows and does can
//! be had here with `curl`.

mod captures;
mod configuration;
mod definition;
mod describe;
mod exchanges;
mod log;
mod overview;
mod playground;
mod report;
mod rules;
mod upstreams;
mod way;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use tokio::sync::Semaphore;

use super::Admin;

/// The description of the API.
pub const OPENAPI: &str = include_str!("openapi.json");

/// What may be posted.
const POSTED_BYTES_MAX: usize = 1 << 20;

/// Listeners to live exchanges at one time.
const LISTENERS_MAX: usize = 32;

/// Readers of captures at one time.
const READERS_MAX: usize = 1;

/// Trials that run at one time. They have threads of their own; traffic does not wait for them.
const TRIALS_MAX: usize = 2;

/// What the endpoints share.
#[derive(Debug, Clone)]
struct Shared {
    admin: Admin,
    listeners: Arc<Semaphore>,
    trials: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

pub(super) fn router(admin: Admin) -> Router {
    let shared = Shared {
        admin,
        listeners: Arc::new(Semaphore::new(LISTENERS_MAX)),
        trials: Arc::new(Semaphore::new(TRIALS_MAX)),
        readers: Arc::new(Semaphore::new(READERS_MAX)),
    };
    Router::new()
        .route("/openapi.json", get(openapi))
        .route("/overview", get(overview::overview))
        .route("/exchanges", get(exchanges::list))
        .route("/exchanges/{request_id}", get(exchanges::one))
        .route("/live", get(exchanges::live))
        .route("/rules", get(rules::rules))
        .route("/definition", get(definition::definition))
        .route("/report", get(report::report))
        .route("/captures", get(captures::captures))
        .route("/upstreams", get(upstreams::upstreams))
        .route("/log", get(log::told))
        .route("/log", put(log::change))
        .route("/evaluate", post(playground::evaluate))
        .route("/case", post(playground::case))
        .layer(DefaultBodyLimit::max(POSTED_BYTES_MAX))
        .with_state(shared)
}

async fn openapi() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], OPENAPI)
}
