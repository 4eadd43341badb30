//! How an event that is no proxy has its requests and answers written anew: templates, statuses, headers, parameters.

use super::{Event, at, entry, map, preflight, text};
use crate::diagnostic::Place;
use crate::document::{Entry, Node, Value};

/// The payload of a function that is not a proxy, unless an event has a template of its own.
const PAYLOAD: &str = include_str!("payload.vtl");
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

/// What only integrations have that write requests and answers anew.
pub fn write(event: &Event<'_>, kind: &str, integration: &mut Vec<Entry>, operation: &mut Vec<Entry>) {
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
    let mut templates: Vec<Entry> = Vec::new();
    for node in [event.at(&["response", "template"]), response.node.and_then(|node| at(node, &["template"]))]
    {
        match node.map(|node| (&node.value, node)) {
            // What a status says wins over what the event says for all.
            Some((Value::Map(own), _)) => {
                templates.retain(|known| own.iter().all(|own| own.key != known.key));
                templates.extend(own.iter().cloned());
            }
            Some((_, node)) => {
                templates.retain(|known| known.key != "application/json");
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
pub fn parameters(event: &Event<'_>) -> (Vec<Node>, Vec<Entry>) {
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
