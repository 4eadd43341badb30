//! Where a route's requests go, and how they are written anew.

use super::super::model::{
    Backend, ContentHandling, Endpoint, Function, Integration, Passthrough, PayloadFormat, Service,
};
use super::super::read::native::STAGE_VARIABLES;
use super::super::read::{STAGE_VARIABLES as THEIRS, TIMEOUT};
use super::source::{request_source, target, templates};
use crate::document::Yaml;

/// An integration, without what is so by default.
pub fn integration(integration: &Integration) -> Yaml {
    let parameters = integration.parameters.iter();
    let parameters = parameters.map(|it| (target(&it.target), request_source(&it.source)));
    let mut entries = backend(&integration.backend);
    entries.push(("parameters", Yaml::map(parameters)));
    // A proxy has none of these.
    if !integration.backend.is_proxy() {
        entries.push(("templates", templates(&integration.templates)));
        entries.extend(passthrough(integration.passthrough));
        entries.extend(convert(integration.content_handling));
    }
    let timeout = Some(integration.timeout).filter(|timeout| *timeout != TIMEOUT);
    entries.extend(timeout.map(|it| ("timeout", Yaml::text(humantime::format_duration(it).to_string()))));
    Yaml::filled(entries)
}

fn backend(backend: &Backend) -> Vec<(&'static str, Yaml)> {
    let (kind, own) = match backend {
        Backend::Http(endpoint) => ("http", url(endpoint)),
        Backend::HttpProxy(endpoint) => ("http_proxy", url(endpoint)),
        Backend::Lambda(callee) => ("lambda", function(callee)),
        Backend::LambdaProxy(callee, format) => {
            ("lambda_proxy", function(callee).into_iter().chain(payload_format(*format)).collect())
        }
        Backend::Service(callee) => ("service", service(callee)),
        Backend::Mock => ("mock", Vec::new()),
    };
    [vec![("type", Yaml::text(kind))], own].concat()
}

fn url(endpoint: &Endpoint) -> Vec<(&'static str, Yaml)> {
    let url = ("url", Yaml::text(own_words(&endpoint.uri.written)));
    std::iter::once(url).chain(method(endpoint.method.as_ref())).collect()
}

fn function(function: &Function) -> Vec<(&'static str, Yaml)> {
    let name = ("function", Yaml::text(own_words(&function.written)));
    // Any method but POST is refused.
    let refused = function.method.as_ref().filter(|method| **method != http::Method::POST);
    std::iter::once(name).chain(method(refused)).collect()
}

fn service(service: &Service) -> Vec<(&'static str, Yaml)> {
    let name = [("service", Yaml::text(&service.name)), ("region", Yaml::text(&service.region))];
    let path = ("path", Yaml::text(own_words(&service.endpoint.uri.written)));
    name.into_iter().chain([path]).chain(method(service.endpoint.method.as_ref())).collect()
}

fn payload_format(format: PayloadFormat) -> Option<(&'static str, Yaml)> {
    let version = match format {
        PayloadFormat::Rest => return None,
        PayloadFormat::One => "1.0",
        PayloadFormat::Two => "2.0",
    };
    Some(("payload_format", Yaml::text(version)))
}

/// A method, unless it is the client's.
fn method(method: Option<&http::Method>) -> Option<(&'static str, Yaml)> {
    method.map(|method| ("method", Yaml::text(method.as_str())))
}

/// A text of a definition with its stage variables as they are called here.
fn own_words(written: &str) -> String {
    written.replace(&format!("${{{THEIRS}"), &format!("${{{STAGE_VARIABLES}"))
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
