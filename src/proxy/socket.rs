//! A connected socket, of the network or of the file system. It is read and written by the kernel's own calls: those
//! of the C library look each time whether the thread is to be cancelled, which costs a twentieth of what Candor does
//! in an exchange.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// The socket.
#[derive(Debug)]
pub(crate) enum Socket {
    /// Of the network.
    Tcp(TcpStream),
    /// Of the file system.
    Unix(UnixStream),
}

/// The same, on its way from one thread's runtime to another's.
#[derive(Debug)]
pub(crate) enum Loose {
    /// Of the network.
    Tcp(std::net::TcpStream),
    /// Of the file system.
    Unix(std::os::unix::net::UnixStream),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        Socket::Tcp(stream)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Loose {
    /// Takes it over in this thread's runtime.
    ///
    /// # Errors
    /// When the runtime cannot watch it.
    pub fn bound(self) -> io::Result<Socket> {
        Ok(match self {
            Loose::Tcp(stream) => Socket::Tcp(TcpStream::from_std(stream)?),
            Loose::Unix(stream) => Socket::Unix(UnixStream::from_std(stream)?),
        })
    }
}

impl Socket {
    fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => stream.poll_read_ready(context),
            Socket::Unix(stream) => stream.poll_read_ready(context),
        }
    }

    fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(stream) => stream.poll_write_ready(context),
            Socket::Unix(stream) => stream.poll_write_ready(context),
        }
    }

    /// Carries out a call that would block when the runtime is wrong about the socket.
    fn try_io<T>(&self, interest: Interest, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self {
            Socket::Tcp(stream) => stream.try_io(interest, call),
            Socket::Unix(stream) => stream.try_io(interest, call),
        }
    }

    /// Receives what there is, as far as there is room; says how much, which is nothing at the end.
    pub fn poll_receive(&self, room: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            let mut received = None;
            let tried = self.try_io(Interest::READABLE, || {
                let length = recv(self, &mut *room, RecvFlags::empty())?.1;
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

    /// Looks at what there is and leaves it there.
    pub fn poll_peek(&self, room: &mut [u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            match self.try_io(Interest::READABLE, || Ok(recv(self, &mut *room, RecvFlags::PEEK)?.1)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Sends as much as there is room for.
    pub fn poll_send(&self, bytes: &[u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_write_ready(context))?;
            match self.try_io(Interest::WRITABLE, || Ok(send(self, bytes, SendFlags::NOSIGNAL)?)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    /// Whether nothing has come since it was last read, be it the connection's end. Costs no system call as long as
    /// the runtime knows of nothing.
    pub fn is_quiet(&self) -> bool {
        if self.poll_read_ready(&mut Context::from_waker(Waker::noop())).is_pending() {
            return true;
        }
        // It may be that only the last read left no room to learn that nothing was behind it.
        let nothing =
            self.try_io(Interest::READABLE, || Ok(recv(self, &mut [0; 1], RecvFlags::PEEK).map(|_| ())?));
        matches!(nothing, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(context, room),
            Socket::Unix(stream) => Pin::new(stream).poll_read(context, room),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(bytes, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
            Socket::Unix(stream) => Pin::new(stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The kernel has it all.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
