//! A message on its way out: its head, and its body framed as the head says. Small pieces are gathered and written
//! at once; large ones are written from where they are.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};
use http_body::Frame;
use tokio::io::AsyncWrite;

use super::buffers::Buffers;
use super::framing::Framing;
use crate::telemetry::traces::TRACEPARENT;

/// Pieces up to this size are copied behind what waits already: cheaper than a list for the kernel to follow.
const GATHERED_MAX: usize = 4 << 10;
/// What may wait before more is asked for.
const WAITING_MAX: usize = 256 << 10;
/// Pieces handed over at once.
const SLICES_MAX: usize = 16;

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Outbound {
    buffers: Rc<Buffers>,
    /// Written first.
    text: BytesMut,
    /// Then these.
    pieces: VecDeque<Bytes>,
    /// Bytes in the pieces.
    waiting: usize,
    /// Some bytes were taken by a connection that may keep them for a while.
    unflushed: bool,
    body: Coding,
}

/// How the body is being framed.
#[derive(Debug)]
enum Coding {
    /// So many bytes are left to come.
    Length(u64),
    /// In chunks, and then the trailers of these names.
    Chunked(Vec<HeaderName>),
    /// As it is.
    Close,
}

/// A body that is not as long as its head said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit;

impl Outbound {
    /// Nothing waits.
    pub fn new(buffers: Rc<Buffers>) -> Outbound {
        let (text, pieces) = (BytesMut::new(), VecDeque::new());
        Outbound { buffers, text, pieces, waiting: 0, unflushed: false, body: Coding::Length(0) }
    }

    /// Begins a request with this body, for a path and query under the base path. `trace` is a `traceparent` that the
    /// headers have not.
    pub fn request(
        &mut self,
        method: &Method,
        [base, path]: [&str; 2],
        headers: &HeaderMap,
        trace: Option<&HeaderValue>,
        body: Framing,
    ) {
        self.begin();
        // A URI may have a query right behind its authority; a request's target may not.
        let slash = if path.starts_with(['/', '*']) { "" } else { "/" };
        self.push(&[method.as_str(), " ", base, slash, path, " HTTP/1.1\r\n"]);
        if let Some(trace) = trace {
            self.line(&TRACEPARENT, trace.as_bytes());
        }
        self.headers(headers, Some(body).filter(|body| *body != Framing::Length(0)));
        self.frame(body, headers, true);
    }

    /// Begins an answer. `body` is `None` where an answer ends with its head whatever that says, and its length is
    /// that of a body which is not sent.
    pub fn answer(
        &mut self,
        version: Version,
        (status, phrase): (StatusCode, Option<&[u8]>),
        headers: &HeaderMap,
        body: Option<Framing>,
        takes_trailers: bool,
    ) {
        self.begin();
        self.status_line(version, status, phrase);
        self.headers(headers, body);
        self.frame(body.unwrap_or(Framing::Length(0)), headers, takes_trailers);
    }

    /// An interim answer (RFC 9110, section 15.2), before the one that counts.
    pub fn interim(&mut self, status: StatusCode, headers: &HeaderMap) {
        self.begin();
        self.status_line(Version::HTTP_11, status, None);
        self.headers(headers, Some(Framing::Close));
    }

    fn begin(&mut self) {
        if self.text.capacity() == 0 {
            self.text = self.buffers.take();
        }
    }

    fn push(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.text.extend_from_slice(part.as_bytes()));
    }

    fn status_line(&mut self, version: Version, status: StatusCode, phrase: Option<&[u8]>) {
        let version = if version == Version::HTTP_10 { "HTTP/1.0 " } else { "HTTP/1.1 " };
        self.push(&[version, status.as_str(), " "]);
        let phrase = phrase.unwrap_or(status.canonical_reason().unwrap_or_default().as_bytes());
        self.text.extend_from_slice(phrase);
        self.push(&["\r\n"]);
    }

    /// The lines of the headers and the empty line. What frames the body is ours to say, where there is one.
    fn headers(&mut self, headers: &HeaderMap, body: Option<Framing>) {
        for (name, value) in headers {
            if body.is_some() && (*name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING) {
                continue;
            }
            self.line(name, value.as_bytes());
        }
        match body {
            Some(Framing::Length(length)) => {
                self.line(&header::CONTENT_LENGTH, itoa::Buffer::new().format(length).as_bytes());
            }
            Some(Framing::Chunked) => self.line(&header::TRANSFER_ENCODING, b"chunked"),
            Some(Framing::Close) | None => {}
        }
        self.push(&["\r\n"]);
    }

    fn line(&mut self, name: &HeaderName, value: &[u8]) {
        self.text.extend_from_slice(name.as_str().as_bytes());
        self.text.extend_from_slice(b": ");
        self.text.extend_from_slice(value);
        self.text.extend_from_slice(b"\r\n");
    }

    /// Trailers need the chunked coding, a reader that takes them, and to be named in `Trailer`.
    fn frame(&mut self, body: Framing, headers: &HeaderMap, takes_trailers: bool) {
        self.body = match body {
            Framing::Length(length) => Coding::Length(length),
            Framing::Chunked if takes_trailers => Coding::Chunked(announced(headers)),
            Framing::Chunked => Coding::Chunked(Vec::new()),
            Framing::Close => Coding::Close,
        };
    }

    /// Forgets what waits.
    pub fn clear(&mut self) {
        self.buffers.give(&mut self.text);
        self.pieces.clear();
        self.waiting = 0;
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.is_handed_over() && !self.unflushed
    }

    fn is_handed_over(&self) -> bool {
        self.text.is_empty() && self.pieces.is_empty()
    }

    /// Bytes that wait to be written.
    pub fn waiting(&self) -> usize {
        self.text.len() + self.waiting
    }

    /// Whether more of the body should be asked for before what waits is written.
    pub fn has_room(&self) -> bool {
        self.text.len() < GATHERED_MAX * 4 && self.waiting < WAITING_MAX && self.pieces.len() + 2 < SLICES_MAX
    }

    /// Adds a part of the body.
    ///
    /// # Errors
    /// When there are more bytes than the head said. None of these goes out.
    pub fn frame_of_body(&mut self, frame: Frame<Bytes>) -> Result<(), Misfit> {
        match frame.into_data() {
            Ok(data) => self.data(data),
            Err(frame) => {
                if let (Ok(trailers), Coding::Chunked(_)) = (frame.into_trailers(), &self.body) {
                    self.last_chunk(Some(trailers));
                    self.body = Coding::Length(0);
                }
                Ok(())
            }
        }
    }

    fn data(&mut self, data: Bytes) -> Result<(), Misfit> {
        if data.is_empty() {
            return Ok(());
        }
        match &mut self.body {
            Coding::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Misfit)?;
                self.piece(data);
            }
            Coding::Close => self.piece(data),
            Coding::Chunked(_) => {
                self.bytes(chunk_head(data.len(), &mut [b'0'; CHUNK_HEAD_MAX]));
                self.piece(data);
                self.bytes(b"\r\n");
            }
        }
        Ok(())
    }

    /// The body is over.
    ///
    /// # Errors
    /// When there were fewer bytes than the head said: the connection must end too.
    pub fn end_of_body(&mut self) -> Result<(), Misfit> {
        match self.body {
            Coding::Length(0) | Coding::Close => {}
            Coding::Length(_) => return Err(Misfit),
            Coding::Chunked(_) => self.last_chunk(None),
        }
        self.body = Coding::Length(0);
        Ok(())
    }

    fn last_chunk(&mut self, trailers: Option<HeaderMap>) {
        self.bytes(b"0\r\n");
        if let (Some(trailers), Coding::Chunked(announced)) = (trailers, &mut self.body) {
            let announced = std::mem::take(announced);
            for (name, value) in trailers.iter().filter(|(name, _)| announced.contains(name)) {
                self.bytes(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
            }
        }
        self.bytes(b"\r\n");
    }

    fn piece(&mut self, data: Bytes) {
        if self.pieces.is_empty() && data.len() <= GATHERED_MAX {
            self.begin();
            self.text.extend_from_slice(&data);
        } else {
            self.waiting += data.len();
            self.pieces.push_back(data);
        }
    }

    /// Adds bytes of our own.
    fn bytes(&mut self, bytes: &[u8]) {
        self.piece(if self.pieces.is_empty() {
            self.begin();
            self.text.extend_from_slice(bytes);
            return;
        } else {
            Bytes::copy_from_slice(bytes)
        });
    }

    /// Writes until nothing waits.
    pub fn poll_write<I: AsyncWrite + Unpin>(
        &mut self,
        io: &mut I,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_handed_over() {
            let written = if self.pieces.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(context, &self.text))?
            } else {
                ready!(self.poll_write_pieces(io, context))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.wrote(written);
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(io).poll_flush(context))?;
            self.unflushed = false;
        }
        if self.text.capacity() > 0 {
            self.buffers.give(&mut self.text);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_pieces<I: AsyncWrite + Unpin>(
        &self,
        io: &mut I,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let waiting = std::iter::once(&self.text[..]).chain(self.pieces.iter().map(|piece| &piece[..]));
        let mut count = 0;
        for (slice, bytes) in slices.iter_mut().zip(waiting.filter(|bytes| !bytes.is_empty())) {
            *slice = IoSlice::new(bytes);
            count += 1;
        }
        Pin::new(io).poll_write_vectored(context, slices.get(..count).unwrap_or_default())
    }

    fn wrote(&mut self, mut bytes: usize) {
        let of_text = bytes.min(self.text.len());
        self.text.advance(of_text);
        bytes -= of_text;
        self.waiting -= bytes.min(self.waiting);
        while let Some(piece) = self.pieces.front_mut() {
            if bytes < piece.len() {
                piece.advance(bytes);
                return;
            }
            bytes -= piece.len();
            self.pieces.pop_front();
        }
    }
}

/// Sixteen digits and the end of the line.
const CHUNK_HEAD_MAX: usize = 18;

/// The size of a chunk and the end of its line, written at the end of the room given.
fn chunk_head(length: usize, room: &mut [u8; CHUNK_HEAD_MAX]) -> &[u8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (mut rest, mut start) = (length, CHUNK_HEAD_MAX);
    for place in room.iter_mut().rev() {
        *place = match CHUNK_HEAD_MAX - start {
            0 => b'\n',
            1 => b'\r',
            _ => {
                let digit = DIGITS.get(rest & 0xf).copied().unwrap_or_default();
                rest >>= 4;
                digit
            }
        };
        start -= 1;
        if rest == 0 && CHUNK_HEAD_MAX - start > 2 {
            break;
        }
    }
    room.get(start..).unwrap_or_default()
}

/// What `Trailer` names, apart from headers that a trailer must not be (RFC 9110, section 6.5.1).
fn announced(headers: &HeaderMap) -> Vec<HeaderName> {
    const NEVER: [HeaderName; 12] = [
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONTENT_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::CONTENT_TYPE,
        header::HOST,
        header::MAX_FORWARDS,
        header::SET_COOKIE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::TE,
    ];
    let named = headers.get_all(header::TRAILER).iter().flat_map(super::super::headers::tokens);
    named
        .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
        .filter(|name| !NEVER.contains(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn outbound() -> Outbound {
        Outbound::new(Rc::default())
    }

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    /// Takes at most so many bytes at a time.
    struct Narrow(Vec<u8>, usize);

    impl AsyncWrite for Narrow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.1);
            self.0.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// All that waits, written so many bytes at a time.
    fn written(outbound: &mut Outbound, step: usize) -> String {
        let mut io = Narrow(Vec::new(), step);
        let mut context = Context::from_waker(Waker::noop());
        assert!(outbound.poll_write(&mut io, &mut context).is_ready() && outbound.is_empty());
        String::from_utf8(io.0).unwrap()
    }

    fn data(text: &str) -> Frame<Bytes> {
        Frame::data(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn a_request_is_framed_as_its_body_is() {
        let check = |body: Framing, expected: &str| {
            let mut outbound = outbound();
            let given = headers(&[("host", "a"), ("content-length", "0"), ("transfer-encoding", "x")]);
            outbound.request(&Method::PUT, ["/api", "/b?c"], &given, None, body);
            assert_eq!(
                written(&mut outbound, 7),
                format!("PUT /api/b?c HTTP/1.1\r\nhost: a\r\n{expected}\r\n")
            );
        };
        check(Framing::Length(0), "content-length: 0\r\ntransfer-encoding: x\r\n");
        check(Framing::Length(12), "content-length: 12\r\n");
        check(Framing::Chunked, "transfer-encoding: chunked\r\n");
    }

    #[test]
    fn an_answer_says_what_follows() {
        let check = |version, phrase: Option<&[u8]>, body, expected: &str| {
            let mut outbound = outbound();
            let given = headers(&[("content-length", "7")]);
            outbound.answer(version, (StatusCode::NOT_FOUND, phrase), &given, body, false);
            assert_eq!(written(&mut outbound, 3), expected);
        };
        let whole = Some(Framing::Length(0));
        check(Version::HTTP_11, None, whole, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
        check(Version::HTTP_11, Some(b"Gone"), None, "HTTP/1.1 404 Gone\r\ncontent-length: 7\r\n\r\n");
        check(Version::HTTP_10, None, Some(Framing::Close), "HTTP/1.0 404 Not Found\r\n\r\n");
    }

    #[test]
    fn bodies_are_as_long_as_their_heads_say() {
        let begun = |body: Framing| {
            let mut outbound = outbound();
            outbound.request(&Method::PUT, ["", "/"], &HeaderMap::new(), None, body);
            written(&mut outbound, 1000);
            outbound
        };
        let mut exact = begun(Framing::Length(5));
        assert_eq!(exact.end_of_body(), Err(Misfit));
        assert_eq!(exact.frame_of_body(data("abc")), Ok(()));
        assert_eq!(exact.frame_of_body(data("def")), Err(Misfit));
        let mut exact = begun(Framing::Length(5));
        assert_eq!((exact.frame_of_body(data("abcde")), exact.end_of_body()), (Ok(()), Ok(())));
        assert_eq!(written(&mut exact, 2), "abcde");
    }

    #[test]
    fn chunks_and_trailers_go_out_in_order_however_large() {
        let check = |sizes: &[usize], takes_trailers: bool| {
            let mut outbound = outbound();
            let given = headers(&[("trailer", "x-sum, content-length")]);
            outbound.answer(
                Version::HTTP_11,
                (StatusCode::OK, None),
                &given,
                Some(Framing::Chunked),
                takes_trailers,
            );
            let mut expected =
                "HTTP/1.1 200 OK\r\ntrailer: x-sum, content-length\r\ntransfer-encoding: chunked\r\n\r\n"
                    .to_owned();
            for size in sizes {
                outbound.frame_of_body(data(&"x".repeat(*size))).unwrap();
                if *size > 0 {
                    expected += &format!("{size:x}\r\n{}\r\n", "x".repeat(*size));
                }
            }
            let trailers = headers(&[("x-sum", "1"), ("x-more", "2"), ("content-length", "3")]);
            outbound.frame_of_body(Frame::trailers(trailers)).unwrap();
            outbound.end_of_body().unwrap();
            expected += if takes_trailers { "0\r\nx-sum: 1\r\n\r\n" } else { "0\r\n\r\n" };
            assert_eq!(written(&mut outbound, 999), expected);
        };
        check(&[], false);
        check(&[1, 15, 16, 0, 255], true);
        check(&[100_000, 1, 5000, 20, 4096], false);
        check(&[3, 70_000, 2], true);
    }

    #[test]
    fn there_is_room_until_enough_waits() {
        let mut outbound = outbound();
        assert!(outbound.has_room());
        outbound.request(&Method::PUT, ["", "/"], &HeaderMap::new(), None, Framing::Length(1 << 30));
        outbound.frame_of_body(data(&"x".repeat(WAITING_MAX))).unwrap();
        assert!(!outbound.has_room());
        written(&mut outbound, 4096);
        assert!(outbound.has_room());
    }
}
