//! `==`, `<` and their kin.

use std::cmp::Ordering;

use super::super::ast::Operator;
use super::super::heap::{Heap, ListKind};
use super::super::number;
use super::super::value::Value;
use super::{Halt, Renderer};

impl<'a> Renderer<'_, 'a> {
    pub(super) fn compare(
        &mut self,
        operator: Operator,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Result<bool, Halt> {
        match operator {
            Operator::Equal => self.equal(left, right),
            Operator::NotEqual => Ok(!self.equal(left, right)?),
            _ if !(left.is_number() && right.is_number()) => Ok(false),
            _ => {
                let ordering = number::compare(left, right)?;
                Ok(match operator {
                    Operator::Less => ordering == Some(Ordering::Less),
                    Operator::LessOrEqual => ordering.is_some_and(Ordering::is_le),
                    Operator::Greater => ordering == Some(Ordering::Greater),
                    _ => ordering.is_some_and(Ordering::is_ge),
                })
            }
        }
    }

    /// Numbers by their value, values of one class by `equals`, all others by what they print.
    fn equal(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Halt> {
        if left.is_number() && right.is_number() {
            return Ok(number::compare(left, right)? == Some(Ordering::Equal));
        }
        if are_related(left, right, self.heap) {
            return Ok(self.heap.equals(left, right)?);
        }
        let left = if left.is_null() { None } else { self.text_of(left)? };
        let right = if right.is_null() { None } else { self.text_of(right)? };
        Ok(match (left, right) {
            (Some(left), Some(right)) => left.as_str() == right.as_str(),
            (left, right) => left.is_none() && right.is_none(),
        })
    }
}

/// Whether the class of one is that of the other or comes from it. Numbers are never asked about.
fn are_related<'a>(left: &Value<'a>, right: &Value<'a>, heap: &Heap<'a>) -> bool {
    match (left, right) {
        (Value::List(left), Value::List(right)) => {
            let is_array = |id| heap.list_kind(id) == ListKind::Array;
            is_array(*left) == is_array(*right)
        }
        (Value::View(_, left), Value::View(_, right)) => left == right,
        (Value::Null, _) => false,
        (left, right) => std::mem::discriminant(left) == std::mem::discriminant(right),
    }
}
