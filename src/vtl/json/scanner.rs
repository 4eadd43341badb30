//! The words of JSON as RFC 8259 has it, one after the other. What it gives nothing for is not wrong: the lenient
//! reader may know what to make of it.

use wide::u8x16;

use super::DOUBLE_BYTES_MAX;

/// Bytes of a string that are looked at at once. Most strings are no longer.
pub(super) const CHUNK_BYTES: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Scanner<'t> {
    pub bytes: &'t [u8],
    pub at: usize,
}

/// The text between two quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted {
    pub start: usize,
    pub end: usize,
    /// It has escapes.
    pub escaped: bool,
}

/// What is no array and no object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar {
    Null,
    Boolean(bool),
    Number { start: usize, end: usize, is_whole: bool },
    String(Quoted),
}

impl Scanner<'_> {
    /// The next byte that is no blank; 0 at the end.
    #[inline]
    pub fn next(&mut self) -> u8 {
        loop {
            match self.byte() {
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// Goes past a byte that must come next.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        let found = self.next() == byte;
        self.at += 1;
        found.then_some(())
    }

    /// Goes past the word that begins with `first`, the byte that comes next.
    #[inline]
    pub fn scalar(&mut self, first: u8) -> Option<Scalar> {
        match first {
            b'"' => self.string().map(Scalar::String),
            b'0'..=b'9' | b'-' => self.number(),
            b't' => self.word(b"true", Scalar::Boolean(true)),
            b'f' => self.word(b"false", Scalar::Boolean(false)),
            b'n' => self.word(b"null", Scalar::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &[u8], scalar: Scalar) -> Option<Scalar> {
        let found = self.bytes.get(self.at..)?.starts_with(word);
        self.at += word.len();
        found.then_some(scalar)
    }

    /// One that is not so long as to be a `BigDecimal`, or too long altogether.
    fn number(&mut self) -> Option<Scalar> {
        let start = self.at;
        self.at += usize::from(self.byte() == b'-');
        match self.byte() {
            b'0' => self.at += 1,
            _ => self.digits()?,
        }
        let mut is_whole = true;
        if self.byte() == b'.' {
            is_whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), b'e' | b'E') {
            is_whole = false;
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), b'+' | b'-'));
            self.digits()?;
        }
        let end = self.at;
        (end - start <= DOUBLE_BYTES_MAX).then_some(Scalar::Number { start, end, is_whole })
    }

    /// At least one.
    #[inline]
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.byte().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// A string, from its opening quote on.
    #[inline]
    pub fn string(&mut self) -> Option<Quoted> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at += self.plain_bytes();
            match self.byte() {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                // A control character, or the end.
                _ => return None,
            }
        }
        self.at += 1;
        Some(Quoted { start, end: self.at - 1, escaped })
    }

    /// How many bytes come before a quote, a backslash, a control character or the end.
    #[inline]
    fn plain_bytes(&self) -> usize {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (chunks, tail) = rest.as_chunks::<CHUNK_BYTES>();
        for (number, chunk) in chunks.iter().enumerate() {
            let telling = telling(*chunk);
            if telling != 0 {
                return number * CHUNK_BYTES + telling.trailing_zeros() as usize;
            }
        }
        let is_telling = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        rest.len() - tail.len() + tail.iter().position(is_telling).unwrap_or(tail.len())
    }

    fn escape(&mut self) -> Option<()> {
        self.at += 2;
        match self.bytes.get(self.at - 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.bytes.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    #[inline]
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }
}

/// The places of quotes, backslashes and control characters.
#[inline]
fn telling(chunk: [u8; CHUNK_BYTES]) -> u32 {
    let bytes = u8x16::new(chunk);
    let is = |byte| bytes.simd_eq(u8x16::splat(byte));
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    (is(b'"') | is(b'\\') | control).to_bitmask()
}
