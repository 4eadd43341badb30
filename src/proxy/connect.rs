//! Opens connections to an upstream.

use http::Uri;
use hyper::service::Service;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;

use super::error::ProxyError;

/// A new connection to the authority of `place`, every address of its name tried.
///
/// # Errors
/// [`ProxyError::Upstream`] when there is none in `timeouts.connect`.
pub(super) async fn connect(connector: &HttpConnector, place: &Uri) -> Result<TcpStream, ProxyError> {
    let connected = TowerToHyperService::new(connector.clone()).call(place.clone()).await;
    connected.map(|stream| stream.into_inner()).map_err(|error| ProxyError::not_connected(error.into()))
}
