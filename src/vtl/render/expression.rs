//! Expressions: their values, and whether they hold.

use std::rc::Rc;

use super::super::ast::{Chain, Expression, Interpolated, Link, Node, Operator};
use super::super::fault::Fault;
use super::super::heap::{ListKind, MapKind};
use super::super::number;
use super::super::value::Value;
use super::{Halt, Renderer};

impl<'a> Renderer<'_, 'a> {
    pub(super) fn value(&mut self, expression: &'a Expression) -> Result<Value<'a>, Halt> {
        Ok(match expression {
            Expression::Null => Value::Null,
            Expression::Boolean(value) => Value::Boolean(*value),
            Expression::Integer(value) => Value::Integer(*value),
            Expression::Long(value) => Value::Long(*value),
            Expression::BigInteger(value) => {
                self.heap.meter.allocate(value.bits() as usize / 8)?;
                Value::BigInteger(Rc::new((**value).clone()))
            }
            Expression::Double(value) => Value::Double(*value),
            Expression::String(text) => Value::borrowed(text),
            Expression::Interpolated(string) => self.interpolated(string)?,
            Expression::Reference(reference) if reference.has_value => self.reference(reference)?,
            Expression::Reference(_) => Value::Null,
            Expression::List(elements) => {
                let mut items = Vec::with_capacity(elements.len());
                for element in elements {
                    items.push(self.element(element)?);
                }
                self.heap.make_list(ListKind::List, items)?
            }
            Expression::Map(entries) => {
                let map = self.heap.make_map(MapKind::Map)?;
                for (key, value) in entries {
                    let key = self.element(key)?;
                    let value = self.element(value)?;
                    self.heap.put(map, key, value)?;
                }
                Value::Map(map)
            }
            Expression::Range(bounds) => {
                let first = self.value(&bounds.0)?;
                let last = self.value(&bounds.1)?;
                self.range(&first, &last)?
            }
            Expression::Or(_) | Expression::And(_) | Expression::Not(_) | Expression::Truth(_) => {
                Value::Boolean(self.truth(expression)?)
            }
            Expression::Chain(chain) => self.nested(|renderer| renderer.chain(chain))?,
        })
    }

    /// A list's element, a map's key or value.
    fn element(&mut self, expression: &'a Expression) -> Result<Value<'a>, Halt> {
        let value = self.nested(|renderer| renderer.value(expression))?;
        self.without_block(value)
    }

    /// Whether a condition holds. A reference does unless it is `false`; literals and sums never do, and are not even
    /// calculated.
    pub(super) fn truth(&mut self, expression: &'a Expression) -> Result<bool, Halt> {
        self.heap.meter.work(1)?;
        match expression {
            Expression::Boolean(value) => Ok(*value),
            Expression::Reference(reference) => match self.reference(reference)? {
                Value::Boolean(value) => Ok(value),
                block @ Value::Block(_) => Ok(self.text_of(&block)?.is_some()),
                _ => Ok(true),
            },
            Expression::Or(operands) => self.nested(|renderer| renderer.any(operands, true)),
            Expression::And(operands) => Ok(!self.nested(|renderer| renderer.any(operands, false))?),
            Expression::Not(inner) => Ok(!self.nested(|renderer| renderer.truth(inner))?),
            Expression::Truth(inner) => self.nested(|renderer| renderer.truth(inner)),
            Expression::Chain(chain) if chain.rest.iter().any(|link| link.operator.is_arithmetic()) => {
                Ok(false)
            }
            Expression::Chain(_) => Ok(matches!(self.value(expression)?, Value::Boolean(true))),
            _ => Ok(false),
        }
    }

    /// Whether any of the operands is as wanted; those after it are not looked at.
    fn any(&mut self, operands: &'a [Expression], wanted: bool) -> Result<bool, Halt> {
        for operand in operands {
            if self.truth(operand)? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn chain(&mut self, chain: &'a Chain) -> Result<Value<'a>, Halt> {
        let mut left = self.value(&chain.first)?;
        for link in &chain.rest {
            self.heap.meter.work(1)?;
            let right = self.value(&link.operand)?;
            left = self.operate(left, link, right)?;
        }
        Ok(left)
    }

    fn operate(&mut self, left: Value<'a>, link: &'a Link, right: Value<'a>) -> Result<Value<'a>, Halt> {
        let meter = &mut self.heap.meter;
        let result = match link.operator {
            Operator::Add if is_string(&left) || is_string(&right) => {
                return self.concatenate(left, link, right);
            }
            Operator::Add => number::add(&left, &right, meter)?,
            Operator::Subtract => number::subtract(&left, &right, meter)?,
            Operator::Multiply => number::multiply(&left, &right, meter)?,
            Operator::Divide => number::divide(&left, &right, meter)?,
            Operator::Remainder => number::remainder(&left, &right, meter)?,
            comparison => Some(Value::Boolean(self.compare(comparison, &left, &right)?)),
        };
        Ok(result.unwrap_or(Value::Null))
    }

    /// `+` with a string on either side. For what is `null` Velocity prints the source.
    fn concatenate(&mut self, left: Value<'a>, link: &'a Link, right: Value<'a>) -> Result<Value<'a>, Halt> {
        let (left_source, right_source) =
            link.sources.as_ref().map_or(("null", "null"), |sources| (&*sources.0, &*sources.1));
        let text = |value: Value<'a>, source: &'a str| match value {
            Value::Null => Value::borrowed(source),
            value => value,
        };
        let (left, right) = (text(left, left_source), text(right, right_source));
        self.captured(|renderer, out| {
            renderer.push_text_of(&left, out)?;
            renderer.push_text_of(&right, out)
        })
    }

    fn interpolated(&mut self, string: &'a Interpolated) -> Result<Value<'a>, Halt> {
        if let ([Node::Print(print)], false) = (&*string.body.0, string.chopped)
            && print.prefix.is_empty()
        {
            let value = self.reference(&print.reference)?;
            if is_string(&value) {
                return Ok(value);
            }
        }
        self.captured(|renderer, out| {
            renderer.body(&string.body, out)?;
            if string.chopped {
                out.pop();
            }
            Ok(())
        })
    }

    /// `[first..last]`; `null` unless both are numbers.
    fn range(&mut self, first: &Value<'a>, last: &Value<'a>) -> Result<Value<'a>, Fault> {
        let (Some(first), Some(last)) = (number::to_int(first), number::to_int(last)) else {
            return Ok(Value::Null);
        };
        let length = (i64::from(last) - i64::from(first)).unsigned_abs() + 1;
        // Counted before it is made.
        self.heap.meter.allocate(length as usize * size_of::<Value<'_>>())?;
        let items = if first <= last {
            (first..=last).map(Value::Integer).collect()
        } else {
            (last..=first).rev().map(Value::Integer).collect()
        };
        self.heap.make_list(ListKind::List, items)
    }
}

fn is_string(value: &Value<'_>) -> bool {
    matches!(value, Value::String(_))
}
