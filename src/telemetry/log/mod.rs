//! The log of the process: to stdout, one event a line, as JSON for machines or as text for people. How lines get out
//! is [`lines`]'s; what is logged can be changed while it runs ([`Running`]).
//! Exchanges write theirs under the target `candor::exchange` (see [`proxy`](crate::proxy)).

mod lines;

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use super::meters::{Samples, Source};
use super::metrics::families::LOG_EVENTS_DROPPED;
use crate::settings::{Log, LogFormat};
use lines::Lines;

/// How long a line may wait for others, so that busy workers do not make a system call for each of theirs. People at a
/// terminal do not wait.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// A process has one log, as `tracing` has it.
static RUNNING: OnceLock<Running> = OnceLock::new();

/// Why there is no log.
#[derive(Debug)]
pub enum TelemetryError {
    /// The filter cannot be read.
    Filter(ParseError),
    /// The writing thread cannot be had.
    Thread(io::Error),
    /// There is one already.
    AlreadyStarted,
}

impl fmt::Display for TelemetryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TelemetryError::Filter(error) => write!(f, "the log filter cannot be read: {error}"),
            TelemetryError::Thread(error) => write!(f, "the log cannot be started: {error}"),
            TelemetryError::AlreadyStarted => f.write_str("the log is started already"),
        }
    }
}

impl std::error::Error for TelemetryError {}

/// Its end: lines that wait are written when this is dropped, so keep it to the end of `main`.
#[must_use = "the last lines are written when this is dropped"]
#[derive(Debug)]
pub struct Logging(Lines);

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Starts the log of this process.
///
/// # Errors
/// When the filter cannot be read, or the log was started before.
pub fn init(log: &Log) -> Result<Logging, TelemetryError> {
    let filter = EnvFilter::builder().parse(&log.filter).map_err(TelemetryError::Filter)?;
    let terminal = io::stdout().is_terminal();
    let wait = if terminal { Duration::ZERO } else { WAIT_MAX };
    let lines = Lines::start(io::stdout(), wait).map_err(TelemetryError::Thread)?;
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines.clone());
    // Two forms are two types, each with a handle of its own.
    let (started, replace): (_, Replace) = if json {
        let builder = builder.json().flatten_event(true).with_current_span(false).with_span_list(false);
        let builder = builder.with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Box::new(move |filter| handle.reload(filter).is_ok()))
    } else {
        let builder = builder.with_ansi(terminal).with_filter_reloading();
        let handle = builder.reload_handle();
        (builder.try_init(), Box::new(move |filter| handle.reload(filter).is_ok()))
    };
    started.map_err(|_| TelemetryError::AlreadyStarted)?;
    let running = Running { filter: Mutex::new(log.filter.clone()), replace, lines: lines.clone() };
    RUNNING.set(running).map_err(|_| TelemetryError::AlreadyStarted)?;
    Ok(Logging(lines))
}

type Replace = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// The log that runs, for those who look after it.
pub struct Running {
    filter: Mutex<String>,
    replace: Replace,
    lines: Lines,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Running({:?})", self.filter())
    }
}

impl Running {
    /// The log of this process, once it is started.
    pub fn of_process() -> Option<&'static Running> {
        RUNNING.get()
    }

    /// What is logged now, as [`Log::filter`] says it.
    pub fn filter(&self) -> String {
        self.filter.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has this logged from now on.
    ///
    /// # Errors
    /// When the text is no filter; what was logged before stays so.
    pub fn log_only(&self, filter: &str) -> Result<(), TelemetryError> {
        let read = EnvFilter::builder().parse(filter).map_err(TelemetryError::Filter)?;
        let mut now = self.filter.lock().unwrap_or_else(PoisonError::into_inner);
        if (self.replace)(read) {
            filter.clone_into(&mut now);
        }
        Ok(())
    }

    /// Events that were lost because too much waited to be written.
    pub fn dropped(&self) -> u64 {
        self.lines.dropped()
    }
}

/// What metrics say of the log of this process.
#[derive(Debug)]
pub struct LogLosses;

impl Source for LogLosses {
    fn tell(&self, samples: &mut Samples) {
        let dropped = Running::of_process().map_or(0, Running::dropped);
        samples.add(&LOG_EVENTS_DROPPED, &[], dropped as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_an_error() {
        let log = Log { filter: "candor=loud".to_owned(), ..Log::default() };
        let error = init(&log).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.starts_with("the log filter cannot be read: ")));
    }
}
