//! The rules in force, with what each has done since the start.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Shared, configuration, describe};
use crate::engine::RuleSet;
use crate::engine::ruleset::{Fallback, Mode, Rule};
use crate::telemetry::meters::{Count, Role};

/// What a rule has done.
#[derive(Debug, Default)]
struct Hits {
    decided: u64,
    shadow: u64,
    failed: u64,
    matrix: BTreeMap<(u16, u16), u64>,
}

pub(super) async fn rules(State(shared): State<Shared>) -> Json<Value> {
    let playground = shared.admin.playground.now();
    let snapshot = playground.snapshot();
    let mut hits = BTreeMap::<String, Hits>::new();
    for (count, times) in shared.admin.meters.counts().iter() {
        if let Count::Rule { rule, role, from, to, .. } = count {
            hits.entry(rule.to_string()).or_default().add(*role, (*from, *to), times);
        }
    }
    let texts: BTreeMap<&str, String> = playground.rule_sets().into_iter().collect();
    let set = |set: &RuleSet| {
        let rules: Vec<Value> = set.rules.iter().map(|rule| told(rule, hits.get(&*rule.label))).collect();
        let default = match &set.default {
            Fallback::Pass => "pass".to_owned(),
            Fallback::Produce(_, action) => describe::action(action),
        };
        json!({
            "name": &*set.name, "text": texts.get(&*set.name), "templates": playground.templates_of(&set.name),
            "default": default, "rules": rules,
        })
    };
    let template = |(file, text): (&str, &str)| json!({ "file": file, "text": text });
    let routes = snapshot.routes.iter().map(|route| {
        let upstream = snapshot.settings.upstreams.get(route.upstream).map(|upstream| &*upstream.name);
        let methods: Vec<&str> = route.methods.iter().map(|method| method.as_str()).collect();
        json!({
            "route": &*route.name, "path": route.path.to_string(), "methods": methods, "upstream": upstream,
            "rule_set": route.rule_set.as_ref().map(|set| &*set.name),
        })
    });
    Json(json!({
        "configuration": configuration::told(&shared.admin.reloads),
        "sets": describe::sets(snapshot).into_iter().map(|each| set(each)).collect::<Vec<_>>(),
        "templates": playground.templates().into_iter().map(template).collect::<Vec<_>>(),
        "routes": routes.collect::<Vec<_>>(),
        "api": snapshot.deployment.is_some(),
        "definition": playground.definition().map(|(file, _)| file),
    }))
}

fn told(rule: &Rule, hits: Option<&Hits>) -> Value {
    let none = Hits::default();
    let hits = hits.unwrap_or(&none);
    let status = |status: u16| (status != 0).then_some(status);
    let cell = |(&(from, to), &count): (&(u16, u16), &u64)| json!({ "from": status(from), "to": status(to), "count": count });
    json!({
        "rule": &*rule.label,
        "mode": match rule.mode { Mode::Enforce => "enforce", Mode::Shadow => "shadow", Mode::Off => "off" },
        "when": describe::when(rule),
        "then": describe::then(rule),
        "decided": hits.decided,
        "shadow": hits.shadow,
        "failed": hits.failed,
        "matrix": hits.matrix.iter().map(cell).collect::<Vec<_>>(),
    })
}

impl Hits {
    fn add(&mut self, role: Role, cell: (u16, u16), times: u64) {
        match role {
            Role::Decided => self.decided += times,
            Role::Shadow => self.shadow += times,
            Role::Failed => self.failed += times,
        }
        *self.matrix.entry(cell).or_default() += times;
    }
}
