//! A connection, as it is or within TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use super::super::socket::Socket;

/// The connection.
#[derive(Debug)]
pub(in crate::proxy) enum Wire {
    /// As it is.
    Plain(Socket),
    /// Within TLS.
    Tls(Box<TlsStream<Socket>>),
}

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Wire {
        Wire::Plain(stream.into())
    }
}

impl From<Socket> for Wire {
    fn from(socket: Socket) -> Wire {
        Wire::Plain(socket)
    }
}

impl Wire {
    /// Receives what there is, as far as there is room; says how much, which is nothing at the end.
    pub fn poll_receive(&mut self, room: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self {
            Wire::Plain(socket) => socket.poll_receive(room, context),
            Wire::Tls(stream) => {
                let mut room = ReadBuf::new(room);
                ready!(Pin::new(stream).poll_read(context, &mut room))?;
                Poll::Ready(Ok(room.filled().len()))
            }
        }
    }

    /// Whether nothing has come since it was last read, be it the connection's end. Costs no system call as long as
    /// the runtime knows of nothing.
    pub fn is_quiet(&self) -> bool {
        self.socket().is_quiet()
    }

    /// What was agreed to be spoken, where TLS had a say in it (RFC 7301).
    pub fn agreed(&self) -> Option<&[u8]> {
        match self {
            Wire::Plain(_) => None,
            Wire::Tls(stream) => stream.get_ref().1.alpn_protocol(),
        }
    }

    fn socket(&self) -> &Socket {
        match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => stream.get_ref().0,
        }
    }

    /// Who is at the other end.
    #[cfg(test)]
    pub fn peer(&self) -> std::net::SocketAddr {
        let Socket::Tcp(stream) = self.socket() else { panic!("a socket in the file system") };
        stream.peer_addr().unwrap()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, room),
            Wire::Tls(stream) => Pin::new(stream).poll_read(context, room),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(socket) => socket.poll_send(bytes, context),
            Wire::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Wire::Tls(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            // The kernel has it all.
            Wire::Plain(_) => Poll::Ready(Ok(())),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
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
        let (mut wire, mut other) = pair().await;
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
