//! A case: a request, what the upstream answers, and what the client must get. Users write them for `candor test`,
//! and this project's own behaviour stands in them.
//!
//! [`read`] turns a file into [`Case`]s, with every problem as a diagnostic. [`Case::evaluate`] plays one without a
//! socket; another door (the proxy, with a scripted upstream) makes a [`Played`] of its own, and
//! [`Expectation::mismatches`] judges both alike. What a case is about, rules or an API, is its [`Subject`].

mod api;
mod body_test;
mod carried;
mod content;
mod coverage;
mod decided;
mod difference;
mod expectation;
mod given;
mod headers_test;
mod play;
mod playground;
mod setup;
mod unfold;

use std::collections::HashSet;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::document::{self, Entry, Fields, Node, Value};
use crate::live::Snapshot;
use crate::rules::ReadFile;
use crate::settings;

pub use api::{ApiSetup, Gateway};
pub use coverage::{Coverage, Gap};
pub use expectation::{Expectation, Mismatch};
pub use given::{Given, Request, Upstream};
pub use play::{Decision, Played, Sent, SentRequest, SentTo};
pub use playground::{Playground, Trial, Written};
pub use setup::Setup;

use given::About;

const FILE_KEYS: [&str; 1] = ["cases"];
const CASE_KEYS: [&str; 5] = ["name", unfold::EACH, "request", "upstream", "expect"];

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
    /// What it is about.
    pub subject: Subject,
    /// The request and the upstream's answer.
    pub given: Given,
    /// What the client must get.
    pub expectation: Expectation,
}

/// What a case is about: as written, and compiled. Cases of a file share one unless they have parts of their own.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Rules.
    Rules {
        /// The configuration as written.
        setup: Arc<Setup>,
        /// The configuration in force.
        snapshot: Arc<Snapshot>,
    },
    /// An API of API Gateway.
    Api {
        /// The definition as written, and what it leaves open.
        setup: Arc<ApiSetup>,
        /// The API ready to be asked.
        gateway: Arc<Gateway>,
    },
}

/// Reads a file of cases that names no other file. `None` when there is any error in it.
pub fn read(source: &Arc<Source>, diagnostics: &mut Diagnostics) -> Option<CaseFile> {
    read_with(source, &Base::default(), &api::no_files, diagnostics)
}

/// The same of a file that may name others, and leave to `base` what its cases are about.
pub fn read_with(
    source: &Arc<Source>,
    base: &Base,
    read_file: ReadFile<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<CaseFile> {
    let mut found = Diagnostics::default();
    let file = document::parse(source, &mut found).and_then(|node| file(&node, base, read_file, &mut found));
    let usable = !found.has_errors();
    let mut found = found.into_sorted();
    // What a file and a case of it configure together is compiled for each, and its problems are found by each.
    found.dedup();
    found.into_iter().for_each(|diagnostic| diagnostics.push(diagnostic));
    file.filter(|_| usable)
}

fn file(
    node: &Node,
    base: &Base,
    read_file: ReadFile<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<CaseFile> {
    let node = &with_its_configuration(node);
    let keys = [&setup::KEYS[..], &api::KEYS, &FILE_KEYS].concat();
    let fields = node.fields("a case file", &keys, diagnostics)?;
    let shared = Shared::read(&fields, base, read_file, diagnostics);
    let nodes = fields.require("cases", "a case file", diagnostics)?;
    let unfolded = unfold::unfold(nodes, read_file, diagnostics);
    let listed = unfolded.list("cases", diagnostics)?;
    if listed.is_empty() {
        diagnostics.error(&nodes.place, "a case file without cases");
    }
    let mut names = HashSet::new();
    let cases = listed.iter().filter_map(|node| case(node, &shared, &mut names, diagnostics)).collect();
    Some(CaseFile { cases })
}

/// A configuration with `cases` as a case file about that configuration.
fn with_its_configuration(node: &Node) -> Node {
    let (Value::Map(entries), Some(_)) = (&node.value, node.entry("version")) else { return node.clone() };
    let (cases, configuration) = entries.iter().cloned().partition(|entry| entry.key == "cases");
    let mut entries: Vec<Entry> = cases;
    let place = node.place.clone();
    let configuration = Node { place: place.clone(), value: Value::Map(configuration) };
    entries.push(Entry { key: "config".to_owned(), key_place: place.clone(), node: configuration });
    Node { place, value: Value::Map(entries) }
}

/// What cases are about where neither they nor their file say so.
#[derive(Debug, Clone, Default)]
pub struct Base {
    rules: Option<Setup>,
    api: Option<ApiSetup>,
}

impl Base {
    /// A configuration, as flags give it to any command.
    pub fn new(
        document: Node,
        quick: &settings::Quick,
        read_file: ReadFile<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Base {
        let api = api::of_configuration(&document, quick, read_file, diagnostics);
        Base { rules: Some(Setup::new(document, quick)), api }
    }
}

/// What cases without parts of their own share.
struct Shared<'f> {
    about: About,
    rules: Setup,
    api: ApiSetup,
    subject: Option<Subject>,
    read_file: ReadFile<'f>,
}

impl<'f> Shared<'f> {
    fn read(
        fields: &Fields<'_>,
        base: &Base,
        read_file: ReadFile<'f>,
        diagnostics: &mut Diagnostics,
    ) -> Shared<'f> {
        let about = if base.api.is_some() { About::Api } else { About::Rules };
        let rules = base.rules.clone().unwrap_or_else(|| Setup::empty(fields.place()));
        let api = base.api.clone().unwrap_or_default();
        let base = Shared { about, rules, api, subject: None, read_file };
        let (about, rules, api) =
            base.with(fields, diagnostics).unwrap_or((base.about, base.rules, base.api));
        let subject = match about {
            About::Rules => rules.clone().into_subject(diagnostics),
            About::Api => api.clone().into_subject(diagnostics),
        };
        Shared { about, rules, api, subject, read_file }
    }

    /// The parts that are among these fields in place of its own; nothing where they configure nothing.
    fn with(&self, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<(About, Setup, ApiSetup)> {
        let about = about(fields, diagnostics)?;
        let rules = self.rules.with(fields, self.read_file, diagnostics);
        let api = self.api.with(fields, self.read_file, diagnostics);
        let configured = fields.get("config").and_then(|_| rules.api(self.read_file, diagnostics));
        Some(match configured {
            Some(api) => (About::Api, rules, api),
            None => (about, rules, api),
        })
    }

    /// What a case is about: each part its own, or the file's.
    fn of(&self, fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> (About, Option<Subject>) {
        let (about, subject) = match self.with(fields, diagnostics) {
            None => (self.about, self.subject.clone()),
            Some((About::Rules, rules, _)) => (About::Rules, rules.into_subject(diagnostics)),
            Some((About::Api, _, api)) => (About::Api, api.into_subject(diagnostics)),
        };
        if about == About::Api && subject.is_none() && !diagnostics.has_errors() {
            diagnostics.error(fields.place(), "there is no definition: `openapi` or `definition`");
        }
        (about, subject)
    }
}

/// What these fields are about; nothing where they configure nothing.
fn about(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<About> {
    let first = |keys: &[&str]| fields.entries().iter().find(|entry| keys.contains(&entry.key.as_str()));
    let (rules, api) = (first(&setup::KEYS), first(&api::KEYS));
    if let (Some(rules), Some(api)) = (rules, api) {
        let problem = Diagnostic::error(format!("`{}` beside `{}`", api.key, rules.key)).at(&api.key_place);
        diagnostics.push(problem.help("a case is about rules or about an API"));
    }
    api.map(|_| About::Api).or(rules.map(|_| About::Rules))
}

fn case<'n>(
    node: &'n Node,
    shared: &Shared<'_>,
    names: &mut HashSet<&'n str>,
    diagnostics: &mut Diagnostics,
) -> Option<Case> {
    let keys = [&setup::KEYS[..], &api::KEYS, &CASE_KEYS].concat();
    let fields = node.fields("a case", &keys, diagnostics)?;
    let name = fields.require("name", "a case", diagnostics).and_then(|n| n.text("a name", diagnostics));
    if let Some(name) = name
        && !names.insert(name)
    {
        diagnostics.push(Diagnostic::error(format!("a second case `{name}`")).at(&node.place));
    }
    let (about, subject) = shared.of(&fields, diagnostics);
    let given = Given::read(&fields, about, diagnostics);
    let expectation = fields
        .require("expect", "a case", diagnostics)
        .and_then(|node| Expectation::read(node, given.as_ref(), about, diagnostics));
    Some(Case {
        name: name?.to_owned(),
        place: node.place.clone(),
        subject: subject?,
        given: given?,
        expectation: expectation?,
    })
}

#[cfg(test)]
mod tests;
