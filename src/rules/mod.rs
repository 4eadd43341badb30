//! The rule part of what a user writes (`rule_sets`, `routes`, `selector`, `--rule`, `--preset`) turned into the
//! engine's types. Every problem becomes a diagnostic with its place; nothing is read from disk or compiled later.

mod action;
mod checks;
mod condition;
mod line;
pub mod presets;
mod probes;
mod reachable;
mod retry;
mod routes;
mod schema;
mod selector;
mod set;
mod source;
mod template;
mod template_files;
mod written;

use std::sync::Arc;

use crate::diagnostic::Diagnostics;
use crate::document::Node;
use crate::engine::RuleSet;
use crate::engine::probe::Probe;
use crate::engine::route::Routes;
use crate::engine::selection::Selection;

pub use schema::schema;
pub use template::{ReadFile, fill_in as fill_in_templates};
pub use template_files::TemplateFiles;
pub use written::{WrittenRule, WrittenTest, written};

/// Top-level keys of a configuration file that are read here.
pub const KEYS: &[&str] = &["routes", "selector", "rule_sets", "probes"];

/// Rules given by flags or environment variables instead of a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quick<'a> {
    /// `--preset`: tried after every rule set's own rules.
    pub presets: &'a [Node],
    /// `--rule`: tried before every rule set's own rules.
    pub lines: &'a [Node],
}

/// Compiled rules and the ways to them.
#[derive(Debug)]
pub struct Rules {
    /// Which rule set and upstream a request meets.
    pub routes: Routes,
    /// The header that chooses among rule sets.
    pub selection: Option<Selection>,
    /// The rule sets that read the answers to health checks, by the names of their upstreams.
    pub checks: Vec<(Arc<str>, Arc<RuleSet>)>,
    /// Questions of health, in the order of the file.
    pub probes: Vec<Probe>,
    /// All rule sets of the file and those that routes, health checks and the selector name, in the order of the file.
    pub sets: Vec<Arc<RuleSet>>,
}

impl Rules {
    /// The rule set of this name.
    pub fn set(&self, name: &str) -> Option<&Arc<RuleSet>> {
        self.sets.iter().find(|set| &*set.name == name)
    }
}

/// Reads the rules of a document (or of flags alone). `upstreams` are the names that routes may use.
pub fn read(
    document: Option<&Node>,
    quick: Quick<'_>,
    upstreams: &[Arc<str>],
    diagnostics: &mut Diagnostics,
) -> Rules {
    let part = |key: &str| document.and_then(|document| document.entry(key)).map(|entry| &entry.node);
    let mut sets = set::Sets::new(part("rule_sets"), quick, diagnostics);
    sets.compile_all(diagnostics);
    let routes = match (part("routes"), part("api")) {
        // What no route is for goes to the API.
        (None, Some(_)) => Routes::default(),
        (node, _) => routes::read(node, upstreams, &mut sets, diagnostics),
    };
    let selection = part("selector").and_then(|node| selector::read(node, &mut sets, diagnostics));
    let checks = part("upstreams").map(|node| checks::read(node, &mut sets, diagnostics)).unwrap_or_default();
    let probes = probes::read(part("probes"), upstreams, &routes, &mut sets, diagnostics);
    Rules { routes, selection, checks, probes, sets: sets.into_compiled() }
}
