//! TLS on connections to an upstream: checked certificates, and what is spoken within agreed at the same time.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{Error, InvalidMessage};

use super::error::{ProxyError, UpstreamFault};
use super::http1::Wire;
use super::socket::Socket;
use crate::settings::{Protocol, Tls, UpstreamUrl};

/// How TLS is begun with one upstream.
#[derive(Clone)]
pub(super) struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
    /// What is to be spoken within.
    protocol: &'static [u8],
}

impl Handshake {
    /// As the settings say. They were tried when they were read.
    ///
    /// # Errors
    /// When they do not make a client after all, or the host is no name for a certificate.
    pub fn new(tls: &Tls, url: &UpstreamUrl, protocol: Protocol) -> Result<Handshake, Error> {
        let protocol: &[u8] = match protocol {
            Protocol::Http1 => b"http/1.1",
            Protocol::Http2 => b"h2",
        };
        let mut client = tls.client()?;
        client.alpn_protocols = vec![protocol.to_vec()];
        let host = url.authority.host().trim_matches(['[', ']']);
        let name = match &tls.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())
                .map_err(|_| Error::General("the host is no name for a certificate".into()))?,
        };
        Ok(Handshake { connector: TlsConnector::from(Arc::new(client)), name, protocol })
    }

    /// Begins TLS on a new connection.
    ///
    /// # Errors
    /// When the upstream is not who it should be, or the two do not understand each other.
    pub async fn begin(&self, stream: Socket) -> Result<Wire, ProxyError> {
        let begun = self.connector.connect(self.name.clone(), stream).await;
        let wire =
            Wire::Tls(Box::new(begun.map_err(|error| ProxyError::no_tls(fault(&error), error))?.into()));
        // An upstream that knows nothing of ALPN speaks HTTP/1.1.
        match wire.agreed() {
            Some(agreed) if agreed == self.protocol => Ok(wire),
            None if self.protocol == b"http/1.1" => Ok(wire),
            _ => Err(UpstreamFault::TlsProtocol.into()),
        }
    }
}

fn fault(error: &std::io::Error) -> UpstreamFault {
    match error.get_ref().and_then(|error| error.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => UpstreamFault::TlsCertificate,
        Some(Error::AlertReceived(_)) => UpstreamFault::TlsAlert,
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType) | _) => UpstreamFault::TlsProtocol,
        // What goes wrong below TLS.
        None => UpstreamFault::Closed,
    }
}
