//! `java.util.Map.Entry`: what a loop over an `entrySet()` sees.

use super::super::heap::{Heap, PairId};
use super::super::value::Value;
use super::Kind::Any;
use super::{Call, Class, hash, method};

pub const ENTRY: Class = Class {
    name: "Map.Entry",
    from: "`#foreach($e in $map.entrySet())`",
    methods: &[
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($m = {"a": 1})#foreach($e in $m.entrySet())$e.equals($e)#end"#, "true"),
            |call, heap| Ok(Value::Boolean(heap.equals(call.receiver, call.argument(0))?)),
        ),
        method(
            "getKey",
            &[],
            "Object",
            (r#"#set($m = {"a": 1})#foreach($e in $m.entrySet())$e.getKey() $e.key#end"#, "a a"),
            |call, heap| Ok(sides(call, heap).0),
        ),
        method(
            "getValue",
            &[],
            "Object",
            (r#"#set($m = {"a": 1})#foreach($e in $m.entrySet())$e.getValue() $e.value#end"#, "1 1"),
            |call, heap| Ok(sides(call, heap).1),
        ),
        method(
            "hashCode",
            &[],
            "Integer",
            (r#"#set($m = {"a": 1})#foreach($e in $m.entrySet())$e.hashCode()#end"#, "96"),
            |call, heap| Ok(Value::Integer(hash::of(call.receiver, heap)?)),
        ),
        method(
            "toString",
            &[],
            "String",
            (r#"#set($m = {"a": 1})#foreach($e in $m.entrySet())$e.toString()#end"#, "a=1"),
            |call, heap| heap.printed(call.receiver),
        ),
    ],
};

fn sides<'a>(call: &Call<'_, 'a>, heap: &Heap<'a>) -> (Value<'a>, Value<'a>) {
    match call.receiver {
        Value::Pair(id) => heap.pair(*id),
        // Not reached: only entries have these methods.
        _ => heap.pair(PairId::NONE),
    }
}
