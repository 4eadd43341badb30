//! What is counted, each with all that it is counted by. Whoever wants fewer columns adds up.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::outcome::Verdict;

/// Something that is counted. A status of 0 is none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Exchanges by what the upstream said and what the client got.
    Exchanges {
        /// The route; empty where none was found.
        route: Arc<str>,
        /// The upstream's status.
        from: u16,
        /// The client's status.
        to: u16,
        /// What was decided.
        verdict: Word,
    },
    /// What rules did.
    Rule {
        /// The route.
        route: Arc<str>,
        /// `rule-set/rule`.
        rule: Arc<str>,
        /// What it did.
        role: Role,
        /// The upstream's status.
        from: u16,
        /// The client's status, or the one that a rule in shadow mode would have sent.
        to: u16,
    },
    /// Exchanges that no rule could decide.
    Undecided {
        /// The route.
        route: Arc<str>,
        /// Why.
        reason: &'static str,
    },
    /// Answers of an API that do not fit the model that their method declares.
    Misfit {
        /// The route.
        route: Arc<str>,
        /// The model.
        model: Arc<str>,
    },
    /// Exchanges by how long they took, to their end.
    Took {
        /// The route.
        route: Arc<str>,
        /// See [`Latency`](super::Latency).
        bucket: u8,
    },
    /// Exchanges by how long it was to the head of the upstream's answer.
    Upstream {
        /// The route.
        route: Arc<str>,
        /// See [`Latency`](super::Latency).
        bucket: u8,
    },
}

/// The word of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word {
    /// Nothing was decided: no answer came.
    None,
    /// The answer passed.
    Pass,
    /// A rule changed it.
    Rewrite,
    /// No rule could be decided.
    Undecided,
    /// The rule that decided could not be carried out.
    Failed,
}

/// What a rule did with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It decided.
    Decided,
    /// It would have decided, in shadow mode.
    Shadow,
    /// It decided and could not be carried out.
    Failed,
}

/// Everything that was counted, of all workers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(pub BTreeMap<Count, u64>);

impl From<&Verdict> for Word {
    fn from(verdict: &Verdict) -> Word {
        match verdict {
            Verdict::PassThrough { .. } => Word::Pass,
            Verdict::Rewrite { .. } => Word::Rewrite,
            Verdict::Undecided { .. } => Word::Undecided,
            Verdict::Failed { .. } => Word::Failed,
        }
    }
}

impl Word {
    /// As logs have it; empty for [`Word::None`].
    pub fn text(self) -> &'static str {
        match self {
            Word::None => "",
            Word::Pass => "pass",
            Word::Rewrite => "rewrite",
            Word::Undecided => "undecided",
            Word::Failed => "failed",
        }
    }
}

impl Counts {
    /// Adds to one of them.
    pub(super) fn add(&mut self, count: Count, times: u64) {
        *self.0.entry(count).or_default() += times;
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Count, u64)> {
        self.0.iter().map(|(count, times)| (count, *times))
    }
}
