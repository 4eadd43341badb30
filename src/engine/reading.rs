//! A body as rules read it: its codings undone, in UTF-8. One that comes so goes through untouched and uncopied.

use std::ops::ControlFlow;

use bytes::Bytes;
use encoding_rs::Encoding;

use super::charset::{self, Transcoder};
use super::decode::{DecodeError, Decoder, RATIO_MAX};
use super::exchange::{Answer, RequestSnapshot};
use super::hold::Inspect;
use super::inspect::{self, Readable};

/// A body as text, for whoever records it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Legible {
    /// The text, as it was sent.
    AsSent(Bytes),
    /// The text, which was sent in a coding or a charset of its own; perhaps not all of it.
    Undone {
        /// In UTF-8.
        text: Bytes,
        /// Whether more would follow.
        is_cut: bool,
    },
    /// No rule looks into it, or nobody can.
    No,
}

/// A body, or its beginning, as rules read it, at most so many bytes of it.
pub fn legible(request: &RequestSnapshot, answer: &Answer, inspect: &Inspect, bytes_max: u64) -> Legible {
    let Ok(readable) = inspect::readable(request, &answer.head, inspect) else { return Legible::No };
    let mut reading = Reading::new(&readable, false, bytes_max.saturating_mul(RATIO_MAX));
    if reading.is_as_sent(&answer.body) {
        return Legible::AsSent(answer.body.clone());
    }
    let room = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let mut text = Vec::new();
    let mut sink = |piece: &[u8]| {
        text.extend_from_slice(piece.get(..room.saturating_sub(text.len())).unwrap_or(piece));
        if text.len() < room { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let read = reading.feed(&answer.body, &mut sink).and_then(|()| reading.finish(&mut sink));
    let is_cut = read.is_err() || text.len() >= room;
    Legible::Undone { text: text.into(), is_cut }
}

/// Makes a body readable while it goes by.
pub struct Reading {
    decoder: Option<Decoder>,
    text: Text,
}

/// The part that knows about charsets.
struct Text {
    charset: Option<&'static Encoding>,
    transcoder: Option<Box<Transcoder>>,
    /// Whether the first byte has come, which may be that of a byte order mark.
    begun: bool,
    /// All of the text, where it is wanted and is not what was sent.
    whole: Option<Vec<u8>>,
}

impl Reading {
    /// `whole` says whether all of the text will be wanted at its end; `bytes_max` bounds it before it becomes UTF-8,
    /// which may make it three times as long.
    pub fn new(body: &Readable<'_>, whole: bool, bytes_max: u64) -> Reading {
        let charset = body.content_type.and_then(charset::named);
        Reading {
            decoder: (!body.codings.is_empty()).then(|| Decoder::new(&body.codings, bytes_max)),
            text: Text { charset, transcoder: None, begun: false, whole: whole.then(Vec::new) },
        }
    }

    /// Whether the next bytes, and all before them, can be read as they are.
    pub fn is_as_sent(&mut self, chunk: &[u8]) -> bool {
        self.decoder.is_none() && self.text.is_as_sent(chunk)
    }

    /// Gives `sink` the text of the next bytes. When `sink` breaks off nothing more comes.
    ///
    /// # Errors
    /// When the body cannot be decoded any further.
    pub fn feed(
        &mut self,
        chunk: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), DecodeError> {
        let text = &mut self.text;
        match &mut self.decoder {
            Some(decoder) => decoder.feed(chunk, &mut |plain| text.feed(plain, sink)),
            None => {
                let _enough = text.feed(chunk, sink);
                Ok(())
            }
        }
    }

    /// The body has ended: gives `sink` what is left of its text.
    ///
    /// # Errors
    /// When it was cut short.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), DecodeError> {
        let text = &mut self.text;
        if let Some(decoder) = &mut self.decoder {
            decoder.finish(&mut |plain| text.feed(plain, sink))?;
        }
        let _enough = text.finish(sink);
        Ok(())
    }

    /// All of the text, where it was wanted; `None` when it is what was sent.
    pub fn take_whole(&mut self) -> Option<Vec<u8>> {
        let changed = self.decoder.is_some() || self.text.transcoder.is_some();
        self.text.whole.take().filter(|_| changed)
    }
}

impl Text {
    fn is_as_sent(&mut self, plain: &[u8]) -> bool {
        if !self.begun
            && let Some(first) = plain.first()
        {
            self.begun = true;
            if self.charset.is_some() || charset::may_be_utf16(*first) {
                self.transcoder = Some(Box::new(Transcoder::new(self.charset)));
            }
        }
        self.transcoder.is_none()
    }

    fn feed(&mut self, plain: &[u8], sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        self.is_as_sent(plain);
        let mut keep = keeping(&mut self.whole, sink);
        match &mut self.transcoder {
            Some(transcoder) => transcoder.feed(plain, &mut keep),
            None => keep(plain),
        }
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
        match &mut self.transcoder {
            Some(transcoder) => transcoder.finish(&mut keeping(&mut self.whole, sink)),
            None => ControlFlow::Continue(()),
        }
    }
}

fn keeping<'k>(
    whole: &'k mut Option<Vec<u8>>,
    sink: &'k mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> impl FnMut(&[u8]) -> ControlFlow<()> + 'k {
    move |text| {
        if let Some(whole) = whole.as_mut() {
            whole.extend_from_slice(text);
        }
        sink(text)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::super::decode::Codings;
    use super::super::exchange::AnswerHead;
    use super::*;

    fn reading(content_type: &str, codings: &str) -> Reading {
        let codings = Codings::parse([&HeaderValue::from_str(codings).unwrap()]).unwrap();
        Reading::new(&Readable { content_type: Some(content_type), codings }, true, 1000)
    }

    #[test]
    fn utf8_is_read_as_it_was_sent() {
        let check = |content_type: &str, codings: &str, chunk: &[u8], expected: bool| {
            let mut reading = reading(content_type, codings);
            assert!(reading.is_as_sent(b"") != codings.contains("gzip"));
            assert_eq!(reading.is_as_sent(chunk), expected, "{content_type} {codings} {chunk:?}");
            assert!(reading.is_as_sent(b"\xff") == expected, "a mark stands at the beginning");
        };
        check("text/plain", "", b"abc", true);
        check("text/plain;charset=utf-8", "identity", b"\xef\xbb\xbf", true);
        check("text/plain;charset=klingon", "", b"\xe9", true);
        check("text/plain;charset=latin1", "", b"abc", false);
        check("text/plain", "", b"\xfe", false);
        check("text/plain", "", b"\xff\xfe", false);
        check("text/plain", "gzip", b"abc", false);
    }

    #[test]
    fn a_body_is_legible_as_far_as_it_goes() {
        let check = |content_type: &str, coding: &str, body: &[u8], expected: Legible| {
            let headers = [(header::CONTENT_TYPE, content_type), (header::CONTENT_ENCODING, coding)];
            let headers = headers.into_iter().filter(|(_, value)| !value.is_empty());
            let headers =
                headers.map(|(name, value)| (name, HeaderValue::from_str(value).unwrap())).collect();
            let request = RequestSnapshot {
                method: http::Method::GET,
                uri: http::Uri::default(),
                headers: http::HeaderMap::new(),
                circumstances: None,
            };
            let head = AnswerHead { status: http::StatusCode::OK, headers };
            let answer = Answer { head, body: Bytes::copy_from_slice(body) };
            assert_eq!(
                legible(&request, &answer, &Inspect::default(), 8),
                expected,
                "{content_type} {coding}"
            );
        };
        let undone = |text: &'static str, is_cut| Legible::Undone { text: text.into(), is_cut };
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut gzip, b"hello").unwrap();
        let gzip = gzip.finish().unwrap();
        check("text/plain", "", b"hello", Legible::AsSent(Bytes::from_static(b"hello")));
        check("text/plain;charset=latin1", "", b"caf\xe9", undone("café", false));
        check("text/plain", "gzip", &gzip, undone("hello", false));
        check("text/plain", "gzip", &gzip[..gzip.len() - 4], undone("hello", true));
        check("text/plain;charset=latin1", "", b"0123456789", undone("01234567", true));
        check("text/plain", "klingon", b"hello", Legible::No);
        check("image/png", "", b"hello", Legible::No);
    }

    #[test]
    fn the_whole_text_is_kept_where_it_is_not_what_was_sent() {
        let check = |content_type: &str, body: &[u8], expected: Option<&str>| {
            let mut reading = reading(content_type, "");
            let mut shown = Vec::new();
            let mut sink = |text: &[u8]| {
                shown.extend_from_slice(text);
                ControlFlow::Continue(())
            };
            for byte in body {
                reading.feed(&[*byte], &mut sink).unwrap();
            }
            reading.finish(&mut sink).unwrap();
            let whole = reading.take_whole();
            assert_eq!(whole.as_deref(), expected.map(str::as_bytes));
            assert_eq!(shown, whole.as_deref().unwrap_or(body));
        };
        check("text/plain", b"", None);
        check("text/plain", b"caf\xe9", None);
        check("text/plain;charset=latin1", b"caf\xe9", Some("café"));
        check("text/plain;charset=latin1", b"", None);
        check("text/plain", b"\xfe\xff\0a", Some("a"));
    }
}
