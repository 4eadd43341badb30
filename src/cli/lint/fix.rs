//! Edits made in the files themselves. A file that is not as it was when it was read is left alone, and where a
//! change turns out to break the configuration, all of them are taken back.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::lint::{Edit, Note, Report, edited};

/// What became of the edits.
pub struct Fixed {
    /// Files that were changed.
    pub files: Vec<Changed>,
    /// Places that were not, and why.
    pub skipped: Vec<Note>,
    /// The advice that is left.
    pub left: Report,
}

/// A file that was changed.
pub struct Changed {
    /// Its path as the user gave it.
    pub name: String,
    /// Its text as it was.
    pub before: String,
    /// Its text as it is now.
    pub after: String,
    /// How many places in it.
    pub places: usize,
}

impl Fixed {
    /// How many places were changed.
    pub fn made(&self) -> usize {
        self.files.iter().map(|file| file.places).sum()
    }
}

/// Makes the edits of a report, and asks again for advice.
///
/// # Errors
/// When a file cannot be written, and when the changed files are no configuration any more.
pub fn make(
    report: &Report,
    again: impl Fn() -> Result<Report, Vec<Diagnostic>>,
) -> Result<Fixed, Diagnostic> {
    let mut by_file: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    for edit in report.advice.iter().filter_map(|advice| advice.edit.as_ref()) {
        by_file.entry(&edit.place.source.name).or_default().push(edit);
    }
    let (mut files, mut skipped) = (Vec::new(), Vec::new());
    for (name, edits) in by_file {
        changed(name, &edits, &mut files, &mut skipped);
    }
    for (index, file) in files.iter().enumerate() {
        if let Err(error) = write(&file.name, &file.after) {
            take_back(files.get(..index).unwrap_or_default());
            return Err(Diagnostic::error(format!("cannot write `{}`: {error}", file.name)));
        }
    }
    match again() {
        Ok(left) => Ok(Fixed { files, skipped, left }),
        Err(problems) => {
            take_back(&files);
            let told = problems.first().map(|problem| format!(": {}", problem.message)).unwrap_or_default();
            Err(Diagnostic::error(format!("the files would not load any more, so nothing was changed{told}")))
        }
    }
}

fn changed(name: &str, edits: &[&Edit], files: &mut Vec<Changed>, skipped: &mut Vec<Note>) {
    let Some(first) = edits.first() else { return };
    let mut skip = |edit: &Edit, why: &str| {
        let message = format!("`{}` is not changed: {why}", edit.from);
        skipped.push(Note { place: edit.place.clone(), message });
    };
    let mut skip_all = |why| edits.iter().for_each(|edit| skip(edit, why));
    let Ok(before) = fs::read_to_string(name) else { return skip_all("it was not given in a file") };
    if before != first.place.source.text {
        return skip_all("the file has changed since it was read");
    }
    let edited = edited(&before, edits);
    for (edit, _) in edits.iter().zip(&edited.made).filter(|(_, made)| !**made) {
        skip(edit, "it does not stand in the file as it is, on one line");
    }
    let places = edited.made.iter().filter(|made| **made).count();
    if places > 0 {
        files.push(Changed { name: name.to_owned(), before, after: edited.text, places });
    }
}

fn take_back(files: &[Changed]) {
    for file in files {
        if let Err(error) = write(&file.name, &file.before) {
            eprintln!("error: cannot restore `{}`: {error}", file.name);
        }
    }
}

/// Puts a text in the place of a file's, all of it or nothing, with the file's permissions.
fn write(name: &str, text: &str) -> io::Result<()> {
    // A link stays one.
    let path = fs::canonicalize(Path::new(name))?;
    let mut beside = OsString::from(".");
    beside.push(path.file_name().unwrap_or_default());
    beside.push(".new");
    let new = path.with_file_name(beside);
    fs::write(&new, text)?;
    let replaced = fs::metadata(&path)
        .and_then(|old| fs::set_permissions(&new, old.permissions()))
        .and_then(|()| fs::rename(&new, &path));
    if replaced.is_err() {
        let _ = fs::remove_file(&new);
    }
    replaced
}
