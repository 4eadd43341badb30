//! The files that templates of a configuration are in, with what they held when it was read. Whoever looks here for a
//! file gets what was read then, or nothing: no file is read.

use std::sync::Arc;

use crate::diagnostic::{Place, Source};

/// The template files that a configuration names.
#[derive(Debug, Clone, Default)]
pub struct TemplateFiles(Vec<TemplateFile>);

#[derive(Debug, Clone)]
struct TemplateFile {
    /// The path, as written.
    path: String,
    /// Where that is written.
    by: Arc<Source>,
    source: Arc<Source>,
}

impl TemplateFiles {
    /// A file is named there.
    pub(super) fn add(&mut self, path: &str, place: &Place, source: &Arc<Source>) {
        let (path, by) = (path.to_owned(), Arc::clone(&place.source));
        self.0.push(TemplateFile { path, by, source: Arc::clone(source) });
    }

    /// What a path means in the file of this name: what it means there already, else what it means elsewhere.
    pub fn named(&self, path: &str, by: &str) -> Option<&Arc<Source>> {
        let named = || self.0.iter().filter(|file| file.path == path);
        let found = named().find(|file| file.by.name == by).or_else(|| named().next());
        found.map(|file| &file.source)
    }

    /// The paths, each once, with the text of the file.
    pub fn texts(&self) -> Vec<(&str, &str)> {
        let mut texts: Vec<(&str, &str)> = Vec::new();
        for TemplateFile { path, source, .. } in &self.0 {
            if !texts.iter().any(|(known, _)| known == path) {
                texts.push((path, &source.text));
            }
        }
        texts
    }

    /// Whether a path is named anywhere.
    pub fn names(&self, path: &str) -> bool {
        self.0.iter().any(|file| file.path == path)
    }
}
