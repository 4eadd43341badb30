//! What a sidecar records of its traffic, and that the recording is replayed to the same end.

use std::fs;
use std::io::Write;
use std::path::Path;

use candor::engine::hold::Hold;
use candor::settings::{Capture, Settings};
use serde_json::Value;

use crate::cli::{candor, ended, file};
use crate::recordings::schema_problems;
use crate::support::sidecar::Sidecar;
use crate::support::upstream::{After, Upstream};
use crate::support::{TEXT_RULE, json};

/// The lines in a folder, oldest file first.
fn lines(folder: &Path) -> Vec<Value> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let texts: Vec<String> = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    texts.iter().flat_map(|text| text.lines()).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn recording(upstream: &Upstream, rules: &str, capture: Capture) -> Sidecar {
    Sidecar::with(upstream.address, rules, |settings: &mut Settings| settings.capture = Some(capture))
}

const RULES: &str = r"
rule_sets:
  orders:
    rules:
      - { name: coded, when: { json: $.code, equals: 1404 }, then: { status: 404, body: problem } }
      - { name: busy, mode: shadow, when: { json: $.state, equals: busy }, then: { status: 503 } }
";

fn upstream() -> Upstream {
    Upstream::scripted(|request, stream| {
        let body = match request.head.start.split([' ', '?']).nth(1).unwrap() {
            "/missing" => r#"{"code":1404,"password":"hunter2"}"#,
            "/busy" => r#"{"state":"busy"}"#,
            _ => r#"{"state":"fine"}"#,
        };
        stream.write_all(json(body).as_bytes()).unwrap();
        After::KeepOpen
    })
}

#[test]
fn exchanges_are_recorded_and_replayed_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream();
    let sidecar = recording(&upstream, RULES, Capture::to(folder.path()));
    let mut client = sidecar.client();
    assert_eq!(
        client.exchange("GET /missing?token=abc", &["authorization: Bearer abc", "x: y"]).status(),
        404
    );
    assert_eq!(client.exchange("GET /busy", &[]).status(), 200);
    assert_eq!(client.exchange("GET /fine", &[]).status(), 200);
    sidecar.stop().drained();
    let lines = lines(folder.path());
    let told: Vec<_> = lines.iter().map(|line| (&line["verdict"], &line["rule"], &line["status"])).collect();
    let expected =
        [("rewrite", "orders/coded".into(), 404), ("pass", Value::Null, 200), ("pass", Value::Null, 200)];
    assert_eq!(told.len(), expected.len(), "{lines:?}");
    for (told, (verdict, rule, status)) in told.into_iter().zip(expected) {
        assert_eq!(told, (&verdict.into(), &rule, &status.into()));
    }
    assert_eq!(lines[1]["shadows"], serde_json::json!([{ "rule": "orders/busy", "status": 503 }]));
    assert_eq!(lines[0]["upstream"]["body"], r#"{"code":1404,"password":"[redacted]"}"#);
    for line in &lines {
        assert_eq!(schema_problems("capture", line), Vec::<String>::new(), "{line}");
    }
    let text = lines[0].to_string();
    assert!(!text.contains("hunter2") && !text.contains("abc") && text.contains(r#"["x","y"]"#), "{text}");

    let rules = file(&format!("version: 1\nupstreams: {{ legacy: {{ url: http://app }} }}\n{RULES}"));
    let capture = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let arguments =
        ["replay", "--format", "json", "-c", rules.path().to_str().unwrap(), capture.to_str().unwrap()];
    let (code, stdout, stderr) = ended(candor(&arguments).output().unwrap());
    let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    assert_eq!((code, &told["exchanges"], &told["changed"]), (0, &3.into(), &1.into()));
    assert_eq!(told["changes"][0]["change"]["now_by"], "orders/coded");
}

#[test]
fn a_long_body_is_recorded_in_part_and_goes_out_whole() {
    let folder = tempfile::tempdir().unwrap();
    let body = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
    let upstream = Upstream::answering(json(&body));
    for (rules, max_bytes) in [(RULES, 1 << 20), (RULES, 1000), (TEXT_RULE, 1 << 20)] {
        let capture = Capture { body_bytes: 50, ..Capture::to(folder.path()) };
        let sidecar = Sidecar::with(upstream.address, rules, |settings| {
            settings.capture = Some(capture);
            settings.hold = Hold { max_bytes, ..Hold::default() };
        });
        assert_eq!(sidecar.exchange("GET /", &[]).text(), body);
        sidecar.stop().drained();
    }
    let lines = lines(folder.path());
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert_eq!(
            (line["upstream"]["body"].as_str().unwrap().len(), &line["upstream"]["cut"]),
            (50, &true.into())
        );
    }
}

#[test]
fn an_exchange_that_a_client_leaves_is_recorded_as_far_as_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::scripted(|_, stream| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nhalf")
            .unwrap();
        let _ = std::io::Read::read(stream, &mut [0]);
        After::Close
    });
    let sidecar = recording(&upstream, "rule_sets: { plain: { rules: [] } }", Capture::to(folder.path()));
    let mut client = sidecar.client();
    client.ask("GET /", &[]);
    client.head();
    assert_eq!(client.bytes(4), b"half");
    drop(client);
    assert_eq!(upstream.ended(), 0);
    sidecar.stop().drained();
    let lines = lines(folder.path());
    assert_eq!((&lines[0]["upstream"]["body"], &lines[0]["upstream"]["cut"]), (&"half".into(), &true.into()));
}

#[test]
fn a_folder_that_cannot_be_had_is_told_when_serving_begins() {
    let taken = tempfile::NamedTempFile::new().unwrap();
    let configuration = file(&format!(
        "version: 1\nserver: {{ listen: '127.0.0.1:0' }}\nadmin: {{ listen: off }}\n\
         upstreams: {{ a: {{ url: http://app }} }}\ncapture: {{ folder: {}/below }}\n",
        taken.path().display()
    ));
    let (code, stdout, stderr) =
        ended(candor(&["serve", "-c", configuration.path().to_str().unwrap()]).output().unwrap());
    assert_eq!(code, 2, "{stdout}{stderr}");
    assert!(stderr.contains("cannot capture to `"), "{stderr}");
}
