//! What a sidecar records of its traffic, and that the recording is replayed to the same end.

use std::fs;
use std::io::Write;
use std::path::Path;

use candor::engine::hold::Hold;
use candor::settings::{Capture, Kind, Settings};
use serde_json::Value;

use crate::cli::{candor, check, ended, file};
use crate::recordings::schema_problems;
use crate::support::client::Answered;
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
        client.exchange("GET /missing?token=sesame", &["authorization: Bearer sesame", "x: y"]).status(),
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
    assert!(!text.contains("hunter2") && !text.contains("sesame") && text.contains(r#"["x","y"]"#), "{text}");

    let rules = file(&format!("version: 1\nupstreams: {{ legacy: {{ url: http://app }} }}\n{RULES}"));
    let capture = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let arguments =
        ["replay", "--format", "json", "-c", rules.path().to_str().unwrap(), capture.to_str().unwrap()];
    let (code, stdout, stderr) = ended(candor(&arguments).output().unwrap());
    let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    assert_eq!((code, &told["exchanges"], &told["changed"]), (0, &3.into(), &1.into()));
    assert_eq!(told["changes"][0]["change"]["now_by"], "orders/coded");
}

/// The definition of the tests on API Gateway: every kind of integration.
const DEFINITION: &str = include_str!("../definitions/orders.yaml");

/// A sidecar that carries out a definition before this upstream, and records so.
fn carrying_out(definition: &str, upstream: &Upstream, keys: &str, capture: Capture) -> Sidecar {
    let address = upstream.address;
    let configuration = format!(
        "upstreams: {{ legacy: {{ url: 'http://{address}' }} }}\n\
         api: {{ upstream: legacy, lambdas: {{ orders: 'http://{address}/function' }}{keys} }}\n"
    );
    Sidecar::carrying_out_with(definition, &configuration, |settings| settings.capture = Some(capture))
}

fn post(sidecar: &Sidecar, path: &str, headers: &[&str], body: &str) -> Answered {
    let length = format!("content-length: {}", body.len());
    let mut client = sidecar.client();
    client.ask(&format!("POST {path}"), &[headers, &["content-type: application/json", &length]].concat());
    client.send(body);
    client.answer(false)
}

/// What `candor replay` with these flags makes of all that is in a folder: for every exchange that it changes the
/// status and who says so.
fn replayed(flags: &[&str], folder: &Path) -> Vec<(Value, String)> {
    let captures: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let captures = captures.iter().map(|path| path.to_str().unwrap());
    let arguments: Vec<&str> =
        ["replay", "--format", "json"].into_iter().chain(flags.iter().copied()).chain(captures).collect();
    let (code, stdout, stderr) = ended(candor(&arguments).output().unwrap());
    let told: Value = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
    assert_eq!(code, 0, "{told}");
    let changes = told["changes"].as_array().unwrap().iter().map(|it| &it["change"]);
    changes.map(|change| (change["to"].clone(), change["now_by"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn exchanges_through_a_definition_are_recorded_and_replayed_to_the_same_end() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Upstream::scripted(|request, stream| {
        let event = String::from_utf8_lossy(&request.payload.bytes);
        let answer = match request.head.start.split(' ').nth(1).unwrap() {
            "/function" if event.contains("broken") => json("no envelope"),
            "/function" => json(r#"{"statusCode":409,"body":"taken"}"#),
            "/v1/7" => json(r#"{"message":"no order 7"}"#).replace("200 OK", "404 Not Found"),
            "/dead" => return After::Close,
            _ => json(r#"{"state":"fine"}"#),
        };
        stream.write_all(answer.as_bytes()).unwrap();
        After::KeepOpen
    });
    let sidecar = carrying_out(DEFINITION, &upstream, "", Capture::to(folder.path()));
    let body = r#"{"order":{"id":7},"password":"hunter2"}"#;
    assert_eq!(
        post(&sidecar, "/orders/7?token=sesame", &["authorization: Bearer sesame"], body).status(),
        400
    );
    let mut client = sidecar.client();
    for (path, status) in
        [("/fn", 409), ("/fn?broken", 502), ("/fine", 200), ("/mock", 204), ("/dead", 504), ("/fine", 200)]
    {
        assert_eq!(client.exchange(&format!("GET {path}"), &[]).status(), status, "{path}");
    }
    drop(client);
    sidecar.stop().drained();

    let lines = lines(folder.path());
    let told = |line: &Value| {
        let api = &line["api"];
        let by = [&api["integration_response"], &api["gateway_response"]];
        let by = by.map(|by| by.as_str().unwrap_or("-"));
        let [route, verdict] = [&line["route"], &line["verdict"]].map(|it| it.as_str().unwrap());
        format!("{route} {verdict} {} {}", line["status"], by.join(" "))
    };
    let told: Vec<_> = lines.iter().map(told).collect();
    let expected = [
        r"/orders/{id} rewrite 400 4\d{2} -> 400 -",
        "/fn rewrite 409 - -",
        "/fn failed 502 - DEFAULT_5XX",
        "/{proxy+} pass 200 - -",
        "/{proxy+} pass 200 - -",
    ];
    assert_eq!(told, expected, "neither what a mock answers nor where nobody did");
    for line in &lines {
        assert_eq!(schema_problems("capture", line), Vec::<String>::new(), "{line}");
    }
    assert_eq!(lines[0]["request"]["body"], r#"{"order":{"id":7},"password":"[redacted]"}"#);
    assert_eq!(lines[0]["upstream"]["body"], r#"{"message":"no order 7"}"#);
    let text = lines[0].to_string();
    assert!(!text.contains("hunter2") && !text.contains("sesame"), "{text}");

    let definition = file(DEFINITION);
    let again = replayed(&["--openapi", definition.path().to_str().unwrap()], folder.path());
    let by = [r"integration response 4\d{2}", "API", "gateway response DEFAULT_5XX", "API", "API"];
    let expected: Vec<_> =
        lines.iter().map(|line| line["status"].clone()).zip(by.map(str::to_owned)).collect();
    assert_eq!(again, expected);
    let by_rules = replayed(&["--rule", r"$.statusCode:4\d{2} -> $.statusCode"], folder.path());
    assert_eq!(by_rules, [(409.into(), "flags/rule-1".to_owned())]);
    let capture = fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let capture = capture.to_str().unwrap();
    check(&["report", capture], 0, &["5 exchanges, and no rule in shadow mode would have fired"]);
    check(&["learn", capture], 0, &["# 1 answer, confidence 0.97: GET /fn"]);
}

/// A method that wants a key, and a body that fits its model.
const GUARDED: &str = r##"
openapi: 3.0.1
info: { title: guarded, version: "1" }
x-amazon-apigateway-request-validators: { all: { validateRequestBody: true } }
x-amazon-apigateway-request-validator: all
paths:
  /orders:
    post:
      security: [{ key: [] }]
      requestBody: { content: { application/json: { schema: { type: object, required: [last] } } } }
      responses: { "200": {}, "404": {} }
      x-amazon-apigateway-integration:
        type: http
        httpMethod: POST
        uri: http://legacy.example/orders
        responses:
          default: { statusCode: 200, responseTemplates: { application/json: '{"id":$input.json("$.id")}' } }
          "404": { statusCode: 404 }
components: { securitySchemes: { key: { type: apiKey, name: x-api-key, in: header } } }
"##;

#[test]
fn a_key_that_was_taken_out_was_good_and_what_is_missing_of_a_body_decides_nothing() {
    let upstream = Upstream::scripted(|request, stream| {
        let body = String::from_utf8_lossy(&request.payload.bytes).into_owned();
        let long = format!(r#"{{"id":7,"more":"{}"}}"#, "x".repeat(100));
        let answer = match body.as_str() {
            body if body.contains("long") => json(&long),
            body if body.contains("gone") => json(&long).replace("200 OK", "404 Not Found"),
            _ => json(r#"{"id":7}"#),
        };
        stream.write_all(answer.as_bytes()).unwrap();
        After::KeepOpen
    });
    let folder = tempfile::tempdir().unwrap();
    let capture = Capture { body_bytes: 40, ..Capture::to(folder.path()) };
    let keys = ", keys: { shop: a-key-of-many-characters }";
    let sidecar = carrying_out(GUARDED, &upstream, keys, capture);
    let padding = "x".repeat(40);
    for (body, status) in [
        (r#"{"last":1}"#, 200),
        (r#"{"long":1,"last":1}"#, 200),
        (r#"{"gone":1,"last":1}"#, 404),
        (&format!(r#"{{"padding":"{padding}","last":1}}"#), 200),
        ("{}", 400),
    ] {
        let key = ["x-api-key: a-key-of-many-characters"];
        assert_eq!(post(&sidecar, "/orders", &key, body).status(), status, "{body}");
    }
    assert_eq!(post(&sidecar, "/orders", &["x-api-key: another"], "{}").status(), 403);
    sidecar.stop().drained();
    assert_eq!(lines(folder.path()).len(), 4, "what was refused had no upstream's answer");
    let definition = file(GUARDED);
    let configuration = file(&format!(
        "version: 1\nupstreams: {{ legacy: {{ url: 'http://app' }} }}\n\
         api: {{ definition: '{}', upstream: legacy{keys} }}\n",
        definition.path().display()
    ));
    let again = replayed(&["-c", configuration.path().to_str().unwrap()], folder.path());
    let by_default = "integration response default".to_owned();
    assert_eq!(again, [(200.into(), by_default), (404.into(), "integration response 404".to_owned())]);
}

#[test]
fn what_is_recorded_of_a_definitions_exchanges_is_chosen_by_what_became_of_them() {
    let upstream = Upstream::scripted(|request, stream| {
        let answer = match request.head.start.split(' ').nth(1).unwrap() {
            "/v1/missing" => json("{}").replace("200 OK", "404 Not Found"),
            "/function" => json("no envelope"),
            _ => json("{}"),
        };
        stream.write_all(answer.as_bytes()).unwrap();
        After::KeepOpen
    });
    let check = |only: &[Kind], rules: &[&str], rate_millionths: u32, expected: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        let capture = Capture { only: only.to_vec(), rules, rate_millionths, ..Capture::to(folder.path()) };
        let sidecar = carrying_out(DEFINITION, &upstream, "", capture);
        for path in ["/orders/missing", "/orders/there", "/fn", "/other"] {
            post(&sidecar, path, &[], "{}");
        }
        sidecar.stop().drained();
        let lines = lines(folder.path());
        let urls: Vec<_> = lines.iter().map(|line| line["request"]["url"].as_str().unwrap()).collect();
        assert_eq!(urls, expected, "{only:?} {rate_millionths}");
    };
    check(&[], &[], 1_000_000, &["/orders/missing", "/orders/there", "/fn", "/other"]);
    check(&[], &[], 0, &[]);
    check(&[Kind::Translated], &[], 1_000_000, &["/orders/missing"]);
    check(&[Kind::Failed], &[], 1_000_000, &["/fn"]);
    check(&[Kind::Passed], &[], 1_000_000, &["/orders/there", "/other"]);
    check(&[Kind::Undecided, Kind::Shadow], &[], 1_000_000, &[]);
    check(&[], &["orders/coded"], 1_000_000, &[]);
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
