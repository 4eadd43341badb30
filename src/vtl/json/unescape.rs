//! What the escapes of a string stand for.

use std::cell::OnceCell;
use std::rc::Rc;

use wide::u8x16;

use super::super::value::Text;
use super::compact::Compact;
use super::scanner::{CHUNK_BYTES, Scanner};

/// A string with escapes that have been checked. What they stand for is found out when somebody first reads it.
#[derive(Debug)]
pub struct Escaped<'a> {
    written: Text<'a>,
    meant: OnceCell<Rc<String>>,
}

impl<'a> Escaped<'a> {
    pub(super) fn new(written: Text<'a>) -> Escaped<'a> {
        Escaped { written, meant: OnceCell::new() }
    }

    /// The string without its escapes.
    pub fn meant(&self) -> &Rc<String> {
        self.meant.get_or_init(|| Rc::new(unescape(&self.written)))
    }
}

/// The string without its escapes, which have been checked. As json-smart does, drops control characters from such a
/// string.
pub(super) fn unescape(escaped: &str) -> String {
    let text = Scanner(escaped.as_bytes());
    // What an escape stands for is no longer than it.
    let mut out = Compact::of(escaped);
    let (mut from, mut to) = (0, 0);
    while let Some(chunk) = text.chunk(from) {
        let (start, end) = (from, from + CHUNK_BYTES);
        let mut marks = marks(*chunk);
        // Where the next mark is does not wait for what comes of this one.
        while marks != 0 {
            let at = start + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            // What is behind a backslash is none.
            if at >= from {
                to = out.copy(from, at, to);
                (from, to) = mark(text, at, &mut out, to);
            }
        }
        if from < end {
            to = out.copy(from, end, to);
            from = end;
        }
    }
    while from < escaped.len() {
        match text.byte(from) {
            b'\\' | 0..0x20 | 0x7f => (from, to) = mark(text, from, &mut out, to),
            byte => (from, to) = (from + 1, out.put(byte, to)),
        }
    }
    out.finish(to)
}

/// Where there are backslashes and control characters.
#[inline(always)]
fn marks(chunk: [u8; CHUNK_BYTES]) -> u32 {
    let bytes = u8x16::new(chunk);
    let is = |byte| bytes.simd_eq(u8x16::splat(byte));
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (is(b'\\') | is(0x7f) | control).to_bitmask()
}

/// Writes what a backslash and what is behind it mean; a control character means nothing. Says where both go on.
#[inline(always)]
fn mark(text: Scanner<'_>, from: usize, out: &mut Compact<'_>, to: usize) -> (usize, usize) {
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
    (from + 2, out.put(meaning, to))
}

/// Bytes of `\uXXXX`.
const UNIT_BYTES: usize = 6;

/// A row of `\uXXXX`: two of them may be one character. Half of one is U+FFFD.
#[inline(never)]
fn units(text: Scanner<'_>, from: usize, out: &mut Compact<'_>, mut to: usize) -> (usize, usize) {
    let (escapes, _) = text.0.get(from..).unwrap_or_default().as_chunks::<UNIT_BYTES>();
    let unit = |[backslash, u, digits @ ..]: &[u8; UNIT_BYTES]| {
        let value = |value, digit: &u8| value << 4 | char::from(*digit).to_digit(16).unwrap_or(0) as u16;
        ([*backslash, *u] == *br"\u").then(|| digits.iter().fold(0, value))
    };
    let units = escapes.iter().map_while(unit);
    let length = units.clone().count() * UNIT_BYTES;
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            to = out.put(byte, to);
        }
    }
    (from + length, to)
}
