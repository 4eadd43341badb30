//! A body as rules read it: its codings undone, in UTF-8. One that comes so goes through untouched and uncopied.

use std::ops::ControlFlow;

use encoding_rs::Encoding;

use super::charset::{self, Transcoder};
use super::decode::{DecodeError, Decoder};
use super::inspect::Readable;

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
    pub fn into_whole(self) -> Option<Vec<u8>> {
        let changed = self.decoder.is_some() || self.text.transcoder.is_some();
        self.text.whole.filter(|_| changed)
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
    use http::HeaderValue;

    use super::super::decode::Codings;
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
            let whole = reading.into_whole();
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
