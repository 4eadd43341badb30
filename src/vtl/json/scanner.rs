//! The words of JSON as RFC 8259 has it. Each function goes past what begins at a place and says where that ends; what
//! it gives nothing for is not wrong: the lenient reader may know what to make of it.

use wide::u8x16;

use super::{DOUBLE_BYTES_MAX, END};

/// Bytes of a string that are looked at at once. Most strings are no longer.
pub(super) const CHUNK_BYTES: usize = 16;

/// A text to go through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'t>(pub &'t [u8]);

impl<'t> Scanner<'t> {
    /// The byte at a place; 0 behind the end.
    #[inline(always)]
    pub fn byte(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The first byte from here on that is no blank.
    #[inline(always)]
    pub fn blanks(self, mut at: usize) -> usize {
        while self.byte(at) <= b' ' && matches!(self.byte(at), b' ' | b'\t' | b'\r' | b'\n') {
            at += 1;
        }
        at
    }

    /// What stands behind `byte` and the blanks around it.
    #[inline(always)]
    pub fn behind(self, byte: u8, at: usize) -> Option<usize> {
        let at = self.blanks(at);
        (self.byte(at) == byte).then(|| self.blanks(at + 1))
    }

    /// A string, a number or a literal.
    #[inline(always)]
    pub fn word(self, at: usize) -> Option<usize> {
        match self.byte(at) {
            b'"' => self.string(at),
            b'0'..=b'9' | b'-' => self.number(at),
            b't' => self.literal(b"true", at),
            b'f' => self.literal(b"false", at),
            b'n' => self.literal(b"null", at),
            _ => None,
        }
    }

    fn literal(self, literal: &[u8], at: usize) -> Option<usize> {
        self.0.get(at..)?.starts_with(literal).then_some(at + literal.len())
    }

    /// One that is not so long as to be a `BigDecimal`, or too long altogether.
    #[inline]
    pub fn number(self, start: usize) -> Option<usize> {
        let mut at = start + usize::from(self.byte(start) == b'-');
        at = if self.byte(at) == b'0' { at + 1 } else { self.digits(at)? };
        if self.byte(at) == b'.' {
            at = self.digits(at + 1)?;
        }
        if matches!(self.byte(at), b'e' | b'E') {
            at = self.digits(at + 1 + usize::from(matches!(self.byte(at + 1), b'+' | b'-')))?;
        }
        (at - start <= DOUBLE_BYTES_MAX).then_some(at)
    }

    /// At least one.
    #[inline]
    fn digits(self, start: usize) -> Option<usize> {
        let mut at = start;
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        (at > start).then_some(at)
    }

    /// A string with its quotes.
    #[inline(always)]
    pub fn string(self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        while let Some(chunk) = self.chunk(at) {
            let telling = telling(*chunk);
            if telling != 0 {
                at += telling.trailing_zeros() as usize;
                return if self.byte(at) == b'"' { Some(at + 1) } else { self.string_end(at) };
            }
            at += CHUNK_BYTES;
        }
        self.string_end(at)
    }

    /// The rest of a string that has escapes, or of one near the end of the text.
    #[inline(never)]
    fn string_end(self, mut at: usize) -> Option<usize> {
        while let Some(chunk) = self.chunk(at) {
            let mut telling = telling(*chunk);
            let mut end = at + CHUNK_BYTES;
            while telling != 0 {
                let place = telling.trailing_zeros();
                let mark = at + place as usize;
                match self.byte(mark) {
                    b'"' => return Some(mark + 1),
                    b'\\' => end = end.max(self.escape(mark)?),
                    // json-smart takes it for the end of the text, though only in a string with escapes.
                    _ => return None,
                }
                // What comes behind a backslash tells nothing.
                telling &= !(0b11 << place);
            }
            at = end;
        }
        loop {
            match self.byte(at) {
                b'"' => return Some(at + 1),
                b'\\' => at = self.escape(at)?,
                0 | END => return None,
                _ => at += 1,
            }
        }
    }

    /// Any character may come behind a backslash. It means itself or is lost.
    #[inline(always)]
    fn escape(self, at: usize) -> Option<usize> {
        match self.byte(at + 1) {
            b'u' => self.unit(at),
            b'x' | 0 | END | 0x80.. => None,
            _ => Some(at + 2),
        }
    }

    /// `\uXXXX`.
    fn unit(self, at: usize) -> Option<usize> {
        let digits = self.0.get(at + 2..at + 6)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)
    }

    #[inline(always)]
    pub fn chunk(self, at: usize) -> Option<&'t [u8; CHUNK_BYTES]> {
        self.0.get(at..)?.first_chunk()
    }
}

/// The places of quotes, backslashes and [`END`].
#[inline(always)]
fn telling(chunk: [u8; CHUNK_BYTES]) -> u32 {
    let bytes = u8x16::new(chunk);
    let is = |byte| bytes.simd_eq(u8x16::splat(byte));
    (is(b'"') | is(b'\\') | is(END)).to_bitmask()
}
