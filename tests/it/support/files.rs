//! The files of this repository, by paths from its root.

use std::fs;
use std::path::{Path, PathBuf};

/// The path of a file from the repository's root.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The text of a file.
pub fn text(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// All files below a folder, sorted, as paths from the repository's root; none when there is no such folder.
pub fn below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(path(folder)) else { return found };
    for entry in entries {
        let entry = entry.unwrap();
        let relative = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(below(&relative)),
            false => found.push(relative),
        }
    }
    found.sort();
    found
}

/// Those of [`below`] with one of these extensions.
pub fn with_extension(folder: &str, extensions: &[&str]) -> Vec<String> {
    let fits = |file: &String| extensions.iter().any(|extension| file.ends_with(&format!(".{extension}")));
    below(folder).into_iter().filter(fits).collect()
}
