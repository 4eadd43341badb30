//! Cases about APIs.

use super::*;
use crate::diagnostic::Diagnostic;

/// Cases that share one API; `rest` is the case's own part.
fn about_api(rest: &str) -> String {
    format!(
        "stage_variables: {{ v: w }}
openapi:
  components: {{ schemas: {{ Order: {{ type: object, required: [id] }} }} }}
  paths:
    /orders/{{id}}:
      post:
        responses: {{ \"200\": {{ content: {{ application/json: {{ schema: {{ $ref: '#/components/schemas/Order' }} }} }} }}, \"400\": {{}} }}
        x-amazon-apigateway-integration:
          type: http
          httpMethod: PUT
          uri: http://legacy/o/${{stageVariables.v}}
          responses: {{ '4\\d\\d': {{ statusCode: 400 }}, default: {{ statusCode: 200 }} }}
cases:
  - name: a fact
    request: {{ method: POST, path: /orders/17, headers: {{ X-CaSed: a }}, json: {{ a: 1 }} }}
{rest}"
    )
}

fn only_api_case(rest: &str) -> Case {
    let (file, problems) = read_text(&about_api(rest));
    assert_eq!(problems, "");
    file.unwrap().cases.remove(0)
}

fn wrong(rest: &str) -> Vec<String> {
    let case = only_api_case(rest);
    case.expectation.mismatches(&case.evaluate()).iter().map(ToString::to_string).collect()
}

#[test]
fn all_problems_of_a_file_about_an_api_are_told_at_once() {
    let text = r#"
stage: [prod]
strict: maybe
response_models: wrn
openapi:
  paths:
    /: { get: { x-amazon-apigateway-integration: { type: htp } } }
cases:
  - name: first
    request: { body: a, json: b }
    upstream: { failure: timeout, status: 200 }
    expect: { rule: a/b, fault: DEFAULT_5X, sent: { pth: / }, response: { stauts: 200 } }
  - name: second
    openapi: { paths: {} }
    definition: file.yaml
    config: {}
    upstream: { failure: late }
    expect: { sent: { method: "G T", headers: { "a b": c } } }
  - name: third
    rules: []
    request: { body: a }
    expect: { sent: nothing }
"#;
    assert_snapshot!(read_text(text).1);
}

#[test]
fn an_api_needs_a_definition() {
    let text = "strict: true\ncases: [ { name: a, expect: { status: 200 } } ]";
    check_problem(text, "there is no definition: `openapi` or `definition`");
    check_problem("cases: [ { name: a, stage: b, expect: { status: 200 } } ]", "there is no definition");
    let (file, problems) = read_text(
        "strict: true\ncases: [ { name: a, openapi: { paths: {} }, expect: { status: 403, sent: nothing } } ]",
    );
    assert_eq!((problems.as_str(), file.unwrap().cases.len()), ("", 1));
}

#[test]
fn problems_of_a_definition_in_text_have_their_place_in_the_case_file() {
    let text = "cases:
  - name: a
    openapi: |
      openapi: 3.0.1
      paths:
        /:
          get: { x-amazon-apigateway-integration: { type: htp } }
    expect: { status: 200 }
";
    check_problem(text, "--> cases.yaml:7:59");
    let folded = text.replace('|', ">").replace("paths:", "\n      paths:");
    check_problem(&folded, "--> cases.yaml, the definition:");
}

#[test]
fn a_definition_may_stand_in_another_file() {
    let text = "cases: [ { name: a, definition: b.yaml, request: { path: /x }, expect: { status: 403 } } ]";
    check_problem(text, "`b.yaml` cannot be read here");
    let read_file = |path: &str, _: &Place| match path {
        "b.yaml" => Ok(Source::new("dir/b.yaml", "openapi: 3.0.1\npaths: {}\n")),
        other => Err(Diagnostic::error(format!("no `{other}`"))),
    };
    let mut problems = Diagnostics::default();
    let file =
        read_with(&Source::new("dir/cases.yaml", text), &Base::default(), &read_file, &mut problems).unwrap();
    assert_eq!(file.cases[0].expectation.mismatches(&file.cases[0].evaluate()), []);
    let text = text.replace("b.yaml", "c.yaml");
    assert!(
        read_with(&Source::new("dir/cases.yaml", text), &Base::default(), &read_file, &mut problems)
            .is_none()
    );
}

#[test]
fn a_configuration_with_an_api_is_about_it() {
    let text = "
config: { api: { definition: b.yaml, stage: live, strict: true } }
cases:
  - { name: the API, request: { path: /x }, expect: { status: 403, fault: MISSING_AUTHENTICATION_TOKEN } }
  - { name: another configuration, config: {}, request: { path: /x }, expect: { status: 200, rule: none } }
";
    let read_file = |_: &str, _: &Place| Ok(Source::new("b.yaml", "openapi: 3.0.1\npaths: {}\n"));
    let mut problems = Diagnostics::default();
    let source = Source::new("cases.yaml", text);
    let file = read_with(&source, &Base::default(), &read_file, &mut problems).unwrap();
    for case in &file.cases {
        assert_eq!(case.expectation.mismatches(&case.evaluate()), [], "{}", case.name);
    }
    let Subject::Api { gateway, .. } = &file.cases[0].subject else { panic!("rules") };
    assert_eq!((gateway.api.stage.as_str(), gateway.settings.strict), ("live", true));
}

#[test]
fn a_case_may_have_its_own_part_of_what_the_file_says() {
    let check = |rest: &str, url: &str| {
        let case = only_api_case(&format!("{rest}    expect: {{ status: 200 }}"));
        let Sent::Request(sent) = case.evaluate().sent else { panic!("nothing was sent") };
        assert_eq!(sent.part("url").flatten().as_deref(), Some(url), "{rest}");
    };
    check("", "http://legacy/o/w");
    check("    stage_variables: { v: own }\n", "http://legacy/o/own");
}

#[test]
fn every_part_of_an_expectation_can_fail() {
    let check = |expect: &str, expected: &str| {
        let rest = "    upstream: { status: 404, body: gone }\n";
        assert_eq!(wrong(&format!("{rest}    expect: {{ {expect} }}")), [expected], "{expect}");
    };
    check("status: 404", "status: expected `404`, got `400`");
    check("sent: nothing", "sent: expected nothing, got a request to `http://legacy/o/w`");
    check("sent: { method: POST }", "sent method: expected `POST`, got `PUT`");
    check("sent: { url: 'http://x' }", "sent url: expected `http://x`, got `http://legacy/o/w`");
    check("sent: { path: /o }", "sent path: expected `/o`, got `/o/w`");
    check("sent: { function: f }", "sent function: expected `f`, got `none`");
    check("sent: { service: s3 }", "sent service: expected `s3`, got `none`");
    check("sent: { headers: { accept: a } }", "sent header `accept`: expected `a`, got `application/json`");
    check(
        "sent: { headers: { accept: null } }",
        "sent header `accept`: expected none, got `application/json`",
    );
    check("sent: { json: { a: 2 } }", "sent body at `$.a`: expected 2, got 1");
    check("sent: { body: x }", r#"sent body: expected `x`, got `{"a":1}`"#);
    check("response: none", r"response: expected `none`, got `4\d\d`");
    check("response: { pattern: default }", r"response pattern: expected `default`, got `4\d\d`");
    check("response: { subject: '400' }", "response subject: expected `400`, got `404`");
    check("response: { status: 404 }", "response status: expected `404`, got `400`");
    check("fault: DEFAULT_5XX", "fault: expected `DEFAULT_5XX`, got `none`");
    check("reason_text: late", "reason_text: expected `late`, got `none`");
}

#[test]
fn a_case_that_holds_has_no_mismatch() {
    let rest = r"
    upstream: { status: 404, body: gone }
    expect:
      status: 400
      body: same
      sent: { method: PUT, url: http://legacy/o/w, path: /o/w, headers: { content-type: application/json }, body: same }
      response: { subject: 404, pattern: '4\d\d', status: 400 }
      fault: none
";
    assert_eq!(wrong(rest), Vec::<String>::new());
    let rest = "
    upstream: { failure: timeout }
    expect: { status: 504, response: none, fault: INTEGRATION_TIMEOUT, reason_text: Endpoint request timed out }
";
    assert_eq!(wrong(rest), Vec::<String>::new());
}

#[test]
fn an_answer_that_does_not_fit_its_model_is_a_mismatch() {
    let check = |rest: &str, expected: &[&str]| {
        let rest = format!("{rest}    upstream: {{ json: {{ a: 1 }} }}\n    expect: {{ json: {{ a: 1 }} }}");
        assert_eq!(wrong(&rest), expected, "{rest}");
    };
    let misfit = "model `Order`: expected a body that fits, got \"id\" is a required property";
    check("", &[misfit]);
    check("    response_models: warn\n", &[misfit]);
    check("    response_models: off\n", &[]);
    let enforced =
        "    response_models: enforce\n    upstream: { json: { a: 1 } }\n    expect: { status: 500 }";
    assert_eq!(wrong(enforced), Vec::<String>::new());
}

#[test]
fn what_a_door_does_not_tell_of_an_api_is_not_compared() {
    let case = only_api_case(
        "    expect: { sent: { url: a, function: b, path: /o }, response: none, fault: THROTTLED }",
    );
    let target = SentTo::Path("/o".to_owned());
    let request = SentRequest {
        method: http::Method::GET,
        target,
        headers: crate::apigateway::execute::Headers::new(),
        body: Bytes::new(),
    };
    for sent in [Sent::Unseen, Sent::Request(Box::new(request))] {
        let played = Played {
            status: StatusCode::OK,
            reason: "OK".to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            sent,
            decision: Decision::Unseen,
        };
        assert_eq!(case.expectation.mismatches(&played), []);
    }
}
