//! Answers before the answer (RFC 9110, section 15.2), and bodies that wait for one, over real sockets.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use bytes::Bytes;
use candor::settings::Protocol;
use h2::client::ResponseFuture;
use http::{HeaderValue, Request, Response, StatusCode};

use super::support::h2::{self as http2, After as H2After, Answered, block_on, elsewhere, request};
use super::support::message::{Head, Payload};
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Upstream};
use super::support::{NO_RULES, gate, json};

/// One rule that needs the body.
const RULES: &str = r"
rule_sets:
  orders:
    rules:
      - name: from-the-field
        when: { json: $.statusCode, matches: '[45]\d{2}' }
        then: { status: { from: $.statusCode } }
";

/// An upstream that does with its one connection what it is told.
fn raw(script: impl FnOnce(&mut BufReader<std::net::TcpStream>, Head) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let head = Head::read(&mut stream).unwrap();
        script(&mut stream, head);
    });
    address
}

/// An upstream that asks for the body when told to, and tells what came of it.
fn asking() -> (SocketAddr, impl Fn(), Receiver<Vec<u8>>) {
    let (open, wait) = gate();
    let (told, tell) = channel();
    let address = raw(move |stream, head| {
        assert_eq!(head.header("expect"), Some("100-continue"));
        wait();
        stream.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        told.send(Payload::read(&head, stream).bytes).unwrap();
        stream.get_mut().write_all(json("{}").as_bytes()).unwrap();
    });
    (address, open, tell)
}

const EXPECTING: &str = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";

#[test]
fn a_client_goes_on_when_the_upstream_says_so() {
    let (address, open, tell) = asking();
    let mut client = Sidecar::start(address, NO_RULES).client();
    client.send(EXPECTING);
    open();
    assert_eq!(client.head().status(), 100);
    client.send("hello");
    assert_eq!(client.answer(false).status(), 200);
    assert_eq!(tell.recv().unwrap(), b"hello");
}

#[test]
fn an_answer_before_the_body_leaves_the_body_unsent() {
    let (told, tell) = channel();
    let address = raw(move |stream, _| {
        stream.get_mut().write_all(b"HTTP/1.1 413 Too Big\r\ncontent-length: 2\r\n\r\nno").unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        told.send(rest).unwrap();
    });
    let mut client = Sidecar::start(address, NO_RULES).client();
    client.send(EXPECTING);
    let answer = client.answer(false);
    assert_eq!((answer.head.start.as_str(), answer.text()), ("HTTP/1.1 413 Too Big", "no"));
    assert!(client.is_closed(), "whoever waits to send a body must not have it taken for a request");
    assert_eq!(tell.recv().unwrap(), b"", "and the upstream's connection is not used again");
}

/// The next answer before the one that counts.
async fn interim(answer: &mut ResponseFuture) -> Response<()> {
    std::future::poll_fn(|context| answer.poll_informational(context)).await.expect("one more").unwrap()
}

#[test]
fn a_client_over_http_2_goes_on_when_the_upstream_says_so() {
    let (address, open, tell) = asking();
    let sidecar = Sidecar::start(address, NO_RULES);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (mut answer, mut body) = client.open(expecting(), false).await;
        open();
        assert_eq!(interim(&mut answer).await.status(), 100);
        body.send_data("hello".into(), true).unwrap();
        assert_eq!(Answered::read(answer).await.unwrap().status, 200);
    });
    assert_eq!(tell.recv().unwrap(), b"hello");
}

#[test]
fn a_client_over_http_2_is_told_to_go_on_where_nobody_else_will() {
    let upstream = http2::Upstream::scripted(|request, mut answer| async move {
        let body = http2::read(&mut request.into_body()).await.unwrap().0;
        answer.send_response(Response::new(()), false).unwrap().send_data(body.into(), true).unwrap();
        H2After::KeepOpen
    });
    let sidecar = h2c(upstream.address, NO_RULES);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (mut answer, mut body) = client.open(expecting(), false).await;
        assert_eq!(interim(&mut answer).await.status(), 100);
        body.send_data("hello".into(), true).unwrap();
        assert_eq!(Answered::read(answer).await.unwrap().body, b"hello");
    });
}

#[test]
fn over_http_2_an_answer_before_the_body_leaves_the_body_unsent() {
    let address = raw(|stream, _| {
        stream.get_mut().write_all(b"HTTP/1.1 413 Too Big\r\ncontent-length: 2\r\n\r\nno").unwrap();
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0, "the connection is not used again");
    });
    let sidecar = Sidecar::start(address, NO_RULES);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (mut answer, _body) = client.open(expecting(), false).await;
        let told = std::future::poll_fn(|context| answer.poll_informational(context)).await;
        assert!(told.is_none(), "nobody told it to go on");
        let answer = Answered::read(answer).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (413, &b"no"[..]));
    });
}

fn expecting() -> Request<()> {
    let mut request = request("POST", "/");
    request.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
    request
}

fn h2c(address: SocketAddr, rules: &str) -> Sidecar {
    Sidecar::with(address, rules, |settings| settings.upstreams[0].protocol = Protocol::Http2)
}

/// What becomes of the hints of either kind of upstream, which then says in its body that there is nothing.
fn check_hints(check: impl Fn(&Sidecar, &dyn Fn())) {
    let (open, wait) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\n";
        stream.write_all(hints.as_bytes()).unwrap();
        stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").unwrap();
        wait();
        stream.write_all(json(r#"{"statusCode":404}"#).as_bytes()).unwrap();
        After::KeepOpen
    });
    check(&Sidecar::start(upstream.address, RULES), &open);
    let (open, wait) = gate();
    let wait = Arc::new(wait);
    let upstream = http2::Upstream::scripted(move |_, mut answer| {
        let wait = Arc::clone(&wait);
        async move {
            let hints = Response::builder().status(103).header("link", "</a.css>").body(()).unwrap();
            answer.send_informational(hints).unwrap();
            answer.send_informational(Response::builder().status(102).body(()).unwrap()).unwrap();
            elsewhere(move || wait()).await;
            let head = Response::builder().header("content-type", "application/json").body(()).unwrap();
            let body = Bytes::from_static(br#"{"statusCode":404}"#);
            answer.send_response(head, false).unwrap().send_data(body, true).unwrap();
            H2After::KeepOpen
        }
    });
    check(&h2c(upstream.address, RULES), &open);
}

#[test]
fn early_hints_go_on_at_once_and_are_not_taken_for_the_answer() {
    check_hints(|sidecar, open| {
        let mut client = sidecar.client();
        for _ in 0..2 {
            client.ask("GET /", &[]);
            let hints = client.head();
            let told = (hints.status(), hints.header("link"), hints.header("x-hop"));
            assert_eq!(told, (103, Some("</a.css>"), None));
            assert_eq!(client.head().start, "HTTP/1.1 102 Processing");
            open();
            let answer = client.answer(false);
            assert_eq!((answer.status(), answer.header("link")), (404, None));
        }
    });
}

#[test]
fn early_hints_go_on_over_http_2() {
    check_hints(|sidecar, open| {
        block_on(async {
            let client = http2::Client::connect(sidecar.address).await;
            for _ in 0..2 {
                let (mut answer, _) = client.open(request("GET", "/"), true).await;
                let hints = interim(&mut answer).await;
                assert_eq!(
                    (hints.status().as_u16(), hints.headers()["link"].as_bytes()),
                    (103, &b"</a.css>"[..])
                );
                assert_eq!(hints.headers().get("x-hop"), None);
                assert_eq!(interim(&mut answer).await.status(), StatusCode::PROCESSING);
                open();
                let answer = Answered::read(answer).await.unwrap();
                assert_eq!((answer.status.as_u16(), answer.header("link")), (404, None));
            }
        });
    });
}

#[test]
fn a_flood_of_interim_answers_is_cut_off() {
    let hints = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100);
    let upstream = Upstream::answering(hints + &json("{}"));
    let sidecar = Sidecar::start(upstream.address, NO_RULES);
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    let heads = std::iter::repeat_with(|| client.head()).take_while(|head| head.status() == 103);
    assert_eq!(heads.count(), 32);
    block_on(async {
        let client = http2::Client::connect(sidecar.address).await;
        let (mut answer, _) = client.open(request("GET", "/"), true).await;
        let mut hints = 0;
        while let Some(Ok(_)) = std::future::poll_fn(|context| answer.poll_informational(context)).await {
            hints += 1;
        }
        assert_eq!(hints, 32);
        assert_eq!(Answered::read(answer).await.unwrap().body, b"{}");
    });
}

#[test]
fn a_client_that_knows_no_interim_answers_gets_none() {
    let upstream = Upstream::answering(format!("HTTP/1.1 103 Early Hints\r\n\r\n{}", json("{}")));
    let mut client = Sidecar::start(upstream.address, NO_RULES).client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.head().start, "HTTP/1.0 200 OK");
}
