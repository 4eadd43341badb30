//! What all readers share: the document with its references, the stage variables, the problems found so far.

use std::collections::HashMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::Options;
use crate::apigateway::model::{MappingTemplate, Model};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::document::{Entry, Node, Value};

/// References to references that are followed.
const REFERENCES_MAX: usize = 20;
/// Unknown keys for which a known one is sought: comparing spellings is slow, and whoever has more has another problem.
const SPELLINGS_MAX: usize = 500;

pub struct Reader<'a> {
    pub root: &'a Node,
    pub options: Options,
    pub problems: &'a mut Diagnostics,
    /// Models by the reference to them; those that are broken too, so that each is told once.
    pub models: HashMap<String, Option<Arc<Model>>>,
    /// Templates by text: a definition often repeats one for every method.
    pub templates: HashMap<String, Option<Arc<MappingTemplate>>>,
    /// Spellings that were compared.
    spellings: usize,
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
        Reader { root, options, problems, models: HashMap::new(), templates: HashMap::new(), spellings: 0 }
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
        for _ in 0..REFERENCES_MAX {
            let Some(reference) = at.entry("$ref") else { return Some(at) };
            let text = reference.node.text("a reference", self.problems)?;
            at = self.referred(text, &reference.node.place)?;
        }
        self.error(&node.place, "`$ref` leads back to itself");
        None
    }

    /// What a reference within the file points at.
    pub fn referred(&mut self, reference: &str, place: &Place) -> Option<&'a Node> {
        let Some(pointer) = reference.strip_prefix("#/") else {
            let problem = Diagnostic::error(format!("`{reference}` is not in this file")).at(place);
            self.problems.push(problem.help("API Gateway knows references that begin with `#/` only"));
            return None;
        };
        let found = pointer.split('/').try_fold(self.root, |node, part| {
            let part = percent_decode_str(part).decode_utf8_lossy().replace("~1", "/").replace("~0", "~");
            node.entry(&part).map(|entry| &entry.node)
        });
        if found.is_none() {
            self.error(place, format!("`{reference}` points at nothing"));
        }
        found
    }

    /// The entries of a map, references resolved; keys that are not read are told.
    pub fn map(&mut self, node: &'a Node, what: &str, keys: &Keys<'_>) -> Option<&'a Node> {
        let node = self.resolve(node)?;
        let entries = node.entries(what, self.problems)?;
        for entry in entries {
            self.key(entry, what, keys);
        }
        Some(node)
    }

    fn key(&mut self, entry: &Entry, what: &str, keys: &Keys<'_>) {
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
        let meant = self.meant(key, keys.read.iter().copied());
        self.problems.push(match meant {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem.help("it is left out"),
        });
    }

    /// What a word was probably meant to be.
    pub fn meant<'k>(&mut self, word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
        self.spellings += 1;
        (self.spellings <= SPELLINGS_MAX).then(|| did_you_mean(word, known)).flatten()
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

    /// The value of a stage variable; none has the empty one, as on API Gateway.
    pub fn stage_variable(&mut self, name: &str, place: &Place) -> String {
        let found = self.options.stage_variables.iter().find(|(known, _)| known == name);
        if let Some((_, value)) = found {
            return value.clone();
        }
        let problem = Diagnostic::warning(format!("stage variable `{name}` has no value")).at(place);
        self.problems.push(problem.help(format!("give it one: `--stage-variable {name}=…`")));
        String::new()
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
