//! A method of a resource: what it asks of a request, where it sends it, and what it may answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use http::StatusCode;
use serde_json::Value;

use super::Integration;
use crate::diagnostic::Place;

/// A method of a resource.
#[derive(Debug)]
pub struct Method {
    /// The path of its resource, as written: `/orders/{id}`.
    pub resource: Arc<str>,
    /// The HTTP method it is for.
    pub verb: Verb,
    /// `operationId`, where given.
    pub operation: Option<String>,
    /// What it declares of path, query string and headers.
    pub parameters: Vec<Parameter>,
    /// Whether requests need an API key: `apiKeyRequired`.
    pub asks_for_key: bool,
    /// What is checked before anything else happens to requests.
    pub validator: Validator,
    /// Models of request bodies by media type, lower case; `$default` for all others.
    pub request_models: Vec<(String, Arc<Model>)>,
    /// Where requests go.
    pub integration: Integration,
    /// What it declares to answer. Empty: only a proxy integration can be.
    pub responses: Vec<MethodResponse>,
    /// Where it is written.
    pub place: Place,
}

impl Method {
    /// The method response for a status.
    pub fn response(&self, status: StatusCode) -> Option<&MethodResponse> {
        self.responses.iter().find(|response| response.status == status)
    }
}

/// The HTTP method that a method of an API is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    /// DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT.
    Any,
    /// This one.
    Only(http::Method),
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Any => "ANY",
            Verb::Only(method) => method.as_str(),
        })
    }
}

/// Where a request parameter stands. In the order in which the validator's message names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// `method.request.header`.
    Header,
    /// `method.request.path`.
    Path,
    /// `method.request.querystring`.
    Query,
}

/// A declared request parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Where it stands.
    pub location: Location,
    /// Its name.
    pub name: String,
    /// A validator that looks at parameters refuses a request without it.
    pub required: bool,
}

/// What a request validator looks at; nothing unless the definition names a validator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validator {
    /// Required parameters are there.
    pub parameters: bool,
    /// The body fits the model for its media type.
    pub body: bool,
}

/// A JSON Schema, draft 4.
#[derive(Debug)]
pub struct Model {
    /// Its name, or the place of a schema that has none.
    pub name: String,
    /// As it is written, all references resolved within it.
    pub schema: Value,
    /// Ready to validate: made when it is read if requests are held against it, else when it is first asked. Models refer
    /// to models, each is compiled with all that follow, and most are never asked.
    validator: OnceLock<jsonschema::Validator>,
    /// Where it is written.
    pub place: Option<Place>,
    /// Where the schemas are written that it refers to, by their keys in its `definitions`.
    pub places: BTreeMap<String, Place>,
}

impl Model {
    /// A schema that stands alone.
    pub fn new(name: impl Into<String>, schema: Value) -> Model {
        let (place, places) = (None, BTreeMap::new());
        Model { name: name.into(), schema, validator: OnceLock::new(), place, places }
    }

    /// Makes it ready.
    ///
    /// # Errors
    /// Why it is not a schema of draft 4.
    pub fn compile(&self) -> Result<&jsonschema::Validator, String> {
        match self.validator.get() {
            Some(validator) => Ok(validator),
            None => {
                let made = jsonschema::draft4::new(&self.schema).map_err(|error| error.to_string())?;
                Ok(self.validator.get_or_init(|| made))
            }
        }
    }

    /// Where a value differs from it, as JSON Pointers, and how.
    pub fn misfits(&self, value: &Value) -> Vec<(String, String)> {
        let validator = match self.compile() {
            Ok(validator) => validator,
            Err(problem) => return vec![(String::new(), format!("the model is no schema: {problem}"))],
        };
        let errors = validator.iter_errors(value);
        errors.map(|error| (error.instance_path().to_string(), error.to_string())).collect()
    }
}

/// What a method declares to answer.
#[derive(Debug)]
pub struct MethodResponse {
    /// The status.
    pub status: StatusCode,
    /// Names of the headers it may have.
    pub headers: Vec<String>,
    /// Models of its body by media type. Documentation, unless Candor is told to look at them.
    pub models: Vec<(String, Arc<Model>)>,
}
