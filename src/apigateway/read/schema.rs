//! Models: schemas with all they refer to, compiled.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::reader::Reader;
use crate::apigateway::model::Model;
use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::document::Node;

/// Values of schemas that are compiled when there is an error elsewhere. One takes some microseconds.
const COMPILED_MAX: usize = 5_000;
/// How much a value of a schema counts among what references bring in: each model has a copy of all that it refers to.
const VALUE_WEIGHT: usize = 10;

/// Where the schemas of the two formats are, and those of an API in Candor's own words.
const HOMES: [&str; 3] = ["#/definitions/", "#/components/schemas/", "#/models/"];

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Requests are held against it, so it must be right.
    Enforced,
    /// It is documentation.
    Told,
}

/// A schema that stands alone.
struct Closed {
    schema: Value,
    /// Where what it refers to is written, by its key in `definitions`.
    places: BTreeMap<String, Place>,
}

impl<'a> Reader<'a> {
    /// The model that a schema is; one that has no name is called by what it is for.
    pub fn model(&mut self, node: &Node, what: &str, usage: Use) -> Option<Arc<Model>> {
        let reference = node.entry("$ref").and_then(|entry| entry.node.scalar_text()).map(local);
        // A broken one is told again where it matters more.
        let key = reference.map(|reference| format!("{usage:?} {reference}"));
        if let Some(known) = key.as_ref().and_then(|key| self.models.get(key)) {
            return known.clone();
        }
        let name = node.entry("$ref").and_then(|entry| entry.node.scalar_text()).map_or(what, last_part);
        let model = self.compiled(node, name, usage);
        if let Some(key) = key {
            self.models.insert(key, model.clone());
        }
        model
    }

    fn compiled(&mut self, node: &Node, name: &str, usage: Use) -> Option<Arc<Model>> {
        let Closed { schema, places } = self.closed(node, usage)?;
        let key = node.entry("$ref").and_then(|entry| entry.node.scalar_text()).map(|it| escaped(&local(it)));
        let place = key.and_then(|key| places.get(&key)).unwrap_or(&node.place).clone();
        let mut model = Model::new(name, schema);
        (model.place, model.places) = (Some(place.clone()), places);
        let model = Arc::new(model);
        if usage == Use::Enforced {
            self.enforced.push((Arc::clone(&model), place));
            return Some(model);
        }
        if let Err(error) = jsonschema::draft4::meta::validate(&model.schema) {
            let message = format!("model `{name}` is not a schema of draft 4: {error}");
            self.left_out(&place, message);
            return None;
        }
        Some(model)
    }

    /// Compiles what requests are held against. Of a definition that is refused anyway, no more than can be done soon.
    pub fn compile_models(&mut self) {
        let mut patience = COMPILED_MAX;
        for (model, place) in std::mem::take(&mut self.enforced) {
            patience = patience.saturating_sub(values(&model.schema));
            if patience == 0 && self.problems.has_errors() {
                return;
            }
            if let Err(problem) = model.compile() {
                let message = format!("model `{}` is not a schema of draft 4: {problem}", model.name);
                self.error(&place, message);
            }
        }
    }

    /// The schema with all that it refers to in `definitions`, so that it stands alone.
    fn closed(&mut self, node: &Node, usage: Use) -> Option<Closed> {
        let mut root = node.to_json();
        let mut wanted = BTreeSet::new();
        localize(&mut root, &mut wanted);
        let (mut definitions, mut places) = (BTreeMap::new(), BTreeMap::new());
        while let Some(reference) = wanted.pop_first() {
            let key = escaped(&reference);
            if definitions.contains_key(&key) {
                continue;
            }
            let mut schema = match self.builtin(&reference) {
                Some(schema) => schema,
                None => {
                    let found = self.schema(&reference, node, usage)?;
                    if !self.takes(VALUE_WEIGHT * found.count(), &node.place) {
                        return None;
                    }
                    places.insert(key.clone(), found.place.clone());
                    found.to_json()
                }
            };
            localize(&mut schema, &mut wanted);
            definitions.insert(key, schema);
        }
        if self.leads_back(&definitions, node) {
            return None;
        }
        if definitions.is_empty() {
            return Some(Closed { schema: root, places });
        }
        let definitions: Map<String, Value> = definitions.into_iter().collect();
        Some(Closed { schema: json!({ "allOf": [root], "definitions": definitions }), places })
    }

    /// `Empty` and `Error`, which every API has, where the definition does not say what they are.
    fn builtin(&mut self, reference: &str) -> Option<Value> {
        let is_home =
            HOMES.iter().any(|home| reference.starts_with(home)) || reference.starts_with("models/");
        let name = is_home.then(|| last_part(reference))?;
        builtin(name).filter(|_| self.written(name).is_none())
    }

    /// The schema of that name, where the definition has it.
    fn written(&mut self, name: &str) -> Option<&'a Node> {
        HOMES.iter().find_map(|home| {
            let parts = home.trim_start_matches("#/").trim_end_matches('/');
            let home = parts.split('/').try_fold(self.root, |node, part| self.child(node, part))?;
            self.child(home, name)
        })
    }

    /// What a reference in a schema points at. That a model is missing is a warning on import, as documented, and so here
    /// where no request is held against it.
    fn schema(&mut self, reference: &str, node: &Node, usage: Use) -> Option<&'a Node> {
        let found = match reference.strip_prefix("models/") {
            // API Gateway's own reference, by the model's name.
            Some(name) => {
                self.written(name).ok_or_else(|| Diagnostic::error(format!("there is no model `{name}`")))
            }
            None => self.pointed(reference),
        };
        let place = node.entry("$ref").map_or(&node.place, |entry| &entry.node.place);
        let told = |problem: Diagnostic| match usage {
            Use::Enforced => problem.at(place),
            Use::Told => Diagnostic { severity: Severity::Warning, ..problem.at(place).left_out() },
        };
        found.map_err(|problem| self.problems.push(told(problem))).ok()
    }

    /// Tells of schemas that are nothing but references to each other. A cycle through a property is none of these.
    fn leads_back(&mut self, definitions: &BTreeMap<String, Value>, node: &Node) -> bool {
        let target = |key: &str| definitions.get(key)?.get("$ref")?.as_str()?.strip_prefix("#/definitions/");
        // Each is gone through once: a walk ends at the first that was met before, and goes back if that was in itself.
        let mut walks: HashMap<&str, usize> = HashMap::new();
        let endless = definitions.keys().enumerate().any(|(walk, start)| {
            let mut at = Some(start.as_str());
            while let Some(key) = at {
                if let Some(earlier) = walks.insert(key, walk) {
                    return earlier == walk;
                }
                at = target(key);
            }
            false
        });
        if endless {
            self.error(&node.place, "`$ref` leads back to itself");
        }
        endless
    }
}

/// How many values a schema has.
fn values(schema: &Value) -> usize {
    match schema {
        Value::Object(map) => 1 + map.values().map(values).sum::<usize>(),
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        _ => 1,
    }
}

/// The model of that name that every API has.
pub fn builtin(name: &str) -> Option<Value> {
    match name {
        "Empty" => Some(json!({ "title": "Empty Schema", "type": "object" })),
        "Error" => Some(json!({ "type": "object", "properties": { "message": { "type": "string" } } })),
        _ => None,
    }
}

/// Turns references into ones to `definitions`, and notes what they were.
fn localize(schema: &mut Value, wanted: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get_mut("$ref") {
                let target = local(reference);
                *reference = format!("#/definitions/{}", escaped(&target));
                wanted.insert(target);
            }
            // What surrounds the schema in Swagger, not part of it.
            map.values_mut().for_each(|value| localize(value, wanted));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| localize(item, wanted)),
        _ => {}
    }
}

/// A reference as the key of a definition: no character that a JSON pointer gives a meaning.
pub fn escaped(reference: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let known = HOMES.iter().find_map(|home| reference.strip_prefix(home));
    known.unwrap_or(reference).chars().map(|c| if is_plain(c) { c } else { '_' }).collect()
}

/// `models/NAME` for API Gateway's own references, else the same.
fn local(reference: &str) -> String {
    match reference.split_once("/restapis/").and_then(|(_, rest)| rest.split_once("/models/")) {
        Some((_, name)) => format!("models/{name}"),
        None => reference.to_owned(),
    }
}

fn last_part(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}
