//! A TCP connection, read and written by the kernel's own calls: those of the C library look each time whether the
//! thread is to be cancelled, which costs a twentieth of what Candor does in an exchange.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// The connection.
#[derive(Debug)]
pub(in crate::proxy) struct Wire(TcpStream);

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Wire {
        Wire(stream)
    }
}

impl From<Wire> for TcpStream {
    fn from(wire: Wire) -> TcpStream {
        wire.0
    }
}

impl Wire {
    /// Receives what there is, as far as there is room; says how much, which is nothing at the end.
    pub fn poll_receive(&self, room: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            let mut received = None;
            let tried = self.0.try_io(Interest::READABLE, || {
                let length = recv(&self.0, &mut *room, RecvFlags::empty())?.1;
                received = Some(length);
                // Less than there was room for is all there is: the runtime need not ask the kernel again.
                let is_all = length > 0 && length < room.len();
                if is_all { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (received, tried) {
                (Some(length), _) => return Poll::Ready(Ok(length)),
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => {}
            }
        }
    }

    /// Whether nothing has come since it was last read, be it the connection's end. Costs no system call as long as
    /// the runtime knows of nothing.
    pub fn is_quiet(&self) -> bool {
        let mut nobody = Context::from_waker(std::task::Waker::noop());
        if self.0.poll_read_ready(&mut nobody).is_pending() {
            return true;
        }
        // It may be that only the last read left no room to learn that nothing was behind it.
        let nothing = self.0.try_read(&mut [0]);
        matches!(nothing, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Who is at the other end.
    #[cfg(test)]
    pub fn peer(&self) -> std::net::SocketAddr {
        self.0.peer_addr().unwrap()
    }

    fn poll_send(
        &self,
        context: &mut Context<'_>,
        mut sent: impl FnMut() -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_io(Interest::WRITABLE, || Ok(sent()?)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, room)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(context, || send(&self.0, bytes, SendFlags::NOSIGNAL))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn pair() -> (Wire, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Wire::from(stream), listener.accept().unwrap().0)
    }

    #[tokio::test]
    async fn what_comes_is_received_in_whatever_room_there_is() {
        let (wire, mut other) = pair().await;
        other.write_all(b"abcdefgh").unwrap();
        let mut all = Vec::new();
        while all.len() < 8 {
            let mut room = [0; 3];
            let length = poll_fn(|context| wire.poll_receive(&mut room, context)).await.unwrap();
            all.extend_from_slice(&room[..length]);
        }
        assert_eq!(all, b"abcdefgh");
        assert!(wire.is_quiet());
        other.write_all(b"i").unwrap();
        drop(other);
        let mut room = [0; 3];
        assert_eq!(poll_fn(|context| wire.poll_receive(&mut room, context)).await.unwrap(), 1);
        assert_eq!(poll_fn(|context| wire.poll_receive(&mut room, context)).await.unwrap(), 0);
        assert!(!wire.is_quiet());
    }

    #[tokio::test]
    async fn what_is_written_arrives_and_errors_are_told() {
        let (mut wire, mut other) = pair().await;
        wire.write_all(b"abc").await.unwrap();
        let mut room = [0; 3];
        other.read_exact(&mut room).unwrap();
        assert_eq!(&room, b"abc");
        drop(other);
        let error = loop {
            if let Err(error) = wire.write_all(&[0; 65536]).await {
                break error.kind();
            }
        };
        assert!(matches!(error, io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error:?}");
    }
}
