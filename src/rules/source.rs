//! The written names of parts of an exchange: `$.statusCode`, `header.retry-after`, `xml.Fault/faultcode`,
//! `capture.code`. The same in `from:`, in `--rule` lines and in traces.

use http::header::HeaderName;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, did_you_mean};
use crate::document::Node;
use crate::engine::action::{Origin, Source, Text};
use crate::engine::json::{Path, Want};
use crate::engine::subject::{JsonSubject, Subject, Subjects};
use crate::engine::xml::ElementPath;

const WORDS: &[&str] = &[
    "status",
    "content_type",
    "method",
    "path",
    "error",
    "body",
    "empty_body",
    "header.",
    "request.header.",
    "query.",
    "xml.",
    "capture.",
];

/// Reads a part of the exchange. `place` is where `text` stands.
pub fn subject(
    text: &str,
    place: &Place,
    want: Want,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<Subject> {
    let text = text.trim();
    match text {
        "status" => return Some(Subject::Status),
        "content_type" | "content-type" => return Some(Subject::ContentType),
        "method" => return Some(Subject::Method),
        "path" => return Some(Subject::Path),
        "error" => return error_message(subjects),
        "body" => return Some(subjects.whole_body(Subject::Body)),
        "empty_body" => return Some(subjects.whole_body(Subject::EmptyBody)),
        _ => {}
    }
    if text.starts_with('$') {
        return json(text, place, want, subjects, diagnostics).map(Subject::Json);
    }
    if let Some(name) = text.strip_prefix("request.header.") {
        return header_name(name, place, diagnostics).map(|name| subjects.request_header(name));
    }
    if let Some(name) = text.strip_prefix("header.") {
        return header_name(name, place, diagnostics).map(|name| subjects.answer_header(name));
    }
    if let Some(name) = text.strip_prefix("query.") {
        return Some(Subject::Query(name.to_owned()));
    }
    if let Some(path) = text.strip_prefix("xml.") {
        return xml(path, place, subjects, diagnostics);
    }
    let diagnostic = Diagnostic::error(format!("`{text}` is no part of an exchange")).at(place);
    diagnostics.push(match did_you_mean(text, WORDS.iter().copied()) {
        Some(word) => diagnostic.help(format!("did you mean `{word}`?")),
        None => diagnostic.help(format!(
            "a JSON path begins with `$` (`$.{text}`); other parts are {}",
            WORDS.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        )),
    });
    None
}

/// `errorMessage` of an error as AWS Lambda writes it.
pub fn error_message(subjects: &mut Subjects) -> Option<Subject> {
    let path = Path::parse("$.errorMessage").ok()?;
    Some(Subject::Error(subjects.json("$.errorMessage", path, None, Want::Value)))
}

/// Reads a JSON path, perhaps two joined by ` | `.
pub fn json(
    text: &str,
    place: &Place,
    want: Want,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<JsonSubject> {
    let (outer, inner) = match text.split_once(" | ") {
        Some((outer, inner)) => (outer, Some(inner)),
        None => (text, None),
    };
    let outer_path = json_path(outer, 0, place, diagnostics);
    let inner_path = inner.map(|inner| json_path(inner, outer.chars().count() + 3, place, diagnostics));
    match inner_path {
        None => Some(subjects.json(text, outer_path?, None, want)),
        Some(inner_path) => Some(subjects.json(text, outer_path?, Some(inner_path?), want)),
    }
}

fn json_path(text: &str, offset: usize, place: &Place, diagnostics: &mut Diagnostics) -> Option<Path> {
    let lead = text.chars().take_while(|c| c.is_whitespace()).count();
    match Path::parse(text.trim()) {
        Ok(path) => Some(path),
        Err(error) => {
            let place = place.within(offset + lead + error.offset, 1);
            diagnostics.error(&place, format!("JSON path `{}`: {}", text.trim(), error.message));
            None
        }
    }
}

/// Reads an XML element path.
pub fn xml(
    text: &str,
    place: &Place,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<Subject> {
    match ElementPath::parse(text) {
        Ok(path) => Some(subjects.xml(path)),
        Err(error) => {
            diagnostics
                .error(&place.within(error.offset, 1), format!("element path `{text}`: {}", error.message));
            None
        }
    }
}

/// Reads a header's name.
pub fn header_name(text: &str, place: &Place, diagnostics: &mut Diagnostics) -> Option<HeaderName> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) => Some(name),
        Err(_) => {
            diagnostics.error(place, format!("`{text}` is not a header name"));
            None
        }
    }
}

/// Reads a part of the exchange or a capture.
pub fn origin(
    text: &str,
    place: &Place,
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<Origin> {
    match text.trim().strip_prefix("capture.") {
        Some(name) => Some(Origin::Capture(name.to_owned())),
        None => subject(text, place, Want::Value, subjects, diagnostics).map(Origin::Subject),
    }
}

/// Reads `{ from: …, default: … }`; other keys in `known` are the caller's.
pub fn from(
    node: &Node,
    what: &str,
    known: &[&str],
    subjects: &mut Subjects,
    diagnostics: &mut Diagnostics,
) -> Option<Source> {
    let known: Vec<&str> = ["from", "default"].iter().chain(known).copied().collect();
    let fields = node.fields(what, &known, diagnostics)?;
    let from = fields.require("from", what, diagnostics)?;
    let text = from.text("a part of the exchange", diagnostics)?;
    let origin = origin(text, &from.place, subjects, diagnostics)?;
    let default = fields.get("default").and_then(|node| node.text("a default (text)", diagnostics));
    Some(Source { origin, default: default.map(str::to_owned) })
}

/// Reads text, or `{ from: … }`.
pub fn text(node: &Node, what: &str, subjects: &mut Subjects, diagnostics: &mut Diagnostics) -> Option<Text> {
    match node.scalar_text() {
        Some(text) => Some(Text::Literal(text.to_owned())),
        None => from(node, what, &[], subjects, diagnostics).map(Text::From),
    }
}
