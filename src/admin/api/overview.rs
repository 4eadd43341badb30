//! What happened since the start, added up: requests, the errors that were hidden in them, from which status to which,
//! by route, and how long they took.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::{Shared, configuration};
use crate::admin::history;
use crate::live::Phase;
use crate::telemetry::meters::{Count, Decision, Distribution, Durations, Exchanges, hidden};

/// The same of one route, or of all.
#[derive(Default)]
struct Sum {
    requests: u64,
    hidden: u64,
    verdicts: BTreeMap<&'static str, u64>,
    matrix: BTreeMap<(u16, u16), u64>,
    durations: Durations,
}

pub(super) async fn overview(State(shared): State<Shared>) -> Json<Value> {
    let meters = &shared.admin.meters;
    let (mut all, mut routes) = (Sum::default(), BTreeMap::<String, Sum>::new());
    let (mut undecided, mut misfits) = (BTreeMap::<&str, u64>::new(), BTreeMap::<String, u64>::new());
    let counts = meters.counts();
    for (count, times) in counts.iter() {
        match count {
            Count::Exchanges { route, of } => {
                if let Decision::Undecided(reason) = of.decision {
                    *undecided.entry(reason).or_default() += times;
                }
                all.add(of, times);
                routes.entry(route.to_string()).or_default().add(of, times);
            }
            Count::Misfit { model, .. } => *misfits.entry(model.to_string()).or_default() += times,
            Count::Rule { .. } | Count::Retries { .. } | Count::Faults { .. } => {}
        }
    }
    for (route, durations) in &counts.durations {
        all.durations.merge(durations);
        routes.entry(route.to_string()).or_default().durations.merge(durations);
    }
    let routes: Vec<Value> =
        routes.into_iter().map(|(route, sum)| sum.to_json(json!({ "route": route }))).collect();
    let undecided: Vec<Value> =
        undecided.into_iter().map(|(reason, count)| json!({ "reason": reason, "count": count })).collect();
    let misfits: Vec<Value> =
        misfits.into_iter().map(|(model, count)| json!({ "model": model, "count": count })).collect();
    let since = meters.since().duration_since(UNIX_EPOCH).unwrap_or_default();
    Json(all.to_json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "phase": match shared.admin.readiness.phase() {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Draining => "draining",
        },
        "since": u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        "listen": shared.admin.playground.now().snapshot().settings.server.listen.to_string(),
        "configuration": configuration::told(&shared.admin.reloads),
        "undecided": undecided,
        "misfits": misfits,
        "routes": routes,
        "history": { "step_ms": u64::try_from(history::STEP.as_millis()).unwrap_or(0), "steps": shared.admin.history.steps() },
    })))
}

impl Sum {
    fn add(&mut self, of: &Exchanges, times: u64) {
        let Exchanges { from, to, decision, .. } = *of;
        self.requests += times;
        self.hidden += if hidden(from, to) { times } else { 0 };
        *self.verdicts.entry(decision.word()).or_default() += times;
        *self.matrix.entry((from, to)).or_default() += times;
    }

    /// Its members, after those that are there already.
    fn to_json(&self, mut before: Value) -> Value {
        let status = |status: u16| (status != 0).then_some(status);
        let cell = |(&(from, to), &count): (&(u16, u16), &u64)| json!({ "from": status(from), "to": status(to), "count": count });
        let verdict = |word: &str| self.verdicts.get(word).copied().unwrap_or(0);
        let own = json!({
            "requests": self.requests,
            "hidden": self.hidden,
            "verdicts": {
                "pass": verdict("pass"), "rewrite": verdict("rewrite"), "undecided": verdict("undecided"),
                "failed": verdict("failed"), "none": verdict(""),
            },
            "matrix": self.matrix.iter().map(cell).collect::<Vec<_>>(),
            "took_ms": latency(&self.durations.total),
            "upstream_ms": latency(&self.durations.upstream),
        });
        if let (Value::Object(before), Value::Object(own)) = (&mut before, own) {
            before.extend(own);
        }
        before
    }
}

fn latency(micros: &Distribution) -> Value {
    let milliseconds = |micros: u64| micros as f64 / 1000.0;
    let quantile = |part| micros.quantile(part).map(milliseconds);
    let buckets: Vec<Value> =
        micros.buckets().map(|(end, count)| json!([milliseconds(end), count])).collect();
    json!({
        "p50": quantile(0.5), "p90": quantile(0.9), "p99": quantile(0.99),
        "max": quantile(1.0), "buckets": buckets,
    })
}
