//! Which headers an exchange is asked for that somebody else carries: those that its rules read, and no others.

use candor::diagnostic::{Diagnostics, Source};
use candor::live::Snapshot;
use candor::proxy::{Interest, Names};
use candor::rules;
use candor::settings::{Layers, Settings};
use http::HeaderName;

fn interest(text: &str) -> Interest {
    let layers = Layers { files: vec![Source::new("test.yaml", text)], ..Layers::default() };
    let mut problems = Diagnostics::default();
    let (document, quick) = layers.merge(&mut problems).unwrap();
    let settings = Settings::read(&document, &quick, &mut problems).unwrap();
    let rules = rules::read(Some(&document), rules::Quick::default(), &["legacy".into()], &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    Interest::of(&Snapshot::new(settings, rules.routes, rules.selection))
}

fn of(rule: &str) -> Interest {
    interest(&format!(
        r#"
version: 1
upstreams: {{ legacy: {{ url: "http://127.0.0.1:1" }} }}
routes: [ {{ match: {{ path: "/{{proxy+}}" }}, upstream: legacy, rules: a }} ]
rule_sets: {{ a: {{ rules: [ {{ name: one, {rule} }} ] }} }}
"#
    ))
}

fn written(names: &Names) -> Option<Vec<&str>> {
    match names {
        Names::All => None,
        Names::These(these, _) => Some(these.iter().map(HeaderName::as_str).collect()),
    }
}

#[test]
fn headers_of_answers_are_wanted_where_a_rule_names_them() {
    let always = ["connection", "content-encoding", "content-range", "content-type", "transfer-encoding"];
    let check = |rule: &str, named: Option<&[&str]>| {
        let named = named.map(|named| {
            let mut all = [named, always.as_slice()].concat();
            all.sort_unstable();
            all
        });
        assert_eq!(written(&of(rule).of_answers), named, "{rule}");
    };
    check("when: { status: 200 }, then: { status: 404 }", Some(&[]));
    check("when: { header: x-kind, equals: a }, then: { status: 404 }", Some(&["x-kind"]));
    check(
        "when: { not: { any: [ { header: x-kind, exists: true } ] } }, then: { status: 404 }",
        Some(&["x-kind"]),
    );
    check("when: { status: 200 }, then: { status: { from: header.x-code } }", Some(&["x-code"]));
    check("when: { status: 200 }, then: { status: 404, headers: { set: { server: hidden } } }", Some(&[]));
    check("when: { status: 200 }, then: { body: { template: '$answer.headers.a' } }", None);
}

#[test]
fn headers_of_requests_are_wanted_for_the_log_and_all_of_them_where_a_rule_reads_some() {
    let check = |rule: &str, expected: Option<&[&str]>| {
        assert_eq!(written(&of(rule).of_requests).as_deref(), expected, "{rule}");
    };
    check(
        "when: { status: 200 }, then: { status: 404 }",
        Some(&["traceparent", "tracestate", "x-request-id"]),
    );
    check("when: { request_header: x-kind, equals: a }, then: { status: 404 }", None);
}

#[test]
fn the_headers_that_choose_rules_and_routes_are_wanted() {
    let chosen = interest(
        r#"
version: 1
upstreams: { legacy: { url: "http://127.0.0.1:1" } }
selector: { header: x-rules, upstream_header: x-own-rules, allow: [a, b], from: ["127.0.0.0/8"] }
routes: [ { match: { host: a.example, path: "/{proxy+}" }, upstream: legacy, rules: off } ]
rule_sets:
  a: { rules: [ { name: one, when: { header: x-kind, exists: true }, then: { status: 404 } } ] }
  b: { rules: [ { name: two, when: { header: x-other, exists: true }, then: { status: 404 } } ] }
"#,
    );
    for name in ["x-rules", "host"] {
        assert!(chosen.of_requests.named(name.as_bytes()).is_some(), "{name}");
    }
    for name in ["x-own-rules", "x-kind", "x-other"] {
        assert!(chosen.of_answers.named(name.as_bytes()).is_some(), "{name}");
    }
    assert_eq!(chosen.of_answers.named(b"server"), None);
}
