//! Stand-in.
#![allow(missing_docs, clippy::all, reason = "stand-in")]
use super::{Fault, Heap, Value};
pub fn call<'a>(
    receiver: &Value<'a>,
    name: &str,
    arguments: &[Value<'a>],
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    Ok(match (receiver, name, arguments) {
        (Value::Object(o), ..) => return o.call(name, arguments, heap),
        (Value::Map(id), "get", [k]) => heap.get(*id, k)?.unwrap_or(Value::Null),
        (Value::Map(id), "put", [k, v]) => heap.put(*id, k.clone(), v.clone())?.unwrap_or(Value::Null),
        (Value::List(id), "get", [Value::Integer(k)]) => {
            heap.list(*id).get(*k as usize).cloned().ok_or_else(|| Fault::thrown("out of range"))?
        }
        (Value::List(id), "size", []) => Value::Integer(heap.list(*id).len() as i32),
        (Value::List(id), "add", [v]) => {
            heap.push(*id, v.clone())?;
            Value::Boolean(true)
        }
        (Value::String(t), "length", []) => Value::Integer(t.encode_utf16().count() as i32),
        _ => Value::Null,
    })
}
pub fn property<'a>(receiver: &Value<'a>, name: &str, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    Ok(match receiver {
        Value::Map(id) => heap.map(*id).named(name).cloned().unwrap_or(Value::Null),
        _ => Value::Null,
    })
}
pub fn index<'a>(receiver: &Value<'a>, key: &Value<'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    call(receiver, "get", &[key.clone()], heap)
}
pub fn set_property<'a>(
    receiver: &Value<'a>,
    name: &str,
    value: Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<(), Fault> {
    if let Value::Map(id) = receiver {
        let n = heap.text(name)?;
        heap.put(*id, n, value)?;
    }
    Ok(())
}
pub fn set_index<'a>(
    receiver: &Value<'a>,
    key: &Value<'a>,
    value: Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<(), Fault> {
    if let Value::Map(id) = receiver {
        heap.put(*id, key.clone(), value)?;
    }
    Ok(())
}
