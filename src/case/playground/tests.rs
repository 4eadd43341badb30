use super::*;
use crate::diagnostic::Place;
use crate::rules::Quick;
use crate::settings::{Layers, Settings};

const CONFIGURATION: &str = r"
version: 1
upstreams: { legacy: { url: 'http://127.0.0.1:9' }, other: { url: 'http://127.0.0.1:8' } }
routes:
  - { match: { path: '/orders/{id}' }, upstream: legacy, rules: orders }
  - { upstream: other, rules: 'off' }
rule_sets:
  orders:
    use: [common]
    rules:
      - { name: gone, when: { json: $.code, equals: 1410 }, then: { status: 410, body: problem } }
  common: { use: [status-field] }
  unused: { use: [soap] }
  told:
    use: [common]
    rules:
      - { name: short, when: { json: $.short }, then: { status: 410, body: { template: { file: short.vtl } } } }
      - { name: inner, when: { json: $.inner }, then: { body: { templates: { text/plain: { file: inner/a.vtl } } } } }
";

/// What template files hold; no other is there.
fn template(path: &str, place: &Place) -> Result<Arc<Source>, Diagnostic> {
    match path {
        "short.vtl" => Ok(Source::new("conf/short.vtl", "short $input.path('$.short')\n")),
        "inner/a.vtl" => Ok(Source::new("conf/inner/a.vtl", "inner")),
        _ => Err(Diagnostic::error("read from disk").at(place)),
    }
}

fn playground() -> Playground {
    let source = Source::new("candor.yaml", CONFIGURATION);
    let mut problems = Diagnostics::default();
    let layers = Layers { files: vec![source], ..Layers::default() };
    let (written, quick) = layers.merge(&mut problems).unwrap();
    let mut document = written.clone();
    let templates = crate::rules::fill_in_templates(&mut document, &template, &mut problems);
    let settings = Settings::read(&document, &quick, &mut problems).unwrap();
    let names = ["legacy".into(), "other".into()];
    let rules = crate::rules::read(Some(&document), Quick::default(), &names, &mut problems);
    assert!(problems.is_empty());
    let snapshot = Snapshot::new(settings, rules.routes, rules.selection);
    Playground::new(Arc::new(snapshot), Written { document: written, templates, definition: None, quick })
}

fn trial(text: &str) -> Result<Trial, Vec<String>> {
    let mut problems = Diagnostics::default();
    let node = document::parse(&Source::new("trial", text), &mut problems).unwrap();
    let trial = playground().read(&node, &mut problems);
    let problems = problems.into_sorted().iter().map(ToString::to_string).collect();
    trial.ok_or(problems)
}

/// The status and the rule.
#[track_caller]
fn check(text: &str, status: u16, rule: Option<&str>) -> Trial {
    let trial = trial(text).unwrap();
    let played = trial.play();
    let Decision::Made { verdict, .. } = &played.decision else { panic!("{:?}", played.decision) };
    assert_eq!((played.status.as_u16(), verdict.rule()), (status, rule), "{text}");
    trial
}

use super::super::play::Decision;

const GONE: &str = "upstream: { json: { code: 1410 } }";

#[test]
fn an_answer_meets_the_rules_of_its_route() {
    check(&format!("request: {{ path: /orders/17 }}\n{GONE}"), 410, Some("orders/gone"));
    check(&format!("request: {{ path: /elsewhere }}\n{GONE}"), 200, None);
}

#[test]
fn an_answer_meets_a_rule_set_that_is_named() {
    check(&format!("rule_set: orders\n{GONE}"), 410, Some("orders/gone"));
    check(&format!("rule_set: status-field\n{GONE}"), 200, None);
    let field = "rule_set: common\nupstream: { json: { statusCode: 404 } }";
    assert_eq!(trial(field).unwrap().play().status, 404);
}

#[test]
fn an_answer_meets_rules_that_are_written_anew() {
    let edited = "rules: |\n  - { when: { json: $.code }, then: { status: { from: $.status } } }\n";
    let upstream = "upstream: { json: { code: 1, status: 418 } }";
    check(&format!("{edited}{upstream}"), 418, Some("playground/rule-1"));
    check(&format!("rule_set: orders\n{edited}{upstream}"), 418, Some("orders/rule-1"));
    let others = "rule_set: unused\nrules: |\n  use: [orders]\n";
    check(&format!("{others}{GONE}"), 410, Some("orders/gone"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let check = |text: &str, expected: &[&str]| {
        let problems = trial(text).err().unwrap_or_default().join("\n");
        assert!(!problems.is_empty(), "{text}");
        for expected in expected {
            assert!(problems.contains(expected), "{expected} is not in\n{problems}");
        }
    };
    check(
        "rules: |\n  rules:\n    - { when: { stats: 200 }, then: { status: 404 } }\n",
        &["rules:2:15", "did you mean `status`"],
    );
    check("rules: 4", &["these are no rules"]);
    check("rule_set: nosuch", &["there is no rule set `nosuch`"]);
    check("upstream: { status: 99 }", &["trial:1:21"]);
    check("rulez: x", &["did you mean `rules`"]);
}

#[test]
fn a_trial_becomes_a_case_that_holds() {
    let trial = check(&format!("name: gone is gone\nrule_set: orders\n{GONE}"), 410, Some("orders/gone"));
    insta::assert_snapshot!(trial.to_case_file().unwrap(), @"
    config:
      routes: [{ rules: orders }]
      rule_sets:
        orders:
          use: [common]
          rules:
            - name: gone
              when: { json: $.code, equals: 1410 }
              then: { status: 410, body: problem }
        common: { use: [status-field] }
    cases:
      - name: gone is gone
        upstream: { json: { code: 1410 } }
        expect:
          status: 410
          verdict: rewrite
          rule: orders/gone
          headers: { cache-control: no-store, content-type: application/problem+json }
          json: { title: Gone, status: 410 }
    ");
    let passed = check(&format!("request: {{ path: /elsewhere }}\n{GONE}"), 200, None);
    let text = passed.to_case_file().unwrap();
    assert!(
        text.contains("body: same") && text.contains("rule: none") && text.contains("upstream: other"),
        "{text}"
    );
    let bytes = check("rule_set: orders\nupstream: { base64: /w== }", 200, None);
    assert!(bytes.to_case_file().is_ok());
}

#[test]
fn rule_sets_are_told_with_their_text() {
    let playground = playground();
    let sets = playground.rule_sets();
    assert_eq!(
        sets.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        ["orders", "common", "unused", "told"]
    );
    assert_eq!(sets[1].1, "use: [status-field]\n");
    assert!(sets[3].1.contains("template: { file: short.vtl }"), "{}", sets[3].1);
}

/// The body that a trial ends with.
#[track_caller]
fn check_body(text: &str, expected: &str) -> Trial {
    let trial = trial(text).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
    assert_eq!(trial.play().body, expected, "{text}");
    trial
}

const SHORT: &str = "upstream: { json: { short: 1 } }";

#[test]
fn edited_rules_name_the_template_files_of_the_configuration() {
    check_body(&format!("rule_set: told\n{SHORT}"), "short 1\n");
    let rules = |file: &str| {
        format!(
            "rules: |\n  - {{ when: {{ json: $.short }}, then: {{ body: {{ template: {{ file: {file} }} }} }} }}\n"
        )
    };
    check_body(&format!("rule_set: told\n{}{SHORT}", rules("inner/a.vtl")), "inner");
    check_body(&format!("{}{SHORT}", rules("short.vtl")), "short 1\n");
    let given = "templates: { new.vtl: new, short.vtl: other }\n";
    check_body(&format!("{}{given}{SHORT}", rules("new.vtl")), "new");
    let trial = check_body(&format!("rule_set: told\n{given}{SHORT}").replace("new.vtl: new, ", ""), "other");
    let case = trial.to_case_file().unwrap();
    assert!(case.contains("template: other"), "a case stands alone: {case}");
    check_body(&format!("rule_set: told\n{SHORT}"), "short 1\n");
}

#[test]
fn template_files_that_nobody_has_loaded_are_not_read() {
    let check = |text: &str, expected: &[&str]| {
        let problems = trial(text).err().unwrap_or_default().join("\n");
        for expected in expected {
            assert!(problems.contains(expected), "{expected} is not in\n{problems}");
        }
    };
    let naming = |file: &str| {
        format!("rules: |\n  rules:\n    - then:\n        body: {{ template: {{ file: {file} }} }}\n")
    };
    check(
        &naming("/etc/passwd"),
        &[
            "error: `/etc/passwd` is no template file of the configuration in force",
            "rules:3:33",
            "it names `short.vtl`, `inner/a.vtl`; nothing is read from disk here: write the template in place",
        ],
    );
    check(&naming("../conf/short.vtl"), &["`../conf/short.vtl` is no template file"]);
    check(&naming("shart.vtl"), &["did you mean `short.vtl`?"]);
    check(
        "rule_set: told\ntemplates: { shart.vtl: x }",
        &["no rule names the template file `shart.vtl`", "`short.vtl`"],
    );
    check("templates: { short.vtl: x }", &["`templates` without `rule_set` or `rules`"]);
    check("rule_set: told\ntemplates: { short.vtl: '#if(' }", &["short.vtl:1:"]);
    check("rule_set: told\ntemplates: 1", &["trial:2:12", "texts of `templates`"]);
}

#[test]
fn template_files_are_told_with_their_text() {
    let playground = playground();
    let texts = [("short.vtl", "short $input.path('$.short')\n"), ("inner/a.vtl", "inner")];
    assert_eq!(playground.templates(), texts);
    assert_eq!(playground.templates_of("told"), ["short.vtl", "inner/a.vtl"]);
    assert!(playground.templates_of("common").is_empty());
}
