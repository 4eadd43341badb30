//! `String.format`: `%[argument$][flags][width][.precision]conversion`, as `java.util.Formatter` has it.

use std::fmt::Write;

use super::super::decimal::Decimal;
use super::super::fault::Fault;
use super::super::heap::Heap;
use super::super::number;
use super::super::value::Value;
use super::{Result, hash, utf16};
use num_bigint::{BigInt, Sign};

/// The text with every specifier replaced by its argument.
pub fn format<'a>(text: &str, arguments: &[Value<'a>], heap: &mut Heap<'a>) -> Result<'a> {
    let (mut out, mut rest) = (String::new(), text);
    let (mut next, mut last) = (0, None);
    while let Some((plain, specifier)) = rest.split_once('%') {
        heap.push_text(plain, &mut out)?;
        let (specifier, after) = Specifier::parse(specifier)?;
        rest = after;
        match specifier.conversion {
            'n' => heap.push_text("\n", &mut out)?,
            '%' => specifier.push_padded("%", &mut out, heap)?,
            _ => {
                let place = match specifier.argument {
                    Argument::Next => {
                        next += 1;
                        next - 1
                    }
                    Argument::At(place) => place,
                    Argument::Same => last.ok_or_else(|| specifier.fault("no argument comes before it"))?,
                };
                let argument =
                    arguments.get(place).ok_or_else(|| specifier.fault("there is no such argument"))?;
                last = Some(place);
                specifier.push(argument, &mut out, heap)?;
            }
        }
    }
    heap.push_text(rest, &mut out)?;
    heap.text(out)
}

/// One `%…`.
struct Specifier {
    argument: Argument,
    flags: Flags,
    width: Option<usize>,
    precision: Option<usize>,
    conversion: char,
    uppercase: bool,
    written: String,
}

enum Argument {
    Next,
    /// From 0.
    At(usize),
    /// `<`: the one before.
    Same,
}

#[derive(Default)]
struct Flags {
    left: bool,
    alternate: bool,
    plus: bool,
    space: bool,
    zero: bool,
    group: bool,
    parentheses: bool,
}

impl Specifier {
    /// Reads what follows a `%`; gives what comes after.
    fn parse(text: &str) -> Result<'_, (Specifier, &str)> {
        let unknown = || {
            let shown: String = text.chars().take(8).collect();
            Fault::thrown(format!("`%{shown}` is not a format"))
        };
        let (mut argument, mut rest) = (Argument::Next, text);
        if let Some(after) = rest.strip_prefix('<') {
            (argument, rest) = (Argument::Same, after);
        } else if let (Some(place), after) = digits(rest)
            && let Some(after) = after.strip_prefix('$')
        {
            let place = place.parse::<usize>().ok().and_then(|place| place.checked_sub(1));
            (argument, rest) = (Argument::At(place.ok_or_else(unknown)?), after);
        }
        let (flags, after) = Flags::parse(rest)?;
        let (width, after) = number_of(after, unknown)?;
        let (precision, after) = match after.strip_prefix('.') {
            Some(after) => match number_of(after, unknown)? {
                (None, _) => return Err(unknown()),
                precision => precision,
            },
            None => (None, after),
        };
        let conversion = after.chars().next().ok_or_else(unknown)?;
        let after = after.get(conversion.len_utf8()..).unwrap_or_default();
        let written = text.get(..text.len() - after.len()).unwrap_or_default().to_owned();
        let uppercase = matches!(conversion, 'S' | 'X' | 'E' | 'G' | 'B' | 'C' | 'H');
        let conversion = if uppercase { conversion.to_ascii_lowercase() } else { conversion };
        if !"sdxofegbchn%".contains(conversion) {
            return Err(unknown());
        }
        let specifier = Specifier { argument, flags, width, precision, conversion, uppercase, written };
        specifier.checked().map(|specifier| (specifier, after))
    }

    /// What Java refuses of each conversion, in the order of its checks.
    fn checked<'a>(self) -> Result<'a, Specifier> {
        let flags = &self.flags;
        let numeric = flags.plus || flags.space || flags.zero || flags.parentheses;
        let needs_width = (flags.left || flags.zero) && self.width.is_none();
        let wrong = match self.conversion {
            'n' => (self.width.is_some() || self.precision.is_some() || flags.left)
                .then_some("a line end takes neither width nor precision"),
            '%' | 'c' if self.precision.is_some() => Some("it takes no precision"),
            'd' | 'x' | 'o' if self.precision.is_some() => Some("it takes no precision"),
            's' | 'b' | 'h' | 'c' | '%' if numeric || flags.group => Some("its flags are for numbers"),
            's' | 'b' | 'c' | 'd' | '%' | 'g' if flags.alternate => Some("`#` is not for it"),
            'x' | 'o' | 'e' if flags.group => Some("`,` is not for it"),
            _ if needs_width => Some("it needs a width"),
            _ if flags.left && flags.zero => Some("`-` and `0` exclude each other"),
            _ if flags.plus && flags.space => Some("`+` and a space exclude each other"),
            _ => None,
        };
        match wrong {
            Some(wrong) => Err(self.fault(wrong)),
            None => Ok(self),
        }
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::thrown(format!("`%{}`: {what}", self.written))
    }

    fn push<'a>(&self, value: &Value<'a>, out: &mut String, heap: &mut Heap<'a>) -> Result<'a, ()> {
        let mut text = String::new();
        match (self.conversion, value) {
            ('b', Value::Boolean(_)) => heap.print(value, &mut text)?,
            ('b', value) => text.push_str(if value.is_null() { "false" } else { "true" }),
            (_, Value::Null) => text.push_str("null"),
            ('s', value) => heap.print(value, &mut text)?,
            ('h', value) => {
                let _ = write!(text, "{:x}", hash::of(value, heap)?);
            }
            ('c', Value::Character(_)) => heap.print(value, &mut text)?,
            ('c', Value::Integer(point)) => {
                let character = u32::try_from(*point).ok().and_then(char::from_u32);
                text.push(character.ok_or_else(|| self.fault("the argument is no code point"))?);
            }
            ('d' | 'x' | 'o', Value::Integer(_) | Value::Long(_) | Value::BigInteger(_)) => {
                return self.push_whole(value, out, heap);
            }
            ('e' | 'f' | 'g', Value::Double(_) | Value::BigDecimal(_)) => {
                return self.push_real(value, out, heap);
            }
            _ => return Err(self.fault("the argument is of another type")),
        }
        if let Some(precision) = self.precision {
            text = utf16::start(&text, precision);
        }
        self.push_padded(&text, out, heap)
    }

    fn push_whole<'a>(&self, value: &Value<'a>, out: &mut String, heap: &mut Heap<'a>) -> Result<'a, ()> {
        let mut digits = String::new();
        let negative = match (self.conversion, value) {
            ('x', Value::Integer(value)) => write!(digits, "{value:x}").map(|()| false),
            ('x', Value::Long(value)) => write!(digits, "{value:x}").map(|()| false),
            ('o', Value::Integer(value)) => write!(digits, "{value:o}").map(|()| false),
            ('o', Value::Long(value)) => write!(digits, "{value:o}").map(|()| false),
            ('x', Value::BigInteger(value)) => {
                write!(digits, "{:x}", value.magnitude()).map(|()| value.sign() == Sign::Minus)
            }
            ('o', Value::BigInteger(value)) => {
                write!(digits, "{:o}", value.magnitude()).map(|()| value.sign() == Sign::Minus)
            }
            _ => {
                heap.print(value, &mut digits)?;
                let negative = digits.starts_with('-');
                Ok(negative)
            }
        };
        // Writing to a string cannot fail.
        let negative = negative.unwrap_or_default();
        let plain = digits.strip_prefix('-').unwrap_or(&digits);
        let prefix = match self.conversion {
            'x' if self.flags.alternate => "0x",
            'o' if self.flags.alternate => "0",
            _ => "",
        };
        self.push_signed(negative, prefix, plain, out, heap)
    }

    fn push_real<'a>(&self, value: &Value<'a>, out: &mut String, heap: &mut Heap<'a>) -> Result<'a, ()> {
        let (negative, digits) = match value {
            Value::Double(double) if double.is_nan() => return self.push_padded("NaN", out, heap),
            Value::Double(double) if double.is_infinite() => (*double < 0.0, None),
            Value::Double(double) => {
                let mut text = String::new();
                number::push_double(double.abs(), &mut text);
                (double.is_sign_negative(), Decimal::parse(&text))
            }
            Value::BigDecimal(decimal) => {
                let magnitude = BigInt::from(decimal.unscaled.magnitude().clone());
                let negative = decimal.unscaled.sign() == Sign::Minus;
                (negative, Some(Decimal { unscaled: magnitude, scale: decimal.scale }))
            }
            _ => return Ok(()),
        };
        let Some(digits) = digits else {
            let sign = self.sign(negative);
            let closing = if negative && self.flags.parentheses { ")" } else { "" };
            return self.push_padded(&format!("{sign}Infinity{closing}"), out, heap);
        };
        let precision = self.precision.unwrap_or(6);
        heap.meter.allocate(precision)?;
        let written = match self.conversion {
            'f' => fixed(&digits, precision, heap)?,
            'e' => scientific(&digits, precision, heap)?,
            _ => general(&digits, precision.max(1), heap)?,
        };
        let point = if self.flags.alternate && precision == 0 { "." } else { "" };
        let written = match written.split_once('e') {
            Some((mantissa, exponent)) => format!("{mantissa}{point}e{exponent}"),
            None => written + point,
        };
        self.push_signed(negative, "", &written, out, heap)
    }

    /// What goes before the digits.
    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.flags.parentheses) {
            (true, true) => "(",
            (true, false) => "-",
            _ if self.flags.plus => "+",
            _ if self.flags.space => " ",
            _ => "",
        }
    }

    fn push_signed<'a>(
        &self,
        negative: bool,
        prefix: &str,
        digits: &str,
        out: &mut String,
        heap: &mut Heap<'a>,
    ) -> Result<'a, ()> {
        let grouped = if self.flags.group { group(digits) } else { digits.to_owned() };
        let (sign, closing) =
            (self.sign(negative), if negative && self.flags.parentheses { ")" } else { "" });
        let length = sign.len() + prefix.len() + grouped.len() + closing.len();
        let missing = self.width.unwrap_or(0).saturating_sub(length);
        let zeros = if self.flags.zero {
            heap.meter.allocate(missing)?;
            "0".repeat(missing)
        } else {
            String::new()
        };
        self.push_padded(&format!("{sign}{prefix}{zeros}{grouped}{closing}"), out, heap)
    }

    fn push_padded<'a>(&self, text: &str, out: &mut String, heap: &mut Heap<'a>) -> Result<'a, ()> {
        let uppercase = if self.uppercase { text.to_uppercase() } else { String::new() };
        let text = if self.uppercase { &uppercase } else { text };
        let missing = self.width.unwrap_or(0).saturating_sub(utf16::length(text));
        heap.meter.allocate(missing)?;
        let blanks = " ".repeat(missing);
        if self.flags.left {
            heap.push_text(text, out)?;
            heap.push_text(&blanks, out)
        } else {
            heap.push_text(&blanks, out)?;
            heap.push_text(text, out)
        }
    }
}

impl Flags {
    fn parse(text: &str) -> Result<'_, (Flags, &str)> {
        let (mut flags, mut rest) = (Flags::default(), text);
        while let Some(first) = rest.chars().next() {
            let flag = match first {
                '-' => &mut flags.left,
                '#' => &mut flags.alternate,
                '+' => &mut flags.plus,
                ' ' => &mut flags.space,
                '0' => &mut flags.zero,
                ',' => &mut flags.group,
                '(' => &mut flags.parentheses,
                _ => break,
            };
            if *flag {
                return Err(Fault::thrown(format!("the flag `{first}` stands twice in a format")));
            }
            *flag = true;
            rest = rest.get(1..).unwrap_or_default();
        }
        Ok((flags, rest))
    }
}

/// The digits at the start, and the rest.
fn digits(text: &str) -> (Option<&str>, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some((digits, rest)) if end > 0 => (Some(digits), rest),
        _ => (None, text),
    }
}

/// A width or a precision: what an `int` counts.
fn number_of(text: &str, unknown: impl Fn() -> Fault) -> Result<'_, (Option<usize>, &str)> {
    let (digits, rest) = digits(text);
    let number = digits.map(|digits| digits.parse::<i32>().map_err(|_| unknown())).transpose()?;
    Ok((number.map(|number| number.unsigned_abs() as usize), rest))
}

/// The decimal with so many digits after the point, halves rounded up.
fn rounded<'a>(digits: &Decimal, scale: i64, heap: &mut Heap<'a>) -> Result<'a, BigInt> {
    let too_long = || Fault::limit("a number with too many digits");
    let shift = scale - i64::from(digits.scale);
    // Digits that far behind the point round to nothing.
    if shift < -(1 << 20) {
        return Ok(BigInt::ZERO);
    }
    heap.meter.work(1 + digits.unscaled.bits() / 64)?;
    let power = u32::try_from(shift.abs()).ok().filter(|shift| *shift <= 20_000).ok_or_else(too_long)?;
    let power = BigInt::from(10).pow(power);
    heap.meter.work((power.bits() / 64).pow(2) / 16)?;
    Ok(if shift >= 0 { &digits.unscaled * power } else { (&digits.unscaled + &power / 2) / power })
}

/// `%f`: 12.500000.
fn fixed<'a>(digits: &Decimal, precision: usize, heap: &mut Heap<'a>) -> Result<'a, String> {
    // Digits that are not there are zeros; they are added, not calculated.
    let known = precision.min(usize::try_from(digits.scale.max(0)).unwrap_or(0));
    let written = rounded(digits, known as i64, heap)?.to_string();
    let written = format!("{written:0>width$}", width = known + 1);
    let (whole, fraction) = written.split_at_checked(written.len() - known).unwrap_or_default();
    Ok(match precision {
        0 => whole.to_owned(),
        _ => format!("{whole}.{fraction:0<precision$}"),
    })
}

/// `%e`: 1.250000e+01.
fn scientific<'a>(digits: &Decimal, precision: usize, heap: &mut Heap<'a>) -> Result<'a, String> {
    let written = digits.unscaled.to_string();
    let mut exponent = if digits.is_zero() { 0 } else { written.len() as i64 - 1 - i64::from(digits.scale) };
    let known = precision.min(written.len() - 1);
    let mut written = rounded(digits, known as i64 - exponent, heap)?.to_string();
    if written.len() > known + 1 {
        // 9.99 has become 10.0.
        exponent += 1;
        written.pop();
    }
    let (first, fraction) = written.split_at_checked(1).unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    let exponent = exponent.abs();
    Ok(match precision {
        0 => format!("{first}e{sign}{exponent:02}"),
        _ => format!("{first}.{fraction:0<precision$}e{sign}{exponent:02}"),
    })
}

/// `%g`: `%f` from 0.0001 to below 10^precision, else `%e`; so many digits in all.
fn general<'a>(digits: &Decimal, precision: usize, heap: &mut Heap<'a>) -> Result<'a, String> {
    if digits.is_zero() {
        return fixed(digits, precision - 1, heap);
    }
    let written = scientific(digits, precision - 1, heap)?;
    let exponent =
        written.split_once('e').and_then(|(_, exponent)| exponent.parse::<i64>().ok()).unwrap_or(0);
    match usize::try_from(precision as i64 - 1 - exponent) {
        Ok(after_point) if exponent >= -4 => fixed(digits, after_point, heap),
        _ => Ok(written),
    }
}

/// Commas between thousands of the whole part.
fn group(digits: &str) -> String {
    let whole = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    let mut grouped = String::with_capacity(digits.len() + whole / 3);
    for (place, digit) in digits.char_indices() {
        if place > 0 && place < whole && (whole - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
