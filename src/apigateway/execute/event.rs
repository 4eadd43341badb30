//! The event that a Lambda proxy integration hands to its function: payload format 1.0, as REST APIs write it, and 2.0.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::super::model::{Method, PayloadFormat, Verb};
use super::Execution;
use super::content::has_binary_body;

/// What of `$context` stands in `requestContext`, in this order.
const CONTEXT: [&str; 16] = [
    "resourceId",
    "resourcePath",
    "httpMethod",
    "extendedRequestId",
    "requestTime",
    "path",
    "accountId",
    "protocol",
    "stage",
    "domainPrefix",
    "requestTimeEpoch",
    "requestId",
    "identity",
    "domainName",
    "deploymentId",
    "apiId",
];

impl Execution<'_> {
    /// The event for a function behind this method.
    pub(super) fn event(&self, method: &Method, format: PayloadFormat) -> Value {
        match format {
            PayloadFormat::Rest => self.event_one(method, None),
            PayloadFormat::One => self.event_one(method, Some("1.0")),
            PayloadFormat::Two => self.event_two(method),
        }
    }

    fn event_one(&self, method: &Method, version: Option<&str>) -> Value {
        let request = self.received.request;
        let headers = grouped(self.received.headers.iter());
        let query = grouped(self.received.query());
        let (body, is_base64) = self.event_body();
        let mut event = Map::new();
        event.extend(version.map(|version| ("version".to_owned(), json!(version))));
        let fields = json!({
            "resource": &*method.resource,
            "path": path_shown(self.received.path),
            "httpMethod": request.method.as_str(),
            "headers": last_of(&headers),
            "multiValueHeaders": all_of(&headers),
            "queryStringParameters": last_of(&query),
            "multiValueQueryStringParameters": all_of(&query),
            "pathParameters": last_of(&grouped(self.received.path_parameters())),
            "stageVariables": last_of(&grouped(pairs_of(&self.api.stage_variables))),
            "requestContext": self.request_context(),
            "body": body,
            "isBase64Encoded": is_base64,
        });
        event.extend(into_map(fields));
        Value::Object(event)
    }

    fn request_context(&self) -> Value {
        let context = self.context();
        let known =
            CONTEXT.into_iter().filter_map(|name| Some((name.to_owned(), context.get(name)?.clone())));
        Value::Object(known.collect())
    }

    fn event_two(&self, method: &Method) -> Value {
        let request = self.received.request;
        let context = self.context();
        let of = |name: &str| context.get(name).cloned().unwrap_or(Value::Null);
        let verb = match &method.verb {
            Verb::Any => "ANY",
            Verb::Only(method) => method.as_str(),
        };
        let route = format!("{verb} {}", method.resource);
        let mut event = into_map(json!({
            "version": "2.0",
            "routeKey": route,
            "rawPath": of("path"),
            "rawQueryString": request.query,
        }));
        let cookies: Vec<&str> =
            self.received.headers.all("cookie").flat_map(|value| value.split(';')).map(str::trim).collect();
        if !cookies.is_empty() {
            event.insert("cookies".to_owned(), json!(cookies));
        }
        let headers = self.received.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("cookie"));
        let headers: Vec<(String, &str)> =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let headers = grouped(headers.iter().map(|(name, value)| (name.as_str(), *value)));
        event.insert("headers".to_owned(), joined(&headers));
        let query = grouped(self.received.query());
        if !query.is_empty() {
            event.insert("queryStringParameters".to_owned(), joined(&query));
        }
        event.insert(
            "requestContext".to_owned(),
            json!({
                "accountId": of("accountId"),
                "apiId": of("apiId"),
                "domainName": of("domainName"),
                "domainPrefix": of("domainPrefix"),
                "http": {
                    "method": request.method.as_str(),
                    "path": of("path"),
                    "protocol": request.protocol,
                    "sourceIp": request.source_ip,
                    "userAgent": self.received.headers.get("user-agent").unwrap_or_default(),
                },
                "requestId": request.request_id,
                "routeKey": route,
                "stage": self.api.stage,
                "time": request.time,
                "timeEpoch": request.time_epoch,
            }),
        );
        let decoded = |value: &str| percent_decode_str(value).decode_utf8_lossy().into_owned();
        let path: Map<String, Value> = self
            .received
            .path_parameters()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::String(decoded(value))))
            .collect();
        if !path.is_empty() {
            event.insert("pathParameters".to_owned(), Value::Object(path));
        }
        let stage_variables = grouped(pairs_of(&self.api.stage_variables));
        if !stage_variables.is_empty() {
            event.insert("stageVariables".to_owned(), last_of(&stage_variables));
        }
        let (body, is_base64) = self.event_body();
        if let Some(body) = body {
            event.insert("body".to_owned(), Value::String(body));
        }
        event.insert("isBase64Encoded".to_owned(), Value::Bool(is_base64));
        Value::Object(event)
    }

    /// The body, if there is one, and whether it is base64.
    fn event_body(&self) -> (Option<String>, bool) {
        let body = &self.received.request.body;
        match has_binary_body(&self.received.headers, &self.api.binary_media_types) {
            _ if body.is_empty() => (None, false),
            true => (Some(STANDARD.encode(body)), true),
            false => (Some(String::from_utf8_lossy(body).into_owned()), false),
        }
    }
}

/// Values by name, in the order in which the names first come; names of headers are told apart by their casing no more
/// than HTTP does.
type Grouped<'a> = Vec<(&'a str, Vec<&'a str>)>;

fn grouped<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Grouped<'a> {
    let mut grouped: Grouped<'a> = Vec::new();
    for (name, value) in pairs {
        match grouped.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => grouped.push((name, vec![value])),
        }
    }
    grouped
}

fn pairs_of(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

fn object(grouped: &Grouped<'_>, value: impl Fn(&[&str]) -> Value) -> Value {
    match grouped.is_empty() {
        true => Value::Null,
        false => grouped.iter().map(|(name, values)| (name.to_string(), value(values))).collect(),
    }
}

fn last_of(grouped: &Grouped<'_>) -> Value {
    object(grouped, |values| json!(values.last()))
}

fn all_of(grouped: &Grouped<'_>) -> Value {
    object(grouped, |values| json!(values))
}

fn joined(grouped: &Grouped<'_>) -> Value {
    object(grouped, |values| json!(values.join(",")))
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The path as the event shows it: slashes at its beginning are one.
fn path_shown(path: &str) -> String {
    format!("/{}", path.trim_start_matches('/'))
}
