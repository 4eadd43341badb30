//! A part of the exchange and the values it can have.

use std::cell::OnceCell;
use std::fmt;
use std::mem::discriminant;

use crate::engine::json::{Path, Step};
use crate::engine::subject::{JsonPlace, JsonSubject, Subject};

use super::super::advice::shown;
use super::language::Language;

/// A number as JSON writes it (RFC 8259, section 6).
const NUMBER: &str = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$";
/// The same with a fraction or an exponent, so that it can be equal to a number that is written otherwise.
const OTHERWISE_WRITTEN: &str = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)$";
/// Beyond these, whole numbers that are written differently can be equal.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// One value of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// JSON's `null`.
    Null,
    /// A JSON Boolean.
    Bool(bool),
    /// A JSON number, as written.
    Number(String),
    /// An array or object, as written.
    Composite(String),
    /// Text.
    Text(String),
}

impl Value {
    /// The value as patterns see it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Null => None,
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            Value::Number(text) | Value::Composite(text) | Value::Text(text) => Some(text),
        }
    }
}

/// As messages show it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) | Value::Number(text) | Value::Composite(text) => f.write_str(&shown(text)),
            Value::Bool(value) => write!(f, "`{value}`"),
            Value::Null => f.write_str("`null`"),
        }
    }
}

/// Values by which tests are told apart: those of one kind differ in their text only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number that equals none that a rule names.
    Number,
    /// A number that equals the one of this index in [`Part::numbers`].
    Equal(usize),
    /// A JSON Boolean.
    Bool(bool),
    /// An array or object.
    Composite,
    /// JSON's `null`.
    Null,
}

/// Which values there can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Text that this pattern fits.
    Text(&'static str),
    /// Any JSON value.
    Json,
}

/// One part of the exchange.
#[derive(Debug)]
pub struct Part {
    subject: Subject,
    /// The steps to it, where it is one JSON value.
    pub steps: Option<Vec<Step>>,
    shape: Shape,
    /// Whether it can have several values.
    pub many: bool,
    /// Whether it can be missing.
    pub optional: bool,
    /// The numbers that tests compare it with, each once.
    pub numbers: Vec<Numeral>,
    texts: OnceCell<Option<Language>>,
    any_number: OnceCell<Option<Language>>,
    composites: OnceCell<Option<Language>>,
}

/// A number that a rule compares with.
#[derive(Debug)]
pub struct Numeral {
    written: String,
    value: Option<f64>,
    plain: OnceCell<Option<Language>>,
    otherwise: OnceCell<Option<Language>>,
}

impl Part {
    /// The part that a condition looks at.
    pub fn of(subject: &Subject) -> Part {
        let anything = "^(?s:.*)$";
        let (shape, many, optional) = match subject {
            Subject::Status => (Shape::Text("^[1-9][0-9]{2}$"), false, false),
            Subject::Header(_) | Subject::RequestHeader(_) => (Shape::Text(r"^[^\r\n]*$"), true, true),
            Subject::ContentType => (Shape::Text(r"^[^;A-Z\r\n]+$"), false, true),
            Subject::Method => (Shape::Text("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"), false, false),
            Subject::Path => (Shape::Text(r"^(?:(?:/[^\x00-\x20?#]*)?|\*)$"), false, false),
            Subject::Query(_) => (Shape::Text(anything), true, true),
            Subject::Json(json) => (Shape::Json, finds_many(json), true),
            Subject::Error(_) | Subject::Xml { .. } => (Shape::Text(anything), false, true),
            Subject::Body => (Shape::Text(anything), false, false),
            Subject::EmptyBody => (Shape::Text("^(?:true|false)$"), false, false),
        };
        Part {
            subject: subject.clone(),
            steps: steps(subject),
            shape,
            many,
            optional,
            numbers: Vec::new(),
            texts: OnceCell::new(),
            any_number: OnceCell::new(),
            composites: OnceCell::new(),
        }
    }

    /// Equal for parts that are the same, however they are written.
    pub fn key(&self) -> String {
        match &self.steps {
            Some(steps) => format!("{steps:?}"),
            None => format!("{:?} {}", discriminant(&self.subject), self.subject),
        }
    }

    /// Whether a subject is this part.
    pub fn is(&self, subject: &Subject) -> bool {
        match (&self.steps, steps(subject)) {
            (Some(own), Some(other)) => *own == other,
            _ => self.subject.same_as(subject),
        }
    }

    /// What it was made of.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Whether texts of it are JSON strings, which a number in a rule is not compared with as text.
    pub fn is_json(&self) -> bool {
        matches!(self.subject, Subject::Json(_) | Subject::Error(_))
    }

    /// What it has when nothing is asked of it.
    pub fn usual(&self) -> Vec<Value> {
        let text = match &self.subject {
            Subject::Status => "200",
            Subject::Method => "GET",
            Subject::Path => "/",
            Subject::ContentType => "application/json",
            Subject::Body => "{}",
            Subject::EmptyBody => "false",
            _ => return Vec::new(),
        };
        vec![Value::Text(text.to_owned())]
    }

    /// The index of a number among those that are compared with; equal ones have one.
    pub fn number(&mut self, written: &str) -> usize {
        if let Some(index) = self.numbers.iter().position(|known| known.equals(written)) {
            return index;
        }
        let (written, value) = (canonical(written), written.parse().ok());
        self.numbers.push(Numeral { written, value, plain: OnceCell::new(), otherwise: OnceCell::new() });
        self.numbers.len() - 1
    }

    /// The kinds of values that it can have, those that people write first.
    pub fn kinds(&self) -> Vec<Kind> {
        match self.shape {
            Shape::Text(_) => vec![Kind::Text],
            Shape::Json => [Kind::Text, Kind::Number]
                .into_iter()
                .chain((0..self.numbers.len()).map(Kind::Equal))
                .chain([Kind::Bool(true), Kind::Bool(false), Kind::Composite, Kind::Null])
                .collect(),
        }
    }

    /// The texts that values of a kind can have. For numbers that equal one of a rule's, as it is written there,
    /// with or without a fraction of zeros.
    pub fn texts(&self, kind: Kind) -> Option<&Language> {
        let pattern = |text: &str| Language::of(&[text.to_owned()]);
        match kind {
            Kind::Text => self.texts.get_or_init(|| match self.shape {
                Shape::Text(text) => pattern(text),
                Shape::Json => pattern("^(?s:.*)$"),
            }),
            Kind::Number => self.any_number.get_or_init(|| pattern(NUMBER)),
            Kind::Composite => self.composites.get_or_init(|| pattern(r"^(?s:[\[{].*)$")),
            Kind::Equal(index) => {
                let numeral = self.numbers.get(index)?;
                numeral.plain.get_or_init(|| {
                    let fraction = if numeral.is_whole() { r"(?:\.0+)?" } else { "" };
                    pattern(&format!("^{}{fraction}$", regex_syntax::escape(&numeral.written)))
                })
            }
            Kind::Bool(_) | Kind::Null => return None,
        }
        .as_ref()
    }

    /// All texts that a number may have that equals the one of this index, and some that equal another.
    pub fn otherwise_written(&self, index: usize) -> Option<&Language> {
        let numeral = self.numbers.get(index)?;
        let all = if numeral.is_large() { NUMBER } else { OTHERWISE_WRITTEN };
        numeral.otherwise.get_or_init(|| Language::of(&[all.to_owned()])).as_ref()
    }

    /// Whether a number equals one that a rule compares with.
    pub fn names_number(&self, text: &str) -> bool {
        self.numbers.iter().any(|numeral| numeral.equals(text))
    }

    /// The value of this kind and text.
    pub fn value(kind: Kind, text: String) -> Value {
        match kind {
            Kind::Text => Value::Text(text),
            Kind::Number | Kind::Equal(_) => Value::Number(text),
            Kind::Composite => Value::Composite(text),
            Kind::Bool(value) => Value::Bool(value),
            Kind::Null => Value::Null,
        }
    }
}

impl Numeral {
    fn is_large(&self) -> bool {
        self.value.is_some_and(|number| number.abs() >= WHOLE_MAX)
    }

    fn is_whole(&self) -> bool {
        self.written.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
    }

    /// Whether a text is this number, as rules compare.
    pub fn equals(&self, text: &str) -> bool {
        self.written == text || text.parse::<f64>().is_ok_and(|number| self.value == Some(number))
    }
}

/// As it is written in a condition.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subject.fmt(f)
    }
}

/// The steps to one value of a JSON body.
fn steps(subject: &Subject) -> Option<Vec<Step>> {
    let Subject::Json(JsonSubject { written, outer: JsonPlace::Slot(_), inner: None }) = subject else {
        return None;
    };
    match Path::parse(written.trim()) {
        Ok(Path::Definite(path)) => Some(path.steps().to_vec()),
        _ => None,
    }
}

fn finds_many(json: &JsonSubject) -> bool {
    matches!(json.outer, JsonPlace::Query(_)) || matches!(json.inner.as_deref(), Some(Path::Query(_)))
}

/// A number as JSON would have it.
fn canonical(written: &str) -> String {
    match written.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < WHOLE_MAX => format!("{}", number + 0.0),
        _ => written.to_owned(),
    }
}
