//! The charset of a body, and the body in UTF-8, which is what every reader of the engine reads. A byte order mark
//! counts for more than the `charset` of the `Content-Type`, and that for more than what an XML declaration says.

use std::borrow::Cow;
use std::ops::ControlFlow;

use encoding_rs::{CoderResult, Encoding, UTF_8};

/// Bytes transcoded at a time.
const PIECE_BYTES: usize = 8 * 1024;

/// Characters in which an XML declaration has to say its encoding.
pub const DECLARATION_BYTES_MAX: usize = 256;

/// A body on its way to UTF-8.
pub struct Transcoder {
    decoder: encoding_rs::Decoder,
    piece: Box<[u8]>,
}

/// The charset that a `Content-Type` names, where it is not UTF-8 or a part of it. ISO-8859-1 is read as windows-1252
/// and an unknown name as UTF-8, as by browsers (WHATWG Encoding, section 4.2).
pub fn named(content_type: &str) -> Option<&'static Encoding> {
    let (_, parameters) = content_type.split_at_checked(memchr::memchr(b';', content_type.as_bytes())?)?;
    let parameter = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
    })?;
    labelled(parameter.as_bytes())
}

/// US-ASCII is UTF-8 to whoever reads: its label is a default of servers more often than a promise.
fn labelled(label: &[u8]) -> Option<&'static Encoding> {
    if label.eq_ignore_ascii_case(b"us-ascii") || label.eq_ignore_ascii_case(b"ascii") {
        return None;
    }
    Encoding::for_label_no_replacement(label).filter(|encoding| *encoding != UTF_8)
}

/// Whether a body that nobody says is UTF-16 may be: no UTF-8 text begins like a UTF-16 byte order mark.
pub fn may_be_utf16(first: u8) -> bool {
    matches!(first, 0xfe | 0xff)
}

impl Transcoder {
    /// From the charset, or from what the byte order mark says.
    pub fn new(charset: Option<&'static Encoding>) -> Transcoder {
        let decoder = charset.unwrap_or(UTF_8).new_decoder();
        Transcoder { decoder, piece: vec![0; PIECE_BYTES].into_boxed_slice() }
    }

    /// Gives `sink` the next bytes in UTF-8; those of a character that is not whole wait for the rest. What is not in
    /// the charset becomes U+FFFD.
    pub fn feed(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        self.transcode(bytes, false, sink)
    }

    /// The body has ended.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        self.transcode(&[], true, sink)
    }

    fn transcode(
        &mut self,
        bytes: &[u8],
        last: bool,
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut rest = bytes;
        loop {
            let (result, taken, given, _) = self.decoder.decode_to_utf8(rest, &mut self.piece, last);
            rest = rest.get(taken..).unwrap_or_default();
            if let Some(text) = self.piece.get(..given).filter(|text| !text.is_empty()) {
                sink(text)?;
            }
            if result == CoderResult::InputEmpty {
                return ControlFlow::Continue(());
            }
        }
    }
}

/// A body without UTF-8's byte order mark, which is no part of its text (RFC 3629, section 6).
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// A whole body as text. One that is not UTF-8 is in the encoding that its XML declaration names; failing that,
/// what is not UTF-8 becomes U+FFFD.
pub fn text(body: &[u8]) -> Cow<'_, str> {
    // Faster than `from_utf8_lossy` alone, and most bodies need no more (107 kB: 3 µs in place of 25 µs).
    match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => match declared(body) {
            Some(encoding) => encoding.decode_without_bom_handling(body).0,
            None => String::from_utf8_lossy(body),
        },
    }
}

/// Whether a body that begins so says that it is not UTF-8, or may still say so.
pub fn may_declare(opening: &[u8]) -> bool {
    let begun = opening.trim_ascii_start().starts_with(b"<?xml");
    begun && (memchr::memmem::find(opening, b"?>").is_none() || declared(opening).is_some())
}

/// `<?xml version="1.0" encoding="ISO-8859-1"?>` (XML 1.0, section 4.3.3).
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    let start = body.get(..DECLARATION_BYTES_MAX.min(body.len()))?;
    let declaration = start.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = memchr::memmem::find(declaration, b"?>")?;
    let declaration = declaration.get(..end)?;
    let name = memchr::memmem::find(declaration, b"encoding")?;
    let value = declaration.get(name + b"encoding".len()..)?.trim_ascii_start().strip_prefix(b"=")?;
    let (quote, value) = value.trim_ascii_start().split_first()?;
    let end = memchr::memchr(*quote, value)?;
    labelled(value.get(..end)?).filter(|encoding| encoding.is_ascii_compatible())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_name_charsets() {
        let check = |content_type: &str, expected: Option<&str>| {
            assert_eq!(named(content_type).map(Encoding::name), expected, "{content_type}");
        };
        check("text/plain", None);
        check("text/plain; charset=utf-8", None);
        check("text/plain; charset=US-ASCII", None);
        check("text/plain; charset=klingon", None);
        check("text/plain; charset=hz-gb-2312", None);
        check("text/plain; charset=ISO-8859-1", Some("windows-1252"));
        check("text/plain;format=flowed; Charset = \"Windows-1252\"", Some("windows-1252"));
        check("application/json;charset='utf-16le'", Some("UTF-16LE"));
        check("text/html; charset=Shift_JIS", Some("Shift_JIS"));
        check("charset=utf-16", None);
    }

    /// In chunks of every size.
    #[track_caller]
    fn check(charset: &str, body: &[u8], expected: &str) {
        for size in 1..=body.len().max(1) {
            let mut transcoder = Transcoder::new(named(&format!("text/plain; charset={charset}")));
            let mut text = Vec::new();
            let mut sink = |piece: &[u8]| {
                text.extend_from_slice(piece);
                ControlFlow::Continue(())
            };
            let fed = body.chunks(size).try_for_each(|chunk| transcoder.feed(chunk, &mut sink));
            assert!(fed.is_continue() && transcoder.finish(&mut sink).is_continue());
            assert_eq!(String::from_utf8(text).as_deref(), Ok(expected), "in chunks of {size}");
        }
    }

    #[test]
    fn bodies_become_utf8() {
        check("iso-8859-1", b"gr\xfc\xdfe \x80", "grüße €");
        check("utf-16le", b"4\x000\x00=\xd8\x00\xde", "40😀");
        check("utf-16be", b"\x004\x000", "40");
        check("utf-16", b"4\x000\x00", "40");
    }

    #[test]
    fn a_byte_order_mark_counts_for_more_than_a_name() {
        check("utf-8", b"\xff\xfe4\x000\x00", "40");
        check("utf-8", b"\xfe\xff\x004\x000", "40");
        check("iso-8859-1", b"\xfe\xff\x004\x000", "40");
        check("utf-16le", b"\xef\xbb\xbf\xc3\xbc", "ü");
    }

    #[test]
    fn what_is_in_no_charset_is_replaced() {
        check("utf-8", b"\xffabc", "\u{fffd}abc");
        check("utf-8", b"\xff", "\u{fffd}");
        check("utf-16le", b"4\x000", "4\u{fffd}");
    }

    #[test]
    fn long_bodies_come_in_pieces() {
        let body = [0xfc].repeat(PIECE_BYTES * 2 + 1);
        let mut transcoder = Transcoder::new(named(";charset=latin1"));
        let mut pieces = Vec::new();
        let fed = transcoder.feed(&body, &mut |piece| {
            pieces.push(piece.to_vec());
            ControlFlow::Continue(())
        });
        assert!(fed.is_continue() && pieces.len() > 3);
        assert_eq!(String::from_utf8(pieces.concat()), Ok("ü".repeat(body.len())));
    }

    #[test]
    fn a_whole_body_is_utf8_or_what_its_declaration_says() {
        let check = |body: &[u8], expected: &str| assert_eq!(text(body), expected);
        check("grün".as_bytes(), "grün");
        check(b"gr\xfcn", "gr\u{fffd}n");
        let xml = |declaration: &str| [declaration.as_bytes(), b"<a>gr\xfcn</a>"].concat();
        let latin = "<?xml version='1.0' encoding = 'ISO-8859-1' ?>";
        check(&xml(latin), &format!("{latin}<a>grün</a>"));
        for other in [
            "<?xml version='1.0'?>",
            "<?xml encoding='klingon'?>",
            "<?xml encoding='utf-16le'?>",
            "<?xml encoding='latin1'",
            "<?xml encoding=latin1?>",
        ] {
            check(&xml(other), &format!("{other}<a>gr\u{fffd}n</a>"));
        }
        let utf8 = "<?xml encoding='latin1'?>grün";
        check(utf8.as_bytes(), utf8);
        assert_eq!(without_mark(b"\xef\xbb\xbfabc"), b"abc");
        assert_eq!(without_mark(b"\xef\xbbabc"), b"\xef\xbbabc");
    }
}
