//! The file that defines the API, as it was when it was read.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Shared;
use crate::admin::problem;

pub(super) async fn definition(State(shared): State<Shared>) -> Response {
    match shared.admin.playground.now().definition() {
        Some((file, text)) => Json(json!({ "file": file, "text": text })).into_response(),
        None => problem(StatusCode::NOT_FOUND, "the configuration names no definition of an API"),
    }
}
