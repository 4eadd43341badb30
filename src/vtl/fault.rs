//! Why a render ended before its end.

use std::fmt;

/// What went wrong; the renderer adds the place in the template. No larger than a pointer, since nearly everything can
/// fail and hardly anything does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(Box<Cause>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cause {
    kind: FaultKind,
    message: String,
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
    #[cold]
    pub fn thrown(message: impl Into<String>) -> Fault {
        Fault(Box::new(Cause { kind: FaultKind::Thrown, message: message.into() }))
    }

    /// A bound is reached.
    #[cold]
    pub fn limit(message: impl Into<String>) -> Fault {
        Fault(Box::new(Cause { kind: FaultKind::Limit, message: message.into() }))
    }

    /// What kind of thing.
    pub fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// Lowercase, no full stop, the author's words in backticks.
    pub fn message(self) -> String {
        self.0.message
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Fault {}
