//! A condition that may tell errors from answers that went well, and what speaks for it. How sure it is, is
//! [`weighing`](super::weighing)'s to say.

use super::seen::{Observations, Seen};
use crate::traffic::signs::{self, Role};

/// A condition and what speaks for it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// What kind of sign it goes by. The first kinds are tried first.
    pub kind: Kind,
    /// What is looked at; `None` for the body as text.
    pub path: Option<usize>,
    /// What is asked of it.
    pub test: Test,
    /// A field that must not hold anything: answers that have it are good in part.
    pub without: Option<usize>,
    /// Whether it is asked only on the routes where it was seen: elsewhere the same values mean something else.
    pub is_local: bool,
    /// The answers it holds for.
    pub matches: Vec<usize>,
    /// From 0 to 1.
    pub confidence: f64,
}

/// A kind of sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The answer describes another one.
    Envelope,
    /// A SOAP fault.
    Fault,
    /// The title of a page has the status.
    Title,
    /// A field has the status.
    Status,
    /// A flag says that it did not go well.
    Flag,
    /// A code other than the one of success.
    Code,
    /// A field that only errors have.
    Error,
    /// A number that only errors have.
    Number,
    /// A word such as `fail`.
    Word,
    /// A program died.
    Crash,
    /// Words of a message.
    Message,
    /// Words of a short text.
    Complaint,
}

/// What is asked of a field or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is a status from 400 to 599.
    IsErrorStatus,
    /// It is one of these.
    In(Vec<Literal>),
    /// There is one, and it is none of these.
    NotIn(Vec<Literal>),
    /// A pattern is found in it.
    Search(String),
    /// It is an envelope.
    IsEnvelope,
}

/// A value as it stands in a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Literal {
    pub text: String,
    /// Whether it is a text in JSON, too.
    pub is_text: bool,
}

impl Candidate {
    /// Whether the condition holds for an answer.
    pub fn holds(&self, seen: &Seen, observations: &Observations) -> bool {
        if self.without.is_some_and(|without| seen.payload.contains(&without)) {
            return false;
        }
        let is_here = |index: &usize| observations.seen.get(*index).is_some_and(|it| it.route == seen.route);
        if self.is_local && !self.matches.iter().any(is_here) {
            return false;
        }
        let Some(path) = self.path else { return false };
        let Some(mark) = seen.mark(path) else { return false };
        let text = observations.values.name(mark.value);
        let is_one_of =
            |values: &[Literal]| values.iter().any(|it| it.text == text && it.is_text == mark.is_text);
        match &self.test {
            Test::In(values) => is_one_of(values),
            // An empty list has no first item.
            Test::NotIn(values) => !is_one_of(values) && (mark.is_text || !text.is_empty() || mark.is_bad),
            Test::IsErrorStatus => !seen.is_envelope && signs::is_error_status(text),
            Test::Search(words) => mark.role == Role::Message && words == text,
            Test::IsEnvelope => false,
        }
    }
}

impl Kind {
    /// The credit before any answer is looked at.
    pub fn prior(self) -> f64 {
        match self {
            Kind::Fault | Kind::Title | Kind::Envelope => 0.95,
            Kind::Status | Kind::Flag => 0.9,
            Kind::Error | Kind::Crash => 0.8,
            Kind::Word | Kind::Code | Kind::Number => 0.6,
            Kind::Message | Kind::Complaint => 0.5,
        }
    }

    /// How much an answer that looks like a good one counts against it.
    pub fn doubt(self) -> f64 {
        match self {
            Kind::Fault | Kind::Title | Kind::Envelope => 0.0,
            Kind::Status | Kind::Flag | Kind::Error | Kind::Crash => 0.3,
            Kind::Code | Kind::Number | Kind::Word | Kind::Message | Kind::Complaint => 1.0,
        }
    }
}
