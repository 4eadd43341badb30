//! Arithmetic and comparison as Velocity's `MathUtils` has them on Java's numbers, and how numbers are read and
//! written. Whole numbers grow as they must: `Integer`, `Long`, `BigInteger`.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;
use std::rc::Rc;

use num_bigint::{BigInt, Sign};

use super::decimal::{self, BITS_MAX, DIGITS_MAX, Decimal};
use super::fault::Fault;
use super::limits::Meter;
use super::value::Value;

/// What came of an operation: a number; nothing where Velocity has `null`, which is when one side is no number or
/// the divisor is zero; a fault where Java throws or the number would be too long.
pub type Outcome<'a> = Result<Option<Value<'a>>, Fault>;

/// `left + right`. Strings are the language's affair.
pub fn add<'a>(left: &Value<'_>, right: &Value<'_>, meter: &mut Meter) -> Outcome<'a> {
    let Some(sides) = Sides::of(left, right)? else { return Ok(None) };
    match sides {
        Sides::Longs(left, right, width) => match left.checked_add(right) {
            Some(sum) => Ok(Some(width.wrap(sum))),
            None => big(BigInt::from(left) + right, meter),
        },
        Sides::Doubles(left, right) => Ok(Some(Value::Double(left + right))),
        Sides::Bigs(left, right) => big(&*left + &*right, meter),
        Sides::Decimals(left, right) => exact(left.plus(&right), meter),
    }
}

/// `left - right`.
pub fn subtract<'a>(left: &Value<'_>, right: &Value<'_>, meter: &mut Meter) -> Outcome<'a> {
    let Some(sides) = Sides::of(left, right)? else { return Ok(None) };
    match sides {
        Sides::Longs(left, right, width) => match left.checked_sub(right) {
            Some(difference) => Ok(Some(width.wrap(difference))),
            None => big(BigInt::from(left) - right, meter),
        },
        Sides::Doubles(left, right) => Ok(Some(Value::Double(left - right))),
        Sides::Bigs(left, right) => big(&*left - &*right, meter),
        Sides::Decimals(left, right) => exact(left.minus(&right), meter),
    }
}

/// `left * right`.
pub fn multiply<'a>(left: &Value<'_>, right: &Value<'_>, meter: &mut Meter) -> Outcome<'a> {
    let Some(sides) = Sides::of(left, right)? else { return Ok(None) };
    match sides {
        // Velocity looks for an overflow by dividing back, which does not see this one.
        Sides::Longs(i64::MIN, -1, _) => Ok(Some(Value::Long(i64::MIN))),
        Sides::Longs(left, right, width) => match left.checked_mul(right) {
            Some(product) => Ok(Some(width.wrap(product))),
            None => big(BigInt::from(left) * right, meter),
        },
        Sides::Doubles(left, right) => Ok(Some(Value::Double(left * right))),
        Sides::Bigs(left, right) => {
            let bits = left.bits() + right.bits();
            meter.work(left.bits() / 64 * right.bits() / 64 / 16)?;
            if bits > BITS_MAX + 1 {
                return Err(too_long());
            }
            big(&*left * &*right, meter)
        }
        Sides::Decimals(left, right) => exact(left.times(&right), meter),
    }
}

/// `left / right`: towards zero for whole numbers.
pub fn divide<'a>(left: &Value<'_>, right: &Value<'_>, meter: &mut Meter) -> Outcome<'a> {
    if is_zero(right) {
        return Ok(None);
    }
    let Some(sides) = Sides::of(left, right)? else { return Ok(None) };
    match sides {
        Sides::Longs(left, right, width) => Ok(Some(width.wrap(left.wrapping_div(right)))),
        Sides::Doubles(left, right) => Ok(Some(Value::Double(left / right))),
        Sides::Bigs(left, right) => big(&*left / &*right, meter),
        Sides::Decimals(left, right) => exact(left.over(&right), meter),
    }
}

/// `left % right`: with the sign of the dividend, but never negative for a `BigInteger`.
pub fn remainder<'a>(left: &Value<'_>, right: &Value<'_>, meter: &mut Meter) -> Outcome<'a> {
    if is_zero(right) {
        return Ok(None);
    }
    let Some(sides) = Sides::of(left, right)? else { return Ok(None) };
    match sides {
        Sides::Longs(left, right, width) => Ok(Some(width.wrap(left.wrapping_rem(right)))),
        Sides::Doubles(left, right) => Ok(Some(Value::Double(left % right))),
        Sides::Bigs(_, right) if right.sign() == Sign::Minus => {
            Err(Fault::thrown("the right side of `%` is negative, which a big integer does not take"))
        }
        Sides::Bigs(left, right) => {
            let rest = &*left % &*right;
            big(if rest.sign() == Sign::Minus { rest + &*right } else { rest }, meter)
        }
        Sides::Decimals(..) => Err(Fault::thrown("`%` does not take decimal numbers of this length")),
    }
}

/// How two numbers compare; nothing if one is no number. As in Velocity, NaN compares as equal to every number.
pub fn compare(left: &Value<'_>, right: &Value<'_>) -> Result<Option<Ordering>, Fault> {
    Ok(Sides::of(left, right)?.map(|sides| match sides {
        Sides::Longs(left, right, _) => left.cmp(&right),
        Sides::Doubles(left, right) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
        Sides::Bigs(left, right) => left.cmp(&right),
        Sides::Decimals(left, right) => decimal::compare(&left, &right),
    }))
}

/// Two numbers, made alike.
enum Sides<'v> {
    Longs(i64, i64, Width),
    Doubles(f64, f64),
    Bigs(Cow<'v, BigInt>, Cow<'v, BigInt>),
    Decimals(Cow<'v, Decimal>, Cow<'v, Decimal>),
}

/// The wider one of two whole numbers.
#[derive(Clone, Copy, PartialEq)]
enum Width {
    Integer,
    Long,
}

impl Width {
    fn wrap<'a>(self, value: i64) -> Value<'a> {
        match i32::try_from(value) {
            Ok(value) if self == Width::Integer => Value::Integer(value),
            _ => Value::Long(value),
        }
    }
}

impl<'v> Sides<'v> {
    fn of(left: &'v Value<'_>, right: &'v Value<'_>) -> Result<Option<Sides<'v>>, Fault> {
        if let (Value::Integer(left), Value::Integer(right)) = (left, right) {
            return Ok(Some(Sides::Longs(i64::from(*left), i64::from(*right), Width::Integer)));
        }
        if !left.is_number() || !right.is_number() {
            return Ok(None);
        }
        if let (Some(left), Some(right)) = (small(left), small(right)) {
            return Ok(Some(Sides::Longs(left, right, Width::Long)));
        }
        if let (Some(left), Some(right)) = (whole(left), whole(right)) {
            return Ok(Some(Sides::Bigs(left, right)));
        }
        if let (Some(left), Some(right)) = (primitive(left), primitive(right)) {
            return Ok(Some(Sides::Doubles(left, right)));
        }
        Ok(Some(Sides::Decimals(to_decimal(left)?, to_decimal(right)?)))
    }
}

fn small(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(value) => Some(i64::from(*value)),
        Value::Long(value) => Some(*value),
        _ => None,
    }
}

fn whole<'v>(value: &'v Value<'_>) -> Option<Cow<'v, BigInt>> {
    match value {
        Value::BigInteger(value) => Some(Cow::Borrowed(value)),
        _ => small(value).map(|value| Cow::Owned(BigInt::from(value))),
    }
}

/// `doubleValue()` of what is no `BigInteger` or `BigDecimal`.
fn primitive(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Double(value) => Some(*value),
        _ => small(value).map(|value| value as f64),
    }
}

/// Velocity takes the double also of a `Long`, and loses digits of a great one.
fn to_decimal<'v>(value: &'v Value<'_>) -> Result<Cow<'v, Decimal>, Fault> {
    match value {
        Value::BigDecimal(value) => Ok(Cow::Borrowed(value)),
        Value::BigInteger(value) => Ok(Cow::Owned(Decimal::from(BigInt::clone(value)))),
        _ => {
            let exact = primitive(value).and_then(Decimal::from_double);
            exact.map(Cow::Owned).ok_or_else(|| Fault::thrown("infinity and NaN have no decimal digits"))
        }
    }
}

fn is_zero(value: &Value<'_>) -> bool {
    match value {
        Value::Integer(value) => *value == 0,
        Value::Long(value) => *value == 0,
        Value::BigInteger(value) => value.sign() == Sign::NoSign,
        Value::Double(value) => *value == 0.0,
        Value::BigDecimal(value) => value.is_zero(),
        _ => false,
    }
}

fn too_long() -> Fault {
    Fault::limit(format!("a number of more than {BITS_MAX} bits"))
}

fn big<'a>(value: BigInt, meter: &mut Meter) -> Outcome<'a> {
    if value.bits() > BITS_MAX {
        return Err(too_long());
    }
    meter.allocate(value.bits() as usize / 8 + size_of::<BigInt>())?;
    Ok(Some(Value::BigInteger(Rc::new(value))))
}

fn exact<'a>(value: Option<Decimal>, meter: &mut Meter) -> Outcome<'a> {
    let value = value.filter(|value| value.unscaled.bits() <= BITS_MAX).ok_or_else(too_long)?;
    let bits = value.unscaled.bits();
    meter.work((bits / 64).pow(2) / 16)?;
    meter.allocate(bits as usize / 8 + size_of::<Decimal>())?;
    Ok(Some(Value::BigDecimal(Rc::new(value))))
}

/// A whole number from its digits, perhaps after a `-`: `Integer`, else `Long`, else `BigInteger`. Nothing for other
/// text and for more than 20,000 digits.
pub fn integer<'a>(text: &str) -> Option<Value<'a>> {
    if let Ok(value) = text.parse() {
        return Some(Value::Integer(value));
    }
    if let Ok(value) = text.parse() {
        return Some(Value::Long(value));
    }
    big_integer(text).map(|value| Value::BigInteger(Rc::new(value)))
}

fn big_integer(text: &str) -> Option<BigInt> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let value =
        (is_number && digits.len() <= DIGITS_MAX).then(|| BigInt::parse_bytes(digits.as_bytes(), 10))??;
    Some(if text.starts_with('-') { -value } else { value })
}

/// A `Double` from a literal: `5.`, `.5`, `1e3`. One that is too great is infinite.
pub fn float(text: &str) -> Option<f64> {
    // Rust also reads `inf` and `nan`.
    let is_number = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_number { text.parse().ok() } else { None }
}

/// `doubleValue()`.
pub fn to_double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::BigInteger(value) => value.to_string().parse().ok(),
        Value::BigDecimal(value) => Some(value.to_double()),
        _ => primitive(value),
    }
}

/// `longValue()`: doubles are cut off and bounded, great whole numbers keep their low bits.
pub fn to_long(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Double(value) => Some(*value as i64),
        Value::BigInteger(value) => Some(low_bits(value)),
        // Of a number too long to be written out all low digits are zeros, and so are the low bits.
        Value::BigDecimal(value) => Some(value.whole().map_or(0, |whole| low_bits(&whole))),
        _ => small(value),
    }
}

/// `intValue()`.
pub fn to_int(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Double(value) => Some(*value as i32),
        _ => to_long(value).map(|value| value as i32),
    }
}

fn low_bits(value: &BigInt) -> i64 {
    let magnitude = value.iter_u64_digits().next().unwrap_or(0).cast_signed();
    if value.sign() == Sign::Minus { magnitude.wrapping_neg() } else { magnitude }
}

/// `Double.toString()`: the fewest digits that read back as the same number, at least one after the point; with an
/// exponent below 0.001 and from 10,000,000.
pub fn push_double(value: f64, out: &mut String) {
    if !value.is_finite() {
        out.push_str(match value {
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => "NaN",
        });
        return;
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    let mut shortest = format!("{:e}", value.abs());
    if !shortest.contains('.') {
        // Java never writes fewer than two digits, and takes the nearest of those: 4.9E-324.
        shortest = format!("{:.1e}", value.abs());
    }
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let (first, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        exponent @ 0..7 => push_shifted(first, fraction, exponent.unsigned_abs() as usize, out),
        exponent @ -3..0 => {
            out.push_str("0.");
            (1..exponent.unsigned_abs()).for_each(|_| out.push('0'));
            out.push_str(first);
            if fraction != "0" {
                out.push_str(fraction);
            }
        }
        exponent => {
            // Writing to a string cannot fail.
            let _ = write!(out, "{first}.{fraction}E{exponent}");
        }
    }
}

/// `first.fraction` with the point moved to the right.
fn push_shifted(first: &str, fraction: &str, places: usize, out: &mut String) {
    out.push_str(first);
    match fraction.split_at_checked(places) {
        Some((whole, "")) => {
            out.push_str(whole);
            out.push_str(".0");
        }
        Some((whole, fraction)) => {
            out.push_str(whole);
            out.push('.');
            out.push_str(fraction);
        }
        None => {
            out.push_str(fraction);
            (fraction.len()..places).for_each(|_| out.push('0'));
            out.push_str(".0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vtl::Limits;

    /// A number as it would be written: `1`, `1L`, `1n`, `1.0`, `1.0m`.
    fn value(text: &str) -> Value<'static> {
        if let Ok(value) = text.parse() {
            return Value::Integer(value);
        }
        if let Ok(value) = text.parse() {
            return Value::Double(value);
        }
        match text.split_at(text.len() - 1) {
            (digits, "L") => Value::Long(digits.parse().unwrap()),
            (digits, "n") => Value::BigInteger(Rc::new(digits.parse().unwrap())),
            (digits, "m") => Value::BigDecimal(Rc::new(Decimal::parse(digits).unwrap())),
            _ => Value::EMPTY,
        }
    }

    fn shown(value: &Value<'_>) -> String {
        match value {
            Value::BigDecimal(value) => format!("{value}m"),
            value => format!("{value:?}"),
        }
    }

    fn calculate(left: &str, operator: &str, right: &str) -> Outcome<'static> {
        let (left, right) = (value(left), value(right));
        let meter = &mut Meter::new(Limits::default());
        match operator {
            "+" => add(&left, &right, meter),
            "-" => subtract(&left, &right, meter),
            "*" => multiply(&left, &right, meter),
            "/" => divide(&left, &right, meter),
            _ => remainder(&left, &right, meter),
        }
    }

    #[track_caller]
    fn check(calculation: &str, expected: &str) {
        let parts: Vec<&str> = calculation.split(' ').collect();
        let result = match calculate(parts[0], parts[1], parts[2]) {
            Ok(value) => value.map_or("null".to_owned(), |value| shown(&value)),
            Err(fault) => format!("{:?}", fault.kind()),
        };
        assert_eq!(result, expected, "{calculation}");
    }

    #[test]
    fn whole_numbers_grow() {
        check("1 + 2", "3");
        check("2147483647 + 1", "2147483648L");
        check("1L + 1", "2L");
        check("-2147483648 - 1", "-2147483649L");
        check("9223372036854775807L + 1", "9223372036854775808n");
        check("-9223372036854775808L - 1", "-9223372036854775809n");
        check("65536 * 65536", "4294967296L");
        check("4294967296L * 4294967296L", "18446744073709551616n");
        check("-9223372036854775808L * -1", "-9223372036854775808L");
        check("-1 * -9223372036854775808L", "9223372036854775808n");
        check("18446744073709551616n - 18446744073709551615n", "1n");
    }

    #[test]
    fn whole_numbers_are_divided_towards_zero() {
        check("7 / 2", "3");
        check("-7 / 2", "-3");
        check("-7 % 2", "-1");
        check("7 % -2", "1");
        check("-2147483648 / -1", "2147483648L");
        check("-9223372036854775808L / -1", "-9223372036854775808L");
        check("-9223372036854775808L % -1", "0L");
        check("-7n / 2", "-3n");
        check("-7n % 2", "1n");
        check("7n % -2", "Thrown");
        for zero in ["0", "0L", "0n", "0.0", "-0.0", "0.00m"] {
            check(&format!("7 / {zero}"), "null");
            check(&format!("7 % {zero}"), "null");
        }
    }

    #[test]
    fn a_double_makes_a_double() {
        check("7 / 2.0", "3.5");
        check("1.0 * 3", "3.0");
        check("0.1 + 0.2", "0.30000000000000004");
        check("-7.5 % 2", "-1.5");
        check("1e308 * 10L", "inf");
    }

    #[test]
    fn decimals_are_exact() {
        check("1.10m + 1", "2.10m");
        check("1m + 0.5", "1.5m");
        check("1n + 0.5", "1.5m");
        check("1.00m / 3", "0.33m");
        check("1.00m % 3", "Thrown");
        check("1m + inf", "Thrown");
        check("0m + 9007199254740993L", "9007199254740992m");
    }

    #[test]
    fn what_is_no_number_makes_null() {
        check("1 + x", "null");
        check("x * 1", "null");
        check("x / 0", "null");
    }

    #[test]
    fn numbers_do_not_grow_for_ever() {
        let grown = |operation: fn(&Value<'_>, &Value<'_>, &mut Meter) -> Outcome<'static>| {
            let meter = &mut Meter::new(Limits::default());
            let mut number = value("9223372036854775807L");
            loop {
                match operation(&number, &number.clone(), meter) {
                    Ok(next) => number = next.unwrap(),
                    Err(fault) => break fault.to_string(),
                }
            }
        };
        assert_eq!(grown(multiply), "a number of more than 65536 bits");
        assert_eq!(grown(add), "more than 67108864 bytes of values");
        check("1E999999999m + 1", "Limit");
    }

    #[test]
    fn numbers_compare_by_their_value() {
        let check = |left: &str, right: &str, expected: Option<Ordering>| {
            assert_eq!(compare(&value(left), &value(right)), Ok(expected), "{left} {right}");
        };
        check("1", "1.0", Some(Ordering::Equal));
        check("1", "2L", Some(Ordering::Less));
        check("2n", "1", Some(Ordering::Greater));
        check("1.50m", "1.5", Some(Ordering::Equal));
        check("1.50m", "18446744073709551616n", Some(Ordering::Less));
        check("nan", "1", Some(Ordering::Equal));
        check("1", "x", None);
        assert!(compare(&value("1m"), &value("inf")).is_err());
    }

    #[test]
    fn texts_become_the_smallest_type_that_holds_them() {
        let check = |text: &str, expected: &str| {
            assert_eq!(integer(text).map_or("null".to_owned(), |value| shown(&value)), expected, "{text}");
        };
        check("007", "7");
        check("-1", "-1");
        check("2147483648", "2147483648L");
        check("9223372036854775808", "9223372036854775808n");
        check("-9223372036854775809", "-9223372036854775809n");
        check("", "null");
        check("--1", "null");
        check("1_0", "null");
        check(&"9".repeat(20_001), "null");
        assert_eq!([".5", "5.", "1e3", "1e400"].map(float), [0.5, 5.0, 1000.0, f64::INFINITY].map(Some));
        assert_eq!(["inf", "nan", "", "1e", "x"].map(float), [None; 5]);
    }

    #[test]
    fn doubles_are_written_as_in_java() {
        let check = |double: f64, expected: &str| {
            let mut out = String::new();
            push_double(double, &mut out);
            assert_eq!(out, expected);
        };
        check(0.0, "0.0");
        check(-0.0, "-0.0");
        check(1.0, "1.0");
        check(10.0, "10.0");
        check(-100.0, "-100.0");
        check(12.5, "12.5");
        check(123.456, "123.456");
        check(1234567.8, "1234567.8");
        check(9999999.999999998, "9999999.999999998");
        check(1e7, "1.0E7");
        check(123456789.123, "1.23456789123E8");
        check(0.001, "0.001");
        check(0.012, "0.012");
        check(0.25, "0.25");
        check(0.00099, "9.9E-4");
        check(1.5e-7, "1.5E-7");
        check(-1e23, "-1.0E23");
        check(5e-324, "4.9E-324");
        check(2e-323, "2.0E-323");
        check(f64::MAX, "1.7976931348623157E308");
        check(f64::NEG_INFINITY, "-Infinity");
        check(f64::NAN, "NaN");
    }

    #[test]
    fn numbers_are_cut_as_java_casts_them() {
        let check = |text: &str, int: i32, long: i64| {
            assert_eq!((to_int(&value(text)), to_long(&value(text))), (Some(int), Some(long)), "{text}");
        };
        check("1.9", 1, 1);
        check("-1.9", -1, -1);
        check("1e300", i32::MAX, i64::MAX);
        check("nan", 0, 0);
        check("4294967297L", 1, 4294967297);
        check("18446744073709551617n", 1, 1);
        check("-18446744073709551617n", -1, -1);
        check("-12.99m", -12, -12);
        check("1E999999999m", 0, 0);
        assert_eq!(to_double(&value("18446744073709551616n")), Some(18446744073709551616.0));
        assert_eq!(to_double(&Value::EMPTY), None);
    }
}
