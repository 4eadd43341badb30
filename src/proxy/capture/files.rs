//! The files that captures go to: whole lines, a new file when one is full, the oldest removed when there are too
//! many. Only their owner may read them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process;
use std::time::SystemTime;

use crate::live::capture_files;
use crate::settings::Capture;

/// Waiting lines of this size are written without more waiting.
const WAITING_BYTES_MAX: usize = 64 << 10;

/// The files of one process.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    file_bytes: u64,
    files_max: usize,
    /// Whole lines that are not written yet.
    waiting: Vec<u8>,
    current: Option<Current>,
    /// Files that this process has begun.
    begun: u64,
}

#[derive(Debug)]
struct Current {
    file: File,
    bytes: u64,
}

impl Files {
    /// Makes the folder, and nothing in it until there is something to write.
    ///
    /// # Errors
    /// When it cannot be made, or not be written into.
    pub fn new(wanted: &Capture) -> io::Result<Files> {
        DirBuilder::new().recursive(true).mode(0o700).create(&wanted.folder)?;
        let mut files = Files {
            folder: wanted.folder.clone(),
            file_bytes: wanted.file_bytes,
            files_max: wanted.files,
            waiting: Vec::new(),
            current: None,
            begun: 0,
        };
        files.begin()?;
        Ok(files)
    }

    /// Writes a line, soon.
    ///
    /// # Errors
    /// When it cannot be written; then it is lost.
    pub fn push(&mut self, line: &str) -> io::Result<()> {
        let bytes = self.current.as_ref().map_or(0, |current| current.bytes) + self.waiting.len() as u64;
        let mut result = Ok(());
        if bytes > 0 && bytes + line.len() as u64 >= self.file_bytes {
            result = self.write_out();
            self.current = None;
        }
        self.waiting.extend_from_slice(line.as_bytes());
        self.waiting.push(b'\n');
        match self.waiting.len() >= WAITING_BYTES_MAX {
            true => result.and(self.write_out()),
            false => result,
        }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// When it cannot be written; then it is lost, and the next is tried with a new file.
    pub fn write_out(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        if self.current.is_none() {
            self.begin()?;
        }
        if let Some(current) = &mut self.current {
            let written = current.file.write_all(&waiting);
            current.bytes += waiting.len() as u64;
            if written.is_err() {
                self.current = None;
            }
            return written;
        }
        Ok(())
    }

    /// Begins a file, in place of the oldest if there are enough.
    fn begin(&mut self) -> io::Result<()> {
        #[expect(clippy::disallowed_methods, reason = "a name for a file; nothing is decided by it")]
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace([':', '-'], "");
        let file = loop {
            self.begun += 1;
            let name = format!("capture-{now}-{}-{:06}.jsonl", process::id(), self.begun);
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.folder.join(name)) {
                // One that this process began before, or another of the same number in another container.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                opened => break opened?,
            }
        };
        self.current = Some(Current { file, bytes: 0 });
        self.remove_old()
    }

    fn remove_old(&self) -> io::Result<()> {
        let files = capture_files(&self.folder)?;
        let surplus = files.len().saturating_sub(self.files_max);
        files.iter().take(surplus).try_for_each(fs::remove_file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files' contents, oldest first.
    fn contents(folder: &tempfile::TempDir) -> Vec<String> {
        let mut paths: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().path()).collect();
        paths.sort();
        paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    #[test]
    fn full_files_are_followed_by_new_ones_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = Capture { file_bytes: 10, files: 2, ..Capture::to(folder.path()) };
        let mut files = Files::new(&wanted).unwrap();
        for line in ["one", "two", "three", "four", "a line that is longer than a file"] {
            files.push(line).unwrap();
        }
        files.write_out().unwrap();
        assert_eq!(contents(&folder), ["four\n", "a line that is longer than a file\n"]);
    }

    #[test]
    fn lines_wait_for_each_other_and_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Files::new(&Capture::to(folder.path())).unwrap();
        files.push("one").unwrap();
        assert_eq!(contents(&folder), [""]);
        files.write_out().unwrap();
        assert_eq!(contents(&folder), ["one\n"]);
    }

    #[test]
    fn only_the_owner_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        Files::new(&Capture::to(&inner)).unwrap();
        let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&inner), 0o700);
        let file = fs::read_dir(&inner).unwrap().next().unwrap().unwrap().path();
        assert_eq!(mode(&file), 0o600);
    }
}
