//! The API inside a CloudFormation or SAM template: its `Body` or `DefinitionBody`, and what stands around it.

use super::Options;
use super::function::{Functions, kind, property};
use super::openapi;
use super::reader::Reader;
use super::{cors, globals, key};
use crate::apigateway::model::Api;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Entry, Node, Value};

/// The type of a REST API of SAM, which has what SAM adds to definitions.
const SAM_API: &str = "AWS::Serverless::Api";
/// The types of an API, with the key of the definition in them.
const APIS: [(&str, &str); 4] = [
    (SAM_API, "DefinitionBody"),
    ("AWS::Serverless::HttpApi", "DefinitionBody"),
    ("AWS::ApiGateway::RestApi", "Body"),
    ("AWS::ApiGatewayV2::Api", "Body"),
];

/// What belongs to an API and is written beside it.
const BESIDE: [&str; 9] = [
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::Model",
    "AWS::ApiGateway::RequestValidator",
    "AWS::ApiGateway::Authorizer",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::IntegrationResponse",
    "AWS::ApiGatewayV2::RouteResponse",
];

const STAGES: [&str; 3] =
    ["AWS::ApiGateway::Stage", "AWS::ApiGatewayV2::Stage", "AWS::ApiGateway::Deployment"];

/// Properties of an API that change what it answers and are not carried out.
const UNSUPPORTED: [(&str, &str); 4] = [
    ("Cors", "preflight requests are not answered"),
    ("CorsConfiguration", "preflight requests are not answered"),
    ("MinimumCompressionSize", "answers are not compressed"),
    ("Policy", "resource policies are not enforced"),
];

/// What of `Auth` is about API keys, or about nothing where there are no authorizers.
const KEYED: [&str; 5] = [
    "ApiKeyRequired",
    "AddApiKeyRequiredToCorsPreflight",
    "AddDefaultAuthorizerToCorsPreflight",
    "UsagePlan",
    "InvokeRole",
];

/// Properties of an API or of its stage that are not carried out when they are so.
const UNSUPPORTED_WHEN_TRUE: [(&str, &str); 2] =
    [("CacheClusterEnabled", "answers are not cached"), ("CachingEnabled", "answers are not cached")];

/// Resources that change what an API answers and are not carried out.
const UNSUPPORTED_RESOURCES: [(&str, &str); 3] = [
    ("AWS::ApiGateway::ApiKey", "which keys are good says `api.keys` of the configuration"),
    ("AWS::ApiGateway::UsagePlan", "requests are neither counted nor throttled"),
    ("AWS::WAFv2::WebACLAssociation", "requests are not filtered"),
];

const MEDIA_TYPES: &str = "x-amazon-apigateway-binary-media-types";
const GATEWAY_RESPONSES: &str = "x-amazon-apigateway-gateway-responses";

struct Found<'a> {
    name: &'a str,
    resource: &'a Node,
    body: &'a Node,
}

/// Reads the API of a template.
pub fn read(root: &Node, options: &Options, problems: &mut Diagnostics) -> Option<Api> {
    let spread = globals::spread(root);
    let root = spread.as_ref().unwrap_or(root);
    let found = find(root, options, problems)?;
    let mut functions = Functions::new(root, options, problems);
    let mut body = functions.fill(found.body)?;
    let (stage, mut stage_variables) = stage(&found, root, &mut functions);
    add_media_types(&mut body, &found, &mut functions);
    add_gateway_responses(&mut body, &found, root, &mut functions);
    if let (Some(cors), SAM_API) = (property(found.resource, "Cors"), kind(found.resource)) {
        cors::add(&mut body, cors, &mut functions);
    }
    let functions = resources(root).iter().map(|entry| &entry.node);
    key::add(&mut body, found.resource, functions.filter(|it| kind(it) == "AWS::Serverless::Function"));
    left_out(&found, root, &body, problems);
    // What is given by hand wins.
    stage_variables.retain(|(name, _)| !options.stage_variables.iter().any(|(known, _)| known == name));
    stage_variables.extend(options.stage_variables.iter().cloned());
    let options = Options { stage: options.stage.clone().or(stage), stage_variables, ..options.clone() };
    Some(openapi::read(Reader::new(&body, options, problems)))
}

fn find<'a>(root: &'a Node, options: &Options, problems: &mut Diagnostics) -> Option<Found<'a>> {
    let resources = root.entry("Resources")?.node.entries("resources", problems)?;
    let mut found = Vec::new();
    for entry in resources {
        let Some((_, key)) = APIS.iter().find(|(known, _)| *known == kind(&entry.node)) else { continue };
        if options.api.as_ref().is_some_and(|wanted| *wanted != entry.key) {
            continue;
        }
        match property(&entry.node, key) {
            Some(body) => found.push(Found { name: &entry.key, resource: &entry.node, body }),
            None => without_body(entry, key, problems),
        }
    }
    let place = &root.entry("Resources")?.key_place;
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|found| found.name).collect();
        let problem = Diagnostic::error("the template has several APIs").at(place);
        problems.push(problem.help(format!("say which: {}", names.join(", "))));
        return None;
    }
    if found.is_empty() {
        let wanted = options.api.as_ref().map_or(String::new(), |name| format!(" `{name}`"));
        let problem =
            Diagnostic::error(format!("the template has no API{wanted} with a definition inside")).at(place);
        problems.push(
            problem.help("`Body` of `AWS::ApiGateway::RestApi`, `DefinitionBody` of `AWS::Serverless::Api`"),
        );
    }
    found.pop()
}

fn without_body(entry: &Entry, key: &str, problems: &mut Diagnostics) {
    let elsewhere = ["DefinitionUri", "BodyS3Location"].iter().find_map(|key| property(&entry.node, key));
    let problem = match elsewhere {
        Some(node) => Diagnostic::warning(format!("`{}` is defined in another file", entry.key))
            .at(&node.place)
            .help("give that file itself")
            .left_out(),
        None => Diagnostic::warning(format!("`{}` has no `{key}`", entry.key))
            .at(&entry.key_place)
            .help("an API that is made of events or methods can be exported once it is deployed")
            .left_out(),
    };
    problems.push(problem);
}

/// Whether a resource belongs to the API.
fn belongs(found: &Found<'_>, resource: &Node) -> bool {
    let api = property(resource, "RestApiId").or_else(|| property(resource, "ApiId"));
    let reference = api.and_then(|api| api.entry("Ref")).and_then(|entry| entry.node.scalar_text());
    reference.is_none_or(|name| name == found.name)
}

fn resources(root: &Node) -> &[Entry] {
    of_map(root.entry("Resources").map(|entry| &entry.node))
}

/// The entries of a map, where it is there.
fn of_map(node: Option<&Node>) -> &[Entry] {
    match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries,
        _ => &[],
    }
}

/// The name of the stage and its variables.
fn stage(
    found: &Found<'_>,
    root: &Node,
    functions: &mut Functions<'_>,
) -> (Option<String>, Vec<(String, String)>) {
    let beside = resources(root).iter().map(|entry| &entry.node);
    let beside = beside.filter(|resource| STAGES.contains(&kind(resource)) && belongs(found, resource));
    let (mut name, mut variables) = (None, Vec::new());
    for resource in std::iter::once(found.resource).chain(beside) {
        let written = property(resource, "StageName");
        if let (None, Some(node)) = (&name, written) {
            name = functions.text(node);
        }
        let described = property(resource, "StageDescription").and_then(|node| node.entry("Variables"));
        let maps = [
            property(resource, "Variables"),
            property(resource, "StageVariables"),
            described.map(|it| &it.node),
        ];
        for map in maps.into_iter().flatten() {
            for entry in map.entries("stage variables", functions.problems).unwrap_or_default() {
                variables.extend(functions.text(&entry.node).map(|value| (entry.key.clone(), value)));
            }
        }
    }
    (name, variables)
}

/// The entries under a key of the body, made if it is not there.
fn section<'b>(body: &'b mut Node, key: &str, place: &Place, empty: Value) -> Option<&'b mut Value> {
    let Value::Map(entries) = &mut body.value else { return None };
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        let node = Node { place: place.clone(), value: empty };
        entries.push(Entry { key: key.to_owned(), key_place: place.clone(), node });
        entries.len() - 1
    });
    entries.get_mut(index).map(|entry| &mut entry.node.value)
}

fn add_media_types(body: &mut Node, found: &Found<'_>, functions: &mut Functions<'_>) {
    let Some(written) = property(found.resource, "BinaryMediaTypes") else { return };
    let Some(Node { value: Value::List(more), place }) = functions.fill(written) else { return };
    if let Some(Value::List(items)) = section(body, MEDIA_TYPES, &place, Value::List(Vec::new())) {
        items.extend(more);
    }
}

fn add_gateway_responses(body: &mut Node, found: &Found<'_>, root: &Node, functions: &mut Functions<'_>) {
    let mut more = Vec::new();
    if let Some(written) = property(found.resource, "GatewayResponses") {
        let filled = functions.fill(written);
        let entries = filled.as_ref().and_then(|node| node.entries("gateway responses", functions.problems));
        more.extend(
            entries
                .unwrap_or_default()
                .iter()
                .map(|entry| Entry { node: as_openapi(&entry.node), ..entry.clone() }),
        );
    }
    for entry in resources(root) {
        if kind(&entry.node) != "AWS::ApiGateway::GatewayResponse" || !belongs(found, &entry.node) {
            continue;
        }
        let properties = entry.node.entry("Properties").and_then(|it| functions.fill(&without_api(&it.node)));
        let named = properties.as_ref().and_then(|node| node.entry("ResponseType"));
        if let (Some(node), Some(key)) = (&properties, named.and_then(|it| it.node.scalar_text())) {
            more.push(Entry {
                key: key.to_owned(),
                key_place: entry.key_place.clone(),
                node: as_openapi(node),
            });
        }
    }
    let Some(place) = more.first().map(|entry| entry.key_place.clone()) else { return };
    if let Some(Value::Map(entries)) = section(body, GATEWAY_RESPONSES, &place, Value::Map(Vec::new())) {
        more.retain(|entry| !entries.iter().any(|known| known.key == entry.key));
        entries.extend(more);
    }
}

/// The properties without the reference to the API, which has no value to ask for.
fn without_api(node: &Node) -> Node {
    let Value::Map(entries) = &node.value else { return node.clone() };
    let entries = entries.iter().filter(|entry| entry.key != "RestApiId").cloned().collect();
    Node { place: node.place.clone(), value: Value::Map(entries) }
}

/// A gateway response of a template with the keys of OpenAPI. SAM writes headers as `ResponseParameters: { Headers }`.
pub fn as_openapi(node: &Node) -> Node {
    let Value::Map(entries) = &node.value else { return node.clone() };
    let renamed = |entry: &Entry| {
        let (key, node) = match entry.key.as_str() {
            "StatusCode" => ("statusCode", entry.node.clone()),
            "ResponseTemplates" => ("responseTemplates", entry.node.clone()),
            "ResponseParameters" => ("responseParameters", headers(&entry.node)),
            "ResponseType" => return None,
            other => (other, entry.node.clone()),
        };
        Some(Entry { key: key.to_owned(), key_place: entry.key_place.clone(), node })
    };
    Node { place: node.place.clone(), value: Value::Map(entries.iter().filter_map(renamed).collect()) }
}

fn headers(node: &Node) -> Node {
    let Some(Entry { node: Node { value: Value::Map(headers), place }, .. }) = node.entry("Headers") else {
        return node.clone();
    };
    let named =
        |entry: &Entry| Entry { key: format!("gatewayresponse.header.{}", entry.key), ..entry.clone() };
    Node { place: place.clone(), value: Value::Map(headers.iter().map(named).collect()) }
}

/// Tells of what belongs to the API and is not in its body.
fn left_out(found: &Found<'_>, root: &Node, body: &Node, problems: &mut Diagnostics) {
    left_out_of_stage(found.resource, problems);
    for entry in of_map(property(found.resource, "Auth")) {
        if !KEYED.contains(&entry.key.as_str()) {
            let message = format!("`{}` is not carried out: requests are not authorized", entry.key);
            problems.push(Diagnostic::warning(message).at(&entry.key_place).left_out());
        }
    }
    for (key, meaning) in UNSUPPORTED {
        let is_done = key == "Cors" && kind(found.resource) == SAM_API;
        if let Some(node) = property(found.resource, key).filter(|_| !is_done) {
            problems.push(
                Diagnostic::warning(format!("`{key}` is not carried out: {meaning}"))
                    .at(&node.place)
                    .left_out(),
            );
        }
    }
    for entry in resources(root) {
        let unsupported = UNSUPPORTED_RESOURCES.iter().find(|(known, _)| *known == kind(&entry.node));
        if let Some((_, meaning)) = unsupported {
            let message = format!("`{}` is not carried out: {meaning}", entry.key);
            problems.push(Diagnostic::warning(message).at(&entry.key_place).left_out());
        }
        if STAGES.contains(&kind(&entry.node)) && belongs(found, &entry.node) {
            left_out_of_stage(&entry.node, problems);
        }
        if BESIDE.contains(&kind(&entry.node)) && belongs(found, &entry.node) {
            let message =
                format!("`{}` is left out: only what is inside `{}` is read", entry.key, found.name);
            problems.push(Diagnostic::warning(message).at(&entry.key_place).left_out());
        }
        if kind(&entry.node) == "AWS::Serverless::Function" {
            events(found, &entry.node, body, problems);
        }
    }
}

/// Tells of what a stage has beside its name and variables: caches and throttles.
fn left_out_of_stage(resource: &Node, problems: &mut Diagnostics) {
    let settings = property(resource, "MethodSettings").map(Node::list_or_one).unwrap_or_default();
    let described = property(resource, "StageDescription");
    let properties = resource.entry("Properties").map(|entry| &entry.node);
    for node in properties.into_iter().chain(described).chain(settings) {
        for (key, meaning) in UNSUPPORTED_WHEN_TRUE {
            let entry = node.entry(key).filter(|entry| entry.node.scalar_text() == Some("true"));
            if let Some(entry) = entry {
                let message = format!("`{key}` is not carried out: {meaning}");
                problems.push(Diagnostic::warning(message).at(&entry.key_place).left_out());
            }
        }
        if let Some(entry) = node.entry("ThrottlingRateLimit") {
            let message = "`ThrottlingRateLimit` is not carried out: requests are not throttled";
            problems.push(Diagnostic::warning(message).at(&entry.key_place).left_out());
        }
    }
}

/// SAM puts the events of functions into the definition where it lacks their path.
fn events(found: &Found<'_>, function: &Node, body: &Node, problems: &mut Diagnostics) {
    let Some(Value::Map(events)) = property(function, "Events").map(|node| &node.value) else { return };
    for event in events.iter().filter(|event| matches!(kind(&event.node), "Api" | "HttpApi")) {
        let path = property(&event.node, "Path").and_then(Node::scalar_text).unwrap_or_default();
        let paths = body.entry("paths").map(|entry| &entry.node);
        if belongs(found, &event.node) && paths.is_none_or(|paths| paths.entry(path).is_none()) {
            let message = format!("event `{}` is left out: `{path}` is not in `{}`", event.key, found.name);
            problems.push(Diagnostic::warning(message).at(&event.key_place).left_out());
        }
    }
}
