//! A case played without a socket: route, rules, verdict, rewrite, as the proxy does it.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::Case;
use crate::engine::mutation::{BodyChange, allows_body};
use crate::engine::outcome::{Outcome, Shadow, Verdict};
use crate::engine::problem::{PROBLEM_JSON, Problem};
use crate::engine::route::{Found, NO_METHOD, NO_ROUTE, Route};
use crate::engine::selection::Chosen;
use crate::engine::trace::Trace;
use crate::engine::{Exchange, RuleSet, evaluate};

/// What the client gets, and what the door tells of how that came about.
#[derive(Debug)]
pub struct Played {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase on HTTP/1.1; empty for a status that has none.
    pub reason: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How it was decided.
    pub decision: Decision,
}

/// What a door tells of the decision behind an answer.
#[derive(Debug)]
pub enum Decision {
    /// All of it.
    Made {
        /// What was decided.
        verdict: Verdict,
        /// Rules in shadow mode that would have decided.
        shadows: Vec<Shadow>,
        /// Why.
        trace: Trace,
    },
    /// There was none to make: the answer is Candor's own.
    None,
    /// Nothing: the door shows the answer as a client sees it.
    Unseen,
}

/// Why the upstream is not asked.
struct Refusal {
    status: StatusCode,
    detail: String,
    allow: Option<String>,
}

impl Case {
    /// Plays the case through the engine alone.
    pub fn evaluate(&self) -> Played {
        let method = &self.given.request.snapshot.method;
        let mut exchange = self.given.exchange();
        match self.route().and_then(|route| self.rules(route, &mut exchange)) {
            Ok(rules) => self.rewritten(rules, exchange),
            Err(refusal) => refusal.played(method),
        }
    }

    fn route(&self) -> Result<&Route, Refusal> {
        let request = &self.given.request.snapshot;
        let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        match self.snapshot.routes.find(host, &request.method, request.uri.path()) {
            Found::Route(route) => Ok(route),
            Found::NotFound => Err(Refusal::new(StatusCode::NOT_FOUND, NO_ROUTE)),
            Found::MethodNotAllowed { allow } => {
                Err(Refusal { allow: Some(allow), ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, NO_METHOD) })
            }
        }
    }

    /// The rules in force for the exchange, whose choosing headers are taken off.
    fn rules<'a>(
        &'a self,
        route: &'a Route,
        exchange: &mut Exchange,
    ) -> Result<Option<&'a RuleSet>, Refusal> {
        let selection = self.snapshot.selection.as_ref();
        let headers = &mut exchange.request.headers;
        let chosen = Chosen::by_request(selection, route, headers, self.given.request.peer)
            .map_err(|rejected| Refusal::new(StatusCode::BAD_REQUEST, rejected.detail))?;
        Ok(chosen.settle(&mut exchange.answer.head.headers).map(AsRef::as_ref))
    }

    fn rewritten(&self, rules: Option<&RuleSet>, exchange: Exchange) -> Played {
        let outcome = match rules {
            Some(rules) => evaluate(rules, &exchange, &self.snapshot.limits, true),
            None => Outcome::pass(),
        };
        let Outcome { verdict, mut mutation, shadows, trace, .. } = outcome;
        let (mut head, received) = (exchange.answer.head, self.given.upstream.answer.head.status);
        let written = mutation.reason.take();
        let body = match mutation.apply(&mut head, &exchange.request.method) {
            BodyChange::Replace(bytes) => bytes,
            BodyChange::Keep if allows_body(head.status) => exchange.answer.body,
            BodyChange::Keep => Bytes::new(),
        };
        let kept = || self.given.upstream.reason.clone().filter(|_| head.status == received);
        Played {
            reason: written.or_else(kept).unwrap_or_else(|| usual_reason(head.status)),
            status: head.status,
            headers: head.headers,
            body,
            decision: Decision::Made { verdict, shadows, trace },
        }
    }
}

impl Refusal {
    fn new(status: StatusCode, detail: impl Into<String>) -> Refusal {
        Refusal { status, detail: detail.into(), allow: None }
    }

    /// The proxy's own answer.
    fn played(self, method: &Method) -> Played {
        let status = self.status;
        let body = Problem::detail(self.detail).to_json(status);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.allow.and_then(|allow| Some((header::ALLOW, allow.try_into().ok()?))));
        let body = if method == Method::HEAD { Bytes::new() } else { body };
        Played { status, reason: usual_reason(status), headers, body, decision: Decision::None }
    }
}

fn usual_reason(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or_default().to_owned()
}
