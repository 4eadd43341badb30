//! The client for calls of Candor's own: those of its tools to a sidecar, and of the thread that sends spans. It asks
//! whom it is told to ask and nobody else: no proxy and no redirect is on the way.

use std::error::Error;
use std::sync::Arc;

use reqwest::{Client, redirect};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// One that speaks TLS like this where a URL says `https`.
///
/// # Errors
/// When the library cannot work here.
pub fn with_tls(tls: ClientConfig) -> reqwest::Result<Client> {
    Client::builder().tls_backend_preconfigured(tls).redirect(redirect::Policy::none()).no_proxy().build()
}

/// One for URLs that say `http`: within TLS it would trust nobody.
///
/// # Errors
/// As [`with_tls`].
pub fn plain() -> Result<Client, Box<dyn Error + Send + Sync>> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let tls = tls.with_safe_default_protocol_versions()?.with_root_certificates(RootCertStore::empty());
    Ok(with_tls(tls.with_no_client_auth())?)
}

/// The innermost error: "connection refused" rather than "error sending request".
pub fn root_cause<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    error.source().map_or(error, root_cause)
}
