//! The admin listener: what probes ask ([`health`], `probe`), what hooks ask for (`drain`), metrics (`metrics`), the
//! console's API under `/api/v1/` (`api`), and the console itself, a page that does nothing that its API could not
//! (`page`).
//!
//! It reads what the sidecar counts and serves, and changes neither; what it can do is to ask for another configuration
//! (`reload`) and to have something else logged (`api/log.rs`). Who may ask is in `guard`.

mod api;
mod drain;
mod guard;
pub mod health;
mod history;
mod metrics;
mod page;
mod probe;
mod reload;

use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::case::Playground;
use crate::live::{InForce, Prober, Readiness, Reloads};
use crate::telemetry::meters::Meters;

pub use api::OPENAPI;
pub use history::History;
pub use reload::{Asked, Reloader};

use guard::{Guarded, OverLoopback};

/// How long an answer may take before the admin API says 503.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);

/// Headers of every answer: nothing may be cached, framed, sniffed or named elsewhere.
const HEADERS: [(HeaderName, &str); 5] = [
    (CACHE_CONTROL, "no-store"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// What the admin listener tells of.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The phase of the sidecar's life.
    pub readiness: Readiness,
    /// What is counted.
    pub meters: Meters,
    /// What was counted until now, step by step.
    pub history: History,
    /// Who asks upstreams how they are.
    pub prober: Prober,
    /// The configuration in force.
    pub playground: InForce<Playground>,
    /// What became of reloads.
    pub reloads: Reloads,
    /// Who reads the configuration again, if anybody does.
    pub reloader: Option<Reloader>,
}

/// The admin listener's answers, to be served; `address` is where it listens.
pub fn router(admin: Admin, address: IpAddr) -> IntoMakeServiceWithConnectInfo<Router, OverLoopback> {
    routes(admin, address).into_make_service_with_connect_info()
}

fn routes(admin: Admin, address: IpAddr) -> Router {
    let guarded = Guarded { address, playground: admin.playground.clone() };
    let mut router = Router::new()
        .nest("/api/v1", api::router(admin.clone()))
        .merge(drain::router(admin.clone()))
        .merge(reload::router(admin.reloader.clone()))
        .route_layer(from_fn_with_state(guarded, guard::check))
        .merge(health::router(admin.readiness.clone(), admin.reloads.clone()))
        .merge(metrics::router(admin.meters.clone()))
        .merge(probe::router(admin))
        .merge(page::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_TIME_MAX));
    for (name, value) in HEADERS {
        router = router.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    }
    router
}

async fn not_found(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("the admin API has no `{}`", uri.path()))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, &format!("`{}` does not take {method}", uri.path()))
}

/// An RFC 9457 problem of type `about:blank`, whose title is the status's own phrase (section 4.2.1).
fn problem(status: StatusCode, detail: &str) -> Response {
    let problem = serde_json::json!({
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    (status, [(CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response()
}

#[cfg(test)]
mod tests;
