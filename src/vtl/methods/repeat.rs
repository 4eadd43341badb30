//! `$foreach`: the properties of a loop, which are methods as well, and what a template adds to them.

use super::super::fault::Fault;
use super::super::heap::{Heap, LoopId, MapKind};
use super::super::value::Value;

/// `$foreach.name`.
pub fn property<'a>(id: LoopId, name: &str, heap: &mut Heap<'a>) -> Value<'a> {
    own(id, name, heap).unwrap_or_else(|| added(id, name, heap))
}

/// What Velocity's `ForeachScope` has: `getIndex()`, `hasNext()`.
fn own<'a>(id: LoopId, name: &str, heap: &Heap<'a>) -> Option<Value<'a>> {
    let state = heap.run(id);
    Some(match name {
        "index" | "Index" => number(state.index),
        "count" | "Count" => number(state.index + 1),
        "hasNext" | "HasNext" => Value::Boolean(state.has_next),
        "first" | "First" => Value::Boolean(state.index == 0),
        "last" | "Last" => Value::Boolean(!state.has_next),
        "parent" | "Parent" => state.parent.map_or(Value::Null, Value::Loop),
        "topmost" | "Topmost" => Value::Loop(topmost(id, heap)),
        _ => return None,
    })
}

fn added<'a>(id: LoopId, name: &str, heap: &mut Heap<'a>) -> Value<'a> {
    let added = heap.run(id).added.and_then(|map| heap.map(map).named(name));
    added.cloned().unwrap_or(Value::Null)
}

/// No loop has more turns than an `int` counts.
fn number<'a>(count: usize) -> Value<'a> {
    Value::Integer(i32::try_from(count).unwrap_or(i32::MAX))
}

fn topmost(id: LoopId, heap: &Heap<'_>) -> LoopId {
    let mut outermost = id;
    while let Some(parent) = heap.run(outermost).parent {
        outermost = parent;
    }
    outermost
}

/// `$foreach.name()`: the same things, and those of a map for what was added.
pub fn call<'a>(
    id: LoopId,
    name: &str,
    arguments: &[Value<'a>],
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    let property = match name {
        "hasNext" => Some(name),
        "isFirst" | "isLast" => name.strip_prefix("is"),
        _ => name.strip_prefix("get").filter(|name| *name != "HasNext"),
    };
    if arguments.is_empty()
        && let Some(value) = property.and_then(|property| own(id, property, heap))
    {
        return Ok(value);
    }
    let added = added_map(id, heap)?;
    super::call(&added, name, arguments, heap)
}

/// `#set($foreach.name = value)`.
pub fn set_property<'a>(
    id: LoopId,
    name: &'a str,
    value: Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<(), Fault> {
    let added = added_map(id, heap)?;
    super::set_property(&added, name, value, heap)
}

fn added_map<'a>(id: LoopId, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    if let Some(map) = heap.run(id).added {
        return Ok(Value::Map(map));
    }
    let map = heap.make_map(MapKind::Map)?;
    if let Some(state) = heap.run_mut(id) {
        state.added = Some(map);
    }
    Ok(Value::Map(map))
}
