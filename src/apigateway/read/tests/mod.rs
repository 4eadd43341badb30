//! Whole definitions, right and wrong.

mod broken;
mod cloudformation;
mod hostile;
mod hostile_cases;
mod large;
mod native;
mod openapi;
mod real;
mod security;
mod serverless;
mod size;

use super::{Options, read};
use crate::apigateway::model::{Api, Method};
use crate::apigateway::write::tests::check;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};

/// What is read, and `line:column severity: message` of every problem.
pub fn read_with(text: &str, options: &Options) -> (Option<Api>, Vec<String>) {
    let mut problems = Diagnostics::default();
    let api = read(&Source::new("api.yaml", text), options, &mut problems);
    let told = |problem: &Diagnostic| match &problem.place {
        Some(place) => {
            format!("{}:{} {}: {}", place.line, place.column, problem.severity, problem.message)
        }
        None => format!("{}: {}", problem.severity, problem.message),
    };
    api.iter().for_each(check);
    (api, problems.into_sorted().iter().map(told).collect())
}

/// A definition without a problem.
pub fn api(text: &str) -> Api {
    let (api, problems) = read_with(text, &Options::default());
    assert_eq!(problems, Vec::<String>::new());
    api.unwrap()
}

/// The only method.
pub fn only(api: &Api) -> &Method {
    assert_eq!(api.methods.len(), 1);
    &api.methods[0]
}

/// A definition with one operation at `GET /a`, whose integration is given: JSON.
pub fn with_integration(integration: &str) -> String {
    format!(
        "openapi: 3.0.1\ninfo: {{ title: t, version: \"1\" }}\npaths:\n  /a:\n    get:\n      responses: {{ 200: {{ description: ok, headers: {{ X: {{}} }} }}, 400: {{}} }}\n      x-amazon-apigateway-integration:\n        {integration}\n"
    )
}
