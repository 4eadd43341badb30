//! Where a route's requests go, and how they are written anew.

use std::time::Duration;

use super::super::model::{
    Backend, ContentHandling, Endpoint, Function, Integration, Passthrough, PayloadFormat, UriPattern,
};
use super::super::read::native::STAGE_VARIABLES;
use super::super::read::{STAGE_VARIABLES as THEIRS, TIMEOUT};
use super::source::{request_source, target, templates};
use crate::document::Yaml;

/// An integration, without what is so by default.
pub fn integration(integration: &Integration) -> Yaml {
    let mut entries = backend(&integration.backend);
    let parameters = integration.parameters.iter();
    let parameters = parameters.map(|it| (target(&it.target), request_source(&it.source)));
    entries.push(("parameters", Yaml::map(parameters)));
    // A proxy has none of these.
    if !integration.backend.is_proxy() {
        entries.push(("templates", templates(&integration.templates)));
        entries.extend(passthrough(integration.passthrough));
        entries.extend(convert(integration.content_handling));
    }
    if integration.timeout != TIMEOUT {
        entries.push(("timeout", Yaml::text(time(integration.timeout))));
    }
    entries.retain(|(_, value)| !value.is_empty());
    Yaml::map(entries)
}

fn backend(backend: &Backend) -> Vec<(&'static str, Yaml)> {
    let kind = |kind: &str| ("type", Yaml::text(kind));
    match backend {
        Backend::Http(endpoint) => [vec![kind("http")], url(endpoint)].concat(),
        Backend::HttpProxy(endpoint) => [vec![kind("http_proxy")], url(endpoint)].concat(),
        Backend::Lambda(callee) => [vec![kind("lambda")], function(callee)].concat(),
        Backend::LambdaProxy(callee, format) => {
            let format = match format {
                PayloadFormat::Rest => None,
                PayloadFormat::One => Some("1.0"),
                PayloadFormat::Two => Some("2.0"),
            };
            let format = format.map(|format| ("payload_format", Yaml::text(format)));
            [vec![kind("lambda_proxy")], function(callee), format.into_iter().collect()].concat()
        }
        Backend::Service(service) => vec![
            kind("service"),
            ("service", Yaml::text(&service.name)),
            ("region", Yaml::text(&service.region)),
            ("path", Yaml::text(own_words(&service.endpoint.uri))),
        ]
        .into_iter()
        .chain(method(service.endpoint.method.as_ref()))
        .collect(),
        Backend::Mock => vec![kind("mock")],
    }
}

fn url(endpoint: &Endpoint) -> Vec<(&'static str, Yaml)> {
    let url = ("url", Yaml::text(own_words(&endpoint.uri)));
    std::iter::once(url).chain(method(endpoint.method.as_ref())).collect()
}

fn function(function: &Function) -> Vec<(&'static str, Yaml)> {
    let name = function.written.replace(&format!("${{{THEIRS}"), &format!("${{{STAGE_VARIABLES}"));
    // Any method but POST is refused.
    let refused = function.method.as_ref().filter(|method| **method != http::Method::POST);
    std::iter::once(("function", Yaml::text(name))).chain(method(refused)).collect()
}

/// A method, unless it is the client's.
fn method(method: Option<&http::Method>) -> Option<(&'static str, Yaml)> {
    method.map(|method| ("method", Yaml::text(method.as_str())))
}

fn own_words(uri: &UriPattern) -> String {
    uri.written.replace(&format!("${{{THEIRS}"), &format!("${{{STAGE_VARIABLES}"))
}

fn passthrough(passthrough: Passthrough) -> Option<(&'static str, Yaml)> {
    let word = match passthrough {
        Passthrough::WhenNoMatch => return None,
        Passthrough::WhenNoTemplates => "when_no_templates",
        Passthrough::Never => "never",
    };
    Some(("passthrough", Yaml::text(word)))
}

/// How bodies are converted.
pub fn convert(handling: Option<ContentHandling>) -> Option<(&'static str, Yaml)> {
    let word = match handling? {
        ContentHandling::ToText => "to_text",
        ContentHandling::ToBinary => "to_binary",
    };
    Some(("convert", Yaml::text(word)))
}

fn time(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}
