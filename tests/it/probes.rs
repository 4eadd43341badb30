//! `GET /probe/NAME`: health for those who cannot read what a backend says.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cli::{check, file};
use crate::drain::Running;
use crate::support::client::{Answered, Client};
use crate::support::upstream::{After, Deaf, Nowhere, Upstream};
use crate::support::{gate, json};

/// A sidecar before this upstream, with these probes.
fn serving(upstream: SocketAddr, probes: &str) -> Running {
    serving_with("", upstream, probes)
}

/// The same, with more that is said of the upstream.
fn serving_with(more: &str, upstream: SocketAddr, probes: &str) -> Running {
    let file = file(&format!(
        "version: 1\nupstreams: {{ app: {{ url: 'http://{upstream}'{more} }} }}\nprobes: {probes}
rule_sets:
  plain: {{ rules: [] }}
  health:
    rules:
      - {{ name: down, when: {{ json: $.state, matches: 'DOWN|OUT_OF_SERVICE' }}, then: {{ status: 503 }} }}
routes: [{{ name: all, rules: health }}]
"
    ));
    Running::start(&["-c", file.path().to_str().unwrap()], &[("CANDOR_SERVER__WORKERS", "1")])
}

fn told(answer: &Answered) -> (u16, &str) {
    (answer.status(), answer.text())
}

#[test]
fn a_probe_says_what_the_upstream_said_and_what_rules_made_of_it() {
    let upstream = Upstream::scripted(|request, stream| {
        let state = if request.head.start.contains("/sick") { "DOWN" } else { "UP" };
        stream.write_all(json(&format!(r#"{{"state":"{state}"}}"#)).as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = serving(
        upstream.address,
        "
  well: { route: all, path: '/health?deep=1' }
  sick: { upstream: app, rules: health, path: /sick, host: 'health.test:1', method: POST }
  blind: { rules: off, path: /sick }
  resigned: { rules: health, path: /sick, healthy: '503' }",
    );
    assert_eq!(told(&sidecar.ask_admin("GET /probe/well")), (200, "ok: app said 200\n"));
    let seen = upstream.received().head;
    assert_eq!(seen.start, "GET /health?deep=1 HTTP/1.1");
    assert_eq!(seen.header("host"), Some(&*upstream.address.to_string()));

    let failed = sidecar.ask_admin("GET /probe/sick");
    assert_eq!(told(&failed), (503, "failed: app said 200, health/down made it 503\n"));
    let seen = upstream.received().head;
    assert_eq!((&*seen.start, seen.header("host")), ("POST /sick HTTP/1.1", Some("health.test:1")));
    assert!(seen.header("user-agent").is_some_and(|agent| agent.starts_with("candor-probe/")));

    assert_eq!(told(&sidecar.ask_admin("GET /probe/blind")), (200, "ok: app said 200\n"));
    assert_eq!(sidecar.ask_admin("GET /probe/resigned").status(), 200);
    let unknown = sidecar.ask_admin("GET /probe/none");
    assert_eq!(unknown.status(), 404);
    assert!(unknown.text().contains("there is no probe `none`"), "{}", unknown.text());
    assert_eq!(sidecar.ask_admin("POST /probe/well").status(), 405);
    assert_eq!(sidecar.ask_admin("GET /readyz").status(), 200, "a sick backend is no sick sidecar");
}

#[test]
fn an_upstream_with_as_much_to_do_as_it_may_have_is_still_asked() {
    for bound in ["connections", "requests"] {
        let (open, opened) = gate();
        let upstream = Upstream::scripted(move |request, stream| {
            if request.head.start.contains("/work") {
                opened();
            }
            stream.write_all(json("{}").as_bytes()).unwrap();
            After::KeepOpen
        });
        let limits = format!(", limits: {{ {bound}: 1, pending: 0 }}");
        let sidecar = serving_with(&limits, upstream.address, "{ it: { rules: off, path: / } }");
        let mut client = Client::connect(sidecar.traffic);
        client.ask("GET /work", &[]);
        upstream.received();
        assert_eq!(told(&sidecar.ask_admin("GET /probe/it")), (200, "ok: app said 200\n"));
        open();
        assert_eq!(client.answer(false).status(), 200);
    }
}

#[test]
fn no_answer_is_a_failure_that_says_why() {
    let nowhere = Nowhere::reserve();
    let sidecar = serving(nowhere.address, "{ it: { rules: off, path: / } }");
    assert_eq!(
        told(&sidecar.ask_admin("GET /probe/it")),
        (503, "failed: the upstream refused the connection\n")
    );

    let deaf = Deaf::listen();
    let sidecar = serving(deaf.address, "{ it: { rules: off, path: /, timeout: 20ms } }");
    assert_eq!(told(&sidecar.ask_admin("GET /probe/it")), (503, "failed: no answer within 20ms\n"));

    let half = Upstream::answering_once(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{",
    );
    let sidecar = serving(half.address, "{ it: { rules: health, path: / } }");
    assert_eq!(told(&sidecar.ask_admin("GET /probe/it")), (503, "failed: the upstream's answer broke off\n"));
}

#[test]
fn nobody_can_hammer_a_backend_through_a_probe() {
    let (open, wait) = gate();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let upstream = Upstream::scripted(move |_, stream| {
        counted.fetch_add(1, Ordering::Relaxed);
        wait();
        stream.write_all(json("{}").as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = serving(upstream.address, "{ it: { rules: off, path: /, timeout: 20s, cache: 1h } }");
    thread::scope(|scope| {
        let asking: Vec<_> =
            (0..20).map(|_| scope.spawn(|| sidecar.ask_admin("GET /probe/it").status())).collect();
        upstream.received();
        open();
        for answer in asking {
            assert_eq!(answer.join().unwrap(), 200);
        }
    });
    assert_eq!(sidecar.ask_admin("GET /probe/it").status(), 200);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[test]
fn probes_are_asked_anew_and_on_the_same_connection() {
    let sick = Arc::new(AtomicUsize::new(0));
    let turns = Arc::clone(&sick);
    let upstream = Upstream::scripted(move |_, stream| {
        let state = ["UP", "DOWN"][turns.fetch_add(1, Ordering::Relaxed) % 2];
        stream.write_all(json(&format!(r#"{{"state":"{state}"}}"#)).as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = serving(upstream.address, "{ it: { rules: health, path: /, cache: 0s } }");
    for expected in [200, 503, 200, 503] {
        assert_eq!(sidecar.ask_admin("GET /probe/it").status(), expected);
        assert_eq!(upstream.received().connection, 0);
    }
}

#[test]
fn a_connection_that_the_backend_has_closed_is_no_failure() {
    let upstream = Upstream::answering_once(json("{}"));
    let sidecar = serving(upstream.address, "{ it: { rules: off, path: /, cache: 0s } }");
    for connection in 0..3 {
        assert_eq!(sidecar.ask_admin("GET /probe/it").status(), 200);
        assert_eq!(upstream.ended(), connection);
    }
}

#[test]
fn a_wrong_probe_is_told_by_check() {
    let file = file("version: 1\nupstreams: { a: { url: http://app } }\nprobes:\n  it: { path: health }\n");
    let path = file.path().to_str().unwrap();
    check(&["check", "-c", path], 1, &["`health` is not a path", ".yaml:4:15", "it begins with `/`"]);
}
