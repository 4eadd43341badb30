//! Why, as data: every rule considered, what it was compared with, the result, and why not.
//! Filled only when asked for; `candor explain` prints it.

use std::fmt;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use serde_json::json;

use super::condition::{Leaf, Test, Truth};
use super::excerpt::Excerpt;
use super::facts::{Body, Datum, Facts, Seen};
use super::subject::Subject;

/// Characters of a value shown in a trace.
const SHOWN_CHARS_MAX: usize = 80;

/// The steps of a decision, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// One step a rule.
    pub steps: Vec<Step>,
}

/// One rule as it was considered.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `rule-set/rule`.
    pub rule: Arc<str>,
    /// What became of it.
    pub result: StepResult,
    /// The tests that were made; a test after the deciding one is not made.
    pub checks: Vec<Check>,
    /// More about the result: why the envelope was not one, why the rule failed.
    pub note: Option<String>,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepResult {
    /// Its condition held, and it decided.
    Fired,
    /// Its condition held; it is in shadow mode.
    WouldFire,
    /// Its condition held, and it could not be carried out.
    Failed,
    /// Its condition did not hold.
    NotMatched,
    /// Its condition needs a body that is not there.
    Undecided,
    /// It is switched off.
    Off,
    /// An earlier rule had decided.
    NotReached,
}

impl StepResult {
    /// The result in words.
    pub fn word(self) -> &'static str {
        match self {
            StepResult::Fired => "fired",
            StepResult::WouldFire => "would fire (shadow)",
            StepResult::Failed => "failed",
            StepResult::NotMatched => "no match",
            StepResult::Undecided => "undecided",
            StepResult::Off => "off",
            StepResult::NotReached => "not reached",
        }
    }
}

/// One test of one subject, with what it saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What was looked at: `$.statusCode`.
    pub subject: String,
    /// What it was asked: "matches `4\d{2}`".
    pub test: String,
    /// Whether it held.
    pub truth: Truth,
    /// The value found, shortened.
    pub found: Option<String>,
    /// Why it did not hold, where the value alone does not say.
    pub note: Option<String>,
    /// The part of the value that made it hold or, where a pattern does not match, that still fitted.
    pub excerpt: Option<Excerpt>,
}

impl Check {
    /// Writes down one test.
    pub fn of(leaf: &Leaf, seen: &Seen<'_>, truth: Truth, facts: &Facts<'_>) -> Check {
        let (found, note, excerpt) = match seen {
            Seen::Values(values) => {
                let found = values.iter().map(shown).reduce(|all, next| format!("{all}, {next}"));
                (found, why_not(leaf, values, truth, facts), Excerpt::of(leaf, values, truth))
            }
            Seen::Pending | Seen::Withheld => (None, withheld(&facts.body), None),
        };
        let (subject, test) = (leaf.subject.to_string(), leaf.test.to_string());
        Check { subject, test, truth, found, note, excerpt }
    }
}

fn shown(value: &Datum<'_>) -> String {
    let Some(text) = value.text() else { return "null".to_owned() };
    let quote = if value.is_json_string() == Some(true) { "\"" } else { "`" };
    let quote = if value.is_json_string() == Some(false) { "" } else { quote };
    format!("{quote}{}{quote}", shortened(&text))
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).flat_map(visible).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(character: char) -> impl Iterator<Item = char> {
    let escaped = character.is_control().then(|| character.escape_default());
    let plain = (!character.is_control()).then_some(character);
    escaped.into_iter().flatten().chain(plain)
}

fn withheld(body: &Body<'_>) -> Option<String> {
    match body {
        Body::Bypassed(bypass) => Some(format!("body not looked at: {bypass}")),
        Body::Unknown(reason) => Some(reason.to_string()),
        Body::Pending | Body::Whole(_) => None,
    }
}

/// Why a test failed, where the value alone does not say.
fn why_not(leaf: &Leaf, values: &[Datum<'_>], truth: Truth, facts: &Facts<'_>) -> Option<String> {
    if truth == Truth::True {
        return None;
    }
    let Some(value) = values.first() else { return facts.why_missing(&leaf.subject) };
    let Some(text) = value.text() else { return Some("the value is null".to_owned()) };
    match &leaf.test {
        Test::Matches(patterns) => {
            let pattern = patterns.first()?;
            let end = pattern.viable_prefix(&text)?;
            let fitted = text.get(..end)?;
            Some(match text.get(end..)?.chars().next() {
                None => "the value ends before the pattern does".to_owned(),
                Some(next) if pattern.is_match(fitted) && !fitted.is_empty() => format!(
                    "fits up to character {}, then `{}` is too much: the whole value must match",
                    fitted.chars().count(),
                    visible(next).collect::<String>()
                ),
                Some(next) => format!(
                    "fits up to character {}, stopped at `{}`{}",
                    fitted.chars().count(),
                    visible(next).collect::<String>(),
                    if next == '\n' { ": `.` does not match a line feed without `(?s)`" } else { "" }
                ),
            })
        }
        Test::Equals(literals) if literals.iter().any(|l| l.to_string().trim_matches('`') == text) => {
            Some("same text, another JSON type".to_owned())
        }
        Test::Equals(_) | Test::Contains(_) | Test::Exists(_) => None,
    }
}

impl Trace {
    /// The machine-readable form of `explain --format json`.
    pub fn to_json(&self) -> serde_json::Value {
        let check = |check: &Check| {
            json!({
                "subject": check.subject, "test": check.test, "found": check.found, "note": check.note,
                "excerpt": check.excerpt.as_ref().map(|excerpt| {
                    json!({ "before": excerpt.before, "marked": excerpt.marked, "after": excerpt.after })
                }),
                "holds": match check.truth { Truth::True => Some(true), Truth::False => Some(false), Truth::Unknown => None },
            })
        };
        let step = |step: &Step| {
            json!({
                "rule": &*step.rule, "result": step.result.word(), "note": step.note,
                "checks": step.checks.iter().map(check).collect::<Vec<_>>(),
            })
        };
        self.steps.iter().map(step).collect()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.result.word())?;
        if let Some(note) = &self.note {
            write!(f, " - {note}")?;
        }
        for check in &self.checks {
            write!(f, "\n  {check}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.truth {
            Truth::True => "yes",
            Truth::False => "no ",
            Truth::Unknown => "?  ",
        };
        write!(f, "{mark} {} {}", self.subject, self.test)?;
        match (&self.found, &self.note) {
            (Some(found), Some(note)) => write!(f, ": {found} - {note}"),
            (Some(found), None) => write!(f, ": {found}"),
            (None, Some(note)) => write!(f, ": {note}"),
            (None, None) => Ok(()),
        }
    }
}

impl Subject {
    /// Equal for two subjects that look at the same part: kind and written form, as a JSON path may be written
    /// `status` too.
    pub(super) fn key(&self) -> (Discriminant<Subject>, String) {
        (discriminant(self), self.to_string())
    }

    /// Whether two subjects look at the same part.
    pub fn same_as(&self, other: &Subject) -> bool {
        self.key() == other.key()
    }
}

#[cfg(test)]
mod tests {
    use super::super::json::{Path, Want};
    use super::super::subject::Subjects;
    use super::*;

    #[test]
    fn a_path_that_is_written_like_another_subject_is_not_it() {
        let mut subjects = Subjects::default();
        let mut json =
            |path| Subject::Json(subjects.json(path, Path::parse(path).unwrap(), None, Want::Value));
        let (status, code) = (json("status"), json("code"));
        assert!(status.same_as(&json("status")));
        assert!(!status.same_as(&Subject::Status));
        assert!(!status.same_as(&code));
    }
}
