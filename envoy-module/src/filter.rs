//! One exchange inside Envoy: what each hook makes of it. The answer's head stops while some rule waits for the body,
//! which Envoy holds meanwhile; nothing is kept of it here.

use std::net::IpAddr;
use std::rc::Rc;

use bytes::Bytes;
use candor::engine::mutation::BodyChange;
use candor::engine::outcome::{Outcome, Undecided};
use candor::engine::{AnswerHead, Evaluation, Progress, RuleSet};
use candor::live::{Share, Snapshot};
use candor::proxy::{Interest, Visit};
use candor::telemetry::meters::{Door, Meter, Meters};
use http::header;
use http::{Method, Request, Uri};

use crate::abi::{Body, Head, Stream};
use crate::head::{Received, append};
use crate::watch::{Watched, watch};

/// What Envoy's access log says of an answer of Candor's own.
const REFUSED: &str = "candor_refused";
const REPLACED: &str = "candor_replaced";
/// What comes at a time, beyond the bound on what is held.
const CHUNK: u64 = 1 << 20;

/// What becomes of the part that a hook was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// It goes on, with all that was held.
    Continue,
    /// It is held.
    Stop,
}

thread_local! {
    /// What Envoy's thread has counted. Nobody reads it: Envoy's own statistics say the same.
    static METER: Rc<Meter> = Rc::new(Meters::start().meter());
}

/// One exchange.
pub struct Filter<'s> {
    snapshot: &'s Snapshot,
    interest: &'s Interest,
    phase: Phase<'s>,
    /// Whether the answer is one of Envoy's own, which is none of the rules' business.
    is_envoys_own: bool,
}

enum Phase<'s> {
    New,
    Asked(Box<Visit<'s>>),
    Holding(Box<Holding<'s>>),
    /// This takes the place of the body.
    Replacing(Bytes),
    /// It has taken the place, and the rest is of no use.
    Replaced,
    /// The exchange goes its way.
    Over,
}

struct Holding<'s> {
    visit: Box<Visit<'s>>,
    rule_set: &'s RuleSet,
    received: Received,
    head: AnswerHead,
    evaluation: Evaluation,
    bytes: u64,
    share: Share,
    _watched: Option<Watched>,
}

impl<'s> Filter<'s> {
    /// An exchange of which nothing is known.
    pub fn new(snapshot: &'s Snapshot, interest: &'s Interest) -> Filter<'s> {
        Filter { snapshot, interest, phase: Phase::New, is_envoys_own: false }
    }

    /// The request's head is there.
    pub fn request(&mut self, stream: &mut Stream<'_>) -> Flow {
        let peer = stream.source_address().map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip());
        let begun = match request(stream, self.interest) {
            Ok(request) => {
                METER.with(|meter| Visit::begin(self.snapshot, meter, request, peer, Door::EnvoyModule))
            }
            Err(why) => Err(METER.with(|meter| Visit::refused(meter, why, Door::EnvoyModule, peer))),
        };
        match begun {
            Ok(visit) => {
                if let Some(selector) = visit.selector() {
                    stream.remove_header(Head::Request, selector.as_str().as_bytes());
                }
                self.phase = Phase::Asked(Box::new(visit));
                Flow::Continue
            }
            Err(answer) => {
                self.phase = Phase::Over;
                respond(stream, &answer.head, &answer.body, REFUSED);
                Flow::Stop
            }
        }
    }

    /// Envoy is about to answer by itself.
    pub fn local_reply(&mut self) {
        self.is_envoys_own = true;
    }

    /// The answer's head is there.
    pub fn answer(&mut self, stream: &mut Stream<'_>, end_of_stream: bool) -> Flow {
        let Phase::Asked(mut visit) = std::mem::replace(&mut self.phase, Phase::Over) else {
            return Flow::Continue;
        };
        let Some((mut received, mut head)) = Received::of(stream) else { return Flow::Continue };
        visit.received(&mut head);
        received.keep(&head.headers);
        let rule_set = visit.settle(&mut head).filter(|_| !self.is_envoys_own);
        let settled = Settled { visit, received, head, bytes: None };
        let Some(rule_set) = rule_set else {
            return self.settled_by_head(stream, settled, Outcome::pass(), end_of_stream);
        };
        let inquiry = settled.visit.inquiry(rule_set, &settled.head);
        let evaluation = match inquiry.begin() {
            Progress::Waiting(mut evaluation) if end_of_stream => {
                let outcome = evaluation.finish(&inquiry, Bytes::new);
                return self.settled_by_head(stream, settled, outcome, true);
            }
            Progress::Waiting(evaluation) => evaluation,
            Progress::Settled(outcome) => {
                return self.settled_by_head(stream, settled, *outcome, end_of_stream);
            }
        };
        let _watched = watch(stream.bell(), inquiry.hold().max_time);
        let (share, Settled { visit, received, head, .. }) = (self.snapshot.holds.share(), settled);
        let holding = Holding { visit, rule_set, received, head, evaluation, bytes: 0, share, _watched };
        self.phase = Phase::Holding(Box::new(holding));
        Flow::Stop
    }

    /// A piece of the answer's body is there.
    pub fn body(&mut self, stream: &mut Stream<'_>, end_of_stream: bool) -> Flow {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Holding(holding) => self.held(stream, holding, end_of_stream),
            Phase::Replacing(body) => {
                stream.drain_body(Body::Received);
                stream.append_body(Body::Received, &body);
                self.phase = Phase::Replaced;
                Flow::Continue
            }
            Phase::Replaced => {
                stream.drain_body(Body::Received);
                self.phase = Phase::Replaced;
                Flow::Continue
            }
            phase => {
                self.phase = phase;
                Flow::Continue
            }
        }
    }

    /// Trailers end the answer's body.
    pub fn trailers(&mut self, stream: &mut Stream<'_>) -> Flow {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Holding(holding) => {
                let (settled, outcome) = holding.finish(|| stream.body(Body::Buffered));
                self.settled(stream, settled, outcome, Body::Buffered);
            }
            Phase::Replacing(body) => stream.append_body(Body::Buffered, &body),
            phase => self.phase = phase,
        }
        Flow::Continue
    }

    fn held(&mut self, stream: &mut Stream<'_>, mut holding: Box<Holding<'s>>, end_of_stream: bool) -> Flow {
        let chunk = stream.body(Body::Received);
        let (settled, outcome) = match holding.feed(&chunk) {
            Fed::Settled(outcome) => (holding.settled(), outcome),
            Fed::Undecided(reason) => holding.give_up(reason),
            Fed::Waiting if end_of_stream => holding.finish(|| {
                let held = stream.body(Body::Buffered);
                if held.is_empty() { chunk } else { [held, chunk].concat().into() }
            }),
            Fed::Waiting => {
                stream.allow_buffering(holding.bytes_max().saturating_add(CHUNK));
                self.phase = Phase::Holding(holding);
                return Flow::Stop;
            }
        };
        self.settled(stream, settled, outcome, Body::Received);
        Flow::Continue
    }

    /// The answer has been held for as long as it may be. Nothing more may come of it.
    pub fn out_of_time(&mut self, stream: &mut Stream<'_>) {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Holding(holding) => {
                let (mut settled, outcome) = holding.give_up(Undecided::OverTime);
                match settled.carry_out(stream, outcome) {
                    BodyChange::Keep => stream.continue_answer(),
                    BodyChange::Replace(body) => settled.respond(stream, &body),
                }
            }
            phase => self.phase = phase,
        }
    }

    /// The outcome is known while the head is held; a new body goes where the last of the old one is.
    fn settled(&mut self, stream: &mut Stream<'_>, mut settled: Settled<'s>, outcome: Outcome, last: Body) {
        if let BodyChange::Replace(body) = settled.carry_out(stream, outcome) {
            stream.drain_body(Body::Buffered);
            stream.drain_body(Body::Received);
            stream.append_body(last, &body);
            settled.visit.sent(body.len());
            self.phase = Phase::Replaced;
        }
    }

    fn settled_by_head(
        &mut self,
        stream: &mut Stream<'_>,
        mut settled: Settled<'s>,
        outcome: Outcome,
        end_of_stream: bool,
    ) -> Flow {
        match settled.carry_out(stream, outcome) {
            BodyChange::Replace(body) if end_of_stream && !body.is_empty() => {
                settled.respond(stream, &body);
                return Flow::Stop;
            }
            BodyChange::Replace(body) if !end_of_stream => {
                settled.visit.sent(body.len());
                self.phase = Phase::Replacing(body);
            }
            BodyChange::Keep | BodyChange::Replace(_) => {}
        }
        Flow::Continue
    }
}

/// What came of looking at a piece of the body.
enum Fed {
    Waiting,
    Settled(Outcome),
    Undecided(Undecided),
}

/// An answer whose outcome is known.
struct Settled<'s> {
    visit: Box<Visit<'s>>,
    received: Received,
    head: AnswerHead,
    /// How much of its body has been held, if any.
    bytes: Option<u64>,
}

impl Settled<'_> {
    /// Makes the head what it is to be; what is to become of the body.
    fn carry_out(&mut self, stream: &mut Stream<'_>, outcome: Outcome) -> BodyChange {
        let is_left = self.visit.leaves_head(&outcome) && self.received.len() == self.head.headers.len();
        let change = self.visit.decided(&mut self.head, outcome, self.bytes);
        if !is_left {
            self.received.carry_over(stream, &self.head);
        }
        self.visit.complete();
        change
    }

    /// Answers in place of the upstream.
    fn respond(mut self, stream: &mut Stream<'_>, body: &Bytes) {
        self.visit.sent(body.len());
        respond(stream, &self.head, body, REPLACED);
    }
}

impl<'s> Holding<'s> {
    fn feed(&mut self, chunk: &Bytes) -> Fed {
        let inquiry = self.visit.inquiry(self.rule_set, &self.head);
        let hold = inquiry.hold();
        // The engine is shown no byte past the bound, so that the verdict does not hang on how pieces fall.
        let room = usize::try_from(hold.max_bytes.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let outcome = self.evaluation.feed(&inquiry, &chunk.slice(..chunk.len().min(room)));
        self.bytes += chunk.len() as u64;
        let within_total = self.share.take(chunk.len());
        match outcome {
            Some(outcome) => Fed::Settled(outcome),
            None if chunk.len() > room => Fed::Undecided(Undecided::OverBytes { bytes_max: hold.max_bytes }),
            None if !within_total => {
                Fed::Undecided(Undecided::OverTotal { bytes_max: self.share.bytes_max() })
            }
            None => Fed::Waiting,
        }
    }

    fn bytes_max(&self) -> u64 {
        self.visit.inquiry(self.rule_set, &self.head).hold().max_bytes
    }

    fn finish(self: Box<Self>, whole: impl FnOnce() -> Bytes) -> (Settled<'s>, Outcome) {
        let Holding { visit, rule_set, received, head, mut evaluation, bytes, .. } = *self;
        let outcome = evaluation.finish(&visit.inquiry(rule_set, &head), whole);
        (Settled { visit, received, head, bytes: Some(bytes) }, outcome)
    }

    fn give_up(self: Box<Self>, reason: Undecided) -> (Settled<'s>, Outcome) {
        let Holding { visit, rule_set, received, head, mut evaluation, bytes, .. } = *self;
        let outcome = evaluation.give_up(&visit.inquiry(rule_set, &head), reason);
        (Settled { visit, received, head, bytes: Some(bytes) }, outcome)
    }

    fn settled(self: Box<Self>) -> Settled<'s> {
        let Holding { visit, received, head, bytes, .. } = *self;
        Settled { visit, received, head, bytes: Some(bytes) }
    }
}

fn request(stream: &Stream<'_>, interest: &Interest) -> Result<Request<()>, &'static str> {
    let mut request = Request::new(());
    let (mut method, mut uri) = (None, None);
    let headers = request.headers_mut();
    stream.headers(Head::Request, |name, value| match name {
        b":method" => method = Method::from_bytes(value).ok(),
        b":path" => uri = Uri::from_maybe_shared(Bytes::copy_from_slice(value)).ok(),
        b":authority" => append(headers, header::HOST.as_str().as_bytes(), Bytes::copy_from_slice(value)),
        name if interest.is_in(name) => append(headers, name, Bytes::copy_from_slice(value)),
        _ => {}
    });
    *request.method_mut() = method.ok_or("the method is none")?;
    *request.uri_mut() = uri.ok_or("the target is none")?;
    Ok(request)
}

fn respond(stream: &mut Stream<'_>, head: &AnswerHead, body: &[u8], details: &str) {
    let headers = head.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH);
    let headers = headers.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    stream.respond(head.status.as_u16(), headers, body, details);
}
