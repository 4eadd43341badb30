//! The data plane over real sockets: what goes to the upstream, what comes back to the client, and what happens
//! when either side misbehaves.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::Duration;

use candor::engine::hold::{Hold, OnLimit};
use candor::live::Phase;
use candor::settings::{HostHeader, ProxyStatus, UpstreamUrl};

use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Nowhere, Upstream};
use super::support::{NO_RULES as NONE, PATIENCE, TEXT_RULE, gate, json, own_error};

/// A rule that needs the body.
const BODY_RULE: &str = r"
rule_sets:
  orders:
    rules:
      - name: from-the-field
        when: { json: $.statusCode, matches: '[45]\d{2}' }
        then: { status: { from: $.statusCode } }
";

// What goes through.

#[test]
fn connections_are_kept_on_both_sides() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    for _ in 0..3 {
        let answer = client.exchange("GET /a?b=c", &[]);
        assert_eq!((answer.status(), answer.text()), (200, "{}"));
        assert_eq!(upstream.received().connection, 0);
    }
}

#[test]
fn the_request_arrives_as_it_was_sent() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    client.send("POST /a%2Fb/../c?x=%20&y HTTP/1.1\r\nhost: a.example:81\r\nX-One: 1\r\ncontent-length: 5\r\n\r\nhello");
    client.answer(false);
    let received = upstream.received();
    assert_eq!(received.head.start, "POST /a%2Fb/../c?x=%20&y HTTP/1.1");
    assert_eq!(received.head.header("host"), Some("a.example:81"));
    assert_eq!(received.head.header("x-one"), Some("1"));
    assert_eq!(received.head.content_length(), Some(5));
    assert_eq!(received.payload.bytes, b"hello");
}

#[test]
fn a_chunked_request_stays_chunked_even_on_get() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    for method in ["POST", "GET"] {
        let mut client = sidecar.client();
        client.send(format!("{method} / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"));
        client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        client.answer(false);
        let received = upstream.received();
        assert!(received.head.is_chunked());
        assert_eq!(received.payload.bytes, b"abcde");
    }
}

#[test]
fn a_client_that_waits_for_100_is_told_to_go_on() {
    let upstream = Upstream::answering(json("{}"));
    let mut client = Sidecar::start(upstream.address, NONE).client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
    assert_eq!(client.head().status(), 100);
    client.send("hello");
    assert_eq!(client.answer(false).status(), 200);
    assert_eq!(upstream.received().payload.bytes, b"hello");
}

#[test]
fn connections_are_spread_over_the_workers() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NONE, |settings| settings.server.workers = Some(2));
    let mut clients = [sidecar.client(), sidecar.client()];
    for _ in 0..2 {
        for (worker, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.exchange("GET /", &[]).status(), 200);
            assert_eq!(upstream.received().connection, worker, "each worker has its own upstream connection");
        }
    }
    assert_eq!(sidecar.stop().drained().cut, 0);
}

#[test]
fn absolute_form_targets_name_the_host() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    client.send("GET http://b.example:82/x HTTP/1.1\r\nhost: a.example\r\n\r\n");
    client.answer(false);
    let head = upstream.received().head;
    assert_eq!(head.start, "GET /x HTTP/1.1");
    assert_eq!(head.header("host"), Some("b.example:82"));
}

#[test]
fn the_upstream_s_own_host_and_base_path_are_used_when_set() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::with(upstream.address, NONE, |settings| {
        settings.upstreams[0].host = HostHeader::Upstream;
        settings.upstreams[0].url = UpstreamUrl::parse(&format!("http://{}/api", upstream.address)).unwrap();
    });
    sidecar.exchange("GET /x?y", &[]);
    let head = upstream.received().head;
    assert_eq!(head.start, "GET /api/x?y HTTP/1.1");
    assert_eq!(head.header("host"), Some(upstream.address.to_string().as_str()));
}

#[test]
fn http_1_0_clients_are_served() {
    let upstream =
        Upstream::answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let answer = client.answer(false);
    assert_eq!((answer.header("transfer-encoding"), answer.text()), (None, "ab"));
    assert_eq!(upstream.received().head.start, "GET / HTTP/1.1");
}

#[test]
fn a_body_of_unknown_length_is_chunked() {
    let bodies = [
        "transfer-encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
        "connection: close\r\n\r\nabcde",
    ];
    for body in bodies {
        let upstream = Upstream::answering_once(format!("HTTP/1.1 200 OK\r\n{body}"));
        let answer = Sidecar::start(upstream.address, NONE).exchange("GET /", &[]);
        assert!(answer.head.is_chunked() && answer.payload.complete);
        assert_eq!(answer.text(), "abcde");
    }
}

#[test]
fn a_held_body_has_its_length_told() {
    let body = r#"{"statusCode":200}"#;
    let upstream = Upstream::answering(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
         8\r\n{}\r\na\r\n{}\r\n0\r\n\r\n",
        &body[..8],
        &body[8..]
    ));
    let answer = Sidecar::start(upstream.address, TEXT_RULE).exchange("GET /", &[]);
    assert_eq!(answer.head.content_length(), Some(body.len()));
    assert_eq!(answer.text(), body);
}

#[test]
fn trailers_are_passed_on() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\ntrailer: x-sum\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n\
         2\r\nab\r\n0\r\nx-sum: 7\r\n\r\n",
    );
    for rules in [NONE, TEXT_RULE] {
        let answer = Sidecar::start(upstream.address, rules).exchange("GET /", &["te: trailers"]);
        assert_eq!(answer.text(), "ab");
        assert_eq!(answer.payload.trailers, [("x-sum".to_owned(), "7".to_owned())]);
        assert_eq!(upstream.received().head.header("te"), Some("trailers"));
    }
}

#[test]
fn head_keeps_the_length_and_has_no_body() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 42\r\n\r\n",
    );
    for rules in [NONE, BODY_RULE] {
        let mut client = Sidecar::start(upstream.address, rules).client();
        for _ in 0..2 {
            let answer = client.exchange("HEAD /", &[]);
            assert_eq!((answer.status(), answer.head.content_length()), (200, Some(42)));
        }
    }
}

#[test]
fn head_of_a_chunked_resource_is_given_no_length() {
    let upstream = Upstream::answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut client = Sidecar::start(upstream.address, NONE).client();
    for _ in 0..2 {
        let answer = client.exchange("HEAD /", &[]);
        assert_eq!((answer.status(), answer.head.content_length()), (200, None));
    }
}

#[test]
fn statuses_without_body_have_none() {
    for (status, length) in
        [(204, ""), (204, "content-length: 0\r\n"), (304, ""), (304, "content-length: 9\r\n")]
    {
        let upstream =
            Upstream::answering(format!("HTTP/1.1 {status} X\r\ncontent-type: text/plain\r\n{length}\r\n"));
        let mut client = Sidecar::start(upstream.address, TEXT_RULE).client();
        for _ in 0..2 {
            let answer = client.exchange("GET /", &[]);
            assert_eq!((answer.status(), answer.head.content_length()), (status, None), "{length}");
            assert_eq!(answer.header("transfer-encoding"), None);
        }
    }
}

#[test]
fn hop_by_hop_headers_stay_on_their_side() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\n\
         upgrade: h2c\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n",
    );
    let sidecar = Sidecar::start(upstream.address, NONE);
    let answer = sidecar.exchange(
        "GET /",
        &["connection: x-mine", "x-mine: 1", "upgrade: websocket", "proxy-connection: close", "x-end: 1"],
    );
    for name in ["x-hop", "keep-alive", "upgrade", "connection"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!(answer.head.all("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
    let head = upstream.received().head;
    for name in ["x-mine", "upgrade", "proxy-connection", "connection"] {
        assert_eq!(head.header(name), None, "{name}");
    }
    assert_eq!(head.header("x-end"), Some("1"));
}

#[test]
fn the_upstream_is_told_who_asked() {
    let upstream = Upstream::answering(json("{}"));
    let claims = ["x-forwarded-for: 192.0.2.1", "x-forwarded-proto: https"];
    Sidecar::start(upstream.address, NONE).exchange("GET /", &claims);
    let head = upstream.received().head;
    assert_eq!(head.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(head.header("x-forwarded-proto"), Some("http"));
    assert_eq!(head.header("x-forwarded-host"), Some("sidecar.test"));
    assert_eq!(head.header("x-forwarded-port"), Some("80"));

    let trusting = Sidecar::with(upstream.address, NONE, |settings| {
        settings.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    });
    trusting.exchange("GET /", &claims);
    let head = upstream.received().head;
    assert_eq!(head.header("x-forwarded-for"), Some("192.0.2.1, 127.0.0.1"));
    assert_eq!(head.header("x-forwarded-proto"), Some("https"));
}

#[test]
fn the_request_id_is_forwarded_and_returned() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    let answer = sidecar.exchange("GET /", &["x-request-id: mine-1"]);
    assert_eq!(answer.header("x-request-id"), Some("mine-1"));
    assert_eq!(upstream.received().head.header("x-request-id"), Some("mine-1"));
    let answer = sidecar.exchange("GET /", &["x-request-id: not fit"]);
    let id = upstream.received().head.header("x-request-id").unwrap().to_owned();
    assert_eq!((answer.header("x-request-id"), id.len()), (Some(id.as_str()), 32));
}

#[test]
fn the_upstream_s_reason_phrase_is_kept_with_its_status() {
    let upstream = Upstream::answering("HTTP/1.1 200 Fine\r\ncontent-length: 0\r\n\r\n");
    let answer = Sidecar::start(upstream.address, NONE).exchange("GET /", &[]);
    assert_eq!(answer.head.start, "HTTP/1.1 200 Fine");
}

#[test]
fn big_bodies_stream_both_ways_unchanged() {
    let big: Vec<u8> = (0..10_000_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let upstream = Upstream::scripted(|request, stream| {
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n",
            request.payload.bytes.len()
        )
        .unwrap();
        stream.write_all(&request.payload.bytes).unwrap();
        After::KeepOpen
    });
    // One passes by, one is held to the cap and then let go.
    for rules in [NONE, TEXT_RULE] {
        let mut client = Sidecar::start(upstream.address, rules).client();
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", big.len()));
        client.send(&big);
        let answer = client.answer(false);
        assert_eq!(answer.head.content_length(), Some(big.len()));
        assert!(answer.payload.bytes == big, "the body came through unchanged");
    }
}

// Rules.

#[test]
fn an_answer_may_overtake_its_request() {
    const LENGTH: usize = 3 << 20;
    let (tell, told) = channel();
    let upstream = Upstream::raw(move |_, mut stream| {
        for _ in 0..2 {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                head.push(byte[0]);
            }
            stream.write_all(json("{}").as_bytes()).unwrap();
            let mut body = vec![0; if head.starts_with(b"POST") { LENGTH } else { 0 }];
            stream.read_exact(&mut body).unwrap();
            tell.send(body.len()).unwrap();
        }
    });
    for rules in [NONE, TEXT_RULE] {
        let sidecar = Sidecar::start(upstream.address, rules);
        let mut client = sidecar.client();
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {LENGTH}\r\n\r\n"));
        assert_eq!(client.answer(false).text(), "{}", "before the body");
        client.send(vec![b'x'; LENGTH]);
        assert_eq!(told.recv_timeout(PATIENCE), Ok(LENGTH), "which arrives nevertheless");
        assert_eq!(client.exchange("GET /", &[]).text(), "{}", "and both connections go on");
        assert_eq!(told.recv_timeout(PATIENCE), Ok(0));
    }
}

#[test]
fn a_body_rule_changes_the_status_and_keeps_the_framing_true() {
    let body = r#"{"statusCode":404,"x":1}"#;
    let upstream = Upstream::answering(json(body));
    let mut client = Sidecar::start(upstream.address, BODY_RULE).client();
    for _ in 0..2 {
        let answer = client.exchange("GET /orders/17", &[]);
        assert_eq!(answer.head.start, "HTTP/1.1 404 Not Found");
        assert_eq!((answer.text(), answer.head.content_length()), (body, Some(body.len())));
        assert_eq!(answer.header("proxy-status"), None);
        assert_eq!(upstream.received().connection, 0);
    }
}

#[test]
fn a_rule_s_reason_phrase_and_body_are_sent() {
    let rules = r"
rule_sets:
  orders:
    rules:
      - name: gone
        when: { status: '200' }
        then: { status: 410, reason: 'All Gone', body: { text: bye } }
";
    let upstream = Upstream::answering(
        "HTTP/1.1 200 Fine\r\ncontent-type: text/html\r\ncontent-length: 5\r\netag: x\r\n\r\nhello",
    );
    let mut client = Sidecar::start(upstream.address, rules).client();
    let answer = client.exchange("GET /", &[]);
    assert_eq!(answer.head.start, "HTTP/1.1 410 All Gone");
    assert_eq!((answer.text(), answer.head.content_length()), ("bye", Some(3)));
    assert_eq!(answer.header("etag"), None);
    let answer = client.exchange("HEAD /", &[]);
    assert_eq!((answer.status(), answer.head.content_length()), (410, Some(3)));
}

#[test]
fn proxy_status_is_for_those_who_may_know() {
    let upstream = Upstream::answering(json(r#"{"statusCode":404}"#));
    let told = |proxy_status: ProxyStatus| {
        let sidecar = Sidecar::with(upstream.address, BODY_RULE, |settings| {
            settings.server.proxy_status = proxy_status
        });
        sidecar.exchange("GET /", &[]).header("proxy-status").map(str::to_owned)
    };
    let expected = Some(r#"candor; received-status=200; details="rule=orders/from-the-field""#.to_owned());
    assert_eq!(told(ProxyStatus::Always), expected);
    assert_eq!(told(ProxyStatus::Peers(vec!["127.0.0.1/32".parse().unwrap()])), expected);
    assert_eq!(told(ProxyStatus::Peers(vec!["10.0.0.0/8".parse().unwrap()])), None);
    assert_eq!(told(ProxyStatus::Off), None);
}

#[test]
fn a_header_selects_rules_and_goes_no_further() {
    let rules = format!(
        "{BODY_RULE}
  plain: {{ rules: [] }}
routes:
  - match: {{ path: '/{{proxy+}}' }}
    upstream: legacy
    rules: orders
selector:
  header: x-candor-rules
  upstream_header: x-answer-rules
  allow: [orders, plain, 'off']
  from: [127.0.0.0/8]
  unknown: reject
"
    );
    let body = r#"{"statusCode":404}"#;
    let upstream = Upstream::scripted(move |request, stream| {
        let chosen = request.head.header("x-echo").map(|name| format!("x-answer-rules: {name}\r\n"));
        let chosen = chosen.unwrap_or_default();
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\n{chosen}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, &rules);
    let check = |headers: &[&str], expected: u16| {
        let answer = sidecar.exchange("GET /", headers);
        assert_eq!(answer.status(), expected, "{headers:?}");
        assert_eq!(answer.header("x-answer-rules"), None);
        let head = upstream.received().head;
        assert_eq!(head.header("x-candor-rules"), None);
        if expected == 200 {
            assert_eq!(answer.header("vary"), Some("x-candor-rules"));
        }
    };
    check(&[], 404);
    check(&["x-candor-rules: plain"], 200);
    check(&["x-candor-rules: off"], 200);
    check(&["x-candor-rules: orders"], 404);
    check(&["x-echo: plain"], 200);
    check(&["x-echo: off"], 200);
    check(&["x-candor-rules: orders", "x-echo: off"], 404);
    let answer = sidecar.exchange("GET /", &["x-candor-rules: secret"]);
    assert_eq!((answer.status(), own_error(&answer)), (400, "http_request_error"));
}

#[test]
fn routes_that_do_not_fit_are_told() {
    let rules = format!(
        "{NONE}\nroutes:\n  - match: {{ path: /orders, methods: [GET, PUT] }}\n    upstream: legacy\n    rules: plain\n"
    );
    let nowhere = Nowhere::reserve();
    let sidecar = Sidecar::start(nowhere.address, &rules);
    let answer = sidecar.exchange("POST /orders", &["content-length: 0"]);
    assert_eq!((answer.status(), own_error(&answer)), (405, "http_request_error"));
    assert_eq!(answer.header("allow"), Some("GET, PUT"));
    let answer = sidecar.exchange("GET /other", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (404, "destination_not_found"));
    let answer = sidecar.exchange("HEAD /other", &[]);
    assert_eq!(answer.status(), 404);
}

#[test]
fn requests_without_one_host_are_refused() {
    let nowhere = Nowhere::reserve();
    let sidecar = Sidecar::start(nowhere.address, NONE);
    for request in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"] {
        let mut client = sidecar.client();
        client.send(request);
        let answer = client.answer(false);
        assert_eq!((answer.status(), own_error(&answer)), (400, "http_request_error"));
    }
    let mut client = sidecar.client();
    client.send("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\n\r\n");
    assert_eq!(client.answer(false).status(), 501);
}

// Streams.

#[test]
fn streams_that_no_rule_reads_are_not_delayed() {
    for content_type in
        ["text/event-stream", "application/grpc", "multipart/x-mixed-replace; boundary=b", "video/mp4"]
    {
        let (open, wait) = gate();
        let upstream = Upstream::scripted(move |_, stream| {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            .unwrap();
            stream.write_all(b"5\r\nfirst\r\n").unwrap();
            wait();
            stream.write_all(b"6\r\nsecond\r\n0\r\n\r\n").unwrap();
            After::KeepOpen
        });
        let mut client = Sidecar::start(upstream.address, TEXT_RULE).client();
        client.ask("GET /", &[]);
        assert_eq!(client.head().status(), 200);
        assert_eq!(client.chunk(), b"first");
        open();
        assert_eq!(client.chunk(), b"second");
    }
}

#[test]
fn a_verdict_of_the_head_lets_the_body_stream() {
    let rules =
        "rule_sets: { orders: { rules: [ { name: a, when: { status: '200' }, then: { status: 503 } } ] } }";
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nslow")
            .unwrap();
        wait();
        stream.write_all(b"ness").unwrap();
        After::KeepOpen
    });
    let mut client = Sidecar::start(upstream.address, rules).client();
    client.ask("GET /", &[]);
    let head = client.head();
    assert_eq!((head.status(), head.content_length()), (503, Some(8)));
    assert_eq!(client.bytes(4), b"slow");
    open();
    assert_eq!(client.bytes(4), b"ness");
}

#[test]
fn a_template_is_told_how_the_request_came() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    );
    let rules = r##"
routes: [{ match: { path: "/orders/{id}" }, upstream: legacy, rules: all }]
rule_sets:
  all:
    rules:
      - when: { status: 200 }
        then:
          body:
            template: >-
              $input.params('id') $context.resourcePath $context.identity.sourceIp $context.protocol $context.requestId
              $context.requestTime.matches("\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d .0000") $context.requestTimeEpoch.toString().length()
"##;
    let mut client = Sidecar::start(upstream.address, rules).client();
    let answer = client.exchange("GET /orders/a%2Fb", &["x-request-id: r-1"]);
    assert_eq!(answer.text(), "a/b /orders/{id} 127.0.0.1 HTTP/1.1 r-1 true 13");
}

#[test]
fn a_verdict_in_the_middle_of_the_body_lets_the_rest_stream() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 25\r\n\r\n")
            .unwrap();
        stream.write_all(br#"{"statusCode":404,"#).unwrap();
        wait();
        stream.write_all(br#""x":12}"#).unwrap();
        After::KeepOpen
    });
    let mut client = Sidecar::start(upstream.address, BODY_RULE).client();
    client.ask("GET /", &[]);
    assert_eq!(client.head().status(), 404);
    assert_eq!(client.bytes(18), br#"{"statusCode":404,"#);
    open();
    assert_eq!(client.bytes(7), br#""x":12}"#);
}

#[test]
fn a_document_that_ends_before_its_stream_is_not_held() {
    let line = format!("{{\"items\":\"{}\"}}\n", "x".repeat(5000));
    let (open, wait) = gate();
    let upstream = {
        let line = line.clone();
        Upstream::scripted(move |_, stream| {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
            let first = format!("{head}{:x}\r\n{line}\r\n", line.len());
            stream.write_all(first.as_bytes()).unwrap();
            wait();
            stream.write_all(b"0\r\n\r\n").unwrap();
            After::KeepOpen
        })
    };
    let sidecar = Sidecar::with(upstream.address, BODY_RULE, |settings| {
        settings.hold.max_time = Duration::from_hours(1);
    });
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk(), line.as_bytes());
    open();
}

#[test]
fn a_hold_ends_at_its_cap_with_the_chosen_outcome() {
    let body = "x".repeat(5000);
    let upstream = Upstream::answering(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5000\r\n\r\n{body}"
    ));
    let capped = |on_limit| {
        Sidecar::with(upstream.address, TEXT_RULE, |settings| {
            settings.hold = Hold { max_bytes: 4999, on_limit, ..Hold::default() };
            settings.server.proxy_status = ProxyStatus::Always;
        })
    };
    let answer = capped(OnLimit::Pass).exchange("GET /", &[]);
    assert_eq!((answer.status(), answer.text()), (200, body.as_str()));
    let told = r#"candor; received-status=200; details="undecided: body over 4999 bytes""#;
    assert_eq!(answer.header("proxy-status"), Some(told));
    assert_eq!(capped(OnLimit::Fail).exchange("GET /", &[]).status(), 502);
}

#[test]
fn a_hold_ends_when_its_time_is_over() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 8\r\n\r\nslow")
            .unwrap();
        wait();
        stream.write_all(b"ness").unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::with(upstream.address, TEXT_RULE, |settings| {
        settings.hold.max_time = Duration::from_millis(20);
    });
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.bytes(4), b"slow");
    open();
    assert_eq!(client.bytes(4), b"ness");
}

#[test]
fn a_connection_whose_body_was_not_wanted_is_used_again() {
    let rules = "rule_sets: { orders: { rules: [ { name: a, when: { status: '200' }, then: { status: 503, body: problem } } ] } }";
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
    );
    let mut client = Sidecar::start(upstream.address, rules).client();
    for _ in 0..3 {
        let answer = client.exchange("GET /", &[]);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert_eq!(upstream.received().connection, 0);
    }
}

// Faults.

#[test]
fn an_upstream_that_refuses_is_502() {
    let nowhere = Nowhere::reserve();
    let answer = Sidecar::start(nowhere.address, NONE).exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (502, "connection_refused"));
}

#[test]
fn an_upstream_whose_name_is_unknown_is_502() {
    let nowhere = Nowhere::reserve();
    let sidecar = Sidecar::with(nowhere.address, NONE, |settings| {
        settings.upstreams[0].url = UpstreamUrl::parse("http://candor.invalid:1").unwrap();
    });
    let answer = sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (502, "dns_error"));
}

#[test]
fn an_upstream_that_is_silent_is_504() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, _| {
        wait();
        After::Close
    });
    let sidecar = Sidecar::with(upstream.address, NONE, |settings| {
        settings.upstreams[0].timeouts.response = Duration::from_millis(20);
    });
    let answer = sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (504, "http_response_timeout"));
    open();
}

#[test]
fn an_upstream_that_hangs_up_is_502() {
    let upstream = Upstream::scripted(|_, _| After::Close);
    let answer = Sidecar::start(upstream.address, NONE).exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (502, "connection_terminated"));
}

#[test]
fn an_upstream_that_speaks_no_http_is_502() {
    for garbage in
        ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 20x OK\r\n\r\n", "HTTP/1.1 200 OK\r\nbad header\r\n\r\n"]
    {
        let upstream = Upstream::answering_once(garbage);
        let answer = Sidecar::start(upstream.address, NONE).exchange("GET /", &[]);
        assert_eq!((answer.status(), own_error(&answer)), (502, "http_protocol_error"), "{garbage}");
    }
}

#[test]
fn an_upstream_that_switches_protocols_unasked_is_502() {
    let upstream =
        Upstream::answering("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
    let answer = Sidecar::start(upstream.address, NONE).exchange("GET /", &[]);
    assert_eq!((answer.status(), own_error(&answer)), (502, "http_upgrade_failed"));
}

#[test]
fn an_answer_that_breaks_off_on_its_way_is_a_broken_answer() {
    for broken in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let upstream = Upstream::answering_once(format!("HTTP/1.1 200 OK\r\n{broken}"));
        let answer = Sidecar::start(upstream.address, NONE).exchange("GET /", &[]);
        assert_eq!((answer.status(), answer.text(), answer.payload.complete), (200, "half", false));
    }
}

#[test]
fn an_answer_that_breaks_off_while_held_is_502() {
    for broken in ["content-length: 10\r\n\r\nhalf", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
        let upstream =
            Upstream::answering_once(format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{broken}"));
        let answer = Sidecar::start(upstream.address, TEXT_RULE).exchange("GET /", &[]);
        assert_eq!((answer.status(), own_error(&answer)), (502, "http_response_incomplete"));
    }
}

#[test]
fn a_kept_connection_that_the_upstream_closed_costs_no_exchange() {
    let upstream = Upstream::answering_once(json("{}"));
    let mut client = Sidecar::start(upstream.address, NONE).client();
    for connection in 0..5 {
        assert_eq!(client.exchange("GET /", &[]).status(), 200);
        assert_eq!(upstream.received().connection, connection);
        assert_eq!(upstream.ended(), connection);
    }
}

#[test]
fn a_client_that_leaves_early_frees_the_upstream() {
    let upstream = Upstream::scripted(|_, stream| {
        // No answer: reads until the sidecar hangs up.
        let _ = stream.read(&mut [0]);
        After::Close
    });
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    upstream.received();
    drop(client);
    assert_eq!(upstream.ended(), 0);
}

#[test]
fn a_client_that_breaks_off_its_request_breaks_it_off_upstream_too() {
    let (tell, told) = channel();
    let upstream = Upstream::raw(move |_, mut stream| {
        let mut received = Vec::new();
        let mut byte = [0];
        while !received.ends_with(b"\r\n\r\nhalf") && stream.read(&mut byte).unwrap() == 1 {
            received.push(byte[0]);
        }
        tell.send(Vec::new()).unwrap();
        let mut rest = Vec::new();
        // However it ends.
        let _ = stream.read_to_end(&mut rest);
        tell.send(rest).unwrap();
    });
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
    told.recv_timeout(PATIENCE).expect("the upstream hears of it");
    drop(client);
    assert_eq!(told.recv_timeout(PATIENCE).as_deref(), Ok(&b""[..]), "and that nothing more comes");
}

// The end.

#[test]
fn a_stop_finishes_the_exchange_in_flight() {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |request, stream| {
        if request.head.start.contains("/slow") {
            wait();
        }
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, NONE);
    let (address, readiness) = (sidecar.address, sidecar.readiness.clone());
    let mut idle = sidecar.client();
    assert_eq!(idle.exchange("GET /", &[]).status(), 200);
    upstream.received();
    let mut busy = sidecar.client();
    busy.ask("GET /slow", &[]);
    upstream.received();
    assert_eq!(readiness.phase(), Phase::Ready);
    let stopping = sidecar.stop();
    assert!(idle.is_closed(), "the worker has heard of it");
    assert_eq!(readiness.phase(), Phase::Draining);
    assert!(TcpStream::connect(address).is_err(), "no new connections");
    open();
    let answer = busy.answer(false);
    assert_eq!((answer.status(), answer.text()), (200, "{}"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(busy.is_closed());
    assert_eq!(stopping.drained().cut, 0);
}

#[test]
fn a_stop_closes_idle_connections() {
    let upstream = Upstream::answering(json("{}"));
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut used = sidecar.client();
    assert_eq!(used.exchange("GET /", &[]).status(), 200);
    let mut fresh = sidecar.client();
    assert_eq!(sidecar.stop().drained().cut, 0);
    assert!(used.is_closed() && fresh.is_closed());
}

#[test]
fn an_exchange_that_outlives_the_drain_is_cut_and_counted() {
    let (_open, wait) = gate();
    let upstream = Upstream::scripted(move |_, _| {
        wait();
        After::Close
    });
    let sidecar = Sidecar::with(upstream.address, NONE, |settings| {
        settings.drain.timeout = Duration::from_millis(20);
    });
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    upstream.received();
    assert_eq!(sidecar.stop().drained().cut, 1);
    assert!(client.is_closed());
}
