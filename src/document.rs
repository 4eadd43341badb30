//! A file that the user wrote, as a tree in which every key and value knows its place.
//! YAML 1.2 (and so JSON) in, [`Node`]s out. Knows no key of the configuration: readers ask a node for
//! what they expect of it, and a wrong type or an unknown key becomes a [`Diagnostic`] instead of a failure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source, did_you_mean};

/// Nesting beyond this is refused: no configuration needs it, and readers recurse.
const DEPTH_MAX: usize = 64;
/// Values after aliases are expanded; a small file of aliases of aliases could otherwise fill memory.
const NODES_MAX: usize = 200_000;

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

/// Reads a document. Syntax errors go to `diagnostics`; an empty text is an error of its own.
pub fn parse(source: &Arc<Source>, diagnostics: &mut Diagnostics) -> Option<Node> {
    let mut builder = Builder::new(source);
    let mut documents = 0;
    for event in Parser::new_from_str(&source.text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                diagnostics.push(syntax_error(&builder.end_or(*error.marker()), error.info()));
                return None;
            }
        };
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents > 1 {
                let place = builder.place(span);
                diagnostics.error(&place, "a second document in one file");
                return None;
            }
        }
        if let Err(diagnostic) = builder.event(event, span) {
            diagnostics.push(*diagnostic);
            return None;
        }
    }
    match builder.root {
        Some(Node { value: Value::Null, .. }) | None => {
            diagnostics.push(
                Diagnostic::error(format!("`{}` is empty", source.name))
                    .help("a configuration needs at least `version: 1` and one upstream"),
            );
            None
        }
        root => root,
    }
}

fn syntax_error(place: &Place, info: &str) -> Diagnostic {
    let line = place.source.text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
    let diagnostic = Diagnostic::error(format!("not valid YAML: {info}")).at(place);
    if line.starts_with(|c: char| c.is_whitespace()) && line.trim_start_matches(' ').starts_with('\t') {
        return diagnostic.help("YAML is indented with spaces; this line begins with a tab");
    }
    diagnostic
}

/// Builds the tree from the parser's events; containers being filled are on a stack, not on the call stack.
struct Builder<'s> {
    source: &'s Arc<Source>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

struct Open {
    anchor: usize,
    place: Place,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Place)> },
}

type Problem = Box<Diagnostic>;

impl<'s> Builder<'s> {
    fn new(source: &'s Arc<Source>) -> Self {
        Builder { source, open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None }
    }

    fn place_at(&self, line: usize, column_from_0: usize, width: usize) -> Place {
        Place {
            source: Arc::clone(self.source),
            line: line.max(1),
            column: column_from_0 + 1,
            width: width.max(1),
        }
    }

    /// A marker's place; one that lies past the text, as for text that ends too early, is its last character.
    fn end_or(&self, marker: Marker) -> Place {
        match self.source.text.lines().enumerate().last() {
            Some((last, line)) if marker.line() > last + 1 => {
                self.place_at(last + 1, line.chars().count().saturating_sub(1), 1)
            }
            _ => self.place_at(marker.line(), marker.col(), 1),
        }
    }

    fn place(&self, span: Span) -> Place {
        // A value over several lines is underlined to the end of its first.
        let width = if span.end.line() == span.start.line() {
            span.end.col().saturating_sub(span.start.col())
        } else {
            self.source
                .text
                .lines()
                .nth(span.start.line().saturating_sub(1))
                .map_or(1, |line| line.chars().count().saturating_sub(span.start.col()))
        };
        self.place_at(span.start.line(), span.start.col(), width)
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let forced_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let value = if style == ScalarStyle::Plain && !forced_text {
                    Value::plain(&text)
                } else {
                    Value::Text(text.into_owned())
                };
                let node = Node { place: self.place(span), value };
                self.add(node, anchor)
            }
            Event::SequenceStart(anchor, _) => self.begin(anchor, span, Items::List(Vec::new())),
            Event::MappingStart(anchor, _) => {
                self.begin(anchor, span, Items::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let value = match open.items {
                    Items::List(items) => Value::List(items),
                    Items::Map { entries, .. } => Value::Map(entries),
                };
                self.add(Node { place: open.place, value }, open.anchor)
            }
            Event::Alias(anchor) => {
                let place = self.place(span);
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Box::new(
                        Diagnostic::error("an alias of something that contains it").at(&place),
                    ));
                };
                self.add(node, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, anchor: usize, span: Span, items: Items) -> Result<(), Problem> {
        let place = self.place_at(span.start.line(), span.start.col(), 1);
        if self.open.len() >= DEPTH_MAX {
            return Err(Box::new(Diagnostic::error(format!("nested more than {DEPTH_MAX} deep")).at(&place)));
        }
        self.open.push(Open { anchor, place, items });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Problem> {
        self.nodes += node.count();
        if self.nodes > NODES_MAX {
            return Err(Box::new(
                Diagnostic::error(format!("more than {NODES_MAX} values after aliases are expanded"))
                    .at(&node.place),
            ));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map { entries, key }) => match key.take() {
                None => *key = Some((key_text(&node)?, node.place)),
                Some((key, key_place)) => {
                    // YAML's merge key: what the map itself says wins, wherever it stands.
                    if key == "<<" && matches!(node.value, Value::Map(_) | Value::List(_)) {
                        merge(entries, node);
                    } else if let Some(merged) = entries.iter_mut().find(|e| e.key == key && e.merged()) {
                        *merged = Entry { key, key_place, node };
                    } else {
                        entries.push(Entry { key, key_place, node });
                    }
                }
            },
        }
        Ok(())
    }
}

fn key_text(node: &Node) -> Result<String, Problem> {
    match &node.value {
        Value::Text(text) | Value::Number(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Null => Ok("null".to_owned()),
        other => {
            Err(Box::new(Diagnostic::error(format!("a key cannot be {}", other.kind())).at(&node.place)))
        }
    }
}

fn merge(entries: &mut Vec<Entry>, from: Node) {
    match from.value {
        Value::Map(merged) => {
            for mut entry in merged {
                if !entries.iter().any(|e| e.key == entry.key) {
                    // A merged entry may be written again in the map without being a duplicate.
                    entry.key_place.width = 0;
                    entries.push(entry);
                }
            }
        }
        Value::List(list) => list.into_iter().for_each(|node| merge(entries, node)),
        _ => {}
    }
}

impl Entry {
    fn merged(&self) -> bool {
        self.key_place.width == 0
    }
}

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

    fn count(&self) -> usize {
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
        for (index, entry) in entries.iter().enumerate() {
            if entries.iter().take(index).any(|earlier| earlier.key == entry.key) {
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

    fn check_problem(text: &str, expected: &str) {
        let (_, problems) = read(text);
        assert!(problems.iter().any(|p| p.contains(expected)), "{problems:?} should hold {expected:?}");
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
    fn broken_text_is_told_with_its_place() {
        check_problem("", "`f.yaml` is empty");
        check_problem("# nothing\n", "`f.yaml` is empty");
        check_problem("a:\n\tb: 1\n", "f.yaml:2:");
        check_problem("a:\n\tb: 1\n", "begins with a tab");
        check_problem("a: [1, 2\n", "not valid YAML");
        check_problem("a: 1\n---\nb: 2\n", "a second document in one file");
        check_problem("? [1]\n: 2\n", "a key cannot be a list");
        check_problem(&format!("a: {}", "[".repeat(100)), "nested more than 64 deep");
    }

    #[test]
    fn alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..8 {
            let before = level - 1;
            let list = vec![format!("*a{before}"); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        check_problem(&text, "more than 200000 values");
    }

    #[test]
    fn anchors_and_merge_keys_work() {
        let (node, problems) = read("base: &b {x: 1, y: 2}\nit: {<<: *b, y: 3}\n");
        assert_eq!(problems, Vec::<String>::new());
        let mut diagnostics = Diagnostics::default();
        let node = node.unwrap();
        let it = node.fields("f", &["base", "it"], &mut diagnostics).unwrap().get("it").unwrap();
        let fields = it.fields("it", &["x", "y"], &mut diagnostics).unwrap();
        assert_eq!(fields.get("x").unwrap().value, Value::Number("1".into()));
        assert_eq!(fields.get("y").unwrap().value, Value::Number("3".into()));
        assert!(diagnostics.is_empty());
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

    #[test]
    fn json_is_yaml() {
        let (node, problems) = read("{\n\t\"version\": 1,\n\t\"a\": {\"b\": [true, null, \"\\u00e9\"]}\n}\n");
        assert_eq!(problems, Vec::<String>::new());
        assert!(matches!(node.unwrap().value, Value::Map(entries) if entries.len() == 2));
    }
}
