//! `java.util.LinkedHashMap`: JSON objects, map literals, `$input.params()`, parts of `$context`.

use super::super::fault::Fault;
use super::super::heap::{Heap, MapId, MapKind};
use super::super::value::{Value, View};
use super::Kind::{self, Any};
use super::{Call, Class, hash, list, method};

pub const MAP: Class = Class {
    name: "Map",
    from: "`{\"a\": 1}`, objects of a body, `$input.params()`, `$context` and its parts",
    methods: &[
        method("clear", &[], "void", (r#"#set($m = {"a": 1})$m.clear()$m"#, "{}"), |call, heap| {
            if let Some(map) = heap.map_mut(id(call)) {
                map.clear();
            }
            Ok(Value::EMPTY)
        }),
        method("clone", &[], "Map", (r#"#set($m = {"a": 1})$m.clone()"#, "{a=1}"), |call, heap| {
            let copy = heap.make_map(MapKind::Map)?;
            put_all(copy, id(call), heap)?;
            Ok(Value::Map(copy))
        }),
        method(
            "containsKey",
            &[Any],
            "Boolean",
            (r#"#set($m = {"a": 1})$m.containsKey("a") $m.containsKey("b")"#, "true false"),
            |call, heap| Ok(Value::Boolean(heap.place(id(call), call.argument(0))?.is_some())),
        ),
        method(
            "containsValue",
            &[Any],
            "Boolean",
            (r#"#set($m = {"a": 1})$m.containsValue(1)"#, "true"),
            |call, heap| {
                let values = Value::View(id(call), View::Values);
                Ok(Value::Boolean(list::contains(&values, call.argument(0), heap)?))
            },
        ),
        method(
            "entrySet",
            &[],
            "Set",
            (r#"#set($m = {"a": 1, "b": 2})#foreach($e in $m.entrySet())$e.key:$e.value;#end"#, "a:1;b:2;"),
            |call, _| Ok(Value::View(id(call), View::Entries)),
        ),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($m = {"a": 1})$m.equals({"a": 1})"#, "true"),
            |call, heap| Ok(Value::Boolean(heap.equals(call.receiver, call.argument(0))?)),
        ),
        method(
            "get",
            &[Any],
            "Object",
            (r#"#set($m = {"a": 1, 2: "b"})$m.get("a") $m["a"] $m.a $m.get(2)"#, "1 1 1 b"),
            |call, heap| Ok(heap.get(id(call), call.argument(0))?.unwrap_or(Value::Null)),
        ),
        method(
            "getOrDefault",
            &[Any, Any],
            "Object",
            (r#"#set($m = {"a": 1})$m.getOrDefault("b", 0)"#, "0"),
            |call, heap| {
                let value = heap.get(id(call), call.argument(0))?;
                Ok(value.unwrap_or_else(|| call.argument(1).clone()))
            },
        ),
        method("hashCode", &[], "Integer", (r#"#set($m = {"a": 1})$m.hashCode()"#, "96"), |call, heap| {
            Ok(Value::Integer(hash::of(call.receiver, heap)?))
        }),
        method("isEmpty", &[], "Boolean", (r#"#set($m = {})$m.isEmpty()"#, "true"), |call, heap| {
            Ok(Value::Boolean(heap.map(id(call)).is_empty()))
        }),
        method(
            "keySet",
            &[],
            "Set",
            (r#"#set($m = {"a": 1, "b": 2})#foreach($k in $m.keySet())$k=$m.get($k);#end"#, "a=1;b=2;"),
            |call, _| Ok(Value::View(id(call), View::Keys)),
        ),
        method(
            "put",
            &[Any, Any],
            "Object",
            (r#"#set($m = {"a": 1})$m.put("a", 2) $m.put("b", 3) $m"#, "1  {a=2, b=3}"),
            |call, heap| {
                let (key, value) = (call.argument(0).clone(), call.argument(1).clone());
                Ok(heap.put(id(call), key, value)?.unwrap_or(Value::Null))
            },
        ),
        method(
            "putAll",
            &[Kind::Map],
            "void",
            (r#"#set($m = {"a": 1})$m.putAll({"b": 2})$m"#, "{a=1, b=2}"),
            |call, heap| {
                let Value::Map(other) = call.argument(0) else { return Err(call.is_null(0)) };
                put_all(id(call), *other, heap)?;
                Ok(Value::EMPTY)
            },
        ),
        method(
            "putIfAbsent",
            &[Any, Any],
            "Object",
            (r#"#set($m = {"a": 1})$m.putIfAbsent("a", 2) $m"#, "1 {a=1}"),
            |call, heap| match heap.get(id(call), call.argument(0))? {
                None | Some(Value::Null) => {
                    heap.put(id(call), call.argument(0).clone(), call.argument(1).clone())?;
                    Ok(Value::Null)
                }
                Some(value) => Ok(value),
            },
        ),
        method(
            "remove",
            &[Any],
            "Object",
            (r#"#set($m = {"a": 1, "b": 2})$m.remove("a") $m"#, "1 {b=2}"),
            |call, heap| Ok(heap.remove(id(call), call.argument(0))?.unwrap_or(Value::Null)),
        ),
        method(
            "remove",
            &[Any, Any],
            "Boolean",
            (r#"#set($m = {"a": 1})$m.remove("a", 2) $m"#, "false {a=1}"),
            |call, heap| {
                let holds = holds(call, heap)?;
                if holds {
                    heap.remove(id(call), call.argument(0))?;
                }
                Ok(Value::Boolean(holds))
            },
        ),
        method(
            "replace",
            &[Any, Any],
            "Object",
            (r#"#set($m = {"a": 1})$m.replace("a", 2) $m.replace("b", 3) $m"#, "1  {a=2}"),
            |call, heap| match heap.place(id(call), call.argument(0))? {
                Some(_) => {
                    let (key, value) = (call.argument(0).clone(), call.argument(1).clone());
                    Ok(heap.put(id(call), key, value)?.unwrap_or(Value::Null))
                }
                None => Ok(Value::Null),
            },
        ),
        method(
            "replace",
            &[Any, Any, Any],
            "Boolean",
            (r#"#set($m = {"a": 1})$m.replace("a", 1, 2) $m"#, "true {a=2}"),
            |call, heap| {
                let holds = holds(call, heap)?;
                if holds {
                    heap.put(id(call), call.argument(0).clone(), call.argument(2).clone())?;
                }
                Ok(Value::Boolean(holds))
            },
        ),
        method("size", &[], "Integer", (r#"#set($m = {"a": 1})$m.size()"#, "1"), |call, heap| {
            Ok(list::count(heap.map(id(call)).len()))
        }),
        method("toString", &[], "String", (r#"#set($m = {"a": 1})$m.toString()"#, "{a=1}"), |call, heap| {
            heap.printed(call.receiver)
        }),
        method("values", &[], "Collection", (r#"#set($m = {"a": 1})$m.values()"#, "[1]"), |call, _| {
            Ok(Value::View(id(call), View::Values))
        }),
    ],
};

fn id(call: &Call<'_, '_>) -> MapId {
    match call.receiver {
        Value::Map(id) => *id,
        // Not reached: only maps have these methods.
        _ => MapId::NONE,
    }
}

/// Whether the first argument leads to the second.
fn holds<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<bool, Fault> {
    match heap.get(id(call), call.argument(0))? {
        Some(value) => heap.equals(&value, call.argument(1)),
        None => Ok(false),
    }
}

fn put_all<'a>(to: MapId, from: MapId, heap: &mut Heap<'a>) -> Result<(), Fault> {
    let bytes = size_of_val(heap.map(from).entries());
    heap.meter.allocate(bytes)?;
    for (key, value) in heap.map(from).entries().to_vec() {
        heap.put(to, key, value)?;
    }
    Ok(())
}
