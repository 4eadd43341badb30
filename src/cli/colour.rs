//! Colours on a terminal, and plain text elsewhere.

use std::fmt::Display;
use std::io::IsTerminal;

use clap::ValueEnum;

/// When output is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour(bool);

impl Colour {
    /// What is wanted of output to this stream.
    pub fn of(when: When, stream: &impl IsTerminal) -> Colour {
        Colour(match when {
            When::Auto => stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
            When::Always => true,
            When::Never => false,
        })
    }

    /// What is wrong, or taken away.
    pub fn red(self, text: impl Display) -> String {
        self.painted("31", text)
    }

    /// What is right, or added.
    pub fn green(self, text: impl Display) -> String {
        self.painted("32", text)
    }

    /// What is of less weight.
    pub fn dim(self, text: impl Display) -> String {
        self.painted("2", text)
    }

    fn painted(self, code: &str, text: impl Display) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}
