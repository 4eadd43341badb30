//! What a line says, held against what came out.

use serde_json::Value;

use super::{Played, Recorded, bytes, text};
use crate::apigateway::execute::{Answer, Headers};

/// Headers that the connection or the network in front of API Gateway writes.
const NOT_OURS: [&str; 7] =
    ["connection", "date", "via", "x-amz-cf-id", "x-amz-cf-pop", "x-cache", "content-length"];

/// Where an answer differs from the one recorded.
pub fn with_answer(line: &Value, played: &Played) -> Vec<String> {
    let expected = &line["expected"];
    let answer = &played.finished.answer;
    let mut problems = Vec::new();
    problems.extend(status(expected, answer));
    problems.extend(headers(&expected["headers"], &answer.headers));
    problems.extend(body(expected, line, answer));
    problems.extend(call(line, played));
    if let Some(fault) = played.finished.fault.as_ref().filter(|_| !problems.is_empty()) {
        problems.push(format!("cause: {}", fault.cause));
    }
    problems
}

/// Where a call differs from the one recorded.
pub fn with_call(line: &Value, played: &Played) -> Option<String> {
    let Some(call) = &played.call else { return Some("nothing was sent".to_owned()) };
    let expected = &line["backend_received"];
    if call.body != bytes(&expected["body"]) {
        return Some(format!("the backend was sent {:?}", call.body));
    }
    let content_type = call.headers.get("content-type").unwrap_or_default();
    (content_type != text(expected, "/content_type")).then(|| format!("the backend was sent {content_type}"))
}

fn status(expected: &Value, answer: &Answer) -> Option<String> {
    let status = answer.status.as_u16();
    let is_right = match (expected["status"].as_u64(), text(expected, "/status_class")) {
        (Some(expected), _) => expected == u64::from(status),
        (None, "ok (<400)") => status < 400,
        (None, "error (>=400)") => status >= 400,
        _ => true,
    };
    (!is_right).then(|| format!("status {status}"))
}

fn headers(expected: &Value, given: &Headers) -> Option<String> {
    let expected = expected.as_object().into_iter().flatten();
    let mut expected = expected.filter(|(name, _)| !NOT_OURS.contains(&name.to_ascii_lowercase().as_str()));
    expected.find_map(|(name, value)| {
        let values: Vec<&str> = given.all(name).collect();
        let is_right = !values.is_empty() && equal(value, &Value::from(values.join(", ")));
        (!is_right).then(|| format!("header {name}: {values:?}, not {value}"))
    })
}

fn body(expected: &Value, line: &Value, answer: &Answer) -> Option<String> {
    let given = String::from_utf8_lossy(&answer.body);
    let json = || serde_json::from_slice::<Value>(&answer.body).unwrap_or(Value::Null);
    let recorded = &expected["body"];
    if let Some(expected) = recorded.get("json") {
        return (!equal(expected, &json())).then(|| format!("body {given}, not {expected}"));
    }
    if let Some(expected) = expected.pointer("/test_invoke_response/body") {
        return (!equal(expected, &json())).then(|| format!("body {given}, not {expected}"));
    }
    if recorded.get("text").is_some() || recorded.get("base64").is_some() {
        // This test read the body as JSON before it was recorded.
        let was_json = text(line, "/origin/test") == "test_lambda_selection_patterns";
        let is_right = if was_json { json() == recorded["text"] } else { answer.body == bytes(recorded) };
        return (!is_right).then(|| format!("body {given:?}, not {recorded}"));
    }
    let parts = expected["body_parts"].as_array().filter(|_| line["replayable"] == Value::Bool(true));
    parts.into_iter().flatten().find_map(|part| {
        let found = json().get(text(part, "/path")).cloned().unwrap_or(Value::Null);
        (!equal(&part["equals"], &found)).then(|| format!("body {given}, not {part}"))
    })
}

/// What the backend was sent: recorded where it echoes its request.
fn call(line: &Value, played: &Played) -> Option<String> {
    let Recorded { headers, body, .. } = played.call.as_ref()?;
    if let Some(expected) = line["backend"]["request_body"].as_str() {
        return (*body != *expected).then(|| format!("the backend was sent {body:?}, not {expected}"));
    }
    let is_function = text(line, "/integration/type") == "AWS_PROXY";
    if is_function && line.pointer("/expected/body/json/requestContext").is_some() {
        let event: Value = serde_json::from_slice(body).unwrap();
        let expected = event_of(&line["expected"]["body"]["json"]);
        return (!equal(&expected, &event_of(&event))).then(|| format!("event {event}, not {expected}"));
    }
    let parts = line["expected"]["body_parts"].as_array()?.iter();
    let sent = parts.filter(|part| part["path"] == "headers").map(|part| &part["equals"]).next()?;
    let shown: Value = if is_function {
        serde_json::from_slice::<Value>(body).unwrap()["headers"].clone()
    } else {
        headers.iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    };
    (!equal(&without_network(sent), &without_network(&shown))).then(|| format!("headers {shown}, not {sent}"))
}

/// An event without what the network in front of API Gateway adds, and with its body as the function showed it.
fn event_of(event: &Value) -> Value {
    let mut event = event.clone();
    for key in ["headers", "multiValueHeaders"] {
        event[key] = without_network(&event[key]);
    }
    if let Some(body) = event["body"].as_str() {
        event["body"] = serde_json::from_str(body).unwrap_or(Value::from(body));
    }
    event
}

fn without_network(headers: &Value) -> Value {
    let ours = |name: &str| {
        let name = name.to_ascii_lowercase();
        !name.starts_with("cloudfront-")
            && !name.starts_with("x-forwarded-")
            && !["via", "x-amz-cf-id", "host", "content-length"].contains(&name.as_str())
    };
    let lines = headers.as_object().into_iter().flatten();
    lines.filter(|(name, _)| ours(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Equal, a placeholder to anything.
fn equal(expected: &Value, given: &Value) -> bool {
    match (expected, given) {
        (Value::String(text), given) if text.starts_with('<') && text.ends_with('>') => !given.is_null(),
        (Value::String(expected), Value::String(given)) => with_placeholders(expected, given),
        (Value::Object(expected), Value::Object(given)) => {
            expected.len() == given.len()
                && expected.iter().all(|(key, value)| given.get(key).is_some_and(|given| equal(value, given)))
        }
        (Value::Array(expected), Value::Array(given)) => {
            expected.len() == given.len()
                && expected.iter().zip(given).all(|(expected, given)| equal(expected, given))
        }
        // The account is not the same.
        (Value::Number(expected), Value::Number(given)) => expected.as_f64() == given.as_f64(),
        (expected, given) => expected == given,
    }
}

/// The account of the recordings stands for any.
fn with_placeholders(expected: &str, given: &str) -> bool {
    expected == given || (expected == "111111111111" && given == "000000000000")
}
