//! Mapping templates: which one a body meets, and what it makes of it.

use serde_json::Value;

use super::super::model::{MappingTemplate, Passthrough, Templates};
use super::Execution;
use super::content::Payload;
use super::fault::Fault;
use super::headers::{Headers, media_type};
use super::request::pairs;
use crate::vtl::gateway::{Inputs, Node, Overrides, Params, Variables};
use crate::vtl::{Heap, Limits, RenderError};

const JSON: &str = "application/json";
/// The key of a request template for all media types that have none of their own.
const DEFAULT: &str = "$default";

/// What a template has made.
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) overrides: Overrides,
    /// `responseOverride` and `requestOverride` with all that was put there.
    pub(super) left: [Option<Value>; 2],
}

/// Whether what a template has put into `$context` is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeps {
    /// By the next template.
    Left,
    /// It was the last.
    Nothing,
}

/// What a body of a request meets.
pub(super) enum Meets<'t> {
    Template(&'t MappingTemplate),
    Passes,
    /// 415.
    Refused,
}

/// The request template for a `Content-Type`, or what the integration does without.
pub(super) fn for_request<'t>(
    templates: &'t Templates,
    headers: &Headers,
    passthrough: Passthrough,
) -> Meets<'t> {
    let media_type = headers.media_type();
    let media_type = media_type.as_deref().unwrap_or(JSON);
    match templates.exact(media_type).or_else(|| templates.exact(DEFAULT)) {
        Some(Some(template)) => Meets::Template(template),
        Some(None) => Meets::Passes,
        None => match passthrough {
            Passthrough::WhenNoMatch => Meets::Passes,
            Passthrough::WhenNoTemplates if templates.is_empty() => Meets::Passes,
            Passthrough::WhenNoTemplates | Passthrough::Never => Meets::Refused,
        },
    }
}

/// The response template for an `Accept`. Where there are templates, one applies: of those that the client accepts the
/// first it names, else the one for JSON, else the first.
pub(super) fn for_answer<'t>(templates: &'t Templates, request: &Headers) -> Option<&'t MappingTemplate> {
    if templates.is_empty() {
        return None;
    }
    let accepted = request.all("accept").flat_map(|value| value.split(',')).map(media_type);
    let named = accepted.filter(|media_type| !media_type.is_empty()).find_map(|it| templates.exact(&it));
    named.or_else(|| templates.exact(JSON)).or_else(|| templates.first()).flatten()
}

impl Execution<'_> {
    /// What a template makes of a body, with `$context` as it is now.
    ///
    /// # Errors
    /// For the operator: why it has failed.
    pub(super) fn render(
        &self,
        template: &MappingTemplate,
        body: &Payload,
        keeps: Keeps,
    ) -> Result<Rendered, String> {
        let Payload::Text(body) = body else {
            return Err("the body is binary, and templates are given texts only".to_owned());
        };
        self.rendered(template, body.as_str(), keeps).map_err(|error| {
            let place = error.span.map(|span| span.place(&template.source));
            match place {
                Some(place) => format!("{}:{}:{}: {error}", place.source.name, place.line, place.column),
                None => format!("{}: {error}", template.source.name),
            }
        })
    }

    fn rendered(
        &self,
        template: &MappingTemplate,
        body: &str,
        keeps: Keeps,
    ) -> Result<Rendered, RenderError> {
        let needs = &template.needs;
        let sees_context = needs.context || self.has_left_overrides;
        let context = if sees_context { self.nodes() } else { Vec::new() };
        let params = if needs.params { self.params() } else { Params::default() };
        let stage_variables = pairs(&self.api.stage_variables);
        let inputs = Inputs { body, params, context, stage_variables, ..Inputs::default() };
        let mut heap = Heap::new(Limits::default());
        let mut variables = Variables::new(&inputs);
        let mut text = String::new();
        template.template.render(&mut heap, |name, heap| variables.named(name, heap), &mut text)?;
        let overrides = variables.overrides(&mut heap)?;
        let left = match keeps {
            Keeps::Left => variables.overrides_as_json(&mut heap)?,
            Keeps::Nothing => [None, None],
        };
        let left = left.map(|json| json.and_then(|json| serde_json::from_str(&json).ok()));
        Ok(Rendered { text, overrides, left })
    }

    fn nodes(&self) -> Vec<(&str, Node<'_>)> {
        self.context().iter().map(|(name, value)| (name.as_str(), Node::from(value))).collect()
    }

    fn params(&self) -> Params<'_> {
        Params {
            path: self.received.path_parameters(),
            querystring: self.received.query(),
            header: self.received.headers.iter().collect(),
        }
    }
}

/// A template of the request has failed: the definition's fault, unless the body is not the JSON that it seems to be.
pub(super) fn failed_request(cause: String, body: &Payload) -> Fault {
    let is_broken = match body {
        Payload::Text(text) if text.as_str().trim_start().starts_with(['{', '[']) => {
            crate::vtl::json::parse(text.as_str(), &mut Heap::new(Limits::default())).is_err()
        }
        _ => false,
    };
    match is_broken {
        true => Fault { cause, ..Fault::told(super::Kind::Default4xx, "Could not process payload") },
        false => Fault::configuration(format!("Unable to transform request: {cause}")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Source;
    use crate::vtl::Template;
    use crate::vtl::gateway::Needs;

    fn templates(types: &[&str]) -> Templates {
        let template = |name: &&str| {
            let template = Template::parse(name, &Limits::default()).unwrap();
            let needs = Needs::of(&template);
            let source = Source::new(*name, *name);
            (name.to_string(), Some(Arc::new(MappingTemplate { source, template, needs })))
        };
        Templates(types.iter().map(template).collect())
    }

    fn headers(name: &str, value: Option<&str>) -> Headers {
        value.map(|value| (name.to_owned(), value.to_owned())).into_iter().collect()
    }

    #[test]
    fn a_request_template_is_found_by_content_type() {
        let check = |types: &[&str], content_type: Option<&str>, passthrough, expected: &str| {
            let templates = templates(types);
            let found = match for_request(&templates, &headers("content-type", content_type), passthrough) {
                Meets::Template(template) => template.source.name.clone(),
                Meets::Passes => "passes".to_owned(),
                Meets::Refused => "415".to_owned(),
            };
            assert_eq!(found, expected, "{types:?} {content_type:?}");
        };
        let [no_match, no_templates, never] =
            [Passthrough::WhenNoMatch, Passthrough::WhenNoTemplates, Passthrough::Never];
        for passthrough in [no_match, no_templates, never] {
            check(&[JSON], Some("Application/JSON; charset=utf-8"), passthrough, JSON);
            check(&[JSON], None, passthrough, JSON);
            check(&["$default"], Some("text/xml"), passthrough, "$default");
        }
        check(&[JSON], Some("text/xml"), no_match, "passes");
        check(&[JSON], Some("text/xml"), no_templates, "415");
        check(&[JSON], Some("text/xml"), never, "415");
        check(&[], Some("text/xml"), no_match, "passes");
        check(&[], Some("text/xml"), no_templates, "passes");
        check(&[], Some("text/xml"), never, "415");
    }

    #[test]
    fn a_response_template_is_found_by_accept_and_one_applies() {
        let check = |types: &[&str], accept: Option<&str>, expected: Option<&str>| {
            let templates = templates(types);
            let found = for_answer(&templates, &headers("accept", accept));
            assert_eq!(found.map(|template| &*template.source.name), expected, "{types:?} {accept:?}");
        };
        check(&["text/html", JSON], Some("text/html;level=1"), Some("text/html"));
        check(&["text/html", JSON], Some("image/png, text/html"), Some("text/html"));
        check(&["text/html", JSON], None, Some(JSON));
        check(&["text/html", JSON], Some("*/*"), Some(JSON));
        check(&["text/html", "text/xml"], Some("*/*"), Some("text/html"));
        check(&[], None, None);
        let mut off = templates(&["text/html"]);
        off.0.push((JSON.to_owned(), None));
        assert!(for_answer(&off, &Headers::new()).is_none());
    }
}
