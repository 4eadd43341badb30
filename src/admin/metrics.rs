//! `GET /metrics`, for Prometheus and all who read its text. Like probes it asks for no token: it tells names of the
//! configuration and numbers, and nothing of any exchange.

use axum::Router;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::task::spawn_blocking;
use tower_http::compression::CompressionLayer;

use super::problem;
use crate::telemetry::meters::Meters;
use crate::telemetry::metrics::{Format, gather};

/// The endpoint, over what is counted.
pub(super) fn router(meters: Meters) -> Router {
    let told = move |headers| metrics(meters, headers);
    Router::new().route("/metrics", get(told)).layer(CompressionLayer::new())
}

/// Adding up is done elsewhere: connections are accepted on this thread.
async fn metrics(meters: Meters, headers: HeaderMap) -> Response {
    let accept: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accept.join(","));
    match spawn_blocking(move || format.write(&gather(&meters))).await {
        Ok(text) => ([(CONTENT_TYPE, format.content_type())], text).into_response(),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be told"),
    }
}
