//! The head of an upstream's answer as it stands on the wire. Line ends are read as leniently as RFC 9112,
//! section 2.2, allows; how the body ends must be clear.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http::{StatusCode, Version};
use httparse::Status;
use memchr::memchr;

use super::super::headers::tokens;
use super::field;

/// Header lines of an answer.
const HEADERS_MAX: usize = 100;

/// An answer's head.
#[derive(Debug)]
pub(super) struct Head {
    /// Of 1.x, which.
    pub version: Version,
    /// From 100 to 999.
    pub status: StatusCode,
    /// The reason phrase, where it is not the status's usual one.
    pub phrase: Option<Bytes>,
    /// As they came.
    pub headers: HeaderMap,
    /// Whether the connection can carry another exchange.
    pub keep_alive: bool,
}

/// Why there is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHead {
    /// It is not HTTP/1.x.
    NotHttp,
    /// It is over a bound.
    TooLarge,
}

/// Looks for the end of a head while it comes in, each byte once.
#[derive(Debug, Default)]
pub(super) struct End {
    scanned: usize,
    line: usize,
    /// Bytes that may become a head, as far as was looked.
    checked: usize,
}

impl End {
    /// The length of the head with its empty line, once it is whole.
    fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        while let Some(at) = memchr(b'\n', bytes.get(self.scanned..).unwrap_or_default()) {
            let end = self.scanned + at;
            let line = bytes.get(self.line..end).unwrap_or_default();
            // Empty lines may stand before a head.
            let is_last = (line.is_empty() || line == b"\r") && self.line > 2;
            self.scanned = end + 1;
            self.line = self.scanned;
            if is_last {
                return Some(self.scanned);
            }
        }
        self.scanned = bytes.len();
        None
    }

    /// Looks at a part of a head, whenever it has grown to twice its length: what is no HTTP may never end as a head
    /// does.
    fn check(&mut self, bytes: &[u8]) -> Result<(), NoHead> {
        if bytes.len() < self.checked.saturating_mul(2) {
            return Ok(());
        }
        self.checked = bytes.len();
        begins(bytes)
    }
}

/// Whether the bytes may begin a head.
///
/// # Errors
/// When they cannot.
pub(super) fn begins(bytes: &[u8]) -> Result<(), NoHead> {
    let mut lines = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; HEADERS_MAX];
    parse(bytes, &mut httparse::Response::new(&mut []), &mut lines).map(drop)
}

fn parse<'h, 'b>(
    bytes: &'b [u8],
    response: &mut httparse::Response<'h, 'b>,
    lines: &'h mut [MaybeUninit<httparse::Header<'b>>],
) -> Result<Status<usize>, NoHead> {
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(response, bytes, lines);
    parsed.map_err(|error| match error {
        httparse::Error::TooManyHeaders => NoHead::TooLarge,
        _ => NoHead::NotHttp,
    })
}

/// Takes a whole head off the front of what came, once there is one, its headers in a map that `room` gives.
///
/// # Errors
/// When it cannot be read, or is longer than `bytes_max`.
pub(super) fn take(
    inbound: &mut BytesMut,
    end: &mut End,
    bytes_max: usize,
    room: impl FnOnce() -> HeaderMap,
) -> Result<Option<Head>, NoHead> {
    match end.find(inbound) {
        Some(length) if length <= bytes_max => {
            *end = End::default();
            read(&inbound.split_to(length).freeze(), room()).map(Some)
        }
        None if inbound.len() <= bytes_max => end.check(inbound).map(|()| None),
        _ => Err(NoHead::TooLarge),
    }
}

fn read(head: &Bytes, mut headers: HeaderMap) -> Result<Head, NoHead> {
    let mut lines = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    if parse(head, &mut parsed, &mut lines)?.is_partial() {
        return Err(NoHead::NotHttp);
    }
    let version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let status = StatusCode::from_u16(parsed.code.unwrap_or_default()).map_err(|_| NoHead::NotHttp)?;
    let phrase = parsed.reason.filter(|phrase| Some(*phrase) != status.canonical_reason());
    let phrase = phrase.map(|phrase| head.slice_ref(phrase.as_bytes()));
    let (mut close, mut keep) = (false, false);
    for line in parsed.headers.iter() {
        let name = field::name(line.name).map_err(|_| NoHead::NotHttp)?;
        let value = field::value(head, line.value).map_err(|_| NoHead::NotHttp)?;
        if name == header::CONNECTION {
            tokens(&value).for_each(|option| {
                close |= option.eq_ignore_ascii_case("close");
                keep |= option.eq_ignore_ascii_case("keep-alive");
            });
        }
        headers.append(name, value);
    }
    let keep_alive = !close && (keep || version == Version::HTTP_11);
    Ok(Head { version, status, phrase, headers, keep_alive })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes a head that comes whole, then byte by byte; both must agree. What it says, and what is left.
    #[track_caller]
    fn check(text: &str, expected: Result<(u16, Option<&str>, bool, &str), NoHead>) {
        for step in [text.len(), 1] {
            let mut inbound = BytesMut::new();
            let mut end = End::default();
            let mut taken = Ok(None);
            for piece in text.as_bytes().chunks(step) {
                inbound.extend_from_slice(piece);
                if matches!(taken, Ok(None)) {
                    taken = take(&mut inbound, &mut end, 200, HeaderMap::new);
                }
            }
            let left = String::from_utf8(inbound.to_vec()).unwrap();
            let said = taken.map(|head| {
                let head = head.expect("a whole head");
                (head.status.as_u16(), head.phrase, head.keep_alive, left)
            });
            let expected = expected.map(|(status, phrase, keep_alive, left)| {
                (
                    status,
                    phrase.map(|phrase| Bytes::copy_from_slice(phrase.as_bytes())),
                    keep_alive,
                    left.into(),
                )
            });
            assert_eq!(said, expected, "{text:?} in steps of {step}");
        }
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        check("HTTP/1.1 200 OK\r\n\r\nbody", Ok((200, None, true, "body")));
        check("HTTP/1.1 200 OK\na: b\n\nbody", Ok((200, None, true, "body")));
        check("\r\nHTTP/1.1 200 OK\r\n\r\n", Ok((200, None, true, "")));
        check("HTTP/1.1 404 Gone fishing\r\n\r\n", Ok((404, Some("Gone fishing"), true, "")));
        check("HTTP/1.1 404\r\n\r\n", Ok((404, Some(""), true, "")));
        check(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            Ok((100, None, true, "HTTP/1.1 200 OK\r\n\r\n")),
        );
    }

    #[test]
    fn a_head_says_whether_the_connection_stays() {
        check("HTTP/1.0 200 OK\r\n\r\n", Ok((200, None, false, "")));
        check("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\n", Ok((200, None, true, "")));
        check("HTTP/1.1 200 OK\r\nconnection: x, Close\r\n\r\n", Ok((200, None, false, "")));
    }

    #[test]
    fn what_is_no_head_is_told_from_what_is_too_long() {
        check("HTTP/2 200 OK\r\n\r\n", Err(NoHead::NotHttp));
        check("HTTP/1.1 20 OK\r\n\r\n", Err(NoHead::NotHttp));
        check("HTTP/1.1 099 OK\r\n\r\n", Err(NoHead::NotHttp));
        check("hello\r\n\r\n", Err(NoHead::NotHttp));
        check("SSH-2.0-OpenSSH_9.2\r\n", Err(NoHead::NotHttp));
        check("HTTP/1.1 200 OK\r\na : b\r\n\r\n", Err(NoHead::NotHttp));
        check("HTTP/1.1 200 OK\r\na: b\r\n folded\r\n\r\n", Err(NoHead::NotHttp));
        check(&format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(200)), Err(NoHead::TooLarge));
        check(&format!("HTTP/1.1 200 OK\r\na: {}", "b".repeat(200)), Err(NoHead::TooLarge));
    }

    /// The status and what is left, or why there is none, of bytes that come in pieces.
    fn taken(bytes: &[u8], step: usize) -> Option<Result<(StatusCode, usize), NoHead>> {
        let (mut inbound, mut end) = (BytesMut::new(), End::default());
        for (index, piece) in bytes.chunks(step).enumerate() {
            inbound.extend_from_slice(piece);
            match take(&mut inbound, &mut end, 1000, HeaderMap::new) {
                Ok(None) => {}
                Ok(Some(head)) => {
                    let come = bytes.len().min((index + 1) * step);
                    return Some(Ok((head.status, come - inbound.len())));
                }
                Err(no_head) => return Some(Err(no_head)),
            }
        }
        None
    }

    proptest! {
        #[test]
        fn a_head_is_the_same_however_it_comes(
            lines in prop::collection::vec("[a-z]{1,5}: ?[ -~]{0,10}(\r)?\n", 0..6),
            start in "(\r\n)?HTTP/1\\.[01] [1-5][0-9]{2}( [a-z ]{0,5})?\r\n",
            body in prop::collection::vec(any::<u8>(), 0..20),
            step in 1..60_usize,
        ) {
            let mut bytes = format!("{start}{}\r\n", lines.concat()).into_bytes();
            let head = bytes.len();
            bytes.extend_from_slice(&body);
            let whole = taken(&bytes, bytes.len());
            prop_assert_eq!(taken(&bytes, step), whole);
            if let Some(Ok((_, used))) = whole {
                prop_assert_eq!(used, head);
            }
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 1..200), step in 1..50_usize) {
            let _ = taken(&bytes, step);
        }
    }
}
