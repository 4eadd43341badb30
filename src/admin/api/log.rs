//! What is logged, and the way to have something else logged for a while. What the configuration says is in force again
//! after a restart.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tracing::warn;

use super::Shared;
use crate::admin::problem;
use crate::diagnostic::Diagnostic;
use crate::settings::Log;
use crate::telemetry::Running;

/// What is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    filter: String,
}

pub(super) async fn told(State(shared): State<Shared>) -> Response {
    match Running::of_process() {
        Some(running) => Json(state(&shared, running)).into_response(),
        None => none(),
    }
}

pub(super) async fn change(
    State(shared): State<Shared>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    let Some(running) = Running::of_process() else { return none() };
    let filter = match wanted {
        Ok(Json(Wanted { filter })) => filter,
        Err(JsonRejection::MissingJsonContentType(_)) => {
            return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "put `application/json`");
        }
        Err(rejection) => return problem(StatusCode::BAD_REQUEST, &rejection.body_text()),
    };
    if let Err(Diagnostic { message, help, .. }) = Log::check_filter(&filter) {
        let help = help.map(|help| format!("; {help}")).unwrap_or_default();
        return problem(StatusCode::BAD_REQUEST, &format!("{message}{help}"));
    }
    match running.log_only(&filter) {
        Ok(()) => {
            // Said at a level that most filters let through: a log that falls silent should say why.
            warn!(filter, "what is logged was changed");
            Json(state(&shared, running)).into_response()
        }
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn state(shared: &Shared, running: &Running) -> Value {
    let playground = shared.admin.playground.now();
    let configured = &playground.snapshot().settings.log;
    json!({
        "filter": running.filter(),
        "configured": configured.filter,
        "sample": f64::from(configured.sample_millionths) / 1_000_000.0,
        "dropped": running.dropped(),
    })
}

fn none() -> Response {
    problem(StatusCode::NOT_FOUND, "this process does not log yet")
}
