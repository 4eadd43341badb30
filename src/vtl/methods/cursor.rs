//! `java.util.Iterator`.

use super::super::heap::CursorId;
use super::super::value::Value;
use super::{Call, Class, method};

pub const CURSOR: Class = Class {
    name: "Iterator",
    from: "`iterator()`",
    methods: &[
        method(
            "hasNext",
            &[],
            "Boolean",
            (
                r#"#set($l = ["a"])#set($i = $l.iterator())$i.hasNext() $i.next() $i.hasNext()"#,
                "true a false",
            ),
            |call, heap| {
                let cursor = heap.cursor_mut(id(call));
                Ok(Value::Boolean(cursor.is_some_and(|cursor| cursor.taken < cursor.items.len())))
            },
        ),
        method(
            "next",
            &[],
            "Object",
            (r#"#set($l = ["a", "b"])#set($i = $l.iterator())$i.next() $i.next()"#, "a b"),
            |call, heap| {
                let next = heap.cursor_mut(id(call)).and_then(|cursor| {
                    let next = cursor.items.get(cursor.taken).cloned();
                    cursor.taken += 1;
                    next
                });
                next.ok_or_else(|| call.fault("nothing is left"))
            },
        ),
    ],
};

fn id(call: &Call<'_, '_>) -> CursorId {
    match call.receiver {
        Value::Cursor(id) => *id,
        // Not reached: only iterators have these methods.
        _ => CursorId::NONE,
    }
}
