use std::rc::Rc;

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;

use super::misuse::Misuse;
use super::state::Exchange;
use super::wire::{
    BodyChange, BodyMode, HeaderMap, HeaderValue, HttpBody, HttpHeaders, HttpTrailers, ProcessingRequest,
    ProcessingResponse, ProtocolConfiguration, Reply, Status, Told,
};
use crate::diagnostic::{Diagnostics, Source};
use crate::live::Snapshot;
use crate::rules;
use crate::settings::{Layers, Settings};
use crate::telemetry::meters::{Count, Door, Meter, Meters};

const RULES: &str = r#"
version: 1
upstreams: { legacy: { url: "http://127.0.0.1:1" } }
selector: { header: x-rules, allow: [a], from: ["0.0.0.0/0"] }
hold: { max_bytes: 64 }
routes: [ { match: { path: "/{proxy+}" }, upstream: legacy, rules: a } ]
rule_sets:
  a:
    rules:
      - { name: head, when: { header: x-gone, exists: true }, then: { status: 410, body: { text: gone } } }
      - { name: code, when: { json: $.code, matches: '4\d{2}' }, then: { status: 404 } }
      - { name: whole, when: { json: $.bad, exists: true }, then: { status: 500, body: { text: bad } } }
"#;

fn meter() -> Rc<Meter> {
    Rc::new(Meters::start().meter())
}

fn snapshot() -> std::sync::Arc<Snapshot> {
    let layers = Layers { files: vec![Source::new("test.yaml", RULES)], ..Layers::default() };
    let mut problems = Diagnostics::default();
    let (document, quick) = layers.merge(&mut problems).unwrap();
    let settings = Settings::read(&document, &quick, &mut problems).unwrap();
    let rules = rules::read(Some(&document), rules::Quick::default(), &["legacy".into()], &mut problems);
    assert!(problems.is_empty());
    std::sync::Arc::new(Snapshot::new(settings, rules.routes, rules.selection))
}

fn told(told: Told) -> ProcessingRequest {
    ProcessingRequest { told: Some(told), ..ProcessingRequest::default() }
}

fn headers(lines: &[(&'static str, &'static str)], end_of_stream: bool) -> HttpHeaders {
    let line = |(name, value): &(&'static str, &'static str)| HeaderValue {
        key: Bytes::from_static(name.as_bytes()),
        value: Bytes::new(),
        raw_value: Bytes::from_static(value.as_bytes()),
    };
    HttpHeaders { headers: Some(HeaderMap { headers: lines.iter().map(line).collect() }), end_of_stream }
}

fn request(mode: BodyMode) -> ProcessingRequest {
    let lines = [(":method", "GET"), (":path", "/orders"), (":authority", "a"), ("x-rules", "a")];
    let config = ProtocolConfiguration { request_body_mode: 0, response_body_mode: mode.into() };
    ProcessingRequest { protocol_config: Some(config), ..told(Told::RequestHeaders(headers(&lines, true))) }
}

fn answer(lines: &[(&'static str, &'static str)]) -> ProcessingRequest {
    let lines: Vec<_> = [(":status", "200")].iter().chain(lines).copied().collect();
    told(Told::ResponseHeaders(headers(&lines, false)))
}

fn body(text: &'static str, end_of_stream: bool) -> ProcessingRequest {
    told(Told::ResponseBody(HttpBody { body: Bytes::from_static(text.as_bytes()), end_of_stream }))
}

/// What is said to the messages, in words.
fn said(mode: BodyMode, messages: &[ProcessingRequest]) -> Vec<String> {
    let (snapshot, meter) = (snapshot(), meter());
    let mut exchange = Exchange::new(&snapshot, &meter);
    let mut replies = Vec::new();
    for message in std::iter::once(&request(mode)).chain(messages) {
        exchange.take(message.clone(), &mut replies).unwrap();
    }
    assert_eq!(words(&replies.remove(0)), "request -x-rules");
    replies.iter().map(words).collect()
}

/// `head :status=404`, `body "…"`, `piece "…" end`.
fn words(reply: &ProcessingResponse) -> String {
    let (what, part) = match reply.reply.as_ref().unwrap() {
        Reply::RequestHeaders(part) => ("request", part.response.clone()),
        Reply::ResponseHeaders(part) => ("head", part.response.clone()),
        Reply::ResponseBody(part) => ("body", part.response.clone()),
        Reply::ResponseTrailers(_) => return "trailers".to_owned(),
        Reply::Immediate(immediate) => {
            let status = immediate.status.unwrap().code;
            return format!("immediate {status} {:?}", immediate.body);
        }
        other => return format!("{other:?}"),
    };
    let part = part.unwrap();
    let mut words = what.to_owned();
    let mutation = part.header_mutation.unwrap_or_default();
    for header in mutation.set_headers.iter().map(|option| option.header.as_ref().unwrap()) {
        if &*header.key == b":status" {
            words += &format!(" :status={}", String::from_utf8_lossy(&header.raw_value));
        }
    }
    for name in &mutation.remove_headers {
        words += &format!(" -{name}");
    }
    match part.body_mutation.and_then(|mutation| mutation.change) {
        Some(BodyChange::Body(body)) => words += &format!(" with {body:?}"),
        Some(BodyChange::Clear(_)) => words += " without a body",
        Some(BodyChange::Streamed(piece)) => {
            words = format!("piece {:?}{}", piece.body, if piece.end_of_stream { " end" } else { "" });
        }
        None => {}
    }
    if part.status == i32::from(Status::ContinueAndReplace) {
        words += " in its place";
    }
    if let Some(mode) = reply.mode_override {
        words += &format!(", then {:?}", BodyMode::try_from(mode.response_body_mode).unwrap());
    }
    words
}

#[test]
fn exchanges_are_counted_by_the_door_they_came_through() {
    let (snapshot, meters) = (snapshot(), Meters::start());
    let meter = Rc::new(meters.meter());
    let mut exchange = Exchange::new(&snapshot, &meter);
    for message in [request(BodyMode::FullDuplexStreamed), answer(&[("x-gone", "1")])] {
        exchange.take(message, &mut Vec::new()).unwrap();
    }
    drop(exchange);
    let counts = meters.counts();
    let doors = counts.iter().filter_map(|(count, _)| match count {
        Count::Exchanges { of, .. } => Some((of.door, of.to)),
        _ => None,
    });
    assert_eq!(doors.collect::<Vec<_>>(), [(Door::ExtProc, 410)]);
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[track_caller]
fn check(mode: BodyMode, messages: &[ProcessingRequest], expected: &[&str]) {
    assert_eq!(said(mode, messages), expected);
}

#[test]
fn in_full_duplex_the_head_waits_for_the_verdict_and_the_body_follows() {
    let mode = BodyMode::FullDuplexStreamed;
    check(mode, &[answer(&[JSON])], &[]);
    check(mode, &[answer(&[JSON]), body(r#"{"co"#, false)], &[]);
    let parts = [answer(&[JSON]), body(r#"{"co"#, false), body(r#"de":404,"#, false)];
    check(mode, &parts, &["head :status=404", r#"piece b"{\"co""#, r#"piece b"de\":404,""#]);
    let parts = [answer(&[JSON]), body(r#"{"bad":1,"#, false), body(r#""code":1}"#, true)];
    check(mode, &parts, &["head :status=500", r#"piece b"bad" end"#]);
    let parts = [answer(&[JSON]), body(r#"{"a":1}"#, true)];
    check(mode, &parts, &["head", r#"piece b"{\"a\":1}" end"#]);
    let parts = [answer(&[("content-type", "image/png")]), body("x", false), body("", true)];
    check(mode, &parts, &["head", r#"piece b"x""#, r#"piece b"" end"#]);
}

#[test]
fn trailers_end_a_body() {
    let trailers = told(Told::ResponseTrailers(HttpTrailers::default()));
    let parts = [answer(&[JSON]), body(r#"{"code":200}"#, false), trailers.clone()];
    check(BodyMode::FullDuplexStreamed, &parts, &["head", r#"piece b"{\"code\":200}""#, "trailers"]);
    let parts = [answer(&[JSON]), body(r#"{"code":404}"#, false), trailers];
    let rewritten = ["head", "body :status=404", "trailers"];
    check(BodyMode::Buffered, &parts, &rewritten);
}

#[test]
fn buffered_bodies_are_decided_about_with_the_head_that_waits_for_them() {
    let mode = BodyMode::Buffered;
    check(mode, &[answer(&[JSON]), body(r#"{"code":404}"#, true)], &["head", "body :status=404"]);
    check(mode, &[answer(&[JSON]), body("{}", true)], &["head", "body"]);
    let gone = answer(&[JSON, ("x-gone", "1")]);
    let replaced = ["head", r#"body :status=410 with b"gone""#];
    check(mode, &[gone, body("{}", true)], &replaced);
    let image = answer(&[("content-type", "image/png")]);
    check(mode, &[image], &["head, then None"]);
}

#[test]
fn a_part_of_a_body_decides_or_nothing_does() {
    let mode = BodyMode::BufferedPartial;
    check(mode, &[answer(&[JSON]), body(r#"{"code":404,"#, false)], &["head", "body :status=404"]);
    check(mode, &[answer(&[JSON]), body(r#"{"a":404,"#, false)], &["head", "body"]);
}

#[test]
fn a_body_is_asked_for_where_a_rule_waits_for_it_and_envoy_can_have_it() {
    let mode = BodyMode::None;
    check(mode, &[answer(&[JSON])], &["head, then BufferedPartial"]);
    check(mode, &[answer(&[JSON, ("content-length", "1048576")])], &["head, then Buffered"]);
    check(mode, &[answer(&[JSON, ("content-length", "1048577")])], &["head"]);
    check(mode, &[answer(&[("content-type", "image/png")])], &["head"]);
    check(mode, &[answer(&[("x-gone", "1")])], &[r#"head :status=410 with b"gone" in its place"#]);
}

#[test]
fn what_cannot_work_is_refused() {
    let snapshot = snapshot();
    let check = |message: ProcessingRequest, expected: Misuse| {
        let taken = Exchange::new(&snapshot, &meter()).take(message, &mut Vec::new());
        assert_eq!(taken, Err(expected));
    };
    check(request(BodyMode::Streamed), Misuse::Streamed);
    check(request(BodyMode::Grpc), Misuse::Grpc);
    check(answer(&[]), Misuse::RequestUnseen);
    check(body("x", true), Misuse::Disorder);
    check(told(Told::RequestHeaders(HttpHeaders::default())), Misuse::Disorder);
}

#[test]
fn a_body_that_was_not_read_is_one_that_cannot_be_known() {
    let (snapshot, meter) = (snapshot(), meter());
    let mut exchange = Exchange::new(&snapshot, &meter);
    let mut replies = Vec::new();
    exchange.take(request(BodyMode::Buffered), &mut replies).unwrap();
    assert_eq!(exchange.unread(None, &mut replies), Err(Misuse::Disorder));
    let mut exchange = Exchange::new(&snapshot, &meter);
    replies.clear();
    exchange.take(request(BodyMode::Buffered), &mut replies).unwrap();
    exchange.take(answer(&[JSON]), &mut replies).unwrap();
    exchange.unread(None, &mut replies).unwrap();
    assert_eq!(replies.iter().map(words).collect::<Vec<_>>(), ["request -x-rules", "head", "body"]);
}

fn any_message() -> impl Strategy<Value = ProcessingRequest> {
    let mode = prop::sample::select(vec![0, 1, 2, 3, 4, 5, 9]).prop_map(|mode| {
        let mode = BodyMode::try_from(mode).unwrap_or(BodyMode::FullDuplexStreamed);
        request(mode)
    });
    let texts = prop::sample::select(vec!["", r#"{"code":404,"#, r#"{"bad":1}"#, "x", r#"{"a":"#]);
    let body = (texts, any::<bool>()).prop_map(|(text, end)| body(text, end));
    let answers = prop::sample::select(vec![
        answer(&[JSON]),
        answer(&[JSON, ("x-gone", "1")]),
        answer(&[("content-length", "x")]),
        told(Told::ResponseHeaders(headers(&[JSON, (":status", "204")], true))),
        told(Told::ResponseHeaders(HttpHeaders::default())),
        told(Told::ResponseTrailers(HttpTrailers::default())),
        told(Told::RequestTrailers(HttpTrailers::default())),
        ProcessingRequest::default(),
    ]);
    prop_oneof![mode, body, answers]
}

proptest! {
    #[test]
    fn no_order_of_messages_is_too_much(messages in prop::collection::vec((any_message(), 0..8), 0..12)) {
        let snapshot = snapshot();
        let meter = meter();
        let mut exchange = Exchange::new(&snapshot, &meter);
        let mut replies = Vec::new();
        for (message, event) in messages {
            match event {
                0 => exchange.slow(&mut replies),
                1 => exchange.late(&mut replies),
                2 if exchange.unread(None, &mut replies).is_err() => break,
                _ => {}
            }
            if exchange.take(message, &mut replies).is_err() {
                break;
            }
            let _ = (exchange.holds(), exchange.message_bytes_max());
        }
    }

    #[test]
    fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let snapshot = snapshot();
        if let Ok(message) = ProcessingRequest::decode(&*bytes) {
            let _ = Exchange::new(&snapshot, &meter()).take(message, &mut Vec::new());
        }
    }

    /// In full duplex, what is given back is what came, or all of what takes its place.
    #[test]
    fn pieces_make_the_body_however_it_comes(
        text in prop::sample::select(vec![r#"{"code":404,"x":1}"#, r#"{"x":{"bad":0},"y":1}"#, r#"{"bad":1,"y":"yy"}"#]),
        cut in 0..18usize,
    ) {
        let (first, last) = text.split_at(cut);
        let snapshot = snapshot();
        let meter = meter();
        let mut exchange = Exchange::new(&snapshot, &meter);
        let mut replies = Vec::new();
        for message in [request(BodyMode::FullDuplexStreamed), answer(&[JSON]), body(first, false), body(last, true)] {
            exchange.take(message, &mut replies).unwrap();
        }
        let mut given = Vec::new();
        let mut ends = 0;
        for reply in &replies {
            if let Some(Reply::ResponseBody(part)) = &reply.reply
                && let Some(BodyChange::Streamed(piece)) = part.response.clone().unwrap().body_mutation.unwrap().change
            {
                given.extend_from_slice(&piece.body);
                ends += u8::from(piece.end_of_stream);
            }
        }
        let expected = if text.starts_with(r#"{"bad""#) { "bad" } else { text };
        prop_assert_eq!((String::from_utf8(given).unwrap(), ends), (expected.to_owned(), 1));
    }
}
