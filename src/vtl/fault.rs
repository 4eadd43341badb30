//! Why a render ended before its end.

use std::fmt;

/// What went wrong; the renderer adds the place in the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind of thing.
    pub kind: FaultKind,
    /// Lowercase, no full stop, the author's words in backticks.
    pub message: String,
}

/// Whether the template did something wrong or too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Where Java would have thrown.
    Thrown,
    /// A bound of [`Limits`](super::Limits).
    Limit,
}

impl Fault {
    /// Java would have thrown here.
    pub fn thrown(message: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Thrown, message: message.into() }
    }

    /// A bound is reached.
    pub fn limit(message: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Limit, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
