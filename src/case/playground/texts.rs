//! What template files hold during a trial: the text that is given with it, else what the configuration in force was
//! read with. No file is read for a trial.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Source, did_you_mean};
use crate::document::{Entry, Node};
use crate::rules::{self, TemplateFiles};

/// Paths that are told to who names one that is not there.
const TOLD: usize = 8;

pub(super) struct Texts<'p> {
    loaded: &'p TemplateFiles,
    /// By their paths, as rules write them.
    given: &'p [Entry],
    sources: Vec<Arc<Source>>,
}

impl<'p> Texts<'p> {
    /// Those of a trial: `templates`, a text for each path.
    pub fn read(
        loaded: &'p TemplateFiles,
        node: Option<&'p Node>,
        diagnostics: &mut Diagnostics,
    ) -> Texts<'p> {
        let given =
            node.and_then(|node| node.entries("texts of `templates`", diagnostics)).unwrap_or_default();
        let text = |entry: &Entry| {
            let text = entry.node.text("the text of a template", diagnostics).unwrap_or_default();
            Source::new(&entry.key, text)
        };
        let sources = given.iter().map(text).collect();
        Texts { loaded, given, sources }
    }

    /// Puts texts where a part of a configuration names files. What is written anew stands in the place of what is
    /// written in the file `by`.
    pub fn fill_in(&self, node: &mut Node, by: Option<&str>, diagnostics: &mut Diagnostics) -> TemplateFiles {
        let find = |path: &str, place: &Place| self.find(path, by.unwrap_or(&place.source.name), place);
        rules::fill_in_templates(node, &find, diagnostics)
    }

    fn find(&self, path: &str, by: &str, place: &Place) -> Result<Arc<Source>, Diagnostic> {
        let given = self.sources.iter().find(|source| source.name == path);
        let found = given.or_else(|| self.loaded.named(path, by)).map(Arc::clone);
        found.ok_or_else(|| {
            let message = format!("`{path}` is no template file of the configuration in force");
            Diagnostic::error(message).at(place).help(self.others(path))
        })
    }

    /// What there is in place of a file that is not there.
    fn others(&self, path: &str) -> String {
        let known: Vec<&str> = self.loaded.texts().into_iter().map(|(path, _)| path).collect();
        let named: Vec<String> = known.iter().take(TOLD).map(|path| format!("`{path}`")).collect();
        let more = if known.len() > TOLD { ", …" } else { "" };
        let those = match (did_you_mean(path, known.iter().copied()), named.as_slice()) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, []) => "it names none;".to_owned(),
            (None, named) => format!("it names {}{more};", named.join(", ")),
        };
        format!(
            "{those} nothing is read from disk here: write the template in place, or give its text in `templates`"
        )
    }

    /// Tells of texts whose file nobody names, neither the configuration nor what was filled in.
    pub fn check_used(&self, filled: &[TemplateFiles], diagnostics: &mut Diagnostics) {
        let is_named = |path: &str| self.loaded.names(path) || filled.iter().any(|filled| filled.names(path));
        for entry in self.given.iter().filter(|entry| !is_named(&entry.key)) {
            let problem = Diagnostic::error(format!("no rule names the template file `{}`", entry.key));
            diagnostics.push(problem.at(&entry.key_place).help(self.others(&entry.key)));
        }
    }
}
