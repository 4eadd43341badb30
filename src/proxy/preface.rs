//! Which protocol a client speaks: HTTP/2 when it begins with that protocol's preface (RFC 9113, section 3.4),
//! HTTP/1.1 otherwise. Reads no further than it must, and gives back what it read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

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
    /// A connection of which nothing was read.
    pub fn new(stream: S) -> Begun<S> {
        Begun { first: Bytes::new(), stream }
    }
}

/// Waits for the first bytes, one of which usually tells.
///
/// # Errors
/// When the connection fails.
pub(super) async fn recognize<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<(Spoken, Begun<S>)> {
    let mut first = Vec::with_capacity(PREFACE.len());
    let spoken = loop {
        let mut room = (&mut stream).take((PREFACE.len() - first.len()) as u64);
        let ended = room.read_buf(&mut first).await? == 0;
        if ended || !PREFACE.starts_with(&first) {
            break Spoken::Http1;
        }
        if first.len() == PREFACE.len() {
            break Spoken::Http2;
        }
    };
    Ok((spoken, Begun { first: first.into(), stream }))
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
        let (mut client, stream) = tokio::io::duplex(1024);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            use tokio::io::AsyncWriteExt;
            let send = async {
                for piece in pieces {
                    client.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
                drop(client);
            };
            let receive = async {
                let (spoken, mut begun) = recognize(stream).await.unwrap();
                let mut all = Vec::new();
                begun.read_to_end(&mut all).await.unwrap();
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
