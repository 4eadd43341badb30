//! What `keySet()`, `values()` and `entrySet()` give: the map itself seen from one side. What is taken out of it is
//! taken out of the map; nothing can be added.

use super::super::fault::Fault;
use super::super::heap::{Heap, ListKind, MapId};
use super::super::value::{Value, View};
use super::Kind::{Any, Collection};
use super::{Call, Class, hash, list, method};

pub const VIEW: Class = Class {
    name: "Set",
    from: "`keySet()`, `entrySet()`, `values()`",
    methods: &[
        method("clear", &[], "void", (r#"#set($m = {"a": 1})$m.keySet().clear()$m"#, "{}"), |call, heap| {
            if let Some(map) = heap.map_mut(seen(call).0) {
                map.clear();
            }
            Ok(Value::EMPTY)
        }),
        method(
            "contains",
            &[Any],
            "Boolean",
            (r#"#set($m = {"a": 1})$m.keySet().contains("a") $m.values().contains(2)"#, "true false"),
            |call, heap| match seen(call) {
                (map, View::Keys) => Ok(Value::Boolean(heap.place(map, call.argument(0))?.is_some())),
                _ => Ok(Value::Boolean(list::contains(call.receiver, call.argument(0), heap)?)),
            },
        ),
        method(
            "containsAll",
            &[Collection],
            "Boolean",
            (r#"#set($m = {"a": 1, "b": 2})$m.keySet().containsAll(["a", "b"])"#, "true"),
            list::contains_all,
        ),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($m = {"a": 1})#set($n = {"a": 2})$m.keySet().equals($n.keySet())"#, "true"),
            equals,
        ),
        method(
            "hashCode",
            &[],
            "Integer",
            (r#"#set($m = {"a": 1})$m.keySet().hashCode()"#, "97"),
            |call, heap| Ok(Value::Integer(hash::of(call.receiver, heap)?)),
        ),
        method(
            "isEmpty",
            &[],
            "Boolean",
            (r#"#set($m = {})$m.keySet().isEmpty() $m.keySet().empty"#, "true true"),
            |call, heap| Ok(Value::Boolean(heap.map(seen(call).0).is_empty())),
        ),
        method(
            "iterator",
            &[],
            "Iterator",
            (r#"#set($m = {"a": 1})$m.keySet().iterator().next()"#, "a"),
            |call, heap| {
                let items = heap.items(call.receiver)?;
                heap.make_cursor(items)
            },
        ),
        method(
            "remove",
            &[Any],
            "Boolean",
            (r#"#set($m = {"a": 1, "b": 2})$m.keySet().remove("a") $m"#, "true {b=2}"),
            |call, heap| {
                let place = list::position(call.receiver, call.argument(0), heap)?;
                let (map, _) = seen(call);
                let key =
                    place.and_then(|place| heap.map(map).entries().get(place)).map(|(key, _)| key.clone());
                if let Some(key) = &key {
                    heap.remove(map, key)?;
                }
                Ok(Value::Boolean(key.is_some()))
            },
        ),
        method(
            "removeAll",
            &[Collection],
            "Boolean",
            (r#"#set($m = {"a": 1, "b": 2})$m.keySet().removeAll(["a"]) $m"#, "true {b=2}"),
            |call, heap| keep(call, false, heap),
        ),
        method(
            "retainAll",
            &[Collection],
            "Boolean",
            (r#"#set($m = {"a": 1, "b": 2})$m.keySet().retainAll(["a"]) $m"#, "true {a=1}"),
            |call, heap| keep(call, true, heap),
        ),
        method("size", &[], "Integer", (r#"#set($m = {"a": 1})$m.keySet().size()"#, "1"), |call, heap| {
            Ok(list::count(heap.map(seen(call).0).len()))
        }),
        method(
            "toArray",
            &[],
            "Object[]",
            (r#"#set($m = {"a": 1, "b": 2})$m.keySet().toArray()[1]"#, "b"),
            |call, heap| {
                let items = heap.items(call.receiver)?;
                heap.make_list(ListKind::Array, items)
            },
        ),
        method(
            "toString",
            &[],
            "String",
            (r#"#set($m = {"a": 1, "b": 2})$m.entrySet().toString()"#, "[a=1, b=2]"),
            |call, heap| heap.printed(call.receiver),
        ),
    ],
};

fn seen(call: &Call<'_, '_>) -> (MapId, View) {
    match call.receiver {
        Value::View(map, view) => (*map, *view),
        // Not reached: only views have these methods.
        _ => (MapId::NONE, View::Keys),
    }
}

/// Sets are equal when they hold the same; what `values()` gives is equal to itself alone.
fn equals<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    let (Value::View(left, side), Value::View(right, other_side)) = (call.receiver, call.argument(0)) else {
        return Ok(Value::Boolean(false));
    };
    if left == right && side == other_side {
        return Ok(Value::Boolean(true));
    }
    let are_sets = *side != View::Values && *other_side != View::Values;
    if !are_sets || heap.map(*left).len() != heap.map(*right).len() {
        return Ok(Value::Boolean(false));
    }
    list::contains_all(call, heap)
}

/// `removeAll` and `retainAll`.
fn keep<'a>(call: &Call<'_, 'a>, wanted: bool, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    if call.argument(0).is_null() {
        return Err(call.is_null(0));
    }
    let (map, _) = seen(call);
    let keys = heap.view(map, View::Keys)?;
    let mut changed = false;
    for (key, item) in keys.iter().zip(heap.items(call.receiver)?) {
        if list::contains(call.argument(0), &item, heap)? != wanted {
            heap.remove(map, key)?;
            changed = true;
        }
    }
    Ok(Value::Boolean(changed))
}
