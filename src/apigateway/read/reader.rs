//! What all readers share: the document with its references, the stage variables, the problems found so far.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::Options;
use super::budget::Budget;
use crate::apigateway::model::{MappingTemplate, Model};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::document::{Entry, Node, Value};

/// References to references that are followed.
const REFERENCES_MAX: usize = 20;
/// Values that references may bring in, in all: a short reference to something long can stand in thousands of places.
const REFERRED_MAX: usize = 5_000_000;
/// Words that unknown ones are compared with, in all: comparing is slow, and whoever has so many wrong has another problem.
const COMPARISONS_MAX: usize = 20_000;

pub struct Reader<'a> {
    pub root: &'a Node,
    pub options: Options,
    pub problems: &'a mut Diagnostics,
    /// Models by the reference to them; those that are broken too, so that each is told once.
    pub models: HashMap<String, Option<Arc<Model>>>,
    /// Those that requests are held against, with where they are written.
    pub enforced: Vec<(Arc<Model>, Place)>,
    /// Templates by text: a definition often repeats one for every method.
    pub templates: HashMap<String, Option<Arc<MappingTemplate>>>,
    /// The maps that references lead through, each by its address.
    homes: HashMap<*const Node, HashMap<&'a str, &'a Node>>,
    /// Values that references have brought in.
    referred: Budget,
    /// Words that were compared.
    comparisons: usize,
}

/// The keys of a map.
pub struct Keys<'k> {
    /// What is read.
    pub read: &'k [&'k str],
    /// What has no bearing on requests and answers.
    pub silent: &'k [&'k str],
    /// What has and is not carried out, with what that means.
    pub unsupported: &'k [(&'k str, &'k str)],
    /// What API Gateway leaves out as well.
    pub inert: &'k [&'k str],
}

impl<'a> Reader<'a> {
    pub fn new(root: &'a Node, options: Options, problems: &'a mut Diagnostics) -> Reader<'a> {
        Reader {
            root,
            options,
            problems,
            models: HashMap::new(),
            enforced: Vec::new(),
            templates: HashMap::new(),
            homes: HashMap::new(),
            referred: Budget::new(
                REFERRED_MAX,
                format!("with all that references bring in there are more than {REFERRED_MAX} values"),
            ),
            comparisons: 0,
        }
    }

    pub fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.error(place, message);
    }

    pub fn warning(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Diagnostic::warning(message).at(place));
    }

    /// A warning of something that is not carried out.
    pub fn left_out(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Diagnostic::warning(message).at(place).left_out());
    }

    /// A warning of something that is carried out nearly as on API Gateway.
    pub fn approximated(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Diagnostic::warning(message).at(place).approximated());
    }

    /// A value, or what it refers to.
    pub fn resolve(&mut self, node: &'a Node) -> Option<&'a Node> {
        let mut at = node;
        for followed in 0..REFERENCES_MAX {
            let Some(reference) = at.entry("$ref") else {
                let is_taken =
                    followed == 0 || !self.referred.is_spent() && self.takes(at.count(), &node.place);
                return is_taken.then_some(at);
            };
            let text = reference.node.text("a reference", self.problems)?;
            at = self.referred(text, &reference.node.place)?;
        }
        self.error(&node.place, "`$ref` leads back to itself");
        None
    }

    /// Whether references may bring in so many values more; told where they no longer may.
    pub fn takes(&mut self, values: usize, place: &Place) -> bool {
        self.referred.takes(values, place, self.problems)
    }

    /// What a reference within the file points at.
    pub fn referred(&mut self, reference: &str, place: &Place) -> Option<&'a Node> {
        self.pointed(reference).map_err(|problem| self.problems.push(problem.at(place))).ok()
    }

    /// What a reference within the file points at, or what is wrong with it.
    pub fn pointed(&mut self, reference: &str) -> Result<&'a Node, Diagnostic> {
        let Some(pointer) = reference.strip_prefix("#/") else {
            let problem = Diagnostic::error(format!("`{reference}` is not in this file"));
            return Err(problem.help("API Gateway knows references that begin with `#/` only"));
        };
        let found = pointer.split('/').try_fold(self.root, |node, part| {
            let part = percent_decode_str(part).decode_utf8_lossy().replace("~1", "/").replace("~0", "~");
            self.child(node, &part)
        });
        found.ok_or_else(|| Diagnostic::error(format!("`{reference}` points at nothing")))
    }

    /// The value of a key of a map that may be large and asked often.
    pub fn child(&mut self, map: &'a Node, key: &str) -> Option<&'a Node> {
        let Value::Map(entries) = &map.value else { return None };
        let keyed = || entries.iter().rev().map(|entry| (entry.key.as_str(), &entry.node)).collect();
        self.homes.entry(std::ptr::from_ref(map)).or_insert_with(keyed).get(key).copied()
    }

    /// The entries of a map, references resolved; keys that are not read are told.
    pub fn map(&mut self, node: &'a Node, what: &str, keys: &Keys<'_>) -> Option<&'a Node> {
        let node = self.resolve(node)?;
        let entries = node.entries(what, self.problems)?;
        for entry in entries {
            self.key(entry, entries, what, keys);
        }
        Some(node)
    }

    fn key(&mut self, entry: &Entry, siblings: &[Entry], what: &str, keys: &Keys<'_>) {
        let key = entry.key.as_str();
        if keys.read.contains(&key) || keys.silent.contains(&key) {
            return;
        }
        if let Some((_, meaning)) = keys.unsupported.iter().find(|(known, _)| *known == key) {
            if asks_for_nothing(&entry.node) {
                return;
            }
            let message = format!("`{key}` is not carried out: {meaning}");
            return self.left_out(&entry.key_place, message);
        }
        if keys.inert.contains(&key) {
            let message = format!("`{key}` is of no effect here, as on API Gateway");
            return self.warning(&entry.key_place, message);
        }
        if key.starts_with("x-") && !key.starts_with("x-amazon-") {
            return;
        }
        let problem =
            Diagnostic::warning(format!("unknown key `{key}` in {what}")).at(&entry.key_place).left_out();
        let is_free = |known: &&str| !siblings.iter().any(|sibling| sibling.key == *known);
        let meant = self.meant(key, keys.read.iter().copied().filter(is_free));
        self.problems.push(match meant {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem.help("it is left out"),
        });
    }

    /// What a word was probably meant to be.
    pub fn meant<'k>(&mut self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
        let left = COMPARISONS_MAX - self.comparisons;
        let known: Vec<&str> = known.into_iter().take(left).collect();
        self.comparisons += known.len();
        did_you_mean(word, known)
    }

    /// The value of a key; a null is none, as on API Gateway.
    pub fn get(&self, node: &'a Node, key: &str) -> Option<&'a Node> {
        node.entry(key).map(|entry| &entry.node).filter(|node| node.value != Value::Null)
    }

    /// The entries of a map with keys of the author's choosing, where it is there.
    pub fn entries(&mut self, node: Option<&'a Node>, what: &str) -> &'a [Entry] {
        let node = node.and_then(|node| self.resolve(node));
        node.and_then(|node| node.entries(what, self.problems)).unwrap_or_default()
    }

    /// The value of a stage variable; that it has none is told.
    pub fn stage_variable(&mut self, name: &str, place: &Place) -> Option<String> {
        let found = self.options.stage_variables.iter().find(|(known, _)| known == name);
        if let Some((_, value)) = found {
            return Some(value.clone());
        }
        let problem = Diagnostic::warning(format!("stage variable `{name}` has no value")).at(place);
        self.problems.push(problem.help(format!("give it one: `--stage-variable {name}=…`")));
        None
    }
}

/// Whether a value says that the thing is not wanted: `security: []`, `{ type: NONE }`.
fn asks_for_nothing(node: &Node) -> bool {
    match &node.value {
        Value::Null | Value::Bool(false) => true,
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => {
            entries.iter().all(|entry| entry.key == "type" && asks_for_nothing(&entry.node))
        }
        Value::Text(text) => matches!(text.to_ascii_uppercase().as_str(), "NONE" | "BUFFERED"),
        Value::Bool(true) | Value::Number(_) => false,
    }
}
