//! `Cors` of a SAM API: a path without a method `OPTIONS` gets one that answers preflight requests, as SAM makes it.

use super::function::Functions;
use crate::diagnostic::Place;
use crate::document::{Entry, Node, Value};

const ANY: &str = "x-amazon-apigateway-any-method";
/// What `ANY` stands for, as SAM lists it.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
/// What SAM's `Cors` has beside the origin and the methods, and the headers that say it.
const HEADERS: [(&str, &str); 2] =
    [("AllowHeaders", "Access-Control-Allow-Headers"), ("MaxAge", "Access-Control-Max-Age")];

/// Adds the methods to a definition.
pub fn add(body: &mut Node, cors: &Node, functions: &mut Functions<'_>) {
    let Some(cors) = functions.fill(cors) else { return };
    let Value::Map(entries) = &mut body.value else { return };
    let Some(paths) = entries.iter_mut().find(|entry| entry.key == "paths") else { return };
    let Value::Map(paths) = &mut paths.node.value else { return };
    for path in paths {
        let Value::Map(operations) = &mut path.node.value else { continue };
        if !operations.iter().any(|operation| matches!(operation.key.as_str(), "options" | "$ref")) {
            let preflight = operation(&cors, operations);
            operations.push(entry("options", &cors.place, preflight));
        }
    }
}

/// The answer to a preflight request. Values have their quotes already.
fn operation(cors: &Node, operations: &[Entry]) -> Node {
    let place = &cors.place;
    let said = |key: &str| cors.entry(key).and_then(|entry| entry.node.scalar_text()).map(str::to_owned);
    let origin = cors.scalar_text().map(str::to_owned).or_else(|| said("AllowOrigin"));
    let mut headers = vec![
        ("Access-Control-Allow-Origin", origin.unwrap_or_else(|| "'*'".to_owned())),
        ("Access-Control-Allow-Methods", said("AllowMethods").unwrap_or_else(|| methods(operations))),
    ];
    headers.extend(HEADERS.iter().filter_map(|(key, name)| Some((*name, said(key)?))));
    if said("AllowCredentials").as_deref() == Some("true") {
        headers.push(("Access-Control-Allow-Credentials", "'true'".to_owned()));
    }
    let none = || map(Vec::new(), place);
    let declared = headers.iter().map(|(name, _)| entry(name, place, none())).collect();
    let mapped = headers
        .iter()
        .map(|(name, value)| entry(&format!("method.response.header.{name}"), place, text(value, place)));
    let json = |body: &str| map(vec![entry("application/json", place, text(body, place))], place);
    let response = vec![
        entry("statusCode", place, text("200", place)),
        entry("responseParameters", place, map(mapped.collect(), place)),
        entry("responseTemplates", place, json("{}\n")),
    ];
    let integration = vec![
        entry("type", place, text("mock", place)),
        entry("requestTemplates", place, json("{\n  \"statusCode\" : 200\n}\n")),
        entry("responses", place, map(vec![entry("default", place, map(response, place))], place)),
    ];
    let declared = map(vec![entry("headers", place, map(declared, place))], place);
    map(
        vec![
            entry("responses", place, map(vec![entry("200", place, declared)], place)),
            entry("x-amazon-apigateway-integration", place, map(integration, place)),
        ],
        place,
    )
}

/// The methods of a path and `OPTIONS`, in alphabetical order.
fn methods(operations: &[Entry]) -> String {
    let mut methods: Vec<String> = match operations.iter().any(|operation| operation.key == ANY) {
        true => METHODS.map(str::to_owned).into(),
        false => {
            let own = operations.iter().map(|operation| operation.key.to_ascii_uppercase());
            own.filter(|method| METHODS.contains(&method.as_str())).chain(["OPTIONS".to_owned()]).collect()
        }
    };
    methods.sort();
    format!("'{}'", methods.join(","))
}

fn entry(key: &str, place: &Place, node: Node) -> Entry {
    Entry { key: key.to_owned(), key_place: place.clone(), node }
}

fn text(text: &str, place: &Place) -> Node {
    Node { place: place.clone(), value: Value::Text(text.to_owned()) }
}

fn map(entries: Vec<Entry>, place: &Place) -> Node {
    Node { place: place.clone(), value: Value::Map(entries) }
}
