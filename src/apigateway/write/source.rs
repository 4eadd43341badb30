//! Where values come from, and templates, in Candor's own words; [`read::native`](super::super::read::native) has the
//! grammar.

use super::super::model::{BodyPath, RequestSource, RequestTarget, ResponseSource, Templates};
use crate::document::Yaml;

/// What a request parameter or a header of an error comes from.
pub fn request_source(source: &RequestSource) -> Yaml {
    match source {
        RequestSource::Header(name) => from(format!("request.header.{name}")),
        RequestSource::Headers(name) => from(format!("request.headers.{name}")),
        RequestSource::Query(name) => from(format!("request.query.{name}")),
        RequestSource::Queries(name) => from(format!("request.queries.{name}")),
        RequestSource::Path(name) => from(format!("request.path.{name}")),
        RequestSource::Body(None) => from("request.body".to_owned()),
        RequestSource::Body(Some(path)) => from(format!("request.{}", json(path))),
        RequestSource::Context(names) => from(format!("context.{}", names.join("."))),
        RequestSource::StageVariable(name) => from(format!("stage_variables.{name}")),
        RequestSource::Static(text) => Yaml::text(text),
    }
}

/// What a header of an answer comes from.
pub fn response_source(source: &ResponseSource) -> Yaml {
    match source {
        ResponseSource::Header(name) => from(format!("header.{name}")),
        ResponseSource::Headers(name) => from(format!("headers.{name}")),
        ResponseSource::Body(None) => from("body".to_owned()),
        ResponseSource::Body(Some(path)) => from(json(path)),
        ResponseSource::Context(names) => from(format!("context.{}", names.join("."))),
        ResponseSource::StageVariable(name) => from(format!("stage_variables.{name}")),
        ResponseSource::Static(text) => Yaml::text(text),
    }
}

/// Where a request parameter goes.
pub fn target(target: &RequestTarget) -> String {
    match target {
        RequestTarget::Header(name) => format!("header.{name}"),
        RequestTarget::Query(name) => format!("query.{name}"),
        RequestTarget::Path(name) => format!("path.{name}"),
    }
}

/// Templates by media type; an empty text is none.
pub fn templates(templates: &Templates) -> Yaml {
    Yaml::map(templates.0.iter().map(|(media_type, template)| {
        (media_type, Yaml::text(template.as_ref().map_or("", |template| template.source.text.as_str())))
    }))
}

fn from(part: String) -> Yaml {
    Yaml::map([("from", Yaml::Text(part))])
}

fn json(path: &BodyPath) -> String {
    match path.text.chars().next() {
        Some('$') => path.text.clone(),
        Some('[') => format!("${}", path.text),
        _ => format!("$.{}", path.text),
    }
}
