//! Properties of scans, over documents of which every value's text is known.

use proptest::prelude::*;
use serde_json::{Map, Value};

use bytes::Bytes;

use super::{DefinitePath, Document, PathSet, Scan, Skim, Slot, State, Step, Want, tree};

fn read(set: &PathSet, slots: &[Slot], chunks: &[&[u8]]) -> (Vec<String>, Document) {
    let mut scan = Scan::new(set);
    for chunk in chunks {
        scan.feed(set, chunk);
    }
    scan.finish(set);
    (slots.iter().map(|slot| scan.slot(*slot).to_string()).collect(), scan.document())
}

fn set(wanted: &[(DefinitePath, Want)]) -> (PathSet, Vec<Slot>) {
    let mut set = PathSet::new();
    let slots = wanted.iter().map(|(path, want)| set.insert(path, *want)).collect();
    (set, slots)
}

/// A document to be written: every string with the way each character is escaped, every gap with its
/// white space, so that the text of each value in it is known.
#[derive(Debug, Clone)]
enum Written {
    Plain(&'static str),
    Text(Chars),
    Array(&'static str, Vec<Written>),
    Object(&'static str, Vec<(Chars, Written)>),
}

/// A string's characters, each with how it is written.
type Chars = Vec<(char, Escape)>;

#[derive(Debug, Clone, Copy)]
enum Escape {
    IfNeeded,
    Always,
}

impl Written {
    fn text(&self) -> String {
        match self {
            Written::Plain(text) => (*text).to_owned(),
            Written::Text(chars) => quoted(chars),
            Written::Array(gap, items) => {
                let items: Vec<_> = items.iter().map(Written::text).collect();
                format!("[{gap}{}{gap}]", items.join(&format!("{gap},{gap}")))
            }
            Written::Object(gap, fields) => {
                let field =
                    |(name, value): &(Chars, Written)| format!("{}{gap}:{gap}{}", quoted(name), value.text());
                let fields: Vec<_> = fields.iter().map(field).collect();
                format!("{{{gap}{}{gap}}}", fields.join(&format!("{gap},{gap}")))
            }
        }
    }

    fn at(&self, path: &DefinitePath) -> Option<&Written> {
        path.steps().iter().try_fold(self, |value, step| match (step, value) {
            (Step::Index(index), Written::Array(_, items)) => items.get(*index),
            (Step::Name(name), Written::Object(_, fields)) => {
                fields.iter().find(|(key, _)| plain(key) == *name).map(|(_, value)| value)
            }
            _ => None,
        })
    }

    fn value(&self) -> Value {
        match self {
            Written::Plain(text) => serde_json::from_str(text).unwrap(),
            Written::Text(chars) => Value::String(plain(chars)),
            Written::Array(_, items) => items.iter().map(Written::value).collect(),
            Written::Object(_, fields) => {
                let mut object = Map::new();
                for (name, value) in fields {
                    object.entry(plain(name)).or_insert_with(|| value.value());
                }
                Value::Object(object)
            }
        }
    }

    fn expected(&self, path: &DefinitePath, want: Want) -> String {
        match (self.at(path).map(Written::text), want) {
            (None, _) => "missing".to_owned(),
            (Some(text), _) if text == "null" => text,
            (Some(text), Want::Value) => text,
            (Some(_), Want::Presence) => "present".to_owned(),
        }
    }
}

fn plain(chars: &Chars) -> String {
    chars.iter().map(|(char, _)| char).collect()
}

fn quoted(chars: &Chars) -> String {
    let char = |(char, escape): &(char, Escape)| match (char, escape) {
        ('"' | '\\', Escape::IfNeeded) => format!("\\{char}"),
        ('\n', Escape::IfNeeded) => "\\n".to_owned(),
        (char, Escape::IfNeeded) if *char >= ' ' => char.to_string(),
        (char, _) => char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    format!("\"{}\"", chars.iter().map(char).collect::<String>())
}

fn chars(char: impl Strategy<Value = char>, most: usize) -> impl Strategy<Value = Chars> {
    let escape = prop_oneof![3 => Just(Escape::IfNeeded), 1 => Just(Escape::Always)];
    prop::collection::vec((char, escape), 0..=most)
}

/// Few names, so that documents and paths meet and keys are given twice.
fn key() -> impl Strategy<Value = Chars> {
    chars(prop::sample::select(vec!['a', 'b', '"', '\\', 'é', '😀']), 1)
}

fn written() -> impl Strategy<Value = Written> {
    let plain = vec!["null", "true", "false", "0", "-1.50", "1e3", "12345678901234567890"];
    let leaf = prop_oneof![
        prop::sample::select(plain).prop_map(Written::Plain),
        chars(any::<char>(), 80).prop_map(Written::Text),
        chars(prop::sample::select(vec!['"', '\\', '{', '}', '[', ']']), 8).prop_map(Written::Text),
    ];
    let gap = || prop::sample::select(vec!["", "", " ", "\r\n\t"]);
    leaf.prop_recursive(6, 60, 5, move |inner| {
        prop_oneof![
            (gap(), prop::collection::vec(inner.clone(), 0..5))
                .prop_map(|(gap, items)| Written::Array(gap, items)),
            (gap(), prop::collection::vec((key(), inner), 0..5))
                .prop_map(|(gap, fields)| Written::Object(gap, fields)),
        ]
    })
}

fn wanted() -> impl Strategy<Value = (DefinitePath, Want)> {
    let step = prop_oneof![
        2 => key().prop_map(|key| Step::Name(plain(&key))),
        1 => (0_usize..4).prop_map(Step::Index),
    ];
    let path = prop::collection::vec(step, 0..5).prop_map(DefinitePath::from);
    (path, prop::sample::select(vec![Want::Presence, Want::Value]))
}

fn chunks<'b>(mut body: &'b [u8], sizes: &[usize]) -> Vec<&'b [u8]> {
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if body.is_empty() {
            break;
        }
        let (chunk, rest) = body.split_at((*size).min(body.len()));
        chunks.push(chunk);
        body = rest;
    }
    chunks
}

proptest! {
    #[test]
    fn slots_are_what_the_document_says(
        document in written(),
        wanted in prop::collection::vec(wanted(), 1..8),
        sizes in prop::collection::vec(1_usize..100, 1..5),
    ) {
        let (set, slots) = set(&wanted);
        let body = document.text();
        let (states, _) = read(&set, &slots, &chunks(body.as_bytes(), &sizes));
            for ((path, _), state) in wanted.iter().zip(states) {
            let twins = wanted.iter().filter(|(twin, _)| twin == path);
            let want = twins.map(|(_, want)| *want).max().unwrap();
            prop_assert_eq!(state, document.expected(path, want), "{} in {}", path, body);
        }
    }

    #[test]
    fn a_tree_and_a_scan_agree(document in written(), (path, _) in wanted()) {
        let value = tree(document.text().as_bytes());
        prop_assert_eq!(value.as_ref(), Some(&document.value()));
        let mut set = PathSet::new();
        let slot = set.insert(&path, Want::Value);
        let mut scan = Scan::new(&set);
        scan.feed(&set, document.text().as_bytes());
        scan.finish(&set);
        let found = match scan.slot(slot) {
            State::Found(text) => text.parse(),
            State::Null => Some(Value::Null),
            _ => None,
        };
        prop_assert_eq!(found.as_ref(), path.node(value.as_ref().unwrap()));
        if let (State::Found(text), Some(Value::String(string))) = (scan.slot(slot), &found) {
            let decoded = text.text();
            prop_assert_eq!(decoded.as_deref(), Some(string.as_str()));
        }
    }

    #[test]
    fn any_bytes_give_the_same_in_any_chunks(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "[\\[\\]{}\":,\\\\ tnaeu01.-]{0,200}".prop_map(String::into_bytes),
            (written(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(document, at, byte)| {
                let mut body = document.text().into_bytes();
                let at = at.index(body.len());
                body[at] = byte;
                body
            }),
        ],
        wanted in prop::collection::vec(wanted(), 0..8),
        sizes in prop::collection::vec(1_usize..100, 1..5),
    ) {
        let (set, slots) = set(&wanted);
        let (states, document) = read(&set, &slots, &chunks(&body, &sizes));
            prop_assert!(!states.contains(&"pending".to_owned()));
        let whole = read(&set, &slots, &[&body]);
        prop_assert_eq!((states, document), whole);
    }

    #[test]
    fn what_a_skim_leaves_unread_tells_nothing(
        document in written(),
        before in "( |\\\\\\\\u0061|\\\\\\\\|\\\\\"a\\\\\"|[x{}\\[\\]]){0,400}",
        long in prop_oneof![0_usize..20, Just(1100)],
        broken in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        wanted in prop::collection::vec(wanted(), 1..8),
        sizes in prop::collection::vec(prop_oneof![1_usize..9, 1_usize..3000], 1..5),
        catch_up in prop::option::of(0_usize..5),
    ) {
        let (set, slots) = set(&wanted);
        let fields = document.text();
        let fields = fields.strip_prefix('{').unwrap_or("}");
        let mut body = format!("{{\"long\":\"{before}{}\",{fields}", "y".repeat(long)).into_bytes();
        if let Some((at, byte)) = broken {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let chunks = chunks(&body, &sizes);
        let mut skim = Skim::new(&set);
        for (index, chunk) in chunks.iter().enumerate() {
            if catch_up == Some(index) {
                skim.catch_up(&set);
            }
            skim.feed(&set, &Bytes::copy_from_slice(chunk));
        }
        skim.finish(&set);
        let states: Vec<_> = slots.iter().map(|slot| skim.scan().slot(*slot).to_string()).collect();
        prop_assert_eq!(states, read(&set, &slots, &chunks).0, "{}", String::from_utf8_lossy(&body));
    }
}
