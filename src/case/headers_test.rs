//! What headers must be: these values, or absent.

use std::fmt;

use http::header::HeaderName;

use super::content;
use super::expectation::Mismatch;
use crate::diagnostic::Diagnostics;
use crate::document::{Fields, Value};

/// Headers with the values they must have, in order; none of them: the header must be absent. All others may be
/// anything.
#[derive(Debug, Default)]
pub(super) struct HeadersTest(Vec<(HeaderName, Vec<String>)>);

impl HeadersTest {
    /// `headers` among these fields; `null` and `[]` mean that a header must be absent.
    pub(super) fn read(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> HeadersTest {
        let entries = fields.get("headers").and_then(|node| node.entries("`headers`", diagnostics));
        let mut headers = Vec::new();
        for entry in entries.unwrap_or_default() {
            let nodes = match entry.node.value {
                Value::Null => &[],
                _ => entry.node.list_or_one(),
            };
            let texts: Option<Vec<String>> = nodes
                .iter()
                .map(|node| node.text("a header value", diagnostics).map(str::to_owned))
                .collect();
            headers.extend(content::name(entry, diagnostics).zip(texts));
        }
        HeadersTest(headers)
    }

    /// Those that are not as they must be; `values` are those that a header has.
    pub(super) fn mismatches(&self, values: impl Fn(&HeaderName) -> Vec<String>) -> Vec<Mismatch> {
        let wrong = |(name, expected): &(HeaderName, Vec<String>)| {
            let got = values(name);
            (got != *expected).then(|| Mismatch {
                what: format!("header `{name}`"),
                expected: shown(expected),
                got: shown(&got),
            })
        };
        self.0.iter().filter_map(wrong).collect()
    }
}

fn shown(values: &[String]) -> String {
    let quoted = |value: &dyn fmt::Display| format!("`{value}`");
    match values.is_empty() {
        true => "none".to_owned(),
        false => values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", "),
    }
}
