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
use crate::live::{Credential, ForUpstream};
use crate::settings::{Protocol, Upstream};

/// How TLS is begun with one upstream.
#[derive(Clone)]
pub(in crate::proxy) struct Handshake {
    credential: Arc<Credential<ForUpstream>>,
    name: ServerName<'static>,
    /// What is to be spoken within.
    protocol: Protocol,
    time_max: Duration,
    failures: Failures,
}

impl Handshake {
    /// With an upstream, as the settings say; `None` where its host is no name for a certificate.
    pub fn new(
        upstream: &Upstream,
        credential: Arc<Credential<ForUpstream>>,
        failures: Failures,
    ) -> Option<Handshake> {
        let Upstream { url, tls, protocol, timeouts, .. } = upstream;
        let host = url.authority.host().trim_matches(['[', ']']);
        let name = match &tls.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned()).ok()?,
        };
        Some(Handshake { credential, name, protocol: *protocol, time_max: timeouts.connect, failures })
    }

    /// Begins TLS on a new connection.
    ///
    /// # Errors
    /// When the upstream is not who it should be, the two do not understand each other, or it takes longer than
    /// `timeouts.connect`.
    pub async fn begin(&self, socket: Socket) -> Result<Wire, ProxyError> {
        let connector = TlsConnector::from(self.credential.now());
        let begun = match timeout(self.time_max, connector.connect(self.name.clone(), socket)).await {
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
            Some(agreed) if agreed == self.protocol.alpn() => Ok(wire),
            None if self.protocol == Protocol::Http1 => Ok(wire),
            _ => {
                self.failures.count(Side::Upstream, Reason::ApplicationProtocol);
                Err(UpstreamFault::TlsProtocol.into())
            }
        }
    }
}

fn fault(reason: Reason) -> UpstreamFault {
    match reason {
        Reason::Certificate | Reason::NoCertificate => UpstreamFault::TlsCertificate,
        Reason::Alert => UpstreamFault::TlsAlert,
        Reason::Closed => UpstreamFault::Closed,
        _ => UpstreamFault::TlsProtocol,
    }
}
