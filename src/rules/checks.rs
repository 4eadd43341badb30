//! `upstreams.NAME.health.rules`: the rule sets that say what answers to health checks really are. All else about
//! upstreams is read by the settings.

use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::document::{Entry, Node, Value};
use crate::engine::RuleSet;

use super::set::Sets;

/// Reads them from the node at `upstreams:`, by the names of their upstreams.
pub fn read(
    upstreams: &Node,
    sets: &mut Sets<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<(Arc<str>, Arc<RuleSet>)> {
    let Value::Map(upstreams) = &upstreams.value else { return Vec::new() };
    let mut read = |entry: &Entry| {
        let rules = &entry.node.entry("health")?.node.entry("rules")?.node;
        if rules.value == Value::Null || rules.scalar_text() == Some("off") {
            return None;
        }
        Some((entry.key.as_str().into(), sets.named(rules, diagnostics)?))
    };
    upstreams.iter().filter_map(&mut read).collect()
}
