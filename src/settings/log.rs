//! What is logged, and in which form.

use tracing_subscriber::EnvFilter;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity, did_you_mean};
use crate::document::Node;

use super::section::{Section, millionths};

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level, or `target=level` pairs separated by commas, as `tracing-subscriber`'s `EnvFilter` reads them;
    /// `info` unless set.
    pub filter: String,
    /// The form of an event.
    pub format: LogFormat,
    /// How many of a million exchanges in which nothing happened are logged: the upstream's answer went to the client
    /// as it was, and was no error of a server. All others are. All unless set.
    pub sample_millionths: u32,
}

/// The form of an event in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// A line for people.
    Text,
}

impl Default for Log {
    fn default() -> Log {
        Log { filter: "info".to_owned(), format: LogFormat::Auto, sample_millionths: 1_000_000 }
    }
}

impl Log {
    /// Whether a text is a filter that does what is probably meant.
    ///
    /// # Errors
    /// An error where it is none, and a warning where it is another than it seems.
    pub fn check_filter(text: &str) -> Result<(), Diagnostic> {
        if EnvFilter::builder().parse(text).is_err() {
            let help = "a level, or targets with levels: `debug`, `info,candor::proxy=trace`";
            return Err(Diagnostic::error(format!("`{text}` is not a log filter")).help(help));
        }
        // A misspelt level is read as the name of a target, and everything else falls silent.
        match did_you_mean(text, LEVELS).filter(|level| !level.eq_ignore_ascii_case(text)) {
            Some(level) => {
                let message = format!("`{text}` is no level, so only the target of that name is logged");
                Err(Diagnostic::warning(message).help(format!("did you mean `{level}`?")))
            }
            None => Ok(()),
        }
    }

    pub(super) fn read(top: Section<'_>, diagnostics: &mut Diagnostics) -> Log {
        let default = Log::default();
        let section = top.section("log", &["filter", "format", "sample"], diagnostics);
        let formats = [("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)];
        let format = |node: &Node, found: &mut Diagnostics| node.word("a log format", &formats, found);
        Log {
            filter: section.read("filter", filter, diagnostics).unwrap_or(default.filter),
            format: section.read("format", format, diagnostics).unwrap_or(default.format),
            sample_millionths: section
                .read("sample", millionths, diagnostics)
                .unwrap_or(default.sample_millionths),
        }
    }
}

fn filter(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text("a log filter", diagnostics)?;
    if let Err(problem) = Log::check_filter(text) {
        let is_error = problem.severity == Severity::Error;
        diagnostics.push(problem.at(&node.place));
        if is_error {
            return None;
        }
    }
    Some(text.to_owned())
}
