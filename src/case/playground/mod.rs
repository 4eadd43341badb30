//! Rules tried out on an answer, beside those that are served: with the configuration in force, or with one of its rule
//! sets written anew. Nothing that is tried changes what is served.
//!
//! A trial is written as a case is, without its expectation; what comes of it can be kept as one.

mod texts;
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
use crate::rules::TemplateFiles;
use crate::settings;
use texts::Texts;

const KEYS: [&str; 6] = ["request", "upstream", "rule_set", "rules", TEMPLATES, "name"];
const TEMPLATES: &str = "templates";
/// Parts of a configuration that bear on what rules make of an answer, whatever the route.
const BOUNDS: [&str; 2] = ["hold", "inspect"];
/// The same of all parts.
const PARTS: [&str; 6] = ["upstreams", "routes", "selector", "rule_sets", "hold", "inspect"];
/// The name of a rule set that was written here and not given another.
const UNNAMED: &str = "playground";

/// A configuration to try things on.
#[derive(Debug)]
pub struct Playground {
    /// With the texts of template files in their places.
    setup: Setup,
    /// As it was written.
    written: Node,
    templates: TemplateFiles,
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
    pub fn new(
        snapshot: Arc<Snapshot>,
        written: Node,
        templates: TemplateFiles,
        quick: &settings::Quick,
    ) -> Playground {
        let mut document = written.clone();
        let mut problems = Diagnostics::default();
        Texts::read(&templates, None, &mut problems).fill_in(&mut document, None, &mut problems);
        Playground { setup: Setup::new(document, quick), written, templates, snapshot }
    }

    /// The configuration in force.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The rule sets of the configuration, each with its text.
    pub fn rule_sets(&self) -> Vec<(&str, String)> {
        let text = |set: &Entry| Yaml::from(&set.node.to_json()).print();
        self.sets().iter().map(|set| (set.key.as_str(), text(set))).collect()
    }

    fn sets(&self) -> &[Entry] {
        match self.written.entry("rule_sets").map(|sets| &sets.node.value) {
            Some(Value::Map(sets)) => sets,
            _ => &[],
        }
    }

    /// The files that the configuration names for templates, by their paths, with their texts.
    pub fn templates(&self) -> Vec<(&str, &str)> {
        self.templates.texts()
    }

    /// Those of them, by their paths, that a rule set names, or one that it uses.
    pub fn templates_of(&self, rule_set: &str) -> Vec<String> {
        let mut problems = Diagnostics::default();
        let texts = Texts::read(&self.templates, None, &mut problems);
        let used = self.written.entry("rule_sets").map(|sets| written::used(&sets.node, rule_set));
        let used = used.unwrap_or_default();
        let mut paths: Vec<String> = Vec::new();
        for set in self.sets().iter().filter(|set| used.contains(set.key.as_str())) {
            let filled = texts.fill_in(&mut set.node.clone(), None, &mut problems);
            let named = filled.texts().into_iter().map(|(path, _)| path.to_owned());
            paths.extend(named.filter(|path| !paths.contains(path)).collect::<Vec<_>>());
        }
        paths
    }

    /// What the API makes of an exchange that one has carried before; nothing where there is none now.
    pub fn once_more(&self, given: &Given) -> Option<Played> {
        self.snapshot.deployment.as_ref().map(|deployment| play::once_more(deployment, given))
    }

    /// Reads a trial: `request` and `upstream` as in a case; `rule_set` for one other than the route's; `rules` for its
    /// text, where it is not the one in force; `templates` for texts of the files that it names.
    pub fn read(&self, node: &Node, diagnostics: &mut Diagnostics) -> Option<Trial> {
        let fields = node.fields("a trial", &KEYS, diagnostics)?;
        let mut text = |key: &str| {
            let node = fields.get(key).filter(|node| node.value != Value::Null)?;
            node.text(&format!("text for `{key}`"), diagnostics).map(str::to_owned)
        };
        let (name, rule_set, rules) = (text("name"), text("rule_set"), text("rules"));
        let texts = Texts::read(&self.templates, fields.get(TEMPLATES), diagnostics);
        let about = if rule_set.is_none() && rules.is_none() { self.about(&fields) } else { About::Rules };
        let given = Given::read(&fields, about, diagnostics)?;
        let (setup, snapshot) = match (rule_set, rules) {
            (None, None) => {
                if let Some(entry) = fields.entry(TEMPLATES) {
                    let problem = Diagnostic::error("`templates` without `rule_set` or `rules`");
                    diagnostics.push(
                        problem.at(&entry.key_place).help("say which rule set is to be tried with them"),
                    );
                }
                (self.setup.clone(), Arc::clone(&self.snapshot))
            }
            (rule_set, rules) => {
                let setup = self.changed(rule_set.as_deref(), rules.as_deref(), &texts, diagnostics)?;
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
        texts: &Texts<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Setup> {
        let name = rule_set.unwrap_or(UNNAMED);
        let mut sets = self.sets().to_vec();
        let mut filled = Vec::new();
        if let Some(rules) = rules {
            let mut node = rule_set_of(rules, diagnostics)?;
            let before = sets.iter().find(|set| set.key == name).map_or(&self.written, |set| &set.node);
            filled.push(texts.fill_in(&mut node, Some(&before.place.source.name), diagnostics));
            sets.retain(|set| set.key != name);
            sets.push(Entry { key: name.to_owned(), key_place: node.place.clone(), node });
        }
        for set in &mut sets {
            filled.push(texts.fill_in(&mut set.node, None, diagnostics));
        }
        texts.check_used(&filled, diagnostics);
        let document = &self.written;
        let place = &document.place;
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
