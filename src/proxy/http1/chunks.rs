//! Undoes the chunked coding (RFC 9112, section 7.1), whatever pieces it comes in, and refuses what could be read in
//! two ways: what is no chunk for somebody else must be none for us.

use bytes::{Buf, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::buffers::split;

/// Bytes of a chunk's extensions: signatures of a few hundred bytes are in use, all else is abuse.
const EXTENSION_BYTES_MAX: u32 = 1024;
/// Bytes of all trailers.
const TRAILER_BYTES_MAX: u32 = 16 << 10;
/// Trailers.
const TRAILERS_MAX: usize = 64;
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
    /// The lines of the trailers.
    trailers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    #[default]
    Size,
    Space,
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

/// What the next bytes hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    /// Bytes of the body.
    Data(Bytes),
    /// The body is over, perhaps with trailers.
    End(Option<HeaderMap>),
    /// Nothing before more has come.
    More,
}

/// Something stands in the body that is no chunk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoChunk;

impl Chunks {
    /// Takes what can be decoded next off the front of what came.
    ///
    /// # Errors
    /// When it is no chunk, or could be another to somebody else. It is left where it stands.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Decoded, NoChunk> {
        while self.at != At::Data {
            let Some(byte) = input.first() else { return Ok(Decoded::More) };
            self.at = self.next(*byte).ok_or(NoChunk)?;
            input.advance(1);
            if self.at == At::End {
                return self.trailers().map(Decoded::End);
            }
        }
        if input.is_empty() {
            return Ok(Decoded::More);
        }
        let data = split(input, self.left);
        self.left -= data.len() as u64;
        if self.left == 0 {
            self.at = At::DataCr;
        }
        Ok(Decoded::Data(data))
    }

    /// Where one byte leads; `None` when it may not stand here.
    fn next(&mut self, byte: u8) -> Option<At> {
        match (self.at, byte) {
            (At::Size, _) if byte.is_ascii_hexdigit() => {
                self.left = self.left << 4 | u64::from(char::from(byte).to_digit(16)?);
                self.counted(SIZE_DIGITS_MAX)
            }
            (At::Size, b'\r') if self.count > 0 => Some(At::SizeLf),
            (At::Size, b';') if self.count > 0 => self.start(At::Extension),
            (At::Size, b' ' | b'\t') if self.count > 0 => self.start(At::Space),
            (At::Space, b'\r') => Some(At::SizeLf),
            (At::Space, b';') => self.start(At::Extension),
            (At::Space, b' ' | b'\t') => self.counted(EXTENSION_BYTES_MAX),
            (At::Extension, b'\r') => Some(At::SizeLf),
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.counted(EXTENSION_BYTES_MAX),
            (At::SizeLf, b'\n') if self.left > 0 => Some(At::Data),
            (At::SizeLf, b'\n') => self.start(At::TrailerStart),
            (At::DataCr, b'\r') => Some(At::DataLf),
            (At::DataLf, b'\n') => self.start(At::Size),
            (At::TrailerStart, b'\r') => Some(At::EndLf),
            (At::Trailer, b'\r') => Some(At::TrailerLf),
            (At::TrailerStart | At::Trailer, _) if byte != b'\n' => {
                self.trailers.push(byte);
                self.counted(TRAILER_BYTES_MAX).map(|_| At::Trailer)
            }
            (At::TrailerLf, b'\n') => {
                self.trailers.extend_from_slice(b"\r\n");
                Some(At::TrailerStart)
            }
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

    /// The trailers, of which there are mostly none.
    fn trailers(&mut self) -> Result<Option<HeaderMap>, NoChunk> {
        if self.trailers.is_empty() {
            return Ok(None);
        }
        self.trailers.extend_from_slice(b"\r\n");
        let mut lines = [httparse::EMPTY_HEADER; TRAILERS_MAX];
        let parsed = httparse::parse_headers(&self.trailers, &mut lines);
        let Ok(httparse::Status::Complete((_, lines))) = parsed else { return Err(NoChunk) };
        let mut trailers = HeaderMap::with_capacity(lines.len());
        for line in lines {
            let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| NoChunk)?;
            trailers.append(name, HeaderValue::from_bytes(line.value).map_err(|_| NoChunk)?);
        }
        Ok(Some(trailers))
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

    /// How far the bytes were understood, and as what.
    #[derive(Debug, PartialEq, Eq)]
    enum Followed {
        On,
        End(usize),
        Broken(usize),
    }

    fn follow(bytes: &[u8], step: usize) -> Followed {
        decoded(bytes, step).0
    }

    /// The same, with the data and trailers found.
    fn decoded(bytes: &[u8], step: usize) -> (Followed, Vec<u8>, Option<HeaderMap>) {
        let (mut chunks, mut input, mut data) = (Chunks::default(), BytesMut::new(), Vec::new());
        let mut come = 0;
        for piece in bytes.chunks(step) {
            input.extend_from_slice(piece);
            come += piece.len();
            loop {
                match chunks.decode(&mut input) {
                    Ok(Decoded::Data(bytes)) => data.extend_from_slice(&bytes),
                    Ok(Decoded::End(trailers)) => return (Followed::End(come - input.len()), data, trailers),
                    Ok(Decoded::More) => break,
                    Err(NoChunk) => return (Followed::Broken(come - input.len()), data, None),
                }
            }
        }
        (Followed::On, data, None)
    }

    #[test]
    fn trailers_are_headers() {
        let check = |trailers: &str, expected: Option<&[(&str, &str)]>| {
            let text = format!("1\r\na\r\n0\r\n{trailers}\r\n");
            let (followed, _, found) = decoded(text.as_bytes(), 3);
            let found: Vec<_> = found
                .iter()
                .flatten()
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            match expected {
                Some(expected) => assert_eq!((followed, &found[..]), (Followed::End(text.len()), expected)),
                None => assert_eq!(followed, Followed::Broken(text.len())),
            }
        };
        check("", Some(&[]));
        check("X-Sum: 1\r\nx-sum:2 \r\n", Some(&[("x-sum", "1"), ("x-sum", "2")]));
        check("no colon\r\n", None);
        check("a b: 1\r\n", None);
        check("a: \0\r\n", None);
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
        check("3 3\r\n", Followed::Broken(2));
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
            let (followed, data, _) = decoded(&body, step);
            prop_assert_eq!(followed, Followed::End(end));
            prop_assert_eq!(data, chunks.concat());
        }
    }
}
