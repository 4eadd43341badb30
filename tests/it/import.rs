//! `candor import`: what it prints reads back as an API that answers the same, and what is lost is told.

use std::fs;

use candor::apigateway::model::{Api, Integration};
use candor::apigateway::read::{Options, native, read};
use candor::apigateway::write::{Report, write};
use candor::cli::load;
use candor::diagnostic::{Diagnostic, Diagnostics, Source};
use candor::document;
use candor::rules;
use candor::settings::Layers;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::cli::{candor, check, ended};
use crate::support::files;

/// Definitions with what they leave open.
const DEFINITIONS: [(&str, &[(&str, &str)]); 4] = [
    ("orders.yaml", &[]),
    ("petstore.json", &[("photos", "photos.internal")]),
    ("tickets.yaml", &[]),
    ("notes.yml", &[]),
];

/// An API that was written by `import` and loaded again as a configuration.
pub fn in_own_words(api: &Api) -> Api {
    let text = write(api, "api.yaml");
    let mut problems = Diagnostics::default();
    let layers = Layers { files: vec![Source::new("candor.yaml", &text)], ..Layers::default() };
    let document = layers.merge(&mut problems).map(|(document, _)| document);
    let options = Options {
        stage: Some(api.stage.clone()),
        stage_variables: api.stage_variables.clone(),
        ..Options::default()
    };
    let node = document.as_ref().and_then(|document| document.entry("api")).map(|entry| &entry.node);
    let read = node.and_then(|node| native::read(node, &options, &mut problems));
    read.unwrap_or_else(|| panic!("{text}\n{:#?}", problems.into_sorted()))
}

/// A definition of the tests, and what was found of it.
fn defined(name: &str, stage_variables: &[(&str, &str)]) -> (Api, Vec<Diagnostic>) {
    let text = files::text(&format!("tests/definitions/{name}"));
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let options =
        Options { stage_variables: stage_variables.iter().map(owned).collect(), ..Options::default() };
    let mut problems = Diagnostics::default();
    let api = read(&Source::new(name, text), &options, &mut problems);
    let problems = problems.into_sorted();
    (api.unwrap_or_else(|| panic!("{name}: {problems:#?}")), problems)
}

/// A text without its comments that stand on lines of their own.
fn without_comments(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("# ")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_printed_is_easy_to_read() {
    // The first is other tests' own.
    for (name, stage_variables) in &DEFINITIONS[1..] {
        let (api, problems) = defined(name, stage_variables);
        insta::assert_snapshot!(format!("{name}.candor"), write(&api, name));
        insta::assert_snapshot!(format!("{name}.report"), Report::new(&api, &problems).to_string());
    }
}

#[test]
fn what_stands_in_one_line_is_told_by_its_column() {
    let text = files::text("tests/definitions/petstore.json").replace("${stageVariables.photos}", "photos");
    let text = serde_json::from_str::<Value>(&text).unwrap().to_string();
    let mut problems = Diagnostics::default();
    let api = read(&Source::new("api.json", &text), &Options::default(), &mut problems).unwrap();
    let column = text.find("\"get\"").unwrap() + 1;
    assert!(write(&api, "api.json").contains(&format!("# api.json:1:{column}\n")));
}

#[test]
fn what_is_printed_says_all_that_was_read() {
    for (name, stage_variables) in DEFINITIONS {
        let (api, _) = defined(name, stage_variables);
        let (there, here) = (write(&api, name), write(&in_own_words(&api), name));
        assert_eq!(without_comments(&here), without_comments(&there), "{name}");
    }
}

/// A definition in which a text stands wherever an author may put one.
fn with_everywhere(text: &str) -> Option<Api> {
    let integration = json!({
        "type": "http",
        "httpMethod": "GET",
        "uri": "http://h/",
        "requestParameters": { "integration.request.header.X": format!("'{text}'") },
        "requestTemplates": { "application/json": text },
        "responses": {
            "default": { "statusCode": 200, "responseParameters": { "method.response.header.X": format!("'{text}'") } },
        },
    });
    let schema = json!({
        "description": text,
        "default": null,
        "enum": [text, { "template": text, text: 1 }, null, {}],
        "properties": { text: {} },
    });
    let reference = json!({ "$ref": "#/components/schemas/M" });
    let operation = json!({
        "operationId": text,
        "parameters": [{ "in": "query", "name": text, "required": true }],
        "requestBody": { "content": { "application/json": { "schema": reference } } },
        "responses": { "200": { "headers": { "X": {} } } },
        "x-amazon-apigateway-integration": integration,
    });
    let definition = json!({
        "openapi": "3.0.1",
        "info": { "title": text },
        "paths": { "/": { "get": operation } },
        "components": { "schemas": { "M": schema } },
        "x-amazon-apigateway-gateway-responses": {
            "THROTTLED": { "responseTemplates": { "application/json": text } },
        },
    });
    let options = Options { stage_variables: vec![(text.to_owned(), text.to_owned())], ..Options::default() };
    read(&Source::new("api.json", definition.to_string()), &options, &mut Diagnostics::default())
}

/// The texts of such an API.
fn texts(api: &Api) -> Vec<String> {
    let method = &api.methods[0];
    let Integration { parameters, templates, responses, .. } = &method.integration;
    let template = templates.first().flatten().map(|template| template.source.text.clone());
    let gateway = api.gateway_responses.iter().flat_map(|(_, response)| &response.templates);
    let [(media_type, model)] = method.request_models.as_slice() else { panic!("{method:#?}") };
    let stage = api.stage_variables.iter().map(|(name, value)| format!("{name} {value}"));
    let headers = responses.default.iter().map(|response| format!("{:?}", response.parameters));
    [
        vec![api.name.clone(), method.operation.clone().unwrap_or_default(), template.unwrap_or_default()],
        vec![method.parameters[0].name.clone(), media_type.clone(), model.schema.to_string()],
        vec![format!("{:?}", parameters[0].source)],
        gateway.map(|(_, template)| template.written.clone()).collect(),
        stage.chain(headers).collect(),
    ]
    .concat()
}

proptest! {
    #[test]
    fn texts_come_back_as_they_were(text in prop_oneof![
        "[ -~]{1,12}",
        "[$A-C{}:?\\-]{1,10}",
        "[ \t\n\r#:'\"|>a-]{1,10}",
        any::<String>(),
    ]) {
        // The merge key is a key of YAML's own.
        prop_assume!(text != "<<");
        // Not every text is a template.
        let Some(api) = with_everywhere(&text) else { return Ok(()) };
        prop_assert_eq!(texts(&in_own_words(&api)), texts(&api), "{}", write(&api, "api.json"));
    }
}

#[test]
fn what_is_printed_is_a_configuration() {
    let schema: Value = serde_json::from_str(rules::schema()).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    for (name, stage_variables) in DEFINITIONS {
        let (api, _) = defined(name, stage_variables);
        let source = Source::new("candor.yaml", write(&api, name));
        let document = document::parse(&source, &mut Diagnostics::default()).unwrap().to_json();
        let problems: Vec<String> = schema
            .iter_errors(&document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{name}: {problems:#?}");
        let layers = Layers { files: vec![source], ..Layers::default() };
        let loaded = load::compile(&layers, None);
        let deployment = loaded.configuration.and_then(|configuration| configuration.deployment);
        let deployment = deployment.unwrap_or_else(|| panic!("{name}: {:#?}", loaded.diagnostics));
        assert_eq!(deployment.api.methods.len(), api.methods.len(), "{name}");
    }
}

#[test]
fn a_file_is_written_whole_and_replaced_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("candor.yaml");
    let path = file.to_str().unwrap();
    let import = ["import", "tests/definitions/orders.yaml", "-o", path];
    check(&import, 0, &[" exact, 0 approximated, 0 not carried over"]);
    let written = fs::read_to_string(&file).unwrap();
    check(&["check", "-c", path], 0, &["an API of 4 methods"]);
    fs::write(&file, "mine").unwrap();
    check(&import, 2, &["is there already", "--force"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    check(&[&import[..], &["--force"]].concat(), 0, &[]);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    let nowhere = folder.path().join("none/candor.yaml");
    check(
        &["import", "tests/definitions/orders.yaml", "-o", nowhere.to_str().unwrap()],
        2,
        &["cannot write"],
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn the_exit_code_tells_whether_everything_was_carried_over() {
    check(&["import", "--check", "tests/definitions/orders.yaml"], 0, &[" 0 not carried over"]);
    check(&["import", "--check", "tests/definitions/notes.yml"], 1, &["1 not carried over"]);
    check(&["import", "tests/definitions/notes.yml"], 0, &["1 not carried over"]);
    check(&["import", "tests/definitions/petstore.json"], 0, &["stage variable `photos` has no value"]);
    check(&["import", "there/is/none.yaml"], 2, &["cannot read `there/is/none.yaml`"]);
}

#[test]
fn the_configuration_goes_to_stdout_and_all_else_to_stderr() {
    let output = candor(&["import", "tests/definitions/notes.yml", "--format", "json"]).output().unwrap();
    let (code, stdout, stderr) = ended(output);
    assert_eq!(code, 0);
    assert!(stdout.starts_with("# Made from tests/definitions/notes.yml"), "{stdout}");
    let report: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!((&report["exact"], &report["not carried over"]), (&6.into(), &1.into()));
    assert_eq!(report["items"][6]["line"], 27);
}

#[test]
fn what_an_api_is_cannot_be_said_twice() {
    let configured = |text: &str, expected: &str| {
        let file = crate::cli::file(&format!("version: 1\napi: {text}\n"));
        check(&["check", "-c", file.path().to_str().unwrap()], 1, &[expected]);
    };
    configured("{ stage: prod }", "`api` has neither `routes` nor `definition`");
    configured("{ definition: x.yaml, routes: [] }", "`routes` beside a definition");
    configured("{ name: orders }", "an API needs `routes`");
    configured("{ rotes: [] }", "did you mean `routes`?");
}
