//! Room to read into and to write from, and for headers, passed from exchange to exchange of a worker, so that an
//! idle connection holds none.

use std::cell::RefCell;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::wire::Wire;

/// Room for the beginning of a message. Most are no longer.
const ROOM: usize = 16 << 10;

/// Room for most heads, and no more than the allocator has at hand: of sizes up to this glibc keeps what was freed last
/// for the thread that freed it.
const HEAD_ROOM: usize = 1 << 10;

/// Room for what follows of a long one: as much as a socket usually holds.
const LONG_ROOM: usize = 128 << 10;

/// Long rooms that wait for their next use.
const LONG_SPARE_MAX: usize = 8;

/// Headers of most messages.
const USUAL_HEADERS: usize = 24;

/// Buffers, or maps, that wait for their next use.
const SPARE_MAX: usize = 64;

/// How much a reader expects to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proxy) enum Expected {
    /// A head, or a body of unknown length.
    Some,
    /// So many bytes.
    Bytes(u64),
}

/// Headers that a map may have had and still be used again.
const HEADERS_MAX: usize = 64;

/// The buffers of a worker.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Buffers {
    bytes: RefCell<Vec<BytesMut>>,
    long: RefCell<Vec<BytesMut>>,
    headers: RefCell<Vec<HeaderMap>>,
    /// Where short reads go first: always the same memory, so that it is at hand.
    landing: RefCell<Vec<u8>>,
}

impl Buffers {
    /// A map without headers, with room for as many as most messages have.
    pub fn take_headers(&self) -> HeaderMap {
        self.headers.borrow_mut().pop().unwrap_or_else(|| HeaderMap::with_capacity(USUAL_HEADERS))
    }

    /// Takes back the room of a map whose headers are used up.
    pub fn give_headers(&self, mut headers: HeaderMap) {
        let mut spare = self.headers.borrow_mut();
        if spare.len() < SPARE_MAX && (1..=HEADERS_MAX).contains(&headers.capacity()) {
            headers.clear();
            spare.push(headers);
        }
    }

    /// An empty buffer, with room for most heads.
    pub fn take(&self) -> BytesMut {
        let mut buffer = self.bytes.borrow_mut().pop().unwrap_or_default();
        buffer.reserve(HEAD_ROOM);
        buffer
    }

    /// Takes back the room of a buffer whose bytes are used up.
    pub fn give(&self, buffer: &mut BytesMut) {
        let mut buffer = std::mem::take(buffer);
        buffer.clear();
        let mut spare = self.bytes.borrow_mut();
        if spare.len() < SPARE_MAX && buffer.capacity() > 0 {
            spare.push(buffer);
        }
    }

    /// Receives what there is behind the bytes of `buffer`, which holds room only while there are bytes in it. Says
    /// how many came: none at the end of what the other side sends.
    pub fn poll_receive(
        &self,
        buffer: &mut BytesMut,
        wire: &mut Wire,
        expected: Expected,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if expected.is_long() {
            return self.poll_receive_long(buffer, wire, context);
        }
        let mut landing = self.landing.borrow_mut();
        landing.resize(ROOM, 0);
        let Poll::Ready(length) = wire.poll_receive(&mut landing, context)? else {
            if buffer.is_empty() && buffer.capacity() > 0 {
                self.give(buffer);
            }
            return Poll::Pending;
        };
        if buffer.capacity() == 0 {
            *buffer = self.take();
        }
        buffer.extend_from_slice(landing.get(..length).unwrap_or_default());
        Poll::Ready(Ok(length))
    }

    /// Receives as much as a socket holds. What fills a good part of the room goes away in it, and the room comes
    /// back when that has been sent on; what is less is copied, so that it does not keep a room for itself while it is
    /// held.
    fn poll_receive_long(
        &self,
        buffer: &mut BytesMut,
        wire: &mut Wire,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut spare = self.long.borrow_mut();
        let mut room = spare.pop().unwrap_or_default();
        room.reserve(LONG_ROOM);
        let polled = pin!(wire.read_buf(&mut room)).poll(context);
        if buffer.is_empty() {
            self.give(buffer);
        }
        if buffer.is_empty() && room.len() >= LONG_ROOM / 4 {
            *buffer = room.split();
        } else {
            buffer.extend_from_slice(&room);
            room.clear();
        }
        if spare.len() < LONG_SPARE_MAX {
            spare.push(room);
        }
        polled
    }

    /// Reads a little of what there is, whatever the connection is made of, else as
    /// [`poll_receive`](Self::poll_receive) does.
    pub fn poll_read<I: AsyncRead + Unpin>(
        &self,
        buffer: &mut BytesMut,
        io: &mut I,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if buffer.capacity() == 0 {
            *buffer = self.take();
        }
        let polled = pin!(Pin::new(io).read_buf(buffer)).poll(context);
        if buffer.is_empty() {
            self.give(buffer);
        }
        polled
    }
}

impl Expected {
    fn is_long(self) -> bool {
        matches!(self, Expected::Bytes(bytes) if bytes > ROOM as u64)
    }
}

/// The first bytes of a buffer, at most `bytes_max`.
pub(super) fn split(buffer: &mut BytesMut, bytes_max: u64) -> Bytes {
    let length = usize::try_from(bytes_max).map_or(buffer.len(), |max| max.min(buffer.len()));
    buffer.split_to(length).freeze()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::task::Waker;

    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn an_empty_buffer_goes_back() {
        let buffers = Buffers::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut buffer = BytesMut::new();
        let mut read = |buffer: &mut BytesMut, mut text: &[u8]| {
            buffers.poll_read(buffer, &mut text, &mut context).map(Result::unwrap)
        };
        assert_eq!(read(&mut buffer, b"abc"), Poll::Ready(3));
        assert_eq!(read(&mut buffer, b"de"), Poll::Ready(2));
        assert_eq!(&buffer[..], b"abcde");
        assert_eq!(split(&mut buffer, 2), "ab");
        assert_eq!(split(&mut buffer, u64::MAX), "cde");
        assert_eq!(read(&mut buffer, b""), Poll::Ready(0));
        assert_eq!(buffer.capacity(), 0);
        assert!(buffers.take().capacity() > 0);
    }

    #[tokio::test]
    async fn short_and_long_pieces_of_a_body_arrive_in_order() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut wire, mut other) = (Wire::from(stream), listener.accept().unwrap().0);
        let buffers = Buffers::default();
        let (mut held, mut sent, mut buffer) = (Vec::new(), Vec::new(), BytesMut::new());
        for number in 0..100 {
            let piece = vec![number; if number % 10 == 0 { 100_000 } else { 10 }];
            other.write_all(&piece).unwrap();
            sent.extend(piece);
            while held.iter().map(Bytes::len).sum::<usize>() < sent.len() {
                let expected = Expected::Bytes(u64::MAX);
                let polled =
                    poll_fn(|context| buffers.poll_receive(&mut buffer, &mut wire, expected, context));
                polled.await.unwrap();
                held.push(split(&mut buffer, u64::MAX));
            }
        }
        assert!(held.concat() == sent);
    }
}
