//! Keys that a map has twice. Of equal ones the last counts, as with the parsers of API Gateway; it is told.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Entry, Node, Value};

/// Entries of a map that is looked through and not hashed.
const SMALL: usize = 8;

/// The document without the entries that do not count, where there are any.
pub fn without_earlier(node: &Node, problems: &mut Diagnostics) -> Option<Node> {
    tell(node, problems).then(|| pruned(node))
}

/// Tells of all keys that are there twice; whether there are any.
fn tell(node: &Node, problems: &mut Diagnostics) -> bool {
    match &node.value {
        Value::List(items) => items.iter().filter(|item| tell(item, problems)).count() > 0,
        Value::Map(entries) => {
            let repeated = repeated(entries);
            for entry in &repeated {
                let problem = Diagnostic::warning(format!("`{}` is given twice in one map", entry.key));
                problems.push(problem.at(&entry.key_place).help("the last one counts"));
            }
            let within = entries.iter().filter(|entry| tell(&entry.node, problems)).count();
            !repeated.is_empty() || within > 0
        }
        _ => false,
    }
}

/// The entries whose keys were there before. Most maps are small, and looked through sooner than hashed.
fn repeated(entries: &[Entry]) -> Vec<&Entry> {
    if entries.len() <= SMALL {
        let before = |index: usize, entry: &Entry| entries.iter().take(index).any(|it| it.key == entry.key);
        return entries
            .iter()
            .enumerate()
            .filter(|(index, it)| before(*index, it))
            .map(|(_, it)| it)
            .collect();
    }
    let mut earlier = HashSet::with_capacity(entries.len());
    entries.iter().filter(|entry| !earlier.insert(entry.key.as_str())).collect()
}

fn pruned(node: &Node) -> Node {
    let value = match &node.value {
        Value::List(items) => Value::List(items.iter().map(pruned).collect()),
        Value::Map(entries) => {
            let mut later = HashSet::with_capacity(entries.len());
            let last = entries.iter().rev().filter(|entry| later.insert(entry.key.as_str()));
            let mut kept: Vec<Entry> =
                last.map(|entry| Entry { node: pruned(&entry.node), ..entry.clone() }).collect();
            kept.reverse();
            Value::Map(kept)
        }
        scalar => scalar.clone(),
    };
    Node { place: node.place.clone(), value }
}
