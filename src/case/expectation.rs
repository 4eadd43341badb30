//! What the client must get, and how a played case falls short of it.

use std::fmt;

use http::StatusCode;

use super::body_test::{self, BodyTest};
use super::carried::Carried;
use super::decided::Decided;
use super::given::{self, About, Given};
use super::headers_test::HeadersTest;
use super::play::Played;
use crate::diagnostic::Diagnostics;
use crate::document::Node;

const KEYS: [&str; 4] = ["status", "reason", "headers", "reason_text"];

/// What the client must get; what is `None` or empty may be anything.
#[derive(Debug)]
pub struct Expectation {
    status: Option<StatusCode>,
    reason: Option<String>,
    headers: HeadersTest,
    body: Option<BodyTest>,
    reason_text: Option<String>,
    inside: Inside,
}

/// How the answer must come about.
#[derive(Debug)]
enum Inside {
    Rules(Decided),
    Api(Carried),
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
        about: About,
        diagnostics: &mut Diagnostics,
    ) -> Option<Expectation> {
        let own: &[&str] = match about {
            About::Rules => &super::decided::KEYS,
            About::Api => &super::carried::KEYS,
        };
        let keys = [&KEYS[..], &body_test::KEYS, own].concat();
        let fields = node.fields("`expect`", &keys, diagnostics)?;
        if fields.entries().is_empty() {
            diagnostics.error(&node.place, "`expect` expects nothing");
        }
        let answered = given.map(|given| &given.upstream.answer.body);
        let asked = given.map(|given| &given.request.body);
        let reason_text = fields.get("reason_text");
        Some(Expectation {
            body: BodyTest::read(&fields, answered, diagnostics),
            status: fields.get("status").and_then(|node| given::status(node, diagnostics)),
            reason: fields.get("reason").and_then(|node| given::phrase(node, diagnostics)),
            headers: HeadersTest::read(&fields, diagnostics),
            reason_text: reason_text
                .and_then(|node| node.text("text for `reason_text`", diagnostics))
                .map(str::to_owned),
            inside: match about {
                About::Rules => Inside::Rules(Decided::read(&fields, diagnostics)),
                About::Api => Inside::Api(Carried::read(&fields, asked, diagnostics)),
            },
        })
    }

    /// Every way in which what was played is not as expected; none when the case holds. What a door does not tell
    /// is not compared.
    pub fn mismatches(&self, played: &Played) -> Vec<Mismatch> {
        let mut found = Vec::new();
        found.extend(differing("status", self.status.map(|status| status.as_u16()), played.status.as_u16()));
        found.extend(differing("reason", self.reason.as_deref(), played.reason.as_str()));
        found.extend(self.headers.mismatches(|name| {
            let values = played.headers.get_all(name).iter();
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
        }));
        found.extend(self.body.as_ref().and_then(|test| test.mismatch(&played.body)));
        match &self.inside {
            Inside::Rules(expected) => expected.compare(&played.decision, &mut found),
            Inside::Api(expected) => expected.compare(played, &mut found),
        }
        if let Some(reason) = played.decision.reason() {
            found.extend(differing(
                "reason_text",
                self.reason_text.as_deref(),
                reason.as_deref().unwrap_or("none"),
            ));
        }
        found
    }
}

/// How a value differs from what is expected of it; nothing expected, nothing differs.
pub(super) fn differing<T: PartialEq + fmt::Display>(
    what: &str,
    expected: Option<T>,
    got: T,
) -> Option<Mismatch> {
    let expected = expected.filter(|expected| *expected != got)?;
    Some(Mismatch { what: what.to_owned(), expected: format!("`{expected}`"), got: format!("`{got}`") })
}
