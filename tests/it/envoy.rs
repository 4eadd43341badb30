//! Candor behind a real Envoy: what the cases do not say, of sizes, times and failures.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use candor::engine::hold::OnLimit;
use candor::live::Snapshot;
use candor::settings::Settings;

use crate::support::client::Client;
use crate::support::envoy::{self, Envoy, configuration};
use crate::support::processor::{Processor, Seat};
use crate::support::sidecar::configured;
use crate::support::upstream::{After, Nowhere, Upstream};
use crate::support::{files, gate, json, log};

const FULL_DUPLEX: &str = "envoy.yaml";
const ON_DEMAND: &str = "on-demand.yaml";

const MODULE: &str = "module.yaml";

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
        let (program, _) = (envoy::program()?, envoy::module()?);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("candor.yaml");
        std::fs::write(&path, format!("version: 1\nadmin: {{ listen: off }}\n{rules}")).unwrap();
        let configured = format!("{{ config: {} }}", path.display());
        let text = configuration(MODULE, backend, "").replace("{ presets: [status-field] }", &configured);
        Some(Mesh { envoy: Envoy::start(&program, &text), processor: None, _folder: folder })
    }

    fn client(&self) -> Client {
        Client::connect(self.envoy.address)
    }
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

#[test]
fn istio_gets_the_filter_that_is_tested() {
    let filter = |path: &str| {
        let text = files::text(path);
        let from = text
            .find("- name: candor\n")
            .or_else(|| text.find("  name: candor\n          typed_config"))
            .unwrap();
        // One line each, as they are nested differently.
        let lines = text[from..].lines().map(str::trim).skip_while(|line| !line.starts_with("\"@type\""));
        let lines = lines.take_while(|line| !line.starts_with("- "));
        lines.filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    let (tested, istios) = (filter("deploy/envoy/envoy.yaml"), filter("deploy/istio/sidecar.yaml"));
    assert!(tested.len() > 10, "{tested:#?}");
    assert_eq!(tested, istios);
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
