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
pub mod index;
mod inspect;
pub mod json;
pub mod mutation;
pub mod outcome;
pub mod pattern;
pub mod problem;
mod reading;
pub mod retry;
pub mod route;
pub mod ruleset;
pub mod selection;
pub mod subject;
pub mod text;
pub mod trace;
pub mod xml;

use std::fmt;
use std::ops::ControlFlow;

use bytes::Bytes;

pub use exchange::{Answer, AnswerHead, Exchange, RequestSnapshot};
pub use outcome::Outcome;
pub use ruleset::RuleSet;

use decode::DecodeError;
use facts::{Body, Facts};
use hold::{Hold, Inspect};
use json::{PathSet, Scan, Skim};
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
    match usize::try_from(bytes_max) {
        Ok(held) if held < body.len() => evaluation
            .feed(&inquiry, &body.slice(..held))
            .unwrap_or_else(|| evaluation.give_up(&inquiry, Undecided::OverBytes { bytes_max })),
        _ => match evaluation.feed(&inquiry, body) {
            Some(outcome) => outcome,
            None => evaluation.finish(&inquiry, || body.clone()),
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
#[expect(clippy::large_enum_variant, reason = "a box would cost every exchange that waits an allocation")]
pub enum Progress {
    /// The head was enough.
    Settled(Box<Outcome>),
    /// Some rule waits for the body.
    Waiting(Evaluation),
}

/// What has been learnt of a body that is going by.
pub struct Evaluation {
    reading: Reading,
    skim: Skim,
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evaluation")
    }
}

impl Inquiry<'_> {
    /// Looks at the head.
    pub fn begin(&self) -> Progress {
        let paths = &self.rule_set.subjects.paths;
        // A trace tells what the body is, so for one the body is read.
        let skim = if self.explain { Skim::reading_all(paths) } else { Skim::new(paths) };
        match self.decide(inspect::body(self.request, self.head, &self.limits.inspect), skim.scan()) {
            Some(outcome) => Progress::Settled(Box::new(outcome)),
            None => Progress::Waiting(Evaluation { reading: self.reading(), skim }),
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

    fn decide(&self, body: Body<'_>, scan: &Scan) -> Option<Outcome> {
        let facts = Facts::new(&self.rule_set.subjects, self.request, self.head, body, scan);
        decide::decide(self.rule_set, &facts, self.hold().on_limit, self.explain)
    }
}

impl Evaluation {
    /// Looks at the next bytes; an outcome as soon as no later byte can change it. Keeps a share in bytes that
    /// it need not read yet.
    pub fn feed(&mut self, inquiry: &Inquiry<'_>, chunk: &Bytes) -> Option<Outcome> {
        let Evaluation { reading, skim } = self;
        if reading.is_as_sent(chunk) {
            return learn(skim, inquiry, |skim, paths| skim.feed(paths, chunk));
        }
        read(skim, inquiry, |sink| reading.feed(chunk, sink))
    }

    /// The body is slow to come: reads what it was spared, in case the outcome can be told without the rest.
    pub fn catch_up(&mut self, inquiry: &Inquiry<'_>) -> Option<Outcome> {
        learn(&mut self.skim, inquiry, Skim::catch_up)
    }

    /// The body has ended. `whole` gives all of it as it was sent, and is only asked where a rule looks at more than
    /// JSON paths and that is what it looks at.
    pub fn finish(self, inquiry: &Inquiry<'_>, whole: impl FnOnce() -> Bytes) -> Outcome {
        let Evaluation { mut reading, mut skim } = self;
        if let Some(outcome) = read(&mut skim, inquiry, |sink| reading.finish(sink)) {
            return outcome;
        }
        let subjects = &inquiry.rule_set.subjects;
        skim.finish(&subjects.paths);
        let text = match reading.into_whole() {
            Some(text) => text.into(),
            None if subjects.whole_body => whole(),
            None => Bytes::new(),
        };
        last(&skim, inquiry, Body::Whole(&text))
    }

    /// The body will not be known to its end.
    pub fn give_up(mut self, inquiry: &Inquiry<'_>, reason: Undecided) -> Outcome {
        without_the_rest(&mut self.skim, inquiry, reason)
    }
}

/// Learns from a text as it becomes readable; an outcome as well when it turns out not to be.
fn read(
    skim: &mut Skim,
    inquiry: &Inquiry<'_>,
    text: impl FnOnce(&mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), DecodeError>,
) -> Option<Outcome> {
    let mut outcome = None;
    let result = text(&mut |text| {
        outcome = learn(skim, inquiry, |skim, paths| skim.feed(paths, &Bytes::copy_from_slice(text)));
        if outcome.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match result {
        Ok(()) => outcome,
        Err(error) => Some(without_the_rest(skim, inquiry, Undecided::Decoding(error))),
    }
}

/// An outcome if what is learnt now settles it.
fn learn(skim: &mut Skim, inquiry: &Inquiry<'_>, learn: impl FnOnce(&mut Skim, &PathSet)) -> Option<Outcome> {
    let pending = skim.scan().pending();
    if pending == 0 {
        return None;
    }
    learn(skim, &inquiry.rule_set.subjects.paths);
    // Nothing new has been found: no rule can have changed its mind.
    if skim.scan().pending() == pending {
        return None;
    }
    inquiry.decide(Body::Pending, skim.scan())
}

/// What becomes of an answer whose body will not be known to its end.
fn without_the_rest(skim: &mut Skim, inquiry: &Inquiry<'_>, reason: Undecided) -> Outcome {
    skim.catch_up(&inquiry.rule_set.subjects.paths);
    last(skim, inquiry, Body::Unknown(reason))
}

fn last(skim: &Skim, inquiry: &Inquiry<'_>, body: Body<'_>) -> Outcome {
    // Only a pending body keeps a decision waiting, and this one is not.
    inquiry.decide(body, skim.scan()).unwrap_or_else(Outcome::pass)
}
