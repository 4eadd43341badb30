//! TLS on connections to an upstream: checked certificates, and what is spoken within agreed at the same time.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::super::error::{ProxyError, UpstreamFault};
use super::super::http1::Wire;
use super::super::socket::Socket;
use super::{Failures, Reason, Side};
use crate::live::Credential;
use crate::settings::{Protocol, Tls, Upstream};

/// HTTP/2, as TLS calls it.
pub(in crate::proxy) const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// How TLS is begun with one upstream.
#[derive(Clone)]
pub(in crate::proxy) struct Handshake {
    credential: Arc<Credential<Tls>>,
    name: ServerName<'static>,
    time_max: Duration,
    failures: Failures,
}

impl Handshake {
    /// With an upstream, as the settings say; `None` where its host is no name for a certificate.
    pub fn new(
        upstream: &Upstream,
        credential: Arc<Credential<Tls>>,
        failures: Failures,
    ) -> Option<Handshake> {
        let Upstream { url, tls, timeouts, .. } = upstream;
        let host = url.authority.host().trim_matches(['[', ']']);
        let name = match &tls.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).ok()?,
        };
        Some(Handshake { credential, name, time_max: timeouts.connect, failures })
    }

    /// Begins TLS on a new connection, for this to be spoken within.
    ///
    /// # Errors
    /// When the upstream is not who it should be, the two do not understand each other, or it takes longer than
    /// `timeouts.connect`.
    pub async fn begin(&self, socket: Socket, protocol: Protocol) -> Result<Wire, ProxyError> {
        let connector = TlsConnector::from(self.credential.now());
        let offered = names(protocol).map(<[u8]>::to_vec).collect();
        let connecting = connector.with_alpn(offered).connect(self.name.clone(), socket);
        let begun = match timeout(self.time_max, connecting).await {
            Ok(begun) => begun,
            Err(_) => {
                self.failures.count(Side::Upstream, Reason::Timeout);
                return Err(UpstreamFault::ConnectTimeout.into());
            }
        };
        let stream = begun.map_err(|error| {
            let reason = Reason::of(&error);
            self.failures.count(Side::Upstream, reason);
            ProxyError::no_tls(fault(reason), error)
        })?;
        let wire = Wire::Tls(Box::new(stream.into()));
        // An upstream that knows nothing of ALPN speaks HTTP/1.1.
        match wire.agreed() {
            Some(agreed) if names(protocol).any(|offered| offered == agreed) => Ok(wire),
            None if protocol != Protocol::Http2 => Ok(wire),
            _ => {
                self.failures.count(Side::Upstream, Reason::ApplicationProtocol);
                Err(UpstreamFault::TlsProtocol.into())
            }
        }
    }
}

/// What is offered to be spoken, the dearest first, by its names in TLS (RFC 7301).
fn names(protocol: Protocol) -> impl Iterator<Item = &'static [u8]> {
    let (http2, http1) = (protocol != Protocol::Http1, protocol != Protocol::Http2);
    http2.then_some(HTTP_2).into_iter().chain(http1.then_some(HTTP_1))
}

fn fault(reason: Reason) -> UpstreamFault {
    match reason {
        Reason::Certificate | Reason::NoCertificate => UpstreamFault::TlsCertificate,
        Reason::Alert => UpstreamFault::TlsAlert,
        Reason::Closed => UpstreamFault::Closed,
        _ => UpstreamFault::TlsProtocol,
    }
}
