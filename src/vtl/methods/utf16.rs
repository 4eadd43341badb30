//! Java counts the UTF-16 units of a string; here it is UTF-8. Where all is ASCII both are the same.

use super::super::fault::Fault;
use super::super::heap::Heap;
use super::super::value::{Text, Value};

/// Looking at every byte is work: about 32 of them a nanosecond, but one character beyond ASCII after the other.
pub fn charge(text: &str, heap: &mut Heap<'_>) -> Result<(), Fault> {
    heap.meter.work(text.len() as u64 / if text.is_ascii() { 256 } else { 4 })
}

/// `length()`.
pub fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() }
}

/// How many units come before a byte.
pub fn units_before(text: &str, byte: usize) -> usize {
    length(text.get(..byte).unwrap_or(text))
}

/// A place between two units of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The byte at which the character starts that the place is before or in.
    pub byte: usize,
    /// Whether it is between the two units of that character.
    pub inside: bool,
}

/// Where a unit starts; nothing beyond the end.
pub fn place(text: &str, unit: usize) -> Option<Place> {
    if text.is_ascii() {
        return (unit <= text.len()).then_some(Place { byte: unit, inside: false });
    }
    let mut units = 0;
    for (byte, character) in text.char_indices() {
        if units == unit {
            return Some(Place { byte, inside: false });
        }
        units += character.len_utf16();
        if units > unit {
            return Some(Place { byte, inside: true });
        }
    }
    (units == unit).then_some(Place { byte: text.len(), inside: false })
}

/// The unit at an index.
pub fn unit(text: &str, index: usize) -> Option<u16> {
    let place = place(text, index)?;
    let character = text.get(place.byte..)?.chars().next()?;
    let units = &mut [0; 2];
    character.encode_utf16(units).get(usize::from(place.inside)).copied()
}

/// What stands between two places. Half of a character is a question mark, as Java's encoders write it.
pub fn between<'a>(
    text: &Text<'a>,
    begin: Place,
    end: Place,
    heap: &mut Heap<'a>,
) -> Result<Value<'a>, Fault> {
    if begin.inside || end.inside {
        let whole_from = if begin.inside { next(text, begin.byte) } else { begin.byte };
        let whole = text.get(whole_from..end.byte).unwrap_or_default();
        let half = |inside: bool| if inside { "?" } else { "" };
        // Both halves may be of one character.
        let begun = half(begin.inside && begin != end);
        return heap.text(format!("{begun}{whole}{}", half(end.inside && begin != end)));
    }
    match text {
        Text::Borrowed(text) => Ok(Value::borrowed(text.get(begin.byte..end.byte).unwrap_or_default())),
        Text::Shared(shared) if begin.byte == 0 && end.byte == shared.len() => {
            Ok(Value::String(text.clone()))
        }
        Text::Part(whole, start, _) => {
            let start = *start as usize;
            Ok(Value::String(Text::part(whole, start + begin.byte, start + end.byte)))
        }
        Text::Escaped(escaped) => Ok(Value::String(Text::part(escaped.meant(), begin.byte, end.byte))),
        Text::Shared(text) => heap.text(text.get(begin.byte..end.byte).unwrap_or_default()),
    }
}

fn next(text: &str, byte: usize) -> usize {
    let character = text.get(byte..).and_then(|rest| rest.chars().next());
    byte + character.map_or(0, char::len_utf8)
}

/// Part of a text that is known to be its slice.
pub fn slice<'a>(text: &Text<'a>, part: &str, heap: &mut Heap<'a>) -> Result<Value<'a>, Fault> {
    let begin = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let place = |byte| Place { byte, inside: false };
    between(text, place(begin), place(begin + part.len()), heap)
}

/// The first units of a text; all of it if it has fewer.
pub fn start(text: &str, units: usize) -> String {
    match place(text, units) {
        Some(Place { byte, inside }) => {
            format!("{}{}", text.get(..byte).unwrap_or_default(), if inside { "?" } else { "" })
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "é😀x";

    #[test]
    fn places_are_counted_in_units() {
        let check = |unit: usize, expected: Option<(usize, bool)>| {
            assert_eq!(place(TEXT, unit).map(|place| (place.byte, place.inside)), expected);
        };
        check(0, Some((0, false)));
        check(1, Some((2, false)));
        check(2, Some((2, true)));
        check(3, Some((6, false)));
        check(4, Some((7, false)));
        check(5, None);
        assert_eq!((length(TEXT), units_before(TEXT, 6), unit(TEXT, 1)), (4, 3, Some(0xd83d)));
        assert_eq!((place("ab", 2).map(|place| place.byte), place("ab", 3)), (Some(2), None));
    }

    #[test]
    fn half_a_character_is_a_question_mark() {
        assert_eq!(
            ["", "é", "é?", "é😀", "é😀x", "é😀x"],
            [0, 1, 2, 3, 4, 5].map(|units| start(TEXT, units))
        );
    }
}
