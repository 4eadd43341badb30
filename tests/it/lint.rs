//! `candor lint`: what it prints, what it ends with, what it changes, and what it has nothing to say about.

use std::fs;
use std::path::PathBuf;

use candor::lint::Lint;
use candor::rules::presets::PRESETS;
use serde_json::Value;

use crate::cli::{candor, check, ended, file, without_colour};
use crate::docs::{advice, blocks};
use crate::support::files;

/// One rule for each kind of advice, and what is right among it.
const RULES: &str = r"# rules of the shop
version: 1
selector: { allow: [shop, 'off'], from: [0.0.0.0/0] }
routes: [{ rules: shop }]
rule_sets:
  shop:
    rules:
      - name: low
        when: { json: $.code, matches: '4[0-4][0-9]' }
        then: { status: 404 }
      - name: gone
        when: { status: 200, json: $.code, matches: '410' }
        then: { status: 410 }
      - name: any-number   # of the field `number`
        when: { json: $.number, search: '4\d{2}' }
        then: { status: 400 }
      - name: words
        when:
          error: '(?i).*not found.*'  # several languages
        then: { status: 404 }
      - name: stream
        when: { content_type: text/event-stream, json: $.error }
        then: { status: 502 }
";

/// A folder with `candor.yaml` in it, and the program in that folder.
struct Folder(tempfile::TempDir);

impl Folder {
    fn with(text: &str) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::write(folder.path(), text).unwrap();
        folder
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("candor.yaml")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }

    fn lint(&self, arguments: &[&str]) -> (i32, String, String) {
        let arguments = [&["lint", "-c", "candor.yaml"], arguments].concat();
        ended(candor(&arguments).current_dir(self.0.path()).output().unwrap())
    }
}

#[test]
fn advice_has_a_place_a_reason_and_what_to_write() {
    let (code, stdout, stderr) = Folder::with(RULES).lint(&[]);
    assert_eq!((code, stderr.as_str()), (1, ""));
    let within = |line: &&str| line.chars().count() <= 80;
    assert!(stdout.lines().all(|line| within(&line)), "{stdout}");
    insta::assert_snapshot!(stdout);
}

#[test]
fn advice_is_coloured_when_wanted() {
    let (_, coloured, _) = Folder::with(RULES).lint(&["--color", "always"]);
    insta::assert_snapshot!(coloured.replace('\x1b', "^"));
    assert_eq!(without_colour(&coloured), Folder::with(RULES).lint(&["--color", "never"]).1);
}

#[test]
fn fixes_change_what_they_must_and_nothing_else() {
    let folder = Folder::with(RULES);
    let (code, stdout, _) = folder.lint(&["--fix"]);
    assert_eq!(code, 1, "advice is left");
    insta::assert_snapshot!(stdout.split("\n\n").take(2).collect::<Vec<_>>().join("\n\n"), @r"
    candor.yaml
      15 -         when: { json: $.number, search: '4\d{2}' }
      15 +         when: { json: $.number, search: '\b4\d{2}\b' }
      19 -           error: '(?i).*not found.*'  # several languages
      19 +           error: '(?is).*not found.*'  # several languages

    2 places changed
    ");
    let expected = RULES.replace(r"'4\d{2}'", r"'\b4\d{2}\b'").replace("(?i)", "(?is)");
    assert_eq!(folder.text(), expected);
    assert!(!stdout.contains("[dot-newline]") && stdout.contains("[shadowed-rule]"), "{stdout}");
    let (_, again, _) = folder.lint(&["--fix"]);
    assert!(again.starts_with("0 places changed"), "{again}");
    assert_eq!(folder.text(), expected);
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 1, "nothing is left behind");
}

#[cfg(unix)]
#[test]
fn a_fixed_file_keeps_its_permissions_and_a_link_stays_one() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::with("");
    let real = folder.0.path().join("real.yaml");
    fs::write(&real, RULES).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    fs::remove_file(folder.path()).unwrap();
    symlink("real.yaml", folder.path()).unwrap();
    folder.lint(&["--fix"]);
    assert!(fs::symlink_metadata(folder.path()).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::read_to_string(&real).unwrap().contains("(?is)"));
}

#[test]
fn what_has_no_exact_place_is_left_and_told() {
    let rule = |pattern: &str| {
        format!(
            "version: 1\nrule_sets: {{ a: {{ rules: [{{ when: {{ error: {pattern} }}, then: {{ status: 404 }} }}] }} }}\n"
        )
    };
    let text = rule("'${WORDS:-.*gone.*}'");
    let folder = Folder::with(&text);
    let (code, stdout, _) = folder.lint(&["--fix"]);
    assert_eq!((code, folder.text()), (1, text));
    assert!(stdout.contains("`.*gone.*` is not changed: it does not stand in the file as it is"), "{stdout}");
    let folder = Folder::with("version: 1\n");
    let (code, stdout, _) = folder.lint(&["--fix", "--rule", "error:.*gone.* -> 404"]);
    assert_eq!((code, folder.text().as_str()), (1, "version: 1\n"));
    assert!(stdout.contains("is not changed: it was not given in a file"), "{stdout}");
}

#[test]
fn a_word_for_an_operator_is_changed_in_the_style_of_the_file() {
    let check = |text: &str| {
        let folder = Folder::with(text);
        let (code, stdout, _) = folder.lint(&["--fix"]);
        assert_eq!((code, folder.text()), (0, text.replace("matches", "search")), "{stdout}");
    };
    check(
        "version: 1\nrule_sets:\n  a:\n    rules:\n      - when: { json: $.a, matches: '^ERR' }\n        then: { status: 404 }\n",
    );
    check(
        r#"{"version": 1, "rule_sets": {"a": {"rules": [{"when": {"body": {"matches": "gone$"}}, "then": {"status": 404}}]}}}"#,
    );
}

#[test]
fn programs_get_json_as_the_schema_says() {
    let schema: Value = serde_json::from_str(&files::text("docs/schemas/lint.json")).unwrap();
    let codes: Vec<&str> = Lint::ALL.iter().map(|lint| lint.code()).collect();
    assert_eq!(schema.pointer("/properties/advice/items/properties/lint/enum"), Some(&codes.into()));
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let words: Vec<String> = ('a'..='z').map(|c| format!("{{ json: $.a, search: '{c}{c}' }}")).collect();
    let undecided =
        format!("      - {{ when: {{ all: [{}] }}, then: {{ status: 500 }} }}\n", words.join(", "));
    let folder = Folder::with(&format!("{RULES}{undecided}"));
    for arguments in [
        &["--format", "json"] as &[&str],
        &["--format", "json", "--fix", "--overlaps", "--rule", "error:.*x -> 404"],
    ] {
        let (code, stdout, _) = folder.lint(arguments);
        let told: Value = serde_json::from_str(&stdout).unwrap();
        let problems: Vec<String> = validator.iter_errors(&told).map(|e| e.to_string()).collect();
        assert_eq!((code, problems), (1, Vec::new()), "{stdout}");
        assert_eq!(told["undecided"].as_array().map(Vec::len), Some(1), "{stdout}");
    }
    let (_, stdout, _) = folder.lint(&["--format", "json"]);
    let told: Value = serde_json::from_str(&stdout).unwrap();
    let shadowed =
        told["advice"].as_array().unwrap().iter().find(|it| it["lint"] == "shadowed-rule").unwrap();
    assert_eq!((&shadowed["line"], &shadowed["witness"]), (&11.into(), &"$.code `410`, status `200`".into()));
}

#[test]
fn overlaps_are_told_when_asked_and_are_no_advice() {
    let rules = ["$.code:40. -> 404", "$.code:.04 -> 410", "$.other -> 500"];
    let arguments: Vec<&str> = rules.iter().flat_map(|rule| ["--rule", rule]).collect();
    let (code, stdout, _) =
        ended(candor(&[&["lint", "--overlaps"], &arguments[..]].concat()).output().unwrap());
    assert_eq!(code, 0);
    insta::assert_snapshot!(stdout, @r"
    overlap: `flags/rule-1` comes before `flags/rule-2`
     --> --rule:1:1
      |
    1 | $.code:.04 -> 410
      | ^^^^^^^^^^^^^^^^^
      = for: both match $.code `404`

    ok: nothing to advise
    ");
}

#[test]
fn exit_codes_tell_advice_from_failure() {
    let of = |text: &str| {
        let file = file(text);
        let path = file.path().to_str().unwrap().to_owned();
        (file, path)
    };
    let (_keep, fine) = of("version: 1\nrule_sets: { a: { use: [soap] } }\n");
    check(&["lint", "-c", &fine], 0, &["ok: nothing to advise"]);
    check(&["lint", "-c", "there/is/none.yaml"], 2, &["cannot read"]);
    let (_keep, broken) = of("version: 1\nrule_sets: { a: { rulez: [] } }\n");
    check(&["lint", "-c", &broken], 2, &["unknown key `rulez`"]);
    check(&["lint", "--rule", "$.a:\\d* -> 404"], 1, &["--rule:1:5", "[matches-empty]", "write `\\d+`"]);
    check(&["check", "--upstream", "http://app", "--rule", "$.a:\\d* -> 404"], 0, &["ok:"]);
    check(
        &["check", "--lint", "--upstream", "http://app", "--rule", "$.a:\\d* -> 404"],
        1,
        &["[matches-empty]"],
    );
    check(&["check", "--lint", "-c", "config/minimal.yaml"], 0, &["nothing to advise", "ok: 1 upstream"]);
    let json =
        ["check", "--lint", "--format", "json", "--upstream", "http://app", "--rule", "$.a:\\d* -> 404"];
    check(&json, 1, &["\"problems\":[]", "\"lint\":\"matches-empty\""]);
}

#[test]
fn nothing_is_said_of_what_ships() {
    for preset in PRESETS {
        let lines = preset.text.lines().map(|line| format!("    {line}\n"));
        let text = format!("rule_sets:\n  it:\n{}", lines.collect::<String>());
        let report = advice(preset.name, &text);
        assert_eq!((report.advice, report.undecided), (Vec::new(), Vec::new()), "{}", preset.name);
    }
    let rules = "src/cli/demo/rules.yaml";
    assert_eq!(advice(rules, &files::text(rules)).advice, []);
}

#[test]
fn every_lint_is_explained_with_a_bad_and_a_good_example() {
    let page = files::text("docs/lint.md");
    let sections: Vec<(&str, &str)> =
        page.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap()).collect();
    let codes: Vec<&str> = Lint::ALL.iter().map(|lint| lint.code()).collect();
    assert_eq!(sections.iter().map(|(code, _)| *code).collect::<Vec<_>>(), codes);
    for (code, text) in sections {
        // That the first has exactly this advice and the second none is held for all pages at once.
        let words: Vec<String> = blocks("docs/lint.md", text).into_iter().map(|block| block.word).collect();
        let good = |word: &str| ["", "rule"].contains(&word);
        assert!(
            matches!(words.as_slice(), [bad, fixed] if *bad == format!("advice {code}") && good(fixed)),
            "{code}"
        );
    }
}
