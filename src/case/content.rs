//! Bytes and headers as cases write them: a body is `body` (text), `json`, `base64` or `hex`; a header has one value
//! or a list of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use crate::apigateway::execute::Headers;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Entry, Fields, Node};

/// The key of a body that is the text of a file; [`super::unfold`] makes it a `body`.
pub(super) const FILE: &str = "file";
/// The ways to write a body.
pub(super) const BODY_KEYS: [&str; 4] = ["body", "json", "base64", "hex"];
/// What to say to somebody who writes two.
pub(super) const ONE_BODY: &str = "there is one body";

/// The one entry among these keys, or a problem when there are several. `None` without one.
pub(super) fn only<'a>(
    fields: &Fields<'a>,
    keys: &[&str],
    help: &str,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Entry> {
    let mut given = fields.entries().iter().filter(|entry| keys.contains(&entry.key.as_str()));
    let first = given.next()?;
    for other in given.filter(|other| other.key != first.key) {
        let message = format!("`{}` beside `{}`", other.key, first.key);
        diagnostics.push(Diagnostic::error(message).at(&other.key_place).help(help));
    }
    Some(first)
}

/// The body among these fields with the key that says how it is written; an empty one without.
pub(super) fn body<'a>(
    fields: &Fields<'a>,
    diagnostics: &mut Diagnostics,
) -> Option<(Option<&'a str>, Bytes)> {
    match only(fields, &BODY_KEYS, ONE_BODY, diagnostics) {
        Some(entry) => bytes(entry, diagnostics).map(|bytes| (Some(entry.key.as_str()), bytes)),
        None => Some((None, Bytes::new())),
    }
}

/// The bytes of an entry whose key is one of [`BODY_KEYS`].
pub(super) fn bytes(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<Bytes> {
    let node = &entry.node;
    match entry.key.as_str() {
        "json" => Some(Bytes::from(node.to_json().to_string())),
        "base64" => encoded(node, "base64", |text| STANDARD.decode(text).ok(), diagnostics),
        "hex" => encoded(node, "hexadecimal", unhex, diagnostics),
        _ => node.text("the text of a body", diagnostics).map(|text| Bytes::copy_from_slice(text.as_bytes())),
    }
}

fn encoded(
    node: &Node,
    what: &str,
    decode: impl Fn(&str) -> Option<Vec<u8>>,
    diagnostics: &mut Diagnostics,
) -> Option<Bytes> {
    let text: String = node.text(what, diagnostics)?.split_whitespace().collect();
    let bytes = decode(&text);
    if bytes.is_none() {
        diagnostics.error(&node.place, format!("not {what}"));
    }
    bytes.map(Bytes::from)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| d.try_into().ok())).collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Headers that are sent: `name: value` or `name: [value, value]`.
pub(super) fn headers(node: &Node, diagnostics: &mut Diagnostics) -> Option<HeaderMap> {
    Some(sent(&lines(node, diagnostics)?))
}

/// The same as lines, their names as they are written.
pub(super) fn lines(node: &Node, diagnostics: &mut Diagnostics) -> Option<Headers> {
    let mut lines = Headers::new();
    for entry in node.entries("`headers`", diagnostics)? {
        let name = name(entry, diagnostics);
        for node in entry.node.list_or_one() {
            let value =
                node.text("a header value", diagnostics).filter(|text| is_value(text, node, diagnostics));
            if let (Some(_), Some(value)) = (&name, value) {
                lines.append(entry.key.clone(), value.to_owned());
            }
        }
    }
    Some(lines)
}

/// Lines as HTTP has them.
pub(super) fn sent(lines: &Headers) -> HeaderMap {
    let line = |(name, value): (&str, &str)| Some((name.parse().ok()?, HeaderValue::from_str(value).ok()?));
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().filter_map(line) {
        let name: HeaderName = name;
        headers.append(name, value);
    }
    headers
}

/// The header that a key names.
pub(super) fn name(entry: &Entry, diagnostics: &mut Diagnostics) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(entry.key.as_bytes()).ok();
    if name.is_none() {
        diagnostics.error(&entry.key_place, format!("`{}` is not a header name", entry.key));
    }
    name
}

fn is_value(text: &str, node: &Node, diagnostics: &mut Diagnostics) -> bool {
    let is_value = HeaderValue::from_str(text).is_ok();
    if !is_value {
        diagnostics.error(&node.place, "a header value is one line without control characters");
    }
    is_value
}
