//! Parameter mappings: where a value comes from and where it goes.

use std::fmt;

use crate::vtl::jsonpath::Path;

/// A mapping of `requestParameters`.
#[derive(Debug)]
pub struct RequestParameter {
    /// Where it goes.
    pub target: RequestTarget,
    /// Where it comes from.
    pub source: RequestSource,
}

/// `integration.request.…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestTarget {
    /// `header.NAME`.
    Header(String),
    /// `querystring.NAME`.
    Query(String),
    /// `path.NAME`: fills `{NAME}` of the URI.
    Path(String),
}

impl fmt::Display for RequestTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestTarget::Header(name) => write!(f, "integration.request.header.{name}"),
            RequestTarget::Query(name) => write!(f, "integration.request.querystring.{name}"),
            RequestTarget::Path(name) => write!(f, "integration.request.path.{name}"),
        }
    }
}

/// What the value of a request parameter is, or of a header of a gateway response.
#[derive(Debug)]
pub enum RequestSource {
    /// `method.request.header.NAME`: the last of several.
    Header(String),
    /// `method.request.multivalueheader.NAME`: all.
    Headers(String),
    /// `method.request.querystring.NAME`: the last of several.
    Query(String),
    /// `method.request.multivaluequerystring.NAME`: all.
    Queries(String),
    /// `method.request.path.NAME`.
    Path(String),
    /// `method.request.body` or `method.request.body.PATH`.
    Body(Option<BodyPath>),
    /// `context.NAME`, the names between the dots.
    Context(Vec<String>),
    /// `stageVariables.NAME`.
    StageVariable(String),
    /// `'text'`.
    Static(String),
}

/// A mapping of an integration response's `responseParameters`.
#[derive(Debug)]
pub struct ResponseParameter {
    /// The header of the answer: `method.response.header.NAME`.
    pub header: String,
    /// Where its value comes from.
    pub source: ResponseSource,
}

/// What the value of a response header is.
#[derive(Debug)]
pub enum ResponseSource {
    /// `integration.response.header.NAME`: the last of several.
    Header(String),
    /// `integration.response.multivalueheader.NAME`: all.
    Headers(String),
    /// `integration.response.body` or `integration.response.body.PATH`.
    Body(Option<BodyPath>),
    /// `context.NAME`, the names between the dots.
    Context(Vec<String>),
    /// `stageVariables.NAME`.
    StageVariable(String),
    /// `'text'`.
    Static(String),
}

/// A part of a JSON body.
#[derive(Debug)]
pub struct BodyPath {
    /// As written, without `$.`.
    pub text: String,
    /// Compiled.
    pub path: Path,
}
