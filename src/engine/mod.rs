//! Reads an answer, decides by rules what it really says, and says what to change. Pure: no I/O, no clock, no
//! logging, no panic; it returns an [`Outcome`], never an error.
//!
//! Every door enters here. `explain` and `test` have the whole answer and call [`evaluate`]; the proxy has the
//! head first and goes step by step: [`Inquiry::begin`], then [`Evaluation::feed`] as the body goes by, until the
//! outcome is settled or the body ends.

pub mod action;
pub mod condition;
mod decide;
pub mod envelope;
pub mod exchange;
mod facts;
pub mod hold;
mod inspect;
pub mod json;
pub mod mutation;
pub mod outcome;
pub mod pattern;
pub mod problem;
pub mod retry;
pub mod route;
pub mod ruleset;
pub mod selection;
pub mod subject;
pub mod trace;
pub mod xml;

use std::fmt;

pub use exchange::{Answer, AnswerHead, Exchange, RequestSnapshot};
pub use outcome::Outcome;
pub use ruleset::RuleSet;

use facts::{Body, Facts};
use hold::{Hold, Inspect};
use json::Scan;
use outcome::Undecided;

/// Which bodies are looked at, and how much of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bounds on holding, where the rule set has none of its own.
    pub hold: Hold,
    /// Content types that are looked at.
    pub inspect: Inspect,
}

/// The outcome for a whole exchange.
pub fn evaluate(rule_set: &RuleSet, exchange: &Exchange, limits: &Limits, explain: bool) -> Outcome {
    let inquiry =
        Inquiry { rule_set, request: &exchange.request, head: &exchange.answer.head, limits, explain };
    let mut evaluation = match inquiry.begin() {
        Progress::Settled(outcome) => return *outcome,
        Progress::Waiting(evaluation) => evaluation,
    };
    let body = &exchange.answer.body;
    let bytes_max = inquiry.hold().max_bytes;
    let held = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    match body.get(..held) {
        Some(held) if held.len() < body.len() => evaluation
            .feed(&inquiry, held)
            .unwrap_or_else(|| evaluation.give_up(&inquiry, Undecided::OverBytes { bytes_max })),
        _ => match evaluation.feed(&inquiry, body) {
            Some(outcome) => outcome,
            None => evaluation.finish(&inquiry, body),
        },
    }
}

/// The question: what does this answer really say? Borrows everything that stays the same while the body goes by.
#[derive(Debug, Clone, Copy)]
pub struct Inquiry<'a> {
    /// The rules.
    pub rule_set: &'a RuleSet,
    /// What was asked.
    pub request: &'a RequestSnapshot,
    /// The answer so far.
    pub head: &'a AnswerHead,
    /// What may be looked at.
    pub limits: &'a Limits,
    /// Whether the outcome's trace is wanted.
    pub explain: bool,
}

/// The state of an inquiry after the head.
#[derive(Debug)]
pub enum Progress {
    /// The head was enough.
    Settled(Box<Outcome>),
    /// Some rule waits for the body.
    Waiting(Evaluation),
}

/// What has been learnt of a body that is going by.
pub struct Evaluation {
    scan: Scan,
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evaluation")
    }
}

impl Inquiry<'_> {
    /// Looks at the head.
    pub fn begin(&self) -> Progress {
        let scan = Scan::new(&self.rule_set.subjects.paths);
        match self.decide(inspect::body(self.request, self.head, &self.limits.inspect), &scan) {
            Some(outcome) => Progress::Settled(Box::new(outcome)),
            None => Progress::Waiting(Evaluation { scan }),
        }
    }

    /// The bounds that hold for this rule set.
    pub fn hold(&self) -> Hold {
        self.rule_set.hold.over(self.limits.hold)
    }

    fn decide(&self, body: Body<'_>, scan: &Scan) -> Option<Outcome> {
        let facts = Facts::new(&self.rule_set.subjects, self.request, self.head, body, scan);
        decide::decide(self.rule_set, &facts, self.hold().on_limit, self.explain)
    }
}

impl Evaluation {
    /// Looks at the next bytes; an outcome as soon as no later byte can change it.
    pub fn feed(&mut self, inquiry: &Inquiry<'_>, chunk: &[u8]) -> Option<Outcome> {
        let paths = &inquiry.rule_set.subjects.paths;
        if self.scan.settled() {
            return None;
        }
        let pending = self.scan.pending();
        self.scan.feed(paths, chunk);
        // Nothing new has been found: no rule can have changed its mind.
        if self.scan.pending() == pending {
            return None;
        }
        inquiry.decide(Body::Pending, &self.scan)
    }

    /// The body has ended; `body` is all of it.
    pub fn finish(mut self, inquiry: &Inquiry<'_>, body: &[u8]) -> Outcome {
        self.scan.finish(&inquiry.rule_set.subjects.paths);
        self.last(inquiry, Body::Whole(body))
    }

    /// The body will not be known to its end.
    pub fn give_up(self, inquiry: &Inquiry<'_>, reason: Undecided) -> Outcome {
        self.last(inquiry, Body::Unknown(reason))
    }

    fn last(self, inquiry: &Inquiry<'_>, body: Body<'_>) -> Outcome {
        // Only a pending body keeps a decision waiting, and this one is not.
        inquiry.decide(body, &self.scan).unwrap_or_else(Outcome::pass)
    }
}
