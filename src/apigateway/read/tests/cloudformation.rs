//! CloudFormation and SAM templates.

use super::{only, read_with};
use crate::apigateway::model::{Api, Backend, Kind, ResponseSource, UriPart};
use crate::apigateway::read::Options;

const TEMPLATE: &str = r#"
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Host: { Type: String, Default: legacy }
  Stage: { Type: String }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Mappings:
  Ports: { prod: { http: 80 }, test: { http: 8080 } }
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "orders-${Stage}"
      AutoPublishAlias: live
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: !Ref Stage
      Variables: { a: !Ref Host, b: "2" }
      BinaryMediaTypes: [image~1png]
      GatewayResponses:
        DEFAULT_4XX:
          StatusCode: 418
          ResponseParameters: { Headers: { Access-Control-Allow-Origin: "'*'" } }
      DefinitionBody:
        openapi: 3.0.1
        info: { title: !Sub "${AWS::StackName}-api" }
        paths:
          /orders:
            post:
              responses: { 200: {} }
              x-amazon-apigateway-integration:
                type: aws_proxy
                httpMethod: POST
                uri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/FUNCTION/invocations
          /legacy:
            get:
              responses: { 200: {} }
              x-amazon-apigateway-integration:
                type: http_proxy
                httpMethod: !If [IsProd, GET, !Ref AWS::NoValue]
                uri: !Join ["", ["http://", !Ref Host, ":", !FindInMap [Ports, !Ref Stage, http], "/${stageVariables.a}"]]
"#;

fn read(function: &str) -> Api {
    let options = Options { parameters: vec![("Stage".into(), "prod".into())], ..Options::default() };
    let (api, problems) = read_with(&TEMPLATE.replace("FUNCTION", function), &options);
    assert_eq!(problems, Vec::<String>::new());
    api.unwrap()
}

#[test]
fn a_template_is_read_with_its_functions_carried_out() {
    let api = read("${Orders.Arn}");
    assert_eq!((&*api.name, &*api.stage), ("stack-api", "prod"));
    assert_eq!(api.stage_variable("a"), Some("legacy"));
    assert_eq!(api.binary_media_types, ["image/png"]);
    assert_eq!(api.gateway_responses.status(Kind::Unauthorized), 418);
    assert_eq!(
        api.gateway_responses.of(Kind::Unauthorized).unwrap().headers[0].0,
        "Access-Control-Allow-Origin"
    );
    let Backend::HttpProxy(endpoint) = &api.methods[1].integration.backend else { panic!() };
    assert_eq!(endpoint.method, Some(http::Method::GET));
    assert_eq!(endpoint.uri.parts, [UriPart::Text("http://legacy:80/legacy".into())]);
}

#[test]
fn functions_are_found_by_arn_and_alias() {
    for (written, qualifier) in
        [("${Orders.Arn}", None), ("${Orders.Arn}:v1", Some("v1")), ("${Orders.Alias}", Some("live"))]
    {
        let api = read(written);
        let Backend::LambdaProxy(function, _) = &api.methods[0].integration.backend else { panic!() };
        assert_eq!((&*function.name, function.qualifier.as_deref()), ("orders-prod", qualifier));
        assert!(function.arn.starts_with("arn:aws:lambda:us-east-1:123456789012:function:orders-prod"));
    }
}

#[test]
fn long_and_short_forms_mean_the_same() {
    let (api, problems) = read_with(
        r#"{ "Resources": {
            "Fn": { "Type": "AWS::Lambda::Function" },
            "Api": { "Type": "AWS::ApiGateway::RestApi", "Properties": { "Body": { "swagger": "2.0", "paths": { "/a": { "get": {
              "responses": { "200": {} },
              "x-amazon-apigateway-integration": { "type": "aws", "httpMethod": "POST", "responses": { "default": { "statusCode": "200" } },
                "requestTemplates": { "application/json": { "Fn::Sub": ["${x}-${!y}-$z", { "x": "1" }] } },
                "uri": { "Fn::Join": ["", ["arn:aws:apigateway:", { "Ref": "AWS::Region" }, ":lambda:path/2015-03-31/functions/", { "Fn::GetAtt": ["Fn", "Arn"] }, "/invocations"]] } } } } } } } },
            "Deny": { "Type": "AWS::ApiGateway::GatewayResponse", "Properties": { "RestApiId": { "Ref": "Api" }, "ResponseType": "THROTTLED", "StatusCode": "430" } },
            "Stage": { "Type": "AWS::ApiGateway::Stage", "Properties": { "RestApiId": { "Ref": "Api" }, "StageName": "v2", "Variables": { "k": "v" } } }
        } }"#,
        &Options::default(),
    );
    assert_eq!(problems, Vec::<String>::new());
    let api = api.unwrap();
    assert_eq!((&*api.stage, api.stage_variable("k")), ("v2", Some("v")));
    assert_eq!(api.gateway_responses.status(Kind::Throttled), 430);
    let integration = &only(&api).integration;
    let Backend::Lambda(function) = &integration.backend else { panic!() };
    assert_eq!(function.name, "Fn");
    assert_eq!(integration.templates.first().unwrap().unwrap().source.text, "1-${y}-$z");
}

#[test]
fn what_has_no_value_or_is_left_out_is_told() {
    let (api, problems) = read_with(
        r#"
Parameters: { P: { Type: String } }
Conditions: { Loop: !Condition Loop }
Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties: { Events: { E: { Type: Api, Properties: { Path: /more, Method: get } } } }
  Bucket: { Type: AWS::S3::Bucket }
  More: { Type: AWS::ApiGateway::Method, Properties: { RestApiId: !Ref Api } }
  Elsewhere: { Type: AWS::Serverless::Api, Properties: { DefinitionUri: api.yaml } }
  Api:
    Type: AWS::Serverless::Api
    Properties:
      Auth: { ApiKeyRequired: false, DefaultAuthorizer: A }
      DefinitionBody:
        openapi: 3.0.1
        info: { title: !Ref P, version: !ImportValue X, license: !Ref Q, x-a: !If [Loop, 1, 2], x-b: !Sub "${Nope.Arn}${stageVariables.z}" }
        paths: { }
        x-c: !Ref Bucket
        x-d: { Fn::Transform: { Name: AWS::Include } }
        x-e: !Join [a]
"#,
        &Options::default(),
    );
    assert!(api.is_none());
    assert_eq!(
        problems,
        [
            "3:21 error: a condition leads back to itself",
            "7:29 warning: event `E` is left out: `/more` is not in `Api`",
            "9:3 warning: `More` is left out: only what is inside `Api` is read",
            "10:73 warning: `Elsewhere` is defined in another file",
            "14:38 warning: `DefaultAuthorizer` is not carried out: requests are not authorized",
            "17:24 error: parameter `P` has no value",
            "17:41 warning: `X` is another stack's, and only known when it is deployed",
            "17:66 error: `Q` is neither a parameter nor a resource",
            "17:102 error: there is no resource `Nope`",
            "17:102 warning: `${stageVariables.z}` in `Fn::Sub` is taken for API Gateway's",
            "19:14 warning: the name of `Bucket` is only known when it is deployed",
            "20:31 error: `Fn::Transform` brings in what is not in this file",
            "21:14 error: `Fn::Join` takes 2 values",
        ]
    );
}

#[test]
fn one_of_several_apis_is_chosen_by_name() {
    let template = "Resources:\n  A: { Type: AWS::ApiGateway::RestApi, Properties: { Body: { openapi: 3.0.1, paths: {} } } }\n  B: { Type: AWS::ApiGateway::RestApi, Properties: { Body: { openapi: 3.0.1, info: { title: b }, paths: {} } } }\n";
    let (api, problems) = read_with(template, &Options::default());
    assert!(api.is_none());
    assert_eq!(problems, ["1:1 error: the template has several APIs"]);
    let (api, _) = read_with(template, &Options { api: Some("B".into()), ..Options::default() });
    assert_eq!(api.unwrap().name, "b");
    let (_, problems) = read_with(template, &Options { api: Some("C".into()), ..Options::default() });
    assert_eq!(problems, ["1:1 error: the template has no API `C` with a definition inside"]);
}

#[test]
fn keys_are_asked_for_where_sam_says_so() {
    let template = |auth: &str, event: &str| {
        format!(
            r##"
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: prod
      Auth: {{ {auth} }}
      DefinitionBody:
        swagger: "2.0"
        paths:
          /a:
            get: &op
              responses: {{}}
              x-amazon-apigateway-integration: {{ type: aws_proxy, httpMethod: POST, uri: !Sub "arn:${{AWS::Partition}}:lambda:::function:f" }}
            options: *op
            x-amazon-apigateway-any-method: *op
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Events:
        A: {{ Type: Api, Properties: {{ RestApiId: !Ref Api, Path: /a, Method: get, {event} }} }}
        Any: {{ Type: Api, Properties: {{ RestApiId: !Ref Api, Path: /a, Method: any }} }}
"##
        )
    };
    let check = |auth: &str, event: &str, expected: [bool; 3]| {
        let (api, problems) = read_with(&template(auth, event), &Options::default());
        assert_eq!(problems, Vec::<String>::new(), "{auth} {event}");
        let asking: Vec<bool> = api.unwrap().methods.iter().map(|method| method.asks_for_key).collect();
        assert_eq!(asking, expected, "{auth} {event}");
    };
    check("", "", [false, false, false]);
    check("ApiKeyRequired: true", "", [true, true, true]);
    check("ApiKeyRequired: true, AddApiKeyRequiredToCorsPreflight: false", "", [true, false, true]);
    check("", "Auth: { ApiKeyRequired: true }", [true, false, false]);
    check("ApiKeyRequired: true", "Auth: { ApiKeyRequired: false }", [false, true, true]);
}

fn sam(globals: &str, properties: &str) -> String {
    format!(
        r##"
Globals: {{ {globals} }}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      {properties}
      DefinitionBody:
        paths:
          /a:
            get: &op
              x-amazon-apigateway-integration: {{ type: http_proxy, httpMethod: GET, uri: http://h/ }}
            put: *op
          /b:
            options: *op
            x-amazon-apigateway-any-method: *op
          /c:
            x-amazon-apigateway-any-method: *op
"##
    )
}

#[test]
fn what_is_global_is_said_of_each_api() {
    let globals = "Api: { BinaryMediaTypes: [a/b], Variables: { x: global, y: global }, StageName: global, Auth: { DefaultAuthorizer: A } }";
    let text = sam(globals, "BinaryMediaTypes: [c/d]\n      Variables: { x: own }");
    let (api, problems) = read_with(&text, &Options::default());
    assert_eq!(
        problems,
        ["2:108 warning: `DefaultAuthorizer` is not carried out: requests are not authorized"]
    );
    let api = api.unwrap();
    assert_eq!(api.binary_media_types, ["a/b", "c/d"]);
    assert_eq!((api.stage_variable("x"), api.stage_variable("y")), (Some("own"), Some("global")));
    assert_eq!(api.stage, "global");
}

#[test]
fn preflight_requests_are_answered_as_sam_has_it() {
    let headers = |cors: &str, path: &str| {
        let (api, problems) = read_with(&sam("", &format!("Cors: {cors}")), &Options::default());
        assert_eq!(problems, Vec::<String>::new());
        let api = api.unwrap();
        let method = api.find(&http::Method::OPTIONS, path).unwrap().0;
        let Some(response) = &method.integration.responses.default else { return "none".to_owned() };
        let shown = response.parameters.iter().map(|it| match &it.source {
            ResponseSource::Static(text) => format!("{}: {text}", it.header),
            other => panic!("{other:?}"),
        });
        shown.collect::<Vec<_>>().join("; ")
    };
    let origin = "Access-Control-Allow-Origin: *; Access-Control-Allow-Methods:";
    assert_eq!(headers("\"'*'\"", "/a"), format!("{origin} GET,OPTIONS,PUT"));
    assert_eq!(headers("\"'*'\"", "/c"), format!("{origin} DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"));
    assert_eq!(headers("\"'*'\"", "/b"), "none");
    assert_eq!(
        headers(
            "{ AllowOrigin: \"'http://o'\", AllowMethods: \"'GET'\", AllowHeaders: \"'X'\", MaxAge: \"'600'\", AllowCredentials: true }",
            "/a"
        ),
        "Access-Control-Allow-Origin: http://o; Access-Control-Allow-Methods: GET; Access-Control-Allow-Headers: X; Access-Control-Max-Age: 600; Access-Control-Allow-Credentials: true"
    );
}
