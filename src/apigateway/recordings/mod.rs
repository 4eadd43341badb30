//! What real API Gateway answered, line by line: a definition is made of the line and read, the request goes through it,
//! the backend's recorded answer comes back, and what the client gets is held against what the client got.

mod compare;
mod definition;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method as Verb, StatusCode};
use serde_json::Value;

use super::execute::tests::sample;
use super::execute::{Answer, Call, Execution, Finished, Headers, Request, Settings, Step, Target};
use super::model::Api;
use super::read::{Options, read};
use super::write::tests::again;
use super::write::write;
use crate::diagnostic::{Diagnostics, Source};

const ANSWERS: &str = include_str!("../../../tests/corpora/apigw_aws_recorded.jsonl");
const CALLS: &str = include_str!("../../../tests/corpora/apigw_aws_backend_request.jsonl");

/// Lines that cannot be held against Candor, and why. COMPATIBILITY.md lists them too.
const EXCEPTIONS: [(&str, &str); 4] = [
    ("ls-0093", "the key was taken away between two requests, which the line does not say"),
    ("ls-0126", "the definition was not recorded"),
    ("ls-0129", "the definition was not recorded"),
    ("ls-0132", "the model was not recorded"),
];

/// A recorded line, and what became of its request here.
struct Played {
    call: Option<Recorded>,
    finished: Finished,
}

/// A call to the backend.
#[derive(Debug, PartialEq)]
struct Recorded {
    to: String,
    headers: Headers,
    body: Bytes,
}

fn lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap())
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// `{text}` or `{base64}`.
fn bytes(body: &Value) -> Bytes {
    match (body.get("text"), body.get("base64")) {
        (Some(Value::String(text)), _) => Bytes::copy_from_slice(text.as_bytes()),
        (_, Some(Value::String(text))) => Bytes::from(STANDARD.decode(text).unwrap()),
        _ => Bytes::new(),
    }
}

fn headers(value: &Value) -> Headers {
    let lines = value.as_object().into_iter().flatten();
    lines.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn api(line: &Value) -> Api {
    let definition = definition::of(line).to_string();
    let stage_variables =
        line.pointer("/api/stageVariables").and_then(Value::as_object).into_iter().flatten();
    let stage_variables =
        stage_variables.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    let options = Options {
        stage: Some("stage".to_owned()),
        stage_variables: stage_variables.collect(),
        ..Options::default()
    };
    let mut problems = Diagnostics::default();
    let api = read(&Source::new("recorded.json", &definition), &options, &mut problems);
    let problems: Vec<String> = problems.into_sorted().iter().map(|it| it.message.to_string()).collect();
    api.unwrap_or_else(|| panic!("{definition}: {problems:#?}"))
}

fn request(line: &Value) -> Request {
    let mut headers = headers(&line["request"]["headers"]);
    // Where a key was sent, the recorder has left a note that it must not be shown.
    if headers.get("__prepare_error__").is_some_and(|note| note.contains("x-api-key")) {
        headers.remove("__prepare_error__");
        headers.append("X-Api-Key", "not shown");
    }
    if !headers.contains("host") {
        headers.append("Host", "api.example.com");
    }
    // Lines of what the backend received leave it out.
    let path = line.pointer("/request/path").and_then(Value::as_str).unwrap_or("/object");
    Request {
        method: Verb::from_bytes(text(line, "/request/method").as_bytes()).unwrap(),
        path: path.to_owned(),
        query: text(line, "/request/query").to_owned(),
        headers,
        body: bytes(&line["request"]["body"]),
        ..sample::request()
    }
}

fn play(line: &Value) -> Played {
    play_on(&api(line), line)
}

fn play_on(api: &Api, line: &Value) -> Played {
    let (settings, mut request) = (Settings::default(), request(line));
    let found = api.find(&request.method, &request.path).map(|(method, parameters)| {
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        (Arc::clone(method), parameters.into_iter().map(own).collect())
    });
    let is_console = text(line, "/kind") == "apigw_aws_test_invoke";
    let found = match found {
        // The console names the method; the path is what it likes.
        None if is_console => api.methods.first().map(|method| (Arc::clone(method), Vec::new())),
        found => found,
    };
    let Some((method, parameters)) = found else {
        return Played { call: None, finished: Execution::no_route(api, &request, &settings) };
    };
    request.path_parameters = parameters;
    let mut execution = Execution::new(api, &method, &request, &settings);
    match execution.begin() {
        Step::Done(finished) => Played { call: None, finished },
        Step::Call(Call { target, method, headers, body, timeout }) => {
            let to = format!("{method} {} within {timeout:?}", shown(&target));
            let finished = execution.finish(Ok(answer(line, &body)));
            Played { call: Some(Recorded { to, headers, body }), finished }
        }
    }
}

fn shown(target: &Target<'_>) -> String {
    match target {
        Target::Url(url) => url.clone(),
        Target::Function(function) => format!("{} {:?}", function.name, function.qualifier),
        Target::Service(service, path) => format!("{} in {}: {path}", service.name, service.region),
    }
}

/// What the backend of a line answers.
fn answer(line: &Value, sent: &Bytes) -> Answer {
    let answer = &line["backend"]["answer"];
    if let Some(payload) = answer.get("payload_text") {
        let mut headers = Headers::new();
        headers.append("Content-Type", "application/json");
        headers.append("x-amzn-RequestId", "7b61c6af");
        if answer["function_error"] == Value::Bool(true) {
            headers.append("X-Amz-Function-Error", "Unhandled");
        }
        let echoes = text(line, "/backend/function_source").trim_end().ends_with("return event");
        let payload = Bytes::copy_from_slice(payload.as_str().unwrap().as_bytes());
        let body = if echoes { sent.clone() } else { payload };
        return Answer { status: StatusCode::OK, headers, body };
    }
    let status = answer["status"].as_u64().unwrap_or(200) as u16;
    let mut headers = headers(&answer["headers"]);
    for (name, value) in not_recorded(line) {
        if !headers.contains(&name) {
            headers.append(name, value);
        }
    }
    Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: bytes(&answer["body"]) }
}

/// Headers that the backend must have sent, because the client got them by another name.
fn not_recorded(line: &Value) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    for (name, value) in line["expected"]["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default().to_owned();
        let lower = name.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix("x-amzn-remapped-") {
            headers.push((name.to_owned(), value));
        } else if lower == "etag"
            || (lower == "x-amzn-trace-id" && text(line, "/integration/type") == "HTTP_PROXY")
        {
            headers.push((name.clone(), value));
        }
    }
    headers
}

#[test]
fn clients_get_what_they_got_of_api_gateway() {
    let mut problems = Vec::new();
    let mut held = 0;
    for line in lines(ANSWERS) {
        let id = text(&line, "/id").to_owned();
        if EXCEPTIONS.iter().any(|(known, _)| *known == id) {
            continue;
        }
        let played = play(&line);
        held += 1;
        problems.extend(
            compare::with_answer(&line, &played).into_iter().map(|problem| format!("{id}: {problem}")),
        );
    }
    assert!(problems.is_empty(), "{} of {held} lines:\n{}", problems.len(), problems.join("\n"));
    assert_eq!(held, 137);
}

#[test]
fn backends_get_what_they_got_of_api_gateway() {
    let mut problems = Vec::new();
    for line in lines(CALLS) {
        let played = play(&line);
        problems.extend(
            compare::with_call(&line, &played).map(|problem| format!("{}: {problem}", text(&line, "/id"))),
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn an_api_in_own_words_does_the_same() {
    for line in lines(ANSWERS).chain(lines(CALLS)) {
        let api = api(&line);
        let (there, here) = (play_on(&api, &line), play_on(&again(&api), &line));
        let id = text(&line, "/id");
        assert_eq!(here.finished.answer, there.finished.answer, "{id}: {}", write(&api, ""));
        assert_eq!(here.finished.chosen, there.finished.chosen, "{id}: {}", write(&api, ""));
        assert_eq!(here.call, there.call, "{id}: {}", write(&api, ""));
    }
}

#[test]
fn exceptions_are_lines_that_differ() {
    for (id, why) in EXCEPTIONS {
        let line = lines(ANSWERS).find(|line| text(line, "/id") == id).unwrap();
        let played = play(&line);
        assert_ne!(compare::with_answer(&line, &played), Vec::<String>::new(), "{id}: {why}");
    }
}
