//! A method of an API as a route.

use std::sync::Arc;

use super::super::model::{
    Backend, Integration, IntegrationResponse, Location, Method, MethodResponse, Model, Selection, Verb,
};
use super::super::route::{Segment, segments};
use super::integration::{convert, integration};
use super::model::Models;
use super::origin;
use super::source::{response_source, templates};
use crate::document::Yaml;

/// A route.
pub fn route(method: &Method, models: &mut Models) -> Yaml {
    let mut matching = vec![("path", Yaml::text(&*method.resource))];
    if let Verb::Only(verb) = &method.verb {
        matching.push(("methods", Yaml::texts([verb.as_str()])));
    }
    let mut entries = Vec::new();
    entries.extend(method.operation.iter().map(|name| ("name", Yaml::text(name))));
    entries.push(("match", Yaml::map(matching)));
    entries.push(("request", request(method, models)));
    entries.push(("integration", integration(&method.integration)));
    if !method.integration.backend.is_proxy() {
        entries.push(("responses", responses(&method.integration)));
    }
    entries.push(("answers", answers(method, models)));
    entries.retain(|(key, value)| !value.is_empty() || *key == "responses");
    Yaml::map(entries).commented(origin(&method.place))
}

/// What is asked of requests, but for what the path says.
fn request(method: &Method, models: &mut Models) -> Yaml {
    let in_path: Vec<&str> = segments(&method.resource)
        .filter_map(|segment| match Segment::of(segment) {
            Segment::Parameter(name) | Segment::Greedy(name) => Some(name),
            Segment::Literal(_) => None,
        })
        .collect();
    let declared = |location: Location| {
        let parameters = method.parameters.iter().filter(|parameter| {
            parameter.location == location
                && !(location == Location::Path && in_path.contains(&parameter.name.as_str()))
        });
        Yaml::map(parameters.map(|parameter| {
            (&parameter.name, Yaml::text(if parameter.required { "required" } else { "optional" }))
        }))
    };
    let validated = [("parameters", method.validator.parameters), ("body", method.validator.body)];
    let validated = validated.into_iter().filter(|(_, is_validated)| *is_validated).map(|(what, _)| what);
    let mut entries = vec![
        ("headers", declared(Location::Header)),
        ("query", declared(Location::Query)),
        ("path", declared(Location::Path)),
        ("models", by_media_type(&method.request_models, models)),
        ("validate", Yaml::texts(validated)),
    ];
    entries.retain(|(_, value)| !value.is_empty());
    Yaml::map(entries)
}

fn by_media_type(written: &[(String, Arc<Model>)], models: &mut Models) -> Yaml {
    Yaml::map(written.iter().map(|(media_type, model)| (media_type, models.reference(model))))
}

fn responses(integration: &Integration) -> Yaml {
    let responses = &integration.responses;
    let subject = match integration.backend {
        Backend::Lambda(_) | Backend::LambdaProxy(..) => "error",
        Backend::Http(_) | Backend::HttpProxy(_) | Backend::Service(_) | Backend::Mock => "status",
    };
    let selected = responses.selected.iter().map(|(selection, it)| response(Some((subject, selection)), it));
    let default = responses.default.iter().map(|it| response(None, it));
    Yaml::List(selected.chain(default).collect())
}

fn response(when: Option<(&str, &Selection)>, response: &IntegrationResponse) -> Yaml {
    let when = when.map(|(subject, selection)| Yaml::map([(subject, Yaml::text(&selection.text))]));
    let headers = response.parameters.iter();
    let headers = headers.map(|parameter| (&parameter.header, response_source(&parameter.source)));
    let mut entries = Vec::new();
    entries.extend(when.map(|when| ("when", when)));
    entries.push(("status", Yaml::Plain(response.status.as_str().to_owned())));
    let rest = [("headers", Yaml::map(headers)), ("templates", templates(&response.templates))];
    entries.extend(rest.into_iter().filter(|(_, value)| !value.is_empty()));
    entries.extend(convert(response.content_handling));
    Yaml::map(entries)
}

/// What may be answered, where it is not just what the responses say.
fn answers(method: &Method, models: &mut Models) -> Yaml {
    let responses = &method.integration.responses;
    let mut used = responses.selected.iter().map(|(_, response)| response).chain(&responses.default);
    let is_more = method.responses.iter().any(|answer| !answer.models.is_empty());
    if !is_more && used.all(|response| method.response(response.status).is_some()) {
        return Yaml::Map(Vec::new());
    }
    Yaml::map(method.responses.iter().map(|it| (it.status.as_str(), answer(it, method, models))))
}

/// What a method declares of an answer; headers only if they are not just those that its responses set.
fn answer(answer: &MethodResponse, method: &Method, models: &mut Models) -> Yaml {
    let responses = &method.integration.responses;
    let used = responses.selected.iter().map(|(_, response)| response).chain(&responses.default);
    let of_status = used.filter(|response| response.status == answer.status);
    let set: Vec<&str> =
        of_status.flat_map(|it| &it.parameters).map(|parameter| parameter.header.as_str()).collect();
    let is_set = |name: &String| set.iter().any(|known| known.eq_ignore_ascii_case(name));
    let headers = if answer.headers.iter().all(is_set) { &[] } else { answer.headers.as_slice() };
    let mut entries =
        vec![("headers", Yaml::texts(headers)), ("models", by_media_type(&answer.models, models))];
    entries.retain(|(_, value)| !value.is_empty());
    Yaml::map(entries)
}
