//! One rule on one line, for flags and environment variables: `'$.statusCode:4\d{2} -> 400'`.
//!
//! `PART:PATTERN`, joined by ` & `, then ` -> ` and a status, a JSON path or a capture. The pattern fits the whole
//! value; a part alone (`$.error -> 500`) asks whether it is there and not `null`.

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Node, Value};
use crate::engine::action::{Action, Source, StatusChoice, final_status};
use crate::engine::condition::{Condition, Test};
use crate::engine::json::Want;
use crate::engine::pattern::Extent;
use crate::engine::ruleset::RuleKind;
use crate::engine::subject::Subjects;

use super::written::WrittenTest;
use super::{condition, source};

/// Reads a line.
pub fn read(node: &Node, subjects: &mut Subjects, diagnostics: &mut Diagnostics) -> Option<RuleKind> {
    let text = node.text("a rule", diagnostics)?;
    let Some((when, then)) = text.rsplit_once("->") else {
        diagnostics.push(
            Diagnostic::error(format!("`{text}` is not a rule"))
                .at(&node.place)
                .help("a rule on one line reads `$.statusCode:4\\d{2} -> 400`"),
        );
        return None;
    };
    let mut offset = 0;
    let mut terms = Vec::new();
    for written in when.split(" & ") {
        terms.push(term(written, offset, node, subjects, diagnostics));
        offset += written.chars().count() + 3;
    }
    let status = status(then, when.chars().count() + 2, node, subjects, diagnostics)?;
    let mut terms = terms.into_iter().collect::<Option<Vec<_>>>()?;
    let when = if terms.len() == 1 { terms.remove(0) } else { Condition::All(terms) };
    let then = Box::new(Action { status: Some(status), ..Action::default() });
    Some(RuleKind::Translate { when, then })
}

/// The tests of a line that can be read.
pub fn tests(node: &Node) -> Vec<WrittenTest> {
    let text = node.scalar_text().unwrap_or_default();
    let (when, _) = text.rsplit_once("->").unwrap_or((text, ""));
    let mut offset = 0;
    let mut tests = Vec::new();
    for written in when.split(" & ") {
        let term = Term::of(written, offset, node);
        let pattern =
            term.pattern.map(|(pattern, place)| Node { place, value: Value::Text(pattern.to_owned()) });
        tests.push(WrittenTest { operator: None, values: pattern.into_iter().collect(), place: term.place });
        offset += written.chars().count() + 3;
    }
    tests
}

/// `PART` or `PART:PATTERN`.
struct Term<'t> {
    part: &'t str,
    place: Place,
    pattern: Option<(&'t str, Place)>,
}

impl<'t> Term<'t> {
    /// The term that is written so, `offset` characters into the line.
    fn of(written: &'t str, offset: usize, node: &Node) -> Term<'t> {
        let lead = written.chars().take_while(|c| c.is_whitespace()).count();
        let written = written.trim();
        let (part, pattern) = match split_part(written) {
            Some((part, pattern)) => (part, Some(pattern)),
            None => (written, None),
        };
        let start = offset + lead + part.chars().count() + 1;
        Term {
            part,
            place: node.place.within(offset + lead, part.chars().count()),
            pattern: pattern.map(|pattern| (pattern, node.place.within(start, pattern.chars().count()))),
        }
    }
}

fn term(
    written: &str,
    offset: usize,
    node: &Node,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<Condition> {
    let Term { part, place, pattern } = Term::of(written, offset, node);
    let want = if pattern.is_some() { Want::Value } else { Want::Presence };
    let subject = source::subject(part, &place, want, subjects, diagnostics);
    let test = match pattern {
        None => Some(Test::Exists(true)),
        Some((pattern, place)) => {
            let node = Node { place, value: node.value.clone() };
            condition::compiled(pattern, Extent::Whole, &node, diagnostics).map(|p| Test::Matches(vec![p]))
        }
    };
    condition::check_statuses(subject.as_ref(), test.as_ref(), &place, diagnostics);
    condition::leaf(subject, test)
}

/// Splits at the first colon outside brackets and quotes, so that JSON paths may hold colons there.
fn split_part(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut quote = None;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if depth > 0 => quote = Some(character),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, ':') if depth == 0 => {
                return Some((text.get(..index)?, text.get(index + 1..)?));
            }
            (None, _) => {}
        }
    }
    None
}

fn status(
    written: &str,
    offset: usize,
    node: &Node,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<StatusChoice> {
    let lead = written.chars().take_while(|c| c.is_whitespace()).count();
    let text = written.trim();
    let place = node.place.within(offset + lead, text.chars().count());
    if let Some(status) = final_status(text) {
        return Some(StatusChoice::Fixed(status));
    }
    if text.starts_with('$') || text.starts_with("capture.") || text.starts_with("header.") {
        let origin = source::origin(text, &place, subjects, diagnostics)?;
        return Some(StatusChoice::From(Source { origin, default: None }));
    }
    diagnostics.push(
        Diagnostic::error(format!("`{text}` is not a status from 200 to 599"))
            .at(&place)
            .help("after `->` comes a status, a JSON path (`$.statusCode`), `capture.name` or `header.name`"),
    );
    None
}
