//! Short forms of cases written out: a case with `each` is one case for every row, and a body in a `file` is its text.

use super::content::FILE;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Entry, Node, Value};
use crate::rules::ReadFile;

/// The key of a table of cases: a list of maps from names to values, which stand in the case as `{{name}}`.
pub(super) const EACH: &str = "each";
/// Parts of a case that may have a body.
const WITH_BODY: [&str; 3] = ["request", "upstream", "expect"];

/// All cases of a list, written out.
pub(super) fn unfold(cases: &Node, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> Node {
    let Value::List(items) = &cases.value else { return cases.clone() };
    let mut written_out: Vec<Node> = items.iter().flat_map(|case| rows(case, diagnostics)).collect();
    written_out.iter_mut().for_each(|case| read_bodies(case, read_file, diagnostics));
    Node { place: cases.place.clone(), value: Value::List(written_out) }
}

/// The case once for each row of its table, or as it is.
fn rows(case: &Node, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let Some(table) = case.entry(EACH) else { return vec![case.clone()] };
    let Some(rows) = table.node.list("maps from names to values", diagnostics) else { return Vec::new() };
    if rows.is_empty() {
        diagnostics.error(&table.node.place, "`each` without rows: there is no case");
    }
    let rows = rows.iter().filter_map(|row| row.entries("a row of `each`", diagnostics));
    let rows: Vec<&[Entry]> = rows.collect();
    rows.into_iter().map(|row| filled_in(case, row, diagnostics)).collect()
}

fn filled_in(case: &Node, row: &[Entry], diagnostics: &mut Diagnostics) -> Node {
    let mut case = case.clone();
    let Value::Map(entries) = &mut case.value else { return case };
    entries.retain(|entry| entry.key != EACH);
    let mut used = vec![false; row.len()];
    for entry in entries {
        let before = entry.node.clone();
        fill_in(&mut entry.node, row, &mut used);
        // Two rows of one name would be one case twice.
        if entry.key == "name"
            && entry.node == before
            && let Value::Text(name) = &mut entry.node.value
        {
            name.push_str(&row_name(row));
        }
    }
    for (entry, _) in row.iter().zip(used).filter(|(_, used)| !used) {
        let message = format!("`{}` stands nowhere in the case", entry.key);
        let problem = Diagnostic::error(message).at(&entry.key_place);
        diagnostics.push(problem.help(format!("write it as `{{{{{}}}}}`", entry.key)));
    }
    case
}

fn row_name(row: &[Entry]) -> String {
    let values = row.iter().filter_map(|entry| Some(format!("{} {}", entry.key, entry.node.scalar_text()?)));
    format!(" ({})", values.collect::<Vec<_>>().join(", "))
}

/// A text that is nothing but `{{name}}` becomes the value, whatever it is; within a text its text is put.
fn fill_in(node: &mut Node, row: &[Entry], used: &mut [bool]) {
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| fill_in(item, row, used)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| fill_in(&mut entry.node, row, used)),
        Value::Text(text) => {
            for (entry, used) in row.iter().zip(used) {
                let name = format!("{{{{{}}}}}", entry.key);
                if *text == name {
                    *used = true;
                    node.value = entry.node.value.clone();
                    return;
                }
                if let Some(value) = entry.node.scalar_text().filter(|_| text.contains(&name)) {
                    *used = true;
                    *text = text.replace(&name, value);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Puts the text of files in the place of every `file`.
fn read_bodies(case: &mut Node, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) {
    let Value::Map(entries) = &mut case.value else { return };
    for part in entries.iter_mut().filter(|entry| WITH_BODY.contains(&entry.key.as_str())) {
        let Value::Map(fields) = &mut part.node.value else { continue };
        for field in fields.iter_mut().filter(|field| field.key == FILE) {
            let Some(path) = field.node.text("a path", diagnostics) else { continue };
            match read_file(path, &field.node.place) {
                Ok(source) => {
                    field.key = "body".to_owned();
                    field.node.value = Value::Text(source.text.clone());
                }
                Err(problem) => diagnostics.push(problem),
            }
        }
    }
}
