//! Which protocol a client speaks: HTTP/2 when it begins with that protocol's preface (RFC 9113, section 3.4),
//! HTTP/1.1 otherwise.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::http1::{Buffers, Wire};
use super::socket::Loose;

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Http1,
    Http2,
}

/// A connection whose first bytes were read already, and are read again.
#[derive(Debug)]
pub(super) struct Begun<S> {
    first: Bytes,
    stream: S,
}

impl<S> Begun<S> {
    /// A connection of which this was read.
    pub fn new(first: Bytes, stream: S) -> Begun<S> {
        Begun { first, stream }
    }
}

impl Begun<Wire> {
    /// A connection of which nothing was read yet. All that HTTP/2 is spoken over is of this one type, on every side:
    /// the library is compiled again for each.
    pub fn unread(wire: Wire) -> Begun<Wire> {
        Begun::new(Bytes::new(), wire)
    }
}

/// Takes a connection over in this thread's runtime, for HTTP/2.
///
/// # Errors
/// When the runtime cannot watch it.
pub(crate) fn taken_over(connection: Loose) -> io::Result<impl AsyncRead + AsyncWrite + Unpin> {
    Ok(Begun::unread(connection.bound()?.into()))
}

/// Waits for the first bytes, one of which usually tells. They stay in `inbound`.
///
/// # Errors
/// When the connection fails.
pub(super) async fn recognize<S: AsyncRead + Unpin>(
    stream: &mut S,
    inbound: &mut BytesMut,
    buffers: &Buffers,
) -> io::Result<Spoken> {
    loop {
        let read = poll_fn(|context| buffers.poll_read(inbound, stream, context)).await?;
        let first = inbound.get(..PREFACE.len()).unwrap_or(inbound);
        if read == 0 || !PREFACE.starts_with(first) {
            return Ok(Spoken::Http1);
        }
        if first.len() == PREFACE.len() {
            return Ok(Spoken::Http2);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, room);
        }
        let length = self.first.len().min(room.remaining());
        self.first.copy_to_slice(room.initialize_unfilled_to(length));
        room.advance(length);
        if self.first.is_empty() {
            self.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The client's bytes come in these pieces.
    #[track_caller]
    fn check(pieces: &[&[u8]], expected: Spoken) {
        let (mut client, mut stream) = tokio::io::duplex(1024);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let send = async {
                for piece in pieces {
                    client.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
                drop(client);
            };
            let receive = async {
                let (mut inbound, mut all) = (BytesMut::new(), Vec::new());
                let spoken = recognize(&mut stream, &mut inbound, &Buffers::default()).await.unwrap();
                Begun::new(inbound.freeze(), stream).read_to_end(&mut all).await.unwrap();
                (spoken, all)
            };
            let ((), received) = tokio::join!(send, receive);
            assert_eq!(received, (expected, pieces.concat()));
        });
    }

    #[test]
    fn only_the_whole_preface_is_http_2() {
        check(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], Spoken::Http2);
        check(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"more"], Spoken::Http2);
        check(&[b"P", b"RI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\nmore"], Spoken::Http2);
        check(&[b"GET / HTTP/1.1\r\n\r\n"], Spoken::Http1);
        check(&[b"P", b"UT / HTTP/1.1\r\n\r\n"], Spoken::Http1);
        check(&[b"PRI * HTTP/1.1\r\n\r\n"], Spoken::Http1);
        check(&[b"PRI"], Spoken::Http1);
        check(&[], Spoken::Http1);
    }
}
