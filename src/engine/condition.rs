//! The condition of a rule: tests of subjects, joined by all, any and not. It is true, false or not yet known;
//! a value that is missing or is not JSON makes a test false, never an error.

use std::fmt;

use super::facts::{Datum, Facts, Seen};
use super::pattern::{Extent, Pattern};
use super::subject::Subject;
use super::text::Sought;
use super::trace::Check;

/// What is known of a condition (Kleene's three-valued logic).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// The body that would tell has not gone by, or is withheld.
    Unknown,
}

impl From<bool> for Truth {
    fn from(value: bool) -> Truth {
        if value { Truth::True } else { Truth::False }
    }
}

impl std::ops::Not for Truth {
    type Output = Truth;

    fn not(self) -> Truth {
        match self {
            Truth::True => Truth::False,
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
        }
    }
}

/// A tree of tests.
#[derive(Debug, Clone)]
pub enum Condition {
    /// Holds when all of them hold; an empty list always holds.
    All(Vec<Condition>),
    /// Holds when one of them holds.
    Any(Vec<Condition>),
    /// Holds when the other does not.
    Not(Box<Condition>),
    /// One test of one subject.
    Leaf(Leaf),
}

/// One test of one subject. Holds when one of the subject's values passes.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// What is looked at.
    pub subject: Subject,
    /// What it is asked.
    pub test: Test,
    /// For a test of the body's text, what decides it while the body goes by.
    pub sought: Option<Sought>,
}

/// What a value is asked.
#[derive(Debug, Clone)]
pub enum Test {
    /// Whether there is a value that is not `null`.
    Exists(bool),
    /// Whether one of the patterns fits.
    Matches(Vec<Pattern>),
    /// Whether one of the texts stands in the value.
    Contains(Vec<String>),
    /// Whether the value is one of these.
    Equals(Vec<Literal>),
}

/// A value that a rule compares with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// Text; against JSON, a JSON string.
    Text(String),
    /// A number as written; against JSON, a number of equal value.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// JSON's `null`.
    Null,
}

impl Condition {
    /// What is known of the condition. With `checks`, every test made is written down.
    pub fn truth(&self, facts: &Facts<'_>, checks: &mut Option<Vec<Check>>) -> Truth {
        match self {
            Condition::All(conditions) => join(conditions, Truth::False, facts, checks),
            Condition::Any(conditions) => join(conditions, Truth::True, facts, checks),
            Condition::Not(condition) => !condition.truth(facts, checks),
            Condition::Leaf(leaf) => leaf.truth(facts, checks),
        }
    }

    /// Whether nothing is known of the condition, whatever the head says, until the body has come.
    pub fn waits_for_body(&self) -> bool {
        match self {
            Condition::All(conditions) | Condition::Any(conditions) => {
                !conditions.is_empty() && conditions.iter().all(Condition::waits_for_body)
            }
            Condition::Not(condition) => condition.waits_for_body(),
            Condition::Leaf(leaf) => leaf.subject.reads_body(),
        }
    }

    /// All tests of the tree, from left to right.
    pub fn leaves(&self) -> Box<dyn Iterator<Item = &Leaf> + '_> {
        match self {
            Condition::All(conditions) | Condition::Any(conditions) => {
                Box::new(conditions.iter().flat_map(Condition::leaves))
            }
            Condition::Not(condition) => condition.leaves(),
            Condition::Leaf(leaf) => Box::new(std::iter::once(leaf)),
        }
    }
}

impl Condition {
    /// [`Condition::leaves`], to be changed.
    pub fn leaves_mut(&mut self) -> Box<dyn Iterator<Item = &mut Leaf> + '_> {
        match self {
            Condition::All(conditions) | Condition::Any(conditions) => {
                Box::new(conditions.iter_mut().flat_map(Condition::leaves_mut))
            }
            Condition::Not(condition) => condition.leaves_mut(),
            Condition::Leaf(leaf) => Box::new(std::iter::once(leaf)),
        }
    }
}

/// Joins conditions of which one that is `deciding` decides.
fn join(
    conditions: &[Condition],
    deciding: Truth,
    facts: &Facts<'_>,
    checks: &mut Option<Vec<Check>>,
) -> Truth {
    let mut joined = !deciding;
    for condition in conditions {
        match condition.truth(facts, checks) {
            truth if truth == deciding => return deciding,
            Truth::Unknown => joined = Truth::Unknown,
            _ => {}
        }
    }
    joined
}

impl Leaf {
    fn truth(&self, facts: &Facts<'_>, checks: &mut Option<Vec<Check>>) -> Truth {
        let told = self.sought.as_ref().and_then(|sought| facts.told(sought)).map(Truth::from);
        if let (Some(truth), None) = (told, &checks) {
            return truth;
        }
        let seen = match told {
            Some(_) => facts.shown(&self.subject),
            None => facts.values(&self.subject),
        };
        let truth = told.unwrap_or_else(|| match &seen {
            Seen::Values(values) => self.test.holds(values).into(),
            Seen::Pending | Seen::Withheld => Truth::Unknown,
        });
        if let Some(checks) = checks {
            checks.push(Check::of(self, &seen, truth, facts));
        }
        truth
    }
}

impl Test {
    pub(super) fn holds(&self, values: &[Datum<'_>]) -> bool {
        match self {
            Test::Exists(wanted) => values.iter().any(|value| !value.is_null()) == *wanted,
            Test::Matches(patterns) => values.iter().any(|value| {
                value.text().is_some_and(|text| patterns.iter().any(|pattern| pattern.is_match(&text)))
            }),
            Test::Contains(needles) => values.iter().any(|value| {
                value.text().is_some_and(|text| needles.iter().any(|needle| text.contains(needle.as_str())))
            }),
            Test::Equals(literals) => values.iter().any(|value| literals.iter().any(|l| l.equals(value))),
        }
    }
}

#[cfg(test)]
impl Test {
    /// Whether it holds of a text.
    pub fn holds_of(&self, text: &str) -> bool {
        self.holds(&[Datum::Text(text.into())])
    }
}

impl Literal {
    /// Whether the value is this one. JSON values are compared by type, everything else as text.
    pub fn equals(&self, value: &Datum<'_>) -> bool {
        let Some(text) = value.text() else { return *self == Literal::Null };
        match (self, value.is_json_string()) {
            (Literal::Text(expected), Some(true) | None) => *expected == text,
            (Literal::Number(expected), Some(false)) => same_number(expected, &text),
            (Literal::Number(expected), None) => *expected == text,
            (Literal::Bool(expected), Some(false) | None) => text == if *expected { "true" } else { "false" },
            _ => false,
        }
    }
}

fn same_number(a: &str, b: &str) -> bool {
    a == b || matches!((a.parse::<f64>(), b.parse::<f64>()), (Ok(a), Ok(b)) if a == b)
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Text(text) => write!(f, "`{text}`"),
            Literal::Number(text) => write!(f, "{text}"),
            Literal::Bool(value) => write!(f, "{value}"),
            Literal::Null => f.write_str("null"),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |items: Vec<String>| items.join(" or ");
        match self {
            Test::Exists(true) => f.write_str("exists"),
            Test::Exists(false) => f.write_str("is missing"),
            Test::Matches(patterns) => {
                let word = match patterns.first().map(Pattern::extent) {
                    Some(Extent::Anywhere) => "search",
                    Some(Extent::Whole) | None => "matches",
                };
                write!(f, "{word} {}", list(patterns.iter().map(|p| format!("`{p}`")).collect()))
            }
            Test::Contains(needles) => {
                write!(f, "contains {}", list(needles.iter().map(|n| format!("`{n}`")).collect()))
            }
            Test::Equals(literals) => {
                write!(f, "equals {}", list(literals.iter().map(ToString::to_string).collect()))
            }
        }
    }
}
