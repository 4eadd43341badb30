//! Where an action finds its values: in what is known of the exchange, and in the match of its own rule.

use bytes::Bytes;
use http::HeaderValue;
use http::header::HeaderName;

use super::action::{Origin, Source, Text};
use super::condition::{Condition, Leaf, Test};
use super::facts::{Body, Datum, Facts, Seen};

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

/// The facts, and the match of the rule.
pub struct Found<'a, 'e> {
    /// The condition of the rule, whose patterns give the captures.
    pub when: Option<&'a Condition>,
    /// What is known.
    pub facts: &'a Facts<'e>,
}

impl Found<'_, '_> {
    /// Hands the first value of the source to `read`; `None` when there is none that is not `null`.
    pub(super) fn first<T>(
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

    /// The first value that is not `null`.
    pub(super) fn seen<'s>(&self, seen: Seen<'s>) -> Result<Option<Datum<'s>>, Hindrance> {
        match seen {
            Seen::Pending => Err(Hindrance::Pending),
            Seen::Withheld => self.without(),
            Seen::Values(values) => Ok(values.iter().find(|value| !value.is_null()).cloned()),
        }
    }

    /// In place of a value that is withheld: a body that is never looked at has none, any other might.
    pub(super) fn without<T>(&self) -> Result<Option<T>, Hindrance> {
        match self.facts.body {
            Body::Unknown(_) => Err(Hindrance::Unknown),
            _ => Ok(None),
        }
    }

    pub(super) fn text(&self, source: &Source) -> Result<Option<String>, Hindrance> {
        self.first(source, |value| value.text().map(std::borrow::Cow::into_owned))
    }

    pub(super) fn json(&self, source: &Source) -> Result<Option<serde_json::Value>, Hindrance> {
        self.first(source, |value| value.json())
    }

    /// The value as a body, with the content type that says what it is.
    pub(super) fn bytes(&self, source: &Source) -> Result<Option<(Bytes, HeaderValue)>, Hindrance> {
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

    pub(super) fn given_or_found(&self, text: &Text) -> Result<Option<String>, Hindrance> {
        match text {
            Text::Literal(text) => Ok(Some(text.clone())),
            Text::From(source) => self.text(source),
        }
    }

    /// A header's value. What a body holds may not be fit for a header: a line break in it would split the answer.
    pub(super) fn header_value(
        &self,
        name: &HeaderName,
        text: &Text,
    ) -> Result<Option<HeaderValue>, Hindrance> {
        let Some(text) = self.given_or_found(text)? else { return Ok(None) };
        match HeaderValue::from_str(&text) {
            Ok(value) => Ok(Some(value)),
            Err(_) => {
                Err(Hindrance::Failed(format!("the value found for header `{name}` is not fit for a header")))
            }
        }
    }

    /// The first match of a named group among the rule's patterns, from left to right.
    pub(super) fn capture(&self, name: &str) -> Result<Option<String>, Hindrance> {
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
