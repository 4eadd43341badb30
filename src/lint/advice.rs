//! One piece of advice: what, where, why, and what to write instead.

use std::fmt;

use serde_json::json;

use crate::diagnostic::Place;

use super::edit::Edit;

macro_rules! lints {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What is advised against. docs/lint.md explains each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Lint { $($(#[$doc])* $name,)* }

        impl Lint {
            /// All of them, in the order of docs/lint.md.
            pub const ALL: &[Lint] = &[$(Lint::$name),*];

            /// The name in output and documentation.
            pub fn code(self) -> &'static str {
                match self { $(Lint::$name => $code,)* }
            }
        }
    };
}

lints! {
    /// A condition that holds for no answer.
    NeverMatches = "never-matches",
    /// Earlier rules match whenever this one would.
    ShadowedRule = "shadowed-rule",
    /// A pattern that fits the empty text beside what it was written for.
    MatchesEmpty = "matches-empty",
    /// Digits that are searched for and found in longer numbers.
    UnanchoredNumber = "unanchored-number",
    /// An anchor as for a search, in a pattern for the whole value.
    HalfAnchored = "half-anchored",
    /// A dot that ends at the first line feed.
    DotNewline = "dot-newline",
    /// A rule on the body of answers whose body is not looked at.
    BodyNotRead = "body-not-read",
    /// A body for an answer that has none.
    BodyUnder204 = "body-under-204",
    /// A request that must not be sent twice, sent twice.
    RetryUnsafe = "retry-unsafe",
    /// A retry that never happens.
    RetryNever = "retry-never",
    /// Everybody may choose the rules.
    OpenSelector = "open-selector",
    /// A value that is taken from what the condition says is not there.
    ReadsExcluded = "reads-excluded",
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One piece of advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// What it is about.
    pub lint: Lint,
    /// Lowercase, no full stop, the user's words in backticks; so are the next two.
    pub message: String,
    /// Where.
    pub place: Place,
    /// Why it is not what was meant.
    pub reason: String,
    /// What to write instead.
    pub fix: String,
    /// A value that shows it.
    pub witness: Option<String>,
    /// The fix as a change of the file, where it can be made without thinking.
    pub edit: Option<Edit>,
}

impl Advice {
    /// Advice without a witness and without an edit.
    pub fn new(lint: Lint, message: impl Into<String>, place: &Place) -> Advice {
        Advice {
            lint,
            message: message.into(),
            place: place.clone(),
            reason: String::new(),
            fix: String::new(),
            witness: None,
            edit: None,
        }
    }

    /// The same with a reason.
    pub fn because(mut self, reason: impl Into<String>) -> Advice {
        self.reason = reason.into();
        self
    }

    /// The same with what to write instead.
    pub fn fix(mut self, fix: impl Into<String>) -> Advice {
        self.fix = fix.into();
        self
    }

    /// The same with a value that shows it.
    pub fn witness(mut self, witness: impl Into<String>) -> Advice {
        self.witness = Some(witness.into());
        self
    }

    /// The same with a change of the file.
    pub fn edit(mut self, edit: Option<Edit>) -> Advice {
        self.edit = edit;
        self
    }

    /// The machine-readable form, as docs/schemas/lint.json describes it.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "lint": self.lint.code(),
            "message": self.message,
            "file": self.place.source.name,
            "line": self.place.line,
            "column": self.place.column,
            "width": self.place.width,
            "reason": self.reason,
            "fix": self.fix,
            "witness": self.witness,
            "fixable": self.edit.is_some(),
        })
    }
}

/// What is said and is no advice: that something was not decided, or not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// Lowercase, no full stop.
    pub message: String,
}

impl Note {
    /// The machine-readable form.
    pub fn to_json(&self) -> serde_json::Value {
        json!({
            "message": self.message,
            "file": self.place.source.name,
            "line": self.place.line,
            "column": self.place.column,
            "width": self.place.width,
        })
    }
}

/// A text between backticks, its line feeds and other control characters made visible.
pub fn shown(text: &str) -> String {
    let visible: String = text
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect();
    format!("`{visible}`")
}
