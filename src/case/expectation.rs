//! What the client must get, and how a played case falls short of it.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderName;
use serde_json::Value;

use super::content;
use super::difference::{self, Difference, Extent};
use super::given::{self, Given};
use super::play::{Decision, Played};
use crate::diagnostic::Diagnostics;
use crate::document::{self, Entry, Node};
use crate::engine::outcome::Verdict;
use crate::engine::pattern::{self, Pattern};

const KEYS: &[&str] = &[
    "status",
    "reason",
    "headers",
    "body",
    "json",
    "json_subset",
    "body_matches",
    "base64",
    "hex",
    "verdict",
    "rule",
    "bypass",
    "reason_text",
    "shadows",
];
const BODY_KEYS: [&str; 6] = ["body", "json", "json_subset", "body_matches", "base64", "hex"];
/// Longer values are cut when they are shown.
const SHOWN_CHARS_MAX: usize = 400;

/// What the client must get; what is `None` or empty may be anything.
#[derive(Debug, Default)]
pub struct Expectation {
    status: Option<StatusCode>,
    reason: Option<String>,
    headers: Vec<(HeaderName, Vec<String>)>,
    body: Option<BodyTest>,
    verdict: Option<&'static str>,
    rule: Option<String>,
    bypass: Option<String>,
    reason_text: Option<String>,
    shadows: Option<Vec<String>>,
}

#[derive(Debug)]
enum BodyTest {
    Bytes(Bytes),
    Json(Value, Extent),
    Matches(Box<Pattern>),
}

/// One way in which a played case is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// What it is about: `status`, ``header `etag` ``, `body`.
    pub what: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, got {}", self.what, self.expected, self.got)
    }
}

impl Expectation {
    /// Reads `expect`. `body: same` means the bytes of the answer that is given.
    pub(super) fn read(
        node: &Node,
        given: Option<&Given>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Expectation> {
        let fields = node.fields("`expect`", KEYS, diagnostics)?;
        if fields.entries().is_empty() {
            diagnostics.error(&node.place, "`expect` expects nothing");
        }
        let mut expectation = Expectation::default();
        if let Some(entry) = content::only(&fields, &BODY_KEYS, diagnostics) {
            expectation.body = BodyTest::read(entry, given, diagnostics);
        }
        let text = |key: &str, diagnostics: &mut Diagnostics| {
            fields.get(key)?.text(&format!("text for `{key}`"), diagnostics).map(str::to_owned)
        };
        expectation.rule = text("rule", diagnostics);
        expectation.bypass = text("bypass", diagnostics);
        expectation.reason_text = text("reason_text", diagnostics);
        expectation.status = fields.get("status").and_then(|node| given::status(node, diagnostics));
        expectation.reason = fields.get("reason").and_then(|node| given::phrase(node, diagnostics));
        expectation.headers =
            fields.get("headers").map(|node| headers(node, diagnostics)).unwrap_or_default();
        expectation.verdict = fields.get("verdict").and_then(|node| verdict(node, diagnostics));
        expectation.shadows = fields.get("shadows").and_then(|node| labels(node, diagnostics));
        Some(expectation)
    }

    /// Every way in which what was played is not as expected; none when the case holds. What a door does not tell
    /// is not compared.
    pub fn mismatches(&self, played: &Played) -> Vec<Mismatch> {
        let mut found = Vec::new();
        found.extend(differing("status", self.status.map(|status| status.as_u16()), played.status.as_u16()));
        found.extend(differing("reason", self.reason.as_deref(), played.reason.as_str()));
        for (name, expected) in &self.headers {
            found.extend(header(name, expected, played));
        }
        found.extend(self.body.as_ref().and_then(|test| test.mismatch(&played.body)));
        match &played.decision {
            Decision::Made { verdict, shadows, .. } => {
                let shadows: Vec<&str> = shadows.iter().map(|shadow| &*shadow.rule).collect();
                self.decision(Some(verdict), &shadows, &mut found);
            }
            Decision::None => self.decision(None, &[], &mut found),
            Decision::Unseen => {}
        }
        found
    }

    fn decision(&self, verdict: Option<&Verdict>, shadows: &[&str], found: &mut Vec<Mismatch>) {
        let none = "none";
        let rule = verdict.and_then(Verdict::rule);
        let reason = verdict.and_then(Verdict::reason);
        let bypass = reason.as_deref().filter(|_| matches!(verdict, Some(Verdict::PassThrough { .. })));
        found.extend(differing("verdict", self.verdict, verdict.map_or(none, Verdict::word)));
        found.extend(differing("rule", self.rule.as_deref(), rule.unwrap_or(none)));
        found.extend(differing("bypass", self.bypass.as_deref(), bypass.unwrap_or(none)));
        found.extend(differing(
            "reason_text",
            self.reason_text.as_deref(),
            reason.as_deref().unwrap_or(none),
        ));
        if let Some(expected) = &self.shadows {
            found.extend(differing(
                "shadows",
                Some(expected.join(", ").as_str()),
                shadows.join(", ").as_str(),
            ));
        }
    }
}

impl BodyTest {
    fn read(entry: &Entry, given: Option<&Given>, diagnostics: &mut Diagnostics) -> Option<BodyTest> {
        let node = &entry.node;
        match entry.key.as_str() {
            "json" => Some(BodyTest::Json(node.to_json(), Extent::Whole)),
            "json_subset" => Some(BodyTest::Json(node.to_json(), Extent::Subset)),
            "body_matches" => pattern(node, diagnostics).map(|pattern| BodyTest::Matches(Box::new(pattern))),
            "body" if node.scalar_text() == Some("same") => {
                given.map(|given| BodyTest::Bytes(given.upstream.answer.body.clone()))
            }
            _ => content::bytes(entry, diagnostics).map(BodyTest::Bytes),
        }
    }

    fn mismatch(&self, body: &[u8]) -> Option<Mismatch> {
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

/// Header -> the values it must have; `null` and `[]` mean that it must be absent.
fn headers(node: &Node, diagnostics: &mut Diagnostics) -> Vec<(HeaderName, Vec<String>)> {
    let mut headers = Vec::new();
    for entry in node.entries("`headers`", diagnostics).unwrap_or_default() {
        let nodes = match entry.node.value {
            document::Value::Null => &[],
            _ => entry.node.list_or_one(),
        };
        let texts: Option<Vec<String>> =
            nodes.iter().map(|node| node.text("a header value", diagnostics).map(str::to_owned)).collect();
        headers.extend(content::name(entry, diagnostics).zip(texts));
    }
    headers
}

fn header(name: &HeaderName, expected: &[String], played: &Played) -> Option<Mismatch> {
    let got: Vec<_> =
        played.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    let shown = |values: Vec<String>| if values.is_empty() { "none".to_owned() } else { values.join(", ") };
    let quoted = |value: &dyn fmt::Display| format!("`{value}`");
    (got != expected).then(|| Mismatch {
        what: format!("header `{name}`"),
        expected: shown(expected.iter().map(|value| quoted(value)).collect()),
        got: shown(got.iter().map(|value| quoted(value)).collect()),
    })
}

fn verdict(node: &Node, diagnostics: &mut Diagnostics) -> Option<&'static str> {
    let words = ["pass", "rewrite", "undecided", "failed"].map(|word| (word, word));
    node.word("a verdict", &words, diagnostics)
}

fn labels(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let nodes = node.list("rules, as `rule-set/rule`", diagnostics)?;
    nodes.iter().map(|node| node.text("a rule", diagnostics).map(str::to_owned)).collect()
}

fn pattern(node: &Node, diagnostics: &mut Diagnostics) -> Option<Pattern> {
    let text = node.text("a pattern", diagnostics)?;
    match Pattern::parse(text, pattern::Extent::Whole) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            diagnostics.error(&node.place, format!("pattern `{text}` {}", error.message));
            None
        }
    }
}

fn differing<T: PartialEq + fmt::Display>(what: &str, expected: Option<T>, got: T) -> Option<Mismatch> {
    let expected = expected.filter(|expected| *expected != got)?;
    Some(Mismatch { what: what.to_owned(), expected: format!("`{expected}`"), got: format!("`{got}`") })
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
