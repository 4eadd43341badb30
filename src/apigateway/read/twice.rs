//! Keys that a map has twice. Of equal ones the last counts, as with the parsers of API Gateway; it is told.

use std::collections::HashSet;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Entry, Node, Value};

/// The document without the entries that do not count, where there are any.
pub fn without_earlier(node: &Node, problems: &mut Diagnostics) -> Option<Node> {
    tell(node, problems).then(|| pruned(node))
}

/// Tells of all keys that are there twice; whether there are any.
fn tell(node: &Node, problems: &mut Diagnostics) -> bool {
    match &node.value {
        Value::List(items) => items.iter().filter(|item| tell(item, problems)).count() > 0,
        Value::Map(entries) => {
            let mut earlier = HashSet::with_capacity(entries.len());
            let mut any = false;
            for entry in entries {
                if !earlier.insert(entry.key.as_str()) {
                    any = true;
                    let problem = Diagnostic::warning(format!("`{}` is given twice in one map", entry.key));
                    problems.push(problem.at(&entry.key_place).help("the last one counts"));
                }
                any |= tell(&entry.node, problems);
            }
            any
        }
        _ => false,
    }
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
