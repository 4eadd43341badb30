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
use crate::apigateway;
use crate::apigateway::model::Api;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::document::{self, Entry, Fields, Node, Value, Yaml};
use crate::engine::route::Found;
use crate::live::Snapshot;
use crate::rules::TemplateFiles;
use crate::settings;
use texts::Texts;

const KEYS: [&str; 7] = ["request", "upstream", "rule_set", "rules", TEMPLATES, DEFINITION, "name"];
const TEMPLATES: &str = "templates";
const DEFINITION: &str = "definition";
/// Parts of a configuration that bear on what rules make of an answer, whatever the route.
const BOUNDS: [&str; 2] = ["hold", "inspect"];
/// The same of all parts.
const PARTS: [&str; 6] = ["upstreams", "routes", "selector", "rule_sets", "hold", "inspect"];
/// The name of a rule set that was written here and not given another.
const UNNAMED: &str = "playground";
/// Parts of a trial that say which rules are met.
const OF_RULES: [&str; 3] = ["rule_set", "rules", TEMPLATES];

/// A configuration to try things on.
#[derive(Debug)]
pub struct Playground {
    /// With the texts of template files in their places.
    setup: Setup,
    written: Written,
    snapshot: Arc<Snapshot>,
}

/// A configuration as it was written.
#[derive(Debug)]
pub struct Written {
    /// All of it.
    pub document: Node,
    /// The files that it names for templates.
    pub templates: TemplateFiles,
    /// The file that defines its API.
    pub definition: Option<Arc<Source>>,
    /// What short names say.
    pub quick: settings::Quick,
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
    /// The API, where that is not the one in force.
    edited: Option<Edited>,
}

/// The definition of an API with another text.
#[derive(Debug)]
struct Edited {
    source: Arc<Source>,
    api: Api,
}

impl Playground {
    /// The configuration in force, compiled and as written.
    pub fn new(snapshot: Arc<Snapshot>, written: Written) -> Playground {
        let mut document = written.document.clone();
        let mut problems = Diagnostics::default();
        Texts::read(&written.templates, None, &mut problems).fill_in(&mut document, None, &mut problems);
        Playground { setup: Setup::new(document, &written.quick), written, snapshot }
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
        match self.written.document.entry("rule_sets").map(|sets| &sets.node.value) {
            Some(Value::Map(sets)) => sets,
            _ => &[],
        }
    }

    /// The files that the configuration names for templates, by their paths, with their texts.
    pub fn templates(&self) -> Vec<(&str, &str)> {
        self.written.templates.texts()
    }

    /// The file that defines the API, if there is one: its name and its text.
    pub fn definition(&self) -> Option<(&str, &str)> {
        self.written.definition.as_ref().map(|source| (source.name.as_str(), source.text.as_str()))
    }

    /// Those of them, by their paths, that a rule set names, or one that it uses.
    pub fn templates_of(&self, rule_set: &str) -> Vec<String> {
        let mut problems = Diagnostics::default();
        let texts = Texts::read(&self.written.templates, None, &mut problems);
        let used = self.written.document.entry("rule_sets").map(|sets| written::used(&sets.node, rule_set));
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
    /// text, where it is not the one in force; `templates` for texts of the files that it names; `definition` for
    /// another text of the API's.
    pub fn read(&self, node: &Node, diagnostics: &mut Diagnostics) -> Option<Trial> {
        let fields = node.fields("a trial", &KEYS, diagnostics)?;
        let mut text = |key: &str| {
            let node = fields.get(key).filter(|node| node.value != Value::Null)?;
            node.text(&format!("text for `{key}`"), diagnostics).map(str::to_owned)
        };
        let (name, rule_set, rules) = (text("name"), text("rule_set"), text("rules"));
        let texts = Texts::read(&self.written.templates, fields.get(TEMPLATES), diagnostics);
        let edited = fields.entry(DEFINITION).map(|entry| self.edited(&fields, entry, diagnostics));
        let about = match (&edited, &rule_set, &rules) {
            (Some(_), ..) => About::Api,
            (None, None, None) => self.about(&fields),
            _ => About::Rules,
        };
        let given = Given::read(&fields, about, diagnostics)?;
        let (setup, snapshot) = match (rule_set, rules) {
            (None, None) => {
                if let Some(entry) = fields.entry(TEMPLATES).filter(|_| edited.is_none()) {
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
            edited: edited.flatten(),
        })
    }

    /// The API by another text of its definition.
    fn edited(&self, fields: &Fields<'_>, entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Edited> {
        if let Some(rules) = fields.entries().iter().find(|entry| OF_RULES.contains(&&*entry.key)) {
            let problem =
                Diagnostic::error(format!("`{}` beside `definition`", rules.key)).at(&rules.key_place);
            diagnostics.push(problem.help("a trial is about rules or about an API"));
        }
        let Some(said) = self.snapshot.settings.api.as_ref().filter(|_| self.written.definition.is_some())
        else {
            let problem = Diagnostic::error("the configuration names no definition of an API");
            diagnostics.push(problem.at(&entry.key_place));
            return None;
        };
        let source = Source::new(DEFINITION, entry.node.text("the text of a definition", diagnostics)?);
        let api = apigateway::read::read(&source, &said.reading(), diagnostics)?;
        Some(Edited { source, api })
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
            let before =
                sets.iter().find(|set| set.key == name).map_or(&self.written.document, |set| &set.node);
            filled.push(texts.fill_in(&mut node, Some(&before.place.source.name), diagnostics));
            sets.retain(|set| set.key != name);
            sets.push(Entry { key: name.to_owned(), key_place: node.place.clone(), node });
        }
        for set in &mut sets {
            filled.push(texts.fill_in(&mut set.node, None, diagnostics));
        }
        texts.check_used(&filled, diagnostics);
        let document = &self.written.document;
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
        match (&self.edited, &self.snapshot.deployment) {
            (Some(edited), Some(deployment)) => {
                play::through_api(&edited.api, &deployment.settings, &self.given)
            }
            _ => play::through(&self.snapshot, self.about, &self.given),
        }
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
        // The definition in force is in a file of its own, which only whoever plays the case can read.
        if self.about == About::Rules || self.edited.is_some() {
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
