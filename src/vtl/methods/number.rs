//! `Integer`, `Long` and `Double`, with the static methods that templates call through a value: `$i.parseInt("42")`.

use std::cmp::Ordering;

use super::super::number::{self as numbers, to_double, to_int, to_long};
use super::super::value::Value;
use super::Kind::{Any, Double, Int, Long, Text};
use super::{Call, Class, Result, hash, method};
use crate::vtl::heap::Heap;

pub const INTEGER: Class = Class {
    name: "Integer",
    from: "`1`, whole numbers of a body, `size()`",
    methods: &[
        method("byteValue", &[], "Integer", (r#"#set($i = 257)$i.byteValue()"#, "1"), byte_value),
        method("compare", &[Int, Int], "Integer", (r#"#set($i = 0)$i.compare(1, 2)"#, "-1"), |call, _| {
            Ok(order(call.int(0)?.cmp(&call.int(1)?)))
        }),
        method("compareTo", &[Any], "Integer", (r#"#set($i = 5)$i.compareTo(6)"#, "-1"), compare_to),
        method("doubleValue", &[], "Double", (r#"#set($i = 7)$i.doubleValue()"#, "7.0"), double_value),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($i = 5)$i.equals(5) $i.equals("5")"#, "true false"),
            equals,
        ),
        method("floatValue", &[], "Double", (r#"#set($i = 7)$i.floatValue()"#, "7.0"), float_value),
        method("hashCode", &[], "Integer", (r#"#set($i = 7)$i.hashCode()"#, "7"), hash_code),
        method("hashCode", &[Int], "Integer", (r#"#set($i = 0)$i.hashCode(7)"#, "7"), |call, _| {
            Ok(Value::Integer(call.int(0)?))
        }),
        method("intValue", &[], "Integer", (r#"#set($i = 7)$i.intValue()"#, "7"), int_value),
        method("longValue", &[], "Long", (r#"#set($i = 7)$i.longValue()"#, "7"), long_value),
        method("max", &[Int, Int], "Integer", (r#"#set($i = 0)$i.max(1, 2)"#, "2"), |call, _| {
            Ok(Value::Integer(call.int(0)?.max(call.int(1)?)))
        }),
        method("min", &[Int, Int], "Integer", (r#"#set($i = 0)$i.min(1, 2)"#, "1"), |call, _| {
            Ok(Value::Integer(call.int(0)?.min(call.int(1)?)))
        }),
        method(
            "parseInt",
            &[Text],
            "Integer",
            (r#"#set($i = 0)#set($n = $i.parseInt("42") + 1)$n"#, "43"),
            int_of_text,
        ),
        method(
            "parseInt",
            &[Text, Int],
            "Integer",
            (r#"#set($i = 0)$i.parseInt("ff", 16)"#, "255"),
            int_of_text,
        ),
        method("shortValue", &[], "Integer", (r#"#set($i = 65537)$i.shortValue()"#, "1"), short_value),
        method("signum", &[Int], "Integer", (r#"#set($i = 0)$i.signum(5)"#, "1"), |call, _| {
            Ok(Value::Integer(call.int(0)?.signum()))
        }),
        method("sum", &[Int, Int], "Integer", (r#"#set($i = 0)$i.sum(1, 2)"#, "3"), |call, _| {
            Ok(Value::Integer(call.int(0)?.wrapping_add(call.int(1)?)))
        }),
        method(
            "toBinaryString",
            &[Int],
            "String",
            (r#"#set($i = 0)$i.toBinaryString(5)"#, "101"),
            |call, heap| heap.text(format!("{:b}", call.int(0)?)),
        ),
        method(
            "toHexString",
            &[Int],
            "String",
            (r#"#set($i = 0)$i.toHexString(255)"#, "ff"),
            |call, heap| heap.text(format!("{:x}", call.int(0)?)),
        ),
        method(
            "toOctalString",
            &[Int],
            "String",
            (r#"#set($i = 0)$i.toOctalString(8)"#, "10"),
            |call, heap| heap.text(format!("{:o}", call.int(0)?)),
        ),
        method("toString", &[], "String", (r#"#set($i = 42)$i.toString().length()"#, "2"), to_text),
        method("toString", &[Int], "String", (r#"#set($i = 0)$i.toString(42)"#, "42"), |call, heap| {
            heap.text(call.int(0)?.to_string())
        }),
        method("toString", &[Int, Int], "String", (r#"#set($i = 0)$i.toString(255, 16)"#, "ff"), in_radix),
        method("valueOf", &[Int], "Integer", (r#"#set($i = 0)$i.valueOf(5)"#, "5"), |call, _| {
            Ok(call.argument(0).clone())
        }),
        method("valueOf", &[Text], "Integer", (r#"#set($i = 0)$i.valueOf("12")"#, "12"), int_of_text),
        method("valueOf", &[Text, Int], "Integer", (r#"#set($i = 0)$i.valueOf("11", 2)"#, "3"), int_of_text),
    ],
};

pub const LONG: Class = Class {
    name: "Long",
    from: "whole numbers beyond 2147483647, `$context.requestTimeEpoch`",
    methods: &[
        method("byteValue", &[], "Integer", (r#"#set($l = 3000000001)$l.byteValue()"#, "1"), byte_value),
        method(
            "compare",
            &[Long, Long],
            "Integer",
            (r#"#set($l = 3000000000)$l.compare(1, $l)"#, "-1"),
            |call, _| Ok(order(call.long(0)?.cmp(&call.long(1)?))),
        ),
        method("compareTo", &[Any], "Integer", (r#"#set($l = 3000000000)$l.compareTo($l)"#, "0"), compare_to),
        method(
            "doubleValue",
            &[],
            "Double",
            (r#"#set($l = 3000000000)$l.doubleValue()"#, "3.0E9"),
            double_value,
        ),
        method("equals", &[Any], "Boolean", (r#"#set($l = 3000000000)$l.equals($l)"#, "true"), equals),
        method(
            "floatValue",
            &[],
            "Double",
            (r#"#set($l = 3000000000)$l.floatValue()"#, "3.0E9"),
            float_value,
        ),
        method(
            "hashCode",
            &[],
            "Integer",
            (r#"#set($l = 3000000000)$l.hashCode()"#, "-1294967296"),
            hash_code,
        ),
        method(
            "hashCode",
            &[Long],
            "Integer",
            (r#"#set($l = 3000000000)$l.hashCode(7)"#, "7"),
            |call, heap| Ok(Value::Integer(hash::of(&Value::Long(call.long(0)?), heap)?)),
        ),
        method("intValue", &[], "Integer", (r#"#set($l = 4294967297)$l.intValue()"#, "1"), int_value),
        method(
            "longValue",
            &[],
            "Long",
            (r#"#set($l = 3000000000)$l.longValue()"#, "3000000000"),
            long_value,
        ),
        method(
            "max",
            &[Long, Long],
            "Long",
            (r#"#set($l = 3000000000)$l.max(1, $l)"#, "3000000000"),
            |call, _| Ok(Value::Long(call.long(0)?.max(call.long(1)?))),
        ),
        method("min", &[Long, Long], "Long", (r#"#set($l = 3000000000)$l.min(1, $l)"#, "1"), |call, _| {
            Ok(Value::Long(call.long(0)?.min(call.long(1)?)))
        }),
        method(
            "parseLong",
            &[Text],
            "Long",
            (r#"#set($l = 3000000000)$l.parseLong("5")"#, "5"),
            long_of_text,
        ),
        method(
            "parseLong",
            &[Text, Int],
            "Long",
            (r#"#set($l = 3000000000)$l.parseLong("ff", 16)"#, "255"),
            long_of_text,
        ),
        method("shortValue", &[], "Integer", (r#"#set($l = 4294967297)$l.shortValue()"#, "1"), short_value),
        method("signum", &[Long], "Integer", (r#"#set($l = 3000000000)$l.signum($l)"#, "1"), |call, _| {
            Ok(Value::Integer(call.long(0)?.signum() as i32))
        }),
        method("sum", &[Long, Long], "Long", (r#"#set($l = 3000000000)$l.sum(1, 2)"#, "3"), |call, _| {
            Ok(Value::Long(call.long(0)?.wrapping_add(call.long(1)?)))
        }),
        method(
            "toBinaryString",
            &[Long],
            "String",
            (r#"#set($l = 3000000000)$l.toBinaryString(5)"#, "101"),
            |call, heap| heap.text(format!("{:b}", call.long(0)?)),
        ),
        method(
            "toHexString",
            &[Long],
            "String",
            (r#"#set($l = 3000000000)$l.toHexString($l)"#, "b2d05e00"),
            |call, heap| heap.text(format!("{:x}", call.long(0)?)),
        ),
        method(
            "toOctalString",
            &[Long],
            "String",
            (r#"#set($l = 3000000000)$l.toOctalString(8)"#, "10"),
            |call, heap| heap.text(format!("{:o}", call.long(0)?)),
        ),
        method("toString", &[], "String", (r#"#set($l = 3000000000)$l.toString().length()"#, "10"), to_text),
        method(
            "toString",
            &[Long],
            "String",
            (r#"#set($l = 3000000000)$l.toString(42)"#, "42"),
            |call, heap| heap.text(call.long(0)?.to_string()),
        ),
        method(
            "toString",
            &[Long, Int],
            "String",
            (r#"#set($l = 3000000000)$l.toString(255, 16)"#, "ff"),
            in_radix,
        ),
        method("valueOf", &[Long], "Long", (r#"#set($l = 3000000000)$l.valueOf(5)"#, "5"), |call, _| {
            Ok(Value::Long(call.long(0)?))
        }),
        method("valueOf", &[Text], "Long", (r#"#set($l = 3000000000)$l.valueOf("12")"#, "12"), long_of_text),
        method(
            "valueOf",
            &[Text, Int],
            "Long",
            (r#"#set($l = 3000000000)$l.valueOf("11", 2)"#, "3"),
            long_of_text,
        ),
    ],
};

pub const DOUBLE: Class = Class {
    name: "Double",
    from: "`1.5`, numbers of a body with a point or an exponent",
    methods: &[
        method("byteValue", &[], "Integer", (r#"#set($d = 257.5)$d.byteValue()"#, "1"), byte_value),
        method(
            "compare",
            &[Double, Double],
            "Integer",
            (r#"#set($d = 0.0)$d.compare(1, 2.5)"#, "-1"),
            |call, _| Ok(order(compare(call.double(0)?, call.double(1)?))),
        ),
        method("compareTo", &[Any], "Integer", (r#"#set($d = 2.5)$d.compareTo(1.5)"#, "1"), compare_to),
        method("doubleValue", &[], "Double", (r#"#set($d = 2.5)$d.doubleValue()"#, "2.5"), double_value),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($d = 1.0)$d.equals(1.0) $d.equals(1)"#, "true false"),
            equals,
        ),
        method("floatValue", &[], "Double", (r#"#set($d = 0.1)$d.floatValue()"#, "0.1"), float_value),
        method("hashCode", &[], "Integer", (r#"#set($d = 2.5)$d.hashCode()"#, "1074003968"), hash_code),
        method(
            "hashCode",
            &[Double],
            "Integer",
            (r#"#set($d = 0.0)$d.hashCode(2.5)"#, "1074003968"),
            |call, heap| Ok(Value::Integer(hash::of(&Value::Double(call.double(0)?), heap)?)),
        ),
        method("intValue", &[], "Integer", (r#"#set($d = 2.9)$d.intValue()"#, "2"), int_value),
        method("isFinite", &[Double], "Boolean", (r#"#set($d = 1.0)$d.isFinite($d)"#, "true"), |call, _| {
            Ok(Value::Boolean(call.double(0)?.is_finite()))
        }),
        method("isInfinite", &[], "Boolean", (r#"#set($d = 1e999)$d.isInfinite()"#, "true"), |call, _| {
            Ok(Value::Boolean(own(call).is_infinite()))
        }),
        method(
            "isInfinite",
            &[Double],
            "Boolean",
            (r#"#set($d = 1.0)$d.isInfinite(2.0)"#, "false"),
            |call, _| Ok(Value::Boolean(call.double(0)?.is_infinite())),
        ),
        method("isNaN", &[], "Boolean", (r#"#set($d = 1.0)$d.isNaN()"#, "false"), |call, _| {
            Ok(Value::Boolean(own(call).is_nan()))
        }),
        method("isNaN", &[Double], "Boolean", (r#"#set($d = 1.0)$d.isNaN(2.0)"#, "false"), |call, _| {
            Ok(Value::Boolean(call.double(0)?.is_nan()))
        }),
        method("longValue", &[], "Long", (r#"#set($d = 2.9)$d.longValue()"#, "2"), long_value),
        method("max", &[Double, Double], "Double", (r#"#set($d = 1.0)$d.max(1, 2.5)"#, "2.5"), |call, _| {
            Ok(Value::Double(greater(call.double(0)?, call.double(1)?)))
        }),
        method("min", &[Double, Double], "Double", (r#"#set($d = 1.0)$d.min(1, 2.5)"#, "1.0"), |call, _| {
            Ok(Value::Double(-greater(-call.double(0)?, -call.double(1)?)))
        }),
        method(
            "parseDouble",
            &[Text],
            "Double",
            (r#"#set($d = 0.0)$d.parseDouble("2.50")"#, "2.5"),
            double_of_text,
        ),
        method("shortValue", &[], "Integer", (r#"#set($d = 65537.5)$d.shortValue()"#, "1"), short_value),
        method("sum", &[Double, Double], "Double", (r#"#set($d = 1.0)$d.sum(1, 2.5)"#, "3.5"), |call, _| {
            Ok(Value::Double(call.double(0)? + call.double(1)?))
        }),
        method("toString", &[], "String", (r#"#set($d = 2.0)$d.toString().length()"#, "3"), to_text),
        method("toString", &[Double], "String", (r#"#set($d = 2.0)$d.toString(1)"#, "1.0"), |call, heap| {
            heap.printed(&Value::Double(call.double(0)?))
        }),
        method("valueOf", &[Double], "Double", (r#"#set($d = 2.0)$d.valueOf(1)"#, "1.0"), |call, _| {
            Ok(Value::Double(call.double(0)?))
        }),
        method(
            "valueOf",
            &[Text],
            "Double",
            (r#"#set($d = 0.0)$d.valueOf("1e3")"#, "1000.0"),
            double_of_text,
        ),
    ],
};

fn own(call: &Call<'_, '_>) -> f64 {
    to_double(call.receiver).unwrap_or(f64::NAN)
}

fn own_long(call: &Call<'_, '_>) -> i64 {
    to_long(call.receiver).unwrap_or_default()
}

pub fn order<'a>(order: Ordering) -> Value<'a> {
    Value::Integer(order as i32)
}

/// `Double.compare`: NaN is greater than all and equal to itself, -0.0 is less than 0.0.
fn compare(left: f64, right: f64) -> Ordering {
    let one_nan = |value: f64| if value.is_nan() { f64::NAN.abs() } else { value };
    one_nan(left).total_cmp(&one_nan(right))
}

/// `Math.max`, where NaN wins.
fn greater(left: f64, right: f64) -> f64 {
    if compare(left, right) == Ordering::Less { right } else { left }
}

pub fn compare_to<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    if call.argument(0).is_null() {
        return Err(call.is_null(0));
    }
    call.of_own_class(0)?;
    if let (Value::Double(left), Value::Double(right)) = (call.receiver, call.argument(0)) {
        return Ok(order(compare(*left, *right)));
    }
    Ok(numbers::compare(call.receiver, call.argument(0))?.map_or(Value::Null, order))
}

pub fn equals<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<'a> {
    Ok(Value::Boolean(heap.equals(call.receiver, call.argument(0))?))
}

pub fn hash_code<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<'a> {
    Ok(Value::Integer(hash::of(call.receiver, heap)?))
}

pub fn to_text<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<'a> {
    heap.printed(call.receiver)
}

/// Java cuts a double to an `int` first.
pub fn byte_value<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    Ok(Value::Integer(i32::from(to_int(call.receiver).unwrap_or_default() as i8)))
}

pub fn short_value<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    Ok(Value::Integer(i32::from(to_int(call.receiver).unwrap_or_default() as i16)))
}

pub fn int_value<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    Ok(to_int(call.receiver).map_or(Value::Null, Value::Integer))
}

pub fn long_value<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    Ok(Value::Long(own_long(call)))
}

pub fn double_value<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    Ok(Value::Double(own(call)))
}

/// There are no floats here; the double with the same digits prints the same.
pub fn float_value<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    let float = match call.receiver {
        Value::Integer(_) | Value::Long(_) => own_long(call) as f32,
        _ => own(call) as f32,
    };
    Ok(Value::Double(float.to_string().parse().unwrap_or(f64::from(float))))
}

fn in_radix<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<'a> {
    let (number, radix) = (call.long(0)?, call.int(1)?);
    // Java takes ten for one that it does not know.
    let radix = u64::try_from(radix).ok().filter(|radix| (2..=36).contains(radix)).unwrap_or(10);
    let (mut rest, mut digits) = (number.unsigned_abs(), Vec::new());
    loop {
        digits.extend(char::from_digit((rest % radix) as u32, radix as u32));
        rest /= radix;
        if rest == 0 {
            break;
        }
    }
    let sign = if number < 0 { "-" } else { "" };
    heap.text(sign.chars().chain(digits.into_iter().rev()).collect::<String>())
}

fn int_of_text<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    let parsed = i32::from_str_radix(call.text(0)?, radix(call)?);
    parsed.map(Value::Integer).map_err(|_| not_a_number(call, "an int"))
}

fn long_of_text<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    let parsed = i64::from_str_radix(call.text(0)?, radix(call)?);
    parsed.map(Value::Long).map_err(|_| not_a_number(call, "a long"))
}

fn radix(call: &Call<'_, '_>) -> std::result::Result<u32, super::Fault> {
    if call.arguments.len() < 2 {
        return Ok(10);
    }
    let radix = call.int(1)?;
    let known = u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix));
    known.ok_or_else(|| call.fault(format!("radix {radix} is not between 2 and 36")))
}

/// `Double.parseDouble`: with blanks around, names of infinity, and the suffix that marks a double or a float.
fn double_of_text<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    let text = call.text(0)?.trim_matches(|character| character <= ' ');
    let number = match text.strip_prefix(['+', '-']).unwrap_or(text) {
        "NaN" => Some(f64::NAN),
        "Infinity" if text.starts_with('-') => Some(f64::NEG_INFINITY),
        "Infinity" => Some(f64::INFINITY),
        _ => numbers::float(text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text)),
    };
    number.map(Value::Double).ok_or_else(|| not_a_number(call, "a number"))
}

fn not_a_number(call: &Call<'_, '_>, what: &str) -> super::Fault {
    let text: String = call.argument(0).as_str().unwrap_or_default().chars().take(40).collect();
    call.fault(format!("`{text}` is not {what}"))
}
