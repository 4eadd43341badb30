//! What a rule produces when it fires: status, headers and body, from literals and from values of the exchange.
//! [`Action::carry_out`] turns it into a [`Mutation`] or says why it cannot.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderValue, StatusCode};

use super::condition::{Condition, Leaf, Test};
use super::facts::{Body, Datum, Facts, Seen};
use super::mutation::{BodyChange, HeaderOp, Mutation};
use super::problem::{PROBLEM_JSON, Problem};
use super::retry::Retry;
use super::subject::Subject;

/// What to produce.
#[derive(Debug, Clone, Default)]
pub struct Action {
    /// The status; `None` keeps the upstream's.
    pub status: Option<StatusChoice>,
    /// The reason phrase on HTTP/1.1.
    pub reason: Option<String>,
    /// Changes to the headers, in order.
    pub headers: Vec<HeaderChange>,
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

/// Why an action could not be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// A value it needs has not gone by yet.
    Pending,
    /// A value it needs is in a part of the body that will not be known.
    Unknown,
    /// It cannot be done; in the operator's words.
    Failed(String),
}

impl Action {
    /// The changes for this exchange. `when` is the rule's condition, whose patterns give the captures.
    pub fn carry_out(&self, when: Option<&Condition>, facts: &Facts<'_>) -> Result<Mutation, Hindrance> {
        let found = Found { when, facts };
        let status = self.status.as_ref().map(|choice| choice.status(&found)).transpose()?;
        let after = status.unwrap_or(facts.head.status);
        let mut headers = Vec::new();
        let body = self.body.bytes(after, &found, &mut headers)?;
        for change in &self.headers {
            headers.extend(change.operation(&found)?);
        }
        let uncacheable = self.forbids_caching(facts.head.status, after);
        Ok(Mutation { status, reason: self.reason.clone(), uncacheable, headers, body })
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

impl BodyChoice {
    fn bytes(
        &self,
        status: StatusCode,
        found: &Found<'_, '_>,
        headers: &mut Vec<HeaderOp>,
    ) -> Result<BodyChange, Hindrance> {
        let (bytes, content_type) = match self {
            BodyChoice::Keep => return Ok(BodyChange::Keep),
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

/// Where an action finds its values: the facts, and the match of its own rule.
struct Found<'a, 'e> {
    when: Option<&'a Condition>,
    facts: &'a Facts<'e>,
}

impl Found<'_, '_> {
    /// Hands the first value of the source to `read`; `None` when there is none that is not `null`.
    fn first<T>(
        &self,
        source: &Source,
        read: impl FnOnce(&Datum<'_>) -> Option<T>,
    ) -> Result<Option<T>, Hindrance> {
        let captured;
        let seen;
        let value = match &source.origin {
            Origin::Capture(name) => {
                captured = self.capture(name)?.map(|text| Datum::Text(text.into()));
                captured.as_ref()
            }
            Origin::Subject(subject) => {
                seen = self.facts.values(subject);
                match &seen {
                    Seen::Pending => return Err(Hindrance::Pending),
                    Seen::Withheld => self.without()?,
                    Seen::Values(values) => values.iter().find(|value| !value.is_null()),
                }
            }
        };
        let default = source.default.as_deref().map(|text| Datum::Text(text.into()));
        Ok(value.or(default.as_ref()).and_then(read))
    }

    /// In place of a value that is withheld: a body that is never looked at has none, any other might.
    fn without<T>(&self) -> Result<Option<T>, Hindrance> {
        match self.facts.body {
            Body::Unknown(_) => Err(Hindrance::Unknown),
            _ => Ok(None),
        }
    }

    fn text(&self, source: &Source) -> Result<Option<String>, Hindrance> {
        self.first(source, |value| value.text().map(std::borrow::Cow::into_owned))
    }

    fn json(&self, source: &Source) -> Result<Option<serde_json::Value>, Hindrance> {
        self.first(source, |value| value.json())
    }

    /// The value as a body, with the content type that says what it is.
    fn bytes(&self, source: &Source) -> Result<Option<(Bytes, HeaderValue)>, Hindrance> {
        self.first(source, |value| match value.is_json_string() {
            Some(false) => {
                let json = Bytes::from(value.raw_json()?.into_owned());
                Some((json, HeaderValue::from_static("application/json")))
            }
            Some(true) | None => {
                let text = Bytes::from(value.text()?.into_owned());
                Some((text, HeaderValue::from_static("text/plain; charset=utf-8")))
            }
        })
    }

    fn given_or_found(&self, text: &Text) -> Result<Option<String>, Hindrance> {
        match text {
            Text::Literal(text) => Ok(Some(text.clone())),
            Text::From(source) => self.text(source),
        }
    }

    /// A header's value. What a body holds may not be fit for a header: a line break in it would split the answer.
    fn header_value(&self, name: &HeaderName, text: &Text) -> Result<Option<HeaderValue>, Hindrance> {
        let Some(text) = self.given_or_found(text)? else { return Ok(None) };
        match HeaderValue::from_str(&text) {
            Ok(value) => Ok(Some(value)),
            Err(_) => {
                Err(Hindrance::Failed(format!("the value found for header `{name}` is not fit for a header")))
            }
        }
    }

    /// The first match of a named group among the rule's patterns, from left to right.
    fn capture(&self, name: &str) -> Result<Option<String>, Hindrance> {
        for leaf in self.when.into_iter().flat_map(Condition::leaves) {
            if let Some(text) = self.captured_by(leaf, name)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    fn captured_by(&self, leaf: &Leaf, name: &str) -> Result<Option<String>, Hindrance> {
        let Test::Matches(patterns) = &leaf.test else { return Ok(None) };
        let mut naming = patterns.iter().filter(|p| p.group_names().any(|group| group == name)).peekable();
        if naming.peek().is_none() {
            return Ok(None);
        }
        let values = match self.facts.values(&leaf.subject) {
            Seen::Values(values) => values,
            Seen::Pending => return Err(Hindrance::Pending),
            Seen::Withheld => return self.without(),
        };
        Ok(naming.find_map(|pattern| {
            values.iter().find_map(|value| {
                let text = value.text()?;
                Some(pattern.captures(&text)?.name(name)?.as_str().to_owned())
            })
        }))
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
