//! Values that an action takes from what the rule's condition says is not there.

use crate::diagnostic::Place;
use crate::document::{Node, Value};
use crate::engine::action::Origin;
use crate::engine::condition::{Condition, Test};
use crate::engine::json::{DefinitePath, Path, Step, Want};
use crate::engine::pattern::Pattern;
use crate::engine::subject::{Subject, Subjects};
use crate::vtl::ast::{Action, Expression};
use crate::vtl::{Limits, Template, jsonpath};

use super::super::Report;
use super::super::advice::{Advice, Lint};
use super::super::logic::solve::Answer;
use super::super::scene::{Scene, condition};

/// A value that is read.
struct Reading {
    /// As written.
    written: String,
    place: Place,
    what: What,
}

enum What {
    Part(Subject),
    Capture(String),
}

/// Reports values that are never there.
pub fn check(scene: &mut Scene<'_>, index: usize, report: &mut Report) {
    let Some(ruled) = scene.rule(index) else { return };
    let name = ruled.name();
    let captured = captures(ruled.when, true);
    let mut readings = Vec::new();
    if let Some(then) = ruled.written.then {
        let places = sources(then);
        readings.extend(ruled.then.sources().map(|source| of_source(&source.origin, &places, then)));
        // A file is mostly shared, and may read what only other rules find.
        let templates = texts(then).into_iter().filter(|text| text.place.source == then.place.source);
        readings.extend(templates.flat_map(of_template));
    }
    let can_match = scene.can_match(index, None) != Answer::No;
    for reading in readings {
        let reason = match &reading.what {
            What::Capture(capture) if captured.contains(&capture.as_str()) => continue,
            What::Capture(capture) => {
                format!("the group `{capture}` is in a `not`, which holds where its pattern does not fit")
            }
            What::Part(subject) if can_match && excludes(scene, index, subject) => {
                format!("where the condition holds, there is no value at {subject}")
            }
            What::Part(_) => continue,
        };
        let message = format!("`{}` never has a value in {name}", reading.written);
        report.advice.push(
            Advice::new(Lint::ReadsExcluded, message, &reading.place)
                .because(reason)
                .fix("take the value from elsewhere, or correct the condition"),
        );
    }
}

/// Whether no answer that the rule matches has this part.
fn excludes(scene: &mut Scene<'_>, index: usize, subject: &Subject) -> bool {
    // What is always there is not looked up.
    let optional = matches!(
        subject,
        Subject::Header(_)
            | Subject::RequestHeader(_)
            | Subject::Query(_)
            | Subject::ContentType
            | Subject::Json(_)
            | Subject::Error(_)
            | Subject::Xml { .. }
    );
    let exists = condition(subject.clone(), Test::Exists(true));
    optional && scene.can_match(index, Some(&exists)) == Answer::No
}

/// The groups of patterns that fit where the condition holds.
fn captures(condition: &Condition, positive: bool) -> Vec<&str> {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().flat_map(|part| captures(part, positive)).collect()
        }
        Condition::Not(inner) => captures(inner, !positive),
        Condition::Leaf(leaf) => match &leaf.test {
            Test::Matches(patterns) if positive => patterns.iter().flat_map(Pattern::group_names).collect(),
            _ => Vec::new(),
        },
    }
}

fn of_source(origin: &Origin, places: &[&Node], then: &Node) -> Reading {
    let (written, what) = match origin {
        Origin::Subject(subject) => (subject.to_string(), What::Part(subject.clone())),
        Origin::Capture(name) => (format!("capture.{name}"), What::Capture(name.clone())),
    };
    let node = places.iter().find(|node| node.scalar_text().map(str::trim) == Some(written.as_str()));
    Reading { place: node.map_or(&then.place, |node| &node.place).clone(), written, what }
}

/// All values of a key below a node.
fn below<'n>(node: &'n Node, keys: &[&str], found: &mut Vec<&'n Node>) {
    match &node.value {
        Value::List(items) => items.iter().for_each(|item| below(item, keys, found)),
        Value::Map(entries) => {
            for entry in entries {
                if keys.contains(&entry.key.as_str()) {
                    found.push(&entry.node);
                }
                below(&entry.node, keys, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

fn sources(then: &Node) -> Vec<&Node> {
    let mut found = Vec::new();
    below(then, &["from"], &mut found);
    found
}

/// The texts of templates.
fn texts(then: &Node) -> Vec<&Node> {
    let (mut found, mut several) = (Vec::new(), Vec::new());
    below(then, &["template"], &mut found);
    below(then, &["templates"], &mut several);
    for templates in several {
        if let Value::Map(entries) = &templates.value {
            found.extend(entries.iter().map(|entry| &entry.node));
        }
    }
    found.retain(|node| node.scalar_text().is_some());
    found
}

/// The values that a template reads by a path that is written out, and by a capture's name.
fn of_template(node: &Node) -> Vec<Reading> {
    let text = node.scalar_text().unwrap_or_default();
    let Ok(template) = Template::parse(text, &Limits::default()) else { return Vec::new() };
    let mut readings = Vec::new();
    template.visit(&mut |mention| {
        let steps: Vec<&Action> = mention.reference.steps.iter().map(|step| &step.action).collect();
        let what = match (mention.variable, steps.as_slice()) {
            ("input", [Action::Call(name, arguments), ..]) if ["path", "json"].contains(&&**name) => {
                match &**arguments {
                    [Expression::String(path)] => json(path).map(What::Part),
                    _ => None,
                }
            }
            ("rule", [Action::Property(captures), Action::Property(name), ..])
                if **captures == *"captures" =>
            {
                Some(What::Capture(name.to_string()))
            }
            _ => None,
        };
        let Some(what) = what else { return };
        let span = mention.reference.span;
        let written = text.get(span.start..span.end).unwrap_or_default().to_owned();
        let before = text.get(..span.start).unwrap_or_default();
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let place = node.place_in_text(before.matches('\n').count(), column, written.chars().count());
        readings.push(Reading { written, place, what });
    });
    readings
}

/// The part of the body at the names that a path begins with.
fn json(path: &str) -> Option<Subject> {
    let path = jsonpath::Path::parse(path).ok()?;
    let steps: Vec<Step> = path.leading_names().map(|name| Step::Name(name.to_owned())).collect();
    if steps.is_empty() {
        return None;
    }
    let path = DefinitePath::from(steps);
    let written = path.to_string();
    // Which slot it would have does not matter: parts are told apart by their steps.
    let json = Subjects::default().json(&written, Path::Definite(path), None, Want::Value);
    Some(Subject::Json(json))
}
