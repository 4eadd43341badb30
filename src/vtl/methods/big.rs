//! `java.math.BigInteger` and `java.math.BigDecimal`: what numbers of a body become that fit nothing smaller.

use std::rc::Rc;

use num_bigint::BigInt;

use super::super::decimal::Decimal;
use super::super::fault::Fault;
use super::super::heap::Heap;
use super::super::limits::Meter;
use super::super::number as numbers;
use super::super::value::Value;
use super::Kind::{Any, Double, Int, Long, Own};
use super::number::{
    byte_value, compare_to, double_value, equals, float_value, hash_code, int_value, long_value, order,
    short_value, to_text,
};
use super::{Call, Class, Result, method};

pub const BIG_INTEGER: Class = Class {
    name: "BigInteger",
    from: "whole numbers beyond 9223372036854775807",
    methods: &[
        method(
            "abs",
            &[],
            "BigInteger",
            (r#"#set($n = -9223372036854775809)$n.abs()"#, "9223372036854775809"),
            abs,
        ),
        method(
            "add",
            &[Own],
            "BigInteger",
            (r#"#set($n = 9223372036854775808)$n.add($n)"#, "18446744073709551616"),
            |call, heap| calculate(call, heap, numbers::add),
        ),
        method(
            "byteValue",
            &[],
            "Integer",
            (r#"#set($n = 9223372036854775809)$n.byteValue()"#, "1"),
            byte_value,
        ),
        method(
            "compareTo",
            &[Any],
            "Integer",
            (r#"#set($n = 9223372036854775808)$n.compareTo($n)"#, "0"),
            compare_to,
        ),
        method(
            "divide",
            &[Own],
            "BigInteger",
            (r#"#set($n = 9223372036854775808)$n.divide($n)"#, "1"),
            |call, heap| calculate(call, heap, numbers::divide),
        ),
        method(
            "doubleValue",
            &[],
            "Double",
            (r#"#set($n = 9223372036854775808)$n.doubleValue()"#, "9.223372036854776E18"),
            double_value,
        ),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($n = 9223372036854775808)$n.equals($n)"#, "true"),
            equals,
        ),
        method(
            "floatValue",
            &[],
            "Double",
            (r#"#set($n = 18446744073709551616)$n.floatValue()"#, "1.8446744E19"),
            float_value,
        ),
        method(
            "hashCode",
            &[],
            "Integer",
            (r#"#set($n = 9223372036854775808)$n.hashCode()"#, "-2147483648"),
            hash_code,
        ),
        method(
            "intValue",
            &[],
            "Integer",
            (r#"#set($n = 9223372036854775809)$n.intValue()"#, "1"),
            int_value,
        ),
        method(
            "longValue",
            &[],
            "Long",
            (r#"#set($n = 18446744073709551617)$n.longValue()"#, "1"),
            long_value,
        ),
        method(
            "mod",
            &[Own],
            "BigInteger",
            (r#"#set($n = 9223372036854775808)$n.mod($n)"#, "0"),
            |call, heap| calculate(call, heap, numbers::remainder),
        ),
        method(
            "multiply",
            &[Own],
            "BigInteger",
            (r#"#set($n = 10000000000000000000)$n.multiply($n)"#, "100000000000000000000000000000000000000"),
            |call, heap| calculate(call, heap, numbers::multiply),
        ),
        method(
            "negate",
            &[],
            "BigInteger",
            (r#"#set($n = 9223372036854775809)$n.negate()"#, "-9223372036854775809"),
            negate,
        ),
        method(
            "shortValue",
            &[],
            "Integer",
            (r#"#set($n = 9223372036854775809)$n.shortValue()"#, "1"),
            short_value,
        ),
        method("signum", &[], "Integer", (r#"#set($n = 9223372036854775808)$n.signum()"#, "1"), signum),
        method(
            "subtract",
            &[Own],
            "BigInteger",
            (r#"#set($n = 9223372036854775808)$n.subtract($n)"#, "0"),
            |call, heap| calculate(call, heap, numbers::subtract),
        ),
        method(
            "toString",
            &[],
            "String",
            (r#"#set($n = 9223372036854775808)$n.toString().length()"#, "19"),
            to_text,
        ),
        method(
            "toString",
            &[Int],
            "String",
            (r#"#set($n = 9223372036854775808)$n.toString(16)"#, "8000000000000000"),
            |call, heap| match (call.receiver, call.int(0)?) {
                (Value::BigInteger(number), radix) => {
                    // Java takes ten for a radix that it does not know.
                    let radix =
                        u32::try_from(radix).ok().filter(|radix| (2..=36).contains(radix)).unwrap_or(10);
                    heap.meter.allocate(number.bits() as usize)?;
                    heap.text(number.to_str_radix(radix))
                }
                _ => Ok(Value::Null),
            },
        ),
        method(
            "valueOf",
            &[Long],
            "BigInteger",
            (r#"#set($n = 9223372036854775808)$n.valueOf(5)"#, "5"),
            |call, _| Ok(Value::BigInteger(Rc::new(BigInt::from(call.long(0)?)))),
        ),
    ],
};

pub const BIG_DECIMAL: Class = Class {
    name: "BigDecimal",
    from: "numbers of a body with a point or an exponent and more than 18 characters; a `BigInteger` with a `Double`",
    methods: &[
        method(
            "abs",
            &[],
            "BigDecimal",
            (r#"#set($n = $util.parseJson("-1.00000000000000000001"))$n.abs()"#, "1.00000000000000000001"),
            abs,
        ),
        method(
            "add",
            &[Own],
            "BigDecimal",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.add($n)"#, "2.00000000000000000002"),
            |call, heap| calculate(call, heap, numbers::add),
        ),
        method(
            "byteValue",
            &[],
            "Integer",
            (r#"#set($n = $util.parseJson("257.0000000000000000000"))$n.byteValue()"#, "1"),
            byte_value,
        ),
        method(
            "compareTo",
            &[Any],
            "Integer",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.compareTo($n)"#, "0"),
            compare_to,
        ),
        method(
            "doubleValue",
            &[],
            "Double",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.doubleValue()"#, "1.0"),
            double_value,
        ),
        method(
            "equals",
            &[Any],
            "Boolean",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.equals($n)"#, "true"),
            equals,
        ),
        method(
            "hashCode",
            &[],
            "Integer",
            (r#"#set($n = $util.parseJson("0.00000000000000000001"))$n.hashCode()"#, "51"),
            hash_code,
        ),
        method(
            "intValue",
            &[],
            "Integer",
            (r#"#set($n = $util.parseJson("1.99999999999999999999"))$n.intValue()"#, "1"),
            int_value,
        ),
        method(
            "longValue",
            &[],
            "Long",
            (r#"#set($n = $util.parseJson("1.99999999999999999999"))$n.longValue()"#, "1"),
            long_value,
        ),
        method(
            "multiply",
            &[Own],
            "BigDecimal",
            (
                r#"#set($n = $util.parseJson("2.0000000000000000000"))$n.multiply($n)"#,
                "4.00000000000000000000000000000000000000",
            ),
            |call, heap| calculate(call, heap, numbers::multiply),
        ),
        method(
            "negate",
            &[],
            "BigDecimal",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.negate()"#, "-1.00000000000000000001"),
            negate,
        ),
        method(
            "scale",
            &[],
            "Integer",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.scale()"#, "20"),
            |call, _| {
                Ok(match call.receiver {
                    Value::BigDecimal(number) => Value::Integer(number.scale),
                    _ => Value::Null,
                })
            },
        ),
        method(
            "shortValue",
            &[],
            "Integer",
            (r#"#set($n = $util.parseJson("65537.00000000000000000"))$n.shortValue()"#, "1"),
            short_value,
        ),
        method(
            "signum",
            &[],
            "Integer",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.signum()"#, "1"),
            signum,
        ),
        method(
            "subtract",
            &[Own],
            "BigDecimal",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.subtract($n)"#, "0E-20"),
            |call, heap| calculate(call, heap, numbers::subtract),
        ),
        method(
            "toPlainString",
            &[],
            "String",
            (
                r#"#set($n = $util.parseJson("1.00000000000000000E-10"))$n.toPlainString()"#,
                "0.000000000100000000000000000",
            ),
            plain,
        ),
        method(
            "toString",
            &[],
            "String",
            (
                r#"#set($n = $util.parseJson("1.00000000000000000E-10"))$n.toString()"#,
                "1.00000000000000000E-10",
            ),
            to_text,
        ),
        method(
            "valueOf",
            &[Long],
            "BigDecimal",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.valueOf(5)"#, "5"),
            |call, _| Ok(Value::BigDecimal(Rc::new(Decimal::from(BigInt::from(call.long(0)?))))),
        ),
        method(
            "valueOf",
            &[Double],
            "BigDecimal",
            (r#"#set($n = $util.parseJson("1.00000000000000000001"))$n.valueOf(0.1)"#, "0.1"),
            |call, _| {
                let mut text = String::new();
                numbers::push_double(call.double(0)?, &mut text);
                let decimal = Decimal::parse(&text)
                    .ok_or_else(|| call.fault(format!("{text} has no decimal digits")))?;
                Ok(Value::BigDecimal(Rc::new(decimal)))
            },
        ),
    ],
};

type Operation<'a> = fn(&Value<'_>, &Value<'_>, &mut Meter) -> numbers::Outcome<'a>;

fn calculate<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>, operation: Operation<'a>) -> Result<'a> {
    if call.argument(0).is_null() {
        return Err(call.is_null(0));
    }
    let result = operation(call.receiver, call.argument(0), &mut heap.meter)?;
    result.ok_or_else(|| call.fault("division by zero"))
}

fn negate<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<'a> {
    let zero = Value::BigInteger(Rc::new(BigInt::ZERO));
    let negated = numbers::subtract(&zero, call.receiver, &mut heap.meter)?;
    Ok(negated.unwrap_or(Value::Null))
}

fn abs<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<'a> {
    match numbers::compare(call.receiver, &Value::Integer(0))? {
        Some(std::cmp::Ordering::Less) => negate(call, heap),
        _ => Ok(call.receiver.clone()),
    }
}

fn signum<'a>(call: &Call<'_, 'a>, _: &mut Heap<'a>) -> Result<'a> {
    Ok(numbers::compare(call.receiver, &Value::Integer(0))?.map_or(Value::Null, order))
}

/// `toPlainString()`: without an exponent.
fn plain<'a>(call: &Call<'_, 'a>, heap: &mut Heap<'a>) -> Result<'a> {
    let Value::BigDecimal(number) = call.receiver else { return Ok(Value::Null) };
    heap.meter.allocate(number.scale.unsigned_abs() as usize)?;
    let Some(whole) = number.whole() else { return Err(Fault::limit("a number with too many digits")) };
    let Ok(scale) = usize::try_from(number.scale) else { return heap.text(whole.to_string()) };
    if scale == 0 {
        return heap.text(whole.to_string());
    }
    let digits = number.unscaled.magnitude().to_string();
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at_checked(padded.len() - scale).unwrap_or_default();
    let sign = if number.unscaled.sign() == num_bigint::Sign::Minus { "-" } else { "" };
    heap.text(format!("{sign}{whole}.{fraction}"))
}
