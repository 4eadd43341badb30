//! How an API must carry a request: what its backend is sent, which integration response the answer meets, which
//! gateway response stands in for one.

use bytes::Bytes;

use super::body_test::{self, BodyTest};
use super::expectation::{Mismatch, differing};
use super::given::method;
use super::headers_test::HeadersTest;
use super::play::{Decision, Played, Sent, SentRequest};
use crate::apigateway::execute::Chosen;
use crate::apigateway::model::Kind;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::document::{Fields, Node};

pub(super) const KEYS: [&str; 3] = ["sent", "response", "fault"];
const SENT_KEYS: [&str; 6] = ["method", "url", "path", "function", "service", "headers"];
const RESPONSE_KEYS: &[&str] = &["subject", "pattern", "status"];
/// What is written where there must be none, and told where there is none.
const NONE: &str = "none";
const NOTHING: &str = "nothing";

/// How an API must carry a request; what is `None` may be anything.
#[derive(Debug, Default)]
pub(super) struct Carried {
    sent: Option<SentTest>,
    response: Option<ResponseTest>,
    fault: Option<&'static str>,
}

#[derive(Debug)]
enum SentTest {
    Nothing,
    Request(Box<RequestTest>),
}

/// What of a request that was sent must be so.
#[derive(Debug)]
struct RequestTest {
    /// Parts of the request's line with what they must be.
    line: Vec<(&'static str, String)>,
    headers: HeadersTest,
    body: Option<BodyTest>,
}

/// Which integration response must be chosen.
#[derive(Debug)]
enum ResponseTest {
    None,
    Chosen(Vec<(&'static str, String)>),
}

impl Carried {
    /// `body: same` in `sent` means the body of the request that is given.
    pub(super) fn read(fields: &Fields<'_>, asked: Option<&Bytes>, diagnostics: &mut Diagnostics) -> Carried {
        Carried {
            sent: fields.get("sent").and_then(|node| SentTest::read(node, asked, diagnostics)),
            response: fields.get("response").and_then(|node| ResponseTest::read(node, diagnostics)),
            fault: fields.get("fault").and_then(|node| fault(node, diagnostics)),
        }
    }

    /// Adds what is not as expected.
    pub(super) fn compare(&self, played: &Played, found: &mut Vec<Mismatch>) {
        if let Some(test) = &self.sent {
            test.compare(&played.sent, found);
        }
        let Decision::Carried { chosen, fault, misfits, .. } = &played.decision else { return };
        if let Some(test) = &self.response {
            test.compare(chosen.as_ref(), found);
        }
        let kind = fault.as_ref().map_or(NONE, |fault| fault.kind.name());
        found.extend(differing("fault", self.fault, kind));
        // Where it became a fault, the client does not get what does not fit.
        let misfits = misfits.iter().filter(|_| fault.is_none());
        found.extend(misfits.map(|misfit| Mismatch {
            what: format!("model `{}`", misfit.model),
            expected: match misfit.path.as_str() {
                "" => "a body that fits".to_owned(),
                path => format!("a value that fits at `{path}`"),
            },
            got: misfit.problem.clone(),
        }));
    }
}

impl SentTest {
    fn read(node: &Node, asked: Option<&Bytes>, diagnostics: &mut Diagnostics) -> Option<SentTest> {
        if node.scalar_text() == Some(NOTHING) {
            return Some(SentTest::Nothing);
        }
        let keys = [&SENT_KEYS[..], &body_test::KEYS].concat();
        let fields = node.fields("`sent`", &keys, diagnostics)?;
        let mut line = Vec::new();
        for key in &SENT_KEYS[..5] {
            let node = fields.get(key);
            let text = node.and_then(|node| match *key {
                "method" => method(node, diagnostics).map(|method| method.to_string()),
                _ => node.text(&format!("text for `{key}`"), diagnostics).map(str::to_owned),
            });
            line.extend(text.map(|text| (*key, text)));
        }
        let headers = HeadersTest::read(&fields, diagnostics);
        let body = BodyTest::read(&fields, asked, diagnostics);
        Some(SentTest::Request(Box::new(RequestTest { line, headers, body })))
    }

    fn compare(&self, sent: &Sent, found: &mut Vec<Mismatch>) {
        let differs = |expected: &str, got: String| Mismatch {
            what: "sent".to_owned(),
            expected: expected.to_owned(),
            got,
        };
        match (self, sent) {
            (_, Sent::Unseen) | (SentTest::Nothing, Sent::Nothing) => {}
            (SentTest::Nothing, Sent::Request(request)) => {
                found.push(differs(NOTHING, request.target.to_string()));
            }
            (SentTest::Request(_), Sent::Nothing) => found.push(differs("a request", NOTHING.to_owned())),
            (SentTest::Request(test), Sent::Request(request)) => found.extend(test.mismatches(request)),
        }
    }
}

impl RequestTest {
    fn mismatches(&self, sent: &SentRequest) -> Vec<Mismatch> {
        let mut found = Vec::new();
        for (part, expected) in &self.line {
            if let Some(got) = sent.part(part) {
                found.extend(differing(part, Some(expected.as_str()), got.as_deref().unwrap_or(NONE)));
            }
        }
        let values = |name: &http::HeaderName| sent.headers.all(name.as_str()).map(str::to_owned).collect();
        found.extend(self.headers.mismatches(values));
        found.extend(self.body.as_ref().and_then(|test| test.mismatch(&sent.body)));
        found.iter_mut().for_each(|mismatch| mismatch.what.insert_str(0, "sent "));
        found
    }
}

impl ResponseTest {
    fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<ResponseTest> {
        if node.scalar_text() == Some(NONE) {
            return Some(ResponseTest::None);
        }
        let fields = node.fields("`response`", RESPONSE_KEYS, diagnostics)?;
        let mut parts = Vec::new();
        for key in RESPONSE_KEYS {
            let text = fields.get(key).and_then(|node| node.text(&format!("text for `{key}`"), diagnostics));
            parts.extend(text.map(|text| (*key, text.to_owned())));
        }
        Some(ResponseTest::Chosen(parts))
    }

    fn compare(&self, chosen: Option<&Chosen>, found: &mut Vec<Mismatch>) {
        let part = |key: &str| match (key, chosen) {
            (_, None) => NONE.to_owned(),
            ("subject", Some(chosen)) => chosen.subject.clone(),
            ("pattern", Some(chosen)) => chosen.pattern.as_deref().unwrap_or("default").to_owned(),
            (_, Some(chosen)) => chosen.status.as_str().to_owned(),
        };
        match self {
            ResponseTest::None => found.extend(differing("response", Some(NONE.to_owned()), part("pattern"))),
            ResponseTest::Chosen(parts) => found.extend(parts.iter().filter_map(|(key, expected)| {
                differing(&format!("response {key}"), Some(expected.clone()), part(key))
            })),
        }
    }
}

/// The name of a gateway response, or `none`.
fn fault(node: &Node, diagnostics: &mut Diagnostics) -> Option<&'static str> {
    let text = node.text("the name of a gateway response", diagnostics)?;
    let known = || Kind::ALL.iter().map(|kind| kind.name()).chain([NONE]);
    let found = known().find(|known| *known == text);
    if found.is_none() {
        let problem = Diagnostic::error(format!("`{text}` is no gateway response")).at(&node.place);
        diagnostics.push(match did_you_mean(text, known()) {
            Some(meant) => problem.help(format!("did you mean `{meant}`?")),
            None => problem.help("such as `DEFAULT_5XX`, or `none`"),
        });
    }
    found
}
