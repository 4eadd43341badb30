//! `hashCode()` of values.

use super::super::decimal;
use super::super::fault::Fault;
use super::super::heap::Heap;
use super::super::value::{Value, View};

/// Java's `hashCode()`, of lists and maps made of the codes of all they hold.
pub fn of<'a>(value: &Value<'a>, heap: &mut Heap<'a>) -> Result<i32, Fault> {
    at(value, heap, 0)
}

fn at<'a>(value: &Value<'a>, heap: &mut Heap<'a>, depth: u32) -> Result<i32, Fault> {
    heap.meter.work(1)?;
    Ok(match value {
        Value::Boolean(true) => 1231,
        Value::Boolean(false) => 1237,
        Value::Integer(value) => *value,
        Value::Long(value) => fold(value.cast_unsigned()),
        Value::Double(value) if value.is_nan() => 0x7ff8_0000,
        Value::Double(value) => fold(value.to_bits()),
        Value::BigInteger(value) => decimal::hash_code(value),
        Value::BigDecimal(value) => value.hash_code(),
        Value::Character(unit) => i32::from(*unit),
        Value::String(text) => {
            heap.meter.work(text.len() as u64 / 16)?;
            text.encode_utf16().fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
        }
        Value::List(_) => {
            heap.meter.descend(depth)?;
            let mut hash = 1i32;
            for item in heap.items(value)? {
                hash = hash.wrapping_mul(31).wrapping_add(at(&item, heap, depth + 1)?);
            }
            hash
        }
        Value::View(_, View::Keys | View::Entries) => {
            heap.meter.descend(depth)?;
            let mut hash = 0i32;
            for item in heap.items(value)? {
                hash = hash.wrapping_add(at(&item, heap, depth + 1)?);
            }
            hash
        }
        Value::Map(id) => at(&Value::View(*id, View::Entries), heap, depth)?,
        Value::Pair(id) => {
            heap.meter.descend(depth)?;
            let (key, value) = heap.pair(*id);
            at(&key, heap, depth + 1)? ^ at(&value, heap, depth + 1)?
        }
        // What Java numbers as it likes.
        _ => 0,
    })
}

fn fold(bits: u64) -> i32 {
    (bits ^ bits >> 32) as u32 as i32
}
