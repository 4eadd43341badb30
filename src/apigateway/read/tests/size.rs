//! Definitions that are large, or meant to be too much.

use std::fmt::Write;

use super::{read_with, with_integration};
use crate::apigateway::read::{BYTES_MAX, Options};

/// A definition of as many resources, with five methods each.
fn definition(resources: usize) -> String {
    let mut text = String::from("{\"openapi\": \"3.0.1\", \"info\": {\"title\": \"t\"}, \"paths\": {\n");
    for resource in 0..resources {
        let comma = if resource == 0 { "" } else { ",\n" };
        let _ = write!(text, "{comma}\"/r{}/{{id}}/s{resource}\": {{", resource % 40);
        for (index, verb) in ["get", "put", "post", "delete", "patch"].into_iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let _ = write!(
                text,
                r##"{comma}"{verb}": {{
  "parameters": [{{"name": "id", "in": "path", "required": true}}],
  "requestBody": {{"content": {{"application/json": {{"schema": {{"$ref": "#/components/schemas/M{}"}}}}}}}},
  "responses": {{"200": {{"description": "ok", "headers": {{"X": {{}}}}}}, "404": {{}}}},
  "x-amazon-apigateway-integration": {{"type": "http", "httpMethod": "GET", "uri": "http://legacy/r/{{id}}",
    "requestParameters": {{"integration.request.path.id": "method.request.path.id"}},
    "requestTemplates": {{"application/json": "#set($id = $input.params('id'))\n{{\"id\": \"$id\", \"r\": {resource}}}"}},
    "responses": {{"4\\d{{2}}": {{"statusCode": "404", "responseTemplates": {{"application/json": "{{\"message\": $input.json('$.errors[{resource}].message')}}"}}}},
      "default": {{"statusCode": "200", "responseParameters": {{"method.response.header.X": "integration.response.header.X"}}}}}}}}}}"##,
                resource % 50
            );
        }
        text.push('}');
    }
    text.push_str("\n}, \"components\": {\"schemas\": {");
    for model in 0..50 {
        let comma = if model == 0 { "" } else { ", " };
        let _ = write!(
            text,
            r#"{comma}"M{model}": {{"type": "object", "properties": {{"a": {{"type": "string"}}}}}}"#
        );
    }
    text.push_str("}}}");
    text
}

#[test]
fn a_large_definition_is_read_whole() {
    let (api, problems) = read_with(&definition(300), &Options::default());
    assert_eq!(problems, Vec::<String>::new());
    let api = api.unwrap();
    assert_eq!(api.methods.len(), 1500);
    let (method, parameters) = api.find(&http::Method::PATCH, "/r17/x/s257").unwrap();
    assert_eq!((&*method.resource, parameters), ("/r17/{id}/s257", vec![("id", "x")]));
}

#[test]
fn a_definition_beyond_the_bound_is_refused() {
    let text = format!("openapi: 3.0.1\nx-a: {}\n", "a".repeat(BYTES_MAX));
    let (api, problems) = read_with(&text, &Options::default());
    assert!(api.is_none());
    assert_eq!(problems, ["error: `api.yaml` is larger than 6 MB, which is API Gateway's bound too"]);
}

#[test]
fn aliases_of_aliases_are_refused() {
    let mut text = String::from("openapi: 3.0.1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{list}]");
    }
    let (api, problems) = read_with(&text, &Options::default());
    assert!(api.is_none());
    assert!(
        problems[0].ends_with("error: more than 500000 values after aliases are expanded"),
        "{problems:?}"
    );
}

#[test]
fn every_one_of_many_problems_is_told() {
    let wrong = "{ type: mock, requestTemplates: { a/b: x }, responses: { default: { statusCode: 200 } } }";
    let mut text = with_integration(wrong);
    text.push_str("x-amazon-apigateway-gateway-responses:\n");
    for number in 0..4_000 {
        let _ = writeln!(text, "  TYPE_{number}: {{ statusCode: {number} }}");
    }
    let (api, problems) = read_with(&text, &Options::default());
    assert!(api.is_none());
    assert_eq!(problems.len(), 4_000 + 4_000 - 500);
}
