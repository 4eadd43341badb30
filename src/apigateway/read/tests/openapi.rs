//! OpenAPI 3.0 and Swagger 2.0.

use http::StatusCode;

use super::{api, only, read_with, with_integration};
use crate::apigateway::model::{
    Backend, ContentHandling, Kind, Location, Passthrough, PayloadFormat, RequestSource, RequestTarget,
    ResponseSource, UriPart, Verb,
};
use crate::apigateway::read::Options;

#[test]
fn an_export_is_read_whole() {
    let api = api(r##"{
  "openapi": "3.0.1",
  "info": { "title": "orders", "version": "2024-01-01T00:00:00Z" },
  "servers": [{ "url": "https://abc.execute-api.eu-west-1.amazonaws.com/{basePath}", "variables": { "basePath": { "default": "/prod" } } }],
  "paths": {
    "/orders/{id}": {
      "get": {
        "operationId": "order",
        "parameters": [
          { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
          { "name": "X-Trace", "in": "header", "required": true, "schema": { "type": "string" } }
        ],
        "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Order" } } } },
        "responses": {
          "200": { "description": "200", "headers": { "ETag": { "schema": { "type": "string" } } }, "content": {} },
          "404": { "description": "404", "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } } }
        },
        "x-amazon-apigateway-request-validator": "all",
        "x-amazon-apigateway-integration": {
          "type": "http", "httpMethod": "GET", "uri": "http://legacy/o/{id}",
          "requestParameters": { "integration.request.path.id": "method.request.path.id", "integration.request.header.X-Key": "'k'" },
          "requestTemplates": { "application/json": "{\"id\": \"$input.params('id')\"}" },
          "passthroughBehavior": "when_no_templates", "contentHandling": "CONVERT_TO_TEXT", "timeoutInMillis": 5000,
          "responses": {
            "4\\d{2}": { "statusCode": "404", "responseTemplates": { "application/json": "#set($x = 1)$x", "text/html": "" } },
            "default": { "statusCode": 200, "responseParameters": { "method.response.header.ETag": "integration.response.header.ETag" } }
          }
        }
      }
    }
  },
  "components": { "schemas": {
    "Order": { "type": "object", "required": ["id"], "properties": { "id": { "type": "string" }, "parts": { "type": "array", "items": { "$ref": "#/components/schemas/Order" } } } },
    "Error": { "type": "object" }
  } },
  "x-amazon-apigateway-request-validators": { "all": { "validateRequestParameters": true, "validateRequestBody": true } },
  "x-amazon-apigateway-gateway-responses": {
    "DEFAULT_4XX": { "statusCode": 418, "responseParameters": { "gatewayresponse.header.A": "'*'" }, "responseTemplates": { "application/json": "{\"m\":$context.error.messageString}" } }
  },
  "x-amazon-apigateway-binary-media-types": ["image/PNG", "application~1zip"]
}"##);
    assert_eq!((&*api.name, &*api.base_path, &*api.stage), ("orders", "/prod", "prod"));
    assert_eq!(api.binary_media_types, ["image/png", "application/zip"]);
    assert_eq!(api.gateway_responses.status(Kind::Unauthorized), 418);
    for path in ["/orders/7", "/prod/orders/7"] {
        let (found, parameters) = api.find(&http::Method::GET, path).unwrap();
        assert_eq!((found.operation.as_deref(), parameters), (Some("order"), vec![("id", "7")]));
    }
    assert!(api.find(&http::Method::GET, "/production/orders/7").is_none());
    let method = only(&api);
    assert_eq!(method.verb, Verb::Only(http::Method::GET));
    assert!(method.validator.parameters && method.validator.body);
    assert!(
        method
            .parameters
            .iter()
            .any(|it| it.location == Location::Header && it.name == "X-Trace" && it.required)
    );
    let (media_type, model) = &method.request_models[0];
    assert_eq!((&**media_type, &*model.name), ("application/json", "Order"));
    assert!(model.misfits(&serde_json::json!({ "id": "1", "parts": [{ "id": "2" }] })).is_empty());
    assert!(!model.misfits(&serde_json::json!({ "id": "1", "parts": [{}] })).is_empty());
    assert_eq!(method.response(StatusCode::OK).unwrap().headers, ["ETag"]);
    assert_eq!(method.response(StatusCode::NOT_FOUND).unwrap().models[0].1.name, "Error");
    let integration = &method.integration;
    let Backend::Http(endpoint) = &integration.backend else { panic!("{integration:?}") };
    assert_eq!(
        endpoint.uri.parts,
        [UriPart::Text("http://legacy/o/".into()), UriPart::Parameter("id".into())]
    );
    assert_eq!(
        (integration.passthrough, integration.content_handling, integration.timeout.as_millis()),
        (Passthrough::WhenNoTemplates, Some(ContentHandling::ToText), 5000)
    );
    assert_eq!(integration.parameters[1].target, RequestTarget::Header("X-Key".into()));
    assert!(matches!(&integration.parameters[1].source, RequestSource::Static(text) if text == "k"));
    let (selection, selected) = &integration.responses.selected[0];
    assert_eq!((&*selection.text, selected.status), (r"4\d{2}", StatusCode::NOT_FOUND));
    assert!(selected.templates.exact("application/json").unwrap().is_some());
    assert!(selected.templates.exact("text/html").unwrap().is_none());
    let default = integration.responses.default.as_ref().unwrap();
    assert!(matches!(&default.parameters[0].source, ResponseSource::Header(name) if name == "ETag"));
}

#[test]
fn swagger_is_read_as_openapi_is() {
    let api = api(r##"
swagger: "2.0"
info: { title: pets }
host: x
basePath: /v1
schemes: [https]
consumes: [application/json, application/xml]
produces: [application/json]
paths:
  /pets:
    parameters: [{ $ref: "#/parameters/Limit" }]
    x-amazon-apigateway-any-method:
      parameters:
        - { in: body, name: Pet, required: true, schema: { $ref: "#/definitions/Pet" } }
      responses:
        200: { $ref: "#/responses/Ok" }
      x-amazon-apigateway-integration:
        type: MOCK
        requestTemplates: { application/json: '{"statusCode": 200}' }
        responses: { default: { statusCode: 200 } }
parameters:
  Limit: { in: query, name: limit, type: integer, required: true }
responses:
  Ok: { description: ok, schema: { $ref: "#/definitions/Pet" }, headers: { X: { type: string } } }
definitions:
  Pet: { type: object }
"##);
    let method = only(&api);
    assert_eq!((&*api.base_path, &*api.stage), ("/v1", "v1"));
    assert_eq!(method.verb, Verb::Any);
    assert_eq!(method.parameters.iter().map(|it| &*it.name).collect::<Vec<_>>(), ["limit"]);
    let types: Vec<&str> = method.request_models.iter().map(|(media_type, _)| &**media_type).collect();
    assert_eq!(types, ["application/json", "application/xml"]);
    assert_eq!(method.responses[0].headers, ["X"]);
    assert_eq!(method.responses[0].models[0].1.name, "Pet");
}

#[test]
fn functions_are_known_by_name_alias_and_payload() {
    let uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:${stageVariables.fn}:live/invocations";
    let options = Options { stage_variables: vec![("fn".into(), "orders".into())], ..Options::default() };
    for (version, expected) in [
        ("", PayloadFormat::Rest),
        (", payloadFormatVersion: \"2.0\"", PayloadFormat::Two),
        (", payloadFormatVersion: 1.0", PayloadFormat::One),
    ] {
        let text =
            with_integration(&format!("{{ type: AWS_PROXY, httpMethod: POST, uri: '{uri}'{version} }}"));
        let (api, problems) = read_with(&text, &options);
        assert_eq!(problems, Vec::<String>::new());
        let api = api.unwrap();
        let Backend::LambdaProxy(function, format) = &only(&api).integration.backend else { panic!() };
        assert_eq!(
            (&*function.name, function.qualifier.as_deref(), *format),
            ("orders", Some("live"), expected)
        );
    }
}

#[test]
fn all_spellings_of_the_default_are_known() {
    for key in ["default", "\"\"", "\"-\""] {
        let text = with_integration(&format!(
            "{{ type: mock, requestTemplates: {{ a/b: x }}, responses: {{ {key}: {{ statusCode: 200 }} }} }}"
        ));
        assert!(only(&api(&text)).integration.responses.default.is_some(), "{key}");
    }
}

#[test]
fn a_line_feed_in_a_pattern_is_kept() {
    let text = with_integration(
        r#"{ type: mock, requestTemplates: { a/b: x }, responses: { "(\n|.)+": { statusCode: 200 } } }"#,
    );
    assert_eq!(&*only(&api(&text)).integration.responses.selected[0].0.text, "(\n|.)+");
}

#[test]
fn look_around_and_whatever_else_java_takes_is_a_pattern() {
    for pattern in [r"2(?!06)\d{2}", r"(?<!\d{3}: ).+", r"\Q[x]\E.*", r"\d++", r"\p{Alpha}+"] {
        let text = with_integration(&format!(
            "{{ type: mock, requestTemplates: {{ a/b: x }}, responses: {{ '{pattern}': {{ statusCode: 200 }} }} }}"
        ));
        assert_eq!(only(&api(&text)).integration.responses.selected.len(), 1, "{pattern}");
    }
}

#[test]
fn what_is_not_carried_out_is_told_with_its_place() {
    let (api, problems) = read_with(
        r#"
openapi: 3.0.1
info: { title: t }
security: [{ key: [] }]
x-amazon-apigateway-policy: { Statement: [] }
x-amazon-apigateway-brand-new: 1
x-vendor: 1
paths:
  /a:
    get:
      respones: {}
      responses: { default: {}, 200: {} }
      x-amazon-apigateway-integration:
        type: mock
        cacheKeyParameters: [a]
        requestTemplates: { application/json: '{"statusCode": 200}' }
        responses:
          "^[Error].*": { statusCode: 400 }
          default: { statusCode: 200, responseParameters: { method.response.header.X: "'y'" }, selectionPattern: a }
"#,
        &Options::default(),
    );
    assert!(api.is_some());
    assert_eq!(
        problems,
        [
            "4:1 warning: `security` is of no effect here, as on API Gateway",
            "5:1 warning: `x-amazon-apigateway-policy` is not carried out: resource policies are not enforced",
            "6:1 warning: unknown key `x-amazon-apigateway-brand-new` in the definition",
            "11:7 warning: unknown key `respones` in an operation",
            "12:20 warning: response `default` is left out, as on API Gateway",
            "15:9 warning: `cacheKeyParameters` is not carried out: answers are not cached",
            "18:11 warning: `[Error]` is a single one of these characters",
            "18:39 warning: the method declares no response 400",
            "19:61 warning: response 200 of the method declares no header `X`",
            "19:96 warning: `selectionPattern` is of no effect here, as on API Gateway",
        ]
    );
}

#[test]
fn what_is_not_wanted_is_not_missed() {
    let check = |integration: &str, expected: usize| {
        let (_, problems) = read_with(&with_integration(integration), &Options::default());
        assert_eq!(problems.len(), expected, "{integration}: {problems:?}");
    };
    let integration = |more: &str| format!("{{ type: http_proxy, httpMethod: GET, uri: http://a, {more} }}");
    check(&integration("cacheKeyParameters: []"), 0);
    check(&integration("cacheKeyParameters: [a]"), 1);
    check(&integration("responseTransferMode: BUFFERED"), 0);
    check(&integration("responseTransferMode: STREAM"), 1);
    check(&integration("tlsConfig: { insecureSkipVerification: true }"), 1);
}
