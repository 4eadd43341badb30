//! TLS to an upstream: whose certificates are believed, what it is called, and who Candor says it is.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore};

use crate::diagnostic::Diagnostics;
use crate::document::Node;

use super::pem::{Identity, IdentityFiles, OfFiles, PemFile, ReadFile};
use super::section::Section;

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
    /// Where `ca` is from.
    pub ca_file: Option<PemFile>,
    /// Where `identity` is from.
    pub identity_files: Option<IdentityFiles>,
}

impl Tls {
    /// Reads the section. The files that it names are not read yet.
    pub(super) fn read(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Tls {
        let section = Section::of(node, &format!("`tls` of {what}"), &KEYS, diagnostics);
        Tls {
            server_name: section.read("server_name", server_name, diagnostics),
            ca_file: section.read("ca", PemFile::read, diagnostics),
            identity_files: IdentityFiles::read(section, diagnostics),
            ..Tls::default()
        }
    }
}

impl OfFiles for Tls {
    type Config = ClientConfig;

    fn files(&self) -> Vec<&PemFile> {
        let identity = self.identity_files.iter().flat_map(|files| [&files.certificate, &files.key]);
        self.ca_file.iter().chain(identity).collect()
    }

    fn fill(&mut self, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) {
        if let Some(file) = &self.ca_file {
            self.ca = file.certificates(read_file, diagnostics).unwrap_or_default();
        }
        if let Some(files) = &self.identity_files {
            self.identity = files.load(read_file, diagnostics);
        }
        if let (Err(problem), Some(file)) = (self.config(), self.files().first()) {
            file.wrong(format!("TLS cannot be spoken so: {problem}"), diagnostics);
        }
    }

    fn config(&self) -> Result<ClientConfig, Error> {
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

    fn shown(&self) -> Vec<(&PemFile, &[CertificateDer<'static>])> {
        let shown = self.identity_files.iter().zip(&self.identity);
        shown.map(|(files, identity)| (&files.certificate, identity.certificates.as_slice())).collect()
    }
}

fn server_name(node: &Node, diagnostics: &mut Diagnostics) -> Option<ServerName<'static>> {
    let text = node.text("a name", diagnostics)?;
    let name = ServerName::try_from(text.to_owned()).ok();
    if name.is_none() {
        diagnostics.error(&node.place, format!("`{text}` is no name that a certificate can be for"));
    }
    name
}
