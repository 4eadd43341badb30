//! The way of an exchange that is over through its rules, told from what was decided: the first rule whose condition
//! holds decides, so those before it did not hold. What each rule found, and what an API did stage by stage, stood in
//! the body, which is known of captured exchanges alone.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{describe, playground};
use crate::case::{Given, Playground};
use crate::engine::ruleset::{Mode, Rule};
use crate::engine::{self, Answer, Exchange, RuleSet};
use crate::live::Snapshot;
use crate::telemetry::meters::Seen;
use crate::traffic::Recorded;

/// What became of each rule; empty where no rules were in force, or others than those of now.
pub(super) fn of(seen: &Seen, snapshot: &Snapshot) -> Vec<Value> {
    let Some(set) = rule_set(seen, snapshot) else { return Vec::new() };
    let decided =
        seen.rule.as_deref().and_then(|name| set.rules.iter().position(|rule| *rule.label == *name));
    let steps = set.rules.iter().enumerate().map(|(index, rule)| {
        let result = result(seen, rule, index, decided);
        json!({ "rule": &*rule.label, "result": result, "when": describe::when(rule), "then": describe::then(rule) })
    });
    steps.collect()
}

/// What was captured of it, without secrets, and what each rule finds in that, or the API makes of it.
pub(super) fn captured(recorded: &Recorded, seen: &Seen, playground: &Playground) -> Value {
    let snapshot = playground.snapshot();
    let Exchange { answer: Answer { head, body }, .. } = &recorded.exchange;
    let trace = rule_set(seen, snapshot)
        .map(|set| engine::evaluate(set, &recorded.exchange, &snapshot.limits, true).trace.to_json());
    json!({
        "status": head.status.as_u16(),
        "headers": playground::lines(&head.headers),
        "body": String::from_utf8_lossy(body),
        "cut": recorded.is_cut,
        "trace": trace,
        "api": by_api(recorded, playground),
    })
}

/// What the API of now makes of what an API has carried.
fn by_api(recorded: &Recorded, playground: &Playground) -> Option<Value> {
    recorded.noted.as_ref().filter(|noted| noted.by_api)?;
    let peer = recorded.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let given = Given::before(recorded.exchange.clone(), recorded.request_body.clone(), peer);
    playground.once_more(&given).map(|played| playground::told(true, &played))
}

/// The rules that were in force, as they are now.
fn rule_set<'s>(seen: &Seen, snapshot: &'s Snapshot) -> Option<&'s Arc<RuleSet>> {
    describe::sets(snapshot).into_iter().find(|set| Some(&*set.name) == seen.rule_set.as_deref())
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
