//! The demo's legacy backend: `200 OK` for everything, each way of hiding what really happened at its own path.
//! [`ENDPOINTS`] is the one list: the router, the table that `demo` prints and the tests come from it.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Json};
use axum::routing::{MethodRouter, any};
use futures_util::{StreamExt, stream};
use tokio::net::TcpListener;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::SizeAbove;
use tower_http::set_header::SetRequestHeaderLayer;

/// One path of the backend and the way it misbehaves there. It answers 200 to every method.
#[derive(Debug)]
pub struct Endpoint {
    /// The path, without query.
    pub path: &'static str,
    /// What Candor with the demo's rules makes of the answer.
    pub truth: Truth,
    /// What is wrong with the answer, in one line for people.
    pub misbehaviour: &'static str,
    /// What `curl` needs beside the URL to show it well.
    pub curl: &'static str,
    answers: fn() -> MethodRouter,
}

/// What Candor with the demo's rules makes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// The client gets this status.
    Status(u16),
    /// The client gets every piece of the answer as it comes, with the upstream's status.
    Streams,
    /// The client gets the answer as the upstream sent it; says why no rule could decide.
    Undecided(&'static str),
}

use Truth::{Status, Streams, Undecided};

/// Every endpoint, in the order in which `demo` shows them.
pub static ENDPOINTS: &[Endpoint] = &[
    endpoint("/healthy", Status(200), "nothing: an order as it should be", || {
        json(r#"{"id":1,"status":"shipped","total":"40.00"}"#)
    }),
    endpoint("/echo", Status(200), "nothing: shows the request as it reached the backend", || any(echo)),
    endpoint("/status-field", Status(404), "the status is a field of the body", || {
        json(r#"{"statusCode":404,"message":"No such order"}"#)
    }),
    endpoint("/status-text", Status(503), "the status is a field, and a string", || {
        json(r#"{"status":"503","message":"The warehouse does not answer"}"#)
    }),
    endpoint("/success-flag", Status(422), "a flag says that it failed", || {
        json(r#"{"success":false,"message":"The quantity must be positive","data":null}"#)
    }),
    endpoint("/error-text", Status(404), "only the words say so", || {
        text("text/plain; charset=utf-8", "ERROR: record not found\n")
    }),
    endpoint("/stack-trace", Status(500), "a Java stack trace as plain text", || {
        text("text/plain; charset=utf-8", include_str!("answers/stack-trace.txt"))
    }),
    endpoint("/fatal-error", Status(500), "the page of a PHP script that died", || {
        html(include_str!("answers/fatal-error.html"))
    }),
    endpoint("/traceback", Status(500), "a Python traceback within a page", || {
        html(include_str!("answers/traceback.html"))
    }),
    endpoint("/error-page", Status(503), "an error page whose title tells the status", || {
        html(include_str!("answers/error-page.html"))
    }),
    endpoint("/empty", Status(204), "200 without a body", || text("text/html", "")),
    endpoint("/error-message", Status(404), "a Lambda function's error with the status in brackets", || {
        json(r#"{"errorMessage":"[404] No such order","errorType":"NotFoundError"}"#)
    }),
    endpoint("/json-in-a-string", Status(422), "a Lambda error message that is JSON itself", || {
        json(r#"{"errorMessage":"{\"status\":422,\"message\":\"No such size\"}","errorType":"Error"}"#)
    }),
    endpoint("/lambda-error", Status(502), "a Lambda function that threw an exception", || {
        json(concat!(
            r#"{"errorMessage":"Cannot read properties of undefined (reading 'id')","errorType":"TypeError","#,
            r#""stackTrace":["exports.handler (/var/task/index.js:12:31)"]}"#,
        ))
    }),
    endpoint("/envelope", Status(409), "a Lambda envelope with status, headers and body", || {
        json(concat!(
            r#"{"statusCode":409,"headers":{"Content-Type":"application/json","X-Order-Id":"17"},"#,
            r#""body":"{\"message\":\"Already shipped\"}","isBase64Encoded":false}"#,
        ))
    }),
    endpoint("/envelope-multi", Status(401), "a Lambda envelope whose headers have several values", || {
        json(concat!(
            r#"{"statusCode":401,"headers":{"WWW-Authenticate":"Bearer"},"#,
            r#""multiValueHeaders":{"Set-Cookie":["session=; Max-Age=0","theme=dark"]},"#,
            r#""body":"{\"message\":\"Log in first\"}"}"#,
        ))
    }),
    // "This picture is gone\n"
    endpoint("/envelope-base64", Status(410), "a Lambda envelope whose body is Base64", || {
        json(concat!(
            r#"{"statusCode":410,"headers":{"Content-Type":"text/plain; charset=utf-8"},"#,
            r#""body":"VGhpcyBwaWN0dXJlIGlzIGdvbmUK","isBase64Encoded":true}"#,
        ))
    }),
    endpoint("/soap-1.1", Status(500), "a SOAP 1.1 fault", || {
        text("text/xml; charset=utf-8", include_str!("answers/soap-1.1-fault.xml"))
    }),
    endpoint("/soap-1.2", Status(400), "a SOAP 1.2 fault, the sender's", || {
        text("application/soap+xml; charset=utf-8", include_str!("answers/soap-1.2-fault.xml"))
    }),
    endpoint("/graphql", Status(401), "GraphQL errors and no data", || {
        json(r#"{"errors":[{"message":"Log in first","extensions":{"code":"UNAUTHENTICATED"}}],"data":null}"#)
    }),
    endpoint("/jsonrpc", Status(404), "a JSON-RPC error", || {
        json(r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#)
    }),
    endpoint("/jsonrpc-batch", Status(404), "a JSON-RPC batch of which every call failed", || {
        json(concat!(
            r#"[{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1},"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":2}]"#,
        ))
    }),
    endpoint("/gzip", Status(404), "an error in gzip, even unasked", gzip).shown_with("--compressed"),
    endpoint("/slow", Streams, "a report that takes three seconds, a line at a time", || any(slow))
        .shown_with("--no-buffer"),
    endpoint("/events", Streams, "an event stream with an error in it", || any(events))
        .shown_with("--no-buffer"),
    endpoint("/big", Undecided("longer than `hold.max_bytes`"), "10 MB, the status at the end", || any(big))
        .shown_with("--output /dev/null"),
];

const fn endpoint(
    path: &'static str,
    truth: Truth,
    misbehaviour: &'static str,
    answers: fn() -> MethodRouter,
) -> Endpoint {
    Endpoint { path, truth, misbehaviour, curl: "", answers }
}

impl Endpoint {
    const fn shown_with(self, curl: &'static str) -> Endpoint {
        Endpoint { curl, ..self }
    }
}

/// The backend. A path that it does not have is an error page with status 200, of course.
pub fn router() -> Router {
    ENDPOINTS
        .iter()
        .fold(Router::new(), |router, endpoint| router.route(endpoint.path, (endpoint.answers)()))
        .fallback(async || ([(CONTENT_TYPE, "text/html")], "<title>404 Not Found</title>\n"))
}

/// Runs the backend on `listener` until the task is dropped.
///
/// # Errors
/// Never in practice: failed accepts are tried again.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    axum::serve(listener, router()).await
}

fn json(body: &'static str) -> MethodRouter {
    text("application/json", body)
}

fn html(body: &'static str) -> MethodRouter {
    text("text/html; charset=utf-8", body)
}

fn text(content_type: &'static str, body: &'static str) -> MethodRouter {
    any(async move || ([(CONTENT_TYPE, content_type)], body))
}

/// Compressed whatever the request accepts: this backend believes that everybody takes gzip.
fn gzip() -> MethodRouter {
    let unasked = SetRequestHeaderLayer::overriding(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let any_size = CompressionLayer::new().compress_when(SizeAbove::new(0));
    json(r#"{"statusCode":404,"message":"No such order"}"#).layer((unasked, any_size))
}

async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let values = |name| headers.get_all(name).iter().map(|value| text(value.as_bytes())).collect::<Vec<_>>();
    let headers: serde_json::Map<_, _> =
        headers.keys().map(|name| (name.to_string(), values(name).into())).collect();
    Json(serde_json::json!({
        "method": method.as_str(),
        "path": uri.path(),
        "query": uri.query(),
        "headers": headers,
        "body": text(&body),
    }))
}

async fn slow() -> impl IntoResponse {
    let lines = (1..=6).map(|order| format!("{{\"order\":{order},\"status\":\"shipped\"}}\n"));
    ([(CONTENT_TYPE, "application/x-ndjson")], trickle(lines, Duration::from_millis(500)))
}

async fn events() -> impl IntoResponse {
    let events = [
        "event: progress\ndata: {\"percent\":50}\n\n",
        "event: progress\ndata: {\"percent\":90}\n\n",
        "event: error\ndata: {\"statusCode\":500,\"message\":\"The disk is full\"}\n\n",
    ];
    ([(CONTENT_TYPE, "text/event-stream")], trickle(events, Duration::from_millis(500)))
}

/// A body sent piece by piece, with a pause before each.
fn trickle<P>(pieces: impl IntoIterator<Item = P, IntoIter: Send + 'static>, pause: Duration) -> Body
where
    P: Into<Bytes> + Send + 'static,
{
    Body::from_stream(stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<Bytes, Infallible>(piece.into())
    }))
}

/// Ten million bytes of order lines before the field that counts.
async fn big() -> impl IntoResponse {
    const LINE: &str = r#"{"article":"screw M4","pieces":100,"price":"4.00"},"#;
    let lines = LINE.repeat(10_000_000 / LINE.len());
    let body =
        format!(r#"{{"lines":[{lines}null],"statusCode":500,"message":"The total cannot be computed"}}"#);
    ([(CONTENT_TYPE, "application/json")], body)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read;

    use axum::body::to_bytes;
    use axum::http::{Request, Response, StatusCode};
    use flate2::read::GzDecoder;
    use serde_json::Value;
    use tower::ServiceExt;

    use super::*;

    async fn call(request: Request<Body>) -> Response<Bytes> {
        let (head, body) = router().oneshot(request).await.unwrap().into_parts();
        Response::from_parts(head, to_bytes(body, usize::MAX).await.unwrap())
    }

    async fn get(path: &str) -> Response<Bytes> {
        call(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The body as text, out of its compression.
    fn body(answer: &Response<Bytes>) -> String {
        let mut text = String::new();
        match answer.headers().get("content-encoding") {
            Some(encoding) if encoding == "gzip" => {
                GzDecoder::new(&answer.body()[..]).read_to_string(&mut text).unwrap();
            }
            _ => text = String::from_utf8(answer.body().to_vec()).unwrap(),
        }
        text
    }

    /// Which kind of answer each path gives, and the words that make it what it is.
    const EVIDENCE: &[(&str, &str, &str)] = &[
        ("/healthy", "application/json", r#""status":"shipped""#),
        ("/echo", "application/json", r#""method":"GET""#),
        ("/status-field", "application/json", r#""statusCode":404"#),
        ("/status-text", "application/json", r#""status":"503""#),
        ("/success-flag", "application/json", r#""success":false"#),
        ("/error-text", "text/plain", "record not found"),
        ("/stack-trace", "text/plain", "\tat com.acme."),
        ("/fatal-error", "text/html", "<b>Fatal error</b>"),
        ("/traceback", "text/html", "Traceback (most recent call last)"),
        ("/error-page", "text/html", "<title>503 Service Unavailable</title>"),
        ("/empty", "text/html", ""),
        ("/error-message", "application/json", r#""errorMessage":"[404] "#),
        ("/json-in-a-string", "application/json", r#"{"errorMessage":"{\"status\":422,"#),
        ("/lambda-error", "application/json", r#""stackTrace":["#),
        ("/envelope", "application/json", r#""isBase64Encoded":false"#),
        ("/envelope-multi", "application/json", r#""multiValueHeaders":{"#),
        ("/envelope-base64", "application/json", r#""isBase64Encoded":true"#),
        ("/soap-1.1", "text/xml", "<faultcode>soap:Server</faultcode>"),
        ("/soap-1.2", "application/soap+xml", "<env:Value>env:Sender</env:Value>"),
        ("/graphql", "application/json", r#""data":null"#),
        ("/jsonrpc", "application/json", r#""code":-32601"#),
        ("/jsonrpc-batch", "application/json", r#"[{"jsonrpc":"2.0""#),
        ("/gzip", "application/json", r#""statusCode":404"#),
        ("/slow", "application/x-ndjson", r#"{"order":6,"#),
        ("/events", "text/event-stream", "event: error\ndata: {\"statusCode\":500"),
        ("/big", "application/json", r#"],"statusCode":500,"#),
    ];

    #[test]
    fn every_endpoint_has_a_path_of_its_own_and_evidence() {
        let paths: Vec<&str> = ENDPOINTS.iter().map(|endpoint| endpoint.path).collect();
        let evidence: HashSet<&str> = EVIDENCE.iter().map(|(path, ..)| *path).collect();
        assert_eq!(paths.iter().copied().collect::<HashSet<_>>(), evidence);
        assert_eq!(paths.len(), evidence.len());
        assert_eq!(EVIDENCE.len(), evidence.len());
    }

    #[tokio::test(start_paused = true)]
    async fn every_endpoint_answers_200_with_its_evidence() {
        for (path, content_type, words) in EVIDENCE {
            let answer = get(path).await;
            let text = body(&answer);
            let found = answer.headers()[CONTENT_TYPE].to_str().unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            assert_eq!(found.split(';').next(), Some(*content_type), "{path}");
            assert!(text.contains(words), "{path}: {text:.400}");
            if *content_type == "application/json" {
                assert!(serde_json::from_str::<Value>(&text).is_ok(), "{path}: {text:.400}");
            }
        }
    }

    #[tokio::test]
    async fn gzip_comes_unasked_and_the_empty_answer_is_empty() {
        assert_eq!(get("/gzip").await.headers()["content-encoding"], "gzip");
        assert!(get("/empty").await.body().is_empty());
    }

    #[tokio::test]
    async fn the_big_answer_is_ten_megabytes() {
        let length = get("/big").await.body().len();
        assert!((9_990_000..10_010_000).contains(&length), "{length}");
    }

    /// The clock is the runtime's own: it jumps to the next timer when nothing else is left to do.
    #[tokio::test(start_paused = true)]
    async fn streams_take_their_time() {
        let check = async |path, expected: Duration| {
            let start = tokio::time::Instant::now();
            get(path).await;
            assert_eq!(start.elapsed().as_millis(), expected.as_millis(), "{path}");
        };
        check("/slow", Duration::from_secs(3)).await;
        check("/events", Duration::from_millis(1500)).await;
    }

    #[tokio::test]
    async fn echo_shows_what_arrived() {
        let request = Request::post("/echo?page=2").header("x-legacy", "a").header("x-legacy", "b");
        let answer = call(request.body(Body::from("hello")).unwrap()).await;
        assert_eq!(
            serde_json::from_str::<Value>(&body(&answer)).unwrap(),
            serde_json::json!({
                "method": "POST", "path": "/echo", "query": "page=2",
                "headers": { "x-legacy": ["a", "b"] }, "body": "hello",
            })
        );
    }

    #[tokio::test]
    async fn an_unknown_path_is_a_200_too() {
        let answer = get("/nowhere").await;
        assert_eq!(
            (answer.status(), body(&answer)),
            (StatusCode::OK, "<title>404 Not Found</title>\n".into())
        );
    }
}
