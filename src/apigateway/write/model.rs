//! Models in Candor's own words: each of those that have a name once, under `models`.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::super::model::{Api, Model};
use super::super::read::builtin_model;
use crate::diagnostic::Place;
use crate::document::Yaml;

/// Where a compiled schema has what it refers to, and where that stands in a configuration.
const COMPILED: &str = "#/definitions/";
const WRITTEN: &str = "#/models/";

/// The models that are referred to by name.
#[derive(Default)]
pub struct Models {
    named: Vec<(String, Value)>,
    /// How models are referred to that were met before: many methods share one.
    met: HashMap<*const Model, Yaml>,
}

impl Models {
    /// The names of all models of an API that have one, with the place where each is first used.
    pub fn of(api: &Api) -> Vec<(String, Option<&Place>)> {
        let (mut models, mut places) = (Models::default(), Vec::new());
        let used = api.methods.iter().flat_map(|method| {
            let answers = method.responses.iter().flat_map(|answer| &answer.models);
            method.request_models.iter().chain(answers)
        });
        for (_, model) in used {
            models.reference(model);
            let new = models.named.get(places.len()..).unwrap_or_default();
            // A name that had to be made unique is that of no schema.
            let place = |name: &String| model.places.get(name).or(model.place.as_ref());
            places.extend(new.iter().map(|(name, _)| (name.clone(), place(name))));
        }
        places
    }

    /// How a model is referred to: by its name, or as a schema in its place.
    pub fn reference(&mut self, model: &Arc<Model>) -> Yaml {
        if let Some(known) = self.met.get(&Arc::as_ptr(model)) {
            return known.clone();
        }
        let reference = self.new_reference(model);
        self.met.insert(Arc::as_ptr(model), reference.clone());
        reference
    }

    fn new_reference(&mut self, model: &Model) -> Yaml {
        let (root, definitions) = apart(&model.schema);
        let suffix = self.suffix(definitions);
        for (name, schema) in definitions.into_iter().flatten() {
            self.put(format!("{name}{suffix}"), with_names(schema, &suffix));
        }
        let root = with_names(root, &suffix);
        match name(&root) {
            Some(name) => Yaml::text(name),
            None => Yaml::from(&root),
        }
    }

    /// All that have a name.
    pub fn into_yaml(self) -> Yaml {
        Yaml::map(self.named.iter().map(|(name, schema)| (name, Yaml::from(schema))))
    }

    fn put(&mut self, name: String, schema: Value) {
        let is_known = self.named.iter().any(|(known, _)| *known == name);
        // Those that every API has need not be written.
        if !is_known && builtin_model(&name).as_ref() != Some(&schema) {
            self.named.push((name, schema));
        }
    }

    /// What has to be added to the names of a model's definitions, so that none means another one: mostly nothing.
    fn suffix(&self, definitions: Option<&Map<String, Value>>) -> String {
        let fits = |suffix: &String| {
            definitions.into_iter().flatten().all(|(name, schema)| {
                let name = format!("{name}{suffix}");
                let known = self.named.iter().find(|(known, _)| *known == name).map(|(_, schema)| schema);
                known.is_none_or(|known| *known == with_names(schema, suffix))
            })
        };
        let mut suffixes = (2..).map(|number| format!("_{number}"));
        let mut suffix = String::new();
        while !fits(&suffix) {
            suffix = suffixes.next().unwrap_or_default();
        }
        suffix
    }
}

/// A schema, and the definitions that go with it.
fn apart(schema: &Value) -> (&Value, Option<&Map<String, Value>>) {
    let (all, definitions) = (schema.get("allOf"), schema.get("definitions"));
    match (all.and_then(Value::as_array).map(Vec::as_slice), definitions.and_then(Value::as_object)) {
        (Some([root]), Some(definitions)) if schema.as_object().is_some_and(|it| it.len() == 2) => {
            (root, Some(definitions))
        }
        _ => (schema, None),
    }
}

/// A schema with its references as they are written.
fn with_names(schema: &Value, suffix: &str) -> Value {
    match schema {
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| {
                let target = value.as_str().and_then(|text| text.strip_prefix(COMPILED));
                let value = match target {
                    Some(name) if key == "$ref" => Value::String(format!("{WRITTEN}{name}{suffix}")),
                    _ => with_names(value, suffix),
                };
                (key.clone(), value)
            };
            Value::Object(map.iter().map(entry).collect())
        }
        Value::Array(items) => items.iter().map(|item| with_names(item, suffix)).collect(),
        scalar => scalar.clone(),
    }
}

/// The name of a model that is nothing but a reference.
fn name(schema: &Value) -> Option<&str> {
    let map = schema.as_object().filter(|map| map.len() == 1)?;
    map.get("$ref")?.as_str()?.strip_prefix(WRITTEN)
}
