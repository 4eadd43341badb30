//! Goes to the end of a string or a container that nobody asked to look into.
//! Looks at quotes, escapes and brackets only: this is where a scan spends its time on a healthy body.

use memchr::memchr2;

/// The rest of a string, after its opening quote.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StringEnd {
    /// The last byte seen was a backslash that takes away the next one's meaning.
    escaped: bool,
}

impl StringEnd {
    /// How many of `bytes` the string has still, its closing quote included; `None` if all.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = usize::from(!bytes.is_empty() && std::mem::take(&mut self.escaped));
        loop {
            let rest = bytes.get(at..)?;
            let mark = memchr2(b'"', b'\\', rest)?;
            if rest.get(mark) == Some(&b'"') {
                return Some(at + mark + 1);
            }
            at += mark + 2;
            self.escaped = at > bytes.len();
        }
    }
}

/// The rest of an array or object, after its opening bracket. The kinds of bracket are not told apart.
///
/// Takes in eight bytes at once: strings in JSON are short, so a search from quote to quote would spend its
/// time on starting searches, and a byte at a time on branches that no processor can foresee.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContainerEnd {
    /// Brackets open, the container's own included.
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl ContainerEnd {
    /// At depth one: just inside the container.
    pub fn new() -> ContainerEnd {
        ContainerEnd { depth: 1, in_string: false, escaped: false }
    }

    /// How many of `bytes` the container has still, its closing bracket included; `None` if all.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let (words, tail) = bytes.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            if !self.pass(u64::from_le_bytes(*word))
                && let Some(end) = self.walk(word)
            {
                return Some(index * 8 + end);
            }
        }
        self.walk(tail).map(|end| words.len() * 8 + end)
    }

    /// Takes in eight bytes, unless there is an escape or perhaps the end among them.
    #[inline]
    fn pass(&mut self, word: u64) -> bool {
        if self.escaped || marks(word, b'\\') != 0 {
            return false;
        }
        let strings = odd_up_to(marks(word, b'"')) ^ if self.in_string { u64::MAX } else { 0 };
        // `[` and `{`, `]` and `}` differ in this bit only.
        let folded = word | every_byte(0x20);
        let opens = count(marks(folded, b'{') & !strings);
        let closes = count(marks(folded, b'}') & !strings);
        if closes >= self.depth {
            return false;
        }
        self.depth = self.depth + opens - closes;
        self.in_string = strings >> 63 == 1;
        true
    }

    /// Byte by byte.
    fn walk(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' if !self.escaped => self.in_string = !self.in_string,
                b'[' | b'{' if !self.in_string => self.depth += 1,
                b']' | b'}' if !self.in_string => self.depth -= 1,
                _ => {}
            }
            if self.depth == 0 {
                return Some(at + 1);
            }
            self.escaped = *byte == b'\\' && !self.escaped;
        }
        None
    }
}

/// Eight times the same byte.
const fn every_byte(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte that is `wanted` (Hacker's Delight, 6-1: find a zero byte, without carries).
#[inline]
fn marks(word: u64, wanted: u8) -> u64 {
    const LOW: u64 = every_byte(0x7F);
    let different = word ^ every_byte(wanted);
    !(((different & LOW) + LOW) | different | LOW)
}

/// How many bytes are marked.
#[inline]
fn count(marks: u64) -> usize {
    ((marks >> 7).wrapping_mul(every_byte(1)) >> 56) as usize
}

/// Marks each byte up to which, itself included, an odd number is marked: with quotes, what is in a string.
#[inline]
fn odd_up_to(mut marks: u64) -> u64 {
    marks ^= marks << 8;
    marks ^= marks << 16;
    marks ^ marks << 32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, said plainly.
    fn container_end(bytes: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (1, false, false);
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' if !escaped => in_string = !in_string,
                b'[' | b'{' if !in_string => depth += 1,
                b']' | b'}' if !in_string => depth -= 1,
                _ => {}
            }
            escaped = *byte == b'\\' && !escaped;
            if depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }

    fn in_chunks(bytes: &[u8], size: usize, mut find: impl FnMut(&[u8]) -> Option<usize>) -> Option<usize> {
        let mut before = 0;
        for chunk in bytes.chunks(size) {
            if let Some(end) = find(chunk) {
                return Some(before + end);
            }
            before += chunk.len();
        }
        None
    }

    #[track_caller]
    fn check_container(bytes: &str, expected: Option<usize>) {
        for size in 1..=bytes.len().max(1) {
            let mut end = ContainerEnd::new();
            assert_eq!(in_chunks(bytes.as_bytes(), size, |c| end.find(c)), expected, "{bytes} by {size}");
        }
    }

    #[track_caller]
    fn check_string(bytes: &str, expected: Option<usize>) {
        for size in 1..=bytes.len().max(1) {
            let mut end = StringEnd::default();
            assert_eq!(in_chunks(bytes.as_bytes(), size, |c| end.find(c)), expected, "{bytes} by {size}");
        }
    }

    #[test]
    fn a_container_ends_with_its_own_bracket() {
        check_container("]", Some(1));
        check_container("[],{\"a\":[1]}] , 2", Some(13));
        check_container("\"]\",\"\\\"]\"]x", Some(10));
        check_container("\"\\\\\"]", Some(5));
        check_container(&format!("{}]", " ".repeat(200)), Some(201));
        check_container(&format!("\"{}\"]", "\\\\".repeat(70)), Some(143));
        check_container("[\"unfinished]]", None);
        check_container("", None);
    }

    #[test]
    fn a_string_ends_with_a_quote_that_is_not_escaped() {
        check_string("\"", Some(1));
        check_string("a\\\"b\\\\\" \"", Some(7));
        check_string("a\\\\\\\"", None);
        check_string("", None);
    }

    proptest! {
        #[test]
        fn words_and_bytes_agree(bytes in "[\\[\\]{}\"\\\\ a]{0,300}", size in 1_usize..100) {
            let mut end = ContainerEnd::new();
            let found = in_chunks(bytes.as_bytes(), size, |chunk| end.find(chunk));
            prop_assert_eq!(found, container_end(bytes.as_bytes()));
        }
    }
}
