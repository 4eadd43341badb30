//! The corners of HTTP over real sockets: upgrades and tunnels, HTTP/2 on either side, interim answers, odd targets.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use candor::settings::{Connect, Protocol};
use h2::Reason;
use http::{HeaderMap, HeaderValue, Request, Response, Version};

use super::support::h2::{self as http2, After as H2After, block_on, elsewhere, request};
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Nowhere, Upstream};
use super::support::{gate, log, own_error};

/// No rules at all.
const NONE: &str = "rule_sets: { plain: { rules: [] } }";

/// One rule that needs the body, and one that does not.
const RULES: &str = r"
rule_sets:
  orders:
    rules:
      - name: from-the-field
        when: { json: $.statusCode, matches: '[45]\d{2}' }
        then: { status: { from: $.statusCode } }
      - name: text
        when: { body: { contains: record not found } }
        then: { status: 404 }
      - name: gone
        when: { status: '426' }
        then: { status: 410 }
";

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                      sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

const WEBSOCKET: [&str; 4] = [
    "connection: keep-alive, Upgrade",
    "upgrade: websocket",
    "sec-websocket-version: 13",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
];

fn json(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A text frame of at most 125 bytes (RFC 6455, section 5.2), masked as clients must.
fn frame(text: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = vec![0x81, text.len() as u8 | if mask.is_some() { 0x80 } else { 0 }];
    frame.extend(mask.iter().flatten());
    let mask = mask.unwrap_or_default();
    frame.extend(text.bytes().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// Reads masked frames and sends each back unmasked, to the end of the connection.
fn echo(stream: &mut (impl Read + Write)) {
    let mut head = [0; 6];
    while stream.read_exact(&mut head).is_ok() {
        let mut text = vec![0; usize::from(head[1] & 0x7f)];
        stream.read_exact(&mut text).unwrap();
        text.iter_mut().zip(head[2..].iter().cycle()).for_each(|(byte, key)| *byte ^= key);
        stream.write_all(&frame(std::str::from_utf8(&text).unwrap(), None)).unwrap();
    }
}

fn websocket_upstream() -> Upstream {
    Upstream::scripted(|_, stream| {
        stream.write_all(&[SWITCH.as_bytes(), &frame("welcome", None)].concat()).unwrap();
        echo(stream);
        After::Close
    })
}

// Upgrades.

#[test]
fn websocket_frames_go_both_ways() {
    let upstream = websocket_upstream();
    let mut client = Sidecar::start(upstream.address, RULES).client();
    client.ask("GET /chat?room=1", &WEBSOCKET);
    let head = client.head();
    assert_eq!(head.start, "HTTP/1.1 101 Switching Protocols");
    assert_eq!((head.header("connection"), head.header("upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!(head.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!((head.header("content-length"), head.header("transfer-encoding")), (None, None));
    let welcome = frame("welcome", None);
    assert_eq!(client.bytes(welcome.len()), welcome, "what came with the 101 is not lost");
    for (text, mask) in [("hello", [1, 2, 3, 4]), ("record not found", [0xff, 0, 0x7f, 9])] {
        client.send(frame(text, Some(mask)));
        assert_eq!(client.bytes(2 + text.len()), frame(text, None));
    }
    let asked = upstream.received().head;
    assert_eq!(asked.start, "GET /chat?room=1 HTTP/1.1");
    assert_eq!((asked.header("connection"), asked.header("upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!(asked.header("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    drop(client);
    assert_eq!(upstream.ended(), 0, "the upstream learns that the client has left");
}

#[test]
fn bytes_behind_an_upgrade_request_arrive() {
    let upstream = websocket_upstream();
    let mut client = Sidecar::start(upstream.address, NONE).client();
    let mut early = format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n\r\n", WEBSOCKET.join("\r\n")).into_bytes();
    early.extend(frame("early", Some([7; 4])));
    client.send(early);
    assert_eq!(client.head().status(), 101);
    client.bytes(frame("welcome", None).len());
    assert_eq!(client.bytes(7), frame("early", None));
}

#[test]
fn a_tunnel_that_the_upstream_closes_is_closed() {
    let upstream = Upstream::answering_once(SWITCH);
    let mut client = Sidecar::start(upstream.address, NONE).client();
    client.ask("GET /", &WEBSOCKET);
    assert_eq!(client.head().status(), 101);
    assert!(client.is_closed());
}

#[test]
fn a_refused_upgrade_is_an_answer_like_any_other() {
    let upstream = Upstream::answering("HTTP/1.1 426 Upgrade Required\r\ncontent-length: 2\r\n\r\nno");
    let mut client = Sidecar::start(upstream.address, RULES).client();
    for _ in 0..2 {
        let answer = client.exchange("GET /", &WEBSOCKET);
        assert_eq!((answer.status(), answer.text()), (410, "no"));
        assert_eq!(upstream.received().connection, 0, "both connections go on");
    }
}

#[test]
fn a_switch_to_something_that_was_not_asked_for_is_502() {
    for switched in ["connection: upgrade\r\nupgrade: other\r\n", "connection: upgrade\r\n"] {
        let upstream = Upstream::answering(format!("HTTP/1.1 101 Switching Protocols\r\n{switched}\r\n"));
        let answer = Sidecar::start(upstream.address, NONE).exchange("GET /", &WEBSOCKET);
        assert_eq!(answer.status(), 502);
        assert_eq!(answer.header("proxy-status"), Some("candor; error=http_upgrade_failed"));
    }
}

#[test]
fn an_upgrade_to_http_itself_is_not_passed_on() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    for protocols in ["upgrade: h2c", "upgrade: TLS/1.2, HTTP/2.0"] {
        let settings = "http2-settings: AAMAAABkAAQAAP__";
        let answer = sidecar.exchange("GET /", &["connection: upgrade, http2-settings", protocols, settings]);
        assert_eq!(answer.status(), 200);
        let head = upstream.received().head;
        for name in ["connection", "upgrade", "http2-settings"] {
            assert_eq!(head.header(name), None, "{name}");
        }
    }
}

#[test]
fn an_upgrade_beside_one_to_http_is_passed_on_alone() {
    let upstream = Upstream::answering_once(SWITCH);
    let mut client = Sidecar::start(upstream.address, NONE).client();
    client.ask("GET /", &["connection: upgrade", "upgrade: h2c, websocket"]);
    assert_eq!(client.head().status(), 101);
    assert_eq!(upstream.received().head.header("upgrade"), Some("websocket"));
}

#[test]
fn an_upgrade_is_not_asked_of_an_http_2_upstream() {
    let upstream = http2::Upstream::answering(&[], "ok");
    let answer = h2c(&upstream, NONE).exchange("GET /", &WEBSOCKET);
    assert_eq!((answer.status(), answer.text()), (200, "ok"));
    let (_, head) = upstream.received();
    assert_eq!((head.headers.get("upgrade"), head.headers.get("connection")), (None, None));
}

#[test]
fn http_1_0_has_no_upgrades() {
    let upstream = Upstream::answering(json("{}"));
    let mut client = Sidecar::start(upstream.address, NONE).client();
    client.send("GET / HTTP/1.0\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    assert_eq!(client.answer(false).status(), 200);
    assert_eq!(upstream.received().head.header("upgrade"), None);
}

#[test]
fn a_tunnel_that_ends_while_draining_is_not_cut() {
    let upstream = websocket_upstream();
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    let mut idle = sidecar.client();
    client.ask("GET /", &WEBSOCKET);
    assert_eq!(client.head().status(), 101);
    let stopping = sidecar.stop();
    assert!(idle.is_closed(), "the worker has heard of it");
    client.bytes(frame("welcome", None).len());
    client.send(frame("still here", Some([3; 4])));
    assert_eq!(client.bytes(12), frame("still here", None));
    drop(client);
    assert_eq!(stopping.drained().cut, 0);
}

#[test]
fn a_tunnel_that_outlives_the_drain_is_cut_and_counted() {
    let upstream = websocket_upstream();
    let sidecar = Sidecar::with(upstream.address, NONE, |settings| {
        settings.drain.timeout = Duration::from_millis(20);
    });
    let mut client = sidecar.client();
    client.ask("GET /", &WEBSOCKET);
    client.head();
    client.bytes(frame("welcome", None).len());
    assert_eq!(sidecar.stop().drained().cut, 1);
    assert!(client.is_closed());
    assert_eq!(upstream.ended(), 0);
}

// CONNECT.

#[test]
fn connect_is_refused_unless_tunnels_are_wanted() {
    let nowhere = Nowhere::reserve();
    let mut client = Sidecar::start(nowhere.address, NONE).client();
    client.send("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n");
    assert_eq!(client.answer(false).status(), 501);
}

#[test]
fn a_connect_tunnel_leads_to_the_upstream_whatever_it_asks_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || echo(&mut listener.accept().unwrap().0));
    let elsewhere = Nowhere::reserve();
    let sidecar = Sidecar::with(address, RULES, |settings| settings.server.connect = Connect::Tunnel);
    let mut client = sidecar.client();
    client.send(format!("CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n\r\n", elsewhere.address));
    let head = client.head();
    assert_eq!(head.start, "HTTP/1.1 200 OK");
    assert_eq!((head.header("content-length"), head.header("transfer-encoding")), (None, None));
    client.send(frame("hello", Some([1, 2, 3, 4])));
    assert_eq!(client.bytes(7), frame("hello", None));
}

#[test]
fn a_connect_tunnel_needs_its_upstream() {
    let nowhere = Nowhere::reserve();
    let sidecar = Sidecar::with(nowhere.address, NONE, |settings| settings.server.connect = Connect::Tunnel);
    let mut client = sidecar.client();
    client.send("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n");
    let answer = client.answer(false);
    assert_eq!(
        (answer.status(), answer.header("proxy-status")),
        (502, Some("candor; error=connection_refused"))
    );
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let connect = Request::connect("a:1").body(()).unwrap();
        assert_eq!(client.exchange(connect).await.status, 501, "HTTP/2 has no tunnels");
    });
}

// HTTP/2 from clients.

#[test]
fn http_2_is_spoken_to_clients_who_begin_with_it() {
    let upstream = Upstream::scripted(|request, stream| {
        let body = if request.head.start.contains("missing") { r#"{"statusCode":404}"# } else { "{}" };
        let answer = json(body).replacen("OK", "Fine\r\nconnection: x-hop\r\nx-hop: 1", 1);
        stream.write_all(answer.as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, RULES);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let answer = client.exchange(request("GET", "/a%2Fb/../c?x=%20&y")).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (200, b"{}".as_slice()));
        assert_eq!((answer.header("connection"), answer.header("x-hop")), (None, None));
        assert!(answer.header("x-request-id").is_some());
        let answer = client.exchange(request("GET", "/missing")).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-length")), (404, Some("18")));
        let answer = client.exchange(request("HEAD", "/missing")).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    });
    let head = upstream.received().head;
    assert_eq!(head.start, "GET /a%2Fb/../c?x=%20&y HTTP/1.1");
    assert_eq!(head.header("host"), Some("sidecar.test"));
}

#[test]
fn http_2_headers_become_those_of_http_1_1() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    block_on(async {
        let mut asked = request("GET", "/");
        let headers = asked.headers_mut();
        headers.append("cookie", HeaderValue::from_static("a=1"));
        headers.append("cookie", HeaderValue::from_static("b=2"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        http2::Client::connect(sidecar.address).await.exchange(asked).await;
    });
    let head = upstream.received().head;
    assert_eq!(head.header("cookie"), Some("a=1; b=2"));
    assert_eq!((head.header("te"), head.header("connection")), (Some("trailers"), Some("te")));
    assert_eq!(head.header("x-forwarded-host"), Some("sidecar.test"));
}

#[test]
fn http_2_requests_with_two_hosts_are_refused() {
    let nowhere = Nowhere::reserve();
    let sidecar = Sidecar::start(nowhere.address, NONE);
    block_on(async {
        let mut asked = request("GET", "/");
        asked.headers_mut().insert("host", HeaderValue::from_static("other.test"));
        let answer = http2::Client::connect(sidecar.address).await.exchange(asked).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header("proxy-status"), Some("candor; error=http_request_error"));
    });
}

#[test]
fn http_2_streams_do_not_wait_for_each_other() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |request, stream| {
        if request.head.start.contains("/slow") {
            wait();
        }
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, RULES);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (slow, _) = client.open(request("GET", "/slow"), true).await;
        for _ in 0..10 {
            assert_eq!(client.exchange(request("GET", "/quick")).await.status, 200);
        }
        open();
        assert_eq!(http2::Answered::read(slow).await.unwrap().body, b"{}");
    });
}

#[test]
fn a_big_body_streams_over_http_2_both_ways() {
    let upstream = Upstream::scripted(|request, stream| {
        let length = request.payload.bytes.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {length}\r\n\r\n")
            .unwrap();
        stream.write_all(&request.payload.bytes).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, RULES);
    let big: Vec<u8> = (0..3_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (answer, mut body) = client.open(request("POST", "/"), false).await;
        body.send_data(Bytes::from(big.clone()), true).unwrap();
        let answer = http2::Answered::read(answer).await.unwrap();
        assert!(answer.body == big, "the body came through unchanged");
    });
    assert!(upstream.received().head.is_chunked());
}

#[test]
fn a_stream_that_the_client_resets_frees_the_upstream() {
    let upstream = Upstream::scripted(|_, stream| {
        // No answer: reads until the sidecar hangs up.
        let _ = stream.read(&mut [0]);
        After::Close
    });
    let sidecar = Sidecar::start(upstream.address, NONE);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (answer, mut stream) = client.open(request("GET", "/"), true).await;
        let upstream = elsewhere(move || (upstream.received(), upstream).1).await;
        stream.send_reset(Reason::CANCEL);
        drop(answer);
        assert_eq!(elsewhere(move || upstream.ended()).await, 0);
    });
}

#[test]
fn trailers_cross_between_the_protocols() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n",
    );
    for rules in [NONE, RULES] {
        let sidecar = Sidecar::start(upstream.address, rules);
        block_on(async {
            let mut asked = request("POST", "/");
            asked.headers_mut().insert("trailer", HeaderValue::from_static("x-mine"));
            let client = http2::Client::connect(sidecar.address).await;
            let (answer, mut body) = client.open(asked, false).await;
            body.send_data("hello".into(), false).unwrap();
            body.send_trailers(HeaderMap::from_iter([("x-mine".parse().unwrap(), HeaderValue::from(1))]))
                .unwrap();
            let answer = http2::Answered::read(answer).await.unwrap();
            assert_eq!(answer.body, b"ab");
            assert_eq!(answer.trailers.unwrap()["x-sum"], "7");
        });
        let received = upstream.received();
        assert_eq!(received.payload.bytes, b"hello");
        assert_eq!(received.payload.trailers, [("x-mine".to_owned(), "1".to_owned())]);
    }
}

#[test]
fn trailers_of_the_connection_do_not_cross() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\nab\r\n0\r\nconnection: close\r\n\r\n",
    );
    let sidecar = Sidecar::start(upstream.address, NONE);
    block_on(async {
        let answer = http2::Client::connect(sidecar.address).await.exchange(request("GET", "/")).await;
        assert_eq!(answer.body, b"ab");
    });
    let upstream = http2::Upstream::scripted(|request, mut answer| async move {
        let body = http2::read(&mut request.into_body()).await.unwrap().0;
        answer.send_response(Response::new(()), false).unwrap().send_data(body.into(), true).unwrap();
        H2After::KeepOpen
    });
    let mut client = h2c(&upstream, NONE).client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntrailer: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send("2\r\nab\r\n0\r\nkeep-alive: 7\r\n\r\n");
    let answer = client.answer(false);
    assert_eq!((answer.status(), answer.text()), (200, "ab"));
}

#[test]
fn a_head_answer_s_length_is_no_body_over_http_2() {
    let upstream = http2::Upstream::scripted(|_, mut answer| async move {
        let head = Response::builder().header("content-length", "1000").body(()).unwrap();
        let mut stream = answer.send_response(head, false).unwrap();
        sent().await;
        stream.send_data(Bytes::new(), true).unwrap();
        H2After::KeepOpen
    });
    let sidecar = Sidecar::with(upstream.address, NONE, |settings| {
        settings.upstreams[0].protocol = Protocol::Http2;
        settings.upstreams[0].limits.response_body_bytes = Some(100);
    });
    let answer = sidecar.client().exchange("HEAD /", &[]);
    assert_eq!((answer.status(), answer.header("content-length")), (200, Some("1000")));
}

#[test]
fn request_trailers_are_passed_on() {
    let upstream = Upstream::answering(json("{}"));
    let mut client = Sidecar::start(upstream.address, NONE).client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n");
    client.send("2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n");
    assert_eq!(client.answer(false).status(), 200);
    assert_eq!(upstream.received().payload.trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[test]
fn an_event_stream_is_not_delayed_by_a_body_rule_over_http_2() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        write!(stream, "{head}8\r\ndata: 1\n\r\n").unwrap();
        wait();
        stream.write_all(b"8\r\ndata: 2\n\r\n0\r\n\r\n").unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, RULES);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (answer, _) = client.open(request("GET", "/"), true).await;
        let mut body = answer.await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "data: 1\n");
        open();
        assert_eq!(body.data().await.unwrap().unwrap(), "data: 2\n");
    });
}

#[test]
fn a_stop_says_goaway_and_finishes_the_streams_in_flight() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        wait();
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, NONE);
    let address = sidecar.address;
    let stopping = block_on(async {
        let mut client = http2::Client::connect(address).await;
        let (slow, _) = client.open(request("GET", "/slow"), true).await;
        elsewhere(move || upstream.received()).await;
        let stopping = sidecar.stop();
        // A stream is refused as soon as GOAWAY has come.
        while client.sender.clone().ready().await.is_ok() {
            tokio::task::yield_now().await;
        }
        open();
        assert_eq!(http2::Answered::read(slow).await.unwrap().body, b"{}");
        (&mut client.ended).await.unwrap().unwrap();
        stopping
    });
    assert_eq!(stopping.drained().cut, 0);
}

// HTTP/2 to upstreams.

fn h2c(upstream: &http2::Upstream, rules: &str) -> Sidecar {
    Sidecar::with(upstream.address, rules, |settings| settings.upstreams[0].protocol = Protocol::Http2)
}

#[test]
fn http_2_is_spoken_to_upstreams_on_one_connection() {
    let upstream =
        http2::Upstream::answering(&[("content-type", "application/json")], r#"{"statusCode":404}"#);
    let sidecar = h2c(&upstream, RULES);
    let mut clients = [sidecar.client(), sidecar.client()];
    for round in 0..4 {
        let answer =
            clients[round % 2].exchange("GET /a%2Fb/../c?x=%20&y", &["te: trailers", "connection: te"]);
        assert_eq!(answer.head.start, "HTTP/1.1 404 Not Found");
        assert_eq!(answer.text(), r#"{"statusCode":404}"#);
        let (connection, head) = upstream.received();
        assert_eq!((connection, head.version), (0, Version::HTTP_2));
        assert_eq!(head.uri, "http://sidecar.test/a%2Fb/../c?x=%20&y");
        assert_eq!(head.headers["te"], "trailers");
        assert_eq!((head.headers.get("host"), head.headers.get("connection")), (None, None));
        assert_eq!(head.headers["x-forwarded-host"], "sidecar.test");
    }
}

#[test]
fn grpc_streams_both_ways_and_keeps_its_trailers() {
    let upstream = http2::Upstream::scripted(|request, mut answer| async move {
        let head = Response::builder().header("content-type", "application/grpc").body(()).unwrap();
        let mut sender = answer.send_response(head, false).unwrap();
        let mut messages = request.into_body();
        while let Some(message) = messages.data().await {
            let message = message.unwrap();
            messages.flow_control().release_capacity(message.len()).unwrap();
            sender.send_data(message, false).unwrap();
        }
        let status = [("grpc-status", "5"), ("grpc-message", "record not found")];
        let pairs = status.map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        sender.send_trailers(HeaderMap::from_iter(pairs)).unwrap();
        H2After::KeepOpen
    });
    let sidecar = h2c(&upstream, RULES);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let mut asked = request("POST", "/orders.Orders/Watch");
        asked.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        asked.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        let (answer, mut messages) = client.open(asked, false).await;
        let mut answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        for message in ["\0\0\0\0\u{5}hello", "\0\0\0\0\u{10}record not found"] {
            messages.send_data(message.into(), false).unwrap();
            assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), message);
        }
        messages.send_data(Bytes::new(), true).unwrap();
        let (rest, trailers) = http2::read(answer.body_mut()).await.unwrap();
        assert_eq!(rest, b"");
        let trailers = trailers.unwrap();
        assert_eq!(
            (trailers["grpc-status"].as_bytes(), trailers["grpc-message"].as_bytes()),
            (&b"5"[..], &b"record not found"[..])
        );
    });
    assert_eq!(upstream.received().1.headers["te"], "trailers");
}

#[test]
fn a_grpc_answer_of_headers_alone_is_passed_on() {
    let upstream = http2::Upstream::scripted(|_, mut answer| async move {
        let head = Response::builder().header("content-type", "application/grpc").header("grpc-status", "12");
        answer.send_response(head.body(()).unwrap(), true).unwrap();
        H2After::KeepOpen
    });
    let sidecar = h2c(&upstream, RULES);
    block_on(async {
        let answer = http2::Client::connect(sidecar.address).await.exchange(request("POST", "/a.B/C")).await;
        assert_eq!((answer.status.as_u16(), answer.header("grpc-status")), (200, Some("12")));
        assert_eq!((answer.body.len(), answer.trailers), (0, None));
    });
}

#[test]
fn a_connection_that_the_upstream_ends_costs_no_exchange() {
    let upstream = http2::Upstream::scripted(|_, mut answer| async move {
        answer.send_response(Response::new(()), true).unwrap();
        H2After::GoAway
    });
    let mut client = h2c(&upstream, NONE).client();
    for _ in 0..5 {
        assert_eq!(client.exchange("GET /", &[]).status(), 200);
    }
}

/// An upstream that gives back what comes on its first connection, by a GOAWAY that says that it came too late, and
/// answers on others with the request's body.
fn late() -> std::net::SocketAddr {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const HEADERS: u8 = 1;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(&SETTINGS).unwrap();
        stream.read_exact(&mut [0; 24]).unwrap();
        loop {
            let mut frame = [0; 9];
            stream.read_exact(&mut frame).unwrap();
            let length = usize::from(frame[1]) << 8 | usize::from(frame[2]);
            stream.read_exact(&mut vec![0; length]).unwrap();
            if frame[3] == HEADERS {
                break;
            }
        }
        stream.write_all(&GOAWAY).unwrap();
        let stream = listener.accept().unwrap().0;
        stream.set_nonblocking(true).unwrap();
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build_local(Default::default()).unwrap().block_on(async move {
            let stream = tokio::net::TcpStream::from_std(stream).unwrap();
            let mut connection = ::h2::server::handshake(stream).await.unwrap();
            let (request, mut answer) = connection.accept().await.unwrap().unwrap();
            tokio::task::spawn_local(async move {
                let body = http2::read(&mut request.into_body()).await.unwrap().0;
                answer.send_response(Response::new(()), false).unwrap().send_data(body.into(), true).unwrap();
            });
            // Until the sidecar has gone with its test.
            while connection.accept().await.is_some() {}
        });
    });
    address
}

#[test]
fn a_request_that_an_http_2_upstream_gave_back_is_sent_again_whatever_its_method() {
    let refusing = || {
        let refused = Arc::<AtomicBool>::default();
        let upstream = http2::Upstream::scripted(move |request, mut answer| {
            let is_first = !refused.swap(true, SeqCst);
            async move {
                if is_first {
                    answer.send_reset(Reason::REFUSED_STREAM);
                    return H2After::KeepOpen;
                }
                let body = http2::read(&mut request.into_body()).await.unwrap().0;
                answer.send_response(Response::new(()), false).unwrap().send_data(body.into(), true).unwrap();
                H2After::KeepOpen
            }
        });
        upstream.address
    };
    let check = |upstream: std::net::SocketAddr, method: &str, length: usize, expected: u16| {
        let body = "x".repeat(length);
        let sidecar = Sidecar::with(upstream, NONE, |settings| {
            settings.upstreams[0].protocol = Protocol::Http2;
            settings.server.retry_body_bytes = 8;
        });
        let mut client = sidecar.client();
        client.send(format!("{method} / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}"));
        let answer = client.answer(false);
        assert_eq!(answer.status(), expected, "{method} {length}");
        if expected == 200 {
            assert_eq!(answer.text(), body);
            assert_eq!(log::event(answer.header("x-request-id").unwrap())["retried_by"], "lost connection");
        } else {
            assert_eq!(own_error(&answer), "connection_terminated");
        }
    };
    for upstream in [refusing, late] {
        check(upstream(), "GET", 0, 200);
        check(upstream(), "POST", 0, 200);
        check(upstream(), "POST", 8, 200);
        // More than is kept.
        check(upstream(), "POST", 9, 502);
    }
}

#[test]
fn http_2_upstreams_that_fail_are_told_apart() {
    let check = |sidecar: Sidecar, status: u16, error: &str| {
        let mut client = sidecar.client();
        for _ in 0..2 {
            let answer = client.exchange("GET /", &[]);
            let told = answer.header("proxy-status").and_then(|told| told.strip_prefix("candor; error="));
            assert_eq!((answer.status(), told), (status, Some(error)));
        }
    };
    let with = |address, response: Duration| {
        Sidecar::with(address, NONE, |settings| {
            settings.upstreams[0].protocol = Protocol::Http2;
            settings.upstreams[0].timeouts.response = response;
        })
    };
    let patient = Duration::from_secs(20);
    check(with(Nowhere::reserve().address, patient), 502, "connection_refused");
    let old = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = old.local_addr().unwrap();
    thread::spawn(move || {
        for stream in old.incoming() {
            let mut stream = stream.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n").unwrap();
            // Closed before the request was read, the connection would be reset and the answer lost.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    check(with(address, patient), 502, "http_protocol_error");
    let resetting = http2::Upstream::scripted(|_, mut answer| async move {
        answer.send_reset(Reason::INTERNAL_ERROR);
        H2After::KeepOpen
    });
    check(with(resetting.address, patient), 502, "connection_terminated");
    let silent = http2::Upstream::scripted(|_, answer| async move {
        let _unanswered = answer;
        std::future::pending().await
    });
    check(with(silent.address, Duration::from_millis(20)), 504, "http_response_timeout");
}

/// Lets the connection's task write what waits: a reset would have it forgotten.
async fn sent() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn an_http_2_answer_that_breaks_off_is_a_broken_answer() {
    // Two of them say nothing about the answer, and no reader may take them for its end.
    for reason in [Reason::INTERNAL_ERROR, Reason::CANCEL, Reason::NO_ERROR] {
        let upstream = http2::Upstream::scripted(move |_, mut answer| async move {
            let head = Response::builder().header("content-type", "text/plain").body(()).unwrap();
            let mut body = answer.send_response(head, false).unwrap();
            body.send_data("half".into(), false).unwrap();
            sent().await;
            body.send_reset(reason);
            H2After::KeepOpen
        });
        let answer = h2c(&upstream, NONE).exchange("GET /", &[]);
        assert!(answer.status() == 502 || !answer.payload.complete, "{reason:?}");
        let answer = h2c(&upstream, RULES).exchange("GET /", &[]);
        assert_eq!(answer.status(), 502, "held, {reason:?}");
    }
}

#[test]
fn a_request_that_its_client_cancels_never_looks_whole_to_the_upstream() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        for reason in [Reason::CANCEL, Reason::NO_ERROR] {
            let (answer, mut body) = client.open(request("POST", "/"), false).await;
            body.send_data("half".into(), false).unwrap();
            sent().await;
            body.send_reset(reason);
            drop(answer);
        }
        assert_eq!(client.exchange(request("GET", "/next")).await.status, 200);
    });
    let received: Vec<_> = std::iter::repeat_with(|| upstream.received())
        .inspect(|request| assert!(!request.head.start.starts_with("POST") || !request.payload.complete))
        .take_while(|request| !request.head.start.contains("/next"))
        .collect();
    assert!(received.len() <= 2);
}

#[test]
fn heads_of_http_2_answers_may_be_as_long_as_those_of_others() {
    let upstream = http2::Upstream::scripted(|request, mut answer| async move {
        let length: usize = request.uri().path()[1..].parse().unwrap();
        let head = Response::builder().header("x-long", "x".repeat(length)).body(()).unwrap();
        answer.send_response(head, true).unwrap();
        H2After::KeepOpen
    });
    let mut client = h2c(&upstream, NONE).client();
    let answer = client.exchange("GET /60000", &[]);
    assert_eq!((answer.status(), answer.header("x-long").map(str::len)), (200, Some(60_000)));
    assert_eq!(client.exchange("GET /70000", &[]).status(), 502);
    assert_eq!(client.exchange("GET /1", &[]).status(), 200);
}

// Targets.

#[test]
fn odd_targets_arrive_as_they_were_sent() {
    let upstream = Upstream::answering(json("{}"));
    let mut client = Sidecar::start(upstream.address, NONE).client();
    let mut check = |request: &str, expected: &str| {
        assert_eq!(client.exchange(request, &[]).status(), 200, "{request}");
        assert_eq!(upstream.received().head.start, format!("{expected} HTTP/1.1"));
    };
    for target in [
        "GET //x",
        "GET //x//y/",
        "GET /a/../b/./c",
        "GET /%2e%2E/%2f",
        "GET /a?",
        "GET /?a?b=/c",
        "GET /;p=1/a:b@c,d!$&'()*+",
        "GET /a%00%ff",
        "GET /x?q=%",
        "OPTIONS *",
        "PROPFIND /a",
    ] {
        check(target, target);
    }
    check("GET http://sidecar.test", "GET /");
    check("GET http://sidecar.test?a", "GET /?a");
    check("GET http://sidecar.test//x/../y?", "GET //x/../y?");
}

// Connections.

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Upstream::scripted(|request, stream| {
        stream.write_all(json(&format!("{:?}", request.head.start)).as_bytes()).unwrap();
        After::KeepOpen
    });
    let mut client = Sidecar::start(upstream.address, RULES).client();
    let one = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    };
    client.send([one("/1", "first"), one("/2", ""), one("/3", "third")].concat());
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.answer(false).text(), format!("\"POST {path} HTTP/1.1\""));
    }
}

#[test]
fn a_client_that_says_close_is_closed_and_the_upstream_kept() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    for _ in 0..2 {
        let mut client = sidecar.client();
        let answer = client.exchange("GET /", &["connection: close"]);
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(client.is_closed());
        assert_eq!(upstream.received().connection, 0);
    }
}

#[test]
fn an_upstream_that_says_close_is_closed_and_the_client_kept() {
    let upstream = Upstream::answering("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
    let mut client = Sidecar::start(upstream.address, NONE).client();
    for connection in 0..2 {
        let answer = client.exchange("GET /", &[]);
        assert_eq!((answer.text(), answer.header("connection")), ("ok", None));
        assert_eq!(upstream.received().connection, connection);
    }
}

#[test]
fn http_1_0_connections_are_kept_when_asked() {
    let upstream = Upstream::answering(json("{}"));
    let mut client = Sidecar::start(upstream.address, NONE).client();
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
        let answer = client.answer(false);
        assert_eq!((answer.text(), answer.header("connection")), ("{}", Some("keep-alive")));
    }
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer(false).text(), "{}");
    assert!(client.is_closed());
}

#[test]
fn reset_content_has_no_body() {
    let upstream = Upstream::answering("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n");
    let mut client = Sidecar::start(upstream.address, RULES).client();
    for _ in 0..2 {
        let answer = client.exchange("GET /", &[]);
        assert_eq!((answer.status(), answer.head.content_length()), (205, Some(0)));
    }
}

// Who carried it.

#[test]
fn via_and_forwarded_are_said_when_wanted() {
    let upstream = Upstream::answering(json("{}").replacen("\r\n", "\r\nvia: 1.1 inner\r\n", 1));
    let sidecar = Sidecar::with(upstream.address, NONE, |settings| {
        settings.server.via = true;
        settings.server.forwarded = true;
    });
    let answer = sidecar.exchange("GET /", &["via: 1.0 outer", "forwarded: for=1.1.1.1"]);
    assert_eq!(answer.head.all("via").collect::<Vec<_>>(), ["1.1 inner", "1.1 candor"]);
    let head = upstream.received().head;
    assert_eq!(head.all("via").collect::<Vec<_>>(), ["1.0 outer", "1.1 candor"]);
    assert_eq!(head.header("forwarded"), Some(r#"for=127.0.0.1;host="sidecar.test";proto=http"#));

    let silent = Sidecar::start(upstream.address, NONE);
    assert_eq!(silent.exchange("GET /", &[]).header("via"), Some("1.1 inner"));
    let head = upstream.received().head;
    assert_eq!((head.header("via"), head.header("forwarded")), (None, None));
}

#[test]
fn trace_context_is_passed_on_untouched() {
    let upstream = Upstream::answering(json("{}"));
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let lines = [format!("traceparent: {parent}"), "tracestate: a=1,b=2".to_owned()];
    Sidecar::start(upstream.address, NONE).exchange("GET /", &lines.each_ref().map(String::as_str));
    let head = upstream.received().head;
    assert_eq!((head.header("traceparent"), head.header("tracestate")), (Some(parent), Some("a=1,b=2")));
}
