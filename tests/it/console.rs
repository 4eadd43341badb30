//! The console as an operator meets it: the program's own admin listener, `candor tail`, and what the playground writes
//! played by `candor test`. The page itself is walked in a browser by `tests/browser/console.py`.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::cli::{candor, check, ended, file};
use crate::support::client::{Answered, Client};
use crate::support::upstream::{After, Upstream};
use crate::support::{files, json as reply};

/// A running sidecar; ends with the value.
struct Running {
    child: Child,
    traffic: SocketAddr,
    admin: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// `candor demo`.
    fn demo() -> Running {
        let mut command = candor(&["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut after = |words: &str| loop {
            let line = lines.next().unwrap().unwrap();
            if let Some((_, rest)) = line.split_once(words) {
                let end =
                    rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
                return rest[..end].trim_end_matches(['.', ':']).parse().unwrap();
            }
        };
        let traffic = after("Candor listens on http://");
        let admin = after("try rules out: http://");
        Running { child, traffic, admin }
    }

    /// `candor serve` before nobody, with this token.
    fn serve(token: &str) -> Running {
        let mut command = candor(&["serve", "--upstream", "http://127.0.0.1:1"]);
        command.env("CANDOR_ADMIN__TOKEN", token);
        Running::listening(command)
    }

    /// `candor serve` with this configuration.
    fn configured(configuration: &str) -> Running {
        let file = file(configuration);
        Running::listening(candor(&["serve", "-c", file.path().to_str().unwrap()]))
    }

    fn listening(mut command: Command) -> Running {
        command.args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        let address = |key: &str| event[key].as_str().unwrap().parse().unwrap();
        Running { traffic: address("listen"), admin: address("admin"), child }
    }

    /// What the admin listener answers under this name.
    fn ask(&self, request: &str, host: &str, more: &str) -> Answered {
        let mut client = Client::connect(self.admin);
        client.send(format!("{request} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n"));
        client.answer(false)
    }

    /// What the API makes of a trial.
    fn post(&self, path: &str, trial: &Value) -> Answered {
        let body = trial.to_string();
        let mut client = Client::connect(self.admin);
        let length = body.len();
        client.send(format!(
            "POST /api/v1/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n{body}"
        ));
        client.answer(false)
    }

    /// The same, which is well.
    fn told(&self, path: &str, trial: &Value) -> Value {
        let answer = self.post(path, trial);
        assert_eq!(answer.status(), 200, "{}", answer.text());
        serde_json::from_str(answer.text()).unwrap()
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(self.ask(&format!("GET /api/v1/{path}"), "localhost", "").text()).unwrap()
    }
}

#[test]
fn what_the_demo_did_is_on_its_console() {
    let demo = Running::demo();
    let answer =
        Client::connect(demo.traffic).exchange("GET /status-field?secret=1", &["x-request-id: id-of-a-test"]);
    assert_eq!(answer.status(), 404);
    // An exchange is counted when its worker has let go of it, which may be after the client has the answer.
    let told = loop {
        let told = demo.json("exchanges/id-of-a-test");
        if told["status"] != 404 {
            break told;
        }
    };
    let seen = &told["exchange"];
    assert_eq!((&seen["upstream_status"], &seen["status"]), (&json!(200), &json!(404)));
    assert_eq!((&seen["rule"], &seen["path"]), (&json!("status-field/statusCode"), &json!("/status-field")));
    assert!(told["way"].as_array().unwrap().iter().any(|step| step["result"] == "fired"));
    assert!(demo.json("overview")["hidden"].as_u64().unwrap() > 10);
    assert!(demo.ask("GET /", "any.test", "").text().contains("<title>Candor</title>"));
    assert_eq!(demo.ask("GET /api/v1/overview", "evil.test", "").status(), 403);
}

#[test]
fn tail_tells_exchanges_as_they_come() {
    let demo = Running::demo();
    let url = format!("http://{}", demo.admin);
    let mut tail = candor(&["tail", "--admin", &url, "--last", "1", "--text", "id-of-a-test"]);
    let mut tail = tail.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    Client::connect(demo.traffic).exchange("GET /status-field", &["x-request-id: id-of-a-test"]);
    let line = lines.next().unwrap().unwrap();
    assert!(line.starts_with("200 -> 404  GET /status-field  status-field/statusCode  "), "{line}");
    drop(demo);
    let (code, _, stderr) = ended(tail.wait_with_output().unwrap());
    assert!(
        code == 2 || stderr.is_empty(),
        "a sidecar that ends is told, or ends the answer in order: {stderr}"
    );
}

#[test]
fn a_running_sidecar_is_asked_what_shadow_rules_would_have_done() {
    let upstream = Upstream::scripted(|request, stream| {
        let body =
            if request.head.start.contains("/busy") { r#"{"state":"busy"}"# } else { r#"{"state":"fine"}"# };
        stream.write_all(reply(body).as_bytes()).unwrap();
        After::KeepOpen
    });
    let configuration = format!(
        "version: 1\nupstreams: {{ a: {{ url: 'http://{}' }} }}\nrule_sets: {{ shop: {{ rules: [\
         {{ name: busy, mode: shadow, when: {{ json: $.state, equals: busy }}, then: {{ status: 503 }} }}] }} }}\n",
        upstream.address
    );
    let folder = tempfile::tempdir().unwrap();
    let capturing = format!("{configuration}capture: {{ folder: '{}' }}\n", folder.path().display());
    let row = "  /{proxy+}  shop/busy  200  -> 503           2";
    for (configuration, doubtful, example) in
        [(&configuration, "-", "  sent-2  GET /busy"), (&capturing, "2", "  captures #1  GET /busy")]
    {
        let sidecar = Running::configured(configuration);
        let mut client = Client::connect(sidecar.traffic);
        for (number, path) in (1..).zip(["/busy", "/busy", "/fine"]) {
            let id = format!("x-request-id: sent-{number}");
            assert_eq!(client.exchange(&format!("GET {path}"), &[&id]).status(), 200);
        }
        drop(client);
        let url = format!("http://{}", sidecar.admin);
        // Exchanges are counted, and their captures written, soon after the client has the answer.
        let told = loop {
            let (code, told, stderr) = ended(candor(&["report", "--admin", &url]).output().unwrap());
            assert_eq!(code, 0, "{stderr}");
            if told.contains("3 exchanges in all") {
                break told;
            }
        };
        let captured = sidecar.json("exchanges/sent-2")["captured"].take();
        match doubtful {
            "-" => assert_eq!(captured, Value::Null),
            _ => {
                assert_eq!(captured["body"], r#"{"state":"busy"}"#);
                assert_eq!(captured["trace"][0]["checks"][0]["found"], "\"busy\"", "{captured}");
            }
        }
        assert!(told.contains(&format!("{row}         {doubtful}\n")), "{told}");
        assert!(told.contains(example), "{told}");
    }
    check(&["report", "--admin", "http://127.0.0.1:1"], 2, &["`http://127.0.0.1:1` cannot be read"]);
    check(&["report", "--admin", "http://127.0.0.1:1", "a.jsonl"], 2, &["cannot be used with"]);
}

#[test]
fn a_captured_exchange_through_a_definition_is_told_stage_by_stage() {
    let upstream =
        Upstream::answering(reply(r#"{"message":"no order 7"}"#).replace("200 OK", "404 Not Found"));
    let folder = tempfile::tempdir().unwrap();
    let sidecar = Running::configured(&format!(
        "version: 1\nupstreams: {{ legacy: {{ url: 'http://{}' }} }}\ncapture: {{ folder: '{}' }}\n\
         api: {{ definition: '{}', upstream: legacy, lambdas: {{ orders: 'http://127.0.0.1:1/' }} }}\n",
        upstream.address,
        folder.path().display(),
        files::path("tests/definitions/orders.yaml").display(),
    ));
    let body = r#"{"order":{"id":7}}"#;
    let mut client = Client::connect(sidecar.traffic);
    client.ask(
        "POST /orders/7",
        &["x-request-id: sent-1", "content-type: application/json", "content-length: 18"],
    );
    client.send(body);
    let answer = client.answer(false);
    assert_eq!(answer.status(), 400);
    drop(client);
    let captured = loop {
        let told = sidecar.json("exchanges/sent-1");
        if !told["captured"].is_null() {
            break told["captured"].clone();
        }
    };
    assert_eq!((&captured["status"], &captured["trace"]), (&json!(404), &Value::Null));
    assert_eq!(
        Client::connect(sidecar.traffic).exchange("GET /mock", &["x-request-id: sent-2"]).status(),
        204
    );
    let kept = |word: &str| {
        let told = sidecar.json(&format!("exchanges?verdict={word}"));
        let exchanges = told["exchanges"].as_array().unwrap().clone();
        exchanges.iter().map(|seen| seen["request_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // An exchange is kept soon after the client has its answer.
    while kept("pass").is_empty() {}
    assert_eq!(
        (kept("rewrite"), kept("pass"), kept("none")),
        (vec!["sent-1".to_owned()], vec!["sent-2".to_owned()], vec![])
    );
    let made = &captured["api"];
    assert_eq!((&made["through"], &made["answer"]["body"]), (&json!("api"), &json!(answer.text())));
    assert_eq!(made["integration_response"]["pattern"], r"4\d{2}");
    assert_eq!((&made["sent"]["method"], &made["sent"]["body"]), (&json!("PUT"), &json!(body)));
    let lines = sidecar.ask("GET /api/v1/captures", "localhost", "");
    assert!(lines.text().contains(r#""integration_response":"4\\d{2} -> 400""#), "{}", lines.text());
}

#[test]
fn the_token_is_asked_for() {
    let token = "a-token-of-many-characters";
    let sidecar = Running::serve(token);
    assert_eq!(sidecar.ask("GET /api/v1/overview", "localhost", "").status(), 401);
    assert_eq!(sidecar.ask("GET /livez", "probe.test", "").text(), "ok");
    let shown = format!("authorization: Bearer {token}\r\n");
    assert_eq!(sidecar.ask("GET /api/v1/overview", "candor.internal", &shown).status(), 200);
    let url = format!("http://{}", sidecar.admin);
    check(&["tail", "--admin", &url], 2, &["answered 401 Unauthorized", "`--token-file FILE`"]);
    let wrong = file("another-token-of-many-characters\n");
    check(&["tail", "--admin", &url, "--token-file", wrong.path().to_str().unwrap()], 2, &["401"]);
}

#[test]
fn a_token_may_be_in_a_file() {
    let token = file("a-token-of-many-characters\n");
    let configuration = |path: &str| {
        file(&format!(
            "version: 1\nupstreams: {{ a: {{ url: 'http://a' }} }}\nadmin: {{ token_file: {path} }}\n"
        ))
    };
    let good = configuration(token.path().to_str().unwrap());
    check(&["check", "-c", good.path().to_str().unwrap()], 0, &["ok"]);
    let missing = configuration("nowhere");
    check(&["check", "-c", missing.path().to_str().unwrap()], 1, &["cannot read", "nowhere", "token_file"]);
    let short = file("secret\n");
    let short = configuration(short.path().to_str().unwrap());
    check(&["check", "-c", short.path().to_str().unwrap()], 1, &["is shorter than 16 characters"]);
}

#[test]
fn what_the_playground_writes_holds() {
    let demo = Running::demo();
    let trial = json!({
        "name": "a flag is 422", "rule_set": "demo",
        "upstream": { "headers": { "content-type": "application/json" }, "body": r#"{"success":false}"# },
    });
    check_case(&demo, &trial);
}

/// A trial that is written as a case, which holds by itself.
#[track_caller]
fn check_case(sidecar: &Running, trial: &Value) {
    let told = sidecar.told("case", trial);
    let case = file(told["text"].as_str().unwrap());
    check(&["test", case.path().to_str().unwrap()], 0, &["1 case: 1 held"]);
}

#[test]
fn template_files_are_edited_for_a_trial_and_no_other_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("gone.vtl", "gone: $input.path('$.code')");
    write("secret.vtl", "a secret");
    write(
        "candor.yaml",
        "version: 1\nupstreams: { a: { url: 'http://127.0.0.1:1' } }\nrule_sets: { shop: { rules: [\
         { name: gone, when: { json: $.code }, then: { body: { template: { file: gone.vtl } } } }] } }\n",
    );
    let configuration = folder.path().join("candor.yaml");
    let sidecar = Running::listening(candor(&["serve", "-c", configuration.to_str().unwrap()]));
    let rules = sidecar.json("rules");
    let loaded = json!([{ "file": "gone.vtl", "text": "gone: $input.path('$.code')" }]);
    assert_eq!((&rules["templates"], &rules["sets"][0]["templates"]), (&loaded, &json!(["gone.vtl"])));
    let text = rules["sets"][0]["text"].as_str().unwrap();
    assert!(text.contains("template: { file: gone.vtl }"), "{text}");
    let upstream = json!({ "json": { "code": 7 } });
    let body = |trial: Value| sidecar.told("evaluate", &trial)["answer"]["body"].clone();
    assert_eq!(body(json!({ "upstream": upstream })), "gone: 7");
    let edited = text.replace("name: gone", "name: left");
    assert_eq!(body(json!({ "upstream": upstream, "rule_set": "shop", "rules": edited })), "gone: 7");
    let changed = json!({
        "upstream": upstream, "rule_set": "shop", "templates": { "gone.vtl": "left: $input.path('$.code')" },
    });
    assert_eq!(body(changed.clone()), "left: 7");
    check_case(&sidecar, &changed);
    assert_eq!(body(json!({ "upstream": upstream })), "gone: 7", "what is served stays as it is");
    for path in ["secret.vtl", "/etc/passwd", "./gone.vtl"] {
        let trial =
            json!({ "upstream": upstream, "rule_set": "shop", "rules": text.replace("gone.vtl", path) });
        let refused = sidecar.post("evaluate", &trial);
        let expected = format!("`{path}` is no template file of the configuration in force");
        assert_eq!(refused.status(), 422);
        assert!(refused.text().contains(&expected), "{}", refused.text());
    }
}

#[test]
fn a_definition_is_edited_for_a_trial() {
    let definition = files::text("tests/definitions/orders.yaml");
    let sidecar = Running::configured(&format!(
        "version: 1\nupstreams: {{ legacy: {{ url: 'http://127.0.0.1:1' }} }}\n\
         api: {{ definition: '{}', upstream: legacy, lambdas: {{ orders: 'http://127.0.0.1:1/' }} }}\n",
        files::path("tests/definitions/orders.yaml").display(),
    ));
    assert_eq!(sidecar.json("definition")["text"], definition);
    assert!(sidecar.json("rules")["definition"].as_str().unwrap().ends_with("orders.yaml"));
    let trial = json!({
        "request": { "method": "POST", "path": "/orders/7", "json": {} },
        "upstream": { "status": 404, "json": { "message": "no order 7" } },
    });
    let with = |more: Value| {
        let mut trial = trial.clone();
        trial.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        trial
    };
    assert_eq!(sidecar.told("evaluate", &trial)["answer"]["body"], r#"{"why":"no order 7"}"#);
    let edited = with(json!({ "definition": definition.replace(r#"'{"why":"#, r#"'{"because":"#) }));
    assert_eq!(sidecar.told("evaluate", &edited)["answer"]["body"], r#"{"because":"no order 7"}"#);
    check_case(&sidecar, &edited);
    assert_eq!(sidecar.told("evaluate", &trial)["answer"]["body"], r#"{"why":"no order 7"}"#);
    let refused = |more: Value, expected: &[&str]| {
        let answer = sidecar.post("evaluate", &with(more));
        assert_eq!(answer.status(), 422);
        let text = answer.text();
        expected.iter().for_each(|expected| assert!(text.contains(expected), "{text}"));
    };
    let broken = definition.replace(r#"$input.json("$.message")"#, "#if(");
    refused(json!({ "definition": broken }), &["mapping template", r#""file":"definition","line":22"#]);
    refused(json!({ "definition": definition, "rules": "use: [soap]" }), &["`rules` beside `definition`"]);
    let demo = Running::demo();
    let answer = demo.post("evaluate", &json!({ "definition": definition }));
    assert!(answer.text().contains("names no definition of an API"), "{}", answer.text());
}
