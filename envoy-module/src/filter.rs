//! One exchange inside Envoy: what each hook makes of it. The answer's head stops while some rule waits for the body,
//! which Envoy holds meanwhile; nothing is kept of it here.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use candor::engine::mutation::BodyChange;
use candor::engine::outcome::{Outcome, Undecided};
use candor::engine::{AnswerHead, Evaluation, Progress, RuleSet};
use candor::live::{Share, Snapshot};
use candor::proxy::Visit;
use candor::telemetry::meters::{Door, Meter, Meters};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};

use crate::abi::{Body, Head, Stream};

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
    received: AnswerHead,
    head: AnswerHead,
    evaluation: Evaluation,
    bytes: u64,
    /// When the first piece was not enough.
    began: Option<Instant>,
    share: Share,
}

impl<'s> Filter<'s> {
    /// An exchange of which nothing is known.
    pub fn new(snapshot: &'s Snapshot) -> Filter<'s> {
        Filter { snapshot, phase: Phase::New, is_envoys_own: false }
    }

    /// The request's head is there.
    pub fn request(&mut self, stream: &mut Stream<'_>) -> Flow {
        let peer = stream.source_address().and_then(|address| address.parse::<SocketAddr>().ok());
        let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip());
        let begun = match request(stream) {
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
        let Some(mut received) = answer(stream) else { return Flow::Continue };
        let (head, rule_set) = visit.answered(&mut received);
        let Some(rule_set) = rule_set.filter(|_| !self.is_envoys_own) else {
            return self.settled_by_head(stream, visit, &received, head, Outcome::pass(), end_of_stream);
        };
        let inquiry = visit.inquiry(rule_set, &head);
        let evaluation = match inquiry.begin() {
            Progress::Waiting(evaluation) if end_of_stream => {
                let outcome = evaluation.finish(&inquiry, Bytes::new);
                return self.settled_by_head(stream, visit, &received, head, outcome, true);
            }
            Progress::Waiting(evaluation) => evaluation,
            Progress::Settled(outcome) => {
                return self.settled_by_head(stream, visit, &received, head, *outcome, end_of_stream);
            }
        };
        let share = self.snapshot.holds.share();
        let holding = Holding { visit, rule_set, received, head, evaluation, bytes: 0, began: None, share };
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
        let (settled, outcome) = match holding.feed(&chunk, end_of_stream) {
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

    /// The outcome is known while the head is held; a new body goes where the last of the old one is.
    fn settled(&mut self, stream: &mut Stream<'_>, settled: Settled<'s>, outcome: Outcome, last: Body) {
        let Settled { mut visit, received, mut head, bytes } = settled;
        let change = visit.decided(&mut head, outcome, Some(bytes));
        apply(stream, &received, &head);
        if let BodyChange::Replace(body) = change {
            stream.drain_body(Body::Buffered);
            stream.drain_body(Body::Received);
            stream.append_body(last, &body);
            visit.sent(body.len());
            self.phase = Phase::Replaced;
        }
        visit.complete();
    }

    fn settled_by_head(
        &mut self,
        stream: &mut Stream<'_>,
        mut visit: Box<Visit<'s>>,
        received: &AnswerHead,
        mut head: AnswerHead,
        outcome: Outcome,
        end_of_stream: bool,
    ) -> Flow {
        let change = visit.decided(&mut head, outcome, None);
        visit.complete();
        match change {
            BodyChange::Replace(body) if end_of_stream && !body.is_empty() => {
                visit.sent(body.len());
                respond(stream, &head, &body, REPLACED);
                Flow::Stop
            }
            BodyChange::Replace(body) if !end_of_stream => {
                visit.sent(body.len());
                apply(stream, received, &head);
                self.phase = Phase::Replacing(body);
                Flow::Continue
            }
            BodyChange::Keep | BodyChange::Replace(_) => {
                apply(stream, received, &head);
                Flow::Continue
            }
        }
    }
}

/// What came of looking at a piece of the body.
enum Fed {
    Waiting,
    Settled(Outcome),
    Undecided(Undecided),
}

/// A held answer whose outcome is known.
struct Settled<'s> {
    visit: Box<Visit<'s>>,
    received: AnswerHead,
    head: AnswerHead,
    bytes: u64,
}

impl<'s> Holding<'s> {
    fn feed(&mut self, chunk: &Bytes, is_last: bool) -> Fed {
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
            None if !is_last && self.is_late(hold.max_time) => Fed::Undecided(Undecided::OverTime),
            None => Fed::Waiting,
        }
    }

    fn bytes_max(&self) -> u64 {
        self.visit.inquiry(self.rule_set, &self.head).hold().max_bytes
    }

    /// Whether it has been held for longer than that.
    fn is_late(&mut self, time_max: Duration) -> bool {
        #[expect(clippy::disallowed_methods, reason = "Envoy gives a module no clock")]
        let now = Instant::now();
        now.duration_since(*self.began.get_or_insert(now)) > time_max
    }

    fn finish(self: Box<Self>, whole: impl FnOnce() -> Bytes) -> (Settled<'s>, Outcome) {
        let Holding { visit, rule_set, received, head, evaluation, bytes, .. } = *self;
        let outcome = evaluation.finish(&visit.inquiry(rule_set, &head), whole);
        (Settled { visit, received, head, bytes }, outcome)
    }

    fn give_up(self: Box<Self>, reason: Undecided) -> (Settled<'s>, Outcome) {
        let Holding { visit, rule_set, received, head, evaluation, bytes, .. } = *self;
        let outcome = evaluation.give_up(&visit.inquiry(rule_set, &head), reason);
        (Settled { visit, received, head, bytes }, outcome)
    }

    fn settled(self: Box<Self>) -> Settled<'s> {
        let Holding { visit, received, head, bytes, .. } = *self;
        Settled { visit, received, head, bytes }
    }
}

fn request(stream: &Stream<'_>) -> Result<Request<()>, &'static str> {
    let mut request = Request::new(());
    let (mut method, mut uri) = (None, None);
    let headers = request.headers_mut();
    stream.headers(Head::Request, |name, value| match name {
        b":method" => method = Method::from_bytes(&value).ok(),
        b":path" => uri = Uri::from_maybe_shared(value).ok(),
        b":authority" => append(headers, header::HOST.as_str().as_bytes(), value),
        _ => append(headers, name, value),
    });
    *request.method_mut() = method.ok_or("the method is none")?;
    *request.uri_mut() = uri.ok_or("the target is none")?;
    Ok(request)
}

fn answer(stream: &Stream<'_>) -> Option<AnswerHead> {
    let mut status = None;
    let mut headers = HeaderMap::with_capacity(16);
    stream.headers(Head::Response, |name, value| match name {
        b":status" => status = StatusCode::from_bytes(&value).ok(),
        _ => append(&mut headers, name, value),
    });
    Some(AnswerHead { status: status?, headers })
}

/// Names that begin with a colon are Envoy's own, and headers that are none were refused by it.
fn append(headers: &mut HeaderMap, name: &[u8], value: Bytes) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_maybe_shared(value)) {
        headers.append(name, value);
    }
}

/// Makes the one head of the other.
fn apply(stream: &mut Stream<'_>, from: &AnswerHead, to: &AnswerHead) {
    if from.status != to.status {
        stream.set_header(Head::Response, b":status", to.status.as_str().as_bytes());
    }
    for name in to.headers.keys() {
        let values = || to.headers.get_all(name).iter();
        if from.headers.get_all(name).iter().eq(values()) {
            continue;
        }
        let name = name.as_str().as_bytes();
        for (index, value) in values().enumerate() {
            match index {
                0 => stream.set_header(Head::Response, name, value.as_bytes()),
                _ => stream.add_header(Head::Response, name, value.as_bytes()),
            }
        }
    }
    for name in from.headers.keys().filter(|name| !to.headers.contains_key(*name)) {
        stream.remove_header(Head::Response, name.as_str().as_bytes());
    }
}

fn respond(stream: &mut Stream<'_>, head: &AnswerHead, body: &[u8], details: &str) {
    let headers = head.headers.iter().filter(|(name, _)| *name != header::CONTENT_LENGTH);
    let headers = headers.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    stream.respond(head.status.as_u16(), headers, body, details);
}
