//! Values of a YAML file replaced where they stand, with all else of the file as it is.

use crate::diagnostic::Source;
use crate::document::{Entry, Value};

/// A text in place of another, by bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    start: usize,
    end: usize,
    text: String,
}

impl Edit {
    /// This text, a value on one line, in place of the value of an entry. Nothing where it cannot be told where the value
    /// ends.
    pub fn of(entry: &Entry, text: &str) -> Option<Edit> {
        let source = &entry.node.place.source;
        let key_end = offset(source, entry.key_place.line, entry.key_place.column + entry.key_place.width)?;
        let colon = key_end + source.text.get(key_end..)?.find(':')?;
        let value = offset(source, entry.node.place.line, entry.node.place.column)?;
        let is_below = entry.node.place.line > entry.key_place.line;
        let rest = source.text.get(value..)?;
        let end = match rest.chars().next() {
            Some('|' | '>') => block_end(source, entry)?,
            Some('{' | '[') => value + collection_end(rest)?,
            Some(quote @ ('"' | '\'')) => value + quoted_end(rest, quote)?,
            _ if matches!(entry.node.value, Value::Map(_) | Value::List(_)) || is_below => {
                block_end(source, entry)?
            }
            _ => offset(source, entry.node.place.line, entry.node.place.column + entry.node.place.width)?,
        };
        Some(Edit { start: colon + 1, end, text: format!(" {text}") })
    }

    /// The text of the file after some edits that do not overlap.
    pub fn apply(mut edits: Vec<Edit>, text: &str) -> String {
        edits.sort_by_key(|edit| edit.start);
        let (mut edited, mut at) = (String::with_capacity(text.len()), 0);
        for edit in &edits {
            edited.push_str(text.get(at..edit.start).unwrap_or_default());
            edited.push_str(&edit.text);
            at = edit.end;
        }
        edited.push_str(text.get(at..).unwrap_or_default());
        edited
    }
}

/// Where a place begins in a text. Columns count characters.
fn offset(source: &Source, line: usize, column: usize) -> Option<usize> {
    let begin = match line.checked_sub(2) {
        None => 0,
        Some(before) => source.text.match_indices('\n').nth(before)?.0 + 1,
    };
    let rest = source.text.get(begin..)?;
    let within: usize = rest.chars().take(column.checked_sub(1)?).map(char::len_utf8).sum();
    Some(begin + within)
}

/// The end of a value that goes on for as long as lines are indented more than its key.
fn block_end(source: &Source, entry: &Entry) -> Option<usize> {
    let indent = entry.key_place.column - 1;
    let mut end = offset(source, entry.key_place.line, 1)?;
    let mut last = end;
    for (number, line) in source.text.get(end..)?.split_inclusive('\n').enumerate() {
        let is_blank = line.trim().is_empty();
        if number > 0 && !is_blank && line.len() - line.trim_start().len() <= indent {
            break;
        }
        end += line.len();
        if !is_blank {
            last = end - (line.len() - line.trim_end_matches(['\n', '\r']).len());
        }
    }
    Some(last)
}

fn collection_end(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(next) = text.get(at..)?.chars().next() {
        match next {
            '{' | '[' => depth += 1,
            '}' | ']' if depth == 1 => return Some(at + 1),
            '}' | ']' => depth -= 1,
            quote @ ('"' | '\'') if begins_value(text, at) => {
                at += quoted_end(text.get(at..)?, quote)?;
                continue;
            }
            _ => {}
        }
        at += next.len_utf8();
    }
    None
}

/// Whether a quote stands where a value begins: within a plain text it is a character like others.
fn begins_value(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default().trim_end();
    before.ends_with(['{', '[', ',', ':'])
}

fn quoted_end(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => _ = characters.next(),
            _ if character == quote
                && quote == '\''
                && characters.peek().is_some_and(|(_, it)| *it == quote) =>
            {
                _ = characters.next();
            }
            _ if character == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::document::{Node, parse};

    /// The file with `new` in place of the value at a path of keys.
    #[track_caller]
    fn check(text: &str, path: &[&str], new: &str, expected: &str) {
        let source = Source::new("f.yaml", text);
        let root = parse(&source, &mut Diagnostics::default()).unwrap();
        let (last, before) = path.split_last().unwrap();
        let parent: &Node = before.iter().fold(&root, |node, key| &node.entry(key).unwrap().node);
        let edit = Edit::of(parent.entry(last).unwrap(), new).unwrap();
        assert_eq!(Edit::apply(vec![edit], text), expected);
    }

    #[test]
    fn a_value_is_replaced_and_all_else_stays() {
        check("a: { b: 1, c: 2 } # x\nd: 3\n", &["a", "b"], "7", "a: { b: 7, c: 2 } # x\nd: 3\n");
        check("a: { b: { x: '}', y: [1, \"]\"] }, c: 2 }\n", &["a", "b"], "7", "a: { b: 7, c: 2 }\n");
        check("a: { b: it's, c: [x] }\n", &["a", "c"], "[]", "a: { b: it's, c: [] }\n");
        check("a:\n  b: 'it''s' # x\n  c: 1\n", &["a", "b"], "7", "a:\n  b: 7 # x\n  c: 1\n");
        check("a:\n  b: |\n    x\n\n    y\n\n  c: 1\n", &["a", "b"], "7", "a:\n  b: 7\n\n  c: 1\n");
        check("a:\n  b:\n    x: 1\n    y: 2\nc: 1\n", &["a", "b"], "7", "a:\n  b: 7\nc: 1\n");
        check("a:\n  - 1\n  - 2\nc: 1\n", &["a"], "[3]", "a: [3]\nc: 1\n");
        check("ü: 'ä'\nc: 1", &["ü"], "7", "ü: 7\nc: 1");
    }
}
