//! A route: the requests it is for, what it asks of them, and what they are answered.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::openapi::path_is_right;
use super::super::operation::Asked;
use super::super::reader::Reader;
use super::super::schema::{Use, builtin, escaped};
use crate::apigateway::model::{Location, Method, Model, Validator, Verb};
use crate::diagnostic::{Diagnostic, Place};
use crate::document::{Entry, Node, Value};

const ROUTE: [&str; 6] = ["name", "match", "request", "integration", "responses", "answers"];
const MATCH: [&str; 2] = ["path", "methods"];
/// Whether a key is needed.
const KEYED: [(&str, bool); 1] = [("required", true)];
const REQUEST: [&str; 6] = ["api_key", "headers", "query", "path", "models", "validate"];

/// What the routes before one have taken.
#[derive(Default)]
pub struct Taken<'a> {
    /// The parameter below each path.
    variables: HashMap<String, &'a str>,
    /// Paths with their methods.
    requests: HashSet<(&'a str, String)>,
}

impl<'a> Reader<'a> {
    /// The methods of a route.
    pub fn native_route(&mut self, node: &'a Node, taken: &mut Taken<'a>) -> Vec<Method> {
        let Some(fields) = node.fields("a route", &ROUTE, self.problems) else { return Vec::new() };
        let matching = fields.require("match", "a route", self.problems);
        let matching = matching.and_then(|node| self.matching(node, &mut taken.variables));
        let Some((path, verbs)) = matching else { return Vec::new() };
        let each = verbs.into_iter().filter_map(|verb| {
            if !taken.requests.insert((path, verb.to_string())) {
                let problem = Diagnostic::error("a route before this one takes the same requests");
                self.problems.push(problem.at(&node.place));
            }
            self.native_method(node, path, verb)
        });
        each.collect()
    }

    fn matching(
        &mut self,
        node: &'a Node,
        variables: &mut HashMap<String, &'a str>,
    ) -> Option<(&'a str, Vec<Verb>)> {
        let fields = node.fields("`match`", &MATCH, self.problems)?;
        let path = fields.require("path", "`match`", self.problems)?;
        let text = path.text("a path", self.problems)?;
        path_is_right(self, text, &path.place, variables);
        let Some(methods) = fields.get("methods") else { return Some((text, vec![Verb::Any])) };
        if methods.list_or_one().is_empty() {
            self.error(&methods.place, "`methods` is empty: without it a route is for all methods");
        }
        Some((text, methods.list_or_one().iter().filter_map(|node| self.verb(node)).collect()))
    }

    fn verb(&mut self, node: &Node) -> Option<Verb> {
        let text = node.text("a method", self.problems)?;
        if text == "ANY" {
            return Some(Verb::Any);
        }
        let method = http::Method::from_bytes(text.as_bytes()).ok();
        let method = method.filter(|_| text == text.to_ascii_uppercase());
        if method.is_none() {
            let problem = Diagnostic::error(format!("`{text}` is not a method")).at(&node.place);
            self.problems.push(problem.help("methods are written in capitals: `GET`, `POST`, `ANY`"));
        }
        method.map(Verb::Only)
    }

    fn native_method(&mut self, node: &'a Node, path: &'a str, verb: Verb) -> Option<Method> {
        let name = self.get(node, "name").and_then(|name| name.text("a name", self.problems));
        let (mut asked, mut validator, mut asks_for_key) = (Asked::default(), Validator::default(), false);
        asked.add_path(path);
        if let Some(request) = self.get(node, "request") {
            let key = self.get(request, "api_key");
            asks_for_key = key.and_then(|key| key.word("a kind of key", &KEYED, self.problems)) == Some(true);
            validator = self.native_request(request, &mut asked).unwrap_or_default();
        }
        let integration = self.native_integration(node);
        let responses = integration.as_ref().map(|integration| self.answers(node, integration));
        Some(Method {
            resource: path.into(),
            verb,
            operation: name.map(str::to_owned),
            parameters: asked.parameters,
            asks_for_key,
            validator,
            request_models: asked.models,
            integration: integration?,
            responses: responses.unwrap_or_default(),
            place: node.place.clone(),
        })
    }

    fn native_request(&mut self, node: &'a Node, asked: &mut Asked<'a>) -> Option<Validator> {
        node.fields("`request`", &REQUEST, self.problems)?;
        for (key, location) in
            [("headers", Location::Header), ("query", Location::Query), ("path", Location::Path)]
        {
            for entry in self.entries(self.get(node, key), "parameters by name") {
                let words = [("required", true), ("optional", false)];
                if let Some(required) = entry.node.word("a parameter's kind", &words, self.problems) {
                    asked.add(location, &entry.key, required);
                }
            }
        }
        asked.models = self.native_models(self.get(node, "models"), "request");
        Some(self.validator(self.get(node, "validate")))
    }

    fn validator(&mut self, node: Option<&'a Node>) -> Validator {
        let mut validator = Validator::default();
        for item in node.map(Node::list_or_one).unwrap_or_default() {
            let words = [("parameters", false), ("body", true)];
            match item.word("something to validate", &words, self.problems) {
                Some(true) => validator.body = true,
                Some(false) => validator.parameters = true,
                None => {}
            }
        }
        validator
    }

    /// Models by media type: the name of one of `models`, or a schema.
    pub fn native_models(&mut self, node: Option<&'a Node>, what: &str) -> Vec<(String, Arc<Model>)> {
        let mut models = Vec::new();
        for entry in self.entries(node, "models by media type") {
            let named = match &entry.node.value {
                Value::Text(name) => Some(name.as_str()),
                _ => None,
            };
            if named.is_some_and(|name| !self.has_model(name, &entry.node.place)) {
                continue;
            }
            let named = named.map(|name| reference(name, &entry.node.place));
            let model = self.model(named.as_ref().unwrap_or(&entry.node), what, Use::Enforced);
            models.extend(model.map(|model| (entry.key.to_ascii_lowercase(), model)));
        }
        models
    }

    /// Reads the models that no route has, so that they are told too where they are no schemas.
    pub fn unused_models(&mut self) {
        let used: HashSet<String> =
            self.enforced.iter().flat_map(|(model, _)| model.places.keys().cloned()).collect();
        for entry in self.entries(self.get(self.root, "models"), "`models`") {
            if !used.contains(&compiled_name(&entry.key)) {
                self.model(&reference(&entry.key, &entry.node.place), &entry.key, Use::Enforced);
            }
        }
    }

    /// Whether there is a model of that name, which is told if not.
    fn has_model(&mut self, name: &str, place: &Place) -> bool {
        let known = self.get(self.root, "models").map(Node::keys).unwrap_or_default();
        let is_known = known.contains(&name) || builtin(name).is_some();
        if !is_known {
            let problem = Diagnostic::error(format!("there is no model `{name}`")).at(place);
            let meant = self.meant(name, known);
            self.problems.push(match meant {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem.help("models have their names under `api.models`"),
            });
        }
        is_known
    }
}

/// What a model is called in the schemas that refer to it.
fn compiled_name(name: &str) -> String {
    escaped(&format!("#/models/{name}"))
}

/// `$ref` to one of the API's models.
fn reference(name: &str, place: &Place) -> Node {
    let target = Node { place: place.clone(), value: Value::Text(format!("#/models/{name}")) };
    let entry = Entry { key: "$ref".to_owned(), key_place: place.clone(), node: target };
    Node { place: place.clone(), value: Value::Map(vec![entry]) }
}
