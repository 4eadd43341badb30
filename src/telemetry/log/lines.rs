//! Lines on their way to where they are read. Who writes one puts it with those that wait, and never waits itself: a
//! thread of its own writes them out. Where nobody reads (a pipe that is full), lines are lost and counted once too
//! many wait; exchanges go on.

use std::fmt;
use std::io::{self, Write};
use std::mem::{swap, take};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::warn;
use tracing_subscriber::fmt::MakeWriter;

/// Waiting lines of this size are written without more waiting.
const PLENTY_BYTES: usize = 64 << 10;
/// What may wait. What comes on top of it is lost.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long a process that ends waits for its last lines to be taken.
const FINISH_TIME_MAX: Duration = Duration::from_secs(1);

/// The way of lines. Clones lead to the same end.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to write, or plenty of it, or no more to come.
    stirred: Condvar,
    /// Everything is written, after the end.
    finished: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    is_ending: bool,
    has_ended: bool,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({} bytes wait)", self.0.lock().waiting.len())
    }
}

impl Lines {
    /// Starts the thread that writes there. A line waits for others this long at most.
    pub fn start(to: impl Write + Send + 'static, wait: Duration) -> io::Result<Lines> {
        let shared = Arc::<Shared>::default();
        let own = Arc::clone(&shared);
        thread::Builder::new().name("log".to_owned()).spawn(move || own.write_out(to, wait))?;
        Ok(Lines(shared))
    }

    /// Lines that were lost.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Relaxed)
    }

    /// Waits until what waits is written, unless that takes too long. Nothing is taken from then on.
    pub fn finish(&self) {
        let mut queue = self.0.lock();
        queue.is_ending = true;
        self.0.stirred.notify_one();
        drop(self.0.finished.wait_timeout_while(queue, FINISH_TIME_MAX, |queue| !queue.has_ended));
    }
}

impl Shared {
    /// A thread that panicked in the middle of a line has not put it here.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, line: &[u8]) {
        let mut queue = self.lock();
        let before = queue.waiting.len();
        let after = before + line.len();
        if queue.is_ending || after > WAITING_BYTES_MAX {
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        queue.waiting.extend_from_slice(line);
        drop(queue);
        if before == 0 || (before < PLENTY_BYTES && after >= PLENTY_BYTES) {
            self.stirred.notify_one();
        }
    }

    /// Sleeps while nothing is logged.
    fn write_out(&self, mut to: impl Write, wait: Duration) {
        let (mut lines, mut told) = (Vec::new(), 0);
        while self.take(&mut lines, wait) {
            // A log that cannot be written leaves nobody to tell.
            let _ = to.write_all(&lines).and_then(|()| to.flush());
            lines.clear();
            let dropped = self.dropped.load(Relaxed);
            if dropped > told {
                warn!(
                    dropped = dropped - told,
                    "log events were lost: there were more than could be written"
                );
                told = dropped;
            }
        }
        self.lock().has_ended = true;
        self.finished.notify_all();
    }

    /// Waits for lines and takes them all; whether there may be more.
    fn take(&self, lines: &mut Vec<u8>, wait: Duration) -> bool {
        let nothing = |queue: &mut Queue| queue.waiting.is_empty() && !queue.is_ending;
        let few = |queue: &mut Queue| queue.waiting.len() < PLENTY_BYTES && !queue.is_ending;
        let queue = self.stirred.wait_while(self.lock(), nothing).unwrap_or_else(PoisonError::into_inner);
        let waited = self.stirred.wait_timeout_while(queue, wait, few);
        let (mut queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if queue.waiting.capacity() > WAITING_BYTES_MAX / 2 {
            // What a burst needed is given back.
            *lines = take(&mut queue.waiting);
        } else {
            swap(lines, &mut queue.waiting);
        }
        !lines.is_empty()
    }
}

/// One event on its way.
pub(super) struct Line<'a>(&'a Shared);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

/// An event is written whole, so that what waits is always whole lines.
impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

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

    /// A pipe that nobody reads until it is told; says when it is asked.
    struct Pipe {
        asked: Sender<()>,
        opened: Receiver<()>,
        behind: Sink,
    }

    impl Write for Pipe {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            let _ = self.asked.send(());
            let _ = self.opened.recv();
            self.behind.write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn write(lines: &Lines, text: &str) {
        lines.make_writer().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn lines_are_written_in_order_without_being_asked() {
        for wait in [Duration::ZERO, Duration::from_millis(1)] {
            let sink = Sink::default();
            let lines = Lines::start(sink.clone(), wait).unwrap();
            write(&lines, "one\n");
            write(&lines, "two\n");
            while sink.text() != "one\ntwo\n" {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn what_waits_is_written_at_the_end_and_soon_where_it_is_plenty() {
        let sink = Sink::default();
        let hour = Duration::from_secs(3600);
        let lines = Lines::start(sink.clone(), hour).unwrap();
        let plenty = "x".repeat(PLENTY_BYTES);
        write(&lines, &plenty);
        while sink.text().len() < PLENTY_BYTES {
            thread::yield_now();
        }
        write(&lines, "last\n");
        lines.finish();
        assert!(sink.text().ends_with("last\n"));
        write(&lines, "too late\n");
        assert_eq!(lines.dropped(), 1);
    }

    #[test]
    fn who_logs_does_not_wait_for_a_reader() {
        let (asked, is_asked) = channel();
        let (open, opened) = channel();
        let behind = Sink::default();
        let lines = Lines::start(Pipe { asked, opened, behind: behind.clone() }, Duration::ZERO).unwrap();
        write(&lines, "first\n");
        is_asked.recv().unwrap();
        let line = format!("{}\n", "x".repeat(WAITING_BYTES_MAX / 4 - 1));
        for _ in 0..6 {
            write(&lines, &line);
        }
        assert_eq!((behind.text().as_str(), lines.dropped()), ("", 2));
        drop(open);
        lines.finish();
        assert_eq!(behind.text(), format!("first\n{}", line.repeat(4)));
    }
}
