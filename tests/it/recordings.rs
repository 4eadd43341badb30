//! The commands that read recorded traffic, as the pages show them, and what they make of files that are none.

use std::fs;
use std::process::Command;

use crate::cli::{candor, check, ended, without_colour};
use crate::support::files;

/// The pages whose console blocks are run, in the folder of their example files.
const PAGES: [&str; 3] = ["docs/replay.md", "docs/learn.md", "docs/rules.md"];
/// Those on which all lines fit a terminal; what rules see may be longer.
const NARROW_PAGES: [&str; 2] = ["docs/replay.md", "docs/learn.md"];
const FOLDER: &str = "docs/examples";

#[test]
fn console_blocks_on_the_pages_are_what_is_printed() {
    let mut run = 0;
    for page in PAGES {
        let text = files::text(page);
        let mut changed = text.clone();
        for block in text.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let printed = replayed(block);
            run += 1;
            changed = changed.replacen(block, &printed, 1);
        }
        if std::env::var_os("CANDOR_UPDATE_DOCS").is_some() {
            fs::write(files::path(page), &changed).unwrap();
        } else {
            assert_eq!(text, changed, "{page}: run with CANDOR_UPDATE_DOCS=1 to write what is printed");
        }
    }
    assert!(run >= PAGES.len());
}

/// A block as it is when its commands are run: each `$ command` and what it prints on either stream.
fn replayed(block: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(files::path(FOLDER)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let program = files::path(env!("CARGO_BIN_EXE_candor"));
    let mut text = String::new();
    for command in block.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{command}\ncode=$?; [ $code = 0 ] || echo \"exit $code\"")])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", program.parent().unwrap().display()))
            .output()
            .unwrap();
        text.push_str(&format!("$ {command}\n{}", String::from_utf8(output.stdout).unwrap()));
    }
    text
}

#[test]
fn lines_on_the_pages_fit_a_terminal() {
    for page in NARROW_PAGES {
        let text = files::text(page);
        for block in text.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            let long: Vec<&str> = block.lines().filter(|line| line.chars().count() > 80).collect();
            assert_eq!(long, Vec::<&str>::new(), "{page}");
        }
    }
}

/// A file with these bytes, for as long as the value lives.
fn recording(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    file
}

const HAR: &str = include_str!("../../docs/examples/shop.har");
const OLD: &str = "docs/examples/old.yaml";
const NEW: &str = "docs/examples/new.yaml";

#[test]
fn what_is_no_recording_is_told_and_is_another_exit_code() {
    let told = |bytes: &[u8], expected: &[&str]| {
        let file = recording(bytes);
        check(&["replay", "-c", NEW, file.path().to_str().unwrap()], 2, expected);
    };
    told(b"", &["is empty"]);
    told(&HAR.as_bytes()[..HAR.len() / 2], &["after 6 exchanges: the file breaks off"]);
    told(HAR.replacen("1.2", "3.0", 1).as_bytes(), &["HAR version `3.0` is not known"]);
    told(b"\x89PNG", &["is no recording", "HAR file"]);
    check(&["replay", "-c", NEW, "there/is/none.har"], 2, &["cannot read `there/is/none.har`"]);
    check(&["replay", "-c", NEW, "docs"], 2, &["cannot read `docs`: it is a folder"]);
    check(&["replay", "-c", "none.yaml", "docs/examples/shop.har"], 2, &["cannot read `none.yaml`"]);
    check(&["replay", "--rule", "$.a:4[ -> 404", "docs/examples/shop.har"], 1, &["unclosed"]);
    check(&["replay", "-c", NEW], 2, &["<TRAFFIC>"]);
    check(&["replay", "-c", NEW, "--against", OLD, "--allow", "a->b", "x.har"], 2, &["neither a status"]);
}

#[test]
fn a_missing_file_is_told_before_anything_is_read() {
    let arguments = ["replay", "-c", NEW, "docs/examples/shop.har", "none.har"];
    let (code, stdout, _) = ended(candor(&arguments).output().unwrap());
    assert_eq!((code, stdout.as_str()), (2, ""));
}

#[test]
fn replay_speaks_json_even_where_the_recording_breaks_off() {
    let file = recording(&HAR.as_bytes()[..HAR.len() * 3 / 4]);
    let path = file.path().to_str().unwrap();
    let replayed = |arguments: &[&str], code: i32| -> serde_json::Value {
        let (ended, stdout, _) = ended(candor(arguments).output().unwrap());
        assert_eq!(ended, code, "{stdout}");
        serde_json::from_str(&stdout).unwrap()
    };
    let told = replayed(&["replay", "-c", NEW, "--format", "json", path], 2);
    assert!(told["error"]["message"].as_str().unwrap().contains("breaks off"), "{told}");
    let told = replayed(&["replay", "-c", NEW, "--format", "json", "docs/examples/shop.har"], 0);
    assert_eq!((&told["exchanges"], &told["changed"], &told["skipped"]), (&12.into(), &6.into(), &1.into()));
    assert_eq!(told["changes"][0]["change"]["now_by"], "shop/no-such-order");
    let against = ["replay", "-c", NEW, "--against", OLD, "--format", "json", "docs/examples/shop.har"];
    let told = replayed(&against, 1);
    assert_eq!(told["forbidden"], 6);
    let allowed = [&against[..], &["--allow", "400->4xx", "--allow", "*->503"]].concat();
    assert_eq!(replayed(&allowed, 0)["forbidden"], 0);
}

#[test]
fn a_report_is_of_captures_only() {
    check(
        &["report", "docs/examples/shop.har"],
        2,
        &["`docs/examples/shop.har` is no capture", "`candor replay`"],
    );
    check(&["report", "none.jsonl"], 2, &["cannot read `none.jsonl`"]);
    let capture = include_str!("../../docs/examples/capture.jsonl");
    let broken = recording(&capture.as_bytes()[..capture.len() - 20]);
    check(
        &["report", broken.path().to_str().unwrap()],
        2,
        &["after 11 exchanges: the file breaks off in line 12"],
    );
    let silent = recording(capture.lines().next().unwrap().as_bytes());
    check(&["report", silent.path().to_str().unwrap()], 0, &["1 exchange, and no rule in shadow mode"]);
}

#[test]
fn a_report_speaks_json() {
    let arguments = ["report", "--format", "json", "docs/examples/capture.jsonl"];
    let (code, stdout, _) = ended(candor(&arguments).output().unwrap());
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &told["exchanges"]), (0, &12.into()));
    let row = &told["shadows"][0];
    assert_eq!(
        (&row["rule"], &row["exchanges"], &row["doubtful"]),
        (&"shop/busy".into(), &3.into(), &1.into())
    );
    assert_eq!(row["doubts"][0]["request"], "GET /orders/7");
}

#[test]
fn colour_is_put_where_it_is_wanted() {
    let coloured = |arguments: &[&str], expected: &[&str]| {
        let (_, stdout, _) = ended(candor(&[arguments, &["--color", "always"]].concat()).output().unwrap());
        for part in expected {
            assert!(stdout.contains(part), "{stdout}\nshould hold {part:?}");
        }
    };
    let replay = ["replay", "-c", NEW, "--against", OLD, "--allow", "400->404", "docs/examples/shop.har"];
    coloured(
        &replay,
        &["400       -> \u{1b}[32m404\u{1b}[0m", "-> \u{1b}[31m503\u{1b}[0m", "\u{1b}[31m2 exchanges"],
    );
    coloured(&["report", "docs/examples/capture.jsonl"], &["\u{1b}[31m       1\u{1b}[0m"]);
}

#[test]
fn colour_adds_nothing_but_colour() {
    let replay = ["replay", "-c", NEW, "--against", OLD, "--allow", "400->404", "docs/examples/shop.har"];
    let report = ["report", "docs/examples/capture.jsonl"];
    for (name, arguments) in [("replay_in_colour", &replay[..]), ("report_in_colour", &report)] {
        let told = |when: &str| ended(candor(&[arguments, &["--color", when]].concat()).output().unwrap()).1;
        let coloured = told("always");
        insta::assert_snapshot!(name, coloured.replace('\x1b', "^"));
        assert_eq!(without_colour(&coloured), told("never"));
    }
}

#[test]
fn learn_says_what_it_cannot_read_and_when_there_is_nothing_to_learn() {
    check(&["learn", "none.har"], 2, &["cannot read `none.har`"]);
    let broken = recording(&HAR.as_bytes()[..HAR.len() / 2]);
    check(&["learn", broken.path().to_str().unwrap()], 2, &["the file breaks off"]);
    check(&["learn", "--min-confidence", "2", "x"], 2, &["a number from 0 to 1"]);
    let good = recording(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"id\":1}");
    check(&["learn", good.path().to_str().unwrap()], 0, &["Nothing in them looks enough like an error"]);
    check(&["learn", "--min-confidence", "0.95", "docs/examples/shop.har"], 0, &["Nothing in them"]);
}

#[test]
fn what_is_learnt_has_no_secrets_in_it() {
    let answer = recording(
        b"HTTP/1.1 200 OK\r\n\r\n{\"success\":false,\"token\":\"hunter2\",\"message\":\"bad ${x}\"}",
    );
    let (code, stdout, stderr) = ended(candor(&["learn", answer.path().to_str().unwrap()]).output().unwrap());
    assert_eq!(code, 0, "{stderr}");
    assert!(
        !stdout.contains("hunter2") && stdout.contains("[redacted]") && stdout.contains("$${x}"),
        "{stdout}"
    );
    let learnt = crate::cli::file(&stdout);
    check(&["test", learnt.path().to_str().unwrap()], 0, &["1 case: 1 held"]);
}

#[test]
fn recordings_go_through_an_api_gateway_definition() {
    let definition = r##"
openapi: 3.0.1
info: { title: shop, version: '1' }
paths:
  /orders/{id}:
    get:
      responses: { 200: {}, 404: {} }
      x-amazon-apigateway-integration:
        type: http
        httpMethod: GET
        uri: http://shop.example/orders/{id}
        responses:
          default:
            statusCode: 200
            responseTemplates:
              application/json: |
                #set($order = $input.path('$'))
                #if($order.code == 1404)#set($context.responseOverride.status = 404)#end
                {"order": "$input.params('id')"}
"##;
    let file = crate::cli::file(definition);
    let arguments = ["replay", "--openapi", file.path().to_str().unwrap(), "docs/examples/shop.har"];
    let expected =
        ["200       -> 404               4  integration response default", "GET /orders/17", "~> 200"];
    check(&arguments, 0, &expected);
    check(&arguments, 0, &["403               3  gateway response MISSING_AUTHENTICATION_TOKEN"]);
}

#[test]
fn a_rule_to_capture_that_is_not_there_is_told() {
    let configuration = "version: 1\nupstreams: { a: { url: http://app } }\ncapture: { folder: x, rules: [r/besy] }\n\
                         rule_sets: { r: { rules: [{ name: busy, when: { status: 200 }, then: { status: 503 } }] } }\n";
    let file = crate::cli::file(configuration);
    check(
        &["check", "-c", file.path().to_str().unwrap()],
        0,
        &["`r/besy`, which is no rule", "did you mean `r/busy`?"],
    );
}

/// What a schema of the pages has against a document.
pub fn schema_problems(name: &str, document: &serde_json::Value) -> Vec<String> {
    let schema = serde_json::from_str(&files::text(&format!("docs/schemas/{name}.json"))).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    schema.iter_errors(document).map(|error| format!("{name}{}: {error}", error.instance_path())).collect()
}

#[test]
fn what_is_printed_for_programs_fits_its_schema() {
    let broken = recording(&HAR.as_bytes()[..HAR.len() * 3 / 4]);
    let broken = broken.path().to_str().unwrap().to_owned();
    let (har, capture) = ("docs/examples/shop.har", "docs/examples/capture.jsonl");
    let (answer, api) = ("docs/examples/answer.txt", "deploy/examples/status-mapping/api.yaml");
    let printed = [
        vec!["replay", "-c", NEW, har],
        vec!["replay", "-c", NEW, "--against", OLD, har, capture],
        vec!["replay", "-c", NEW, &broken],
        vec!["report", capture],
        vec!["learn", har, capture],
        vec!["test", "tests/cases/conditions"],
        vec!["test", "tests/cases/apigateway"],
        vec!["explain", "-c", NEW, "--path", "/orders/7", answer],
        vec!["explain", "--openapi", api, "--path", "/mapped/7", answer],
        vec!["explain", "--openapi", api, "--path", "/nowhere"],
        vec!["explain", "--openapi", api, "--path", "/raised/x", answer],
        vec!["explain", "--openapi", api, "--path", "/mapped/7", "--failure", "timeout"],
    ];
    for arguments in printed {
        let output = candor(&[&arguments[..], &["--format", "json"]].concat()).output().unwrap();
        let (_, stdout, stderr) = ended(output);
        let document = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{stdout}{stderr}"));
        assert_eq!(schema_problems(arguments[0], &document), Vec::<String>::new(), "{stdout}");
    }
    for line in files::text(capture).lines() {
        assert_eq!(schema_problems("capture", &serde_json::from_str(line).unwrap()), Vec::<String>::new());
    }
    assert!(!schema_problems("replay", &serde_json::json!({ "changes": [], "error": {} })).is_empty());
}
