//! The configuration of a case: a document as `candor serve` reads it, presets and one-line rules.
//! A case needs no version and no upstream: the case itself says what the upstream answers.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{ApiSetup, Subject, api};
use crate::diagnostic::{Diagnostics, Place, Source};
use crate::document::{self, Fields, Node, Value};
use crate::live::Snapshot;
use crate::rules::{self, ReadFile};
use crate::settings::{self, Layers, Settings};

/// What a configuration needs and a case may leave out. No request ever goes to this upstream.
const LEFT_OUT: &str = "version: 1\nupstreams: { upstream: { url: 'http://upstream.invalid' } }\n";

pub(super) const KEYS: [&str; 3] = ["config", "presets", "rules"];

/// A configuration as written, known to compile once its case file was read.
#[derive(Debug, Clone)]
pub struct Setup {
    document: Node,
    presets: Vec<Node>,
    lines: Vec<Node>,
}

impl Setup {
    /// No rules at all.
    pub(super) fn empty(place: &Place) -> Setup {
        let document = Node { place: place.clone(), value: Value::Map(Vec::new()) };
        Setup { document, presets: Vec::new(), lines: Vec::new() }
    }

    /// A configuration as flags give it.
    pub(super) fn new(document: Node, quick: &settings::Quick) -> Setup {
        Setup { document, presets: quick.presets.clone(), lines: quick.rules.clone() }
    }

    /// The same, with the parts that are among these fields in place of its own. A configuration may be in a file of
    /// its own.
    pub(super) fn with(
        &self,
        fields: &Fields<'_>,
        read_file: ReadFile<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Setup {
        let document = match fields.get("config") {
            Some(node) if node.scalar_text().is_some() => of_file(node, read_file, diagnostics),
            given => given.cloned(),
        };
        let list = |key: &str, own: &[Node]| {
            fields.get(key).map_or_else(|| own.to_vec(), |node| node.list_or_one().to_vec())
        };
        Setup {
            document: document.unwrap_or_else(|| self.document.clone()),
            presets: list("presets", &self.presets),
            lines: list("rules", &self.lines),
        }
    }

    /// The API that it has, if its cases are about one.
    pub(super) fn api(&self, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> Option<ApiSetup> {
        api::of_configuration(&self.document, &settings::Quick::default(), read_file, diagnostics)
    }

    /// The file that most of it is written in.
    pub(super) fn file(&self) -> &str {
        &self.document.place.source.name
    }

    /// The document, as written.
    pub(super) fn document(&self) -> &Node {
        &self.document
    }

    /// Presets and one-line rules that flags give, as written.
    pub(super) fn quick(&self) -> [(&'static str, &[Node]); 2] {
        [("presets", &self.presets), ("rules", &self.lines)]
    }

    /// The same with another document.
    pub(super) fn with_document(&self, document: Node) -> Setup {
        Setup { document, ..self.clone() }
    }

    /// Whether it has a rule set of that name.
    pub(super) fn has_rule_set(&self, name: &str) -> bool {
        self.document.entry("rule_sets").is_some_and(|sets| sets.node.entry(name).is_some())
    }

    /// What a case is about that has this configuration. `None` when there is an error in it.
    pub(super) fn into_subject(self, diagnostics: &mut Diagnostics) -> Option<Subject> {
        let snapshot = Arc::new(self.compile(diagnostics)?);
        Some(Subject::Rules { setup: Arc::new(self), snapshot })
    }

    /// Compiles the configuration. `None` when there is an error in it.
    pub fn compile(&self, diagnostics: &mut Diagnostics) -> Option<Snapshot> {
        let mut found = Diagnostics::default();
        let document = self.completed();
        let settings = Settings::read(&document, &settings::Quick::default(), &mut found);
        let quick = rules::Quick { presets: &self.presets, lines: &self.lines };
        let rules = rules::read(Some(&document), quick, &upstreams(&document), &mut found);
        let usable = !found.has_errors();
        found.into_sorted().into_iter().for_each(|diagnostic| diagnostics.push(diagnostic));
        settings.filter(|_| usable).map(|settings| Snapshot::new(settings, rules.routes, rules.selection))
    }

    /// What is written in it: a configuration, presets and one-line rules, as a door takes them that is not of this
    /// process.
    pub fn written(&self) -> (Json, Vec<String>, Vec<String>) {
        let texts = |nodes: &[Node]| nodes.iter().filter_map(Node::scalar_text).map(str::to_owned).collect();
        (self.completed().to_json(), texts(&self.presets), texts(&self.lines))
    }

    fn completed(&self) -> Node {
        let mut document = self.document.clone();
        let built_in = document::parse(&Source::new("built-in", LEFT_OUT), &mut Diagnostics::default());
        if let (Value::Map(entries), Some(Node { value: Value::Map(left_out), .. })) =
            (&mut document.value, built_in)
        {
            for entry in left_out {
                if !entries.iter().any(|given| given.key == entry.key) {
                    entries.push(entry);
                }
            }
        }
        document
    }
}

/// The configuration in a file, without an environment.
fn of_file(node: &Node, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> Option<Node> {
    let path = node.text("a configuration, or the path of one", diagnostics)?;
    let source = read_file(path, &node.place).map_err(|problem| diagnostics.push(problem)).ok()?;
    let layers = Layers { files: vec![source], ..Layers::default() };
    let (mut document, _) = layers.merge(diagnostics)?;
    rules::fill_in_templates(&mut document, read_file, diagnostics);
    Some(document)
}

/// The names of the upstreams as written, so that a route is checked even where an upstream is wrong.
fn upstreams(document: &Node) -> Vec<Arc<str>> {
    let written = document.entry("upstreams").map(|entry| entry.node.keys());
    written.unwrap_or_default().into_iter().map(Arc::from).collect()
}
