//! Where log events go: to stdout, one a line, as JSON for machines or as text for people.
//! Exchanges write theirs under the target `candor::exchange` (see [`proxy`](crate::proxy)).

use std::fmt;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;

use crate::settings::{Log, LogFormat};

/// How long a line may wait for others, so that busy workers do not make a system call for each of theirs.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Waiting lines of this size are written without more waiting.
const WAITING_BYTES_MAX: usize = 64 * 1024;

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

/// The running log. Lines that wait are written when it is dropped, so keep it to the end of `main`.
#[must_use = "the last lines are written when this is dropped"]
pub struct Logging(Lines);

/// Starts the log of this process.
///
/// # Errors
/// When the filter cannot be read, or the log was started before.
pub fn init(log: &Log) -> Result<Logging, TelemetryError> {
    let filter = EnvFilter::builder().parse(&log.filter).map_err(TelemetryError::Filter)?;
    let terminal = io::stdout().is_terminal();
    let lines = Lines::to_stdout(terminal).map_err(TelemetryError::Thread)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines.clone());
    let json = match log.format {
        LogFormat::Auto => !terminal,
        LogFormat::Json => true,
        LogFormat::Text => false,
    };
    let started = if json {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else {
        builder.with_ansi(terminal).try_init()
    };
    started.map_err(|_| TelemetryError::AlreadyStarted)?;
    Ok(Logging(lines))
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.0.shared.write_out();
    }
}

/// Writes events as whole lines, from any thread.
#[derive(Clone)]
struct Lines {
    shared: Arc<Shared>,
    /// Whether lines wait for each other. People at a terminal do not.
    waits: bool,
}

struct Shared {
    waiting: Mutex<BufWriter<Stdout>>,
    some: Condvar,
}

/// One event on its way; holds the others up, so it is written in one go and dropped.
struct Line<'a> {
    lines: &'a Lines,
    waiting: MutexGuard<'a, BufWriter<Stdout>>,
}

impl Lines {
    fn to_stdout(terminal: bool) -> io::Result<Lines> {
        let waiting = Mutex::new(BufWriter::with_capacity(WAITING_BYTES_MAX, io::stdout()));
        let lines = Lines { shared: Arc::new(Shared { waiting, some: Condvar::new() }), waits: !terminal };
        if lines.waits {
            let shared = Arc::clone(&lines.shared);
            thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_out_for_ever())?;
        }
        Ok(lines)
    }
}

impl Shared {
    /// A thread that panicked in the middle of a line leaves a short line, not an unusable log.
    fn lock(&self) -> MutexGuard<'_, BufWriter<Stdout>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stdout that cannot be written to leaves nobody to tell.
    fn write_out(&self) {
        let _ = self.lock().flush();
    }

    /// Sleeps while nothing is logged.
    fn write_out_for_ever(&self) {
        loop {
            let nothing = |waiting: &mut BufWriter<Stdout>| waiting.buffer().is_empty();
            drop(self.some.wait_while(self.lock(), nothing));
            thread::sleep(WAIT_MAX);
            self.write_out();
        }
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { lines: self, waiting: self.shared.lock() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.waiting.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.waiting.flush()
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.lines.waits {
            self.lines.shared.some.notify_one();
        } else {
            // Stdout that cannot be written to leaves nobody to tell.
            let _ = self.waiting.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_filter_is_an_error() {
        let log = Log { filter: "candor=loud".to_owned(), format: LogFormat::Text };
        let error = init(&log).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.starts_with("the log filter cannot be read: ")));
    }
}
