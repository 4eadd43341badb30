//! The files that a configuration is made of, and what they held when they were read, so that somebody can see later
//! that one has changed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Keys;
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Source};

/// Reads files, and keeps in mind which.
#[derive(Debug, Default)]
pub struct Files(RefCell<Held>);

/// What files held, by their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held(BTreeMap<PathBuf, Content>);

/// What one held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Text or other bytes, told apart by their hash.
    Bytes(u64),
    /// Nothing that can be read.
    Unreadable,
}

impl Files {
    /// Reads a file of text.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, path: &Path) -> Result<Arc<Source>, Diagnostic> {
        let read = File::open(path).and_then(|mut file| {
            let (mut bytes, metadata) = (Vec::new(), file.metadata()?);
            file.read_to_end(&mut bytes)?;
            Ok((bytes, metadata))
        });
        let content = match &read {
            Ok((bytes, metadata)) => is_lasting(metadata).then(|| Content::of(bytes)),
            Err(_) => Some(Content::Unreadable),
        };
        self.0.borrow_mut().0.extend(content.map(|content| (path.to_owned(), content)));
        let (bytes, _) =
            read.map_err(|error| Diagnostic::error(format!("cannot read `{}`: {error}", path.display())))?;
        super::source(path.display().to_string(), bytes)
    }

    /// A file that another file names, from the folder of that one.
    ///
    /// # Errors
    /// When it cannot be read; the problem is where it is named.
    pub fn beside(&self, path: &str, place: &Place) -> Result<Arc<Source>, Diagnostic> {
        let folder = Path::new(&place.source.name).parent().unwrap_or(Path::new(""));
        self.read(&folder.join(path)).map_err(|problem| problem.at(place))
    }

    /// What was read.
    pub fn held(self) -> Held {
        self.0.into_inner()
    }
}

/// Whether it can be read again: a pipe or a terminal cannot.
pub fn is_lasting(metadata: &Metadata) -> bool {
    metadata.is_file()
}

impl Content {
    /// These bytes.
    pub fn of(bytes: &[u8]) -> Content {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Content::Bytes(hasher.finish())
    }

    /// What is there now.
    pub fn now(path: &Path) -> Content {
        std::fs::read(path).map_or(Content::Unreadable, |bytes| Content::of(&bytes))
    }
}

impl Held {
    /// The files.
    pub fn paths(&self) -> Keys<'_, PathBuf, Content> {
        self.0.keys()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the files hold the same now.
    pub fn is_so(&self) -> bool {
        self.0.iter().all(|(path, content)| Content::now(path) == *content)
    }

    /// The same with other files, as they are now unless they are among them.
    pub fn and(mut self, others: impl IntoIterator<Item = PathBuf>) -> Held {
        for path in others {
            let content = |path: &PathBuf| Content::now(path);
            self.0.entry(path).or_insert_with_key(content);
        }
        self
    }
}

impl FromIterator<(PathBuf, Content)> for Held {
    fn from_iter<I: IntoIterator<Item = (PathBuf, Content)>>(files: I) -> Held {
        Held(files.into_iter().collect())
    }
}
