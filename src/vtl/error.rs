//! What is wrong with a template, and where.

use std::fmt;
use std::sync::Arc;

use super::ast::Span;
use super::fault::{Fault, FaultKind};
use crate::diagnostic::{Diagnostic, Place, Source};

/// A template that cannot be rendered at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Lowercase, no full stop, the author's words in backticks.
    pub message: String,
    /// Where in the template.
    pub span: Span,
    /// What would be right.
    pub help: Option<String>,
}

impl ParseError {
    pub(super) fn new(span: Span, message: impl Into<String>) -> ParseError {
        ParseError { message: message.into(), span, help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> ParseError {
        self.help = Some(help.into());
        self
    }

    /// The same, with the place in the text that was parsed.
    pub fn diagnostic(&self, source: &Arc<Source>) -> Diagnostic {
        diagnostic(&self.message, Some(self.span), self.help.as_deref(), source)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}

/// A render that ended before its end. What it had printed until then counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderError {
    /// Whether the template did something wrong or too much.
    pub kind: FaultKind,
    /// Lowercase, no full stop, the author's words in backticks.
    pub message: String,
    /// Where in the template, if it happened at one place.
    pub span: Option<Span>,
    /// What would be right.
    pub help: Option<String>,
}

impl RenderError {
    pub(super) fn of(fault: Fault) -> RenderError {
        RenderError { kind: fault.kind(), message: fault.message(), span: None, help: None }
    }

    /// The same, with the place in the text that was parsed.
    pub fn diagnostic(&self, source: &Arc<Source>) -> Diagnostic {
        diagnostic(&self.message, self.span, self.help.as_deref(), source)
    }
}

/// What went wrong at no place of the template: among its overrides, when it was over.
impl From<Fault> for RenderError {
    fn from(fault: Fault) -> RenderError {
        RenderError::of(fault)
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RenderError {}

fn diagnostic(message: &str, span: Option<Span>, help: Option<&str>, source: &Arc<Source>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(message);
    if let Some(span) = span {
        diagnostic = diagnostic.at(&span.place(source));
    }
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

impl Span {
    /// Its first line, in the text that was parsed. Lines end at `\n`, as [`Diagnostic`] shows them.
    pub fn place(self, source: &Arc<Source>) -> Place {
        let before = source.text.get(..self.start).unwrap_or(&source.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let marked = source.text.get(self.start..self.end).unwrap_or_default();
        let first_line = marked.lines().next().unwrap_or_default();
        Place {
            source: Arc::clone(source),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            width: first_line.chars().count().max(1),
        }
    }
}
