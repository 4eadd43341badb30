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
/// Works on 64 bytes at once, as one bit each: strings in JSON are short, so a search from quote to quote
/// would spend its time on starting searches and on branches that no processor can foresee.
#[derive(Debug, Clone, Copy)]
pub(super) struct ContainerEnd {
    /// Brackets open, the container's own included.
    depth: usize,
    in_string: bool,
    escaped: bool,
}

const BLOCK: usize = 64;

impl ContainerEnd {
    /// At depth one: just inside the container.
    pub fn new() -> ContainerEnd {
        ContainerEnd { depth: 1, in_string: false, escaped: false }
    }

    /// How many of `bytes` the container has still, its closing bracket included; `None` if all.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        for (index, block) in blocks.iter().enumerate() {
            if let Some(end) = self.find_in(block, BLOCK) {
                return Some(index * BLOCK + end);
            }
        }
        if tail.is_empty() {
            return None;
        }
        let mut last = [b' '; BLOCK];
        for (to, from) in last.iter_mut().zip(tail) {
            *to = *from;
        }
        let end = self.find_in(&last, tail.len())?;
        Some(blocks.len() * BLOCK + end)
    }

    /// The same for one block, of which the first `length` bytes are the body's.
    fn find_in(&mut self, block: &[u8; BLOCK], length: usize) -> Option<usize> {
        let escaped = self.escaped_bytes(block, length);
        let quotes = bits(block, |byte| byte == b'"') & !escaped;
        let strings = up_to_odd(quotes) ^ if self.in_string { u64::MAX } else { 0 };
        self.in_string = strings >> (BLOCK - 1) == 1;
        // `[` and `{`, `]` and `}` differ in this bit only.
        let opens = bits(block, |byte| byte | 0x20 == b'{') & !strings;
        let closes = bits(block, |byte| byte | 0x20 == b'}') & !strings;
        if (closes.count_ones() as usize) < self.depth {
            self.depth = self.depth + opens.count_ones() as usize - closes.count_ones() as usize;
            return None;
        }
        self.walk(opens, closes)
    }

    /// Bracket by bracket, to the one that closes the container.
    fn walk(&mut self, opens: u64, closes: u64) -> Option<usize> {
        let mut brackets = opens | closes;
        while brackets != 0 {
            let lowest = brackets & brackets.wrapping_neg();
            brackets ^= lowest;
            if opens & lowest != 0 {
                self.depth += 1;
            } else {
                self.depth -= 1;
            }
            if self.depth == 0 {
                return Some(lowest.trailing_zeros() as usize + 1);
            }
        }
        None
    }

    /// The bytes that follow a backslash which is not itself escaped.
    fn escaped_bytes(&mut self, block: &[u8; BLOCK], length: usize) -> u64 {
        let mut escaped = u64::from(std::mem::take(&mut self.escaped));
        let mut backslashes = bits(block, |byte| byte == b'\\') & !escaped;
        while backslashes != 0 {
            let next = backslashes.trailing_zeros() as usize + 1;
            if next == length {
                self.escaped = true;
                break;
            }
            escaped |= 1 << next;
            backslashes &= !(0b11 << (next - 1));
        }
        escaped
    }
}

/// One bit for each byte, the first byte's lowest. Written so that compilers use vector instructions:
/// the comparison gives bytes of 0 or 1, the multiplication gathers eight of them in its highest byte.
#[inline(always)]
fn bits(block: &[u8; BLOCK], wanted: impl Fn(u8) -> bool) -> u64 {
    let mut hits = [0_u8; BLOCK];
    for (hit, byte) in hits.iter_mut().zip(block) {
        *hit = u8::from(wanted(*byte));
    }
    let (words, _) = hits.as_chunks::<8>();
    words
        .iter()
        .rev()
        .fold(0, |bits, word| bits << 8 | u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56)
}

/// Each bit says whether an odd number of `marks` is at or below it: with quotes, whether it is in a string.
fn up_to_odd(mut marks: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        marks ^= marks << shift;
    }
    marks
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
        fn blocks_and_bytes_agree(bytes in "[\\[\\]{}\"\\\\ a]{0,300}", size in 1_usize..100) {
            let mut end = ContainerEnd::new();
            let found = in_chunks(bytes.as_bytes(), size, |chunk| end.find(chunk));
            prop_assert_eq!(found, container_end(bytes.as_bytes()));
        }
    }
}
