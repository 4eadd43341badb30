//! What clients get.

use super::super::misfits;
use super::*;
use crate::apigateway::model::Model;

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
fn an_answer_can_be_held_against_the_model_of_its_status() {
    let mut api = api(http(json!({})), json!({}));
    let method = Arc::get_mut(&mut api.methods[0]).unwrap();
    let schema = json!({ "type": "object", "properties": { "a": { "type": "array", "items": { "type": "string" } } } });
    let model = Arc::new(Model::new("M", schema));
    method.responses[0].models = vec![("application/json".to_owned(), model)];
    let check = |status: u16, media_type: &str, text: &str, expected: &[(&str, &str)]| {
        let found = misfits(method, &answer(status, &[("content-type", media_type)], text));
        let found: Vec<(&str, &str)> = found.iter().map(|it| (&*it.path, &*it.problem)).collect();
        assert_eq!(found, expected, "{text}");
    };
    check(200, "application/json", r#"{"a":["b"]}"#, &[]);
    check(200, "application/json", r#"{"a":["b",1]}"#, &[("/a/1", "1 is not of type \"string\"")]);
    check(200, "application/json; charset=utf-8", "[]", &[("", "[] is not of type \"object\"")]);
    check(
        200,
        "application/json",
        "",
        &[("", "the body is no JSON: EOF while parsing a value at line 1 column 0")],
    );
    check(200, "text/plain", "a", &[]);
    check(400, "application/json", "[]", &[]);
}
