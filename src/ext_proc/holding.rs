//! An answer that waits for its body, and what has come of it.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::engine::hold::Hold;
use crate::engine::outcome::{Outcome, Undecided};
use crate::engine::{AnswerHead, Evaluation, Inquiry, RuleSet};
use crate::live::{Holds, Share};
use crate::proxy::Visit;

/// It, and what has been learnt so far.
pub(super) struct Holding<'s> {
    pub kept: Box<Kept<'s>>,
    pub evaluation: Evaluation,
}

/// What there is when the outcome is known.
pub(super) struct Kept<'s> {
    pub visit: Box<Visit<'s>>,
    rule_set: &'s RuleSet,
    /// The head as Envoy has it.
    pub received: AnswerHead,
    /// The head for the outcome to work on.
    pub head: AnswerHead,
    /// What came of the body: at most one piece more than the bound.
    pub chunks: VecDeque<Bytes>,
    /// The length of it.
    pub bytes: u64,
    share: Share,
}

/// What came of looking at a piece of the body.
pub(super) enum Fed<'s> {
    Waiting(Box<Holding<'s>>),
    Settled(Box<Kept<'s>>, Outcome),
}

impl<'s> Kept<'s> {
    /// Nothing of the body has come.
    pub fn new(
        visit: Box<Visit<'s>>,
        rule_set: &'s RuleSet,
        received: AnswerHead,
        head: AnswerHead,
        share: Share,
    ) -> Box<Kept<'s>> {
        let (chunks, bytes) = (VecDeque::new(), 0);
        Box::new(Kept { visit, rule_set, received, head, chunks, bytes, share })
    }

    fn inquiry(&self) -> Inquiry<'_> {
        self.visit.inquiry(self.rule_set, &self.head)
    }

    /// Keeps a piece; says whether all exchanges may hold that much.
    fn push(&mut self, chunk: Bytes) -> bool {
        let within_total = self.share.take(chunk.len());
        self.bytes += chunk.len() as u64;
        self.chunks.push_back(chunk);
        within_total
    }

    /// All that came as one piece, which takes the place of the pieces.
    fn join(&mut self) -> Bytes {
        if self.chunks.len() > 1 {
            let mut whole = BytesMut::with_capacity(usize::try_from(self.bytes).unwrap_or_default());
            self.chunks.drain(..).for_each(|chunk| whole.extend_from_slice(&chunk));
            self.chunks.push_back(whole.freeze());
        }
        self.chunks.front().cloned().unwrap_or_default()
    }
}

impl<'s> Holding<'s> {
    /// The bounds.
    pub fn hold(&self) -> Hold {
        self.kept.inquiry().hold()
    }

    /// Shows the engine what came, and keeps it.
    pub fn feed(mut self: Box<Self>, chunk: Bytes, holds: &Holds) -> Fed<'s> {
        let bytes_max = self.hold().max_bytes;
        // The engine is shown no byte past the bound, so that the verdict does not hang on how pieces fall.
        let room = usize::try_from(bytes_max.saturating_sub(self.kept.bytes)).unwrap_or(usize::MAX);
        let over = chunk.len() > room;
        let inquiry = self.kept.inquiry();
        let outcome = match over {
            true => self.evaluation.feed(&inquiry, &chunk.slice(..room)),
            false => self.evaluation.feed(&inquiry, &chunk),
        };
        let within_total = self.kept.push(chunk);
        let undecided = match (outcome, over, within_total) {
            (Some(outcome), ..) => return Fed::Settled(self.kept, outcome),
            (None, true, _) => Undecided::OverBytes { bytes_max },
            (None, false, false) => Undecided::OverTotal { bytes_max: holds.bytes_max() },
            (None, false, true) => return Fed::Waiting(self),
        };
        let (kept, outcome) = self.give_up(undecided);
        Fed::Settled(kept, outcome)
    }

    /// Reads what was spared, as the body is slow to come.
    pub fn catch_up(mut self: Box<Self>) -> Fed<'s> {
        match self.evaluation.catch_up(&self.kept.inquiry()) {
            Some(outcome) => Fed::Settled(self.kept, outcome),
            None => Fed::Waiting(self),
        }
    }

    /// The body has ended, which settles every rule.
    pub fn finish(self: Box<Self>) -> (Box<Kept<'s>>, Outcome) {
        let Holding { mut kept, mut evaluation } = *self;
        let whole = kept.join();
        let outcome = evaluation.finish(&kept.inquiry(), || whole);
        (kept, outcome)
    }

    /// The body will not be known to its end.
    pub fn give_up(self: Box<Self>, reason: Undecided) -> (Box<Kept<'s>>, Outcome) {
        let Holding { kept, mut evaluation } = *self;
        let outcome = evaluation.give_up(&kept.inquiry(), reason);
        (kept, outcome)
    }
}
