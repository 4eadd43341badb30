//! The cases of some files, played.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::load::{self, Options};
use super::super::{Exit, RuleFlags};
use crate::case::{self, Base, Case, Coverage, Decision, Mismatch, Played};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Source};

/// Extensions of case files.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// Files with what came of their cases.
#[derive(Debug)]
pub struct Suite {
    /// The files in the order given, those of a folder by name.
    pub files: Vec<Tested>,
    /// What all their cases have asked.
    pub coverage: Coverage,
    /// Doubts about what they configure.
    pub warnings: Vec<Diagnostic>,
    base: Base,
}

/// A file with what came of its cases.
#[derive(Debug)]
pub struct Tested {
    /// The file.
    pub source: Arc<Source>,
    /// What came of its cases, in the order written.
    pub results: Vec<Tried>,
}

/// What came of a case.
#[derive(Debug)]
pub struct Tried {
    /// The case.
    pub case: Case,
    /// What came out.
    pub played: Played,
    /// How that is not as expected; empty when the case holds.
    pub mismatches: Vec<Mismatch>,
}

impl Suite {
    /// Reads and plays all cases whose name or file has the text in it.
    ///
    /// # Errors
    /// Everything that is wrong with the files, or with the flags.
    pub fn play(
        rules: &RuleFlags,
        paths: &[PathBuf],
        filter: Option<&str>,
    ) -> Result<Suite, Vec<Diagnostic>> {
        let mut diagnostics = Diagnostics::default();
        let base = base(rules, &mut diagnostics);
        let sources = sources(paths, &mut diagnostics);
        let mut suite =
            Suite { files: Vec::new(), coverage: Coverage::default(), warnings: Vec::new(), base };
        for source in sources {
            let file = case::read_with(&source, &suite.base, &load::beside, &mut diagnostics);
            let Some(file) = file else { continue };
            let is_wanted = |case: &Case| {
                filter.is_none_or(|text| case.name.contains(text) || source.name.contains(text))
            };
            let cases = file.cases.into_iter().filter(is_wanted);
            let results: Vec<Tried> = cases.map(|case| Tried::new(case, &mut suite.coverage)).collect();
            if !results.is_empty() {
                suite.files.push(Tested { source, results });
            }
        }
        let has_errors = diagnostics.has_errors();
        let problems = diagnostics.into_sorted();
        if has_errors {
            return Err(problems);
        }
        if suite.files.is_empty() {
            return Err(vec![match filter {
                Some(text) => Diagnostic::error(format!("no case has `{text}` in its name or file")),
                None => Diagnostic::error("no cases").help("a case file has a list `cases`: docs/testing.md"),
            }]);
        }
        suite.warnings = problems;
        Ok(suite)
    }

    /// The names of the cases in a file's new text that hold; none where it cannot be read.
    pub fn held(&self, source: &Arc<Source>) -> Vec<String> {
        let file = case::read_with(source, &self.base, &load::beside, &mut Diagnostics::default());
        let cases = file.map(|file| file.cases).unwrap_or_default().into_iter();
        let results = cases.map(|case| Tried::new(case, &mut Coverage::default()));
        results.filter(Tried::holds).map(|tried| tried.case.name).collect()
    }

    /// All results.
    pub fn results(&self) -> impl Iterator<Item = &Tried> {
        self.files.iter().flat_map(|file| &file.results)
    }

    /// How many cases there are, and how many of them do not hold.
    pub fn counts(&self) -> (usize, usize) {
        (self.results().count(), self.results().filter(|tried| !tried.holds()).count())
    }

    /// Whether all hold.
    pub fn exit(&self) -> Exit {
        if self.counts().1 == 0 { Exit::Fine } else { Exit::No }
    }
}

impl Tried {
    fn new(case: Case, coverage: &mut Coverage) -> Tried {
        let played = case.evaluate();
        coverage.add(&case, &played);
        let mismatches = case.expectation.mismatches(&played);
        Tried { case, played, mismatches }
    }

    /// Whether all came out as expected.
    pub fn holds(&self) -> bool {
        self.mismatches.is_empty()
    }

    /// Why it came out so, in lines.
    pub fn why(&self) -> Vec<String> {
        match &self.played.decision {
            Decision::Made { verdict, trace, .. } => {
                let reason = verdict.reason().map(|reason| format!(": {reason}")).unwrap_or_default();
                let steps = trace.to_string();
                let first = format!("{}{reason}", verdict.word());
                std::iter::once(first).chain(steps.lines().map(str::to_owned)).collect()
            }
            Decision::Carried { fault: Some(fault), .. } => {
                vec![format!("{}: {}", fault.kind.name(), fault.cause)]
            }
            Decision::Carried { chosen: Some(chosen), .. } => {
                vec![format!("integration response {chosen}, chosen by `{}`", chosen.subject)]
            }
            Decision::Carried { .. } | Decision::None | Decision::Unseen => Vec::new(),
        }
    }
}

/// What flags say that cases are about.
fn base(rules: &RuleFlags, diagnostics: &mut Diagnostics) -> Base {
    let options = Options::new(rules, None, None);
    if options.files.is_empty() && options.flags.is_empty() {
        return Base::default();
    }
    match load::document(&options, diagnostics) {
        Ok(Some((document, quick))) => Base::new(document, &quick, &load::beside, diagnostics),
        Ok(None) => Base::default(),
        Err(problem) => {
            diagnostics.push(problem);
            Base::default()
        }
    }
}

fn sources(paths: &[PathBuf], diagnostics: &mut Diagnostics) -> Vec<Arc<Source>> {
    let mut sources = Vec::new();
    for path in paths {
        if path.is_dir() {
            for path in below(path, diagnostics) {
                sources.extend(load::read(&path).ok().filter(|source| has_cases(source)));
            }
        } else {
            match load::read(path) {
                Ok(source) => sources.push(source),
                Err(problem) => diagnostics.push(problem),
            }
        }
    }
    sources
}

/// Whether a file in a folder is one of cases: definitions and answers may lie beside it.
fn has_cases(source: &Source) -> bool {
    source.text.lines().any(|line| line.starts_with("cases:") || line.trim_start().starts_with("\"cases\""))
}

/// All files below a folder that may have cases, by name.
fn below(folder: &Path, diagnostics: &mut Diagnostics) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", folder.display());
            diagnostics.push(Diagnostic { severity: Severity::Error, ..Diagnostic::error(message) });
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    let is_ours =
        |path: &Path| path.extension().and_then(|it| it.to_str()).is_some_and(|it| EXTENSIONS.contains(&it));
    let mut found = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => found.extend(below(&path, diagnostics)),
            false if is_ours(&path) => found.push(path),
            false => {}
        }
    }
    found
}
