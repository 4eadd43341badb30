//! Rules in words.

use std::sync::Arc;

use crate::engine::RuleSet;
use crate::engine::action::{Action, BodyChoice, StatusChoice};
use crate::engine::condition::Condition;
use crate::engine::ruleset::{Rule, RuleKind};
use crate::live::Snapshot;

/// The rule sets that some answer can meet, each once.
pub(super) fn sets(snapshot: &Snapshot) -> Vec<&Arc<RuleSet>> {
    let of_routes = snapshot.routes.iter().filter_map(|route| route.rule_set.as_ref());
    let selection = snapshot.selection.iter().flat_map(|selection| selection.allow.values().flatten());
    let mut sets: Vec<&Arc<RuleSet>> = Vec::new();
    for set in of_routes.chain(selection) {
        if !sets.iter().any(|known| known.name == set.name) {
            sets.push(set);
        }
    }
    sets
}

/// The condition.
pub(super) fn when(rule: &Rule) -> String {
    match &rule.kind {
        RuleKind::Translate { when, .. } => condition(when),
        RuleKind::Unwrap(_) => "the body is an envelope".to_owned(),
    }
}

/// What is produced.
pub(super) fn then(rule: &Rule) -> String {
    match &rule.kind {
        RuleKind::Translate { then, .. } => action(then),
        RuleKind::Unwrap(_) => "what the envelope describes".to_owned(),
    }
}

fn condition(condition: &Condition) -> String {
    match condition {
        Condition::All(conditions) if conditions.is_empty() => "always".to_owned(),
        Condition::All(conditions) => joined(conditions, " and "),
        Condition::Any(conditions) => joined(conditions, " or "),
        Condition::Not(inner) => format!("not ({})", self::condition(inner)),
        Condition::Leaf(leaf) => format!("{} {}", leaf.subject, leaf.test),
    }
}

fn joined(conditions: &[Condition], word: &str) -> String {
    let part = |part: &Condition| match part {
        Condition::All(inner) | Condition::Any(inner) if inner.len() > 1 => format!("({})", condition(part)),
        _ => condition(part),
    };
    conditions.iter().map(part).collect::<Vec<_>>().join(word)
}

pub(super) fn action(action: &Action) -> String {
    let mut parts = Vec::new();
    match &action.status {
        Some(StatusChoice::Fixed(status)) => parts.push(format!("status {}", status.as_u16())),
        Some(StatusChoice::From(_)) => parts.push("the status that is found".to_owned()),
        Some(StatusChoice::Table { rows, .. }) => {
            parts.push(format!("a status from a table of {}", rows.len()))
        }
        None => {}
    }
    let body = match &action.body {
        BodyChoice::Keep => None,
        BodyChoice::Static { .. } => Some("a given body"),
        BodyChoice::From { .. } => Some("a body that is found"),
        _ => Some("a new body"),
    };
    parts.extend(body.map(str::to_owned));
    if !action.headers.is_empty() {
        parts.push("other headers".to_owned());
    }
    if action.template.is_some() {
        parts.push("what a template says".to_owned());
    }
    parts.extend(action.retry.as_ref().map(|retry| format!("retried {retry}")));
    if parts.is_empty() { "the answer as it is".to_owned() } else { parts.join(", ") }
}
