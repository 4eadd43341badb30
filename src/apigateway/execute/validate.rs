//! Request validators: required parameters first, then the body against its model; the first that fails ends the
//! exchange.

use serde_json::Value;

use super::super::model::{Kind, Location, Method};
use super::fault::Fault;
use super::request::Received;
use super::validation;

/// The key of a model for all media types that have none of their own.
const DEFAULT: &str = "$default";

/// Whether the request has what the method asks for.
pub(super) fn validate(method: &Method, received: &Received<'_>) -> Result<(), Fault> {
    if method.validator.parameters {
        parameters(method, received)?;
    }
    if method.validator.body {
        body(method, received)?;
    }
    Ok(())
}

/// A blank value counts as missing. The message names headers, then parts of the path, then the query.
fn parameters(method: &Method, received: &Received<'_>) -> Result<(), Fault> {
    let mut missing: Vec<(Location, &str)> = Vec::new();
    for parameter in method.parameters.iter().filter(|parameter| parameter.required) {
        let name = parameter.name.as_str();
        let value = match parameter.location {
            Location::Header => received.headers.get(name),
            Location::Path => Received::last(&received.request.path_parameters, name),
            Location::Query => Received::last(&received.query, name),
        };
        if value.is_none_or(|value| value.trim().is_empty()) {
            missing.push((parameter.location, name));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    missing.sort_unstable();
    let names: Vec<&str> = missing.into_iter().map(|(_, name)| name).collect();
    let message = format!("Missing required request parameters: [{}]", names.join(", "));
    Err(Fault::told(Kind::BadRequestParameters, message))
}

/// An empty body is validated as `{}`; one whose media type has no model is not.
fn body(method: &Method, received: &Received<'_>) -> Result<(), Fault> {
    let media_type = received.headers.media_type();
    let media_type = media_type.as_deref().unwrap_or("application/json");
    let named = |wanted: &str| method.request_models.iter().find(|(known, _)| known == wanted);
    let Some((_, model)) = named(media_type).or_else(|| named(DEFAULT)) else { return Ok(()) };
    let body: &[u8] = if received.request.body.is_empty() { b"{}" } else { &received.request.body };
    let problems = match (serde_json::from_slice::<Value>(body), model.compile()) {
        (Ok(value), Ok(validator)) => validation::problems(validator, &value),
        (Err(error), _) => Some(format!("[the body is no JSON: {error}]")),
        (_, Err(problem)) => Some(format!("[the model is no schema: {problem}]")),
    };
    let Some(problems) = problems else { return Ok(()) };
    let cause = format!("the body does not fit the model `{}`: {problems}", model.name);
    Err(Fault {
        validation: Some(problems),
        cause,
        ..Fault::told(Kind::BadRequestBody, "Invalid request body")
    })
}
