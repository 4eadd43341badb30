//! Functions at the end of a path, which later versions of Jayway have: `$.lines.length()`.

use super::super::fault::Fault;
use super::super::heap::{Heap, ListKind};
use super::super::number;
use super::super::value::{Value, View};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    /// Of an array or an object; so is `size()`.
    Length,
    /// Of the numbers in an array, as a `Double`.
    Min,
    Max,
    Sum,
    Average,
    Deviation,
    /// Of an object, as an array.
    Keys,
    /// Of an array.
    First,
    Last,
}

impl Function {
    pub(super) fn named(name: &str) -> Option<Function> {
        Some(match name {
            "length()" | "size()" => Function::Length,
            "min()" => Function::Min,
            "max()" => Function::Max,
            "sum()" => Function::Sum,
            "avg()" => Function::Average,
            "stddev()" => Function::Deviation,
            "keys()" => Function::Keys,
            "first()" => Function::First,
            "last()" => Function::Last,
            _ => return None,
        })
    }

    /// `null` where it does not apply.
    pub(super) fn call<'a>(self, value: &Value<'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
        match (self, value) {
            (Function::Length, Value::List(list)) => Ok(count(heap.list(*list).len())),
            (Function::Length, Value::Map(map)) => Ok(count(heap.map(*map).len())),
            (Function::Keys, Value::Map(map)) => {
                let keys = heap.view(*map, View::Keys)?;
                heap.make_list(ListKind::Json, keys)
            }
            (Function::First, Value::List(list)) => {
                Ok(heap.list(*list).first().cloned().unwrap_or(Value::Null))
            }
            (Function::Last, Value::List(list)) => {
                Ok(heap.list(*list).last().cloned().unwrap_or(Value::Null))
            }
            (_, Value::List(list)) => {
                let length = heap.list(*list).len();
                heap.meter.work(length as u64)?;
                let numbers = heap.list(*list).iter().filter_map(number::to_double).collect::<Vec<f64>>();
                Ok(self.of(&numbers).map_or(Value::Null, Value::Double))
            }
            _ => Ok(Value::Null),
        }
    }

    fn of(self, numbers: &[f64]) -> Option<f64> {
        let count = numbers.len() as f64;
        let sum: f64 = numbers.iter().sum();
        match self {
            _ if numbers.is_empty() => None,
            Function::Min => numbers.iter().copied().reduce(f64::min),
            Function::Max => numbers.iter().copied().reduce(f64::max),
            Function::Sum => Some(sum),
            Function::Average => Some(sum / count),
            Function::Deviation => {
                let squares: f64 = numbers.iter().map(|number| number * number).sum();
                Some((squares / count - sum * sum / count / count).sqrt())
            }
            Function::Length | Function::Keys | Function::First | Function::Last => None,
        }
    }
}

fn count<'a>(count: usize) -> Value<'a> {
    i32::try_from(count).map_or(Value::Null, Value::Integer)
}
