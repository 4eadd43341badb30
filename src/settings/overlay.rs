//! Documents laid over each other: maps are merged, everything else is replaced by the later one, `null` too.
//! The `config` crate decides what wins where. The values themselves stay out of it, as it would forget how they
//! were written and where: each comes back as the [`Node`] that went in.

use std::collections::HashMap;

use config::{Config, ConfigError, Map, ValueKind};

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::document::{Entry, Node, Value};

/// The only key that `config` sees at the top: it reads those as path expressions, and deeper ones as they are.
const ROOT: &str = "document";

/// Lays documents over each other, later ones on top. `None` without any.
pub(super) fn overlay(documents: Vec<Node>, diagnostics: &mut Diagnostics) -> Option<Node> {
    let mut originals = Originals::default();
    let mut builder = Config::builder();
    for node in documents {
        let root = Entry { key: ROOT.to_owned(), key_place: node.place.clone(), node };
        builder = builder.add_source(Document(originals.put(root, &mut Vec::new())));
    }
    match builder.build() {
        Ok(config) => {
            let root = table(config.cache)?.shift_remove(ROOT)?;
            originals.find(ROOT.to_owned(), root, &mut Vec::new()).map(|entry| entry.node)
        }
        Err(error) => {
            diagnostics.push(Diagnostic::error(format!("the layers cannot be merged: {error}")));
            None
        }
    }
}

fn table(value: config::Value) -> Option<Map<String, config::Value>> {
    match value.kind {
        ValueKind::Table(table) => Some(table),
        _ => None,
    }
}

/// A document as `config` sees it: its true nesting, and for each leaf a number instead of the value.
#[derive(Debug, Clone)]
struct Document(config::Value);

impl config::Source for Document {
    fn clone_into_box(&self) -> Box<dyn config::Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, config::Value>, ConfigError> {
        Ok(Map::from_iter([(ROOT.to_owned(), self.0.clone())]))
    }
}

/// The entries that went into the layering, to be found again by what came out.
#[derive(Default)]
struct Originals {
    /// Scalars and lists, by the number that is their value's origin.
    leaves: Vec<Entry>,
    /// Where each map was first begun, its key and itself, by the keys that lead to it: maps have no origin.
    maps: HashMap<Vec<String>, (Place, Place)>,
}

impl Originals {
    fn put(&mut self, entry: Entry, path: &mut Vec<String>) -> config::Value {
        let Value::Map(entries) = entry.node.value else {
            let number = self.leaves.len().to_string();
            self.leaves.push(entry);
            return config::Value::new(Some(&number), ValueKind::Nil);
        };
        self.maps.entry(path.clone()).or_insert((entry.key_place, entry.node.place));
        let mut table = Map::new();
        for entry in entries {
            let key = entry.key.clone();
            path.push(key.clone());
            table.insert(key, self.put(entry, path));
            path.pop();
        }
        config::Value::new(None, table)
    }

    fn find(&self, key: String, value: config::Value, path: &mut Vec<String>) -> Option<Entry> {
        if let Some(number) = value.origin() {
            return self.leaves.get(number.parse::<usize>().ok()?).cloned();
        }
        let (key_place, place) = self.maps.get(path)?.clone();
        let mut entries = Vec::new();
        for (key, value) in table(value)? {
            path.push(key.clone());
            entries.extend(self.find(key, value, path));
            path.pop();
        }
        Some(Entry { key, key_place, node: Node { place, value: Value::Map(entries) } })
    }
}
