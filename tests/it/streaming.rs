//! Answers that never end, or not before the client has been told what they say: each is translated by what has gone
//! by. The upstream sends no further piece before the test has seen the translated head.

use std::io::Write;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::gate;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{After, Upstream};

/// A sidecar that would hold an answer for an hour.
fn sidecar(upstream: &Upstream, rules: &str) -> Sidecar {
    let rules = format!("rule_sets: {{ default: {{ rules: [ {rules} ] }} }}");
    Sidecar::with(upstream.address, &rules, |settings| settings.hold.max_time = Duration::from_hours(1))
}

/// Sends the pieces at once, and one more when the head of the translated answer has come.
#[track_caller]
fn check(content_type: &str, rules: &str, pieces: &[&str], status: u16) {
    let (open, wait) = gate();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n");
    let sent: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
    let upstream = Upstream::scripted(move |_, stream| {
        stream.write_all(head.as_bytes()).unwrap();
        for piece in &sent {
            write!(stream, "{:x}\r\n{piece}\r\n", piece.len()).unwrap();
        }
        wait();
        stream.write_all(b"4\r\nmore\r\n0\r\n\r\n").unwrap();
        After::KeepOpen
    });
    let mut client = sidecar(&upstream, rules).client();
    client.ask("GET /", &[]);
    let head = client.head();
    assert_eq!(head.status(), status, "{rules} on {pieces:?}");
    open();
    assert_eq!(rest(&mut client), pieces.concat() + "more");
}

fn rest(client: &mut Client) -> String {
    let mut text = Vec::new();
    loop {
        match client.chunk() {
            chunk if chunk.is_empty() => return String::from_utf8(text).unwrap(),
            chunk => text.extend(chunk),
        }
    }
}

#[test]
fn a_template_waits_only_for_what_it_asks_of_the_body() {
    let rule = "{ when: { json: $.code }, then: { template: \"#set($context.responseOverride.status = $input.path('$.code'))\" } }";
    check("application/json", rule, &[r#"{"code": 404, "items": ["#, "1, 2, "], 404);
    let rule = "{ when: { json: $.ok, equals: false }, then: { template: \"#set($context.responseOverride.status = $input.path('$.error.code'))\" } }";
    check(
        "application/json",
        rule,
        &[r#"{"ok": false, "error": {"text": "#, r#""gone", "code": 410}, "#],
        410,
    );
}

#[test]
fn a_text_is_translated_when_its_marker_has_gone_by() {
    let rule = "{ when: { body: { search: '(?i)not found' } }, then: { status: 404 } }";
    check("text/plain", rule, &["Order not found"], 404);
    check("text/plain", rule, &["Order no", "t Found: 17"], 404);
    check("text/html; charset=utf-8", rule, &["<p>grün – not f", "ound</p>"], 404);
    check("text/plain; charset=iso-8859-1", rule, &["not found"], 404);
    let rule = "{ when: { body: '(?s).*(?:not found|no such).*' }, then: { status: 404 } }";
    check("text/plain", rule, &["there is ", "no such order"], 404);
    check(
        "text/plain",
        "{ when: { body: { contains: [lost, sorry] } }, then: { status: 500 } }",
        &["sorry"],
        500,
    );
}

#[test]
fn a_text_that_cannot_fit_any_more_is_let_go() {
    check("text/plain", "{ when: { body: 'No such .*' }, then: { status: 404 } }", &["All is well"], 200);
    check("text/plain", "{ when: { body: { equals: FAILED } }, then: { status: 500 } }", &["FA", "ST"], 200);
    check("text/plain", "{ when: { empty_body: true }, then: { status: 404 } }", &["x"], 200);
}

#[test]
fn xml_is_translated_when_its_element_has_closed() {
    let rule = "{ when: { xml: //Fault/faultcode, matches: '.*Client' }, then: { status: 400 } }";
    check("text/xml", rule, &["<E><Fault><faultcode>s:Cli", "ent</faultcode>"], 400);
    check("text/xml", rule, &["<E><Fault><faultcode>s:Server</faultcode>"], 200);
    let rule = "{ when: { xml: Envelope/Body/Fault }, then: { status: 500 } }";
    check("application/xml", rule, &["<?xml version='1.0'?>\n<orders>"], 200);
    check("text/html", rule, &["{ this is no XML"], 200);
    check(
        "text/xml",
        "{ when: { xml: r/@code, equals: '404' }, then: { status: 404 } }",
        &["<r code='4", "04'>"],
        404,
    );
}

#[test]
fn json_is_translated_when_its_value_has_gone_by() {
    let rule =
        "{ when: { json: $.statusCode, matches: '4\\d{2}' }, then: { status: { from: $.statusCode } } }";
    check("application/json", rule, &[r#"{"statusCode":4"#, r#"09,"items":["#], 409);
}

#[test]
fn an_earlier_rule_that_is_open_keeps_a_later_match_waiting() {
    let rules = "{ when: { body: { search: first } }, then: { status: 501 } },
        { when: { body: { search: second } }, then: { status: 502 } }";
    check("text/plain", rules, &["second ", "and first"], 501);
    let rules = "{ when: { body: 'first.*' }, then: { status: 501 } },
        { when: { json: $.code }, then: { status: 502 } },
        { when: { body: { search: second } }, then: { status: 503 } }";
    check("text/plain", rules, &["the second"], 503);
}
