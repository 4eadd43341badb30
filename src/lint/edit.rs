//! A change of a file that leaves everything around it as it is: one scalar in the place of another.

use std::ops::Range;

use crate::diagnostic::{Diagnostics, Place, Source};
use crate::document::{self, Tags};

/// One scalar in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Where it stands.
    pub place: Place,
    /// What the scalar says now.
    pub from: String,
    /// What it is to say.
    pub to: String,
}

/// A file with edits made, and how many could be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The whole text.
    pub text: String,
    /// For each edit, whether it was made. One is not if the scalar does not stand in the file as it is on one line (it
    /// is folded, or a variable stands there), or if it overlaps with one that was made.
    pub made: Vec<bool>,
}

/// Makes edits in a text.
pub fn edited(text: &str, edits: &[&Edit]) -> Edited {
    let mut made = Vec::with_capacity(edits.len());
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    for edit in edits {
        let change = change(text, edit).filter(|(range, _)| {
            changes.iter().all(|(other, _)| range.end <= other.start || other.end <= range.start)
        });
        made.push(change.is_some());
        changes.extend(change);
    }
    changes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
    let mut text = text.to_owned();
    for (range, new) in changes {
        text.replace_range(range, &new);
    }
    Edited { text, made }
}

/// The bytes to replace, and what with.
fn change(text: &str, edit: &Edit) -> Option<(Range<usize>, String)> {
    let range = range(text, &edit.place)?;
    let written = text.get(range.clone())?;
    if scalar(written)? != edit.from {
        return None;
    }
    let new = quoted(&edit.to, written)?;
    (scalar(&new)? == edit.to).then_some((range, new))
}

/// The bytes of a place.
fn range(text: &str, place: &Place) -> Option<Range<usize>> {
    let before: usize = text.split_inclusive('\n').take(place.line.checked_sub(1)?).map(str::len).sum();
    let line = text.get(before..)?.lines().next()?;
    let mut bytes =
        line.char_indices().map(|(byte, _)| byte).chain([line.len()]).skip(place.column.checked_sub(1)?);
    let start = bytes.next()?;
    let end = bytes.nth(place.width.checked_sub(1)?)?;
    Some(before + start..before + end)
}

/// What a scalar says.
fn scalar(written: &str) -> Option<String> {
    let source = Source::new("", written);
    let mut diagnostics = Diagnostics::default();
    let node = document::parse_with(&source, Tags::Ignored, 2, &mut diagnostics)?;
    node.scalar_text().map(str::to_owned)
}

/// A scalar in the style of the one it replaces. A plain one stays so if it is a word.
fn quoted(text: &str, like: &str) -> Option<String> {
    if text.chars().any(char::is_control) {
        return None;
    }
    match like.chars().next()? {
        '"' => serde_json::to_string(text).ok(),
        first if first != '\'' && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
            Some(text.to_owned())
        }
        _ => Some(format!("'{}'", text.replace('\'', "''"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Node, Value};

    /// The scalar at `a`, edited.
    #[track_caller]
    fn check(text: &str, to: &str, expected: Option<&str>) {
        let node = document::parse(&Source::new("f.yaml", text), &mut Diagnostics::default()).unwrap();
        let a = &node.entry("a").unwrap().node;
        let from = match &a.value {
            Value::List(items) => &items[0],
            _ => a,
        };
        let edit = edit_of(from, to);
        let edited = edited(text, &[&edit]);
        assert_eq!(edited.made, [expected.is_some()], "{text}");
        assert_eq!(edited.text, expected.unwrap_or(text));
    }

    fn edit_of(node: &Node, to: &str) -> Edit {
        Edit { place: node.place.clone(), from: node.scalar_text().unwrap().to_owned(), to: to.to_owned() }
    }

    #[test]
    fn only_the_scalar_is_changed_and_its_style_is_kept() {
        check("# é\na: '4.'  # why\nb: 1\n", r"\b4.\b", Some("# é\na: '\\b4.\\b'  # why\nb: 1\n"));
        check("a: 4.+ # why", r"\b4.+\b", Some("a: '\\b4.+\\b' # why"));
        check("a: search", "matches", Some("a: matches"));
        check("{\"a\": \"4\\\\d\"}", r"\d", Some("{\"a\": \"\\\\d\"}"));
        check("a: 'it''s'", "it's not", Some("a: 'it''s not'"));
        check("a: [ x, y ]", "z", Some("a: [ z, y ]"));
        check("a: x\r\nb: y\r\n", "z", Some("a: z\r\nb: y\r\n"));
    }

    #[test]
    fn what_has_no_exact_place_is_left_alone() {
        check("a: |\n  x.*\n", "y", None);
        check("a: >-\n  x\n  y\n", "y", None);
        check("a: 'x\n  y'\n", "y", None);
        check("a: x\n", "two\nlines", None);
        let source = Source::new("f.yaml", "a: '${PATTERN}'\n");
        let place = Place { source, line: 1, column: 4, width: 12 };
        let expanded = Edit { place, from: "4..".to_owned(), to: "5..".to_owned() };
        assert_eq!(edited("a: '${PATTERN}'\n", &[&expanded]).made, [false]);
        assert_eq!(edited("", &[&expanded]).made, [false]);
    }

    #[test]
    fn of_two_edits_in_one_place_the_first_is_made() {
        let text = "a: 'x'\n";
        let node = document::parse(&Source::new("f.yaml", text), &mut Diagnostics::default()).unwrap();
        let a = &node.entry("a").unwrap().node;
        let edited = edited(text, &[&edit_of(a, "y"), &edit_of(a, "z")]);
        assert_eq!((edited.text.as_str(), edited.made.as_slice()), ("a: 'y'\n", [true, false].as_slice()));
    }
}
