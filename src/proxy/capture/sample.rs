//! One exchange as it is recorded: filled while it goes by, handed on when its last part is let go.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::Request;
use tokio::time::{Duration, Instant};

use super::Captures;
use crate::apigateway::execute::Finished;
use crate::engine::outcome::Outcome;
use crate::engine::{Answer, AnswerHead, Exchange, RequestSnapshot, RuleSet};
use crate::traffic::capture::{ByApi, Captured, Made};

/// The recording of one exchange, held by all who see a part of it.
#[derive(Debug, Clone)]
pub(in crate::proxy) struct Sample(Rc<RefCell<Draft>>);

#[derive(Debug)]
struct Draft {
    captures: Arc<Captures>,
    taken: Option<Box<Taken>>,
    /// What is lacking for the recording to be one.
    has_answer: bool,
    bytes: u64,
}

/// What was seen, ready for another thread.
#[derive(Debug)]
pub(super) struct Taken {
    time: SystemTime,
    began: Instant,
    took: Duration,
    client: IpAddr,
    route: Arc<str>,
    request: RequestSnapshot,
    head: AnswerHead,
    chunks: Vec<Bytes>,
    is_cut: bool,
    made: Option<Made>,
}

impl Sample {
    /// The request has come.
    pub fn new<B>(
        captures: Arc<Captures>,
        request: &Request<B>,
        route: &Arc<str>,
        client: IpAddr,
        time: SystemTime,
    ) -> Sample {
        let taken = Taken {
            time,
            began: Instant::now(),
            took: Duration::ZERO,
            client,
            route: Arc::clone(route),
            request: RequestSnapshot {
                method: request.method().clone(),
                uri: request.uri().clone(),
                headers: request.headers().clone(),
                circumstances: None,
            },
            head: AnswerHead { status: http::StatusCode::OK, headers: http::HeaderMap::new() },
            chunks: Vec::new(),
            is_cut: true,
            made: None,
        };
        let draft = Draft { captures, taken: Some(Box::new(taken)), has_answer: false, bytes: 0 };
        Sample(Rc::new(RefCell::new(draft)))
    }

    fn write(&self, write: impl FnOnce(&mut Taken)) {
        if let Some(taken) = &mut self.0.borrow_mut().taken {
            write(taken);
        }
    }

    /// The head of an answer has come. What came of an earlier try no longer counts.
    pub fn answered(&self, head: &AnswerHead) {
        self.write(|taken| {
            taken.head = head.clone();
            taken.took = taken.began.elapsed();
            taken.chunks.clear();
            taken.is_cut = true;
        });
        let mut draft = self.0.borrow_mut();
        (draft.has_answer, draft.bytes) = (true, 0);
    }

    /// A piece of the body has come.
    pub fn fed(&self, chunk: &Bytes) {
        let mut draft = self.0.borrow_mut();
        let bytes_max = draft.captures.wanted.body_bytes;
        let room = usize::try_from(bytes_max.saturating_sub(draft.bytes)).unwrap_or(usize::MAX);
        draft.bytes += chunk.len() as u64;
        let kept = chunk.slice(..room.min(chunk.len()));
        if let Some(taken) = &mut draft.taken
            && !kept.is_empty()
        {
            taken.chunks.push(kept);
        }
    }

    /// The body has ended.
    pub fn ended(&self) {
        let mut draft = self.0.borrow_mut();
        let is_cut = draft.bytes > draft.captures.wanted.body_bytes;
        if let Some(taken) = &mut draft.taken {
            taken.is_cut = is_cut;
        }
    }

    /// The rules have decided.
    pub fn decided(&self, rule_set: Option<&RuleSet>, outcome: &Outcome) {
        let rule_set = rule_set.map(|rule_set| Arc::clone(&rule_set.name));
        self.write(|taken| taken.made = Some(Made::ByRules { rule_set, outcome: outcome.clone() }));
    }

    /// An API has made an answer of the upstream's, which is changed by that or is not.
    pub fn executed(&self, asked: &Bytes, finished: &Finished, is_changed: bool) {
        let bytes_max = usize::try_from(self.0.borrow().captures.wanted.body_bytes).unwrap_or(usize::MAX);
        let beginning = asked.get(..bytes_max).filter(|beginning| beginning.len() < asked.len());
        let by_api = ByApi {
            is_request_cut: beginning.is_some(),
            // A slice of it would keep all of it.
            request_body: beginning.map_or_else(|| asked.clone(), Bytes::copy_from_slice),
            status: finished.answer.status,
            is_changed,
            integration_response: finished.chosen.as_ref().map(ToString::to_string),
            gateway_response: finished.fault.as_ref().map(|it| (it.kind.name(), it.cause.clone())),
        };
        self.write(|taken| taken.made = Some(Made::ByApi(Box::new(by_api))));
    }
}

/// The last part of the exchange is let go.
impl Drop for Draft {
    fn drop(&mut self) {
        let is_wanted = |taken: &Taken| taken.made.as_ref().is_some_and(|made| self.captures.wants(made));
        if let Some(taken) = self.taken.take()
            && self.has_answer
            && is_wanted(&taken)
        {
            self.captures.take(taken);
        }
    }
}

impl Taken {
    /// It, as it is written.
    pub fn into_captured(self) -> Captured {
        let Taken { time, took, client, route, request, head, chunks, is_cut, made, .. } = self;
        let body = match <[Bytes; 1]>::try_from(chunks) {
            Ok([whole]) => whole,
            Err(chunks) => chunks
                .iter()
                .fold(BytesMut::new(), |mut whole, chunk| {
                    whole.extend_from_slice(chunk);
                    whole
                })
                .freeze(),
        };
        Captured {
            time: humantime::format_rfc3339_millis(time).to_string(),
            client,
            took,
            route: route.to_string(),
            exchange: Exchange { request, answer: Answer { head, body } },
            is_cut,
            made: made.unwrap_or_else(|| Made::ByRules { rule_set: None, outcome: Outcome::pass() }),
        }
    }
}
