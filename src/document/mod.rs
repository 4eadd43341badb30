//! A file that the user wrote, as a tree in which every key and value knows its place.
//! YAML 1.2 (and so JSON) in, [`Node`]s out. Knows no key of the configuration: readers ask a node for
//! what they expect of it, and a wrong type or an unknown key becomes a [`Diagnostic`] instead of a failure.

mod parse;
mod print;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source, did_you_mean};

pub use parse::{Tags, parse, parse_with};
pub use print::Yaml;

/// A value and the place it was written at.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where the value stands (for a map or list: where it begins).
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a value is, by YAML's core schema.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number as it was written.
    Number(String),
    /// Anything else, and everything in quotes.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order written.
    Map(Vec<Entry>),
}

/// One key of a map with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key; a number or boolean key is the text it was written as.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// Its value.
    pub node: Node,
}

impl Value {
    /// The value's kind in the words of a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// A plain (unquoted) scalar by YAML's core schema.
    pub fn plain(text: &str) -> Value {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::Null,
            "true" | "True" | "TRUE" => Value::Bool(true),
            "false" | "False" | "FALSE" => Value::Bool(false),
            _ if is_number(text) => Value::Number(text.to_owned()),
            _ => Value::Text(text.to_owned()),
        }
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit()) && text.parse::<f64>().is_ok()
}

/// Bytes before a text on its line beyond which it is not sought.
const INDENTATION_MAX: usize = 1000;

impl Node {
    /// A value that no file holds: from a flag or an environment variable, typed as plain YAML.
    pub fn scalar(source: &Arc<Source>) -> Node {
        Node { place: Place::whole(source), value: Value::plain(&source.text) }
    }

    /// The value as JSON; a number that JSON would write otherwise is text.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::from(*value),
            Value::Number(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text.as_str()))
            }
            Value::Text(text) => serde_json::Value::from(text.as_str()),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
            }
        }
    }

    /// How many values it consists of, itself among them; keys are not counted.
    pub fn count(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Node::count).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|e| e.node.count()).sum::<usize>(),
            _ => 1,
        }
    }

    fn wrong(&self, expected: &str, diagnostics: &mut Diagnostics) {
        diagnostics.error(&self.place, format!("expected {expected}, found {}", self.value.kind()));
    }

    /// A map whose keys are all in `known`; unknown and repeated keys are reported, the others stay usable.
    pub fn fields<'a>(
        &'a self,
        what: &str,
        known: &[&str],
        diagnostics: &mut Diagnostics,
    ) -> Option<Fields<'a>> {
        let entries = self.entries(what, diagnostics)?;
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let diagnostic =
                Diagnostic::error(format!("unknown key `{}` in {what}", entry.key)).at(&entry.key_place);
            diagnostics.push(match did_you_mean(&entry.key, known.iter().copied()) {
                Some(known) => diagnostic.help(format!("did you mean `{known}`?")),
                None => diagnostic.help(format!("known here: {}", known.join(", "))),
            });
        }
        Some(Fields { place: &self.place, entries })
    }

    /// A map with keys of the user's choosing; repeated keys are reported.
    pub fn entries<'a>(&'a self, what: &str, diagnostics: &mut Diagnostics) -> Option<&'a [Entry]> {
        let Value::Map(entries) = &self.value else {
            self.wrong(&format!("{what} (a map)"), diagnostics);
            return None;
        };
        let mut earlier = HashSet::with_capacity(entries.len());
        for entry in entries {
            if !earlier.insert(entry.key.as_str()) {
                diagnostics.error(&entry.key_place, format!("`{}` is given twice in {what}", entry.key));
            }
        }
        Some(entries)
    }

    /// The entry of a key, where this is a map that has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The keys, where this is a map.
    pub fn keys(&self) -> Vec<&str> {
        match &self.value {
            Value::Map(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// A list; any other value is reported.
    pub fn list(&self, what: &str, diagnostics: &mut Diagnostics) -> Option<&[Node]> {
        let Value::List(items) = &self.value else {
            self.wrong(&format!("a list of {what}"), diagnostics);
            return None;
        };
        Some(items)
    }

    /// A list, or one value standing for a list of one.
    pub fn list_or_one(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => std::slice::from_ref(self),
        }
    }

    /// The text of a scalar as written; numbers and booleans count as the text they were written as.
    pub fn scalar_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// A place in a scalar's text, by line, column and width in characters, from 0. The whole scalar where the text does
    /// not stand in the file line by line as it is: folded, or with escapes.
    pub fn place_in_text(&self, line: usize, column: usize, width: usize) -> Place {
        let place = &self.place;
        let wanted = self.scalar_text().and_then(|text| text.lines().nth(line)).unwrap_or_default();
        let number = place.line + line;
        let skipped = if line == 0 { place.column - 1 } else { 0 };
        let written = place.source.text_from(number, skipped + 1).unwrap_or_default();
        // It stands there, behind a quote or an indentation, or not at all.
        let written = written.get(..written.floor_char_boundary(wanted.len() + INDENTATION_MAX));
        let written = written.and_then(|written| written.lines().next()).unwrap_or_default();
        match written.split_once(wanted) {
            Some((before, _)) if !wanted.is_empty() => {
                let column = skipped + before.chars().count() + column + 1;
                Place { source: Arc::clone(&place.source), line: number, column, width: width.max(1) }
            }
            _ => place.clone(),
        }
    }

    /// Text (a number or boolean is taken as written).
    pub fn text(&self, what: &str, diagnostics: &mut Diagnostics) -> Option<&str> {
        let text = self.scalar_text();
        if text.is_none() {
            self.wrong(what, diagnostics);
        }
        text
    }

    /// `true` or `false`.
    pub fn bool(&self, diagnostics: &mut Diagnostics) -> Option<bool> {
        let Value::Bool(value) = self.value else {
            self.wrong("`true` or `false`", diagnostics);
            return None;
        };
        Some(value)
    }

    /// A whole number within `range`.
    pub fn integer(
        &self,
        what: &str,
        range: std::ops::RangeInclusive<u64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<u64> {
        let value = self.scalar_text().and_then(|text| text.parse::<u64>().ok());
        match value {
            Some(value) if range.contains(&value) => Some(value),
            Some(value) => {
                let message = format!("{what} must be {} to {}, not {value}", range.start(), range.end());
                diagnostics.error(&self.place, message);
                None
            }
            None => {
                self.wrong(&format!("{what} (a whole number)"), diagnostics);
                None
            }
        }
    }

    /// A time such as `500ms`, `2s` or `1m 30s`.
    pub fn duration(&self, diagnostics: &mut Diagnostics) -> Option<Duration> {
        let parsed = self.scalar_text().and_then(|text| humantime::parse_duration(text).ok());
        if parsed.is_none() {
            let found = self.scalar_text().map_or(self.value.kind().to_owned(), |text| format!("`{text}`"));
            diagnostics.push(
                Diagnostic::error(format!("expected a time, found {found}"))
                    .at(&self.place)
                    .help("a number with its unit: `250ms`, `2s`, `1m`"),
            );
        }
        parsed
    }

    /// A size such as `65536`, `64KiB` or `1MB`, in bytes.
    pub fn bytes(&self, diagnostics: &mut Diagnostics) -> Option<u64> {
        let parsed = self.scalar_text().and_then(|text| text.parse::<bytesize::ByteSize>().ok());
        if parsed.is_none() {
            let found = self.scalar_text().map_or(self.value.kind().to_owned(), |text| format!("`{text}`"));
            diagnostics.push(
                Diagnostic::error(format!("expected a size in bytes, found {found}"))
                    .at(&self.place)
                    .help("a number, with a unit if you like: `65536`, `64KiB`, `1MiB`"),
            );
        }
        parsed.map(|size| size.as_u64())
    }

    /// One word out of a closed set.
    pub fn word<T: Copy>(&self, what: &str, words: &[(&str, T)], diagnostics: &mut Diagnostics) -> Option<T> {
        let text = self.text(what, diagnostics)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = match did_you_mean(text, known.iter().copied()) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("one of: {}", known.join(", ")),
        };
        diagnostics.push(Diagnostic::error(format!("`{text}` is not {what}")).at(&self.place).help(help));
        None
    }
}

/// The entries of a map whose keys are known to the reader.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    place: &'a Place,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The key with its place and value, if it is there.
    pub fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value of a key that must be there.
    pub fn require(&self, key: &str, what: &str, diagnostics: &mut Diagnostics) -> Option<&'a Node> {
        let node = self.get(key);
        if node.is_none() {
            diagnostics.error(self.place, format!("{what} needs `{key}`"));
        }
        node
    }

    /// All entries in the order written.
    pub fn entries(&self) -> &'a [Entry] {
        self.entries
    }

    /// Where the map begins.
    pub fn place(&self) -> &'a Place {
        self.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Node>, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let node = parse(&Source::new("f.yaml", text), &mut diagnostics);
        (node, diagnostics.into_sorted().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_know_their_place() {
        let (node, problems) = read("a:\n  - b: 'x y'\n    c: 007\n");
        assert_eq!(problems, Vec::<String>::new());
        let node = node.unwrap();
        let mut diagnostics = Diagnostics::default();
        let fields = node.fields("it", &["a"], &mut diagnostics).unwrap();
        let item = &fields.get("a").unwrap().list("b", &mut diagnostics).unwrap()[0];
        let b = item.fields("it", &["b", "c"], &mut diagnostics).unwrap();
        let c = b.entry("c").unwrap();
        assert_eq!((c.key_place.line, c.key_place.column), (3, 5));
        assert_eq!((c.node.place.line, c.node.place.column, c.node.place.width), (3, 8, 3));
        assert_eq!(b.get("b").unwrap().value, Value::Text("x y".into()));
        assert!(diagnostics.is_empty());
    }

    #[test]
    fn scalars_follow_the_core_schema() {
        let check = |text: &str, expected: Value| assert_eq!(Value::plain(text), expected, "{text}");
        check("404", Value::Number("404".into()));
        check("-1.5e3", Value::Number("-1.5e3".into()));
        check("2xx", Value::Text("2xx".into()));
        check("inf", Value::Text("inf".into()));
        check("~", Value::Null);
        check("True", Value::Bool(true));
        check("yes", Value::Text("yes".into()));
    }

    #[test]
    fn unknown_and_repeated_keys_are_all_told() {
        let (node, _) = read("stauts: 1\ncolour: 2\nstatus: 3\nstatus: 4\n");
        let mut diagnostics = Diagnostics::default();
        node.unwrap().fields("a rule", &["status", "headers"], &mut diagnostics);
        let problems: Vec<String> = diagnostics.into_sorted().iter().map(|d| d.message.clone()).collect();
        assert_eq!(
            problems,
            [
                "unknown key `stauts` in a rule",
                "unknown key `colour` in a rule",
                "`status` is given twice in a rule"
            ]
        );
    }
}
