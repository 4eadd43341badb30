//! YAML written for people: a tree of values with comments, printed so that it reads back as the same values.
//! Texts of several lines stand in blocks, and what is short stands on one line.

use super::Value;

/// What a collection may take on one line, characters.
const FLOW_CHARACTERS_MAX: usize = 72;
/// Collections within a collection on one line.
const FLOW_DEPTH_MAX: usize = 2;
/// YAML's bound on a key without a `?`, characters; what is near it is written the long way.
const KEY_CHARACTERS_MAX: usize = 1000;
/// Words that older readers of YAML take for a boolean.
const OLD_WORDS: [&str; 6] = ["yes", "no", "on", "off", "y", "n"];

/// A value to print.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// A number, `true`, `null`: as it is.
    Plain(String),
    /// Text, in quotes where it would otherwise be read as something else.
    Text(String),
    /// A sequence.
    List(Vec<Yaml>),
    /// A mapping.
    Map(Vec<(String, Yaml)>),
    /// A value with a line of comment before it.
    Commented(String, Box<Yaml>),
}

impl Yaml {
    /// Text.
    pub fn text(text: impl Into<String>) -> Yaml {
        Yaml::Text(text.into())
    }

    /// A number, as it is written.
    pub fn number(number: impl ToString) -> Yaml {
        Yaml::Plain(number.to_string())
    }

    /// A list of texts.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Yaml {
        Yaml::List(texts.into_iter().map(Yaml::text).collect())
    }

    /// A map. Of two values for one key the first is kept: a second would not be read.
    pub fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Yaml)>) -> Yaml {
        let mut kept: Vec<(String, Yaml)> = Vec::new();
        for (key, value) in entries {
            let key = key.into();
            if !kept.iter().any(|(known, _)| *known == key) {
                kept.push((key, value));
            }
        }
        Yaml::Map(kept)
    }

    /// The same, without lists and maps that have nothing in them.
    pub fn filled<K: Into<String>>(entries: impl IntoIterator<Item = (K, Yaml)>) -> Yaml {
        Yaml::map(entries.into_iter().filter(|(_, value)| !value.is_empty()))
    }

    /// The same, with a comment.
    pub fn commented(self, comment: impl Into<String>) -> Yaml {
        Yaml::Commented(comment.into(), Box::new(self))
    }

    /// Whether it is a map or a list without anything in it.
    pub fn is_empty(&self) -> bool {
        match self {
            Yaml::List(items) => items.is_empty(),
            Yaml::Map(entries) => entries.is_empty(),
            Yaml::Commented(_, value) => value.is_empty(),
            Yaml::Plain(_) | Yaml::Text(_) => false,
        }
    }

    /// As text that ends in a line feed.
    pub fn print(&self) -> String {
        let mut out = String::new();
        let (comments, value) = self.apart();
        print_comments(&comments, 0, &mut out);
        match value {
            Yaml::Map(entries) if !entries.is_empty() => print_map(entries, 0, &mut out),
            Yaml::List(items) if !items.is_empty() => print_list(items, 0, &mut out),
            other => {
                print_value(other, 0, &mut out);
                // What is printed after a key begins with a blank.
                out = out.trim_start_matches(' ').to_owned();
            }
        }
        out
    }

    /// The comments before a value, and the value.
    fn apart(&self) -> (Vec<&str>, &Yaml) {
        let (mut comments, mut value) = (Vec::new(), self);
        while let Yaml::Commented(comment, inner) = value {
            comments.push(comment.as_str());
            value = inner;
        }
        (comments, value)
    }

    /// On one line, where that is short enough and nothing in it wants lines of its own.
    fn on_one_line(&self, depth: usize) -> Option<String> {
        let text = match self {
            Yaml::Plain(text) => return Some(text.clone()),
            Yaml::Text(text) if wants_block(text) => return None,
            Yaml::Text(text) => return Some(scalar(text)),
            Yaml::Commented(..) => return None,
            Yaml::List(items) if items.is_empty() => "[]".to_owned(),
            Yaml::Map(entries) if entries.is_empty() => "{}".to_owned(),
            _ if depth == 0 => return None,
            Yaml::List(items) => {
                let items: Option<Vec<String>> =
                    items.iter().map(|item| item.on_one_line(depth - 1)).collect();
                format!("[{}]", items?.join(", "))
            }
            Yaml::Map(entries) => {
                let entry =
                    |(name, value): &(String, Yaml)| Some((key(name)?, value.on_one_line(depth - 1)?));
                let entries: Option<Vec<_>> = entries.iter().map(entry).collect();
                let entries: Vec<String> =
                    entries?.into_iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{ {} }}", entries.join(", "))
            }
        };
        (text.chars().count() <= FLOW_CHARACTERS_MAX).then_some(text)
    }
}

/// JSON is YAML.
impl From<&serde_json::Value> for Yaml {
    fn from(value: &serde_json::Value) -> Yaml {
        match value {
            serde_json::Value::String(text) => Yaml::text(text),
            serde_json::Value::Array(items) => Yaml::List(items.iter().map(Yaml::from).collect()),
            serde_json::Value::Object(map) => {
                Yaml::Map(map.iter().map(|(key, value)| (key.clone(), Yaml::from(value))).collect())
            }
            scalar => Yaml::Plain(scalar.to_string()),
        }
    }
}

fn print_comments(comments: &[&str], indent: usize, out: &mut String) {
    for line in comments.iter().flat_map(|comment| comment.lines()) {
        // Anything else could end the comment.
        let line = line.replace(|c| !is_printable(c), " ");
        out.push_str(format!("{:indent$}# {line}", "").trim_end());
        out.push('\n');
    }
}

fn print_map(entries: &[(String, Yaml)], indent: usize, out: &mut String) {
    for (name, value) in entries {
        let (comments, value) = value.apart();
        print_comments(&comments, indent, out);
        match key(name) {
            Some(key) => out.push_str(&format!("{:indent$}{key}:", "")),
            None => out.push_str(&format!("{:indent$}? {}\n{:indent$}:", "", quoted(name), "")),
        }
        print_value(value, indent, out);
    }
}

fn print_list(items: &[Yaml], indent: usize, out: &mut String) {
    for item in items {
        let (comments, value) = item.apart();
        print_comments(&comments, indent, out);
        out.push_str(&format!("{:indent$}-", ""));
        if value.on_one_line(FLOW_DEPTH_MAX).is_some() || matches!(value, Yaml::Text(_)) {
            print_value(value, indent, out);
            continue;
        }
        // A collection begins on the line of its dash.
        let mut inner = String::new();
        match value {
            Yaml::Map(entries) => print_map(entries, indent + 2, &mut inner),
            Yaml::List(items) => print_list(items, indent + 2, &mut inner),
            _ => {}
        }
        out.push(' ');
        out.push_str(inner.trim_start_matches(' '));
    }
}

/// What follows a key or a dash.
fn print_value(value: &Yaml, indent: usize, out: &mut String) {
    if let Some(text) = value.on_one_line(FLOW_DEPTH_MAX) {
        return out.push_str(&format!(" {text}\n"));
    }
    match value {
        Yaml::Text(text) => print_block(text, indent + 2, out),
        Yaml::Map(entries) => {
            out.push('\n');
            print_map(entries, indent + 2, out);
        }
        Yaml::List(items) => {
            out.push('\n');
            print_list(items, indent + 2, out);
        }
        Yaml::Plain(_) | Yaml::Commented(..) => {}
    }
}

/// A text that is easier to read on lines of its own, and that they can hold.
fn wants_block(text: &str) -> bool {
    let is_mixed = text.contains('\'') && text.contains(['"', '\\']);
    let is_plain = |c: char| c == '\n' || c == '\t' || is_printable(c);
    // Lines of nothing but blanks at either end are where readers of YAML differ.
    let blank = |line: &str| line.trim_matches([' ', '\t']).is_empty();
    let ends = [text.lines().next(), text.trim_end_matches('\n').lines().next_back()];
    (text.contains('\n') || is_mixed)
        && text.chars().all(is_plain)
        && ends.into_iter().flatten().all(|line| !blank(line) && !line.starts_with('\t'))
}

/// Whether a character may stand in a text as it is.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

fn print_block(text: &str, indent: usize, out: &mut String) {
    let indicator = if text.starts_with(' ') { "2" } else { "" };
    let (body, chomping) = match text.strip_suffix('\n') {
        None => (text, "-"),
        Some(body) if body.ends_with('\n') => (body, "+"),
        Some(body) => (body, ""),
    };
    out.push_str(&format!(" |{indicator}{chomping}\n"));
    for line in body.split('\n') {
        match line {
            "" => out.push('\n'),
            line => out.push_str(&format!("{:indent$}{line}\n", "")),
        }
    }
}

/// A key; none where it is longer than a key may be.
fn key(text: &str) -> Option<String> {
    let is_number =
        matches!(Value::plain(text), Value::Number(_)) && text.chars().all(|c| c.is_ascii_digit());
    let key = if is_number { text.to_owned() } else { scalar(text) };
    (key.chars().count() <= KEY_CHARACTERS_MAX).then_some(key)
}

/// A text on one line.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    // Of the two kinds of quotes the one that leaves the text as it is.
    let fits_single = !text.contains('\'') || text.contains(['"', '\\']);
    match fits_single && text.chars().all(is_printable) {
        true => format!("'{}'", text.replace('\'', "''")),
        false => quoted(text),
    }
}

/// Whether a text needs no quotes, wherever it stands.
fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/_$".contains(c));
    let inside = |c: char| c.is_ascii_alphanumeric() || "/_$.-+*:=?&~ ".contains(c);
    let is_word = OLD_WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    begins
        && text.chars().all(inside)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        // Between brackets it would be taken for the dash of a list (saphyr, before `,` and `]`).
        && !text.ends_with(" -")
        && !is_word
        && matches!(Value::plain(text), Value::Text(_))
}

/// In double quotes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if is_printable(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::{Diagnostics, Source};
    use crate::document::{Node, parse};

    fn read(text: &str) -> Node {
        let mut problems = Diagnostics::default();
        let node = parse(&Source::new("f.yaml", text), &mut problems);
        let problems = problems.into_sorted();
        node.filter(|_| problems.is_empty()).unwrap_or_else(|| panic!("{text}\n{problems:#?}"))
    }

    /// What a tree is once it is read.
    fn as_json(yaml: &Yaml) -> serde_json::Value {
        match yaml {
            Yaml::Plain(text) => serde_json::from_str(text).unwrap(),
            Yaml::Text(text) => text.as_str().into(),
            Yaml::List(items) => items.iter().map(as_json).collect(),
            Yaml::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), as_json(value))).collect(),
            Yaml::Commented(_, value) => as_json(value),
        }
    }

    fn check(yaml: &Yaml, expected: &str) {
        assert_eq!(yaml.print(), expected);
        assert_eq!(read(expected).to_json(), as_json(yaml), "{expected}");
    }

    #[test]
    fn what_is_short_stands_on_one_line() {
        let methods = Yaml::map([("path", Yaml::text("/a/{id}")), ("methods", Yaml::texts(["GET"]))]);
        let route = Yaml::map([("match", methods), ("timeout", Yaml::text("5s"))]).commented("api.yaml:14");
        check(
            &Yaml::map([("routes", Yaml::List(vec![route]))]),
            "routes:\n  # api.yaml:14\n  - match: { path: '/a/{id}', methods: [GET] }\n    timeout: 5s\n",
        );
    }

    #[test]
    fn texts_of_several_lines_stand_in_blocks() {
        let check = |text: &str, expected: &str| {
            check(&Yaml::map([("t", Yaml::text(text))]), &format!("t: {expected}\n"));
        };
        check("a\nb", "|-\n  a\n  b");
        check("a\n\n  b\n", "|\n  a\n\n    b");
        check("  a\nb\n\n", "|2+\n    a\n  b\n");
        check("$input.path('$[\"a\"]')", "|-\n  $input.path('$[\"a\"]')");
        check("\n\n", r#""\n\n""#);
        check("a\r\nb", r#""a\r\nb""#);
        check("a\n  ", r#""a\n  ""#);
    }

    #[test]
    fn texts_are_in_quotes_where_they_must_be() {
        let check = |text: &str, expected: &str| {
            check(&Yaml::map([("t", Yaml::text(text))]), &format!("t: {expected}\n"));
        };
        check("orders:live", "orders:live");
        check("http://h:1/a?b=c", "http://h:1/a?b=c");
        check("5", "'5'");
        check("true", "'true'");
        check("off", "'off'");
        check("", "''");
        check("a: b", "'a: b'");
        check("a -", "'a -'");
        check("4\\d{2}", "'4\\d{2}'");
        check("$input.json('$')", "\"$input.json('$')\"");
        check("\u{85}", "\"\\U00000085\"");
    }

    #[test]
    fn a_dash_at_the_end_is_none_of_a_list() {
        let list = Yaml::texts(["a -", "b -c", "d-"]);
        check(&Yaml::map([("t", list)]), "t: ['a -', b -c, d-]\n");
    }

    #[test]
    fn keys_stay_what_they_are() {
        let keys = ["200", "007", "1.5", "True", "~", "", "null", "a b", "#", "é\n", "- a"];
        let long = "k".repeat(2000);
        let keys = keys.into_iter().chain([long.as_str()]);
        let map = Yaml::map(keys.map(|key| (key, Yaml::Plain("1".into()))));
        let text = map.print();
        assert!(text.starts_with("200: 1\n'007': 1\n") || text.starts_with("200: 1\n007: 1\n"), "{text}");
        assert_eq!(read(&text).to_json(), as_json(&map), "{text}");
    }

    #[test]
    fn of_two_values_for_a_key_the_first_is_kept() {
        let one = |text: &str| ("a", Yaml::text(text));
        assert_eq!(Yaml::map([one("x"), one("y")]), Yaml::map([one("x")]));
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ -~]{0,12}",
            "[ \t\na-c#:'\"|>\\-]{0,12}",
            "\\PC{0,8}",
            any::<String>(),
            "([ \t]*[a#-]?[ \t]*\n){0,4}[ ]?",
        ]
    }

    fn any_yaml() -> impl Strategy<Value = Yaml> {
        let leaf = prop_oneof![
            any_text().prop_map(Yaml::Text),
            Just(Yaml::Plain("null".into())),
            Just(Yaml::Plain("-1.5e3".into())),
        ];
        leaf.prop_recursive(5, 24, 4, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..4).prop_map(Yaml::List),
                // The merge key is a key of YAML's own.
                vec((any_text().prop_filter("merge", |key| key != "<<"), inner.clone()), 0..4)
                    .prop_map(Yaml::map),
                (prop_oneof!["[ -~]{0,9}", any::<String>()], inner)
                    .prop_map(|(comment, value)| value.commented(comment)),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_the_same(yaml in any_yaml()) {
            let yaml = Yaml::map([("it", yaml)]);
            let text = yaml.print();
            prop_assert_eq!(read(&text).to_json(), as_json(&yaml), "{}", text);
        }
    }
}
