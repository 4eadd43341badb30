//! Rules of one set that may match the same answer, so that their order matters. No advice: that is how narrow
//! rules stand before wide ones.

use serde_json::json;

use crate::diagnostic::Place;

use super::super::logic::formula::Formula;
use super::super::logic::solve::{Answer, solve};
use super::super::logic::universe::BodyIs;
use super::super::scene::{Ruled, Scene};

/// Pairs that are told of one rule set.
const PAIRS_MAX: usize = 1_000;

/// Two rules that may match the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The rule that decides about it.
    pub first: String,
    /// The rule that comes too late.
    pub second: String,
    /// Where the second stands.
    pub place: Place,
    /// Such an answer.
    pub witness: String,
}

impl Overlap {
    /// The machine-readable form.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "first": self.first,
            "second": self.second,
            "file": self.place.source.name,
            "line": self.place.line,
            "witness": self.witness,
        })
    }
}

/// Pairs of rules that ask for the same part of the exchange, and may match the same answer.
pub fn overlaps(scene: &Scene<'_>) -> Vec<Overlap> {
    let mut overlaps = Vec::new();
    for index in scene.own() {
        let Some(second) = scene.rule(index) else { continue };
        for (_, first) in scene.before(index).filter(|(_, first)| ask_alike(first, second)) {
            overlaps.extend(overlap(scene, index, first, second));
            if overlaps.len() == PAIRS_MAX {
                return overlaps;
            }
        }
    }
    overlaps
}

fn overlap(scene: &Scene<'_>, index: usize, first: &Ruled<'_>, second: &Ruled<'_>) -> Option<Overlap> {
    [BodyIs::Known, BodyIs::Withheld].into_iter().find_map(|body| {
        let both: Vec<&Formula> =
            [first.matches(body), second.matches(body)].into_iter().chain(scene.world(body)).collect();
        let Answer::With(model) = solve(&scene.universe, &both) else { return None };
        Some(Overlap {
            first: first.rule.label.to_string(),
            second: second.rule.label.to_string(),
            place: second.written.place.clone(),
            witness: scene.shown(index, &model),
        })
    })
}

/// Whether two rules ask for the same part; of others it goes without saying that both may match.
fn ask_alike(first: &Ruled<'_>, second: &Ruled<'_>) -> bool {
    let mut parts = second.when.leaves().map(|leaf| &leaf.subject);
    parts.any(|part| first.when.leaves().any(|leaf| leaf.subject.same_as(part)))
}
