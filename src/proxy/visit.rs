//! An exchange that somebody else carries and Candor decides about: what such a way in has in common with the proxy.
//! The request is routed and its rules are chosen, the outcome is applied, and the log says what came of it.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::SystemTime;

use http::header::HeaderName;
use http::{HeaderMap, Request, StatusCode};

use super::circumstances;
use super::error::ProxyError;
use super::headers::{self, proxy_status, request_id, vary};
use super::record::Record;
use super::refusal::Refusal;
use super::retry::Obstacle;
use super::{details, select, tells};
use crate::engine::mutation::{BodyChange, Headers};
use crate::engine::outcome::Outcome;
use crate::engine::selection::Chosen;
use crate::engine::{Answer, AnswerHead, Inquiry, RequestSnapshot, RuleSet};
use crate::live::Snapshot;
use crate::telemetry::meters::{Door, Meter};

/// One exchange, from its request on. Its log event is written when it is dropped.
#[derive(Debug)]
pub struct Visit<'s> {
    snapshot: &'s Snapshot,
    asked: RequestSnapshot,
    rules: Chosen<'s>,
    is_told: bool,
    record: Record,
}

impl<'s> Visit<'s> {
    /// The exchange that this request begins, which came in through that door. Takes the header that chooses rules
    /// off the request.
    ///
    /// # Errors
    /// The answer that the client gets instead of the upstream's.
    pub fn begin(
        snapshot: &'s Snapshot,
        meter: &Rc<Meter>,
        mut request: Request<()>,
        peer: IpAddr,
        door: Door,
    ) -> Result<Box<Visit<'s>>, Box<Answer>> {
        let request_id = request_id::settle(request.headers_mut());
        let mut record = Record::begin(meter, request_id, peer, &request);
        record.came_through(door);
        record.sampled(snapshot.settings.log.sample_millionths);
        match consult(snapshot, &mut request, peer.to_canonical(), &mut record) {
            Ok((asked, rules, is_told)) => Ok(Box::new(Visit { snapshot, asked, rules, is_told, record })),
            Err(error) => Err(own_answer(&error, &mut record)),
        }
    }

    /// The answer to a request that cannot be read.
    pub fn refused(meter: &Rc<Meter>, why: &'static str, door: Door, peer: IpAddr) -> Box<Answer> {
        let mut unread = Request::new(());
        let request_id = request_id::settle(unread.headers_mut());
        let mut record = Record::begin(meter, request_id, peer, &unread);
        record.came_through(door);
        record.unread();
        own_answer(&Refusal::Malformed(why).into(), &mut record)
    }

    /// The header that chooses rules, which the upstream must not see.
    pub fn selector(&self) -> Option<&'s HeaderName> {
        self.snapshot.selection.as_ref().map(|selection| &selection.header)
    }

    /// The header of answers that chooses rules, which the client must not see.
    pub fn answer_selector(&self) -> Option<&'s HeaderName> {
        self.snapshot.selection.as_ref().and_then(|selection| selection.upstream_header.as_ref())
    }

    /// The upstream's answer, of which this takes off what belongs to its connection: the head for rules to work on,
    /// without a header that chooses them, and the rules.
    pub fn answered(&mut self, received: &mut AnswerHead) -> (AnswerHead, Option<&'s RuleSet>) {
        self.received(received);
        let mut head = received.clone();
        let rule_set = self.settle(&mut head);
        (head, rule_set)
    }

    /// The upstream's answer, of which this takes off what belongs to its connection.
    pub fn received(&mut self, head: &mut AnswerHead) {
        self.record.answered(head.status);
        Visit::strip(head);
    }

    /// Takes off an answer what belongs to its connection.
    pub fn strip(head: &mut AnswerHead) {
        headers::strip_answer(&mut head.headers);
    }

    /// The rules for such an answer, of which this takes off a header that chooses them.
    pub fn settle(&mut self, head: &mut AnswerHead) -> Option<&'s RuleSet> {
        let rule_set = self.rules.settle(&mut head.headers).map(|rule_set| &**rule_set);
        if let Some(rule_set) = rule_set {
            self.record.ruled_by(rule_set);
        }
        rule_set
    }

    /// The question to the engine.
    pub fn inquiry<'a>(&'a self, rule_set: &'a RuleSet, head: &'a AnswerHead) -> Inquiry<'a> {
        Inquiry { rule_set, request: &self.asked, head, limits: &self.snapshot.limits, explain: false }
    }

    /// Carries the outcome out on the head; what is to become of the body. `held_bytes` of it had come by then.
    pub fn decided(
        &mut self,
        status: &mut StatusCode,
        headers: &mut impl Headers,
        outcome: Outcome,
        held_bytes: Option<u64>,
    ) -> BodyChange {
        let Outcome { verdict, mutation, shadows, retry, .. } = outcome;
        if retry.is_some() {
            self.record.not_retried(Obstacle::Envoys);
        }
        let received = *status;
        let change = mutation.apply_to(status, headers, &self.asked.method);
        if self.is_told
            && let Some(details) = details(&verdict)
        {
            headers.add(proxy_status::PROXY_STATUS, proxy_status::received(received, &details));
        }
        if let Some(header) = self.rules.vary() {
            vary::add(headers, &self.asked.method, header);
        }
        self.record.decided(verdict, shadows, held_bytes);
        self.record.responded(*status);
        change
    }

    /// Some bytes of the body went on their way to the client.
    pub fn sent(&mut self, bytes: usize) {
        self.record.sent(bytes);
    }

    /// All that Candor has to say about the answer is said.
    pub fn complete(&mut self) {
        self.record.complete();
    }

    /// What was promised did not come, for an operator to see.
    pub fn broken(&mut self, why: &'static str) {
        self.record.failed(&ProxyError::Internal(why));
    }
}

fn consult<'s>(
    snapshot: &'s Snapshot,
    request: &mut Request<()>,
    peer: IpAddr,
    record: &mut Record,
) -> Result<(RequestSnapshot, Chosen<'s>, bool), ProxyError> {
    let route = select::route(&snapshot.routes, request)?;
    record.routed(route);
    let rules = Chosen::by_request(snapshot.selection.as_ref(), route, request.headers_mut(), peer)?;
    let is_told = tells(&snapshot.settings.server.proxy_status, peer);
    #[expect(clippy::disallowed_methods, reason = "a time for templates to print; nothing is decided by it")]
    let circumstances = rules
        .reads_circumstances()
        .then(|| Box::new(circumstances::of(request, route, peer, SystemTime::now())));
    let headers =
        if rules.reads_request_headers() { std::mem::take(request.headers_mut()) } else { HeaderMap::new() };
    let asked = RequestSnapshot {
        method: std::mem::take(request.method_mut()),
        uri: std::mem::take(request.uri_mut()),
        headers,
        circumstances,
    };
    Ok((asked, rules, is_told))
}

fn own_answer(error: &ProxyError, record: &mut Record) -> Box<Answer> {
    record.failed(error);
    let (mut head, body) = error.answer();
    headers::strip_answer(&mut head.headers);
    record.responded(head.status);
    record.sent(body.len());
    record.complete();
    Box::new(Answer { head, body })
}
