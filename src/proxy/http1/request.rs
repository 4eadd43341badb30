//! The head of a request as it stands on the wire. A reader may be lenient where RFC 9112 allows it; a proxy must
//! not be, as the next reader could be lenient in another way and see two requests where the first saw one.
//! Everything that could be read in two ways is refused here.

use std::mem::MaybeUninit;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Uri, Version};
use httparse::Status;
use memchr::memchr;

use super::super::headers::tokens;
use super::super::intake::Source;
use super::super::refusal::Refusal;
use super::field;
use super::framing::Framing;
use crate::settings::ServerLimits;

/// Room for the method, the version and the spaces beside the target.
const REQUEST_LINE_REST: usize = 64;

/// A request's head, and what it says about the bytes after it and the connection.
#[derive(Debug)]
pub(super) struct Head {
    /// Method, target, version and headers.
    pub request: Request<Source>,
    /// How the body ends.
    pub framing: Framing,
    /// Whether another request may follow.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects: bool,
    /// Whether the client reads trailers.
    pub takes_trailers: bool,
}

impl Head {
    /// Of no request yet.
    pub fn empty() -> Box<Head> {
        let (request, framing) = (Request::new(Source::Empty), Framing::Length(0));
        Box::new(Head { request, framing, keep_alive: false, expects: false, takes_trailers: false })
    }
}

/// Looks for the end of a head while it comes in, each byte once.
#[derive(Debug, Default)]
pub(super) struct Lines {
    scanned: usize,
    line: usize,
    request_line: bool,
}

impl Lines {
    /// Whether more has come than the empty lines that may stand before a request.
    pub fn begun(&self) -> bool {
        self.scanned > self.line || self.request_line
    }

    /// The length of the head with its empty line, once it is whole. `bytes` are all that came of it, with what
    /// follows.
    ///
    /// # Errors
    /// As soon as it cannot become a head, or is too long for one.
    pub fn find(&mut self, bytes: &[u8], limits: &ServerLimits) -> Result<Option<usize>, Refusal> {
        while let Some(at) = memchr(b'\n', bytes.get(self.scanned..).unwrap_or_default()) {
            let end = self.scanned + at;
            let line = bytes.get(self.line..end).and_then(|line| line.strip_suffix(b"\r"));
            let Some(line) = line else { return Err(BARE_LF) };
            self.check_request_line(line, limits)?;
            self.scanned = end + 1;
            self.line = self.scanned;
            if self.scanned > limits.header_bytes {
                return Err(Refusal::HeadTooLarge);
            }
            if line.is_empty() && self.request_line {
                return Ok(Some(self.scanned));
            }
            self.request_line |= !line.is_empty();
        }
        self.check_request_line(bytes.get(self.line..).unwrap_or_default(), limits)?;
        self.scanned = bytes.len();
        if self.scanned > limits.header_bytes { Err(Refusal::HeadTooLarge) } else { Ok(None) }
    }

    /// Looks at the first line, which may still be coming.
    fn check_request_line(&self, line: &[u8], limits: &ServerLimits) -> Result<(), Refusal> {
        if self.request_line {
            return Ok(());
        }
        if line.len() > limits.uri_bytes + REQUEST_LINE_REST {
            return Err(Refusal::UriTooLong);
        }
        match line.first() {
            Some(first) if !first.is_ascii_graphic() && *first != b'\r' => Err(REQUEST_LINE),
            _ => Ok(()),
        }
    }
}

const HEADER_NAME: Refusal = Refusal::Malformed("a header's name is not valid");
const HEADER_VALUE: Refusal = Refusal::Malformed("a header's value is not valid");
const BARE_LF: Refusal = Refusal::Malformed("a line of the request's head does not end in CR LF");
const REQUEST_LINE: Refusal = Refusal::Malformed("the request line is not valid");
const TARGET: Refusal = Refusal::Malformed("the request's target is not valid");
const FRAGMENT: Refusal = Refusal::Malformed("the request's target has a fragment");
const TWO_FRAMINGS: Refusal = Refusal::Malformed("Content-Length stands beside Transfer-Encoding");
const CODING: Refusal = Refusal::Malformed("Transfer-Encoding does not end in one chunked");
const CODING_IN_1_0: Refusal = Refusal::Malformed("HTTP/1.0 has no Transfer-Encoding");

/// Reads a whole head into one that has room for it and no headers.
///
/// # Errors
/// When it is not strictly valid, over a bound, or its body's end is not clear.
pub(super) fn read(bytes: &Bytes, head: &mut Head, limits: &ServerLimits) -> Result<(), Refusal> {
    let mut lines = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; ServerLimits::HEADERS_MAX];
    let lines = lines.get_mut(..limits.headers).unwrap_or_default();
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(bytes, lines) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(Refusal::Malformed("the request's head is not valid")),
        Err(error) => return Err(refusal_of(error, bytes)),
    }
    let request = &mut head.request;
    *request.method_mut() =
        Method::from_bytes(parsed.method.unwrap_or_default().as_bytes()).map_err(|_| REQUEST_LINE)?;
    *request.uri_mut() = target(bytes, parsed.path.unwrap_or_default(), limits)?;
    *request.version_mut() = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut said = Said::new(request.version());
    for line in parsed.headers.iter() {
        let name = field::name(line.name).map_err(|_| HEADER_NAME)?;
        let value = field::value(bytes, line.value).map_err(|_| HEADER_VALUE)?;
        said.note(&name, &value)?;
        request.headers_mut().append(name, value);
    }
    head.framing = said.framing()?;
    head.keep_alive = !said.close && (said.keep || said.version == Version::HTTP_11);
    head.expects = said.expects && said.version == Version::HTTP_11;
    head.takes_trailers = said.takes_trailers;
    Ok(())
}

fn refusal_of(error: httparse::Error, head: &[u8]) -> Refusal {
    let line =
        head.split(|byte| *byte == b'\r').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let names_version = || line.split(|byte| *byte == b' ').nth(2).is_some_and(|it| it.starts_with(b"HTTP/"));
    match error {
        httparse::Error::TooManyHeaders => Refusal::TooManyHeaders,
        httparse::Error::Version if names_version() => Refusal::Version,
        httparse::Error::HeaderName => HEADER_NAME,
        httparse::Error::HeaderValue => HEADER_VALUE,
        _ => REQUEST_LINE,
    }
}

fn target(head: &Bytes, target: &str, limits: &ServerLimits) -> Result<Uri, Refusal> {
    if target.len() > limits.uri_bytes {
        Err(Refusal::UriTooLong)
    } else if target.contains('#') {
        Err(FRAGMENT)
    } else {
        Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_| TARGET)
    }
}

/// What the headers say about the message itself, gathered while they go by.
struct Said {
    version: Version,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep: bool,
    expects: bool,
    takes_trailers: bool,
}

impl Said {
    fn new(version: Version) -> Said {
        let (length, chunked) = (None, false);
        Said { version, length, chunked, close: false, keep: false, expects: false, takes_trailers: false }
    }

    fn note(&mut self, name: &HeaderName, value: &HeaderValue) -> Result<(), Refusal> {
        match *name {
            header::CONTENT_LENGTH if self.length.is_some() => return Err(Refusal::LENGTH),
            header::CONTENT_LENGTH => self.length = Some(content_length(value.as_bytes())?),
            header::TRANSFER_ENCODING if self.version == Version::HTTP_10 => return Err(CODING_IN_1_0),
            header::TRANSFER_ENCODING if self.chunked => return Err(CODING),
            header::TRANSFER_ENCODING => {
                check_coding(value.as_bytes())?;
                self.chunked = true;
            }
            header::CONNECTION => tokens(value).for_each(|option| {
                self.close |= option.eq_ignore_ascii_case("close");
                self.keep |= option.eq_ignore_ascii_case("keep-alive");
            }),
            header::EXPECT => self.expects = value.as_bytes().eq_ignore_ascii_case(b"100-continue"),
            header::TE => {
                self.takes_trailers |= tokens(value).any(|coding| coding.eq_ignore_ascii_case("trailers"));
            }
            _ => {}
        }
        Ok(())
    }

    fn framing(&self) -> Result<Framing, Refusal> {
        match (self.length, self.chunked) {
            (Some(_), true) => Err(TWO_FRAMINGS),
            (None, true) => Ok(Framing::Chunked),
            (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }
}

/// Digits alone: a sign, a list or a fraction means something to somebody else.
fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let length: i64 = digits.and_then(|digits| digits.parse().ok()).ok_or(Refusal::LENGTH)?;
    Ok(length.unsigned_abs())
}

/// `chunked` alone is known. With other codings before it the request is valid, but not for us.
fn check_coding(value: &[u8]) -> Result<(), Refusal> {
    let is_chunked = |coding: &[u8]| coding.trim_ascii().eq_ignore_ascii_case(b"chunked");
    let mut codings = value.rsplit(|byte| *byte == b',');
    let last = codings.next().unwrap_or_default();
    let mut others = codings.peekable();
    if !is_chunked(last) || others.any(is_chunked) {
        Err(CODING)
    } else if value.contains(&b',') {
        Err(Refusal::TransferCoding)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: ServerLimits = ServerLimits {
        header_bytes: 1024,
        headers: 4,
        uri_bytes: 64,
        request_body_bytes: None,
        connections: 1,
        requests_per_connection: None,
    };

    /// Finds and reads a head that comes whole, then byte by byte; both must agree.
    #[track_caller]
    fn check(text: &str, expected: Result<Framing, u16>) {
        let find = |step| find(text.as_bytes(), step).map(|head| head.framing);
        let whole = find(text.len());
        assert_eq!(whole, find(1), "however it comes: {text:?}");
        assert_eq!(whole.map_err(|refusal| refusal.status().as_u16()), expected, "{text:?}: {whole:?}");
    }

    fn find(bytes: &[u8], step: usize) -> Result<Box<Head>, Refusal> {
        let found = find_end(bytes, step).transpose()?;
        Ok(found.unwrap_or_else(|| panic!("no end in {:?}", String::from_utf8_lossy(bytes))))
    }

    /// Nothing where more would have to come.
    fn find_end(bytes: &[u8], step: usize) -> Option<Result<Box<Head>, Refusal>> {
        let mut lines = Lines::default();
        let ends = (step..bytes.len()).step_by(step).chain([bytes.len()]);
        let read = |end: usize| -> Result<Option<Box<Head>>, Refusal> {
            if let Some(length) = lines.find(&bytes[..end], &LIMITS)? {
                let mut head = Head::empty();
                read(&Bytes::copy_from_slice(&bytes[..length]), &mut head, &LIMITS)?;
                return Ok(Some(head));
            }
            Ok(None)
        };
        ends.map(read).find_map(Result::transpose)
    }

    #[test]
    fn a_head_says_how_its_body_ends() {
        check("GET / HTTP/1.1\r\n\r\n", Ok(Framing::Length(0)));
        check("\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n", Ok(Framing::Length(0)));
        check("POST /a?b HTTP/1.1\r\ncontent-length:  12 \r\n\r\nbody", Ok(Framing::Length(12)));
        check("POST / HTTP/1.0\r\nContent-Length: 007\r\n\r\n", Ok(Framing::Length(7)));
        check("POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n", Ok(Framing::Chunked));
    }

    #[test]
    fn a_head_says_whether_another_request_may_follow() {
        let check = |line: &str, headers: &str, expected: bool| {
            let head = find(format!("GET / {line}\r\n{headers}\r\n").as_bytes(), 1).unwrap();
            assert_eq!(head.keep_alive, expected, "{line} {headers:?}");
        };
        check("HTTP/1.1", "", true);
        check("HTTP/1.1", "connection: x-a, Close\r\n", false);
        check("HTTP/1.1", "connection: close\r\nconnection: keep-alive\r\n", false);
        check("HTTP/1.0", "", false);
        check("HTTP/1.0", "connection: Keep-Alive\r\n", true);
        check("HTTP/1.0", "connection: keep-alive, close\r\n", false);
    }

    #[test]
    fn a_head_says_what_the_client_waits_for_and_reads() {
        let check = |headers: &str, expects: bool, takes_trailers: bool| {
            for (version, counts) in [("1.1", true), ("1.0", false)] {
                let text = format!("PUT / HTTP/{version}\r\ncontent-length: 1\r\n{headers}\r\n\r\n");
                let head = find(text.as_bytes(), 1).unwrap();
                assert_eq!((head.expects, head.takes_trailers), (expects && counts, takes_trailers));
            }
        };
        check("expect: 100-Continue", true, false);
        check("expect: 101-continue", false, false);
        check("te: gzip, Trailers", false, true);
        check("te: gzip", false, false);
    }

    #[test]
    fn framing_that_could_be_read_in_two_ways_is_refused() {
        let refused = |headers: &str, status: u16| {
            check(&format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n"), Err(status));
        };
        refused("content-length: 5\r\ntransfer-encoding: chunked", 400);
        refused("transfer-encoding: chunked\r\ncontent-length: 5", 400);
        refused("content-length: 5\r\ncontent-length: 6", 400);
        refused("content-length: 5\r\ncontent-length: 5", 400);
        for length in ["5, 5", "+5", "-5", "5.0", "0x5", "", "5 5", "9223372036854775808"] {
            refused(&format!("content-length: {length}"), 400);
        }
        refused("transfer-encoding: chunked\r\ntransfer-encoding: chunked", 400);
        refused("transfer-encoding: chunked\r\ntransfer-encoding: identity", 400);
        for coding in ["chunked, chunked", "xchunked", "chunked, gzip", "identity", "gzip", "", "\"chunked\""]
        {
            refused(&format!("transfer-encoding: {coding}"), 400);
        }
        refused("transfer-encoding: gzip, chunked", 501);
        check("POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n", Err(400));
    }

    #[test]
    fn lines_are_strict() {
        let check = |text: &str| check(text, Err(400));
        check("GET / HTTP/1.1\nhost: a\n\n");
        check("GET / HTTP/1.1\r\nhost: a\n\r\n");
        check("GET / HTTP/1.1\r\nhost: a\r\n\n");
        check("\nGET / HTTP/1.1\r\n\r\n");
        check("GET / HTTP/1.1\r\na: b\rc: d\r\n\r\n");
        check("GET / HTTP/1.1\r\na: b\r\n folded\r\n\r\n");
        check("GET / HTTP/1.1\r\n folded: b\r\n\r\n");
        check("GET / HTTP/1.1\r\na : b\r\n\r\n");
        check("GET / HTTP/1.1\r\na b: c\r\n\r\n");
        check("GET / HTTP/1.1\r\n: b\r\n\r\n");
        check("GET / HTTP/1.1\r\nno colon\r\n\r\n");
        check("GET / HTTP/1.1\r\na: b\0c\r\n\r\n");
        check("GET / HTTP/1.1\r\na\0: b\r\n\r\n");
        check("GET / HTTP/1.1\r\nnäme: b\r\n\r\n");
        check("GET  / HTTP/1.1\r\n\r\n");
        check("GET / HTTP/1.1 \r\n\r\n");
        check(" GET / HTTP/1.1\r\n\r\n");
        check("GET /\r\n\r\n");
        check("\u{16}\u{3}\u{1}\u{2}\r\n\r\n");
    }

    #[test]
    fn targets_are_uris_without_fragment() {
        let target = |target: &str, valid: bool| {
            let expected = if valid { Ok(Framing::Length(0)) } else { Err(400) };
            check(&format!("GET {target} HTTP/1.1\r\n\r\n"), expected);
        };
        target("/a/../%2F?x={y}", true);
        target("http://a.example:81/x", true);
        target("*", true);
        target("/a#b", false);
        target("/a\\b", true);
        target("a b", false);
        target("//", true);
        target("http://[/", false);
        target("/a\u{7f}", false);
    }

    #[test]
    fn bounds_are_told_apart() {
        check("GET / HTTP/1.2\r\n\r\n", Err(505));
        check("GET / HTTP/3.0\r\n\r\n", Err(505));
        check(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(63)), Ok(Framing::Length(0)));
        check(&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(64)), Err(414));
        check(&format!("GET /{}", "a".repeat(5000)), Err(414));
        check(&format!("GET / HTTP/1.1\r\na: {}", "a".repeat(5000)), Err(431));
        check(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(4)), Ok(Framing::Length(0)));
        check(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5)), Err(431));
        check(&"\r\n".repeat(600), Err(431));
    }

    proptest! {
        #[test]
        fn a_head_is_the_same_however_it_comes(
            lines in prop::collection::vec("[a-z]{1,5}: ?[ -~]{0,10}\r?\n", 0..4),
            start in "(\r\n)?(GET|PUT|X) [/a-z*?#]{1,6} HTTP/1\\.[012]\r\n",
            step in 1..60_usize,
        ) {
            let text = format!("{start}{}\r\n", lines.concat());
            let find = |step| {
                let found = find_end(text.as_bytes(), step);
                found.map(|found| found.map(|head| (head.framing, head.keep_alive, head.request.uri().clone())))
            };
            prop_assert_eq!(find(step), find(text.len()));
        }

        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(any::<u8>(), 1..200), step in 1..50_usize) {
            let _ = find_end(&bytes, step);
        }
    }

    #[test]
    fn empty_lines_begin_no_request() {
        let begun = |text: &str| {
            let mut lines = Lines::default();
            assert_eq!(lines.find(text.as_bytes(), &LIMITS), Ok(None));
            lines.begun()
        };
        assert!(!begun("") && !begun("\r\n") && !begun("\r\n\r\n"));
        assert!(begun("G") && begun("\r\nGET") && begun("GET / HTTP/1.1\r\n"));
    }
}
