//! The words of JSON as RFC 8259 has it. Each function goes past what begins at a place and says where that ends; what
//! it gives nothing for is not wrong: the lenient reader may know what to make of it.

use memchr::memchr;
use wide::u8x16;

use super::{DOUBLE_BYTES_MAX, END};

/// Bytes of a string that are looked at at once. Most strings are no longer.
pub(super) const CHUNK_BYTES: usize = 16;

/// A text to go through.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'t>(pub &'t [u8]);

/// How far a string without escapes reaches.
pub(super) enum Plain {
    /// To here, with its quotes.
    Ends(usize),
    /// It has escapes or is near the end of the text. Before this place there are none.
    Unsure(usize),
}

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

    /// Where the first byte from here on is that is no blank, and that byte.
    #[inline(always)]
    pub fn next(self, at: usize) -> (usize, u8) {
        // Mostly there is one blank or none.
        match self.0.get(at..).and_then(|rest| rest.first_chunk()) {
            Some([b' ', second]) if *second > b' ' => (at + 1, *second),
            Some([first, _]) if *first > b' ' => (at, *first),
            _ => self.far_next(at),
        }
    }

    #[inline(never)]
    fn far_next(self, at: usize) -> (usize, u8) {
        let at = self.blanks(at);
        (at, self.byte(at))
    }

    /// What follows `mark`, before which there may be blanks, too.
    #[inline(always)]
    pub fn behind(self, mark: u8, at: usize) -> Option<(usize, u8)> {
        self.close_behind(mark, at).or_else(|| self.far_behind(mark, at))
    }

    /// The same if there is no blank before `mark`, and one or none behind it.
    #[inline(always)]
    pub fn close_behind(self, mark: u8, at: usize) -> Option<(usize, u8)> {
        match self.0.get(at..)?.first_chunk()? {
            [first, b' ', second] if *first == mark && *second > b' ' => Some((at + 2, *second)),
            [first, second, _] if *first == mark && *second > b' ' => Some((at + 1, *second)),
            _ => None,
        }
    }

    #[inline(never)]
    fn far_behind(self, mark: u8, at: usize) -> Option<(usize, u8)> {
        let (at, found) = self.far_next(at);
        (found == mark).then(|| self.far_next(at + 1))
    }

    /// A number or a literal.
    #[inline(always)]
    pub fn word(self, at: usize) -> Option<usize> {
        match self.byte(at) {
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
    #[inline(always)]
    pub fn number(self, start: usize) -> Option<usize> {
        // Most are short and whole.
        if matches!(self.byte(start), b'1'..=b'9') {
            let mut at = start + 1;
            while self.byte(at).is_ascii_digit() {
                at += 1;
            }
            if !matches!(self.byte(at), b'.' | b'e' | b'E') {
                return (at - start <= DOUBLE_BYTES_MAX).then_some(at);
            }
        }
        self.any_number(start)
    }

    #[inline(never)]
    fn any_number(self, start: usize) -> Option<usize> {
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

    /// A string with its quotes, if it has no escapes.
    #[inline(always)]
    pub fn plain_string(self, start: usize) -> Plain {
        let at = start + 1;
        let Some(chunk) = self.chunk(at) else { return Plain::Unsure(at) };
        match marks(*chunk) {
            [0, 0] => self.long_plain_string(at + CHUNK_BYTES),
            [quotes, 0] => Plain::Ends(at + quotes.trailing_zeros() as usize + 1),
            _ => Plain::Unsure(at),
        }
    }

    #[inline(never)]
    fn long_plain_string(self, mut at: usize) -> Plain {
        while let Some(chunk) = self.chunk(at) {
            let [quotes, escapes] = marks(*chunk);
            if escapes != 0 {
                break;
            }
            if quotes != 0 {
                return Plain::Ends(at + quotes.trailing_zeros() as usize + 1);
            }
            at += CHUNK_BYTES;
        }
        Plain::Unsure(at)
    }

    /// The rest of a string that has escapes or is near the end of the text, and whether it has any. Any character may
    /// come behind a backslash: it means itself or is lost.
    #[inline(never)]
    pub fn unsure_string(self, start: usize, mut at: usize) -> Option<(usize, bool)> {
        let mut has_escapes = false;
        while let Some(chunk) = self.chunk(at) {
            let [quotes, escapes] = marks(*chunk);
            let mut marks = quotes | escapes;
            let mut end = at + CHUNK_BYTES;
            while marks != 0 {
                let place = marks.trailing_zeros();
                let mark = at + place as usize;
                if quotes >> place & 1 == 1 {
                    return self.is_whole(start, mark, has_escapes).then_some((mark + 1, has_escapes));
                }
                has_escapes = true;
                end = end.max(self.escape(mark)?);
                // What comes behind a backslash is no mark.
                marks &= !(0b11 << place);
            }
            at = end;
        }
        loop {
            match self.byte(at) {
                b'"' => break,
                b'\\' => {
                    has_escapes = true;
                    at = self.escape(at)?;
                }
                0 => return None,
                _ => at += 1,
            }
        }
        self.is_whole(start, at, has_escapes).then_some((at + 1, has_escapes))
    }

    /// json-smart takes [`END`] for the end of the text, though only in a string with escapes.
    fn is_whole(self, start: usize, end: usize, has_escapes: bool) -> bool {
        !has_escapes || memchr(END, self.0.get(start..end).unwrap_or_default()).is_none()
    }

    #[inline(always)]
    fn escape(self, at: usize) -> Option<usize> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'/' => Some(at + 2),
            b'u' => self.unit(at),
            b'x' | 0 | 0x80.. => None,
            _ => Some(at + 2),
        }
    }

    /// `\uXXXX`.
    fn unit(self, at: usize) -> Option<usize> {
        let digits = self.0.get(at + 2..at + 6)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 2)
    }

    #[inline(always)]
    pub fn chunk(self, at: usize) -> Option<&'t [u8; CHUNK_BYTES]> {
        self.0.get(at..)?.first_chunk()
    }
}

/// The places of quotes, and those of backslashes.
#[inline(always)]
fn marks(chunk: [u8; CHUNK_BYTES]) -> [u32; 2] {
    let bytes = u8x16::new(chunk);
    [b'"', b'\\'].map(|byte| bytes.simd_eq(u8x16::splat(byte)).to_bitmask())
}
