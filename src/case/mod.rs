//! A case: a request, what the upstream answers, and what the client must get. Users write them for `candor test`,
//! and this project's own behaviour stands in them.
//!
//! [`read`] turns a file into [`Case`]s, with every problem as a diagnostic. [`Case::evaluate`] plays one without a
//! socket; another door (the proxy, with a scripted upstream) makes a [`Played`] of its own, and
//! [`Expectation::mismatches`] judges both alike.

mod content;
mod difference;
mod expectation;
mod given;
mod play;
mod setup;

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::document::{self, Fields, Node};
use crate::live::Snapshot;

pub use expectation::{Expectation, Mismatch};
pub use given::{Given, Request, Upstream};
pub use play::{Decision, Played};
pub use setup::Setup;

const FILE_KEYS: &[&str] = &["config", "presets", "rules", "cases"];
const CASE_KEYS: &[&str] = &["name", "config", "presets", "rules", "request", "upstream", "expect"];

/// A file of cases, at least one.
#[derive(Debug)]
pub struct CaseFile {
    /// The cases in the order written.
    pub cases: Vec<Case>,
}

/// One case, ready to be played through any door.
#[derive(Debug)]
pub struct Case {
    /// The fact it states.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The configuration as written.
    pub setup: Arc<Setup>,
    /// The configuration compiled; cases of a file share one unless they have rules of their own.
    pub snapshot: Arc<Snapshot>,
    /// The request and the upstream's answer.
    pub given: Given,
    /// What the client must get.
    pub expectation: Expectation,
}

/// Reads a file of cases. `None` when there is any error in it.
pub fn read(source: &Arc<Source>, diagnostics: &mut Diagnostics) -> Option<CaseFile> {
    let mut found = Diagnostics::default();
    let file = document::parse(source, &mut found).and_then(|node| file(&node, &mut found));
    let usable = !found.has_errors();
    let mut found = found.into_sorted();
    // What a file and a case of it configure together is compiled for each, and its problems are found by each.
    found.dedup();
    found.into_iter().for_each(|diagnostic| diagnostics.push(diagnostic));
    file.filter(|_| usable)
}

fn file(node: &Node, diagnostics: &mut Diagnostics) -> Option<CaseFile> {
    let fields = node.fields("a case file", FILE_KEYS, diagnostics)?;
    let shared = Shared::read(&fields, diagnostics);
    let nodes = fields.require("cases", "a case file", diagnostics)?;
    let listed = nodes.list("cases", diagnostics)?;
    if listed.is_empty() {
        diagnostics.error(&nodes.place, "a case file without cases");
    }
    let mut names = HashSet::new();
    let cases = listed.iter().filter_map(|node| case(node, &shared, &mut names, diagnostics)).collect();
    Some(CaseFile { cases })
}

/// The configuration that cases without one of their own share.
struct Shared {
    setup: Arc<Setup>,
    snapshot: Option<Arc<Snapshot>>,
}

impl Shared {
    fn read(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Shared {
        let setup = Setup::empty(fields.place()).with(fields);
        let snapshot = setup.compile(diagnostics).map(Arc::new);
        Shared { setup: Arc::new(setup), snapshot }
    }

    /// The configuration of a case: each of `config`, `presets` and `rules` its own, or the file's.
    fn of(&self, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<(Arc<Setup>, Arc<Snapshot>)> {
        if !Setup::is_in(fields) {
            return Some((Arc::clone(&self.setup), Arc::clone(self.snapshot.as_ref()?)));
        }
        let setup = self.setup.with(fields);
        let snapshot = setup.compile(diagnostics)?;
        Some((Arc::new(setup), Arc::new(snapshot)))
    }
}

fn case<'n>(
    node: &'n Node,
    shared: &Shared,
    names: &mut HashSet<&'n str>,
    diagnostics: &mut Diagnostics,
) -> Option<Case> {
    let fields = node.fields("a case", CASE_KEYS, diagnostics)?;
    let name = fields.require("name", "a case", diagnostics).and_then(|n| n.text("a name", diagnostics));
    if let Some(name) = name
        && !names.insert(name)
    {
        diagnostics.push(Diagnostic::error(format!("a second case `{name}`")).at(&node.place));
    }
    let rules = shared.of(&fields, diagnostics);
    let given = Given::read(&fields, diagnostics);
    let expectation = fields
        .require("expect", "a case", diagnostics)
        .and_then(|node| Expectation::read(node, given.as_ref(), diagnostics));
    let (setup, snapshot) = rules?;
    Some(Case {
        name: name?.to_owned(),
        place: node.place.clone(),
        setup,
        snapshot,
        given: given?,
        expectation: expectation?,
    })
}

#[cfg(test)]
mod tests;
