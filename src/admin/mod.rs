//! The admin API: what probes and operators ask the sidecar itself, on a listener of its own.
//! `GET /livez`, `/readyz` (`?verbose` lists every check) and `/healthz`, another name of `/readyz`.
//! It knows nothing of exchanges: a backend that is down does not make the sidecar unready.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::live::{Phase, Readiness};

/// How long an answer may take before the admin API says 503.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// The admin API over the sidecar's own state. No answer may be cached (`cache-control: no-store`).
pub fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(readyz))
        .route("/healthz", get(readyz))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(readiness)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER_TIME_MAX))
        .layer(SetResponseHeaderLayer::overriding(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}

async fn readyz(
    State(readiness): State<Readiness>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let phase = readiness.phase();
    let status = if phase == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text = if query.contains_key("verbose") { verbose(phase) } else { brief(phase).to_owned() };
    (status, text).into_response()
}

fn brief(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Ready => "ok",
        Phase::Draining => "draining",
    }
}

/// One line a check, as the Kubernetes API server writes them.
fn verbose(phase: Phase) -> String {
    let checks = [("listening", phase != Phase::Starting), ("accepting", phase == Phase::Ready)];
    let mut lines = String::new();
    for (check, passed) in checks {
        let (sign, result) = if passed { ('+', "ok") } else { ('-', "failed") };
        // Writing to a `String` cannot fail.
        let _ = writeln!(lines, "[{sign}] {check} {result}");
    }
    lines + brief(phase) + "\n"
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
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn call(readiness: &Readiness, request: &str) -> (Response<()>, String) {
        let (method, uri) = request.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        let (head, body) = router(readiness.clone()).oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (Response::from_parts(head, ()), String::from_utf8(body.to_vec()).unwrap())
    }

    async fn check(readiness: &Readiness, request: &str, status: u16, body: &str) {
        let (answer, text) = call(readiness, request).await;
        assert_eq!((answer.status().as_u16(), text.as_str()), (status, body), "{request}");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-store", "{request}");
    }

    #[tokio::test]
    async fn readiness_follows_the_life_of_the_sidecar() {
        let readiness = Readiness::new();
        check(&readiness, "GET /livez", 200, "ok").await;
        check(&readiness, "GET /readyz", 503, "starting").await;
        let lines = "[-] listening failed\n[-] accepting failed\nstarting\n";
        check(&readiness, "GET /readyz?verbose", 503, lines).await;

        readiness.listening();
        check(&readiness, "GET /readyz", 200, "ok").await;
        check(&readiness, "GET /healthz", 200, "ok").await;
        check(&readiness, "HEAD /readyz", 200, "").await;
        check(&readiness, "GET /readyz?verbose=1", 200, "[+] listening ok\n[+] accepting ok\nok\n").await;

        readiness.drain();
        check(&readiness, "GET /readyz", 503, "draining").await;
        check(&readiness, "GET /healthz", 503, "draining").await;
        let lines = "[+] listening ok\n[-] accepting failed\ndraining\n";
        check(&readiness, "GET /healthz?verbose", 503, lines).await;
        check(&readiness, "GET /livez", 200, "ok").await;
    }

    #[tokio::test]
    async fn other_paths_and_methods_are_problems() {
        let readiness = Readiness::new();
        let body = r#"{"title":"Not Found","status":404,"detail":"the admin API has no `/orders`"}"#;
        check(&readiness, "GET /orders?id=1", 404, body).await;
        let body = r#"{"title":"Method Not Allowed","status":405,"detail":"`/livez` does not take POST"}"#;
        check(&readiness, "POST /livez", 405, body).await;

        let (answer, _) = call(&readiness, "GET /").await;
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
        let (answer, _) = call(&readiness, "POST /livez").await;
        assert_eq!(answer.headers()["allow"], "GET,HEAD");
    }
}
