//! What is logged, and in which form.

use tracing_subscriber::EnvFilter;

use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::document::Node;

use super::section::Section;

const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// The log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level, or `target=level` pairs separated by commas, as `tracing-subscriber`'s `EnvFilter` reads them;
    /// `info` unless set.
    pub filter: String,
    /// The form of an event.
    pub format: LogFormat,
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
        Log { filter: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl Log {
    pub(super) fn read(top: Section<'_>, diagnostics: &mut Diagnostics) -> Log {
        let default = Log::default();
        let section = top.section("log", &["filter", "format"], diagnostics);
        let formats = [("auto", LogFormat::Auto), ("json", LogFormat::Json), ("text", LogFormat::Text)];
        let format = |node: &Node, found: &mut Diagnostics| node.word("a log format", &formats, found);
        Log {
            filter: section.read("filter", filter, diagnostics).unwrap_or(default.filter),
            format: section.read("format", format, diagnostics).unwrap_or(default.format),
        }
    }
}

fn filter(node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let text = node.text("a log filter", diagnostics)?;
    if EnvFilter::builder().parse(text).is_err() {
        let message = format!("`{text}` is not a log filter");
        let help = "a level, or targets with levels: `debug`, `info,candor::proxy=trace`";
        diagnostics.push(Diagnostic::error(message).at(&node.place).help(help));
        return None;
    }
    // A misspelt level is read as the name of a target, and everything else falls silent.
    if let Some(level) = did_you_mean(text, LEVELS).filter(|level| !level.eq_ignore_ascii_case(text)) {
        let message = format!("`{text}` is no level, so only the target of that name is logged");
        diagnostics
            .push(Diagnostic::warning(message).at(&node.place).help(format!("did you mean `{level}`?")));
    }
    Some(text.to_owned())
}
