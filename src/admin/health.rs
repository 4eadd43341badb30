//! What probes ask: `GET /livez`, `/readyz` (`?verbose` lists every check) and `/healthz`, another name of `/readyz`.
//! It knows nothing of exchanges: a backend that is down does not make the sidecar unready.

use std::collections::HashMap;
use std::fmt::Write;

use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::live::{Phase, Readiness, Reloads, Told};

/// What probes ask, over the sidecar's own state.
pub fn router(readiness: Readiness, reloads: Reloads) -> Router {
    let ready =
        async move |Query(query): Query<HashMap<String, String>>| readyz(&readiness, &reloads, &query);
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/readyz", get(ready.clone()))
        .route("/healthz", get(ready))
}

fn readyz(readiness: &Readiness, reloads: &Reloads, query: &HashMap<String, String>) -> Response {
    let phase = readiness.phase();
    let status = if phase == Phase::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let text =
        if query.contains_key("verbose") { verbose(phase, &reloads.told()) } else { brief(phase).to_owned() };
    (status, text).into_response()
}

fn brief(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "starting",
        Phase::Ready => "ok",
        Phase::Draining => "draining",
    }
}

/// One line a check, as the Kubernetes API server writes them. A configuration that was refused does not make the sidecar
/// unready: it serves under the one from before.
fn verbose(phase: Phase, reloads: &Told) -> String {
    let checks = [
        ("listening", phase != Phase::Starting),
        ("accepting", phase == Phase::Ready),
        ("reload", reloads.is_well()),
    ];
    let mut lines = String::new();
    for (check, passed) in checks {
        let (sign, result) = if passed { ('+', "ok") } else { ('-', "failed") };
        // Writing to a `String` cannot fail.
        let _ = writeln!(lines, "[{sign}] {check} {result}");
    }
    if !reloads.is_well() {
        let _ = writeln!(lines, "generation {} stays in force", reloads.generation);
    }
    lines + brief(phase) + "\n"
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::live::Trigger;

    /// What is answered where the configuration was never read again.
    async fn check(readiness: &Readiness, request: &str, status: u16, body: &str) {
        check_reloaded(readiness, &Reloads::new(SystemTime::UNIX_EPOCH), request, status, body).await;
    }

    async fn check_reloaded(
        readiness: &Readiness,
        reloads: &Reloads,
        request: &str,
        status: u16,
        body: &str,
    ) {
        let (method, uri) = request.split_once(' ').unwrap();
        let asked = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        let answer = router(readiness.clone(), reloads.clone()).oneshot(asked).await.unwrap();
        assert_eq!(answer.status(), status, "{request}");
        assert_eq!(to_bytes(answer.into_body(), usize::MAX).await.unwrap(), body, "{request}");
    }

    #[tokio::test]
    async fn readiness_follows_the_life_of_the_sidecar() {
        let readiness = Readiness::new();
        check(&readiness, "GET /livez", 200, "ok").await;
        check(&readiness, "GET /readyz", 503, "starting").await;
        let lines = "[-] listening failed\n[-] accepting failed\n[+] reload ok\nstarting\n";
        check(&readiness, "GET /readyz?verbose", 503, lines).await;

        readiness.listening();
        check(&readiness, "GET /readyz", 200, "ok").await;
        check(&readiness, "GET /healthz", 200, "ok").await;
        check(&readiness, "HEAD /readyz", 200, "").await;
        check(
            &readiness,
            "GET /readyz?verbose=1",
            200,
            "[+] listening ok\n[+] accepting ok\n[+] reload ok\nok\n",
        )
        .await;

        readiness.drain();
        check(&readiness, "GET /readyz", 503, "draining").await;
        check(&readiness, "GET /healthz", 503, "draining").await;
        let lines = "[+] listening ok\n[-] accepting failed\n[+] reload ok\ndraining\n";
        check(&readiness, "GET /healthz?verbose", 503, lines).await;
        check(&readiness, "GET /livez", 200, "ok").await;
    }

    #[tokio::test]
    async fn a_refused_configuration_is_told_and_makes_nothing_unready() {
        let (readiness, reloads) = (Readiness::new(), Reloads::new(SystemTime::UNIX_EPOCH));
        readiness.listening();
        reloads.failed(Trigger::File, "a secret".to_owned(), SystemTime::UNIX_EPOCH);
        check_reloaded(&readiness, &reloads, "GET /readyz", 200, "ok").await;
        let lines =
            "[+] listening ok\n[+] accepting ok\n[-] reload failed\ngeneration 1 stays in force\nok\n";
        check_reloaded(&readiness, &reloads, "GET /readyz?verbose", 200, lines).await;
        reloads.succeeded(Trigger::File, SystemTime::UNIX_EPOCH);
        let lines = "[+] listening ok\n[+] accepting ok\n[+] reload ok\nok\n";
        check_reloaded(&readiness, &reloads, "GET /readyz?verbose", 200, lines).await;
    }
}
