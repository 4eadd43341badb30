//! TLS to an upstream: whose certificates are believed, what it is called, and who Candor says it is.
//! Files hold certificates and keys as PEM (RFC 7468); they are read before settings are, see [`fill_in`].

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::document::{Node, Value};

use super::section::Section;

/// Keys of `tls:` whose values are paths of files.
const FILES: [&str; 3] = ["ca", "certificate", "key"];
const KEYS: [&str; 4] = ["ca", "certificate", "key", "server_name"];

/// How TLS is spoken to an upstream. There is no way to leave a certificate unchecked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// The authorities whose certificates are believed; none: those that browsers trust.
    pub ca: Vec<CertificateDer<'static>>,
    /// What the certificate must be for, where that is not the host of the URL.
    pub server_name: Option<ServerName<'static>>,
    /// What Candor shows when it is asked who it is.
    pub identity: Option<Identity>,
}

/// A certificate with those that vouch for it, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate first.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Its key. It is not shown.
    pub key: Arc<PrivateKeyDer<'static>>,
}

impl Tls {
    pub(super) fn read(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Tls {
        let section = Section::of(node, &format!("`tls` of {what}"), &KEYS, diagnostics);
        let certificate = section.read("certificate", certificates, diagnostics);
        let key = section.read("key", key, diagnostics);
        let identity = match (certificate, key) {
            (Some(certificates), Some(key)) => Some(Identity { certificates, key: Arc::new(key) }),
            (None, None) => None,
            _ if diagnostics.has_errors() => None,
            _ => {
                diagnostics.error(&node.place, "`certificate` and `key` belong together");
                None
            }
        };
        let tls = Tls {
            ca: section.read("ca", certificates, diagnostics).unwrap_or_default(),
            server_name: section.read("server_name", server_name, diagnostics),
            identity,
        };
        if let Err(problem) = tls.client() {
            diagnostics.error(&node.place, format!("TLS cannot be spoken so: {problem}"));
        }
        tls
    }

    /// What a TLS client is made of.
    ///
    /// # Errors
    /// When a certificate is none, or a key is not that of its certificate.
    pub fn client(&self) -> Result<ClientConfig, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.ca {
            roots.add(certificate.clone())?;
        }
        if self.ca.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        match &self.identity {
            Some(identity) => {
                client.with_client_auth_cert(identity.certificates.clone(), identity.key.clone_key())
            }
            None => Ok(client.with_no_client_auth()),
        }
    }
}

/// Reads a file that a configuration names; the place is where it is named.
pub type ReadFile<'a> = &'a dyn Fn(&str, &Place) -> Result<Arc<Source>, Diagnostic>;

/// Puts the text of files in the place of every path of a file under `upstreams.NAME.tls`.
pub fn fill_in(document: &mut Node, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) {
    let mut sections = Vec::new();
    for upstream in entries(document, "upstreams") {
        sections.extend(entries(&mut upstream.node, "tls"));
    }
    for file in sections.into_iter().filter(|entry| FILES.contains(&entry.key.as_str())) {
        let Some(path) = file.node.scalar_text() else { continue };
        match read_file(path, &file.node.place) {
            Ok(source) => file.node.value = Value::Text(source.text.clone()),
            Err(problem) => diagnostics.push(problem),
        }
    }
}

/// The entries of the map under a key.
fn entries<'n>(node: &'n mut Node, key: &str) -> &'n mut [crate::document::Entry] {
    let Value::Map(entries) = &mut node.value else { return &mut [] };
    match entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.node.value) {
        Some(Value::Map(entries)) => entries,
        _ => &mut [],
    }
}

pub(super) fn certificates(
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<CertificateDer<'static>>> {
    let text = node.text("the path of a file of certificates", diagnostics)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Some(certificates),
        Ok(_) => {
            diagnostics.error(&node.place, "the file has no certificate in it");
            None
        }
        Err(problem) => {
            diagnostics.error(&node.place, format!("the file holds no certificates: {problem}"));
            None
        }
    }
}

pub(super) fn key(node: &Node, diagnostics: &mut Diagnostics) -> Option<PrivateKeyDer<'static>> {
    let text = node.text("the path of a file with a key", diagnostics)?;
    let wrong = |problem| diagnostics.error(&node.place, format!("the file holds no private key: {problem}"));
    PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(wrong).ok()
}

fn server_name(node: &Node, diagnostics: &mut Diagnostics) -> Option<ServerName<'static>> {
    let text = node.text("a name", diagnostics)?;
    let name = ServerName::try_from(text.to_owned()).ok();
    if name.is_none() {
        diagnostics.error(&node.place, format!("`{text}` is no name that a certificate can be for"));
    }
    name
}
