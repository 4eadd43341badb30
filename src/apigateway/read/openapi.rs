//! The root of an OpenAPI or Swagger document, and its paths.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Options;
use super::operation::{Defaults, INTEGRATION, Inherited, WITHOUT_INTEGRATION};
use super::reader::{Keys, Reader};
use super::security::KEY_SOURCE;
use crate::apigateway::model::{Api, Method, Validator, Verb};
use crate::apigateway::route::{CATCH_ALL, Routes, Segment, segments};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Entry, Node, Value};

const ROOT: Keys<'_> = Keys {
    read: &[
        "openapi",
        "swagger",
        "info",
        "servers",
        "basePath",
        "paths",
        "components",
        "definitions",
        "parameters",
        "responses",
        "consumes",
        "produces",
        "x-amazon-apigateway-binary-media-types",
        "x-amazon-apigateway-gateway-responses",
        "x-amazon-apigateway-request-validators",
        "x-amazon-apigateway-request-validator",
        "securityDefinitions",
        KEY_SOURCE,
    ],
    silent: &[
        "host",
        "schemes",
        "tags",
        "externalDocs",
        "x-amazon-apigateway-documentation",
        "x-amazon-apigateway-importexport-version",
        "x-amazon-apigateway-endpoint-configuration",
        "x-amazon-apigateway-security-policy",
        "x-amazon-apigateway-endpoint-access-mode",
    ],
    unsupported: &[
        ("x-amazon-apigateway-policy", "resource policies are not enforced"),
        ("x-amazon-apigateway-minimum-compression-size", "answers are not compressed"),
        ("x-amazon-apigateway-cors", "preflight requests of HTTP APIs are not answered"),
        ("x-amazon-apigateway-authorizer", "requests are not authorized"),
    ],
    // Operations say it for themselves, or nobody does.
    inert: &["security"],
};

/// What some write where nothing is to be validated.
const NO_VALIDATOR: &str = "NONE";

/// The HTTP methods that a path has, as they are written.
const VERBS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const ANY: &str = "x-amazon-apigateway-any-method";

const PATH: Keys<'_> = Keys {
    read: &["get", "put", "post", "delete", "options", "head", "patch", "trace", ANY, "parameters", "$ref"],
    silent: &["summary", "description", "servers"],
    unsupported: &[],
    inert: &[],
};

/// Reads a whole definition.
pub fn read(mut reader: Reader<'_>) -> Api {
    let root = reader.root;
    reader.map(root, "the definition", &ROOT);
    version(&mut reader);
    let base_path = base_path(&mut reader).unwrap_or_default();
    let methods = methods(&mut reader);
    let (stage, stage_variables) = deployed(&reader.options, &base_path);
    let gateway_responses = reader.gateway_responses(root);
    let binary_media_types = binary_media_types(&mut reader);
    reader.compile_models();
    Api {
        name: title(root),
        stage,
        base_path,
        routes: Routes::new(&methods),
        methods,
        gateway_responses,
        binary_media_types,
        stage_variables,
    }
}

/// The name of the stage, and its variables by name.
pub fn deployed(options: &Options, base_path: &str) -> (String, Vec<(String, String)>) {
    let last = base_path.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("prod");
    let stage = options.stage.clone().unwrap_or_else(|| last.to_owned());
    let mut variables = options.stage_variables.clone();
    variables.sort();
    (stage, variables)
}

fn title(root: &Node) -> String {
    let title = root.entry("info").and_then(|info| info.node.entry("title"));
    title.and_then(|title| title.node.scalar_text()).unwrap_or_default().to_owned()
}

fn version(reader: &mut Reader<'_>) {
    let root = reader.root;
    let Some(entry) = root.entry("openapi").or_else(|| root.entry("swagger")) else { return };
    let version = entry.node.scalar_text().unwrap_or_default();
    let known = match entry.key.as_str() {
        "openapi" => version.starts_with("3.0"),
        _ => version == "2.0",
    };
    if known {
        return;
    }
    let help = "API Gateway knows OpenAPI 3.0 and Swagger 2.0";
    let written = entry.node.scalar_text().map_or(entry.node.value.kind().to_owned(), |it| format!("`{it}`"));
    let message = format!("`{}` is {written}", entry.key);
    // 3.1 differs in its schemas, which may well not be used.
    let problem = match version.starts_with("3.1") {
        true => Diagnostic::warning(message).approximated(),
        false => Diagnostic::error(message),
    };
    reader.problems.push(problem.at(&entry.node.place).help(help));
}

/// The path before all resources: the export of a stage has it.
fn base_path(reader: &mut Reader<'_>) -> Option<String> {
    let root = reader.root;
    let written = match reader.get(root, "basePath") {
        Some(node) => node.text("a path", reader.problems)?.to_owned(),
        None => server_path(reader)?,
    };
    Some(one_slash_before(&written))
}

/// A base path with a slash before it and none after it; an empty one is none.
pub fn one_slash_before(path: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() { String::new() } else { format!("/{path}") }
}

/// The path of the first server's URL, its variables at their defaults.
fn server_path(reader: &mut Reader<'_>) -> Option<String> {
    let servers = reader.get(reader.root, "servers")?.list("servers", reader.problems)?;
    let server = servers.first()?;
    let mut url = server.entry("url")?.node.text("a URL", reader.problems)?.to_owned();
    for variable in reader.entries(reader.get(server, "variables"), "variables of a server") {
        let default = variable.node.entry("default").and_then(|it| it.node.scalar_text()).unwrap_or_default();
        url = url.replace(&format!("{{{}}}", variable.key), default);
    }
    // Some leave the scheme out: `*.execute-api.eu-west-1.amazonaws.com/prod`.
    let after_host = url.split_once("://").map(|(_, rest)| rest);
    let after_host =
        after_host.or_else(|| (!url.starts_with('/') && url.contains('.')).then_some(url.as_str()));
    let path = match after_host {
        Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
        None => url.as_str(),
    };
    Some(path.split(['?', '#']).next().unwrap_or_default().to_owned())
}

fn binary_media_types(reader: &mut Reader<'_>) -> Vec<String> {
    let Some(node) = reader.get(reader.root, "x-amazon-apigateway-binary-media-types") else {
        return Vec::new();
    };
    let items = node.list("media types", reader.problems).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item.text("a media type", reader.problems))
        // CloudFormation's JSON patches want the slash escaped.
        .map(|text| text.replace("~1", "/").to_ascii_lowercase())
        .collect()
}

fn methods(reader: &mut Reader<'_>) -> Vec<Arc<Method>> {
    let root = reader.root;
    let defaults = defaults(reader);
    let Some(paths) = reader.get(root, "paths") else {
        let place = root.place.clone();
        reader.error(&place, "the definition needs `paths`");
        return Vec::new();
    };
    let mut methods = Vec::new();
    let mut variables: HashMap<String, &str> = HashMap::new();
    let entries = reader.entries(Some(paths), "paths");
    if is_without_integrations(entries) {
        let problem = Diagnostic::error("no operation of the definition has an integration").at(&paths.place);
        reader.problems.push(problem.help(WITHOUT_INTEGRATION));
        return Vec::new();
    }
    let written = entries.iter().filter(|entry| entry.node.value != Value::Null);
    for entry in written.filter(|entry| !entry.key.starts_with("x-")) {
        path_is_right(reader, &entry.key, &entry.key_place, &mut variables);
        methods.extend(path_item(reader, entry, &defaults));
    }
    methods.into_iter().map(Arc::new).collect()
}

/// Whether there are operations, and where none of them goes is said: a definition that is not of API Gateway, or an
/// export without its extensions.
fn is_without_integrations(paths: &[Entry]) -> bool {
    let operations = || paths.iter().flat_map(|path| VERBS.iter().filter_map(|verb| path.node.entry(verb)));
    let is_without = |node: &Node| node.entry(INTEGRATION).is_none() && node.entry("$ref").is_none();
    operations().nth(1).is_some()
        && operations().all(|operation| is_without(&operation.node))
        && paths.iter().all(|path| path.node.entry("$ref").is_none() && path.node.entry(ANY).is_none())
}

/// Tells of a path that API Gateway does not know how to take.
pub fn path_is_right<'a>(
    reader: &mut Reader<'a>,
    path: &'a str,
    place: &Place,
    variables: &mut HashMap<String, &'a str>,
) {
    if path == CATCH_ALL {
        return;
    }
    if !path.starts_with('/') {
        return reader.error(place, format!("path `{path}` must begin with `/`"));
    }
    let (mut before, mut greedy, mut names) = (String::new(), false, HashSet::new());
    for segment in segments(path) {
        if greedy {
            return reader.error(place, format!("nothing can follow `+}}` in path `{path}`"));
        }
        let name = match Segment::of(segment) {
            Segment::Literal(text) if text.contains(['{', '}']) => {
                return reader.error(place, format!("a segment is text or `{{name}}`, not both: `{text}`"));
            }
            Segment::Literal(text) => {
                before.push_str(&format!("/{text}"));
                continue;
            }
            Segment::Parameter(name) => name,
            Segment::Greedy(name) => {
                greedy = true;
                name
            }
        };
        if name.is_empty() || !names.insert(name) {
            return reader.error(place, format!("`{segment}` needs a name of its own in path `{path}`"));
        }
        let known = variables.entry(before.clone()).or_insert(segment);
        if *known != segment && !(known.ends_with("+}") || greedy) {
            let message = format!("`{before}` has two parameters, `{known}` and `{segment}`");
            let problem = Diagnostic::warning(message).at(place);
            reader.problems.push(problem.help("API Gateway takes one only"));
        }
        before.push_str("/{}");
    }
}

fn path_item<'a>(reader: &mut Reader<'a>, path: &'a Entry, defaults: &Defaults<'a>) -> Vec<Method> {
    let Some(item) = reader.map(&path.node, "a path", &PATH) else { return Vec::new() };
    let inherited = Inherited { resource: &path.key, parameters: reader.get(item, "parameters"), defaults };
    let entries = item.entries("a path", &mut Default::default()).unwrap_or_default();
    entries
        .iter()
        // Nothing in the place of an operation is none.
        .filter(|entry| entry.node.value != Value::Null)
        .filter_map(|entry| {
            let verb = verb(&entry.key)?;
            reader.operation(&inherited, verb, &entry.key_place, &entry.node)
        })
        .collect()
}

fn verb(key: &str) -> Option<Verb> {
    if key == ANY {
        return Some(Verb::Any);
    }
    VERBS.contains(&key).then(|| key.to_ascii_uppercase().parse().ok().map(Verb::Only)).flatten()
}

fn defaults<'a>(reader: &mut Reader<'a>) -> Defaults<'a> {
    let root = reader.root;
    let mut validators = HashMap::new();
    let written = reader.get(root, "x-amazon-apigateway-request-validators");
    for entry in reader.entries(written, "request validators") {
        validators.insert(entry.key.as_str(), flags(reader, &entry.node));
    }
    let mut defaults = Defaults {
        consumes: reader.get(root, "consumes"),
        produces: reader.get(root, "produces"),
        validators,
        validator: Validator::default(),
        schemes: reader.schemes(),
    };
    let chosen = reader.get(root, "x-amazon-apigateway-request-validator");
    defaults.validator = chosen.and_then(|node| validator(reader, node, &defaults)).unwrap_or_default();
    defaults
}

fn flags<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Validator {
    let keys = Keys {
        read: &["validateRequestParameters", "validateRequestBody"],
        silent: &[],
        unsupported: &[],
        inert: &[],
    };
    let Some(node) = reader.map(node, "a request validator", &keys) else { return Validator::default() };
    let mut flag = |key: &str| {
        let node = reader.get(node, key)?;
        match node.scalar_text() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => node.bool(reader.problems),
        }
    };
    Validator {
        parameters: flag("validateRequestParameters").unwrap_or_default(),
        body: flag("validateRequestBody").unwrap_or_default(),
    }
}

/// The validator of that name.
pub fn validator(reader: &mut Reader<'_>, node: &Node, defaults: &Defaults<'_>) -> Option<Validator> {
    let name = node.text("the name of a request validator", reader.problems)?;
    if name.eq_ignore_ascii_case(NO_VALIDATOR) && !defaults.validators.contains_key(name) {
        return Some(Validator::default());
    }
    if let Some(validator) = defaults.validators.get(name) {
        return Some(*validator);
    }
    let place: &Place = &node.place;
    let problem = Diagnostic::error(format!("there is no request validator `{name}`")).at(place);
    let meant = reader.meant(name, defaults.validators.keys().copied());
    reader.problems.push(match meant {
        Some(known) => problem.help(format!("did you mean `{known}`?")),
        None => problem.help("they are in `x-amazon-apigateway-request-validators`"),
    });
    None
}
