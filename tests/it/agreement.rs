//! Upstreams that choose within TLS what is spoken to them, over real sockets: `protocol: auto`.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::Bytes;
use candor::settings::{Balance, Ejection, Places, Protocol, Settings, UpstreamUrl};
use h2::server::SendResponse;
use http::Response;
use rcgen::{CertifiedKey, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::select;
use tokio::task::{JoinSet, spawn_local};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::support::h2::{elsewhere, read};
use super::support::sidecar::Sidecar;
use super::support::upstream::Nowhere;
use super::support::{NO_RULES, PATIENCE, gate, log, own_error};
use super::tls::{believing, certificate, server};

const HTTP_2: &str = "h2";
const HTTP_1: &str = "http/1.1";

/// Says `busy` the first time, and then that all is well.
const RETRYING: &str = "rule_sets: { legacy: { rules: [
  { when: { body: { contains: busy } }, then: { status: 503, retry: { attempts: 1, backoff: 0ms, methods: [PUT] } } }
] } }";

/// A backend that agrees on something else on each of its connections. It answers with the number of the connection
/// and what is spoken on it, ends the connection after `/end`, and without a word for `/lose` where an exchange has
/// gone before.
struct Choosy {
    address: SocketAddr,
    shown: CertifiedKey<KeyPair>,
    asked: Mutex<Receiver<Asked>>,
}

/// A request: the number of its connection, what was spoken, its path, its body.
type Asked = (usize, &'static str, String, Vec<u8>);

impl Choosy {
    /// What it knows of on which connection.
    fn knowing(known: impl Fn(usize) -> &'static [&'static str] + Send + 'static) -> Choosy {
        Choosy::waiting(known, || {})
    }

    /// The same, and it waits before it begins TLS.
    fn waiting(
        known: impl Fn(usize) -> &'static [&'static str] + Send + 'static,
        wait: impl Fn() + Send + Sync + 'static,
    ) -> Choosy {
        let shown = certificate("localhost");
        let config = server(&shown, None);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, asked) = channel();
        let wait = Arc::new(wait);
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                for number in 0.. {
                    let stream = listener.accept().await.unwrap().0;
                    let mut config = config.clone();
                    config.alpn_protocols =
                        known(number).iter().map(|name| name.as_bytes().to_vec()).collect();
                    let (sender, wait) = (sender.clone(), Arc::clone(&wait));
                    spawn_local(async move {
                        elsewhere(move || wait()).await;
                        // Where nothing was agreed, that is the sidecar's to tell.
                        let Ok(stream) = TlsAcceptor::from(Arc::new(config)).accept(stream).await else {
                            return;
                        };
                        let ask = move |spoken, path: &str, body| {
                            let _ = sender.send((number, spoken, path.to_owned(), body));
                        };
                        match stream.get_ref().1.alpn_protocol() {
                            Some(b"h2") => speak_http_2(stream, number, ask).await,
                            _ => speak_http_1(stream, number, ask).await,
                        }
                    });
                }
            });
        });
        Choosy { address, shown, asked: Mutex::new(asked) }
    }

    /// The next request: the number of its connection, and what was spoken.
    fn asked(&self) -> (usize, &'static str) {
        let (number, spoken, ..) = self.received();
        (number, spoken)
    }

    fn received(&self) -> Asked {
        self.asked.lock().unwrap().recv_timeout(PATIENCE).expect("a request in time")
    }

    fn sidecar(&self) -> Sidecar {
        self.sidecar_with(NO_RULES, |_| {})
    }

    fn sidecar_with(&self, rules: &str, change: impl FnOnce(&mut Settings)) -> Sidecar {
        Sidecar::with(self.address, rules, |settings| {
            let upstream = &mut settings.upstreams[0];
            upstream.url = self.url();
            upstream.tls = believing(&self.shown);
            upstream.protocol = Protocol::Auto;
            change(settings);
        })
    }

    fn url(&self) -> UpstreamUrl {
        UpstreamUrl::parse(&format!("https://localhost:{}", self.address.port())).unwrap()
    }
}

/// What is said to the first request of a connection, and to others.
fn said(number: usize, path: &str) -> String {
    if path == "/busy" && number == 0 { "busy".to_owned() } else { number.to_string() }
}

async fn speak_http_2(
    stream: TlsStream<TcpStream>,
    number: usize,
    ask: impl Fn(&'static str, &str, Vec<u8>) + Clone + 'static,
) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    let mut running = JoinSet::new();
    loop {
        select! {
            // The end is announced before the answer goes out, so that no exchange comes in between.
            biased;
            Some(Ok(true)) = running.join_next() => connection.graceful_shutdown(),
            accepted = connection.accept() => {
                let Some(Ok((request, mut answer))) = accepted else { return };
                let ask = ask.clone();
                let (head, mut body) = request.into_parts();
                let ends = ["/end", "/busy"].contains(&head.uri.path());
                running.spawn_local(async move {
                    ask(HTTP_2, head.uri.path(), read(&mut body).await.unwrap().0);
                    say(&mut answer, said(number, head.uri.path()));
                    ends
                });
            }
        }
    }
}

fn say(answer: &mut SendResponse<Bytes>, text: String) {
    let head = Response::builder().header("content-type", "text/plain").body(()).unwrap();
    answer.send_response(head, false).unwrap().send_data(text.into(), true).unwrap();
}

async fn speak_http_1(
    mut stream: TlsStream<TcpStream>,
    number: usize,
    ask: impl Fn(&'static str, &str, Vec<u8>),
) {
    let mut came = Vec::new();
    for exchange in 0.. {
        let end = loop {
            if let Some(end) = came.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !matches!(stream.read_buf(&mut came).await, Ok(1..)) {
                return;
            }
        };
        let head = String::from_utf8(came.drain(..end).collect()).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while came.len() < length {
            stream.read_buf(&mut came).await.unwrap();
        }
        let path = head.split(' ').nth(1).unwrap();
        ask(HTTP_1, path, came.drain(..length).collect());
        if path == "/lose" && exchange > 0 {
            return;
        }
        if head.contains("upgrade: chat") {
            let switched = b"HTTP/1.1 101 It\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n";
            stream.write_all(switched).await.unwrap();
            let heard = stream.read_u8().await.unwrap();
            stream.write_u8(heard + 1).await.unwrap();
            return;
        }
        let ends = ["/end", "/busy"].contains(&path);
        let (text, more) = (said(number, path), if ends { "connection: close\r\n" } else { "" });
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n{more}content-length: {length}\r\n\r\n{text}"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        if ends {
            // Read to the end, so that nothing is lost to a reset.
            let _ = stream.shutdown().await;
            return;
        }
    }
}

#[test]
fn an_upstream_is_spoken_to_as_it_chooses() {
    let check = |known: &'static [&'static str], expected: &str| {
        let upstream = Choosy::knowing(move |_| known);
        let sidecar = upstream.sidecar();
        let mut client = sidecar.client();
        for _ in 0..3 {
            let answer = client.exchange("GET /", &[]);
            assert_eq!((answer.status(), answer.text()), (200, "0"), "{known:?}");
            // The connection is kept, whatever is spoken.
            assert_eq!(upstream.asked(), (0, expected), "{known:?}");
        }
        assert_eq!(
            sidecar.metric("candor_upstream_connections_opened_total{upstream=\"legacy\"}"),
            Some(1.0)
        );
    };
    check(&[HTTP_2], HTTP_2);
    check(&[HTTP_1], HTTP_1);
    check(&[HTTP_2, HTTP_1], HTTP_2);
    check(&[HTTP_1, HTTP_2], HTTP_1);
    check(&[], HTTP_1);
}

#[test]
fn an_upstream_may_change_its_mind_between_connections() {
    let known = |number| match number {
        0 | 3 => &[HTTP_2][..],
        1 => &[HTTP_1],
        _ => &[],
    };
    let upstream = Choosy::knowing(known);
    let mut client = upstream.sidecar().client();
    for (number, spoken) in [(0, HTTP_2), (1, HTTP_1), (2, HTTP_1), (3, HTTP_2), (4, HTTP_1)] {
        for path in ["/", "/end"] {
            let answer = client.exchange(&format!("GET {path}"), &[]);
            assert_eq!((answer.status(), answer.text()), (200, &*number.to_string()));
            assert_eq!(upstream.asked(), (number, spoken));
        }
    }
}

#[test]
fn what_comes_while_a_connection_is_opened_waits_for_it() {
    let (open, opened) = gate();
    let upstream = Choosy::waiting(|_| &[HTTP_2], opened);
    let sidecar = upstream.sidecar();
    let mut clients: Vec<_> = (0..8).map(|_| sidecar.client()).collect();
    clients.iter_mut().for_each(|client| client.ask("GET /", &[]));
    open();
    for client in &mut clients {
        assert_eq!(client.answer(false).text(), "0");
    }
}

#[test]
fn a_connection_that_cannot_be_opened_holds_nobody_up() {
    let (open, opened) = gate();
    // The first connection comes to nothing.
    let upstream = Choosy::waiting(|number| if number == 0 { &["other"] } else { &[HTTP_2] }, opened);
    let sidecar = upstream.sidecar();
    let mut clients: Vec<_> = (0..4).map(|_| sidecar.client()).collect();
    clients.iter_mut().for_each(|client| client.ask("GET /", &[]));
    (0..5).for_each(|_| open());
    let statuses: Vec<u16> = clients.iter_mut().map(|client| client.answer(false).status()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 502).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3, "{statuses:?}");
    assert_eq!(sidecar.exchange("GET /", &[]).status(), 200);
}

#[test]
fn each_exchange_has_a_connection_of_its_own_where_http_1_is_chosen() {
    let (open, opened) = gate();
    let upstream = Choosy::waiting(|_| &[HTTP_1], opened);
    let sidecar = upstream.sidecar();
    let mut clients: Vec<_> = (0..4).map(|_| sidecar.client()).collect();
    clients.iter_mut().for_each(|client| client.ask("GET /", &[]));
    // As many as may be needed.
    (0..4).for_each(|_| open());
    for client in &mut clients {
        assert_eq!(client.answer(false).status(), 200);
        assert_eq!(upstream.asked().1, HTTP_1);
    }
}

#[test]
fn an_upgrade_is_agreed_to_be_http_1() {
    let upstream = Choosy::knowing(|_| &[HTTP_2, HTTP_1]);
    let sidecar = upstream.sidecar();
    let mut other = sidecar.client();
    assert_eq!(other.exchange("GET /", &[]).text(), "0");
    let mut client = sidecar.client();
    client.ask("GET /chat", &["connection: upgrade", "upgrade: chat"]);
    assert_eq!(client.head().status(), 101);
    client.send("a");
    assert_eq!(client.bytes(1), b"b");
    // What is no upgrade goes on as it was agreed.
    assert_eq!(other.exchange("GET /", &[]).text(), "0");
    assert_eq!([(); 3].map(|()| upstream.asked()), [(0, HTTP_2), (1, HTTP_1), (0, HTTP_2)]);
}

#[test]
fn an_upstream_without_http_1_takes_no_upgrade() {
    let upstream = Choosy::knowing(|_| &[HTTP_2]);
    let sidecar = upstream.sidecar();
    let answer = sidecar.exchange("GET /", &["connection: upgrade", "upgrade: chat"]);
    assert_eq!((answer.status(), own_error(&answer)), (502, "tls_alert_received"));
    assert_eq!(sidecar.exchange("GET /", &[]).status(), 200);
}

#[test]
fn a_lost_connection_costs_nothing_whatever_the_next_one_speaks() {
    let upstream = Choosy::knowing(|number| if number == 0 { &[HTTP_1] } else { &[HTTP_2] });
    let mut client = upstream.sidecar().client();
    assert_eq!(client.exchange("GET /", &[]).text(), "0");
    let answer = client.exchange("GET /lose", &[]);
    assert_eq!((answer.status(), answer.text()), (200, "1"));
    assert_eq!([(); 3].map(|()| upstream.asked()), [(0, HTTP_1), (0, HTTP_1), (1, HTTP_2)]);
    assert_eq!(log::event(answer.header("x-request-id").unwrap())["retried_by"], "lost connection");
}

#[test]
fn what_a_rule_sends_again_may_go_in_the_other_protocol() {
    let check = |first: &'static [&'static str], second: &'static [&'static str]| {
        let upstream = Choosy::knowing(move |number| if number == 0 { first } else { second });
        let mut client = upstream.sidecar_with(RETRYING, |_| {}).client();
        client.send("PUT /busy HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
        let answer = client.answer(false);
        assert_eq!((answer.status(), answer.text()), (200, "1"));
        for (number, spoken) in [(0, first[0]), (1, second[0])] {
            assert_eq!(upstream.received(), (number, spoken, "/busy".to_owned(), b"abc".to_vec()));
        }
    };
    check(&[HTTP_2], &[HTTP_1]);
    check(&[HTTP_1], &[HTTP_2]);
}

#[test]
fn each_endpoint_chooses_for_itself() {
    let (new, old) = (Choosy::knowing(|_| &[HTTP_2, HTTP_1]), Choosy::knowing(|_| &[]));
    let nowhere = Nowhere::reserve();
    let gone = UpstreamUrl::parse(&format!("https://localhost:{}", nowhere.address.port())).unwrap();
    let sidecar = new.sidecar_with(NO_RULES, |settings| {
        let upstream = &mut settings.upstreams[0];
        upstream.places = Places::Listed(vec![new.url(), gone, old.url()]);
        upstream.balance = Balance::RoundRobin;
        upstream.ejection =
            Some(Ejection { consecutive: None, ratio_thousandths: None, ..Ejection::default() });
        upstream.tls.ca.push(old.shown.cert.der().clone());
    });
    let mut client = sidecar.client();
    for _ in 0..12 {
        assert_eq!(client.exchange("GET /", &[]).status(), 200);
    }
    for (upstream, spoken) in [(&new, HTTP_2), (&old, HTTP_1)] {
        let asked: Vec<Asked> = upstream.asked.lock().unwrap().try_iter().collect();
        assert!(asked.len() > 1, "{asked:?}");
        assert!(asked.iter().all(|(number, told, ..)| (*number, *told) == (0, spoken)), "{asked:?}");
    }
}
