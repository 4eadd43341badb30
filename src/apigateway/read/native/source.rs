//! Where a value comes from: text as it is, or `{ from: … }` with the name of a part of the exchange.
//!
//! ```text
//! of the request   request.header.NAME  request.query.NAME  request.path.NAME  request.body  request.$.PATH
//! of the answer    header.NAME  body  $.PATH
//! of both          context.NAME  stage_variables.NAME
//! ```
//! Of a header or a parameter that comes several times the last value is taken; `headers` and `queries` take all.

use super::super::mapping::{Wrong, body_path};
use super::super::reader::Reader;
use super::STAGE_VARIABLES;
use crate::apigateway::model::{BodyPath, RequestSource, RequestTarget, ResponseSource};
use crate::diagnostic::Diagnostic;
use crate::document::Node;

const OF_REQUESTS: &str = "`request.header.NAME`, `request.query.NAME`, `request.path.NAME`, `request.body`, \
                           `request.$.PATH`, `context.NAME`, `stage_variables.NAME`";
const OF_ANSWERS: &str = "`header.NAME`, `body`, `$.PATH`, `context.NAME`, `stage_variables.NAME`";

/// A source that is text.
pub trait Literal {
    /// The text itself.
    fn literal(text: &str) -> Self;
}

impl Literal for RequestSource {
    fn literal(text: &str) -> RequestSource {
        RequestSource::Static(text.to_owned())
    }
}

impl Literal for ResponseSource {
    fn literal(text: &str) -> ResponseSource {
        ResponseSource::Static(text.to_owned())
    }
}

impl Reader<'_> {
    /// What a value comes from.
    pub fn native_source<T: Literal>(
        &mut self,
        node: &Node,
        parse: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        if let Some(text) = node.scalar_text() {
            return Some(T::literal(text));
        }
        let fields = node.fields("a value", &["from"], self.problems)?;
        let from = fields.require("from", "a value that is not text", self.problems)?;
        match parse(from.text("a part of the exchange", self.problems)?) {
            Ok(source) => Some(source),
            Err(wrong) => {
                self.problems.push(Diagnostic::error(wrong.message).at(&from.place).help(wrong.help));
                None
            }
        }
    }
}

/// Where a request parameter goes.
pub fn request_target(text: &str) -> Option<RequestTarget> {
    let (place, name) = text.split_once('.').filter(|(_, name)| !name.is_empty())?;
    let name = name.to_owned();
    match place {
        "header" => Some(RequestTarget::Header(name)),
        "query" => Some(RequestTarget::Query(name)),
        "path" => Some(RequestTarget::Path(name)),
        _ => None,
    }
}

/// A part of the request, or of what surrounds it.
pub fn request_source(text: &str) -> Result<RequestSource, Wrong> {
    let wrong = || wrong(text, OF_REQUESTS);
    if let Some(names) = context(text) {
        return Ok(RequestSource::Context(names));
    }
    if let Some(name) = text.strip_prefix(STAGE_VARIABLES) {
        return Ok(RequestSource::StageVariable(name.to_owned()));
    }
    let part = text.strip_prefix("request.").ok_or_else(wrong)?;
    if part == "body" {
        return Ok(RequestSource::Body(None));
    }
    if part.starts_with('$') {
        return json(part).map(|path| RequestSource::Body(Some(path)));
    }
    let (place, name) = part.split_once('.').filter(|(_, name)| !name.is_empty()).ok_or_else(wrong)?;
    let name = name.to_owned();
    match place {
        "header" => Ok(RequestSource::Header(name)),
        "headers" => Ok(RequestSource::Headers(name)),
        "query" => Ok(RequestSource::Query(name)),
        "queries" => Ok(RequestSource::Queries(name)),
        "path" => Ok(RequestSource::Path(name)),
        _ => Err(wrong()),
    }
}

/// A part of the answer, or of what surrounds it.
pub fn response_source(text: &str) -> Result<ResponseSource, Wrong> {
    if let Some(names) = context(text) {
        return Ok(ResponseSource::Context(names));
    }
    if text == "body" {
        return Ok(ResponseSource::Body(None));
    }
    if text.starts_with('$') {
        return json(text).map(|path| ResponseSource::Body(Some(path)));
    }
    match text.split_once('.') {
        Some(("stage_variables", name)) => Ok(ResponseSource::StageVariable(name.to_owned())),
        Some(("header", name)) if !name.is_empty() => Ok(ResponseSource::Header(name.to_owned())),
        Some(("headers", name)) if !name.is_empty() => Ok(ResponseSource::Headers(name.to_owned())),
        _ => Err(wrong(text, OF_ANSWERS)),
    }
}

fn context(text: &str) -> Option<Vec<String>> {
    let names = text.strip_prefix("context.")?;
    Some(names.split('.').map(str::to_owned).collect())
}

/// A path with its `$`.
fn json(text: &str) -> Result<BodyPath, Wrong> {
    body_path(text.strip_prefix("$.").unwrap_or(text))
}

fn wrong(text: &str, known: &str) -> Wrong {
    Wrong { message: format!("`{text}` is no part of the exchange"), help: format!("one of {known}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_have_the_names_that_rules_give_them() {
        let of_request = |text: &str, expected: &str| {
            let found = request_source(text).map_or("none".to_owned(), |it| format!("{it:?}"));
            assert!(found.starts_with(expected), "{text}: {found}");
        };
        of_request("request.header.X-A", "Header(\"X-A\")");
        of_request("request.queries.a", "Queries(\"a\")");
        of_request("request.body", "Body(None)");
        of_request("request.$.a.b", "Body(Some(BodyPath { text: \"a.b\"");
        of_request("request.$[0]", "Body(Some(BodyPath { text: \"$[0]\"");
        of_request("context.identity.sourceIp", "Context([\"identity\", \"sourceIp\"])");
        of_request("stage_variables.a.b", "StageVariable(\"a.b\")");
        of_request("request.header.", "none");
        of_request("header.a", "none");
        of_request("request.$[", "none");
        let of_answer = |text: &str, expected: &str| {
            let found = response_source(text).map_or("none".to_owned(), |it| format!("{it:?}"));
            assert!(found.starts_with(expected), "{text}: {found}");
        };
        of_answer("header.x", "Header(\"x\")");
        of_answer("$.a", "Body(Some(BodyPath { text: \"a\"");
        of_answer("body", "Body(None)");
        of_answer("request.header.x", "none");
    }
}
