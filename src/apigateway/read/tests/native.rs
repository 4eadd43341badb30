//! APIs in Candor's own words.

use std::time::Duration;

use http::StatusCode;

use super::super::Options;
use super::super::native;
use crate::apigateway::model::{
    Api, Backend, ContentHandling, Kind, Location, Passthrough, RequestSource, RequestTarget, UriPart, Verb,
};
use crate::diagnostic::{Diagnostics, Source};
use crate::document::parse;

/// What `api:` with this text is read into, and `line: message` of every problem.
fn read(text: &str, options: &Options) -> (Option<Api>, Vec<String>) {
    let mut problems = Diagnostics::default();
    let node = parse(&Source::new("candor.yaml", text), &mut problems).unwrap();
    let api = native::read(&node, options, &mut problems);
    let problems = problems.into_sorted();
    let line = |problem: &crate::diagnostic::Diagnostic| problem.place.as_ref().map_or(0, |place| place.line);
    (api, problems.iter().map(|it| format!("{}: {}", line(it), it.message)).collect())
}

fn api(text: &str) -> Api {
    let (api, problems) = read(text, &Options::default());
    assert_eq!(problems, Vec::<String>::new());
    api.unwrap()
}

#[test]
fn a_route_says_all_that_a_method_does() {
    let api = api(r##"
name: orders
base_path: /live/
binary: [Image/*]
routes:
  - name: putOrder
    match: { path: "/orders/{id}", methods: [PUT, PATCH] }
    request:
      headers: { X-Tenant: required }
      query: { page: optional }
      models: { application/json: Order, text/json: { type: object } }
      validate: [parameters, body]
    integration:
      type: http
      url: http://legacy:9000/v1/{id}
      method: post
      parameters:
        path.id: { from: request.path.id }
        header.X-Fixed: 5
      templates: { application/json: "$input.body", text/plain: "" }
      passthrough: never
      convert: to_text
      timeout: 1500ms
    responses:
      - { when: { status: '4\d{2}' }, status: 400, headers: { X-Why: { from: $.why } } }
      - { status: 200 }
  - match: { path: /all }
    integration: { type: mock, templates: { application/json: '{"statusCode":200}' } }
    responses: [{ status: 204 }]
    answers: { 200: {}, 204: { headers: X, models: { application/json: Order } } }
models:
  Order: { type: object, properties: { lines: { type: array, items: { $ref: "#/models/Line" } } } }
  Line: { type: object }
errors:
  default_4xx: { status: 418, headers: { X-Id: { from: context.requestId } }, templates: { application/json: '{"m":$context.error.messageString}' } }
"##);
    assert_eq!((&*api.name, &*api.base_path, &*api.stage), ("orders", "/live", "live"));
    assert_eq!(api.binary_media_types, ["image/*"]);
    assert_eq!(api.gateway_responses.status(Kind::Unauthorized), 418);
    let verbs: Vec<&Verb> = api.methods.iter().map(|method| &method.verb).collect();
    assert_eq!(verbs, [&Verb::Only(http::Method::PUT), &Verb::Only(http::Method::PATCH), &Verb::Any]);
    let put = &api.methods[0];
    assert_eq!((&*put.resource, put.operation.as_deref()), ("/orders/{id}", Some("putOrder")));
    let declared: Vec<(Location, &str, bool)> =
        put.parameters.iter().map(|it| (it.location, &*it.name, it.required)).collect();
    assert_eq!(
        declared,
        [
            (Location::Path, "id", true),
            (Location::Header, "X-Tenant", true),
            (Location::Query, "page", false)
        ]
    );
    assert!(put.validator.parameters && put.validator.body);
    assert_eq!(put.request_models[0].1.misfits(&serde_json::json!({ "lines": [{}] })), []);
    assert_eq!(put.request_models[0].1.misfits(&serde_json::json!({ "lines": [1] })).len(), 1);
    let integration = &put.integration;
    let Backend::Http(endpoint) = &integration.backend else { panic!("{:?}", integration.backend) };
    assert_eq!(endpoint.method, Some(http::Method::POST));
    assert_eq!(endpoint.uri.parts[1], UriPart::Parameter("id".to_owned()));
    assert_eq!(integration.parameters[0].target, RequestTarget::Path("id".to_owned()));
    assert!(matches!(&integration.parameters[1].source, RequestSource::Static(text) if text == "5"));
    assert!(integration.templates.exact("text/plain").unwrap().is_none());
    assert_eq!(integration.passthrough, Passthrough::Never);
    assert_eq!(integration.content_handling, Some(ContentHandling::ToText));
    assert_eq!(integration.timeout, Duration::from_millis(1500));
    assert_eq!(&*integration.responses.selected[0].0.text, r"4\d{2}");
    // What may be answered is what the responses say, unless it is said.
    assert_eq!(put.response(StatusCode::BAD_REQUEST).unwrap().headers, ["X-Why"]);
    assert_eq!(api.methods[2].responses.len(), 2);
    assert_eq!(api.methods[2].responses[1].models[0].1.name, "Order");
}

#[test]
fn stage_variables_are_filled_in() {
    let options = Options {
        stage_variables: vec![("host".into(), "legacy:9000".into()), ("alias".into(), "orders:live".into())],
        ..Options::default()
    };
    let (api, problems) = read(
        "routes:\n  - { match: { path: /a }, integration: { type: http_proxy, url: 'http://${stage_variables.host}/x' } }\n  - { match: { path: /b }, integration: { type: lambda_proxy, function: '${stage_variables.alias}' } }\n",
        &options,
    );
    assert_eq!(problems, Vec::<String>::new());
    let api = api.unwrap();
    let Backend::HttpProxy(endpoint) = &api.methods[0].integration.backend else { panic!() };
    assert_eq!(endpoint.uri.parts, [UriPart::Text("http://legacy:9000/x".into())]);
    assert_eq!(endpoint.uri.written, "http://${stageVariables.host}/x");
    let Backend::LambdaProxy(function, _) = &api.methods[1].integration.backend else { panic!() };
    assert_eq!((&*function.name, function.qualifier.as_deref()), ("orders", Some("live")));
    assert_eq!(function.written, "${stageVariables.alias}");
}

#[test]
fn every_problem_is_told_with_its_place() {
    let (api, problems) = read(
        r##"
routes:
  - match: { path: orders, method: [GET] }
    integration: { type: http }
  - match: { path: "/a", methods: [get] }
    integration: { type: htp, url: http://a }
  - match: { path: "/b", methods: [GET, POST] }
    request: { headers: { X: needed }, validate: bodies, models: { application/json: None } }
    integration:
      type: lambda
      url: http://a
      function: a/b
      parameters: { body.x: 1, header.x: { from: request.cookie.x }, header.y: { form: x } }
      templates: { application/json: "#if" }
      timeout: 10ms
    responses:
      - { when: { status: 200 }, status: 200 }
      - { when: { error: '[' }, status: 700, headers: { "a b": x } }
      - { status: 200 }
      - { when: { error: x }, status: 200 }
  - { match: { path: /b, methods: GET }, integration: { type: http_proxy, url: ftp://a }, responses: [] }
  - { match: { path: /c }, integration: { type: http_proxy, url: http://a, templates: {} } }
  - { match: { path: /d } }
errors: { unauthorised: {}, default_5xx: { status: 200, body: x } }
"##,
        &Options::default(),
    );
    assert!(api.is_none());
    assert_eq!(
        problems,
        [
            "3: the route has no `responses`",
            "3: path `orders` must begin with `/`",
            "3: unknown key `method` in `match`",
            "4: an integration of type `http` needs `url`",
            "5: `get` is not a method",
            "8: `needed` is not a parameter's kind",
            "8: `bodies` is not something to validate",
            "8: there is no model `None`",
            "11: unknown key `url` in an integration of type `lambda`",
            "12: `a/b` is not the name of a function",
            "13: `body.x` is no part of a request",
            "13: `request.cookie.x` is no part of the exchange",
            "13: a value that is not text needs `from`",
            "13: unknown key `form` in a value",
            "14: mapping template: the template ends here, the `(` of `#if` was expected",
            "15: a timeout must be 50ms to 15m",
            "17: answers of `lambda` are told apart by `error`",
            "18: `[` is not a pattern: unclosed character class near index 1",
            "18: `700` is not a status between 100 and 599",
            "18: `a b` is not a header's name",
            "20: nothing can come after a response for all answers",
            "21: a route before this one takes the same requests",
            "21: `ftp://a` is not a URL of `http` or `https`",
            "21: `responses` are of no effect: answers of `http_proxy` pass as they are",
            "22: unknown key `templates` in an integration of type `http_proxy`",
            "23: a route needs `integration`",
            "24: `unauthorised` is no kind of error",
            "24: unknown key `body` in an error",
        ]
    );
}

#[test]
fn an_api_without_routes_is_none() {
    let (api, problems) = read("name: orders\n", &Options::default());
    assert!(api.is_none());
    assert_eq!(problems, ["1: an API needs `routes`"]);
}

#[test]
fn of_two_routes_for_the_same_the_second_is_refused() {
    let route = |path: &str, methods: &str| {
        format!(
            "  - {{ match: {{ path: {path}, methods: [{methods}] }}, integration: {{ type: http_proxy, url: http://a }} }}\n"
        )
    };
    let check = |routes: &[String], expected: &[&str]| {
        let (_, problems) = read(&format!("routes:\n{}", routes.concat()), &Options::default());
        assert_eq!(problems, expected, "{routes:?}");
    };
    check(
        &[route("/a", "GET"), route("/a", "POST, GET")],
        &["3: a route before this one takes the same requests"],
    );
    check(&[route("/a", "GET"), route("/a", "ANY"), route("/b", "GET")], &[]);
}

#[test]
fn a_broken_model_is_told_once_wherever_it_is_used() {
    let check = |text: &str, expected: &[&str]| {
        let (_, problems) = read(text, &Options::default());
        let problems: Vec<&str> =
            problems.iter().map(|problem| problem.split(" is not ").next().unwrap()).collect();
        assert_eq!(problems, expected, "{text}");
    };
    let route = "routes:\n  - match: { path: /a }\n    request: { models: { a/b: M } }\n    integration: { type: http_proxy, url: http://a }\n    answers: { 200: { models: { a/b: M } } }\n";
    check(&format!("{route}models: {{ M: {{ type: 1 }} }}\n"), &["6: model `M`"]);
    check(&format!("{route}models: {{ M: {{}}, N: {{ type: 1 }} }}\n"), &["6: model `N`"]);
    check(
        &format!("{route}models: {{ M: {{ $ref: '#/models/N' }}, N: {{ $ref: '#/models/M' }} }}\n"),
        &["3: `$ref` leads back to itself", "6: `$ref` leads back to itself"],
    );
}
