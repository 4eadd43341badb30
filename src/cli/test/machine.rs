//! Results for programs.

use std::fmt::Write;

use quick_xml::escape::escape;
use serde_json::{Value, json};

use super::suite::{Suite, Tried};

/// One document with all results and what no case has asked.
pub fn json(suite: &Suite) -> Value {
    let result = |tried: &Tried| {
        let mismatches = tried.mismatches.iter().map(
            |mismatch| json!({ "what": mismatch.what, "expected": mismatch.expected, "got": mismatch.got }),
        );
        json!({
            "name": tried.case.name,
            "file": tried.case.place.source.name,
            "line": tried.case.place.line,
            "holds": tried.holds(),
            "status": tried.played.status.as_u16(),
            "mismatches": mismatches.collect::<Vec<_>>(),
            "why": if tried.holds() { Vec::new() } else { tried.why() },
        })
    };
    let gaps = suite.coverage.gaps();
    let gaps = gaps.iter().map(|gap| json!({ "file": gap.file, "name": gap.name, "never": gap.never }));
    let (all, failed) = suite.counts();
    json!({
        "cases": all,
        "failed": failed,
        "results": suite.results().map(result).collect::<Vec<_>>(),
        "coverage": { "ratio": suite.coverage.ratio(), "gaps": gaps.collect::<Vec<_>>() },
    })
}

/// A `testsuite` for every file.
pub fn junit(suite: &Suite) -> String {
    let (all, failed) = suite.counts();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "<testsuites name=\"candor\" tests=\"{all}\" failures=\"{failed}\">");
    for file in &suite.files {
        let name = &file.source.name;
        let failed = file.results.iter().filter(|tried| !tried.holds()).count();
        let tests = file.results.len();
        let _ = writeln!(
            text,
            "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failed}\">",
            escape(name.as_str())
        );
        for tried in &file.results {
            junit_case(&mut text, name, tried);
        }
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn junit_case(text: &mut String, file: &str, tried: &Tried) {
    let (name, line) = (escape(tried.case.name.as_str()), tried.case.place.line);
    let head =
        format!("    <testcase classname=\"{0}\" file=\"{0}\" line=\"{line}\" name=\"{name}\"", escape(file));
    let _ = match tried.mismatches.first() {
        None => writeln!(text, "{head}/>"),
        Some(first) => {
            let (message, told) = (first.to_string(), told(tried));
            writeln!(
                text,
                "{head}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
                escape(printable(&message)),
                escape(printable(&told))
            )
        }
    };
}

/// XML 1.0 has no way to write other control characters.
fn printable(text: &str) -> String {
    text.chars().map(|it| if it.is_control() && !"\n\t\r".contains(it) { '\u{fffd}' } else { it }).collect()
}

/// A point for every case, with a YAML block where it does not hold.
pub fn tap(suite: &Suite) -> String {
    let mut text = format!("TAP version 14\n1..{}\n", suite.counts().0);
    for (number, tried) in (1..).zip(suite.results()) {
        let word = if tried.holds() { "ok" } else { "not ok" };
        let name = tried.case.name.replace('\\', "\\\\").replace('#', "\\#");
        let _ = writeln!(text, "{word} {number} - {name}");
        if !tried.holds() {
            let place = &tried.case.place;
            let _ = writeln!(text, "  ---\n  at: {}:{}\n  message: |", place.source.name, place.line);
            for line in told(tried).lines() {
                let _ = writeln!(text, "    {line}");
            }
            text.push_str("  ...\n");
        }
    }
    text
}

fn told(tried: &Tried) -> String {
    let mismatches = tried.mismatches.iter().map(ToString::to_string);
    mismatches.chain(tried.why()).collect::<Vec<_>>().join("\n")
}
