//! Whole exchanges: a definition, a request, what the backend answers, and what the client gets.

mod answers;
mod properties;
mod requests;
pub mod sample;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method as Verb, StatusCode};
use serde_json::{Value, json};

pub(super) use super::{Answer, Failure, Finished, Headers, Request, Settings};
use super::{Call, Execution, Step, Target, Tested};
use crate::apigateway::model::{Api, Method};
use crate::apigateway::read::{Options, read};
use crate::apigateway::write::tests::again;
use crate::diagnostic::{Diagnostics, Source};

pub(super) const FUNCTION: &str = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:1:function:f/invocations";

/// A definition with `POST /orders/{id}`: its integration, and what stands at its root.
pub(super) fn api(integration: Value, root: Value) -> Api {
    let declared = ["A", "B", "Content-Type", "Date"].map(|name| (name, json!({})));
    let declared = json!({ "headers": declared.into_iter().map(|(name, it)| (name.to_owned(), it)).collect::<serde_json::Map<_, _>>() });
    let mut definition = json!({
        "openapi": "3.0.1",
        "info": { "title": "t", "version": "1" },
        "paths": { "/orders/{id}": { "post": {
            "parameters": [
                { "in": "query", "name": "q", "required": true },
                { "in": "header", "name": "X-H", "required": true },
            ],
            "requestBody": { "content": { "application/json": { "schema": { "type": "object", "required": ["a"] } } } },
            "responses": { "200": declared, "400": declared },
            "x-amazon-apigateway-integration": integration,
        } } },
    });
    definition.as_object_mut().unwrap().extend(root.as_object().unwrap().clone());
    let options = Options {
        stage: Some("prod".to_owned()),
        stage_variables: vec![("v".to_owned(), "stage value".to_owned())],
        ..Options::default()
    };
    let mut problems = Diagnostics::default();
    let api = read(&Source::new("api.json", definition.to_string()), &options, &mut problems);
    api.unwrap_or_else(|| panic!("{:#?}", problems.into_sorted()))
}

pub(super) fn headers(lines: &[(&str, &str)]) -> Headers {
    lines.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

pub(super) fn post(path: &str, lines: &[(&str, &str)], body: &str) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Request {
        method: Verb::POST,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers(lines),
        body: Bytes::copy_from_slice(body.as_bytes()),
        request_id: "id-1".to_owned(),
        ..sample::request()
    }
}

pub(super) fn answer(status: u16, lines: &[(&str, &str)], body: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: headers(lines), body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// A call: its target, method, headers and body.
pub(super) type Called = (String, Verb, Headers, String);

/// The call, if there is one, and what the client gets. The same API in Candor's own words does the same.
pub(super) fn play_with(
    api: &Api,
    request: &Request,
    settings: &Settings,
    outcome: Result<Answer, Failure>,
) -> (Option<Called>, Finished) {
    let (call, finished) = played(api, request, settings, outcome.clone());
    let (again_call, again_finished) = played(&again(api), request, settings, outcome);
    assert_eq!((&again_call, &again_finished.answer), (&call, &finished.answer));
    (call, finished)
}

fn played(
    api: &Api,
    request: &Request,
    settings: &Settings,
    outcome: Result<Answer, Failure>,
) -> (Option<Called>, Finished) {
    let mut request = request.clone();
    let path = request.path.clone();
    let Some((method, parameters)) = api.find(&request.method, &path) else {
        return (None, Execution::no_route(api, &request, settings));
    };
    let method = Arc::clone(method);
    request.path_parameters =
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut execution = Execution::new(api, &method, &request, settings);
    let traced = traced(api, &method, &request, settings, &outcome);
    match execution.begin() {
        Step::Done(finished) => {
            assert_eq!(traced, finished, "asked for its trace");
            (None, finished)
        }
        Step::Call(Call { target, method, headers, body, .. }) => {
            let target = match target {
                Target::Url(url) => url,
                Target::Function(function) => function.name.clone(),
                Target::Service(service, path) => format!("{}:{path}", service.name),
            };
            let body = String::from_utf8_lossy(&body).into_owned();
            let finished = execution.finish(outcome);
            assert_eq!(traced, finished, "asked for its trace");
            (Some((target, method, headers, body)), finished)
        }
    }
}

/// The same by an execution that keeps a trace, without it.
fn traced(
    api: &Api,
    method: &Method,
    request: &Request,
    settings: &Settings,
    outcome: &Result<Answer, Failure>,
) -> Finished {
    let mut execution = Execution::new(api, method, request, settings).traced();
    let finished = match execution.begin() {
        Step::Done(finished) => finished,
        Step::Call(_) => execution.finish(outcome.clone()),
    };
    let trace = finished.trace.as_ref().unwrap();
    if let (Some(chosen), Some(considered)) = (&finished.chosen, &trace.selection) {
        let matched = considered.patterns.iter().find(|tried| tried.result == Tested::Matched);
        assert_eq!(matched.map(|tried| &*tried.pattern), chosen.pattern.as_deref());
        assert_eq!(considered.subject, chosen.subject);
    }
    Finished { trace: None, ..finished }
}

pub(super) fn play(api: &Api, request: &Request, answer: Answer) -> Finished {
    play_with(api, request, &Settings::default(), Ok(answer)).1
}

pub(super) fn call(api: &Api, request: &Request) -> Called {
    play_with(api, request, &Settings::default(), Ok(answer(200, &[], ""))).0.unwrap()
}

pub(super) fn body(finished: &Finished) -> &str {
    str::from_utf8(&finished.answer.body).unwrap()
}

pub(super) fn http(extra: Value) -> Value {
    let mut integration = json!({ "type": "http", "httpMethod": "POST", "uri": "http://legacy/o/{id}",
        "responses": { "default": { "statusCode": 200 } } });
    integration.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    integration
}

pub(super) fn function(responses: Value) -> Value {
    json!({ "type": "aws", "httpMethod": "POST", "uri": FUNCTION, "responses": responses })
}

pub(super) const INTERNAL: &str = r#"{"message": "Internal server error"}"#;
