//! The program as scripts and people see it: what it prints where, and what it ends with.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

use crate::support::client::Client;
use crate::support::files;
use crate::support::upstream::Upstream;

/// The program, in an environment that says nothing.
pub fn candor(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_candor"));
    command.args(arguments).env_clear().current_dir(files::path("."));
    command
}

/// A text without what colours it.
pub fn without_colour(text: &str) -> String {
    regex::Regex::new("\x1b\\[[0-9]*m").unwrap().replace_all(text, "").into_owned()
}

/// Exit code, stdout and stderr.
pub fn ended(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[track_caller]
pub fn check(arguments: &[&str], code: i32, expected: &[&str]) {
    let (ended, stdout, stderr) = ended(candor(arguments).output().unwrap());
    assert_eq!(ended, code, "{arguments:?}\n{stdout}{stderr}");
    for part in expected {
        assert!(
            format!("{stdout}{stderr}").contains(part),
            "{arguments:?}\n{stdout}{stderr}\nshould hold {part:?}"
        );
    }
}

/// A file with this text, for as long as the value lives.
pub fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[track_caller]
fn check_file(text: &str, code: i32, expected: &[&str]) {
    let file = file(text);
    for command in ["check", "serve"] {
        check(&[command, "-c", file.path().to_str().unwrap()], code, expected);
    }
}

#[test]
fn bad_files_are_told_with_their_place() {
    check_file("", 1, &["is empty"]);
    check_file("version: 1\nupstreams:\n\tlegacy: {}\n", 1, &[".yaml:3:", "begins with a tab"]);
    check_file(
        "version: 1\nupstreams: { a: { url: app:9000 } }\n",
        1,
        &["has no scheme", "`http://app:9000`"],
    );
    check_file("upstreams: { a: { url: http://app } }\n", 1, &["`version`"]);
    let never = "version: 1\nupstreams: { a: { url: http://app } }\nrule_sets:\n  a:\n    rules:\n      \
                 - { name: wide, when: { status: '4\\d{2}' }, then: { status: 400 } }\n      \
                 - { name: narrow, when: { status: 404, json: $.x }, then: { status: 410 } }\n";
    check_file(never, 1, &["rule `a/narrow` can never match: `a/wide` comes first", ".yaml:7:"]);
}

#[test]
fn what_cannot_be_read_at_all_is_another_exit_code() {
    check(&["check", "-c", "there/is/none.yaml"], 2, &["cannot read `there/is/none.yaml`"]);
    check(&["check", "-c", "/"], 2, &["cannot read `/`"]);
    check(&["serve", "--no-such-flag"], 2, &["--no-such-flag"]);
    check(&["explain", "--preset", "soap", "there/is/none.txt"], 2, &["cannot read"]);
}

#[test]
fn flags_and_variables_are_told_by_their_name() {
    check(
        &["check", "--upstream", "http://app", "--preset", "status-feild"],
        1,
        &["did you mean `status-field`?"],
    );
    check(&["check"], 1, &["no upstream", "--upstream", "CANDOR_UPSTREAM"]);
    check(&["check", "--upstream", "http://app", "--rule", "$.a:4[ -> 404"], 1, &["--rule:1:6", "unclosed"]);
    let wrong =
        candor(&["check", "--upstream", "http://app"]).env("CANDOR_HOLD__MAX_BYTE", "1").output().unwrap();
    let (code, stdout, _) = ended(wrong);
    assert_eq!(code, 1);
    assert!(stdout.contains("CANDOR_HOLD__MAX_BYTE") && stdout.contains("`max_bytes`"), "{stdout}");
}

#[test]
fn templates_are_read_from_beside_the_file_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rules = |file: &str| {
        let rule =
            format!("{{ when: {{ json: $.a }}, then: {{ body: {{ template: {{ file: {file} }} }} }} }}");
        format!(
            "version: 1\nupstreams: {{ a: {{ url: http://app }} }}\nrule_sets: {{ r: {{ rules: [{rule}] }} }}\n"
        )
    };
    let candor_yaml = path("candor.yaml");
    let arguments = ["check", "-c", candor_yaml.to_str().unwrap()];
    std::fs::write(path("good.vtl"), "${name} $input.json('$.a')").unwrap();
    std::fs::write(path("bad.vtl"), "first line\n#if(1 +)\n#end").unwrap();
    std::fs::write(&candor_yaml, rules("good.vtl")).unwrap();
    check(&arguments, 0, &["ok:"]);
    std::fs::write(&candor_yaml, rules("bad.vtl")).unwrap();
    check(&arguments, 1, &["bad.vtl:2:8", "#if(1 +)"]);
    std::fs::write(&candor_yaml, rules("none.vtl")).unwrap();
    check(&arguments, 1, &["none.vtl", "candor.yaml:3:"]);
}

#[test]
fn check_counts_what_is_there_and_speaks_json() {
    check(&["check", "-c", "config/minimal.yaml"], 0, &["ok: 1 upstream, 1 route, 1 rule set"]);
    let (code, stdout, _) =
        ended(candor(&["check", "--format", "json", "--upstream", "app:9000"]).output().unwrap());
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &told["problems"][0]["severity"]), (1, &"error".into()));
    assert_eq!(told["problems"][0]["file"], "--upstream");
}

#[test]
fn schema_and_version_are_printed() {
    let (code, stdout, _) = ended(candor(&["schema"]).output().unwrap());
    assert_eq!((code, stdout), (0, files::text("config/candor.schema.json")));
    check(&["--version"], 0, &[&format!("candor {}", env!("CARGO_PKG_VERSION"))]);
}

const SAVED: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nETag: \"v1\"\r\n\r\n{\"statusCode\": 404, \"text\": \"gone\\nfor good\"}\n";

fn explained(arguments: &[&str], saved: &str) -> (i32, String, String) {
    let mut child = candor(&[&["explain"], arguments, &["-"]].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(saved.as_bytes()).unwrap();
    ended(child.wait_with_output().unwrap())
}

#[test]
fn explain_says_why_and_why_not() {
    let rules =
        ["--rule", "status:5\\d{2} -> 502", "--rule", "$.text:gone.* -> 410", "--rule", "$.missing:x -> 400"];
    let (code, stdout, _) = explained(&[&rules[..], &["--preset", "status-field"]].concat(), SAVED);
    assert_eq!(code, 0);
    let shown: String =
        stdout.lines().take_while(|line| !line.contains("not reached")).map(|l| format!("{l}\n")).collect();
    insta::assert_snapshot!(shown, @r#"
    request   GET /
    upstream  200 OK, application/json, 46 bytes
    rule set  default

    flags/rule-1: no match
      no  status matches `5\d{2}`: `200` - fits up to character 0, stopped at `2`
    flags/rule-2: no match
      no  $.text matches `gone.*`: "gone\nfor good" - fits up to character 4, then `\n` is too much: the whole value must match
    flags/rule-3: no match
      no  $.missing matches `x`: path missing
    status-field/statusCode: fired
      yes status matches `2\d{2}`: `200`
      yes $.statusCode matches `201|202|[45]\d{2}`: 404
    "#);
    let answer = stdout.split("verdict   ").nth(1).unwrap();
    insta::assert_snapshot!(answer, @r#"
    rewrite by status-field/statusCode

    HTTP/1.1 404 Not Found
    content-type: application/json
    cache-control: no-store

    {"statusCode": 404, "text": "gone\nfor good"}
    "#);
}

#[test]
fn explain_names_what_stands_in_the_way() {
    let check = |arguments: &[&str], saved: &str, expected: &str| {
        let (code, stdout, stderr) = explained(&[&["--preset", "status-field"], arguments].concat(), saved);
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains(expected), "{stdout}\nshould hold {expected:?}");
    };
    let with = |header: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{header}\r\n\r\n{body}");
    check(&[], &with("Content-Type: text/html", "<html>"), "not JSON (byte 0)");
    check(&[], &with("Content-Type: application/json", "{\"statusCode\":4"), "cut short");
    check(&[], &with("Content-Type: image/png", "{\"statusCode\":404}"), "content type not inspected");
    check(
        &[],
        &with("Content-Encoding: compress", "{\"statusCode\":404}"),
        "encoding `compress` not decoded",
    );
    check(&["--method", "HEAD"], &with("Content-Length: 9", ""), "body not looked at: HEAD");
    let long = format!("{{\"a\":\"{}\",\"statusCode\":404}}", "x".repeat(2 << 20));
    check(&[], &with("Content-Type: application/json", &long), "body over 1048576 bytes");
}

#[test]
fn explain_speaks_json() {
    let (code, stdout, _) = explained(&["--preset", "status-field", "--format", "json"], SAVED);
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(code, 0);
    assert_eq!(told["verdict"], "rewrite");
    assert_eq!(told["rule"], "status-field/statusCode");
    assert_eq!(told["answer"]["status"], 404);
    assert_eq!(told["trace"][0]["checks"][0]["holds"], true);
}

#[test]
fn explain_chooses_rules_as_the_proxy_does() {
    let rules = "version: 1\nselector: { allow: [strict, 'off'], from: [127.0.0.1] }\nroutes: [{ rules: plain }]\n\
                 rule_sets:\n  plain: { use: status-field }\n  strict: { default: { status: 502 } }\n";
    let file = file(rules);
    let check = |header: &str, code: i32, expected: &str| {
        let arguments = ["-c", file.path().to_str().unwrap(), "-H", header];
        let (ended, stdout, stderr) = explained(&arguments, SAVED);
        assert_eq!(ended, code, "{stderr}");
        assert!(format!("{stdout}{stderr}").contains(expected), "{stdout}{stderr}\nshould hold {expected:?}");
    };
    check("accept: text/html", 0, "rewrite by status-field/statusCode");
    check("x-candor-rules: strict", 0, "rewrite by strict/default");
    check("x-candor-rules: off", 0, "rule set  none");
    check("x-candor-rules: other", 2, "candor would answer 400");
}

#[test]
fn explain_refuses_what_is_no_saved_answer() {
    let (code, _, stderr) = explained(&["--preset", "status-field"], "{\"statusCode\": 404}");
    assert_eq!(code, 2);
    assert!(stderr.contains("not with a status line") && stderr.contains("curl -i"), "{stderr}");
    let (code, _, stderr) = explained(&["--rule-set", "nothing", "--preset", "soap"], SAVED);
    assert_eq!(code, 2);
    assert!(stderr.contains("there is no rule set `nothing`"), "{stderr}");
}

/// A running `serve`, and the address it says it listens on.
pub fn serving(command: &mut Command) -> (Child, BufReader<std::process::ChildStdout>, std::net::SocketAddr) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut log = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(event["message"], "listening", "{line}");
    let address = event["listen"].as_str().unwrap().parse().unwrap();
    (child, log, address)
}

#[test]
fn serve_needs_no_file_and_stops_in_order() {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"statusCode\":404}",
    );
    let (mut child, log, address) = serving(
        candor(&["serve"])
            .env("CANDOR_UPSTREAM", format!("http://{}", upstream.address))
            .env("CANDOR_PRESET", "status-field")
            .env("CANDOR_LISTEN", "127.0.0.1:0")
            .env("CANDOR_ADMIN", "127.0.0.1:0")
            .env("CANDOR_DRAIN__DELAY", "0s"),
    );
    let answer = Client::connect(address).exchange("GET /orders/17?token=secret", &[]);
    assert_eq!(answer.status(), 404);

    let terminate = format!("kill -TERM {}", child.id());
    assert!(Command::new("sh").args(["-c", &terminate]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let lines: Vec<String> = log.lines().map(Result::unwrap).collect();
    let exchange = lines.iter().find(|line| line.contains("\"exchange\"")).unwrap();
    let event: serde_json::Value = serde_json::from_str(exchange).unwrap();
    assert_eq!((&event["upstream_status"], &event["status"]), (&200.into(), &404.into()));
    assert_eq!(event["rule"], "status-field/statusCode");
    assert_eq!(event["path"], "/orders/17");
    assert!(!exchange.contains("secret"), "{exchange}");
}

#[test]
fn a_port_in_use_is_told_with_advice() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let arguments = ["serve", "--upstream", "http://127.0.0.1:9", "--admin", "off", "--listen", &address];
    check(&arguments, 2, &[&address, "in use", "--listen"]);
}
