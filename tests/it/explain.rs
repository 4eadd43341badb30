//! `candor explain --openapi`: an exchange with an API, stage by stage.

use std::io::Write;
use std::process::Stdio;

use super::cli::{candor, check, ended, file};

const DEFINITION: &str = r##"openapi: 3.0.1
info: { title: shop, version: "1" }
x-amazon-apigateway-request-validators: { all: { validateRequestParameters: true } }
x-amazon-apigateway-gateway-responses: { INTEGRATION_TIMEOUT: { statusCode: 503, responseTemplates: { application/json: '{"late":true}' } } }
paths:
  /orders/{id}:
    put:
      parameters: [{ name: X-Tenant, in: header, required: true }]
      x-amazon-apigateway-request-validator: all
      responses: { 200: {}, 400: { content: { application/json: { schema: { required: [code] } } } }, 502: {} }
      x-amazon-apigateway-integration:
        type: http
        httpMethod: POST
        uri: http://legacy/v1/{id}
        requestParameters:
          integration.request.path.id: method.request.path.id
          integration.request.header.X-Trace: method.request.header.x-trace
        requestTemplates: { application/json: '{"n":$input.json("$.n")}' }
        responses:
          5..: { statusCode: 502 }
          4\d{2}: { statusCode: 400, responseTemplates: { application/json: '{"why":$input.json("$.message")}' } }
          default: { statusCode: 200 }
  /function:
    get:
      responses: { 200: {}, 400: {}, 500: {} }
      x-amazon-apigateway-integration:
        type: aws
        httpMethod: POST
        uri: arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:1:function:orders/invocations
        responses:
          'Internal*': { statusCode: 500 }
          '.*not found.*': { statusCode: 400 }
          '.*stack.*': { statusCode: 500 }
          '[\s\S]*internal[\s\S]*': { statusCode: 500 }
          default:
            statusCode: 200
            responseTemplates: { application/json: "#set($context.responseOverride.status = 418)$input.body" }
  /mock:
    get:
      responses: { 200: {} }
      x-amazon-apigateway-integration:
        type: mock
        requestTemplates: { application/json: '{"statusCode": 200}' }
        responses: { default: { statusCode: 200, responseTemplates: { application/json: "hello" } } }
"##;

/// Exit code, stdout and stderr; the definition's name is `api.yaml`, and lines that are always the same are left out.
fn explained(arguments: &[&str], saved: &str) -> (i32, String, String) {
    let file = file(DEFINITION);
    let path = file.path().to_str().unwrap();
    let lambda = "orders=http://127.0.0.1:9/2015-03-31/functions/function/invocations";
    let mut child = candor(&[&["explain", "--openapi", path, "--lambda", lambda], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that does not read its answer may be gone already.
    let _ = child.stdin.take().unwrap().write_all(saved.as_bytes());
    let (code, stdout, stderr) = ended(child.wait_with_output().unwrap());
    let added =
        ["X-Forwarded-", "X-Amzn-Trace-Id", "x-amzn-RequestId", "x-amz-apigw-id", "X-Amzn-Apigateway"];
    let kept = |line: &&str| !added.iter().any(|name| line.trim_start().starts_with(name));
    let stdout: String = stdout.lines().filter(kept).map(|line| format!("{line}\n")).collect();
    (code, stdout.replace(path, "api.yaml"), stderr.replace(path, "api.yaml"))
}

#[test]
fn every_stage_of_an_exchange_is_told() {
    let saved = "HTTP/1.1 404 Not Found\r\nServer: legacy\r\n\r\n{\"message\":\"no order 7\"}\n";
    let request = ["--method", "PUT", "--path", "/orders/7?a=b%20c", "-H", "X-Tenant: acme", "-"];
    let (code, stdout, stderr) = explained(&request, saved);
    assert_eq!((code, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stdout, @r#"
    method request
      PUT /orders/{id}, api.yaml:7
      path: id=7
      query string: a=b c
      headers:
        X-Tenant: acme
      body before transformations: none

    endpoint request
      POST http://legacy/v1/7
      left out, as there is nothing to map: integration.request.header.X-Trace
      headers:
        Content-Type: application/json
        Accept: application/json
        User-Agent: AmazonAPIGateway_candor
      body after transformations, by the template at api.yaml:18:47:
        {"n":""}

    endpoint response
      404 Not Found
      headers:
        server: legacy
      body before transformations:
        {"message":"no order 7"}

    selection, by `404`
      `5..` -> 502: no
      `4\d{2}` -> 400: yes
      default -> 200: not needed

    method response
      400 Bad Request
      headers:
        Content-Type: application/json
      body after transformations, by the template at api.yaml:21:77:
        {"why":"no order 7"}
      does not fit its model: 400 Bad Request response at the body: "code" is a required property

    method completed with status: 400
    "#);
}

#[test]
fn it_is_told_why_each_pattern_does_not_match() {
    let error = r#"{"errorMessage":"Internal Error: see\nthe stack","errorType":"E"}"#;
    let saved = format!("HTTP/1.1 200 OK\r\n\r\n{error}");
    let (code, stdout, _) = explained(&["--path", "/function", "-"], &saved);
    assert_eq!(code, 0);
    let shown = stdout.split("selection").nth(1).unwrap();
    insta::assert_snapshot!(shown, @r#"
    , by `Internal Error: see\nthe stack`
      `Internal*` -> 500: no, it matches `Internal` and must match all: put `.*` around it
      `.*not found.*` -> 400: no
      `.*stack.*` -> 500: no, because `.` does not match the end of a line: begin the pattern with `(?s)`
      `[\s\S]*internal[\s\S]*` -> 500: no, but with capitals and small letters alike: begin the pattern with `(?i)`
      default -> 200: yes, as nothing else matches

    method response
      418 I'm a teapot, by `$context.responseOverride.status`
      headers:
        Content-Type: application/json
      body after transformations, by the template at api.yaml:37:52:
        {"errorMessage":"Internal Error: see\nthe stack","errorType":"E"}

    method completed with status: 418
    "#);
}

#[test]
fn a_mock_needs_no_answer_and_a_backend_does() {
    let (code, stdout, stderr) = explained(&["--path", "/mock"], "");
    assert_eq!((code, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stdout, @r#"
    method request
      GET /mock, api.yaml:39
      headers:
      body before transformations: none

    selection, by `200`
      default -> 200: yes, as nothing else matches

    method response
      200 OK
      headers:
        Content-Type: application/json
      body after transformations, by the template at api.yaml:44:89:
        hello

    method completed with status: 200
    "#);
    let (code, stdout, stderr) = explained(&["--path", "/function"], "");
    assert_eq!(code, 2);
    assert!(stdout.contains("POST function orders\n"), "{stdout}");
    insta::assert_snapshot!(stderr, @r#"
    error: what the backend answers to this is not known
      = help: save it with `curl -i URL > FILE` and give FILE, or say why there is none: `--failure timeout`
    "#);
    check(&["explain", "--preset", "soap"], 2, &["rules need an answer to decide about"]);
}

#[test]
fn what_api_gateway_answers_by_itself_is_told_with_its_cause() {
    let check = |arguments: &[&str], expected: &str| {
        let (code, stdout, stderr) = explained(arguments, "");
        assert_eq!(code, 0, "{stderr}");
        assert!(stdout.contains(expected), "{stdout}\nshould hold {expected:?}");
    };
    let put = ["--method", "PUT", "--path", "/orders/7"];
    check(
        &put,
        "  BAD_REQUEST_PARAMETERS, built in\n  because: Missing required request parameters: [X-Tenant]\n",
    );
    check(
        &[&put[..], &["-H", "X-Tenant: a", "--failure", "timeout"]].concat(),
        "  none: timeout\n\ngateway response\n  INTEGRATION_TIMEOUT, written in the definition\n",
    );
    check(&["--path", "/orders/7"], "  no method for GET /orders/7; there is one for PUT\n");
    check(&["--path", "/nowhere"], "  no method for GET /nowhere\n");
    check(&["--path", "/nowhere"], "method completed with status: 403\n");
}

#[test]
fn a_request_s_body_is_read_and_the_end_is_told_in_json() {
    let body = file(r#"{"n": [1, 2]}"#);
    let body = body.path().to_str().unwrap();
    let saved = "HTTP/1.1 500 No\r\n\r\n{}";
    let request = ["--method", "PUT", "--path", "/orders/7", "-H", "x-tenant: a", "--format", "json"];
    let (code, stdout, _) = explained(&[&request[..], &["--body", body, "-"]].concat(), saved);
    assert_eq!(code, 0);
    let told: serde_json::Value = serde_json::from_str(&stdout).unwrap_or_default();
    assert_eq!(told["endpoint_request"]["body"], r#"{"n":[1,2]}"#);
    assert_eq!(told["endpoint_response"]["status"], 500);
    assert_eq!(told["selection"]["chosen"]["pattern"], "5..");
    assert_eq!(told["selection"]["patterns"][1]["result"], "not tried");
    assert_eq!(told["answer"]["status"], 502);
    assert_eq!(told["gateway_response"], serde_json::Value::Null);
}
