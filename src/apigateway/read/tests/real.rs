//! What definitions in use have that no page says, each reduced to what mattered.

use super::{api, only, read_with, with_integration};
use crate::apigateway::model::{Api, Backend, RequestParameter, RequestSource, RequestTarget, UriPart};
use crate::apigateway::read::Options;

fn with(parameters: &[(&str, &str)], stage_variables: &[(&str, &str)]) -> Options {
    let owned = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    };
    Options { parameters: owned(parameters), stage_variables: owned(stage_variables), ..Options::default() }
}

fn check(text: &str, options: &Options, expected: &[&str]) -> Option<Api> {
    let (api, problems) = read_with(text, options);
    assert_eq!(problems, expected, "{text}");
    api
}

fn function(api: &Api) -> &str {
    match &only(api).integration.backend {
        Backend::Lambda(function) | Backend::LambdaProxy(function, _) => &function.name,
        other => panic!("{other:?}"),
    }
}

fn url<'a>(api: &'a Api) -> Vec<&'a str> {
    let Backend::HttpProxy(endpoint) = &only(api).integration.backend else { panic!() };
    let text = |part: &'a UriPart| match part {
        UriPart::Text(text) | UriPart::Parameter(text) => text.as_str(),
    };
    endpoint.uri.parts.iter().map(text).collect()
}

#[test]
fn of_keys_given_twice_the_last_counts() {
    let api = check(
        "swagger: \"2.0\"\npaths:\n  /a: {}\n  /a:\n    get:\n      x-amazon-apigateway-integration: { type: http_proxy, httpMethod: GET, httpMethod: PUT, uri: http://h/ }\n",
        &Options::default(),
        &[
            "4:3 warning: `/a` is given twice in one map",
            "6:77 warning: `httpMethod` is given twice in one map",
        ],
    );
    let api = api.unwrap();
    let Backend::HttpProxy(endpoint) = &only(&api).integration.backend else { panic!() };
    assert_eq!(endpoint.method, Some(http::Method::PUT));
}

#[test]
fn a_definition_that_is_a_template_has_the_values_of_parameters() {
    let integration = r#"{ type: aws, httpMethod: POST, uri: "arn:aws:apigateway:${region}:lambda:path/2015-03-31/functions/${fn_arn}/invocations", timeoutInMillis: "${timeout}", requestTemplates: { application/json: '{"env":"${env}","v":"$${context.stage}","own":"${own}"}' }, responses: { default: { statusCode: 200 } } }"#;
    let parameters =
        [("region", "r"), ("fn_arn", "arn:aws:lambda:r:1:function:f"), ("timeout", "500"), ("env", "dev")];
    let api = check(&with_integration(integration), &with(&parameters, &[]), &[]).unwrap();
    assert_eq!(function(&api), "f");
    let integration = &only(&api).integration;
    assert_eq!(integration.timeout.as_millis(), 500);
    let template = integration.templates.first().unwrap().unwrap();
    assert_eq!(template.source.text, r#"{"env":"dev","v":"${context.stage}","own":"${own}"}"#);
}

#[test]
fn every_variable_without_a_value_is_told() {
    let integration = r#"{ type: aws_proxy, httpMethod: POST, uri: "arn:aws:apigateway:${region}:lambda:path/2015-03-31/functions/${fn_arn}/invocations", responses: { default: { statusCode: 418 } } }"#;
    check(
        &with_integration(integration),
        &Options::default(),
        &["8:51 error: `${region}` has no value", "8:51 error: `${fn_arn}` has no value"],
    );
}

#[test]
fn a_definition_that_a_template_brings_in_has_its_functions_carried_out() {
    let of = |uri: &str| {
        with_integration(&format!(
            "{{ type: aws_proxy, httpMethod: POST, credentials: !GetAtt Role.Arn, uri: {uri} }}"
        ))
    };
    let invoke = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Orders.Arn}/invocations";
    for uri in [
        format!("!Sub \"{invoke}\""),
        format!("{{ \"Fn::Sub\": \"{invoke}\" }}"),
        "!GetAtt Orders.Arn".to_owned(),
    ] {
        let api = check(&of(&uri), &Options::default(), &[]).unwrap();
        assert_eq!(function(&api), "Orders", "{uri}");
    }
    let given = with(&[("Orders.Arn", "arn:aws:lambda:r:1:function:orders-v2")], &[]);
    assert_eq!(function(&check(&of("!GetAtt Orders.Arn"), &given, &[]).unwrap()), "orders-v2");
    let told = ["8:82 warning: `Orders` is not in this file"];
    assert_eq!(function(&check(&of("!Ref Orders"), &Options::default(), &told).unwrap()), "Orders");
}

#[test]
fn what_schemas_and_examples_say_is_no_function() {
    let text = r##"
openapi: 3.0.1
info: { title: !Ref Name, description: !Sub "${Unknown}" }
paths:
  /a:
    get:
      requestBody: { content: { application/json: { schema: { type: object, properties: { Ref: { type: string } }, example: { Ref: x } } } } }
      x-amazon-apigateway-integration: { type: http_proxy, httpMethod: GET, uri: http://h/ }
"##;
    let api = check(text, &with(&[("Name", "orders")], &[]), &[]).unwrap();
    assert_eq!(api.name, "orders");
    let (_, model) = &only(&api).request_models[0];
    assert_eq!(model.schema["example"], serde_json::json!({ "Ref": "x" }));
}

#[test]
fn a_host_may_be_a_stage_variable_without_a_value() {
    let of =
        |uri: &str| with_integration(&format!("{{ type: http_proxy, httpMethod: GET, uri: \"{uri}\" }}"));
    let told = ["8:51 warning: stage variable `host` has no value"];
    let read = |uri: &str| check(&of(uri), &Options::default(), &told).unwrap();
    assert_eq!(url(&read("https://${stageVariables.host}/b")), ["https:///b"]);
    assert_eq!(url(&read("${stageVariables.host}/b")), ["http:///b"]);
    assert_eq!(url(&read("http://a.${stageVariables.host}/b")), ["http://a./b"]);
    let given = with(&[], &[("host", "https://h")]);
    assert_eq!(url(&check(&of("${stageVariables.host}/b"), &given, &[]).unwrap()), ["https://h/b"]);
}

#[test]
fn a_function_named_by_a_stage_variable_without_a_value_is_nobodys() {
    let of = |function: &str| {
        with_integration(&format!(
            "{{ type: aws_proxy, httpMethod: POST, uri: \"arn:aws:apigateway:r:lambda:path/2015-03-31/functions/{function}/invocations\" }}"
        ))
    };
    for written in ["${stageVariables.fn}", "arn:aws:lambda:r:1:function:${stageVariables.fn}"] {
        let api =
            check(&of(written), &Options::default(), &["8:51 warning: stage variable `fn` has no value"]);
        assert_eq!(function(&api.unwrap()), "${stageVariables.fn}");
        let given = with(&[], &[("fn", "orders")]);
        assert_eq!(function(&check(&of(written), &given, &[]).unwrap()), "orders");
    }
}

#[test]
fn no_validator_is_called_none() {
    let text = "swagger: \"2.0\"\nx-amazon-apigateway-request-validators: { all: { validateRequestBody: true, validateRequestHeaders: true } }\nx-amazon-apigateway-request-validator: NONE\npaths:\n  /a:\n    get: { x-amazon-apigateway-integration: { type: http_proxy, httpMethod: GET, uri: http://h/ } }\n";
    let told = ["2:77 warning: unknown key `validateRequestHeaders` in a request validator"];
    let api = check(text, &Options::default(), &told).unwrap();
    assert_eq!(only(&api).validator, Default::default());
}

#[test]
fn a_server_may_be_written_without_its_scheme() {
    let read = |server: &str| {
        let text = format!(
            "openapi: 3.0.1\nservers: [{{ url: \"{server}\", variables: {{ basePath: {{ default: /dev }} }} }}]\npaths:\n  /a:\n    get: {{ x-amazon-apigateway-integration: {{ type: http_proxy, httpMethod: GET, uri: http://h/ }} }}\n"
        );
        (api(&text).base_path, text)
    };
    assert_eq!(read("*.execute-api.eu-west-1.amazonaws.com/{basePath}").0, "/dev");
    assert_eq!(read("https://a.b/{basePath}").0, "/dev");
    assert_eq!(read("/{basePath}").0, "/dev");
    assert_eq!(read("a.b").0, "");
}

#[test]
fn parameters_of_a_uri_are_filled_in_by_themselves_in_http_apis_only() {
    let of = |more: &str| {
        with_integration(&format!("{{ type: http_proxy, httpMethod: ANY, uri: \"http://h/{{a}}\"{more} }}"))
    };
    let mapped = |api: Option<Api>| format!("{:?}", only(&api.unwrap()).integration.parameters);
    let source = RequestSource::Path("a".into());
    let parameter = RequestParameter { target: RequestTarget::Path("a".into()), source };
    assert_eq!(
        mapped(check(&of(", payloadFormatVersion: 1.0"), &Options::default(), &[])),
        format!("[{parameter:?}]")
    );
    let told = ["8:51 warning: `{a}` in the URI is sent as it is"];
    assert_eq!(mapped(check(&of(""), &Options::default(), &told)), "[]");
}

#[test]
fn a_service_that_an_http_api_calls_by_itself_costs_its_operation_alone() {
    let text = r#"
openapi: 3.0.1
paths:
  /send:
    post:
      responses: { default: {} }
      x-amazon-apigateway-integration: { type: aws_proxy, integrationSubtype: SQS-SendMessage, payloadFormatVersion: "1.0", requestParameters: { MessageBody: $request.body } }
  /$default:
    x-amazon-apigateway-any-method:
      isDefaultRoute: true
      x-amazon-apigateway-integration: { type: http_proxy, httpMethod: ANY, payloadFormatVersion: 1.0, uri: http://h/, responseParameters: { 200: { "append:header.a": b } } }
"#;
    let told = [
        "6:20 warning: response `default` is left out, as on API Gateway",
        "7:59 warning: the operation is left out: with `integrationSubtype` an HTTP API calls a service by itself",
        "11:120 warning: `responseParameters` is not carried out: the mapping of an HTTP API",
    ];
    assert_eq!(&*only(&check(text, &Options::default(), &told).unwrap()).resource, "/$default");
}

#[test]
fn a_definition_without_any_integration_is_told_once() {
    let operations = "get: { responses: {} }, put: { responses: {} }";
    check(
        &format!("openapi: 3.0.1\npaths: {{ /a: {{ {operations} }}, /b: {{ {operations} }} }}\n"),
        &Options::default(),
        &["2:8 error: no operation of the definition has an integration"],
    );
    check(
        "openapi: 3.0.1\npaths: { /a: { get: {}, put: { x-amazon-apigateway-integration: { type: http_proxy, httpMethod: GET, uri: http://h/ } } } }\n",
        &Options::default(),
        &["2:16 error: GET /a has no integration"],
    );
}

#[test]
fn what_only_the_cloud_knows_stands_for_itself() {
    let of = |uri: &str| {
        format!(
            "Resources:\n  Api:\n    Type: AWS::Serverless::HttpApi\n    Properties:\n      DefinitionBody:\n        paths:\n          /a:\n            get: {{ x-amazon-apigateway-integration: {{ type: http_proxy, httpMethod: GET, connectionId: !ImportValue vpc, uri: {uri} }} }}\n"
        )
    };
    let api = check(
        &of("!Sub \"http://{{resolve:ssm:/shop/lb}}/a\""),
        &Options::default(),
        &["8:127 warning: `ssm:/shop/lb` is only known when it is deployed"],
    );
    assert_eq!(url(&api.unwrap()), ["http://lb/a"]);
    let api = check(
        &of("!Join [\"\", [\"http://\", !ImportValue legacy-host, /a]]"),
        &Options::default(),
        &["8:150 warning: `legacy-host` is another stack's, and only known when it is deployed"],
    );
    assert_eq!(url(&api.unwrap()), ["http://legacy-host/a"]);
    let given = with(&[("legacy-host", "h"), ("ssm:/shop/lb", "h")], &[]);
    for uri in [
        "!Sub \"http://{{resolve:ssm:/shop/lb}}/a\"",
        "!Join [\"\", [\"http://\", !ImportValue legacy-host, /a]]",
    ] {
        assert_eq!(url(&check(&of(uri), &given, &[]).unwrap()), ["http://h/a"]);
    }
}

#[test]
fn a_missing_model_is_an_error_only_where_requests_are_held_against_it() {
    let of = |validator: &str| {
        format!(
            "swagger: \"2.0\"\nx-amazon-apigateway-request-validators: {{ all: {{ validateRequestBody: true }} }}\npaths:\n  /a:\n    post:\n      {validator}\n      parameters: [{{ in: body, name: b, schema: {{ $ref: \"#/definitions/Gone\" }} }}]\n      responses: {{ 200: {{ schema: {{ $ref: schemas.yaml#/Gone }} }} }}\n      x-amazon-apigateway-integration: {{ type: http_proxy, httpMethod: GET, uri: http://h/ }}\n"
        )
    };
    let told = [
        "7:57 warning: `#/definitions/Gone` points at nothing",
        "8:43 warning: `schemas.yaml#/Gone` is not in this file",
    ];
    assert!(check(&of("deprecated: true"), &Options::default(), &told).is_some());
    let told = ["7:57 error: `#/definitions/Gone` points at nothing", told[1]];
    assert!(check(&of("x-amazon-apigateway-request-validator: all"), &Options::default(), &told).is_none());
}

#[test]
fn nothing_in_the_place_of_a_path_or_an_operation_is_none() {
    let text = "openapi: 3.0.1\ncomponents:\npaths:\n  /none:\n  /a:\n    parameters:\n    put:\n    get: { security: , responses: , x-amazon-apigateway-integration: { type: http_proxy, httpMethod: GET, uri: http://h/, responses: , requestTemplates:  } }\n";
    assert_eq!(&*only(&api(text)).resource, "/a");
}
