//! What rules in shadow mode would have done since the start, by route, as it was counted. Bodies are not kept, so what
//! of it is doubtful is not known here; captures tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::Shared;
use crate::telemetry::meters::{Count, Position, Role, Seen};
use crate::traffic::report::{EXAMPLES, Example, Row, Told};

pub(super) async fn report(State(shared): State<Shared>) -> Json<Told> {
    let meters = &shared.admin.meters;
    let counts = meters.counts();
    let mut of = BTreeMap::<&str, u64>::new();
    for (count, times) in counts.iter() {
        if let Count::Exchanges { route, .. } = count {
            *of.entry(route).or_default() += times;
        }
    }
    let (seen, _) = meters.recent(&Position::default());
    let row = |(count, exchanges): (&Count, u64)| {
        let Count::Rule { route, rule, role: Role::Shadow, from, to } = count else { return None };
        let to = (*to != 0).then_some(*to);
        Some(Row {
            route: route.to_string(),
            rule: rule.to_string(),
            from: *from,
            to,
            exchanges,
            of: of.get(&**route).copied().unwrap_or_default(),
            examples: examples(&seen, route, rule, *from, to),
            doubtful: None,
            doubts: Vec::new(),
        })
    };
    Json(Told { exchanges: of.values().sum(), shadows: counts.iter().filter_map(row).collect() })
}

/// The last exchanges of that kind.
fn examples(seen: &[Arc<Seen>], route: &str, rule: &str, from: u16, to: Option<u16>) -> Vec<Example> {
    let is_meant = |seen: &&Arc<Seen>| {
        seen.route.as_deref() == Some(route)
            && seen.upstream_status.unwrap_or_default() == from
            && seen.shadows.iter().any(|shadow| shadow.rule == rule && shadow.status == to)
    };
    let example = |seen: &Arc<Seen>| {
        let [method, path] = [&seen.method, &seen.path].map(|part| part.as_deref().unwrap_or("-"));
        Example { place: seen.request_id.clone(), request: format!("{method} {path}"), body: String::new() }
    };
    seen.iter().rev().filter(is_meant).take(EXAMPLES).map(example).collect()
}
