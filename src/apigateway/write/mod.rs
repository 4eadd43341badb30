//! An API written in Candor's own words: the text that [`read::native`](super::read::native) reads into an API which
//! answers the same. Every part says in a comment where it comes from.

mod guard;
mod integration;
mod model;
mod report;
mod route;
mod source;
#[cfg(test)]
pub mod tests;

use super::model::{Api, Backend, GatewayResponse};
use crate::diagnostic::Place;
use crate::document::Yaml;
use model::Models;
use source::request_source;

pub use report::{Carried, Item, Report};

/// The configuration that an API is: the whole text of a file. `from` is the name of its definition.
pub fn write(api: &Api, from: &str) -> String {
    let mut models = Models::default();
    let routes = api.methods.iter().map(|method| route::route(method, &mut models)).collect();
    let variables = api.stage_variables.iter().map(|(name, value)| (name, Yaml::text(value)));
    let errors = api.gateway_responses.iter().map(|(kind, response)| (kind.key(), error(response)));
    let names = [("name", &api.name), ("base_path", &api.base_path), ("stage", &api.stage)];
    let names = names.into_iter().filter(|(_, text)| !text.is_empty());
    let names = names.map(|(key, text)| (key, Yaml::text(text)));
    let parts = [
        ("stage_variables", Yaml::map(variables)),
        ("binary", Yaml::texts(&api.binary_media_types)),
        ("routes", Yaml::List(routes)),
        ("models", models.into_yaml()),
        ("errors", Yaml::map(errors)),
    ];
    let parts = parts.into_iter().filter(|(key, part)| *key == "routes" || !part.is_empty());
    let version = Yaml::number(1).commented(opening(&functions(api), from));
    guard::guarded(Yaml::map([("version", version), ("api", Yaml::map(names.chain(parts)))])).print()
}

/// What the file begins with.
fn opening(functions: &[&str], from: &str) -> String {
    let made = format!("Made from {from} by `candor import`.");
    if functions.is_empty() {
        return made;
    }
    let functions = functions.join(", ");
    format!("{made}\nFunctions need a URL each, `api.lambdas` or `--lambda NAME=URL`: {functions}")
}

/// The functions that are called, each once.
fn functions(api: &Api) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for method in &api.methods {
        if let Backend::Lambda(function) | Backend::LambdaProxy(function, _) = &method.integration.backend
            && !names.contains(&function.name.as_str())
        {
            names.push(&function.name);
        }
    }
    names
}

/// A gateway response.
fn error(response: &GatewayResponse) -> Yaml {
    let status = response.status.map(|status| ("status", Yaml::number(status.as_u16())));
    let headers = response.headers.iter().map(|(name, source)| (name, request_source(source)));
    let bodies = response.templates.iter();
    let bodies = bodies.map(|(media_type, template)| (media_type, Yaml::text(&template.written)));
    let rest = [("headers", Yaml::map(headers)), ("templates", Yaml::map(bodies))];
    let written = Yaml::filled(status.into_iter().chain(rest));
    match &response.place {
        Some(place) => written.commented(origin(place)),
        None => written,
    }
}

/// Where something comes from: its line, or its place in a file that is all one line.
fn origin(place: &Place) -> String {
    match place.source.line(2) {
        Some(_) => format!("{}:{}", place.source.name, place.line),
        None => place.to_string(),
    }
}
