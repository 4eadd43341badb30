//! Takes turns: a connection to an upstream that always has more to say must not keep its worker from everything
//! else. Without this, a flood of interim answers (RFC 9110, section 15.2), which the HTTP library skips in one
//! go, stops all exchanges of a worker for as long as it lasts, and no timeout can end it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::util::MapResponse;

/// Reads in a row until the others get their turn. Most answers need one.
const READS_MAX: u32 = 8;

/// Makes [`Paced`] connections.
pub(super) type Connector = MapResponse<HttpConnector, fn(TokioIo<TcpStream>) -> TokioIo<Paced>>;

/// A connector whose connections take turns.
pub(super) fn connector(connector: HttpConnector) -> Connector {
    MapResponse::new(connector, |stream| TokioIo::new(Paced { stream: stream.into_inner(), reads: 0 }))
}

/// A connection to an upstream.
pub(super) struct Paced {
    stream: TcpStream,
    /// In a row.
    reads: u32,
}

impl Connection for Paced {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.reads == READS_MAX {
            self.reads = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.reads = if read.is_ready() { self.reads + 1 } else { 0 };
        read
    }
}

impl AsyncWrite for Paced {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_always_has_something_lets_others_run() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        listener.accept().unwrap().0.write_all(&[b'x'; 1000]).unwrap();
        stream.readable().await.unwrap();
        let mut paced = Paced { stream, reads: 0 };
        let one_turn = poll_fn(|context| {
            let mut read = 0;
            while Pin::new(&mut paced).poll_read(context, &mut ReadBuf::new(&mut [0])).is_ready() {
                read += 1;
            }
            Poll::Ready(read)
        });
        assert_eq!(one_turn.await, READS_MAX);
    }
}
