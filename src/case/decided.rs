//! What rules must decide: the verdict, the rule it is of, why a body is not looked at, what shadow rules would do.

use super::expectation::{Mismatch, differing};
use super::play::Decision;
use crate::diagnostic::Diagnostics;
use crate::document::{Fields, Node};
use crate::engine::outcome::Verdict;

pub(super) const KEYS: [&str; 4] = ["verdict", "rule", "bypass", "shadows"];

/// What rules must decide.
#[derive(Debug, Default)]
pub(super) struct Decided {
    verdict: Option<&'static str>,
    rule: Option<String>,
    bypass: Option<String>,
    shadows: Option<Vec<String>>,
}

impl Decided {
    pub(super) fn read(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Decided {
        let text = |key: &str, diagnostics: &mut Diagnostics| {
            fields.get(key)?.text(&format!("text for `{key}`"), diagnostics).map(str::to_owned)
        };
        Decided {
            rule: text("rule", diagnostics),
            bypass: text("bypass", diagnostics),
            verdict: fields.get("verdict").and_then(|node| verdict(node, diagnostics)),
            shadows: fields.get("shadows").and_then(|node| labels(node, diagnostics)),
        }
    }

    /// Adds what is not as expected.
    pub(super) fn compare(&self, decision: &Decision, found: &mut Vec<Mismatch>) {
        let none = "none";
        let (verdict, shadows) = match decision {
            Decision::Made { verdict, shadows, .. } => (Some(verdict), shadows.as_slice()),
            Decision::None => (None, [].as_slice()),
            Decision::Carried { .. } | Decision::Unseen => return,
        };
        let rule = verdict.and_then(Verdict::rule);
        let passes = matches!(verdict, Some(Verdict::PassThrough { .. }));
        let bypass = verdict.and_then(Verdict::reason).filter(|_| passes);
        found.extend(differing("verdict", self.verdict, verdict.map_or(none, Verdict::word)));
        found.extend(differing("rule", self.rule.as_deref(), rule.unwrap_or(none)));
        found.extend(differing("bypass", self.bypass.as_deref(), bypass.as_deref().unwrap_or(none)));
        if let Some(expected) = &self.shadows {
            let shadows: Vec<&str> = shadows.iter().map(|shadow| &*shadow.rule).collect();
            let (expected, got) = (expected.join(", "), shadows.join(", "));
            found.extend(differing("shadows", Some(expected), got));
        }
    }
}

fn verdict(node: &Node, diagnostics: &mut Diagnostics) -> Option<&'static str> {
    let words = ["pass", "rewrite", "undecided", "failed"].map(|word| (word, word));
    node.word("a verdict", &words, diagnostics)
}

fn labels(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let nodes = node.list("rules, as `rule-set/rule`", diagnostics)?;
    nodes.iter().map(|node| node.text("a rule", diagnostics).map(str::to_owned)).collect()
}
