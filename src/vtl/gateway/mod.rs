//! What API Gateway gives to a mapping template: `$input`, `$util`, `$context`, `$stageVariables`, and the overrides
//! that a template leaves in `$context`. Knows nothing of HTTP: bodies are text and parameters pairs.
//!
//! ```
//! use candor::vtl::gateway::{Inputs, Variables};
//! use candor::vtl::{Heap, Limits, Template};
//!
//! let template = Template::parse(
//!     "#set($context.responseOverride.status = $input.path('$.code'))$input.json('$.error')",
//!     &Limits::default(),
//! )?;
//! let inputs = Inputs { body: r#"{"code": 404, "error": {"text": "no such order"}}"#, ..Inputs::default() };
//! let mut heap = Heap::new(Limits::default());
//! let mut variables = Variables::new(&inputs);
//! let mut out = String::new();
//! template.render(&mut heap, |name, heap| variables.named(name, heap), &mut out)?;
//! assert_eq!(out, r#"{"text":"no such order"}"#);
//! assert_eq!(variables.overrides(&mut heap)?.response.status, Some(404));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod context;
mod input;
mod needs;
mod overrides;
mod util;

use std::rc::Rc;

use super::fault::Fault;
use super::heap::{Heap, MapId, MapKind};
use super::value::Value;

pub use context::Node;
use input::Input;
pub use needs::{BodyNeeds, Needs};
pub use overrides::{Overrides, RequestOverrides, ResponseOverrides};
use util::Util;

/// Names and values in order.
pub type Pairs<'a> = Vec<(&'a str, &'a str)>;

/// What a template is rendered with.
#[derive(Debug, Clone, Default)]
pub struct Inputs<'a> {
    /// The body of the request or of the integration's answer; an empty one counts as `{}`.
    pub body: &'a str,
    /// In place of the body, what a template needs of it (see [`BodyNeeds::Values`]).
    pub values: Option<Vec<Known<'a>>>,
    /// `$input.params()`.
    pub params: Params<'a>,
    /// `$context`. Overrides are only in it if an earlier template has made them.
    pub context: Vec<(&'a str, Node<'a>)>,
    /// `$stageVariables`.
    pub stage_variables: Pairs<'a>,
    /// What API Gateway does not have: `$util.toJson`, and headers that `$input.params` finds however their names are
    /// written.
    pub native: bool,
}

/// A value of the body.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The names that lead to it.
    pub names: &'a [String],
    /// It, as JSON.
    pub json: &'a str,
}

/// The parameters of the method request. Of equal names the last counts.
#[derive(Debug, Clone, Default)]
pub struct Params<'a> {
    /// Parts of the path: `{id}`.
    pub path: Pairs<'a>,
    /// The query string, decoded.
    pub querystring: Pairs<'a>,
    /// Header lines, named as the client wrote them.
    pub header: Pairs<'a>,
}

/// The variables of one render, made when the template first asks for them.
#[derive(Debug)]
pub struct Variables<'a> {
    inputs: &'a Inputs<'a>,
    context: Option<MapId>,
}

impl<'a> Variables<'a> {
    /// None of them made yet.
    pub fn new(inputs: &'a Inputs<'a>) -> Variables<'a> {
        Variables { inputs, context: None }
    }

    /// The variable of that name, for [`Template::render`](super::Template::render).
    ///
    /// # Errors
    /// Bounds only.
    pub fn named(&mut self, name: &str, heap: &mut Heap<'a>) -> Result<Option<Value<'a>>, Fault> {
        Ok(Some(match name {
            "input" => Value::Object(Rc::new(Input::new(self.inputs))),
            "util" => Value::Object(Rc::new(Util { native: self.inputs.native })),
            "context" => Value::Map(self.context(heap)?),
            "stageVariables" => Value::Map(map_of(&self.inputs.stage_variables, heap)?),
            _ => return Ok(None),
        }))
    }

    /// What the template has put into `$context.responseOverride` and `$context.requestOverride`.
    ///
    /// # Errors
    /// Bounds only.
    pub fn overrides(&mut self, heap: &mut Heap<'a>) -> Result<Overrides, Fault> {
        match self.overridden(heap)? {
            Some(context) => overrides::read(context, heap),
            None => Ok(Overrides::default()),
        }
    }

    /// `$context.responseOverride` and `$context.requestOverride` as JSON with all that was put there, if anything
    /// was: what the response template of a `MOCK` integration finds.
    ///
    /// # Errors
    /// Bounds only.
    pub fn overrides_as_json(&mut self, heap: &mut Heap<'a>) -> Result<[Option<String>; 2], Fault> {
        match self.overridden(heap)? {
            Some(context) => overrides::as_json(context, heap),
            None => Ok([None, None]),
        }
    }

    fn context(&mut self, heap: &mut Heap<'a>) -> Result<MapId, Fault> {
        let context = match self.context {
            Some(context) => context,
            None => context::build(&self.inputs.context, heap)?,
        };
        self.context = Some(context);
        Ok(context)
    }

    /// The context, if it can hold overrides: the template has asked for it, or they were given with it.
    fn overridden(&mut self, heap: &mut Heap<'a>) -> Result<Option<MapId>, Fault> {
        let is_override =
            |(name, _): &(&str, Node<'_>)| matches!(*name, "responseOverride" | "requestOverride");
        match self.context.is_some() || self.inputs.context.iter().any(is_override) {
            true => self.context(heap).map(Some),
            false => Ok(None),
        }
    }
}

/// A map that prints as one.
fn map_of<'a>(pairs: &Pairs<'a>, heap: &mut Heap<'a>) -> Result<MapId, Fault> {
    let map = heap.make_map(MapKind::Map)?;
    for (name, value) in pairs {
        heap.put(map, Value::borrowed(name), Value::borrowed(value))?;
    }
    Ok(map)
}

#[cfg(test)]
mod tests;
