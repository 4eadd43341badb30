//! TLS on the listener for traffic: who Candor says it is, by the name that it is asked for, and what it asks of its
//! clients.

use std::sync::Arc;

use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::server::{
    ClientCertVerifierBuilder, ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier,
};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{Error, RootCertStore, ServerConfig, SupportedProtocolVersion};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Node;

use super::pem::{Identity, IdentityFiles, OfFiles, PemFile, ReadFile};
use super::section::Section;

const KEYS: [&str; 7] = [
    "certificate",
    "key",
    "names",
    "min_version",
    "client_certificate",
    "client_ca",
    "client_certificate_header",
];

/// How TLS is spoken with clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTls {
    /// What Candor shows: the first that is for the name it is asked for, or else the first of all. There is one at
    /// least once files are read.
    pub identities: Vec<Identity>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// Whether clients have to say who they are.
    pub client_certificate: ClientCertificate,
    /// The authorities whose clients are believed.
    pub client_ca: Vec<CertificateDer<'static>>,
    /// Whether upstreams are told a client's certificate in `Client-Cert` (RFC 9440).
    pub client_certificate_header: bool,
    /// Where `identities` are from.
    pub identity_files: Vec<IdentityFiles>,
    /// Where `client_ca` is from.
    pub client_ca_file: Option<PemFile>,
}

/// A version of TLS. Older ones are not safe (RFC 8996).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TlsVersion {
    /// 1.2.
    #[default]
    Tls12,
    /// 1.3.
    Tls13,
}

/// Whether clients have to say who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientCertificate {
    /// They are not asked.
    #[default]
    Off,
    /// They may; one that is not believed is refused all the same.
    Optional,
    /// They must.
    Required,
}

impl ServerTls {
    /// TLS that shows these, and asks nothing of clients.
    pub fn showing(identities: Vec<Identity>) -> ServerTls {
        ServerTls {
            identities,
            min_version: TlsVersion::default(),
            client_certificate: ClientCertificate::default(),
            client_ca: Vec::new(),
            client_certificate_header: false,
            identity_files: Vec::new(),
            client_ca_file: None,
        }
    }

    /// Reads the section; the files that it names are not read yet.
    pub(super) fn read(node: &Node, diagnostics: &mut Diagnostics) -> Option<ServerTls> {
        let section = Section::of(node, "`tls` of `server`", &KEYS, diagnostics);
        let own = IdentityFiles::read(section, diagnostics);
        if section.given("certificate").is_none() && section.given("key").is_none() {
            let problem = Diagnostic::error("`server.tls` needs `certificate` and `key`").at(&node.place);
            diagnostics.push(problem.help("the PEM files of what clients are shown"));
        }
        let names = section.read("names", names, diagnostics).unwrap_or_default();
        let client_ca_file = section.read("client_ca", PemFile::read, diagnostics);
        let tls = ServerTls {
            min_version: section.read("min_version", min_version, diagnostics).unwrap_or_default(),
            client_certificate: client_certificate(section, diagnostics),
            client_certificate_header: section
                .read("client_certificate_header", Node::bool, diagnostics)
                .unwrap_or_default(),
            client_ca_file,
            identity_files: own.into_iter().chain(names).collect(),
            ..ServerTls::showing(Vec::new())
        };
        let header = section.given("client_certificate_header").filter(|_| tls.client_certificate_header);
        if let Some(node) = header.filter(|_| tls.client_certificate == ClientCertificate::Off) {
            diagnostics.error(&node.place, "`client_certificate_header` while no client is asked for one");
        }
        Some(tls)
    }

    fn client_verifier(&self) -> Result<ClientCertVerifierBuilder, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in &self.client_ca {
            roots.add(certificate.clone())?;
        }
        let provider = Arc::new(ring::default_provider());
        Ok(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider))
    }
}

impl OfFiles for ServerTls {
    type Config = ServerConfig;

    fn files(&self) -> Vec<&PemFile> {
        let identities = self.identity_files.iter().flat_map(|files| [&files.certificate, &files.key]);
        identities.chain(&self.client_ca_file).collect()
    }

    fn fill(&mut self, read_file: ReadFile<'_>, diagnostics: &mut Diagnostics) {
        let mut all_there = true;
        self.identities.clear();
        for files in &self.identity_files {
            match files.load(read_file, diagnostics) {
                Some(identity) => match certified(&identity) {
                    Ok(_) => self.identities.push(identity),
                    Err(problem) => {
                        all_there = false;
                        files.certificate.wrong(format!("TLS cannot be spoken so: {problem}"), diagnostics);
                    }
                },
                None => all_there = false,
            }
        }
        if let Some(file) = &self.client_ca_file {
            match file.certificates(read_file, diagnostics) {
                Some(certificates) => self.client_ca = certificates,
                None => all_there = false,
            }
        }
        if let (true, Err(problem), Some(file)) = (all_there, self.config(), self.files().last()) {
            file.wrong(format!("TLS cannot be spoken so: {problem}"), diagnostics);
        }
    }

    fn config(&self) -> Result<ServerConfig, Error> {
        let versions: &[&SupportedProtocolVersion] = match self.min_version {
            TlsVersion::Tls12 => &[&TLS13, &TLS12],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)?;
        let cannot = |problem| Error::General(format!("clients cannot be asked: {problem}"));
        let server = match self.client_certificate {
            ClientCertificate::Off => server.with_no_client_auth(),
            ClientCertificate::Optional => {
                let verifier = self.client_verifier()?.allow_unauthenticated().build();
                server.with_client_cert_verifier(verifier.map_err(cannot)?)
            }
            ClientCertificate::Required => {
                server.with_client_cert_verifier(self.client_verifier()?.build().map_err(cannot)?)
            }
        };
        let shown = self.identities.iter().map(|identity| certified(identity).map(Arc::new));
        let mut server = server.with_cert_resolver(Arc::new(Shown(shown.collect::<Result<_, _>>()?)));
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Sessions are kept by the clients, so that all workers know them and none takes memory.
        server.ticketer = ring::Ticketer::new()?;
        Ok(server)
    }

    fn shown(&self) -> Vec<(&PemFile, &[CertificateDer<'static>])> {
        let shown = self.identity_files.iter().zip(&self.identities);
        shown.map(|(files, identity)| (&files.certificate, identity.certificates.as_slice())).collect()
    }
}

/// What is shown to clients.
#[derive(Debug)]
struct Shown(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Shown {
    /// The first that is for the name asked for and that the client can check, or else the first of all.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let default = self.0.first();
        let named = match hello.server_name().map(ServerName::try_from) {
            Some(Ok(name)) if self.0.len() > 1 => self.0.iter().find(|shown| {
                is_for(shown, &name) && shown.key.choose_scheme(hello.signature_schemes()).is_some()
            }),
            _ => None,
        };
        named.or(default).cloned()
    }
}

fn is_for(shown: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let Some(Ok(certificate)) = shown.cert.first().map(ParsedCertificate::try_from) else { return false };
    verify_server_name(&certificate, name).is_ok()
}

fn certified(identity: &Identity) -> Result<CertifiedKey, Error> {
    let provider = ring::default_provider();
    CertifiedKey::from_der(identity.certificates.clone(), identity.key.clone_key(), &provider)
}

fn names(node: &Node, diagnostics: &mut Diagnostics) -> Option<Vec<IdentityFiles>> {
    let read = |node: &Node, diagnostics: &mut Diagnostics| {
        let section = Section::of(node, "one of `names`", &["certificate", "key"], diagnostics);
        if section.given("certificate").is_none() && section.given("key").is_none() {
            diagnostics.error(&node.place, "one of `names` needs `certificate` and `key`");
        }
        IdentityFiles::read(section, diagnostics)
    };
    let items = node.list("certificates and keys", diagnostics)?;
    Some(items.iter().filter_map(|item| read(item, diagnostics)).collect())
}

fn min_version(node: &Node, diagnostics: &mut Diagnostics) -> Option<TlsVersion> {
    node.word("a version of TLS", &[("1.2", TlsVersion::Tls12), ("1.3", TlsVersion::Tls13)], diagnostics)
}

/// Clients must say who they are where nothing is said but who vouches for them.
fn client_certificate(section: Section<'_>, diagnostics: &mut Diagnostics) -> ClientCertificate {
    let choices = [
        ("off", ClientCertificate::Off),
        ("optional", ClientCertificate::Optional),
        ("required", ClientCertificate::Required),
    ];
    let chosen = section.read(
        "client_certificate",
        |node, found| node.word("a choice of `client_certificate`", &choices, found),
        diagnostics,
    );
    match (section.given("client_certificate"), chosen, section.given("client_ca")) {
        (Some(node), Some(ClientCertificate::Optional | ClientCertificate::Required), None) => {
            let problem = Diagnostic::error("`client_certificate` without `client_ca`").at(&node.place);
            diagnostics.push(problem.help("the PEM file of the authorities that vouch for clients"));
            ClientCertificate::Off
        }
        (None, _, Some(_)) => ClientCertificate::Required,
        (_, chosen, _) => chosen.unwrap_or_default(),
    }
}
