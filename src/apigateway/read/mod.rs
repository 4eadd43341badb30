//! Definitions read: OpenAPI 3.0 and Swagger 2.0 with `x-amazon-apigateway-*`, as they are or inside a CloudFormation or
//! SAM template, and `serverless.yml`. All problems are told at once; with an error among them there is no API.

mod budget;
mod cloudformation;
mod cors;
mod function;
mod gateway_response;
mod globals;
mod integration;
mod key;
mod mapping;
pub mod native;
mod openapi;
mod operation;
mod reader;
mod response;
mod schema;
mod security;
mod selection;
mod serverless;
mod template;
#[cfg(test)]
mod tests;
mod twice;
mod uri;
mod variables;

use std::sync::Arc;

use super::model::Api;
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::document::{self, Node, Tags, Value};
use function::Functions;
use reader::Reader;

pub(super) use integration::TIMEOUT;
pub(super) use schema::builtin as builtin_model;
pub(super) use uri::STAGE_VARIABLES;

/// API Gateway's bound on a definition, bytes.
const BYTES_MAX: usize = 6 << 20;
/// Values in a definition, keys among them. One of [`BYTES_MAX`] with one every six bytes has as many.
const VALUES_MAX: usize = 1_000_000;

/// What a definition does not say itself.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which API of a template that has several, by its logical id.
    pub api: Option<String>,
    /// The stage's name; else the last part of the base path, else `prod`.
    pub stage: Option<String>,
    /// Stage variables. They win over a template's own.
    pub stage_variables: Vec<(String, String)>,
    /// Parameters of a template: values for `Ref` and `Fn::Sub`, and for `${NAME}` in a definition that is a template
    /// itself. `AWS::Region` and its like may be among them.
    pub parameters: Vec<(String, String)>,
}

/// What kind of document a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `openapi` or `swagger`.
    OpenApi,
    /// `Resources`: CloudFormation or SAM.
    CloudFormation,
    /// `functions` with `provider`: the Serverless Framework.
    Serverless,
}

/// Reads a definition. Nothing is returned if there is an error in it.
pub fn read(source: &Arc<Source>, options: &Options, problems: &mut Diagnostics) -> Option<Api> {
    without_errors(problems, |found| read_text(source, options, found))
}

/// Reads a definition that stands within another document. Nothing is returned if there is an error in it.
pub fn read_node(root: &Node, options: &Options, problems: &mut Diagnostics) -> Option<Api> {
    without_errors(problems, |found| read_root(root, options, found))
}

fn without_errors(
    problems: &mut Diagnostics,
    read: impl FnOnce(&mut Diagnostics) -> Option<Api>,
) -> Option<Api> {
    let mut found = Diagnostics::default();
    let api = read(&mut found);
    let usable = !found.has_errors();
    let mut found = found.into_sorted();
    // What functions and references bring in twice has its problems once.
    found.dedup();
    found.into_iter().for_each(|problem| problems.push(problem));
    api.filter(|_| usable)
}

fn read_text(source: &Arc<Source>, options: &Options, problems: &mut Diagnostics) -> Option<Api> {
    if source.text.len() > BYTES_MAX {
        let message = format!("`{}` is larger than 6 MB, which is API Gateway's bound too", source.name);
        problems.push(Diagnostic::error(message));
        return None;
    }
    let root = document::parse_with(source, Tags::Functions, VALUES_MAX, problems)?;
    read_root(&root, options, problems)
}

fn read_root(root: &Node, options: &Options, problems: &mut Diagnostics) -> Option<Api> {
    let without = twice::without_earlier(root, problems);
    let root = without.as_ref().unwrap_or(root);
    let Some(format) = format(root) else {
        let Place { source, line, .. } = &root.place;
        problems.push(
            Diagnostic::error(format!("`{}` is no definition of an API", source.name))
                .at(&Place { source: Arc::clone(source), line: *line, column: 1, width: 1 })
                .help(
                    "expected `openapi: 3.0.1` or `swagger: \"2.0\"`, a template with `Resources`, or a `serverless.yml`",
                ),
        );
        return None;
    };
    match format {
        Format::OpenApi => {
            let filled = filled(root, options, problems)?;
            Some(openapi::read(Reader::new(filled.as_ref().unwrap_or(root), options.clone(), problems)))
        }
        Format::CloudFormation => cloudformation::read(root, options, problems),
        Format::Serverless => serverless::read(root, options, problems),
    }
}

/// A definition that a template brings in has functions in it, and one that is a template itself has variables. `Some(None)`
/// where there are neither.
fn filled(root: &Node, options: &Options, problems: &mut Diagnostics) -> Option<Option<Node>> {
    let named = (!options.parameters.is_empty()).then(|| variables::filled(root, &options.parameters));
    let definition = named.as_ref().unwrap_or(root);
    match function::are_in(definition) {
        true => Functions::without_template(definition, options, problems).fill(definition).map(Some),
        false => Some(named),
    }
}

/// What kind of document this is.
pub fn format(root: &Node) -> Option<Format> {
    let Value::Map(_) = root.value else { return None };
    if root.entry("openapi").is_some() || root.entry("swagger").is_some() {
        return Some(Format::OpenApi);
    }
    if root.entry("Resources").is_some() {
        return Some(Format::CloudFormation);
    }
    (root.entry("functions").is_some() && root.entry("provider").is_some()).then_some(Format::Serverless)
}
