//! An object or an array of a text as compact JSON, by copying what stands between the blanks.

use smallvec::SmallVec;
use wide::u8x16;

use super::scanner::{CHUNK_BYTES, Scanner};

/// Adds a part of a text that has been checked to `out`, as compact JSON. With `slashes_escaped`, `/` is written `\/`.
///
/// Nothing comes of it if something there would have to be written otherwise than it is: a number in another form, an
/// escape that need not be, two equal keys.
pub(in super::super) fn reprint(part: &str, slashes_escaped: bool, out: &mut String) -> bool {
    let length = out.len();
    let told_apart = if slashes_escaped { b'/' } else { b'"' };
    let copied = Copy { part, words: Scanner(part.as_bytes()), told_apart }.to(out).is_some();
    if !copied {
        out.truncate(length);
    }
    copied
}

struct Copy<'t> {
    part: &'t str,
    words: Scanner<'t>,
    /// A byte of strings that is written otherwise, or a quote.
    told_apart: u8,
}

/// The keys of the objects that are open, and how many of them belong to those around the innermost.
#[derive(Default)]
struct Keys<'t> {
    keys: SmallVec<[&'t str; 32]>,
    outer: SmallVec<[usize; 16]>,
}

impl<'t> Keys<'t> {
    fn open(&mut self) {
        self.outer.push(self.keys.len());
    }

    fn close(&mut self) {
        self.keys.truncate(self.outer.pop().unwrap_or_default());
    }

    /// Nothing if the innermost object has the key already, or so many keys that looking through them takes long.
    fn add(&mut self, key: &'t str) -> Option<()> {
        let own = self.keys.get(self.outer.last().copied().unwrap_or_default()..)?;
        let is_new = own.len() < 32 && own.iter().all(|other| *other != key);
        self.keys.push(key);
        is_new.then_some(())
    }
}

impl<'t> Copy<'t> {
    fn to(&self, out: &mut String) -> Option<()> {
        out.reserve(self.part.len());
        let mut keys = Keys::default();
        // From here on nothing has been copied yet.
        let mut from = 0;
        let mut at = 0;
        while at < self.part.len() {
            match self.words.byte(at) {
                b'"' => {
                    let end = self.string(at)?;
                    if self.words.byte(self.words.blanks(end)) == b':' {
                        keys.add(self.part.get(at..end)?)?;
                    }
                    at = end;
                }
                b'-' | b'0'..=b'9' => at = self.number(at)?,
                b' ' | b'\t' | b'\r' | b'\n' => {
                    out.push_str(self.part.get(from..at)?);
                    at = self.words.blanks(at);
                    from = at;
                }
                mark => {
                    match mark {
                        b'{' => keys.open(),
                        b'}' => keys.close(),
                        _ => {}
                    }
                    at += 1;
                }
            }
        }
        out.push_str(self.part.get(from..)?);
        Some(())
    }

    /// Goes past a string in which everything is written as it would be.
    fn string(&self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            at += self.plain_bytes(at);
            match self.words.byte(at) {
                b'"' => return Some(at + 1),
                b'\\'
                    if matches!(self.words.byte(at + 1), b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') =>
                {
                    at += 2;
                }
                // U+0080 to U+009F, U+2000 to U+20FF.
                0xc2 if self.words.byte(at + 1) <= 0x9f => return None,
                0xe2 if self.words.byte(at + 1) <= 0x83 => return None,
                0x80.. => at += 1,
                _ => return None,
            }
        }
    }

    /// How many bytes come before one that must be looked at.
    fn plain_bytes(&self, start: usize) -> usize {
        let mut at = start;
        while let Some(chunk) = self.words.chunk(at) {
            let bytes = u8x16::new(*chunk);
            let is = |byte| bytes.simd_eq(u8x16::splat(byte));
            let beyond_ascii = bytes.max(u8x16::splat(0x7f)).simd_eq(bytes);
            let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
            let marks = is(b'"') | is(b'\\') | is(self.told_apart);
            let telling = (marks | beyond_ascii | control).to_bitmask();
            if telling != 0 {
                return at - start + telling.trailing_zeros() as usize;
            }
            at += CHUNK_BYTES;
        }
        let is_plain = |byte| !matches!(byte, b'"' | b'\\' | 0..0x20 | 0x7f..) && byte != self.told_apart;
        while is_plain(self.words.byte(at)) {
            at += 1;
        }
        at - start
    }

    /// Goes past a number that Java writes as it is.
    fn number(&self, start: usize) -> Option<usize> {
        let end = self.words.number(start)?;
        let number = self.part.get(start..end)?;
        let digits = number.strip_prefix('-').unwrap_or(number);
        let is_same = match digits.split_once('.') {
            None => !digits.contains(['e', 'E']) && number != "-0",
            // Java has an exponent from 10^7 on and below 0.001, and no more digits than needed, but one at least.
            Some((whole, fraction)) => {
                let is_short = whole.len() <= 7 && digits.len() <= 16;
                let is_shortest = fraction == "0" || !fraction.ends_with('0');
                is_short
                    && is_shortest
                    && (whole != "0" || !fraction.starts_with('0'))
                    && !fraction.contains(['e', 'E'])
            }
        };
        is_same.then_some(end)
    }
}
