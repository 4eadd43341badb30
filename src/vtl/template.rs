//! A template, parsed once and rendered as often as wanted.

use super::ast::{Action, Body, Expression, Node, Reference, Span};
use super::error::{ParseError, RenderError};
use super::fault::Fault;
use super::heap::Heap;
use super::limits::Limits;
use super::parse;
use super::render::{self, Watch};
use super::value::Value;

/// A parsed template.
///
/// ```
/// use candor::vtl::{Heap, Limits, Template, Value};
///
/// let template = Template::parse("#if($name != \"\")Hello, $name!#end", &Limits::default())?;
/// let mut heap = Heap::new(Limits::default());
/// let mut out = String::new();
/// let variables = |name: &str, _: &mut Heap<'_>| Ok((name == "name").then(|| Value::borrowed("Ada")));
/// template.render(&mut heap, variables, &mut out)?;
/// assert_eq!(out, "Hello, Ada!");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Template {
    body: Body,
    variables: Box<[Box<str>]>,
    notes: Box<[Note]>,
    counter: Option<usize>,
    has_next: Option<usize>,
    scope: Option<usize>,
}

/// Something in a template that does not do what its author may think, though it is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where it stands.
    pub span: Span,
    /// What it does; lowercase, no full stop, the author's words in backticks.
    pub message: String,
    /// Why, or what to write instead.
    pub help: &'static str,
}

/// A reference of a template, as [`Template::visit`] shows it.
#[derive(Debug, Clone, Copy)]
pub struct Mention<'t> {
    /// Its variable.
    pub variable: &'t str,
    /// All there is to it.
    pub reference: &'t Reference,
    /// It is what a `#set` writes to.
    pub is_target: bool,
}

impl Template {
    /// Reads a template. What is an error to Velocity before anything is rendered, is one here.
    pub fn parse(text: &str, limits: &Limits) -> Result<Template, ParseError> {
        let parsed = parse::parse(text, limits)?;
        let number = |name: &str| parsed.variables.iter().position(|variable| **variable == *name);
        Ok(Template {
            counter: number("velocityCount"),
            has_next: number("velocityHasNext"),
            scope: number("foreach"),
            body: parsed.body,
            variables: parsed.variables.into(),
            notes: parsed.notes.into(),
        })
    }

    /// Prints the template to `out`. `variables` is asked for each variable when it is first needed, at most once; the
    /// `heap` keeps what the render has made. After an error, what `out` holds is of no use.
    pub fn render<'a>(
        &'a self,
        heap: &mut Heap<'a>,
        mut variables: impl FnMut(&str, &mut Heap<'a>) -> Result<Option<Value<'a>>, Fault>,
        out: &mut String,
    ) -> Result<(), RenderError> {
        render::render(self, heap, &mut variables, None, out)
    }

    /// The same, telling `watch` of every reference when it has been evaluated; of one inside another's arguments
    /// before the other. What has failed is not told.
    ///
    /// ```
    /// # use candor::vtl::{Heap, Limits, Template};
    /// let template = Template::parse("#set($a = 2)$a.toString() $b", &Limits::default())?;
    /// let mut seen = Vec::new();
    /// template.render_watched(
    ///     &mut Heap::new(Limits::default()),
    ///     |_, _| Ok(None),
    ///     &mut |reference, value, _| seen.push(format!("{} = {value:?}", reference.span.start)),
    ///     &mut String::new(),
    /// )?;
    /// assert_eq!(seen, ["12 = \"2\"", "26 = null"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn render_watched<'a>(
        &'a self,
        heap: &mut Heap<'a>,
        mut variables: impl FnMut(&str, &mut Heap<'a>) -> Result<Option<Value<'a>>, Fault>,
        watch: &mut Watch<'_, 'a>,
        out: &mut String,
    ) -> Result<(), RenderError> {
        render::render(self, heap, &mut variables, Some(watch), out)
    }

    /// The names of all variables that the template mentions.
    pub fn variables(&self) -> &[Box<str>] {
        &self.variables
    }

    /// What does something else than its author may think.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Shows every reference there is, those within arguments and strings too.
    pub fn visit<'t>(&'t self, visit: &mut dyn FnMut(Mention<'t>)) {
        Visitor { template: self, visit }.body(&self.body);
    }

    /// What it is made of.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The number of `$velocityCount`, where the template mentions it.
    pub(super) fn counter(&self) -> Option<usize> {
        self.counter
    }

    /// The number of `$velocityHasNext`, where the template mentions it.
    pub(super) fn has_next(&self) -> Option<usize> {
        self.has_next
    }

    /// The number of `$foreach`, where the template mentions it.
    pub(super) fn scope(&self) -> Option<usize> {
        self.scope
    }
}

struct Visitor<'t, 'v> {
    template: &'t Template,
    visit: &'v mut dyn FnMut(Mention<'t>),
}

impl<'t> Visitor<'t, '_> {
    fn body(&mut self, body: &'t Body) {
        for node in &body.0 {
            self.node(node);
        }
    }

    fn node(&mut self, node: &'t Node) {
        match node {
            Node::Text(_) | Node::Broken(_) => {}
            Node::Print(print) => self.reference(&print.reference, false),
            Node::Escaped(reference, _) => self.reference(reference, false),
            Node::Set(set) => {
                if let Some(target) = &set.target {
                    self.reference(target, true);
                }
                self.expression(&set.value);
            }
            Node::If(branches) => {
                for (condition, body) in &branches.branches {
                    self.expression(condition);
                    self.body(body);
                }
                self.body(&branches.otherwise);
            }
            Node::Foreach(foreach) => {
                self.expression(&foreach.source);
                self.body(&foreach.body);
            }
            Node::Define(define) => self.body(&define.body),
            Node::Break(argument, _) | Node::Stop(argument) => {
                argument.iter().for_each(|argument| self.expression(argument));
            }
        }
    }

    fn reference(&mut self, reference: &'t Reference, is_target: bool) {
        let variable = self.template.variables.get(reference.variable).map_or("", |name| name);
        (self.visit)(Mention { variable, reference, is_target });
        for step in &reference.steps {
            match &step.action {
                Action::Property(_) => {}
                Action::Call(_, arguments) => self.expressions(arguments),
                Action::Index(key) => self.expression(key),
            }
        }
    }

    fn expressions(&mut self, expressions: &'t [Expression]) {
        expressions.iter().for_each(|expression| self.expression(expression));
    }

    fn expression(&mut self, expression: &'t Expression) {
        match expression {
            Expression::Null
            | Expression::Boolean(_)
            | Expression::Integer(_)
            | Expression::Long(_)
            | Expression::BigInteger(_)
            | Expression::Double(_)
            | Expression::String(_) => {}
            Expression::Interpolated(interpolated) => self.body(&interpolated.body),
            Expression::Reference(reference) => self.reference(reference, false),
            Expression::List(list) | Expression::Or(list) | Expression::And(list) => self.expressions(list),
            Expression::Map(entries) => {
                for (key, value) in entries {
                    self.expression(key);
                    self.expression(value);
                }
            }
            Expression::Range(bounds) => {
                self.expression(&bounds.0);
                self.expression(&bounds.1);
            }
            Expression::Not(inner) | Expression::Truth(inner) => self.expression(inner),
            Expression::Chain(chain) => {
                self.expression(&chain.first);
                chain.rest.iter().for_each(|link| self.expression(&link.operand));
            }
        }
    }
}
