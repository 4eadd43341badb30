//! What holds for all requests and answers.

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
    let values = prop_oneof![Just("image/png".to_owned()), Just("application/json".to_owned()), ".{0,10}"];
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
