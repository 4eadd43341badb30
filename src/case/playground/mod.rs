//! Rules tried out on an answer, beside those that are served: with the configuration in force, or with one of its rule
//! sets written anew. Nothing that is tried changes what is served.
//!
//! A trial is written as a case is, without its expectation; what comes of it can be kept as one.

mod written;

use std::sync::Arc;

use http::header;

use super::given::About;
use super::play;
use super::{Given, Played, Setup, api};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::document::{self, Entry, Fields, Node, Value, Yaml};
use crate::engine::route::Found;
use crate::live::Snapshot;
use crate::settings;

const KEYS: [&str; 5] = ["request", "upstream", "rule_set", "rules", "name"];
/// Parts of a configuration that bear on what rules make of an answer, whatever the route.
const BOUNDS: [&str; 2] = ["hold", "inspect"];
/// The same of all parts.
const PARTS: [&str; 6] = ["upstreams", "routes", "selector", "rule_sets", "hold", "inspect"];
/// The name of a rule set that was written here and not given another.
const UNNAMED: &str = "playground";

/// A configuration to try things on.
#[derive(Debug)]
pub struct Playground {
    setup: Setup,
    snapshot: Arc<Snapshot>,
}

/// Something to try: a request, an answer, and the rules it meets.
#[derive(Debug)]
pub struct Trial {
    name: String,
    about: About,
    given: Given,
    /// The request and the answer, as written.
    parts: Vec<Entry>,
    setup: Setup,
    snapshot: Arc<Snapshot>,
}

impl Playground {
    /// The configuration in force, compiled and as written.
    pub fn new(snapshot: Arc<Snapshot>, document: Node, quick: &settings::Quick) -> Playground {
        Playground { setup: Setup::new(document, quick), snapshot }
    }

    /// The configuration in force.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The rule sets of the configuration, each with its text.
    pub fn rule_sets(&self) -> Vec<(&str, String)> {
        let sets = self.setup.document().entry("rule_sets").map(|entry| &entry.node);
        let Some(Node { value: Value::Map(sets), .. }) = sets else { return Vec::new() };
        sets.iter().map(|set| (set.key.as_str(), Yaml::from(&set.node.to_json()).print())).collect()
    }

    /// What the API makes of an exchange that one has carried before; nothing where there is none now.
    pub fn once_more(&self, given: &Given) -> Option<Played> {
        self.snapshot.deployment.as_ref().map(|deployment| play::once_more(deployment, given))
    }

    /// Reads a trial: `request` and `upstream` as in a case; `rule_set` for one other than the route's; `rules` for its
    /// text, where it is not the one in force.
    pub fn read(&self, node: &Node, diagnostics: &mut Diagnostics) -> Option<Trial> {
        let fields = node.fields("a trial", &KEYS, diagnostics)?;
        let mut text = |key: &str| {
            let node = fields.get(key).filter(|node| node.value != Value::Null)?;
            node.text(&format!("text for `{key}`"), diagnostics).map(str::to_owned)
        };
        let (name, rule_set, rules) = (text("name"), text("rule_set"), text("rules"));
        let about = if rule_set.is_none() && rules.is_none() { self.about(&fields) } else { About::Rules };
        let given = Given::read(&fields, about, diagnostics)?;
        let (setup, snapshot) = match (rule_set, rules) {
            (None, None) => (self.setup.clone(), Arc::clone(&self.snapshot)),
            (rule_set, rules) => {
                let setup = self.changed(rule_set.as_deref(), rules.as_deref(), diagnostics)?;
                let snapshot = Arc::new(setup.compile(diagnostics)?);
                (setup, snapshot)
            }
        };
        let parts = fields.entries().iter().filter(|entry| ["request", "upstream"].contains(&&*entry.key));
        let name = name.unwrap_or_else(|| "from the playground".to_owned());
        (!diagnostics.has_errors()).then(|| Trial {
            name,
            about,
            given,
            parts: parts.cloned().collect(),
            setup,
            snapshot,
        })
    }

    /// Whether a request is for a route or for the API.
    fn about(&self, fields: &Fields<'_>) -> About {
        if self.snapshot.deployment.is_none() {
            return About::Rules;
        }
        // What is wrong with it is told when it is read for what it is.
        let given = Given::read(fields, About::Api, &mut Diagnostics::default());
        let is_routed = given.is_some_and(|given| {
            let request = &given.request.snapshot;
            let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
            let found = self.snapshot.routes.find(host, &request.method, request.uri.path());
            !matches!(found, Found::NotFound)
        });
        if is_routed { About::Rules } else { About::Api }
    }

    /// The configuration in which every answer meets one rule set, perhaps with another text.
    fn changed(
        &self,
        rule_set: Option<&str>,
        rules: Option<&str>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Setup> {
        let name = rule_set.unwrap_or(UNNAMED);
        let mut sets =
            self.setup.document().entry("rule_sets").map_or_else(Vec::new, |entry| match &entry.node.value {
                Value::Map(sets) => sets.clone(),
                _ => Vec::new(),
            });
        let place = &self.setup.document().place;
        if let Some(rules) = rules {
            let node = rule_set_of(rules, diagnostics)?;
            sets.retain(|set| set.key != name);
            sets.push(Entry { key: name.to_owned(), key_place: node.place.clone(), node });
        }
        let document = &self.setup.document();
        let mut entries: Vec<Entry> = BOUNDS.iter().filter_map(|key| document.entry(key).cloned()).collect();
        let is_only = sets.len() == 1 || name == "default";
        let entry = |key: &str, value| {
            let node = Node { place: place.clone(), value };
            Entry { key: key.to_owned(), key_place: place.clone(), node }
        };
        if !is_only {
            let named = Node {
                place: place.clone(),
                value: Value::Map(vec![entry("rules", Value::Text(name.to_owned()))]),
            };
            entries.push(entry("routes", Value::List(vec![named])));
        }
        if !sets.is_empty() {
            entries.push(entry("rule_sets", Value::Map(sets)));
        }
        Some(self.setup.with_document(Node { place: place.clone(), value: Value::Map(entries) }))
    }
}

/// A rule set as it was written: all of it, or its rules alone.
fn rule_set_of(text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    let source = Source::new("rules", text);
    let node = document::parse(&source, diagnostics)?;
    let place = node.place.clone();
    match node.value {
        Value::Map(_) => Some(node),
        Value::List(_) => {
            let rules = Entry { key: "rules".to_owned(), key_place: place.clone(), node };
            Some(Node { place, value: Value::Map(vec![rules]) })
        }
        _ => {
            let problem = Diagnostic::error("these are no rules").at(&place);
            diagnostics.push(problem.help("a rule set (`rules:`, `use:`, …), or a list of rules"));
            None
        }
    }
}

impl Trial {
    /// What comes of it.
    pub fn play(&self) -> Played {
        play::through(&self.snapshot, self.about, &self.given)
    }

    /// Whether it goes through an API and not through rules.
    pub fn is_of_api(&self) -> bool {
        self.about == About::Api
    }

    /// It as a file of one case that expects what came of it.
    ///
    /// # Errors
    /// Where it cannot be told as a case; the diagnostics say why.
    pub fn to_case_file(&self) -> Result<String, Vec<Diagnostic>> {
        let text = written::case_file(self, &self.play());
        let mut diagnostics = Diagnostics::default();
        // The definition of an API is in a file of its own, which only whoever plays the case can read.
        if self.about == About::Rules {
            let source = Source::new("case.yaml", text.as_str());
            let file = super::read_with(&source, &super::Base::default(), &api::no_files, &mut diagnostics);
            let cases = file.map(|file| file.cases).unwrap_or_default();
            for mismatch in cases.iter().flat_map(|case| case.expectation.mismatches(&case.evaluate())) {
                diagnostics.push(Diagnostic::error(format!("the case would not hold: {mismatch}")));
            }
        }
        if diagnostics.has_errors() { Err(diagnostics.into_sorted()) } else { Ok(text) }
    }
}

#[cfg(test)]
mod tests;
