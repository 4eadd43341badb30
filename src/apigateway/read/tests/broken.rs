//! Definitions that are wrong: every problem is told, with its place, and there is no API.

use super::{read_with, with_integration};
use crate::apigateway::read::Options;

fn check(text: &str, expected: &[&str]) {
    let (api, problems) = read_with(text, &Options::default());
    assert!(api.is_none());
    assert_eq!(problems, expected, "{text}");
}

#[test]
fn all_problems_are_told_at_once() {
    check(
        r##"
openapi: 3.0.1
info: { title: t }
x-amazon-apigateway-binary-media-types: image/png
x-amazon-apigateway-request-validator: body
x-amazon-apigateway-request-validators: { bdy: { validateRequestBody: maybe } }
x-amazon-apigateway-gateway-responses:
  DEFAULT_4X: { statusCode: teapot, responseParameters: { header.A: "*" } }
paths:
  a: {}
  /b{c}: {}
  /{d+}/e: {}
  /f:
    get: []
    post: {}
    put:
      parameters: [{ name: x }, { name: y, in: nowhere }, { $ref: "#/components/parameters/none" }, { $ref: other.yaml }]
      responses: { 200: {} }
      x-amazon-apigateway-integration: { type: htp, timeoutInMillis: 1, passthroughBehavior: sometimes }
    delete:
      responses: { 200: {} }
      x-amazon-apigateway-integration:
        type: http
        httpMethod: GET
        uri: ftp://x
        requestParameters: { method.request.path.a: "text", integration.request.path.a: integration.response.body }
        requestTemplates: { application/json: "#if($x" }
        responses: { "4(": { statusCode: 400 }, default: { statusCode: 999 }, "5..": {} }
"##,
        &[
            "4:41 error: expected a list of media types, found text",
            "5:40 error: there is no request validator `body`",
            "6:71 error: expected `true` or `false`, found text",
            "8:3 error: `DEFAULT_4X` is no gateway response",
            "8:29 error: `teapot` is not a status between 100 and 599",
            "8:59 error: `header.A` does not begin with `gatewayresponse.header.`",
            "8:69 error: `*` is not a mapping expression",
            "10:3 error: path `a` must begin with `/`",
            "11:3 error: a segment is text or `{name}`, not both: `b{c}`",
            "12:3 error: nothing can follow `+}` in path `/{d+}/e`",
            "14:10 error: expected an operation (a map), found a list",
            "15:5 error: POST /f has no integration",
            "17:20 error: a parameter needs `name` and `in`",
            "17:33 error: a parameter cannot be in `nowhere`",
            "17:67 error: `#/components/parameters/none` points at nothing",
            "17:109 error: `other.yaml` is not in this file",
            "19:48 error: `htp` is not an integration's type",
            "19:70 error: a timeout in milliseconds must be 50 to 900000, not 1",
            "19:94 error: `sometimes` is not a passthrough behavior",
            "25:14 error: `ftp://x` is not a URL of `http` or `https`",
            "26:30 error: `method.request.path.a` is no target of a request parameter",
            "26:53 error: `text` is not a mapping expression",
            "26:89 error: `integration.response.body` is not a mapping expression",
            "27:52 error: mapping template: the template ends here, an operator or `)` was expected",
            "28:22 error: `4(` is not a pattern: unclosed group near index 2",
            "28:42 warning: the method declares no response 400",
            "28:72 error: `999` is not a status between 100 and 599",
            "28:79 error: an integration response needs `statusCode`",
        ],
    );
}

#[test]
fn a_text_that_is_no_definition_is_told() {
    check("", &["1:1 error: `api.yaml` is no definition of an API"]);
    check("just text", &["1:1 error: `api.yaml` is no definition of an API"]);
    check("version: 1\n", &["1:1 error: `api.yaml` is no definition of an API"]);
    check("openapi: 3.0.1\n", &["1:1 error: the definition needs `paths`"]);
    check("openapi: 4.0\npaths: {}\n", &["1:10 error: `openapi` is `4.0`"]);
    check(
        "{\"openapi\": \"3.0.1\", \"paths\": ",
        &["1:30 error: not valid YAML: while parsing a node, did not find expected node content"],
    );
}

#[test]
fn references_in_a_circle_are_told() {
    check(
        "openapi: 3.0.1\npaths:\n  /a: { $ref: \"#/components/x/a\" }\ncomponents:\n  x: { a: { $ref: \"#/components/x/b\" }, b: { $ref: \"#/components/x/a\" } }\n",
        &["3:7 error: `$ref` leads back to itself"],
    );
    let text = with_integration("{ type: mock, requestTemplates: { a/b: x }, responses: { default: { statusCode: 200 } } }")
        .replace("      responses", "      requestBody: { content: { a/b: { schema: { $ref: '#/components/schemas/A' } } } }\n      responses");
    check(
        &format!(
            "{text}components:\n  schemas: {{ A: {{ $ref: '#/components/schemas/B' }}, B: {{ $ref: '#/components/schemas/A' }} }}\n"
        ),
        &["6:48 error: `$ref` leads back to itself"],
    );
}

#[test]
fn a_model_that_is_no_schema_is_an_error_where_it_is_used() {
    let definition = |validator: &str| {
        let text = with_integration(
            "{ type: mock, requestTemplates: { a/b: x }, responses: { default: { statusCode: 200 } } }",
        );
        text.replace(
            "      responses",
            &format!("      requestBody: {{ content: {{ a/b: {{ schema: {{ type: objct }} }} }} }}\n{validator}      responses"),
        ) + "x-amazon-apigateway-request-validators: { body: { validateRequestBody: true } }\n"
    };
    let (api, problems) = read_with(&definition(""), &Options::default());
    assert!(api.is_some());
    assert!(
        problems[0].starts_with("6:48 warning: model `request` is not a schema of draft 4: "),
        "{problems:?}"
    );
    let (api, problems) =
        read_with(&definition("      x-amazon-apigateway-request-validator: body\n"), &Options::default());
    assert!(api.is_none());
    assert!(problems[0].starts_with("6:48 error: "), "{problems:?}");
}

#[test]
fn escapes_of_json_are_read() {
    let (api, problems) = read_with(
        r#"{"openapi": "3.0.1", "info": {"title": "a\/b \ud83d\ude00 \u00e9 \\ud83d\\ude00"}, "paths": {}}"#,
        &Options::default(),
    );
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(api.unwrap().name, "a/b \u{1f600} é \\ud83d\\ude00");
}

proptest::proptest! {
    /// Whatever is left out of a definition or put into it, there is an answer and no panic.
    #[test]
    fn no_text_is_too_wrong(from in 0..1200_usize, length in 0..60_usize, put in "[\\PC\n]{0,8}") {
        let text = with_integration(
            "{ type: http, httpMethod: GET, uri: 'http://h/{a}${stageVariables.b}', requestParameters: { integration.request.path.a: method.request.body.x }, requestTemplates: { a/b: '#if($x)$y#end' }, responses: { '4\\d{2}': { statusCode: 400, responseParameters: { method.response.header.X: \"'y'\" } }, default: { statusCode: 200 } } }",
        ) + "x-amazon-apigateway-gateway-responses: { DEFAULT_4XX: { responseTemplates: { a/b: '$context.a' } } }\n";
        let characters: Vec<char> = text.chars().collect();
        let from = from.min(characters.len());
        let until = (from + length).min(characters.len());
        let mutated: String = characters[..from].iter().copied().chain(put.chars()).chain(characters[until..].iter().copied()).collect();
        let (api, problems) = read_with(&mutated, &Options::default());
        proptest::prop_assert_eq!(api.is_none(), problems.iter().any(|problem| problem.contains("error: ")));
    }
}
