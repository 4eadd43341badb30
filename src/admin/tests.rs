use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, HOST};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower::ServiceExt;

use super::*;
use crate::case::Written;
use crate::diagnostic::{Diagnostics, Source};
use crate::engine::outcome::{Shadow, Verdict};
use crate::live::Snapshot;
use crate::rules::{self, Quick, TemplateFiles};
use crate::settings::{Layers, Log, Settings};
use crate::telemetry;
use crate::telemetry::meters::{Counted, Door, Ended, Verb};

const CONFIGURATION: &str = r"
version: 1
upstreams: { legacy: { url: 'http://127.0.0.1:9' } }
rule_sets:
  orders:
    rules:
      - { name: busy, mode: shadow, when: { header: retry-after }, then: { status: 503 } }
      - { name: gone, when: { json: $.code, equals: 1410 }, then: { status: 410, body: problem } }
      - { name: late, when: { any: [{ json: $.late }, { not: { status: 200 } }] }, then: { status: 504 } }
";

/// A console without a token, and one with.
fn admin(more: &str) -> Admin {
    let mut problems = Diagnostics::default();
    let file = Source::new("candor.yaml", format!("{CONFIGURATION}{more}"));
    let layers = Layers { files: vec![file], ..Layers::default() };
    let (document, quick) = layers.merge(&mut problems).unwrap();
    let settings = Settings::read(&document, &quick, &mut problems).unwrap();
    let rules = rules::read(Some(&document), Quick::default(), &["legacy".into()], &mut problems);
    assert!(problems.is_empty());
    let snapshot = Snapshot::new(settings, rules.routes, rules.selection);
    Admin {
        readiness: Readiness::new(),
        prober: Prober::new().0,
        meters: Meters::start(),
        history: History::default(),
        playground: InForce::new(Arc::new(Playground::new(
            Arc::new(snapshot),
            Written { document, templates: TemplateFiles::default(), definition: None, quick },
        ))),
        reloads: Reloads::new(SystemTime::UNIX_EPOCH),
        reloader: None,
    }
}

/// One exchange that a rule changed.
fn count_one(meters: &Meters, request_id: &str) {
    let verdict = Verdict::Rewrite { rule: "orders/gone".into() };
    let shadows = [Shadow { rule: "orders/busy".into(), status: Some(StatusCode::SERVICE_UNAVAILABLE) }];
    let (took, upstream_time) = (Duration::from_millis(3), Some(Duration::from_millis(2)));
    let meter = meters.meter();
    let route = "/{proxy+}";
    meter.count(&Counted {
        route,
        statuses: (200, 410),
        verdict: Some(&verdict),
        shadows: &shadows,
        misfit: Some("Order"),
        verb: Verb::Get,
        door: Door::Proxy,
        held: None,
        retries: &[],
        fault: None,
        took,
        upstream_time,
    });
    meter.keep(true, tokio::time::Instant::now().into_std(), took, || Ended {
        request_id,
        trace_id: None,
        took,
        upstream_time,
        client: Ipv4Addr::LOCALHOST.into(),
        method: Some("GET"),
        path: Some("/orders/17"),
        route: Some(route),
        upstream: Some("legacy"),
        rule_set: Some("orders"),
        upstream_status: Some(200),
        status: Some(410),
        verdict: Some(&verdict),
        shadows: &shadows,
        held: None,
        sent_bytes: 10,
        attempts: 1,
        integration_response: None,
        gateway_response: None,
        by_api: false,
        error: None,
        alarming: false,
    });
}

/// What a request is answered, on loopback unless told otherwise: status, headers, body.
async fn call(admin: &Admin, request: Request<Body>) -> (Response<()>, Vec<u8>) {
    let router = routes(admin.clone(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let (head, body) = router.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (Response::from_parts(head, ()), body.to_vec())
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).header(HOST, "127.0.0.1:9901").body(Body::empty()).unwrap()
}

fn post(path: &str, value: &Value) -> Request<Body> {
    let request = Request::post(path).header(HOST, "localhost").header(CONTENT_TYPE, "application/json");
    request.body(Body::from(value.to_string())).unwrap()
}

/// The JSON of an answer, which must be as its description says.
async fn asked(admin: &Admin, request: Request<Body>, expected: u16) -> Value {
    let (method, path) = (request.method().as_str().to_lowercase(), request.uri().path().to_owned());
    let (head, body) = call(admin, request).await;
    let value: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(head.status(), expected, "{path}: {value}");
    let description: Value = serde_json::from_str(OPENAPI).unwrap();
    let path = path.strip_prefix("/api/v1").unwrap();
    let path = if path.starts_with("/exchanges/") { "/exchanges/{request_id}" } else { path };
    let mut answer = &description["paths"][path][method]["responses"][expected.to_string()];
    if let Some(reference) = answer["$ref"].as_str() {
        answer = description.pointer(reference.trim_start_matches('#')).unwrap();
    }
    let media = head.headers()[CONTENT_TYPE].to_str().unwrap();
    let schema = &answer["content"][media]["schema"];
    let rooted = json!({ "allOf": [schema], "components": description["components"] });
    let errors: Vec<String> = jsonschema::validator_for(&rooted)
        .unwrap()
        .iter_errors(&value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(schema.is_object() && errors.is_empty(), "{path} is not as described: {errors:?}\n{value:#}");
    value
}

#[tokio::test]
async fn exchanges_are_added_up() {
    let admin = admin("");
    assert_eq!(asked(&admin, get("/api/v1/overview"), 200).await["requests"], 0);
    count_one(&admin.meters, "id-1");
    let seen = asked(&admin, get("/api/v1/overview"), 200).await;
    assert_eq!(
        (&seen["requests"], &seen["hidden"], &seen["verdicts"]["rewrite"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(seen["matrix"], json!([{ "from": 200, "to": 410, "count": 1 }]));
    assert_eq!(seen["routes"][0]["route"], "/{proxy+}");
    assert!(seen["took_ms"]["p50"].as_f64().is_some_and(|time| (3.0..4.0).contains(&time)));
}

#[tokio::test]
async fn the_last_exchanges_are_listed_and_filtered() {
    let admin = admin("");
    count_one(&admin.meters, "id-1");
    let listed = async |query: &str| {
        let seen = asked(&admin, get(&format!("/api/v1/exchanges?{query}")), 200).await;
        seen["exchanges"].as_array().unwrap().len()
    };
    for query in [
        "",
        "verdict=pass,rewrite",
        "status=4",
        "status=410",
        "route=/%7Bproxy%2B%7D",
        "text=GONE",
        "text=&status=",
    ] {
        assert_eq!(listed(query).await, 1, "{query}");
    }
    for query in ["last=0", "verdict=pass", "status=404", "route=/", "text=other"] {
        assert_eq!(listed(query).await, 0, "{query}");
    }
    assert_eq!(call(&admin, get("/api/v1/exchanges?stats=4")).await.0.status(), 400);
}

#[tokio::test]
async fn an_exchange_is_told_with_its_way() {
    let admin = admin("");
    count_one(&admin.meters, "id-1");
    let told = asked(&admin, get("/api/v1/exchanges/id-1"), 200).await;
    let way: Vec<&str> =
        told["way"].as_array().unwrap().iter().map(|step| step["result"].as_str().unwrap()).collect();
    assert_eq!(way, ["would fire (shadow)", "fired", "not reached"]);
    assert_eq!(told["way"][2]["when"], "$.late exists or not (status matches `200`)");
    asked(&admin, get("/api/v1/exchanges/id-2"), 404).await;
}

#[tokio::test]
async fn shadow_rules_are_reported_as_they_were_counted() {
    let admin = admin("");
    count_one(&admin.meters, "id-1");
    let told = asked(&admin, get("/api/v1/report"), 200).await;
    let example = json!({ "place": "id-1", "request": "GET /orders/17", "body": "" });
    let row = json!({
        "route": "/{proxy+}", "rule": "orders/busy", "from": 200, "to": 503, "exchanges": 1, "of": 1,
        "examples": [example], "doubtful": null, "doubts": [],
    });
    assert_eq!(told, json!({ "exchanges": 1, "shadows": [row] }));
}

#[tokio::test]
async fn captures_are_read_line_by_line_the_oldest_first() {
    asked(&admin(""), get("/api/v1/captures"), 404).await;
    let folder = tempfile::tempdir().unwrap();
    let admin = admin(&format!("capture: {{ folder: '{}' }}\n", folder.path().display()));
    let captures = async || {
        let (head, body) = call(&admin, get("/api/v1/captures")).await;
        assert_eq!(head.status(), 200);
        String::from_utf8(body).unwrap()
    };
    assert_eq!(captures().await, "");
    let long = "x".repeat(100_000);
    let files = [
        ("capture-2-b.jsonl", format!("{long}\nthree\nfou")),
        ("capture-1-a.jsonl", "one\n".to_owned()),
        ("note", "no\n".to_owned()),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    assert_eq!(captures().await, format!("one\n{long}\nthree\n"), "what has no end yet is not told");
}

#[tokio::test]
async fn exchanges_are_told_as_they_come() {
    let admin = admin("");
    count_one(&admin.meters, "id-1");
    let router = routes(admin.clone(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let answer = router.oneshot(get("/api/v1/live?last=1")).await.unwrap();
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream");
    let mut body = answer.into_body().into_data_stream();
    let mut next = async || {
        use futures_util::StreamExt;
        String::from_utf8(body.next().await.unwrap().unwrap().to_vec()).unwrap()
    };
    assert!(next().await.contains(r#""request_id":"id-1""#));
    count_one(&admin.meters, "id-2");
    let event = next().await;
    assert!(event.starts_with("event: exchange\ndata: {") && event.contains("id-2"), "{event}");
}

#[tokio::test]
async fn behind_a_listener_on_all_addresses_loopback_is_loopback() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let unknown = routes(admin(""), everywhere).oneshot(get("/api/v1/overview")).await.unwrap();
    assert_eq!(unknown.status(), StatusCode::FORBIDDEN);
    let served = router(admin(""), everywhere);
    tokio::spawn(async { axum::serve(listener, served).await });
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    client
        .write_all(b"GET /api/v1/overview HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn rules_are_told_with_what_they_did() {
    let admin = admin("");
    count_one(&admin.meters, "id-1");
    let seen = asked(&admin, get("/api/v1/rules"), 200).await;
    let rule = |index: usize| &seen["sets"][0]["rules"][index];
    assert_eq!((&rule(0)["shadow"], &rule(0)["mode"]), (&json!(1), &json!("shadow")));
    assert_eq!(rule(0)["matrix"], json!([{ "from": 200, "to": 503, "count": 1 }]));
    assert_eq!((&rule(1)["decided"], &rule(1)["then"]), (&json!(1), &json!("status 410, a new body")));
    assert_eq!(rule(2)["decided"], 0);
    assert!(seen["sets"][0]["text"].as_str().unwrap().starts_with("rules:\n"));
    asked(&admin, get("/api/v1/definition"), 404).await;
}

#[tokio::test]
async fn endpoints_are_told_with_their_state() {
    let seen = asked(&admin(""), get("/api/v1/upstreams"), 200).await;
    let endpoint = json!({ "endpoint": "127.0.0.1:9", "state": "in service", "in_flight": null });
    let expected = json!({
        "upstream": "legacy", "is_checked": false, "ejections": 0, "shed": 0, "pending": 0, "endpoints": [endpoint],
    });
    assert_eq!(seen, json!({ "upstreams": [expected] }));
}

#[tokio::test]
async fn rules_are_tried_and_kept_as_a_case() {
    let admin = admin("");
    let trial = json!({ "upstream": { "json": { "code": 1410 } }, "name": "gone is gone" });
    let told = asked(&admin, post("/api/v1/evaluate", &trial), 200).await;
    assert_eq!((&told["answer"]["status"], &told["rule"]), (&json!(410), &json!("orders/gone")));
    assert_eq!(told["trace"][1]["checks"][0]["excerpt"]["marked"], "1410");
    let case = asked(&admin, post("/api/v1/case", &trial), 200).await;
    assert!(case["text"].as_str().unwrap().contains("- name: gone is gone\n"));
    let edited = json!({ "rule_set": "orders", "rules": "rules:\n  - when: { stats: 200 }\n    then: { status: 404 }\n" });
    let told = asked(&admin, post("/api/v1/evaluate", &edited), 422).await;
    assert_eq!((&told["problems"][0]["file"], &told["problems"][0]["line"]), (&json!("rules"), &json!(2)));
}

#[tokio::test]
async fn what_is_logged_is_told_and_changed() {
    let admin = admin("log: { sample: 0.25 }");
    let change = |value: Value| {
        let mut request = post("/api/v1/log", &value);
        *request.method_mut() = Method::PUT;
        request
    };
    // A log that says nothing, so that tests are not full of it.
    let _logging = telemetry::init(&Log { filter: "off".to_owned(), ..Log::default() }).unwrap();
    let told = asked(&admin, get("/api/v1/log"), 200).await;
    assert_eq!(told, json!({ "filter": "off", "configured": "info", "sample": 0.25, "dropped": 0 }));
    let told = asked(&admin, change(json!({ "filter": "off,candor::nothing=debug" })), 200).await;
    assert_eq!(told["filter"], "off,candor::nothing=debug");
    let refused = async |value: Value, detail: &str| {
        let told = asked(&admin, change(value), 400).await;
        assert!(told["detail"].as_str().unwrap().contains(detail), "{told}");
    };
    refused(json!({ "filter": "a=b=c" }), "`a=b=c` is not a log filter").await;
    refused(json!({ "filter": "debg" }), "did you mean `debug`?").await;
    refused(json!({ "level": "debug" }), "unknown field `level`").await;
    refused(json!({}), "missing field `filter`").await;
    let mut form = change(json!({ "filter": "debug" }));
    form.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    asked(&admin, form, 415).await;
    assert_eq!(asked(&admin, get("/api/v1/log"), 200).await["filter"], "off,candor::nothing=debug");
}

#[tokio::test]
async fn what_is_posted_is_bounded_and_json() {
    let admin = admin("");
    let value = json!({ "upstream": { "body": "x".repeat(2 << 20) } });
    assert_eq!(call(&admin, post("/api/v1/evaluate", &value)).await.0.status(), 413);
    let mut form = post("/api/v1/evaluate", &json!({}));
    form.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    asked(&admin, form, 415).await;
    let mut broken = post("/api/v1/evaluate", &json!({}));
    *broken.body_mut() = Body::from("{");
    asked(&admin, broken, 400).await;
}

#[tokio::test]
async fn every_endpoint_is_described_and_every_description_has_one() {
    let description: Value = serde_json::from_str(OPENAPI).unwrap();
    let described = description["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
    });
    let route = regex::Regex::new(r#"\.route\("([^"]+)", (get|post|put)\("#).unwrap();
    let routed =
        route.captures_iter(include_str!("api/mod.rs")).map(|found| format!("{} {}", &found[2], &found[1]));
    let sorted = |names: &mut dyn Iterator<Item = String>| {
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&mut described.into_iter()), sorted(&mut routed.into_iter()));
}

#[tokio::test]
async fn the_api_asks_for_the_token_and_probes_and_the_page_do_not() {
    let admin = admin("admin: { token: a-token-of-many-characters }");
    let (head, _) = call(&admin, get("/api/v1/overview")).await;
    assert_eq!(
        (head.status().as_u16(), &head.headers()["www-authenticate"]),
        (401, &"Bearer realm=\"candor\"".parse().unwrap())
    );
    let mut shown = get("/api/v1/overview");
    shown.headers_mut().insert(AUTHORIZATION, HeaderValue::from_static("Bearer a-token-of-many-characters"));
    asked(&admin, shown, 200).await;
    for path in ["/", "/livez", "/console/app.js"] {
        assert_eq!(call(&admin, get(path)).await.0.status(), 200, "{path}");
    }
    let pointed_here =
        Request::get("/api/v1/overview").header(HOST, "evil.test").body(Body::empty()).unwrap();
    assert_eq!(call(&self::admin(""), pointed_here).await.0.status(), 403);
}

#[tokio::test]
async fn the_page_asks_for_nothing_that_is_not_here() {
    let admin = admin("");
    let named = regex::Regex::new(r#"(?:from "|src="|href=")(\./|/)([a-z./-]+)""#).unwrap();
    let mut open = vec!["/".to_owned()];
    let mut known = open.clone();
    while let Some(path) = open.pop() {
        let (head, body) = call(&admin, get(&path)).await;
        assert_eq!(head.status(), 200, "{path}");
        let body = String::from_utf8(body).unwrap();
        if path.starts_with("/api/") {
            continue;
        }
        assert!(
            head.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'; ")
        );
        for found in named.captures_iter(&body) {
            let folder = if &found[1] == "./" { "/console/" } else { "/" };
            let next = format!("{folder}{}", &found[2]);
            if !known.contains(&next) {
                known.push(next.clone());
                open.push(next);
            }
        }
    }
    assert!(known.len() > 12, "{known:?}");
}

#[tokio::test]
async fn other_paths_and_methods_are_problems() {
    let admin = admin("");
    let check = async |request: Request<Body>, status: u16, detail: &str| {
        let (head, body) = call(&admin, request).await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((head.status().as_u16(), body["detail"].as_str().unwrap()), (status, detail));
        assert_eq!(head.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(head.headers()[CACHE_CONTROL], "no-store");
        head
    };
    check(get("/orders?id=1"), 404, "the admin API has no `/orders`").await;
    check(get("/api/v1/orders"), 404, "the admin API has no `/api/v1/orders`").await;
    let head = check(post("/livez", &json!({})), 405, "`/livez` does not take POST").await;
    assert_eq!(head.headers()["allow"], "GET,HEAD");
    check(post("/api/v1/rules", &json!({})), 405, "`/api/v1/rules` does not take POST").await;
}
