//! What an answer looks like: the fields of its body by their paths, and its shape, which is the same for answers
//! that differ in nothing but values.

use std::collections::BTreeMap;

use http::header;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use crate::engine::hold::Inspect;
use crate::engine::{self, Answer, Exchange, Legible};

/// Larger bodies are known by their size alone.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// Fields of a body that are looked at.
const FIELDS_MAX: usize = 400;
/// Objects in objects that are looked into.
const DEPTH_MAX: usize = 6;

/// The looks of one answer.
#[derive(Debug, Clone)]
pub struct Traits {
    /// What its body is.
    pub form: Form,
    /// Equal for answers that have the same fields of the same types.
    pub shape: String,
    /// Fields, by JSON paths (`$.error.code`; of lists the first item) or paths of elements (`reply/code`).
    pub fields: BTreeMap<String, Field>,
    /// The body, where it is text of another form.
    pub text: String,
    /// Bytes of the body.
    pub bytes: usize,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// JSON.
    Json,
    /// XML that is no page.
    Xml,
    /// Pages, and other text.
    Text,
    /// Nothing.
    Empty,
    /// Not text.
    Opaque,
}

/// A value in a body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// `null`.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// As written.
    Number(String),
    /// A text.
    Text(String),
    /// So many items.
    List(usize),
    /// So many members.
    Object(usize),
}

impl Traits {
    /// The looks of an exchange's answer.
    pub fn of(exchange: &Exchange, inspect: &Inspect) -> Traits {
        let answer = &exchange.answer;
        let text = match engine::legible(&exchange.request, answer, inspect, BODY_BYTES_MAX) {
            Legible::AsSent(body) | Legible::Undone { text: body, .. } => {
                String::from_utf8(body.to_vec()).ok()
            }
            Legible::No => None,
        };
        let media_type = media_type(answer);
        let bytes = answer.body.len();
        let traits = |form, shape, fields, text| Traits { form, shape, fields, text, bytes };
        let Some(text) = text else {
            return traits(Form::Opaque, format!("opaque {media_type}"), BTreeMap::new(), String::new());
        };
        let trimmed = text.trim_start_matches('\u{feff}').trim();
        if trimmed.is_empty() {
            return traits(Form::Empty, "empty".to_owned(), BTreeMap::new(), String::new());
        }
        if trimmed.starts_with(['{', '['])
            && let Ok(value) = serde_json::from_str::<Value>(trimmed)
        {
            let fields = json_fields(&value);
            return traits(Form::Json, shape("json", &fields), fields, String::new());
        }
        let is_xml = trimmed.starts_with("<?xml") || media_type.contains("xml");
        if is_xml
            && !media_type.contains("html")
            && let Some(fields) = xml_fields(trimmed)
        {
            return traits(Form::Xml, shape("xml", &fields), fields, String::new());
        }
        // Texts of one kind differ in length, but not by much.
        let size = text.len().checked_ilog2().unwrap_or_default() / 2;
        traits(Form::Text, format!("text {media_type} {size}"), BTreeMap::new(), text)
    }
}

fn media_type(answer: &Answer) -> String {
    engine::media_type(answer.head.header(header::CONTENT_TYPE)).unwrap_or_default()
}

/// What is the same for all answers of a kind: names and types. Items of lists differ from list to list.
fn shape(form: &str, fields: &BTreeMap<String, Field>) -> String {
    let mut shape = form.to_owned();
    for (path, field) in fields.iter().filter(|(path, _)| !path.contains('[') || path.starts_with("$[0]")) {
        let kind = match field {
            Field::Null => "null",
            Field::Bool(_) => "bool",
            Field::Number(_) => "number",
            Field::Text(_) => "text",
            Field::List(_) => "list",
            Field::Object(_) => "object",
        };
        shape.push_str(&format!(" {path}:{kind}"));
    }
    shape
}

fn json_fields(value: &Value) -> BTreeMap<String, Field> {
    let mut fields = BTreeMap::new();
    collect(value, "$".to_owned(), 0, &mut fields);
    fields
}

fn collect(value: &Value, path: String, depth: usize, fields: &mut BTreeMap<String, Field>) {
    if depth > DEPTH_MAX || fields.len() >= FIELDS_MAX {
        return;
    }
    match value {
        Value::Null => drop(fields.insert(path, Field::Null)),
        Value::Bool(value) => drop(fields.insert(path, Field::Bool(*value))),
        Value::Number(number) => drop(fields.insert(path, Field::Number(number.to_string()))),
        Value::String(text) => drop(fields.insert(path, Field::Text(text.clone()))),
        Value::Array(items) => {
            if let Some(first) = items.first() {
                collect(first, format!("{path}[0]"), depth + 1, fields);
            }
            fields.insert(path, Field::List(items.len()));
        }
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, format!("{path}{}", step(name)), depth + 1, fields);
            }
            fields.insert(path, Field::Object(members.len()));
        }
    }
}

/// `.name`, or `['a name']` where a dot cannot take it.
fn step(name: &str) -> String {
    let mut characters = name.chars();
    let is_plain = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|character| character.is_ascii_alphanumeric() || character == '_');
    if is_plain {
        return format!(".{name}");
    }
    let quoted = serde_json::to_string(name).unwrap_or_default();
    format!("[{quoted}]")
}

/// Elements with nothing but text in them, and those with others; the first of each path.
fn xml_fields(text: &str) -> Option<BTreeMap<String, Field>> {
    let mut reader = Reader::from_str(text);
    let mut fields = BTreeMap::new();
    let mut path: Vec<String> = Vec::new();
    let mut content = String::new();
    while fields.len() < FIELDS_MAX {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_owned());
                fields.entry(path.join("/")).or_insert(Field::Object(1));
                content.clear();
            }
            Event::Empty(empty) => {
                let name = empty.local_name().as_ref().to_owned();
                fields.entry([&path[..], &[name]].concat().join("/")).or_insert(Field::Text(String::new()));
            }
            Event::Text(text) => content.push_str(&text.xml10_content()),
            Event::CData(data) => content.push_str(&data.xml10_content()),
            Event::End(_) => {
                let joined = path.join("/");
                let is_leaf = !fields
                    .keys()
                    .any(|other| other.strip_prefix(&joined).is_some_and(|rest| rest.starts_with('/')));
                if is_leaf && fields.get(&joined) == Some(&Field::Object(1)) {
                    fields.insert(joined, Field::Text(content.trim().to_owned()));
                }
                content.clear();
                path.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    (!fields.is_empty()).then_some(fields)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

    use super::*;
    use crate::engine::{AnswerHead, RequestSnapshot};

    fn traits(content_type: &'static str, body: &'static str) -> Traits {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        let request = RequestSnapshot {
            method: Method::GET,
            uri: Uri::default(),
            headers: HeaderMap::new(),
            circumstances: None,
        };
        let answer = Answer { head: AnswerHead { status: StatusCode::OK, headers }, body: body.into() };
        Traits::of(&Exchange { request, answer }, &Inspect::default())
    }

    #[test]
    fn fields_are_known_by_their_paths() {
        let check = |content_type, body, expected: &[(&str, Field)]| {
            let found = traits(content_type, body).fields;
            for (path, field) in expected {
                assert_eq!(found.get(*path), Some(field), "{path} in {found:?}");
            }
        };
        let json = r#"{"a":{"b":[{"c":1.50},2]},"d-e":null,"f":[]}"#;
        let text = |text: &str| Field::Text(text.to_owned());
        check("", json, &[("$.a.b[0].c", Field::Number("1.50".into())), ("$.a.b", Field::List(2))]);
        check("", json, &[("$[\"d-e\"]", Field::Null), ("$.f", Field::List(0)), ("$", Field::Object(3))]);
        let xml = "<s:r xmlns:s='x'><s:code>7</s:code><e/><d><![CDATA[a]]></d><code>8</code></s:r>";
        check(
            "text/xml",
            xml,
            &[("r/code", text("7")), ("r/e", text("")), ("r/d", text("a")), ("r", Field::Object(1))],
        );
    }

    #[test]
    fn shapes_are_those_of_names_and_types() {
        let same = |a, b, expected: bool| {
            assert_eq!(traits("", a).shape == traits("", b).shape, expected, "{a} {b}");
        };
        same(r#"{"a":1,"b":[1]}"#, r#"{"b":[{"c":2}],"a":7}"#, true);
        same(r#"{"a":1}"#, r#"{"a":"1"}"#, false);
        same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false);
        same("a text", "b text", true);
        same("a text", "", false);
    }

    #[test]
    fn forms_are_told_by_what_is_there() {
        let check =
            |content_type, body, expected| assert_eq!(traits(content_type, body).form, expected, "{body}");
        check("text/html", r#" {"a":1}"#, Form::Json);
        check("application/json", "{oops", Form::Text);
        check("text/html", "<html><b>x</b></html>", Form::Text);
        check("application/soap+xml", "<a/>", Form::Xml);
        check("image/png", "x", Form::Opaque);
        check("application/json", "\n", Form::Empty);
    }
}
