//! Sixty-four bytes of JSON at once, as sets of places: bit 0 stands for the first byte. No branch depends on what
//! the bytes are (after Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019, section 3.1).

use wide::u8x64;

/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 64;

/// Where the bytes so far have left off.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    in_string: bool,
    /// The last byte was a backslash that takes away the next one's meaning.
    escaped: bool,
}

/// The brackets of a block that stand in no string. The kinds of bracket are not told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Brackets {
    pub opens: u64,
    pub closes: u64,
}

impl Position {
    /// Goes past the first `length` bytes of a block; those after them are blanks.
    #[inline(always)]
    pub fn pass(&mut self, block: [u8; BLOCK_BYTES], length: usize) -> Brackets {
        let bytes = u8x64::new(block);
        let quotes = places(bytes, b'"') & !self.pass_escapes(places(bytes, b'\\'), length);
        let strings = odd_up_to(quotes) ^ if self.in_string { u64::MAX } else { 0 };
        self.in_string = strings >> 63 == 1;
        // `[` and `{`, `]` and `}` differ in this bit only.
        let folded = bytes | u8x64::splat(0x20);
        Brackets { opens: places(folded, b'{') & !strings, closes: places(folded, b'}') & !strings }
    }

    /// The places behind a backslash that is not itself escaped.
    #[inline]
    fn pass_escapes(&mut self, backslashes: u64, length: usize) -> u64 {
        let first = u64::from(self.escaped);
        if backslashes == 0 {
            self.escaped &= length == 0;
            return first;
        }
        // Of a run of backslashes every second one escapes. A subtraction runs through all of a run, and so tells
        // those at even places from those at odd ones; where the run began at an odd place it is the other way round.
        const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;
        let begun = backslashes & !first;
        let behind = begun << 1;
        let escapes_and_ends = (behind | ODD).wrapping_sub(begun) ^ ODD;
        let escapes = escapes_and_ends & backslashes;
        if let Some(last) = length.checked_sub(1) {
            self.escaped = escapes >> last & 1 == 1;
        }
        escapes_and_ends ^ (backslashes | first)
    }
}

#[inline]
fn places(bytes: u8x64, wanted: u8) -> u64 {
    bytes.simd_eq(u8x64::splat(wanted)).to_bitmask()
}

/// The places up to which, themselves included, there is an odd number: of quotes, the insides of strings.
#[inline]
fn odd_up_to(mut places: u64) -> u64 {
    for distance in [1, 2, 4, 8, 16, 32] {
        places ^= places << distance;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(places: impl IntoIterator<Item = u32>) -> u64 {
        places.into_iter().fold(0, |set, place| set | 1 << place)
    }

    /// The places of brackets in `text`, padded to a block, and whether it ends in a string or behind a backslash.
    #[track_caller]
    fn check(text: &str, opens: &[u32], closes: &[u32], in_string: bool, escaped: bool) {
        let mut block = [b' '; BLOCK_BYTES];
        block[..text.len()].copy_from_slice(text.as_bytes());
        let mut position = Position::default();
        let expected = Brackets { opens: set(opens.iter().copied()), closes: set(closes.iter().copied()) };
        assert_eq!(position.pass(block, text.len()), expected, "{text}");
        assert_eq!((position.in_string, position.escaped), (in_string, escaped), "{text}");
    }

    #[test]
    fn brackets_in_strings_do_not_count() {
        check("[{}]", &[0, 1], &[2, 3], false, false);
        check(r#""[" [ "]"]"#, &[4], &[9], false, false);
        check(r#"["#, &[0], &[], false, false);
        check(r#"[" ["#, &[0], &[], true, false);
        check("", &[], &[], false, false);
    }

    #[test]
    fn every_second_backslash_of_a_run_escapes() {
        for count in 0..30 {
            for before in ["", "a"] {
                let begun = format!("{before}\"{}", "\\".repeat(count));
                let ends = count % 2 == 0;
                check(&begun, &[], &[], true, !ends);
                let open = begun.len() as u32 + 1;
                check(&format!("{begun}\"["), [open].get(..usize::from(ends)).unwrap(), &[], !ends, false);
            }
        }
    }

    #[test]
    fn what_a_block_leaves_off_goes_on_in_the_next() {
        let mut position = Position::default();
        let half = format!("\"{}\\", "x".repeat(62));
        assert_eq!(half.len(), BLOCK_BYTES);
        position.pass(half.as_bytes().try_into().unwrap(), BLOCK_BYTES);
        let mut block = [b' '; BLOCK_BYTES];
        block[..5].copy_from_slice(b"\"]\"[]");
        assert_eq!(position.pass([b' '; BLOCK_BYTES], 0), Brackets { opens: 0, closes: 0 });
        assert_eq!(position.pass(block, 5), Brackets { opens: 1 << 3, closes: 1 << 4 });
    }
}
