//! Reads an answer, decides by rules what it really says, and says what to change. Pure: no I/O, no clock, no
//! logging, no panic; it returns an [`Outcome`], never an error.
//!
//! Every door enters here. `explain` and `test` have the whole answer and call [`evaluate`]; the proxy has the
//! head first and goes step by step: [`Inquiry::begin`], then [`Evaluation::feed`] as the body goes by, until the
//! outcome is settled or the body ends.

pub mod action;
mod characters;
mod charset;
pub mod condition;
mod decide;
pub mod decode;
pub mod envelope;
mod excerpt;
pub mod exchange;
mod facts;
mod found;
pub mod hold;
pub mod index;
mod inspect;
pub mod json;
mod learnt;
pub mod mutation;
pub mod outcome;
pub mod pattern;
pub mod probe;
pub mod problem;
mod reading;
pub mod retry;
pub mod route;
pub mod ruleset;
pub mod selection;
pub mod subject;
pub mod template;
pub mod text;
pub mod trace;
pub mod xml;

use std::cell::LazyCell;
use std::fmt;
use std::ops::ControlFlow;

use bytes::Bytes;

pub use exchange::{Answer, AnswerHead, Exchange, RequestSnapshot};
pub use facts::media_type;
pub use outcome::Outcome;
pub use reading::{Legible, legible};
pub use ruleset::RuleSet;

use decode::DecodeError;
use facts::{Body, Facts};
use hold::{Hold, Inspect};
use learnt::{Chunk, Learnt};
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
    if body.len() > held {
        let settled = evaluation.feed(&inquiry, &body.slice(..held));
        return settled.unwrap_or_else(|| evaluation.give_up(&inquiry, Undecided::OverBytes { bytes_max }));
    }
    let settled = evaluation.feed(&inquiry, body);
    settled.unwrap_or_else(|| evaluation.finish(&inquiry, || body.clone()))
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

/// An inquiry under way, and what has been learnt of the body that is going by.
pub struct Evaluation {
    reading: Reading,
    learnt: Learnt,
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evaluation")
    }
}

impl Inquiry<'_> {
    /// Looks at the head.
    pub fn begin(&self) -> Progress {
        let mut learnt = Learnt::new(self.rule_set, self.explain);
        let readable = match inspect::readable(self.request, self.head, &self.limits.inspect) {
            Ok(readable) => readable,
            Err(withheld) => return Progress::Settled(Box::new(last(&learnt, self, withheld))),
        };
        let facts = self.facts(Body::Pending, &learnt);
        if !self.rule_set.waits_for_body()
            && let Some(outcome) = self.decide(&facts)
        {
            return Progress::Settled(Box::new(outcome));
        }
        if self.rule_set.awaits_text(&facts) {
            learnt.read_text(self.rule_set, self.explain);
        }
        let whole = self.rule_set.subjects.whole_body;
        let reading = Reading::new(&readable, whole, self.hold().max_bytes);
        Progress::Waiting(Evaluation { reading, learnt })
    }

    /// The bounds that hold for this rule set.
    pub fn hold(&self) -> Hold {
        self.rule_set.hold.over(self.limits.hold)
    }

    fn facts<'f>(&'f self, body: Body<'f>, learnt: &'f Learnt) -> Facts<'f> {
        Facts::new(&self.rule_set.subjects, self.request, self.head, body, learnt)
    }

    fn decide(&self, facts: &Facts<'_>) -> Option<Outcome> {
        decide::decide(self.rule_set, facts, self.hold().on_limit, self.explain)
    }
}

impl Evaluation {
    /// Looks at the next bytes; an outcome as soon as no later byte can change it. Keeps a share in bytes that
    /// it need not read yet.
    pub fn feed(&mut self, inquiry: &Inquiry<'_>, chunk: &Bytes) -> Option<Outcome> {
        let Evaluation { reading, learnt } = self;
        if reading.is_as_sent(chunk) {
            let news = learnt.feed(inquiry.rule_set, Chunk::Shared(chunk));
            return if news { so_far(inquiry, learnt) } else { None };
        }
        read(learnt, inquiry, |sink| reading.feed(chunk, sink))
    }

    /// The body is slow to come: reads what it was spared, in case the outcome can be told without the rest.
    pub fn catch_up(&mut self, inquiry: &Inquiry<'_>) -> Option<Outcome> {
        self.learnt.catch_up(inquiry.rule_set).then(|| so_far(inquiry, &self.learnt)).flatten()
    }

    /// The body has ended. `whole` gives all of it as it was sent, and is only asked where a rule looks at what was
    /// not read as it went by.
    pub fn finish(&mut self, inquiry: &Inquiry<'_>, whole: impl FnOnce() -> Bytes) -> Outcome {
        let Evaluation { reading, learnt } = self;
        if let Some(outcome) = read(learnt, inquiry, |sink| reading.finish(sink)) {
            return outcome;
        }
        learnt.finish(inquiry.rule_set);
        let whole = LazyCell::new(|| reading.take_whole().map_or_else(whole, Bytes::from));
        last(learnt, inquiry, Body::Whole(&whole))
    }

    /// The body will not be known to its end.
    pub fn give_up(&mut self, inquiry: &Inquiry<'_>, reason: Undecided) -> Outcome {
        without_the_rest(&mut self.learnt, inquiry, reason)
    }
}

/// Learns from a text as it becomes readable; an outcome as well when it turns out not to be.
fn read(
    learnt: &mut Learnt,
    inquiry: &Inquiry<'_>,
    text: impl FnOnce(&mut dyn FnMut(&[u8]) -> ControlFlow<()>) -> Result<(), DecodeError>,
) -> Option<Outcome> {
    let mut outcome = None;
    let result = text(&mut |text| {
        let news = learnt.feed(inquiry.rule_set, Chunk::Borrowed(text));
        outcome = if news { so_far(inquiry, learnt) } else { None };
        if outcome.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match result {
        Ok(()) => outcome,
        Err(error) => Some(without_the_rest(learnt, inquiry, Undecided::Decoding(error))),
    }
}

/// An outcome if what is learnt now settles it.
fn so_far(inquiry: &Inquiry<'_>, learnt: &Learnt) -> Option<Outcome> {
    inquiry.decide(&inquiry.facts(Body::Pending, learnt))
}

/// What becomes of an answer whose body will not be known to its end.
fn without_the_rest(learnt: &mut Learnt, inquiry: &Inquiry<'_>, reason: Undecided) -> Outcome {
    learnt.catch_up(inquiry.rule_set);
    last(learnt, inquiry, Body::Unknown(reason))
}

fn last(learnt: &Learnt, inquiry: &Inquiry<'_>, body: Body<'_>) -> Outcome {
    // Only a pending body keeps a decision waiting, and this one is not.
    inquiry.decide(&inquiry.facts(body, learnt)).unwrap_or_else(Outcome::pass)
}
