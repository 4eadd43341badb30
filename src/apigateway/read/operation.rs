//! An operation of a path: what it asks of requests, and with its integration and its answers, a [`Method`].

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::openapi;
use super::reader::{Keys, Reader};
use super::schema::Use;
use super::security::{KEY_SOURCE, Schemes};
use crate::apigateway::model::{Location, Method, Model, Parameter, Validator, Verb};
use crate::apigateway::route::{Segment, segments};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::Node;

pub const INTEGRATION: &str = "x-amazon-apigateway-integration";
/// What helps where one is missing.
pub const WITHOUT_INTEGRATION: &str =
    "`x-amazon-apigateway-integration` says where requests go; an export has it with `extensions=apigateway`";
const VALIDATOR: &str = "x-amazon-apigateway-request-validator";

const OPERATION: Keys<'_> = Keys {
    read: &[
        "parameters",
        "requestBody",
        "responses",
        "operationId",
        "consumes",
        "produces",
        INTEGRATION,
        VALIDATOR,
        "security",
    ],
    silent: &[
        "tags",
        "summary",
        "description",
        "deprecated",
        "externalDocs",
        "servers",
        "schemes",
        "callbacks",
        // `/$default` says it by its name.
        "isDefaultRoute",
        // It is the API's, wherever else some write it.
        KEY_SOURCE,
    ],
    unsupported: &[
        ("x-amazon-apigateway-auth", "requests are not authorized"),
        ("x-amazon-apigateway-authtype", "requests are not authorized"),
    ],
    inert: &[],
};

/// What holds for all operations unless they say otherwise.
pub struct Defaults<'a> {
    pub consumes: Option<&'a Node>,
    pub produces: Option<&'a Node>,
    pub validators: HashMap<&'a str, Validator>,
    pub validator: Validator,
    pub schemes: Schemes<'a>,
}

/// What an operation has from its path and from the definition.
pub struct Inherited<'a, 'd> {
    pub resource: &'a str,
    pub parameters: Option<&'a Node>,
    pub defaults: &'d Defaults<'a>,
}

/// What is asked of requests.
#[derive(Default)]
pub struct Asked<'a> {
    pub parameters: Vec<Parameter>,
    names: HashSet<(Location, &'a str)>,
    pub models: Vec<(String, Arc<Model>)>,
}

impl<'a> Reader<'a> {
    pub fn operation(
        &mut self,
        inherited: &Inherited<'a, '_>,
        verb: Verb,
        place: &Place,
        node: &'a Node,
    ) -> Option<Method> {
        let node = self.map(node, "an operation", &OPERATION)?;
        let defaults = inherited.defaults;
        let validator = self.get(node, VALIDATOR);
        let validator =
            validator.and_then(|name| openapi::validator(self, name, defaults)).unwrap_or(defaults.validator);
        let asks_for_key = self.asks_for_key(node, &defaults.schemes);
        let asked = self.asked(inherited, node, validator);
        let responses = self.method_responses(node, defaults);
        let Some(integration) = self.get(node, INTEGRATION) else {
            let problem = Diagnostic::error(format!("{verb} {} has no integration", inherited.resource));
            self.problems.push(problem.at(place).help(WITHOUT_INTEGRATION));
            return None;
        };
        Some(Method {
            resource: inherited.resource.into(),
            verb,
            operation: self.get(node, "operationId").and_then(Node::scalar_text).map(str::to_owned),
            parameters: asked.parameters,
            asks_for_key,
            validator,
            request_models: asked.models,
            integration: self.integration(integration, &responses)?,
            responses,
            place: place.clone(),
        })
    }

    fn asked(&mut self, inherited: &Inherited<'a, '_>, node: &'a Node, validator: Validator) -> Asked<'a> {
        let mut asked = Asked::default();
        let usage = if validator.body { Use::Enforced } else { Use::Told };
        let consumes = self.get(node, "consumes").or(inherited.defaults.consumes);
        // What the operation says of a parameter wins over what its path says.
        for list in [self.get(node, "parameters"), inherited.parameters].into_iter().flatten() {
            for parameter in list.list("parameters", self.problems).unwrap_or_default() {
                self.parameter(parameter, consumes, usage, &mut asked);
            }
        }
        asked.add_path(inherited.resource);
        if let Some(body) = self.get(node, "requestBody").and_then(|body| self.resolve(body)) {
            let content = self.get(body, "content");
            asked.models.extend(self.content(content, "request", usage));
        }
        asked
    }

    fn parameter(&mut self, node: &'a Node, consumes: Option<&'a Node>, usage: Use, asked: &mut Asked<'a>) {
        let Some(node) = self.resolve(node) else { return };
        let text = |key: &str| node.entry(key).and_then(|entry| entry.node.scalar_text());
        let (Some(name), Some(location)) = (text("name"), text("in")) else {
            return self.error(&node.place, "a parameter needs `name` and `in`");
        };
        let required = text("required") == Some("true");
        match location {
            "header" => asked.add(Location::Header, name, required),
            "query" => asked.add(Location::Query, name, required),
            "path" => asked.add(Location::Path, name, true),
            "body" => {
                if let Some(model) =
                    self.get(node, "schema").and_then(|schema| self.model(schema, name, usage))
                {
                    let types = self.media_types(consumes);
                    asked.models.extend(types.into_iter().map(|media_type| (media_type, Arc::clone(&model))));
                }
            }
            "formData" | "cookie" => {
                self.warning(
                    &node.place,
                    format!("parameter `{name}` in `{location}` is left out, as on API Gateway"),
                );
            }
            other => self.error(&node.place, format!("a parameter cannot be in `{other}`")),
        }
    }

    /// `consumes` or `produces`; JSON where it is not there.
    pub fn media_types(&mut self, node: Option<&'a Node>) -> Vec<String> {
        let Some(node) = node else { return vec!["application/json".to_owned()] };
        let items = node.list_or_one();
        // One list may hold for all operations.
        let items = if self.takes(items.len(), &node.place) { items } else { &[] };
        let texts = items.iter().filter_map(|item| item.text("a media type", self.problems));
        texts.map(str::to_ascii_lowercase).collect()
    }

    /// The models of `content`, by media type.
    pub fn content(&mut self, node: Option<&'a Node>, what: &str, usage: Use) -> Vec<(String, Arc<Model>)> {
        let mut models = Vec::new();
        for entry in self.entries(node, "media types") {
            let schema = self.resolve(&entry.node).and_then(|node| self.get(node, "schema"));
            if let Some(model) = schema.and_then(|schema| self.model(schema, what, usage)) {
                models.push((entry.key.to_ascii_lowercase(), model));
            }
        }
        models
    }
}

impl<'a> Asked<'a> {
    /// The parameters that stand in a path.
    pub fn add_path(&mut self, path: &'a str) {
        for segment in segments(path) {
            if let Segment::Parameter(name) | Segment::Greedy(name) = Segment::of(segment) {
                self.add(Location::Path, name, true);
            }
        }
    }

    /// A parameter, unless it is there already.
    pub fn add(&mut self, location: Location, name: &'a str, required: bool) {
        if self.names.insert((location, name)) {
            self.parameters.push(Parameter { location, name: name.to_owned(), required });
        }
    }
}
