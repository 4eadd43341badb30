//! Rules tried out on an answer that is posted. On a thread of its own, because patterns take their time to compile.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::Shared;
use crate::admin::problem;
use crate::case::{Decision, Played, Playground, Sent, Trial};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::document::Node;

pub(super) async fn evaluate(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    tried(&shared, &headers, body, |trial| Ok(told(trial.is_of_api(), &trial.play()))).await
}

pub(super) async fn case(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    tried(&shared, &headers, body, |trial| trial.to_case_file().map(|text| json!({ "text": text }))).await
}

/// What `tell` says of the trial in a body; 422 with diagnostics where there is none in it.
async fn tried(
    shared: &Shared,
    headers: &HeaderMap,
    body: Bytes,
    tell: fn(&Trial) -> Result<Value, Vec<Diagnostic>>,
) -> Response {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // No form of another page can send this without asking first.
    if !media.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "post `application/json`");
    }
    let Ok(permit) = Arc::clone(&shared.trials).acquire_owned().await else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "too many trials at one time");
    };
    let playground = shared.admin.playground.now();
    let trying = spawn_blocking(move || {
        let _permit = permit;
        let json: Value = serde_json::from_slice(&body).map_err(|error| Wrong::Json(error.to_string()))?;
        read(&playground, &json).and_then(|trial| tell(&trial)).map_err(Wrong::Trial)
    });
    match trying.await {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(Wrong::Json(error))) => {
            problem(StatusCode::BAD_REQUEST, &format!("this is not JSON: {error}"))
        }
        Ok(Err(Wrong::Trial(problems))) => {
            let problems: Vec<Value> = problems.iter().map(Diagnostic::to_json).collect();
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "problems": problems }))).into_response()
        }
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "a bug in Candor ended the trial"),
    }
}

/// Why nothing was tried.
enum Wrong {
    Json(String),
    Trial(Vec<Diagnostic>),
}

fn read(playground: &Playground, json: &Value) -> Result<Trial, Vec<Diagnostic>> {
    let mut diagnostics = Diagnostics::default();
    let place = Place::whole(&Source::new("trial", ""));
    let trial = playground.read(&Node::of_json(json, &place), &mut diagnostics);
    trial.ok_or_else(|| diagnostics.into_sorted())
}

/// What came of an exchange, through rules or an API.
pub(super) fn told(is_of_api: bool, played: &Played) -> Value {
    let mut value = json!({
        "through": if is_of_api { "api" } else { "rules" },
        "answer": answer(played),
    });
    if let (Value::Object(members), Value::Object(decision)) = (&mut value, decision(played)) {
        members.extend(decision);
    }
    value
}

/// Headers, each a pair of its name and its value.
pub(super) fn lines(headers: &HeaderMap) -> Vec<Value> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])
    };
    headers.iter().map(line).collect()
}

fn answer(played: &Played) -> Value {
    let text = std::str::from_utf8(&played.body).ok();
    json!({
        "status": played.status.as_u16(),
        "reason": played.reason,
        "headers": lines(&played.headers),
        "body": text,
        "body_base64": text.is_none().then(|| STANDARD.encode(&played.body)),
    })
}

fn decision(played: &Played) -> Value {
    match &played.decision {
        Decision::Made { verdict, shadows, trace } => {
            let shadow = |shadow: &crate::engine::outcome::Shadow| json!({ "rule": &*shadow.rule, "status": shadow.status.map(|status| status.as_u16()) });
            json!({
                "verdict": verdict.word(),
                "rule": verdict.rule(),
                "reason": verdict.reason(),
                "shadows": shadows.iter().map(shadow).collect::<Vec<_>>(),
                "trace": trace.to_json(),
            })
        }
        Decision::Carried { chosen, fault, misfits, trace } => json!({
            "selection": trace.as_ref().and_then(|trace| trace.selection.as_ref()).map(|considered| {
                let patterns = considered.patterns.iter().map(|tried| {
                    let result = tried.result.to_string();
                    json!({ "pattern": tried.pattern, "status": tried.status.as_u16(), "result": result })
                });
                json!({
                    "subject": considered.subject,
                    "patterns": patterns.collect::<Vec<_>>(),
                    "default": considered.default.map(|status| status.as_u16()),
                })
            }),
            "templates": trace.as_ref().map(|trace| {
                let request = trace.request_body.as_ref().and_then(|by| by.template());
                let answer = trace.answer_body.as_ref().and_then(|by| by.template());
                json!({ "request": request, "answer": answer })
            }),
            "overridden": trace.as_ref().map(|trace| &trace.overridden),
            "sent": sent(&played.sent),
            "integration_response": chosen.as_ref().map(|chosen| {
                json!({ "subject": chosen.subject, "pattern": chosen.pattern.as_deref(), "status": chosen.status.as_u16() })
            }),
            "gateway_response": fault.as_ref().map(|fault| json!({ "kind": fault.kind.name(), "cause": fault.cause })),
            "misfits": misfits.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        Decision::None | Decision::Unseen => json!({ "verdict": null }),
    }
}

/// What went to the backend of an API.
fn sent(sent: &Sent) -> Value {
    let Sent::Request(request) = sent else { return Value::Null };
    let headers: Vec<Value> = request.headers.iter().map(|(name, value)| json!([name, value])).collect();
    json!({
        "method": request.method.as_str(),
        "target": request.target.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&request.body),
    })
}
