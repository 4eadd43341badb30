//! What is asked of requests, and what backends are sent.

use super::*;

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
fn some_headers_reach_no_backend_even_if_they_are_mapped() {
    let check = |mut integration: Value, name: &str, expected: Option<&str>| {
        integration["requestParameters"] = json!({ format!("integration.request.header.{name}"): "'v'" });
        let (.., headers, _) = call(&api(integration, json!({})), &post("/orders/1", &[], "{}"));
        assert_eq!(headers.get(name), expected, "{name}");
    };
    let function = function(json!({ "default": { "statusCode": 200 } }));
    let proxy = json!({ "type": "http_proxy", "httpMethod": "POST", "uri": "http://legacy/" });
    for name in ["Expect", "Proxy-Authenticate", "TE", "Via"] {
        check(http(json!({})), name, None);
        check(proxy.clone(), name, None);
    }
    check(function.clone(), "Server", Some("v"));
    check(function.clone(), "Referer", None);
    check(function, "Via", Some("v"));
    check(proxy.clone(), "Host", Some("v"));
    check(proxy, "Content-Encoding", Some("v"));
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
