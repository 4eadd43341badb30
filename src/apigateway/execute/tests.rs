//! Whole exchanges: a definition, a request, what the backend answers, and what the client gets.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method as Verb, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Call, Execution, Failure, Finished, Headers, Request, Settings, Step, Target};
use crate::apigateway::model::Api;
use crate::apigateway::read::{Options, read};
use crate::diagnostic::{Diagnostics, Source};

const FUNCTION: &str = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-1:1:function:f/invocations";

/// A definition with `POST /orders/{id}`: its integration, and what stands at its root.
fn api(integration: Value, root: Value) -> Api {
    let declared = ["A", "B", "Content-Type", "Date"].map(|name| (name, json!({})));
    let declared = json!({ "headers": declared.into_iter().map(|(name, it)| (name.to_owned(), it)).collect::<serde_json::Map<_, _>>() });
    let mut definition = json!({
        "openapi": "3.0.1",
        "info": { "title": "t", "version": "1" },
        "paths": { "/orders/{id}": { "post": {
            "parameters": [
                { "in": "query", "name": "q", "required": true },
                { "in": "header", "name": "X-H", "required": true },
            ],
            "requestBody": { "content": { "application/json": { "schema": { "type": "object", "required": ["a"] } } } },
            "responses": { "200": declared, "400": declared },
            "x-amazon-apigateway-integration": integration,
        } } },
    });
    definition.as_object_mut().unwrap().extend(root.as_object().unwrap().clone());
    let options = Options {
        stage: Some("prod".to_owned()),
        stage_variables: vec![("v".to_owned(), "stage value".to_owned())],
        ..Options::default()
    };
    let mut problems = Diagnostics::default();
    let api = read(&Source::new("api.json", definition.to_string()), &options, &mut problems);
    api.unwrap_or_else(|| panic!("{:#?}", problems.into_sorted()))
}

fn headers(lines: &[(&str, &str)]) -> Headers {
    lines.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn post(path: &str, lines: &[(&str, &str)], body: &str) -> Request {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    Request {
        method: Verb::POST,
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers(lines),
        body: Bytes::copy_from_slice(body.as_bytes()),
        request_id: "id-1".to_owned(),
        source_ip: "192.0.2.7".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        scheme: "https".to_owned(),
        port: 443,
        time: "21/Nov/2026:07:46:27 +0000".to_owned(),
        time_epoch: 1_795_247_187_000,
        ..Request::default()
    }
}

fn answer(status: u16, lines: &[(&str, &str)], body: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers: headers(lines), body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// The call, if there is one, and what the client gets.
fn play_with(
    api: &Api,
    request: &Request,
    settings: &Settings,
    outcome: Result<Answer, Failure>,
) -> (Option<(String, Verb, Headers, String)>, Finished) {
    let mut request = request.clone();
    let path = request.path.clone();
    let Some((method, parameters)) = api.find(&request.method, &path) else {
        return (None, Execution::no_route(api, &request, settings));
    };
    let method = Arc::clone(method);
    request.path_parameters =
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut execution = Execution::new(api, &method, &request, settings);
    match execution.begin() {
        Step::Done(finished) => (None, finished),
        Step::Call(Call { target, method, headers, body, .. }) => {
            let target = match target {
                Target::Url(url) => url,
                Target::Function(function) => function.name.clone(),
                Target::Service(service, path) => format!("{}:{path}", service.name),
            };
            let body = String::from_utf8_lossy(&body).into_owned();
            (Some((target, method, headers, body)), execution.finish(outcome))
        }
    }
}

fn play(api: &Api, request: &Request, answer: Answer) -> Finished {
    play_with(api, request, &Settings::default(), Ok(answer)).1
}

fn call(api: &Api, request: &Request) -> (String, Verb, Headers, String) {
    play_with(api, request, &Settings::default(), Ok(answer(200, &[], ""))).0.unwrap()
}

fn body(finished: &Finished) -> &str {
    str::from_utf8(&finished.answer.body).unwrap()
}

fn http(extra: Value) -> Value {
    let mut integration = json!({ "type": "http", "httpMethod": "POST", "uri": "http://legacy/o/{id}",
        "responses": { "default": { "statusCode": 200 } } });
    integration.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    integration
}

fn function(responses: Value) -> Value {
    json!({ "type": "aws", "httpMethod": "POST", "uri": FUNCTION, "responses": responses })
}

const INTERNAL: &str = r#"{"message": "Internal server error"}"#;

#[test]
fn http_answers_are_selected_by_their_status_and_nothing_else() {
    let api = api(
        http(json!({ "responses": { "4\\d{2}": { "statusCode": 400 }, "default": { "statusCode": 200 } } })),
        json!({}),
    );
    let check = |status: u16, text: &str, expected: u16| {
        let finished = play(&api, &post("/orders/1", &[], ""), answer(status, &[("X", "y")], text));
        assert_eq!((finished.answer.status.as_u16(), body(&finished)), (expected, text));
        assert_eq!(finished.answer.headers.get("content-type"), Some("application/json"));
        assert!(!finished.answer.headers.contains("x"));
    };
    check(404, "404", 400);
    check(201, "400", 200);
    check(500, "", 200);
}

#[test]
fn an_answer_that_nothing_is_for_is_a_500() {
    let check = |responses: Value, cause: &str| {
        let api = api(http(json!({ "responses": responses })), json!({}));
        let finished = play(&api, &post("/orders/1", &[], ""), answer(403, &[], "secret"));
        assert_eq!((finished.answer.status.as_u16(), body(&finished)), (500, INTERNAL));
        assert_eq!(finished.answer.headers.get("x-amzn-errortype"), Some("InternalServerErrorException"));
        assert_eq!(finished.fault.unwrap().cause, cause);
    };
    check(
        json!({ "2\\d{2}": { "statusCode": 200 } }),
        "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: 403",
    );
    check(
        json!({ "default": { "statusCode": 444 } }),
        "Output mapping refers to an invalid method response: 444",
    );
}

#[test]
fn results_of_functions_are_selected_as_the_empty_text_and_errors_by_their_message() {
    let aws = [("x-amzn-RequestId", "1")];
    let failed = [("x-amzn-RequestId", "1"), ("X-Amz-Function-Error", "Unhandled")];
    let api = api(
        function(json!({ "Internal.*": { "statusCode": 400 }, "default": { "statusCode": 200 } })),
        json!({}),
    );
    let check = |lines: &[(&str, &str)], text: &str, expected: u16| {
        let finished = play(&api, &post("/orders/1", &[], ""), answer(200, lines, text));
        assert_eq!((finished.answer.status.as_u16(), body(&finished)), (expected, text));
    };
    check(&failed, r#"{"errorMessage":"Internal Error"}"#, 400);
    check(&failed, r#"{"errorMessage":"An Internal Error"}"#, 200);
    check(&failed, r#"{"errorMessage":"Internal\nError"}"#, 200);
    check(&aws, r#"{"errorMessage":"Internal Error"}"#, 200);
    check(&[], r#"{"errorMessage":"Internal Error"}"#, 400);
    let finished =
        play(&api, &post("/orders/1", &[], ""), answer(200, &failed, r#"{"errorMessage":"Internal Error"}"#));
    let chosen = finished.chosen.unwrap();
    assert_eq!((&*chosen.subject, chosen.pattern.as_deref()), ("Internal Error", Some("Internal.*")));
    let throttled = play(&api, &post("/orders/1", &[], ""), answer(429, &[], "{}"));
    assert_eq!((throttled.answer.status.as_u16(), body(&throttled)), (500, INTERNAL));
}

#[test]
fn headers_are_mapped_out_of_the_answer() {
    let check = |source: &str, expected: Option<&str>| {
        let parameters = json!({ "method.response.header.A": source });
        let responses = json!({ "default": { "statusCode": 200, "responseParameters": parameters } });
        let api = api(http(json!({ "responses": responses })), json!({}));
        let lines = [("H", "1"), ("H", "2")];
        let finished =
            play(&api, &post("/orders/1", &[], ""), answer(200, &lines, r#"{"a":{"b":"text","l":[1]}}"#));
        assert_eq!(finished.answer.headers.get("a"), expected, "{source}");
    };
    check("'static'", Some("static"));
    check("integration.response.header.H", Some("2"));
    check("integration.response.multivalueheader.H", Some("1,2"));
    check("integration.response.header.none", None);
    check("integration.response.body.a.b", Some("text"));
    check("integration.response.body.a", Some(r#"{"b":"text","l":[1]}"#));
    check("integration.response.body.none", None);
    check("integration.response.body", Some(r#"{"a":{"b":"text","l":[1]}}"#));
    check("context.resourcePath", Some("/orders/{id}"));
    check("context.requestTimeEpoch", Some("1795247187000"));
    check("stageVariables.v", Some("stage value"));
}

#[test]
fn mappings_see_a_message_that_is_json_as_json_and_templates_do_not() {
    let responses = json!({ ".+": { "statusCode": 400,
        "responseParameters": { "method.response.header.A": "integration.response.body.errorMessage.trace.function" },
        "responseTemplates": { "application/json": "$input.path('$.errorMessage')" } } });
    let api = api(function(responses), json!({}));
    let error = r#"{"errorMessage":"{\"trace\":{\"function\":\"f\"}}"}"#;
    let finished =
        play(&api, &post("/orders/1", &[], ""), answer(200, &[("X-Amz-Function-Error", "Handled")], error));
    assert_eq!(finished.answer.headers.get("a"), Some("f"));
    assert_eq!(body(&finished), r#"{"trace":{"function":"f"}}"#);
}

#[test]
fn overrides_win_over_mappings() {
    let template = "#set($context.responseOverride.status = 444)#set($context.responseOverride.header.A = 'override')\
        #set($context.responseOverride.header['content-type'] = 'text/plain')$input.json('$.a')";
    let responses = json!({ "default": { "statusCode": 200,
        "responseParameters": { "method.response.header.A": "'mapped'", "method.response.header.B": "'kept'",
            "method.response.header.Content-Type": "'text/html'", "method.response.header.Date": "'never'" },
        "responseTemplates": { "application/json": template } } });
    let api = api(http(json!({ "responses": responses })), json!({}));
    let finished = play(&api, &post("/orders/1", &[], ""), answer(200, &[], r#"{"a":[1]}"#));
    assert_eq!((finished.answer.status.as_u16(), body(&finished)), (444, "[1]"));
    let check = |name: &str, expected: &[&str]| {
        assert_eq!(finished.answer.headers.all(name).collect::<Vec<_>>(), expected, "{name}");
    };
    check("a", &["override"]);
    check("b", &["kept"]);
    check("content-type", &["text/plain"]);
    check("date", &[]);
    check("x-amzn-remapped-date", &["never"]);
    check("x-amzn-requestid", &["id-1"]);
}

#[test]
fn a_status_that_is_none_is_passed_over() {
    let check = |status: &str, strict: bool, expected: u16| {
        let template = format!("#set($context.responseOverride.status = {status})");
        let responses = json!({ "default": { "statusCode": 200, "responseTemplates": { "application/json": template } } });
        let api = api(http(json!({ "responses": responses })), json!({}));
        let settings = Settings { strict, ..Settings::default() };
        let (_, finished) =
            play_with(&api, &post("/orders/1", &[], ""), &settings, Ok(answer(200, &[], "{}")));
        assert_eq!(finished.answer.status.as_u16(), expected, "{status}");
    };
    check("404", false, 404);
    check("99", false, 200);
    check("100", false, 200);
    check("600", false, 200);
    check("'404'", false, 404);
    check("'404'", true, 200);
}

#[test]
fn a_response_template_that_fails_is_a_500() {
    let check = |media_types: Value, accept: &str, answered: Answer, cause: &str| {
        let responses = json!({ "default": { "statusCode": 200, "responseTemplates": { "application/json": "$input.json('$.a')" } } });
        let api = api(
            http(json!({ "responses": responses })),
            json!({ "x-amazon-apigateway-binary-media-types": media_types }),
        );
        let finished = play(&api, &post("/orders/1", &[("Accept", accept)], ""), answered);
        assert_eq!((finished.answer.status.as_u16(), body(&finished)), (500, INTERNAL));
        let fault = finished.fault.unwrap();
        assert!(fault.cause.starts_with(cause), "{}", fault.cause);
    };
    check(json!([]), "*/*", answer(200, &[], "{\"a\""), "Unable to transform response: ");
    let image = [("Content-Type", "image/png")];
    check(
        json!(["image/png"]),
        "image/png",
        answer(200, &image, "text"),
        "Unable to transform response: the body is binary",
    );
    check(
        json!(["image/png"]),
        "image/png",
        answer(200, &[], "no base64"),
        "Unable to base64 decode the body.",
    );
}

#[test]
fn a_request_is_mapped_for_an_http_backend() {
    let integration = http(json!({
        "requestParameters": {
            "integration.request.path.id": "method.request.path.id",
            "integration.request.querystring.s": "'static text'",
            "integration.request.querystring.q": "method.request.multivaluequerystring.q",
            "integration.request.header.A": "method.request.header.X-H",
            "integration.request.header.B": "method.request.body.a",
            "integration.request.header.None": "method.request.header.none",
        },
        "requestTemplates": { "application/json":
            "#set($context.requestOverride.header.A = 'override')#set($context.requestOverride.querystring.s = 't')\
             {\"id\":\"$input.params('id')\",\"h\":\"$input.params('X-H')\",\"v\":\"$stageVariables.v\"}" },
    }));
    let request = post("/orders/a%2Fb?q=1&q=2", &[("x-h", "h"), ("User-Agent", "me")], r#"{"a":{"b":1}}"#);
    let (url, method, headers, body) = call(&api(integration, json!({})), &request);
    assert_eq!(url, "http://legacy/o/a%2Fb?q=1&q=2&s=t");
    assert_eq!(method, Verb::POST);
    assert_eq!(body, r#"{"id":"a%2Fb","h":"h","v":"stage value"}"#);
    let mut lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "A: override",
            "Accept: application/json",
            r#"B: {"b":1}"#,
            "Content-Type: application/json",
            "User-Agent: AmazonAPIGateway_candor",
            "X-Amzn-Apigateway-Api-Id: candor",
            "X-Amzn-Trace-Id: Root=1-6b014c53-0000000000000000000000d1",
        ]
    );
}

#[test]
fn a_proxied_request_keeps_its_own_and_gets_what_is_mapped() {
    let integration = json!({ "type": "http_proxy", "httpMethod": "ANY", "uri": "http://legacy/o/{id}",
        "requestParameters": {
            "integration.request.path.id": "method.request.path.id",
            "integration.request.querystring.v": "'mapped'",
            "integration.request.header.X-H": "'mapped'",
        } });
    let lines = [("Host", "api"), ("X-H", "own"), ("Via", "v"), ("Accept", "a/b"), ("Connection", "close")];
    let request = post("/orders/1?v=own&w=a%20b", &lines, "body");
    let api = api(integration, json!({}));
    let (url, method, headers, text) = call(&api, &request);
    assert_eq!((&*url, method, &*text), ("http://legacy/o/1?v=mapped&v=own&w=a%20b", Verb::POST, "body"));
    assert_eq!(headers.all("x-h").collect::<Vec<_>>(), ["mapped"]);
    assert_eq!(headers.get("accept"), Some("a/b"));
    assert_eq!(headers.get("x-forwarded-for"), Some("192.0.2.7"));
    for name in ["host", "via", "connection"] {
        assert!(!headers.contains(name), "{name}");
    }
    let finished = play(&api, &request, answer(503, &[("Server", "s"), ("X", "y")], "down"));
    assert_eq!((finished.answer.status.as_u16(), body(&finished)), (503, "down"));
    assert_eq!(finished.answer.headers.get("x-amzn-remapped-server"), Some("s"));
    assert_eq!(finished.answer.headers.get("x"), Some("y"));
}

#[test]
fn headers_that_no_mapping_may_set_are_a_500() {
    let check = |mut integration: Value, name: &str, expected: u16| {
        integration["requestParameters"] = json!({ format!("integration.request.header.{name}"): "'v'" });
        let api = api(integration, json!({}));
        let finished =
            play(&api, &post("/orders/1", &[], ""), answer(200, &[("x-amzn-RequestId", "1")], "{}"));
        assert_eq!(finished.answer.status.as_u16(), expected, "{name}");
    };
    let function = function(json!({ "default": { "statusCode": 200 } }));
    let proxy = json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION });
    for name in ["Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id"] {
        check(http(json!({})), name, 500);
        check(function.clone(), name, 500);
        check(proxy.clone(), name, 500);
    }
    for name in ["Authorization", "Connection", "TE"] {
        check(http(json!({})), name, 200);
        check(function.clone(), name, 500);
        check(proxy.clone(), name, 500);
    }
}

#[test]
fn a_body_without_a_template_is_refused_where_the_integration_says_so() {
    let check = |behavior: &str, expected: u16| {
        let integration = http(
            json!({ "passthroughBehavior": behavior, "requestTemplates": { "application/json": "{}" } }),
        );
        let request = post("/orders/1", &[("Content-Type", "text/xml")], "<a/>");
        let finished = play(&api(integration, json!({})), &request, answer(200, &[], ""));
        assert_eq!(finished.answer.status.as_u16(), expected, "{behavior}");
        if expected == 415 {
            assert_eq!(body(&finished), r#"{"message": "Unsupported Media Type"}"#);
        }
    };
    check("when_no_match", 200);
    check("when_no_templates", 415);
    check("never", 415);
}

#[test]
fn a_request_template_that_fails_is_the_fault_of_the_body_or_of_the_definition() {
    let check = |text: &str, template: &str, expected: u16| {
        let integration = http(json!({ "requestTemplates": { "application/json": template } }));
        let finished =
            play(&api(integration, json!({})), &post("/orders/1", &[], text), answer(200, &[], ""));
        assert_eq!(finished.answer.status.as_u16(), expected, "{text}");
    };
    check("{\"a\"", "$input.path('$.a')", 400);
    check("{}", "#foreach($i in [1..2])$i.substring(5)#end#parse('x')", 500);
    check("{\"a\":1}", "$input.path('$.a')", 200);
}

#[test]
fn validators_look_at_parameters_first_and_then_at_the_body() {
    let root = json!({
        "x-amazon-apigateway-request-validators": { "all": { "validateRequestParameters": true, "validateRequestBody": true } },
        "x-amazon-apigateway-request-validator": "all",
    });
    let api = api(http(json!({})), root);
    let check = |path: &str, lines: &[(&str, &str)], text: &str, expected: &str| {
        let finished = play(&api, &post(path, lines, text), answer(200, &[], "fine"));
        assert_eq!(body(&finished), expected);
        assert_eq!(finished.answer.status.as_u16(), if expected == "fine" { 200 } else { 400 });
    };
    let xh = ("X-H", "1");
    check("/orders/1", &[], "", r#"{"message": "Missing required request parameters: [X-H, q]"}"#);
    check("/orders/1?q=", &[xh], "", r#"{"message": "Missing required request parameters: [q]"}"#);
    check("/orders/1?q=1", &[xh], "", r#"{"message": "Invalid request body"}"#);
    check("/orders/1?q=1", &[xh], "{", r#"{"message": "Invalid request body"}"#);
    check("/orders/1?q=1", &[xh], r#"{"a":1}"#, "fine");
    check("/orders/1?q=1", &[xh, ("Content-Type", "text/xml")], "<a/>", "fine");
}

#[test]
fn a_mock_answers_by_the_status_its_template_renders() {
    let check = |template: &str, expected: u16, text: &str| {
        let integration = json!({ "type": "mock", "requestTemplates": { "application/json": template },
            "responses": { "-1": { "statusCode": 400 }, "default": { "statusCode": 200,
                "responseTemplates": { "application/json": "$input.body" } } } });
        let finished =
            play(&api(integration, json!({})), &post("/orders/1", &[], "body"), answer(200, &[], ""));
        assert_eq!((finished.answer.status.as_u16(), body(&finished)), (expected, text), "{template}");
        assert!(!finished.answer.headers.contains("x-amzn-trace-id"));
    };
    check("{\"statusCode\": 200}", 200, "{}");
    check("{statusCode: -1}", 400, "");
    check("{\"statusCode\": \"200\"}", 500, INTERNAL);
    check("", 500, INTERNAL);
}

#[test]
fn what_has_not_answered_is_told_by_a_gateway_response() {
    let check = |failure: Failure, status: u16, text: &str| {
        let api = api(http(json!({})), json!({}));
        let (_, finished) = play_with(&api, &post("/orders/1", &[], ""), &Settings::default(), Err(failure));
        assert_eq!((finished.answer.status.as_u16(), body(&finished)), (status, text), "{failure:?}");
    };
    check(Failure::Timeout, 504, r#"{"message": "Endpoint request timed out"}"#);
    check(Failure::Unreachable, 504, r#"{"message": "Network error communicating with endpoint"}"#);
    check(Failure::InvalidAddress, 500, INTERNAL);
    check(Failure::TooLarge, 500, INTERNAL);
    check(Failure::Busy, 429, r#"{"message":"Too Many Requests"}"#);
}

#[test]
fn a_definition_writes_its_gateway_responses() {
    let responses = json!({
        "DEFAULT_4XX": {
            "statusCode": 418,
            "responseParameters": {
                "gatewayresponse.header.A": "'*'",
                "gatewayresponse.header.B": "method.request.querystring.q",
            },
            "responseTemplates": {
                "application/json": "{\"m\":$context.error.messageString,\"t\":\"$context.error.responseType\",\"p\":\"$context.path\"}",
                "text/plain": "$context.error.message #if($x)no$end",
            },
        },
        "INTEGRATION_TIMEOUT": {},
        "DEFAULT_5XX": { "statusCode": 599 },
    });
    let api = api(http(json!({})), json!({ "x-amazon-apigateway-gateway-responses": responses }));
    let finished = play(&api, &post("/none?q=1", &[], ""), answer(200, &[], ""));
    assert_eq!(finished.answer.status.as_u16(), 418);
    assert_eq!(
        body(&finished),
        r#"{"m":"Missing Authentication Token","t":"MISSING_AUTHENTICATION_TOKEN","p":"/prod/none"}"#
    );
    let lines = &finished.answer.headers;
    assert_eq!((lines.get("a"), lines.get("b")), (Some("*"), Some("1")));
    assert_eq!(lines.get("x-amzn-errortype"), Some("MissingAuthenticationTokenException"));
    let finished = play(&api, &post("/none", &[("Accept", "text/plain")], ""), answer(200, &[], ""));
    assert_eq!(body(&finished), "Missing Authentication Token #if($x)no$end");
    assert!(!finished.answer.headers.contains("b"));
    let failed = |failure| play_with(&api, &post("/orders/1", &[], ""), &Settings::default(), Err(failure)).1;
    assert_eq!(failed(Failure::Timeout).answer.status.as_u16(), 504);
    assert_eq!(failed(Failure::Unreachable).answer.status.as_u16(), 599);
}

#[test]
fn errors_of_a_backend_are_not_touched_by_gateway_responses() {
    let api = api(
        json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION }),
        json!({ "x-amazon-apigateway-gateway-responses": { "DEFAULT_4XX": { "statusCode": 418 } } }),
    );
    let finished = play(
        &api,
        &post("/orders/1", &[], ""),
        answer(200, &[("x-amzn-RequestId", "1")], r#"{"statusCode":404,"body":"gone"}"#),
    );
    assert_eq!((finished.answer.status.as_u16(), body(&finished)), (404, "gone"));
    assert_eq!(finished.answer.headers.get("content-type"), Some("application/json"));
}

#[test]
fn a_function_is_invoked_with_post_only() {
    let api = api(json!({ "type": "aws_proxy", "httpMethod": "GET", "uri": FUNCTION }), json!({}));
    let finished = play(&api, &post("/orders/1", &[], ""), answer(200, &[], "{}"));
    assert_eq!((finished.answer.status.as_u16(), body(&finished)), (500, INTERNAL));
}

#[test]
fn an_event_of_payload_two_is_written_as_http_apis_do() {
    let integration =
        json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION, "payloadFormatVersion": "2.0" });
    let lines = [("X-H", "1"), ("x-h", "2"), ("Cookie", "a=1; b=2"), ("Host", "x.example.com:8080")];
    let request = post("/orders/a%20b?q=1&q=2", &lines, "body");
    let (name, _, _, text) = call(&api(integration, json!({})), &request);
    assert_eq!(name, "f");
    let event: Value = serde_json::from_str(&text).unwrap();
    let check = |pointer: &str, expected: Value| {
        assert_eq!(event.pointer(pointer).unwrap_or(&Value::Null), &expected, "{pointer}");
    };
    check("/version", json!("2.0"));
    check("/routeKey", json!("POST /orders/{id}"));
    check("/rawPath", json!("/prod/orders/a%20b"));
    check("/rawQueryString", json!("q=1&q=2"));
    check("/cookies", json!(["a=1", "b=2"]));
    check("/headers/x-h", json!("1,2"));
    check("/headers/cookie", Value::Null);
    check("/queryStringParameters/q", json!("1,2"));
    check("/pathParameters/id", json!("a b"));
    check("/stageVariables/v", json!("stage value"));
    check("/requestContext/http/method", json!("POST"));
    check("/requestContext/domainName", json!("x.example.com"));
    check("/requestContext/timeEpoch", json!(1_795_247_187_000_i64));
    check("/body", json!("body"));
    check("/isBase64Encoded", json!(false));
}

#[test]
fn the_base_path_is_not_part_of_the_path() {
    let integration = json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION });
    let api = api(integration, json!({ "servers": [{ "url": "https://x.example.com/prod" }] }));
    for path in ["/orders/1", "/prod/orders/1"] {
        let (.., text) = call(&api, &post(path, &[], ""));
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&event["path"], &event["requestContext"]["path"]),
            (&json!("/orders/1"), &json!("/prod/orders/1"))
        );
    }
}

#[test]
fn a_binary_body_is_base64_in_an_event() {
    let integration = json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": FUNCTION });
    let api = api(integration, json!({ "x-amazon-apigateway-binary-media-types": ["image/*"] }));
    let (.., text) = call(&api, &post("/orders/1", &[("Content-Type", "image/png")], "hi"));
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("aGk="), &json!(true)));
    assert_eq!(event["queryStringParameters"], Value::Null);
    assert_eq!(event["version"], Value::Null);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Everything that a mapping can do.
    fn rich(backend: Value) -> Api {
        let template = "#set($context.responseOverride.status = $input.path('$.a'))\
            #set($context.responseOverride.header.A = $input.params('X-H'))$input.body $input.json('$.b') $context.path";
        let mut integration = json!({
            "httpMethod": "POST",
            "requestParameters": {
                "integration.request.path.id": "method.request.path.id",
                "integration.request.header.B": "method.request.body.a",
                "integration.request.querystring.q": "method.request.multivaluequerystring.q",
            },
            "requestTemplates": { "application/json": "{\"statusCode\": 200, \"q\": \"$input.params('q')\", \"b\": $input.json('$')}" },
            "responses": {
                "(a|aa)+.*": { "statusCode": 400, "responseTemplates": { "application/json": template } },
                "default": { "statusCode": 200, "responseTemplates": { "application/json": template },
                    "responseParameters": { "method.response.header.A": "integration.response.body.a" } },
            },
        });
        integration.as_object_mut().unwrap().extend(backend.as_object().unwrap().clone());
        api(integration, json!({ "x-amazon-apigateway-binary-media-types": ["image/*"] }))
    }

    fn header_lines() -> impl Strategy<Value = Vec<(String, String)>> {
        let names = prop_oneof![
            Just("Content-Type".to_owned()),
            Just("Accept".to_owned()),
            Just("X-Amz-Function-Error".to_owned()),
            Just("x-h".to_owned()),
            ".{1,5}",
        ];
        let values =
            prop_oneof![Just("image/png".to_owned()), Just("application/json".to_owned()), ".{0,10}"];
        prop::collection::vec((names, values), 0..4)
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            r#"[{\["a:b,0-9 \]}]{0,30}"#.prop_map(String::into_bytes),
            (any::<u16>(), ".{0,8}")
                .prop_map(|(a, b)| json!({ "a": a, "b": b, "errorMessage": b }).to_string().into_bytes()),
            (any::<u16>(), ".{0,8}").prop_map(|(a, b)| {
                json!({ "statusCode": a, "body": b, "headers": { "h": b } }).to_string().into_bytes()
            }),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_exchange_ends_with_an_answer_that_can_be_sent(
            path in "/orders/[^ ?#]{1,8}",
            query in ".{0,12}",
            (lines, answered) in (header_lines(), header_lines()),
            (text, answer_text) in (bodies(), bodies()),
            status in 200_u16..600,
        ) {
            let backends = [
                json!({ "type": "http", "uri": "http://legacy/{id}" }),
                json!({ "type": "http_proxy", "uri": "http://legacy/{id}" }),
                json!({ "type": "aws", "uri": FUNCTION }),
                json!({ "type": "aws_proxy", "uri": FUNCTION }),
                json!({ "type": "mock" }),
            ];
            for backend in backends {
                let api = rich(backend);
                let mut request = post(&path, &[], "");
                request.query = query.clone();
                request.headers = lines.iter().cloned().collect();
                request.body = Bytes::from(text.clone());
                let answer = Answer {
                    status: StatusCode::from_u16(status).unwrap(),
                    headers: answered.iter().cloned().collect(),
                    body: Bytes::from(answer_text.clone()),
                };
                let finished = play(&api, &request, answer);
                prop_assert!((200..600).contains(&finished.answer.status.as_u16()));
                let sent = http::HeaderMap::from(&finished.answer.headers);
                prop_assert!(sent.contains_key("x-amzn-requestid"));
                prop_assert!(sent.get_all("content-type").iter().count() <= 1);
                prop_assert!(!sent.contains_key("transfer-encoding"));
            }
        }
    }
}
