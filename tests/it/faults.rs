//! Everything that can go wrong with an upstream, in every phase of its answer, over real sockets: the client gets
//! a clean answer or a clean end, the log says why, and the pool keeps no connection that would harm the next
//! exchange.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use candor::settings::{Settings, UpstreamUrl};

use super::support::client::{Answered, Client};
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Nowhere, Upstream, reset};
use super::support::{NO_RULES, TEXT_RULE, gate, json, log, own_error};

/// How a faulty answer ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// In an orderly way.
    Closed,
    /// With a reset.
    Reset,
    /// Not at all.
    Open,
}

const ENDS: [End; 2] = [End::Closed, End::Reset];

/// A head that promises a body of some length, and a body that is shorter.
const HALF: [&str; 2] = [
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nhalf",
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
];

/// A client of a sidecar whose upstream answers `/fault` with these bytes and this end, and everything else well.
fn behind(
    bytes: &'static str,
    end: End,
    rules: &str,
    change: impl FnOnce(&mut Settings),
) -> (Client, Upstream) {
    let upstream = Upstream::scripted(move |request, stream| {
        if !request.head.start.contains("/fault") {
            stream.write_all(json("{}").as_bytes()).unwrap();
            return After::KeepOpen;
        }
        stream.write_all(bytes.as_bytes()).unwrap();
        match end {
            End::Closed => After::Close,
            End::Reset => {
                reset(stream);
                After::Drop
            }
            End::Open => After::KeepOpen,
        }
    });
    let client = Sidecar::with(upstream.address, rules, change).client();
    (client, upstream)
}

/// The fault becomes one of our own answers; the exchanges around it, on the same connection of the client, are
/// good ones.
#[track_caller]
fn check_answered(bytes: &'static str, end: End, rules: &str, expected: (u16, &str), logged: &str) {
    let (mut client, _upstream) = behind(bytes, end, rules, |settings| {
        settings.upstreams[0].timeouts.response = Duration::from_millis(150);
    });
    assert_eq!(client.exchange("GET /before", &[]).text(), "{}");
    let answer = client.exchange("GET /fault", &[]);
    assert_eq!((answer.status(), own_error(&answer)), expected, "{bytes:?}");
    check_logged(&answer, logged);
    assert_eq!(client.exchange("GET /after", &[]).text(), "{}", "{bytes:?}");
}

/// Checks that the log tells an operator.
#[track_caller]
fn check_logged(answer: &Answered, error: &str) {
    let event = log::event(answer.header("x-request-id").unwrap());
    assert_eq!(event["level"], "WARN", "{event}");
    assert!(event["error"].as_str().unwrap_or_default().starts_with(error), "{event}");
}

#[test]
fn an_upstream_that_refuses_is_502_each_time() {
    let nowhere = Nowhere::reserve();
    let mut client = Sidecar::start(nowhere.address, NO_RULES).client();
    for _ in 0..3 {
        let answer = client.exchange("GET /", &[]);
        assert_eq!((answer.status(), own_error(&answer)), (502, "connection_refused"));
        check_logged(&answer, "the upstream refused the connection");
    }
}

#[test]
fn an_upstream_whose_name_is_unknown_is_502_each_time() {
    let nowhere = Nowhere::reserve();
    let sidecar = Sidecar::with(nowhere.address, NO_RULES, |settings| {
        settings.upstreams[0].url = UpstreamUrl::parse("http://candor.invalid:1").unwrap();
    });
    let mut client = sidecar.client();
    for _ in 0..2 {
        let answer = client.exchange("GET /", &[]);
        assert_eq!((answer.status(), own_error(&answer)), (502, "dns_error"));
        check_logged(&answer, "the upstream's name could not be resolved");
    }
}

#[test]
fn a_connection_that_ends_before_the_head_is_502() {
    let expected = (502, "connection_terminated");
    let logged = "the upstream closed the connection without an answer";
    for end in ENDS {
        for part in ["HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\n", "H"] {
            check_answered(part, end, NO_RULES, expected, logged);
        }
    }
}

#[test]
fn a_new_connection_that_ends_before_the_head_is_502() {
    for end in ENDS {
        let upstream = Upstream::raw(move |_, stream| {
            if end == End::Reset {
                reset(&stream);
            }
        });
        let mut client = Sidecar::start(upstream.address, NO_RULES).client();
        for _ in 0..3 {
            let answer = client.exchange("GET /", &[]);
            assert_eq!((answer.status(), own_error(&answer)), (502, "connection_terminated"));
        }
    }
}

#[test]
fn an_upstream_that_stalls_before_the_end_of_its_head_is_504() {
    for part in ["", "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let expected = (504, "http_response_timeout");
        check_answered(part, End::Open, NO_RULES, expected, "the upstream did not answer in time");
    }
}

#[test]
fn half_a_body_is_502_while_held() {
    for bytes in HALF {
        for end in ENDS {
            let expected = (502, "http_response_incomplete");
            check_answered(bytes, end, TEXT_RULE, expected, "the upstream's answer broke off");
        }
    }
}

#[test]
fn half_a_body_on_its_way_is_broken_off() {
    for bytes in HALF {
        for end in ENDS {
            let (mut client, _upstream) = behind(bytes, end, NO_RULES, |_| {});
            let answer = client.exchange("GET /fault", &[]);
            assert_eq!((answer.status(), answer.payload.complete), (200, false), "{bytes:?}");
            check_logged(&answer, "the upstream's answer broke off");
            assert!(client.is_closed(), "the client cannot take the next answer for the rest of this one");
        }
    }
}

#[test]
fn half_a_body_that_was_not_wanted_harms_nobody() {
    let rules = "rule_sets: { orders: { rules: [ { name: a, when: { path: /fault }, then: { status: 503, body: problem } } ] } }";
    for bytes in HALF {
        for end in [End::Closed, End::Reset, End::Open] {
            let (mut client, _upstream) = behind(bytes, end, rules, |_| {});
            assert_eq!(client.exchange("GET /fault", &[]).status(), 503);
            assert_eq!(client.exchange("GET /after", &[]).text(), "{}", "{bytes:?}");
        }
    }
}

#[test]
fn a_body_that_ends_with_its_connection_is_whole() {
    let bytes = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nall";
    for rules in [NO_RULES, TEXT_RULE] {
        let (mut client, _upstream) = behind(bytes, End::Closed, rules, |_| {});
        let answer = client.exchange("GET /fault", &[]);
        assert_eq!((answer.status(), answer.text(), answer.payload.complete), (200, "all", true));
        assert_eq!(client.exchange("GET /after", &[]).text(), "{}");
    }
}

#[test]
fn a_reset_is_no_end_of_a_body() {
    let bytes = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nall";
    let expected = (502, "http_response_incomplete");
    check_answered(bytes, End::Reset, TEXT_RULE, expected, "the upstream's answer broke off");
}

#[test]
fn a_length_that_is_too_small_cuts_the_body_and_ends_the_connection() {
    let bytes = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nabcdef";
    for rules in [NO_RULES, TEXT_RULE] {
        let (mut client, upstream) = behind(bytes, End::Open, rules, |_| {});
        assert_eq!(client.exchange("GET /fault", &[]).text(), "ab");
        assert_eq!(client.exchange("GET /after", &[]).text(), "{}");
        assert_eq!((upstream.received().connection, upstream.received().connection), (0, 1));
    }
}

#[test]
fn an_answer_before_the_request_s_end_is_passed_on() {
    let upstream = Upstream::raw(|_, mut stream| {
        let _ =
            stream.write_all(b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno");
        // Until the sidecar has done with it.
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    let sidecar = Sidecar::start(upstream.address, NO_RULES);
    let mut client = sidecar.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n");
    let answer = client.answer(false);
    // An upstream that answers what it has not heard may be seen to answer nothing.
    match answer.status() {
        413 => assert_eq!(answer.text(), "no"),
        status => assert_eq!((status, own_error(&answer)), (502, "connection_terminated")),
    }
}

#[test]
fn idle_connections_that_the_upstream_closes_cost_no_exchange() {
    let (open, wait) = gate();
    let (closed, is_closed) = gate();
    let upstream = Upstream::scripted(move |_, stream: &mut TcpStream| {
        stream.write_all(json("{}").as_bytes()).unwrap();
        wait();
        stream.shutdown(std::net::Shutdown::Both).unwrap();
        closed();
        After::Close
    });
    let mut client = Sidecar::start(upstream.address, NO_RULES).client();
    for connection in 0..5 {
        assert_eq!(client.exchange("GET /", &[]).status(), 200);
        assert_eq!(upstream.received().connection, connection);
        open();
        is_closed();
    }
}
