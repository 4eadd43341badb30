//! What a body must be: these bytes, this JSON, a match of a pattern.

use bytes::Bytes;
use serde_json::Value;

use super::content;
use super::difference::{self, Difference, Extent};
use super::expectation::Mismatch;
use crate::diagnostic::Diagnostics;
use crate::document::{Fields, Node};
use crate::engine::pattern::{self, Pattern};

/// The ways to write what a body must be.
pub(super) const KEYS: [&str; 6] = ["body", "json", "json_subset", "body_matches", "base64", "hex"];
/// Longer values are cut when they are shown.
const SHOWN_CHARS_MAX: usize = 400;

/// What a body must be.
#[derive(Debug)]
pub(super) enum BodyTest {
    Bytes(Bytes),
    Json(Value, Extent),
    Matches(Box<Pattern>),
}

impl BodyTest {
    /// The one among these fields, if there is one. `body: same` means these bytes.
    pub(super) fn read(
        fields: &Fields<'_>,
        same: Option<&Bytes>,
        diagnostics: &mut Diagnostics,
    ) -> Option<BodyTest> {
        let entry = content::only(fields, &KEYS, content::ONE_BODY, diagnostics)?;
        let node = &entry.node;
        match entry.key.as_str() {
            "json" => Some(BodyTest::Json(node.to_json(), Extent::Whole)),
            "json_subset" => Some(BodyTest::Json(node.to_json(), Extent::Subset)),
            "body_matches" => pattern(node, diagnostics).map(|pattern| BodyTest::Matches(Box::new(pattern))),
            "body" if node.scalar_text() == Some("same") => same.cloned().map(BodyTest::Bytes),
            _ => content::bytes(entry, diagnostics).map(BodyTest::Bytes),
        }
    }

    /// How a body is not as it must be.
    pub(super) fn mismatch(&self, body: &[u8]) -> Option<Mismatch> {
        let wrong =
            |what: &str, expected: String| Mismatch { what: what.to_owned(), expected, got: shown(body) };
        match self {
            BodyTest::Bytes(expected) => (expected != body).then(|| wrong("body", shown(expected))),
            BodyTest::Matches(pattern) => {
                let fits = pattern.is_match(&String::from_utf8_lossy(body));
                (!fits).then(|| wrong("body", format!("a match of `{pattern}`")))
            }
            BodyTest::Json(expected, extent) => match serde_json::from_slice(body) {
                Ok(got) => difference::first(expected, &got, *extent).map(Mismatch::from),
                Err(_) => Some(wrong("body", "JSON".to_owned())),
            },
        }
    }
}

impl From<Difference> for Mismatch {
    fn from(difference: Difference) -> Mismatch {
        let Difference { path, expected, got } = difference;
        Mismatch { what: format!("body at `{path}`"), expected, got }
    }
}

/// A pattern that a whole text must be a match of.
pub(super) fn pattern(node: &Node, diagnostics: &mut Diagnostics) -> Option<Pattern> {
    let text = node.text("a pattern", diagnostics)?;
    match Pattern::parse(text, pattern::Extent::Whole) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            diagnostics.error(&node.place, format!("pattern `{text}` {}", error.message));
            None
        }
    }
}

/// Bytes as a person can read them, long ones cut.
fn shown(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".to_owned();
    }
    let text = String::from_utf8_lossy(bytes);
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("`{}…` ({} bytes)", text.get(..end).unwrap_or_default(), bytes.len()),
        None => format!("`{text}`"),
    }
}
