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

use super::model::{Api, Backend, GatewayResponse, Kind};
use crate::diagnostic::Place;
use crate::document::Yaml;
use model::Models;
use source::request_source;

pub use report::{Carried, Item, Report};

/// The configuration that an API is: the whole text of a file. `from` is the name of its definition.
pub fn write(api: &Api, from: &str) -> String {
    let mut models = Models::default();
    let routes = api.methods.iter().map(|method| route::route(method, &mut models)).collect();
    let mut entries = vec![("name", Yaml::text(&api.name)), ("base_path", Yaml::text(&api.base_path))];
    entries.retain(|(_, value)| *value != Yaml::text(""));
    entries.push(("stage", Yaml::text(&api.stage)));
    entries.push((
        "stage_variables",
        Yaml::map(api.stage_variables.iter().map(|(name, value)| (name, Yaml::text(value)))),
    ));
    entries.push(("binary", Yaml::texts(&api.binary_media_types)));
    entries.retain(|(_, value)| !value.is_empty());
    entries.push(("routes", Yaml::List(routes)));
    let errors = api.gateway_responses.iter().map(|(kind, response)| (name(kind), error(response)));
    let rest = [("models", models.into_yaml()), ("errors", Yaml::map(errors))];
    entries.extend(rest.into_iter().filter(|(_, value)| !value.is_empty()));
    let version = Yaml::Plain("1".to_owned()).commented(opening(functions(api), from));
    guard::guarded(Yaml::map([("version", version), ("api", Yaml::map(entries))])).print()
}

/// What the file begins with.
fn opening(functions: Vec<&str>, from: &str) -> String {
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

fn name(kind: Kind) -> String {
    kind.name().to_ascii_lowercase()
}

/// A gateway response.
fn error(response: &GatewayResponse) -> Yaml {
    let mut entries = Vec::new();
    entries.extend(response.status.map(|status| ("status", Yaml::Plain(status.as_str().to_owned()))));
    let headers = response.headers.iter().map(|(name, source)| (name, request_source(source)));
    let bodies = response.templates.iter();
    let bodies = bodies.map(|(media_type, template)| (media_type, Yaml::text(&template.written)));
    let rest = [("headers", Yaml::map(headers)), ("templates", Yaml::map(bodies))];
    entries.extend(rest.into_iter().filter(|(_, value)| !value.is_empty()));
    let written = Yaml::map(entries);
    match &response.place {
        Some(place) => written.commented(origin(place)),
        None => written,
    }
}

/// Where something comes from, as a comment says it.
fn origin(place: &Place) -> String {
    format!("{}:{}", place.source.name, place.line)
}
