//! What is counted, each with all that it is counted by. Whoever wants fewer columns adds up.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::outcome::Verdict;

/// Something that is counted; names are `N`. A status of 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Count<N> {
    /// Exchanges by what the upstream said and what the client got.
    Exchanges {
        /// The route; empty where none was found.
        route: N,
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
        route: N,
        /// `rule-set/rule`.
        rule: N,
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
        route: N,
        /// Why.
        reason: &'static str,
    },
    /// Exchanges by how long they took, to their end.
    Took {
        /// The route.
        route: N,
        /// See [`Latency`](super::Latency).
        bucket: u8,
    },
    /// Exchanges by how long it was to the head of the upstream's answer.
    Upstream {
        /// The route.
        route: N,
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
pub struct Counts(pub BTreeMap<Count<Arc<str>>, u64>);

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

impl<N> Count<N> {
    /// The same with other names.
    pub(super) fn map<M>(self, mut name: impl FnMut(N) -> M) -> Count<M> {
        match self {
            Count::Exchanges { route, from, to, verdict } => {
                Count::Exchanges { route: name(route), from, to, verdict }
            }
            Count::Rule { route, rule, role, from, to } => {
                Count::Rule { route: name(route), rule: name(rule), role, from, to }
            }
            Count::Undecided { route, reason } => Count::Undecided { route: name(route), reason },
            Count::Took { route, bucket } => Count::Took { route: name(route), bucket },
            Count::Upstream { route, bucket } => Count::Upstream { route: name(route), bucket },
        }
    }
}

impl Counts {
    /// Adds to one of them.
    pub(super) fn add(&mut self, count: Count<Arc<str>>, times: u64) {
        *self.0.entry(count).or_default() += times;
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Count<Arc<str>>, u64)> {
        self.0.iter().map(|(count, times)| (count, *times))
    }
}
