//! `retry:` of an action read into a [`Retry`].

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::header::HeaderName;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::{Fields, Node, Value};
use crate::engine::retry::{Repeatable, Retry};

use super::{routes, source};

/// Keys of `retry:`.
pub const KEYS: &[&str] = &["attempts", "backoff", "max_backoff", "methods", "key_header"];

const BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(1);
/// A client that waits longer than this for a pause alone has usually left.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// The header of draft-ietf-httpapi-idempotency-key-header.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Reads `retry:`.
pub fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<Arc<Retry>> {
    let fields = node.fields("`retry`", KEYS, diagnostics)?;
    let attempts = fields
        .require("attempts", "`retry`", diagnostics)
        .and_then(|node| node.integer("`attempts`", 1..=10, diagnostics))
        .and_then(|attempts| u32::try_from(attempts).ok());
    let pauses = pauses(&fields, diagnostics);
    let methods = fields.get("methods").map(|node| methods(node, diagnostics));
    let key_header = fields.get("key_header").map(|node| key_header(node, diagnostics));
    // Only now, when all of it has been read and every problem told.
    let (attempts, (backoff, max_backoff)) = (attempts?, pauses?);
    let repeatable = Repeatable {
        methods: match methods {
            Some(methods) => Some(methods?),
            None => None,
        },
        key_header: key_header.flatten(),
    };
    Some(Arc::new(Retry { attempts, backoff, max_backoff, repeatable }))
}

/// The first pause and the longest; a first pause over the usual longest one is the longest, too.
fn pauses(fields: &Fields<'_>, diagnostics: &mut Diagnostics) -> Option<(Duration, Duration)> {
    let mut pause = |key: &str| fields.get(key).map(|node| pause(node, diagnostics));
    let (backoff, max_backoff) = (pause("backoff"), pause("max_backoff"));
    let backoff = backoff.unwrap_or(Some(BACKOFF))?;
    let max_backoff = max_backoff.unwrap_or(Some(MAX_BACKOFF.max(backoff)))?;
    if let Some(entry) = fields.entry("max_backoff").filter(|_| max_backoff < backoff) {
        diagnostics.error(&entry.node.place, "`max_backoff` is shorter than `backoff`");
        return None;
    }
    Some((backoff, max_backoff))
}

fn pause(node: &Node, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let pause = node.duration(diagnostics)?;
    if pause > LONGEST_BACKOFF {
        diagnostics.error(&node.place, "longer than a minute");
        return None;
    }
    Some(pause)
}

fn methods(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<Method>> {
    node.list_or_one().iter().map(|node| routes::method(node, diagnostics)).collect()
}

/// A header's name, or `true` for the usual one.
fn key_header(node: &Node, diagnostics: &mut Diagnostics) -> Option<HeaderName> {
    if let Value::Bool(usual) = node.value {
        return usual.then_some(IDEMPOTENCY_KEY);
    }
    let name = node.text("the name of a header, or `true`", diagnostics)?;
    if name.is_empty() {
        let empty = Diagnostic::error("a header without a name").at(&node.place);
        diagnostics.push(empty.help("write its name, or `true` for `idempotency-key`"));
        return None;
    }
    source::header_name(name, &node.place, diagnostics)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode, Uri};

    use super::*;
    use crate::diagnostic::Source;
    use crate::document;
    use crate::engine::{Answer, AnswerHead, Exchange, Limits, RequestSnapshot, evaluate};
    use crate::rules::{self, Quick};

    fn told(text: &str) -> (Option<Arc<Retry>>, Vec<String>) {
        let mut diagnostics = Diagnostics::default();
        let node = document::parse(&Source::new("retry.yaml", text), &mut diagnostics).unwrap();
        let retry = read(&node, &mut diagnostics);
        (retry, diagnostics.into_sorted().into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn what_is_left_out_is_safe() {
        let check = |text: &str,
                     backoff: u64,
                     max_backoff: u64,
                     methods: Option<&[Method]>,
                     key: Option<&str>| {
            let (retry, problems) = told(text);
            assert_eq!(problems, Vec::<String>::new(), "{text}");
            let repeatable = Repeatable {
                methods: methods.map(<[_]>::to_vec),
                key_header: key.map(|key| HeaderName::from_bytes(key.as_bytes()).unwrap()),
            };
            let milliseconds = Duration::from_millis;
            let (backoff, max_backoff) = (milliseconds(backoff), milliseconds(max_backoff));
            assert_eq!(*retry.unwrap(), Retry { attempts: 2, backoff, max_backoff, repeatable }, "{text}");
        };
        check("{ attempts: 2 }", 100, 1000, None, None);
        check("{ attempts: 2, backoff: 0ms }", 0, 1000, None, None);
        check("{ attempts: 2, backoff: 5s }", 5000, 5000, None, None);
        check("{ attempts: 2, backoff: 10ms, max_backoff: 20ms }", 10, 20, None, None);
        check("{ attempts: 2, methods: POST }", 100, 1000, Some(&[Method::POST]), None);
        check("{ attempts: 2, methods: [GET, POST] }", 100, 1000, Some(&[Method::GET, Method::POST]), None);
        check("{ attempts: 2, key_header: true }", 100, 1000, None, Some("idempotency-key"));
        check("{ attempts: 2, key_header: false }", 100, 1000, None, None);
        check("{ attempts: 2, key_header: X-Key }", 100, 1000, None, Some("x-key"));
    }

    #[test]
    fn a_retry_is_part_of_what_a_rule_produces() {
        let check = |set: &str, expected: bool| {
            let text = format!("rule_sets: {{ it: {set} }}");
            let mut diagnostics = Diagnostics::default();
            let document = document::parse(&Source::new("rules.yaml", &text), &mut diagnostics);
            let upstreams = ["legacy".into()];
            let rules = rules::read(document.as_ref(), Quick::default(), &upstreams, &mut diagnostics);
            assert!(diagnostics.is_empty(), "{text}");
            let exchange = Exchange {
                request: RequestSnapshot {
                    method: Method::GET,
                    uri: Uri::from_static("/"),
                    headers: HeaderMap::new(),
                    circumstances: None,
                },
                answer: Answer {
                    head: AnswerHead { status: StatusCode::OK, headers: HeaderMap::new() },
                    body: Bytes::from_static(br#"{"error":"BUSY"}"#),
                },
            };
            let rule_set = rules.set("it").unwrap();
            let outcome = evaluate(rule_set, &exchange, &Limits::default(), false);
            assert_eq!(outcome.retry.is_some(), expected, "{set}");
            assert!(!expected || rule_set.may_retry(&Method::GET, &HeaderMap::new()), "{set}");
        };
        let rule = |more: &str, then: &str| {
            format!("{{ when: {{ json: $.error, matches: BUSY }}, {more} then: {{ {then} }} }}")
        };
        let retry = "retry: { attempts: 1 }";
        check(&format!("{{ rules: [{}] }}", rule("", retry)), true);
        check(&format!("{{ rules: [{}] }}", rule("", &format!("status: 503, {retry}"))), true);
        check(&format!("{{ rules: [{}] }}", rule("mode: shadow,", retry)), false);
        check(&format!("{{ rules: [{}] }}", rule("mode: off,", retry)), false);
        check(&format!("{{ rules: [{}] }}", rule("", &format!("status: {{ from: $.no }}, {retry}"))), false);
        check(&format!("{{ rules: [{}], default: {{ {retry} }} }}", rule("", "status: 503")), false);
        check(&format!("{{ default: {{ {retry} }} }}"), true);
        check("{ rules: [] }", false);
    }

    #[test]
    fn wrong_values_are_told() {
        let check = |text: &str, expected: &str| {
            assert_eq!(told(text).1, [expected], "{text}");
        };
        check("{ backoff: 1s }", "`retry` needs `attempts`");
        check("{ attempts: 0 }", "`attempts` must be 1 to 10, not 0");
        check("{ attempts: 11 }", "`attempts` must be 1 to 10, not 11");
        check("{ attempts: many }", "expected `attempts` (a whole number), found text");
        check("{ attempts: 1, backoff: 5 }", "expected a time, found `5`");
        check("{ attempts: 1, max_backoff: 2m }", "longer than a minute");
        check("{ attempts: 1, backoff: 2s, max_backoff: 1s }", "`max_backoff` is shorter than `backoff`");
        check("{ attempts: 1, methods: [get] }", "`get` is not a method");
        check("{ attempts: 1, key_header: 'a b' }", "`a b` is not a header name");
        check("{ attempts: 1, key_header: '' }", "a header without a name");
        check("{ attempts: 1, budget: 3 }", "unknown key `budget` in `retry`");
        check("3", "expected `retry` (a map), found a number");
    }
}
