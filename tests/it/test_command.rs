//! `candor test` as its users see it.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{candor, check, ended, without_colour};
use crate::support::files;

const FAILING: &str = "rules: ['$.code:1404 -> 404']\ncases:\n  - name: a missing order is 404\n    \
                       upstream: { json: { code: 1405 } }\n    expect: { status: 404 }\n";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn test_in(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = candor(&["test"]);
    command.args(arguments).current_dir(folder.path());
    command
}

/// Exit code and standard output.
fn told(command: &mut Command) -> (i32, String) {
    let (code, stdout, _) = ended(command.output().unwrap());
    (code, stdout)
}

#[test]
fn the_projects_own_cases_run_through_it() {
    check(&["test", "tests/cases"], 0, &["ok   tests/cases/conditions/", " held, 0 failed"]);
}

#[test]
fn a_case_that_does_not_hold_is_told_as_the_page_says() {
    let folder = folder(&[("orders.cases.yaml", FAILING)]);
    let (code, told) = told(&mut test_in(&folder, &["orders.cases.yaml"]));
    assert_eq!(code, 1);
    let page = files::text("docs/testing.md");
    let shown = page.split("```\n").find(|block| block.starts_with("FAIL ")).unwrap();
    assert_eq!(told, shown);
}

#[test]
fn every_report_has_the_failure() {
    let folder = folder(&[("a.yaml", FAILING)]);
    let report = |format: &str| told(&mut test_in(&folder, &["a.yaml", "--format", format]));
    let (code, json) = report("json");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["failed"], &json["results"][0]["status"]), (1, &1.into(), &200.into()));
    let mismatch = &json["results"][0]["mismatches"][0];
    assert_eq!((&mismatch["what"], &mismatch["got"]), (&"status".into(), &"`200`".into()));
    let (code, junit) = report("junit");
    assert_eq!(code, 1);
    let expected = "<failure message=\"status: expected `404`, got `200`\">";
    assert!(junit.contains(expected) && junit.ends_with("</testsuites>\n"), "{junit}");
    let (code, tap) = report("tap");
    assert_eq!(code, 1);
    assert!(
        tap.starts_with("TAP version 14\n1..1\nnot ok 1 - a missing order is 404\n  ---\n  at: a.yaml:3\n"),
        "{tap}"
    );
    let (_, coloured) = told(&mut test_in(&folder, &["a.yaml", "--color", "always"]));
    assert!(coloured.contains("\u{1b}[31m- `404`\u{1b}[0m\n      \u{1b}[32m+ `200`\u{1b}[0m"), "{coloured}");
}

#[test]
fn colour_adds_nothing_but_colour() {
    let folder = folder(&[("a.yaml", FAILING)]);
    let arguments = ["a.yaml", "--coverage", "--min-coverage", "90"];
    let coloured = told(test_in(&folder, &arguments).args(["--color", "always"])).1;
    let plain = told(test_in(&folder, &arguments).args(["--color", "never"])).1;
    insta::assert_snapshot!(coloured.replace('\x1b', "^"));
    assert_eq!(without_colour(&coloured), plain);
    assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
}

#[test]
fn what_came_out_can_become_what_is_expected() {
    let text = "# kept\nrules: ['$.code:1404 -> 404']\ncases:\n  - name: a\n    upstream: { json: { code: 1404 } }\n    \
                expect:\n      status: 500   # kept too\n      json:\n        code: 7\n  - name: b\n    each: [{ code: 1 }]\n    \
                upstream: { json: { code: '{{code}}' } }\n    expect: { status: 404 }\n";
    let folder = folder(&[("a.yaml", text)]);
    let (code, told) = told(&mut test_in(&folder, &["a.yaml", "--update"]));
    assert_eq!(code, 1, "the table is left");
    assert!(told.ends_with("1 case updated, 1 left to be changed by hand\n"), "{told}");
    let updated =
        text.replace("status: 500", "status: 404").replace("json:\n        code: 7", "json: {\"code\":1404}");
    assert_eq!(fs::read_to_string(folder.path().join("a.yaml")).unwrap(), updated);
}

#[test]
fn flags_say_what_cases_are_about_and_files_name_other_files() {
    let case = "cases: [{ name: a, upstream: { file: answer.json }, expect: { status: 404 } }]\n";
    let configured = format!("config: candor.yaml\n{case}");
    let definition = r#"{"openapi":"3.0.1","info":{"title":"t","version":"1"},"paths":{"/":{"get":{"responses":{"404":{}},
        "x-amazon-apigateway-integration":{"type":"http","httpMethod":"GET","uri":"http://a/","responses":{"default":{"statusCode":"404"}}}}}}}"#;
    let folder = folder(&[
        ("a.yaml", case),
        ("b.yaml", &configured),
        ("answer.json", r#"{"statusCode":404}"#),
        (
            "candor.yaml",
            "version: 1\nupstreams: { a: { url: 'http://${HOST:-a}' } }\nrule_sets: { s: { use: [status-field] } }\n",
        ),
        ("api.json", definition),
    ]);
    let ends = |arguments: &[&str], code: i32| {
        assert_eq!(told(&mut test_in(&folder, arguments)).0, code, "{arguments:?}")
    };
    ends(&["a.yaml"], 1);
    ends(&["a.yaml", "--preset", "status-field"], 0);
    ends(&["a.yaml", "-c", "candor.yaml"], 0);
    ends(&["a.yaml", "--openapi", "api.json"], 0);
    ends(&["b.yaml"], 0);
    ends(&["."], 1);
    ends(&[".", "--filter", "b.yaml"], 0);
    ends(&[".", "--filter", "nothing"], 2);
    ends(&["a.yaml", "--preset", "status-feild"], 2);
    ends(&["there-is-none.yaml"], 2);
    ends(&["candor.yaml"], 2);
}

#[test]
fn cases_in_a_configuration_are_tested_and_not_served() {
    let text = "version: 1\nupstreams: { a: { url: 'http://a' } }\nrule_sets: { s: { rules: [{ name: r, when: { status: 200 }, then: { status: 404 } }] } }\n\
                cases: [{ name: a, expect: { status: 404 } }]\n";
    let folder = folder(&[("candor.yaml", text)]);
    assert_eq!(told(&mut test_in(&folder, &["candor.yaml"])).0, 0);
    let checked = candor(&["check", "-c", "candor.yaml"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(ended(checked).0, 0);
}

#[test]
fn too_little_coverage_fails() {
    let text = "rules: ['$.code:1404 -> 404']\ncases: [{ name: a, upstream: { json: { code: 1404 } }, expect: { status: 404 } }]\n";
    let folder = folder(&[("a.yaml", text)]);
    let covered = |least: &str| told(&mut test_in(&folder, &["a.yaml", "--min-coverage", least]));
    assert_eq!(covered("60").0, 0);
    let (code, told) = covered("70");
    assert_eq!(code, 1);
    assert!(told.contains("  flags/rule-1\n    never false: $.code matches `1404`\n"), "{told}");
    assert!(
        told.ends_with("coverage: 66.7 % of what 1 rule or method can do, and 70 % is asked for\n"),
        "{told}"
    );
}
