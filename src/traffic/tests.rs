use proptest::prelude::*;

use http::{HeaderMap, Method, StatusCode, Uri, header};

use super::*;
use crate::engine::hold::Inspect;
use crate::engine::outcome::{Outcome, Shadow};
use crate::engine::{Answer, AnswerHead};

fn asked() -> RequestSnapshot {
    let uri = Uri::from_static("/asked");
    RequestSnapshot { method: Method::GET, uri, headers: HeaderMap::new(), circumstances: None }
}

/// All exchanges of a recording.
fn read_all(recording: &[u8]) -> Result<(Vec<Recorded>, Summary), String> {
    let mut all = Vec::new();
    let summary = read("it", recording, &asked(), &mut |recorded| {
        all.push(recorded);
        ControlFlow::Continue(())
    });
    summary.map(|summary| (all, summary)).map_err(|problem| problem.to_string())
}

fn har(entries: &str) -> String {
    format!(r#"{{"log":{{"version":"1.2","creator":{{"name":"x"}},"entries":[{entries}],"comment":""}}}}"#)
}

fn entry(response: &str) -> String {
    let request = r#"{"method":"GET","url":"https://a.example/x?y=1#z","headers":[]}"#;
    format!(r#"{{"time":1.5,"request":{request},"response":{response},"cache":{{}}}}"#)
}

#[track_caller]
fn only(recording: &str) -> Recorded {
    let (mut all, _) = read_all(recording.as_bytes()).unwrap();
    assert_eq!(all.len(), 1, "{recording}");
    all.remove(0)
}

#[test]
fn a_har_entry_is_an_exchange() {
    let response = r#"{"status":200,"headers":[{"name":"Set-Cookie","value":"a=1\nb=2"},{"name":":status","value":"200"}],
        "content":{"size":2,"text":"{}"}}"#;
    let Recorded { number, exchange, is_cut, .. } = only(&har(&entry(response)));
    assert_eq!((number, is_cut), (1, false));
    assert_eq!(exchange.request.uri.to_string(), "https://a.example/x?y=1");
    assert_eq!(exchange.request.headers[header::HOST], "a.example");
    assert_eq!(exchange.answer.body, "{}");
    let cookies: Vec<_> = exchange.answer.head.headers.get_all(header::SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
}

#[test]
fn what_was_posted_and_how_long_it_took_are_kept() {
    let posted =
        entry(r#"{"status":204}"#).replace(r#""headers":[]"#, r#""headers":[],"postData":{"text":"a=1"}"#);
    let recorded = only(&har(&posted));
    assert_eq!((&recorded.request_body[..], recorded.took), (&b"a=1"[..], Some(Duration::from_micros(1500))));
    assert_eq!(only(&har(&posted.replace("1.5", "-1"))).took, None);
}

#[test]
fn bodies_of_a_har_are_what_they_were_before_their_codings() {
    let check = |content_type: &str, content: &str, body: &[u8], is_cut: bool, content_type_now: &str| {
        let headers = format!(
            r#"[{{"name":"content-type","value":"{content_type}"}},{{"name":"content-encoding","value":"br"}},
                {{"name":"Content-Length","value":"9"}}]"#
        );
        let recorded =
            only(&har(&entry(&format!(r#"{{"status":200,"headers":{headers},"content":{content}}}"#))));
        let answer = recorded.exchange.answer;
        assert_eq!((&answer.body[..], recorded.is_cut), (body, is_cut), "{content}");
        assert_eq!(answer.head.headers.len(), 1, "{:?}", answer.head);
        assert_eq!(answer.head.headers[header::CONTENT_TYPE], content_type_now);
    };
    check("text/html", r#"{"size":3,"text":"h\u00e9"}"#, "hé".as_bytes(), false, "text/html");
    check("text/html;charset=latin1", r#"{"text":"é"}"#, "é".as_bytes(), false, "text/html;charset=utf-8");
    check(
        "a/b;charset=latin1",
        r#"{"text":"6Q==","encoding":"base64"}"#,
        b"\xe9",
        false,
        "a/b;charset=latin1",
    );
    check("image/png", r#"{"size":9}"#, b"", true, "image/png");
    check("image/png", r#"{"size":9,"text":null}"#, b"", true, "image/png");
    check("text/html", r#"{"size":0}"#, b"", false, "text/html");
    check("text/html", r#"{"text":"a\ud83d"}"#, "a\u{fffd}".as_bytes(), false, "text/html");
}

#[test]
fn what_is_no_exchange_is_left_out_and_counted() {
    let good = entry(r#"{"status":204}"#);
    let failed = entry(r#"{"status":0}"#);
    let data = good.replace("https://a.example/x?y=1#z", "data:text/plain,x");
    let (all, summary) = read_all(har(&[failed, data, good].join(",")).as_bytes()).unwrap();
    assert_eq!(summary, Summary { exchanges: 1, cut: 0, skipped: 2 });
    assert_eq!(all[0].number, 3);
}

#[test]
fn urls_are_taken_as_browsers_write_them() {
    let odd = entry(r#"{"status":204}"#).replace("/x?y=1#z", "/a b?q={\\\"x\\\":1}|[2]");
    assert_eq!(only(&har(&odd)).exchange.request.uri.path(), "/a%20b");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_har() {
    only(&format!("\u{feff}{}", har(&entry(r#"{"status":204}"#))));
}

#[test]
fn an_answer_that_curl_printed_is_taken_with_the_request_that_is_given() {
    let Recorded { exchange, .. } = only("HTTP/2 200 \r\ncontent-type: text/plain\r\n\r\nhello");
    assert_eq!((exchange.request.uri.path(), &exchange.answer.body[..]), ("/asked", &b"hello"[..]));
}

#[test]
fn what_cannot_be_read_is_told() {
    let check = |recording: &[u8], expected: &[&str]| {
        let error = read_all(recording).unwrap_err();
        for part in expected {
            assert!(error.contains(part), "{error}\nshould hold {part:?}");
        }
    };
    let whole =
        har(&[entry(r#"{"status":204}"#), entry(r#"{"status":200,"content":{"text":"x"}}"#)].join(","));
    check(b"", &["`it` is empty", "HAR file"]);
    check(b" \n ", &["`it` is empty"]);
    check(b"\x1f\x8b\x08", &["is compressed"]);
    check(b"<har>", &["is no recording"]);
    check(b"{}", &["it has no `log`"]);
    check(b"{\"log\":{}}", &["it has no `log` with `entries`"]);
    check(b"{\"log\":[]}", &["expected the `log` of a HAR"]);
    check(
        &whole.as_bytes()[..whole.len() - 40],
        &["after 1 exchange", "the file breaks off", "line 1 column"],
    );
    check(&whole.as_bytes()[..whole.len() - 1], &["after 2 exchanges", "the file breaks off"]);
    check(format!("{whole} x").as_bytes(), &["trailing characters"]);
    check(whole.replace("1.2", "2.0").as_bytes(), &["HAR version `2.0` is not known"]);
    check(whole.replace("204", "\"x\"").as_bytes(), &["expected i64", "line 1"]);
    check(whole.replace("GET", "G T").as_bytes(), &["`G T` is not a method"]);
    check(whole.replace("a.example", "a\u{1}.example").as_bytes(), &["line 1 column"]);
    let at = whole.find("\"x\"}}").unwrap();
    let mut latin = whole.clone().into_bytes();
    latin[at + 1] = 0xe9;
    check(&latin, &["not UTF-8"]);
    check(
        har(&entry(r#"{"status":200,"content":{"text":"x","encoding":"rot13"}}"#)).as_bytes(),
        &["`rot13`, only base64"],
    );
    check(b"HTTP/1.1 abc\r\n\r\n", &["`abc` is not a status"]);
    let line = line("{}", "application/json");
    check(&line.as_bytes()[..line.len() - 10], &["the file breaks off in line 1", "EOF"]);
    check(format!("{line}\nx\n").as_bytes(), &["after 1 exchange: line 2"]);
    check(
        line.replace("capture\":1", "capture\":2").as_bytes(),
        &["version 2 of the capture format is not known"],
    );
    check(b"{\"candor_capture\":7,\"x\":1}\n", &["line 1: version 7"]);
    check(line.replace("\"GET\"", "\"G T\"").as_bytes(), &["`G T` is not a method"]);
    check(&[line.as_bytes(), b"\n{\xff}"].concat(), &["after 1 exchange", "line 2: it is not UTF-8"]);
}

#[test]
fn reading_ends_where_there_is_enough() {
    let whole = har(&[entry(r#"{"status":204}"#), "garbage".to_owned()].join(","));
    let summary = read("it", whole.as_bytes(), &asked(), &mut |_| ControlFlow::Break(())).unwrap();
    assert_eq!(summary.exchanges, 1);
}

fn captured(body: &'static [u8], content_type: &str) -> capture::Captured {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
    headers.insert(header::SET_COOKIE, "sid=1".parse().unwrap());
    let mut request = asked();
    request.uri = Uri::from_static("/orders/17?token=abc&x=1");
    request.headers.insert(header::AUTHORIZATION, "Basic abc".parse().unwrap());
    request.headers.insert(header::ACCEPT, "text/plain".parse().unwrap());
    let head = AnswerHead { status: StatusCode::OK, headers };
    let shadows = vec![Shadow { rule: "orders/busy".into(), status: Some(StatusCode::SERVICE_UNAVAILABLE) }];
    capture::Captured {
        time: "2026-11-21T10:00:00.000Z".into(),
        client: "192.0.2.7".parse().unwrap(),
        took: Duration::from_millis(12),
        route: "/orders/{id}".into(),
        exchange: Exchange { request, answer: Answer { head, body: Bytes::from_static(body) } },
        is_cut: false,
        made: capture::Made::ByRules {
            rule_set: Some("orders".into()),
            outcome: Outcome { shadows, ..Outcome::pass() },
        },
    }
}

fn line_of(captured: &capture::Captured) -> String {
    let inspect = Inspect::default();
    let redaction = redact::Redaction::new(
        &[header::AUTHORIZATION, header::SET_COOKIE],
        &["password".into(), "token".into()],
    );
    captured.to_line(&capture::Writing { inspect: &inspect, body_bytes_max: 1000, redaction: &redaction })
}

fn line(body: &'static str, content_type: &str) -> String {
    line_of(&captured(body.as_bytes(), content_type))
}

#[test]
fn a_captured_exchange_is_read_back_without_its_secrets() {
    let recorded = only(&line(r#"{"a":1,"password":"hunter2"}"#, "application/json"));
    assert_eq!(recorded.exchange.answer.body, r#"{"a":1,"password":"[redacted]"}"#);
    let request = &recorded.exchange.request;
    assert_eq!(request.uri.to_string(), "/orders/17?token=[redacted]&x=1");
    assert_eq!(
        (&request.headers[header::AUTHORIZATION], &request.headers[header::ACCEPT]),
        (&"[redacted]".parse().unwrap(), &"text/plain".parse().unwrap())
    );
    assert_eq!(recorded.exchange.answer.head.headers[header::SET_COOKIE], "[redacted]");
    assert_eq!((recorded.client, recorded.is_cut), (Some("192.0.2.7".parse().unwrap()), false));
    let noted = Noted {
        route: "/orders/{id}".into(),
        rule_set: Some("orders".into()),
        verdict: "pass".into(),
        rule: None,
        status: 200,
        shadows: vec![("orders/busy".into(), Some(503))],
        by_api: false,
    };
    assert_eq!(recorded.noted, Some(Box::new(noted)));
}

#[test]
fn a_body_is_captured_as_far_as_it_can_be_cleared_of_secrets() {
    let check = |body: &'static [u8], content_type: &str, expected: &[u8], is_cut: bool| {
        let recorded = only(&line_of(&captured(body, content_type)));
        let found = (&recorded.exchange.answer.body[..], recorded.is_cut);
        assert_eq!(found, (expected, is_cut), "{content_type}");
    };
    check(b"password=\xe9", "text/plain;charset=latin1", b"password=[redacted]", false);
    check(b"a=\xe9&password=x", "text/plain", b"a=\xe9&password=[redacted]", false);
    check(b"\x89PNG", "image/png", b"", true);
    check(b"", "image/png", b"", false);
}

proptest! {
    #[test]
    fn whatever_a_file_holds_it_is_read_or_told(
        format in 0_usize..3,
        at in 0_usize..600,
        cut in 0_usize..3,
        bytes in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let response = r#"{"status":200,"headers":[{"name":"a","value":"b"}],"content":{"text":"{\"a\":1}"}}"#;
        let whole = match format {
            0 => har(&entry(response)),
            1 => format!("{}\n", line(r#"{"a":1}"#, "application/json")),
            _ => "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nbody".to_owned(),
        };
        let mut damaged = whole.into_bytes();
        let at = at.min(damaged.len());
        damaged.splice(at..(at + cut).min(damaged.len()), bytes);
        match read_all(&damaged) {
            Ok((all, summary)) => prop_assert_eq!(all.len() as u64, summary.exchanges),
            Err(told) => prop_assert!(told.contains("`it`"), "{}", told),
        }
    }
}
