//! A problem in something the user wrote: a file, a flag, an environment variable.
//! Says what is wrong, where, and what would be right; prints as text with a caret or as JSON.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration works, but probably not as its author meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// What is lost of a thing that a warning is about, when Candor does the work of what the file was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// It is done nearly as there.
    Approximated,
    /// It is not done.
    LeftOut,
}

/// A text that the user wrote, with the name they know it by: a path, `--rule`, `CANDOR_SERVER__LISTEN`.
#[derive(Debug)]
pub struct Source {
    /// The path as given, or the flag or variable the text came from.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Where lines begin, bytes; made when a line is first asked for.
    lines: OnceLock<Vec<usize>>,
    /// Where every [`STRIDE`]th character begins, bytes: a file may be all one line, and have a problem in every column.
    strides: OnceLock<Vec<usize>>,
}

const STRIDE: usize = 256;

impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl Eq for Source {}

impl Source {
    /// A text and its name.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Source> {
        let (lines, strides) = (OnceLock::new(), OnceLock::new());
        Arc::new(Source { name: name.into(), text: text.into(), lines, strides })
    }

    /// The line of that number, from 1, without its end.
    pub fn line(&self, number: usize) -> Option<&str> {
        let begins = self.begins();
        let begin = *begins.get(number.checked_sub(1)?)?;
        let end = begins.get(number).copied().unwrap_or(self.text.len());
        let line = self.text.get(begin..end)?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    fn begins(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let ends = self.text.match_indices('\n').map(|(end, _)| end + 1);
            std::iter::once(0).chain(ends).filter(|begin| *begin < self.text.len()).collect()
        })
    }

    /// All of the text from a line's column on, both from 1.
    pub fn text_from(&self, line: usize, column: usize) -> Option<&str> {
        let begin = *self.begins().get(line.checked_sub(1)?)?;
        let strides = self
            .strides
            .get_or_init(|| self.text.char_indices().step_by(STRIDE).map(|(byte, _)| byte).collect());
        let known = strides.partition_point(|byte| *byte <= begin).checked_sub(1)?;
        let between = self.text.get(*strides.get(known)?..begin)?.chars().count();
        let number = known * STRIDE + between + column.checked_sub(1)?;
        let near = self.text.get(*strides.get(number / STRIDE)?..)?;
        let (skipped, _) = near.char_indices().nth(number % STRIDE)?;
        near.get(skipped..)
    }
}

/// A stretch of one line of a [`Source`]. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The text the place is in.
    pub source: Arc<Source>,
    /// Line, from 1.
    pub line: usize,
    /// First column, from 1.
    pub column: usize,
    /// Characters to underline, at least 1.
    pub width: usize,
}

impl Place {
    /// The whole of a one-line source: a flag or an environment variable.
    pub fn whole(source: &Arc<Source>) -> Place {
        let width = source.text.lines().next().map_or(1, |line| line.chars().count().max(1));
        Place { source: Arc::clone(source), line: 1, column: 1, width }
    }

    /// `offset..offset + width` characters inside this place, for a problem within a value.
    pub fn within(&self, offset: usize, width: usize) -> Place {
        Place {
            source: Arc::clone(&self.source),
            line: self.line,
            column: self.column + offset,
            width: width.max(1),
        }
    }

    /// The place, and its line with a caret under it.
    pub fn excerpt(&self) -> Excerpt<'_> {
        Excerpt(self)
    }

    /// What places are sorted by: the file, the line, the column.
    pub fn order(&self) -> (&str, usize, usize) {
        (&self.source.name, self.line, self.column)
    }
}

/// A place as people see it.
#[derive(Debug, Clone, Copy)]
pub struct Excerpt<'p>(&'p Place);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source.name, self.line, self.column)
    }
}

/// A line that is longer is shown in part.
const LINE_BYTES_MAX: usize = 300;

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.0;
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        write!(f, "{margin}--> {place}")?;
        let Some(line) = place.source.line(place.line) else { return Ok(()) };
        // Of a file that is all one line, the part around the place.
        let skipped = if line.len() > LINE_BYTES_MAX { (place.column - 1).saturating_sub(40) } else { 0 };
        let shown = match skipped {
            0 => line,
            _ => place.source.text_from(place.line, skipped + 1).unwrap_or_default(),
        };
        let shown = shown.chars().take_while(|c| *c != '\n').take(LINE_BYTES_MAX);
        // Tabs would push the caret away from what it points at.
        let line: String = shown.map(|c| if c == '\t' { ' ' } else { c }).collect();
        let indent = " ".repeat(place.column - 1 - skipped);
        let room = line.chars().count().saturating_sub(place.column - 1 - skipped).max(1);
        let carets = "^".repeat(place.width.clamp(1, room));
        write!(f, "\n{margin} |\n{number} | {line}\n{margin} | {indent}{carets}")
    }
}

/// One problem: what, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// Lowercase, no full stop, the user's words in backticks.
    pub message: String,
    /// Where; absent when the problem has no place (a file that cannot be read).
    pub place: Option<Place>,
    /// What would be right, or the next step.
    pub help: Option<String>,
    /// What is lost of it, if anything is.
    pub loss: Option<Loss>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Error, message: message.into(), place: None, help: None, loss: None }
    }

    /// A warning without a place.
    pub fn warning(message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(message) }
    }

    /// The same, at a place.
    pub fn at(mut self, place: &Place) -> Diagnostic {
        self.place = Some(place.clone());
        self
    }

    /// The same, with advice.
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// The same, about something that is done nearly as what the file was written for does it.
    pub fn approximated(self) -> Diagnostic {
        Diagnostic { loss: Some(Loss::Approximated), ..self }
    }

    /// The same, about something that is not done.
    pub fn left_out(self) -> Diagnostic {
        Diagnostic { loss: Some(Loss::LeftOut), ..self }
    }

    /// The machine-readable form of `check --format json`: severity, message, file, line, column, help.
    pub fn to_json(&self) -> serde_json::Value {
        let place = self.place.as_ref();
        serde_json::json!({
            "severity": self.severity.to_string(),
            "message": self.message,
            "file": place.map(|p| &p.source.name),
            "line": place.map(|p| p.line),
            "column": place.map(|p| p.column),
            "width": place.map(|p| p.width),
            "help": self.help,
        })
    }
}

/// The form people read: message, place, the line with a caret under it, help.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.message)?;
        if let Some(place) = &self.place {
            write!(f, "\n{}", place.excerpt())?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = help: {help}")?;
        }
        Ok(())
    }
}

/// Every problem found so far. Reading goes on after a problem, so that all are told at once.
#[derive(Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds an error at a place.
    pub fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.push(Diagnostic::error(message).at(place));
    }

    /// Whether anything found forbids using the configuration.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All problems in the order of the files, lines and columns they are in; problems without a place first.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.0.sort_by(|a, b| a.place.as_ref().map(Place::order).cmp(&b.place.as_ref().map(Place::order)));
        self.0
    }
}

/// Characters of a word for which no other is sought: comparing takes the product of two lengths.
const WORD_MAX: usize = 100;

/// The candidate that `word` was probably meant to be: close in spelling, or the only one it begins.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let length = word.chars().count();
    if length > WORD_MAX {
        return None;
    }
    let room = |candidate: &str| (candidate.chars().count() / 3).max(1);
    candidates
        .into_iter()
        // Two that differ so much in length are not worth comparing.
        .filter(|candidate| length.abs_diff(candidate.chars().count()) <= room(candidate))
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= room(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caret_stands_under_the_place() {
        let source = Source::new("candor.yaml", "version: 1\nstauts: 404\n");
        let place = Place { source, line: 2, column: 1, width: 6 };
        let text =
            Diagnostic::error("unknown key `stauts`").at(&place).help("did you mean `status`?").to_string();
        assert_eq!(
            text,
            "error: unknown key `stauts`\n --> candor.yaml:2:1\n  |\n2 | stauts: 404\n  | ^^^^^^\n  = help: did you mean `status`?"
        );
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let source = Source::new("api.json", format!("{}x{}", "a".repeat(5000), "b".repeat(5000)));
        let text =
            Diagnostic::error("wrong").at(&Place { source, line: 1, column: 5001, width: 1 }).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[3], format!("1 | {}x{}", "a".repeat(40), "b".repeat(259)));
        assert_eq!(lines[4], format!("  | {}^", " ".repeat(40)));
    }

    #[test]
    fn a_column_is_found_in_lines_of_any_length() {
        let text = format!("ä\r\n{}\nx", "aé€😀".repeat(200));
        let source = Source::new("f", text.as_str());
        for (number, line) in text.lines().enumerate() {
            assert_eq!(source.line(number + 1), Some(line));
            for (column, (at, _)) in line.char_indices().enumerate() {
                let rest = source.text_from(number + 1, column + 1).unwrap();
                assert!(rest.starts_with(line.get(at..).unwrap()), "{number} {column}");
            }
        }
        assert_eq!(source.line(4), None);
        assert_eq!(source.text_from(3, 3), None);
    }

    #[test]
    fn spelling_is_corrected_only_when_close() {
        assert_eq!(did_you_mean("stauts", ["status", "headers"]), Some("status"));
        assert_eq!(did_you_mean("Match", ["matches", "search"]), Some("matches"));
        assert_eq!(did_you_mean("colour", ["status", "headers"]), None);
    }
}
