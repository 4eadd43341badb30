//! Prints a template: goes along its nodes and keeps the variables.

mod block;
mod compare;
mod expression;
mod foreach;
mod reference;

use smallvec::SmallVec;

use super::ast::{Body, Define, Node, Reference, Span};
use super::error::RenderError;
use super::fault::Fault;
use super::heap::{Heap, LoopId};
use super::template::Template;
use super::value::Value;

/// Whom variables are asked for.
type Variables<'r, 'a> = dyn FnMut(&str, &mut Heap<'a>) -> Result<Option<Value<'a>>, Fault> + 'r;

/// Who is told of every reference: what it is, and the value it had. That is `null` where it yields the empty string.
pub type Watch<'r, 'a> = dyn FnMut(&'a Reference, &Value<'a>, &mut Heap<'a>) + 'r;

/// Why nodes that follow are not rendered.
#[derive(Debug)]
enum Halt {
    /// The render is over and has failed.
    Failed(Box<RenderError>),
    /// `#break`: of the loop given, else of the innermost.
    Break(Option<LoopId>),
    /// `#stop`.
    Stop,
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Halt {
        Halt::Failed(Box::new(RenderError::of(fault)))
    }
}

impl Halt {
    /// The same, with its place if it has none yet.
    fn at(mut self, span: Span) -> Halt {
        if let Halt::Failed(error) = &mut self {
            error.span.get_or_insert(span);
        }
        self
    }
}

/// Whether a variable is set.
#[derive(Debug, Clone)]
enum Slot<'a> {
    /// Nobody has wanted to know yet.
    Unasked,
    Absent,
    Present(Value<'a>),
}

/// One render, under way.
struct Renderer<'r, 'a> {
    template: &'a Template,
    heap: &'r mut Heap<'a>,
    variables: &'r mut Variables<'r, 'a>,
    watch: Option<&'r mut Watch<'r, 'a>>,
    slots: SmallVec<[Slot<'a>; 16]>,
    /// The blocks that are being rendered within one another.
    blocks: SmallVec<[&'a Define; 4]>,
    depth: u32,
    /// Buffers for texts that end up as values.
    scratch: Vec<String>,
}

/// What most templates print, bytes. Having room for it from the start is faster than coming to it step by step.
const OUTPUT_BYTES_USUAL: usize = 1000;

/// Renders a template.
pub(super) fn render<'a>(
    template: &'a Template,
    heap: &mut Heap<'a>,
    variables: &mut Variables<'_, 'a>,
    watch: Option<&mut Watch<'_, 'a>>,
    out: &mut String,
) -> Result<(), RenderError> {
    let mut variables = |name: &str, heap: &mut Heap<'a>| variables(name, heap);
    out.reserve(OUTPUT_BYTES_USUAL);
    let mut renderer = Renderer {
        template,
        heap,
        variables: &mut variables,
        watch: watch.map(|watch| watch as &mut Watch<'_, 'a>),
        slots: SmallVec::from_elem(Slot::Unasked, template.variables().len()),
        blocks: SmallVec::new(),
        depth: 0,
        scratch: Vec::new(),
    };
    match renderer.body(template.body(), out) {
        Ok(()) | Err(Halt::Stop | Halt::Break(None)) => Ok(()),
        Err(Halt::Failed(error)) => Err(*error),
        Err(Halt::Break(Some(_))) => {
            Err(RenderError::of(Fault::thrown("`#break` names a loop that is over already")))
        }
    }
}

impl<'a> Renderer<'_, 'a> {
    fn body(&mut self, body: &'a Body, out: &mut String) -> Result<(), Halt> {
        self.nested(|renderer| {
            for node in &body.0 {
                renderer.heap.meter.work(1)?;
                renderer.node(node, out)?;
            }
            Ok(())
        })
    }

    fn node(&mut self, node: &'a Node, out: &mut String) -> Result<(), Halt> {
        match node {
            Node::Text(text) => Ok(self.heap.push_text(text, out)?),
            Node::Print(print) => self.print(print, out).map_err(|halt| halt.at(print.reference.span)),
            Node::Escaped(reference, text) => {
                self.reference(reference)?;
                Ok(self.heap.push_text(text, out)?)
            }
            Node::Set(set) => self.set(set).map_err(|halt| halt.at(set.span)),
            Node::If(choice) => {
                for (condition, body) in &choice.branches {
                    if self.truth(condition).map_err(|halt| halt.at(choice.span))? {
                        return self.body(body, out);
                    }
                }
                self.body(&choice.otherwise, out)
            }
            Node::Foreach(foreach) => self.foreach(foreach, out).map_err(|halt| halt.at(foreach.span)),
            Node::Define(define) => {
                self.assign(define.variable, Value::Block(define));
                Ok(())
            }
            Node::Break(None, _) => Err(Halt::Break(None)),
            Node::Break(Some(named), span) => match self.value(named)? {
                Value::Loop(id) => Err(Halt::Break(Some(id))),
                _ => {
                    let message = "`#break` can only name a loop: `$foreach` or `$foreach.parent`";
                    Err(Halt::from(Fault::thrown(message)).at(*span))
                }
            },
            Node::Stop(message) => {
                if let Some(message) = message {
                    self.value(message)?;
                }
                Err(Halt::Stop)
            }
            Node::Broken(broken) => {
                let mut error = RenderError::of(Fault::thrown(broken.message.as_str()));
                error.span = Some(broken.span);
                error.help = broken.help.map(str::to_owned);
                Err(Halt::Failed(Box::new(error)))
            }
        }
    }

    /// Runs something one level deeper.
    fn nested<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, Halt>) -> Result<T, Halt> {
        self.heap.meter.descend(self.depth)?;
        self.depth += 1;
        let outcome = run(self);
        self.depth -= 1;
        outcome
    }

    /// A variable's value; `null` where it has none.
    fn variable(&mut self, number: usize) -> Result<Value<'a>, Fault> {
        match self.slots.get(number) {
            Some(Slot::Present(value)) => return Ok(value.clone()),
            Some(Slot::Unasked) => {}
            Some(Slot::Absent) | None => return Ok(Value::Null),
        }
        let name = self.template.variables().get(number).map_or("", |name| name);
        let value = (self.variables)(name, self.heap)?;
        let slot = value.clone().map_or(Slot::Absent, Slot::Present);
        self.put(number, slot);
        Ok(value.unwrap_or(Value::Null))
    }

    fn assign(&mut self, number: usize, value: Value<'a>) {
        self.put(number, Slot::Present(value));
    }

    fn put(&mut self, number: usize, slot: Slot<'a>) {
        if let Some(place) = self.slots.get_mut(number) {
            *place = slot;
        }
    }

    /// Lets something print into a buffer; gives what it printed as a value.
    fn captured(
        &mut self,
        print: impl FnOnce(&mut Self, &mut String) -> Result<(), Halt>,
    ) -> Result<Value<'a>, Halt> {
        let mut buffer = self.scratch.pop().unwrap_or_default();
        buffer.clear();
        let printed = print(self, &mut buffer);
        let value = self.heap.text(buffer.as_str());
        self.scratch.push(buffer);
        printed?;
        Ok(value?)
    }
}
