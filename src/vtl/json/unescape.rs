//! What the escapes of a string stand for.

use wide::u8x16;

use super::scanner::{CHUNK_BYTES, Scanner};

/// The string without its escapes, which have been checked. As json-smart does, drops control characters from such a
/// string.
pub(super) fn unescape(escaped: &str) -> String {
    let text = Scanner(escaped.as_bytes());
    // What an escape stands for is no longer than it; a whole chunk is written where its beginning is wanted.
    let mut out = vec![0; escaped.len() + CHUNK_BYTES];
    let (mut from, mut to) = (0, 0);
    while let Some(chunk) = text.chunk(from) {
        if let Some(place) = out.get_mut(to..).and_then(|rest| rest.first_chunk_mut()) {
            *place = *chunk;
        }
        match telling(*chunk) {
            0 => (from, to) = (from + CHUNK_BYTES, to + CHUNK_BYTES),
            telling => {
                let plain = telling.trailing_zeros() as usize;
                (from, to) = mark(text, from + plain, &mut out, to + plain);
            }
        }
    }
    while from < escaped.len() {
        match text.byte(from) {
            b'\\' | 0..0x20 | 0x7f => (from, to) = mark(text, from, &mut out, to),
            byte => {
                if let Some(place) = out.get_mut(to) {
                    *place = byte;
                }
                (from, to) = (from + 1, to + 1);
            }
        }
    }
    out.truncate(to);
    // It is UTF-8: whole characters were copied and whole characters put in their place.
    String::from_utf8(out).unwrap_or_default()
}

/// Where there are backslashes and control characters.
#[inline]
fn telling(chunk: [u8; CHUNK_BYTES]) -> u32 {
    let bytes = u8x16::new(chunk);
    let is = |byte| bytes.simd_eq(u8x16::splat(byte));
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (is(b'\\') | is(0x7f) | control).to_bitmask()
}

/// Writes what a backslash and what is behind it mean; a control character means nothing. Says where both go on.
#[inline]
fn mark(text: Scanner<'_>, from: usize, out: &mut [u8], to: usize) -> (usize, usize) {
    if text.byte(from) != b'\\' {
        return (from + 1, to);
    }
    let meaning = match text.byte(from + 1) {
        itself @ (b'"' | b'\\' | b'/' | b'\'') => itself,
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => b'\x08',
        b'f' => b'\x0c',
        b'u' => return units(text, from, out, to),
        // Any other character is lost.
        _ => return (from + 2, to),
    };
    if let Some(place) = out.get_mut(to) {
        *place = meaning;
    }
    (from + 2, to + 1)
}

/// Bytes of `\uXXXX`.
const UNIT_BYTES: usize = 6;

/// A row of `\uXXXX`: two of them may be one character. Half of one is U+FFFD.
fn units(text: Scanner<'_>, from: usize, out: &mut [u8], mut to: usize) -> (usize, usize) {
    let (escapes, _) = text.0.get(from..).unwrap_or_default().as_chunks::<UNIT_BYTES>();
    let unit = |[backslash, u, digits @ ..]: &[u8; UNIT_BYTES]| {
        let value = |value, digit: &u8| value << 4 | char::from(*digit).to_digit(16).unwrap_or(0) as u16;
        ([*backslash, *u] == *br"\u").then(|| digits.iter().fold(0, value))
    };
    let units = escapes.iter().map_while(unit);
    let length = units.clone().count() * UNIT_BYTES;
    for character in char::decode_utf16(units) {
        let mut bytes = [0; 4];
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut bytes);
        if let Some(place) = out.get_mut(to..to + character.len()) {
            place.copy_from_slice(character.as_bytes());
        }
        to += character.len();
    }
    (from + length, to)
}
