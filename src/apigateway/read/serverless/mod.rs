//! `serverless.yml`: the `http` events of its functions, written anew as the OpenAPI that the Serverless Framework deploys.
//! Every value keeps its place, so that what is wrong with it is told where it was written.

mod mapping;
mod preflight;
mod variables;

use super::Options;
use super::cloudformation::as_openapi;
use super::key;
use super::openapi;
use super::reader::Reader;
use super::security::KEY_SOURCE;
use crate::apigateway::model::Api;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Entry, Node, Value};

/// Keys of an event that have no bearing on requests and answers, or are read.
const EVENT: [&str; 14] = [
    "path",
    "method",
    "integration",
    "request",
    "response",
    "cors",
    "async",
    "operationId",
    "connectionType",
    "connectionId",
    "documentation",
    "authorizer",
    "private",
    "summary",
];

/// What a service says of its API that is not carried out.
const UNSUPPORTED: [(&str, &str); 4] = [
    ("minimumCompressionSize", "answers are not compressed"),
    ("resourcePolicy", "resource policies are not enforced"),
    ("usagePlan", "requests are neither counted nor throttled"),
    ("apiKeys", "which keys are good says `api.keys` of the configuration"),
];

struct Event<'a> {
    /// The key of its function.
    function: &'a str,
    name: &'a str,
    place: &'a Place,
    path: String,
    method: String,
    /// Everything else; none where the event is `GET /path`.
    node: Option<&'a Node>,
}

/// Reads the API of a service.
pub fn read(root: &Node, options: &Options, problems: &mut Diagnostics) -> Option<Api> {
    let root = &variables::filled(root, options, problems);
    let events = events(root, problems);
    if events.is_empty() {
        let place = &root.entry("functions")?.key_place;
        problems.push(Diagnostic::error("no function has an `http` event").at(place));
        return None;
    }
    let mut paths: Vec<Entry> = Vec::new();
    for event in &events {
        let operation = operation(event, root, problems);
        let verb = if event.method == "any" { "x-amazon-apigateway-any-method" } else { &event.method };
        put(&mut paths, &event.path, event.place, entry(verb, event.place, operation));
        if let Some(cors) = event.get("cors").filter(|cors| cors.value != Value::Bool(false)) {
            let preflight = preflight::operation(cors, &event.method, problems);
            put(&mut paths, &event.path, event.place, entry("options", &cors.place, preflight));
        }
    }
    left_out_of_provider(root, problems);
    let document = document(root, paths);
    let stage = provider(root, "stage").and_then(Node::scalar_text).map(str::to_owned);
    let options = Options { stage: options.stage.clone().or(stage), ..options.clone() };
    Some(openapi::read(Reader::new(&document, options, problems)))
}

/// Tells of what the service says of its API that is not carried out.
fn left_out_of_provider(root: &Node, problems: &mut Diagnostics) {
    for (key, meaning) in UNSUPPORTED {
        let found = at(root, &["provider", "apiGateway"]).and_then(|node| node.entry(key));
        if let Some(entry) = found.or_else(|| root.entry("provider")?.node.entry(key)) {
            let message = format!("`{key}` is not carried out: {meaning}");
            problems.push(Diagnostic::warning(message).at(&entry.key_place).left_out());
        }
    }
}

fn provider<'a>(root: &'a Node, key: &str) -> Option<&'a Node> {
    at(root, &["provider", key])
}

fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, key| node.entry(key).map(|entry| &entry.node))
}

fn events<'a>(root: &'a Node, problems: &mut Diagnostics) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    for function in functions(root, problems) {
        let Some(list) = function.node.entry("events") else { continue };
        let name = function.node.entry("name").and_then(|it| it.node.scalar_text()).unwrap_or(&function.key);
        for item in list.node.list("events", problems).unwrap_or_default() {
            if let Some(http) = item.entry("httpApi") {
                let message = "`httpApi` is left out: only the REST API of a service is read";
                problems.push(Diagnostic::warning(message).at(&http.key_place).left_out());
            }
            if let Some(http) = item.entry("http") {
                events.extend(event(&function.key, name, http, problems));
            }
        }
    }
    events
}

/// The functions: a map, or a list of maps, which is how they come out of several files.
fn functions<'a>(root: &'a Node, problems: &mut Diagnostics) -> Vec<&'a Entry> {
    let Some(written) = root.entry("functions").map(|entry| &entry.node) else { return Vec::new() };
    let maps = match &written.value {
        Value::List(maps) => maps.as_slice(),
        _ => std::slice::from_ref(written),
    };
    maps.iter().flat_map(|map| map.entries("functions", problems).unwrap_or_default()).collect()
}

fn event<'a>(
    function: &'a str,
    name: &'a str,
    http: &'a Entry,
    problems: &mut Diagnostics,
) -> Option<Event<'a>> {
    let (method, path, node) = match &http.node.value {
        Value::Map(entries) => {
            for entry in entries {
                left_out(entry, problems);
            }
            let mut text = |key: &str| match http.node.entry(key) {
                Some(entry) => entry.node.text(key, problems),
                None => {
                    problems.error(&http.key_place, format!("an `http` event needs `{key}`"));
                    None
                }
            };
            (text("method"), text("path"), Some(&http.node))
        }
        _ => {
            let text = http.node.text("an event: `GET /path`", problems)?;
            let (method, path) = text.split_once(' ').unwrap_or((text, ""));
            (Some(method), Some(path), None)
        }
    };
    let path = format!("/{}", path?.trim().trim_matches('/'));
    Some(Event { function, name, place: &http.key_place, path, method: method?.to_ascii_lowercase(), node })
}

fn left_out(entry: &Entry, problems: &mut Diagnostics) {
    let meaning = match entry.key.as_str() {
        "authorizer" => "requests are not authorized",
        key if EVENT.contains(&key) => return,
        "caching" => "answers are not cached",
        "throttling" => "requests are not throttled",
        _ => "Candor does not know it",
    };
    problems.push(
        Diagnostic::warning(format!("`{}` is not carried out: {meaning}", entry.key))
            .at(&entry.key_place)
            .left_out(),
    );
}

impl<'a> Event<'a> {
    fn get(&self, key: &str) -> Option<&'a Node> {
        self.node?.entry(key).map(|entry| &entry.node)
    }

    fn at(&self, path: &[&str]) -> Option<&'a Node> {
        at(self.node?, path)
    }

    /// The integration's type, as OpenAPI writes it.
    fn kind(&self) -> String {
        let written = self.get("integration").and_then(Node::scalar_text);
        let is_async = self.get("async").is_some_and(|node| node.value == Value::Bool(true));
        match written.map(|text| text.to_ascii_lowercase().replace('-', "_")).as_deref() {
            Some("lambda") => "aws".to_owned(),
            Some("lambda_proxy") => "aws_proxy".to_owned(),
            Some(other) => other.to_owned(),
            None if is_async => "aws".to_owned(),
            None => "aws_proxy".to_owned(),
        }
    }
}

fn operation(event: &Event<'_>, root: &Node, problems: &mut Diagnostics) -> Node {
    let place = event.place;
    let kind = event.kind();
    let mut integration = vec![entry("type", place, text(&kind, place))];
    match kind.as_str() {
        "aws" | "aws_proxy" => {
            let uri = format!(
                "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:{}/invocations",
                event.name
            );
            integration.push(entry("httpMethod", place, text("POST", place)));
            integration.push(entry("uri", place, text(&uri, place)));
        }
        "mock" => {}
        _ => {
            let method = event.at(&["request", "method"]).cloned();
            integration.push(entry(
                "httpMethod",
                place,
                method.unwrap_or_else(|| text(&event.method, place)),
            ));
            integration.extend(event.at(&["request", "uri"]).map(|uri| entry("uri", place, uri.clone())));
        }
    }
    let (parameters, mapped) = mapping::parameters(event);
    if kind != "aws_proxy" && !mapped.is_empty() {
        integration.push(entry("requestParameters", place, map(mapped, place)));
    }
    let mut operation = vec![
        entry("operationId", place, text(event.function, place)),
        entry("parameters", place, Node { place: place.clone(), value: Value::List(parameters) }),
    ];
    if !kind.ends_with("_proxy") {
        mapping::write(event, &kind, &mut integration, &mut operation);
    }
    if event.get("private").is_some_and(|node| node.value == Value::Bool(true)) {
        let security = Value::List(vec![key::requirement(place)]);
        operation.push(entry("security", place, Node { place: place.clone(), value: security }));
    }
    operation.extend(schemas(event, root, problems));
    operation.push(entry("x-amazon-apigateway-request-validator", place, text("all", place)));
    operation.push(entry("x-amazon-apigateway-integration", place, map(integration, place)));
    map(operation, place)
}

/// `request.schemas`: a schema, `{ schema: … }`, or the name of one that the provider has.
fn schemas(event: &Event<'_>, root: &Node, problems: &mut Diagnostics) -> Option<Entry> {
    let written = event.at(&["request", "schemas"]).or_else(|| event.at(&["request", "schema"]))?;
    let mut content = Vec::new();
    for own in written.entries("schemas", problems)? {
        let named = own.node.scalar_text();
        let schema = match named {
            Some(name) => {
                let found = at(root, &["provider", "apiGateway", "request", "schemas", name]);
                if found.is_none() {
                    problems.error(&own.node.place, format!("the provider has no schema `{name}`"));
                }
                found?
            }
            None => &own.node,
        };
        let schema = schema.entry("schema").map_or(schema, |entry| &entry.node);
        let place = &own.key_place;
        content.push(entry(&own.key, place, map(vec![entry("schema", place, schema.clone())], place)));
    }
    let place = &written.place;
    Some(entry("requestBody", place, map(vec![entry("content", place, map(content, place))], place)))
}

fn document(root: &Node, paths: Vec<Entry>) -> Node {
    let place = &root.place;
    let title = root.entry("service").and_then(|entry| entry.node.scalar_text()).unwrap_or_default();
    let flags = ["validateRequestParameters", "validateRequestBody"]
        .map(|flag| entry(flag, place, Node { place: place.clone(), value: Value::Bool(true) }));
    let validators = map(vec![entry("all", place, map(flags.into(), place))], place);
    let mut entries = vec![
        entry("openapi", place, text("3.0.1", place)),
        entry("info", place, map(vec![entry("title", place, text(title, place))], place)),
        entry("paths", place, map(paths, place)),
        entry("x-amazon-apigateway-request-validators", place, validators),
        entry("securityDefinitions", place, map(vec![key::scheme(place)], place)),
    ];
    if let Some(source) = at(root, &["provider", "apiGateway", "apiKeySourceType"]) {
        entries.push(entry(KEY_SOURCE, place, source.clone()));
    }
    if let Some(types) = at(root, &["provider", "apiGateway", "binaryMediaTypes"]) {
        entries.push(entry("x-amazon-apigateway-binary-media-types", place, types.clone()));
    }
    let mut responses = Vec::new();
    if let Some(Value::Map(resources)) = at(root, &["resources", "Resources"]).map(|node| &node.value) {
        for resource in resources {
            let properties = at(&resource.node, &["Properties"]);
            let kind =
                properties.and_then(|it| it.entry("ResponseType")).and_then(|it| it.node.scalar_text());
            if let (Some(properties), Some(kind)) = (properties, kind) {
                let mut node = as_openapi(properties);
                if let Value::Map(entries) = &mut node.value {
                    entries.retain(|entry| entry.key != "RestApiId");
                }
                responses.push(entry(kind, &resource.key_place, node));
            }
        }
    }
    entries.push(entry("x-amazon-apigateway-gateway-responses", place, map(responses, place)));
    map(entries, place)
}

/// Adds an operation to its path; a second one for the same method is left to the reader to be told.
fn put(paths: &mut Vec<Entry>, path: &str, place: &Place, operation: Entry) {
    if let Some(known) = paths.iter_mut().find(|known| known.key == path) {
        if let Value::Map(operations) = &mut known.node.value
            // Preflight requests for a path are answered in one way.
            && !(operation.key == "options" && operations.iter().any(|known| known.key == "options"))
        {
            operations.push(operation);
        }
        return;
    }
    paths.push(entry(path, place, map(vec![operation], place)));
}

pub fn entry(key: &str, place: &Place, node: Node) -> Entry {
    Entry { key: key.to_owned(), key_place: place.clone(), node }
}

pub fn text(text: &str, place: &Place) -> Node {
    Node { place: place.clone(), value: Value::Text(text.to_owned()) }
}

pub fn map(entries: Vec<Entry>, place: &Place) -> Node {
    Node { place: place.clone(), value: Value::Map(entries) }
}
