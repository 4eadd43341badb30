//! Opens connections to an upstream.

use http::Uri;
use http::uri::{PathAndQuery, Scheme};
use hyper::service::Service;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::service::TowerToHyperService;
use std::time::Duration;
use tokio::time::timeout;

use super::error::{ProxyError, UpstreamFault};
use super::http1::Wire;
use super::tls::Handshake;
use crate::settings::{Upstream, UpstreamUrl};

/// The way to an upstream.
#[derive(Clone)]
pub(super) struct Dialer {
    connector: HttpConnector,
    /// Its scheme and authority.
    place: Uri,
    /// How TLS is begun, where it is spoken.
    security: Security,
    /// For TLS to stand, once the connection does.
    time_max: Duration,
}

#[derive(Clone)]
enum Security {
    None,
    Tls(Box<Handshake>),
    /// It should be, and cannot; a bug, as settings were tried.
    Impossible,
}

impl Dialer {
    /// The way that this connector finds.
    pub fn new(connector: HttpConnector, upstream: &Upstream) -> Dialer {
        let Upstream { url, tls, protocol, timeouts, .. } = upstream;
        let security = match Handshake::new(tls, url, *protocol) {
            _ if url.scheme != Scheme::HTTPS => Security::None,
            Ok(handshake) => Security::Tls(Box::new(handshake)),
            Err(_) => Security::Impossible,
        };
        Dialer { connector, place: place(url), security, time_max: timeouts.connect }
    }

    /// A new connection to the authority, every address of its name tried.
    ///
    /// # Errors
    /// [`ProxyError::Upstream`] when there is none in `timeouts.connect`, or it is not safe.
    pub async fn connect(&self) -> Result<Wire, ProxyError> {
        let connected = TowerToHyperService::new(self.connector.clone()).call(self.place.clone()).await;
        let stream = connected.map_err(|error| ProxyError::not_connected(error.into()))?.into_inner();
        match &self.security {
            Security::None => Ok(stream.into()),
            Security::Tls(handshake) => match timeout(self.time_max, handshake.begin(stream.into())).await {
                Ok(begun) => begun,
                Err(_) => Err(UpstreamFault::ConnectTimeout.into()),
            },
            Security::Impossible => Err(UpstreamFault::TlsCertificate.into()),
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
