//! Follows a body in the chunked coding (RFC 9112, section 7.1) to its end, whatever pieces it comes in.
//! Decodes nothing: it only knows which bytes are the body's, and refuses what could be read in two ways.

/// Bytes of a chunk's extensions: signatures of a few hundred bytes are in use, all else is abuse.
const EXTENSION_BYTES_MAX: u32 = 1024;
/// Bytes of all trailers.
const TRAILER_BYTES_MAX: u32 = 16 << 10;
/// Digits of a chunk's size, so that no reader overflows.
const SIZE_DIGITS_MAX: u32 = 15;

/// The place reached in a chunked body.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    /// Bytes of data that are left in the chunk, or its size while that is read.
    left: u64,
    /// Digits of a size, or bytes of extensions or trailers so far.
    count: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

/// How many of the bytes are the body's, and what comes after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// All of them, and more.
    On,
    /// So many, and then the body is over.
    End(usize),
    /// So many, and then something that is not allowed.
    Broken(usize),
}

impl Chunks {
    /// Follows the next bytes.
    pub fn follow(&mut self, bytes: &[u8]) -> Followed {
        let mut used = 0;
        while let Some(byte) = bytes.get(used) {
            if self.at == At::Data {
                used += self.skip_data(bytes.len() - used);
                continue;
            }
            match self.next(*byte) {
                Some(At::End) => return Followed::End(used + 1),
                Some(at) => self.at = at,
                None => return Followed::Broken(used),
            }
            used += 1;
        }
        Followed::On
    }

    fn skip_data(&mut self, available: usize) -> usize {
        let skipped = usize::try_from(self.left).map_or(available, |left| left.min(available));
        self.left -= skipped as u64;
        if self.left == 0 {
            self.at = At::DataCr;
        }
        skipped
    }

    /// Where one byte leads; `None` when it may not stand here.
    fn next(&mut self, byte: u8) -> Option<At> {
        match (self.at, byte) {
            (At::Size, _) if byte.is_ascii_hexdigit() => {
                self.left = self.left << 4 | u64::from(char::from(byte).to_digit(16)?);
                self.counted(SIZE_DIGITS_MAX)
            }
            (At::Size, b'\r') if self.count > 0 => Some(At::SizeLf),
            (At::Size, b';' | b' ' | b'\t') if self.count > 0 => self.start(At::Extension),
            (At::Extension, b'\r') => Some(At::SizeLf),
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.counted(EXTENSION_BYTES_MAX),
            (At::SizeLf, b'\n') if self.left > 0 => Some(At::Data),
            (At::SizeLf, b'\n') => self.start(At::TrailerStart),
            (At::DataCr, b'\r') => Some(At::DataLf),
            (At::DataLf, b'\n') => self.start(At::Size),
            (At::TrailerStart, b'\r') => Some(At::EndLf),
            (At::Trailer, b'\r') => Some(At::TrailerLf),
            (At::TrailerStart | At::Trailer, _) if byte != b'\n' => {
                self.counted(TRAILER_BYTES_MAX).map(|_| At::Trailer)
            }
            (At::TrailerLf, b'\n') => Some(At::TrailerStart),
            (At::EndLf, b'\n') => Some(At::End),
            _ => None,
        }
    }

    fn start(&mut self, at: At) -> Option<At> {
        self.count = 0;
        Some(at)
    }

    /// One more where it stands, unless there are too many.
    fn counted(&mut self, max: u32) -> Option<At> {
        self.count += 1;
        (self.count <= max).then_some(self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Follows the text in pieces of every size; all must agree.
    #[track_caller]
    fn check(text: &str, expected: Followed) {
        for step in 1..=text.len() {
            assert_eq!(follow(text.as_bytes(), step), expected, "{text:?} in steps of {step}");
        }
    }

    fn follow(bytes: &[u8], step: usize) -> Followed {
        let mut chunks = Chunks::default();
        for (index, piece) in bytes.chunks(step).enumerate() {
            match chunks.follow(piece) {
                Followed::On => {}
                Followed::End(used) => return Followed::End(index * step + used),
                Followed::Broken(used) => return Followed::Broken(index * step + used),
            }
        }
        Followed::On
    }

    #[test]
    fn a_body_ends_with_its_last_chunk() {
        check("0\r\n\r\n", Followed::End(5));
        check("3\r\nabc\r\n0\r\n\r\nGET /", Followed::End(13));
        check("a;x=\"y\"\r\n0123456789\r\n00\r\nx: 1\r\ny: 2\r\n\r\nrest", Followed::End(39));
        check("3 \r\n\r\n0\r\n0;last\r\n\r\n", Followed::End(19));
        check("3\r\nabc\r\n0\r\n", Followed::On);
        check("000000000000003\r\nabc", Followed::On);
    }

    #[test]
    fn what_is_not_a_chunk_is_broken_where_it_stands() {
        check("\r\n", Followed::Broken(0));
        check("-1\r\n", Followed::Broken(0));
        check("0x3\r\nabc\r\n", Followed::Broken(1));
        check("+3\r\n", Followed::Broken(0));
        check(";x\r\n", Followed::Broken(0));
        check("3\nabc", Followed::Broken(1));
        check("3\rabc", Followed::Broken(2));
        check("3;a\nb", Followed::Broken(3));
        check("3\r\nabcd\r\n", Followed::Broken(6));
        check("3\r\nabc\n0\r\n", Followed::Broken(6));
        check("0\r\nx: 1\ny: 2\r\n\r\n", Followed::Broken(7));
        check("0\r\n\n", Followed::Broken(3));
        check("0\r\n\rx", Followed::Broken(4));
        check("1000000000000000\r\n", Followed::Broken(15));
        check(&format!("1;{}", "x".repeat(1100)), Followed::Broken(2 + 1024));
        let trailers = format!("0\r\n{}", "x: 123456789\r\n".repeat(2000));
        assert!(matches!(follow(trailers.as_bytes(), 100), Followed::Broken(_)));
    }

    proptest! {
        #[test]
        fn the_end_is_found_whatever_the_chunks(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            after in prop::collection::vec(any::<u8>(), 0..20),
            step in 1..50_usize,
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\n");
            let end = body.len();
            body.extend_from_slice(&after);
            prop_assert_eq!(follow(&body, step), Followed::End(end));
        }
    }
}
