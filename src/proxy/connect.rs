//! Opens connections to an upstream.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};
use tower_service::Service as _;

use super::error::{ProxyError, UpstreamFault};
use super::http1::Wire;
use super::socket::Socket;
use super::tls::Handshake;
use crate::settings::{Protocol, Upstream, UpstreamUrl};

/// How long until a socket in the file system is tried again that takes no connection now.
const PAUSE: Duration = Duration::from_millis(5);

/// The way to an upstream.
#[derive(Clone)]
pub(super) struct Dialer {
    place: Place,
    /// How TLS is begun, where it is spoken.
    security: Security,
    /// For a connection to stand.
    time_max: Duration,
}

/// Where it leads.
#[derive(Clone)]
enum Place {
    /// To a scheme and authority, by this connector.
    Net(HttpConnector, Uri),
    /// To a socket in the file system.
    Unix(Arc<Path>),
}

#[derive(Clone)]
enum Security {
    None,
    Tls(Box<Handshake>),
    /// It should be, and cannot: the host is no name that a certificate could be for.
    Impossible,
}

impl Dialer {
    /// The way that this connector finds, and how TLS is begun at its end.
    pub fn new(connector: HttpConnector, upstream: &Upstream, handshake: Option<Handshake>) -> Dialer {
        let Upstream { url, timeouts, .. } = upstream;
        let security = match handshake {
            _ if url.scheme != Scheme::HTTPS => Security::None,
            Some(handshake) => Security::Tls(Box::new(handshake)),
            None => Security::Impossible,
        };
        let place = match &url.socket {
            Some(path) => Place::Unix(Arc::clone(path)),
            None => Place::Net(connector, place(url)),
        };
        Dialer { place, security, time_max: timeouts.connect }
    }

    /// A new connection to the authority, every address of its name tried, for this to be spoken within TLS.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when there is none in `timeouts.connect`, or it is not safe.
    pub async fn connect(&self, protocol: Protocol) -> Result<Wire, ProxyError> {
        let socket = match &self.place {
            Place::Net(connector, place) => {
                let connected = connector.clone().call(place.clone()).await;
                connected.map_err(|error| ProxyError::not_connected(error.into()))?.into_inner().into()
            }
            Place::Unix(path) => match timeout(self.time_max, connect_unix(path)).await {
                Ok(connected) => {
                    Socket::Unix(connected.map_err(|error| ProxyError::not_connected(error.into()))?)
                }
                Err(_) => return Err(UpstreamFault::ConnectTimeout.into()),
            },
        };
        match &self.security {
            Security::None => Ok(Wire::Plain(socket)),
            Security::Tls(handshake) => handshake.begin(socket, protocol).await,
            Security::Impossible => Err(UpstreamFault::TlsCertificate.into()),
        }
    }
}

/// A connection to a socket in the file system. Where too many wait for one, the kernel says so and does not wait.
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(PAUSE).await,
            result => return result,
        }
    }
}

/// Where the upstream is: its scheme and authority.
fn place(url: &UpstreamUrl) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(url.scheme.clone());
    parts.authority = Some(url.authority.clone());
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).unwrap_or_default()
}
