//! Looks at files again and again, and says when one holds something else than when it was read.
//!
//! Looking is a `stat` of each file, and reading it only where that differs or is too fresh to be trusted. That is all
//! there is to it on every filesystem: a ConfigMap whose `..data` was swapped, an editor that renames a new file into
//! place, one that writes into it, NFS and mounts of other machines. Notifications of the kernel would tell a second
//! earlier, need a watch on every folder that a symbolic link goes through, are lost where there is no inotify or no
//! more room for it, and this would have to stand behind them all the same.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cli::load::{Content, Held, is_lasting};

/// A file that was changed so shortly before it was read may have been changed again within the same tick of its
/// filesystem's clock.
const FRESH: Duration = Duration::from_secs(2);

/// Files, and what they held when they were last read for good.
#[derive(Debug, Default)]
pub(super) struct Watch {
    read: Held,
    /// What was there when something else was seen for the first time.
    seen: Option<Held>,
    known: HashMap<PathBuf, Known>,
}

/// What a look has learnt of a file.
#[derive(Debug, Clone, Copy)]
struct Known {
    mark: Mark,
    content: Content,
    /// Whether it can be believed while the mark stays the same.
    is_settled: bool,
}

/// What tells one state of a file from another without reading it. Another file under the same name has another number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    device: u64,
    number: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What a look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Look {
    /// The files hold what was read.
    #[default]
    Same,
    /// They hold something else, and may be in the middle of being written.
    Changing,
    /// They hold something else, and have for one look already.
    Changed,
}

impl Watch {
    /// This is what the files held when they were read.
    pub fn follow(&mut self, read: Held) {
        self.known.retain(|path, _| read.paths().any(|known| known == path));
        self.read = read;
        self.seen = None;
    }

    /// Whether there is anything to look at.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty()
    }

    /// What the files were when they were read.
    pub fn read(&self) -> &Held {
        &self.read
    }

    /// Looks at all of them; `now` is the time of it.
    pub fn look(&mut self, now: SystemTime) -> Look {
        let Watch { read, seen, known } = self;
        let held: Held = read.paths().map(|path| (path.clone(), content(path, known, now))).collect();
        if held == *read {
            *seen = None;
            return Look::Same;
        }
        let is_settled = seen.as_ref() == Some(&held);
        *seen = Some(held);
        if is_settled { Look::Changed } else { Look::Changing }
    }
}

/// What a file holds.
fn content(path: &Path, known: &mut HashMap<PathBuf, Known>, now: SystemTime) -> Content {
    let Ok(metadata) = std::fs::metadata(path) else {
        known.remove(path);
        return Content::Unreadable;
    };
    if !is_lasting(&metadata) {
        return Content::Unreadable;
    }
    let mark = Mark::of(&metadata);
    if let Some(known) = known.get(path).filter(|known| known.is_settled && known.mark == mark) {
        return known.content;
    }
    let content = Content::now(path);
    let age = metadata.modified().ok().and_then(|modified| now.duration_since(modified).ok());
    let is_settled = age.is_some_and(|age| age > FRESH);
    known.insert(path.to_owned(), Known { mark, content, is_settled });
    content
}

impl Mark {
    fn of(metadata: &Metadata) -> Mark {
        Mark {
            device: metadata.dev(),
            number: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    /// A watch on a file of a folder, as it is now.
    fn watch(path: &Path) -> Watch {
        let mut watch = Watch::default();
        watch.follow([(path.to_owned(), Content::now(path))].into_iter().collect());
        watch
    }

    #[track_caller]
    fn check(watch: &mut Watch, expected: &[Look]) {
        #[expect(clippy::disallowed_methods, reason = "files of a test are of now")]
        let now = SystemTime::now();
        let looks: Vec<Look> = expected.iter().map(|_| watch.look(now)).collect();
        assert_eq!(looks, expected);
    }

    const CHANGES: [Look; 3] = [Look::Changing, Look::Changed, Look::Changed];

    #[test]
    fn a_file_that_is_written_into_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let mut watch = watch(&path);
        check(&mut watch, &[Look::Same, Look::Same]);
        // Of the same length, and perhaps within the same tick.
        fs::write(&path, "two").unwrap();
        check(&mut watch, &CHANGES);
        watch.follow([(path.clone(), Content::now(&path))].into_iter().collect());
        check(&mut watch, &[Look::Same]);
    }

    #[test]
    fn what_goes_on_changing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let mut watch = watch(&path);
        for text in ["t", "tw", "two"] {
            fs::write(&path, text).unwrap();
            check(&mut watch, &[Look::Changing]);
        }
        check(&mut watch, &[Look::Changed]);
        fs::write(&path, "one").unwrap();
        check(&mut watch, &[Look::Same]);
    }

    #[test]
    fn another_file_in_its_place_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let mut watch = watch(&path);
        fs::write(folder.path().join("b"), "two").unwrap();
        fs::rename(folder.path().join("b"), &path).unwrap();
        check(&mut watch, &CHANGES);
    }

    #[test]
    fn a_file_behind_a_folder_that_is_swapped_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (version, text) in [("..1", "one"), ("..2", "two"), ("..3", "two")] {
            fs::create_dir(path(version)).unwrap();
            fs::write(path(version).join("a"), text).unwrap();
        }
        symlink("..1", path("..data")).unwrap();
        symlink("..data/a", path("a")).unwrap();
        let swap = |to: &str| {
            symlink(to, path("..tmp")).unwrap();
            fs::rename(path("..tmp"), path("..data")).unwrap();
        };
        let mut watch = watch(&path("a"));
        swap("..2");
        check(&mut watch, &CHANGES);
        watch.follow([(path("a"), Content::now(&path("a")))].into_iter().collect());
        swap("..3");
        check(&mut watch, &[Look::Same]);
    }

    #[test]
    fn a_file_that_goes_and_comes_has_changed_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut watch = watch(&path);
        check(&mut watch, &[Look::Same]);
        fs::write(&path, "one").unwrap();
        check(&mut watch, &CHANGES);
        watch.follow([(path.clone(), Content::now(&path))].into_iter().collect());
        fs::remove_file(&path).unwrap();
        check(&mut watch, &CHANGES);
    }

    #[test]
    fn an_old_file_is_not_read_again_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let mut watch = watch(&path);
        check(&mut watch, &[Look::Same]);
        assert!(watch.known[&path].is_settled);
    }
}
