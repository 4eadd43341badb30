//! `equals` and `hashCode` of Java's values.

use super::fault::Fault;
use super::heap::Heap;
use super::value::{Value, View};

impl<'a> Heap<'a> {
    /// Java's `equals`: of the same class and with the same content, lists and maps to any depth.
    pub fn equals(&mut self, left: &Value<'a>, right: &Value<'a>) -> Result<bool, Fault> {
        self.equals_at(left, right, 0)
    }

    fn equals_at(&mut self, left: &Value<'a>, right: &Value<'a>, depth: u32) -> Result<bool, Fault> {
        self.meter.work(2)?;
        Ok(match (left, right) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(left), Value::Boolean(right)) => left == right,
            (Value::Integer(left), Value::Integer(right)) => left == right,
            (Value::Long(left), Value::Long(right)) => left == right,
            (Value::BigInteger(left), Value::BigInteger(right)) => left == right,
            // `Double.equals` compares bits: NaN is itself, 0.0 is not -0.0.
            (Value::Double(left), Value::Double(right)) => {
                left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan()
            }
            (Value::BigDecimal(left), Value::BigDecimal(right)) => left == right,
            (Value::Character(left), Value::Character(right)) => left == right,
            (Value::String(left), Value::String(right)) if left.len() == right.len() => {
                self.meter.work(left.len() as u64 / 128)?;
                **left == **right
            }
            (Value::List(left), Value::List(right)) if left == right => true,
            (Value::Map(left), Value::Map(right)) if left == right => true,
            (Value::List(_), Value::List(_)) | (Value::View(..), Value::View(..)) => {
                self.meter.descend(depth)?;
                self.items_equal(left, right, depth)?
            }
            (Value::Map(left), Value::Map(right)) => {
                self.meter.descend(depth)?;
                if self.map(*left).len() != self.map(*right).len() {
                    return Ok(false);
                }
                for (key, value) in self.map(*left).entries().to_vec() {
                    match self.get(*right, &key)? {
                        Some(other) if self.equals_at(&value, &other, depth + 1)? => {}
                        _ => return Ok(false),
                    }
                }
                true
            }
            (Value::Pair(left), Value::Pair(right)) => {
                let (left, right) = (self.pair(*left), self.pair(*right));
                self.equals_at(&left.0, &right.0, depth + 1)?
                    && self.equals_at(&left.1, &right.1, depth + 1)?
            }
            (Value::Cursor(left), Value::Cursor(right)) => left == right,
            (Value::Loop(left), Value::Loop(right)) => left == right,
            (Value::Block(left), Value::Block(right)) => std::ptr::eq(*left, *right),
            (Value::Object(left), Value::Object(right)) => std::rc::Rc::ptr_eq(left, right),
            _ => false,
        })
    }

    fn items_equal(&mut self, left: &Value<'a>, right: &Value<'a>, depth: u32) -> Result<bool, Fault> {
        let (left, right) = (self.items(left)?, self.items(right)?);
        if left.len() != right.len() {
            return Ok(false);
        }
        for (left, right) in left.iter().zip(&right) {
            if !self.equals_at(left, right, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The elements of a list, an array or a view; of anything else there are none.
    pub fn items(&mut self, value: &Value<'a>) -> Result<Vec<Value<'a>>, Fault> {
        match value {
            Value::List(id) => {
                let bytes = size_of_val(self.list(*id));
                self.meter.allocate(bytes)?;
                Ok(self.list(*id).to_vec())
            }
            Value::View(id, view) => self.view(*id, *view),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether a value is iterated over, and compared, as a collection.
    pub fn is_collection(value: &Value<'_>) -> bool {
        matches!(value, Value::List(_) | Value::View(_, View::Keys | View::Values | View::Entries))
    }
}
