//! The API of a case: its definition, written right there or in a file beside it, and what that leaves open; or that of a
//! configuration. Of an OpenAPI definition written right there the version may be left out.

use std::sync::Arc;

use super::{Subject, content};
use crate::apigateway::execute::{self, ResponseModels};
use crate::apigateway::model::Api;
use crate::apigateway::read::{self, Options, native};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::document::{Entry, Fields, Node, Value};
use crate::rules::{ReadFile, fill_in_templates};
use crate::settings::{self, Quick};

pub(super) const KEYS: [&str; 8] =
    ["openapi", "definition", "stage", "stage_variables", "parameters", "keys", "strict", "response_models"];
/// The two ways to give a definition.
const DEFINITIONS: [&str; 2] = ["openapi", "definition"];
/// What a definition leaves open.
const OPEN: [&str; 6] = ["stage", "stage_variables", "parameters", "keys", "strict", "response_models"];
/// The version of a definition that names none.
const VERSION: &str = "3.0.1";

/// An API as written, known to be readable once its case file was read.
#[derive(Debug, Clone, Default)]
pub struct ApiSetup {
    definition: Option<Definition>,
    open: Vec<Entry>,
}

#[derive(Debug, Clone)]
enum Definition {
    /// A map in the case file.
    Here(Node),
    /// A text in the case file, or a file of its own.
    Text(Arc<Source>),
    /// An API in Candor's own words.
    Own(Node),
}

/// An API, ready to be asked.
#[derive(Debug)]
pub struct Gateway {
    /// What the definition says.
    pub api: Api,
    /// How it is carried out.
    pub settings: execute::Settings,
}

impl ApiSetup {
    /// The same, with the parts that are among these fields in place of its own.
    pub(super) fn with(
        &self,
        fields: &Fields<'_>,
        read_file: ReadFile<'_>,
        diagnostics: &mut Diagnostics,
    ) -> ApiSetup {
        let given = content::only(fields, &DEFINITIONS, "there is one definition", diagnostics);
        let open = OPEN.iter().filter_map(|key| {
            let own = self.open.iter().find(|entry| entry.key == *key);
            fields.entry(key).or(own).cloned()
        });
        ApiSetup {
            definition: match given {
                Some(entry) => Definition::read(entry, read_file, diagnostics),
                None => self.definition.clone(),
            },
            open: open.collect(),
        }
    }

    /// What a configuration says of its API; how it is reached has no bearing on a case.
    fn of_api(node: &Node, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> ApiSetup {
        let entries = node.entries("an API", diagnostics).unwrap_or_default();
        let open = entries.iter().filter(|entry| OPEN.contains(&entry.key.as_str())).cloned().collect();
        let definition = match node.entry("definition") {
            Some(definition) => Definition::read(definition, read_file, diagnostics),
            None => {
                let mut own = node.clone();
                fill_in_templates(&mut own, read_file, diagnostics);
                Some(Definition::Own(own))
            }
        };
        ApiSetup { definition, open }
    }

    /// What a case is about that has this API. `None` when there is an error in it.
    pub(super) fn into_subject(self, diagnostics: &mut Diagnostics) -> Option<Subject> {
        let gateway = Arc::new(self.compile(diagnostics)?);
        Some(Subject::Api { setup: Arc::new(self), gateway })
    }

    /// Reads the definition. `None` when there is an error in it, or none to read.
    pub fn compile(&self, diagnostics: &mut Diagnostics) -> Option<Gateway> {
        let options = self.options(diagnostics);
        let strict = self.node("strict").and_then(|node| node.bool(diagnostics));
        let models = self
            .node("response_models")
            .and_then(|node| node.word("a choice of `response_models`", &ResponseModels::NAMED, diagnostics));
        let settings = execute::Settings {
            keys: self.node("keys").and_then(|node| settings::api_keys(node, diagnostics)),
            strict: strict.unwrap_or_default(),
            // A case that does not fit its model is told, whatever the sidecar does about it.
            response_models: models.unwrap_or(ResponseModels::Warn),
            ..Default::default()
        };
        let api = match self.definition.as_ref()? {
            Definition::Here(node) => read::read_node(&with_version(node), &options, diagnostics),
            Definition::Text(source) => read::read(source, &options, diagnostics),
            Definition::Own(node) => native::read(node, &options, diagnostics),
        };
        Some(Gateway { api: api?, settings })
    }

    fn options(&self, diagnostics: &mut Diagnostics) -> Options {
        let stage = self.node("stage").and_then(|node| node.text("the name of a stage", diagnostics));
        Options {
            stage: stage.map(str::to_owned),
            stage_variables: self.pairs("stage_variables", diagnostics),
            parameters: self.pairs("parameters", diagnostics),
            ..Options::default()
        }
    }

    fn pairs(&self, key: &str, diagnostics: &mut Diagnostics) -> Vec<(String, String)> {
        let entries = self.node(key).and_then(|node| node.entries(&format!("`{key}`"), diagnostics));
        let entries = entries.unwrap_or_default().iter();
        let pairs = entries.filter_map(|entry| {
            let value = entry.node.text("the value of a variable", diagnostics)?;
            Some((entry.key.clone(), value.to_owned()))
        });
        pairs.collect()
    }

    fn node(&self, key: &str) -> Option<&Node> {
        self.open.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }
}

impl Definition {
    fn read(entry: &Entry, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> Option<Definition> {
        let node = &entry.node;
        match (entry.key.as_str(), &node.value) {
            ("openapi", Value::Map(_)) => Some(Definition::Here(node.clone())),
            ("openapi", _) => {
                let text = node.text("a definition (a map or a text)", diagnostics)?;
                Some(Definition::Text(in_its_file(node, text)))
            }
            _ => match read_file(node.text("a path", diagnostics)?, &node.place) {
                Ok(source) => Some(Definition::Text(source)),
                Err(problem) => {
                    diagnostics.push(problem);
                    None
                }
            },
        }
    }
}

/// A text within a file as that file with all else left blank, so that what is wrong with it has its place there. A
/// text that does not stand there line by line has no place but its own.
fn in_its_file(node: &Node, text: &str) -> Arc<Source> {
    let (source, first) = (&node.place.source, node.place.line);
    let mut lines = "\n".repeat(first.saturating_sub(1));
    for (number, line) in text.lines().enumerate() {
        match source.line(first + number).filter(|written| written.trim_start() == line.trim_start()) {
            Some(written) => lines.extend([written, "\n"]),
            None => return Source::new(format!("{}, the definition", source.name), text),
        }
    }
    Source::new(&source.name, lines)
}

fn with_version(node: &Node) -> Node {
    let mut node = node.clone();
    if read::format(&node).is_none()
        && let Value::Map(entries) = &mut node.value
    {
        let place = node.place.clone();
        let version = Node { place: place.clone(), value: Value::Text(VERSION.to_owned()) };
        entries.push(Entry { key: "openapi".to_owned(), key_place: place, node: version });
    }
    node
}

/// The API that a configuration has besides rules, if it has one and no routes: there may be cases of either, and a
/// case of a route says so by its own `rules`.
pub(super) fn of_configuration(
    document: &Node,
    quick: &Quick,
    read_file: ReadFile<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ApiSetup> {
    let api = document.entry("api").filter(|_| document.entry("routes").is_none())?;
    let mut setup = ApiSetup::of_api(&api.node, read_file, diagnostics);
    for (key, pairs) in [("stage_variables", &quick.stage_variables), ("parameters", &quick.parameters)] {
        if let Some(given) = map_of_pairs(key, pairs) {
            lay_over(&mut setup.open, given);
        }
    }
    Some(setup)
}

/// Puts the entries of a map in the place of those that have their names.
fn lay_over(open: &mut Vec<Entry>, given: Entry) {
    let Some(known) = open.iter_mut().find(|known| known.key == given.key) else { return open.push(given) };
    if let (Value::Map(known), Value::Map(given)) = (&mut known.node.value, given.node.value) {
        known.retain(|entry| !given.iter().any(|it| it.key == entry.key));
        known.extend(given);
    }
}

/// `NAME=VALUE` of flags as the map that a file would have.
fn map_of_pairs(key: &str, pairs: &[Node]) -> Option<Entry> {
    let entry = |node: &Node| {
        let (name, value) = node.scalar_text()?.split_once('=')?;
        let node = Node { place: node.place.clone(), value: Value::Text(value.to_owned()) };
        Some(Entry { key: name.to_owned(), key_place: node.place.clone(), node })
    };
    let place = pairs.first()?.place.clone();
    let node = Node { place: place.clone(), value: Value::Map(pairs.iter().filter_map(entry).collect()) };
    Some(Entry { key: key.to_owned(), key_place: place, node })
}

/// For those who read no files.
pub(super) fn no_files(path: &str, place: &Place) -> Result<Arc<Source>, Diagnostic> {
    let problem = Diagnostic::error(format!("`{path}` cannot be read here")).at(place);
    Err(problem.help("write the definition into the case file: `openapi: …`"))
}
