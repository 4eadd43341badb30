//! Rules played without a socket: route, rules, verdict, rewrite, as the proxy does it.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::super::Given;
use super::{Decision, Played, Sent, usual_reason};
use crate::engine::mutation::{BodyChange, allows_body};
use crate::engine::outcome::Outcome;
use crate::engine::problem::{PROBLEM_JSON, Problem};
use crate::engine::route::{Found, NO_METHOD, NO_ROUTE, Route};
use crate::engine::selection::Chosen;
use crate::engine::{Exchange, RuleSet, evaluate};
use crate::live::Snapshot;

/// Why the upstream is not asked.
struct Refusal {
    status: StatusCode,
    detail: String,
    allow: Option<String>,
}

/// What rules make of it.
pub(super) fn play(snapshot: &Snapshot, given: &Given) -> Played {
    let mut exchange = given.exchange();
    match route(snapshot, given).and_then(|route| rules(snapshot, given, route, &mut exchange)) {
        Ok(rules) => rewritten(snapshot, given, rules, exchange),
        Err(refusal) => refusal.played(&given.request.snapshot.method),
    }
}

fn route<'a>(snapshot: &'a Snapshot, given: &Given) -> Result<&'a Route, Refusal> {
    let request = &given.request.snapshot;
    let host = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match snapshot.routes.find(host, &request.method, request.uri.path()) {
        Found::Route(route) => Ok(route),
        Found::NotFound => Err(Refusal::new(StatusCode::NOT_FOUND, NO_ROUTE)),
        Found::MethodNotAllowed { allow } => {
            Err(Refusal { allow: Some(allow), ..Refusal::new(StatusCode::METHOD_NOT_ALLOWED, NO_METHOD) })
        }
    }
}

/// The rules in force for the exchange, whose choosing headers are taken off.
fn rules<'a>(
    snapshot: &'a Snapshot,
    given: &Given,
    route: &'a Route,
    exchange: &mut Exchange,
) -> Result<Option<&'a RuleSet>, Refusal> {
    let selection = snapshot.selection.as_ref();
    let headers = &mut exchange.request.headers;
    let chosen = Chosen::by_request(selection, route, headers, given.request.peer)
        .map_err(|rejected| Refusal::new(StatusCode::BAD_REQUEST, rejected.detail))?;
    Ok(chosen.settle(&mut exchange.answer.head.headers).map(AsRef::as_ref))
}

fn rewritten(snapshot: &Snapshot, given: &Given, rules: Option<&RuleSet>, exchange: Exchange) -> Played {
    let outcome = match rules {
        Some(rules) => evaluate(rules, &exchange, &snapshot.limits, true),
        None => Outcome::pass(),
    };
    let Outcome { verdict, mut mutation, shadows, trace, .. } = outcome;
    let (mut head, received) = (exchange.answer.head, given.upstream.answer.head.status);
    let written = mutation.reason.take();
    let body = match mutation.apply(&mut head, &exchange.request.method) {
        BodyChange::Replace(bytes) => bytes,
        BodyChange::Keep if allows_body(head.status) => exchange.answer.body,
        BodyChange::Keep => Bytes::new(),
    };
    let kept = || given.upstream.reason.clone().filter(|_| head.status == received);
    Played {
        reason: written.or_else(kept).unwrap_or_else(|| usual_reason(head.status)),
        status: head.status,
        headers: head.headers,
        body,
        sent: Sent::Unseen,
        decision: Decision::Made { verdict, shadows, trace },
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
        let (reason, decision) = (usual_reason(status), Decision::None);
        Played { status, reason, headers, body, sent: Sent::Nothing, decision }
    }
}
