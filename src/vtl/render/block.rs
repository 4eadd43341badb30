//! `#define`: blocks that are rendered where they are used.

use super::super::ast::Define;
use super::super::fault::Fault;
use super::super::value::Value;
use super::{Halt, Renderer};

/// How often a block may be rendered within itself.
const WITHIN_ITSELF_MAX: usize = 2;

impl<'a> Renderer<'_, 'a> {
    /// Renders a block, unless it has called itself too deep; says whether it did.
    pub(super) fn block(&mut self, define: &'a Define, out: &mut String) -> Result<bool, Halt> {
        let running = self.blocks.iter().filter(|block| std::ptr::eq(**block, define)).count();
        if running >= WITHIN_ITSELF_MAX {
            return Ok(false);
        }
        self.blocks.push(define);
        let outcome = self.body(&define.body, out);
        self.blocks.pop();
        match outcome {
            // A `#break` with no loop inside the block leaves the block.
            Ok(()) | Err(Halt::Break(None)) => Ok(true),
            Err(halt) => Err(halt),
        }
    }

    /// Java's `toString()`: `None` for a block that has called itself too deep.
    pub(super) fn text_of(&mut self, value: &Value<'a>) -> Result<Option<Value<'a>>, Halt> {
        let Value::Block(define) = value else { return Ok(Some(self.heap.printed(value)?)) };
        let mut rendered = false;
        let text = self.captured(|renderer, out| {
            rendered = renderer.block(define, out)?;
            Ok(())
        })?;
        Ok(rendered.then_some(text))
    }

    /// Adds Java's `toString()` to a text.
    pub(super) fn push_text_of(&mut self, value: &Value<'a>, out: &mut String) -> Result<(), Halt> {
        match value {
            Value::Block(define) if self.block(define, out)? => Ok(()),
            Value::Block(_) => Err(Fault::thrown("a block that calls itself has no text here").into()),
            value => Ok(self.heap.print(value, out)?),
        }
    }

    /// What lists, maps and methods get: a block is text to them.
    pub(super) fn without_block(&mut self, value: Value<'a>) -> Result<Value<'a>, Halt> {
        match value {
            Value::Block(_) => Ok(self.text_of(&value)?.unwrap_or(Value::Null)),
            value => Ok(value),
        }
    }
}
