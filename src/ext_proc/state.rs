//! One exchange as Envoy tells it: a message in, messages out. Does no I/O and reads no clock; who drives it waits as
//! long as [`Exchange::holds`] says, and then says so.
//!
//! Envoy lets a processor change an answer's status only in certain moments (measured on 1.40). Streamed in full
//! duplex, it is the reply to the head, which therefore waits for the verdict. Buffered, it is the reply to the body.
//! Where no body is sent, one can be asked for with the reply to the head, and then it comes buffered.

use std::collections::VecDeque;
use std::mem::replace;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header;

use super::headers;
use super::holding::{Fed, Holding, Kept};
use super::misuse::Misuse;
use super::reply;
use super::wire::{
    BodyMode, HeaderMutation, HttpBody, HttpHeaders, HttpTrailers, ProcessingRequest, ProcessingResponse,
    ProtocolConfiguration, Told,
};
use crate::engine::mutation::BodyChange;
use crate::engine::outcome::{Outcome, Undecided};
use crate::engine::{AnswerHead, Progress};
use crate::live::Snapshot;
use crate::proxy::Visit;
use crate::settings::ExtProc;
use crate::telemetry::meters::{Door, Meter};

/// What Envoy's access log says of an answer that Candor sent in place of the upstream's, and of a request's refusal.
const REPLACED: &str = "candor_replaced";
const REFUSED: &str = "candor_refused";

/// One exchange.
pub(super) struct Exchange<'s> {
    snapshot: &'s Snapshot,
    meter: &'s Rc<Meter>,
    /// How Envoy sends the request's body.
    request_mode: BodyMode,
    /// How it sends the answer's, or is going to.
    mode: BodyMode,
    /// Whether the body is one that Candor has asked for.
    is_asked_for: bool,
    phase: Phase<'s>,
}

/// How far it is.
enum Phase<'s> {
    /// Nothing is known.
    New,
    /// The upstream has the request.
    Asked(Box<Visit<'s>>),
    /// Some rule waits for the body.
    Holding(Box<Holding<'s>>),
    /// The outcome is settled, and told with the body: Envoy has promised it.
    Settled(Box<Visit<'s>>, ProcessingResponse),
    /// The head is on its way, and the body goes by.
    Passing(Box<Visit<'s>>),
    /// The body has another in its place, and is waited for: Envoy takes no end of one before the end of the other.
    Replacing(Box<Replacing<'s>>),
    /// Nothing more is to be said but what Envoy insists on.
    Over,
}

/// An answer whose body is of no use any more.
struct Replacing<'s> {
    visit: Box<Visit<'s>>,
    /// The head of the new answer, whole and as a change to the old one.
    head: AnswerHead,
    mutation: Option<HeaderMutation>,
    body: Bytes,
    /// What came of the old body and was dropped.
    dropped_bytes: usize,
}

/// What is read of a body that nobody wants, so that the exchange with the upstream ends in order.
const DROPPED_BYTES_MAX: usize = 64 * 1024;

impl<'s> Exchange<'s> {
    /// One of which nothing is known.
    pub fn new(snapshot: &'s Snapshot, meter: &'s Rc<Meter>) -> Exchange<'s> {
        let (request_mode, mode) = (BodyMode::None, BodyMode::None);
        Exchange { snapshot, meter, request_mode, mode, is_asked_for: false, phase: Phase::New }
    }

    /// Takes what Envoy tells, and says what it is told, in this order.
    ///
    /// # Errors
    /// When there is no answer to it; the exchange is over.
    pub fn take(
        &mut self,
        mut message: ProcessingRequest,
        replies: &mut Vec<ProcessingResponse>,
    ) -> Result<(), Misuse> {
        if let Some(config) = message.protocol_config.take() {
            self.set_up(config, message.observability_mode)?;
        }
        match message.told.take() {
            Some(Told::RequestHeaders(told)) => self.request(&message, &told, replies),
            Some(Told::RequestBody(told)) => {
                replies.push(reply::request_body(self.request_mode, told.body, told.end_of_stream));
                Ok(())
            }
            Some(Told::RequestTrailers(_)) => {
                replies.push(reply::request_trailers());
                Ok(())
            }
            Some(Told::ResponseHeaders(told)) => self.answer(&message, &told, replies),
            Some(Told::ResponseBody(told)) => self.body(told, replies),
            Some(Told::ResponseTrailers(told)) => self.trailers(&told, replies),
            // It only says something about flow control, or about what is yet to be invented.
            None => Ok(()),
        }
    }

    /// For how long the answer may be held, while it is. Envoy sets no bound in this mode and holds itself in others.
    pub fn holds(&self) -> Option<Duration> {
        match &self.phase {
            Phase::Holding(holding) if self.mode == BodyMode::FullDuplexStreamed => {
                Some(holding.hold().max_time)
            }
            Phase::Replacing(_) => Some(self.snapshot.limits.hold.max_time),
            _ => None,
        }
    }

    /// The body is slow to come: perhaps the outcome can be told without the rest.
    pub fn slow(&mut self, replies: &mut Vec<ProcessingResponse>) {
        match replace(&mut self.phase, Phase::Over) {
            Phase::Holding(holding) => match holding.catch_up() {
                Fed::Settled(kept, outcome) => self.settled(kept, outcome, Rest::ToCome, replies),
                Fed::Waiting(holding) => self.phase = Phase::Holding(holding),
            },
            phase => self.phase = phase,
        }
    }

    /// The answer may not be held any longer.
    pub fn late(&mut self, replies: &mut Vec<ProcessingResponse>) {
        match replace(&mut self.phase, Phase::Over) {
            Phase::Holding(holding) => {
                let (kept, outcome) = holding.give_up(Undecided::OverTime);
                self.settled(kept, outcome, Rest::ToCome, replies);
            }
            Phase::Replacing(replacing) => self.replace_at_once(*replacing, replies),
            phase => self.phase = phase,
        }
    }

    /// Bytes that a message may have: a head, and as much of a body as is ever looked at.
    pub fn message_bytes_max(&self) -> usize {
        const HEAD: usize = 1 << 20;
        let body = match &self.phase {
            Phase::Holding(holding) => holding.hold().max_bytes,
            _ => self.snapshot.limits.hold.max_bytes,
        };
        HEAD.saturating_add(usize::try_from(body).unwrap_or(usize::MAX))
    }

    /// A message that was not read, being longer than that, or than the room that `total` leaves beside others: the
    /// buffered body, or something that has no answer.
    ///
    /// # Errors
    /// When it cannot have been the body.
    pub fn unread(
        &mut self,
        total: Option<u64>,
        replies: &mut Vec<ProcessingResponse>,
    ) -> Result<(), Misuse> {
        match replace(&mut self.phase, Phase::Over) {
            Phase::Holding(holding) if self.mode != BodyMode::FullDuplexStreamed => {
                let over_bytes = || Undecided::OverBytes { bytes_max: holding.hold().max_bytes };
                let reason = total.map_or_else(over_bytes, |bytes_max| Undecided::OverTotal { bytes_max });
                let (kept, outcome) = holding.give_up(reason);
                self.settled(kept, outcome, Rest::Ended, replies);
                Ok(())
            }
            Phase::Settled(mut visit, reply) => {
                visit.complete();
                replies.push(reply);
                Ok(())
            }
            _ => Err(Misuse::Disorder),
        }
    }

    fn set_up(&mut self, config: ProtocolConfiguration, is_observed: bool) -> Result<(), Misuse> {
        let mode = |mode| BodyMode::try_from(mode).map_err(|_| Misuse::Disorder);
        self.request_mode = mode(config.request_body_mode)?;
        self.mode = mode(config.response_body_mode)?;
        match self.mode {
            // Nobody waits for a reply, so that none comes too late.
            BodyMode::Streamed if is_observed => {
                self.mode = BodyMode::FullDuplexStreamed;
                Ok(())
            }
            BodyMode::Streamed => Err(Misuse::Streamed),
            BodyMode::Grpc => Err(Misuse::Grpc),
            _ => Ok(()),
        }
    }

    fn request(
        &mut self,
        message: &ProcessingRequest,
        told: &HttpHeaders,
        replies: &mut Vec<ProcessingResponse>,
    ) -> Result<(), Misuse> {
        let Phase::New = self.phase else { return Err(Misuse::Disorder) };
        let told = told.headers.as_ref().ok_or(Misuse::Disorder)?;
        let peer = headers::peer(message);
        let begun = match headers::request(told) {
            Ok(request) => {
                let asks = |visit: &Visit<'s>| visit.selector().filter(|name| headers::has(told, name));
                Visit::begin(self.snapshot, self.meter, request, peer, Door::ExtProc)
                    .map(|visit| (asks(&visit), visit))
            }
            Err(why) => Err(Visit::refused(self.meter, why, Door::ExtProc, peer)),
        };
        match begun {
            Ok((selector, visit)) => {
                replies.push(reply::request_headers(selector));
                self.phase = Phase::Asked(Box::new(visit));
            }
            Err(answer) => {
                replies.push(reply::immediate(&answer.head, answer.body, REFUSED));
                self.phase = Phase::Over;
            }
        }
        Ok(())
    }

    fn answer(
        &mut self,
        message: &ProcessingRequest,
        told: &HttpHeaders,
        replies: &mut Vec<ProcessingResponse>,
    ) -> Result<(), Misuse> {
        let mut visit = match replace(&mut self.phase, Phase::Over) {
            Phase::Asked(visit) => visit,
            Phase::New => return Err(Misuse::RequestUnseen),
            _ => return Err(Misuse::Disorder),
        };
        let mut received = told.headers.as_ref().and_then(headers::answer).ok_or(Misuse::Disorder)?;
        let rest = if told.end_of_stream { Rest::Ended } else { Rest::ToCome };
        let (head, rule_set) = visit.answered(&mut received);
        let Some(rule_set) = rule_set.filter(|_| !headers::is_envoys_own(message)) else {
            self.settled_by_head(visit, &received, head, Outcome::pass(), rest, replies);
            return Ok(());
        };
        let inquiry = visit.inquiry(rule_set, &head);
        let outcome = match inquiry.begin() {
            Progress::Settled(outcome) => *outcome,
            Progress::Waiting(mut evaluation) if rest == Rest::Ended => {
                evaluation.finish(&inquiry, Bytes::new)
            }
            Progress::Waiting(mut evaluation) => match self.wait(&received, replies) {
                Ok(()) => {
                    let kept = Kept::new(visit, rule_set, received, head, self.snapshot.holds.share());
                    self.phase = Phase::Holding(Box::new(Holding { kept, evaluation }));
                    return Ok(());
                }
                Err(bytes_max) => evaluation.give_up(&inquiry, Undecided::OverBytes { bytes_max }),
            },
        };
        self.settled_by_head(visit, &received, head, outcome, rest, replies);
        Ok(())
    }

    /// Makes sure that the body comes.
    ///
    /// # Errors
    /// When it cannot be had: it is longer than this, which is what Envoy buffers.
    fn wait(&mut self, received: &AnswerHead, replies: &mut Vec<ProcessingResponse>) -> Result<(), u64> {
        match self.mode {
            // The head waits with it.
            BodyMode::FullDuplexStreamed => {}
            BodyMode::None => {
                let bytes_max = self
                    .snapshot
                    .settings
                    .ext_proc
                    .as_ref()
                    .map_or(ExtProc::BUFFER_BYTES, |ext_proc| ext_proc.buffer_bytes);
                let length = received.header(header::CONTENT_LENGTH).map(str::parse::<u64>);
                self.mode = match length {
                    // More than Envoy buffers would have the exchange hang.
                    Some(Ok(length)) if length > bytes_max => return Err(bytes_max),
                    Some(Ok(_)) => BodyMode::Buffered,
                    // And of a body whose length nobody knows it must be told what to do when it is more.
                    Some(Err(_)) | None => BodyMode::BufferedPartial,
                };
                self.is_asked_for = true;
                replies.push(reply::response_headers_and(self.mode, None));
            }
            _ => replies.push(reply::response_headers(None)),
        }
        Ok(())
    }

    /// The outcome is known before anything of the body.
    fn settled_by_head(
        &mut self,
        mut visit: Box<Visit<'s>>,
        received: &AnswerHead,
        mut head: AnswerHead,
        outcome: Outcome,
        rest: Rest,
        replies: &mut Vec<ProcessingResponse>,
    ) {
        let change = visit.decided(&mut head, outcome, None);
        let mutation = headers::difference(received, &head);
        match (change, self.mode) {
            (BodyChange::Keep, BodyMode::FullDuplexStreamed) if rest == Rest::ToCome => {
                replies.push(reply::response_headers(mutation));
                self.phase = Phase::Passing(visit);
            }
            (BodyChange::Keep, BodyMode::Buffered | BodyMode::BufferedPartial) if rest == Rest::ToCome => {
                // Where the filter does not allow it the body comes, and goes on as it is.
                replies.push(reply::response_headers_and(BodyMode::None, mutation));
                self.over(visit);
            }
            (BodyChange::Keep, _) => {
                replies.push(reply::response_headers(mutation));
                self.over(visit);
            }
            (BodyChange::Replace(body), BodyMode::FullDuplexStreamed) if rest == Rest::ToCome => {
                let dropped_bytes = 0;
                self.phase =
                    Phase::Replacing(Box::new(Replacing { visit, head, mutation, body, dropped_bytes }));
            }
            (BodyChange::Replace(body), BodyMode::Buffered) if rest == Rest::ToCome => {
                visit.sent(body.len());
                replies.push(reply::response_headers(None));
                self.phase = Phase::Settled(visit, reply::response_body(mutation, Some(body)));
            }
            (BodyChange::Replace(body), _) => {
                visit.sent(body.len());
                replies.push(match body.is_empty() && rest == Rest::Ended {
                    true => reply::response_headers(mutation),
                    false => reply::whole_response(mutation, body),
                });
                self.over(visit);
            }
        }
    }

    fn body(&mut self, told: HttpBody, replies: &mut Vec<ProcessingResponse>) -> Result<(), Misuse> {
        let HttpBody { body, end_of_stream } = told;
        match replace(&mut self.phase, Phase::Over) {
            Phase::Holding(holding) => self.held(holding, body, end_of_stream, replies),
            Phase::Settled(mut visit, reply) => {
                visit.complete();
                replies.push(reply);
            }
            Phase::Passing(mut visit) => {
                visit.sent(body.len());
                replies.push(reply::piece(body, end_of_stream));
                match end_of_stream {
                    true => self.over(visit),
                    false => self.phase = Phase::Passing(visit),
                }
            }
            Phase::Replacing(mut replacing) => {
                replacing.dropped_bytes += body.len();
                match (end_of_stream, replacing.dropped_bytes > DROPPED_BYTES_MAX) {
                    (true, _) => self.replace(*replacing, true, replies),
                    (false, true) => self.replace_at_once(*replacing, replies),
                    (false, false) => self.phase = Phase::Replacing(replacing),
                }
            }
            // It was not asked for, and comes all the same.
            Phase::Over => replies.push(reply::response_body(None, None)),
            Phase::New | Phase::Asked(_) => return Err(Misuse::Disorder),
        }
        Ok(())
    }

    fn held(
        &mut self,
        holding: Box<Holding<'s>>,
        body: Bytes,
        end_of_stream: bool,
        replies: &mut Vec<ProcessingResponse>,
    ) {
        let is_whole = match self.mode {
            // Trailers may come after it.
            BodyMode::Buffered => true,
            _ => end_of_stream,
        };
        let rest = if is_whole { Rest::Ended } else { Rest::ToCome };
        let holding = match holding.feed(body, &self.snapshot.holds) {
            Fed::Settled(kept, outcome) => return self.settled(kept, outcome, rest, replies),
            Fed::Waiting(holding) => holding,
        };
        let (kept, outcome) = match (is_whole, self.mode) {
            (true, _) => holding.finish(),
            (false, BodyMode::FullDuplexStreamed) => {
                self.phase = Phase::Holding(holding);
                return;
            }
            // Envoy has no room for more of it.
            (false, _) => {
                let bytes_max = holding.kept.bytes;
                holding.give_up(Undecided::OverBytes { bytes_max })
            }
        };
        self.settled(kept, outcome, rest, replies);
    }

    /// The outcome is known while the answer is held.
    fn settled(
        &mut self,
        kept: Box<Kept<'s>>,
        outcome: Outcome,
        rest: Rest,
        replies: &mut Vec<ProcessingResponse>,
    ) {
        let Kept { mut visit, received, mut head, chunks, bytes, .. } = *kept;
        let change = visit.decided(&mut head, outcome, Some(bytes));
        let mutation = headers::difference(&received, &head);
        match (self.mode, change) {
            (BodyMode::FullDuplexStreamed, BodyChange::Keep) => {
                replies.push(reply::response_headers(mutation));
                self.let_go(visit, chunks, rest, replies);
            }
            (BodyMode::FullDuplexStreamed, BodyChange::Replace(body)) => {
                let dropped_bytes = chunks.iter().map(Bytes::len).sum();
                let replacing = Replacing { visit, head, mutation, body, dropped_bytes };
                match rest {
                    Rest::ToCome if dropped_bytes > DROPPED_BYTES_MAX => {
                        self.replace_at_once(replacing, replies)
                    }
                    Rest::ToCome => self.phase = Phase::Replacing(Box::new(replacing)),
                    Rest::Ended | Rest::Trailers => self.replace(replacing, rest == Rest::Ended, replies),
                }
            }
            (_, BodyChange::Replace(body)) => {
                visit.sent(body.len());
                replies.push(match rest {
                    Rest::Ended | Rest::Trailers => reply::response_body(mutation, Some(body)),
                    // What is still to come would be sent after it.
                    Rest::ToCome => reply::immediate(&head, body, REPLACED),
                });
                self.over(visit);
            }
            (_, BodyChange::Keep) => {
                replies.push(reply::response_body(mutation, None));
                self.over(visit);
            }
        }
    }

    /// The head of an answer that was held is on its way, and what was held of its body may follow.
    fn let_go(
        &mut self,
        mut visit: Box<Visit<'s>>,
        mut chunks: VecDeque<Bytes>,
        rest: Rest,
        replies: &mut Vec<ProcessingResponse>,
    ) {
        visit.sent(chunks.iter().map(Bytes::len).sum());
        while let Some(chunk) = chunks.pop_front() {
            replies.push(reply::piece(chunk, rest == Rest::Ended && chunks.is_empty()));
        }
        match rest {
            Rest::ToCome => self.phase = Phase::Passing(visit),
            Rest::Ended | Rest::Trailers => self.over(visit),
        }
    }

    /// The old body has ended, and the new one may go out.
    fn replace(
        &mut self,
        replacing: Replacing<'s>,
        end_of_stream: bool,
        replies: &mut Vec<ProcessingResponse>,
    ) {
        let Replacing { mut visit, mutation, body, .. } = replacing;
        visit.sent(body.len());
        replies.push(reply::response_headers(mutation));
        replies.extend(reply::pieces(body, end_of_stream));
        self.over(visit);
    }

    /// The old body is too long, or too slow, to be waited for.
    fn replace_at_once(&mut self, replacing: Replacing<'s>, replies: &mut Vec<ProcessingResponse>) {
        let Replacing { mut visit, head, body, .. } = replacing;
        visit.sent(body.len());
        replies.push(reply::immediate(&head, body, REPLACED));
        self.over(visit);
    }

    fn trailers(&mut self, told: &HttpTrailers, replies: &mut Vec<ProcessingResponse>) -> Result<(), Misuse> {
        let named = || told.trailers.as_ref().map(headers::trailers);
        let mut gone = None;
        match replace(&mut self.phase, Phase::Over) {
            Phase::Holding(holding) if self.mode == BodyMode::FullDuplexStreamed => {
                let (kept, outcome) = holding.finish();
                if outcome.mutation.body != BodyChange::Keep {
                    gone = named();
                }
                self.settled(kept, outcome, Rest::Trailers, replies);
            }
            Phase::Replacing(replacing) => {
                gone = named();
                self.replace(*replacing, false, replies);
            }
            Phase::Passing(visit) => self.over(visit),
            phase => self.phase = phase,
        }
        replies.push(reply::response_trailers(gone.as_ref()));
        Ok(())
    }

    fn over(&mut self, mut visit: Box<Visit<'s>>) {
        visit.complete();
        self.phase = Phase::Over;
    }
}

/// What there is of the body, beyond what has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    ToCome,
    /// Nothing.
    Ended,
    /// Nothing but trailers.
    Trailers,
}

/// A body that was asked for and never came is for an operator to see: rules cannot work like that.
impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        if let Phase::Holding(holding) = &mut self.phase
            && holding.kept.bytes == 0
            && self.is_asked_for
        {
            let why = "the body that was asked for never came: the client left, or the filter lacks allow_mode_override";
            holding.kept.visit.broken(why);
        }
    }
}
