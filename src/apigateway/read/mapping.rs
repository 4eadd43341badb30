//! Mapping expressions: `method.request.header.X`, `integration.response.body.a`, `context.requestId`, `'text'`.

use super::reader::Reader;
use crate::apigateway::model::{
    BodyPath, RequestParameter, RequestSource, RequestTarget, ResponseParameter, ResponseSource,
};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Entry, Node};
use crate::vtl::jsonpath::Path;

/// What HTTP APIs have in place of `integration.request.…`.
const HTTP_API_TARGETS: [&str; 3] = ["append:", "overwrite:", "remove:"];

/// What both sides have.
enum Common {
    Context(Vec<String>),
    StageVariable(String),
    Static(String),
}

/// Why an expression is none.
pub struct Wrong {
    pub message: String,
    pub help: String,
}

impl<'a> Reader<'a> {
    /// `requestParameters` of an integration.
    pub fn request_parameters(&mut self, node: Option<&'a Node>) -> Vec<RequestParameter> {
        let entries = self.entries(node, "request parameters").iter();
        entries.filter_map(|entry| self.request_parameter(entry)).collect()
    }

    fn request_parameter(&mut self, entry: &'a Entry) -> Option<RequestParameter> {
        if HTTP_API_TARGETS.iter().any(|prefix| entry.key.starts_with(prefix)) {
            let message = format!("`{}` is not carried out: the mapping of an HTTP API", entry.key);
            self.left_out(&entry.key_place, message);
            return None;
        }
        let target = request_target(&entry.key);
        if target.is_none() {
            let problem = Diagnostic::error(format!("`{}` is no target of a request parameter", entry.key));
            let help = "one of `integration.request.header.NAME`, `.querystring.NAME`, `.path.NAME`";
            self.problems.push(problem.at(&entry.key_place).help(help));
        }
        let source = self.source(&entry.node, request_source);
        Some(RequestParameter { target: target?, source: source? })
    }

    /// `responseParameters` of an integration response, with the places of the headers.
    pub fn response_parameters(&mut self, node: Option<&'a Node>) -> Vec<(ResponseParameter, &'a Place)> {
        let mut parameters = Vec::new();
        for entry in self.entries(node, "response parameters") {
            let header = self.header(entry, "method.response.header.");
            let source = self.source(&entry.node, response_source);
            if let (Some(header), Some(source)) = (header, source) {
                parameters.push((ResponseParameter { header, source }, &entry.key_place));
            }
        }
        parameters
    }

    /// The name in a key such as `method.response.header.NAME`.
    pub fn header(&mut self, entry: &Entry, prefix: &str) -> Option<String> {
        let name = entry.key.strip_prefix(prefix).filter(|name| !name.is_empty());
        if name.is_none() {
            self.error(&entry.key_place, format!("`{}` does not begin with `{prefix}`", entry.key));
        }
        // A name that HTTP cannot carry would be noticed by the client only.
        let name = name?;
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.error(&entry.key_place, format!("`{name}` is not a header's name"));
            return None;
        }
        Some(name.to_owned())
    }

    /// What a value comes from.
    pub fn source<T>(&mut self, node: &Node, parse: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        let text = node.text("a mapping expression (text)", self.problems)?;
        match parse(text) {
            Ok(source) => Some(source),
            Err(wrong) => {
                self.problems.push(Diagnostic::error(wrong.message).at(&node.place).help(wrong.help));
                None
            }
        }
    }
}

fn request_target(text: &str) -> Option<RequestTarget> {
    let (place, name) = text.strip_prefix("integration.request.")?.split_once('.')?;
    let name = (!name.is_empty()).then(|| name.to_owned())?;
    match place {
        "header" => Some(RequestTarget::Header(name)),
        "querystring" => Some(RequestTarget::Query(name)),
        "path" => Some(RequestTarget::Path(name)),
        _ => None,
    }
}

/// What the value of a request parameter comes from.
pub fn request_source(text: &str) -> Result<RequestSource, Wrong> {
    if let Some(source) = common(text) {
        return Ok(match source {
            Common::Context(names) => RequestSource::Context(names),
            Common::StageVariable(name) => RequestSource::StageVariable(name),
            Common::Static(text) => RequestSource::Static(text),
        });
    }
    let Some(rest) = text.strip_prefix("method.request.") else { return Err(wrong(text, "method.request")) };
    if let Some(path) = body(rest) {
        return path.map(RequestSource::Body);
    }
    let (place, name) = rest.split_once('.').ok_or_else(|| wrong(text, "method.request"))?;
    let name = name.to_owned();
    match place {
        _ if name.is_empty() => Err(wrong(text, "method.request")),
        "header" => Ok(RequestSource::Header(name)),
        "multivalueheader" => Ok(RequestSource::Headers(name)),
        "querystring" => Ok(RequestSource::Query(name)),
        "multivaluequerystring" => Ok(RequestSource::Queries(name)),
        "path" => Ok(RequestSource::Path(name)),
        _ => Err(wrong(text, "method.request")),
    }
}

/// What the value of a response header comes from.
fn response_source(text: &str) -> Result<ResponseSource, Wrong> {
    if let Some(source) = common(text) {
        return Ok(match source {
            Common::Context(names) => ResponseSource::Context(names),
            Common::StageVariable(name) => ResponseSource::StageVariable(name),
            Common::Static(text) => ResponseSource::Static(text),
        });
    }
    let Some(rest) = text.strip_prefix("integration.response.") else {
        return Err(wrong(text, "integration.response"));
    };
    if let Some(path) = body(rest) {
        return path.map(ResponseSource::Body);
    }
    match rest.split_once('.') {
        Some(("header", name)) if !name.is_empty() => Ok(ResponseSource::Header(name.to_owned())),
        Some(("multivalueheader", name)) if !name.is_empty() => Ok(ResponseSource::Headers(name.to_owned())),
        _ => Err(wrong(text, "integration.response")),
    }
}

fn common(text: &str) -> Option<Common> {
    if let Some(text) = text.strip_prefix('\'') {
        return text.strip_suffix('\'').map(|text| Common::Static(text.to_owned()));
    }
    if let Some(names) = text.strip_prefix("context.") {
        return Some(Common::Context(names.split('.').map(str::to_owned).collect()));
    }
    text.strip_prefix("stageVariables.").map(|name| Common::StageVariable(name.to_owned()))
}

/// `body` or `body.PATH`.
fn body(rest: &str) -> Option<Result<Option<BodyPath>, Wrong>> {
    let rest = rest.strip_prefix("body")?;
    if rest.is_empty() {
        return Some(Ok(None));
    }
    let text = rest.strip_prefix('.').or_else(|| rest.starts_with('[').then_some(rest))?;
    Some(body_path(text).map(Some))
}

/// A path into a body, with or without its `$.`.
pub fn body_path(text: &str) -> Result<BodyPath, Wrong> {
    let path = match text.starts_with(['$', '[']) {
        true => Path::parse(&format!("${}", text.trim_start_matches('$'))),
        false => Path::parse(&format!("$.{text}")),
    };
    match path {
        Ok(path) => Ok(BodyPath { text: text.to_owned(), path }),
        Err(error) => Err(Wrong {
            message: format!("`{text}` is not a JSON path: {error}"),
            help: "such as `body.a.b[0]`".to_owned(),
        }),
    }
}

fn wrong(text: &str, side: &str) -> Wrong {
    let places = match side {
        "method.request" => "`.header.NAME`, `.querystring.NAME`, `.path.NAME`, `.body.PATH`",
        _ => "`.header.NAME`, `.body.PATH`",
    };
    Wrong {
        message: format!("`{text}` is not a mapping expression"),
        help: format!(
            "a fixed text stands in single quotes: `'{}'`; else `{side}` with {places}, or `context.NAME`, \
             `stageVariables.NAME`",
            text.trim_matches('\'')
        ),
    }
}
