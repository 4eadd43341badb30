//! YAML text read into [`Node`]s, bounded in depth and size so that no file can fill memory or the stack.

use std::borrow::Cow;
use std::collections::{HashMap, hash_map};
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::{Entry, Node, Value};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};

/// Nesting beyond this is refused: no configuration needs it, and readers recurse.
const DEPTH_MAX: usize = 64;
/// Values after aliases are expanded; a small file of aliases of aliases could otherwise fill memory.
const NODES_MAX: usize = 200_000;

/// What becomes of YAML tags that are not YAML's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    /// They mean nothing.
    Ignored,
    /// `!Ref x` is `{ Ref: x }` and `!Sub x` is `{ Fn::Sub: x }`: CloudFormation's short forms.
    Functions,
}

/// Reads a document. Syntax errors go to `diagnostics`; an empty text is an error of its own.
pub fn parse(source: &Arc<Source>, diagnostics: &mut Diagnostics) -> Option<Node> {
    let node = parse_with(source, Tags::Ignored, NODES_MAX, diagnostics)?;
    if node.value == Value::Null {
        diagnostics.push(
            Diagnostic::error(format!("`{}` is empty", source.name))
                .help("a configuration needs at least `version: 1` and one upstream"),
        );
        return None;
    }
    Some(node)
}

/// The same, of at most `values` values once aliases are expanded; an empty text is a null.
pub fn parse_with(
    source: &Arc<Source>,
    tags: Tags,
    values: usize,
    diagnostics: &mut Diagnostics,
) -> Option<Node> {
    let mut builder = Builder { tags, nodes_max: values, ..Builder::new(source) };
    let mut documents = 0;
    for event in Parser::new_from_str(&with_whole_characters(&source.text)) {
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
    Some(builder.root.unwrap_or(Node { place: Place::whole(source), value: Value::Null }))
}

/// JSON writes a character beyond the first plane as two escapes, `\ud83d\ude00`, which YAML does not know; as one,
/// `\U0001f600`, it does. Columns behind it on its line are two short.
fn with_whole_characters(text: &str) -> Cow<'_, str> {
    if !text.trim_start().starts_with(['{', '[']) {
        return Cow::Borrowed(text);
    }
    let (mut whole, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('\\') {
        whole.push_str(before);
        match pair(after) {
            Some((character, after)) => {
                whole.push_str(&format!("\\U{:08x}", u32::from(character)));
                rest = after;
            }
            // The character after a backslash belongs to it, a second backslash too.
            None => {
                let escaped = after.chars().next();
                whole.push('\\');
                whole.extend(escaped);
                rest = escaped.and_then(|c| after.get(c.len_utf8()..)).unwrap_or_default();
            }
        }
    }
    match whole.is_empty() {
        true => Cow::Borrowed(text),
        false => Cow::Owned(whole + rest),
    }
}

/// The character of two escapes, the first without its backslash, and what follows them.
fn pair(text: &str) -> Option<(char, &str)> {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix('u')?.get(..4)?, 16).ok();
    let (high, low) = (unit(text)?, unit(text.get(5..)?.strip_prefix('\\')?)?);
    let character = char::decode_utf16([high, low]).next()?.ok().filter(|c| c.len_utf16() == 2)?;
    Some((character, text.get(11..)?))
}

fn syntax_error(place: &Place, info: &str) -> Diagnostic {
    let line = place.source.line(place.line).unwrap_or_default();
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
    nodes_max: usize,
    tags: Tags,
    root: Option<Node>,
}

struct Open {
    anchor: usize,
    function: Option<String>,
    place: Place,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Place)>, merges: Option<Keys> },
}

/// The keys of a map that another was merged into: where the first of each stands among the entries.
type Keys = HashMap<String, usize>;

type Problem = Box<Diagnostic>;

impl<'s> Builder<'s> {
    fn new(source: &'s Arc<Source>) -> Self {
        Builder {
            source,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            nodes_max: NODES_MAX,
            tags: Tags::Ignored,
            root: None,
        }
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
                .line(span.start.line())
                .map_or(1, |line| line.chars().count().saturating_sub(span.start.col()))
        };
        self.place_at(span.start.line(), span.start.col(), width)
    }

    /// The place of a scalar. The parser counts what follows the closing quote up to the next token as part of it.
    fn place_of_scalar(&self, span: Span, style: ScalarStyle) -> Place {
        let mut place = self.place(span);
        let quote = match style {
            ScalarStyle::SingleQuoted => '\'',
            ScalarStyle::DoubleQuoted => '"',
            _ => return place,
        };
        let text = self.source.text_from(place.line, place.column).unwrap_or_default();
        if let Some(width) = quoted_width(text.chars().take(place.width), quote) {
            place.width = width;
        }
        place
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let function = self.function(tag.as_deref());
                let forced_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let value = if style == ScalarStyle::Plain && !forced_text {
                    Value::plain(&text)
                } else {
                    Value::Text(text.into_owned())
                };
                let node = Node { place: self.place_of_scalar(span, style), value };
                self.nodes += 1;
                self.add(node, function, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let function = self.function(tag.as_deref());
                self.begin(anchor, function, span, Items::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let function = self.function(tag.as_deref());
                self.begin(
                    anchor,
                    function,
                    span,
                    Items::Map { entries: Vec::new(), key: None, merges: None },
                )
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let value = match open.items {
                    Items::List(items) => Value::List(items),
                    Items::Map { entries, .. } => Value::Map(entries),
                };
                self.add(Node { place: open.place, value }, open.function, open.anchor)
            }
            Event::Alias(anchor) => {
                let place = self.place(span);
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Box::new(
                        Diagnostic::error("an alias of something that contains it").at(&place),
                    ));
                };
                self.nodes += node.count();
                self.add(node, None, 0)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// The function that a tag stands for.
    fn function(&self, tag: Option<&Tag>) -> Option<String> {
        let tag = tag.filter(|tag| self.tags == Tags::Functions && tag.handle == "!")?;
        match tag.suffix.as_str() {
            "Ref" | "Condition" => Some(tag.suffix.clone()),
            name => Some(format!("Fn::{name}")),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        function: Option<String>,
        span: Span,
        items: Items,
    ) -> Result<(), Problem> {
        let place = self.place_at(span.start.line(), span.start.col(), 1);
        if self.open.len() >= DEPTH_MAX {
            return Err(Box::new(Diagnostic::error(format!("nested more than {DEPTH_MAX} deep")).at(&place)));
        }
        self.nodes += 1;
        self.open.push(Open { anchor, function, place, items });
        Ok(())
    }

    fn add(&mut self, node: Node, function: Option<String>, anchor: usize) -> Result<(), Problem> {
        let node = match function {
            Some(key) => {
                let (place, key_place) = (node.place.clone(), node.place.clone());
                Node { place, value: Value::Map(vec![Entry { key, key_place, node }]) }
            }
            None => node,
        };
        // What an anchor keeps is a copy, too.
        self.nodes += if anchor == 0 { 0 } else { node.count() };
        if self.nodes > self.nodes_max {
            return Err(Box::new(
                Diagnostic::error(format!("more than {} values after aliases are expanded", self.nodes_max))
                    .at(&node.place),
            ));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map { entries, key, merges }) => match key.take() {
                None => *key = Some((key_text(&node)?, node.place)),
                Some((key, key_place)) => {
                    // YAML's merge key: what the map itself says wins, wherever it stands.
                    if key == "<<" && matches!(node.value, Value::Map(_) | Value::List(_)) {
                        let keys = merges.get_or_insert_with(|| {
                            entries
                                .iter()
                                .enumerate()
                                .rev()
                                .map(|(at, entry)| (entry.key.clone(), at))
                                .collect()
                        });
                        merge(entries, keys, node);
                        return Ok(());
                    }
                    let earlier = merges.as_mut().and_then(|keys| match keys.entry(key.clone()) {
                        hash_map::Entry::Occupied(known) => entries.get_mut(*known.get()),
                        hash_map::Entry::Vacant(room) => {
                            room.insert(entries.len());
                            None
                        }
                    });
                    match earlier.filter(|earlier| earlier.merged()) {
                        Some(merged) => *merged = Entry { key, key_place, node },
                        None => entries.push(Entry { key, key_place, node }),
                    }
                }
            },
        }
        Ok(())
    }
}

/// Characters up to the closing quote, with both quotes; `None` where the text goes on in the next line.
fn quoted_width(chars: impl Iterator<Item = char>, quote: char) -> Option<usize> {
    let mut chars = chars.enumerate().skip(1).peekable();
    while let Some((index, char)) = chars.next() {
        match char {
            '\\' if quote == '"' => {
                chars.next();
            }
            // In single quotes, two of them are one.
            '\'' if quote == '\'' && chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
            }
            char if char == quote => return Some(index + 1),
            _ => {}
        }
    }
    None
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

fn merge(entries: &mut Vec<Entry>, keys: &mut Keys, from: Node) {
    match from.value {
        Value::Map(merged) => {
            for mut entry in merged {
                if let hash_map::Entry::Vacant(room) = keys.entry(entry.key.clone()) {
                    room.insert(entries.len());
                    // A merged entry may be written again in the map without being a duplicate.
                    entry.key_place.width = 0;
                    entries.push(entry);
                }
            }
        }
        Value::List(list) => list.into_iter().for_each(|node| merge(entries, keys, node)),
        _ => {}
    }
}

impl Entry {
    fn merged(&self) -> bool {
        self.key_place.width == 0
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
    fn a_scalar_ends_with_its_quote() {
        let check = |text: &str, width: usize| {
            let node = read(text).0.unwrap();
            assert_eq!(node.entry("a").unwrap().node.place.width, width, "{text}");
        };
        check("a: 'x'  # it's why", 3);
        check("a: 'it''s' # why", 7);
        check("a: ''", 2);
        check("a: \"a \\\" b\"   # \"", 8);
        check("{ a: 'x' , b: 1 }", 3);
        check("a: x y  # why", 3);
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
    fn json_is_yaml() {
        let (node, problems) = read("{\n\t\"version\": 1,\n\t\"a\": {\"b\": [true, null, \"\\u00e9\"]}\n}\n");
        assert_eq!(problems, Vec::<String>::new());
        assert!(matches!(node.unwrap().value, Value::Map(entries) if entries.len() == 2));
    }
}
