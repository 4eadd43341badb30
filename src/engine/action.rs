//! What a rule produces when it fires: status, headers and body, from literals and from values of the exchange.
//! [`Action::carry_out`] turns it into a [`Mutation`] or says why it cannot.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, StatusCode};

use super::condition::Condition;
use super::facts::{Facts, media_type};
use super::found::{Found, Hindrance};
use super::mutation::{BodyChange, HeaderOp, Mutation};
use super::problem::{PROBLEM_JSON, Problem};
use super::retry::Retry;
use super::subject::Subject;
use super::template::{MappingTemplate, Rendered};

/// What to produce.
#[derive(Debug, Clone, Default)]
pub struct Action {
    /// The status; `None` keeps the upstream's.
    pub status: Option<StatusChoice>,
    /// The reason phrase on HTTP/1.1.
    pub reason: Option<String>,
    /// Changes to the headers, in order.
    pub headers: Vec<HeaderChange>,
    /// Sets the status and headers by `$context.responseOverride`; what it prints is dropped.
    pub template: Option<Arc<MappingTemplate>>,
    /// The body.
    pub body: BodyChoice,
    /// Whether caches may keep the answer.
    pub cache: Cache,
    /// Whether the request is sent again first; this is then produced when no further try is left.
    pub retry: Option<Arc<Retry>>,
}

/// Where the status comes from.
#[derive(Debug, Clone)]
pub enum StatusChoice {
    /// Always this one.
    Fixed(StatusCode),
    /// The value itself, a whole number from 200 to 599.
    From(Source),
    /// The value looked up.
    Table {
        /// What is looked up.
        source: Source,
        /// Value as text -> status.
        rows: Vec<(String, StatusCode)>,
        /// For values that are not in the table, or missing.
        default: Option<StatusCode>,
    },
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The part of the exchange.
    pub origin: Origin,
    /// What to use when there is no value.
    pub default: Option<String>,
}

/// A part of the exchange, or of this rule's own match.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A part of the exchange.
    Subject(Subject),
    /// A named group of one of the rule's patterns.
    Capture(String),
}

/// Text that is given or found.
#[derive(Debug, Clone)]
pub enum Text {
    /// Given.
    Literal(String),
    /// Found.
    From(Source),
}

/// One change to the headers.
#[derive(Debug, Clone)]
pub enum HeaderChange {
    /// Replace; a value that is missing removes nothing and sets nothing.
    Set(HeaderName, Text),
    /// Add.
    Append(HeaderName, Text),
    /// Remove.
    Remove(HeaderName),
}

/// The body to send.
#[derive(Debug, Clone, Default)]
pub enum BodyChoice {
    /// The upstream's.
    #[default]
    Keep,
    /// These bytes.
    Static {
        /// The bytes.
        bytes: Bytes,
        /// Their `Content-Type`.
        content_type: HeaderValue,
    },
    /// A value of the exchange: text, also that of a JSON string, as text; other JSON as JSON.
    From {
        /// The value.
        source: Source,
        /// Its `Content-Type`; by default what the value is.
        content_type: Option<HeaderValue>,
    },
    /// RFC 9457 problem details.
    Problem(Box<ProblemChoice>),
    /// What a mapping template prints.
    Template {
        /// The template.
        template: Arc<MappingTemplate>,
        /// The `Content-Type` of what it prints, unless it sets one itself.
        content_type: HeaderValue,
    },
    /// What one of several mapping templates prints, chosen by the request's `Accept`.
    Templates {
        /// Media types, lower case, and their templates; never none.
        choices: Vec<(String, Arc<MappingTemplate>)>,
        /// The `Content-Type`; by default the media type chosen.
        content_type: Option<HeaderValue>,
    },
}

/// The members of a problem, given or found.
#[derive(Debug, Clone, Default)]
pub struct ProblemChoice {
    /// `type`.
    pub kind: Option<Text>,
    /// `title`.
    pub title: Option<Text>,
    /// `detail`.
    pub detail: Option<Text>,
    /// `instance`.
    pub instance: Option<Text>,
    /// Extension members, keeping the JSON type of values found in JSON.
    pub extensions: Vec<(String, Extension)>,
}

/// An extension member.
#[derive(Debug, Clone)]
pub enum Extension {
    /// Given.
    Literal(serde_json::Value),
    /// Found.
    From(Source),
}

/// What a cache may do with a translated answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cache {
    /// `no-store` when a success becomes an error, else as the upstream said.
    #[default]
    Auto,
    /// Always `no-store`.
    NoStore,
    /// As the upstream said.
    Keep,
}

impl Action {
    /// The changes for this exchange. `when` is the rule's condition, whose patterns give the captures.
    pub fn carry_out(&self, when: Option<&Condition>, facts: &Facts<'_>) -> Result<Mutation, Hindrance> {
        let found = Found { when, facts };
        let mut status = self.status.as_ref().map(|choice| choice.status(&found)).transpose()?;
        let rendered = self.template.as_ref().map(|template| template.render(&found)).transpose()?;
        let mut headers = Vec::new();
        let mut overriding = Vec::new();
        if let Some(rendered) = rendered {
            status = rendered.status.or(status);
            overriding.extend(rendered.headers);
        }
        let body = match self.body.rendered(&found, &mut headers)? {
            Some(rendered) => {
                status = rendered.status.or(status);
                overriding.extend(rendered.headers);
                BodyChange::Replace(rendered.text.into())
            }
            None => self.body.bytes(status.unwrap_or(facts.head.status), &found, &mut headers)?,
        };
        for change in &self.headers {
            headers.extend(change.operation(&found)?);
        }
        // A template has the last word, as on API Gateway.
        headers.extend(overriding);
        let after = status.unwrap_or(facts.head.status);
        let uncacheable = self.forbids_caching(facts.head.status, after);
        Ok(Mutation { status, reason: self.reason.clone(), uncacheable, headers, body })
    }

    /// Every source that a value is taken from, those of templates not among them.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        let status = self.status.iter().filter_map(|status| match status {
            StatusChoice::From(source) | StatusChoice::Table { source, .. } => Some(source),
            StatusChoice::Fixed(_) => None,
        });
        let headers = self.headers.iter().filter_map(|change| match change {
            HeaderChange::Set(_, text) | HeaderChange::Append(_, text) => text.source(),
            HeaderChange::Remove(_) => None,
        });
        status.chain(headers).chain(self.body.sources())
    }

    fn forbids_caching(&self, before: StatusCode, after: StatusCode) -> bool {
        match self.cache {
            Cache::Auto => turns_into_error(before, after),
            Cache::NoStore => true,
            Cache::Keep => false,
        }
    }
}

/// Whether a success is found to be an error.
pub fn turns_into_error(before: StatusCode, after: StatusCode) -> bool {
    let is_error = |status: StatusCode| status.is_client_error() || status.is_server_error();
    is_error(after) && !is_error(before)
}

impl ProblemChoice {
    fn sources(&self) -> Vec<&Source> {
        let texts = [&self.kind, &self.title, &self.detail, &self.instance];
        let found = self.extensions.iter().filter_map(|(_, extension)| match extension {
            Extension::From(source) => Some(source),
            Extension::Literal(_) => None,
        });
        texts.into_iter().flatten().filter_map(Text::source).chain(found).collect()
    }
}

impl StatusChoice {
    fn status(&self, found: &Found<'_, '_>) -> Result<StatusCode, Hindrance> {
        match self {
            StatusChoice::Fixed(status) => Ok(*status),
            StatusChoice::From(source) => {
                let status = found.first(source, |value| {
                    let text = value.text()?;
                    Some(
                        final_status(&text)
                            .ok_or_else(|| format!("`{text}` is not a status from 200 to 599")),
                    )
                })?;
                let missing = || Err(format!("no value at `{}` for the status", source.origin));
                status.unwrap_or_else(missing).map_err(Hindrance::Failed)
            }
            StatusChoice::Table { source, rows, default } => {
                let text = found.text(source)?;
                let row = text.as_ref().and_then(|text| rows.iter().find(|(key, _)| key == text));
                row.map(|(_, status)| *status).or(*default).ok_or_else(|| {
                    let text = text.unwrap_or_default();
                    Hindrance::Failed(format!("`{text}` is not in the status table and it has no default"))
                })
            }
        }
    }
}

/// A status that an answer can end with: 200 to 599. 1xx never ends an exchange (RFC 9110 section 15.2).
pub fn final_status(text: &str) -> Option<StatusCode> {
    let status = StatusCode::from_bytes(text.trim().as_bytes()).ok()?;
    (200..600).contains(&status.as_u16()).then_some(status)
}

impl HeaderChange {
    fn operation(&self, found: &Found<'_, '_>) -> Result<Option<HeaderOp>, Hindrance> {
        Ok(match self {
            HeaderChange::Set(name, text) => {
                found.header_value(name, text)?.map(|value| HeaderOp::Set(name.clone(), value))
            }
            HeaderChange::Append(name, text) => {
                found.header_value(name, text)?.map(|value| HeaderOp::Append(name.clone(), value))
            }
            HeaderChange::Remove(name) => Some(HeaderOp::Remove(name.clone())),
        })
    }
}

impl Text {
    fn source(&self) -> Option<&Source> {
        match self {
            Text::From(source) => Some(source),
            Text::Literal(_) => None,
        }
    }
}

impl BodyChoice {
    fn sources(&self) -> Vec<&Source> {
        match self {
            BodyChoice::From { source, .. } => vec![source],
            BodyChoice::Problem(problem) => problem.sources(),
            BodyChoice::Keep
            | BodyChoice::Static { .. }
            | BodyChoice::Template { .. }
            | BodyChoice::Templates { .. } => Vec::new(),
        }
    }

    /// What a template makes, if it is one that makes the body.
    fn rendered(
        &self,
        found: &Found<'_, '_>,
        headers: &mut Vec<HeaderOp>,
    ) -> Result<Option<Rendered>, Hindrance> {
        let (template, content_type) = match self {
            BodyChoice::Template { template, content_type } => (template, Some(content_type.clone())),
            BodyChoice::Templates { choices, content_type } => {
                let accept = found.facts.request.headers.get_all(header::ACCEPT);
                let accepted = accept.iter().filter_map(|value| value.to_str().ok());
                let Some((media_type, template)) = chosen(choices, accepted) else { return Ok(None) };
                if choices.len() > 1 {
                    headers.push(HeaderOp::Append(header::VARY, HeaderValue::from_static("accept")));
                }
                (template, content_type.clone().or_else(|| HeaderValue::from_str(media_type).ok()))
            }
            _ => return Ok(None),
        };
        let rendered = template.render(found)?;
        headers.extend(content_type.map(|value| HeaderOp::Set(header::CONTENT_TYPE, value)));
        Ok(Some(rendered))
    }

    fn bytes(
        &self,
        status: StatusCode,
        found: &Found<'_, '_>,
        headers: &mut Vec<HeaderOp>,
    ) -> Result<BodyChange, Hindrance> {
        let (bytes, content_type) = match self {
            BodyChoice::Keep | BodyChoice::Template { .. } | BodyChoice::Templates { .. } => {
                return Ok(BodyChange::Keep);
            }
            BodyChoice::Static { bytes, content_type } => (bytes.clone(), content_type.clone()),
            BodyChoice::From { source, content_type } => {
                let (bytes, own_type) = found.bytes(source)?.ok_or_else(|| {
                    Hindrance::Failed(format!("no value at `{}` for the body", source.origin))
                })?;
                (bytes, content_type.clone().unwrap_or(own_type))
            }
            BodyChoice::Problem(problem) => {
                (problem.found(found)?.to_json(status), HeaderValue::from_static(PROBLEM_JSON))
            }
        };
        headers.push(HeaderOp::Set(header::CONTENT_TYPE, content_type));
        Ok(BodyChange::Replace(bytes))
    }
}

/// The template for a request that accepts these: of the media types there are, the first that it names; else
/// `application/json`, else the first.
fn chosen<'c>(
    choices: &'c [(String, Arc<MappingTemplate>)],
    accepted: impl Iterator<Item = &'c str>,
) -> Option<&'c (String, Arc<MappingTemplate>)> {
    let named = |media_type: &str| choices.iter().find(|(key, _)| key == media_type);
    let mut accepted = accepted.flat_map(|line| line.split(',')).filter_map(|one| media_type(Some(one)));
    accepted.find_map(|one| named(&one)).or_else(|| named("application/json")).or_else(|| choices.first())
}

impl ProblemChoice {
    fn found(&self, found: &Found<'_, '_>) -> Result<Problem, Hindrance> {
        let text = |text: &Option<Text>| match text {
            Some(text) => found.given_or_found(text),
            None => Ok(None),
        };
        let mut extensions = Vec::new();
        for (name, extension) in &self.extensions {
            let value = match extension {
                Extension::Literal(value) => Some(value.clone()),
                Extension::From(source) => found.json(source)?,
            };
            extensions.extend(value.map(|value| (name.clone(), value)));
        }
        Ok(Problem {
            kind: text(&self.kind)?,
            title: text(&self.title)?,
            detail: text(&self.detail)?,
            instance: text(&self.instance)?,
            extensions,
        })
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Subject(subject) => subject.fmt(f),
            Origin::Capture(name) => write!(f, "capture.{name}"),
        }
    }
}
