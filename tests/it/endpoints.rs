//! Upstreams with several endpoints over real sockets: which one a request goes to, when one is left alone because of
//! what its answers really say, how it comes back, and what becomes of requests when it is gone.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;

use candor::cli::load;
use candor::diagnostic::Source;
use candor::live::{Endpoints, Resolver, Snapshot};
use candor::settings::{Connect, Layers};

use super::support::client::Answered;
use super::support::message::Head;
use super::support::sidecar::Sidecar;
use super::support::upstream::{After, Nowhere, Upstream};
use super::support::{gate, h2, json, log, own_error, until};

/// A definition of one method that calls the upstream.
const DEFINITION: &str = r#"{ "openapi": "3.0.1", "info": { "title": "a", "version": "1" }, "paths": { "/orders": {
    "get": { "responses": {}, "x-amazon-apigateway-integration":
    { "type": "http_proxy", "httpMethod": "GET", "uri": "http://legacy/orders" } } } } }"#;

const FINE: &str = r#"{"order":17}"#;
const BROKEN: &str = r#"{"error":"database is down"}"#;

/// An error in the body is a 503, `not found` a 404.
const RULES: &str = r"
rule_sets:
  legacy:
    rules:
      - { name: missing, when: { json: $.error, equals: not found }, then: { status: 404 } }
      - { name: down, when: { json: $.error, exists: true }, then: { status: 503 } }
";

/// A backend whose answer can be changed, and how often it was asked.
struct Backend {
    address: SocketAddr,
    answer: Arc<Mutex<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Backend {
    fn answering(status: u16, body: &str) -> Backend {
        let answer = Arc::new(Mutex::new((status, body.to_owned())));
        let asked = Arc::new(AtomicUsize::new(0));
        let (said, count) = (Arc::clone(&answer), Arc::clone(&asked));
        let upstream = Upstream::scripted(move |request, stream| {
            let (status, body) = match request.head.start.starts_with("GET /health ") {
                // Its health is asked for without being counted.
                true => said.lock().unwrap().clone(),
                false => {
                    count.fetch_add(1, SeqCst);
                    said.lock().unwrap().clone()
                }
            };
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status} It\r\ncontent-type: application/json\r\ncontent-length: {length}");
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
            After::KeepOpen
        });
        Backend { address: upstream.address, answer, asked }
    }

    fn says(&self, status: u16, body: &str) {
        *self.answer.lock().unwrap() = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

/// A configuration with an upstream of these endpoints, with `more` keys, and rules.
fn configuration(endpoints: &[SocketAddr], more: &str, rules: &str) -> Arc<Snapshot> {
    let list: Vec<String> = endpoints.iter().map(|address| format!("'{address}'")).collect();
    let list = list.join(", ");
    loaded(&format!("upstreams: {{ legacy: {{ endpoints: [{list}]{more} }} }}\n{rules}"))
}

fn loaded(configuration: &str) -> Arc<Snapshot> {
    log::keep();
    let text = format!("version: 1\nserver: {{ workers: 2 }}\nadmin: {{ listen: \"off\" }}\n{configuration}");
    let layers = Layers { files: vec![Source::new("test.yaml", text)], ..Layers::default() };
    let loaded = load::compile(&layers, None);
    let problems: String = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded.snapshot().unwrap_or_else(|| panic!("{problems}"))
}

fn sidecar(endpoints: &[SocketAddr], more: &str, rules: &str) -> Sidecar {
    Sidecar::serving(configuration(endpoints, more, rules))
}

fn statuses(sidecar: &Sidecar, count: usize) -> Vec<u16> {
    let mut client = sidecar.client();
    (0..count).map(|_| client.exchange("GET /orders/17", &[]).status()).collect()
}

fn count(statuses: &[u16], wanted: u16) -> usize {
    statuses.iter().filter(|status| **status == wanted).count()
}

fn in_service(endpoints: &Endpoints) -> Vec<bool> {
    endpoints.seen().iter().map(|endpoint| endpoint.is_in_service).collect()
}

// Which endpoint.

#[test]
fn requests_are_spread() {
    let check = |balance: &str, is_even: bool| {
        let backends = [FINE; 3].map(|body| Backend::answering(200, body));
        let sidecar = sidecar(&backends.each_ref().map(|backend| backend.address), balance, "");
        assert_eq!(count(&statuses(&sidecar, 60), 200), 60);
        let asked = backends.each_ref().map(Backend::asked);
        assert!(asked.iter().all(|asked| *asked > 0) && asked.iter().sum::<usize>() == 60, "{asked:?}");
        assert!(!is_even || asked == [20, 20, 20], "{asked:?}");
    };
    check("", false);
    check(", balance: least_requests", false);
    check(", balance: round_robin", true);
}

#[test]
fn a_busy_endpoint_is_spared() {
    let (open, opened) = gate();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let busy = Upstream::scripted(move |_, stream| {
        count.fetch_add(1, SeqCst);
        opened();
        stream.write_all(json(FINE).as_bytes()).unwrap();
        After::KeepOpen
    });
    let idle = Backend::answering(200, FINE);
    let snapshot = configuration(&[busy.address, idle.address], "", "");
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    let is_idle = || endpoints.seen()[1].in_flight == 0;
    // Until one hangs there.
    let mut clients = Vec::new();
    while asked.load(SeqCst) == 0 {
        let mut client = sidecar.client();
        client.ask("GET /", &[]);
        clients.push(client);
        until("it has arrived", || asked.load(SeqCst) + idle.asked() == clients.len());
    }
    let others = idle.asked();
    for _ in 0..20 {
        until("the last one is over", is_idle);
        assert_eq!(sidecar.exchange("GET /", &[]).status(), 200);
    }
    assert_eq!((asked.load(SeqCst), idle.asked()), (1, others + 20));
    open();
}

#[test]
fn the_path_of_the_url_is_the_endpoints_too() {
    let upstream = Upstream::answering(json(FINE));
    let configuration = format!(
        "upstreams: {{ legacy: {{ url: 'http://app.test/base', endpoints: ['{}'], host: upstream }} }}",
        upstream.address
    );
    let sidecar = Sidecar::serving(loaded(&configuration));
    assert_eq!(sidecar.exchange("GET /a?b", &[]).status(), 200);
    let head = upstream.received().head;
    assert_eq!((&*head.start, head.header("host")), ("GET /base/a?b HTTP/1.1", Some("app.test")));
}

#[test]
fn a_retry_goes_elsewhere() {
    let (bad, good) = (Backend::answering(200, BROKEN), Backend::answering(200, FINE));
    let rules = "rule_sets: { legacy: { rules: [{ when: { json: $.error, exists: true }, \
                 then: { status: 503, retry: { attempts: 1, backoff: 0ms } } }] } }";
    let more = ", ejection: \"off\", retry_budget: { ratio: 10 }";
    let sidecar = sidecar(&[bad.address, good.address], more, rules);
    assert_eq!(count(&statuses(&sidecar, 40), 200), 40);
    assert!(bad.asked() > 0 && good.asked() == 40);
}

// Left alone because of what its answers say.

#[test]
fn an_endpoint_whose_answers_are_translated_to_errors_is_left_alone() {
    let (bad, good) = (Backend::answering(200, BROKEN), Backend::answering(200, FINE));
    let more = ", ejection: { consecutive: 3, base_time: 1h, max_time: 1h }";
    let snapshot = configuration(&[bad.address, good.address], more, RULES);
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    let statuses = statuses(&sidecar, 60);
    assert_eq!((count(&statuses, 503), bad.asked()), (3, 3), "{statuses:?}");
    assert_eq!(good.asked(), 57);
    assert_eq!(in_service(&endpoints), [false, true]);
    assert_eq!(endpoints.counts.ejections.load(SeqCst), 1);
    let event = log::about("an endpoint is left alone", &bad.address.to_string());
    assert_eq!((&event["upstream"], &event["cause"]), (&"legacy".into(), &"status 503".into()));
    assert_eq!(event["why"], "3 failures one after the other");
}

#[test]
fn rules_have_the_last_word_on_what_a_failure_is() {
    let check = |status: u16, body: &str, rules: &str, is_failure: bool| {
        let (odd, good) = (Backend::answering(status, body), Backend::answering(200, FINE));
        let more = ", balance: round_robin, ejection: { consecutive: 2, base_time: 1h, max_time: 1h }";
        let sidecar = sidecar(&[odd.address, good.address], more, rules);
        statuses(&sidecar, 40);
        assert_eq!(odd.asked(), if is_failure { 2 } else { 20 }, "{status} {body}");
    };
    check(200, BROKEN, RULES, true);
    check(200, BROKEN, "", false);
    check(200, BROKEN, &RULES.replace("name: down", "name: down, mode: shadow"), false);
    check(500, FINE, RULES, true);
    check(500, r#"{"error":"not found"}"#, RULES, false);
    check(404, FINE, RULES, false);
}

#[test]
fn an_endpoint_that_is_well_again_comes_back() {
    let (bad, good) = (Backend::answering(200, BROKEN), Backend::answering(200, FINE));
    let more = ", ejection: { consecutive: 1, base_time: 1ms, max_time: 1ms }";
    let snapshot = configuration(&[bad.address, good.address], more, RULES);
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    until("it is left alone", || {
        statuses(&sidecar, 1);
        !in_service(&endpoints)[0]
    });
    bad.says(200, FINE);
    until("it is back", || {
        statuses(&sidecar, 1);
        in_service(&endpoints)[0]
    });
    let before = bad.asked();
    assert_eq!(count(&statuses(&sidecar, 40), 200), 40);
    assert!(bad.asked() > before);
    log::about("an endpoint is in service again", &bad.address.to_string());
}

#[test]
fn the_last_endpoint_is_not_left_alone() {
    let backends = [BROKEN; 3].map(|body| Backend::answering(200, body));
    let more = ", ejection: { consecutive: 1, max_share: 1, base_time: 1h, max_time: 1h }";
    let snapshot = configuration(&backends.each_ref().map(|backend| backend.address), more, RULES);
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    assert_eq!(count(&statuses(&sidecar, 30), 503), 30);
    assert_eq!(in_service(&endpoints).into_iter().filter(|it| *it).count(), 1);
}

// Gone.

#[test]
fn a_request_that_cannot_be_begun_is_begun_elsewhere() {
    let (nowhere, good) = (Nowhere::reserve(), Backend::answering(200, FINE));
    let sidecar = sidecar(&[nowhere.address, good.address], ", balance: round_robin, ejection: \"off\"", "");
    let mut client = sidecar.client();
    let mut elsewhere = 0;
    for _ in 0..20 {
        client.send("POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
        let answer = client.answer(false);
        assert_eq!(answer.status(), 200);
        let event = log::event(answer.header("x-request-id").unwrap());
        elsewhere += usize::from(event["retried_by"] == "another endpoint");
    }
    assert!(elsewhere > 0 && good.asked() == 20);
}

#[test]
fn an_endpoint_that_refuses_connections_is_left_alone() {
    let (nowhere, good) = (Nowhere::reserve(), Backend::answering(200, FINE));
    let snapshot = configuration(&[nowhere.address, good.address], ", ejection: { consecutive: 2 }", "");
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    until("it is left alone", || {
        assert_eq!(statuses(&sidecar, 1), [200]);
        in_service(&endpoints) == [false, true]
    });
}

#[test]
fn when_nobody_is_there_the_client_is_told() {
    let all = [Nowhere::reserve(), Nowhere::reserve()];
    let sidecar = sidecar(&[all[0].address, all[1].address], "", "");
    for _ in 0..20 {
        let answer = sidecar.exchange("GET /", &[]);
        assert_eq!((answer.status(), own_error(&answer)), (502, "connection_refused"));
    }
}

#[test]
fn a_body_that_was_on_its_way_is_sent_elsewhere_if_it_may_be() {
    let check = |method: &str, expected: u16| {
        // It reads the request, and is gone.
        let (dying, good) = (Upstream::scripted(|_, _| After::Close), Backend::answering(200, FINE));
        let more = ", balance: round_robin, ejection: \"off\"";
        let sidecar = sidecar(&[dying.address, good.address], more, "");
        let mut client = sidecar.client();
        let statuses: Vec<u16> = (0..10)
            .map(|_| {
                client.send(format!("{method} /orders HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"));
                client.answer(false).status()
            })
            .collect();
        assert!(!dying.seen().is_empty());
        assert!(statuses.iter().all(|status| [200, expected].contains(status)), "{method} {statuses:?}");
        assert!(statuses.contains(&expected), "{method} {statuses:?}");
    };
    check("PUT", 200);
    check("POST", 502);
}

/// A backend that can die: its connections break, its port is closed.
struct Mortal {
    address: SocketAddr,
    is_dead: Arc<AtomicBool>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
    asked: Arc<AtomicUsize>,
}

impl Mortal {
    fn born() -> Mortal {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (is_dead, streams) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let asked = Arc::<AtomicUsize>::default();
        let mortal = Mortal { address: listener.local_addr().unwrap(), is_dead, streams, asked };
        let (is_dead, streams, asked) =
            (Arc::clone(&mortal.is_dead), Arc::clone(&mortal.streams), Arc::clone(&mortal.asked));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut open = streams.lock().unwrap();
                if is_dead.load(SeqCst) {
                    return;
                }
                open.push(stream.try_clone().unwrap());
                let asked = Arc::clone(&asked);
                thread::spawn(move || {
                    let mut reader = io::BufReader::new(stream.try_clone().unwrap());
                    while Head::read(&mut reader).is_some() {
                        asked.fetch_add(1, SeqCst);
                        if stream.write_all(json(FINE).as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        mortal
    }

    fn die(&self) {
        let mut open = self.streams.lock().unwrap();
        self.is_dead.store(true, SeqCst);
        for stream in open.drain(..) {
            // Some have ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(open);
        // The listener is closed by the next who connects.
        drop(TcpStream::connect(self.address));
    }
}

#[test]
fn an_endpoint_that_dies_under_load_loses_no_request_that_may_be_repeated() {
    let (mortal, good) = (Mortal::born(), Backend::answering(200, FINE));
    let sidecar = Arc::new(sidecar(&[mortal.address, good.address], "", ""));
    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (sidecar, is_over) = (Arc::clone(&sidecar), Arc::clone(&is_over));
            thread::spawn(move || {
                let mut client = sidecar.client();
                let mut answers = 0;
                while !is_over.load(SeqCst) {
                    let answer = client.exchange("GET /orders/17", &[]);
                    assert_eq!((answer.status(), answer.text()), (200, FINE));
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    until("both are busy", || mortal.asked.load(SeqCst) > 100 && good.asked() > 100);
    mortal.die();
    let then = good.asked();
    until("the other goes on", || good.asked() > then + 500);
    is_over.store(true, SeqCst);
    let answers: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
    assert!(answers > 600);
}

#[test]
fn over_http_2_it_is_the_same() {
    let good = [(); 2].map(|()| h2::Upstream::answering(&[("content-type", "application/json")], FINE));
    let nowhere = Nowhere::reserve();
    let addresses = [good[0].address, nowhere.address, good[1].address];
    let snapshot = configuration(&addresses, ", protocol: h2, balance: round_robin, ejection: \"off\"", "");
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    assert_eq!(statuses(&sidecar, 20), [200; 20]);
    good.iter().for_each(|upstream| drop(upstream.received()));
    until("all are over", || endpoints.seen().iter().all(|endpoint| endpoint.in_flight == 0));
}

#[test]
fn a_tunnel_keeps_its_endpoint_busy() {
    let upstream = Upstream::scripted(|_, stream| {
        let head = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        After::KeepOpen
    });
    let check = |bound: &str, ask: &str, headers: &[&str], status: u16| {
        let more = format!(", limits: {{ {bound}: 1, pending: 0 }}");
        let mut snapshot = configuration(&[upstream.address], &more, "");
        Arc::get_mut(&mut snapshot).unwrap().settings.server.connect = Connect::Tunnel;
        let endpoints = Arc::clone(&snapshot.endpoints[0]);
        let sidecar = Sidecar::serving(snapshot);
        let mut client = sidecar.client();
        client.ask(ask, headers);
        assert_eq!(client.head().status(), status);
        assert_eq!(endpoints.seen()[0].in_flight, 1);
        check_shed(&sidecar.exchange("GET /", &[]));
        drop(client);
        until("the tunnel is over", || endpoints.seen()[0].in_flight == 0);
        let mut client = sidecar.client();
        client.ask("GET /", &["connection: upgrade", "upgrade: chat"]);
        assert_eq!(client.head().status(), 101, "there is room again");
    };
    for bound in ["connections", "requests"] {
        check(bound, "GET /", &["connection: upgrade", "upgrade: chat"], 101);
        check(bound, "CONNECT sidecar.test:80", &[], 200);
    }
}

#[test]
fn a_definition_calls_them_as_routes_do() {
    let (nowhere, good) = (Nowhere::reserve(), Backend::answering(200, FINE));
    let sidecar = Sidecar::carrying_out(
        DEFINITION,
        &format!(
            "upstreams: {{ legacy: {{ endpoints: ['{}', '{}'], balance: round_robin, ejection: \"off\" }} }}\n\
             api: {{ upstream: legacy }}",
            nowhere.address, good.address
        ),
    );
    let mut client = sidecar.client();
    assert!((0..10).all(|_| client.exchange("GET /orders", &[]).status() == 200));
    assert_eq!(good.asked(), 10);
}

// Under another configuration.

#[test]
fn what_is_known_of_endpoints_outlives_a_reload() {
    let (bad, good) = (Backend::answering(200, BROKEN), Backend::answering(200, FINE));
    let addresses = [bad.address, good.address];
    let more = ", ejection: { consecutive: 1, base_time: 1h, max_time: 1h }";
    let before = configuration(&addresses, more, RULES);
    let sidecar = Sidecar::serving(Arc::clone(&before));
    until("one is left alone", || {
        statuses(&sidecar, 1);
        in_service(&before.endpoints[0]) == [false, true]
    });
    let after = |more: &str, rules: &str| {
        Arc::into_inner(configuration(&addresses, more, rules)).unwrap().after(&before).endpoints.remove(0)
    };
    assert!(Arc::ptr_eq(&after(more, ""), &before.endpoints[0]), "only the rules have changed");
    let changed = after(&format!("{more}, balance: round_robin"), RULES);
    assert_eq!(in_service(&changed), [false, true]);
    assert_eq!(changed.counts.ejections.load(SeqCst), 1);
}

// Asked how it is.

#[test]
fn health_is_what_the_body_says() {
    let (sick, well) =
        (Backend::answering(200, r#"{"status":"DOWN"}"#), Backend::answering(200, r#"{"status":"UP"}"#));
    let more = ", health: { path: /health, interval: 2ms, healthy: 1, unhealthy: 1, rules: health }";
    let rules = "rule_sets: { health: { rules: [{ when: { json: $.status, equals: DOWN }, then: { status: 503 } }] }, default: {} }";
    let snapshot = configuration(&[sick.address, well.address], more, rules);
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    until("one is out of service", || in_service(&endpoints) == [false, true]);
    let before = sick.asked();
    assert_eq!(count(&statuses(&sidecar, 20), 200), 20);
    assert_eq!(sick.asked(), before);
    let event = log::about("an endpoint's health checks fail", &sick.address.to_string());
    assert_eq!(event["cause"], "status 503");
    sick.says(200, r#"{"status":"UP"}"#);
    until("it is back", || in_service(&endpoints) == [true, true]);
    until("requests come to it", || {
        statuses(&sidecar, 1);
        sick.asked() > before
    });
    // All out of service is as good as none: somebody has to be asked.
    sick.says(500, "");
    well.says(500, "");
    until("both are out of service", || in_service(&endpoints) == [false, false]);
    well.says(200, FINE);
    sick.says(200, FINE);
    assert_eq!(count(&statuses(&sidecar, 10), 200), 10);
    sidecar.stop().drained();
}

#[test]
fn health_is_asked_for_as_the_settings_say() {
    let upstream = Upstream::answering("HTTP/1.1 204 Fine\r\n\r\n");
    let health = "health: { path: '/health?deep=1', interval: 2ms, host: app.test, status: '20[04]' }";
    let snapshot =
        loaded(&format!("upstreams: {{ legacy: {{ url: 'http://{}/base', {health} }} }}", upstream.address));
    let sidecar = Sidecar::serving(snapshot);
    for _ in 0..3 {
        let head = upstream.received().head;
        assert_eq!(head.start, "GET /base/health?deep=1 HTTP/1.1");
        assert_eq!((head.header("host"), head.header("connection")), (Some("app.test"), Some("close")));
    }
    sidecar.stop().drained();
}

// Where the name says.

#[test]
fn endpoints_are_what_the_name_stands_for() {
    let backends = [FINE; 3].map(|body| Backend::answering(200, body));
    let addresses = backends.each_ref().map(|backend| backend.address);
    let answer = Arc::new(Mutex::new(Some(vec![addresses[0], addresses[1]])));
    let said = Arc::clone(&answer);
    let mut snapshot =
        loaded("upstreams: { legacy: { url: 'http://app.test:80', resolve: 2ms, balance: round_robin } }");
    Arc::get_mut(&mut snapshot).unwrap().resolver = Resolver::answering(move |name, port| {
        assert_eq!((name, port), ("app.test", 80));
        said.lock().unwrap().clone().ok_or_else(|| io::Error::other("no name server"))
    });
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let names = |endpoints: &Endpoints| endpoints.seen().into_iter().map(|it| it.name).collect::<Vec<_>>();
    let sorted = |wanted: &[SocketAddr]| {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        wanted.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let sidecar = Sidecar::serving(snapshot);
    until("the name is looked up", || names(&endpoints) == sorted(&addresses[..2]));
    assert_eq!(count(&statuses(&sidecar, 20), 200), 20);
    assert_eq!(backends.each_ref().map(Backend::asked), [10, 10, 0]);

    *answer.lock().unwrap() = Some(vec![addresses[2], addresses[1], addresses[2]]);
    until("it is looked up again", || names(&endpoints) == sorted(&addresses[1..]));
    assert_eq!(count(&statuses(&sidecar, 20), 200), 20);
    assert_eq!(backends.each_ref().map(Backend::asked), [10, 20, 10]);

    // What it stood for last is better than nothing.
    *answer.lock().unwrap() = None;
    log::about("a name cannot be looked up; what it last stood for stays in use", "app.test");
    *answer.lock().unwrap() = Some(Vec::new());
    assert_eq!(count(&statuses(&sidecar, 20), 200), 20);
    assert_eq!(names(&endpoints), sorted(&addresses[1..]));
    sidecar.stop().drained();
}

// No more than it takes.

fn check_shed(answer: &Answered) {
    assert_eq!((answer.status(), own_error(answer)), (503, "connection_limit_reached"));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

/// A backend that answers when the gate is opened.
fn waiting() -> (Upstream, impl Fn() + Send) {
    let (open, opened) = gate();
    let upstream = Upstream::scripted(move |_, stream| {
        opened();
        stream.write_all(json(FINE).as_bytes()).unwrap();
        After::KeepOpen
    });
    (upstream, open)
}

#[test]
fn what_is_too_much_is_shed() {
    let (upstream, open) = waiting();
    let snapshot =
        configuration(&[upstream.address], ", limits: { connections: 1, pending: 1, pending_time: 1h }", "");
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    let (mut first, mut second) = (sidecar.client(), sidecar.client());
    first.ask("GET /1", &[]);
    upstream.received();
    second.ask("GET /2", &[]);
    until("the second waits", || endpoints.waiting() == 1);
    check_shed(&sidecar.exchange("GET /3", &[]));
    assert_eq!(endpoints.counts.shed_too_many.load(SeqCst), 1);
    open();
    open();
    assert_eq!((first.answer(false).status(), second.answer(false).status()), (200, 200));
    assert_eq!(upstream.received().head.start, "GET /2 HTTP/1.1");
}

/// Checks that of three requests the first is carried, the second waits, and the third is shed.
fn check_requests_are_bounded(snapshot: Arc<Snapshot>, arrived: impl Fn(), open: impl Fn()) {
    let endpoints = Arc::clone(&snapshot.endpoints[0]);
    let sidecar = Sidecar::serving(snapshot);
    for _ in 0..2 {
        let (mut first, mut second) = (sidecar.client(), sidecar.client());
        first.ask("GET /1", &[]);
        arrived();
        second.ask("GET /2", &[]);
        until("the second waits", || endpoints.waiting() == 1);
        check_shed(&sidecar.exchange("GET /3", &[]));
        open();
        assert_eq!(first.answer(false).status(), 200);
        arrived();
        open();
        assert_eq!(second.answer(false).status(), 200);
    }
    assert_eq!(endpoints.counts.shed_too_many.load(SeqCst), 2);
}

#[test]
fn requests_can_be_bounded_whatever_is_spoken() {
    let bound = "limits: { requests: 1, pending: 1, pending_time: 1h }";
    let single = |address: SocketAddr, more: &str| {
        loaded(&format!("upstreams: {{ legacy: {{ url: 'http://{address}'{more}, {bound} }} }}"))
    };
    let (upstream, open) = waiting();
    check_requests_are_bounded(single(upstream.address, ""), || drop(upstream.received()), open);
    let (upstream, open) = waiting();
    // Two places for one backend.
    let port = upstream.address.port();
    let two = format!(
        "upstreams: {{ legacy: {{ endpoints: ['127.0.0.1:{port}', 'localhost:{port}'], {bound} }} }}"
    );
    check_requests_are_bounded(loaded(&two), || drop(upstream.received()), open);
    let (upstream, open) = waiting_over_http_2();
    let over_http_2 = single(upstream.address, ", protocol: h2");
    check_requests_are_bounded(over_http_2, || drop(upstream.received()), open);
}

/// The same over HTTP/2.
fn waiting_over_http_2() -> (h2::Upstream, impl Fn() + Send) {
    let (open, opened) = gate();
    let opened = Arc::new(opened);
    let upstream = h2::Upstream::scripted(move |request, mut answer| {
        let opened = Arc::clone(&opened);
        async move {
            drop(request);
            h2::elsewhere(move || opened()).await;
            answer.send_response(http::Response::new(()), true).unwrap();
            h2::After::KeepOpen
        }
    });
    (upstream, open)
}

#[test]
fn what_a_definition_calls_is_bounded_too() {
    for bound in ["connections", "requests"] {
        let (upstream, open) = waiting();
        let limits = format!("limits: {{ {bound}: 1, pending: 0 }}");
        let configuration = format!(
            "upstreams: {{ legacy: {{ url: 'http://{}', {limits} }} }}\napi: {{ upstream: legacy }}",
            upstream.address
        );
        let sidecar = Sidecar::carrying_out(DEFINITION, &configuration);
        let mut first = sidecar.client();
        first.ask("GET /orders", &[]);
        upstream.received();
        check_shed(&sidecar.exchange("GET /orders", &[]));
        let shed = "candor_upstream_shed_total{upstream=\"legacy\",reason=\"too many pending\"}";
        assert_eq!(sidecar.metric(shed), Some(1.0));
        open();
        assert_eq!(first.answer(false).status(), 200);
        open();
        assert_eq!(sidecar.exchange("GET /orders", &[]).status(), 200, "there is room again");
    }
}

#[test]
fn nobody_waits_for_ever() {
    let (upstream, open) = waiting();
    for bound in ["connections", "requests"] {
        let configuration = format!(
            "upstreams: {{ legacy: {{ url: 'http://{}', limits: {{ {bound}: 1, pending_time: 1ms }} }} }}",
            upstream.address
        );
        let snapshot = loaded(&configuration);
        let endpoints = Arc::clone(&snapshot.endpoints[0]);
        let sidecar = Sidecar::serving(snapshot);
        let mut first = sidecar.client();
        first.ask("GET /1", &[]);
        upstream.received();
        check_shed(&sidecar.exchange("GET /2", &[]));
        assert_eq!(endpoints.counts.shed_too_long.load(SeqCst), 1);
        open();
        assert_eq!(first.answer(false).status(), 200);
    }
}

#[test]
fn a_connection_that_carries_nothing_stands_in_nobodys_way() {
    let backend = Backend::answering(200, FINE);
    let more = ", limits: { connections: 1, pending_time: 1h }";
    let sidecar = sidecar(&[backend.address], more, "");
    // Each worker's turn, so that each needs what the other has kept.
    let mut clients = [sidecar.client(), sidecar.client()];
    for _ in 0..10 {
        for client in &mut clients {
            assert_eq!(client.exchange("GET /", &[]).status(), 200);
        }
    }
}

#[test]
fn where_none_may_wait_a_connection_that_carries_nothing_is_still_room() {
    let backend = Backend::answering(200, FINE);
    let sidecar =
        sidecar(&[backend.address], ", limits: { connections: 1, pending: 0, pending_time: 1h }", "");
    // Each worker's turn.
    let mut clients = [sidecar.client(), sidecar.client()];
    for _ in 0..10 {
        for client in &mut clients {
            assert_eq!(client.exchange("GET /", &[]).status(), 200);
        }
    }
}

#[test]
fn the_bound_holds_under_load() {
    let (now, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (count, peak) = (Arc::clone(&now), Arc::clone(&most));
    let upstream = Upstream::scripted(move |_, stream| {
        peak.fetch_max(count.fetch_add(1, SeqCst) + 1, SeqCst);
        thread::yield_now();
        count.fetch_sub(1, SeqCst);
        stream.write_all(json(FINE).as_bytes()).unwrap();
        After::KeepOpen
    });
    let more = ", limits: { connections: 3, pending_time: 1h }";
    let sidecar = Arc::new(sidecar(&[upstream.address], more, ""));
    let clients: Vec<_> = (0..12)
        .map(|_| {
            let sidecar = Arc::clone(&sidecar);
            thread::spawn(move || statuses(&sidecar, 50))
        })
        .collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), [200; 50]);
    }
    assert!(most.load(SeqCst) <= 3, "{most:?}");
}
