//! Requests over HTTP/2 that would be others, or several, once they are written in HTTP/1.1, frame by frame: HPACK carries
//! any bytes. None of them reaches the upstream, and the next exchange is none the worse.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use http::HeaderValue;

use super::support::h2::{self as http2, block_on, request};
use super::support::pair::Pair;
use super::support::sidecar::Sidecar;
use super::support::upstream::Upstream;
use super::support::{NO_RULES, PATIENCE, json};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The first byte of a head with `:status: 200`.
const OK: u8 = 0x88;

const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/bad")];
const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/bad")];

/// What becomes of a request.
#[derive(Debug, PartialEq)]
enum Outcome {
    Passed,
    Refused,
}

impl Pair {
    /// Sends a request with these fields, in this order, and this body, if any.
    fn ask(&self, fields: &[(&str, &str)], body: Option<&str>) -> Outcome {
        let mut client = TcpStream::connect(self.sidecar.address).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        client.write_all(&frame(SETTINGS, 0, 0, b"")).unwrap();
        let end = if body.is_none() { END_STREAM } else { 0 };
        client.write_all(&frame(HEADERS, END_HEADERS | end, 1, &block(fields))).unwrap();
        if let Some(body) = body {
            client.write_all(&frame(DATA, END_STREAM, 1, body.as_bytes())).unwrap();
        }
        outcome(&mut client).unwrap_or(Outcome::Refused)
    }

    /// Such a request is refused, and the upstream sees no more of it than one without its end.
    #[track_caller]
    fn check_none_passes(&self, head: &[(&str, &str)], fields: &[(&str, &str)], body: Option<&str>) {
        let all = [head, fields].concat();
        assert_eq!(self.ask(&all, body), Outcome::Refused, "{all:?}");
        for received in self.seen_before_the_next() {
            assert!(!received.payload.complete, "{all:?} led to {received:?}");
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![0, length[0], length[1], kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// The fields as literals without a table and without Huffman's code (RFC 7541, section 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// What the first stream comes to.
fn outcome(client: &mut TcpStream) -> io::Result<Outcome> {
    loop {
        let mut head = [0; 9];
        client.read_exact(&mut head)?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        client.read_exact(&mut payload)?;
        match head[3] {
            HEADERS if payload[0] == OK => return Ok(Outcome::Passed),
            HEADERS | RST_STREAM | GOAWAY => return Ok(Outcome::Refused),
            _ => {}
        }
    }
}

#[test]
fn what_is_sound_passes() {
    let pair = Pair::start();
    assert_eq!(pair.ask(&GET, None), Outcome::Passed);
    assert_eq!(pair.ask(&[&POST[..], &[("content-length", "5")]].concat(), Some("hello")), Outcome::Passed);
    let received = [pair.upstream.received(), pair.upstream.received()];
    assert_eq!(received.map(|it| it.payload.bytes), [b"".to_vec(), b"hello".to_vec()]);
}

#[test]
fn lengths_that_could_be_read_in_two_ways_are_refused() {
    let pair = Pair::start();
    let check = |lengths: &[&str], body: Option<&str>| {
        let fields: Vec<_> = lengths.iter().map(|length| ("content-length", *length)).collect();
        pair.check_none_passes(&POST, &fields, body);
    };
    check(&["0", "38"], None);
    check(&["38", "0"], None);
    check(&["38"], None);
    check(&["5", "5"], Some("hello"));
    check(&["5", "4"], Some("hello"));
    check(&["4"], Some("hello"));
    check(&["6"], Some("hello"));
    check(&["0"], Some("hello"));
    for length in ["5, 5", "+5", "-5", "0x5", "", "5 5", "99999999999999999999"] {
        check(&[length], Some("hello"));
    }
}

#[test]
fn fields_of_the_connection_are_refused() {
    let pair = Pair::start();
    for field in [
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("connection", "keep-alive"),
        ("connection", "content-length"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("upgrade", "websocket"),
        ("te", "chunked"),
    ] {
        pair.check_none_passes(&POST, &[field], Some("0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"));
    }
}

#[test]
fn bytes_that_end_a_line_are_refused_wherever_they_stand() {
    let pair = Pair::start();
    for field in [
        ("x", "y\r\nz: 1"),
        ("x", "y\nz: 1"),
        ("x", "y\rz: 1"),
        ("x", "y\0"),
        ("x\r\ny", "z"),
        ("x: y\r\nz", "1"),
        ("x y", "z"),
        ("x:", "z"),
        ("", "z"),
        ("X-Upper", "z"),
    ] {
        pair.check_none_passes(&GET, &[field], None);
    }
    let with = |name: &str, value: &'static str| {
        let replaced = GET.map(|(known, usual)| if known == name { (known, value) } else { (known, usual) });
        pair.check_none_passes(&replaced, &[], None);
    };
    with(":path", "/bad HTTP/1.1\r\nhost: a\r\n\r\nGET /smuggled");
    with(":path", "/bad x");
    with(":path", "/bad\nx");
    with(":path", "");
    with(":method", "GET /smuggled HTTP/1.1\r\nx: ");
    with(":method", "GE T");
    with(":method", "");
    with(":authority", "a\r\nx: y");
    with(":authority", "a b");
    with(":scheme", "http://a/smuggled?");
}

#[test]
fn heads_that_are_none_are_refused() {
    let pair = Pair::start();
    let check = |head: &[(&str, &str)]| pair.check_none_passes(head, &[], None);
    for missing in 0..GET.len() {
        // The host may be left out of the target, but not of the request.
        let rest: Vec<_> =
            GET.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, it)| *it).collect();
        check(&rest);
    }
    for twice in GET {
        check(&[&GET[..], &[twice]].concat());
    }
    check(&[&[("x", "y")], &GET[..]].concat());
    check(&[&GET[..], &[(":status", "200")]].concat());
    check(&[&GET[..], &[(":path", "/smuggled")]].concat());
    check(&[&GET[..], &[(":protocol", "websocket")]].concat());
    check(&[&GET[..], &[("host", "b")]].concat());
    check(&[&GET[..], &[("host", "a"), ("host", "a")]].concat());
}

#[test]
fn limits_on_heads_hold_over_http_2() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NO_RULES, |settings| {
        settings.server.limits.uri_bytes = 64;
        settings.server.limits.headers = 10;
        settings.server.limits.header_bytes = 4096;
    });
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let check = async |path: String, headers: usize, status: u16| {
            let mut asked = request("GET", &path);
            for number in 0..headers {
                asked.headers_mut().append("x", HeaderValue::from(number));
            }
            let answer = client.exchange(asked).await;
            assert_eq!(answer.status, status, "{path} {headers}");
            if status != 200 {
                assert_eq!(answer.header("proxy-status"), Some("candor; error=http_request_error"));
            }
        };
        check(format!("/{}", "x".repeat(63)), 10, 200).await;
        check(format!("/{}", "x".repeat(64)), 0, 414).await;
        check(format!("/?{}", "x".repeat(63)), 0, 414).await;
        check("/".to_owned(), 11, 431).await;
        let mut long = request("GET", "/");
        long.headers_mut().append("x", HeaderValue::try_from("x".repeat(5000)).unwrap());
        assert_eq!(client.exchange(long).await.status, 431);
        check("/".to_owned(), 0, 200).await;
        let refused = client.exchange(request("HEAD", &format!("/{}", "x".repeat(64)))).await;
        assert_eq!((refused.status.as_u16(), refused.body.len()), (414, 0));
    });
}
