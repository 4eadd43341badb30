use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use proptest::prelude::*;

use super::logic::part::Value;
use super::*;
use crate::diagnostic::{Diagnostics, Source};
use crate::document;
use crate::engine::subject::Subject;
use crate::engine::{self, Answer, AnswerHead, Exchange, Limits, RequestSnapshot, RuleSet};

/// A rule set `a` of these conditions, and what lint says of it.
fn linted(conditions: &[String]) -> (Arc<RuleSet>, Report) {
    let mut text = "rule_sets:\n  a:\n    rules:\n".to_owned();
    for condition in conditions {
        text.push_str(&format!("      - {{ when: {condition}, then: {{ status: 500 }} }}\n"));
    }
    let mut diagnostics = Diagnostics::default();
    let document = document::parse(&Source::new("f.yaml", &text), &mut diagnostics);
    let rules = rules::read(document.as_ref(), Quick::default(), &["default".into()], &mut diagnostics);
    let inspect = Inspect::default();
    let given = Given {
        document: document.as_ref(),
        quick: Quick::default(),
        rules: &rules,
        inspect: &inspect,
        overlaps: false,
    };
    (Arc::clone(rules.set("a").unwrap()), lint(&given))
}

/// What is said of the rules, as `line: code`, lines counted from the first rule.
#[track_caller]
fn check(conditions: &[&str], expected: &[&str]) {
    let conditions: Vec<String> = conditions.iter().map(|condition| (*condition).to_owned()).collect();
    let report = linted(&conditions).1;
    let told: Vec<String> =
        report.advice.iter().map(|it| format!("{}: {}", it.place.line - 3, it.lint)).collect();
    assert_eq!(told, expected, "{conditions:?}: {report:#?}");
    assert_eq!(report.undecided, []);
}

#[test]
fn what_earlier_rules_leave_is_told_exactly() {
    check(&["{ json: $.a, matches: '4..' }", "{ json: $.a, equals: '404' }"], &["2: shadowed-rule"]);
    check(&["{ json: $.a, matches: '4..' }", "{ json: $.a, equals: 404 }"], &[]);
    check(&["{ json: $.a, matches: '4.*' }", "{ json: $.a, search: '^4[0-9]' }"], &[]);
    check(&["{ json: $.a, matches: '(?s)4.*' }", "{ json: $.a, search: '^4[0-9]' }"], &["2: shadowed-rule"]);
    check(&["{ status: '[1-4]..' }", "{ status: '[5-9]..' }", "{ json: $.a }"], &["3: shadowed-rule"]);
    check(&["{ json: $.a }", "{ json: $.a, exists: false }", "{ status: 200 }"], &[]);
    check(&["{ json: $.a }", "{ json: $.a, exists: false }", "{ json: $.b }"], &["3: shadowed-rule"]);
    check(&["{ json: $.a }", "{ json: $.a.b, equals: 1 }"], &["2: shadowed-rule"]);
    check(&["{ json: $.a.b, equals: 1 }", "{ json: $.a }"], &[]);
    check(&["{ json: $.a, equals: 100 }", "{ json: $.a, equals: 1e2 }"], &["2: shadowed-rule"]);
    check(
        &["{ header: x, equals: a }", "{ header: x, equals: b }", "{ header: x, in: [a, b] }"],
        &["3: shadowed-rule"],
    );
    check(&["{ header: x, matches: 'a|b' }", "{ not: { header: x, equals: a } }"], &[]);
    check(&["{ not: { header: x } }", "{ not: { header: x, equals: a } }"], &[]);
    check(&["{ empty_body: true }", "{ json: $.a }"], &[]);
    check(&["{ empty_body: false }", "{ json: $.a }"], &["2: shadowed-rule"]);
    check(
        &["{ any: [{ status: 200 }, { json: $.a }] }", "{ json: $.a, status: 200 }"],
        &["2: shadowed-rule"],
    );
}

#[test]
fn what_holds_for_no_answer_is_told() {
    check(&["{ status: 200, not: { status: '2..' } }"], &["1: never-matches"]);
    check(&["{ status: { search: '^[24]' }, method: get }"], &[]);
    check(&["{ content_type: Application/JSON }"], &["1: never-matches"]);
    check(&["{ header: x, matches: 'a\\nb' }"], &["1: never-matches"]);
    check(&["{ all: [{ json: $.a, equals: a }, { json: $.a, equals: b }] }"], &["1: never-matches"]);
    check(&["{ all: [{ header: x, equals: a }, { header: x, equals: b }] }"], &[]);
    check(&["{ all: [{ json: $.a.b }, { json: $.a, equals: 1 }] }"], &["1: never-matches"]);
    check(&["{ all: [{ empty_body: true }, { json: $.a }] }"], &["1: never-matches"]);
    check(&["{ content_type: image/png, json: $.a }"], &["1: body-not-read"]);
    check(&["{ method: HEAD, not: { json: $.a } }"], &["1: body-not-read"]);
    check(&["{ status: '20[46]', any: [{ json: $.a }, { header: x }] }"], &[]);
}

#[test]
fn what_routes_do_not_take_is_not_expected() {
    let check = |routes: &str, expected: &[&str]| {
        let text = format!(
            "selector: {{ allow: [c], from: [127.0.0.1] }}\nroutes: [{routes}]\nrule_sets:\n  a: {{ rules: [{{ when: {{ method: POST, json: $.a }}, then: {{ status: 500, retry: {{ attempts: 1 }} }} }}] }}\n  b: {{ use: a }}\n  c: {{ rules: [{{ when: {{ json: $.a }}, then: {{ status: 500 }} }}] }}"
        );
        let mut diagnostics = Diagnostics::default();
        let document = document::parse(&Source::new("f.yaml", &text), &mut diagnostics);
        let rules = rules::read(document.as_ref(), Quick::default(), &["default".into()], &mut diagnostics);
        assert!(diagnostics.is_empty(), "{:?}", diagnostics.into_sorted());
        let inspect = Inspect::default();
        let quick = Quick::default();
        let report = lint(&Given {
            document: document.as_ref(),
            quick,
            rules: &rules,
            inspect: &inspect,
            overlaps: false,
        });
        let told: Vec<String> =
            report.advice.iter().map(|it| format!("{} {}", it.message, it.lint)).collect();
        assert_eq!(told, expected, "{routes}");
    };
    let never = "`a/rule-1` never has a request sent again retry-never";
    check("{ rules: a, match: { methods: [GET, POST] } }", &[never]);
    check("{ rules: a, match: { methods: [GET, HEAD] } }", &["`a/rule-1` can never match never-matches"]);
    check("{ rules: a, match: { path: /a, methods: GET } }, { rules: b }", &[never]);
    check(
        "{ rules: a, match: { path: /a, methods: GET } }, { rules: b, match: { methods: POST } }",
        &[never],
    );
    check(
        "{ rules: a, selector: 'off' }, { rules: c, match: { path: /c, methods: HEAD } }",
        &[never, "`c/rule-1` can never match body-not-read"],
    );
    check("{ rules: a }, { rules: c, match: { path: /c, methods: HEAD } }", &[never]);
}

#[test]
fn rules_overlap_where_both_may_match() {
    let check = |conditions: [&str; 2], expected: &[&str]| {
        let text = format!(
            "rule_sets: {{ a: {{ rules: [{{ when: {}, then: {{ status: 500 }} }}, {{ when: {}, then: {{ status: 500 }} }}] }} }}",
            conditions[0], conditions[1]
        );
        let mut diagnostics = Diagnostics::default();
        let document = document::parse(&Source::new("f.yaml", &text), &mut diagnostics);
        let rules = rules::read(document.as_ref(), Quick::default(), &["default".into()], &mut diagnostics);
        let written = rules::written(document.as_ref(), Quick::default());
        let scene = Scene::new(rules.set("a").unwrap(), &written, &rules, &Inspect::default());
        let witnesses: Vec<String> =
            checks::overlap::overlaps(&scene).into_iter().map(|overlap| overlap.witness).collect();
        assert_eq!(witnesses, expected, "{conditions:?}");
    };
    check(["{ json: $.a, matches: '40.' }", "{ json: $.a, matches: '.04' }"], &["$.a `404`"]);
    check(["{ json: $.a, matches: '40.' }", "{ json: $.a, matches: '.14' }"], &[]);
    check(["{ json: $.a, matches: '40.' }", "{ json: $.b }"], &[]);
    check(
        ["{ status: 200, json: $.a }", "{ status: '2..', json: $.b }"],
        &["status `200`, $.b `` "].map(str::trim_end),
    );
}

#[test]
fn what_costs_too_much_is_not_decided() {
    let words: Vec<String> = ('a'..='z').map(|c| format!("{{ json: $.a, search: '{c}{c}' }}")).collect();
    let report = linted(&[format!("{{ all: [{}] }}", words.join(", "))]).1;
    assert_eq!(report.advice, []);
    let told: Vec<&str> = report.undecided.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(told, ["not decided whether `a/rule-1` can match at all"]);
}

#[test]
fn what_a_default_sends_again_is_judged_too() {
    let check = |retry: &str, expected: &[&str]| {
        let text = format!("rule_sets: {{ a: {{ default: {{ retry: {{ attempts: 1, {retry} }} }} }} }}");
        let mut diagnostics = Diagnostics::default();
        let document = document::parse(&Source::new("f.yaml", &text), &mut diagnostics);
        let quick = Quick::default();
        let rules = rules::read(document.as_ref(), quick, &["default".into()], &mut diagnostics);
        let inspect = Inspect::default();
        let given =
            Given { document: document.as_ref(), quick, rules: &rules, inspect: &inspect, overlaps: false };
        let told: Vec<String> = lint(&given).advice.into_iter().map(|it| it.message).collect();
        assert_eq!(told, expected, "{retry}");
    };
    check("methods: [GET, POST, PATCH]", &["a POST request is sent again", "a PATCH request is sent again"]);
    check("methods: GET", &[]);
    check("key_header: true", &[]);
}

#[test]
fn patterns_are_judged_by_what_they_fit() {
    let on = |part: &str, test: &str, expected: &[&str]| check(&[&format!("{{ {part}, {test} }}")], expected);
    on("json: $.a", r"matches: '\d*'", &["1: matches-empty"]);
    on("json: $.a", r"matches: '(\d+)?'", &["1: matches-empty"]);
    on("json: $.a", r"matches: '\d+|'", &[]);
    on("json: $.a", "matches: ''", &[]);
    on("json: $.a", "matches: '(?s).*'", &[]);
    on("json: $.a", r"search: '\d*'", &["1: matches-empty"]);
    on("header: x", "matches: '.*'", &[]);
    on("json: $.a", r"search: '4\d{2}'", &["1: unanchored-number"]);
    on("json: $.a", "search: '404|500'", &["1: unanchored-number"]);
    on("json: $.a", r"search: '\b4\d{2}\b'", &[]);
    on("json: $.a", r"search: '\d+'", &[]);
    on("json: $.a", r"search: 'code 4\d{2}'", &[]);
    on("json: $.a", "matches: '^ERR'", &["1: half-anchored"]);
    on("json: $.a", "matches: 'gone$'", &["1: half-anchored"]);
    on("json: $.a", "matches: '^ERR$'", &[]);
    on("json: $.a", r"matches: '^4\d{2}'", &[]);
    on("json: $.a", "matches: '.*gone.*'", &["1: dot-newline"]);
    on("json: $.a", "matches: '(.+)gone'", &["1: dot-newline"]);
    on("json: $.a", "matches: 'gone.*'", &[]);
    on("header: x", "matches: '.*gone.*'", &[]);
    on("status: 200", "error: 'gone.*'", &["1: dot-newline"]);
    on("status: 200", "error: '(?s)gone.*'", &[]);
    on("status: 200", "body: '[^x]*gone.*'", &["1: dot-newline"]);
    check(&["{ status: { search: '40' } }"], &["1: unanchored-number"]);
    check(&[r"{ status: { search: '4\d{2}' } }"], &[]);
}

/// Conditions on one part each.
const SINGLE: &[&str] = &[
    r"status: '2\d{2}'",
    "status: 200",
    "status: ['40.', '5..']",
    "status: { search: '0' }",
    "method: GET",
    "method: [GET, POST]",
    "content_type: text/html",
    "content_type: 'text/.*'",
    "content_type: text/event-stream",
    "header: x-e",
    "header: x-e, equals: a",
    "header: x-e, matches: 'a|b'",
    "header: x-e, exists: false",
    "json: $.a",
    "json: $.a, exists: false",
    "json: $.a, equals: 404",
    "json: $.a, equals: '404'",
    r"json: $.a, matches: '4\d{2}'",
    "json: $.a, in: [true, null, x]",
    "json: $.a, contains: '0'",
    "json: $.a, search: ['^4', 'x$']",
    "json: $.b, search: b",
    "json: '$.l[*]', equals: 1",
    "json: '$.l[*]', in: [1, 2]",
];

/// Conditions on parts that hang together with others.
const JOINED: &[&str] = &[
    "json: $.a.b",
    "json: $.a.b, equals: 1",
    "empty_body: true",
    "empty_body: false",
    "body: { contains: a }",
    "body: ''",
    "error: '(?s)4.*'",
];

fn condition(pool: Vec<&'static str>) -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(pool).prop_map(|leaf| format!("{{ {leaf} }}"));
    leaf.prop_recursive(2, 6, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| parts.join(", "));
        prop_oneof![
            several.clone().prop_map(|parts| format!("{{ all: [{parts}] }}")),
            several.prop_map(|parts| format!("{{ any: [{parts}] }}")),
            inner.prop_map(|part| format!("{{ not: {part} }}")),
        ]
    })
}

fn conditions(pool: Vec<&'static str>) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(condition(pool), 1..5)
}

fn exchange(status: u16, method: &str, content_type: Option<&str>, x_e: &[&str], body: &str) -> Exchange {
    let mut headers = HeaderMap::new();
    if let Some(content_type) = content_type {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    }
    for value in x_e {
        headers.append("x-e", HeaderValue::from_str(value).unwrap());
    }
    let request = RequestSnapshot {
        method: Method::from_bytes(method.as_bytes()).unwrap(),
        uri: Uri::from_static("/"),
        headers: HeaderMap::new(),
        circumstances: None,
    };
    let head = AnswerHead { status: StatusCode::from_u16(status).unwrap(), headers };
    Exchange { request, answer: Answer { head, body: Bytes::copy_from_slice(body.as_bytes()) } }
}

fn exchanges() -> impl Strategy<Value = Exchange> {
    let bodies = vec![
        "",
        "{}",
        r#"{"a":404}"#,
        r#"{"a":"404"}"#,
        r#"{"a":404.0,"b":"b"}"#,
        r#"{"a":4.04e2}"#,
        r#"{"a":true}"#,
        r#"{"a":null}"#,
        r#"{"a":{"b":1}}"#,
        r#"{"a":{"b":null}}"#,
        r#"{"b":"abc"}"#,
        r#"{"l":[1,2]}"#,
        r#"{"l":[3],"a":"4x"}"#,
        "a text",
        r#"{"a":["x"]}"#,
        r#"{"errorMessage":"4\n"}"#,
        "\u{feff}",
    ];
    (
        prop::sample::select(vec![200, 204, 206, 404, 500]),
        prop::sample::select(vec!["GET", "HEAD", "POST"]),
        prop::sample::select(vec![
            None,
            Some("application/json"),
            Some("text/html; a=b"),
            Some("text/event-stream"),
            Some("image/png"),
        ]),
        prop::sample::select(vec![vec![], vec!["a"], vec!["b"], vec!["a", "b"], vec!["c"]]),
        prop::sample::select(bodies),
    )
        .prop_map(|(status, method, content_type, x_e, body)| {
            exchange(status, method, content_type, &x_e, body)
        })
}

fn decides(set: &RuleSet, exchange: &Exchange) -> Option<String> {
    let outcome = engine::evaluate(set, exchange, &Limits::default(), false);
    outcome.verdict.rule().map(str::to_owned)
}

/// The names of rules that are said never to decide.
fn idle(report: &Report) -> Vec<String> {
    let never = [Lint::NeverMatches, Lint::ShadowedRule, Lint::BodyNotRead];
    let idle = report.advice.iter().filter(|advice| never.contains(&advice.lint));
    idle.map(|advice| advice.message.split('`').nth(1).unwrap().to_owned()).collect()
}

/// An answer with the values of a model; `None` where they are no JSON.
fn of_model(scene: &Scene<'_>, model: &logic::solve::Model) -> Option<Exchange> {
    let (mut status, mut method, mut content_type, mut x_e) = (200, "GET".to_owned(), None, Vec::new());
    let mut body = serde_json::Map::new();
    for (part, values) in model.parts() {
        let part = &scene.universe.parts()[part];
        let texts: Vec<&str> = values.iter().filter_map(Value::text).collect();
        let json = |value: &Value| match value {
            Value::Text(text) => Some(serde_json::Value::from(text.as_str())),
            value => serde_json::from_str(value.text().unwrap_or("null")).ok(),
        };
        match part.subject() {
            Subject::Status => status = texts[0].parse().unwrap(),
            Subject::Method => method = texts[0].to_owned(),
            Subject::ContentType => content_type = texts.first().map(|text| (*text).to_owned()),
            Subject::Header(name) if name.as_str() == "x-e" => x_e = texts,
            Subject::Json(json_subject) => {
                let values: Vec<serde_json::Value> = values.iter().map(json).collect::<Option<_>>()?;
                match json_subject.written.as_str() {
                    "$.l[*]" => {
                        body.insert("l".to_owned(), values.into());
                    }
                    name if !values.is_empty() => {
                        body.insert(name.trim_start_matches("$.").to_owned(), values[0].clone());
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let body = serde_json::Value::from(body).to_string();
    Some(exchange(status, &method, content_type.as_deref(), &x_e, &body))
}

proptest! {
    // Every case makes automata; an unoptimized build takes a tenth of a second for that.
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_rule_that_is_said_never_to_decide_never_does(
        conditions in conditions([SINGLE, JOINED].concat()),
        exchanges in prop::collection::vec(exchanges(), 60),
    ) {
        let (set, report) = linted(&conditions);
        let idle = idle(&report);
        for exchange in &exchanges {
            if let Some(rule) = decides(&set, exchange) {
                prop_assert!(!idle.contains(&rule), "{rule} decides about {exchange:?}\n{conditions:#?}");
            }
        }
    }

    #[test]
    fn for_a_rule_that_can_match_there_is_an_answer_that_it_matches(
        condition in condition(SINGLE.to_vec()),
    ) {
        let text = format!("rule_sets: {{ a: {{ rules: [{{ when: {condition}, then: {{ status: 500 }} }}] }} }}");
        let mut diagnostics = Diagnostics::default();
        let document = document::parse(&Source::new("f.yaml", &text), &mut diagnostics);
        let rules = rules::read(document.as_ref(), Quick::default(), &["default".into()], &mut diagnostics);
        let written = rules::written(document.as_ref(), Quick::default());
        let set = rules.set("a").unwrap();
        let mut scene = Scene::new(set, &written, &rules, &Inspect::default());
        if let logic::solve::Answer::With(model) = scene.can_match(0, None)
            && let Some(exchange) = of_model(&scene, &model)
        {
            prop_assert_eq!(decides(set, &exchange), Some("a/rule-1".to_owned()), "{:?}", exchange);
        }
    }
}
