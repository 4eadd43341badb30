//! Plays every case of `tests/cases` through every door: the answer is the same each time.

use std::fmt::Write as _;

use candor::case::{self, Case, Decision, Played};
use candor::diagnostic::{Diagnostics, Source};

use crate::support::files;

const FOLDER: &str = "tests/cases";

/// Every case there is. A file that cannot be read, or holds none, fails with all that is wrong in all files.
fn cases() -> Vec<Case> {
    let paths = files::below(FOLDER);
    assert!(!paths.is_empty(), "no cases in {FOLDER}");
    let mut problems = String::new();
    let mut cases = Vec::new();
    for path in paths {
        if !path.ends_with(".yaml") {
            writeln!(problems, "{path}: not a case file (*.yaml)").unwrap();
            continue;
        }
        let mut diagnostics = Diagnostics::default();
        cases.extend(
            case::read(&Source::new(&path, files::text(&path)), &mut diagnostics).map(|file| file.cases),
        );
        for problem in diagnostics.into_sorted() {
            writeln!(problems, "{problem}\n").unwrap();
        }
    }
    assert_eq!(problems, "", "\n{problems}");
    cases.into_iter().flatten().collect()
}

/// What is wrong with a case that was played, and why it came out so; nothing when it holds.
fn failure(case: &Case, played: &Played) -> Option<String> {
    let mismatches = case.expectation.mismatches(played);
    if mismatches.is_empty() {
        return None;
    }
    let mut text = format!("{}:{}: {}\n", case.place.source.name, case.place.line, case.name);
    for mismatch in mismatches {
        writeln!(text, "  {mismatch}").unwrap();
    }
    if let Decision::Made { verdict, trace, .. } = &played.decision {
        let reason = verdict.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
        writeln!(text, "    {}{reason}", verdict.word()).unwrap();
        for line in trace.to_string().lines() {
            writeln!(text, "    {line}").unwrap();
        }
    }
    Some(text)
}

fn all_hold(door: &str, failures: Vec<String>, played: usize) {
    assert!(
        failures.is_empty(),
        "{} of {played} cases fail through {door}\n\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn every_case_holds_through_evaluate() {
    let cases = cases();
    let failures = cases.iter().filter_map(|case| failure(case, &case.evaluate())).collect();
    all_hold("evaluate", failures, cases.len());
}

#[test]
fn a_wrong_expectation_fails_with_its_place_and_the_trace() {
    let text = "rules: ['$.code:4\\d{2} -> 404']\ncases:\n  - name: a fact\n    upstream: { json: { code: 500 } }\n    expect: { status: 404 }\n";
    let file = case::read(&Source::new("cases.yaml", text), &mut Diagnostics::default()).unwrap();
    let failure = failure(&file.cases[0], &file.cases[0].evaluate()).unwrap();
    let told =
        "cases.yaml:3: a fact\n  status: expected `404`, got `200`\n    pass\n    flags/rule-1: no match\n";
    assert!(failure.starts_with(told), "{failure}");
    assert!(failure.contains("$.code matches `4\\d{2}`: 500"), "{failure}");
}
