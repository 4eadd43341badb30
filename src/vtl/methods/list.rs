//! `java.util.ArrayList`, and json-smart's `JSONArray`, which is one.

use super::super::fault::Fault;
use super::super::heap::{Heap, List, ListId, ListKind};
use super::super::value::Value;
use super::Kind::{Any, Collection, Int};
use super::{Call, Class, hash, method};

pub const LIST: Class = Class {
    name: "List",
    from: "`[1, 2]`, `[1..3]`, arrays of a body",
    methods: &[
        method(
            "add",
            &[Any],
            "Boolean",
            (r#"#set($l = ["a"])$l.add("b") $l"#, "true [a, b]"),
            |call, heap| {
                heap.push(id(call), call.argument(0).clone())?;
                Ok(Value::Boolean(true))
            },
        ),
        method(
            "add",
            &[Int, Any],
            "void",
            (r#"#set($l = ["a"])$l.add(0, "b")$l"#, "[b, a]"),
            |call, heap| {
                let (place, length) = (call.int(0)?, heap.list(id(call)).len());
                let place = within(call, place, length + 1, heap)?;
                heap.meter.allocate(size_of::<Value<'_>>())?;
                heap.meter.work((length - place) as u64 / 16)?;
                change(call, heap, |list| list.items.insert(place, call.argument(1).clone()));
                Ok(Value::EMPTY)
            },
        ),
        method(
            "addAll",
            &[Collection],
            "Boolean",
            (r#"#set($l = ["a"])$l.addAll(["b", "c"]) $l"#, "true [a, b, c]"),
            |call, heap| {
                let place = heap.list(id(call)).len();
                add_all(call, place, call.argument(0), heap)
            },
        ),
        method(
            "addAll",
            &[Int, Collection],
            "Boolean",
            (r#"#set($l = ["a"])$l.addAll(0, ["b", "c"]) $l"#, "true [b, c, a]"),
            |call, heap| {
                let place = within(call, call.int(0)?, heap.list(id(call)).len() + 1, heap)?;
                add_all(call, place, call.argument(1), heap)
            },
        ),
        method("clear", &[], "void", (r#"#set($l = ["a"])$l.clear()$l"#, "[]"), |call, heap| {
            change(call, heap, |list| list.items.clear());
            Ok(Value::EMPTY)
        }),
        method("clone", &[], "List", (r#"#set($l = ["a"])$l.clone()"#, "[a]"), |call, heap| {
            let (kind, items) = (heap.list_kind(id(call)), heap.items(call.receiver)?);
            heap.make_list(kind, items)
        }),
        method(
            "contains",
            &[Any],
            "Boolean",
            (r#"#set($l = ["a"])$l.contains("a") $l.contains("b")"#, "true false"),
            |call, heap| Ok(Value::Boolean(contains(call.receiver, call.argument(0), heap)?)),
        ),
        method(
            "containsAll",
            &[Collection],
            "Boolean",
            (r#"#set($l = ["a", "b"])$l.containsAll(["b"])"#, "true"),
            contains_all,
        ),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($l = [1, 2])$l.equals([1, 2])"#, "true"),
            |call, heap| Ok(Value::Boolean(heap.equals(call.receiver, call.argument(0))?)),
        ),
        method(
            "get",
            &[Int],
            "Object",
            (r#"#set($l = ["a", "b"])$l.get(1) $l[1] $l[-2]"#, "b b a"),
            |call, heap| {
                let place = within(call, call.int(0)?, heap.list(id(call)).len(), heap)?;
                Ok(heap.list(id(call)).get(place).cloned().unwrap_or(Value::Null))
            },
        ),
        method(
            "hashCode",
            &[],
            "Integer",
            (r#"#set($l = ["a", "b"])$l.hashCode()"#, "4066"),
            |call, heap| Ok(Value::Integer(hash::of(call.receiver, heap)?)),
        ),
        method(
            "indexOf",
            &[Any],
            "Integer",
            (r#"#set($l = ["a", "b", "a"])$l.indexOf("a") $l.indexOf("c")"#, "0 -1"),
            |call, heap| Ok(number(position(call.receiver, call.argument(0), heap)?)),
        ),
        method(
            "isEmpty",
            &[],
            "Boolean",
            (r#"#set($l = [])$l.isEmpty() $l.empty"#, "true true"),
            |call, heap| Ok(Value::Boolean(heap.list(id(call)).is_empty())),
        ),
        method(
            "iterator",
            &[],
            "Iterator",
            (r#"#set($l = ["a"])$l.iterator().next()"#, "a"),
            |call, heap| {
                let items = heap.items(call.receiver)?;
                heap.make_cursor(items)
            },
        ),
        method(
            "lastIndexOf",
            &[Any],
            "Integer",
            (r#"#set($l = ["a", "b", "a"])$l.lastIndexOf("a")"#, "2"),
            |call, heap| Ok(number(last_position(call.receiver, call.argument(0), heap)?)),
        ),
        method(
            "remove",
            &[Int],
            "Object",
            (r#"#set($l = ["a", "b"])$l.remove(0) $l"#, "a [b]"),
            |call, heap| {
                let place = within(call, call.int(0)?, heap.list(id(call)).len(), heap)?;
                remove(call, place, heap)
            },
        ),
        method(
            "remove",
            &[Any],
            "Boolean",
            (r#"#set($l = ["a", "b"])$l.remove("a") $l.remove("c") $l"#, "true false [b]"),
            |call, heap| {
                let found = position(call.receiver, call.argument(0), heap)?;
                found.map(|place| remove(call, place, heap)).transpose()?;
                Ok(Value::Boolean(found.is_some()))
            },
        ),
        method(
            "removeAll",
            &[Collection],
            "Boolean",
            (r#"#set($l = ["a", "b", "a"])$l.removeAll(["a"]) $l"#, "true [b]"),
            |call, heap| keep(call, false, heap),
        ),
        method(
            "retainAll",
            &[Collection],
            "Boolean",
            (r#"#set($l = ["a", "b", "a"])$l.retainAll(["a"]) $l"#, "true [a, a]"),
            |call, heap| keep(call, true, heap),
        ),
        method("set", &[Int, Any], "Object", (r#"#set($l = ["a"])$l.set(0, "b") $l"#, "a [b]"), set),
        method("size", &[], "Integer", (r#"#set($l = ["a", "b"])$l.size()"#, "2"), |call, heap| {
            Ok(count(heap.list(id(call)).len()))
        }),
        method(
            "subList",
            &[Int, Int],
            "List",
            (r#"#set($l = ["a", "b", "c"])$l.subList(1, 3)"#, "[b, c]"),
            sub_list,
        ),
        method(
            "toArray",
            &[],
            "Object[]",
            (r#"#set($l = ["a", "b"])$l.toArray().size()"#, "2"),
            |call, heap| {
                let items = heap.items(call.receiver)?;
                heap.make_list(ListKind::Array, items)
            },
        ),
        method(
            "toJSONString",
            &[],
            "String",
            (r#"#set($l = $util.parseJson('["a", {"b": 1}]'))$l.toJSONString()"#, r#"["a",{"b":1}]"#),
            |call, heap| match heap.list_kind(id(call)) {
                ListKind::Json => heap.printed(call.receiver),
                _ => Ok(Value::Null),
            },
        ),
        method("toString", &[], "String", (r#"#set($l = ["a", 1])$l.toString()"#, "[a, 1]"), |call, heap| {
            heap.printed(call.receiver)
        }),
    ],
};

pub fn id(call: &Call<'_, '_>) -> ListId {
    match call.receiver {
        Value::List(id) => *id,
        // Not reached: only lists have these methods.
        _ => ListId::NONE,
    }
}

/// A size or a place; no list that a render can hold is longer than an `int` counts.
pub fn count<'a>(count: usize) -> Value<'a> {
    Value::Integer(i32::try_from(count).unwrap_or(i32::MAX))
}

fn number<'a>(place: Option<usize>) -> Value<'a> {
    place.map_or(Value::Integer(-1), count)
}

/// An index that Java does not throw at.
pub fn within(call: &Call<'_, '_>, index: i32, end: usize, heap: &mut Heap<'_>) -> Result<usize, Fault> {
    let place = usize::try_from(index).ok().filter(|place| *place < end);
    place.ok_or_else(|| {
        let length = heap.list(id(call)).len();
        call.fault(format!("index {index} is outside of a list of {length}"))
    })
}

/// Does what changes the length.
fn change<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>, change: impl FnOnce(&mut List<'a>)) {
    if let Some(list) = heap.list_mut(id(call)) {
        list.changes += 1;
        change(list);
    }
}

fn remove<'a>(call: &Call<'_, 'a>, place: usize, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    let length = heap.list(id(call)).len() as u64;
    heap.meter.work(length / 16)?;
    let mut removed = Value::Null;
    change(call, heap, |list| removed = list.items.remove(place));
    Ok(removed)
}

/// `set(index, element)` gives the one that was there.
pub fn set<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    let place = within(call, call.int(0)?, heap.list(id(call)).len(), heap)?;
    let slot = heap.list_mut(id(call)).and_then(|list| list.items.get_mut(place));
    Ok(slot.map_or(Value::Null, |slot| std::mem::replace(slot, call.argument(1).clone())))
}

pub fn sub_list<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    let (begin, end) = (call.int(0)?, call.int(1)?);
    let items = heap.items(call.receiver)?;
    let range = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(begin, end)| items.get(begin..end)) {
        Some(part) => heap.make_list(ListKind::List, part.to_vec()),
        None => Err(call.fault(format!("begin {begin} and end {end} do not fit a list of {}", items.len()))),
    }
}

fn add_all<'a>(
    call: &Call<'_, 'a>,
    place: usize,
    collection: &Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    if collection.is_null() {
        return Err(call.is_null(call.arguments.len() - 1));
    }
    let items = heap.items(collection)?;
    heap.meter.allocate(size_of_val(items.as_slice()))?;
    let grows = !items.is_empty();
    change(call, heap, |list| drop(list.items.splice(place..place, items)));
    Ok(Value::Boolean(grows))
}

/// `removeAll` and `retainAll`.
fn keep<'a>(call: &Call<'_, 'a>, wanted: bool, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    if call.argument(0).is_null() {
        return Err(call.is_null(0));
    }
    let items = heap.items(call.receiver)?;
    let length = items.len();
    let mut kept = Vec::with_capacity(length);
    for item in items {
        if contains(call.argument(0), &item, heap)? == wanted {
            kept.push(item);
        }
    }
    let changed = kept.len() != length;
    if changed {
        change(call, heap, |list| list.items = kept);
    }
    Ok(Value::Boolean(changed))
}

pub fn contains_all<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    if call.argument(0).is_null() {
        return Err(call.is_null(0));
    }
    for item in heap.items(call.argument(0))? {
        if !contains(call.receiver, &item, heap)? {
            return Ok(Value::Boolean(false));
        }
    }
    Ok(Value::Boolean(true))
}

pub fn contains<'a>(collection: &Value<'a>, item: &Value<'a>, heap: &mut Heap<'a>) -> Result<bool, Fault> {
    Ok(position(collection, item, heap)?.is_some())
}

pub fn position<'a>(
    collection: &Value<'a>,
    item: &Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<Option<usize>, Fault> {
    for (place, other) in heap.items(collection)?.iter().enumerate() {
        if heap.equals(item, other)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

pub fn last_position<'a>(
    collection: &Value<'a>,
    item: &Value<'a>,
    heap: &mut Heap<'a>,
) -> Result<Option<usize>, Fault> {
    for (place, other) in heap.items(collection)?.iter().enumerate().rev() {
        if heap.equals(item, other)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}
