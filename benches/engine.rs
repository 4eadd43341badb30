//! What the engine costs an exchange: `cargo bench`. The bodies are those of the comparison with other proxies.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a bench fails by panicking")]

use bytes::Bytes;
use candor::diagnostic::{Diagnostics, Source};
use candor::document;
use candor::engine::envelope::{self, Contract};
use candor::engine::json::{DefinitePath, Path, PathSet, Scan, Want};
use candor::engine::{Answer, AnswerHead, Exchange, Limits, Outcome, RequestSnapshot, RuleSet, evaluate};
use candor::rules::{self, Quick};
use divan::{Bencher, black_box, black_box_drop};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use std::fmt::Write as _;
use std::sync::Arc;

fn main() {
    divan::main();
}

const FROM_THE_FIELD: &str = r"
  - name: from-the-field
    when: { json: $.statusCode, matches: '[1-5]\d{2}' }
    then: { status: { from: $.statusCode } }
";
const BY_TEXT: &str = r"
  - name: not-found-text
    when: { status: '2\d{2}', body: { matches: '(?is).*record not found.*' } }
    then: { status: 404 }
";

const BY_LITERAL: &str = r"
  - name: not-found-literal
    when: { body: { contains: record not found } }
    then: { status: 404 }
";

/// A body by the name that the comparison with other proxies has for it.
fn body(name: &str) -> String {
    match name {
        "small-ok" => r#"{"id": 17, "name": "Widget", "price": 12.5, "tags": ["a", "b"]}"#.to_owned(),
        "small-error" => {
            r#"{"statusCode": 404, "errorMessage": "client_error: no such widget", "requestId": "c6af9ac6"}"#
                .to_owned()
        }
        "mid-ok" => items(100, ""),
        "mid-error" => items(100, r#", "statusCode": 404"#),
        "big-ok" => items(1000, ""),
        "big-error" => items(1000, r#", "statusCode": 404"#),
        "big-text" => "All is well, nothing was lost, and every record was found. ".repeat(1814),
        "big-umlauts" => "Alles ist gut, nichts ging verloren, und der Schlüssel fand sich. ".repeat(1600),
        other => panic!("no body `{other}`"),
    }
}

fn items(count: usize, then: &str) -> String {
    let text = "x".repeat(60);
    let item = |id| format!(r#"{{"id": {id}, "name": "Widget {id}", "desc": "{text}"}}"#);
    format!(r#"{{"items": [{}]{then}}}"#, (0..count).map(item).collect::<Vec<_>>().join(", "))
}

fn exchange(body: String) -> Exchange {
    exchange_of("application/json", body)
}

fn exchange_of(content_type: &'static str, body: String) -> Exchange {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Exchange {
        request: RequestSnapshot {
            method: Method::GET,
            uri: Uri::from_static("/orders/17"),
            headers: HeaderMap::new(),
            circumstances: None,
        },
        answer: Answer { head: AnswerHead { status: StatusCode::OK, headers }, body: Bytes::from(body) },
    }
}

/// The rule set whose list of rules is this YAML.
fn rule_set(rules: &str) -> Arc<RuleSet> {
    compiled(&format!("rules:{rules}"))
}

/// The rule set that is this preset.
fn used(preset: &str) -> Arc<RuleSet> {
    compiled(&format!("use: [{preset}]"))
}

fn compiled(set: &str) -> Arc<RuleSet> {
    let source = Source::new("bench", format!("rule_sets:\n default:\n  {set}"));
    let mut diagnostics = Diagnostics::default();
    let document = document::parse(&source, &mut diagnostics);
    let rules = rules::read(document.as_ref(), Quick::default(), &[], &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{:?}", diagnostics.into_sorted());
    Arc::clone(rules.set("default").unwrap())
}

fn decide(bencher: Bencher<'_, '_>, rules: &str, body: String) {
    let (rule_set, exchange, limits) = (rule_set(rules), exchange(body), Limits::default());
    bencher
        .bench_local(|| -> Outcome { evaluate(black_box(&rule_set), black_box(&exchange), &limits, false) });
}

/// One rule on `$.statusCode`.
#[divan::bench(args = ["small-ok", "small-error", "mid-ok", "mid-error", "big-ok", "big-error"], sample_size = 100)]
fn one_json_rule(bencher: Bencher<'_, '_>, name: &str) {
    decide(bencher, FROM_THE_FIELD, body(name));
}

/// One rule that has a pattern for the whole text of the body.
#[divan::bench(args = ["small-ok", "big-ok", "big-text", "big-umlauts"])]
fn one_text_rule(bencher: Bencher<'_, '_>, name: &str) {
    decide(bencher, BY_TEXT, body(name));
}

/// One rule that looks for words in the body.
#[divan::bench(args = ["small-ok", "big-ok", "big-text"])]
fn one_contains_rule(bencher: Bencher<'_, '_>, name: &str) {
    decide(bencher, BY_LITERAL, body(name));
}

/// So many rules on the text of the body, each with words of its own; none is found.
#[divan::bench(args = [1, 10, 100, 1000])]
fn text_rules(bencher: Bencher<'_, '_>, rules: usize) {
    let of =
        |n| format!("\n  - {{ when: {{ body: {{ search: '(?i)error {n}x' }} }}, then: {{ status: 500 }} }}");
    decide(bencher, &(0..rules).map(of).collect::<String>(), body("big-text"));
}

/// The preset for error pages on a page that is none.
#[divan::bench(args = ["big-text", "big-ok"])]
fn error_text(bencher: Bencher<'_, '_>, name: &str) {
    let (rule_set, limits) = (used("error-text"), Limits::default());
    let exchange = exchange_of("text/html", body(name));
    bencher
        .bench_local(|| -> Outcome { evaluate(black_box(&rule_set), black_box(&exchange), &limits, false) });
}

/// The preset for SOAP faults on an answer that is none.
#[divan::bench]
fn soap(bencher: Bencher<'_, '_>) {
    let (rule_set, limits) = (used("soap"), Limits::default());
    let item =
        "<item id=\"17\"><name>Widget &amp; more</name><desc>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx</desc></item>";
    let body = format!("<s:Envelope><s:Body>{}</s:Body></s:Envelope>", item.repeat(1000));
    let exchange = exchange_of("text/xml", body);
    bencher
        .bench_local(|| -> Outcome { evaluate(black_box(&rule_set), black_box(&exchange), &limits, false) });
}

/// So many rules on `$.code`, each with a pattern of its own; the last one fits.
#[divan::bench(args = [1, 10, 100, 1000], sample_size = 500)]
fn pattern_rules_on_one_subject(bencher: Bencher<'_, '_>, rules: usize) {
    let of =
        |n| format!("\n  - {{ when: {{ json: $.code, matches: 'E{n}(-.*)?' }}, then: {{ status: 404 }} }}");
    let last = rules - 1;
    decide(bencher, &(0..rules).map(of).collect::<String>(), format!(r#"{{"code": "E{last}-x", "id": 17}}"#));
}

/// So many rules on `$.code`, each with a value of its own; none fits.
#[divan::bench(args = [1, 10, 100, 1000], sample_size = 500)]
fn value_rules_on_one_subject(bencher: Bencher<'_, '_>, rules: usize) {
    let of = |n| format!("\n  - {{ when: {{ json: $.code, equals: E{n} }}, then: {{ status: 404 }} }}");
    decide(bencher, &(0..rules).map(of).collect::<String>(), r#"{"code": "fine", "id": 17}"#.to_owned());
}

/// 200 rules over 20 JSON paths, ten a path.
#[divan::bench(args = ["none-there", "all-there"])]
fn rules_on_20_paths(bencher: Bencher<'_, '_>, name: &str) {
    let of = |n: usize| {
        let path = n % 20;
        format!("\n  - {{ when: {{ json: $.field{path}, matches: 'E{n}(-.*)?' }}, then: {{ status: 404 }} }}")
    };
    let mut body = body("mid-ok");
    if name == "all-there" {
        body.pop();
        (0..20).for_each(|path| write!(body, r#", "field{path}": "fine""#).unwrap());
        body.push('}');
    }
    decide(bencher, &(0..200).map(of).collect::<String>(), body);
}

/// The scanner alone, on so many paths that are not in the body.
#[divan::bench(args = [1, 20])]
fn scan_big(bencher: Bencher<'_, '_>, paths: usize) {
    let mut set = PathSet::new();
    for path in 0..paths {
        set.insert(&definite(&format!("$.field{path}")), Want::Value);
    }
    let body = body("big-ok");
    bencher.bench_local(|| {
        let mut scan = Scan::new(&set);
        scan.feed(&set, black_box(body.as_bytes()));
        scan.finish(&set);
        scan.settled()
    });
}

fn definite(path: &str) -> DefinitePath {
    match Path::parse(path) {
        Ok(Path::Definite(path)) => path,
        other => panic!("{other:?}"),
    }
}

/// A Lambda-proxy envelope with a small body and with a big one.
#[divan::bench(args = ["small-ok", "big-ok"])]
fn unwrap_envelope(bencher: Bencher<'_, '_>, name: &str) {
    let inner = serde_json::Value::from(body(name));
    let body = format!(r#"{{"statusCode": 404, "headers": {{"x-a": "b"}}, "body": {inner}}}"#);
    bencher.bench_local(|| black_box_drop(envelope::read(black_box(body.as_bytes()), Contract::Auto)));
}
