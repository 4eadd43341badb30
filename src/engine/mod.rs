//! Reads an answer, decides by rules what it really says, and says what to change. Pure: no I/O, no clock, no
//! logging, no panic; it returns an [`Outcome`], never an error.
//!
//! Every door enters here. `explain` and `test` have the whole answer and call [`evaluate`]; the proxy has the
//! head first and goes step by step: [`Inquiry::begin`], then [`Evaluation::feed`] as the body goes by, until the
//! outcome is settled or the body ends.

pub mod action;
mod charset;
pub mod condition;
mod decide;
pub mod decode;
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
mod reading;
pub mod route;
pub mod ruleset;
pub mod selection;
pub mod subject;
pub mod trace;
pub mod xml;

use std::fmt;
use std::ops::ControlFlow;

pub use exchange::{Answer, AnswerHead, Exchange, RequestSnapshot};
pub use outcome::Outcome;
pub use ruleset::RuleSet;

use decode::DecodeError;
use facts::{Body, Facts};
use hold::{Hold, Inspect};
use json::Scan;
use outcome::Undecided;
use reading::Reading;

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
    reading: Reading,
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
            None => Progress::Waiting(Evaluation { reading: self.reading(), scan }),
        }
    }

    /// The bounds that hold for this rule set.
    pub fn hold(&self) -> Hold {
        self.rule_set.hold.over(self.limits.hold)
    }

    /// A body is only waited for when its codings are known.
    fn reading(&self) -> Reading {
        let codings = inspect::codings(self.head).unwrap_or_default();
        Reading::new(self.head, &codings, self.rule_set.subjects.whole_body, self.hold().max_bytes)
    }

    /// What becomes of an answer whose body will not be known to its end.
    fn without_the_rest(&self, scan: &Scan, reason: Undecided) -> Outcome {
        self.at_last(scan, Body::Unknown(reason))
    }

    fn at_last(&self, scan: &Scan, body: Body<'_>) -> Outcome {
        // Only a pending body keeps a decision waiting, and this one is not.
        self.decide(body, scan).unwrap_or_else(Outcome::pass)
    }

    fn decide(&self, body: Body<'_>, scan: &Scan) -> Option<Outcome> {
        let facts = Facts::new(&self.rule_set.subjects, self.request, self.head, body, scan);
        decide::decide(self.rule_set, &facts, self.hold().on_limit, self.explain)
    }
}

impl Evaluation {
    /// Looks at the next bytes; an outcome as soon as no later byte can change it.
    pub fn feed(&mut self, inquiry: &Inquiry<'_>, chunk: &[u8]) -> Option<Outcome> {
        let Evaluation { reading, scan } = self;
        if reading.is_as_sent(chunk) {
            return learn(scan, inquiry, chunk);
        }
        read(scan, inquiry, |sink| reading.feed(chunk, sink))
    }

    /// The body has ended; `body` is all of it, as it was sent.
    pub fn finish(mut self, inquiry: &Inquiry<'_>, body: &[u8]) -> Outcome {
        let Evaluation { reading, scan } = &mut self;
        if let Some(outcome) = read(scan, inquiry, |sink| reading.finish(sink)) {
            return outcome;
        }
        self.scan.finish(&inquiry.rule_set.subjects.paths);
        let text = self.reading.into_whole();
        inquiry.at_last(&self.scan, Body::Whole(text.as_deref().unwrap_or(body)))
    }

    /// The body will not be known to its end.
    pub fn give_up(self, inquiry: &Inquiry<'_>, reason: Undecided) -> Outcome {
        inquiry.without_the_rest(&self.scan, reason)
    }
}

/// Learns from a text as it becomes readable; an outcome as well when it turns out not to be.
fn read(
    scan: &mut Scan,
    inquiry: &Inquiry<'_>,
    text: impl FnOnce(&mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), DecodeError>,
) -> Option<Outcome> {
    let mut outcome = None;
    let result = text(&mut |text| {
        outcome = learn(scan, inquiry, text);
        if outcome.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    outcome.or_else(|| Some(inquiry.without_the_rest(scan, Undecided::Decoding(result.err()?))))
}

/// Shows the scan more of the text; an outcome if that settles it.
fn learn(scan: &mut Scan, inquiry: &Inquiry<'_>, text: &[u8]) -> Option<Outcome> {
    let pending = scan.pending();
    if pending == 0 {
        return None;
    }
    scan.feed(&inquiry.rule_set.subjects.paths, text);
    // Nothing new has been found: no rule can have changed its mind.
    if scan.pending() == pending {
        return None;
    }
    inquiry.decide(Body::Pending, scan)
}
