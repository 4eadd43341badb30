//! Case files read and judged: problems with their places, bodies and framing, every way to fall short.

mod api;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use insta::assert_snapshot;

use super::*;

/// Cases that share one rule; `rest` is the case's own part.
fn file(rest: &str) -> String {
    format!("rules: ['$.code:4\\d{{2}} -> 404']\ncases:\n  - name: a fact\n{rest}")
}

fn read_text(text: &str) -> (Option<CaseFile>, String) {
    let mut diagnostics = Diagnostics::default();
    let file = read(&Source::new("cases.yaml", text), &mut diagnostics);
    let problems = diagnostics.into_sorted().iter().map(|problem| format!("{problem}\n")).collect();
    (file, problems)
}

fn only_case(rest: &str) -> Case {
    let (file, problems) = read_text(&file(rest));
    assert_eq!(problems, "");
    file.unwrap().cases.remove(0)
}

#[track_caller]
fn check_problem(text: &str, expected: &str) {
    let (file, problems) = read_text(text);
    assert!(file.is_none(), "{text}");
    assert!(problems.contains(expected), "{problems}\nshould hold\n{expected}");
}

/// What is wrong with the expectation, played through the engine.
fn wrong(rest: &str) -> Vec<String> {
    let case = only_case(rest);
    case.expectation.mismatches(&case.evaluate()).iter().map(ToString::to_string).collect()
}

#[test]
fn all_problems_of_a_file_are_told_at_once() {
    let text = r#"
config: { hold: { max_byte: 1KiB } }
presets: [status-feild]
cases:
  - name: first
    request: { method: "G T", path: orders, peer: localhost }
    upstream: { status: 2000, base64: "?", hex: abc, reason: "a\nb" }
    expect: { verdict: rewritten, statsu: 404, body_matches: "(" }
  - name: first
    rules: ['$.a:( -> 404']
    upstream: { status: 204, body: x }
    expect: {}
  - upstream: { headers: { content-length: 3 }, body: four }
    expect: { shadows: x }
"#;
    assert_snapshot!(read_text(text).1);
}

#[test]
fn a_file_has_at_least_one_case() {
    check_problem("", "`cases.yaml` is empty");
    check_problem("cases: []", "a case file without cases");
    check_problem("presets: [soap]", "a case file needs `cases`");
}

#[test]
fn rules_of_a_case_stand_in_place_of_the_file_s() {
    let text = "
presets: [status-field]
rules: ['$.a:1 -> 409']
cases:
  - { name: shared, upstream: { json: { a: 1 } }, expect: { status: 409 } }
  - { name: own, rules: ['$.a:1 -> 410'], upstream: { json: { a: 1 } }, expect: { status: 410 } }
  - { name: none, rules: [], upstream: { json: { a: 1, statusCode: 404 } }, expect: { status: 404 } }
";
    let (file, problems) = read_text(text);
    assert_eq!(problems, "");
    let cases = file.unwrap().cases;
    for case in &cases {
        assert_eq!(case.expectation.mismatches(&case.evaluate()), [], "{}", case.name);
    }
    assert_eq!(cases[1].place.to_string(), "cases.yaml:6:5");
}

#[test]
fn bodies_are_written_in_four_ways() {
    let check = |upstream: &str, expected: &[u8]| {
        let case = only_case(&format!("    upstream: {{ {upstream} }}\n    expect: {{ status: 200 }}"));
        assert_eq!(case.given.upstream.answer.body, expected, "{upstream}");
    };
    check("status: 200", b"");
    check(r#"body: "a\r\n""#, b"a\r\n");
    check("body: 42", b"42");
    check("json: { b: [1.50, null], a: 'x' }", br#"{"b":[1.50,null],"a":"x"}"#);
    check("base64: 'AP8 K'", b"\x00\xff\x0a");
    check("hex: '00 FF 0a'", b"\x00\xff\x0a");
}

#[test]
fn the_upstream_frames_its_answer() {
    let check = |rest: &str, length: Option<&str>, chunked: bool, body: &str| {
        let upstream = only_case(&format!("{rest}\n    expect: {{ status: 200 }}")).given.upstream;
        let found = upstream.answer.head.headers.get("content-length").map(|value| value.to_str().unwrap());
        assert_eq!((found, upstream.chunked), (length, chunked), "{rest}");
        assert_eq!(upstream.answer.body, body, "{rest}");
        assert!(!upstream.answer.head.headers.contains_key("transfer-encoding"), "{rest}");
    };
    check("    upstream: { body: abc }", Some("3"), false, "abc");
    check("    upstream: { headers: { transfer-encoding: chunked }, body: abc }", None, true, "abc");
    check("    upstream: { status: 304 }", None, false, "");
    check("    upstream: { status: 304, headers: { content-length: 0 } }", Some("0"), false, "");
    check("    request: { method: HEAD }\n    upstream: { body: abc }", Some("3"), false, "");
    check(
        "    request: { method: HEAD }\n    upstream: { headers: { content-length: 9 } }",
        Some("9"),
        false,
        "",
    );
}

#[test]
fn an_answer_that_is_not_http_is_refused() {
    let check = |upstream: &str, expected: &str| {
        check_problem(
            &file(&format!("    upstream: {{ {upstream} }}\n    expect: {{ status: 200 }}")),
            expected,
        );
    };
    check("status: 204, body: x", "an answer of status 204 has no body");
    check("headers: { transfer-encoding: gzip }", "the transfer coding `gzip` cannot be sent");
    check("headers: { transfer-encoding: chunked, content-length: 0 }", "`content-length` beside");
    check("headers: { content-length: 1 }, body: ab", "`content-length` is `1`, but the body has 2 bytes");
    check("body: a, json: 1", "`json` beside `body`");
    check("status: 101", "a status must be 200 to 999");
    check(r#"headers: { x: "a\r\nb: c" }"#, "a header value is one line");
}

#[test]
fn every_part_of_an_expectation_can_fail() {
    let check = |expect: &str, expected: &str| {
        let rest = "    upstream: { headers: { etag: '1', x: [a, b] }, json: { code: 404, d: [1] } }\n";
        assert_eq!(wrong(&format!("{rest}    expect: {{ {expect} }}")), [expected], "{expect}");
    };
    check("status: 400", "status: expected `400`, got `404`");
    check("reason: Nope", "reason: expected `Nope`, got `Not Found`");
    check("headers: { x: a }", "header `x`: expected `a`, got `a`, `b`");
    check("headers: { x: [b, a] }", "header `x`: expected `b`, `a`, got `a`, `b`");
    check("headers: { x: { matches: a } }", "header `x`: expected a match of `a`, got `a`, `b`");
    check("headers: { y: { matches: '.*' } }", "header `y`: expected a match of `.*`, got none");
    check("headers: { cache-control: null }", "header `cache-control`: expected none, got `no-store`");
    check("headers: { etag: '1' }", "header `etag`: expected `1`, got none");
    check("body: other", r#"body: expected `other`, got `{"code":404,"d":[1]}`"#);
    check("base64: ''", r#"body: expected nothing, got `{"code":404,"d":[1]}`"#);
    check("json: { code: 404, d: [2] }", "body at `$.d[0]`: expected 2, got 1");
    check("json: { code: 404 }", "body at `$.d`: expected nothing, got [1]");
    check("json_subset: { e: 1 }", "body at `$.e`: expected 1, got nothing");
    check("body_matches: '\\{'", r#"body: expected a match of `\{`, got `{"code":404,"d":[1]}`"#);
    check("verdict: pass", "verdict: expected `pass`, got `rewrite`");
    check("rule: default/rule-1", "rule: expected `default/rule-1`, got `flags/rule-1`");
    check("bypass: HEAD", "bypass: expected `HEAD`, got `none`");
    check("reason_text: body cut short", "reason_text: expected `body cut short`, got `none`");
    check("shadows: [a/b]", "shadows: expected `a/b`, got ``");
}

#[test]
fn a_case_that_holds_has_no_mismatch() {
    let rest = r#"
    upstream: { headers: { etag: "1", x: [a, b] }, json: { code: 404, d: [1] } }
    expect:
      status: 404
      reason: Not Found
      headers: { etag: null, x: [a, b], cache-control: { matches: 'no-.*' }, content-length: 20 }
      body: same
      verdict: rewrite
      rule: flags/rule-1
      shadows: []
"#;
    assert_eq!(wrong(rest), Vec::<String>::new());
    let rest = "
    request: { method: HEAD }
    upstream: { reason: Fine, body: x }
    expect: { reason: Fine, verdict: pass, bypass: HEAD, reason_text: HEAD, body: '' }
";
    assert_eq!(wrong(rest), Vec::<String>::new());
}

#[test]
fn what_a_door_does_not_tell_is_not_compared() {
    let case = only_case("    expect: { status: 200, verdict: failed, rule: a/b, shadows: [c/d] }");
    let mut played = Played {
        status: StatusCode::OK,
        reason: "OK".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        sent: Sent::Unseen,
        decision: Decision::Unseen,
    };
    assert_eq!(case.expectation.mismatches(&played), []);
    played.decision = Decision::None;
    let whats: Vec<String> = case.expectation.mismatches(&played).into_iter().map(|m| m.what).collect();
    assert_eq!(whats, ["verdict", "rule", "shadows"]);
}

#[test]
fn requests_without_a_route_are_answered_as_the_proxy_does() {
    let text = "
config:
  rule_sets: { other: { rules: [ { when: { status: 200 }, then: { status: 418 } } ] } }
  routes: [ { match: { path: /a, methods: [GET] }, rules: off } ]
  selector: { header: x-rules, allow: [other], from: [127.0.0.1], upstream_header: x-choose }
cases:
  - { name: off, request: { path: /a }, expect: { status: 200, verdict: pass } }
  - { name: no route, request: { path: /b }, expect: { status: 404, json_subset: { status: 404 }, rule: none } }
  - name: no method
    request: { method: PUT, path: /a }
    expect: { status: 405, headers: { allow: GET, content-type: application/problem+json } }
  - { name: unknown, request: { path: /a, headers: { x-rules: standard } }, expect: { status: 400 } }
  - { name: chosen, request: { path: /a, headers: { x-rules: other } }, expect: { status: 418 } }
  - { name: no peer, request: { path: /a, headers: { x-rules: other }, peer: 10.0.0.1 }, expect: { status: 400 } }
  - name: chosen by the upstream
    request: { path: /a }
    upstream: { headers: { x-choose: other } }
    expect: { status: 418, headers: { x-choose: null } }
";
    let (file, problems) = read_text(text);
    assert_eq!(problems, "");
    for case in file.unwrap().cases {
        assert_eq!(case.expectation.mismatches(&case.evaluate()), [], "{}", case.name);
    }
}
