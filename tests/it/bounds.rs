//! Every timeout and every limit, reached over real sockets: what the client is told, what the upstream notices,
//! what the log says, and that the next exchange does not suffer for it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use candor::engine::hold::{Hold, OnLimit};
use candor::settings::{self, ProxyStatus, Settings};
use h2::Reason;

use super::support::client::{Answered, Client};
use super::support::h2 as http2;
use super::support::message::Payload;
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Deaf, Nowhere, Upstream};
use super::support::{NO_RULES, TEXT_RULE, gate, json, log, own_error};

/// A time that is over soon, and long enough for what is not meant to be late on a busy machine.
const SOON: Duration = Duration::from_millis(150);

/// Checks one of our own answers, its log event, and that the connection ends with it.
#[track_caller]
fn check_refused(mut client: Client, status: u16, kind: &str, logged: &str) -> Answered {
    let answer = client.answer(false);
    assert_eq!((answer.status(), own_error(&answer)), (status, kind));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(client.is_closed());
    check_logged(&answer, logged);
    answer
}

/// Checks what the log says went wrong with an exchange.
#[track_caller]
fn check_logged(answer: &Answered, error: &str) {
    let event = log::event(answer.header("x-request-id").unwrap());
    let logged = event["error"].as_str().unwrap_or_default();
    assert!(logged.starts_with(error), "{event}");
}

/// An upstream whose answer stands still after its first bytes, for as long as nobody opens the gate.
fn halting(content_type: &'static str) -> (Upstream, impl Fn() + Send) {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |request, stream| {
        if request.head.start.contains("/fine") {
            stream.write_all(json("{}").as_bytes()).unwrap();
            return After::KeepOpen;
        }
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        .unwrap();
        stream.write_all(b"5\r\nfirst\r\n").unwrap();
        wait();
        // The sidecar may have gone by now.
        let _ = stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n");
        After::KeepOpen
    });
    (upstream, open)
}

fn with_upstream(change: impl FnOnce(&mut settings::Upstream)) -> impl FnOnce(&mut Settings) {
    |settings| change(&mut settings.upstreams[0])
}

// Timeouts of clients.

#[test]
fn a_head_that_takes_too_long_is_408() {
    let nowhere = Nowhere::reserve();
    let sidecar = Sidecar::with(nowhere.address, NO_RULES, |settings| {
        settings.server.timeouts.request_head = SOON;
    });
    for part in ["G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nhost: a\r\n", "\r\nGET / HTTP/1.1\r\na"] {
        let mut client = sidecar.client();
        client.send(part);
        check_refused(client, 408, "http_request_error", "the request's head did not come in time");
    }
}

#[test]
fn a_head_that_comes_byte_by_byte_is_served() {
    let upstream = Upstream::answering(json("{}"));
    let mut client = Sidecar::start(upstream.address, NO_RULES).client();
    for byte in
        b"\r\nPOST /slow HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    {
        client.send([*byte]);
    }
    assert_eq!(client.answer(false).status(), 200);
    assert_eq!(upstream.received().payload.bytes, b"ab");
    assert_eq!(client.exchange("GET /", &[]).status(), 200);
}

#[test]
fn a_body_that_stands_still_is_408() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.timeouts.request_body_idle = SOON;
    });
    for body in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let mut client = sidecar.client();
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{body}"));
        check_refused(client, 408, "http_request_error", "the request's body did not come in time");
        assert!(!upstream.received().payload.complete, "the upstream is not told that this is all");
    }
    assert_eq!(sidecar.exchange("GET /", &[]).status(), 200);
}

#[test]
fn an_idle_connection_is_closed_without_a_word() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.timeouts.keep_alive = SOON;
    });
    let mut used = sidecar.client();
    assert_eq!(used.exchange("GET /", &[]).status(), 200);
    let mut fresh = sidecar.client();
    let mut empty_lines = sidecar.client();
    empty_lines.send("\r\n\r\n");
    assert!(used.is_closed() && fresh.is_closed() && empty_lines.is_closed());
}

#[test]
fn an_idle_http_2_connection_is_closed_though_its_client_answers_pings() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.timeouts.keep_alive = SOON;
    });
    http2::block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        assert_eq!(client.exchange(http2::request("GET", "/")).await.status, 200);
        assert!(client.ended.await.unwrap().is_ok(), "in order");
    });
}

#[test]
fn a_client_over_http_2_that_answers_no_ping_is_given_up() {
    let upstream = Upstream::scripted(|_, stream| {
        // No answer: reads until the sidecar hangs up.
        let _ = stream.read(&mut [0]);
        After::Close
    });
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.timeouts.keep_alive = SOON;
    });
    let mut client = TcpStream::connect(sidecar.address).unwrap();
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    client.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).unwrap();
    // `GET / http` for the host `a`, whole.
    client.write_all(&[0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86, 0x41, 1, b'a']).unwrap();
    assert_eq!(upstream.ended(), 0, "what it asked for is not waited for any more");
    let mut came = Vec::new();
    client.read_to_end(&mut came).unwrap();
    assert!(came.windows(4).any(|frame| frame == [0, 8, 6, 0]), "it was asked whether it is there");
}

#[test]
fn a_connection_that_waits_for_its_answer_is_not_idle() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        wait();
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.timeouts.keep_alive = SOON;
    });
    let mut busy = sidecar.client();
    busy.ask("GET /", &[]);
    upstream.received();
    for _ in 0..3 {
        assert!(sidecar.client().is_closed(), "that much time has gone by");
    }
    open();
    assert_eq!(busy.answer(false).status(), 200);
    assert!(busy.is_closed());
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let upstream = Upstream::scripted(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
        while stream.write_all(&[0; 65536]).is_ok() {}
        After::Close
    });
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.timeouts.answer_idle = SOON;
    });
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    let head = client.head();
    assert_eq!(upstream.ended(), 0, "nothing more is asked of the upstream");
    let answer = Answered { head, payload: Payload::none() };
    check_logged(&answer, "the connection ended before the answer");
    // One whose connection is alive, and that gives no room for more of its answer.
    http2::block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (answer, _) = client.open(http2::request("GET", "/"), true).await;
        let mut body = answer.await.unwrap().into_body();
        assert_eq!(http2::given_up(&mut body).await, Some(Reason::CANCEL));
    });
    assert_eq!(upstream.ended(), 1, "nor for a stream");
}

// Timeouts of upstreams.

#[test]
fn an_upstream_that_takes_no_connection_is_504() {
    let deaf = Deaf::listen();
    let sidecar = Sidecar::with(deaf.address, NO_RULES, with_upstream(|it| it.timeouts.connect = SOON));
    let answer = sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (504, "connection_timeout"));
    check_logged(&answer, "the upstream did not take the connection in time");
}

#[test]
fn an_answer_that_stands_still_is_504_while_held() {
    let (upstream, _open) = halting("text/plain");
    let idle = |it: &mut settings::Upstream| it.timeouts.body_idle = Some(SOON);
    let total = |it: &mut settings::Upstream| it.timeouts.total = Some(SOON);
    let check = |sidecar: Sidecar, logged: &str| {
        let mut client = sidecar.client();
        let answer = client.exchange("GET /halt", &[]);
        assert_eq!((answer.status(), own_error(&answer)), (504, "http_response_timeout"));
        check_logged(&answer, logged);
        assert_eq!(client.exchange("GET /fine", &[]).status(), 200);
    };
    check(
        Sidecar::with(upstream.address, TEXT_RULE, with_upstream(idle)),
        "the upstream's answer stood still for too long",
    );
    check(
        Sidecar::with(upstream.address, TEXT_RULE, with_upstream(total)),
        "the upstream's answer took too long",
    );
}

#[test]
fn an_answer_that_stands_still_on_its_way_is_broken_off() {
    let (upstream, _open) = halting("text/plain");
    let idle = |it: &mut settings::Upstream| it.timeouts.body_idle = Some(SOON);
    let total = |it: &mut settings::Upstream| it.timeouts.total = Some(SOON);
    let check = |sidecar: Sidecar, logged: &str| {
        let answer = sidecar.exchange("GET /halt", &[]);
        assert_eq!((answer.status(), answer.text(), answer.payload.complete), (200, "first", false));
        check_logged(&answer, logged);
        assert_eq!(sidecar.exchange("GET /fine", &[]).status(), 200);
    };
    check(
        Sidecar::with(upstream.address, NO_RULES, with_upstream(idle)),
        "the upstream's answer stood still for too long",
    );
    check(
        Sidecar::with(upstream.address, NO_RULES, with_upstream(total)),
        "the upstream's answer took too long",
    );
}

#[test]
fn a_silent_upstream_is_504_when_the_total_is_over_first() {
    let (_open, wait) = gate();
    let upstream = Upstream::scripted(move |_, _| {
        wait();
        After::Close
    });
    let sidecar =
        Sidecar::with(upstream.address, NO_RULES, with_upstream(|it| it.timeouts.total = Some(SOON)));
    let answer = sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (504, "http_response_timeout"));
    check_logged(&answer, "the upstream's answer took too long");
}

#[test]
fn a_stream_of_events_may_be_silent() {
    let (events, open) = halting("text/event-stream");
    let (plain, _open) = halting("text/plain");
    let idle = |it: &mut settings::Upstream| it.timeouts.body_idle = Some(SOON);
    let sidecar = Sidecar::with(events.address, NO_RULES, with_upstream(idle));
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    client.head();
    assert_eq!(client.chunk(), b"first");
    let other = Sidecar::with(plain.address, NO_RULES, with_upstream(idle));
    assert!(!other.exchange("GET /", &[]).payload.complete, "that much time has gone by");
    open();
    assert_eq!(client.chunk(), b"second");
}

// Limits of clients.

#[test]
fn heads_are_bounded_in_bytes_lines_and_target() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.limits.header_bytes = 2048;
        settings.server.limits.headers = 5;
        settings.server.limits.uri_bytes = 100;
    });
    let refused = |request: String, status: u16, logged: &str| {
        let mut client = sidecar.client();
        client.send_in_vain(request);
        check_refused(client, status, "http_request_error", logged);
    };
    let head = |target: usize, value: usize, lines: usize| {
        let (target, value, lines) = ("a".repeat(target - 1), "v".repeat(value), "b: c\r\n".repeat(lines));
        format!("GET /{target} HTTP/1.1\r\nhost: a\r\nx: {value}\r\n{lines}\r\n")
    };
    let fits = head(100, 1000, 3);
    let mut client = sidecar.client();
    for _ in 0..2 {
        client.send(&fits);
        assert_eq!(client.answer(false).status(), 200);
    }
    refused(head(101, 1000, 3), 414, "the request's target is too long");
    refused(head(100, 1000, 4), 431, "the request has too many headers");
    refused(head(100, 2048, 3), 431, "the request's head is too large");
    refused(format!("GET /{}", "a".repeat(100_000)), 414, "the request's target is too long");
    refused(format!("GET / HTTP/1.1\r\nx: {}", "v".repeat(100_000)), 431, "the request's head is too large");
}

#[test]
fn more_headers_than_usual_may_be_allowed() {
    let upstream = Upstream::answering(json("{}"));
    let headers = |count: usize| {
        let sidecar =
            Sidecar::with(upstream.address, NO_RULES, |settings| settings.server.limits.headers = 200);
        let lines = vec!["x: y"; count - 1];
        sidecar.exchange("GET /", &lines).status()
    };
    assert_eq!((headers(200), headers(201)), (200, 431));
}

#[test]
fn request_bodies_are_bounded() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.limits.request_body_bytes = Some(10);
    });
    for body in [
        "content-length: 10\r\n\r\n0123456789",
        "transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n",
    ] {
        let mut client = sidecar.client();
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{body}"));
        assert_eq!(client.answer(false).status(), 200);
        assert_eq!(upstream.received().payload.bytes.len(), 10);
    }
    for announced in ["content-length: 11", "content-length: 11\r\nexpect: 100-continue"] {
        let mut client = sidecar.client();
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{announced}\r\n\r\n"));
        check_refused(client, 413, "http_request_error", "the request's body is too large");
    }
    let mut client = sidecar.client();
    client.send("POST /late HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n6\r\n012345\r\n");
    client.send_in_vain("5\r\n67890\r\n0\r\n\r\n");
    check_refused(client, 413, "http_request_error", "the request's body is too large");
    assert_eq!(sidecar.exchange("GET /after", &[]).status(), 200);
    let received = upstream.received();
    if received.head.start.contains("/late") {
        assert!(!received.payload.complete, "the upstream is not told that this is all");
        assert_eq!(upstream.received().head.start, "GET /after HTTP/1.1");
    }
}

#[test]
fn a_client_that_still_sends_gets_to_read_the_413() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.limits.request_body_bytes = Some(10);
    });
    let mut client = sidecar.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n");
    client.send(vec![b'x'; 4_000_000]);
    check_refused(client, 413, "http_request_error", "the request's body is too large");
}

#[test]
fn connections_are_bounded() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar =
        Sidecar::with(upstream.address, NO_RULES, |settings| settings.server.limits.connections = 1);
    let mut first = sidecar.client();
    assert_eq!(first.exchange("GET /", &[]).status(), 200);
    let mut second = sidecar.client();
    second.send_in_vain("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let answer = check_refused(second, 503, "connection_limit_reached", "there are too many connections");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(first.exchange("GET /", &[]).status(), 200, "who was there first is served on");
    drop(first);
    // The sidecar hears of it in its own time.
    while sidecar.exchange("GET /", &[]).status() == 503 {}
}

#[test]
fn a_connection_ends_after_its_number_of_requests() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.limits.requests_per_connection = Some(2);
    });
    let mut client = sidecar.client();
    assert_eq!(client.exchange("GET /", &[]).header("connection"), None);
    let last = client.exchange("GET /", &[]);
    assert_eq!((last.status(), last.header("connection")), (200, Some("close")));
    assert!(client.is_closed());
}

// Limits of upstreams and of holding.

#[test]
fn answers_are_bounded() {
    let bounded = |it: &mut settings::Upstream| it.limits.response_body_bytes = Some(10);
    let check = |body: &str, rules: &str, expected: Option<u16>| {
        let answered = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{body}");
        let upstream = Upstream::answering(answered);
        let mut client = Sidecar::with(upstream.address, rules, with_upstream(bounded)).client();
        let answer = client.exchange("GET /", &[]);
        match expected {
            Some(200) => assert_eq!(answer.text(), "0123456789"),
            Some(status) => {
                assert_eq!((answer.status(), own_error(&answer)), (status, "http_response_body_size"));
                check_logged(&answer, "the upstream's answer is too large");
            }
            None => {
                assert_eq!((answer.status(), answer.payload.complete), (200, false));
                check_logged(&answer, "the upstream's answer is too large");
            }
        }
    };
    for rules in [NO_RULES, TEXT_RULE] {
        check("content-length: 10\r\n\r\n0123456789", rules, Some(200));
        check("transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n", rules, Some(200));
        check("content-length: 11\r\n\r\n01234567890", rules, Some(502));
    }
    let late = "transfer-encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n";
    check(late, NO_RULES, None);
    check(late, TEXT_RULE, Some(502));
}

#[test]
fn heads_of_answers_are_bounded_as_configured() {
    let check = |bytes_max: usize, fits: bool| {
        let value = "v".repeat(10_000);
        let upstream =
            Upstream::answering(format!("HTTP/1.1 200 OK\r\nx: {value}\r\ncontent-length: 0\r\n\r\n"));
        let bounded = |it: &mut settings::Upstream| it.limits.response_header_bytes = bytes_max;
        let answer = Sidecar::with(upstream.address, NO_RULES, with_upstream(bounded)).exchange("GET /", &[]);
        if fits {
            assert_eq!((answer.status(), answer.header("x")), (200, Some(value.as_str())));
        } else {
            assert_eq!((answer.status(), own_error(&answer)), (502, "http_response_header_section_size"));
            check_logged(&answer, "the head of the upstream's answer is too large");
        }
    };
    check(8192, false);
    check(16384, true);
}

#[test]
fn a_head_answer_s_length_is_no_body() {
    let upstream = Upstream::answering("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    let bounded = |it: &mut settings::Upstream| it.limits.response_body_bytes = Some(10);
    let sidecar = Sidecar::with(upstream.address, NO_RULES, with_upstream(bounded));
    assert_eq!(sidecar.exchange("HEAD /", &[]).status(), 200);
}

#[test]
fn what_all_exchanges_hold_is_bounded() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |request, stream| {
        let length = if request.head.start.contains("/first") { 12 } else { 8 };
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n")
            .unwrap();
        stream.write_all(b"01234567").unwrap();
        if length == 12 {
            wait();
            stream.write_all(b"89ab").unwrap();
        }
        After::KeepOpen
    });
    for on_limit in [OnLimit::Pass, OnLimit::Fail] {
        let sidecar = Sidecar::with(upstream.address, TEXT_RULE, |settings| {
            settings.hold = Hold { on_limit, ..Hold::default() };
            settings.hold_total_bytes = 15;
            settings.server.proxy_status = ProxyStatus::Always;
        });
        let mut first = sidecar.client();
        first.ask("GET /first", &[]);
        // Until the first is held, the second fits beside it.
        let told = loop {
            let second = sidecar.exchange("GET /second", &[]);
            if let Some(told) = second.header("proxy-status") {
                let status = if on_limit == OnLimit::Pass { 200 } else { 502 };
                assert_eq!(second.status(), status);
                break told.to_owned();
            }
        };
        let expected = r#"candor; received-status=200; details="undecided: all held bodies over 15 bytes""#;
        assert_eq!(told, expected);
        open();
        let answer = first.answer(false);
        assert_eq!((answer.text(), answer.header("proxy-status")), ("0123456789ab", None));
        let third = sidecar.exchange("GET /third", &[]);
        assert_eq!((third.text(), third.header("proxy-status")), ("01234567", None), "all was given back");
    }
}

#[test]
fn what_an_abandoned_exchange_held_is_given_back() {
    let upstream = Upstream::scripted(|request, stream| {
        let length = if request.head.start.contains("/first") { 12 } else { 8 };
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n")
            .unwrap();
        stream.write_all(b"01234567").unwrap();
        if length == 12 {
            // Until the sidecar hangs up.
            let _ = stream.read(&mut [0]);
            return After::Close;
        }
        After::KeepOpen
    });
    let sidecar = Sidecar::with(upstream.address, TEXT_RULE, |settings| {
        settings.hold_total_bytes = 15;
        settings.server.proxy_status = ProxyStatus::Always;
    });
    let mut client = sidecar.client();
    client.ask("GET /first", &[]);
    while sidecar.exchange("GET /second", &[]).header("proxy-status").is_none() {}
    drop(client);
    assert_eq!(sidecar_told_nothing(&sidecar), "01234567");
}

/// Asks until an answer is decided again, which is as soon as the sidecar knows that the first client has gone.
fn sidecar_told_nothing(sidecar: &Sidecar) -> String {
    loop {
        let answer = sidecar.exchange("GET /third", &[]);
        if answer.header("proxy-status").is_none() {
            return answer.text().to_owned();
        }
    }
}
