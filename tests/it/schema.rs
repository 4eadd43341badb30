//! The JSON Schema that `candor schema` prints is of the same mind as the readers: it takes what they take, and
//! refuses what has a wrong key.

use candor::diagnostic::{Diagnostics, Source};
use candor::document::{self, Node};
use candor::rules;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::support::files;

fn schema() -> Validator {
    let schema: Value = serde_json::from_str(rules::schema()).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn document(name: &str, text: &str) -> Node {
    let mut diagnostics = Diagnostics::default();
    document::parse(&Source::new(name, text), &mut diagnostics).unwrap_or_else(|| panic!("{name}"))
}

/// What the schema has against a configuration, which may leave out its version.
fn problems(name: &str, mut configuration: Value) -> Vec<String> {
    let object = configuration.as_object_mut().unwrap_or_else(|| panic!("{name}"));
    object.entry("version").or_insert(json!(1));
    let schema = schema();
    schema.iter_errors(&configuration).map(|e| format!("{name}{}: {e}", e.instance_path())).collect()
}

#[test]
fn what_the_readers_take_fits_the_schema() {
    let mut deployed = files::with_extension("deploy", &["yaml"]);
    deployed.retain(|path| path.ends_with("/candor.yaml"));
    let shipped = files::with_extension("config", &["yaml"])
        .into_iter()
        .chain(deployed)
        .chain(["src/cli/demo/rules.yaml".to_owned()])
        .map(|path| (path.clone(), document(&path, &files::text(&path)).to_json()));
    let presets = rules::presets::PRESETS.iter().map(|preset| {
        (preset.name.to_owned(), json!({ "rule_sets": { "it": preset.document().to_json() } }))
    });
    let cases = files::with_extension("tests/cases", &["yaml"]).into_iter().flat_map(|path| {
        let node = document(&path, &files::text(&path)).to_json();
        let own = node["cases"].as_array().cloned().unwrap_or_default();
        let configurations = own.into_iter().chain([node]).filter_map(|it| it.get("config").cloned());
        configurations.map(|config| (path.clone(), config)).collect::<Vec<_>>()
    });
    let all: Vec<(String, Value)> = shipped.chain(presets).chain(cases).collect();
    assert!(all.len() > 20, "only {} configurations", all.len());
    let problems: Vec<String> = all.into_iter().flat_map(|(name, it)| problems(&name, it)).collect();
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn wrong_keys_and_values_are_refused() {
    let check = |text: &str, expected: &str| {
        let problems = problems("it", document("it", text).to_json()).join("\n");
        assert!(problems.contains(expected), "{text}\n{problems}\nshould hold {expected}");
    };
    check("servr: {}", "'servr' was unexpected");
    let integration =
        "api: { routes: [{ match: { path: /a }, integration: { type: http, uri: http://a } }] }";
    check(integration, "/api/routes/0/integration");
    check("api: { errors: { throtled: {} } }", "throtled");
    check("hold: { on_limit: perhaps }", "/hold/on_limit");
    check(
        "rule_sets: { a: { rules: [{ when: { stauts: 1 }, then: { status: 404 } }] } }",
        "/rule_sets/a/rules/0/when",
    );
    check("rule_sets: { a: { rules: [{ when: { status: 200 }, then: { status: 99 } }] } }", "/then/status");
    check("rule_sets: { a: { rules: [{ when: { status: 200 } }] } }", "\"then\" is a required property");
    check("rule_sets: { \"off\": {} }", "off");
}
