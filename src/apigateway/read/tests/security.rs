//! Who may call: API keys are asked for, and all else is told.

use super::{api, read_with};
use crate::apigateway::read::Options;

fn definition(more: &str, security: &str) -> String {
    format!(
        r#"
swagger: "2.0"
{more}
securityDefinitions:
  key: {{ type: apiKey, in: header, name: X-API-KEY }}
  other: {{ type: apiKey, in: header, name: Authorization, x-amazon-apigateway-authtype: awsSigv4 }}
  custom: {{ type: apiKey, in: header, name: x-api-key, x-amazon-apigateway-authorizer: {{ type: request }} }}
paths:
  /a:
    get:
      security: {security}
      x-amazon-apigateway-integration: {{ type: http_proxy, httpMethod: GET, uri: http://h/ }}
"#
    )
}

#[test]
fn a_method_asks_for_a_key_where_its_security_names_one() {
    let check = |security: &str, expected: bool| {
        assert_eq!(api(&definition("", security)).methods[0].asks_for_key, expected, "{security}");
    };
    check("[{ key: [] }]", true);
    check("[]", false);
    check("~", false);
    check("[{}]", false);
    assert!(
        api(&definition("x-amazon-apigateway-api-key-source: HEADER", "[{ key: [] }]")).methods[0]
            .asks_for_key
    );
}

#[test]
fn what_else_is_asked_of_callers_is_told() {
    let check = |more: &str, security: &str, asks: bool, expected: &[&str]| {
        let (api, problems) = read_with(&definition(more, security), &Options::default());
        assert_eq!(problems, expected, "{security}");
        assert_eq!(api.unwrap().methods[0].asks_for_key, asks, "{security}");
    };
    let by = |column: usize, name: &str| {
        format!("11:{column} warning: `security` by `{name}` is not carried out: requests are not authorized")
    };
    check("", "[{ other: [] }, { key: [] }]", true, &[&by(20, "other")]);
    check("", "[{ key: [], custom: [] }]", true, &[&by(29, "custom")]);
    check("", "[{ nobody: [] }]", false, &[&by(20, "nobody")]);
    check(
        "x-amazon-apigateway-api-key-source: AUTHORIZER",
        "[{ key: [] }]",
        false,
        &[
            "3:37 warning: `x-amazon-apigateway-api-key-source` is not carried out: no authorizer gives keys, so none is asked for",
        ],
    );
    check(
        "security: [{ key: [] }]",
        "[]",
        false,
        &["3:1 warning: `security` is of no effect here, as on API Gateway"],
    );
}
