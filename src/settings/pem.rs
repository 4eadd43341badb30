//! Files of certificates and keys, in PEM (RFC 7468), that settings name. Settings are read before the files are, and
//! the files are read again while Candor runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::Error;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::document::Node;

use super::section::Section;

/// Reads a file that a configuration names; the place is where it is named.
pub type ReadFile<'a> = &'a dyn Fn(&str, &Place) -> Result<Arc<Source>, Diagnostic>;

/// What is made of files, and anew when they change.
pub trait OfFiles: Clone + PartialEq + Send + 'static {
    /// What TLS is spoken with.
    type Config: Send + Sync + 'static;

    /// The files.
    fn files(&self) -> Vec<&PemFile>;

    /// Takes in what the files hold, with every problem at the place that names the file.
    fn fill(&mut self, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics);

    /// What TLS is spoken with.
    ///
    /// # Errors
    /// When a certificate is none, or a key is not that of its certificate.
    fn config(&self) -> Result<Self::Config, Error>;

    /// The certificates that Candor shows of itself, and the files that they are from.
    fn shown(&self) -> Vec<(&PemFile, &[CertificateDer<'static>])>;
}

/// A file that a setting names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemFile {
    /// As it is written.
    pub name: Arc<str>,
    place: Place,
}

/// A certificate with those that vouch for it, and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate first.
    pub certificates: Vec<CertificateDer<'static>>,
    /// Its key. It is not shown.
    pub key: Arc<PrivateKeyDer<'static>>,
}

/// The files of an [`Identity`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate, and those that vouch for it.
    pub certificate: PemFile,
    /// Its key.
    pub key: PemFile,
}

impl PemFile {
    pub(super) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<PemFile> {
        let name = node.text("the path of a PEM file", diagnostics)?.into();
        Some(PemFile { name, place: node.place.clone() })
    }

    /// Says that something is wrong with it.
    pub(super) fn wrong(&self, message: impl Into<String>, diagnostics: &mut Diagnostics) {
        diagnostics.error(&self.place, message);
    }

    /// Where it is: beside the file that names it, unless the path is a whole one.
    pub fn path(&self) -> PathBuf {
        let folder = Path::new(&self.place.source.name).parent().unwrap_or(Path::new(""));
        folder.join(&*self.name)
    }

    /// Whether it is the one that is named so there.
    pub fn is(&self, name: &str, place: &Place) -> bool {
        *self.name == *name && self.place == *place
    }

    fn text(&self, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> Option<Arc<Source>> {
        read_file(&self.name, &self.place).map_err(|problem| diagnostics.push(problem)).ok()
    }

    /// The certificates in it, of which there must be one.
    pub(super) fn certificates(
        &self,
        read_file: ReadFile<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<CertificateDer<'static>>> {
        let source = self.text(read_file, diagnostics)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(source.text.as_bytes()).collect();
        match read {
            Ok(certificates) if !certificates.is_empty() => return Some(certificates),
            Ok(_) => self.wrong("the file has no certificate in it", diagnostics),
            Err(problem) => self.wrong(format!("the file holds no certificates: {problem}"), diagnostics),
        }
        None
    }

    fn key(&self, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> Option<PrivateKeyDer<'static>> {
        let source = self.text(read_file, diagnostics)?;
        let wrong = |problem| self.wrong(format!("the file holds no private key: {problem}"), diagnostics);
        PrivateKeyDer::from_pem_slice(source.text.as_bytes()).map_err(wrong).ok()
    }
}

impl IdentityFiles {
    /// Reads `certificate` and `key` of a section that may have neither.
    pub(super) fn read(section: Section<'_>, diagnostics: &mut Diagnostics) -> Option<IdentityFiles> {
        let given = [section.given("certificate"), section.given("key")];
        if let [Some(node), None] | [None, Some(node)] = given {
            let problem = Diagnostic::error("`certificate` and `key` belong together").at(&node.place);
            diagnostics.push(problem.help("each is the path of a PEM file"));
        }
        let certificate = section.read("certificate", PemFile::read, diagnostics);
        let key = section.read("key", PemFile::read, diagnostics);
        Some(IdentityFiles { certificate: certificate?, key: key? })
    }

    /// Takes what they hold.
    pub(super) fn load(&self, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) -> Option<Identity> {
        let certificates = self.certificate.certificates(read_file, diagnostics);
        let key = self.key.key(read_file, diagnostics);
        Some(Identity { certificates: certificates?, key: Arc::new(key?) })
    }
}
