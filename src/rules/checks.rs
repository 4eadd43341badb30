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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::document;
    use crate::rules::{self, Quick};

    /// The upstreams with their rule sets, and what is wrong.
    fn check(upstreams: &str, expected: &[(&str, &str)], problems: &[&str]) {
        let text = format!("upstreams: {upstreams}\nrule_sets: {{ well: {{ rules: [] }}, default: {{}} }}");
        let mut diagnostics = Diagnostics::default();
        let document = document::parse(&Source::new("it.yaml", text), &mut diagnostics);
        let rules = rules::read(document.as_ref(), Quick::default(), &["a".into()], &mut diagnostics);
        let checks: Vec<_> = rules.checks.iter().map(|(name, set)| (&**name, &*set.name)).collect();
        let told = diagnostics.into_sorted();
        let told: Vec<&str> = told.iter().map(|problem| &*problem.message).collect();
        assert_eq!((checks.as_slice(), told.as_slice()), (expected, problems), "{upstreams}");
    }

    #[test]
    fn rule_sets_are_found_by_their_names() {
        check("{ a: { health: { rules: well } }, b: {} }", &[("a", "well")], &[]);
        check("{ a: { health: { rules: status-field } } }", &[("a", "status-field")], &[]);
        check("{ a: { health: { rules: \"off\" } } }", &[], &[]);
        check("{ a: { health: { path: / } } }", &[], &[]);
        check("{ a: { health: { rules: wel } } }", &[], &["there is no rule set `wel`"]);
        check("{ a: { health: /health } }", &[], &[]);
        check("[a]", &[], &[]);
    }
}
