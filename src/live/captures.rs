//! The files that exchanges are recorded in, as whoever writes them and whoever reads them finds them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The files in a folder of captures, the oldest first: their names begin with the time.
///
/// # Errors
/// When the folder cannot be read.
pub fn capture_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_meant = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("capture-") && name.ends_with(".jsonl")
    };
    let found = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> = found.filter(is_meant).collect();
    files.sort();
    Ok(files)
}
