//! What TLS is spoken with: made of files, and made anew when they change, while connections that stand go on with
//! what they began with. Files that do not fit leave what there was.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use http::uri::Scheme;
use tokio::sync::watch;
use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source};
use crate::settings::{OfFiles, PemFile, ServerTls, Settings, Tls};

/// Everything that a configuration speaks TLS with.
#[derive(Debug, Default)]
pub struct Credentials {
    /// With clients.
    pub listener: Option<Arc<Credential<ServerTls>>>,
    /// With upstreams, by their index in the settings; `None` for those that are spoken to without.
    pub upstreams: Vec<Option<Arc<Credential<Tls>>>>,
}

/// What TLS is spoken with at one place.
pub struct Credential<M: OfFiles> {
    now: watch::Sender<Arc<M::Config>>,
    made_of: Mutex<MadeOf<M>>,
}

struct MadeOf<M> {
    material: M,
    /// What stood in the files when they were last looked at, as a number; `None` before that.
    seen: Option<u64>,
}

/// What [`Credential::refresh`] has done.
#[derive(Debug)]
pub struct Refreshed {
    /// The files.
    pub files: Vec<Arc<str>>,
    /// What is wrong with them, for which everything was left as it was; nothing when they are in use now.
    pub problems: Vec<String>,
}

/// Reads a file.
pub type Read<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// What is made of files, whatever it is.
pub trait Refresh: fmt::Debug + Send + Sync {
    /// Whether there are any.
    fn is_of_files(&self) -> bool;

    /// Takes in files that have changed; says what came of it, where anything did.
    fn refresh(&self, read: Read<'_>) -> Option<Refreshed>;
}

impl Credentials {
    /// What these settings say. They were tried when they were read; what cannot be spoken after all is left out, and
    /// whoever needs it fails.
    pub fn new(settings: &Settings) -> Credentials {
        let upstreams = settings.upstreams.iter().map(|upstream| {
            (upstream.url.scheme == Scheme::HTTPS).then(|| Credential::new(upstream.tls.clone())).flatten()
        });
        Credentials {
            listener: settings.server.tls.clone().and_then(Credential::new),
            upstreams: upstreams.collect(),
        }
    }

    /// All of it that can change.
    pub fn all(&self) -> Vec<Arc<dyn Refresh>> {
        let listener = self.listener.iter().map(|credential| Arc::clone(credential) as Arc<dyn Refresh>);
        let upstreams = self.upstreams.iter().flatten();
        listener.chain(upstreams.map(|credential| Arc::clone(credential) as Arc<dyn Refresh>)).collect()
    }

    /// When what Candor shows of itself expires, in seconds since 1970, by the file it is in.
    pub fn expiries(&self) -> BTreeMap<Arc<str>, u64> {
        let mut expiries = BTreeMap::new();
        if let Some(credential) = &self.listener {
            credential.tell_expiries(&mut expiries);
        }
        for credential in self.upstreams.iter().flatten() {
            credential.tell_expiries(&mut expiries);
        }
        expiries
    }
}

impl<M: OfFiles> Credential<M> {
    /// What is made of this, if it can be made.
    fn new(material: M) -> Option<Arc<Credential<M>>> {
        let (now, _) = watch::channel(Arc::new(material.config().ok()?));
        Some(Arc::new(Credential { now, made_of: Mutex::new(MadeOf { material, seen: None }) }))
    }

    /// What a new connection uses.
    pub fn now(&self) -> Arc<M::Config> {
        Arc::clone(&self.now.borrow())
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut MadeOf<M>) -> T) -> T {
        use_it(&mut self.made_of.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell_expiries(&self, expiries: &mut BTreeMap<Arc<str>, u64>) {
        self.with(|made_of| {
            for (file, certificates) in made_of.material.shown() {
                let Some(first) = certificates.iter().filter_map(expiry).min() else { continue };
                let known = expiries.entry(Arc::clone(&file.name)).or_insert(first);
                *known = first.min(*known);
            }
        });
    }
}

impl<M: OfFiles> Refresh for Credential<M> {
    fn is_of_files(&self) -> bool {
        self.with(|made_of| !made_of.material.files().is_empty())
    }

    fn refresh(&self, read: Read<'_>) -> Option<Refreshed> {
        // Nobody waits for a slow disk: what is locked is only what is there already.
        let before = self.with(|made_of| made_of.material.clone());
        let held = Held(before.files().into_iter().map(|file| (file.clone(), source(file, read))).collect());
        let seen = held.number();
        if self.with(|made_of| made_of.seen.replace(seen)) == Some(seen) {
            return None;
        }
        let files = before.files().into_iter().map(|file| Arc::clone(&file.name)).collect();
        let (mut fresh, mut diagnostics) = (before.clone(), Diagnostics::default());
        fresh.fill(&|name, place| held.read(name, place), &mut diagnostics);
        if fresh == before && !diagnostics.has_errors() {
            return None;
        }
        match fresh.config() {
            _ if diagnostics.has_errors() => {}
            Ok(config) => {
                self.now.send_replace(Arc::new(config));
                self.with(|made_of| made_of.material = fresh);
            }
            Err(problem) => diagnostics.push(Diagnostic::error(problem.to_string())),
        }
        let problems = diagnostics.into_sorted().into_iter().map(|problem| problem.message).collect();
        Some(Refreshed { files, problems })
    }
}

impl<M: OfFiles> fmt::Debug for Credential<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// What files hold, or why they cannot be read.
struct Held(Vec<(PemFile, Result<Arc<Source>, Diagnostic>)>);

impl Held {
    /// A number that is another when any of it is.
    fn number(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (_, held) in &self.0 {
            match held {
                Ok(source) => source.text.hash(&mut hasher),
                Err(problem) => problem.message.hash(&mut hasher),
            }
        }
        hasher.finish()
    }

    fn read(&self, name: &str, place: &Place) -> Result<Arc<Source>, Diagnostic> {
        let found = self.0.iter().find(|(file, _)| file.is(name, place));
        found.map_or_else(
            || Err(Diagnostic::error(format!("`{name}` was not read"))),
            |(_, held)| held.clone(),
        )
    }
}

fn source(file: &PemFile, read: Read<'_>) -> Result<Arc<Source>, Diagnostic> {
    let cannot = |error| Diagnostic::error(format!("cannot read `{}`: {error}", file.name));
    Ok(Source::new(&*file.name, read(&file.path()).map_err(cannot)?))
}

/// When a certificate expires, in seconds since 1970; `None` where it cannot be told.
fn expiry(certificate: &CertificateDer<'_>) -> Option<u64> {
    let certificate = Certificate::from_der(certificate).ok()?;
    Some(certificate.tbs_certificate().validity().not_after.to_unix_duration().as_secs())
}
