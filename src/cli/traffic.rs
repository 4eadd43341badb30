//! Recorded traffic for the commands that read it: files opened, read on a thread of their own, and a bar on the
//! terminal where it takes long.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use http::{HeaderMap, Method, Uri};
use indicatif::{ProgressBar, ProgressStyle};

use crate::diagnostic::Diagnostic;
use crate::engine::RequestSnapshot;
use crate::traffic::{self, Recorded, Summary};

/// Shorter recordings are read before a bar could be seen.
const BAR_BYTES_MIN: u64 = 16 << 20;

/// What waits between the two threads: so many batches of so many exchanges, or of so many bytes of bodies.
const BATCHES: usize = 4;
const BATCH_EXCHANGES: usize = 128;
const BATCH_BYTES: usize = 1 << 20;

/// Files of recorded traffic, opened.
pub struct Recordings {
    files: Vec<(String, Box<dyn Read + Send>)>,
    bar: ProgressBar,
}

/// Exchanges on their way, and the file they are from, by its place in the list.
type Batch = Vec<(usize, Recorded)>;

impl Recordings {
    /// Opens all files, so that one that is missing is told before any is read. `-` is standard input.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn open(paths: &[PathBuf]) -> Result<Recordings, Diagnostic> {
        let mut bytes = 0;
        let mut files = Vec::new();
        for path in paths {
            let name = path.display().to_string();
            let file: Box<dyn Read + Send> = if name == "-" {
                Box::new(io::stdin())
            } else {
                let (file, length) = open(path).map_err(|error| traffic::unreadable(&name, &error))?;
                bytes += length;
                Box::new(file)
            };
            files.push((name, file));
        }
        Ok(Recordings { files, bar: bar(bytes) })
    }

    /// One file, of this name, that comes from elsewhere.
    pub fn of(name: &str, input: impl Read + Send + 'static) -> Recordings {
        Recordings { files: vec![(name.to_owned(), Box::new(input))], bar: ProgressBar::hidden() }
    }

    /// Gives every exchange, with the name of its file, to `sink`, in their order. `asked` is the request of saved
    /// answers, which have none.
    ///
    /// # Errors
    /// When a file is no recording or breaks off.
    pub fn each(
        self,
        asked: &RequestSnapshot,
        mut sink: impl FnMut(&str, Recorded),
    ) -> Result<Summary, Diagnostic> {
        let Recordings { files, bar } = self;
        let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
        let read = thread::scope(|scope| {
            let (sender, batches) = sync_channel::<Batch>(BATCHES);
            let reader = scope.spawn(|| read(files, &bar, asked, sender));
            for (file, recorded) in batches.into_iter().flatten() {
                sink(names.get(file).map_or("", String::as_str), recorded);
            }
            reader.join()
        });
        bar.finish_and_clear();
        read.unwrap_or_else(|_| Err(Diagnostic::error("a bug in Candor ended the reading")))
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let data = file.metadata()?;
    if data.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    Ok((file, data.len()))
}

/// Draws on standard error, and only where that is a terminal.
fn bar(bytes: u64) -> ProgressBar {
    if bytes < BAR_BYTES_MIN {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bytes} of {total_bytes} {wide_bar} {eta}");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn read(
    files: Vec<(String, Box<dyn Read + Send>)>,
    bar: &ProgressBar,
    asked: &RequestSnapshot,
    sender: SyncSender<Batch>,
) -> Result<Summary, Diagnostic> {
    let mut summary = Summary::default();
    for (file, (name, input)) in files.into_iter().enumerate() {
        let mut batch = Batch::new();
        let mut bytes = 0;
        let read = traffic::read(&name, bar.wrap_read(input), asked, &mut |recorded| {
            bytes += recorded.exchange.answer.body.len();
            batch.push((file, recorded));
            if batch.len() < BATCH_EXCHANGES && bytes < BATCH_BYTES {
                return ControlFlow::Continue(());
            }
            bytes = 0;
            match sender.send(std::mem::take(&mut batch)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        // Nobody to send to means nobody who would miss it.
        let _ = sender.send(batch);
        summary.add(read?);
    }
    Ok(summary)
}

/// The request of saved answers.
///
/// # Errors
/// When method or path are none.
pub fn asked(method: &str, path: &str) -> Result<RequestSnapshot, Diagnostic> {
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Diagnostic::error(format!("`{method}` is not a method")))?;
    let uri =
        path.parse::<Uri>().map_err(|error| Diagnostic::error(format!("`{path}` is not a path: {error}")))?;
    Ok(RequestSnapshot { method, uri, headers: HeaderMap::new(), circumstances: None })
}

/// `1 exchange`, `1,204 exchanges`.
pub fn counted(count: u64) -> String {
    format!("{} exchange{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A number with its thousands apart: `1,204`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        let check = |number, expected: &str| assert_eq!(grouped(number), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }
}
