//! `serverless.yml`: the `http` events of its functions, written anew as the OpenAPI that the Serverless Framework deploys.
//! Every value keeps its place, so that what is wrong with it is told where it was written.

use super::cloudformation::as_openapi;
use super::openapi;
use super::reader::Reader;
use super::{Options, preflight};
use crate::apigateway::model::Api;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Entry, Node, Value};

/// The payload of a function that is not a proxy, unless an event has a template of its own.
const PAYLOAD: &str = include_str!("serverless.json.vtl");
const JSON_BODY: &str = "#set($body = $input.json(\"$\"))";
const FORM_BODY: &str = "#define($body){#foreach($pair in $input.path('$').split('&'))#set($parts = $pair.split('='))\
    \"$util.escapeJavaScript($util.urlDecode($parts[0])).replaceAll(\"\\\\'\", \"'\")\": \
    \"#if($parts.size() > 1)$util.escapeJavaScript($util.urlDecode($parts[1])).replaceAll(\"\\\\'\", \"'\")#end\"\
    #if($foreach.hasNext), #end#end}#end";

/// What the framework makes of an event without `statusCodes`.
const STATUS_CODES: [(&str, &str); 9] = [
    ("200", ""),
    ("400", r"[\s\S]*\[400\][\s\S]*"),
    ("401", r"[\s\S]*\[401\][\s\S]*"),
    ("403", r"[\s\S]*\[403\][\s\S]*"),
    ("404", r"[\s\S]*\[404\][\s\S]*"),
    ("422", r"[\s\S]*\[422\][\s\S]*"),
    ("500", r"[\s\S]*(Process\s?exited\s?before\s?completing\s?request|\[500\])[\s\S]*"),
    ("502", r"[\s\S]*\[502\][\s\S]*"),
    ("504", r"([\s\S]*\[504\][\s\S]*)|(.*Task timed out after \d+\.\d+ seconds$)"),
];

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
    variables(root, problems);
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
    let document = document(root, paths);
    let stage = provider(root, "stage").and_then(Node::scalar_text).map(str::to_owned);
    let options = Options { stage: options.stage.clone().or(stage), ..options.clone() };
    Some(openapi::read(Reader::new(&document, options, problems)))
}

fn provider<'a>(root: &'a Node, key: &str) -> Option<&'a Node> {
    at(root, &["provider", key])
}

fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, key| node.entry(key).map(|entry| &entry.node))
}

/// Tells of the framework's own variables, which Candor does not know the values of.
fn variables(node: &Node, problems: &mut Diagnostics) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| variables(item, problems)),
        // What a service keeps in `custom` counts only where it is used.
        Value::Map(entries) => entries
            .iter()
            .filter(|entry| {
                matches!(entry.key.as_str(), "functions" | "events" | "http") || entry.key != "custom"
            })
            .filter(|entry| {
                !matches!(entry.key.as_str(), "environment" | "iam" | "plugins" | "package" | "resources")
            })
            .for_each(|entry| variables(&entry.node, problems)),
        Value::Text(text) => {
            let variable = ["self:", "file(", "env:", "opt:", "ssm:", "cf:", "param:", "sls:"];
            let found =
                text.split("${").skip(1).find(|rest| variable.iter().any(|start| rest.starts_with(start)));
            if let Some(name) = found.and_then(|rest| rest.split('}').next()) {
                let problem = Diagnostic::warning(format!("`${{{name}}}` is taken as it is")).at(&node.place);
                problems.push(problem.help("`serverless print` writes the file with all values filled in"));
            }
        }
        _ => {}
    }
}

fn events<'a>(root: &'a Node, problems: &mut Diagnostics) -> Vec<Event<'a>> {
    let mut events = Vec::new();
    let functions = root.entry("functions").map(|entry| &entry.node);
    let functions = functions.and_then(|node| node.entries("functions", problems)).unwrap_or_default();
    for function in functions {
        let Some(list) = function.node.entry("events") else { continue };
        let name = function.node.entry("name").and_then(|it| it.node.scalar_text()).unwrap_or(&function.key);
        for item in list.node.list("events", problems).unwrap_or_default() {
            if let Some(http) = item.entry("httpApi") {
                let message = "`httpApi` is left out: only the REST API of a service is read";
                problems.push(Diagnostic::warning(message).at(&http.key_place));
            }
            if let Some(http) = item.entry("http") {
                events.extend(event(&function.key, name, http, problems));
            }
        }
    }
    events
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
        "private" => "API keys are not asked for",
        key if EVENT.contains(&key) => return,
        _ => "Candor does not know it",
    };
    problems.push(
        Diagnostic::warning(format!("`{}` is not carried out: {meaning}", entry.key)).at(&entry.key_place),
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
    let (parameters, mapped) = parameters(event);
    if kind != "aws_proxy" && !mapped.is_empty() {
        integration.push(entry("requestParameters", place, map(mapped, place)));
    }
    let mut operation = vec![
        entry("operationId", place, text(event.function, place)),
        entry("parameters", place, Node { place: place.clone(), value: Value::List(parameters) }),
    ];
    if !kind.ends_with("_proxy") {
        not_a_proxy(event, &kind, &mut integration, &mut operation);
    }
    operation.extend(schemas(event, root, problems));
    operation.push(entry("x-amazon-apigateway-request-validator", place, text("all", place)));
    operation.push(entry("x-amazon-apigateway-integration", place, map(integration, place)));
    map(operation, place)
}

/// What only integrations have that write requests and answers anew.
fn not_a_proxy(event: &Event<'_>, kind: &str, integration: &mut Vec<Entry>, operation: &mut Vec<Entry>) {
    let place = event.place;
    let given = [("passThrough", "passthroughBehavior"), ("contentHandling", "contentHandling")];
    for (key, name) in given {
        integration.extend(event.at(&["request", key]).map(|node| entry(name, place, node.clone())));
    }
    if kind == "aws" && event.at(&["request", "passThrough"]).is_none() {
        integration.push(entry("passthroughBehavior", place, text("never", place)));
    }
    let templates = request_templates(event, kind);
    if !templates.is_empty() {
        integration.push(entry("requestTemplates", place, map(templates, place)));
    }
    let (mut responses, mut declared) = (Vec::new(), Vec::new());
    for response in status_codes(event) {
        let headers = headers(event, response.node);
        let names = headers.iter().map(|header| {
            let name = header.key.strip_prefix("method.response.header.").unwrap_or(&header.key);
            entry(name, &header.key_place, map(Vec::new(), place))
        });
        let declaration = map(vec![entry("headers", place, map(names.collect(), place))], place);
        declared.push(entry(&response.status, response.place, declaration));
        responses.push(integration_response(event, &response, headers));
    }
    integration.push(entry("responses", place, map(responses, place)));
    operation.push(entry("responses", place, map(declared, place)));
}

fn request_templates(event: &Event<'_>, kind: &str) -> Vec<Entry> {
    let place = event.place;
    let mut templates = Vec::new();
    if kind == "aws" {
        let payload = |body: &str| text(&format!("{body}{PAYLOAD}"), place);
        templates.push(entry("application/json", place, payload(JSON_BODY)));
        templates.push(entry("application/x-www-form-urlencoded", place, payload(FORM_BODY)));
    }
    if let Some(Value::Map(own)) = event.at(&["request", "template"]).map(|node| &node.value) {
        for own in own {
            templates.retain(|known: &Entry| known.key != own.key);
            // A null takes the default away.
            templates.extend((own.node.value != Value::Null).then(|| own.clone()));
        }
    }
    templates
}

struct Response<'a> {
    status: String,
    place: &'a Place,
    pattern: String,
    node: Option<&'a Node>,
}

/// The statuses in ascending order, as the framework has them. Unless one has an empty pattern, 200 becomes the default.
fn status_codes<'a>(event: &Event<'a>) -> Vec<Response<'a>> {
    let place = event.place;
    let builtin = |(status, pattern): (&str, &str)| Response {
        status: status.to_owned(),
        place,
        pattern: pattern.to_owned(),
        node: None,
    };
    let Some(Value::Map(written)) = event.at(&["response", "statusCodes"]).map(|node| &node.value) else {
        return STATUS_CODES.into_iter().map(builtin).collect();
    };
    let response = |entry: &'a Entry| Response {
        status: entry.key.clone(),
        place: &entry.key_place,
        pattern: entry
            .node
            .entry("pattern")
            .and_then(|it| it.node.scalar_text())
            .unwrap_or_default()
            .to_owned(),
        node: Some(&entry.node),
    };
    let mut responses: Vec<Response<'_>> = written.iter().map(response).collect();
    if !written.iter().any(|it| it.node.entry("pattern").is_some_and(|it| it.node.scalar_text() == Some("")))
    {
        responses.retain(|response| response.status != "200");
        responses.extend(STATUS_CODES.into_iter().take(1).map(builtin));
    }
    responses.sort_by(|one, other| one.status.cmp(&other.status));
    responses
}

fn integration_response(event: &Event<'_>, response: &Response<'_>, headers: Vec<Entry>) -> Entry {
    let place = response.place;
    let mut fields = vec![entry("statusCode", place, text(&response.status, place))];
    fields.push(entry("responseParameters", place, map(headers, place)));
    let mut templates = Vec::new();
    for node in [event.at(&["response", "template"]), response.node.and_then(|node| at(node, &["template"]))]
    {
        match node.map(|node| (&node.value, node)) {
            Some((Value::Map(own), _)) => templates.extend(own.iter().cloned()),
            Some((_, node)) => {
                templates.retain(|known: &Entry| known.key != "application/json");
                templates.push(entry("application/json", place, node.clone()));
            }
            None => {}
        }
    }
    fields.push(entry("responseTemplates", place, map(templates, place)));
    if response.status.starts_with('2') {
        let handling = event.at(&["response", "contentHandling"]);
        fields.extend(handling.map(|node| entry("contentHandling", place, node.clone())));
    }
    let pattern = if response.pattern.is_empty() { "default" } else { &response.pattern };
    entry(pattern, place, map(fields, place))
}

/// The headers of an answer: those of CORS, of the event, of the status.
fn headers(event: &Event<'_>, response: Option<&Node>) -> Vec<Entry> {
    let mut headers = Vec::new();
    if let Some(cors) = event.get("cors").filter(|cors| cors.value != Value::Bool(false)) {
        headers.extend(preflight::origin(cors));
    }
    for node in [event.at(&["response", "headers"]), response.and_then(|node| at(node, &["headers"]))] {
        let Some(Value::Map(own)) = node.map(|node| &node.value) else { continue };
        for own in own {
            let key = format!("method.response.header.{}", own.key);
            headers.retain(|known: &Entry| known.key != key);
            headers.push(Entry { key, ..own.clone() });
        }
    }
    headers
}

/// What the event asks of requests, and what of it is passed on.
fn parameters(event: &Event<'_>) -> (Vec<Node>, Vec<Entry>) {
    let (mut declared, mut mapped) = (Vec::new(), Vec::new());
    let kinds = [
        ("querystrings", "query", "querystring"),
        ("paths", "path", "path"),
        ("headers", "header", "header"),
    ];
    for (key, location, name) in kinds {
        let Some(Value::Map(own)) = event.at(&["request", "parameters", key]).map(|node| &node.value) else {
            continue;
        };
        for own in own {
            let place = &own.key_place;
            let required = own.node.entry("required").map_or(&own.node, |entry| &entry.node);
            declared.push(map(
                vec![
                    entry("name", place, text(&own.key, place)),
                    entry("in", place, text(location, place)),
                    entry("required", place, required.clone()),
                ],
                place,
            ));
            let source = own.node.entry("mappedValue").map(|entry| entry.node.clone());
            let source = source.unwrap_or_else(|| text(&format!("method.request.{name}.{}", own.key), place));
            mapped.push(entry(&format!("integration.request.{name}.{}", own.key), place, source));
        }
    }
    if event.get("async").is_some_and(|node| node.value == Value::Bool(true)) {
        let key = "integration.request.header.X-Amz-Invocation-Type";
        mapped.push(entry(key, event.place, text("'Event'", event.place)));
    }
    (declared, mapped)
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
    ];
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
