//! Messages that two readers could read in two ways, on raw sockets: requests that would smuggle another past the
//! sidecar, answers that would split in two behind it, heads and ends of connections as no honest program sends
//! them. Each is refused, or passed on in the one way that nobody can misread; the next exchange is none the worse.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use candor::settings::ProxyStatus;

use super::support::client::Client;
use super::support::pair::Pair;
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Received, Upstream};
use super::support::{NO_RULES, TEXT_RULE, gate, json, log, own_error};

/// What follows a bad request: a second one that nobody is to see.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

impl Pair {
    /// The bytes are answered with this status and the end of the connection; the upstream sees nothing of them
    /// but, at most, a request without its end.
    #[track_caller]
    fn check_refused(&self, bytes: impl AsRef<[u8]>, status: u16) {
        let shown = String::from_utf8_lossy(bytes.as_ref()).into_owned();
        let mut client = self.sidecar.client();
        client.send_in_vain([bytes.as_ref(), SMUGGLED.as_bytes()].concat());
        let answer = client.answer(false);
        assert_eq!((answer.status(), own_error(&answer)), (status, "http_request_error"), "{shown:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{shown:?}");
        assert!(client.is_closed(), "{shown:?}");
        for received in self.seen_before_the_next() {
            assert!(!received.payload.complete, "{shown:?} led to {received:?}");
        }
    }

    /// The bytes are one request, which is answered, and so is the next on the same connection. What the upstream
    /// saw of it.
    #[track_caller]
    fn passed(&self, bytes: impl AsRef<[u8]>) -> Received {
        let mut client = self.sidecar.client();
        client.send(bytes);
        assert_eq!(client.answer(false).status(), 200);
        let received = self.upstream.received();
        assert_eq!(client.exchange("GET /second", &[]).status(), 200);
        assert_eq!(self.upstream.received().head.start, "GET /second HTTP/1.1");
        received
    }
}

// Requests.

#[test]
fn two_framings_are_refused() {
    let pair = Pair::start();
    for headers in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "Transfer-Encoding: chunked\r\nX: y\r\nContent-length: 0",
        "content-length: 4\r\ncontent-length: 5",
        "content-length: 4\r\ncontent-length: 4",
        "content-length: 4, 4",
        "content-length: +4",
        "content-length: -4",
        "content-length: 0x4",
        "content-length: 4 4",
        "content-length:",
        "content-length: 99999999999999999999",
    ] {
        pair.check_refused(format!("POST /bad HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n0\r\n\r\n"), 400);
    }
}

#[test]
fn transfer_codings_that_are_not_one_chunked_are_refused() {
    let pair = Pair::start();
    let check = |headers: &str, status: u16| {
        let request = format!("POST /bad HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n0\r\n\r\n");
        pair.check_refused(request, status);
    };
    check("transfer-encoding: chunked\r\ntransfer-encoding: chunked", 400);
    check("transfer-encoding: chunked\r\ntransfer-encoding: identity", 400);
    check("transfer-encoding: identity\r\ntransfer-encoding: chunked", 400);
    check("transfer-encoding: chunked, chunked", 400);
    check("transfer-encoding: chunked, identity", 400);
    check("transfer-encoding: xchunked", 400);
    check("transfer-encoding: identity", 400);
    check("transfer-encoding: \"chunked\"", 400);
    check("transfer-encoding: chunked;x=y", 400);
    check("transfer-encoding: \x0bchunked", 400);
    check("transfer-encoding:", 400);
    check("transfer-encoding : chunked", 400);
    check("transfer-encoding\t: chunked", 400);
    check(" transfer-encoding: chunked", 400);
    check("x: y\r\n transfer-encoding: chunked", 400);
    check("transfer-encoding:\r\n chunked", 400);
    check("x: y\rtransfer-encoding: chunked", 400);
    check("x: y\ntransfer-encoding: chunked", 400);
    check("transfer-encoding: gzip, chunked", 501);
    pair.check_refused("POST /bad HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

#[test]
fn lines_that_are_not_lines_are_refused() {
    let pair = Pair::start();
    for head in [
        "GET /bad HTTP/1.1\nhost: a\n\n",
        "GET /bad HTTP/1.1\r\nhost: a\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\n\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\nx\0y: z\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\nx: y\r\n folded\r\n\r\n",
        "GET /bad HTTP/1.1\r\n x: y\r\nhost: a\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\nx y: z\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\n: z\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\nxyz\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\nñ: z\r\n\r\n",
        "GET /bad HTTP/1.1\r\nhost: a\r\nx(y): z\r\n\r\n",
        "GET  /bad HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /bad  HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET\t/bad\tHTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /b ad HTTP/1.1\r\nhost: a\r\n\r\n",
        "G(ET) /bad HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /bad http/1.1\r\nhost: a\r\n\r\n",
        "GET /bad\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
    ] {
        pair.check_refused(head, 400);
    }
    pair.check_refused("GET /bad HTTP/1.2\r\nhost: a\r\n\r\n", 505);
    pair.check_refused("GET /bad HTTP/2.0\r\nhost: a\r\n\r\n", 505);
}

#[test]
fn chunks_that_are_not_chunks_are_refused() {
    let pair = Pair::start();
    let long_extension = format!("3;{}\r\nabc\r\n0\r\n\r\n", "x".repeat(20_000));
    let long_trailers = format!("0\r\n{}\r\n", "x: 0123456789\r\n".repeat(2000));
    for body in [
        "\r\n",
        "x\r\n\r\n",
        "-1\r\nabc\r\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n",
        "3 3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "3\rabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3;a\nb\r\nabc\r\n0\r\n\r\n",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
        "0\r\nx: y\nz: 1\r\n\r\n",
        &long_extension,
        &long_trailers,
    ] {
        pair.check_refused(
            format!("POST /bad HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n{body}"),
            400,
        );
    }
}

#[test]
fn chunk_extensions_and_trailers_of_a_request_hide_nothing() {
    let pair = Pair::start();
    let received = pair.passed(
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
         3;signature=\"x\"\r\nabc\r\n0;last\r\ncontent-length: 40\r\nhost: b\r\n\r\n",
    );
    assert!(received.head.is_chunked());
    assert_eq!(received.payload.bytes, b"abc");
    assert_eq!(received.payload.trailers, []);
}

#[test]
fn hosts_are_one_and_valid() {
    let pair = Pair::start();
    for headers in [
        "",
        "host: a\r\nhost: a\r\n",
        "host: a\r\nHost: b\r\n",
        "host: a b\r\n",
        "host: a,b\r\n",
        "host: a/b\r\n",
        "host: me@a\r\n",
    ] {
        let mut client = pair.sidecar.client();
        client.send(format!("GET /bad HTTP/1.1\r\n{headers}\r\n"));
        let answer = client.answer(false);
        assert_eq!((answer.status(), own_error(&answer)), (400, "http_request_error"), "{headers:?}");
        assert_eq!(pair.seen_before_the_next().len(), 0);
    }
    let received = pair.passed("GET http://b.example/x HTTP/1.1\r\nhost: a.example\r\n\r\n");
    assert_eq!(received.head.header("host"), Some("b.example"));
    assert_eq!(received.head.header("x-forwarded-host"), Some("b.example"));
}

#[test]
fn targets_are_passed_as_they_are_or_refused() {
    let pair = Pair::start();
    for target in ["/bad#fragment", "/bad#", "http://a/bad#x", "bad\\path\x7f", "http://[bad/"] {
        pair.check_refused(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n"), 400);
    }
    for target in ["/a/../b//c/.", "/%2e%2e%2f%00", "/a;b?c=d&e={f}|g", "/?a?b", "//x/y", "/\u{fc}"] {
        let received = pair.passed(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n"));
        assert_eq!(received.head.start, format!("GET {target} HTTP/1.1"));
    }
}

#[test]
fn values_in_other_alphabets_pass_byte_for_byte() {
    let pair = Pair::start();
    let received = pair.passed("GET / HTTP/1.1\r\nhost: a\r\nx: \u{fc}ber\t alles \r\ny:\r\n\r\n");
    assert_eq!(received.head.header("x"), Some("\u{fc}ber\t alles"));
    assert_eq!(received.head.header("y"), Some(""));
}

#[test]
fn empty_lines_before_a_request_are_skipped() {
    let pair = Pair::start();
    let received = pair.passed("\r\n\r\nGET /x HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(received.head.start, "GET /x HTTP/1.1");
}

#[test]
fn what_follows_a_body_is_the_next_request_or_refused() {
    let pair = Pair::start();
    for body in ["content-length: 3\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"] {
        let request = format!("POST /good HTTP/1.1\r\nhost: a\r\n{body}");
        let mut client = pair.sidecar.client();
        client.send([&request, "garbage\r\n\r\n", SMUGGLED].concat());
        assert_eq!(client.answer(false).status(), 200, "what was asked before is answered before");
        let answer = client.answer(false);
        assert_eq!((answer.status(), own_error(&answer)), (400, "http_request_error"));
        assert!(client.is_closed());
        let seen = pair.seen_before_the_next();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].payload.bytes, b"abc");
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::scripted(|request, stream| {
        let path = request.head.start.split(' ').nth(1).unwrap();
        stream.write_all(json(&format!("{:?}", path)).as_bytes()).unwrap();
        After::KeepOpen
    });
    let mut client = Sidecar::start(upstream.address, NO_RULES).client();
    let post = "POST /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let last = "POST /3 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nxy";
    client.send(["GET /1 HTTP/1.1\r\nhost: a\r\n\r\n", post, last, SMUGGLED].concat());
    for expected in ["\"/1\"", "\"/2\"", "\"/3\"", "\"/smuggled\""] {
        assert_eq!(client.answer(false).text(), expected);
    }
}

#[test]
fn a_bad_request_behind_a_slow_one_waits_for_its_answer() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        wait();
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let mut client = Sidecar::start(upstream.address, NO_RULES).client();
    client.ask("GET /slow", &[]);
    upstream.received();
    client.send("garbage\r\n\r\n");
    open();
    assert_eq!(client.answer(false).status(), 200);
    assert_eq!(client.answer(false).status(), 400);
    assert!(client.is_closed());
}

#[test]
fn a_request_that_asks_to_upgrade_hides_nothing_behind_it() {
    let pair = Pair::start();
    let mut client = pair.sidecar.client();
    let upgrade = "GET /up HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    client.send([upgrade, "\x01\x02 no HTTP\r\n\r\n", SMUGGLED].concat());
    assert_eq!(client.answer(false).status(), 200, "it was not upgraded");
    assert_eq!(client.answer(false).status(), 400, "so this had to be HTTP");
    assert!(client.is_closed());
    assert_eq!(pair.seen_before_the_next().len(), 1);
    let mut client = pair.sidecar.client();
    client.send([upgrade, "GET /good HTTP/1.1\r\nhost: a\r\n\r\n"].concat());
    assert_eq!((client.answer(false).status(), client.answer(false).status()), (200, 200));
}

#[test]
fn a_refusal_is_logged_without_what_could_not_be_read() {
    let pair = Pair::start();
    let mut client = pair.sidecar.client();
    client.send("GET /secret HTTP/1.1\r\nbad header\r\n\r\n");
    let answer = client.answer(false);
    let event = log::event(answer.header("x-request-id").unwrap());
    assert_eq!(event["status"], 400);
    assert_eq!(event["error"], "a header's name is not valid");
    assert!(event["path"].is_null() && event["method"].is_null(), "{event}");
}

// Clients that leave.

#[test]
fn a_client_that_leaves_in_any_phase_harms_nobody() {
    let (_open, wait) = gate();
    let upstream = Upstream::scripted(move |request, stream| {
        if request.head.start.contains("/wait") {
            wait();
        }
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, NO_RULES);
    for part in [
        "",
        "G",
        "GET / HTTP/1.1\r\nhost: a\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let mut client = sidecar.client();
        client.send(part);
        drop(client);
        assert_eq!(sidecar.exchange("GET /next", &[]).status(), 200, "{part:?}");
    }
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_answer_frees_the_upstream() {
    let upstream = Upstream::scripted(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
        // Until the sidecar hangs up.
        let _ = stream.read(&mut [0]);
        After::Close
    });
    let sidecar = Sidecar::start(upstream.address, NO_RULES);
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    client.head();
    assert_eq!(client.bytes(4), b"half");
    drop(client);
    assert_eq!(upstream.ended(), 0);
}

#[test]
fn a_client_that_closes_its_half_is_taken_for_gone() {
    let upstream = Upstream::scripted(|_, stream| {
        let _ = stream.read(&mut [0]);
        After::Close
    });
    let sidecar = Sidecar::start(upstream.address, NO_RULES);
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    upstream.received();
    client.finish();
    assert!(client.is_closed());
    assert_eq!(upstream.ended(), 0, "nobody waits for an answer that nobody wants");
    for part in ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab"] {
        let mut client = sidecar.client();
        client.send(part);
        client.finish();
        let _ = client.rest();
    }
}

// Answers.

/// The answer's bytes lead to one of our own; an exchange after it on the same connections is a good one.
#[track_caller]
fn check_answer_refused(bytes: impl AsRef<[u8]>, kind: &str) {
    let shown = String::from_utf8_lossy(&bytes.as_ref()[..bytes.as_ref().len().min(200)]).into_owned();
    let bytes = bytes.as_ref().to_vec();
    for rules in [NO_RULES, TEXT_RULE] {
        let (mut client, _upstream) = behind(bytes.clone(), rules);
        let answer = client.exchange("GET /bad", &[]);
        assert_eq!((answer.status(), own_error(&answer)), (502, kind), "{shown:?}");
        assert_eq!(client.exchange("GET /next", &[]).text(), "{}", "{shown:?}");
    }
}

/// A client of a sidecar whose upstream answers `/bad` with these bytes, and everything else well.
fn behind(bytes: Vec<u8>, rules: &str) -> (Client, Upstream) {
    let good = json("{}");
    let upstream = Upstream::scripted(move |request, stream| {
        let bad = request.head.start.contains("/bad");
        // The sidecar may have hung up before the last of it.
        let _ = stream.write_all(if bad { &bytes } else { good.as_bytes() });
        After::KeepOpen
    });
    let client = Sidecar::start(upstream.address, rules).client();
    (client, upstream)
}

#[test]
fn answers_that_could_be_split_are_refused() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 2\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: 4, 2\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 4x\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\nlocation: /a\rset-cookie: b=c\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : a\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n folded\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 200 a\rb\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        check_answer_refused(answer, "http_protocol_error");
    }
    for coding in
        ["gzip", "gzip, chunked", "chunked, gzip", "chunked\r\ntransfer-encoding: chunked", "xchunked"]
    {
        let answer = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {coding}\r\n\r\n0\r\n\r\n");
        check_answer_refused(answer, "http_response_transfer_coding");
    }
}

#[test]
fn answers_that_are_not_http_are_refused() {
    for answer in [
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 -20 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "<html>an answer of HTTP/0.9</html>\r\n\r\n",
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        check_answer_refused(answer, "http_protocol_error");
    }
}

#[test]
fn heads_of_answers_are_bounded() {
    let many = format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "x: y\r\n".repeat(10_000));
    check_answer_refused(many, "http_response_header_section_size");
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "y".repeat(10_000_000));
    check_answer_refused(long, "http_response_header_section_size");
}

#[test]
fn a_flood_of_interim_answers_ends_with_the_timeout() {
    let upstream = Upstream::scripted(|request, stream| {
        if request.head.start.contains("/bad") {
            while stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").is_ok() {}
            return After::Close;
        }
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.upstreams[0].timeouts.response = Duration::from_millis(150);
    });
    let mut client = sidecar.client();
    client.ask("GET /bad", &[]);
    for _ in 0..32 {
        assert_eq!(client.head().start, "HTTP/1.1 103 Early Hints");
    }
    assert_eq!(client.head().start, "HTTP/1.1 504 Gateway Timeout", "enough of them");
    let mut client = sidecar.client();
    let answer = client.exchange("GET /bad", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (504, "http_response_timeout"));
    assert_eq!(client.exchange("GET /next", &[]).text(), "{}");
}

#[test]
fn lengths_that_agree_are_one() {
    for headers in ["content-length: 2\r\ncontent-length: 2", "content-length: 2, 2"] {
        for rules in [NO_RULES, TEXT_RULE] {
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{headers}\r\n\r\nab");
            let (mut client, _upstream) = behind(answer.into_bytes(), rules);
            let answer = client.exchange("GET /bad", &[]);
            assert_eq!((answer.text(), answer.head.content_length()), ("ab", Some(2)));
            assert_eq!(client.exchange("GET /next", &[]).text(), "{}");
        }
    }
}

#[test]
fn lines_of_answers_may_end_in_lf_alone() {
    let answer = "HTTP/1.1 200 OK\ncontent-type: text/plain\nx: y\ncontent-length: 2\n\nab";
    let (mut client, _upstream) = behind(answer.into(), NO_RULES);
    let answer = client.exchange("GET /bad", &[]);
    assert_eq!((answer.header("x"), answer.text()), (Some("y"), "ab"));
}

#[test]
fn what_follows_an_answer_is_nobody_s() {
    let split = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    for (request, answer) in [
        ("GET", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
        ("GET", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 3\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"),
    ] {
        for rules in [NO_RULES, TEXT_RULE] {
            let (mut client, upstream) = behind([answer, split].concat().into_bytes(), rules);
            let first = client.exchange(&format!("{request} /bad"), &[]);
            assert!(first.payload.bytes.is_empty() || first.text() == "{}", "{answer:?}");
            assert_eq!(client.exchange("GET /next", &[]).text(), "{}", "after {answer:?}");
            assert_eq!((upstream.received().connection, upstream.received().connection), (0, 1));
        }
    }
}

#[test]
fn what_comes_before_a_request_is_no_answer_to_it() {
    let upstream = Upstream::raw(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
        // Until the sidecar says something or hangs up.
        let _ = stream.read(&mut [0; 4096]);
    });
    let sidecar = Sidecar::start(upstream.address, NO_RULES);
    // Which of the two is seen first is the network's choice: the connection is closed, or taken at its word.
    let mut client = sidecar.client();
    for _ in 0..5 {
        let answer = client.exchange("GET /", &[]);
        match answer.status() {
            200 => assert_eq!(answer.text(), "evil"),
            status => assert_eq!((status, own_error(&answer)), (502, "connection_terminated")),
        }
    }
}

#[test]
fn chunks_of_answers_are_chunks() {
    for body in
        ["x\r\n", "-1\r\nab\r\n", "0x2\r\nab\r\n", "2\r\nabc\r\n", "2\nab\n0\n\n", "10000000000000000\r\nab"]
    {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n{body}"
        );
        let (mut client, _upstream) = behind(answer.clone().into_bytes(), TEXT_RULE);
        let held = client.exchange("GET /bad", &[]);
        assert_eq!((held.status(), own_error(&held)), (502, "http_response_incomplete"), "{body:?}");
        assert_eq!(client.exchange("GET /next", &[]).text(), "{}");
        let (mut client, _upstream) = behind(answer.into_bytes(), NO_RULES);
        let streamed = client.exchange("GET /bad", &[]);
        assert_eq!((streamed.status(), streamed.payload.complete), (200, false), "{body:?}");
    }
}

// Values that rules take out of a body.

#[test]
fn a_value_that_would_split_the_answer_fails_its_rule() {
    let rules = r"
rule_sets:
  orders:
    rules:
      - name: named
        when: { json: $.name, exists: true }
        then: { status: 400, headers: { set: { x-name: { from: $.name } } } }
";
    let check = |name: &str, expected: u16| {
        let upstream = Upstream::answering(json(&format!(r#"{{"name":"{name}"}}"#)));
        let sidecar = Sidecar::with(upstream.address, rules, |settings| {
            settings.server.proxy_status = ProxyStatus::Always;
        });
        let mut client = sidecar.client();
        let answer = client.exchange("GET /", &[]);
        assert_eq!((answer.status(), answer.header("set-cookie")), (expected, None), "{name}");
        let failed = answer.header("proxy-status").is_some_and(|told| told.contains("failed"));
        assert_eq!(failed, expected == 200, "{name}");
        assert_eq!(client.exchange("GET /", &[]).status(), expected);
    };
    check("honest", 400);
    check(r"a\r\nset-cookie: evil=1", 200);
    check(r"a\nset-cookie: evil=1", 200);
    check(r"a\rset-cookie: evil=1", 200);
    check(r"a\r\n\r\n<script>", 200);
    check(r"a\u0000b", 200);
}

#[test]
fn a_connection_is_never_shared_by_what_came_before() {
    // A client that sends half of its body and leaves must not have the rest of it read from somebody else.
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NO_RULES);
    let mut victim = TcpStream::connect(sidecar.address).unwrap();
    victim.write_all(b"POST /half HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf").unwrap();
    victim.shutdown(Shutdown::Both).unwrap();
    assert_eq!(sidecar.exchange("GET /other", &[]).status(), 200);
    let mut seen = upstream.received();
    if seen.head.start.contains("/half") {
        assert!(!seen.payload.complete);
        seen = upstream.received();
    }
    assert_eq!(seen.head.start, "GET /other HTTP/1.1");
}
