//! Another configuration while the sidecar serves: wanted by SIGHUP, by `POST /-/reload`, or because a file has changed.
//! It is read and compiled aside, on a thread that carries nothing, and put in force as a whole or not at all.

mod aside;
mod doors;
mod watch;

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::select;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{error, info, warn};

use crate::admin::Asked;
use crate::case::Playground;
use crate::live::{InForce, Reloads, Snapshot, Trigger};
use crate::proxy::{self, Control};
use crate::settings::Settings;
use crate::telemetry::Running;

use super::load::{self, Files, Held, Loaded, Options};
use super::problems;

pub use doors::Doors;

use aside::Aside;
use watch::{Look, Watch};

/// The time to the next look at files that may be in the middle of being written.
const SETTLE: Duration = Duration::from_millis(250);

/// How often files are read at most that change while they are read.
const READS_MAX: usize = 5;

/// A sidecar, by all of it that can change while it serves.
#[derive(Debug)]
pub struct Changeable {
    /// The configuration in force, as the console sees it.
    pub playground: InForce<Playground>,
    /// The same, as Envoy's streams see it.
    pub snapshot: InForce<Snapshot>,
    /// What became of reloads.
    pub reloads: Reloads,
    /// The way to those who carry traffic, if any do.
    pub control: Option<Control>,
    /// The other ways in.
    pub doors: Doors,
}

/// Who changes it.
#[derive(Debug)]
pub struct Reloader {
    sidecar: Changeable,
    /// What its configuration is made of; without it the sidecar stays as it is.
    options: Option<Options>,
    /// The files among that.
    watch: Watch,
    /// The settings of the start. Some of them hold until a restart.
    begun: Settings,
    /// Who asks for it.
    asked: mpsc::Receiver<Asked>,
    /// Configurations that exchanges may still have. They are taken apart here, not by a worker with something to carry.
    earlier: Vec<Arc<Playground>>,
    aside: Aside,
}

/// What was read.
struct Read {
    /// The configuration, or why there is none.
    playground: Result<Playground, String>,
    /// What is to be said about it all the same.
    warnings: String,
    files: Held,
}

impl Reloader {
    /// The sidecar serves what was read with these options from these files, if anything was.
    pub fn new(sidecar: Changeable, read: Option<(Options, Held)>, asked: mpsc::Receiver<Asked>) -> Reloader {
        let mut watch = Watch::default();
        let options = read.map(|(options, files)| {
            watch.follow(files);
            options
        });
        let begun = sidecar.snapshot.now().settings.clone();
        Reloader { sidecar, options, watch, begun, asked, earlier: Vec::new(), aside: Aside::default() }
    }

    /// Changes nothing any more. Who waits for a change is told by being let go of.
    pub fn stop(&mut self) {
        self.asked.close();
        while self.asked.try_recv().is_ok() {}
    }

    /// Waits until what came in by the other ways is finished.
    ///
    /// # Errors
    /// When one of them could not go on.
    pub async fn close(&mut self) -> io::Result<()> {
        self.sidecar.doors.close().await
    }

    /// Changes the sidecar whenever somebody wants it.
    ///
    /// # Errors
    /// When one of its ways in cannot go on, or signals cannot be heard.
    pub async fn run(&mut self) -> io::Result<Infallible> {
        let Some(options) = self.options.clone() else { return Err(self.sidecar.doors.failed().await) };
        let mut hangups = signal(SignalKind::hangup())?;
        let mut look = Look::Same;
        loop {
            let pause = self.pause(look);
            let (trigger, asked) = select! {
                biased;
                error = self.sidecar.doors.failed() => return Err(error),
                _ = hangups.recv() => (Trigger::Signal, None),
                Some(asked) = self.asked.recv() => (Trigger::Request, Some(asked)),
                () = pause => {
                    self.let_go().await;
                    look = self.look().await;
                    if look != Look::Changed {
                        continue;
                    }
                    (Trigger::File, None)
                }
            };
            let became = self.reload(&options, trigger).await;
            look = Look::Same;
            if let Some(asked) = asked {
                // Who asked may not have waited.
                let _ = asked.send(became);
            }
        }
    }

    /// Until the files are to be looked at again; for ever where nothing is.
    fn pause(&self, look: Look) -> impl Future<Output = ()> + use<> {
        let reload = self.sidecar.snapshot.now().settings.reload;
        let watches = reload.watch && !self.watch.is_empty();
        let time = match look {
            _ if !watches && self.earlier.is_empty() => None,
            Look::Changing => Some(reload.poll.min(SETTLE)),
            Look::Same | Look::Changed => Some(reload.poll),
        };
        async move {
            match time {
                Some(time) => sleep(time).await,
                None => pending().await,
            }
        }
    }

    /// Looks at the files, which may be on a disk that is far away.
    async fn look(&mut self) -> Look {
        if !self.sidecar.snapshot.now().settings.reload.watch {
            return Look::Same;
        }
        let mut watch = std::mem::take(&mut self.watch);
        let looked = self.aside.run(move || {
            let look = watch.look(now());
            (watch, look)
        });
        // A look that panicked has said so; there is nothing to look at any more.
        let (watch, look) = looked.await.unwrap_or_default();
        self.watch = watch;
        look
    }

    /// Reads the configuration and puts it in force. What there is to say about that.
    async fn reload(&mut self, options: &Options, trigger: Trigger) -> Result<String, String> {
        self.let_go().await;
        let Read { playground, warnings, files } = self.read(options).await;
        self.watch.follow(files);
        let changed = match playground {
            Ok(playground) => self.change(playground).await,
            Err(problems) => Err(problems),
        };
        match changed {
            Ok(fixed) => Ok(self.tell_success(trigger, &fixed, &warnings)),
            Err(problems) => {
                let generation = self.sidecar.reloads.failed(trigger, problems.clone(), now());
                error!(%trigger, generation, problems, "not reloaded: the configuration from before stays in force");
                Err(problems)
            }
        }
    }

    fn tell_success(&self, trigger: Trigger, fixed: &[&str], warnings: &str) -> String {
        let generation = self.sidecar.reloads.succeeded(trigger, now());
        info!(%trigger, generation, "reloaded");
        let mut text = format!("generation {generation}\n");
        for key in fixed {
            warn!(generation, "needs a restart: `{key}`");
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "needs a restart: `{key}`");
        }
        if !warnings.is_empty() {
            warn!(generation, problems = warnings, "the configuration has warnings");
        }
        text + warnings + if warnings.is_empty() { "" } else { "\n" }
    }

    /// Reads and compiles the configuration anew. Files that change meanwhile are read again, so that no configuration
    /// is made of two states of them.
    async fn read(&mut self, options: &Options) -> Read {
        let (options, before) = (options.clone(), self.sidecar.snapshot.now());
        let known: Vec<_> = self.watch.read().paths().cloned().collect();
        let read = self.aside.run(move || {
            let (mut loaded, mut held) = read_once(&options);
            for _ in 1..READS_MAX {
                if held.is_so() {
                    break;
                }
                (loaded, held) = read_once(&options);
            }
            let files = held.and(known);
            let (warnings, playground) = match loaded {
                Ok(loaded) => {
                    let problems = problems::shown(&loaded.diagnostics).join("\n\n");
                    let playground = loaded.playground_after(Some(&before));
                    match playground {
                        Some(playground) => (problems, Ok(playground)),
                        None => (String::new(), Err(problems)),
                    }
                }
                Err(problem) => (String::new(), Err(problem)),
            };
            Read { playground, warnings, files }
        });
        read.await.unwrap_or_else(|| Read {
            playground: Err(
                "the configuration could not be read: its thread did not begin, or panicked".to_owned()
            ),
            warnings: String::new(),
            // As they are now, so that the same is not tried again and again.
            files: Held::default().and(self.watch.read().paths().cloned()),
        })
    }

    /// Puts a configuration in force, or leaves everything as it was and says why. The settings of it that need a
    /// restart.
    async fn change(&mut self, next: Playground) -> Result<Vec<&'static str>, String> {
        let sidecar = &mut self.sidecar;
        let text = |error: io::Error| error.to_string();
        let (before, snapshot) = (sidecar.snapshot.now(), Arc::clone(next.snapshot()));
        let (old, new) = (&before.settings, &snapshot.settings);
        let moves = sidecar.doors.prepare(new).map_err(text)?;
        let mut listen = None;
        if let Some(control) = &sidecar.control {
            let moves = old.server.listen != new.server.listen;
            let (at, mode) = (&new.server.listen, new.server.socket_mode);
            let listener = moves.then(|| proxy::Listener::bind(at, mode)).transpose().map_err(text)?;
            listen = listener.as_ref().map(proxy::Listener::address);
            control.change(Arc::clone(&snapshot), listener).await.map_err(text)?;
        }
        snapshot.takes_over();
        if old.log.filter != new.log.filter {
            log_only(&new.log.filter);
        }
        sidecar.snapshot.replace(Arc::clone(&snapshot));
        self.earlier.push(sidecar.playground.replace(Arc::new(next)));
        let (admin, ext_proc) = moves.addresses();
        if listen.is_some() || admin.is_some() || ext_proc.is_some() {
            info!(listen, ext_proc, admin, "listening");
        }
        if let Err(error) = sidecar.doors.change(moves) {
            error!(%error, "a listener that was moved does not listen");
        }
        Ok(self.begun.fixed(new))
    }

    /// Takes configurations apart that nobody has any more.
    async fn let_go(&mut self) {
        let is_alone = |playground: &mut Arc<Playground>| {
            Arc::strong_count(playground) == 1 && Arc::strong_count(playground.snapshot()) == 1
        };
        let gone: Vec<_> = self.earlier.extract_if(.., is_alone).collect();
        if !gone.is_empty() {
            self.aside.run(move || drop(gone)).await;
        }
    }
}

/// Has this logged, which was tried when the settings were read.
fn log_only(filter: &str) {
    if let Some(Err(error)) = Running::of_process().map(|running| running.log_only(filter)) {
        error!(%error, "what is logged stays as it was");
    }
}

/// The configuration, or that there is no reading it; and what its files held.
fn read_once(options: &Options) -> (Result<Loaded, String>, Held) {
    let files = Files::default();
    let loaded = load::load_from(options, &files).map_err(|problem| problem.to_string());
    (loaded, files.held())
}

/// A time to be told to people.
pub fn now() -> SystemTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "a time to be told; nothing of an exchange is decided by it"
    )]
    SystemTime::now()
}
