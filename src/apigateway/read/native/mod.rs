//! An API in Candor's own words: `api:` of a configuration that has `routes` instead of the name of a definition. It
//! says all that a definition says to requests and answers, and is read into the same [`Api`].

mod error;
mod integration;
mod response;
mod route;
mod source;

use std::sync::Arc;

use super::Options;
use super::openapi::{deployed, one_slash_before};
use super::reader::Reader;
use crate::apigateway::model::{Api, Method};
use crate::apigateway::route::Routes;
use crate::diagnostic::Diagnostics;
use crate::document::Node;
use route::Taken;

/// What begins the name of a stage variable in a URL.
pub const STAGE_VARIABLES: &str = "stage_variables.";

/// The keys that are read here. The others of `api:` say how the API runs, not what it is.
pub const KEYS: [&str; 6] = ["name", "base_path", "binary", "routes", "models", "errors"];

/// Reads the node at `api`; its stage and the stage's variables are among the options. Nothing is returned if there is
/// an error in it.
pub fn read(node: &Node, options: &Options, problems: &mut Diagnostics) -> Option<Api> {
    let mut found = Diagnostics::default();
    let api = node.entry("routes").map(|_| Reader::new(node, options.clone(), &mut found).native());
    if api.is_none() {
        found.error(&node.place, "an API needs `routes`");
    }
    let usable = !found.has_errors();
    let mut told = found.into_sorted();
    // A route of several methods is read once for each.
    told.dedup();
    told.into_iter().for_each(|problem| problems.push(problem));
    api.filter(|_| usable)
}

impl Reader<'_> {
    fn native(mut self) -> Api {
        let root = self.root;
        let base_path = self.native_text("base_path", "a path").map(one_slash_before).unwrap_or_default();
        let (stage, stage_variables) = deployed(&self.options, &base_path);
        let methods = self.native_routes();
        self.unused_models();
        self.compile_models();
        Api {
            name: self.native_text("name", "a name").unwrap_or_default().to_owned(),
            base_path,
            stage,
            routes: Routes::new(&methods),
            methods,
            gateway_responses: self.errors(self.get(root, "errors")),
            binary_media_types: self.binary(),
            stage_variables,
        }
    }

    fn native_text(&mut self, key: &str, what: &str) -> Option<&str> {
        self.get(self.root, key)?.text(what, self.problems)
    }

    fn binary(&mut self) -> Vec<String> {
        let items = self.get(self.root, "binary").map(Node::list_or_one).unwrap_or_default();
        let texts = items.iter().filter_map(|item| item.text("a media type", self.problems));
        texts.map(str::to_ascii_lowercase).collect()
    }

    fn native_routes(&mut self) -> Vec<Arc<Method>> {
        let Some(node) = self.get(self.root, "routes") else { return Vec::new() };
        let (mut methods, mut taken) = (Vec::new(), Taken::default());
        for node in node.list("routes", self.problems).unwrap_or_default() {
            methods.extend(self.native_route(node, &mut taken));
        }
        methods.into_iter().map(Arc::new).collect()
    }
}
