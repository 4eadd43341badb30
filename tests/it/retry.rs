//! Requests that are sent again over real sockets: because the rule that decided says so, or because a kept-alive
//! connection was lost under them. Never when a repetition could do harm, or when the client has seen anything.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;

use candor::settings::{RetryBudget, Settings};

use super::support::PATIENCE;
use super::support::message::{Head, Payload};
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Upstream};

const BUSY: &str = r#"{"error":"BUSY 17"}"#;
const FINE: &str = r#"{"order":17}"#;

/// A rule set that has busy answers tried again; `more` goes into its `retry`.
fn rules(attempts: u32, more: &str) -> String {
    format!(
        r"
rule_sets:
  orders:
    rules:
      - name: busy
        when: {{ json: $.error, matches: 'BUSY.*' }}
        then: {{ status: 503, body: problem, retry: {{ attempts: {attempts}, backoff: 1ms{more} }} }}
"
    )
}

fn json(body: &str) -> String {
    answer("", body)
}

/// `headers` are whole lines.
fn answer(headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// A backend that gives one answer after the other, then the last for ever, and how often it was asked.
/// It closes the connection after one that is not whole.
fn in_turn(answers: impl IntoIterator<Item = String>) -> (Upstream, impl Fn() -> usize) {
    let answers: Vec<String> = answers.into_iter().collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let upstream = Upstream::scripted(move |_, stream| {
        let turn = asked.fetch_add(1, Ordering::SeqCst);
        let answer = &answers[turn.min(answers.len() - 1)];
        stream.write_all(answer.as_bytes()).unwrap();
        if is_whole(answer) { After::KeepOpen } else { After::Close }
    });
    (upstream, move || count.load(Ordering::SeqCst))
}

fn is_whole(answer: &str) -> bool {
    let mut stream = answer.as_bytes();
    Head::read(&mut stream).is_some_and(|head| Payload::read(&head, &mut stream).complete)
}

fn post(length: usize, headers: &str) -> String {
    format!("POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n{headers}\r\n")
}

// Because a rule says so.

#[test]
fn a_busy_answer_is_tried_again() {
    let (upstream, asked) = in_turn([json(BUSY), json(BUSY), json(FINE)]);
    let sidecar = Sidecar::start(upstream.address, &rules(3, ""));
    let answer = sidecar.exchange("GET /orders/17?x=%20", &["x-one: 1"]);
    assert_eq!((answer.status(), answer.text(), asked()), (200, FINE, 3));
    let requests = [(); 3].map(|()| upstream.received().head);
    assert_eq!(requests[0].start, "GET /orders/17?x=%20 HTTP/1.1");
    for again in &requests[1..] {
        assert_eq!((&again.start, &again.headers), (&requests[0].start, &requests[0].headers));
    }
}

#[test]
fn the_last_answer_is_translated_when_no_try_helps() {
    let (upstream, asked) = in_turn([json(BUSY)]);
    let sidecar = Sidecar::start(upstream.address, &rules(2, ""));
    let mut client = sidecar.client();
    for exchanges in 1..=2 {
        let answer = client.exchange("GET /", &[]);
        assert_eq!((answer.status(), asked()), (503, 3 * exchanges));
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
}

#[test]
fn a_head_can_be_enough_to_try_again() {
    let (upstream, asked) = in_turn(["HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n".to_owned(), json("")]);
    let sidecar = Sidecar::start(
        upstream.address,
        "rule_sets: { orders: { rules: [{ when: { status: 503 }, then: { retry: { attempts: 1, backoff: 0ms } } }] } }",
    );
    for method in ["HEAD", "GET"] {
        assert_eq!(sidecar.exchange(&format!("{method} /"), &[]).status(), 200);
    }
    assert_eq!(asked(), 3);
}

#[test]
fn a_default_can_be_tried_again() {
    let (upstream, asked) = in_turn([json(BUSY)]);
    let sidecar = Sidecar::start(
        upstream.address,
        "rule_sets: { orders: { default: { status: 502, retry: { attempts: 1, backoff: 0ms } } } }",
    );
    assert_eq!((sidecar.exchange("GET /", &[]).status(), asked()), (502, 2));
}

#[test]
fn a_rule_in_shadow_mode_tries_nothing_again() {
    let (upstream, asked) = in_turn([json(BUSY)]);
    let rules = rules(2, "").replace("name: busy", "name: busy\n        mode: shadow");
    let answer = Sidecar::start(upstream.address, &rules).exchange("GET /", &[]);
    assert_eq!((answer.status(), answer.text(), asked()), (200, BUSY, 1));
}

#[test]
fn nothing_of_a_failed_try_is_sent() {
    let failed = answer("set-cookie: a=1\r\nx-failed: yes\r\netag: \"busy\"\r\nlink: </a>\r\n", BUSY);
    let (upstream, _) = in_turn([failed, answer("set-cookie: b=2\r\n", FINE)]);
    let answer = Sidecar::start(upstream.address, &rules(1, "")).exchange("GET /", &[]);
    assert_eq!((answer.text(), answer.header("set-cookie")), (FINE, Some("b=2")));
    for leaked in ["x-failed", "etag", "link"] {
        assert_eq!(answer.header(leaked), None);
    }
}

#[test]
fn a_request_that_is_not_idempotent_is_sent_once() {
    let (upstream, asked) = in_turn([json(BUSY)]);
    let sidecar = Sidecar::start(upstream.address, &rules(2, ", key_header: true"));
    for key in
        ["", "idempotency-key: \r\n", "x-key: 1\r\n", "connection: idempotency-key\r\nidempotency-key: 1\r\n"]
    {
        let before = asked();
        let mut client = sidecar.client();
        client.send(post(3, key) + "abc");
        assert_eq!((client.answer(false).status(), asked() - before), (503, 1), "{key:?}");
    }
}

#[test]
fn a_request_that_is_not_idempotent_is_sent_again_when_the_rule_or_its_key_allow_it() {
    for (more, key) in [
        (", methods: [POST]", ""),
        (", key_header: true", "Idempotency-Key: 8e03978e\r\n"),
        (", key_header: x-key", "x-key: 1\r\n"),
    ] {
        let (upstream, asked) = in_turn([json(BUSY), json(FINE)]);
        let sidecar = Sidecar::start(upstream.address, &rules(1, more));
        let mut client = sidecar.client();
        client.send(post(3, key) + "abc");
        assert_eq!((client.answer(false).text(), asked()), (FINE, 2), "{more}");
    }
}

#[test]
fn methods_that_are_named_are_the_only_ones() {
    let (upstream, asked) = in_turn([json(BUSY)]);
    let sidecar = Sidecar::start(upstream.address, &rules(2, ", methods: [POST]"));
    assert_eq!((sidecar.exchange("GET /", &[]).status(), asked()), (503, 1));
}

#[test]
fn a_body_is_sent_again_byte_for_byte() {
    let (upstream, asked) = in_turn([json(BUSY), json(BUSY), json(FINE)]);
    let sidecar = Sidecar::start(upstream.address, &rules(2, ", methods: [POST]"));
    let body: Vec<u8> = (0..65_536_u32).map(|n| (n % 251) as u8).collect();
    let mut client = sidecar.client();
    client.send(post(body.len(), ""));
    client.send(&body);
    assert_eq!((client.answer(false).text(), asked()), (FINE, 3));
    for _ in 0..3 {
        let received = upstream.received();
        assert_eq!(received.head.content_length(), Some(body.len()));
        assert!(received.payload.bytes == body);
    }
}

#[test]
fn a_chunked_body_is_sent_again_with_its_trailers() {
    let (upstream, asked) = in_turn([json(BUSY), json(FINE)]);
    let sidecar = Sidecar::start(upstream.address, &rules(1, ""));
    let mut client = sidecar.client();
    client.send(
        "PUT / HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    client.send("3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n");
    assert_eq!((client.answer(false).text(), asked()), (FINE, 2));
    let (first, again) = (upstream.received(), upstream.received());
    assert_eq!(first.payload.bytes, b"abcde");
    assert_eq!(first.payload, again.payload);
    assert!(again.head.is_chunked());
}

#[test]
fn a_body_that_is_too_long_to_keep_is_sent_once() {
    for chunked in [false, true] {
        let (upstream, asked) = in_turn([json(BUSY)]);
        let sidecar = Sidecar::with(upstream.address, &rules(2, ""), |settings| {
            settings.server.retry_body_bytes = 1000;
        });
        let mut client = sidecar.client();
        if chunked {
            client.send("PUT / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n");
            client.send(format!("1f4\r\n{}\r\n1f5\r\n{}\r\n0\r\n\r\n", "a".repeat(500), "a".repeat(501)));
        } else {
            client.send(post(1001, "").replace("POST", "PUT") + &"a".repeat(1001));
        }
        assert_eq!((client.answer(false).status(), asked()), (503, 1));
        assert_eq!(upstream.received().payload.bytes, "a".repeat(1001).into_bytes());
    }
}

/// The backend refuses on seeing the head; the rest of the body, which comes later, belongs to the next try.
#[test]
fn a_body_that_is_still_coming_goes_on_in_the_next_try() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (began, beginning) = channel();
    let upstream = thread::spawn(move || {
        let accept = || {
            let stream = listener.accept().unwrap().0;
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            BufReader::new(stream)
        };
        let mut first = accept();
        Head::read(&mut first).unwrap();
        first.get_mut().write_all(json(BUSY).as_bytes()).unwrap();
        let mut second = accept();
        let head = Head::read(&mut second).unwrap();
        began.send(()).unwrap();
        let payload = Payload::read(&head, &mut second);
        second.get_mut().write_all(json(FINE).as_bytes()).unwrap();
        let mut rest = Vec::new();
        if let Err(error) = first.read_to_end(&mut rest) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        (payload.bytes, rest)
    });
    let sidecar = Sidecar::start(address, &rules(1, ", methods: [POST]"));
    let mut client = sidecar.client();
    client.send(post(5, "") + "ab");
    beginning.recv_timeout(PATIENCE).unwrap();
    client.send("cde");
    assert_eq!(client.answer(false).text(), FINE);
    let (body, rest) = upstream.join().unwrap();
    assert_eq!(body, b"abcde");
    assert!(b"ab".starts_with(&rest));
}

#[test]
fn a_budget_bounds_what_rules_may_cause() {
    let (upstream, asked) = in_turn([json(BUSY)]);
    let budget = |settings: &mut Settings| {
        settings.upstreams[0].retry_budget = RetryBudget { ratio_thousandths: 500, min_per_second: 0 };
    };
    let sidecar = Sidecar::with(upstream.address, &rules(3, ""), budget);
    let asked = [(); 6].map(|()| {
        let before = asked();
        assert_eq!(sidecar.exchange("GET /", &[]).status(), 503);
        asked() - before
    });
    assert_eq!(asked, [1, 2, 1, 2, 1, 2]);
}

#[test]
fn nothing_is_tried_again_while_draining() {
    let (open, opened) = channel::<()>();
    let opened = std::sync::Mutex::new(opened);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let upstream = Upstream::scripted(move |_, stream| {
        count.fetch_add(1, Ordering::SeqCst);
        opened.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        stream.write_all(json(BUSY).as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, &rules(3, ""));
    let (mut idle, mut client) = (sidecar.client(), sidecar.client());
    client.ask("GET /", &[]);
    upstream.received();
    let stopping = sidecar.stop();
    // An idle connection is closed once the worker has begun to drain.
    assert!(idle.is_closed());
    open.send(()).unwrap();
    assert_eq!((client.answer(false).status(), asked.load(Ordering::SeqCst)), (503, 1));
    assert_eq!(stopping.drained().cut, 0);
}

#[test]
fn nothing_is_tried_again_once_the_client_has_seen_anything() {
    // Past the bound of the hold the answer goes out undecided; then it turns out busy, and breaks off.
    let pad = "a".repeat(2000);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n";
    let (upstream, asked) = in_turn([format!(r#"{head}{{"pad":"{pad}","error":"BUSY","#)]);
    let sidecar = Sidecar::with(upstream.address, &rules(3, ""), |settings| settings.hold.max_bytes = 1000);
    let answer = sidecar.exchange("GET /", &[]);
    assert_eq!((answer.status(), answer.payload.complete, asked()), (200, false, 1));
}

#[test]
fn a_further_try_that_gets_no_answer_is_the_last() {
    // The second try loses its kept-alive connection, and the new one as well.
    let (upstream, asked) = in_turn([json(BUSY), String::new()]);
    let answer = Sidecar::start(upstream.address, &rules(9, "")).exchange("GET /", &[]);
    assert_eq!((answer.status(), asked()), (502, 3));
    assert_eq!(answer.header("proxy-status"), Some("candor; error=connection_terminated"));
}

// Because a kept-alive connection was lost.

const NONE: &str = "rule_sets: { plain: { rules: [] } }";

#[test]
fn a_kept_connection_that_is_lost_under_a_request_costs_no_exchange() {
    for method in ["GET", "HEAD", "OPTIONS", "DELETE"] {
        let (upstream, asked) = in_turn([json(""), String::new(), json("")]);
        let sidecar = Sidecar::start(upstream.address, NONE);
        let request = format!("{method} /");
        let mut client = sidecar.client();
        let statuses = [(); 2].map(|()| client.exchange(&request, &[]).status());
        assert_eq!((statuses, asked()), ([200, 200], 3), "{method}");
        let connections = [(); 3].map(|()| upstream.received().connection);
        assert_eq!(connections, [0, 0, 1]);
    }
}

#[test]
fn a_lost_connection_is_replaced_by_a_new_one_though_others_are_kept() {
    let both = Barrier::new(2);
    let turns: [AtomicUsize; 3] = Default::default();
    let upstream = Upstream::scripted(move |request, stream| {
        let turn = turns[request.connection].fetch_add(1, Ordering::SeqCst);
        if turn > 0 {
            return After::Close;
        }
        if request.connection < 2 {
            both.wait();
        }
        stream.write_all(json(FINE).as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut clients = [(); 2].map(|()| sidecar.client());
    clients.iter_mut().for_each(|client| client.ask("GET /", &[]));
    clients.iter_mut().for_each(|client| assert_eq!(client.answer(false).status(), 200));
    assert_eq!(sidecar.exchange("GET /", &[]).status(), 200);
    let connections = [(); 4].map(|()| upstream.received().connection);
    assert_eq!(connections.map(|number| number < 2), [true, true, true, false]);
}

#[test]
fn a_body_that_is_kept_for_rules_survives_a_lost_connection() {
    let (upstream, asked) = in_turn([json(FINE), String::new(), json(FINE)]);
    let sidecar = Sidecar::start(upstream.address, &rules(1, ""));
    let mut client = sidecar.client();
    for _ in 0..2 {
        client.send(post(3, "").replace("POST", "PUT") + "abc");
        assert_eq!(client.answer(false).text(), FINE);
    }
    assert_eq!(asked(), 3);
    for _ in 0..3 {
        assert_eq!(upstream.received().payload.bytes, b"abc");
    }
}

#[test]
fn a_request_that_may_have_had_an_effect_is_not_repeated_on_a_lost_connection() {
    // With rules that allow it for busy answers, too: a lost connection is no answer.
    for rules in [NONE.to_owned(), rules(1, ", methods: [POST], key_header: true")] {
        let (upstream, asked) = in_turn([json(FINE), String::new()]);
        let sidecar = Sidecar::start(upstream.address, &rules);
        let mut client = sidecar.client();
        let statuses = [(); 2].map(|()| {
            client.send(post(3, "idempotency-key: 1\r\n") + "abc");
            client.answer(false).status()
        });
        assert_eq!((statuses, asked()), ([200, 502], 2));
    }
}

#[test]
fn a_new_connection_that_is_lost_is_not_replaced() {
    let (upstream, asked) = in_turn([String::new()]);
    let answer = Sidecar::start(upstream.address, NONE).exchange("GET /", &[]);
    assert_eq!((answer.status(), asked()), (502, 1));
}

#[test]
fn a_connection_is_replaced_once() {
    let (upstream, asked) = in_turn([json(FINE), String::new()]);
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    let statuses = [(); 2].map(|()| client.exchange("GET /", &[]).status());
    assert_eq!((statuses, asked()), ([200, 502], 3));
}

#[test]
fn a_connection_that_is_lost_within_an_answer_s_head_is_not_replaced() {
    let (upstream, asked) = in_turn([json(FINE), "HTTP/1.1 200 O".to_owned()]);
    let sidecar = Sidecar::start(upstream.address, NONE);
    let mut client = sidecar.client();
    let statuses = [(); 2].map(|()| client.exchange("GET /", &[]).status());
    assert_eq!((statuses, asked()), ([200, 502], 2));
}
