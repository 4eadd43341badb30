//! `java.lang.Boolean`.

use super::super::value::Value;
use super::Kind::{Any, Boolean, Text};
use super::{Call, Class, hash, method};

pub const BOOLEAN: Class = Class {
    name: "Boolean",
    from: "`true`, comparisons, booleans of a body",
    methods: &[
        method("booleanValue", &[], "Boolean", (r#"#set($b = true)$b.booleanValue()"#, "true"), |call, _| {
            Ok(call.receiver.clone())
        }),
        method("compareTo", &[Any], "Integer", (r#"#set($b = true)$b.compareTo(false)"#, "1"), |call, _| {
            match call.argument(0) {
                Value::Boolean(other) => {
                    Ok(Value::Integer(i32::from(is_true(call.receiver)) - i32::from(*other)))
                }
                Value::Null => Err(call.is_null(0)),
                _ => call.of_own_class(0).map(|()| Value::Null),
            }
        }),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($b = true)$b.equals("true")"#, "false"),
            |call, heap| Ok(Value::Boolean(heap.equals(call.receiver, call.argument(0))?)),
        ),
        method("hashCode", &[], "Integer", (r#"#set($b = true)$b.hashCode()"#, "1231"), |call, heap| {
            Ok(Value::Integer(hash::of(call.receiver, heap)?))
        }),
        method(
            "parseBoolean",
            &[Text],
            "Boolean",
            (r#"#set($b = true)$b.parseBoolean("TRUE") $b.parseBoolean("yes")"#, "true false"),
            |call, _| Ok(parse(call)),
        ),
        method("toString", &[], "String", (r#"#set($b = true)$b.toString().length()"#, "4"), |call, heap| {
            heap.printed(call.receiver)
        }),
        method(
            "toString",
            &[Boolean],
            "String",
            (r#"#set($b = true)$b.toString(false)"#, "false"),
            |call, heap| heap.printed(call.argument(0)),
        ),
        method(
            "valueOf",
            &[Boolean],
            "Boolean",
            (r#"#set($b = true)$b.valueOf(false)"#, "false"),
            |call, _| Ok(call.argument(0).clone()),
        ),
        method("valueOf", &[Text], "Boolean", (r#"#set($b = true)$b.valueOf("true")"#, "true"), |call, _| {
            Ok(parse(call))
        }),
    ],
};

fn is_true(value: &Value<'_>) -> bool {
    matches!(value, Value::Boolean(true))
}

/// All that is not `true` is false, `null` as well.
fn parse<'a>(call: &Call<'_, 'a>) -> Value<'a> {
    Value::Boolean(call.argument(0).as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")))
}
