//! Arrays. Java gives them no methods; Velocity wraps a list around one that is called.

use super::super::heap::ListKind;
use super::super::value::Value;
use super::Kind::{Any, Collection, Int};
use super::{Class, list, method};

pub const ARRAY: Class = Class {
    name: "Array",
    from: "`split`, `toCharArray`, `toArray`",
    methods: &[
        method(
            "contains",
            &[Any],
            "Boolean",
            (r#"#set($a = "x,y")$a.split(",").contains("y")"#, "true"),
            |call, heap| Ok(Value::Boolean(list::contains(call.receiver, call.argument(0), heap)?)),
        ),
        method(
            "containsAll",
            &[Collection],
            "Boolean",
            (r#"#set($a = "x,y")$a.split(",").containsAll(["y"])"#, "true"),
            list::contains_all,
        ),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($a = "x,y")#set($b = $a.split(","))$b.equals($b)"#, "true"),
            // Arrays are equal to themselves alone.
            |call, _| {
                Ok(Value::Boolean(matches!((call.receiver, call.argument(0)),
                (Value::List(left), Value::List(right)) if left == right)))
            },
        ),
        method(
            "get",
            &[Int],
            "Object",
            (r#"#set($a = "x,y")$a.split(",").get(0) $a.split(",")[1]"#, "x y"),
            |call, heap| {
                let place = list::within(call, call.int(0)?, heap.list(list::id(call)).len(), heap)?;
                Ok(heap.list(list::id(call)).get(place).cloned().unwrap_or(Value::Null))
            },
        ),
        method(
            "indexOf",
            &[Any],
            "Integer",
            (r#"#set($a = "x,y")$a.split(",").indexOf("y")"#, "1"),
            |call, heap| {
                let place = list::position(call.receiver, call.argument(0), heap)?;
                Ok(place.map_or(Value::Integer(-1), list::count))
            },
        ),
        method(
            "isEmpty",
            &[],
            "Boolean",
            (r#"#set($a = "x,y")$a.split(",").isEmpty()"#, "false"),
            |call, heap| Ok(Value::Boolean(heap.list(list::id(call)).is_empty())),
        ),
        method(
            "iterator",
            &[],
            "Iterator",
            (r#"#set($a = "x,y")$a.split(",").iterator().next()"#, "x"),
            |call, heap| {
                let items = heap.items(call.receiver)?;
                heap.make_cursor(items)
            },
        ),
        method(
            "lastIndexOf",
            &[Any],
            "Integer",
            (r#"#set($a = "x,x")$a.split(",").lastIndexOf("x")"#, "1"),
            |call, heap| {
                let place = list::last_position(call.receiver, call.argument(0), heap)?;
                Ok(place.map_or(Value::Integer(-1), list::count))
            },
        ),
        method(
            "set",
            &[Int, Any],
            "Object",
            (r#"#set($a = "x,y")#set($b = $a.split(","))$b.set(0, "z") $b[0]"#, "x z"),
            list::set,
        ),
        method("size", &[], "Integer", (r#"#set($a = "x,y")$a.split(",").size()"#, "2"), |call, heap| {
            Ok(list::count(heap.list(list::id(call)).len()))
        }),
        method(
            "subList",
            &[Int, Int],
            "List",
            (r#"#set($a = "x,y,z")$a.split(",").subList(1, 3)"#, "[y, z]"),
            list::sub_list,
        ),
        method(
            "toArray",
            &[],
            "Object[]",
            (r#"#set($a = "x,y")$a.split(",").toArray().size()"#, "2"),
            |call, heap| {
                let items = heap.items(call.receiver)?;
                heap.make_list(ListKind::Array, items)
            },
        ),
    ],
};
