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
    let verb = match &method.verb {
        Verb::Any => None,
        Verb::Only(verb) => Some(("methods", Yaml::texts([verb.as_str()]))),
    };
    let matching = [("path", Yaml::text(&*method.resource))].into_iter().chain(verb);
    let name = method.operation.iter().map(|name| ("name", Yaml::text(name)));
    let is_mapped = !method.integration.backend.is_proxy();
    let responses = is_mapped.then(|| ("responses", responses(&method.integration)));
    let request = Some(("request", request(method, models))).filter(|(_, asked)| !asked.is_empty());
    let answers = Some(("answers", answers(method, models))).filter(|(_, said)| !said.is_empty());
    let parts = [("match", Yaml::map(matching))].into_iter().chain(request);
    let parts = parts.chain([("integration", integration(&method.integration))]);
    Yaml::map(name.chain(parts).chain(responses).chain(answers)).commented(origin(&method.place))
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
    let key = method.asks_for_key.then(|| ("api_key", Yaml::text("required")));
    Yaml::filled(key.into_iter().chain([
        ("headers", declared(Location::Header)),
        ("query", declared(Location::Query)),
        ("path", declared(Location::Path)),
        ("models", by_media_type(&method.request_models, models)),
        ("validate", Yaml::texts(validated)),
    ]))
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
    let when = when.map(|(subject, selection)| Yaml::map([(subject, Yaml::text(&*selection.text))]));
    let headers = response.parameters.iter();
    let headers = headers.map(|parameter| (&parameter.header, response_source(&parameter.source)));
    let rest = [
        ("status", Yaml::number(response.status.as_u16())),
        ("headers", Yaml::map(headers)),
        ("templates", templates(&response.templates)),
    ];
    let when = when.map(|when| ("when", when));
    Yaml::filled(when.into_iter().chain(rest).chain(convert(response.content_handling)))
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
    Yaml::filled([("headers", Yaml::texts(headers)), ("models", by_media_type(&answer.models, models))])
}
