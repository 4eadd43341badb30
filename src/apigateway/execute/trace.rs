//! What happened to a request and its answer on their way through an API, as data, for whoever asks. An execution that
//! is not asked keeps none of it.

use std::fmt;

use http::StatusCode;

use super::super::model::{IntegrationResponses, Selection};
use super::Execution;
use super::headers::Headers;
use crate::vtl::gateway::ResponseOverrides;
use crate::vtl::regex::JavaRegex;
use crate::vtl::{Limits, Meter};

/// What happened on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The headers of the request as mappings and templates see them.
    pub headers: Headers,
    /// The query string, decoded.
    pub query: Vec<(String, String)>,
    /// What has made the body that the backend is sent; none where nothing got so far, and for proxy integrations.
    pub request_body: Option<BodyBy>,
    /// How an integration response was sought; none where nothing got so far, and for proxy integrations.
    pub selection: Option<Considered>,
    /// What has made the body of the answer.
    pub answer_body: Option<BodyBy>,
    /// Mappings that are left out because there is nothing to map: `integration.request.header.X`.
    pub without_value: Vec<String>,
    /// What templates have overridden of the answer: `status`, `header.X`.
    pub overridden: Vec<String>,
    /// What a template has put in the place of a status and is none.
    pub ignored_status: Option<String>,
}

/// What makes a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyBy {
    /// The template that is written there.
    Template(String),
    /// It passes: there is no template for it.
    Passing,
}

/// How an integration response was sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Considered {
    /// What patterns were held against.
    pub subject: String,
    /// All patterns in their order.
    pub patterns: Vec<Tried>,
    /// The status of the default response, if there is one.
    pub default: Option<StatusCode>,
}

/// A pattern and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// The pattern as written.
    pub pattern: String,
    /// The status of its integration response.
    pub status: StatusCode,
    /// What came of it.
    pub result: Tested,
}

/// What came of holding a pattern against a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tested {
    /// It matches all of it.
    Matched,
    /// Another one had matched before.
    NotTried,
    /// It takes too many steps.
    TooLong,
    /// There is no text: a function has succeeded.
    Nothing,
    /// It would match if `.` were any character: there is a line's end in the text.
    LineEnd,
    /// It would match in other letters, capitals for small ones or the reverse.
    Case,
    /// It matches this part of the text, and all of it must match.
    Part(String),
    /// Nothing in the text matches.
    Unlike,
}

impl BodyBy {
    /// The template, where it is one.
    pub fn template(&self) -> Option<&str> {
        match self {
            BodyBy::Template(place) => Some(place),
            BodyBy::Passing => None,
        }
    }

    /// Whether it is one.
    pub fn is_template(&self) -> bool {
        self.template().is_some()
    }
}

/// `yes`, or why not and what to write.
impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tested::Matched => "yes",
            Tested::NotTried => "not tried",
            Tested::TooLong => "takes too many steps",
            Tested::LineEnd => {
                "no, because `.` does not match the end of a line: begin the pattern with `(?s)`"
            }
            Tested::Case => "no, but with capitals and small letters alike: begin the pattern with `(?i)`",
            Tested::Part(part) => {
                let part = part.replace('\r', "\\r").replace('\n', "\\n");
                return write!(f, "no, it matches `{part}` and must match all: put `.*` around it");
            }
            Tested::Nothing | Tested::Unlike => "no",
        })
    }
}

impl Trace {
    pub(super) fn overrides(&mut self, overrides: &ResponseOverrides) {
        self.overridden.extend(overrides.status.map(|_| "status".to_owned()));
        self.overridden.extend(overrides.headers.iter().map(|(name, _)| format!("header.{name}")));
        self.ignored_status.clone_from(&overrides.ignored_status);
    }
}

impl Considered {
    /// What holding a text against all patterns comes to.
    pub(super) fn new(responses: &IntegrationResponses, subject: &str) -> Considered {
        let mut is_settled = false;
        let mut patterns = Vec::new();
        for (selection, response) in &responses.selected {
            let result = if is_settled { Tested::NotTried } else { tested(selection, subject) };
            // A pattern that takes too long ends the exchange.
            is_settled |= matches!(result, Tested::Matched | Tested::TooLong);
            patterns.push(Tried { pattern: selection.text.to_string(), status: response.status, result });
        }
        let default = responses.default.as_ref().map(|response| response.status);
        Considered { subject: subject.to_owned(), patterns, default }
    }
}

fn tested(selection: &Selection, subject: &str) -> Tested {
    match matches(&selection.pattern, subject) {
        Some(true) => Tested::Matched,
        Some(false) => why_not(selection, subject),
        None => Tested::TooLong,
    }
}

fn matches(pattern: &JavaRegex, subject: &str) -> Option<bool> {
    pattern.is_full_match(subject, &mut Meter::new(Limits::default())).ok()
}

fn why_not(selection: &Selection, subject: &str) -> Tested {
    if subject.is_empty() {
        return Tested::Nothing;
    }
    let with = |flag: &str| {
        let pattern = JavaRegex::new(&format!("{flag}{}", selection.text)).ok();
        pattern.and_then(|pattern| matches(&pattern, subject)).unwrap_or_default()
    };
    if with("(?s)") {
        return Tested::LineEnd;
    }
    if with("(?iu)") {
        return Tested::Case;
    }
    let found = selection.pattern.find_at(subject, 0, 0, &mut Meter::new(Limits::default()));
    let whole = found.ok().flatten().and_then(|groups| groups.first().copied().flatten());
    match whole.and_then(|(begin, end)| subject.get(begin..end)).filter(|part| !part.is_empty()) {
        Some(part) => Tested::Part(part.to_owned()),
        None => Tested::Unlike,
    }
}

impl Execution<'_> {
    /// The same, keeping a [`Trace`].
    pub fn traced(mut self) -> Self {
        let (headers, query) = (self.received.headers.clone(), self.received.query.clone());
        self.trace = Some(Box::new(Trace { headers, query, ..Trace::default() }));
        self
    }

    /// What happened so far, for whoever goes no further.
    pub fn into_trace(self) -> Option<Box<Trace>> {
        self.trace
    }

    /// Keeps something for whoever asks.
    pub(super) fn note(&mut self, note: impl FnOnce(&mut Trace)) {
        if let Some(trace) = &mut self.trace {
            note(trace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_why_a_pattern_does_not_match() {
        let check = |pattern: &str, subject: &str, expected: Tested| {
            let selection = Selection { text: pattern.into(), pattern: JavaRegex::new(pattern).unwrap() };
            assert_eq!(tested(&selection, subject), expected, "{pattern} {subject}");
        };
        let part = |part: &str| Tested::Part(part.to_owned());
        check(r"4\d{2}", "404", Tested::Matched);
        check(r"4\d{2}", "500", Tested::Unlike);
        check(".+", "", Tested::Nothing);
        check("Internal*", "Internal Error: x", part("Internal"));
        check(".*Error.*", "Internal Error\n at a", Tested::LineEnd);
        check("internal.*", "Internal Error", Tested::Case);
        check("(a+)+(?=x)b", &"a".repeat(60), Tested::TooLong);
        check("x*", "ab", Tested::Unlike);
    }
}
