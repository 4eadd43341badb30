//! The files that certificates and keys are in, looked at again and again: those that have changed are taken in without
//! a restart. How platforms replace them (in place, by renaming, through a link to another folder) does not matter,
//! because what they hold is looked at and not when they changed.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::live::{Credentials, Refresh};
use crate::telemetry::meters::{Meters, Samples, Source};
use crate::telemetry::metrics::families;

/// How often they are looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// How long before a certificate expires that is told.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// How often it is told.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// The files of the configuration in force, and of what is still in use of earlier ones.
#[derive(Debug)]
pub(in crate::proxy) struct Files {
    watched: Arc<Watched>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Watched(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    in_force: Arc<Credentials>,
    /// What connections are made with. Upstreams that a new configuration leaves as they are keep theirs.
    all: Vec<Weak<dyn Refresh>>,
    /// When it was last told of a certificate that it expires soon.
    reminded: BTreeMap<Arc<str>, SystemTime>,
}

impl Files {
    /// Looks at the files of this configuration. Call it inside a runtime.
    pub fn watch(credentials: &Arc<Credentials>, meters: &Meters) -> Files {
        let watched = Arc::new(Watched::default());
        let weak = Arc::downgrade(&watched);
        meters.listen_while_it_lives(weak);
        let task = tokio::spawn(look(Arc::clone(&watched)));
        let files = Files { watched, task };
        files.follow(credentials);
        files
    }

    /// Goes on with another configuration.
    pub fn follow(&self, credentials: &Arc<Credentials>) {
        self.watched.with(|state| {
            state.in_force = Arc::clone(credentials);
            state.all.retain(|credential| credential.strong_count() > 0);
            state.all.extend(credentials.all().iter().map(Arc::downgrade));
        });
        self.watched.remind();
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(watched: Arc<Watched>) {
    loop {
        sleep(PERIOD).await;
        let looking = Arc::clone(&watched);
        // A file may be on a disk that does not answer, and connections are accepted here.
        if watched.has_files() && spawn_blocking(move || looking.refresh()).await.is_err() {
            return;
        }
    }
}

impl Watched {
    fn with<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn has_files(&self) -> bool {
        self.with(|state| {
            state.all.iter().filter_map(Weak::upgrade).any(|credential| credential.is_of_files())
        })
    }

    fn refresh(&self) {
        let all: Vec<_> = self.with(|state| state.all.iter().filter_map(Weak::upgrade).collect());
        for refreshed in
            all.iter().filter_map(|credential| credential.refresh(&|path| fs::read_to_string(path)))
        {
            let files = refreshed.files.join(", ");
            match refreshed.problems.as_slice() {
                [] => info!(files, "certificates were taken in anew"),
                problems => {
                    let error = problems.join("; ");
                    warn!(files, error, "certificates do not fit; those from before stay in use");
                }
            }
        }
        self.remind();
    }

    /// Tells of certificates that expire soon.
    #[expect(
        clippy::disallowed_methods,
        reason = "whether a certificate expires soon is a question of the time"
    )]
    fn remind(&self) {
        let now = SystemTime::now();
        self.with(|state| {
            for (file, seconds) in state.in_force.expiries() {
                let expires = UNIX_EPOCH + Duration::from_secs(seconds);
                let was_told = state.reminded.get(&file).is_some_and(|told| now < *told + REMINDER);
                if now + SOON < expires {
                    state.reminded.remove(&file);
                } else if !was_told {
                    let days = expires.duration_since(now).unwrap_or_default().as_secs() / (24 * 60 * 60);
                    warn!(file = %file, expires = %httpdate::fmt_http_date(expires), days, "a certificate expires soon");
                    state.reminded.insert(file, now);
                }
            }
        });
    }
}

impl Source for Watched {
    fn tell(&self, samples: &mut Samples) {
        samples.declare(&families::TLS_CERTIFICATE_EXPIRY);
        for (file, seconds) in self.with(|state| Arc::clone(&state.in_force)).expiries() {
            samples.add(&families::TLS_CERTIFICATE_EXPIRY, &[("certificate", &file)], seconds as f64);
        }
    }
}
