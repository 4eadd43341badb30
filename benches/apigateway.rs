//! What API Gateway definitions cost, to load and for each exchange: `cargo bench --bench apigateway`. Where a native rule
//! can say the same, it is measured beside.
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a bench fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;
use candor::apigateway::execute::{Answer, Execution, Finished, Headers, Request, Settings, Step};
use candor::apigateway::model::Api;
use candor::apigateway::read::{Options, read};
use candor::diagnostic::{Diagnostics, Source};
use candor::document;
use candor::engine::mutation::BodyChange;
use candor::engine::{self, AnswerHead, Exchange, Limits, RequestSnapshot, RuleSet};
use candor::rules::{self, Quick};
use divan::{Bencher, black_box, black_box_drop};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

#[path = "../src/apigateway/read/tests/hostile_cases.rs"]
mod hostile_cases;
use hostile_cases::Case;
#[path = "../src/apigateway/read/tests/large.rs"]
mod large;
#[path = "../src/apigateway/execute/tests/sample.rs"]
mod sample;

fn main() {
    divan::main();
}

fn loaded(text: &str) -> Api {
    let mut problems = Diagnostics::default();
    let api = read(&Source::new("api.yaml", text), &Options::default(), &mut problems);
    api.unwrap_or_else(|| panic!("{:#?}", problems.into_sorted()))
}

/// A definition of 300 resources with five methods each: the quota of API Gateway.
#[divan::bench]
fn load_300_resources(bencher: Bencher<'_, '_>) {
    let source = Source::new("api.json", large::definition(300));
    bencher.bench_local(|| {
        let mut problems = Diagnostics::default();
        black_box_drop(read(black_box(&source), &Options::default(), &mut problems).unwrap());
    });
}

#[divan::bench(args = ["/r0/x/s0", "/r17/x/s257", "/r17/x/none", "/nowhere"])]
fn route_of_300_resources(bencher: Bencher<'_, '_>, path: &str) {
    let api = loaded(&large::definition(300));
    bencher.bench_local(|| black_box(black_box(&api).find(&Method::PATCH, black_box(path)).map(|_| ())));
}

/// What is wrong at 6 MB, and what is short to write and long to carry out. None may take longer than a second.
#[divan::bench(args = hostile(), sample_count = 1, sample_size = 1)]
fn hostile_definition(bencher: Bencher<'_, '_>, case: &Hostile) {
    let source = Source::new("api.yaml", case.0.text.as_str());
    bencher.bench_local(|| {
        let mut problems = Diagnostics::default();
        assert!(read(&source, &Options::default(), &mut problems).is_none(), "{}", case.0.name);
        assert!(problems.into_sorted().len() >= case.0.errors, "{}", case.0.name);
    });
}

/// What a backend answers, what an integration makes of it, and the native rules that say the same.
struct Situation {
    kind: &'static str,
    status: u16,
    body: String,
    responses: Value,
    rules: String,
}

const SITUATIONS: [&str; 6] =
    ["status", "template", "error-message", "override", "healthy-100-kb", "ten-patterns"];
const MESSAGE: &str = r#"{"message": $input.json('$.errorMessage'), "code": "$input.path('$.code')"}"#;
const OVERRIDE: &str =
    "#set($context.responseOverride.status = $input.path('$.statusCode'))$input.json('$.body')";

fn situation(name: &str) -> Situation {
    let error = r#"{"statusCode": 404, "code": "E17", "errorMessage": "no such order", "body": {"id": 17}}"#;
    let http = Situation {
        kind: "http",
        status: 404,
        body: error.to_owned(),
        responses: json!({ "4\\d{2}": { "statusCode": 404 }, "5\\d{2}": { "statusCode": 502 }, "default": { "statusCode": 200 } }),
        rules: r"
  - { when: { status: '4\d{2}' }, then: { status: 404 } }
  - { when: { status: '5\d{2}' }, then: { status: 502 } }"
            .to_owned(),
    };
    let templates = |template: &str| json!({ "application/json": template });
    match name {
        "status" => http,
        "template" => Situation {
            responses: json!({ "4\\d{2}": { "statusCode": 404, "responseTemplates": templates(MESSAGE) }, "default": { "statusCode": 200 } }),
            rules: format!("\n  - {{ when: {{ status: '4\\d{{2}}' }}, then: {{ status: 404, body: {{ template: {} }} }} }}", json!(MESSAGE)),
            ..http
        },
        "error-message" => Situation {
            kind: "aws",
            status: 200,
            body: json!({ "errorMessage": r#"{"status":400,"code":"E17","text":"no such order"}"#, "errorType": "Error", "trace": ["at a", "at b"] }).to_string(),
            responses: json!({ r#".*"status":400.*"#: { "statusCode": 400, "responseTemplates": templates("$input.path('$.errorMessage')") }, "default": { "statusCode": 200 } }),
            rules: "\n  - { when: { error: '.*\"status\":400.*' }, then: { status: 400, body: { template: \"$input.path('$.errorMessage')\" } } }".to_owned(),
        },
        "override" => Situation {
            status: 200,
            responses: json!({ "default": { "statusCode": 200, "responseTemplates": templates(OVERRIDE) } }),
            rules: format!("\n  - {{ when: {{ status: 200 }}, then: {{ body: {{ template: {} }} }} }}", json!(OVERRIDE)),
            ..http
        },
        "healthy-100-kb" => {
            let items = |id| format!(r#"{{"id": {id}, "name": "Widget {id}", "desc": "{}"}}"#, "x".repeat(60));
            let items = (0..1000).map(items).collect::<Vec<_>>().join(", ");
            Situation { status: 200, body: format!(r#"{{"items": [{items}]}}"#), ..http }
        }
        "ten-patterns" => {
            let patterns = (0..10).map(|n| format!(r"(?s).*\[{n}00\].*"));
            let responses: serde_json::Map<_, _> = patterns.clone().map(|it| (it, json!({ "statusCode": 400 }))).collect();
            Situation {
                kind: "aws",
                status: 200,
                body: json!({ "errorMessage": "something is wrong with the order: [900] no such order", "errorType": "Error" }).to_string(),
                responses: responses.into(),
                rules: patterns.map(|it| format!("\n  - {{ when: {{ error: '{it}' }}, then: {{ status: 400 }} }}")).collect(),
            }
        }
        other => panic!("no situation `{other}`"),
    }
}

fn definition(situation: &Situation) -> String {
    let uri = match situation.kind {
        "http" => "http://legacy/orders",
        _ => {
            "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:1:function:f/invocations"
        }
    };
    let integration =
        json!({ "type": situation.kind, "httpMethod": "POST", "uri": uri, "responses": situation.responses });
    let responses = json!({ "200": {}, "400": {}, "404": {}, "502": {} });
    let operation = json!({ "responses": responses, "x-amazon-apigateway-integration": integration });
    json!({ "openapi": "3.0.1", "info": { "title": "t" }, "paths": { "/orders": { "get": operation } } })
        .to_string()
}

/// From the backend's answer to the client's: an answer is chosen, mapped and given its headers.
#[divan::bench(args = SITUATIONS)]
fn answer(bencher: Bencher<'_, '_>, name: &str) {
    let situation = situation(name);
    let api = loaded(&definition(&situation));
    let (request, settings) = (request(), Settings::default());
    let begun = || {
        let (method, _) = api.find(&request.method, &request.path).unwrap();
        let mut execution = Execution::new(&api, method, &request, &settings);
        assert!(matches!(execution.begin(), Step::Call(_)));
        let headers = [("content-type".to_owned(), "application/json".to_owned())].into_iter().collect();
        let status = StatusCode::from_u16(situation.status).unwrap();
        (execution, Answer { status, headers, body: Bytes::from(situation.body.clone()) })
    };
    let (execution, answer) = begun();
    assert_eq!(execution.finish(Ok(answer)).fault, None);
    bencher
        .with_inputs(begun)
        .bench_local_values(|(execution, answer)| -> Finished { execution.finish(Ok(answer)) });
}

/// What of the above is the end of what was kept of the request: native rules keep none of it.
#[divan::bench]
fn end_of_a_request(bencher: Bencher<'_, '_>) {
    let situation = situation("status");
    let api = loaded(&definition(&situation));
    let (request, settings) = (request(), Settings::default());
    let begun = || {
        let (method, _) = api.find(&request.method, &request.path).unwrap();
        let mut execution = Execution::new(&api, method, &request, &settings);
        assert!(matches!(execution.begin(), Step::Call(_)));
        execution
    };
    bencher.with_inputs(begun).bench_local_values(|execution| drop(black_box(execution)));
}

/// The same by native rules.
#[divan::bench(args = SITUATIONS)]
fn answer_by_native_rules(bencher: Bencher<'_, '_>, name: &str) {
    let situation = situation(name);
    let rule_set = rule_set(&situation.rules);
    let limits = Limits::default();
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let status = StatusCode::from_u16(situation.status).unwrap();
    let (uri, method) = (Uri::from_static("/orders"), Method::GET);
    let exchange = Exchange {
        request: RequestSnapshot { method, uri, headers: HeaderMap::new(), circumstances: None },
        answer: engine::Answer { head: AnswerHead { status, headers }, body: Bytes::from(situation.body) },
    };
    let decided = |exchange: &Exchange| {
        let outcome = engine::evaluate(&rule_set, exchange, &limits, false);
        let mut head = exchange.answer.head.clone();
        let body = match outcome.mutation.apply(&mut head, &exchange.request.method) {
            BodyChange::Keep => exchange.answer.body.clone(),
            BodyChange::Replace(body) => body,
        };
        (head, body)
    };
    bencher.bench_local(|| black_box_drop(decided(black_box(&exchange))));
}

/// The whole of an exchange beside the call itself: the request taken up, mapped and its answer made.
#[divan::bench(args = SITUATIONS)]
fn exchange(bencher: Bencher<'_, '_>, name: &str) {
    let situation = situation(name);
    let api = loaded(&definition(&situation));
    let (request, settings) = (request(), Settings::default());
    let headers: Headers = [("content-type".to_owned(), "application/json".to_owned())].into_iter().collect();
    let status = StatusCode::from_u16(situation.status).unwrap();
    let body = Bytes::from(situation.body.clone());
    bencher.bench_local(|| {
        let (method, _) = api.find(&request.method, &request.path).unwrap();
        let mut execution = Execution::new(&api, method, black_box(&request), &settings);
        black_box_drop(execution.begin());
        black_box_drop(execution.finish(Ok(Answer { status, headers: headers.clone(), body: body.clone() })));
    });
}

fn request() -> Request {
    let headers = [("Host", "api.example"), ("Accept", "application/json"), ("User-Agent", "curl/8.5.0")];
    Request {
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect(),
        ..sample::request()
    }
}

fn rule_set(rules: &str) -> Arc<RuleSet> {
    let source = Source::new("bench", format!("rule_sets:\n default:\n  rules:{rules}"));
    let mut problems = Diagnostics::default();
    let document = document::parse(&source, &mut problems);
    let rules = rules::read(document.as_ref(), Quick::default(), &[], &mut problems);
    assert!(!problems.has_errors(), "{:?}", problems.into_sorted());
    Arc::clone(rules.set("default").unwrap())
}

struct Hostile(Case);

impl std::fmt::Display for Hostile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

fn hostile() -> impl Iterator<Item = Hostile> {
    const BYTES: usize = 6_000_000;
    [hostile_cases::broken(BYTES), hostile_cases::bombs(BYTES)].into_iter().flatten().map(Hostile)
}
