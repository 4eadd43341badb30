//! Certificates of a test's own authority, and a client that believes them.

use std::fs;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::PATIENCE;
use super::client::Answered;
use super::message::{Head, Payload};

/// Who signs.
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub struct Signed {
    pub certificate: String,
    pub key: String,
}

/// A folder with files for a configuration, removed in the end.
pub struct Folder(tempfile::TempDir);

impl Authority {
    /// One that nobody else knows.
    pub fn new() -> Authority {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a test's authority");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, certificate) = (certificate.pem(), certificate.der().clone());
        Authority { certificate, pem, issuer: Issuer::new(params, key) }
    }

    /// The bytes of its own certificate.
    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// Its own certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for this name.
    pub fn sign(&self, name: &str) -> Signed {
        self.sign_until(name, (2099, 1, 1))
    }

    /// The same, with the day that it expires.
    pub fn sign_until(&self, name: &str, (year, month, day): (i32, u8, u8)) -> Signed {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Signed { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// What a client believes that knows this authority alone.
    pub fn client(&self, own: Option<&Signed>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match own {
            Some(own) => builder.with_client_auth_cert(vec![own.der()], own.key()).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }
}

impl Signed {
    /// The certificate's bytes.
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    /// The key.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

impl Folder {
    /// An empty one.
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Where a file of it is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, in the place of the one that is there.
    pub fn write(&self, name: &str, text: &str) {
        let written = self.file("being-written");
        fs::write(&written, text).unwrap();
        fs::rename(written, self.file(name)).unwrap();
    }

    /// Writes `NAME.pem` and `NAME.key`.
    pub fn write_signed(&self, name: &str, signed: &Signed) {
        self.write(&format!("{name}.key"), &signed.key);
        self.write(&format!("{name}.pem"), &signed.certificate);
    }
}

/// A connection to a sidecar within TLS.
pub struct Client(BufReader<StreamOwned<ClientConnection, TcpStream>>);

impl Client {
    /// Connects to what is called so there.
    pub fn connect(address: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Client {
        Client::over(TcpStream::connect(address).unwrap(), name, config)
    }

    /// The same, on a connection that stands.
    pub fn over(stream: TcpStream, name: &str, config: &Arc<ClientConfig>) -> Client {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = name.to_owned().try_into().unwrap();
        let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
        Client(BufReader::new(StreamOwned::new(connection, stream)))
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).unwrap();
        self.0.get_mut().flush().unwrap();
    }

    /// Sends a request without body, and reads the head of the answer.
    pub fn ask(&mut self, request: &str, headers: &[&str]) -> Head {
        let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        self.send(format!("{request} HTTP/1.1\r\nhost: sidecar.test\r\n{lines}\r\n"));
        Head::read(&mut self.0).expect("an answer")
    }

    /// Sends a request without body and reads the answer.
    pub fn exchange(&mut self, request: &str, headers: &[&str]) -> Answered {
        let head = self.ask(request, headers);
        self.answer_to(head)
    }

    /// Reads an answer.
    pub fn answer(&mut self) -> Answered {
        let head = Head::read(&mut self.0).expect("an answer");
        self.answer_to(head)
    }

    fn answer_to(&mut self, head: Head) -> Answered {
        let payload = Payload::read(&head, &mut self.0);
        Answered { head, payload }
    }

    /// Whether the other side says that nothing more will come.
    pub fn is_closed_in_order(&mut self) -> bool {
        matches!(std::io::Read::read(&mut self.0, &mut [0]), Ok(0))
    }

    /// Reads exactly so many bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        std::io::Read::read_exact(&mut self.0, &mut bytes).unwrap();
        bytes
    }

    /// What the sidecar shows of itself, once TLS stands.
    pub fn shown(&self) -> CertificateDer<'static> {
        self.0.get_ref().conn.peer_certificates().unwrap()[0].clone().into_owned()
    }
}
