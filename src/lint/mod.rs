//! Advice on rules that load and work, and probably not as their author meant: each with a place, a reason, what to
//! write instead, and where it can be had a value that shows it. What rules can match at all is decided exactly
//! ([`logic`]); what costs too much to decide is said to be undecided.

mod advice;
mod checks;
mod edit;
pub mod logic;
mod scene;
#[cfg(test)]
mod tests;

use crate::document::Node;
use crate::engine::hold::Inspect;
use crate::rules::{self, Quick, Rules};

pub use advice::{Advice, Lint, Note};
pub use checks::overlap::Overlap;
pub use edit::{Edit, Edited, edited};

use scene::Scene;

/// A configuration without problems.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// As written, its layers merged.
    pub document: Option<&'a Node>,
    /// Rules of flags.
    pub quick: Quick<'a>,
    /// The same, compiled.
    pub rules: &'a Rules,
    /// Which bodies are looked at.
    pub inspect: &'a Inspect,
    /// Whether overlaps are wanted, too.
    pub overlaps: bool,
}

/// What there is to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of the files.
    pub advice: Vec<Advice>,
    /// What could not be told.
    pub undecided: Vec<Note>,
    /// Rules whose order matters, where that was asked.
    pub overlaps: Option<Vec<Overlap>>,
}

/// Advice on the rules of a configuration.
pub fn lint(given: &Given<'_>) -> Report {
    let mut report = Report::default();
    let written = rules::written(given.document, given.quick);
    for set in &given.rules.sets {
        let mut scene = Scene::new(set, &written, given.rules, given.inspect);
        checks::reach::check(&mut scene, &mut report);
        for index in scene.own() {
            checks::patterns::check(&scene, index, &mut report);
            checks::bodies::check(&mut scene, index, &mut report);
            checks::retry::check(&mut scene, index, &mut report);
            checks::excluded::check(&mut scene, index, &mut report);
        }
        if let Some(default) = written_default(given.document, &set.name) {
            checks::retry::check_default(&set.default, default, &mut report);
        }
        if given.overlaps {
            report.overlaps.get_or_insert_default().extend(checks::overlap::overlaps(&scene));
        }
    }
    checks::selector::check(given, &mut report);
    report.sort();
    report
}

/// What a set says of answers that no rule matches.
fn written_default<'d>(document: Option<&'d Node>, set: &str) -> Option<&'d Node> {
    let keys = ["rule_sets", set, "default"];
    keys.iter().try_fold(document?, |node, key| node.entry(key).map(|entry| &entry.node))
}

impl Report {
    /// In the order of the files, each once: a rule of a flag is in every rule set.
    fn sort(&mut self) {
        once(&mut self.advice);
        self.advice.sort_by(|a, b| (a.place.order(), a.lint).cmp(&(b.place.order(), b.lint)));
        once(&mut self.undecided);
        self.undecided.sort_by(|a, b| a.place.order().cmp(&b.place.order()));
        if let Some(overlaps) = &mut self.overlaps {
            once(overlaps);
            overlaps.sort_by(|a, b| a.place.order().cmp(&b.place.order()));
        }
    }
}

/// Takes away what is there before.
fn once<T: PartialEq>(items: &mut Vec<T>) {
    let mut index = 0;
    while let Some(item) = items.get(index) {
        if items.iter().take(index).any(|earlier| earlier == item) {
            items.remove(index);
        } else {
            index += 1;
        }
    }
}
