//! What headers must be: these values, matches of a pattern, or absent.

use http::header::HeaderName;

use super::body_test::pattern;
use super::content;
use super::expectation::Mismatch;
use crate::diagnostic::Diagnostics;
use crate::document::{Fields, Node, Value};
use crate::engine::pattern::Pattern;

const MATCHES: &str = "matches";

/// Headers and what they must be. All others may be anything.
#[derive(Debug, Default)]
pub(super) struct HeadersTest(Vec<(HeaderName, ValuesTest)>);

/// What the values of a header must be.
#[derive(Debug)]
enum ValuesTest {
    /// These, in order; none of them: the header must be absent.
    Are(Vec<String>),
    /// At least one, and each a match.
    Match(Box<Pattern>),
}

impl HeadersTest {
    /// `headers` among these fields; `null` and `[]` mean that a header must be absent.
    pub(super) fn read(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> HeadersTest {
        let entries = fields.get("headers").and_then(|node| node.entries("`headers`", diagnostics));
        let mut headers = Vec::new();
        for entry in entries.unwrap_or_default() {
            let test = ValuesTest::read(&entry.node, diagnostics);
            headers.extend(content::name(entry, diagnostics).zip(test));
        }
        HeadersTest(headers)
    }

    /// Those that are not as they must be; `values` are those that a header has.
    pub(super) fn mismatches(&self, values: impl Fn(&HeaderName) -> Vec<String>) -> Vec<Mismatch> {
        let wrong = |(name, expected): &(HeaderName, ValuesTest)| {
            let got = values(name);
            (!expected.holds(&got)).then(|| Mismatch {
                what: format!("header `{name}`"),
                expected: expected.shown(),
                got: shown(&got),
            })
        };
        self.0.iter().filter_map(wrong).collect()
    }
}

impl ValuesTest {
    fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<ValuesTest> {
        let nodes = match node.value {
            Value::Null => &[],
            Value::Map(_) => {
                let fields = node.fields("what a header must be", &[MATCHES], diagnostics)?;
                let written = fields.require(MATCHES, "what a header must be", diagnostics)?;
                return pattern(written, diagnostics).map(|pattern| ValuesTest::Match(Box::new(pattern)));
            }
            _ => node.list_or_one(),
        };
        let text = |node: &Node| node.text("a header value", diagnostics).map(str::to_owned);
        nodes.iter().map(text).collect::<Option<_>>().map(ValuesTest::Are)
    }

    fn holds(&self, got: &[String]) -> bool {
        match self {
            ValuesTest::Are(values) => got == values.as_slice(),
            ValuesTest::Match(pattern) => !got.is_empty() && got.iter().all(|value| pattern.is_match(value)),
        }
    }

    fn shown(&self) -> String {
        match self {
            ValuesTest::Are(values) => shown(values),
            ValuesTest::Match(pattern) => format!("a match of `{pattern}`"),
        }
    }
}

fn shown(values: &[String]) -> String {
    match values.is_empty() {
        true => "none".to_owned(),
        false => values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", "),
    }
}
