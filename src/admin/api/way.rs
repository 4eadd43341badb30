//! The way of an exchange that is over through its rules, told from what was decided: the first rule whose condition
//! holds decides, so those before it did not hold. What each rule found is not kept; it stood in the body.

use serde_json::{Value, json};

use super::describe;
use crate::engine::ruleset::{Mode, Rule};
use crate::live::Snapshot;
use crate::telemetry::meters::Seen;

/// What became of each rule; empty where no rules were in force, or others than those of now.
pub(super) fn of(seen: &Seen, snapshot: &Snapshot) -> Vec<Value> {
    let named = |set: &&std::sync::Arc<crate::engine::RuleSet>| Some(&*set.name) == seen.rule_set.as_deref();
    let Some(set) = describe::sets(snapshot).into_iter().find(named) else { return Vec::new() };
    let decided =
        seen.rule.as_deref().and_then(|name| set.rules.iter().position(|rule| *rule.label == *name));
    let steps = set.rules.iter().enumerate().map(|(index, rule)| {
        let result = result(seen, rule, index, decided);
        json!({ "rule": &*rule.label, "result": result, "when": describe::when(rule), "then": describe::then(rule) })
    });
    steps.collect()
}

fn result(seen: &Seen, rule: &Rule, index: usize, decided: Option<usize>) -> &'static str {
    let in_shadow = seen.shadows.iter().any(|shadow| *shadow.rule == *rule.label);
    match (decided, seen.verdict) {
        _ if rule.mode == Mode::Off => "off",
        _ if in_shadow => "would fire (shadow)",
        (Some(decided), verdict) if index == decided => {
            if verdict == Some("failed") {
                "failed"
            } else {
                "fired"
            }
        }
        (Some(decided), _) if index > decided => "not reached",
        (None, Some("undecided")) => "no match, or undecided",
        (None, None) => "not asked",
        _ => "no match",
    }
}
