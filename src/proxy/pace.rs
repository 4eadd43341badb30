//! Takes turns: a connection to an upstream that always has more to say must not keep its worker from everything
//! else. Without this, a flood of interim answers (RFC 9110, section 15.2), which the HTTP library skips in one
//! go, stops all exchanges of a worker for as long as it lasts, and no timeout can end it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes read in a row until the others get their turn. Most answers are over before.
const TURN_BYTES: usize = 256 << 10;

/// A connection to an upstream.
pub(super) struct Paced {
    stream: TcpStream,
    /// Read in a row.
    bytes: usize,
}

impl Paced {
    /// A connection of which nothing has been read.
    pub fn new(stream: TcpStream) -> Paced {
        Paced { stream, bytes: 0 }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.bytes >= TURN_BYTES {
            self.bytes = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.bytes = if read.is_ready() { self.bytes + buffer.filled().len() - before } else { 0 };
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
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_always_has_something_lets_others_run() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut writer = listener.accept().unwrap().0;
        let flood = thread::spawn(move || while writer.write_all(&[b'x'; 65536]).is_ok() {});
        let mut paced = Paced::new(stream);
        let mut turns = 0;
        let mut read = 0;
        poll_fn(|context| {
            let mut turn = 0;
            let mut bytes = [0; 8192];
            loop {
                let mut buffer = ReadBuf::new(&mut bytes);
                let Poll::Ready(result) = Pin::new(&mut paced).poll_read(context, &mut buffer) else { break };
                result.unwrap();
                turn += buffer.filled().len();
            }
            assert!(turn < TURN_BYTES + bytes.len(), "{turn} bytes in one turn");
            turns += 1;
            read += turn;
            if read > 10 * TURN_BYTES { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert!(turns > 10, "it goes on in the next turn");
        drop(paced);
        flood.join().unwrap();
    }
}
