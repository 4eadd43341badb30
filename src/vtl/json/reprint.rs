//! An object or an array of a text as compact JSON, by copying what stands between the blanks.

use wide::u8x16;

use super::compact::Compact;
use super::scanner::{CHUNK_BYTES, Scanner};

/// A part of a text that has been checked, as compact JSON. With `slashes_escaped`, `/` is written `\/`.
///
/// Nothing if something there would have to be written otherwise than it is: a number in another form, an escape that
/// need not be, two equal keys.
pub(in super::super) fn reprint(part: &str, slashes_escaped: bool) -> Option<String> {
    let told_apart = if slashes_escaped { b'/' } else { b'\\' };
    let mut copy = Copy {
        part: Scanner(part.as_bytes()),
        told_apart,
        keys: Keys::none(),
        out: Compact::of(part),
        from: 0,
        to: 0,
    };
    copy.all()?;
    Some(copy.out.finish(copy.to))
}

struct Copy<'t> {
    part: Scanner<'t>,
    /// A byte of strings that is written otherwise: a slash, else a backslash.
    told_apart: u8,
    keys: Keys<'t>,
    out: Compact<'t>,
    /// What has been copied or left out.
    from: usize,
    /// Up to where the copy has come.
    to: usize,
}

/// The keys of the objects that are open.
struct Keys<'t> {
    keys: Vec<&'t [u8]>,
    /// Where those of the innermost object begin; nothing if what is innermost is an array.
    own: Option<usize>,
    /// The same of what is around.
    outer: Vec<Option<usize>>,
}

impl<'t> Keys<'t> {
    fn none() -> Keys<'t> {
        Keys { keys: Vec::with_capacity(16), own: None, outer: Vec::with_capacity(16) }
    }

    fn open(&mut self, is_object: bool) {
        self.outer.push(self.own);
        self.own = is_object.then_some(self.keys.len());
    }

    fn close(&mut self) {
        if let Some(own) = self.own {
            self.keys.truncate(own);
        }
        self.own = self.outer.pop().flatten();
    }

    /// Nothing if the innermost object has the key already, or so many keys that looking through them takes long.
    #[inline(always)]
    fn add(&mut self, key: &'t [u8]) -> Option<()> {
        let own = self.keys.get(self.own?..)?;
        let is_new = own.len() < 32 && own.iter().all(|other| *other != key);
        self.keys.push(key);
        is_new.then_some(())
    }
}

impl<'t> Copy<'t> {
    fn all(&mut self) -> Option<()> {
        let mut at = 0;
        // Each turn goes past a value, or into one that is not empty.
        loop {
            match self.part.byte(at) {
                b'"' => at = self.string(at)?,
                b'-' | b'0'..=b'9' => at = self.number(at)?,
                first @ (b'{' | b'[') => {
                    self.keys.open(first == b'{');
                    at = self.blanks(at + 1);
                    if !matches!(self.part.byte(at), b'}' | b']') {
                        if first == b'{' {
                            at = self.key(at)?;
                        }
                        continue;
                    }
                }
                _ => at = self.part.word(at)?,
            }
            // Behind a value one object or array may end after the other.
            loop {
                at = self.blanks(at);
                if self.part.byte(at) == b',' {
                    break;
                }
                self.keys.close();
                at += 1;
                if at >= self.part.0.len() {
                    self.to = self.out.copy(self.from, at, self.to);
                    return Some(());
                }
            }
            at = self.blanks(at + 1);
            if self.keys.own.is_some() {
                at = self.key(at)?;
            }
        }
    }

    /// Goes past a key and its `:`.
    #[inline(always)]
    fn key(&mut self, start: usize) -> Option<usize> {
        let end = self.string(start)?;
        self.keys.add(self.part.0.get(start..end)?)?;
        let colon = self.blanks(end);
        Some(self.blanks(colon + 1))
    }

    /// Leaves blanks out.
    #[inline(always)]
    fn blanks(&mut self, at: usize) -> usize {
        if self.part.byte(at) > b' ' {
            return at;
        }
        self.to = self.out.copy(self.from, at, self.to);
        self.from = self.part.next(at + 1).0;
        self.from
    }

    /// Goes past a string in which everything is written as it would be.
    #[inline(always)]
    fn string(&self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        while let Some(chunk) = self.part.chunk(at) {
            let bytes = u8x16::new(*chunk);
            let is = |byte| bytes.simd_eq(u8x16::splat(byte));
            let beyond_ascii = bytes.max(u8x16::splat(0x7f)).simd_eq(bytes);
            let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
            let quotes = is(b'"').to_bitmask();
            let others = (is(b'\\') | is(self.told_apart) | beyond_ascii | control).to_bitmask();
            if others != 0 {
                break;
            }
            if quotes != 0 {
                return Some(at + quotes.trailing_zeros() as usize + 1);
            }
            at += CHUNK_BYTES;
        }
        self.rest_of_string(at)
    }

    /// The same from a place on where there may be more than ASCII, escapes and the end of the text.
    #[inline(never)]
    fn rest_of_string(&self, mut at: usize) -> Option<usize> {
        loop {
            let next = self.part.byte(at + 1);
            match self.part.byte(at) {
                b'"' => return Some(at + 1),
                b'\\' if matches!(next, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                b'\\' | 0..0x20 | 0x7f => return None,
                // U+0080 to U+009F, U+2000 to U+20FF.
                0xc2 if next <= 0x9f => return None,
                0xe2 if next <= 0x83 => return None,
                byte if byte == self.told_apart => return None,
                _ => at += 1,
            }
        }
    }

    /// Goes past a number that Java writes as it is.
    #[inline(always)]
    fn number(&self, start: usize) -> Option<usize> {
        let mut end = start + 1;
        while self.part.byte(end).is_ascii_digit() {
            end += 1;
        }
        match self.part.byte(end) {
            b'.' | b'e' | b'E' => self.fraction(start),
            // Minus zero has no sign in Java.
            _ => (self.part.0.get(start..end)? != b"-0").then_some(end),
        }
    }

    fn fraction(&self, start: usize) -> Option<usize> {
        let end = self.part.number(start)?;
        let number = self.part.0.get(start..end)?;
        let digits = number.strip_prefix(b"-").unwrap_or(number);
        let point = digits.iter().position(|byte| !byte.is_ascii_digit())?;
        is_shortest(digits.get(..point)?, digits.get(point..)?).then_some(end)
    }
}

/// Java has an exponent from 10^7 on and below 0.001, and no more digits than needed, but one at least.
fn is_shortest(whole: &[u8], rest: &[u8]) -> bool {
    let [b'.', fraction @ ..] = rest else { return false };
    fraction.iter().all(u8::is_ascii_digit)
        && whole.len() <= 7
        && whole.len() + fraction.len() < 16
        && (fraction == b"0" || !fraction.ends_with(b"0"))
        && (whole != b"0" || !fraction.starts_with(b"0"))
}
