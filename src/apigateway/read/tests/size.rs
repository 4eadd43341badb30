//! Definitions that are large, or meant to be too much.

use std::fmt::Write;

use super::large::definition;
use super::{read_with, with_integration};
use crate::apigateway::read::{BYTES_MAX, Options};

#[test]
fn a_large_definition_is_read_whole() {
    let (api, problems) = read_with(&definition(300), &Options::default());
    assert_eq!(problems, Vec::<String>::new());
    let api = api.unwrap();
    assert_eq!(api.methods.len(), 1500);
    let (method, parameters) = api.find(&http::Method::PATCH, "/r17/x/s257").unwrap();
    assert_eq!((&*method.resource, parameters), ("/r17/{id}/s257", vec![("id", "x")]));
}

#[test]
fn a_definition_beyond_the_bound_is_refused() {
    let text = format!("openapi: 3.0.1\nx-a: {}\n", "a".repeat(BYTES_MAX));
    let (api, problems) = read_with(&text, &Options::default());
    assert!(api.is_none());
    assert_eq!(problems, ["error: `api.yaml` is larger than 6 MB, which is API Gateway's bound too"]);
}

#[test]
fn aliases_of_aliases_are_refused() {
    let mut text = String::from("openapi: 3.0.1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let list = vec![format!("*a{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "a{level}: &a{level} [{list}]");
    }
    let (api, problems) = read_with(&text, &Options::default());
    assert!(api.is_none());
    assert!(
        problems[0].ends_with("error: more than 1000000 values after aliases are expanded"),
        "{problems:?}"
    );
}

#[test]
fn every_one_of_many_problems_is_told() {
    let wrong = "{ type: mock, requestTemplates: { a/b: x }, responses: { default: { statusCode: 200 } } }";
    let mut text = with_integration(wrong);
    text.push_str("x-amazon-apigateway-gateway-responses:\n");
    for number in 0..4_000 {
        let _ = writeln!(text, "  TYPE_{number}: {{ statusCode: {number} }}");
    }
    let (api, problems) = read_with(&text, &Options::default());
    assert!(api.is_none());
    assert_eq!(problems.len(), 4_000 + 4_000 - 500);
}
