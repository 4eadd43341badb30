//! `serverless.yml`.

use http::Method;

use super::read_with;
use crate::apigateway::model::{Api, Backend, IntegrationResponse, Kind, Passthrough};
use crate::apigateway::read::Options;

fn read(events: &str) -> (Option<Api>, Vec<String>) {
    let text = format!(
        "service: shop\nprovider:\n  name: aws\n  stage: test\n  apiGateway: {{ binaryMediaTypes: ['image/*'], request: {{ schemas: {{ order: {{ schema: {{ type: object, required: [id] }} }} }} }} }}\nfunctions:\n  orders:\n    handler: a.b\n    events:\n{events}resources:\n  Resources:\n    Denied: {{ Type: AWS::ApiGateway::GatewayResponse, Properties: {{ RestApiId: !Ref ApiGatewayRestApi, ResponseType: THROTTLED, StatusCode: '430' }} }}\n"
    );
    read_with(&text, &Options::default())
}

fn good(events: &str) -> Api {
    let (api, problems) = read(events);
    assert_eq!(problems, Vec::<String>::new());
    api.unwrap()
}

fn selected<'a>(api: &'a Api, path: &'a str) -> Vec<(&'a str, &'a IntegrationResponse)> {
    let responses = &api.find(&Method::GET, path).unwrap().0.integration.responses;
    let default = responses.default.iter().map(|response| ("", response));
    responses
        .selected
        .iter()
        .map(|(selection, response)| (&*selection.text, response))
        .chain(default)
        .collect()
}

#[test]
fn events_are_proxies_unless_they_say_otherwise() {
    let api = good(
        "      - http: GET orders/{id}/\n      - http: { path: /, method: ANY, integration: lambda-proxy }\n",
    );
    assert_eq!((&*api.name, &*api.stage), ("shop", "test"));
    assert_eq!(api.binary_media_types, ["image/*"]);
    assert_eq!(api.gateway_responses.status(Kind::Throttled), 430);
    for path in ["/orders/7", "/"] {
        let method = api.find(&Method::GET, path).unwrap().0;
        let Backend::LambdaProxy(function, _) = &method.integration.backend else { panic!() };
        assert_eq!(function.name, "orders");
    }
}

#[test]
fn a_lambda_integration_has_the_frameworks_statuses_and_payload() {
    let api = good("      - http: { path: a, method: get, integration: lambda }\n");
    let found = selected(&api, "/a");
    let statuses: Vec<(&str, u16)> =
        found.iter().map(|(pattern, response)| (*pattern, response.status.as_u16())).collect();
    assert_eq!(statuses.len(), 9);
    assert!(statuses.contains(&(r"[\s\S]*\[404\][\s\S]*", 404)));
    assert_eq!(statuses.last(), Some(&("", 200)));
    let integration = &api.methods[0].integration;
    assert_eq!(integration.passthrough, Passthrough::Never);
    assert!(integration.templates.exact("application/json").unwrap().is_some());
    assert!(integration.templates.exact("application/x-www-form-urlencoded").unwrap().is_some());
}

#[test]
fn an_event_says_its_own_statuses_patterns_and_templates() {
    let api = good(
        r#"      - http:
          path: a
          method: get
          integration: lambda
          request:
            passThrough: WHEN_NO_TEMPLATES
            template: { application/json: '{"a": 1}', application/x-www-form-urlencoded: null, text/plain: x }
            parameters: { querystrings: { q: true, r: { required: false, mappedValue: context.requestId } } }
            schemas: { application/json: order }
          response:
            headers: { X-A: "'a'" }
            template: $input.path('$')
            contentHandling: CONVERT_TO_BINARY
            statusCodes:
              201: { pattern: "" }
              404: { pattern: '.*not found.*', template: { text/html: gone }, headers: { X-A: "'b'", X-B: context.stage } }
"#,
    );
    let found = selected(&api, "/a");
    assert_eq!(
        found.iter().map(|(pattern, it)| (*pattern, it.status.as_u16())).collect::<Vec<_>>(),
        [(".*not found.*", 404), ("", 201)]
    );
    let (not_found, created) = (found[0].1, found[1].1);
    assert_eq!(
        not_found.templates.0.iter().map(|(name, _)| &**name).collect::<Vec<_>>(),
        ["application/json", "text/html"]
    );
    assert_eq!(not_found.parameters.iter().map(|it| &*it.header).collect::<Vec<_>>(), ["X-A", "X-B"]);
    assert!(not_found.content_handling.is_none() && created.content_handling.is_some());
    let method = &api.methods[0];
    let names: Vec<&str> = method.integration.templates.0.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["application/json", "text/plain"]);
    assert_eq!(method.integration.passthrough, Passthrough::WhenNoTemplates);
    assert_eq!(
        method.parameters.iter().map(|it| (&*it.name, it.required)).collect::<Vec<_>>(),
        [("q", true), ("r", false)]
    );
    assert!(!method.request_models[0].1.misfits(&serde_json::json!({})).is_empty());
}

#[test]
fn without_an_empty_pattern_200_becomes_the_default() {
    let api = good(
        "      - http: { path: a, method: get, integration: lambda, response: { statusCodes: { 200: { pattern: x, template: t }, 400: { pattern: '.+' } } } }\n",
    );
    let found = selected(&api, "/a");
    assert_eq!(
        found.iter().map(|(pattern, it)| (*pattern, it.status.as_u16())).collect::<Vec<_>>(),
        [(".+", 400), ("", 200)]
    );
    assert!(found[1].1.templates.is_empty());
}

#[test]
fn cors_answers_preflight_requests() {
    let api = good(
        "      - http: { path: a, method: get, cors: { origin: 'https://x', allowCredentials: true } }\n      - http: { path: a, method: post, cors: true }\n",
    );
    let preflight = api.find(&Method::OPTIONS, "/a").unwrap().0;
    assert!(matches!(preflight.integration.backend, Backend::Mock));
    let headers = &preflight.integration.responses.default.as_ref().unwrap().parameters;
    assert_eq!(
        headers.iter().map(|it| &*it.header).collect::<Vec<_>>(),
        [
            "Access-Control-Allow-Origin",
            "Access-Control-Allow-Credentials",
            "Access-Control-Allow-Headers",
            "Access-Control-Allow-Methods"
        ]
    );
}

#[test]
fn problems_keep_their_places() {
    let (api, problems) = read(
        "      - http: { path: a, method: get, integration: lambda, authorizer: x, response: { template: '#if(', statusCodes: { 999: { pattern: '(' } } } }\n      - http: { path: b }\n      - httpApi: GET /c\n      - http: { path: '${self:custom.d}', method: get, integration: http }\n",
    );
    assert!(api.is_none());
    assert_eq!(
        problems,
        [
            "10:60 warning: `authorizer` is not carried out: requests are not authorized",
            "10:101 error: mapping template: the template ends here, a value was expected",
            "10:120 warning: response `999` is left out, as on API Gateway",
            "10:120 error: `(` is not a pattern: unclosed group near index 1",
            "10:120 error: `999` is not a status between 100 and 599",
            "11:9 error: an `http` event needs `method`",
            "12:9 warning: `httpApi` is left out: only the REST API of a service is read",
            "13:9 error: a segment is text or `{name}`, not both: `${self:custom.d}`",
            "13:9 error: the integration needs `uri`",
            "13:23 warning: `${self:custom.d}` has no value here",
        ]
    );
}

#[test]
fn a_private_event_asks_for_a_key() {
    let api = good(
        "      - http: { path: a, method: get, private: true }\n      - http: { path: b, method: get, private: false }\n",
    );
    let asking: Vec<bool> = api.methods.iter().map(|method| method.asks_for_key).collect();
    assert_eq!(asking, [true, false]);
}

#[test]
fn functions_may_be_a_list_of_maps() {
    let text = "service: shop\nprovider: { name: aws, apiGateway: { minimumCompressionSize: 0 } }\nfunctions:\n  - a: { events: [{ http: GET a }] }\n  - b: { events: [{ http: GET b }] }\n    c: { events: [{ http: GET c }] }\n";
    let (api, problems) = read_with(text, &Options::default());
    assert_eq!(
        problems,
        ["2:38 warning: `minimumCompressionSize` is not carried out: answers are not compressed"]
    );
    assert_eq!(api.unwrap().methods.len(), 3);
}

#[test]
fn the_template_of_a_status_wins_over_the_one_for_all() {
    let api = good(
        "      - http: { path: a, method: get, integration: lambda, response: { template: all, statusCodes: { 200: {}, 400: { pattern: x, template: { application/json: own } } } } }\n",
    );
    let texts: Vec<&str> = selected(&api, "/a")
        .iter()
        .map(|(_, response)| &*response.templates.first().unwrap().unwrap().source.text)
        .collect();
    assert_eq!(texts, ["own", "all"]);
}
