//! Models that a method declares for its answers. To API Gateway they are documentation; Candor can hold every answer
//! against them.

use std::fmt;

use serde_json::Value;

use super::super::model::{Method, Model};
use super::request::Answer;

/// What is done about answers that do not fit the models that their methods declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseModels {
    /// Nothing: to API Gateway models of answers are documentation.
    #[default]
    Off,
    /// It is told.
    Warn,
    /// The client gets a 500 in their place.
    Enforce,
}

impl ResponseModels {
    /// All of them, as they are written.
    pub const NAMED: [(&str, ResponseModels); 3] =
        [("off", ResponseModels::Off), ("warn", ResponseModels::Warn), ("enforce", ResponseModels::Enforce)];
}

/// Where an answer differs from its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The model's name.
    pub model: String,
    /// Where in the body, as a JSON Pointer; empty for the whole of it.
    pub path: String,
    /// How.
    pub problem: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the body" } else { &self.path };
        write!(f, "{} at {path}: {}", self.model, self.problem)
    }
}

/// Where the body of an answer differs from the model for its status and media type; nowhere if there is no such model.
pub fn misfits(method: &Method, answer: &Answer) -> Vec<Misfit> {
    let Some(model) = model(method, answer) else { return Vec::new() };
    let misfit = |path: String, problem: String| Misfit { model: model.name.clone(), path, problem };
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(body) => model.misfits(&body).into_iter().map(|(path, problem)| misfit(path, problem)).collect(),
        Err(error) => vec![misfit(String::new(), format!("the body is no JSON: {error}"))],
    }
}

fn model<'m>(method: &'m Method, answer: &Answer) -> Option<&'m Model> {
    let media_type = answer.headers.media_type();
    let media_type = media_type.as_deref().unwrap_or("application/json");
    let models = &method.response(answer.status)?.models;
    models.iter().find(|(known, _)| known == media_type).map(|(_, model)| &**model)
}
