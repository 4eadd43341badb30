//! Where a listener is: an address, or a socket in the file system.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;

/// How the address of a socket in the file system begins.
pub(super) const UNIX: &str = "unix:";

/// The longest path that the kernel takes: what `sockaddr_un` has room for, but for the byte that ends it.
const PATH_BYTES_MAX: usize = 107;

/// Where a listener is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// At an address.
    Tcp(SocketAddr),
    /// At a socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Tcp(address) => address.fmt(f),
            Listen::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Listen {
        Listen::Tcp(address)
    }
}

impl Listen {
    /// Reads an address and port, or `unix:` and a path.
    pub(super) fn read(node: &Node, default: SocketAddr, diagnostics: &mut Diagnostics) -> Option<Listen> {
        let text = node.text("an address and port, or `unix:` and a path", diagnostics)?;
        let Some(path) = text.strip_prefix(UNIX) else {
            return address(node, default, diagnostics).map(Listen::Tcp);
        };
        let path = socket_path(path).map_err(|problem| diagnostics.push(problem.at(&node.place))).ok()?;
        Some(Listen::Unix(path.to_path_buf()))
    }

    /// Whether two listeners want the same port of the same address. Port 0 is any free one.
    pub(super) fn collides_with(&self, other: SocketAddr) -> bool {
        let Listen::Tcp(one) = self else { return false };
        let same_ip = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
        same_ip && one.port() == other.port() && one.port() != 0
    }
}

/// The path of a socket, unless the kernel would not take it or it depends on where Candor was started.
///
/// # Errors
/// With what is wrong, at no place yet.
pub(super) fn socket_path(path: &str) -> Result<Arc<Path>, Diagnostic> {
    let wrong = |why: &str| Diagnostic::error(format!("the socket `{path}` {why}"));
    if path.starts_with('@') {
        return Err(
            wrong("has no file").help("give the path of a file: who may use it can be told from that")
        );
    }
    if !path.starts_with('/') || path.ends_with('/') {
        let example = "such as `unix:/run/candor.sock`";
        return Err(wrong("has no whole path").help(format!("a path that begins with a slash, {example}")));
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(wrong(&format!("has a path longer than {PATH_BYTES_MAX} bytes")));
    }
    Ok(Path::new(path).into())
}

/// Reads an address and port.
pub(super) fn address(node: &Node, default: SocketAddr, diagnostics: &mut Diagnostics) -> Option<SocketAddr> {
    let text = node.text("an address and port", diagnostics)?;
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("`{text}` is not an address and port");
        diagnostics.push(Diagnostic::error(message).at(&node.place).help(match complete(text, default) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("an IP address and a port, such as `{default}`"),
        }));
    }
    address
}

/// What somebody meant who gave a port alone, an address alone or `localhost`.
fn complete(text: &str, default: SocketAddr) -> Option<SocketAddr> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(SocketAddr::from((ip, default.port())));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let ip = match host {
        "" => default.ip(),
        "*" => Ipv4Addr::UNSPECIFIED.into(),
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        _ => return None,
    };
    Some(SocketAddr::from((ip, port.parse().ok()?)))
}
