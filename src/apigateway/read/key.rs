//! API keys where SAM asks for them, outside of the definition: `Auth: { ApiKeyRequired: true }` of an API and of the
//! events that call its functions. Written into the operations, as SAM does it.

use super::function::{kind, property};
use super::security::KEY_SOURCE;
use crate::diagnostic::Place;
use crate::document::{Entry, Node, Value};

/// What a scheme is called that is an API key.
const KEY: &str = "api_key";
const ANY: &str = "x-amazon-apigateway-any-method";

/// Methods of which an event says whether they ask for a key.
struct Said<'a> {
    path: &'a str,
    method: String,
    asks: bool,
}

/// Has the operations of an API ask for keys.
pub fn add<'a>(body: &mut Node, api: &'a Node, functions: impl Iterator<Item = &'a Node>) {
    let place = body.place.clone();
    if let (Some(source), Value::Map(entries)) = (property(api, "ApiKeySourceType"), &mut body.value)
        && !entries.iter().any(|entry| entry.key == KEY_SOURCE)
    {
        entries.push(entry(KEY_SOURCE, &source.place, source.clone()));
    }
    let auth = property(api, "Auth");
    let all = auth.and_then(|auth| flag(auth, "ApiKeyRequired")) == Some(true);
    let preflights = auth.and_then(|auth| flag(auth, "AddApiKeyRequiredToCorsPreflight")) != Some(false);
    let said: Vec<Said<'_>> = functions.flat_map(said).collect();
    if !all && said.is_empty() {
        return;
    }
    for path in map_at(body, "paths") {
        let Value::Map(operations) = &mut path.node.value else { continue };
        for operation in operations {
            let of_event = said.iter().find(|said| said.path == path.key && said.method == operation.key);
            let by_default = all && (preflights || operation.key != "options");
            if of_event.map_or(by_default, |said| said.asks) && is_method(&operation.key) {
                ask(operation);
            }
        }
    }
    let scheme = scheme(&place);
    if let Value::Map(entries) = &mut body.value {
        match entries.iter_mut().find(|entry| entry.key == "securityDefinitions") {
            Some(Entry { node: Node { value: Value::Map(known), .. }, .. }) => known.push(scheme),
            _ => entries.push(entry("securityDefinitions", &place, map(vec![scheme], &place))),
        }
    }
}

/// The scheme that is an API key, by its name.
pub fn scheme(place: &Place) -> Entry {
    let text = |text: &str| Node { place: place.clone(), value: Value::Text(text.to_owned()) };
    let pairs = [("type", "apiKey"), ("in", "header"), ("name", "x-api-key")];
    entry(KEY, place, map(pairs.map(|(key, value)| entry(key, place, text(value))).into(), place))
}

/// What an operation has under `security` that asks for a key.
pub fn requirement(place: &Place) -> Node {
    let none = Node { place: place.clone(), value: Value::List(Vec::new()) };
    map(vec![entry(KEY, place, none)], place)
}

fn ask(operation: &mut Entry) {
    let place = operation.key_place.clone();
    let Value::Map(entries) = &mut operation.node.value else { return };
    match entries.iter_mut().find(|entry| entry.key == "security") {
        Some(Entry { node: Node { value: Value::List(known), .. }, .. }) => known.push(requirement(&place)),
        _ => {
            let list = Node { place: place.clone(), value: Value::List(vec![requirement(&place)]) };
            entries.push(entry("security", &place, list));
        }
    }
}

/// What the events of a function say of keys.
fn said(function: &Node) -> Vec<Said<'_>> {
    let Some(Value::Map(events)) = property(function, "Events").map(|node| &node.value) else {
        return Vec::new();
    };
    let of_api = events.iter().filter(|event| kind(&event.node) == "Api");
    let said = of_api.filter_map(|event| {
        let method = property(&event.node, "Method")?.scalar_text()?.to_ascii_lowercase();
        Some(Said {
            path: property(&event.node, "Path")?.scalar_text()?,
            method: if method == "any" { ANY.to_owned() } else { method },
            asks: flag(property(&event.node, "Auth")?, "ApiKeyRequired")?,
        })
    });
    said.collect()
}

fn is_method(key: &str) -> bool {
    key == ANY
        || !key.starts_with("x-") && !matches!(key, "parameters" | "servers" | "summary" | "description")
}

fn flag(node: &Node, key: &str) -> Option<bool> {
    match node.entry(key)?.node.scalar_text()? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn map_at<'n>(node: &'n mut Node, key: &str) -> &'n mut [Entry] {
    let Value::Map(entries) = &mut node.value else { return &mut [] };
    match entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node.value) {
        Some(Value::Map(entries)) => entries,
        _ => &mut [],
    }
}

fn entry(key: &str, place: &Place, node: Node) -> Entry {
    Entry { key: key.to_owned(), key_place: place.clone(), node }
}

fn map(entries: Vec<Entry>, place: &Place) -> Node {
    Node { place: place.clone(), value: Value::Map(entries) }
}
