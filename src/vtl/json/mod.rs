//! JSON text as json-smart's permissive parser reads it, the one behind API Gateway.
//!
//! Nearly every body is JSON as RFC 8259 has it. Such a text is checked once, from end to end, and only an
//! `Outline` is made of it: its objects and arrays become values when a template first looks into them. Any other
//! text goes to the `lenient` reader, which makes all of it at once. What a template sees is the same.

mod check;
mod compact;
mod lenient;
mod outline;
mod reprint;
mod scanner;
mod unescape;

use std::rc::Rc;

use super::decimal::Decimal;
use super::fault::Fault;
use super::heap::Heap;
use super::value::{Text, Value};

use outline::Outline;
pub(super) use outline::{Part, Unread};
pub(super) use reprint::reprint;
pub use unescape::Escaped;

/// The value that the text stands for. Strings without escapes are parts of the text.
///
/// Numbers are an `Integer`, `Long` or `BigInteger` when they have neither point nor exponent, else a `Double`, or a
/// `BigDecimal` when they are written with more than 18 characters. Of equal keys the last value counts, in the place
/// of the first.
///
/// # Errors
/// [`Thrown`](super::FaultKind::Thrown) where the text starts as JSON and is none, [`Limit`](super::FaultKind::Limit)
/// where it is nested too deep or too much.
pub fn parse<'a>(text: &'a str, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    read(Whole::Borrowed(text), heap)
}

/// The same of a string that the render may have made.
///
/// # Errors
/// See [`parse`].
pub fn parse_text<'a>(text: &Text<'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    match text {
        Text::Borrowed(text) => parse(text, heap),
        Text::Escaped(text) => read(Whole::Shared(Rc::clone(text.meant())), heap),
        Text::Part(whole, 0, end) if *end as usize == whole.len() => {
            read(Whole::Shared(Rc::clone(whole)), heap)
        }
        text => {
            heap.meter.allocate(text.len())?;
            read(Whole::Shared(Rc::new(String::from(&**text))), heap)
        }
    }
}

fn read<'a>(whole: Whole<'a>, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    heap.meter.work(whole.text().len() as u64 / 32)?;
    match Outline::of(&whole, &heap.meter) {
        Some(outline) => outline.document(heap),
        None => lenient::read(&whole, heap),
    }
}

/// A number as Java has it; `is_whole` where it has neither point nor exponent. (`-` alone is 0 to json-smart.)
fn number<'a>(text: &str, is_whole: bool) -> Option<Value<'a>> {
    match is_whole {
        true if text == "-" => Some(Value::Integer(0)),
        true => super::number::integer(text),
        false if text.len() > DOUBLE_BYTES_MAX => {
            Decimal::parse(text).map(|value| Value::BigDecimal(Rc::new(value)))
        }
        false => super::number::float(text).map(Value::Double),
    }
}

/// A number with a fraction that is written longer is a `BigDecimal`.
const DOUBLE_BYTES_MAX: usize = 18;

/// json-smart takes this character for the end of the text.
const END: u8 = 0x1a;

/// The text that values are parts of.
#[derive(Debug, Clone)]
enum Whole<'a> {
    Borrowed(&'a str),
    Shared(Rc<String>),
}

impl<'a> Whole<'a> {
    fn text(&self) -> &str {
        match self {
            Whole::Borrowed(text) => text,
            Whole::Shared(text) => text,
        }
    }

    fn part(&self, start: usize, end: usize) -> Text<'a> {
        match self {
            Whole::Borrowed(text) => Text::Borrowed(text.get(start..end).unwrap_or_default()),
            Whole::Shared(text) => Text::part(text, start, end),
        }
    }
}

#[cfg(test)]
mod tests;
