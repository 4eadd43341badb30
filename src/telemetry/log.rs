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
pub struct Logging(Lines<Stdout>);

/// Starts the log of this process.
///
/// # Errors
/// When the filter cannot be read, or the log was started before.
pub fn init(log: &Log) -> Result<Logging, TelemetryError> {
    let filter = EnvFilter::builder().parse(&log.filter).map_err(TelemetryError::Filter)?;
    let terminal = io::stdout().is_terminal();
    let lines = Lines::new(io::stdout(), !terminal).map_err(TelemetryError::Thread)?;
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
struct Lines<W: Write> {
    shared: Arc<Shared<W>>,
    /// Whether lines wait for each other. People at a terminal do not.
    waits: bool,
}

struct Shared<W: Write> {
    waiting: Mutex<BufWriter<W>>,
    some: Condvar,
}

/// One event on its way; holds the others up, so it is written in one go and dropped.
struct Line<'a, W: Write> {
    lines: &'a Lines<W>,
    waiting: MutexGuard<'a, BufWriter<W>>,
}

impl<W: Write> Clone for Lines<W> {
    fn clone(&self) -> Lines<W> {
        Lines { shared: Arc::clone(&self.shared), waits: self.waits }
    }
}

impl<W: Write + Send + 'static> Lines<W> {
    fn new(to: W, waits: bool) -> io::Result<Lines<W>> {
        let waiting = Mutex::new(BufWriter::with_capacity(WAITING_BYTES_MAX, to));
        let lines = Lines { shared: Arc::new(Shared { waiting, some: Condvar::new() }), waits };
        if lines.waits {
            let shared = Arc::clone(&lines.shared);
            thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_out_for_ever())?;
        }
        Ok(lines)
    }
}

impl<W: Write> Shared<W> {
    /// A thread that panicked in the middle of a line leaves a short line, not an unusable log.
    fn lock(&self) -> MutexGuard<'_, BufWriter<W>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A log that cannot be written leaves nobody to tell.
    fn write_out(&self) {
        let _ = self.lock().flush();
    }

    /// Sleeps while nothing is logged.
    fn write_out_for_ever(&self) {
        loop {
            let nothing = |waiting: &mut BufWriter<W>| waiting.buffer().is_empty();
            drop(self.some.wait_while(self.lock(), nothing));
            thread::sleep(WAIT_MAX);
            self.write_out();
        }
    }
}

impl<'a, W: Write + 'a> MakeWriter<'a> for Lines<W> {
    type Writer = Line<'a, W>;

    fn make_writer(&'a self) -> Line<'a, W> {
        Line { lines: self, waiting: self.shared.lock() }
    }
}

impl<W: Write> Write for Line<'_, W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.waiting.write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.waiting.flush()
    }
}

impl<W: Write> Drop for Line<'_, W> {
    fn drop(&mut self) {
        if self.lines.waits {
            self.lines.shared.some.notify_one();
        } else {
            // A log that cannot be written leaves nobody to tell.
            let _ = self.waiting.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sink that can be looked into.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[test]
    fn a_line_that_need_not_wait_is_written_when_it_ends() {
        let sink = Sink::default();
        let lines = Lines::new(sink.clone(), false).unwrap();
        lines.make_writer().write_all(b"one\n").unwrap();
        assert_eq!(sink.text(), "one\n");
    }

    #[test]
    fn waiting_lines_are_written_in_order_without_being_asked() {
        let sink = Sink::default();
        let lines = Lines::new(sink.clone(), true).unwrap();
        lines.make_writer().write_all(b"one\n").unwrap();
        lines.make_writer().write_all(b"two\n").unwrap();
        while sink.text() != "one\ntwo\n" {
            thread::yield_now();
        }
    }

    #[test]
    fn a_bad_filter_is_an_error() {
        let log = Log { filter: "candor=loud".to_owned(), format: LogFormat::Text };
        let error = init(&log).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.starts_with("the log filter cannot be read: ")));
    }
}
