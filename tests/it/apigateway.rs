//! An API Gateway definition carried out over real sockets: what backends and functions are sent, what clients get, and
//! what becomes of everything that goes wrong on the way.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;

use serde_json::{Value, json};

use super::support::client::Answered;
use super::support::h2;
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Deaf, Nowhere, Upstream};
use super::support::{gate, json as answer, log};

/// An API with every kind of integration.
const DEFINITION: &str = include_str!("../definitions/orders.yaml");

/// One upstream for the hosts of the definition, and one for its function.
fn sidecar(upstream: SocketAddr, function: SocketAddr, more: &str) -> Sidecar {
    Sidecar::carrying_out(
        DEFINITION,
        &format!(
            "upstreams: {{ legacy: {{ url: 'http://{upstream}' }} }}\n\
             server: {{ workers: 2, trusted_proxies: [] }}\n\
             api: {{ upstream: legacy, lambdas: {{ orders: 'http://{function}/2015-03-31/functions/function/invocations' }}{more} }}\n"
        ),
    )
}

fn with_upstream(upstream: &Upstream) -> Sidecar {
    sidecar(upstream.address, upstream.address, "")
}

fn post(sidecar: &Sidecar, path: &str, headers: &[&str], body: &str) -> Answered {
    let mut client = sidecar.client();
    let length = format!("content-length: {}", body.len());
    client.ask(&format!("POST {path}"), &[headers, &[&length]].concat());
    client.send(body);
    client.answer(false)
}

/// A gateway response: its status, its type, its body.
#[track_caller]
fn check_gateway_response(answer: &Answered, status: u16, kind: &str, body: &str) {
    assert_eq!((answer.status(), answer.text()), (status, body));
    let event = log::event(answer.header("x-request-id").unwrap());
    assert_eq!(event["gateway_response"], kind, "{event}");
    assert!(answer.header("x-amzn-errortype").is_some());
}

#[test]
fn a_request_is_mapped_and_its_answer_selected() {
    let upstream = Upstream::answering(
        "HTTP/1.1 404 Not Found\r\nserver: legacy\r\ncontent-length: 24\r\n\r\n{\"message\":\"no order 7\"}",
    );
    let sidecar = with_upstream(&upstream);
    let body = r#"{"order":{"id":7},"more":1}"#;
    let answer =
        post(&sidecar, "/orders/7%2F1?a=b", &["content-type: application/json", "X-Tenant: acme"], body);
    assert_eq!((answer.status(), answer.text()), (400, r#"{"why":"no order 7"}"#));
    assert_eq!(answer.header("server"), None);
    let received = upstream.received();
    assert_eq!(received.head.start, "PUT /v1/7%2F1 HTTP/1.1");
    assert_eq!(received.head.header("x-tenant"), Some("acme"));
    assert_eq!(received.payload.bytes, br#"{"order":{"id":7}}"#);
    let event = log::event(answer.header("x-request-id").unwrap());
    assert_eq!(event["route"], "/orders/{id}");
    assert_eq!(
        (&event["upstream"], &event["upstream_status"], &event["status"]),
        (&json!("legacy"), &json!(404), &json!(400))
    );
    assert_eq!(event["integration_response"], r"4\d{2} -> 400");
}

#[test]
fn a_function_is_given_an_event_and_its_envelope_is_unwrapped() {
    let upstream = Upstream::answering(answer(
        r#"{"statusCode":409,"headers":{"X-Why":"taken"},"body":"e30=","isBase64Encoded":false}"#,
    ));
    let sidecar = with_upstream(&upstream);
    let answer = sidecar.exchange("GET /fn?a=1&a=2", &["X-My-Header: 1", "aCCept: text/plain"]);
    assert_eq!((answer.status(), answer.text(), answer.header("x-why")), (409, "e30=", Some("taken")));
    let received = upstream.received();
    assert_eq!(received.head.start, "POST /2015-03-31/functions/function/invocations HTTP/1.1");
    assert_eq!(received.head.header("host"), Some(upstream.address.to_string().as_str()));
    let event: Value = serde_json::from_slice(&received.payload.bytes).unwrap();
    assert_eq!(event["headers"]["X-My-Header"], "1");
    assert_eq!(event["headers"]["aCCept"], "text/plain");
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "a": ["1", "2"] }));
    assert_eq!(event["requestContext"]["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(Some(event["requestContext"]["requestId"].as_str().unwrap()), answer.header("x-request-id"));
}

#[test]
fn a_request_that_no_method_is_for_is_403() {
    let upstream = Upstream::answering(answer("{}"));
    let sidecar = with_upstream(&upstream);
    for request in ["GET /", "TRACE /mock"] {
        let answer = sidecar.exchange(request, &[]);
        check_gateway_response(
            &answer,
            403,
            "MISSING_AUTHENTICATION_TOKEN",
            r#"{"message":"Missing Authentication Token"}"#,
        );
    }
    assert_eq!(sidecar.exchange("GET /mock", &[]).status(), 204);
    assert_eq!(
        sidecar.exchange("GET /prod/mock", &[]).status(),
        200,
        "another resource: the stage is no part of its path"
    );
}

#[test]
fn a_backend_that_fails_is_a_gateway_response() {
    let (_open, wait) = gate();
    let silent = Upstream::scripted(move |_, _| {
        wait();
        After::Close
    });
    let late = post(&with_upstream(&silent), "/orders/7", &[], "");
    check_gateway_response(&late, 503, "INTEGRATION_TIMEOUT", r#"{"late":"Endpoint request timed out"}"#);

    let deaf = Deaf::listen();
    let unconnected = post(&sidecar(deaf.address, deaf.address, ""), "/orders/7", &[], "");
    check_gateway_response(
        &unconnected,
        503,
        "INTEGRATION_TIMEOUT",
        r#"{"late":"Endpoint request timed out"}"#,
    );

    let nowhere = Nowhere::reserve();
    let refused = sidecar(nowhere.address, nowhere.address, "").exchange("GET /other", &[]);
    let message = r#"{"message": "Network error communicating with endpoint"}"#;
    check_gateway_response(&refused, 504, "INTEGRATION_FAILURE", message);
    let event = log::event(refused.header("x-request-id").unwrap());
    assert!(event["error"].as_str().unwrap().starts_with("the upstream refused the connection"), "{event}");

    let broken = Upstream::answering_once("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbr");
    check_gateway_response(
        &with_upstream(&broken).exchange("GET /other", &[]),
        504,
        "INTEGRATION_FAILURE",
        message,
    );

    let malformed = Upstream::answering(answer(r#"{"statusCode":"no number"}"#));
    let malformed = with_upstream(&malformed).exchange("GET /fn", &[]);
    check_gateway_response(&malformed, 502, "DEFAULT_5XX", r#"{"message": "Internal server error"}"#);
}

#[test]
fn a_request_that_is_too_large_is_413() {
    let upstream = Upstream::answering(answer("{}"));
    let sidecar = with_upstream(&upstream);
    let expected = r#"{"message": "Request Too Long"}"#;
    let mut client = sidecar.client();
    client.ask("POST /orders/7", &["content-length: 10485761"]);
    check_gateway_response(&client.answer(false), 413, "REQUEST_TOO_LARGE", expected);
    let mut client = sidecar.client();
    client.ask("POST /orders/7", &["transfer-encoding: chunked"]);
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    for _ in 0..11 {
        client.send_in_vain(&chunk);
    }
    check_gateway_response(&client.answer(false), 413, "REQUEST_TOO_LARGE", expected);
}

#[test]
fn an_emulator_is_given_one_event_at_a_time() {
    let (open, wait) = gate();
    let emulator = Upstream::scripted(move |_, stream| {
        wait();
        stream.write_all(answer(r#"{"statusCode":200}"#).as_bytes()).unwrap();
        After::KeepOpen
    });
    let queue =
        "lambdas: { orders: { url: 'http://EMULATOR/2015-03-31/functions/function/invocations', queue: 1 } }";
    let queue = queue.replace("EMULATOR", &emulator.address.to_string());
    let sidecar = Sidecar::carrying_out(DEFINITION, &format!("api: {{ {queue} }}"));
    let mut first = sidecar.client();
    first.ask("GET /fn", &[]);
    emulator.received();
    // One waits, whichever comes first; the other is told so.
    let mut others = [sidecar.client(), sidecar.client()];
    others.iter_mut().for_each(|client| client.ask("GET /fn", &[]));
    thread::scope(|scope| {
        let answers = others.each_mut().map(|client| scope.spawn(|| client.answer(false)));
        while !answers.iter().any(|answer| answer.is_finished()) {
            thread::yield_now();
        }
        open();
        open();
        let mut statuses = answers.map(|answer| answer.join().unwrap().status());
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 429]);
    });
    assert_eq!(first.answer(false).status(), 200);
}

#[test]
fn answers_can_be_held_to_their_models() {
    let upstream = Upstream::answering("HTTP/1.1 404 No\r\ncontent-length: 13\r\n\r\n{\"message\":7}");
    let check = |choice: &str, status: u16| {
        let sidecar = sidecar(upstream.address, upstream.address, &format!(", response_models: {choice}"));
        let answer = post(&sidecar, "/orders/7", &["content-type: application/json"], "{}");
        assert_eq!(answer.status(), status, "{choice}");
        log::event(answer.header("x-request-id").unwrap())["misfit"].clone()
    };
    assert_eq!(check("off", 400), Value::Null);
    let misfit = json!("Error at /why: 7 is not of type \"string\"");
    assert_eq!(check("warn", 400), misfit);
    assert_eq!(check("enforce", 500), misfit);
}

#[test]
fn what_is_not_there_is_told_when_it_is_asked_for() {
    let upstream = Upstream::answering(answer("{}"));
    let sidecar = Sidecar::carrying_out(&DEFINITION.replace("http://legacy", "https://legacy"), "");
    for path in ["/fn", "/other"] {
        let answer = sidecar.exchange(&format!("GET {path}"), &[]);
        assert_eq!(answer.status(), 500, "{path}: {}", answer.text());
    }
    drop(upstream);
}

#[test]
fn native_routes_go_first() {
    let upstream = Upstream::answering(answer(r#"{"statusCode":404}"#));
    let sidecar = Sidecar::carrying_out(
        DEFINITION,
        &format!(
            "upstreams: {{ legacy: {{ url: 'http://{}' }} }}\napi: {{ upstream: legacy }}\n\
             routes: [{{ match: {{ path: /native }}, rules: status }}]\n\
             rule_sets: {{ status: {{ use: [status-field] }} }}\n",
            upstream.address
        ),
    );
    assert_eq!(sidecar.exchange("GET /native", &[]).status(), 404);
    assert_eq!(sidecar.exchange("GET /other", &[]).status(), 200);
}

#[test]
fn requests_over_http_2_are_spelt_as_the_method_declares() {
    let upstream = Upstream::answering(answer(r#"{"statusCode":200}"#));
    let sidecar = with_upstream(&upstream);
    h2::block_on(async move {
        let client = h2::Client::connect(sidecar.address).await;
        let mut request = h2::request("GET", "/fn");
        request.headers_mut().insert("authorization", "x".parse().unwrap());
        assert_eq!(client.exchange(request).await.status, 200);
    });
    let event: Value = serde_json::from_slice(&upstream.received().payload.bytes).unwrap();
    assert_eq!(event["headers"]["Authorization"], "x");
    assert_eq!(event["requestContext"]["protocol"], "HTTP/2.0");
}
