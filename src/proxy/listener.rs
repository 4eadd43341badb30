//! A place where connections come in: an address, or a socket in the file system.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::socket::Loose;
use crate::settings::Listen;

/// Connections that wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// Whom a connection through the file system comes from, as far as addresses go: somebody on this machine.
const UNIX_PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A place that was taken. Clients can connect from now on.
#[derive(Debug)]
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// A socket in the file system.
    Unix(UnixListener, SocketFile),
}

/// The file of a socket, which goes with it.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and number, so that nobody else's file is removed.
    id: Option<(u64, u64)>,
}

/// A [`Listener`] inside a runtime.
#[derive(Debug)]
pub(crate) enum Acceptor {
    Tcp(tokio::net::TcpListener),
    /// The file is removed when this is dropped.
    Unix(tokio::net::UnixListener, SocketFile),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Listener {
        Listener::Tcp(listener)
    }
}

impl Listener {
    /// Takes the place. A socket's file that nobody listens on any more is replaced, and gets this mode.
    ///
    /// # Errors
    /// When it cannot be had; the message says why and what to do about it.
    pub fn bind(listen: &Listen, mode: Option<u32>) -> io::Result<Listener> {
        match listen {
            Listen::Tcp(address) => bind(*address).map(Listener::Tcp),
            Listen::Unix(path) => bind_path(path, mode),
        }
    }

    /// Where it listens, as the setting says it.
    pub fn address(&self) -> String {
        match self {
            Listener::Tcp(listener) => {
                listener.local_addr().map(|address| address.to_string()).unwrap_or_default()
            }
            Listener::Unix(_, file) => Listen::Unix(file.path.clone()).to_string(),
        }
    }

    /// Lets this runtime accept connections.
    pub(crate) fn start(self) -> io::Result<Acceptor> {
        Ok(match self {
            Listener::Tcp(listener) => Acceptor::Tcp(tokio::net::TcpListener::from_std(listener)?),
            Listener::Unix(listener, file) => {
                Acceptor::Unix(tokio::net::UnixListener::from_std(listener)?, file)
            }
        })
    }
}

impl Acceptor {
    /// The next connection, and who is at its other end.
    pub async fn accept(&self) -> io::Result<(Loose, SocketAddr)> {
        match self {
            Acceptor::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((ready(stream.into_std()?)?, peer))
            }
            Acceptor::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Loose::Unix(stream.into_std()?), UNIX_PEER))
            }
        }
    }
}

impl Acceptor {
    /// Gives the place up; the connections that wait there come along.
    pub fn close(self) -> io::Result<Vec<(Loose, SocketAddr)>> {
        let mut waiting = Vec::new();
        match self {
            Acceptor::Tcp(listener) => {
                let listener = listener.into_std()?;
                while let Ok((stream, peer)) = listener.accept() {
                    waiting.extend(ready(stream).map(|stream| (stream, peer)));
                }
            }
            Acceptor::Unix(listener, _file) => {
                let listener = listener.into_std()?;
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true)?;
                    waiting.push((Loose::Unix(stream), UNIX_PEER));
                }
            }
        }
        Ok(waiting)
    }
}

/// A connection as workers take it.
fn ready(stream: std::net::TcpStream) -> io::Result<Loose> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(Loose::Tcp(stream))
}

/// Takes an address.
///
/// # Errors
/// When it cannot be had; the message says which and what to do about it.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listen = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for the last run's connections to be forgotten.
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    listen().map_err(|error| explained(&address, error))
}

fn bind_path(path: &Path, mode: Option<u32>) -> io::Result<Listener> {
    let listen = || -> io::Result<Listener> {
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile::at(path);
        // Nobody can connect before it listens, so that nobody connects who may not.
        if let Some(mode) = mode {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Listener::Unix(socket.into(), file))
    };
    listen().map_err(|error| explained(&Listen::Unix(path.to_path_buf()), error))
}

/// Removes a socket's file that was left behind: nobody takes a connection there.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        return Ok(());
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // One that is too busy to answer at once is none that was left.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.raw_os_error() == Some(Errno::CONNREFUSED.raw_os_error()) => {
            fs::remove_file(path)
        }
        _ => Ok(()),
    }
}

fn explained(place: &impl std::fmt::Display, error: io::Error) -> io::Error {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "it is in use: stop what listens there, or give another with `--listen`",
        io::ErrorKind::AddrNotAvailable => "it is no address of this machine",
        io::ErrorKind::NotFound => "there is no such folder",
        io::ErrorKind::PermissionDenied => {
            "this user may not: ports below 1024 need a privilege, sockets a folder that can be written to"
        }
        _ => return io::Error::new(error.kind(), format!("cannot listen on `{place}`: {error}")),
    };
    io::Error::new(error.kind(), format!("cannot listen on `{place}`: {why}"))
}

impl SocketFile {
    fn at(path: &Path) -> SocketFile {
        SocketFile { path: path.to_path_buf(), id: identity(path) }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.id.is_some() && identity(&self.path) == self.id {
            // Somebody may have removed it meanwhile.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &Path) -> io::Result<Listener> {
        Listener::bind(&Listen::Unix(path.to_path_buf()), Some(0o600))
    }

    #[test]
    fn an_address_in_use_is_named_with_advice() {
        let taken = bind("127.0.0.1:0".parse().unwrap()).unwrap().local_addr().unwrap();
        let listener = bind(taken).unwrap();
        let error = bind(taken).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let advice = "it is in use: stop what listens there, or give another with `--listen`";
        assert_eq!(error.to_string(), format!("cannot listen on `{taken}`: {advice}"));
        drop(listener);
    }

    #[test]
    fn the_file_of_a_socket_comes_and_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.sock");
        let listener = at(&path).unwrap();
        assert_eq!(listener.address(), format!("unix:{}", path.display()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(at(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(!path.exists());
    }

    #[test]
    fn only_a_socket_that_was_left_behind_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it.sock");
        drop(UnixListener::bind(&path).unwrap());
        let listener = at(&path).unwrap();
        // Another's file in its place is left there.
        fs::remove_file(&path).unwrap();
        fs::write(&path, "another's").unwrap();
        drop(listener);
        assert_eq!(at(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read_to_string(&path).unwrap(), "another's");
        let nowhere = folder.path().join("missing/it.sock");
        assert!(at(&nowhere).unwrap_err().to_string().ends_with("there is no such folder"));
    }
}
