//! References: read, printed and, by `#set`, written to.

use smallvec::SmallVec;

use super::super::ast::{Action, Print, Reference, Set, Step};
use super::super::methods;
use super::super::value::Value;
use super::{Halt, Renderer, Slot};

impl<'a> Renderer<'_, 'a> {
    pub(super) fn print(&mut self, print: &'a Print, out: &mut String) -> Result<(), Halt> {
        let value = self.reference(&print.reference)?;
        if let Value::Block(define) = value {
            // A block takes the place of all that ran into its reference.
            if !self.block(define, out)? {
                self.heap.push_text(&print.unresolved, out)?;
            }
            return Ok(());
        }
        if !print.prefix.is_empty() {
            self.heap.push_text(&print.prefix, out)?;
        }
        Ok(self.heap.print(&value, out)?)
    }

    /// The value of a reference: API Gateway has the empty string wherever Velocity has `null`.
    // Values are best not handed from function to function: a copy of one that was just written must wait for it.
    #[inline(always)]
    pub(super) fn reference(&mut self, reference: &'a Reference) -> Result<Value<'a>, Halt> {
        let mut value = match (self.slots.get(reference.variable), &*reference.steps) {
            // Most references are `$variable.property`.
            (Some(Slot::Present(variable)), [Step { action: Action::Property(name), span }]) => {
                match methods::property(variable, name, self.heap) {
                    Ok(value) => value,
                    Err(fault) => return Err(Halt::from(fault).at(*span)),
                }
            }
            (_, steps) => {
                let variable = self
                    .variable(reference.variable)
                    .map_err(|fault| Halt::from(fault).at(reference.span))?;
                self.follow(variable, steps)?
            }
        };
        if let Some(watch) = &mut self.watch {
            watch(reference, &value, self.heap);
        }
        if value.is_null() {
            value = Value::EMPTY;
        }
        Ok(value)
    }

    /// Takes steps from a value on, until there is nothing more.
    fn follow(&mut self, mut value: Value<'a>, steps: &'a [Step]) -> Result<Value<'a>, Halt> {
        for step in steps {
            if value.is_null() {
                break;
            }
            value = self.step(&value, step).map_err(|halt| halt.at(step.span))?;
        }
        Ok(value)
    }

    fn step(&mut self, receiver: &Value<'a>, step: &'a Step) -> Result<Value<'a>, Halt> {
        match &step.action {
            Action::Property(name) => Ok(methods::property(receiver, name, self.heap)?),
            Action::Call(name, arguments) => {
                let mut values: SmallVec<[Value<'a>; 4]> = SmallVec::new();
                self.nested(|renderer| {
                    for argument in arguments {
                        let value = renderer.value(argument)?;
                        values.push(renderer.without_block(value)?);
                    }
                    Ok(())
                })?;
                if let (Value::Block(_), "toString", []) = (receiver, &**name, &*values) {
                    return Ok(self.text_of(receiver)?.unwrap_or(Value::Null));
                }
                Ok(methods::call(receiver, name, &values, self.heap)?)
            }
            Action::Index(key) => {
                let key = self.nested(|renderer| renderer.value(key))?;
                let key = self.without_block(key)?;
                Ok(methods::index(receiver, &key, self.heap)?)
            }
        }
    }

    /// `null` is not assigned: the old value stays.
    pub(super) fn set(&mut self, set: &'a Set) -> Result<(), Halt> {
        let value = self.value(&set.value)?;
        if value.is_null() {
            return Ok(());
        }
        match &set.target {
            Some(target) => self.write(target, value),
            None => {
                self.assign(set.variable, value);
                Ok(())
            }
        }
    }

    /// Writes to the last step of a reference. Where there is nothing to write to, nothing happens.
    fn write(&mut self, target: &'a Reference, value: Value<'a>) -> Result<(), Halt> {
        let Some((last, way)) = target.steps.split_last() else { return Ok(()) };
        let variable = self.variable(target.variable)?;
        let receiver = self.follow(variable, way)?;
        if receiver.is_null() {
            return Ok(());
        }
        let value = self.without_block(value)?;
        match &last.action {
            Action::Property(name) | Action::Call(name, _) => {
                Ok(methods::set_property(&receiver, name, value, self.heap)?)
            }
            Action::Index(key) => {
                let key = self.value(key)?;
                let key = self.without_block(key)?;
                Ok(methods::set_index(&receiver, &key, value, self.heap)?)
            }
        }
    }
}
