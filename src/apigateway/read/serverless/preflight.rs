//! The answers to preflight requests that the Serverless Framework makes of `cors`.

use super::{entry, map, text};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Entry, Node, Value};

/// Headers that a browser may send, unless `cors.headers` says which.
const HEADERS: &str =
    "Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,X-Amz-User-Agent,X-Amzn-Trace-Id";

/// The method `OPTIONS` of a path whose event has `cors`.
pub fn operation(cors: &Node, method: &str, problems: &mut Diagnostics) -> Node {
    let place = &cors.place;
    if list(cors, "origins").is_some_and(|origins| origins.len() > 1) {
        let problem =
            Diagnostic::warning("of several origins the first is answered").at(place).approximated();
        problems.push(problem);
    }
    let headers = list(cors, "headers").map_or(HEADERS.to_owned(), |headers| headers.join(","));
    let mut methods = list(cors, "methods").unwrap_or_default();
    for needed in ["OPTIONS", method] {
        if !methods.iter().any(|known| known.eq_ignore_ascii_case(needed)) {
            methods.push(needed.to_ascii_uppercase());
        }
    }
    let mut parameters = origin(cors);
    parameters.push(header("Access-Control-Allow-Headers", &headers, cors));
    parameters.push(header("Access-Control-Allow-Methods", &methods.join(","), cors));
    let rest = [("maxAge", "Access-Control-Max-Age"), ("cacheControl", "Cache-Control")];
    for (key, name) in rest {
        let value = cors.entry(key).and_then(|entry| entry.node.scalar_text());
        parameters.extend(value.map(|value| header(name, value, cors)));
    }
    let names = parameters.iter().map(|parameter| {
        entry(parameter.key.trim_start_matches("method.response.header."), place, map(Vec::new(), place))
    });
    let declared = map(vec![entry("headers", place, map(names.collect(), place))], place);
    let response = vec![
        entry("statusCode", place, text("200", place)),
        entry("responseParameters", place, map(parameters, place)),
    ];
    let template = text("{\"statusCode\": 200}", place);
    let integration = vec![
        entry("type", place, text("mock", place)),
        entry("contentHandling", place, text("CONVERT_TO_TEXT", place)),
        entry("requestTemplates", place, map(vec![entry("application/json", place, template)], place)),
        entry("responses", place, map(vec![entry("default", place, map(response, place))], place)),
    ];
    map(
        vec![
            entry("responses", place, map(vec![entry("200", place, declared)], place)),
            entry("x-amazon-apigateway-integration", place, map(integration, place)),
        ],
        place,
    )
}

/// The headers that every answer has.
pub fn origin(cors: &Node) -> Vec<Entry> {
    let one = cors.entry("origin").and_then(|entry| entry.node.scalar_text()).map(str::to_owned);
    let first = list(cors, "origins").and_then(|origins| origins.into_iter().next());
    let origin = one.or(first).unwrap_or_else(|| "*".to_owned());
    let mut headers = vec![header("Access-Control-Allow-Origin", &origin, cors)];
    if cors.entry("allowCredentials").is_some_and(|entry| entry.node.value == Value::Bool(true)) {
        headers.push(header("Access-Control-Allow-Credentials", "true", cors));
    }
    headers
}

fn header(name: &str, value: &str, cors: &Node) -> Entry {
    entry(&format!("method.response.header.{name}"), &cors.place, text(&format!("'{value}'"), &cors.place))
}

fn list(cors: &Node, key: &str) -> Option<Vec<String>> {
    let items = cors.entry(key)?.node.list_or_one();
    Some(items.iter().filter_map(Node::scalar_text).map(str::to_owned).collect())
}
