//! `then:` read into an [`Action`].

use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderValue, StatusCode};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Node, Value};
use crate::engine::action::{
    Action, BodyChoice, Cache, Extension, HeaderChange, ProblemChoice, StatusChoice, final_status,
};
use crate::engine::media_type;
use crate::engine::mutation::{allows_body, is_reserved};
use crate::engine::subject::Subjects;

use super::{retry, source, template};

/// Keys of `then:` and of a `default:` that produces an answer.
pub const KEYS: &[&str] = &["status", "reason", "headers", "template", "body", "cache", "retry"];
/// Keys of `headers:`.
pub const HEADER_KEYS: &[&str] = &["set", "append", "remove"];
/// Keys of a `problem:`.
pub const PROBLEM_KEYS: &[&str] = &["type", "title", "detail", "instance", "extensions"];
/// Keys of `body:`.
pub const BODY_KEYS: &[&str] =
    &["text", "json", "from", "default", "problem", "template", "templates", "content_type"];
/// Keys of `body:` of which there is one.
const BODY_FORMS: &[&str] = &["text", "json", "from", "problem", template::ONE, template::SEVERAL];

/// Reads an action.
pub fn read(node: &Node, subjects: &mut Subjects, diagnostics: &mut Diagnostics) -> Option<Action> {
    let fields = node.fields("an action", KEYS, diagnostics)?;
    if fields.entries().is_empty() {
        diagnostics.push(
            Diagnostic::error("an action that changes nothing")
                .at(&node.place)
                .help("give a `status`, `headers`, a `template`, a `body` or a `retry`"),
        );
        return None;
    }
    let status = fields.get("status").and_then(|node| status(node, subjects, diagnostics));
    let reason = fields.get("reason").and_then(|node| reason(node, diagnostics));
    let headers = fields.get("headers").map(|node| headers(node, subjects, diagnostics)).unwrap_or_default();
    let template = fields.get(template::ONE).and_then(|node| template::read(node, subjects, diagnostics));
    let body = fields.get("body").and_then(|node| body(node, subjects, diagnostics)).unwrap_or_default();
    let caches = [("no-store", Cache::NoStore), ("keep", Cache::Keep), ("auto", Cache::Auto)];
    let cache = fields.get("cache").and_then(|node| node.word("a `cache` choice", &caches, diagnostics));
    let retry = fields.get("retry").and_then(|node| retry::read(node, diagnostics));
    if let (Some(StatusChoice::Fixed(status)), Some(entry), false) =
        (&status, fields.entry("body"), matches!(body, BodyChoice::Keep))
        && !allows_body(*status)
    {
        diagnostics.error(&entry.key_place, format!("an answer of status {} has no body", status.as_u16()));
    }
    Some(Action { status, reason, headers, template, body, cache: cache.unwrap_or_default(), retry })
}

fn status(node: &Node, subjects: &mut Subjects, diagnostics: &mut Diagnostics) -> Option<StatusChoice> {
    if node.scalar_text().is_some() {
        return fixed(node, diagnostics).map(StatusChoice::Fixed);
    }
    let source = source::from(node, "a status", &["table"], subjects, diagnostics)?;
    let fields = node.fields("a status", &["from", "default", "table"], &mut Diagnostics::default())?;
    let default = match fields.get("default") {
        Some(node) => Some(fixed(node, diagnostics)?),
        None => None,
    };
    let Some(table) = fields.get("table") else { return Some(StatusChoice::From(source)) };
    let rows: Option<Vec<(String, StatusCode)>> = table
        .entries("a status table", diagnostics)?
        .iter()
        .map(|entry| Some((entry.key.clone(), fixed(&entry.node, diagnostics)?)))
        .collect();
    let source = crate::engine::action::Source { default: None, ..source };
    Some(StatusChoice::Table { source, rows: rows?, default })
}

fn fixed(node: &Node, diagnostics: &mut Diagnostics) -> Option<StatusCode> {
    let text = node.text("a status", diagnostics)?;
    let status = final_status(text);
    if status.is_none() {
        diagnostics.push(
            Diagnostic::error(format!("`{text}` is not a status from 200 to 599"))
                .at(&node.place)
                .help("a number, or `{ from: $.field }`"),
        );
    }
    status
}

fn reason(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text("a reason phrase", diagnostics)?;
    let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !printable || text.is_empty() {
        diagnostics.error(&node.place, "a reason phrase is printable ASCII on one line");
        return None;
    }
    Some(text.to_owned())
}

fn headers(node: &Node, subjects: &mut Subjects, diagnostics: &mut Diagnostics) -> Vec<HeaderChange> {
    let Some(fields) = node.fields("`headers`", HEADER_KEYS, diagnostics) else { return Vec::new() };
    let mut changes = Vec::new();
    for name in fields.get("remove").map(Node::list_or_one).unwrap_or_default() {
        if let Some(text) = name.text("a header name", diagnostics) {
            changes.extend(writable(text, &name.place, diagnostics).map(HeaderChange::Remove));
        }
    }
    for (key, change) in [("set", HeaderChange::Set as fn(_, _) -> _), ("append", HeaderChange::Append)] {
        let Some(node) = fields.get(key) else { continue };
        for entry in node.entries(&format!("`{key}`"), diagnostics).unwrap_or_default() {
            let name = writable(&entry.key, &entry.key_place, diagnostics);
            for (index, node) in entry.node.list_or_one().iter().enumerate() {
                // Of several values to set, the first replaces what is there.
                let change = if index == 0 { change } else { HeaderChange::Append };
                let text = source::text(node, "a header value", subjects, diagnostics);
                if let Some(text) = node.scalar_text()
                    && HeaderValue::from_str(text).is_err()
                {
                    diagnostics.error(&node.place, "a header value is one line without control characters");
                }
                changes.extend(name.clone().zip(text).map(|(name, text)| change(name, text)));
            }
        }
    }
    changes
}

fn writable(
    text: &str,
    place: &crate::diagnostic::Place,
    diagnostics: &mut Diagnostics,
) -> Option<HeaderName> {
    let name = source::header_name(text, place, diagnostics)?;
    if is_reserved(&name) {
        diagnostics.push(
            Diagnostic::error(format!("a rule cannot write `{name}`"))
                .at(place)
                .help("framing and connection headers are kept true by candor itself"),
        );
        return None;
    }
    Some(name)
}

fn body(node: &Node, subjects: &mut Subjects, diagnostics: &mut Diagnostics) -> Option<BodyChoice> {
    if node.scalar_text().is_some() {
        let empty = BodyChoice::Static {
            bytes: Bytes::new(),
            content_type: HeaderValue::from_static("text/plain; charset=utf-8"),
        };
        let words = [("keep", BodyWord::Keep), ("problem", BodyWord::Problem), ("empty", BodyWord::Empty)];
        return node.word("a body", &words, diagnostics).map(|word| match word {
            BodyWord::Keep => BodyChoice::Keep,
            BodyWord::Problem => BodyChoice::Problem(Box::default()),
            BodyWord::Empty => empty,
        });
    }
    let fields = node.fields("a body", BODY_KEYS, diagnostics)?;
    let content_type = fields.get("content_type").and_then(|node| content_type(node, diagnostics));
    let forms: Vec<_> =
        fields.entries().iter().filter(|entry| BODY_FORMS.contains(&entry.key.as_str())).collect();
    let [form] = forms.as_slice() else {
        diagnostics.error(
            &node.place,
            "a body is one of `text`, `json`, `from`, `problem`, `template` or `templates`",
        );
        return None;
    };
    match form.key.as_str() {
        "text" => {
            let text = form.node.text("the text of the body", diagnostics)?;
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            Some(BodyChoice::Static { bytes, content_type: content_type.unwrap_or(plain) })
        }
        "json" => {
            let bytes = Bytes::from(form.node.to_json().to_string());
            let plain = HeaderValue::from_static("application/json");
            Some(BodyChoice::Static { bytes, content_type: content_type.unwrap_or(plain) })
        }
        "from" => {
            let source = source::from(node, "a body", &["content_type"], subjects, diagnostics)?;
            Some(BodyChoice::From { source, content_type })
        }
        template::ONE => {
            let template = template::read(&form.node, subjects, diagnostics)?;
            let plain = HeaderValue::from_static("application/json");
            Some(BodyChoice::Template { template, content_type: content_type.unwrap_or(plain) })
        }
        template::SEVERAL => templates(&form.node, content_type, subjects, diagnostics),
        _ => problem(&form.node, subjects, diagnostics).map(|p| BodyChoice::Problem(Box::new(p))),
    }
}

/// Templates by media type, of which the request's `Accept` chooses.
fn templates(
    node: &Node,
    content_type: Option<HeaderValue>,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<BodyChoice> {
    let entries = node.entries("`templates`", diagnostics)?;
    if entries.is_empty() {
        diagnostics.error(&node.place, "there is no template to choose from");
    }
    let mut choices = Vec::new();
    for entry in entries {
        let key = media_type(Some(&entry.key)).filter(|key| *key == entry.key && key.contains('/'));
        if key.is_none() {
            let problem =
                Diagnostic::error(format!("`{}` is not a media type", entry.key)).at(&entry.key_place);
            diagnostics.push(problem.help("lower case and without parameters: `application/json`"));
        }
        choices.extend(key.zip(template::read(&entry.node, subjects, diagnostics)));
    }
    subjects.request_headers |= choices.len() > 1;
    (choices.len() == entries.len() && !choices.is_empty())
        .then_some(BodyChoice::Templates { choices, content_type })
}

#[derive(Clone, Copy)]
enum BodyWord {
    Keep,
    Problem,
    Empty,
}

fn content_type(node: &Node, diagnostics: &mut Diagnostics) -> Option<HeaderValue> {
    let text = node.text("a content type", diagnostics)?;
    let value = HeaderValue::from_str(text).ok().filter(|_| text.contains('/'));
    if value.is_none() {
        diagnostics.error(&node.place, format!("`{text}` is not a content type"));
    }
    value
}

fn problem(node: &Node, subjects: &mut Subjects, diagnostics: &mut Diagnostics) -> Option<ProblemChoice> {
    let fields = node.fields("a problem", PROBLEM_KEYS, diagnostics)?;
    let mut text = |key: &str| {
        let node = fields.get(key)?;
        source::text(node, &format!("`{key}` of a problem"), subjects, diagnostics)
    };
    let (kind, title, detail, instance) = (text("type"), text("title"), text("detail"), text("instance"));
    let mut extensions = Vec::new();
    if let Some(node) = fields.get("extensions") {
        for entry in node.entries("`extensions`", diagnostics).unwrap_or_default() {
            if ["type", "title", "status", "detail", "instance"].contains(&entry.key.as_str()) {
                diagnostics.error(
                    &entry.key_place,
                    format!("`{}` is a standard member, not an extension", entry.key),
                );
                continue;
            }
            let found =
                matches!(&entry.node.value, Value::Map(entries) if entries.iter().any(|e| e.key == "from"));
            let extension = match found {
                true => {
                    source::from(&entry.node, "an extension", &[], subjects, diagnostics).map(Extension::From)
                }
                false => Some(Extension::Literal(entry.node.to_json())),
            };
            extensions.extend(extension.map(|extension| (entry.key.clone(), extension)));
        }
    }
    Some(ProblemChoice { kind, title, detail, instance, extensions })
}
